//! Partitions move: given up first, then handed over.

use super::*;

#[test]
fn a_member_alone_gets_everything_at_once() {
    let mut world = World::new();
    let beaten = world.beat(joins("a")).unwrap();
    assert_eq!((beaten.epoch, beaten.assigned), (1, Some(events(&[0, 1, 2, 3]))));
    assert_eq!((beaten.next, world.state()), (Duration::from_secs(5), "Stable"));
    assert_eq!(world.ok(lives("a", 1)), (1, None), "nothing new is not told again");
}

#[test]
fn a_second_member_gets_its_share_after_the_first_has_given_it_up() {
    let mut world = World::new();
    world.ok(joins("a"));
    let joined = world.beat(joins("b")).unwrap();
    assert_eq!((joined.epoch, joined.assigned), (2, Some(Parts::new())), "nothing is free");
    assert_eq!((joined.next, world.state()), (Duration::from_millis(500), "Reconciling"));

    let (epoch, told) = world.ok(lives("a", 1));
    let keeps = told.expect("it is told to give up");
    assert_eq!((epoch, keeps.len()), (1, 2), "it stays in its epoch until it has");
    assert_eq!(world.ok(lives("b", 2)), (2, None), "still nothing is free");
    assert_eq!(world.ok(has("a", 1, &[0, 1, 2, 3])), (1, None), "it still has them");

    let kept: Vec<i32> = keeps.iter().map(|(_, partition)| *partition).collect();
    assert_eq!(world.ok(has("a", 1, &kept)), (2, None), "it has given up, and goes on");
    let (epoch, given) = world.ok(lives("b", 2));
    let given = given.expect("the rest");
    assert_eq!((epoch, given.len(), given.is_disjoint(&keeps)), (2, 2, true));
    assert_eq!(world.state(), "Stable");
}

#[test]
fn who_leaves_frees_its_partitions_for_those_who_stay() {
    let mut world = settled_pair();
    assert_eq!(world.ok(Beat { epoch: -1, ..lives("b", 0) }), (-1, None));
    let (_, told) = world.ok(lives("a", 2));
    assert_eq!(told, Some(events(&[0, 1, 2, 3])));
    assert_eq!(world.error(lives("b", 2)), ResponseError::UnknownMemberId);
}

/// `a` and `b` with two partitions each, in epoch 2.
fn settled_pair() -> World {
    let mut world = World::new();
    world.ok(joins("a"));
    world.ok(joins("b"));
    let (_, told) = world.ok(lives("a", 1));
    world.ok(Beat { owned: told, ..lives("a", 1) });
    world.ok(lives("b", 2));
    assert_eq!(world.state(), "Stable");
    world
}

#[test]
fn a_killed_member_is_forgotten_after_its_session_and_not_before() {
    let mut world = settled_pair();
    for _ in 0..8 {
        world.pass(Duration::from_secs(5));
        assert_eq!(world.ok(lives("a", 2)), (2, None));
    }
    world.pass(Duration::from_secs(5));
    assert_eq!(world.ok(lives("a", 2)), (3, Some(events(&[0, 1, 2, 3]))));
}

#[test]
fn who_does_not_give_up_in_time_is_put_out() {
    let mut world = World::new();
    world.ok(joins("a"));
    world.ok(joins("b"));
    assert!(world.ok(lives("a", 1)).1.is_some());
    for _ in 0..3 {
        world.pass(REBALANCE / 4);
        assert_eq!((world.ok(lives("a", 1)), world.ok(lives("b", 2))), ((1, None), (2, None)));
    }
    world.pass(REBALANCE / 4);
    assert_eq!(world.error(lives("a", 1)), ResponseError::UnknownMemberId);
    assert_eq!(world.ok(lives("b", 2)), (3, Some(events(&[0, 1, 2, 3]))));
}

