//! `evento conformance`: asks a function whether it keeps the rules of the function protocol.
//!
//! The rules are the crate's (`evento_conformance`); here a target is found and a report is shown.

mod given;
mod held;
mod module;
mod target;

use std::path::PathBuf;
use std::time::Duration;

use evento_conformance::{Given, Mode, Options, RULES, Report, Told};
use evento_schema::resource::{FunctionSpec, ResourceSet};

use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::files::read_paths;
use crate::output::form::Form;
use target::Found;

/// What is asked, and whom.
#[derive(clap::Args)]
#[command(after_help = "evento conformance http://127.0.0.1:8090 -f resources\n\
                        evento conformance accounts -f resources\n\
                        evento conformance --sdk -- node probe.js\n\
                        evento conformance image:accounts:1\n\
                        evento conformance accounts.wasm\n\
                        \n\
                        S11 and S13 to S15 need a process of their own: a command, or a Function with one.\n\
                        A module has no HTTP: F06, F10, S06 and S11 to S14 are not asked of it.")]
pub struct Args {
    /// An address (http://host:port, unix:/path), a Function resource, an image (image:NAME), or a .wasm file
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
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| Failure::plain(Exit::Failed, error.to_string()))?;
    let Found { target, spec, held } = runtime.block_on(target::find(context, &args, set.as_ref()))?;
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
    let mut gone = None;
    let asked = runtime.block_on(evento_conformance::run(&options, &mut |told| {
        if let Err(failure) = tell(context, told) {
            gone.get_or_insert(failure);
        }
    }));
    runtime.block_on(held.end());
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

/// What a function without discovery would say: a file, or its resources.
fn given(args: &Args, set: Option<&ResourceSet>, spec: Option<&FunctionSpec>) -> Result<Option<Given>, Failure> {
    if let Some(path) = &args.manifest {
        let fail = |why: String| Failure::usage(format!("{} is no manifest", path.display())).why(why);
        let bytes = std::fs::read(path).map_err(|error| fail(error.to_string()))?;
        return evento_conformance::read_manifest(&bytes).map(Some).map_err(fail);
    }
    Ok(set.map(|set| given::from_resources(set, spec)))
}
