//! `evento check`: judges a data directory that nobody uses, against a history if there is one.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use evento_check::Line;
use serde_json::json;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::torture::judge::judge_folder;
use crate::torture::{Rules, last_line};

/// Longest line of a history, in bytes.
const LINE_BYTES_MAX: usize = 1 << 20;

/// Judge a data directory against a history of what clients were told
#[derive(clap::Args, Debug, Clone)]
#[command(
    after_help = "Without a history the log is judged by itself. The directory is opened as by a start, and must not be in use.\n\
                        The first violation is written to violation.json. Ends with 9 when a rule is broken."
)]
pub struct Args {
    /// The history: one JSON object a line, as evento torture writes it
    pub history: Option<PathBuf>,
    /// The data directory of an Evento that does not run
    #[arg(long, value_name = "DIR")]
    pub log: PathBuf,
    /// Where the first violation is written
    #[arg(long, value_name = "FILE", default_value = "violation.json")]
    pub violation: PathBuf,
}

/// Judges and prints the verdict.
pub fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    if !args.log.join("format").exists() {
        return Err(Failure::usage(format!("{} is no data directory", args.log.display())).next("name it with --log"));
    }
    let history = args.history.as_deref().map_or(Ok(Vec::new()), read)?;
    let verdict = judge_folder(&args.log, &history, false)?;
    let mut rules = Rules::default();
    rules.add(&verdict);
    let (passed, failed, skipped) = rules.counts();
    let summary = verdict.summary;
    if let Some(violation) = verdict.first() {
        std::fs::write(&args.violation, format!("{:#}\n", violation.document()))
            .map_err(|error| Failure::plain(Exit::Failed, format!("{}: {error}", args.violation.display())))?;
    }
    if context.output.for_people() {
        let mut text = format!(
            "{} instances, {} commands, {} events; {} lines of history\n{}",
            summary.instances,
            summary.commands,
            summary.events,
            summary.lines,
            rules.text()
        );
        if let Some(violation) = verdict.first() {
            text.push_str(&format!("\n{violation}violation {}\n", args.violation.display()));
        }
        text.push_str(&format!("{}\n", last_line(passed, failed, &skipped)));
        context.output.text(&text)?;
    } else {
        context.output.document(&json!({
            "instances": summary.instances, "commands": summary.commands, "events": summary.events,
            "lines": summary.lines, "acknowledged": summary.acknowledged, "done": summary.done,
            "unknown": summary.unknown, "waiting": summary.waiting, "parked": summary.parked,
            "rules": rules.value(), "passed": passed, "failed": failed, "skipped": skipped,
            "violation": verdict.first().map(evento_check::Violation::document),
        }))?;
    }
    Ok(if failed == 0 { Exit::Done } else { Exit::Differs })
}

fn read(path: &Path) -> Result<Vec<Line>, Failure> {
    let told = |error: std::io::Error| Failure::usage(format!("{}: {error}", path.display()));
    let mut reader = BufReader::new(std::fs::File::open(path).map_err(told)?);
    let (mut lines, mut text) = (Vec::new(), Vec::new());
    loop {
        text.clear();
        let read =
            std::io::Read::take(&mut reader, LINE_BYTES_MAX as u64).read_until(b'\n', &mut text).map_err(told)?;
        if read == 0 {
            return Ok(lines);
        }
        let number = lines.len() + 1;
        let wrong = |why: String| Failure::usage(format!("{} line {number}: {why}", path.display()));
        let line = std::str::from_utf8(&text).map_err(|error| wrong(error.to_string()))?;
        lines.push(Line::parse(line.trim_end()).map_err(wrong)?);
    }
}
