//! `evento apply`, `diff` and `render`: a set of files as one request, all or nothing.

use std::io::IsTerminal;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use serde_json::{Value, json};

use super::context::Context;
use super::exit::Exit;
use super::failure::{Failure, Violation};
use super::files::{Files, Sources};
use crate::client::{Client, Request};
use crate::output::problem;
use crate::output::progress::Progress;
use crate::output::style::Style;
use crate::output::yaml::to_yaml;
use crate::output::{Output, change};

/// Longest that starting and checking of functions may take.
const ROLL_OUT_MAX: Duration = Duration::from_mins(30);
/// How often the replay is looked at on a terminal.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Register resources: a set of files, all or nothing
#[derive(clap::Args)]
#[command(after_help = "evento apply -f resources\nevento apply -f - < account.yaml")]
pub struct Args {
    #[command(flatten)]
    files: Files,
    /// Check everything, also start and check functions, but change nothing
    #[arg(long)]
    dry_run: bool,
    /// false returns after the static checks, before functions are rolled out
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    wait: bool,
}

/// Show what apply would change: exit code 0 for nothing, 9 for differences
#[derive(clap::Args)]
pub struct DiffArgs {
    #[command(flatten)]
    files: Files,
}

/// Print the documents with every named file in its place, for kubectl
#[derive(clap::Args)]
#[command(after_help = "evento render -f resources | kubectl apply -f -")]
pub struct RenderArgs {
    #[command(flatten)]
    files: Files,
}

/// Applies.
pub fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let sources = args.files.read()?;
    let mut body = sources.to_json();
    body["dryRun"] = json!(args.dry_run);
    body["wait"] = json!(args.wait);
    let output = &context.output;
    let client = context.client()?;
    let document = while_replaying(client, output.quiet, || post(context, "/v1/apply", &body, &sources))?;
    if output.for_people() {
        output.text(&change::text(&document, output.style))?;
        warn(output, &document);
        if let Some(rollout) = document["rollout"].as_str() {
            output.note(format!("the roll-out goes on as {rollout}; evento function list shows it"));
        }
        if args.dry_run {
            output.note("dry run: nothing was changed");
        }
    } else {
        output.document(&document)?;
    }
    Ok(Exit::Done)
}

/// Shows differences.
pub fn diff(context: &Context, args: DiffArgs) -> Result<Exit, Failure> {
    let sources = args.files.read()?;
    let document = post(context, "/v1/diff", &sources.to_json(), &sources)?;
    let output = &context.output;
    if output.for_people() {
        output.text(&change::text(&document, output.style))?;
        warn(output, &document);
    } else {
        output.document(&document)?;
    }
    Ok(if change::differs(&document) { Exit::Differs } else { Exit::Done })
}

/// Prints self-contained documents. Works without a server.
pub fn render(context: &Context, args: RenderArgs) -> Result<Exit, Failure> {
    let set = args.files.read()?.parse()?;
    let documents = set.resources.iter().map(|resource| &resource.document);
    if context.output.for_people() || context.output.form == crate::output::form::Form::Yaml {
        let text: Vec<String> = documents.map(to_yaml).collect();
        context.output.text(&text.join("---\n"))?;
    } else {
        context.output.document(&json!({"items": documents.collect::<Vec<_>>()}))?;
    }
    Ok(Exit::Done)
}

/// Does the work, and shows meanwhile how far the server's replay of history is.
pub(super) fn while_replaying<T>(client: &Client, quiet: bool, work: impl FnOnce() -> T) -> T {
    let (working, ended) = mpsc::channel::<()>();
    let every = if std::io::stderr().is_terminal() { LOOK_EVERY } else { Progress::PLAIN_EVERY };
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut progress: Option<Progress> = None;
            while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                // Whatever the answer is: the work itself tells what goes wrong.
                let Ok(document) = client.get("/v1/functions") else { continue };
                let replays = || document["items"].as_array().into_iter().flatten().map(|item| &item["replaying"]);
                let sum = |key: &str| replays().filter_map(|replay| replay[key].as_u64()).sum::<u64>();
                if replays().any(Value::is_object) {
                    let begin = || Progress::new("replay check", "events", sum("total"), quiet);
                    progress.get_or_insert_with(begin).set(sum("done"));
                }
            }
        });
        let done = work();
        drop(working);
        done
    })
}

/// Sends the set and explains a refusal: how many were wrong, how many fine.
fn post(context: &Context, path: &str, body: &Value, sources: &Sources) -> Result<Value, Failure> {
    let request = Request::post(path, body).wait(ROLL_OUT_MAX);
    let answer = context.client()?.send(request).map_err(|mut failure| {
        if !failure.violations.is_empty() {
            let fine = sources.fine_beside(&failure.violations).filter(|fine| *fine > 0);
            let fine =
                fine.map(|fine| format!(" ({fine} other resource{} fine)", if fine == 1 { " was" } else { "s were" }));
            failure.why = Some(format!("nothing was applied{}", fine.unwrap_or_default()));
        }
        failure
    })?;
    answer.json()
}

/// Shows the warnings of a change on stderr, as errors are shown.
pub fn warn(output: &Output, document: &Value) {
    if output.quiet {
        return;
    }
    for warning in document["warnings"].as_array().into_iter().flatten() {
        let mut warning = Violation::from_json(warning);
        warning.warning = true;
        eprint!("{}", problem::warning(&warning, output.error_style, &|file| std::fs::read_to_string(file).ok()));
    }
}

/// Renders findings that refuse nothing, for verbs that go on.
pub fn warnings_text(warnings: &[Violation], style: Style) -> String {
    warnings.iter().map(|w| problem::warning(w, style, &|file| std::fs::read_to_string(file).ok())).collect()
}
