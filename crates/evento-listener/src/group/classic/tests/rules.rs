//! Rules: what is refused, which protocol is chosen, who may commit, and what is too much.

use super::*;

#[test]
fn who_is_not_in_the_generation_is_told_which_way_it_is_wrong() {
    let mut world = World::settled(&["a"]);
    for (member, generation, expected) in [
        ("a", 1, Ok(())),
        ("a", 0, Err(ResponseError::IllegalGeneration)),
        ("a", 2, Err(ResponseError::IllegalGeneration)),
        ("nobody", 1, Err(ResponseError::UnknownMemberId)),
    ] {
        assert_eq!(world.heartbeat(member, generation), expected, "{member} {generation}");
        let sync = world.sync(following(member, generation));
        assert_eq!(world.synced(sync).map(drop), expected, "{member} {generation}");
        for way in [Way::Request(2), Way::Request(9), Way::Transaction] {
            assert_eq!(world.may_commit(member, generation, way), expected, "{member} {generation} {way:?}");
        }
    }
}

#[test]
fn a_member_that_believes_to_speak_something_else_gets_no_assignment() {
    let mut world = World::settled(&["a"]);
    for (kind, protocol, expected) in [
        (Some("consumer"), Some("range"), Ok(())),
        (Some("connect"), Some("range"), Err(ResponseError::InconsistentGroupProtocol)),
        (Some("consumer"), Some("roundrobin"), Err(ResponseError::InconsistentGroupProtocol)),
        (None, None, Ok(())),
    ] {
        let (protocol_type, protocol) = (kind.map(Name::from), protocol.map(Name::from));
        let sync = world.sync(Sync { protocol_type, protocol, ..following("a", 1) });
        assert_eq!(world.synced(sync).map(drop), expected);
    }
}

#[test]
fn the_protocol_is_one_that_all_speak_and_most_like_best() {
    for (first, second, third, chosen) in [
        (&["range", "sticky"][..], &["sticky", "range"][..], &["sticky", "range"][..], "sticky"),
        (&["range", "sticky"], &["sticky", "range"], &["range", "sticky"], "range"),
        (&["cooperative-sticky", "range"], &["range"], &["cooperative-sticky", "range"], "range"),
        (&["sticky", "roundrobin"], &["roundrobin", "sticky"], &["x", "roundrobin", "sticky"], "roundrobin"),
    ] {
        let mut world = World::new();
        let mut tickets = Vec::new();
        for (id, names) in ["a", "b", "c"].iter().zip([first, second, third]) {
            let protocols: Vec<(&str, &str)> = names.iter().map(|name| (*name, *id)).collect();
            let speaks = |id: &str| Join { protocols: speaking(&protocols), ..join(id) };
            tickets.push(world.ask(Join { fresh: (*id).into(), two_steps: false, ..speaks("") }));
        }
        world.pass(DELAY * 4);
        let joined = world.joined(tickets[0]);
        assert_eq!(&*joined.protocol, chosen, "{first:?} {second:?} {third:?}");
        assert_eq!(joined.members.iter().map(|m| m.metadata.clone()).collect::<Vec<_>>(), ["a", "b", "c"]);
    }
}

#[test]
fn who_speaks_no_protocol_of_the_others_or_none_at_all_is_refused() {
    let mut world = World::settled(&["a"]);
    let table = [
        Join { protocols: speaking(&[("sticky", "")]), ..join("") },
        Join { protocols: Vec::new(), ..join("") },
        Join { protocol_type: "connect".into(), ..join("") },
        Join { protocol_type: "".into(), ..join("") },
    ];
    for strange in table {
        let ticket = world.ask(strange);
        assert_eq!(world.refused(ticket).0, ResponseError::InconsistentGroupProtocol);
    }
    assert_eq!(world.heartbeat("a", 1), Ok(()), "and disturbs nobody");
    // The only member may change its mind.
    let changed = world.ask(Join { protocols: speaking(&[("sticky", "")]), ..join("a") });
    assert_eq!(&*world.joined(changed).protocol, "sticky");
}

#[test]
fn commits_are_granted_by_the_state_of_the_group() {
    let mut world = World::new();
    // Nobody is in it: whoever is outside may, and so makes the group.
    assert_eq!(world.may_commit("a", 3, Way::Request(8)), Err(ResponseError::IllegalGeneration));
    assert_eq!(world.may_commit("a", 3, Way::Request(9)), Err(ResponseError::GroupIdNotFound));
    assert_eq!(world.may_commit("", -1, Way::Request(2)), Ok(()));
    let mut world = World::settled(&["a"]);
    assert_eq!(world.may_commit("", -1, Way::Request(9)), Err(ResponseError::UnknownMemberId));
    assert_eq!(world.may_commit("", -1, Way::Transaction), Ok(()), "a producer that knows no members (before v3)");
    // A member commits while others are awaited, but not while an assignment is.
    let b = world.enter("b");
    assert_eq!(world.may_commit("a", 1, Way::Request(9)), Ok(()));
    let a = world.ask(join("a"));
    assert_eq!((world.joined(a).generation, world.joined(b).generation), (2, 2));
    assert_eq!(world.may_commit("a", 1, Way::Request(9)), Err(ResponseError::IllegalGeneration));
    assert_eq!(world.may_commit("a", 2, Way::Request(9)), Err(ResponseError::RebalanceInProgress));
}

