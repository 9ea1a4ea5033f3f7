//! `evento version`: this program and, when one answers, the server.

use serde_json::{Value, json};

use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;

/// Prints both versions. A server that does not answer is no failure.
pub fn run(context: &Context) -> Result<Exit, Failure> {
    let mut document = json!({"client": env!("CARGO_PKG_VERSION"), "server": null});
    if let Ok(Value::String(version)) = context
        .client()
        .and_then(|client| client.get("/v1/openapi.json"))
        .map(|mut page| page["info"]["version"].take())
    {
        document["server"] = json!(version);
    }
    if context.output.for_people() {
        let server = document["server"].as_str().unwrap_or("not reached");
        context.output.text(&format!("evento {}\nserver {server}\n", env!("CARGO_PKG_VERSION")))?;
    } else {
        context.output.document(&document)?;
    }
    Ok(Exit::Done)
}
