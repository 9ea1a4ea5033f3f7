//! The path when functions fail: who is charged, who waits, who is parked, and that nothing is lost.

use evento_engine::WaiterId;
use evento_log::intake::{Status, Want};
use evento_model::OnPark;
use evento_testkit::counter::{
    BAD_STATE, CRASHES, EMITS_NOTHING, EMITS_UNDECLARED, FAILS, Health, POISONS, REFUSED, Setting,
};

use crate::world::{World, story};

/// Good commands on other instances, one every so often, as evidence that the function is alive.
fn pass_with_others(world: &mut World, ms: i64) {
    for n in 0..ms / 50 {
        let id = format!("generated-other-{n}-{}", world.calls.len());
        world.send(&format!("other{n}"), &id, 1);
        world.pass(50);
    }
}

#[test]
fn a_bad_command_is_parked_while_others_go_on_and_its_instance_too() {
    for bad in [FAILS, CRASHES, EMITS_UNDECLARED, EMITS_NOTHING, BAD_STATE] {
        let mut world = World::new(Setting::default());
        let waiter = world.send("a", "bad", bad);
        let next = world.send("a", "next", 4);
        assert_eq!([waiter, next].map(|w| world.told(w)), ["nothing yet", "nothing yet"]);
        pass_with_others(&mut world, 60_000);
        assert_eq!([waiter, next].map(|w| world.told(w)), ["parked", "accepted 1"], "amount {bad}");
        let status = world.status("a", "bad");
        assert_eq!(status.status, Status::Parked);
        assert!(status.last_error.is_some() && status.attempts >= 3, "{status:?}");
        assert_eq!(world.total("a"), 4);
    }
}

#[test]
fn a_command_refused_for_good_is_parked_at_once() {
    let mut world = World::new(Setting::default());
    let waiter = world.send("a", "bad", POISONS);
    assert_eq!(world.told(waiter), "parked");
}

#[test]
fn a_blocked_instance_keeps_strict_order() {
    let mut world = World::new(Setting { on_park: OnPark::Block, ..Setting::default() });
    world.send("a", "bad", POISONS);
    let next = world.send("a", "next", 4);
    let elsewhere = world.send("b", "1", 4);
    assert_eq!([next, elsewhere].map(|w| world.told(w)), ["nothing yet", "accepted 1"]);
    assert_eq!(world.status("a", "next").status, Status::Waiting);
    world.function.mended = true;
    world.serve(2);
    world.pass(1_000);
    assert_eq!(story(&world, "a"), format!("Added {POISONS}, Added 4"));
}

#[test]
fn an_outage_parks_nothing_and_everything_resumes_when_it_ends() {
    for health in [Health::Down, Health::FailsAll] {
        let mut world = World::new(Setting::default());
        world.function.health = health;
        let waiters: Vec<WaiterId> = (0..200).map(|n| world.send(&format!("i{n}"), &format!("{n}"), 1)).collect();
        world.pass(3_600_000);
        assert!(waiters.iter().all(|w| world.told(*w) == "nothing yet"));
        let status = world.status("i7", "7");
        assert_eq!(status.status, Status::Waiting, "{status:?}");
        let during = world.calls.len();
        assert!(during < 200 + 4_000, "{during} calls in an hour of outage");
        world.function.health = Health::Well;
        world.pass(2_000);
        assert!(waiters.iter().all(|w| world.told(*w) == "accepted 1"), "{health:?}");
        assert!(!world.notices.iter().any(|notice| notice.starts_with("parked")));
    }
}

#[test]
fn what_one_function_answers_is_no_evidence_that_another_is_alive() {
    let mut world = World::new(Setting { apart: true, attempts_max: 1, ..Setting::default() });
    // The function that handles has answered more often than the one that applies: a refusal is not applied.
    for n in 0..5 {
        world.send(&format!("other{n}"), &format!("generated-{n}"), REFUSED);
    }
    world.function.health = Health::CannotApply;
    let waiter = world.send("a", "1", 5);
    world.function.health = Health::FailsAll;
    world.pass(3_600_000);
    assert_eq!(world.told(waiter), "nothing yet");
    assert_eq!(world.status("a", "1").status, Status::Waiting);
}

#[test]
fn what_could_not_be_applied_is_decided_anew_by_the_function_that_decides() {
    let mut world = World::new(Setting { apart: true, ..Setting::default() });
    world.function.health = Health::CannotApply;
    let waiter = world.send("a", "1", 5);
    world.pass(10_000);
    assert_eq!(world.told(waiter), "nothing yet");
    assert!(!world.calls.contains(&0), "a request without a step: {:?}", world.calls);
    world.function.health = Health::Well;
    world.pass(31_000);
    assert_eq!(world.told(waiter), "accepted 1");
}

#[test]
fn a_lone_failing_command_in_a_quiet_system_waits_and_is_never_parked() {
    let mut world = World::new(Setting::default());
    let waiter = world.send("a", "bad", FAILS);
    world.pass(3_600_000);
    assert_eq!(world.told(waiter), "nothing yet");
    world.function.mended = true;
    world.pass(31_000);
    assert_eq!(world.told(waiter), "accepted 1");
}

