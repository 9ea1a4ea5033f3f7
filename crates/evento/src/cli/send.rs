//! `evento send`: a command to an instance, and its outcome.

use std::io::Read;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;
use uuid::Uuid;

use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::target::Instance;
use super::{completion, get, outcome, payload};
use crate::client::{Client, Request, encode};
use crate::output::time::parse_duration_ms;

/// Longest one request may wait; longer waits are several requests.
const REQUEST_WAIT_MAX: Duration = Duration::from_mins(1);

/// Send a command to an instance and tell its outcome
#[derive(clap::Args)]
#[command(after_help = "evento send account/alice ReceiveDeposit amount=120 reference=rent\n\
                        evento send account/alice WithdrawCash -f withdrawal.json --if-seq 5")]
pub struct Args {
    /// The instance, ENTITY/ID
    #[arg(add = completion::instances())]
    instance: Instance,
    /// The command type: withdraw-cash, bank.WithdrawCash or WithdrawCash
    #[arg(add = completion::names(&["command"]))]
    command: String,
    /// Fields as name=value, read by the schema; dotted names for nested records
    #[arg(value_name = "FIELD=VALUE", conflicts_with_all = ["file", "avro"])]
    fields: Vec<String>,
    /// The body as JSON from a file, - for standard input
    #[arg(short, long, value_name = "FILE", conflicts_with = "avro")]
    file: Option<PathBuf>,
    /// The body as one Avro datum from a file, - for standard input
    #[arg(long, value_name = "FILE")]
    avro: Option<PathBuf>,
    /// The command's id; the same id and body again give the first outcome
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Only if the instance is at this sequence, or has no events yet (none)
    #[arg(long, value_name = "N|none", value_parser = parse_if_seq)]
    if_seq: Option<u64>,
    /// How long to wait for the outcome
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration_ms, conflicts_with = "asynchronous")]
    wait: u64,
    /// Do not wait: done as soon as the command is stored
    #[arg(long = "async")]
    asynchronous: bool,
    /// Stored with the command and passed on to its events
    #[arg(long, value_name = "ID")]
    correlation_id: Option<String>,
}

/// Sends, waits, prints.
pub fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let client = context.client()?;
    let (media_type, body) = body(client, &args)?;
    // The key is made here, so that a request lost on its way can be sent again without doing things twice.
    let key = args.idempotency_key.clone().unwrap_or_else(|| Uuid::now_v7().to_string());
    let deadline = Instant::now() + Duration::from_millis(args.wait);
    let instance = format!("/v1/entities/{}/{}", encode(&args.instance.entity), encode(&args.instance.id));
    let mut request = Request {
        body: Some((media_type, body)),
        repeatable: true,
        ..Request::post(format!("{instance}/commands/{}", encode(&args.command)), &Value::Null)
    };
    request = request.header("idempotency-key", format!("\"{key}\""));
    if let Some(seq) = args.if_seq {
        request = match seq {
            0 => request.header("if-none-match", "*".to_owned()),
            seq => request.header("if-match", format!("\"{seq}\"")),
        };
    }
    if let Some(id) = &args.correlation_id {
        request = request.header("evento-correlation-id", id.clone());
    }
    let wait = Duration::from_millis(args.wait).min(REQUEST_WAIT_MAX);
    request = if args.asynchronous {
        request.header("prefer", "respond-async".to_owned())
    } else {
        let wanted = if context.output.for_people() { ", return=representation" } else { "" };
        request.header("prefer", format!("wait={}{wanted}", whole_seconds(wait))).wait(wait)
    };
    let answer = client.send(request)?;
    let replayed = answer.header("idempotency-replayed") == Some("true");
    let mut document = answer.json()?;
    if !args.asynchronous && !outcome::is_finished(&document) && document["status"] != "parked" {
        document = wait_for(client, &format!("{instance}/commands/{}", encode(&key)), document, deadline)?;
    }
    let target = args.instance.to_string();
    let before = state_before(context, client, &instance, &document, replayed)?;
    let exit = outcome::print(&context.output, &target, &document, before.as_ref())?;
    if replayed {
        context.output.note("this command was sent before; this is its first outcome");
    }
    // Whoever does not wait asked for storing only, and that is done.
    Ok(if args.asynchronous && exit == Exit::Unfinished { Exit::Done } else { exit })
}

/// Asks for a command until it is finished, parked or the time is over. Gives its last document.
pub fn wait_for(client: &Client, path: &str, first: Value, deadline: Instant) -> Result<Value, Failure> {
    let mut document = first;
    loop {
        let left = deadline.saturating_duration_since(Instant::now()).min(REQUEST_WAIT_MAX);
        if left.is_zero() || outcome::is_finished(&document) || document["status"] == "parked" {
            return Ok(document);
        }
        let request = Request::get(path).header("prefer", format!("wait={}", whole_seconds(left))).wait(left);
        let asked = Instant::now();
        document = client.send(request)?.json()?;
        // A server that does not wait itself must not be asked in a tight loop.
        if !outcome::is_finished(&document) && asked.elapsed() < Duration::from_millis(200) {
            std::thread::sleep(left.min(Duration::from_millis(200)));
        }
    }
}

/// The state before the command's first event, for showing what changed. Only people see it, so only for them it
/// is asked; a replayed answer is old, and its change may be long overwritten.
fn state_before(
    context: &Context,
    client: &Client,
    instance: &str,
    document: &Value,
    replayed: bool,
) -> Result<Option<Value>, Failure> {
    let first = document["events"][0]["seq"].as_u64();
    let wanted = context.output.for_people() && !replayed && document.get("state").is_some();
    match first {
        Some(1) if wanted => Ok(Some(Value::Null)),
        Some(seq) if wanted => Ok(Some(client.get(format!("{instance}?seq={}", seq - 1))?["state"].take())),
        _ => Ok(None),
    }
}

fn body(client: &Client, args: &Args) -> Result<(&'static str, Vec<u8>), Failure> {
    if let Some(path) = &args.file {
        return Ok(("application/json", read_input(path)?));
    }
    if let Some(path) = &args.avro {
        return Ok(("avro/binary", read_input(path)?));
    }
    if args.fields.is_empty() {
        return Ok(("application/json", b"{}".to_vec()));
    }
    let resource = get::one(client, "command", &args.command)?;
    let body = payload::from_pairs(&resource["spec"], &args.fields)?;
    Ok(("application/json", body.to_string().into_bytes()))
}

/// The bytes of a file, or of standard input for `-`.
pub fn read_input(path: &std::path::Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().lock().read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|mut file| file.read_to_end(&mut bytes))
    };
    read.map_err(|error| Failure::usage(format!("{} cannot be read", path.display())).why(error.to_string()))?;
    Ok(bytes)
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

fn parse_if_seq(text: &str) -> Result<u64, String> {
    match text {
        "none" => Ok(0),
        text => text.parse().map_err(|_| format!("{text:?} is neither a sequence nor none")),
    }
}
