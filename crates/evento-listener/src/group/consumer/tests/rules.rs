//! Who is refused, who is fenced, who may commit, and what static members may.

use super::*;
use crate::group::offsets::{Committer, Way};
use crate::group::{Granted, Join};

#[test]
fn what_a_heartbeat_must_say_depends_on_its_epoch() {
    use ResponseError::{
        InvalidGroupId, InvalidRegularExpression, InvalidRequest, UnknownMemberId, UnsupportedAssignor,
    };
    let long: Name = "x".repeat(2000).into();
    let table: Vec<(&str, Beat, ResponseError)> = vec![
        ("no id", joins(""), InvalidRequest),
        ("a long id", joins(&long), InvalidRequest),
        ("owns while joining", Beat { owned: Some(events(&[1])), ..joins("a") }, InvalidRequest),
        ("does not say that it owns nothing", Beat { owned: None, ..joins("a") }, InvalidRequest),
        ("no rebalance timeout", Beat { rebalance: None, ..joins("a") }, InvalidRequest),
        ("no subscription", Beat { names: None, ..joins("a") }, InvalidRequest),
        ("an unknown epoch", lives("a", -3), InvalidRequest),
        ("away without instance", lives("a", -2), InvalidRequest),
        ("an empty instance", instance("", joins("a")), InvalidRequest),
        ("an unknown assignor", Beat { assignor: Some("best".into()), ..joins("a") }, UnsupportedAssignor),
        ("a wrong pattern", Beat { pattern: Some("(".into()), ..joins("a") }, InvalidRegularExpression),
        ("a long pattern", Beat { pattern: Some(long.clone()), ..joins("a") }, InvalidRegularExpression),
        (
            "a large pattern",
            Beat { pattern: Some("((a{100}){100}){100}".into()), ..joins("a") },
            InvalidRegularExpression,
        ),
        ("nobody lives", lives("a", 3), UnknownMemberId),
        ("nobody leaves", lives("a", -1), UnknownMemberId),
    ];
    for (what, beat, expected) in table {
        let mut world = World::new();
        assert_eq!(world.error(beat), expected, "{what}");
        assert!(!world.exists(), "{what}: no group is left behind");
    }
    for name in ["", "a\0b", &long] {
        let refused = World::new().groups.beat(Duration::ZERO, &name.into(), joins("a"));
        assert_eq!(refused.unwrap_err().error, InvalidGroupId);
    }
}

#[test]
fn an_epoch_that_is_not_the_members_is_fenced_unless_only_an_answer_was_lost() {
    let mut world = World::new();
    world.ok(joins("a"));
    world.ok(Beat { names: Some(vec!["account.events".into(), "none".into()]), ..lives("a", 1) });
    for (what, beat, expected) in [
        ("from the future", lives("a", 3), Err(ResponseError::FencedMemberEpoch)),
        ("the one before, without partitions said", lives("a", 1), Err(ResponseError::FencedMemberEpoch)),
        ("the one before, with more than it was told", has("a", 1, &[0, 9]), Err(ResponseError::FencedMemberEpoch)),
        ("the one before, with what it was told", has("a", 1, &[0, 1]), Ok(2)),
        ("its own", lives("a", 2), Ok(2)),
    ] {
        let answer = world.beat(beat).map(|beaten| beaten.epoch).map_err(|no| no.error);
        assert_eq!(answer, expected, "{what}");
    }
}

#[test]
fn a_fenced_member_joins_anew_under_its_id_and_gets_its_partitions_again() {
    let mut world = World::new();
    world.ok(joins("a"));
    assert_eq!(world.error(lives("a", 7)), ResponseError::FencedMemberEpoch);
    let (epoch, told) = world.ok(joins("a"));
    assert_eq!((epoch, told), (1, Some(events(&[0, 1, 2, 3]))), "nothing has changed for the group");
}

