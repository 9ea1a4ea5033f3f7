//! `evento command`: looking after commands: list, groups, get, retry, park, abandon.

use std::io::{BufRead, IsTerminal, Write};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::target::{CommandTarget, Instance};
use super::{completion, outcome, send};
use crate::client::{self, Client, encode, with_query};
use crate::output::form::Form;
use crate::output::progress::Progress;
use crate::output::table::Table;
use crate::output::time::until;

/// Look after commands: list, get, retry, park, abandon
#[derive(clap::Subcommand)]
pub enum Verb {
    /// List unfinished commands
    List(ListArgs),
    /// Unfinished commands by the error that holds them
    Groups,
    /// Show a command: its outcome, or where it stands and why
    Get {
        /// ENTITY/ID/COMMAND-ID, or the command id alone when it is unique
        command: CommandTarget,
        /// Wait until it is finished, telling each change
        #[arg(short, long)]
        watch: bool,
    },
    /// Try parked or waiting commands again at once
    Retry(ManyArgs),
    /// Park commands: they wait for a person, and their instance goes on
    Park(ManyArgs),
    /// Give commands up for ever; an event tells it
    Abandon {
        /// Which
        #[command(flatten)]
        many: ManyArgs,
        /// Why, for the event
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

/// Which commands to list.
#[derive(clap::Args)]
pub struct ListArgs {
    /// queued, waiting, running, retrying or parked
    #[arg(long, value_name = "STATUS", value_parser = ["queued", "waiting", "running", "retrying", "parked"])]
    status: Option<String>,
    /// Only of this entity
    #[arg(long, add = completion::names(&["entity"]))]
    entity: Option<String>,
    /// Only those that this function handles
    #[arg(long, add = completion::names(&["function"]))]
    function: Option<String>,
    /// Only those with this error
    #[arg(long)]
    fingerprint: Option<String>,
    /// fingerprint: one line for each error instead of each command
    #[arg(long, value_name = "BY", value_parser = ["fingerprint"])]
    group_by: Option<String>,
    /// At most so many, 0 for all
    #[arg(long, default_value_t = 50)]
    limit: usize,
}

/// Which commands to change.
#[derive(clap::Args)]
pub struct ManyArgs {
    /// ENTITY/ID/COMMAND-ID, or the command id alone when it is unique
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    commands: Vec<CommandTarget>,
    /// Every unfinished command with this error
    #[arg(long, requires = "fingerprint")]
    all: bool,
    /// The error, as command groups shows it
    #[arg(long, value_name = "F")]
    fingerprint: Option<String>,
}

/// Runs one of them.
pub fn run(context: &Context, verb: Verb) -> Result<Exit, Failure> {
    match verb {
        Verb::List(ListArgs { group_by: Some(_), .. }) | Verb::Groups => groups(context),
        Verb::List(args) => list(context, &args),
        Verb::Get { command, watch } => get(context, command, watch),
        Verb::Retry(many) => change(context, many, "retry", &json!({})),
        Verb::Park(many) => change(context, many, "park", &json!({})),
        Verb::Abandon { many, reason, yes } => {
            if !yes && std::io::stdin().is_terminal() && !confirmed(&many)? {
                return Ok(Exit::Failed);
            }
            change(context, many, "abandon", &json!({"reason": reason}))
        }
    }
}

fn list(context: &Context, args: &ListArgs) -> Result<Exit, Failure> {
    let path = with_query(
        "/v1/commands",
        &[
            ("status", args.status.as_deref()),
            ("entity", args.entity.as_deref()),
            ("function", args.function.as_deref()),
            ("fingerprint", args.fingerprint.as_deref()),
        ],
    );
    let items = client::pages(context.client()?, &path, args.limit)?;
    let output = &context.output;
    if !output.for_people() {
        output.document(&json!({"items": items}))?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["STATUS", "COMMAND", "TYPE", "ACCEPTED", "ATTEMPTS", "NEXT", "LAST ERROR"]);
    for item in &items {
        let text = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
        let error = &item["lastError"];
        let detail = error["detail"].as_str().or(error["title"].as_str()).unwrap_or_default();
        let code = error["code"].as_str().unwrap_or_default();
        table.row([
            item["status"].as_str().or(item["outcome"].as_str()).unwrap_or("?").to_owned(),
            target_of(item).map_or(text("commandId"), |t| format!("{t}/{}", text("commandId"))),
            text("command"),
            output.time_format.show(&text("acceptedAt")),
            item["attempts"].as_u64().map(|n| n.to_string()).unwrap_or_default(),
            item["nextAttemptAt"].as_str().and_then(until).unwrap_or_default(),
            format!("{code} {detail}").trim().to_owned(),
        ]);
    }
    output.text(&table.render(output.style, output.width))?;
    if items.is_empty() {
        output.note("no such command; everything else is done");
    }
    Ok(Exit::Done)
}

fn groups(context: &Context) -> Result<Exit, Failure> {
    let document = context.client()?.get("/v1/commands/groups")?;
    let output = &context.output;
    if !output.for_people() {
        output.document(&document)?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["FINGERPRINT", "COUNT", "CODE", "FUNCTION", "OLDEST", "ERROR"]);
    for item in document["items"].as_array().into_iter().flatten() {
        // The error stands in the group itself, or in its `lastError`.
        let error = if item["lastError"].is_object() { &item["lastError"] } else { item };
        let text = |key: &str| item[key].as_str().or(error[key].as_str()).unwrap_or_default().to_owned();
        let title = match (text("title"), text("detail")) {
            (title, detail) if detail.is_empty() => title,
            (title, detail) => format!("{title}: {detail}"),
        };
        let count = item["count"].as_u64().map(|n| n.to_string()).unwrap_or_default();
        let oldest = output.time_format.show(&text("oldest"));
        table.row([text("fingerprint"), count, text("code"), text("function"), oldest, title]);
    }
    output.text(&table.render(output.style, output.width))?;
    Ok(Exit::Done)
}

fn get(context: &Context, command: CommandTarget, watch: bool) -> Result<Exit, Failure> {
    let client = context.client()?;
    let (instance, id) = located(client, command)?;
    let path = command_path(&instance, &id);
    let mut document = client.get(&path)?;
    while watch && !outcome::is_finished(&document) && document["status"] != "parked" {
        if context.output.for_people() {
            let text = outcome::status_text(&instance.to_string(), &document, context.output.style);
            context.output.text(&text)?;
        } else if context.output.form == Form::Jsonl {
            context.output.item(&document)?;
        }
        let deadline = Instant::now() + Duration::from_mins(1);
        document = send::wait_for(client, &path, document, deadline)?;
    }
    outcome::print(&context.output, &instance.to_string(), &document, None)
}

fn change(context: &Context, many: ManyArgs, verb: &str, body: &Value) -> Result<Exit, Failure> {
    let client = context.client()?;
    let mut targets = Vec::new();
    for command in many.commands {
        targets.push(located(client, command)?);
    }
    if many.all {
        let path = with_query("/v1/commands", &[("fingerprint", many.fingerprint.as_deref())]);
        for item in client::pages(client, &path, 0)? {
            let (Some(instance), Some(id)) = (target_of(&item), item["commandId"].as_str()) else { continue };
            targets.push((instance, id.to_owned()));
        }
        if targets.is_empty() {
            return Err(Failure::plain(Exit::NotFound, "no unfinished command has this error")
                .next("evento command groups lists the errors there are"));
        }
    }
    let total = u64::try_from(targets.len()).unwrap_or(u64::MAX);
    let mut progress = Progress::new(verb, "commands", total, context.output.quiet || total < 2);
    let mut exit = Exit::Done;
    for (done, (instance, id)) in (1..).zip(&targets) {
        let document = client.post(format!("{}/{verb}", command_path(instance, id)), body)?;
        progress.set(done);
        if !context.output.for_people() {
            context.output.item(&document)?;
        } else if verb == "abandon" {
            outcome::print(&context.output, &instance.to_string(), &document, None)?;
        } else {
            let done = if verb == "park" { "parked" } else { "tried again" };
            context.output.text(&format!("{done}  {instance}/{id}\n"))?;
        }
        if verb == "abandon" && document["outcome"].is_string() && document["outcome"] != "abandoned" {
            // It finished by itself before it could be given up.
            exit = Exit::Conflict;
        }
    }
    Ok(exit)
}

/// The instance of a command; a bare id is looked up and must be unique.
fn located(client: &Client, command: CommandTarget) -> Result<(Instance, String), Failure> {
    let CommandTarget { instance, id } = command;
    if let Some(instance) = instance {
        return Ok((instance, id));
    }
    let mut found = client.get(with_query("/v1/commands", &[("id", Some(&id))]))?;
    let items = found["items"].as_array_mut().map(std::mem::take).unwrap_or_default();
    let instances: Vec<Instance> = items.iter().filter_map(target_of).collect();
    match instances.as_slice() {
        [instance] => Ok((instance.clone(), id)),
        [] => Err(Failure::new(1021, format!("there is no command {id}"))
            .next("a finished command is named in full: ENTITY/ID/COMMAND-ID")),
        many => {
            let names: Vec<String> = many.iter().map(|instance| format!("{instance}/{id}")).collect();
            Err(Failure::new(2003, format!("{} instances have a command {id}", many.len()))
                .exit(Exit::Usage)
                .next(format!("say which: {}", names.join(" or "))))
        }
    }
}

fn command_path(instance: &Instance, id: &str) -> String {
    format!("/v1/entities/{}/{}/commands/{}", encode(&instance.entity), encode(&instance.id), encode(id))
}

fn target_of(item: &Value) -> Option<Instance> {
    Some(Instance { entity: item["entity"].as_str()?.to_owned(), id: item["id"].as_str()?.to_owned() })
}

fn confirmed(many: &ManyArgs) -> Result<bool, Failure> {
    let what = match (&many.fingerprint, many.commands.len()) {
        (Some(fingerprint), 0) => format!("every command with the error {fingerprint}"),
        (_, 1) => "this command".to_owned(),
        (_, count) => format!("these {count} commands"),
    };
    eprint!("give up {what} for ever? [y/N] ");
    let asked = std::io::stderr().flush().and_then(|()| {
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer).map(|_| answer)
    });
    let answer = asked.map_err(|error| Failure::usage("no answer could be read").why(error.to_string()))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