#[test]
fn one_crashing_command_takes_no_other_along_for_long() {
    let mut world = World::new(Setting { concurrency: 1, ..Setting::default() });
    world.hold_calls = true;
    world.send("first", "generated-first", 1);
    let bad = world.send("bad", "bad", CRASHES);
    let others: Vec<WaiterId> = (0..64).map(|n| world.send(&format!("i{n}"), &format!("{n}"), 1)).collect();
    world.let_calls_go();
    world.pass(200);
    assert!(others.iter().all(|w| world.told(*w) == "accepted 1"));
    assert_eq!(world.told(bad), "nothing yet");
    assert!(world.calls.len() < 40, "{} calls to find one of 65", world.calls.len());
}

#[test]
fn a_bad_command_in_a_chain_ends_those_before_it_and_is_repeated_alone() {
    let mut world = World::new(Setting::default());
    world.hold_calls = true;
    world.send("a", "generated-0", 1);
    for (n, amount) in [2, 3, FAILS, 5].into_iter().enumerate() {
        world.send("a", &format!("generated-{}", n + 1), amount);
    }
    world.let_calls_go();
    assert_eq!(story(&world, "a"), "Added 1, Added 2, Added 3");
    world.function.mended = true;
    world.pass(31_000);
    assert_eq!(story(&world, "a"), format!("Added 1, Added 2, Added 3, Added {FAILS}, Added 5"));
}

#[test]
fn back_pressure_is_no_attempt() {
    let mut world = World::new(Setting::default());
    world.function.health = Health::Busy;
    let waiter = world.send("a", "1", 5);
    world.pass(60_000);
    assert!(world.calls.len() <= 31, "{} calls", world.calls.len());
    assert_eq!(world.status("a", "1").attempts, 0);
    world.function.health = Health::Well;
    world.pass(2_000);
    assert_eq!(world.told(waiter), "accepted 1");
}

#[test]
fn a_new_revision_tries_everything_at_once_and_releases_what_was_parked() {
    let mut world = World::new(Setting::default());
    let parked = world.send("a", "parked", POISONS);
    let retrying = world.send("b", "retrying", FAILS);
    world.function.mended = true;
    world.serve(2);
    assert_eq!([parked, retrying].map(|w| world.told(w)), ["parked", "accepted 1"]);
    world.pass(1_000);
    assert_eq!((world.total("a"), world.total("b")), (POISONS, FAILS));
}

#[test]
fn parked_commands_and_their_errors_outlive_a_restart() {
    let mut world = World::new(Setting::default());
    world.send("a", "bad", POISONS);
    let retrying = world.post("b", "retrying", FAILS, Want::Outcome, None);
    world.run();
    assert_eq!(world.told(retrying), "nothing yet");
    world.kill();
    world.serve(1);
    let status = world.status("a", "bad");
    assert_eq!((status.status, status.last_error.map(|e| e.title)), (Status::Parked, Some("no such tariff".into())));
    assert_eq!(world.status("b", "retrying").last_error.map(|e| e.title), Some("threw".into()));
    world.function.mended = true;
    world.pass(31_000);
    assert_eq!((world.total("a"), world.total("b")), (0, FAILS));
}

#[test]
fn a_good_command_gets_through_within_a_second_however_many_bad_ones_wait() {
    let mut world = World::new(Setting::default());
    let bad: Vec<WaiterId> = (0..50).map(|n| world.send(&format!("bad{n}"), &format!("bad{n}"), FAILS)).collect();
    world.pass(60_000);
    assert!(world.notices.iter().any(|notice| notice == "down"), "{:?}", world.notices);
    let good = world.send("good", "good", 4);
    world.pass(1_100);
    assert_eq!(world.told(good), "accepted 1");
    assert!(bad.iter().all(|waiter| world.told(*waiter) == "nothing yet"));
}

#[test]
fn while_a_probe_is_out_nothing_is_due() {
    let mut world = World::new(Setting { concurrency: 1, ..Setting::default() });
    world.function.health = Health::Down;
    for n in 0..3 {
        world.send(&format!("i{n}"), &format!("c{n}"), 1);
    }
    world.hold_calls = true;
    world.pass(5_000);
    // The probe is held: before, the driver was told to step again at once, for as long as that took.
    assert!(world.sleeps());
}

#[test]
fn an_answer_to_a_call_of_before_is_nobodys_after_a_full_disk() {
    let mut world = World::new(Setting::default());
    world.post("a", "c1", 1, Want::Stored, None);
    world.post("b", "c2", 2, Want::Stored, None);
    world.hold_calls = true;
    world.run();
    world.begin_anew();
    world.serve(1);
    world.let_calls_go();
    assert_eq!((world.total("a"), world.total("b")), (1, 2));
    assert_eq!((story(&world, "a"), story(&world, "b")), ("Added 1".to_owned(), "Added 2".to_owned()));
}

#[test]
fn what_an_older_revision_calls_hopeless_is_tried_by_the_one_that_serves() {
    let mut world = World::new(Setting::default());
    world.hold_calls = true;
    let waiter = world.post("a", "c1", POISONS, Want::Outcome, None);
    world.run();
    world.serve(2);
    world.let_calls_go();
    world.function.mended = true;
    world.pass(1_000);
    assert_eq!(world.told(waiter), "parked", "the new revision says so, too");
    assert_eq!(world.calls.len(), 2, "the new revision was asked");
}
