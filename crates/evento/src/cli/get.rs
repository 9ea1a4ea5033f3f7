//! `evento get` and `evento describe`: resources as they are stored, with their status.

use std::str::FromStr;

use serde_json::{Value, json};

use super::completion;
use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use crate::client::{self, Client, encode};
use crate::output::Output;
use crate::output::form::Form;
use crate::output::table::Table;
use crate::output::yaml::to_yaml;

/// Pause between two looks of `get -w`.
const WATCH_PAUSE: std::time::Duration = std::time::Duration::from_secs(1);

/// Partitions of an entity that does not say.
const PARTITIONS_DEFAULT: u64 = 12;

/// Kinds by the name the API uses, with every name people may write.
pub const KINDS: &[(&str, &[&str])] = &[
    ("entity", &["entity", "entities", "ent"]),
    ("command", &["command", "commands", "cmd"]),
    ("event", &["event", "events", "ev"]),
    ("function", &["function", "functions", "fn"]),
];

/// List resources, or show one
#[derive(clap::Args)]
#[command(after_help = "Kinds: entity (ent), command (cmd), event (ev), function (fn), all.\n\
                        Instances of an entity: evento get instances account")]
pub struct Args {
    /// The kind, or KIND/NAME
    #[arg(add = completion::resources())]
    kind: String,
    /// Only this one
    name: Option<String>,
    /// Go on showing changes until interrupted
    #[arg(short, long)]
    watch: bool,
    /// Only ids that begin so (instances)
    #[arg(long)]
    prefix: Option<String>,
    /// Only blocked ones (instances)
    #[arg(long)]
    blocked: bool,
    /// At most so many, 0 for all (instances)
    #[arg(long, default_value_t = 50)]
    limit: usize,
}

/// Show a resource with its status
#[derive(clap::Args)]
pub struct DescribeArgs {
    /// KIND/NAME
    #[arg(add = completion::resources())]
    resource: ResourceTarget,
}

/// `KIND/NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceTarget {
    /// The kind by the name the API uses.
    pub kind: &'static str,
    /// The name as written.
    pub name: String,
}

impl FromStr for ResourceTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<ResourceTarget, String> {
        match text.split_once('/') {
            Some((kind, name)) if !name.is_empty() => {
                Ok(ResourceTarget { kind: kind_of(kind)?, name: name.to_owned() })
            }
            _ => Err("a resource is written KIND/NAME, such as entity/account".to_owned()),
        }
    }
}

/// The kind by the name the API uses.
pub fn kind_of(text: &str) -> Result<&'static str, String> {
    let word = text.to_lowercase();
    if let Some((kind, _)) = KINDS.iter().find(|(_, names)| names.contains(&word.as_str())) {
        return Ok(kind);
    }
    let near = KINDS
        .iter()
        .flat_map(|(_, names)| names.iter())
        .map(|name| (strsim::damerau_levenshtein(name, &word), *name))
        .filter(|(distance, _)| *distance <= 2)
        .min();
    Err(match near {
        Some((_, near)) => format!("{text:?} is not a kind, did you mean {near}?"),
        None => format!("{text:?} is not a kind: entity, command, event, function"),
    })
}

/// Lists or shows.
pub fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let client = context.client()?;
    if ["instance", "instances"].contains(&args.kind.as_str()) {
        return instances(context, client, &args);
    }
    let kinds: Vec<&'static str> = match args.kind.split('/').next().unwrap_or_default() {
        "all" => KINDS.iter().map(|(kind, _)| *kind).collect(),
        text => vec![kind_of(text).map_err(Failure::usage)?],
    };
    let name = args.name.as_deref().or(args.kind.split_once('/').map(|(_, name)| name));
    if args.watch {
        let [kind] = kinds.as_slice() else { return Err(Failure::usage("only one kind can be watched")) };
        return watch(context, client, kind, name);
    }
    if let Some(name) = name {
        let document = one(client, kinds[0], name)?;
        if context.output.for_people() {
            context.output.text(&table(&context.output, kinds[0], &[document]))?;
        } else {
            context.output.document(&document)?;
        }
        return Ok(Exit::Done);
    }
    let mut all = Vec::new();
    for kind in &kinds {
        let items = list(client, kind)?;
        if context.output.for_people() {
            if kinds.len() > 1 {
                context.output.text(&format!("{}\n", context.output.style.bold(kind)))?;
            }
            context.output.text(&table(&context.output, kind, &items))?;
            if items.is_empty() && kinds.len() == 1 {
                context.output.note(format!("no {kind} yet; evento apply -f resources registers some"));
            }
        }
        all.extend(items);
    }
    if !context.output.for_people() {
        context.output.document(&json!({"items": all}))?;
    }
    Ok(Exit::Done)
}

/// Prints a resource for reading: what it is, and its conditions.
pub fn describe(context: &Context, args: DescribeArgs) -> Result<Exit, Failure> {
    let ResourceTarget { kind, name } = args.resource;
    let document = one(context.client()?, kind, &name)?;
    if context.output.for_people() {
        context.output.text(&to_yaml(&document))?;
    } else {
        context.output.document(&document)?;
    }
    Ok(Exit::Done)
}

