//! `cargo xtask sim`: runs seeds, prints what failed with a run made small, and what situations were met.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::ExitCode;

use evento_testkit::sim::campaign::{Campaign, run_all, run_caught};
use evento_testkit::sim::plan::{Plan, TROUBLES, Trouble};
use evento_testkit::sim::planted::{BUGS, Bug, Reach};
use evento_testkit::sim::shrink::shrink;

/// Lines of a trace that are printed.
const TRACE_LINES: usize = 120;
/// Seeds tried for a planted bug.
const PLANTED_SEEDS: u64 = 3_000;

/// What was asked for.
struct Options {
    seeds: u64,
    first: u64,
    jobs: usize,
    sends: Option<u64>,
    clients: Option<u64>,
    without: Option<BTreeSet<Trouble>>,
    planted: Option<Vec<u8>>,
    trace: bool,
}

const USAGE: &str = "usage: cargo xtask sim [--seeds N] [--first SEED] [--jobs N] [--planted [P01,P02,..]]
         [--sends N] [--clients N] [--without none|TROUBLE,..] [--trace]";

fn main() -> ExitCode {
    // A panic is caught and told as a violation of its seed.
    std::panic::set_hook(Box::new(|_| {}));
    let options = match read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let well = match &options.planted {
        Some(wanted) => planted(&options, wanted),
        None if options.trace => traced(&options),
        None => seeds(&options),
    };
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn read(words: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        seeds: 1_000,
        first: 1,
        jobs: 2,
        sends: None,
        clients: None,
        without: None,
        planted: None,
        trace: false,
    };
    let mut words = words.peekable();
    while let Some(word) = words.next() {
        let mut number = || -> Result<u64, String> {
            let value = words.next().ok_or_else(|| format!("{word} wants a number"))?;
            value.parse().map_err(|_| format!("{value:?} is no number"))
        };
        match word.as_str() {
            "--seeds" => options.seeds = number()?,
            "--first" => options.first = number()?,
            "--jobs" => options.jobs = number()? as usize,
            "--sends" => options.sends = Some(number()?),
            "--clients" => options.clients = Some(number()?),
            "--without" => options.without = Some(troubles(&words.next().unwrap_or_default())?),
            "--trace" => options.trace = true,
            "--planted" => {
                let list = words.next_if(|word| !word.starts_with("--")).unwrap_or_default();
                options.planted = Some(bugs(&list)?);
            }
            _ => return Err(format!("{word:?} is not known")),
        }
    }
    Ok(options)
}

fn troubles(list: &str) -> Result<BTreeSet<Trouble>, String> {
    let words = list.split(',').filter(|word| !word.is_empty() && *word != "none");
    let found = |word: &str| TROUBLES.iter().find(|(_, known)| *known == word).map(|(trouble, _)| *trouble);
    words.map(|word| found(word).ok_or_else(|| format!("{word:?} is no trouble"))).collect()
}

fn bugs(list: &str) -> Result<Vec<u8>, String> {
    let words = list.split(',').filter(|word| !word.is_empty());
    words.map(|word| word.trim_start_matches(['P', 'p']).parse().map_err(|_| format!("{word:?} is no bug"))).collect()
}

impl Options {
    fn plan(&self, seed: u64) -> Plan {
        let mut plan = Plan::of(seed);
        plan.sends = self.sends.unwrap_or(plan.sends);
        plan.clients = self.clients.unwrap_or(plan.clients);
        plan.without = self.without.clone().unwrap_or(plan.without);
        plan
    }

    fn range(&self) -> std::ops::Range<u64> {
        self.first..self.first + self.seeds
    }
}

/// One run with everything it did.
fn traced(options: &Options) -> bool {
    let outcome = run_caught(&options.plan(options.first), true);
    outcome.trace.iter().for_each(|line| println!("{line}"));
    println!("digest {:016x}, {:?}", outcome.digest, outcome.broken);
    outcome.broken.is_none()
}

/// Ordinary runs: none may fail, and every situation is met often enough.
fn seeds(options: &Options) -> bool {
    let every = (options.seeds / 20).max(1);
    let progress = |all: &Campaign, failure: Option<&str>| {
        // At once: a long campaign may be stopped before its end.
        if let Some(failure) = failure {
            eprint!("\r");
            println!("{failure}");
        }
        let runs = all.passed + all.failures;
        if runs.is_multiple_of(every) {
            let rate = runs as f64 / all.seconds * 3_600.0;
            eprint!("\r{runs} of {} seeds, {} failed, {rate:.0} seeds an hour ", options.seeds, all.failures);
            let _ = std::io::stderr().flush();
        }
    };
    let all = run_all(|seed| options.plan(seed), options.range(), options.jobs, false, progress);
    eprintln!();
    if let Some(outcome) = all.failed.first() {
        tell(outcome);
    }
    let mut short = 0;
    println!("\n{:<48} {:>9} {:>9}", "situation", "met", "wanted");
    for (name, met, wanted) in all.figures() {
        short += usize::from(met < wanted);
        println!("{name:<48} {met:>9} {wanted:>9}{}", if met < wanted { "  too few" } else { "" });
    }
    let rate = options.seeds as f64 / all.seconds * 3_600.0;
    println!("\n{} sends, {} starts, {:.1} s, {rate:.0} seeds an hour", all.sends, all.lives, all.seconds);
    println!("{} passed, {} failed", all.passed, all.failures);
    all.failures == 0 && short == 0
}

/// What failed, made small, and how to see it again.
fn tell(outcome: &evento_testkit::sim::Outcome) {
    let small = shrink(outcome);
    // What readers saw is long, and seldom the reason.
    let told: Vec<&String> = small.trace.iter().filter(|line| !line.contains(r#""e":"seen""#)).collect();
    let from = told.len().saturating_sub(TRACE_LINES);
    println!("\nthe smallest run that fails so (the last {} lines of it):", told.len() - from);
    told[from..].iter().for_each(|line| println!("{line}"));
    if let Some(broken) = &small.broken {
        println!("\n{}: {}", broken.rule, broken.message);
    }
    println!("again: cargo xtask sim --trace {}", small.plan.words());
}

/// Each planted bug must be found by a rule.
fn planted(options: &Options, wanted: &[u8]) -> bool {
    let seeds = options.first..options.first + PLANTED_SEEDS;
    let (mut found, mut missed) = (0, 0);
    println!("{:<4} {:<58} {:<7} {:>6} {:>6}", "bug", "what it is", "rule", "seed", "seeds");
    for Bug { number, title, reach } in BUGS.iter().filter(|bug| wanted.is_empty() || wanted.contains(&bug.number)) {
        if let Reach::Elsewhere(why) = reach {
            println!("P{number:02}  {title:<58} {why}");
            continue;
        }
        evento_model::proving::plant(*number);
        let all = run_all(|seed| options.plan(seed), seeds.clone(), options.jobs, true, |_, _| {});
        evento_model::proving::plant(0);
        let runs = all.passed + all.failures;
        match all.failed.first().and_then(|outcome| Some((outcome.plan.seed, outcome.broken.as_ref()?))) {
            Some((seed, broken)) => {
                found += 1;
                println!("P{number:02}  {title:<58} {:<7} {seed:>6} {runs:>6}", broken.rule);
            }
            None => {
                missed += 1;
                println!("P{number:02}  {title:<58} missed         {runs:>6}");
            }
        }
    }
    println!("{found} passed, {missed} failed");
    missed == 0
}
