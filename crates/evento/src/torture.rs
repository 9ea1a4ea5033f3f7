//! `evento torture`: this same program under load and faults on a scratch directory, and the verdict on what it
//! told and kept.
//!
//! Reading order: this file (what is run), `arena` (one data directory under load), `nemesis` (the faults),
//! `client` and `reader` (who writes the history), `judge`, `report`. The server is a process of its own and is
//! killed, paused, and cut off from its disk for real. Every file but those under test lies outside of their disk.

mod arena;
mod bank;
mod client;
mod disks;
mod domain;
mod gate;
mod http;
pub(crate) mod judge;
mod nemesis;
mod reader;
mod recorder;
mod report;
mod server;

use std::path::{Path, PathBuf};

use evento_engine::Chance;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use arena::{Arena, Outcome};
use disks::{Disk, Kind};
use nemesis::Fault;
use report::{Report, Row};

pub use bank::serve as serve_function;
pub(crate) use report::{Rules, last_line};

/// MiB of a file system for power cuts: commit segments, the reserve, topics and states, and room to grow.
const CUT_DISK: u64 = 1_024;
/// MiB of a file system that is filled. Where files are not small, no smaller one can be opened: see `EmbeddedConfig`.
const FULL_DISK: u64 = if evento_log::failpoint::ARMABLE { 64 } else { 448 };
/// Power cuts in which a planted bug must be found.
const PLANTED_CUTS: usize = 5;

/// Kill, pause, cut off and fill a server under load, and judge what it told and kept
#[derive(clap::Args, Debug, Clone)]
#[command(after_help = "Starts this same program on a scratch directory; nothing that runs already is touched.\n\
                        Power cuts and full disks mount loop files: they need root, e2fsprogs and xfsprogs.\n\
                        Without any number it makes 20 kills. Ends with 9 when a rule is broken.")]
pub struct Args {
    /// SIGKILL of the server, a third of them at named points where this build has them
    #[arg(long, value_name = "N")]
    pub kills: Option<u64>,
    /// Make every kill at one of these named points, in turn
    #[arg(long, value_name = "POINT", value_delimiter = ',', requires = "kills")]
    pub at: Vec<String>,
    /// Stop the server for up to 300 ms (SIGSTOP, SIGCONT)
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub stops: u64,
    /// SIGKILL of the function
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub function_kills: u64,
    /// Jump the wall clock by up to ten years, both ways; needs libfaketime
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub clock: u64,
    /// Cut a file system off from its disk, half of them ext4, half XFS
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub power_cuts: u64,
    /// Fill a file system to the last byte, some of them with a kill and a start while it is full
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub disk_full: u64,
    /// Rounds without any fault: what must hold always must hold in peace, too
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub calm: u64,
    /// Plant a bug (a sync that is none) and cut the power: the run passes when the judge finds it
    #[arg(long, conflicts_with_all = ["kills", "stops", "function_kills", "clock", "power_cuts", "disk_full", "calm"])]
    pub planted: bool,
    /// Clients that send at the same time
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub clients: u64,
    /// Faults between two verdicts; there is one at the end anyway
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub judge_every: u64,
    /// Seed of every choice the harness makes
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Folder for the scratch directory
    #[arg(long, value_name = "DIR")]
    pub scratch: Option<PathBuf>,
    /// Keep the scratch directory
    #[arg(long)]
    pub keep: bool,
    /// What cannot be done here is a failure
    #[arg(long)]
    pub no_skip: bool,
}

impl Args {
    /// Most of each fault in one run.
    const MOST: u64 = 100_000;

    fn kills(&self) -> u64 {
        let others = self.stops + self.function_kills + self.clock + self.power_cuts + self.disk_full + self.calm;
        self.kills.unwrap_or(if others == 0 { 20 } else { 0 })
    }

    fn check(&self) -> Result<(), Failure> {
        let numbers =
            [self.kills(), self.stops, self.function_kills, self.clock, self.power_cuts, self.disk_full, self.calm];
        if numbers.iter().any(|number| *number > Self::MOST) {
            return Err(Failure::usage(format!("at most {} of each fault are made in one run", Self::MOST)));
        }
        let unknown = self.at.iter().find(|name| !nemesis::points().contains(&name.as_str()));
        if let Some(name) = unknown {
            let known = nemesis::points().join(", ");
            return Err(Failure::usage(format!("{name:?} is no named point of this build; it has: {known}")));
        }
        if !(1..=256).contains(&self.clients) || self.judge_every == 0 {
            return Err(Failure::usage("--clients is from 1 to 256, --judge-every from 1 on"));
        }
        Ok(())
    }

