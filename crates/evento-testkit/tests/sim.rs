//! The simulation in the ordinary tests: few seeds, nothing planted, and the promise that a seed is a run.

use evento_testkit::sim::campaign::run_all;
use evento_testkit::sim::{Plan, run};

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 1..=40 {
        let (one, other) = (run(&Plan::of(seed), false), run(&Plan::of(seed), false));
        assert_eq!((one.digest, one.sends, one.lives), (other.digest, other.sends, other.lives), "seed {seed}");
        let traced = run(&Plan::of(seed), true);
        assert_eq!(traced.digest, one.digest, "seed {seed}: looking on changes it");
    }
}

#[test]
fn no_rule_is_broken_by_a_few_hundred_seeds() {
    let all = run_all(Plan::of, 1..301, 2, false, |_, _| {});
    let failed: Vec<String> = all.failed.iter().map(|o| format!("seed {}: {:?}", o.plan.seed, o.broken)).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(all.passed, 300);
}
