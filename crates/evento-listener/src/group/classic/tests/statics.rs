//! Static members (KIP-345): an instance that begins anew within its session moves nothing.

use super::*;

/// Instances `i` (leading, member `a`) and `j` (member `b`), settled in generation 1.
fn two_instances() -> World {
    let mut world = World::new();
    let (a, b) = (world.ask(instance("i", "a")), world.ask(instance("j", "b")));
    world.pass(DELAY * 3);
    world.settle(&["a", "b"], &[a, b]);
    world
}

#[test]
fn a_follower_that_begins_anew_keeps_its_assignment_and_starts_no_round() {
    let mut world = two_instances();
    let back = world.ask(instance("j", "b2"));
    let joined = world.joined(back);
    assert_eq!((joined.generation, &*joined.member, &*joined.leader), (1, "b2", "a"));
    let sync = world.sync(Sync { instance: Some("j".into()), ..following("b2", 1) });
    assert_eq!(world.synced(sync).unwrap().assignment, "b");
    assert_eq!((world.state(), world.heartbeat("a", 1)), ("Stable", Ok(())));
}

#[test]
fn a_leader_that_begins_anew_is_not_asked_to_assign() {
    let mut world = two_instances();
    let back = world.ask(instance("i", "a2"));
    let joined = world.joined(back);
    assert_eq!((joined.generation, &*joined.member, &*joined.leader, joined.members.len()), (1, "a2", "a", 0));
    let sync = world.sync(Sync { instance: Some("i".into()), ..following("a2", 1) });
    assert_eq!(world.synced(sync).unwrap().assignment, "a");
}

#[test]
fn the_former_life_of_an_instance_is_fenced_everywhere() {
    let mut world = two_instances();
    let back = world.ask(instance("j", "b2"));
    assert_eq!(world.joined(back).generation, 1);
    let fenced = ResponseError::FencedInstanceId;
    let (now, j) = (world.now, Some("j"));
    assert_eq!(world.groups.heartbeat(now, "g", "b", j, 1), Err(fenced));
    let sync = world.sync(Sync { instance: Some("j".into()), ..following("b", 1) });
    assert_eq!(world.synced(sync), Err(fenced));
    let rejoin = world.ask(Join { member: "b".into(), ..instance("j", "") });
    assert_eq!(world.refused(rejoin), (fenced, "b".into()));
    assert_eq!(world.leave("b", j), Err(fenced));
    let by = Committer { group: "g", member: "b", instance: j, generation: 1 };
    assert_eq!(world.groups.may_commit(now, &by, Way::Request(9)), Err(fenced));
    assert_eq!(world.groups.heartbeat(now, "g", "b2", j, 1), Ok(()));
}

#[test]
fn a_former_life_that_waits_is_fenced_when_its_instance_begins_anew() {
    let mut world = two_instances();
    let changed = Join { protocols: speaking(&[("range", "changed")]), ..instance("j", "") };
    let waiting = world.ask(Join { member: "b".into(), ..changed });
    assert!(world.waits(waiting));
    let back = world.ask(instance("j", "b2"));
    assert_eq!(world.refused(waiting).0, ResponseError::FencedInstanceId);
    assert!(world.waits(back), "a round is on");
    let a = world.ask(Join { member: "a".into(), ..instance("i", "") });
    assert_eq!((world.joined(a).generation, world.joined(back).generation), (2, 2));
}

#[test]
fn an_instance_that_stays_away_is_forgotten_after_its_session() {
    let mut world = two_instances();
    world.pass(SESSION / 2);
    assert_eq!(world.groups.heartbeat(world.now, "g", "a", Some("i"), 1), Ok(()));
    world.pass(SESSION / 2);
    let a = world.ask(Join { member: "a".into(), ..instance("i", "") });
    let joined = world.joined(a);
    assert_eq!((joined.generation, joined.members.len()), (2, 1));
}

#[test]
fn an_instance_that_misses_a_round_keeps_its_place_in_it() {
    let mut world = two_instances();
    let c = world.enter("c");
    let a = world.ask(Join { member: "a".into(), session: ROUND * 3, ..instance("i", "") });
    // j does not join, but it lives.
    for _ in 0..12 {
        world.pass(ROUND / 12);
        let _ = world.groups.heartbeat(world.now, "g", "b", Some("j"), 1);
    }
    let joined = world.joined(a);
    assert_eq!(joined.members.iter().map(|m| &*m.id).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(world.joined(c).generation, 2);
}

#[test]
fn an_administrator_takes_out_an_instance_by_its_name_alone() {
    let mut world = two_instances();
    assert_eq!(world.leave("", Some("nobody")), Err(ResponseError::UnknownMemberId));
    assert_eq!(world.leave("", Some("j")), Ok(()));
    assert_eq!(world.groups.heartbeat(world.now, "g", "b", Some("j"), 1), Err(ResponseError::UnknownMemberId));
    assert_eq!(world.groups.heartbeat(world.now, "g", "a", Some("i"), 1), Err(ResponseError::RebalanceInProgress));
}

#[test]
fn a_member_id_with_an_instance_that_nobody_is_is_unknown() {
    let mut world = two_instances();
    let strange = world.ask(Join { member: "a".into(), ..instance("k", "") });
    assert_eq!(world.refused(strange).0, ResponseError::UnknownMemberId);
}
