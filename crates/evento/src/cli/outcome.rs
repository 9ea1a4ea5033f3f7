//! Outcome and status documents as people read them, and the exit codes they mean.

use serde_json::Value;

use super::exit::Exit;
use crate::output::Output;
use crate::output::style::Style;
use crate::output::table::printable;
use crate::output::time::{duration, until};
use crate::output::value::{changes, fields};

/// The exit code of a command's document: by outcome when it is finished, else 6.
pub fn exit_of(document: &Value) -> Exit {
    match document["outcome"].as_str() {
        Some("accepted") => Exit::Done,
        Some("rejected") => Exit::Rejected,
        Some("abandoned") => Exit::Abandoned,
        _ => Exit::Unfinished,
    }
}

/// Whether the command has an outcome.
pub fn is_finished(document: &Value) -> bool {
    document["outcome"].is_string()
}

/// A finished command: outcome, events, and what the state became. `before` is the state before the first event.
pub fn outcome_text(target: &str, document: &Value, before: Option<&Value>, style: Style) -> String {
    let word = document["outcome"].as_str().unwrap_or("?");
    let mut out = format!("{}  {}", style.status(word), printable(target));
    if let Some(seq) = document["seq"].as_u64() {
        out.push_str(&format!("  seq {seq}"));
    }
    if let Some(ms) = document["durationMs"].as_u64() {
        out.push_str(&format!("   {}", duration(ms)));
    }
    out.push('\n');
    for event in document["events"].as_array().into_iter().flatten() {
        let name = event["type"].as_str().unwrap_or("?");
        out.push_str(format!("  {}  {}", style.bold(&printable(name)), fields(&event["data"])).trim_end());
        out.push('\n');
    }
    if let Some(before) = before {
        let changed = changes(before, &document["state"]);
        if !changed.is_empty() {
            out.push_str(&format!("  {}\n", changed.join("  ")));
        }
    }
    out
}

/// An unfinished command: where it stands, why, and what is known of its last failure.
pub fn status_text(target: &str, document: &Value, style: Style) -> String {
    let word = document["status"].as_str().unwrap_or("?");
    let id = document["commandId"].as_str().unwrap_or("?");
    let mut out = format!("{}  {}  command {}", style.status(word), printable(target), printable(id));
    let mut notes = Vec::new();
    if let Some(attempts) = document["attempts"].as_u64().filter(|n| *n > 0) {
        notes.push(format!("attempt {attempts}"));
    }
    if let Some(next) = document["nextAttemptAt"].as_str().and_then(until) {
        notes.push(format!("next {next}"));
    }
    if let Some(waiting) = waiting_text(&document["waitingFor"]) {
        notes.push(waiting);
    }
    if !notes.is_empty() {
        out.push_str(&format!("   {}", notes.join(", ")));
    }
    out.push('\n');
    out.push_str(&error_text(&document["lastError"], style));
    out
}

/// The function's own error, two lines, or nothing.
pub fn error_text(error: &Value, style: Style) -> String {
    let Some(title) = error["title"].as_str() else { return String::new() };
    let code = error["code"].as_str().unwrap_or("");
    let mut out = format!("  {} {}", style.red(code), printable(title));
    if let Some(detail) = error["detail"].as_str().filter(|detail| !detail.is_empty()) {
        out.push_str(&format!(": {}", printable(detail)));
    }
    out.push('\n');
    for line in error["stack"].as_str().unwrap_or_default().lines() {
        out.push_str(&format!("         {}\n", printable(line)));
    }
    out
}

/// The step that makes sense next for an unfinished command.
pub fn next_text(target: &str, document: &Value) -> String {
    let id = document["commandId"].as_str().unwrap_or("COMMAND-ID");
    let command = format!("{target}/{id}");
    match document["status"].as_str() {
        Some("parked") => format!(
            "  The command is stored and waits for a person. Fix the function, or:\n  evento command retry {command}\n  \
             evento command abandon {command} --reason TEXT\n"
        ),
        Some("retrying") => {
            format!("  The command is stored and will be tried again. Watch it:\n  evento command get {command} -w\n")
        }
        _ => format!("  The command is stored. Watch it:\n  evento command get {command} -w\n"),
    }
}

/// Prints a command's document in the wanted form; `target` is `entity/id` as the person wrote it.
pub fn print(
    output: &Output,
    target: &str,
    document: &Value,
    before: Option<&Value>,
) -> Result<Exit, super::failure::Failure> {
    if !output.for_people() {
        output.document(document)?;
    } else if is_finished(document) {
        output.text(&outcome_text(target, document, before, output.style))?;
    } else {
        output.text(&status_text(target, document, output.style))?;
        if !output.quiet {
            output.text(&next_text(target, document))?;
        }
    }
    Ok(exit_of(document))
}

fn waiting_text(waiting: &Value) -> Option<String> {
    Some(match waiting["kind"].as_str()? {
        "command" => format!("waits for command {}", waiting["commandId"].as_str().unwrap_or("?")),
        "function" => match waiting["name"].as_str() {
            Some(name) => format!("waits for function {name}"),
            None => "waits for a function that handles it".to_owned(),
        },
        "person" => "waits for a person".to_owned(),
        other => format!("waits for {other}"),
    })
}
