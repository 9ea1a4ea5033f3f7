//! `evento explain EV1001`: the page of an error code. Works without a server.

use evento_model::Code;
use serde_json::json;

use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use crate::explain::{PAGES, page, title};

/// Explain an error code
#[derive(clap::Args)]
pub struct Args {
    /// The code, such as EV1001; without it all codes are listed
    code: Option<String>,
}

/// Prints the page, or the list of all.
pub fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let output = &context.output;
    let Some(text) = args.code else {
        if output.for_people() {
            let lines: String = PAGES.iter().map(|(code, page)| format!("{code}  {}\n", title(page))).collect();
            output.text(&lines)?;
        } else {
            let items: Vec<_> =
                PAGES.iter().map(|(code, page)| json!({"code": code.to_string(), "title": title(page)})).collect();
            output.document(&json!({"items": items}))?;
        }
        return Ok(Exit::Done);
    };
    let code = Code::parse(&text)
        .or_else(|| Code::parse(&format!("EV{text}")))
        .ok_or_else(|| Failure::usage(format!("{text:?} is not an error code such as EV1001")))?;
    let page = page(code).ok_or_else(|| {
        Failure::plain(Exit::NotFound, format!("there is no code {code}")).next("evento explain lists all codes")
    })?;
    if output.for_people() {
        output.text(page)?;
    } else {
        output.document(&json!({"code": code.to_string(), "title": title(page), "page": page}))?;
    }
    Ok(Exit::Done)
}
