//! The cold start: from asking for a function to the first answer that needed it.
//!
//! The function was started before on the same server, so what a first start builds or compiles is there. It is taken
//! away, its processes end, and its resource is applied again. The time is that of the request that applies it, in
//! which Evento starts it, asks it what it is and checks that against the schemas, and of one command after it. What a
//! start does each time is part of it, such as a script that looks whether anything is to be built.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use evento_schema::resource::{Kind, Resource};
use serde_json::json;

use crate::bench::client::Connection;
use crate::bench::server::Server;
use crate::cli::files::read_paths;

/// Longest that a function that was taken away may take to end.
const END_MAX: Duration = Duration::from_secs(60);
/// Pause between two looks whether it has ended.
const PAUSE: Duration = Duration::from_millis(10);
/// An instance that nothing else uses.
const FIRST: &str = "/v1/entities/account/bench-cold/commands/open-account";

/// Takes the functions of the folder away from a server that runs them, and starts them anew.
///
/// Errors: what is answered is not 200, or the functions do not end.
pub async fn cold(server: &Server, folder: &Path) -> anyhow::Result<Duration> {
    let functions = functions(folder)?;
    let mut connection = Connection::open(&server.host).await?;
    for function in &functions {
        // Without force it would be kept, as nobody else serves its commands.
        let path = format!("/v1/resources/function/{}?force=true", function.name.as_str());
        ask(&mut connection, "DELETE", &path, b"").await?;
    }
    let deadline = Instant::now() + END_MAX;
    while !server.function_processes().is_empty() {
        ensure!(Instant::now() < deadline, "the function did not end within {} s", END_MAX.as_secs());
        tokio::time::sleep(PAUSE).await;
    }
    let files = functions.iter().map(|function| {
        let name = format!("{}.json", function.name.as_str());
        json!({"path": name, "folder": null, "text": function.document.to_string()})
    });
    let files: Vec<_> = files.collect();
    let body = json!({"files": files, "attachments": {}, "dryRun": false, "wait": true}).to_string();
    let started = Instant::now();
    ask(&mut connection, "POST", "/v1/apply", body.as_bytes()).await?;
    ask(&mut connection, "POST", FIRST, br#"{"owner":"Ada"}"#).await?;
    Ok(started.elapsed())
}

/// The functions of a folder, as documents that name no other files.
fn functions(folder: &Path) -> anyhow::Result<Vec<Resource>> {
    let read = || read_paths(&[folder.to_owned()], false)?.parse();
    let set = read().map_err(|failure| anyhow::anyhow!("{}", failure.title)).context("the resources")?;
    let functions: Vec<_> = set.resources.into_iter().filter(|resource| resource.kind == Kind::Function).collect();
    ensure!(!functions.is_empty(), "{} has no function", folder.display());
    Ok(functions)
}

async fn ask(connection: &mut Connection, method: &str, path: &str, body: &[u8]) -> anyhow::Result<()> {
    let answer = connection.send(method, path, "application/json", body).await?;
    let text = String::from_utf8_lossy(&answer.body[..answer.body.len().min(2_000)]);
    ensure!(answer.status == 200, "{method} {path}: status {}: {text}", answer.status);
    Ok(())
}
