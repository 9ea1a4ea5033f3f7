//! The path when all is well: order, one outcome per id, durability, preconditions, chaining, bounds.

use evento_engine::Config;
use evento_log::intake::{Ask, Want};
use evento_testkit::counter::{Health, REFUSED, Setting};

use crate::world::{World, story};

#[test]
fn a_command_ends_with_an_event_and_a_rejection_leaves_the_state() {
    for apart in [false, true] {
        let mut world = World::new(Setting { apart, ..Setting::default() });
        let (one, two, three) = (world.send("a", "1", 5), world.send("a", "2", REFUSED), world.send("a", "3", 7));
        assert_eq!([one, two, three].map(|w| world.told(w)), ["accepted 1", "rejected 2", "accepted 3"]);
        assert_eq!(story(&world, "a"), "Added 5, AddRefused -1, Added 7");
        assert_eq!(world.total("a"), 12);
    }
}

#[test]
fn nobody_is_told_anything_before_it_is_durable() {
    let mut world = World::new(Setting::default());
    world.hold_commits = true;
    let (one, two) = (world.send("a", "1", 5), world.send("a", "2", 6));
    let stored = world.post("a", "3", 1, Want::Stored, None);
    world.run();
    assert_eq!([one, two, stored].map(|w| world.told(w)), ["nothing yet"; 3]);
    world.make_durable();
    assert_eq!([one, two].map(|w| world.told(w)), ["accepted 1", "accepted 2"]);
}

#[test]
fn a_kill_before_the_commit_loses_nothing_that_was_told() {
    let mut world = World::new(Setting::default());
    let one = world.send("a", "1", 5);
    world.hold_commits = true;
    let two = world.send("a", "2", 6);
    world.kill();
    world.hold_commits = false;
    world.serve(1);
    assert_eq!([one, two].map(|w| world.told(w)), ["accepted 1", "nothing yet"]);
    let again = world.send("a", "2", 6);
    assert_eq!((world.told(again).as_str(), world.total("a")), ("accepted 2", 11));
}

#[test]
fn one_id_has_one_outcome_for_ever() {
    let mut world = World::new(Setting::default());
    let first = world.send("a", "1", 5);
    let (again, other) = (world.send("a", "1", 5), world.send("a", "1", 6));
    world.hold_commits = true;
    let (two, twice) = (world.send("a", "2", 1), world.send("a", "2", 1));
    let changed = world.send("a", "2", 9);
    world.make_durable();
    let told = [first, again, other, two, twice, changed].map(|w| world.told(w));
    assert_eq!(told, ["accepted 1", "accepted 1", "refused EV1010", "accepted 2", "accepted 2", "refused EV1010"]);
    world.kill();
    world.serve(1);
    let late = world.send("a", "1", 5);
    assert_eq!((world.told(late).as_str(), story(&world, "a").as_str()), ("accepted 1", "Added 5, Added 1"));
}

#[test]
fn a_repeated_send_waits_with_the_first() {
    let mut world = World::new(Setting::default());
    world.function.health = Health::Down;
    let (one, two, other) = (world.send("a", "1", 5), world.send("a", "1", 5), world.send("a", "1", 4));
    assert_eq!([one, two, other].map(|w| world.told(w)), ["nothing yet", "nothing yet", "refused EV1010"]);
    world.function.health = Health::Well;
    world.pass(2_000);
    assert_eq!([one, two].map(|w| world.told(w)), ["accepted 1", "accepted 1"]);
    assert_eq!(world.commands.len(), 1);
}

#[test]
fn waiting_commands_of_one_instance_go_in_one_call_and_in_order() {
    let mut world = World::new(Setting::default());
    world.hold_calls = true;
    let first = world.send("a", "generated-0", 1);
    let waiters: Vec<_> = (1..=40).map(|n| world.send("a", &format!("generated-{n}"), n)).collect();
    world.let_calls_go();
    assert_eq!(world.told(first), "accepted 1");
    let told: Vec<String> = waiters.iter().map(|w| world.told(*w)).collect();
    assert_eq!(told, (2..=41).map(|n| format!("accepted {n}")).collect::<Vec<_>>());
    assert_eq!(world.calls, [1, 40]);
}

#[test]
fn what_queues_while_all_places_are_taken_makes_the_next_batch() {
    let mut world = World::new(Setting { concurrency: 2, ..Setting::default() });
    world.hold_calls = true;
    for n in 0..100 {
        world.send(&format!("i{n}"), &format!("generated-{n}"), 1);
    }
    world.let_calls_go();
    assert_eq!(world.calls.iter().sum::<usize>(), 100);
    assert_eq!((world.calls[0], world.calls[1], world.calls[2]), (1, 1, 98));
}

#[test]
fn a_precondition_is_checked_before_anything_is_recorded() {
    let mut world = World::new(Setting::default());
    world.send("a", "1", 5);
    let asked = [("2", Some(0)), ("generated-3", Some(7)), ("4", Some(1))];
    let waiters = asked.map(|(id, if_seq)| {
        let waiter = world.post("a", id, 1, Want::Outcome, if_seq);
        world.run();
        waiter
    });
    assert_eq!(waiters.map(|w| world.told(w)), ["refused EV1011", "refused EV1011", "accepted 2"]);
    assert_eq!(world.commands.len(), 2);
    let replay = world.post("a", "4", 1, Want::Outcome, Some(1));
    world.run();
    assert_eq!(world.told(replay), "accepted 2", "a repeated send is told its first outcome");
}

#[test]
fn a_precondition_lost_after_the_command_was_stored_is_told_by_an_event() {
    let mut world = World::new(Setting::default());
    world.hold_calls = true;
    world.send("a", "1", 5);
    let late = world.post("a", "2", 1, Want::Stored, Some(0));
    world.run();
    assert_eq!(world.told(late), "waiting");
    let outcome = world.ask(Ask::Wait(World::command("a", "2")));
    world.let_calls_go();
    assert_eq!(world.told(outcome), "rejected 2");
    assert_eq!(story(&world, "a"), "Added 5, CommandPreconditionFailed");
    assert_eq!(world.total("a"), 5);
}

#[test]
fn a_command_without_function_is_stored_and_waits_for_one() {
    let mut world = World::without_function(Setting::default());
    let stored = world.post("a", "1", 5, Want::Stored, None);
    world.run();
    let outcome = world.ask(Ask::Wait(World::command("a", "1")));
    world.run();
    assert_eq!([stored, outcome].map(|w| world.told(w)), ["waiting", "nothing yet"]);
    world.serve(1);
    assert_eq!(world.told(outcome), "accepted 1");
}

#[test]
fn too_many_unfinished_commands_are_refused_and_those_held_still_end() {
    let config = Config { instance_commands_max: 3, commands_max: 5, ..Config::default() };
    let mut world = World::new(Setting { config, ..Setting::default() });
    world.hold_calls = true;
    let waiters: Vec<_> = ["a", "a", "a", "a", "b", "b", "c"]
        .into_iter()
        .enumerate()
        .map(|(n, instance)| world.send(instance, &format!("generated-{n}"), 1))
        .collect();
    world.let_calls_go();
    let told: Vec<String> = waiters.iter().map(|w| world.told(*w)).collect();
    let (no, yes) = ("refused EV6010", ["accepted 1", "accepted 2", "accepted 3"]);
    assert_eq!(told, [yes[0], yes[1], yes[2], no, yes[0], yes[1], no]);
}