    /// The command that repeats the run.
    fn command(&self) -> String {
        let mut text = format!("evento torture --seed {}", self.seed);
        for (flag, number) in [
            ("kills", self.kills()),
            ("stops", self.stops),
            ("function-kills", self.function_kills),
            ("clock", self.clock),
            ("power-cuts", self.power_cuts),
            ("disk-full", self.disk_full),
            ("calm", self.calm),
        ] {
            if number > 0 {
                text.push_str(&format!(" --{flag} {number}"));
            }
        }
        if !self.at.is_empty() {
            text.push_str(&format!(" --at {}", self.at.join(",")));
        }
        text
    }
}

/// Runs and prints the verdict.
pub fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    args.check()?;
    if args.planted {
        return planted(context, &args);
    }
    let scratch = scratch(args.scratch.as_deref())?;
    let folder = scratch.path().to_owned();
    let mut report = Report::new(&args, &folder);
    let mut chance = Chance::new(args.seed);
    context.output.note(format!("{}; scratch directory {}", args.command(), folder.display()));
    on_the_plain_disk(context, &args, &folder, &mut chance, &mut report);
    for (kind, cuts) in [(Kind::Ext4, args.power_cuts.div_ceil(2)), (Kind::Xfs, args.power_cuts / 2)] {
        if cuts > 0 {
            let faults = vec![Fault::PowerCut; cuts as usize];
            on_a_disk(context, &args, &folder, (kind, CUT_DISK), faults, &mut report);
        }
    }
    if args.disk_full > 0 {
        let faults = (0..args.disk_full).map(|n| Fault::DiskFull { restart: n % 3 == 2 }).collect();
        on_a_disk(context, &args, &folder, (Kind::Ext4, FULL_DISK), faults, &mut report);
    }
    let failed = report.failed();
    if args.keep || failed {
        report.kept = Some(scratch.keep());
    }
    report.print(&context.output, &args)?;
    Ok(if failed { Exit::Differs } else { Exit::Done })
}

/// Cuts the power of a server whose commit log is never synced. Found is whatever keeps the run from passing.
fn planted(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let missing = if nemesis::points().is_empty() { Some("this build has no named points".to_owned()) } else { None };
    if let Some(why) = missing.or_else(|| disks::missing(&[Kind::Ext4])) {
        context.output.text(&format!("{}\n", last_line(0, 0, &[format!("P1: {why}")])))?;
        return Ok(if args.no_skip { Exit::Differs } else { Exit::Done });
    }
    let scratch = scratch(args.scratch.as_deref())?;
    let run = |environment| {
        let disk = Disk::make(scratch.path(), Kind::Ext4, CUT_DISK)?;
        let (faults, data) = (vec![Fault::PowerCut; PLANTED_CUTS], disk.mounted.join("data"));
        let plan = Plan { name: "planted", data, faults: &faults, disk: Some(&disk), faketime: None, environment };
        tortured(context, args, scratch.path(), plan)
    };
    let found = |outcome: Result<Outcome, String>| match outcome {
        Err(why) => Some(why),
        Ok(outcome) => {
            let violation = outcome.verdict.as_ref().and_then(|verdict| verdict.first());
            let told = violation.map(|violation| format!("{}: {}", violation.rule, violation.message));
            told.or_else(|| (!outcome.complaints.is_empty()).then(|| outcome.complaints.join("; ")))
        }
    };
    let (without, with) = (found(run(Vec::new())), found(run(nemesis::planted())));
    let line = |name: &str, said: &Option<String>| format!("{name}: {}\n", said.as_deref().unwrap_or("nothing found"));
    let passed = usize::from(without.is_none()) + usize::from(with.is_some());
    let mut text = line("no bug", &without) + &line("P1, acknowledged before it is synced", &with);
    text.push_str(&format!("{}\n", last_line(passed, 2 - passed, &[])));
    context.output.text(&text)?;
    Ok(if passed == 2 { Exit::Done } else { Exit::Differs })
}

fn scratch(folder: Option<&Path>) -> Result<tempfile::TempDir, Failure> {
    let made = match folder {
        Some(folder) => std::fs::create_dir_all(folder)
            .and_then(|()| tempfile::Builder::new().prefix("evento-torture-").tempdir_in(folder)),
        None => tempfile::Builder::new().prefix("evento-torture-").tempdir(),
    };
    made.map_err(|error| Failure::plain(Exit::Failed, format!("the scratch directory: {error}")))
}