/// A resource by its name.
pub fn one(client: &Client, kind: &str, name: &str) -> Result<Value, Failure> {
    client.get(format!("/v1/resources/{kind}/{}", encode(name)))
}

/// All resources of a kind.
pub fn list(client: &Client, kind: &str) -> Result<Vec<Value>, Failure> {
    let mut page = client.get(format!("/v1/resources/{kind}"))?;
    Ok(match page["items"].take() {
        Value::Array(items) => items,
        _ => Vec::new(),
    })
}

/// Shows the resources again whenever they changed.
fn watch(context: &Context, client: &Client, kind: &str, name: Option<&str>) -> Result<Exit, Failure> {
    let mut shown: Option<Vec<Value>> = None;
    loop {
        let items = match name {
            Some(name) => vec![client.get(format!("/v1/resources/{kind}/{}", encode(name)))?],
            None => list(client, kind)?,
        };
        if shown.as_ref() != Some(&items) {
            if context.output.for_people() {
                context.output.text(&table(&context.output, kind, &items))?;
            } else {
                for item in &items {
                    context.output.item(item)?;
                }
            }
            shown = Some(items);
        }
        std::thread::sleep(WATCH_PAUSE);
    }
}

fn instances(context: &Context, client: &Client, args: &Args) -> Result<Exit, Failure> {
    let entity =
        args.name.as_deref().ok_or_else(|| Failure::usage("of which entity?").next("evento get instances account"))?;
    let path = client::with_query(
        &format!("/v1/entities/{}", encode(entity)),
        &[("prefix", args.prefix.as_deref()), ("status", args.blocked.then_some("blocked"))],
    );
    let items = client::pages(client, &path, args.limit)?;
    let output = &context.output;
    if output.for_people() {
        let mut table = Table::new(&["ID", "SEQ", "UPDATED", "BLOCKED BY"]);
        for item in &items {
            let text = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
            table.row([
                text("id"),
                item["seq"].to_string(),
                output.time_format.show(&text("updatedAt")),
                text("blockedBy"),
            ]);
        }
        output.text(&table.render(output.style, output.width))?;
    } else {
        output.document(&json!({"items": items}))?;
    }
    Ok(Exit::Done)
}

fn table(output: &Output, kind: &str, items: &[Value]) -> String {
    let wide = output.form == Form::Wide;
    let headings: Vec<&str> = match kind {
        "entity" => vec!["NAME", "READY", "TYPE", "PARTITIONS", "INSTANCES", "REASON"],
        "command" => vec!["NAME", "READY", "TYPE", "ENTITY", "EMITS", "REASON"],
        "event" => vec!["NAME", "READY", "TYPE", "ENTITY", "REJECTION", "REASON"],
        _ => vec!["NAME", "READY", "RUNTIME", "REVISION", "HANDLES", "REASON"],
    };
    let mut table = Table::new(&headings);
    for item in items {
        let spec = &item["spec"];
        let status = &item["status"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let words = |value: &Value| {
            let words: Vec<&str> = value.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            words.join(", ")
        };
        let number = |value: &Value| value.as_u64().map(|n| n.to_string()).unwrap_or_default();
        let ready = status["conditions"].as_array().into_iter().flatten().find(|c| c["type"] == "Ready");
        let retired = spec["retired"].as_bool().unwrap_or(false);
        let state = match ready {
            _ if retired => "retired".to_owned(),
            Some(condition) if condition["status"] == "True" => "ready".to_owned(),
            Some(_) => "waiting".to_owned(),
            None => String::new(),
        };
        let reason = ready
            .filter(|condition| condition["status"] != "True")
            .map(|c| if wide { text(&c["message"]) } else { text(&c["reason"]) })
            .unwrap_or_default();
        let name = text(&item["metadata"]["name"]);
        let full_name = text(&status["fullName"]);
        let mut cells = vec![name, state];
        cells.extend(match kind {
            "entity" => {
                let partitions = spec["partitions"].as_u64().unwrap_or(PARTITIONS_DEFAULT);
                [full_name, partitions.to_string(), number(&status["instances"])]
            }
            "command" => [full_name, text(&spec["entity"]), words(&spec["emits"])],
            "event" => {
                let rejection = if spec["rejection"].as_bool() == Some(true) { "yes" } else { "" };
                [full_name, text(&spec["entity"]), rejection.to_owned()]
            }
            _ => [text(&spec["runtime"]), short_revision(&text(&status["revision"])), words(&status["handles"])],
        });
        cells.push(reason);
        table.row(cells);
    }
    table.render(output.style, output.width)
}

/// The first eight digits of a revision, as people compare them.
pub fn short_revision(revision: &str) -> String {
    revision.strip_prefix("sha256:").unwrap_or(revision).chars().take(8).collect()
}
