//! `evento conformance`: asks a function whether it keeps the rules of the function protocol.
//!
//! The rules are the crate's (`evento_conformance`); here a target is found and a report is shown.

mod given;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use evento_conformance::{Given, Launch, Mode, Options, Place, RULES, Report, Target, Told};
use evento_schema::resource::{FunctionSpec, ResourceSet, Runtime};
use serde_json::Value;

use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::files::read_paths;
use super::get;
use crate::output::form::Form;

/// What is asked, and whom.
#[derive(clap::Args)]
#[command(after_help = "evento conformance http://127.0.0.1:8090 -f resources\n\
                        evento conformance accounts -f resources\n\
                        evento conformance --sdk -- node probe.js\n\
                        \n\
                        S11 and S13 to S15 need a process of their own: a command, or a Function with one.")]
pub struct Args {
    /// An address (http://host:port, unix:/path), a Function resource, or a .wasm file
    #[arg(required_unless_present = "command", conflicts_with = "command")]
    target: Option<String>,
    /// A program to start and ask, after --
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
    /// Resources: where Functions are looked up, and what a function without discovery says
    #[arg(short, long = "file", value_name = "FILE|DIR")]
    files: Vec<PathBuf>,
    /// The manifest of a function that answers no discovery
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// The framings to check
    #[arg(long, value_enum, default_value = "all")]
    mode: Wanted,
    /// Ask the rules for the reference function of an SDK, too
    #[arg(long)]
    sdk: bool,
    /// Where generated values come from: the same seed asks the same
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Ask only this rule; may be given several times
    #[arg(long, value_name = "ID", value_parser = known_rule)]
    rule: Vec<String>,
}

/// `--mode`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
enum Wanted {
    /// One step per POST
    Plain,
    /// Many works per POST
    Run,
    /// All that it speaks
    All,
}

fn known_rule(text: &str) -> Result<String, String> {
    let known = RULES.iter().find(|rule| rule.id.eq_ignore_ascii_case(text));
    known.map(|rule| rule.id.to_owned()).ok_or_else(|| "rules are F01 to F10 and S01 to S15".to_owned())
}

/// Asks every rule, shows the report, and ends with 9 if a rule does not hold.
pub fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let set = if args.files.is_empty() { None } else { Some(read_paths(&args.files, false)?.parse()?) };
    let (target, spec) = target(context, &args, set.as_ref())?;
    let options = Options {
        named: args.target.clone().unwrap_or_else(|| args.command.join(" ")),
        target,
        manifest: given(&args, set.as_ref(), spec.as_ref())?,
        mode: match args.mode {
            Wanted::All => None,
            Wanted::Plain => Some(Mode::Plain),
            Wanted::Run => Some(Mode::Run),
        },
        sdk: args.sdk,
        seed: args.seed,
        only: args.rule.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        date: format!("{:.0}", jiff::Timestamp::now()),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| Failure::plain(Exit::Failed, error.to_string()))?;
    let mut gone = None;
    let asked = runtime.block_on(evento_conformance::run(&options, &mut |told| {
        if let Err(failure) = tell(context, told) {
            gone.get_or_insert(failure);
        }
    }));
    // Threads that still wait for a hostile function are not waited for.
    runtime.shutdown_timeout(Duration::from_secs(1));
    if let Some(failure) = gone {
        return Err(failure);
    }
    let report = asked.map_err(|why| {
        let next = "is it started, and does it listen where EVENTO_LISTEN says?";
        Failure::new(7006, "the function cannot be asked").why(why).next(next)
    })?;
    finish(context, &report)
}

/// The report as it grows, for people; other forms get it whole.
fn tell(context: &Context, told: Told<'_>) -> Result<(), Failure> {
    match (context.output.for_people(), told) {
        (true, Told::Header(header)) => context.output.text(&format!("{}\n", header.text())),
        (true, Told::Result(result)) => context.output.text(&result.text()),
        (false, Told::Result(result)) => {
            context.output.note(format!("{} {}", result.rule.id, result.word()));
            Ok(())
        }
        (false, Told::Header(_)) => Ok(()),
    }
}