#[test]
fn a_commit_keeps_its_member_alive() {
    let mut world = World::settled(&["a"]);
    for _ in 0..5 {
        world.pass(SESSION / 2);
        assert_eq!(world.may_commit("a", 1, Way::Request(9)), Ok(()));
    }
}

#[test]
fn names_and_times_outside_what_is_allowed_are_refused() {
    let mut world = World::new();
    let long: Name = "x".repeat(256).into();
    for (group, asked, expected) in [
        ("", join(""), ResponseError::InvalidGroupId),
        (&*long, join(""), ResponseError::InvalidGroupId),
        ("a\0b", join(""), ResponseError::InvalidGroupId),
        ("g", Join { session: MS, ..join("") }, ResponseError::InvalidSessionTimeout),
        ("g", Join { session: Duration::from_secs(3600), ..join("") }, ResponseError::InvalidSessionTimeout),
        ("g", instance("", "a"), ResponseError::InvalidRequest),
        ("g", Join { protocols: speaking(&[("range", ""); 65]), ..join("") }, ResponseError::InvalidRequest),
        ("g", instance(&long, "a"), ResponseError::InvalidRequest),
    ] {
        let mut out = Answers::new();
        world.groups.join(world.now, 1, &group.into(), asked, &mut out);
        assert_eq!(out, [(1, Answer::Joined(Err(Refused { error: expected, member: "".into() })))]);
    }
    assert_eq!(world.groups.all().count(), 0);
}

#[test]
fn members_groups_and_their_bytes_are_bounded() {
    let limits = GroupLimits { groups_max: 2, members_max: 2, group_bytes_max: 100, ..GroupLimits::default() };
    let mut world = World::of(limits);
    let (a, b) = (world.enter("a"), world.enter("b"));
    let one_more = world.ask(join(""));
    assert_eq!(world.refused(one_more).0, ResponseError::GroupMaxSizeReached);
    world.pass(DELAY * 3);
    world.settle(&["a", "b"], &[a, b]);

    let large = world.ask(Join { protocols: speaking(&[("range", &"x".repeat(90))]), ..join("a") });
    assert_eq!(world.refused(large).0, ResponseError::GroupMaxSizeReached);
    assert_eq!(world.heartbeat("a", 1), Ok(()));

    let mut out = Answers::new();
    for (ticket, group) in ["h", "i"].into_iter().enumerate() {
        world.groups.join(world.now, ticket as u64, &group.into(), Join { fresh: "x".into(), ..join("") }, &mut out);
    }
    let errors: Vec<ResponseError> = out
        .into_iter()
        .map(|(_, answer)| match answer {
            Answer::Joined(Err(refused)) => refused.error,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(errors, [ResponseError::MemberIdRequired, ResponseError::CoordinatorNotAvailable]);
}

#[test]
fn an_assignment_that_is_too_large_is_refused_and_the_others_are_not_left_waiting() {
    let mut world = World::of(GroupLimits { group_bytes_max: 200, ..GroupLimits::default() });
    let (a, b) = (world.enter("a"), world.enter("b"));
    world.pass(DELAY * 3);
    assert_eq!((world.joined(a).generation, world.joined(b).generation), (1, 1));
    let b = world.sync(following("b", 1));
    let assignments = vec![(Name::from("a"), Bytes::from(vec![0; 200]))];
    let a = world.sync(Sync { assignments, ..following("a", 1) });
    assert_eq!(world.synced(a), Err(ResponseError::GroupMaxSizeReached));
    assert_eq!(world.synced(b), Err(ResponseError::RebalanceInProgress));
}

/// ConsumerProtocolSubscription, version 1: topics `orders` and `account.events`.
const SUBSCRIPTION: &[u8] = b"\0\x01\0\0\0\x02\0\x06orders\0\x0eaccount.events\xff\xff\xff\xff\0\0\0\0";

#[test]
fn offsets_of_a_topic_that_a_member_reads_are_not_deleted() {
    let mut world = World::new();
    let protocols = vec![(Name::from("range"), Bytes::from_static(SUBSCRIPTION))];
    let a = world.ask(Join { protocols, fresh: "a".into(), two_steps: false, ..join("") });
    world.pass(DELAY);
    world.settle(&["a"], &[a]);
    let may = |world: &World, topic: &str| world.groups.get("g").unwrap().may_delete_offsets(topic);
    assert_eq!(may(&world, "account.events"), Err(ResponseError::GroupSubscribedToTopic));
    assert_eq!(may(&world, "account.state"), Ok(()));
    world.groups.keep(&"g".into());
    assert_eq!(world.leave("a", None), Ok(()));
    assert_eq!(may(&world, "account.events"), Ok(()));
    // Members whose subscription is not understood may read anything.
    let world = World::settled(&["a"]);
    assert_eq!(may(&world, "account.state"), Err(ResponseError::GroupSubscribedToTopic));
}
