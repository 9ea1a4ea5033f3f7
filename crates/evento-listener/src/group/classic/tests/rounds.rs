//! Rounds: members come, leave, are killed, and dawdle.

use super::*;

#[test]
fn the_first_member_waits_for_others_for_the_first_delay_only() {
    let mut world = World::new();
    let a = world.enter("a");
    assert_eq!((world.state(), world.waits(a)), ("PreparingRebalance", true));
    world.pass(DELAY - MS);
    assert!(world.waits(a));
    world.pass(MS);
    let joined = world.joined(a);
    assert_eq!((joined.generation, &*joined.leader, &*joined.protocol), (1, "a", "range"));
    assert_eq!(joined.members.iter().map(|m| &*m.id).collect::<Vec<_>>(), ["a"]);
}

#[test]
fn a_second_member_within_the_first_delay_prolongs_it_once_and_joins_the_same_generation() {
    let mut world = World::new();
    let a = world.enter("a");
    world.pass(DELAY / 2);
    let b = world.enter("b");
    world.pass(DELAY / 2);
    assert!(world.waits(a) && world.waits(b));
    world.pass(DELAY);
    assert_eq!(world.settle(&["a", "b"], &[a, b]), 1);
}

#[test]
fn when_a_second_member_joins_the_first_is_told_by_its_heartbeat_and_both_are_in_the_next_generation() {
    let mut world = World::settled(&["a"]);
    let b = world.enter("b");
    assert!(world.waits(b));
    assert_eq!(world.heartbeat("a", 1), Err(ResponseError::RebalanceInProgress));
    let a = world.ask(join("a"));
    let joined = world.joined(a);
    assert_eq!((joined.generation, joined.members.len(), &*joined.leader), (2, 2, "a"));
    let followed = world.joined(b);
    assert_eq!((followed.generation, followed.members.len(), &*followed.leader), (2, 0, "a"));
    assert_eq!(world.heartbeat("a", 2), Ok(()), "members live while the assignment is awaited");
}

#[test]
fn a_member_that_leaves_is_missed_at_once() {
    let mut world = World::settled(&["a", "b"]);
    assert_eq!(world.leave("b", None), Ok(()));
    assert_eq!(world.heartbeat("a", 1), Err(ResponseError::RebalanceInProgress));
    let a = world.ask(join("a"));
    assert_eq!(world.settle(&["a"], &[a]), 2);
    assert_eq!(world.heartbeat("b", 1), Err(ResponseError::UnknownMemberId));
}

#[test]
fn a_killed_member_is_forgotten_after_its_session_and_not_before() {
    let mut world = World::settled(&["a", "b"]);
    world.pass(SESSION / 2);
    assert_eq!(world.heartbeat("a", 1), Ok(()));
    world.pass(SESSION / 2 - DELAY * 3);
    assert_eq!(world.heartbeat("a", 1), Ok(()));
    world.pass(DELAY * 3);
    assert_eq!(world.heartbeat("a", 1), Err(ResponseError::RebalanceInProgress));
    let a = world.ask(join("a"));
    assert_eq!(world.settle(&["a"], &[a]), 2);
}

#[test]
fn when_the_leader_goes_another_member_leads() {
    let mut world = World::settled(&["a", "b", "c"]);
    assert_eq!(world.leave("a", None), Ok(()));
    let (b, c) = (world.ask(join("b")), world.ask(join("c")));
    assert_eq!(world.settle(&["b", "c"], &[b, c]), 2);
}

#[test]
fn a_round_goes_on_without_those_who_do_not_join_in_time() {
    let mut world = World::settled(&["a", "b"]);
    let c = world.enter("c");
    let a = world.ask(join("a"));
    // b lives, but does not join.
    let steps = (ROUND.as_secs() / 5) as u32;
    for _ in 1..steps {
        world.pass(Duration::from_secs(5));
        assert_eq!(world.heartbeat("b", 1), Err(ResponseError::RebalanceInProgress));
        assert!(world.waits(a) && world.waits(c));
    }
    world.pass(Duration::from_secs(5));
    assert_eq!(world.settle(&["a", "c"], &[a, c]), 2);
    assert_eq!(world.heartbeat("b", 1), Err(ResponseError::UnknownMemberId));
}

#[test]
fn a_leader_that_does_not_assign_is_left_out_and_another_round_begins() {
    let mut world = World::settled(&["a", "b"]);
    let (a, b) = (world.ask(join("a")), world.ask(join("b")));
    assert_eq!((world.joined(a).generation, world.joined(b).generation), (2, 2));
    let b = world.sync(following("b", 2));
    let steps = (ROUND.as_secs() / 5) as u32;
    for _ in 0..steps {
        assert_eq!(world.heartbeat("a", 2), Ok(()));
        assert!(world.waits(b));
        world.pass(Duration::from_secs(5));
    }
    assert_eq!(world.synced(b), Err(ResponseError::RebalanceInProgress));
    assert_eq!(world.heartbeat("a", 2), Err(ResponseError::UnknownMemberId));
    let b = world.ask(join("b"));
    assert_eq!(world.settle(&["b"], &[b]), 3);
}

