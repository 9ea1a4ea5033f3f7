//! The `evento` program: one match from verb to function.

use std::process::ExitCode;

use evento::cli::exit::Exit;
use evento::cli::failure::Failure;
use evento::cli::{self, Verb};
use evento::{bench, check, node, torture};

/// Threads that hand memory to each other do not wait for each other.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = match cli::parse() {
        Ok(cli) => cli,
        Err(exit) => return exit,
    };
    cli::finish(&cli.global, |context| match cli.verb {
        Verb::Init(args) => cli::init::run(context, args),
        Verb::Gen(args) => cli::r#gen::run(context, args),
        Verb::Dev(args) => node::dev(context, args),
        Verb::Serve(args) => node::serve(context, args),
        Verb::Verify(args) => node::verify(context, args),
        Verb::Backup(args) => cli::backup::backup(context, &args),
        Verb::Restore(args) => cli::backup::restore(context, &args),
        Verb::Check(args) => check::run(context, args),
        Verb::Torture(args) => torture::run(context, args),
        Verb::TortureFunction => torture::serve_function(),
        Verb::Bench(args) => bench::run(context, args).map(|()| Exit::Done).map_err(Failure::from),
        Verb::Apply(args) => cli::apply::run(context, args),
        Verb::Diff(args) => cli::apply::diff(context, args),
        Verb::Render(args) => cli::apply::render(context, args),
        Verb::Get(args) => cli::get::run(context, args),
        Verb::Describe(args) => cli::get::describe(context, args),
        Verb::Delete(args) => cli::delete::run(context, args),
        Verb::Send(args) => cli::send::run(context, args),
        Verb::State(args) => cli::state::run(context, args),
        Verb::History(args) => cli::history::run(context, args),
        Verb::Tail(args) => cli::tail::run(context, args),
        Verb::Command(verb) => cli::command::run(context, verb),
        Verb::Function(verb) => cli::function::run(context, verb),
        Verb::Group(verb) => cli::group::run(context, verb),
        Verb::Topic(verb) => cli::topic::run(context, verb),
        Verb::Schema(verb) => cli::schema::run(context, verb),
        Verb::Conformance(args) => cli::conformance::run(context, args),
        Verb::Explain(args) => cli::explain::run(context, args),
        Verb::Config(verb) => cli::config::run(context, verb),
        Verb::Completion(args) => cli::completion::run(context, args),
        Verb::Version => cli::version::run(context),
    })
}
