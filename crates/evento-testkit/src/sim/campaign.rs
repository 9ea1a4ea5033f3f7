//! Many runs: several threads, one seed each at a time, and what they came to together.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;

use super::plan::Plan;
use super::verdict::{Outcome, run};
use super::world::Broken;

/// Situations that must be met, and how often in 5,000 runs (guarantees, section 7).
pub const FIGURES: &[(&str, u64)] = &[
    ("torn tail recovered", 100),
    ("crash between fsync and acknowledgement", 100),
    ("crash between function answer and commit", 100),
    ("duplicate command after a crash", 100),
    ("duplicate while the first is running", 100),
    ("same id with other content", 50),
    ("disk full in a commit", 10),
    ("disk full while preparing a segment", 10),
    ("disk full in a checkpoint", 10),
    ("fsync failed", 20),
    ("flipped byte in data later read", 100),
    ("outage longer than all attempts", 20),
    ("parked, then retried", 20),
    ("parked, then abandoned", 20),
    ("parked, then released by a new revision", 20),
    ("blocked instance across a restart", 20),
    ("late answer after the next attempt's", 50),
    ("several events, crash in their commit", 50),
    ("rejection followed by a consistent read", 100),
    ("wall clock jumped back in a back-off", 20),
    ("crash while starting", 100),
    ("crash in a checkpoint", 20),
    ("second process refused", 100),
    ("went on after a full disk", 10),
    ("states rebuilt from the events", 20),
    ("precondition did not hold", 100),
    ("topic file rolled", 100),
    ("segment recycled", 100),
];

/// What many runs came to.
#[derive(Default)]
pub struct Campaign {
    /// Runs without a violation.
    pub passed: u64,
    /// Runs with one, the first few of them.
    pub failed: Vec<Outcome>,
    /// Runs with one.
    pub failures: u64,
    /// Situations.
    pub counts: BTreeMap<&'static str, u64>,
    /// Commands that were sent.
    pub sends: u64,
    /// Starts of the process.
    pub lives: u64,
    /// Seconds it took.
    pub seconds: f64,
}

/// Failed runs that are kept.
const KEPT: usize = 10;

/// Runs these plans in several threads; with `first_only` until one fails. After each run `progress` is told how
/// the campaign stands and, if the run failed, its line.
pub fn run_all(
    plans: impl Fn(u64) -> Plan + Sync,
    seeds: std::ops::Range<u64>,
    jobs: usize,
    first_only: bool,
    progress: impl Fn(&Campaign, Option<&str>) + Sync,
) -> Campaign {
    let (next, stop, began) = (AtomicU64::new(seeds.start), AtomicBool::new(false), Instant::now());
    let all = Mutex::new(Campaign::default());
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end || stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let outcome = run_caught(&plans(seed), false);
                    if first_only && outcome.broken.is_some() {
                        stop.store(true, Ordering::Relaxed);
                    }
                    let failure = outcome.failure();
                    let mut all = all.lock();
                    all.take(outcome);
                    all.seconds = began.elapsed().as_secs_f64();
                    progress(&all, failure.as_deref());
                }
            });
        }
    });
    all.into_inner()
}

impl Outcome {
    /// Which rule this seed broke, and how, in a line; none if it passed.
    fn failure(&self) -> Option<String> {
        let broken = self.broken.as_ref()?;
        // The judge's message begins with a line of its own about the rule.
        let message = broken.message.lines().nth(usize::from(broken.rule.starts_with('C'))).unwrap_or_default();
        Some(format!("seed {} fails {}: {message}", self.plan.seed, broken.rule))
    }
}

impl Campaign {
    fn take(&mut self, outcome: Outcome) {
        for (situation, count) in &outcome.counts {
            *self.counts.entry(situation).or_default() += count;
        }
        self.sends += outcome.sends;
        self.lives += outcome.lives;
        if outcome.broken.is_none() {
            self.passed += 1;
            return;
        }
        self.failures += 1;
        self.failed.push(outcome);
        self.failed.sort_by_key(|outcome| outcome.plan.seed);
        self.failed.truncate(KEPT);
    }

    /// Situations with what was met and what was to be met in so many runs.
    pub fn figures(&self) -> Vec<(&'static str, u64, u64)> {
        let runs = self.passed + self.failures;
        let wanted = |figure: u64| (figure * runs / 5_000).max(u64::from(runs >= 500));
        FIGURES
            .iter()
            .map(|(name, figure)| (*name, self.counts.get(name).copied().unwrap_or(0), wanted(*figure)))
            .collect()
    }
}

/// As [`run`]; a panic is a violation as well.
pub fn run_caught(plan: &Plan, traced: bool) -> Outcome {
    catch_unwind(AssertUnwindSafe(|| run(plan, traced))).unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().cloned();
        let message = message.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let message = message.unwrap_or_else(|| "a panic".to_owned());
        Outcome {
            plan: plan.clone(),
            broken: Some(Broken { rule: "panic".to_owned(), message }),
            digest: 0,
            counts: BTreeMap::new(),
            trace: Vec::new(),
            sends: 0,
            lives: 0,
        }
    })
}
