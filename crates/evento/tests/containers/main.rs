//! Functions as containers, with a real engine: what they can do, what they cannot, and what happens when they fail.
//!
//! A program of its own without the usual harness: it starts an engine, runs the scenarios whose names contain one of
//! its arguments one after the other, and ends the engine. Where no engine can start it says why, loudly, and passes;
//! with `EVENTO_TEST_ENGINE=required` it fails instead.

mod cage;
mod development;
mod engine;
mod failures;
mod images;
mod life;
mod scene;
#[path = "../e2e/server.rs"]
#[allow(dead_code, reason = "the other tests use the rest of it")]
mod server;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

use scene::Scene;

type Scenario = (&'static str, fn(&Scene));

const SCENARIOS: &[Scenario] = &[
    ("a_container_decides_as_a_process_does", life::decides_as_a_process),
    ("the_image_of_the_example_is_a_static_program_and_serves", life::example),
    ("an_image_keeps_the_protocol", life::conforms),
    ("the_cage_has_every_bar", cage::every_bar),
    ("from_inside_nothing_can_be_reached_or_written", cage::from_inside),
    ("a_killed_container_comes_back_and_commands_wait_for_it", life::killed),
    ("a_stopped_server_leaves_nothing_running", life::stopped),
    ("what_a_killed_server_left_is_removed_by_the_next", life::leftovers),
    ("a_function_that_ignores_sigterm_is_killed", life::deaf),
    ("a_missing_image_is_named", failures::missing_image),
    ("an_image_that_cannot_run_is_named", failures::broken_image),
    ("a_function_that_ends_at_once_is_told_with_its_last_words", failures::exits),
    ("a_function_that_listens_late_is_waited_for_as_long_as_it_may_take", failures::late),
    ("another_protocol_version_is_refused", failures::protocol),
    ("memory_without_end_is_named_and_everything_goes_on", failures::memory),
    ("forking_without_end_comes_to_its_limit", failures::forks),
    ("an_engine_that_is_away_is_told_to_those_who_wait", failures::engine_away),
    ("a_build_is_for_development", failures::build_outside_development),
    ("a_new_image_under_the_same_name_is_a_new_revision", development::new_image),
    ("a_changed_build_folder_is_a_new_revision", development::changed_folder),
];

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let chosen = |name: &str| wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str()));
    let scenarios: Vec<&Scenario> = SCENARIOS.iter().filter(|(name, _)| chosen(name)).collect();
    if scenarios.is_empty() || std::env::args().any(|word| word == "--list") {
        return ExitCode::SUCCESS;
    }
    let scene = match Scene::set() {
        Ok(scene) => scene,
        Err(why) => {
            eprintln!("\n*** containers: SKIPPED, {} scenarios did not run: {why}\n", scenarios.len());
            let required = std::env::var("EVENTO_TEST_ENGINE").is_ok_and(|word| word == "required");
            return if required { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    let mut failed = Vec::new();
    for (name, scenario) in &scenarios {
        let started = Instant::now();
        let passed = catch_unwind(AssertUnwindSafe(|| scenario(&scene))).is_ok();
        let word = if passed { "ok" } else { "FAILED" };
        println!("containers: {name} ... {word} ({:.1} s)", started.elapsed().as_secs_f64());
        if !passed {
            failed.push(*name);
        }
    }
    println!("containers: {} passed, {} failed {failed:?}", scenarios.len() - failed.len(), failed.len());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
