//! What people can do: list, retry, park, abandon.

use evento_log::intake::{Answer, Ask, ListFilter, Status};
use evento_testkit::counter::{FAILS, POISONS, Setting};

use crate::world::{World, story};

fn abandon(instance: &str, id: &str) -> Ask {
    Ask::Abandon { command: World::command(instance, id), by: "ada".into(), reason: "typed wrongly".into() }
}

#[test]
fn an_abandoned_command_ends_with_the_platforms_event_and_changes_no_state() {
    let mut world = World::new(Setting::default());
    world.send("a", "1", 5);
    world.send("a", "bad", POISONS);
    let waiting = world.ask(abandon("a", "bad"));
    world.run();
    assert_eq!(world.told(waiting), "abandoned 2");
    let after = world.send("a", "3", 1);
    assert_eq!(world.told(after), "accepted 3");
    assert_eq!((story(&world, "a").as_str(), world.total("a")), ("Added 5, CommandAbandoned, Added 1", 6));
    let again = world.send("a", "bad", POISONS);
    assert_eq!(world.told(again), "abandoned 2", "the id keeps its outcome");
}

#[test]
fn a_retrying_command_can_be_abandoned_and_the_next_one_runs() {
    let mut world = World::new(Setting::default());
    let (bad, next) = (world.send("a", "bad", FAILS), world.send("a", "next", 2));
    world.ask_now(abandon("a", "bad"));
    assert_eq!([bad, next].map(|w| world.told(w)), ["abandoned 1", "accepted 2"]);
}

#[test]
fn a_parked_command_is_tried_again_when_a_person_says_so() {
    let mut world = World::new(Setting::default());
    world.send("a", "bad", POISONS);
    world.function.mended = true;
    let told = world.ask_now(Ask::Retry(World::command("a", "bad")));
    assert!(matches!(told, Answer::Unfinished(_)), "{told:?}");
    assert_eq!(world.total("a"), POISONS);
}

#[test]
fn a_retrying_command_can_be_made_due_or_parked_by_hand() {
    let mut world = World::new(Setting::default());
    let (one, two) = (world.send("a", "1", FAILS), world.send("b", "2", FAILS));
    world.ask_now(Ask::Park(World::command("b", "2")));
    world.function.mended = true;
    world.ask_now(Ask::Retry(World::command("a", "1")));
    assert_eq!([one, two].map(|w| world.told(w)), ["accepted 1", "parked"]);
}

#[test]
fn unfinished_commands_are_listed_by_status_and_error() {
    let mut world = World::new(Setting::default());
    world.send("a", "1", POISONS);
    world.send("b", "2", FAILS);
    world.send("b", "3", 1);
    let mut listed = |filter: ListFilter| match world.ask_now(Ask::List(filter)) {
        Answer::Listed(list) => {
            let mut ids: Vec<(String, Status)> =
                list.iter().map(|s| (s.command_id.as_str().to_owned(), s.status)).collect();
            ids.sort_by(|a, b| a.0.cmp(&b.0));
            ids
        }
        other => panic!("{other:?}"),
    };
    let all = listed(ListFilter { limit: 10, ..ListFilter::default() });
    let wanted = [("1", Status::Parked), ("2", Status::Retrying), ("3", Status::Waiting)];
    assert_eq!(all, wanted.map(|(id, status)| (id.to_owned(), status)));
    assert_eq!(listed(ListFilter { limit: 2, ..ListFilter::default() }).len(), 2);
    let parked = listed(ListFilter { limit: 10, status: Some(Status::Parked), ..ListFilter::default() });
    assert_eq!(parked, [("1".to_owned(), Status::Parked)]);
}

#[test]
fn what_is_not_unfinished_is_said_to_be_so() {
    let mut world = World::new(Setting::default());
    world.send("a", "1", 1);
    for ask in [Ask::Retry(World::command("a", "1")), Ask::Status(World::command("z", "9")), abandon("a", "7")] {
        assert!(matches!(world.ask_now(ask), Answer::NotUnfinished));
    }
}

#[test]
fn nobody_is_told_that_a_command_is_parked_before_that_is_durable() {
    let mut world = World::new(Setting::default());
    world.hold_commits = true;
    // Parked at its first failure; its own record travels with that.
    let first = world.send("a", "bad", POISONS);
    let again = world.send("a", "bad", POISONS);
    let asked = world.ask(Ask::Status(World::command("a", "bad")));
    let stored = world.ask(Ask::Persist(World::command("a", "bad")));
    world.run();
    for waiter in [first, again, asked, stored] {
        assert_eq!(world.told(waiter), "nothing yet");
    }
    world.make_durable();
    for waiter in [first, again, asked, stored] {
        assert_eq!(world.told(waiter), "parked");
    }
}
