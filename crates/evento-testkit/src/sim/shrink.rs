//! A failed run made small: the same rule fails, with fewer troubles, clients and commands.

use super::campaign::run_caught;
use super::plan::{Plan, TROUBLES};
use super::verdict::Outcome;

/// Runs that are tried at most.
const RUNS_MAX: usize = 80;

/// The smallest run found in which the rule of `failed` still fails, with its trace.
pub fn shrink(failed: &Outcome) -> Outcome {
    let rule = failed.broken.as_ref().map(|broken| broken.rule.clone());
    let mut best = failed.plan.clone();
    let mut runs = 0;
    let mut fails = |plan: &Plan| {
        runs += 1;
        runs <= RUNS_MAX && run_caught(plan, false).broken.map(|broken| broken.rule) == rule
    };
    for (trouble, _) in TROUBLES {
        let mut plan = best.clone();
        if plan.without.insert(trouble) && fails(&plan) {
            best = plan;
        }
    }
    for clients in 1..best.clients {
        let plan = Plan { clients, ..best.clone() };
        if fails(&plan) {
            best = plan;
            break;
        }
    }
    let mut step = best.sends / 2;
    while step > 0 {
        let plan = Plan { sends: best.sends - step, ..best.clone() };
        if plan.sends > 0 && fails(&plan) {
            best = plan;
        } else {
            step /= 2;
        }
    }
    run_caught(&best, true)
}
