//! `evento function`: what functions do, say and would answer; and the way back to a former revision.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::apply::while_replaying;
use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::get::{self, short_revision};
use super::target::Instance;
use super::{completion, payload, send};
use crate::client::{self, encode, with_query};
use crate::output::change;
use crate::output::form::Form;
use crate::output::table::{Table, printable};
use crate::output::value::fields;
use crate::output::yaml::to_yaml;

/// Look after functions: list, describe, logs, rollback, invoke
#[derive(clap::Subcommand)]
pub enum Verb {
    /// List functions with revision and state
    List,
    /// Show a function: state, revision, breaker, last error
    Describe {
        /// The function
        #[arg(add = completion::names(&["function"]))]
        name: String,
    },
    /// Show what a function wrote
    Logs {
        /// The function
        #[arg(add = completion::names(&["function"]))]
        name: String,
        /// Go on with new lines until interrupted
        #[arg(short, long)]
        follow: bool,
        /// The last so many lines, at most 10000
        #[arg(short = 'n', long, default_value_t = 200)]
        lines: usize,
    },
    /// Go back to the revision that served before
    #[command(
        after_help = "The former resource is started and checked as evento apply does; rolling back again goes forward."
    )]
    Rollback {
        /// The function
        #[arg(add = completion::names(&["function"]))]
        name: String,
    },
    /// Try a command on a state; nothing is written
    #[command(visible_alias = "test")]
    Invoke(InvokeArgs),
}

/// What to try.
#[derive(clap::Args)]
#[command(after_help = "evento function invoke accounts withdraw-cash amount=50 --on account/alice\n\
                        evento function invoke accounts withdraw-cash amount=50 --state state.json")]
pub struct InvokeArgs {
    /// The function
    #[arg(add = completion::names(&["function"]))]
    name: String,
    /// The command type
    #[arg(add = completion::names(&["command"]))]
    command: String,
    /// Fields as name=value, read by the schema
    #[arg(value_name = "FIELD=VALUE", conflicts_with = "file")]
    fields: Vec<String>,
    /// The payload as JSON from a file, - for standard input
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The state as JSON from a file; without it there is none
    #[arg(long, value_name = "FILE", conflicts_with = "on")]
    state: Option<PathBuf>,
    /// The present state of this instance, ENTITY/ID
    #[arg(long, value_name = "ENTITY/ID", add = completion::instances())]
    on: Option<Instance>,
}

/// Runs one of them.
pub fn run(context: &Context, verb: Verb) -> Result<Exit, Failure> {
    match verb {
        Verb::List => list(context),
        Verb::Describe { name } => {
            let document = context.client()?.get(format!("/v1/functions/{}", encode(&name)))?;
            if context.output.for_people() {
                context.output.text(&to_yaml(&document))?;
            } else {
                context.output.document(&document)?;
            }
            Ok(Exit::Done)
        }
        Verb::Rollback { name } => {
            let path = format!("/v1/functions/{}/rollback", encode(&name));
            let (client, output) = (context.client()?, &context.output);
            let document = while_replaying(client, output.quiet, || client.post(&path, &json!({})))?;
            match output.for_people() {
                true => output.text(&change::text(&document, output.style))?,
                false => output.document(&document)?,
            }
            Ok(Exit::Done)
        }
        Verb::Logs { name, follow, lines } => logs(context, &name, follow, lines),
        Verb::Invoke(args) => invoke(context, &args),
    }
}

fn list(context: &Context) -> Result<Exit, Failure> {
    let document = context.client()?.get("/v1/functions")?;
    let output = &context.output;
    if !output.for_people() {
        output.document(&document)?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["NAME", "STATE", "RUNTIME", "REVISION", "SINCE", "IN FLIGHT", "LAST ERROR"]);
    for item in document["items"].as_array().into_iter().flatten() {
        let text = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
        let error = &item["lastError"];
        let error = [&error["code"], &error["title"]].map(|part| part.as_str().unwrap_or_default()).join(" ");
        table.row([
            text("name"),
            text("state"),
            text("runtime"),
            short_revision(&text("revision")),
            output.time_format.show(&text("since")),
            item["inFlight"].as_u64().map(|n| n.to_string()).unwrap_or_default(),
            error.trim().to_owned(),
        ]);
    }
    output.text(&table.render(output.style, output.width))?;
    Ok(Exit::Done)
}