#[test]
fn a_new_round_ends_the_waiting_for_the_assignment_of_the_old_one() {
    let mut world = World::settled(&["a", "b"]);
    let (a, b) = (world.ask(join("a")), world.ask(join("b")));
    assert_eq!((world.joined(a).generation, world.joined(b).generation), (2, 2));
    let b = world.sync(following("b", 2));
    world.enter("c");
    assert_eq!(world.synced(b), Err(ResponseError::RebalanceInProgress));
}

/// Cooperative consumers give up partitions in one round and take them in the next: what they say of themselves has
/// changed then, and a follower that says something else begins a round.
#[test]
fn cooperative_members_go_through_two_rounds_until_nobody_says_anything_new() {
    let mut world = World::new();
    let cooperative = |id: &str, owns: &str| Join { protocols: speaking(&[("cooperative-sticky", owns)]), ..join(id) };
    let first = world.ask(Join { fresh: "a".into(), ..cooperative("", "") });
    assert_eq!(world.refused(first).0, ResponseError::MemberIdRequired);
    let a = world.ask(cooperative("a", ""));
    world.pass(DELAY);
    world.settle(&["a"], &[a]);

    let first = world.ask(Join { fresh: "b".into(), ..cooperative("", "") });
    assert_eq!(world.refused(first).0, ResponseError::MemberIdRequired);
    let b = world.ask(cooperative("b", ""));
    let a = world.ask(cooperative("a", "0 1 2 3"));
    assert_eq!(world.settle(&["a", "b"], &[a, b]), 2);

    // a has given up two partitions and joins to say so; b is told, and both get their assignment.
    let a = world.ask(cooperative("a", "0 1"));
    assert!(world.waits(a));
    assert_eq!(world.heartbeat("b", 2), Err(ResponseError::RebalanceInProgress));
    let b = world.ask(cooperative("b", ""));
    assert_eq!(world.settle(&["a", "b"], &[a, b]), 3);

    // A follower that says the same again is answered with the generation that is there.
    let b = world.ask(cooperative("b", ""));
    assert_eq!(world.joined(b).generation, 3);
    assert_eq!(world.state(), "Stable");
}

#[test]
fn an_id_that_is_not_used_is_forgotten_and_holds_up_a_round_only_until_then() {
    let mut world = World::settled(&["a"]);
    let b = world.ask(Join { fresh: "b".into(), session: Duration::from_secs(6), ..join("") });
    assert_eq!(world.refused(b).0, ResponseError::MemberIdRequired);
    let a = world.ask(join("a"));
    assert!(world.waits(a), "b is on its way");
    world.pass(Duration::from_secs(6));
    assert_eq!(world.settle(&["a"], &[a]), 2);
    let late = world.ask(join("b"));
    assert_eq!(world.refused(late).0, ResponseError::UnknownMemberId);
}

#[test]
fn a_pending_id_that_leaves_holds_up_nothing() {
    let mut world = World::settled(&["a"]);
    let b = world.ask(Join { fresh: "b".into(), ..join("") });
    assert_eq!(world.refused(b).0, ResponseError::MemberIdRequired);
    let a = world.ask(join("a"));
    assert_eq!(world.leave("b", None), Ok(()));
    assert_eq!(world.settle(&["a"], &[a]), 2);
}

#[test]
fn an_old_client_joins_in_one_step() {
    let mut world = World::new();
    let a = world.ask(Join { fresh: "a".into(), two_steps: false, ..join("") });
    world.pass(DELAY);
    assert_eq!(&*world.joined(a).member, "a");
}

#[test]
fn a_member_that_joins_twice_is_answered_twice() {
    let mut world = World::settled(&["a", "b"]);
    let first = world.ask(Join { protocols: speaking(&[("range", "new")]), ..join("b") });
    let again = world.ask(Join { protocols: speaking(&[("range", "newer")]), ..join("b") });
    assert_eq!(world.refused(first).0, ResponseError::RebalanceInProgress);
    assert!(world.waits(again));
    let a = world.ask(join("a"));
    let joined = world.joined(a);
    assert_eq!(joined.members[1].metadata, "newer");
    assert_eq!(world.joined(again).generation, 2);
}

#[test]
fn a_group_without_members_is_gone_unless_it_has_offsets() {
    for (offsets, expected) in [(false, "none"), (true, "Empty")] {
        let mut world = World::settled(&["a"]);
        if offsets {
            world.groups.keep(&"g".into());
        }
        assert_eq!(world.leave("a", None), Ok(()));
        assert_eq!(world.state(), expected);
        assert_eq!(world.groups.due(), None);
    }
}

#[test]
fn after_a_restart_members_are_unknown_and_join_again() {
    let mut world = World::of(GroupLimits::default());
    world.groups = Groups::new(GroupLimits::default(), ["g".into()]);
    assert_eq!(world.state(), "Empty");
    assert_eq!(world.heartbeat("a", 4), Err(ResponseError::UnknownMemberId));
    let again = world.ask(join("a"));
    assert_eq!(world.refused(again).0, ResponseError::UnknownMemberId);
    let a = world.enter("a2");
    world.pass(DELAY);
    assert_eq!(world.settle(&["a2"], &[a]), 1);
}