fn finish(context: &Context, report: &Report) -> Result<Exit, Failure> {
    let output = &context.output;
    match output.form {
        Form::Table | Form::Wide => output.text(&format!("\n{}", report.summary()))?,
        Form::Junit => output.text(&report.junit())?,
        _ => output.document(&report.json())?,
    }
    Ok(if report.passed() { Exit::Done } else { Exit::Differs })
}

/// Who is asked, and its resource if it has one.
fn target(
    context: &Context,
    args: &Args,
    set: Option<&ResourceSet>,
) -> Result<(Target, Option<FunctionSpec>), Failure> {
    let Some(named) = &args.target else {
        let folder = std::env::current_dir().map_err(|error| Failure::plain(Exit::Failed, error.to_string()))?;
        let launch = Launch {
            command: args.command.clone(),
            folder,
            environment: BTreeMap::new(),
            start_timeout: Duration::from_secs(30),
            function: "conformance".to_owned(),
        };
        return Ok((Target::Command(launch), set.and_then(given::only_function)));
    };
    if named.ends_with(".wasm") {
        return Err(Failure::new(2305, format!("{named}: this build runs no WASM functions"))
            .next("ask the same function as a process, or at its address")
            .exit(Exit::Usage));
    }
    if named.contains(':') {
        let place = Place::parse(named).map_err(Failure::usage)?;
        return Ok((Target::Address(place), set.and_then(given::only_function)));
    }
    match set {
        Some(set) => {
            let spec = given::function(set, named)
                .ok_or_else(|| Failure::new(1001, format!("the files have no Function {named}")))?;
            Ok((from_spec(&spec, named)?, Some(spec)))
        }
        None => Ok((from_server(context, named)?, None)),
    }
}

fn from_spec(spec: &FunctionSpec, named: &str) -> Result<Target, Failure> {
    match &spec.runtime {
        Runtime::Url(url) => Place::parse(&url.address).map(Target::Address).map_err(Failure::usage),
        Runtime::Process(process) => Ok(Target::Command(Launch {
            command: process.command.clone(),
            folder: process.working_dir.as_deref().map_or_else(|| PathBuf::from("."), PathBuf::from),
            environment: process.env.clone(),
            start_timeout: Duration::from_millis(spec.start_timeout_ms),
            function: named.to_owned(),
        })),
    }
}

/// A Function that the server knows: its command is started once more, or its address asked.
fn from_server(context: &Context, named: &str) -> Result<Target, Failure> {
    let resource = get::one(context.client()?, "function", named)?;
    let spec = &resource["spec"];
    if let Some(address) = spec["url"]["address"].as_str() {
        return Place::parse(address).map(Target::Address).map_err(Failure::usage);
    }
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let process = &spec["process"];
    let command = texts(&process["command"]);
    if command.is_empty() {
        return Err(Failure::usage(format!("{named} is neither a process nor at an address"))
            .next("give its address or its command"));
    }
    let environment = process["env"].as_object().into_iter().flatten();
    let environment = environment.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    Ok(Target::Command(Launch {
        command,
        folder: Path::new(process["workingDir"].as_str().unwrap_or(".")).to_owned(),
        environment: environment.collect(),
        start_timeout: Duration::from_secs(15 * 60),
        function: named.to_owned(),
    }))
}

/// What a function without discovery would say: a file, or its resources.
fn given(args: &Args, set: Option<&ResourceSet>, spec: Option<&FunctionSpec>) -> Result<Option<Given>, Failure> {
    if let Some(path) = &args.manifest {
        let fail = |why: String| Failure::usage(format!("{} is no manifest", path.display())).why(why);
        let bytes = std::fs::read(path).map_err(|error| fail(error.to_string()))?;
        return evento_conformance::read_manifest(&bytes).map(Some).map_err(fail);
    }
    Ok(set.map(|set| given::from_resources(set, spec)))
}