#[test]
fn whoever_says_everything_is_told_everything() {
    let mut world = World::new();
    world.ok(joins("a"));
    let full = Beat { epoch: 1, owned: Some(events(&[0, 1, 2, 3])), ..joins("a") };
    assert_eq!(world.ok(full), (1, Some(events(&[0, 1, 2, 3]))));
}

#[test]
fn after_a_restart_members_are_unknown_and_join_again() {
    let mut world = World::new();
    world.groups = Groups::new(GroupLimits::default(), ["g".into()]);
    world.groups.set_topics(two_topics(1, 4));
    assert_eq!(world.state(), "Empty");
    assert_eq!(world.error(lives("a", 5)), ResponseError::UnknownMemberId);
    assert_eq!(world.ok(joins("a")), (1, Some(events(&[0, 1, 2, 3]))));
}

#[test]
fn an_instance_that_comes_back_in_time_gets_what_it_had_and_moves_nothing() {
    let mut world = World::new();
    world.ok(instance("i", joins("a")));
    world.ok(joins("b"));
    let (_, keeps) = world.ok(instance("i", lives("a", 1)));
    let keeps = keeps.unwrap();
    world.ok(Beat { owned: Some(keeps.clone()), ..instance("i", lives("a", 1)) });
    world.ok(lives("b", 2));

    assert_eq!(world.ok(instance("i", lives("a", -2))), (-2, None));
    world.pass(SESSION / 2);
    assert_eq!(world.ok(lives("b", 2)), (2, None), "its partitions wait");
    assert_eq!(world.ok(instance("i", joins("a2"))), (2, Some(keeps)));
    assert_eq!(world.ok(lives("b", 2)), (2, None));
    assert_eq!(world.error(instance("i", lives("a", 2))), ResponseError::FencedInstanceId);
    assert_eq!(world.error(lives("a", 2)), ResponseError::UnknownMemberId);
}

#[test]
fn an_instance_that_stays_away_too_long_is_forgotten() {
    let mut world = World::new();
    world.ok(instance("i", joins("a")));
    world.ok(joins("b"));
    world.ok(instance("i", lives("a", -2)));
    // What it was about to give up, b gets at once; the rest after the session.
    let (_, told) = world.ok(lives("b", 2));
    assert_eq!(told.unwrap().len(), 2);
    world.pass(SESSION - Duration::from_millis(1));
    assert_eq!(world.ok(lives("b", 2)), (2, None));
    world.pass(Duration::from_millis(1));
    assert_eq!(world.ok(lives("b", 2)), (3, Some(events(&[0, 1, 2, 3]))));
}

#[test]
fn an_instance_that_has_not_left_is_not_given_to_another() {
    let mut world = World::new();
    world.ok(instance("i", joins("a")));
    assert_eq!(world.error(instance("i", joins("a2"))), ResponseError::UnreleasedInstanceId);
    assert_eq!(world.ok(instance("i", lives("a", 1))), (1, None));
    // The same member may join anew, also while it is away.
    assert_eq!(world.ok(instance("i", joins("a"))).0, 1);
    world.ok(instance("i", lives("a", -2)));
    assert_eq!(world.error(instance("i", lives("a", 1))), ResponseError::FencedMemberEpoch);
    assert_eq!(world.ok(instance("i", joins("a"))), (1, Some(events(&[0, 1, 2, 3]))));
    assert_eq!(world.ok(instance("i", lives("a", -1))), (-1, None), "and leave for good");
    assert!(!world.exists());
}

fn may_commit(world: &mut World, member: &str, generation: i32, way: Way) -> Granted<()> {
    let by = Committer { group: "g", member, instance: None, generation };
    world.groups.may_commit(world.now, &by, way)
}