fn logs(context: &Context, name: &str, follow: bool, lines: usize) -> Result<Exit, Failure> {
    let client = context.client()?;
    let path = format!("/v1/functions/{}/logs", encode(name));
    let mut after = 0_u64;
    // Bound: the server keeps 10,000 lines.
    let mut held: Vec<Value> = Vec::new();
    loop {
        let from = after.to_string();
        let mut page = client.get(with_query(&path, &[("after", Some(&from)), ("limit", Some("500"))]))?;
        let items = page["items"].as_array_mut().map(std::mem::take).unwrap_or_default();
        let next = page["next"].as_u64().or_else(|| items.last()?["number"].as_u64()).unwrap_or(after);
        let ended = items.is_empty() || next <= after;
        held.extend(items);
        if ended {
            break;
        }
        after = next;
    }
    let skipped = held.len().saturating_sub(lines);
    for line in &held[skipped..] {
        show_line(context, line)?;
    }
    if follow {
        let path = with_query(&path, &[("after", Some(&after.to_string()))]);
        client::follow(client, &context.output, &path, None, |event| {
            if let Ok(line) = serde_json::from_str::<Value>(&event.data) {
                show_line(context, &line)?;
            }
            Ok(true)
        })?;
    }
    Ok(Exit::Done)
}

fn show_line(context: &Context, line: &Value) -> Result<(), Failure> {
    let output = &context.output;
    if !matches!(output.form, Form::Table | Form::Wide | Form::Name) {
        return output.item(line);
    }
    let time = output.time_format.show(line["at"].as_str().unwrap_or_default());
    let text = printable(line["line"].as_str().unwrap_or_default());
    let level = match line["level"].as_str() {
        Some(word @ ("error" | "warn")) => format!("{} ", output.style.red(word)),
        _ => String::new(),
    };
    output.text(&format!("{}  {level}{text}\n", output.style.dim(&time)))
}

fn invoke(context: &Context, args: &InvokeArgs) -> Result<Exit, Failure> {
    let client = context.client()?;
    let json_of = |path: &PathBuf| -> Result<Value, Failure> {
        serde_json::from_slice(&send::read_input(path)?)
            .map_err(|error| Failure::usage(format!("{} is not JSON", path.display())).why(error.to_string()))
    };
    let command_payload = match &args.file {
        Some(path) => json_of(path)?,
        None if args.fields.is_empty() => json!({}),
        None => {
            let resource = get::one(client, "command", &args.command)?;
            payload::from_pairs(&resource["spec"], &args.fields)?
        }
    };
    let mut body = json!({"command": args.command, "payload": command_payload});
    if let Some(path) = &args.state {
        body["state"] = json_of(path)?;
    }
    if let Some(instance) = &args.on {
        let path = format!("/v1/entities/{}/{}", encode(&instance.entity), encode(&instance.id));
        match client.get(path) {
            Ok(mut document) => body["state"] = document["state"].take(),
            // An instance that does not exist yet has no state; trying its first command is the point.
            Err(failure) if failure.code.is_some_and(|code| code.0 == 1020) => {}
            Err(failure) => return Err(failure),
        }
        body["id"] = json!(instance.id);
    }
    let document = client.post(format!("/v1/functions/{}/test", encode(&args.name)), &body)?;
    let output = &context.output;
    if !output.for_people() {
        output.document(&document)?;
        return Ok(Exit::Done);
    }
    let mut text = String::new();
    for event in document["events"].as_array().into_iter().flatten() {
        let name = output.style.bold(&printable(event["type"].as_str().unwrap_or("?")));
        let data = if event["data"].is_null() { &event["payload"] } else { &event["data"] };
        text.push_str(format!("{name}  {}", fields(data)).trim_end());
        text.push('\n');
    }
    let before = &body["state"];
    let changed = crate::output::value::changes(before, &document["state"]);
    if !changed.is_empty() {
        text.push_str(&format!("  {}\n", changed.join("  ")));
    }
    output.text(&text)?;
    output.note("nothing was written");
    Ok(Exit::Done)
}
