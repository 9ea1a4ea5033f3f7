//! `evento state`: what an instance is, now, at a version, at a time, or between two versions.

use std::str::FromStr;

use serde_json::{Value, json};

use super::completion;
use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::target::Instance;
use crate::client::{Client, Request, encode, with_query};
use crate::output::form::Form;
use crate::output::table::printable;
use crate::output::time::parse_moment;
use crate::output::value::{changes, show};

/// Show the state of an instance: now, at a version, at a time
#[derive(clap::Args)]
pub struct Args {
    /// The instance, ENTITY/ID
    #[arg(add = completion::instances())]
    instance: Instance,
    /// The state after this many events
    #[arg(long, value_name = "N", conflicts_with_all = ["at", "diff"])]
    at_seq: Option<u64>,
    /// The state at a time: RFC 3339, or a duration before now such as 10m
    #[arg(long, value_name = "TIME", value_parser = parse_moment, conflicts_with = "diff")]
    at: Option<String>,
    /// What changed between two versions, A..B
    #[arg(long, value_name = "A..B")]
    diff: Option<Range>,
    /// Wait until a write is seen: the Evento-Position of its answer
    #[arg(long, value_name = "TOKEN")]
    after: Option<String>,
}

/// Two versions.
#[derive(Clone, Copy)]
struct Range {
    from: u64,
    to: u64,
}

impl FromStr for Range {
    type Err = String;

    fn from_str(text: &str) -> Result<Range, String> {
        let parsed = text.split_once("..").and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
        match parsed {
            Some((from, to)) => Ok(Range { from, to }),
            None => Err("two versions are written A..B, such as 3..7".to_owned()),
        }
    }
}

/// Reads and prints.
pub fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let client = context.client()?;
    let output = &context.output;
    let path = format!("/v1/entities/{}/{}", encode(&args.instance.entity), encode(&args.instance.id));
    if let Some(Range { from, to }) = args.diff {
        let before = at(client, &path, from)?;
        let after = at(client, &path, to)?;
        if output.for_people() {
            let changed = changes(&before, &after);
            let head = format!("{}  seq {from} → {to}\n", printable(&args.instance.to_string()));
            let lines: String = changed.iter().map(|change| format!("  {change}\n")).collect();
            output.text(&(head + if changed.is_empty() { "  no difference\n" } else { &lines }))?;
        } else {
            output.document(&json!({"from": from, "to": to, "before": before, "after": after}))?;
        }
        return Ok(Exit::Done);
    }
    let seq = args.at_seq.map(|seq| seq.to_string());
    let mut request = Request::get(with_query(&path, &[("seq", seq.as_deref()), ("at", args.at.as_deref())]));
    if let Some(token) = args.after {
        request = request.header("evento-after", token);
    }
    let document = client.send(request)?.json()?;
    match output.form {
        Form::Table | Form::Wide => output.text(&text(context, &args.instance, &document))?,
        Form::Name => output.text(&format!("{}\n", args.instance))?,
        _ => output.document(&document)?,
    }
    Ok(Exit::Done)
}

/// The state at a version; before the first event there is none.
fn at(client: &Client, path: &str, seq: u64) -> Result<Value, Failure> {
    if seq == 0 {
        return Ok(Value::Null);
    }
    Ok(client.get(format!("{path}?seq={seq}"))?["state"].take())
}

fn text(context: &Context, instance: &Instance, document: &Value) -> String {
    let output = &context.output;
    let mut out = output.style.bold(&printable(&instance.to_string()));
    if let Some(seq) = document["seq"].as_u64() {
        out.push_str(&format!("  seq {seq}"));
    }
    if let Some(time) = document["updatedAt"].as_str() {
        out.push_str(&format!("  {}", output.style.dim(&output.time_format.show(time))));
    }
    out.push('\n');
    match &document["state"] {
        Value::Object(fields) => {
            let width = fields.keys().map(|name| name.chars().count()).max().unwrap_or(0);
            for (name, value) in fields {
                out.push_str(&format!("  {:width$}  {}\n", printable(name), show(value)));
            }
        }
        _ => out.push_str("  no state: only rejections so far, or apply removed it\n"),
    }
    if let Some(blocker) = document["blockedBy"].as_str().or_else(|| document["blockedBy"]["commandId"].as_str()) {
        out.push_str(&format!("  {} by command {blocker}\n", output.style.red("blocked")));
        out.push_str(&format!("  evento command get {instance}/{blocker}\n"));
    }
    out
}