/// Kills, stops, function kills and clock jumps, mixed, on one data directory.
fn on_the_plain_disk(context: &Context, args: &Args, scratch: &Path, chance: &mut Chance, report: &mut Report) {
    let library = nemesis::faketime();
    let clock = if args.clock > 0 && library.is_none() {
        report.skip(args.clock, "clock", "libfaketime is not installed");
        0
    } else {
        args.clock
    };
    let chosen = |point: &&&str| args.at.is_empty() || args.at.iter().any(|name| name == *point);
    let points: Vec<&'static str> = nemesis::points().iter().filter(chosen).copied().collect();
    if args.kills() > 0 && points.is_empty() {
        report.skip(0, "named points", "this build has none; kills are at random moments");
    }
    let every = if args.at.is_empty() { 3 } else { 1 };
    let kill = |n: u64| match points.get((n / every) as usize % points.len().max(1)) {
        Some(point) if n.is_multiple_of(3) || !args.at.is_empty() => Fault::KillAt(point),
        _ => Fault::Kill,
    };
    let mut faults: Vec<Fault> = (0..args.kills()).map(kill).collect();
    faults.extend((0..args.stops).map(|_| Fault::Stop));
    faults.extend((0..args.function_kills).map(|_| Fault::FunctionKill));
    faults.extend((0..clock).map(|_| Fault::Clock));
    faults.extend((0..args.calm).map(|_| Fault::Calm));
    if faults.is_empty() {
        return;
    }
    for n in (1..faults.len()).rev() {
        faults.swap(n, chance.up_to(n as u64) as usize);
    }
    let library = library.filter(|_| clock > 0);
    let (data, faketime) = (scratch.join("data"), library.as_deref());
    let plan = Plan { name: "plain", data, faults: &faults, disk: None, faketime, environment: Vec::new() };
    let outcome = tortured(context, args, scratch, plan);
    report.add(Row::new("plain", &faults), outcome);
}

/// Faults on a file system of its own.
fn on_a_disk(
    context: &Context,
    args: &Args,
    scratch: &Path,
    (kind, mebibytes): (Kind, u64),
    faults: Vec<Fault>,
    report: &mut Report,
) {
    let what = if matches!(faults.first(), Some(Fault::PowerCut)) { "power cuts" } else { "full disks" };
    if let Some(why) = disks::missing(&[kind]) {
        return report.skip(faults.len() as u64, &format!("{what} on {}", kind.name()), &why);
    }
    let disk = match Disk::make(scratch, kind, mebibytes) {
        Ok(disk) => disk,
        Err(why) => return report.skip(faults.len() as u64, &format!("{what} on {}", kind.name()), &why),
    };
    let name = format!("{}-{mebibytes}", kind.name());
    let data = disk.mounted.join("data");
    let plan = Plan { name: &name, data, faults: &faults, disk: Some(&disk), faketime: None, environment: Vec::new() };
    let outcome = tortured(context, args, scratch, plan);
    if args.keep || outcome.as_ref().map_or(true, Outcome::failed) {
        // The file system goes away with this function; what was on it is what a person wants to look at.
        disk.keep("data", &scratch.join(format!("data-{name}")));
    }
    report.add(Row::new(kind.name(), &faults), outcome);
}

/// One data directory and what is to happen to it.
struct Plan<'a> {
    name: &'a str,
    data: PathBuf,
    faults: &'a [Fault],
    disk: Option<&'a Disk>,
    faketime: Option<&'a Path>,
    environment: Vec<(String, String)>,
}

/// One data directory through a list of faults.
fn tortured(context: &Context, args: &Args, scratch: &Path, plan: Plan<'_>) -> Result<Outcome, String> {
    let Plan { name, data, faults, disk, faketime, environment } = plan;
    let mut chance = Chance::new(args.seed ^ name.bytes().fold(0u64, |sum, byte| sum.rotate_left(5) ^ u64::from(byte)));
    let mut arena = Arena::begin(scratch, name, data, args, environment)?;
    let nemesis = nemesis::Nemesis::new(scratch, disk, faketime);
    let mut went_wrong = None;
    for (n, fault) in faults.iter().enumerate() {
        let due = n > 0 && (n as u64).is_multiple_of(args.judge_every);
        let judged = if due { arena.judge_now() } else { Ok(()) };
        if let Err(why) = judged.and_then(|()| nemesis.strike(&mut arena, fault, &mut chance)) {
            went_wrong = Some(format!("fault {} ({fault}): {why}", n + 1));
            break;
        }
        if (n + 1) % 20 == 0 {
            context.output.note(format!("{name}: {} of {} faults", n + 1, faults.len()));
        }
    }
    Ok(arena.end(went_wrong))
}