#[test]
fn a_target_that_changes_while_partitions_move_is_followed_from_where_everybody_is() {
    let mut world = World::new();
    world.ok(joins("a"));
    world.ok(joins("b"));
    let (_, keeps) = world.ok(lives("a", 1));
    // Before a has given up two, b leaves again: a is to have everything.
    world.ok(Beat { epoch: -1, ..lives("b", 0) });
    let (epoch, told) = world.ok(Beat { owned: keeps, ..lives("a", 1) });
    assert_eq!((epoch, told), (3, Some(events(&[0, 1, 2, 3]))));
}

#[test]
fn new_partitions_and_new_topics_are_given_out_and_lost_ones_taken_back() {
    let mut world = World::new();
    world.ok(Beat { names: Some(vec!["account.events".into(), "later.events".into()]), ..joins("a") });
    world.groups.set_topics(two_topics(2, 6));
    assert_eq!(world.ok(lives("a", 1)), (2, Some(events(&[0, 1, 2, 3, 4, 5]))));
    let topics = Topics::made(3, &[("account.events", 1, 1), ("later.events", 7, 1)]);
    world.groups.set_topics(Arc::new(topics));
    assert_eq!(world.ok(lives("a", 2)), (2, Some(events(&[0]))), "what is gone is given up first");
    let later = (Uuid::from_u128(7), 0);
    let expected: Parts = events(&[0]).into_iter().chain([later]).collect();
    assert_eq!(world.ok(has("a", 2, &[0])), (3, Some(expected)));
    // A topic that nobody reads moves nothing.
    world
        .groups
        .set_topics(Arc::new(Topics::made(4, &[("account.events", 1, 1), ("later.events", 7, 1), ("x.state", 9, 3)])));
    assert_eq!(world.ok(lives("a", 3)), (3, None));
}

#[test]
fn a_changed_subscription_moves_what_it_must() {
    let mut world = World::new();
    world.ok(joins("a"));
    let orders: Parts = (0..4).map(|partition| (Uuid::from_u128(2), partition)).collect();
    let names = Some(vec![Name::from("order.events")]);
    assert_eq!(world.ok(Beat { names, ..lives("a", 1) }), (1, Some(Parts::new())));
    assert_eq!(world.ok(has("a", 1, &[])), (2, Some(orders)));
}

#[test]
fn a_pattern_takes_all_topics_whose_whole_name_it_matches_also_later_ones() {
    let mut world = World::new();
    let pattern = Some(Name::from("(account|later)[.]events"));
    let beat = Beat { names: None, pattern, ..joins("a") };
    assert_eq!(world.ok(beat), (1, Some(events(&[0, 1, 2, 3]))));
    let topics = Topics::made(2, &[("account.events", 1, 1), ("later.events", 7, 1), ("my-later.events", 8, 1)]);
    world.groups.set_topics(Arc::new(topics));
    assert_eq!(world.ok(lives("a", 1)), (1, Some(events(&[0]))));
    let (epoch, told) = world.ok(has("a", 1, &[0]));
    let expected: Parts = events(&[0]).into_iter().chain([(Uuid::from_u128(7), 0)]).collect();
    assert_eq!((epoch, told), (2, Some(expected)));
    // Without the pattern, it reads nothing.
    world.ok(Beat { pattern: Some("".into()), ..lives("a", 2) });
    assert_eq!(world.ok(has("a", 2, &[])), (3, None));
    assert_eq!(world.state(), "Stable");
}

#[test]
fn the_assignor_is_the_one_that_most_members_ask_for() {
    let mut world = World::new();
    let range = || Some(Name::from("range"));
    world.ok(Beat { assignor: range(), ..joins("a") });
    world.ok(joins("b"));
    let (_, told) = world.ok(lives("a", 1));
    assert_eq!(told, Some(events(&[0, 1])), "range gives neighbours");
    let uniform = Some(Name::from("uniform"));
    let before = world.ok(has("a", 1, &[0, 1])).0;
    world.ok(Beat { assignor: uniform, ..lives("b", 2) });
    assert_eq!(world.ok(lives("a", before)).0, before + 1, "another assignor, another epoch");
}