#[test]
fn members_commit_in_their_epoch() {
    let mut world = World::new();
    world.ok(joins("a"));
    for (member, epoch, way, expected) in [
        ("a", 1, Way::Request(9), Ok(())),
        ("a", 0, Way::Request(9), Err(ResponseError::StaleMemberEpoch)),
        ("a", 2, Way::Request(9), Err(ResponseError::StaleMemberEpoch)),
        ("a", 1, Way::Request(8), Err(ResponseError::UnsupportedVersion)),
        ("b", 1, Way::Request(9), Err(ResponseError::UnknownMemberId)),
        ("", -1, Way::Request(9), Err(ResponseError::UnknownMemberId)),
        ("a", 1, Way::Transaction, Ok(())),
        ("a", 0, Way::Transaction, Err(ResponseError::IllegalGeneration)),
        ("", -1, Way::Transaction, Ok(())),
    ] {
        assert_eq!(may_commit(&mut world, member, epoch, way), expected, "{member:?} {epoch} {way:?}");
    }
    for (member, epoch, expected) in [
        ("a", 1, Ok(())),
        ("a", 2, Err(ResponseError::StaleMemberEpoch)),
        ("b", 1, Err(ResponseError::UnknownMemberId)),
        ("", -1, Ok(())),
    ] {
        assert_eq!(world.groups.may_read_offsets("g", member, epoch), expected, "{member:?} {epoch}");
    }
    world.groups.keep(&"g".into());
    world.ok(Beat { epoch: -1, ..lives("a", 0) });
    assert_eq!(may_commit(&mut world, "", -1, Way::Request(2)), Ok(()), "while nobody is in");
    assert_eq!(world.groups.get("g").unwrap().kind.as_str(), "consumer", "which does not change its kind");
}

#[test]
fn offsets_of_a_topic_that_a_member_reads_are_not_deleted() {
    let mut world = World::new();
    world.ok(Beat { pattern: Some("order.*".into()), ..joins("a") });
    let group = world.groups.get("g").unwrap();
    for topic in ["account.events", "order.events"] {
        assert_eq!(group.may_delete_offsets(topic), Err(ResponseError::GroupSubscribedToTopic));
    }
    assert_eq!(group.may_delete_offsets("account.state"), Ok(()));
}

fn joins_classic(world: &mut World) -> ResponseError {
    let join = Join {
        member: "".into(),
        instance: None,
        origin: joins("x").origin,
        session: Duration::from_secs(10),
        rebalance: REBALANCE,
        protocol_type: "consumer".into(),
        protocols: vec![("range".into(), "".into())],
        two_steps: true,
        fresh: "classic".into(),
    };
    let mut out = Answers::new();
    world.groups.join(world.now, 1, &"g".into(), join, &mut out);
    match out.remove(0).1 {
        crate::group::Answer::Joined(Err(refused)) => refused.error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_group_is_of_one_kind_while_it_has_members() {
    let mut world = World::new();
    world.ok(joins("a"));
    world.groups.keep(&"g".into());
    assert_eq!(joins_classic(&mut world), ResponseError::InconsistentGroupProtocol);
    world.ok(Beat { epoch: -1, ..lives("a", 0) });
    assert_eq!(world.groups.get("g").unwrap().kind.as_str(), "consumer");
    assert_eq!(joins_classic(&mut world), ResponseError::MemberIdRequired);
    assert_eq!(world.groups.get("g").unwrap().kind.as_str(), "classic");
    assert_eq!(world.error(joins("a")), ResponseError::GroupIdNotFound);
    // The id that was given out is forgotten, and then the group may be of the other kind again.
    world.pass(Duration::from_secs(10));
    assert_eq!(world.ok(joins("a")).0, 1);
}

#[test]
fn members_are_bounded() {
    let mut world = World::of(GroupLimits { members_max: 2, ..GroupLimits::default() });
    world.ok(joins("a"));
    world.ok(joins("b"));
    assert_eq!(world.error(joins("c")), ResponseError::GroupMaxSizeReached);
    world.ok(joins("a"));
    let names: Vec<Name> = (0..3000).map(|n| format!("a-long-name-of-a-topic-{n}").into()).collect();
    assert_eq!(world.error(Beat { names: Some(names), ..lives("a", 1) }), ResponseError::InvalidRequest);
}
