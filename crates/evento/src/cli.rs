//! The command line: one verb tree, one function per verb.
//!
//! Verbs only read arguments, ask the client and print. What a verb needs from its surroundings (settings,
//! client, output) is one [`context::Context`].

pub mod apply;
pub mod backup;
pub mod command;
pub mod completion;
pub mod config;
pub mod conformance;
pub mod context;
pub mod delete;
pub mod exit;
pub mod explain;
pub mod failure;
pub mod files;
pub mod function;
pub mod r#gen;
pub mod get;
pub mod group;
pub mod history;
pub mod init;
pub mod node;
pub mod outcome;
pub mod payload;
pub mod schema;
pub mod send;
pub mod state;
pub mod tail;
pub mod target;
pub mod topic;
pub mod version;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::output::form::Form;
use crate::output::problem::render;
use crate::output::style::Colour;
use crate::output::time::TimeFormat;
use context::Context;
use exit::Exit;
use failure::Failure;

/// The platform for event sourcing: commands in, two pure functions per entity, durable events out.
#[derive(Parser)]
#[command(name = "evento", version, disable_help_subcommand = true, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
    /// What every verb takes.
    #[command(flatten)]
    pub global: Global,
}

/// Options of every verb.
#[derive(clap::Args, Debug, Clone)]
pub struct Global {
    /// The Evento to speak with [env: EVENTO_ADDRESS] [default: the one at http.listen]
    #[arg(long, global = true, value_name = "URL", help_heading = "Every verb")]
    pub address: Option<String>,
    /// A named Evento of the user's configuration file [env: EVENTO_CONTEXT]
    #[arg(long, global = true, value_name = "NAME", help_heading = "Every verb")]
    pub context: Option<String>,
    /// The form of data on stdout
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        default_value = "table",
        value_name = "FORM",
        help_heading = "Every verb"
    )]
    pub output: Form,
    /// How times look in tables
    #[arg(long, global = true, value_enum, default_value = "human", value_name = "HOW", help_heading = "Every verb")]
    pub time_format: TimeFormat,
    /// Colours
    #[arg(long, global = true, value_enum, default_value = "auto", value_name = "WHEN", help_heading = "Every verb")]
    pub color: Colour,
    /// Errors only
    #[arg(short, long, global = true, help_heading = "Every verb")]
    pub quiet: bool,
    /// Notes; twice for HTTP requests
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Every verb")]
    pub verbose: u8,
}

/// The verbs.
#[derive(Subcommand)]
pub enum Verb {
    /// Make a project that runs
    Init(init::Args),
    /// Make typed code of the schemas: types, codecs, and the interface a function implements
    Gen(r#gen::Args),
    /// Run Evento with the functions of this folder, and watch them
    Dev(node::DevArgs),
    /// Run Evento for good
    Serve(node::ServeArgs),
    /// Replay events and compare with the stored states
    Verify(node::VerifyArgs),
    /// Write everything up to one commit into an archive, while Evento runs
    Backup(backup::BackupArgs),
    /// Make a data directory from an archive
    Restore(backup::RestoreArgs),
    /// Judge a data directory against a history of what clients were told
    Check(crate::check::Args),
    /// Kill, pause, cut off and fill a server under load, and judge what it told and kept
    Torture(crate::torture::Args),
    /// Serve the function of evento torture
    #[command(hide = true)]
    TortureFunction,
    /// Measure speed and weight, and check that nothing acknowledged is missing
    Bench(crate::bench::Args),
    /// Register resources: a set of files, all or nothing
    Apply(apply::Args),
    /// Show what apply would change
    Diff(apply::DiffArgs),
    /// Print the documents with every named file in its place
    Render(apply::RenderArgs),
    /// List resources, or show one
    Get(get::Args),
    /// Show a resource with its status
    Describe(get::DescribeArgs),
    /// Delete resources
    Delete(delete::Args),
    /// Send a command to an instance and tell its outcome
    Send(send::Args),
    /// Show the state of an instance: now, at a version, at a time
    State(state::Args),
    /// List the events of an instance
    History(history::Args),
    /// Follow events as they happen
    Tail(tail::Args),
    /// Look after commands: list, get, retry, park, abandon
    #[command(subcommand, visible_alias = "cmd")]
    Command(command::Verb),
    /// Look after functions: list, describe, logs, invoke
    #[command(subcommand, visible_alias = "fn")]
    Function(function::Verb),
    /// Look at the consumer groups of Kafka clients: list, describe
    #[command(subcommand)]
    Group(group::Verb),
    /// Look at the topics that Kafka clients see: list, describe, refused
    #[command(subcommand)]
    Topic(topic::Verb),
    /// Check schemas without a server, or print the schema of a function's input
    #[command(subcommand)]
    Schema(schema::Verb),
    /// Ask a function whether it keeps the rules of the function protocol
    Conformance(conformance::Args),
    /// Explain an error code
    Explain(explain::Args),
    /// Show configuration and contexts
    #[command(subcommand)]
    Config(config::Verb),
    /// Write a completion script
    Completion(completion::Args),
    /// Show the versions of this program and of the server
    Version,
}

/// Reads the command line. Wrong usage, help and version print by themselves and end with the code given.
pub fn parse() -> Result<Cli, ExitCode> {
    completion::answer();
    let matches = Cli::command().after_help(after_help()).try_get_matches().map_err(|error| {
        // Nothing can be done when the terminal is gone.
        let _ = error.print();
        ExitCode::from(if error.use_stderr() { Exit::Usage.code() } else { Exit::Done.code() })
    })?;
    Cli::from_arg_matches(&matches).map_err(|error| {
        let _ = error.print();
        Exit::Usage.into()
    })
}

/// Builds the context, runs the verb, shows a failure, and gives the exit code.
pub fn finish(global: &Global, run: impl FnOnce(&Context) -> Result<Exit, Failure>) -> ExitCode {
    let context = Context::new(global);
    let result = run(&context);
    let failure = match result {
        Ok(exit) => return exit.into(),
        Err(failure) if failure.silent => return failure.exit.into(),
        Err(failure) => failure,
    };
    let output = &context.output;
    eprint!("{}", render(&failure, output.error_style, &|file| std::fs::read_to_string(file).ok()));
    if matches!(output.form, Form::Json | Form::Jsonl | Form::Yaml) {
        // The reader is told on stderr already; when stdout is gone there is nobody else to tell.
        let _ = output.document(&failure.to_problem());
    }
    failure.exit.into()
}

fn after_help() -> String {
    let mut text = String::from("Exit codes:\n");
    for (exit, meaning) in exit::TABLE {
        text.push_str(&format!("  {:>3}  {meaning}\n", exit.code()));
    }
    text.push_str("\nErrors carry a code: evento explain EV1001");
    text
}
