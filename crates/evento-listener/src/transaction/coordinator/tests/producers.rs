//! Who may go on with a transactional id, and who is fenced.

use super::*;

#[test]
fn who_is_not_the_producer_of_the_id_is_told_so() {
    let mut world = World::default();
    let (producer, epoch) = world.init("t");
    let table = [
        ("t", (producer, epoch), Ok(())),
        ("t", (producer, epoch + 1), Err(ProducerFenced)),
        ("t", (producer + 1, epoch), Err(InvalidProducerIdMapping)),
        ("other", (producer, epoch), Err(InvalidProducerIdMapping)),
    ];
    for (id, who, wanted) in table {
        assert_eq!(world.add(id, who), wanted, "{id} {who:?}");
        assert_eq!(world.stage(id, who, commands(1)), wanted, "{id} {who:?}");
        if wanted.is_err() {
            assert_eq!(world.end(id, who, true).map(drop), wanted, "{id} {who:?}");
        }
    }
    let elsewhere = Place { partition: 9, ..PLACE };
    let claim = Claim { id: "t", producer, epoch, connection: 1 };
    assert_eq!(world.coordinator.stage(claim, elsewhere, commands(1)), Err(InvalidTxnState));
}

#[test]
fn a_new_producer_fences_the_old_one_and_aborts_what_it_had_begun() {
    let mut world = World::default();
    let zombie = world.init("t");
    world.add("t", zombie).expect("begun");
    world.stage("t", zombie, commands(3)).expect("held");
    let who = world.init("t");
    assert_eq!(who, (zombie.0, zombie.1 + 1));
    assert_eq!(world.stage("t", zombie, commands(1)), Err(ProducerFenced));
    assert_eq!(world.add("t", zombie), Err(ProducerFenced));
    assert_eq!(world.end("t", zombie, true), Err(ProducerFenced));
    assert_eq!(world.init_as("t", Some(zombie)), Err(ProducerFenced));
    world.again();
    assert_eq!(world.end("t", zombie, true), Err(ProducerFenced), "also after a restart");
    world.add("t", who).expect("begun");
    assert_eq!(world.end("t", who, true), Ok(Vec::new()), "nothing of the zombie's");
    assert_eq!(world.coordinator.bytes, 0);
}

#[test]
fn a_producer_that_says_who_it_is_gets_the_next_epoch_once() {
    let mut world = World::default();
    let first = world.init("t");
    let second = world.init_as("t", Some(first)).expect("the next epoch");
    assert_eq!(second, (first.0, first.1 + 1));
    assert_eq!(world.init_as("t", Some(first)), Ok(second), "its answer was lost");
    world.again();
    assert_eq!(world.init_as("t", Some(first)), Ok(second), "also after a restart");
    world.add("t", second).expect("begun");
    assert_eq!(world.init_as("t", Some(first)), Err(ProducerFenced));
    assert_eq!(world.init_as("t", Some((first.0 + 9, 0))), Err(ProducerFenced));
    // One that does not say who it was fences for good.
    let third = world.init("t");
    assert_eq!(world.init_as("t", Some(second)), Err(ProducerFenced));
    assert_eq!(world.add("t", third), Ok(()));
}

#[test]
fn when_epochs_are_used_up_a_new_producer_id_is_given() {
    let mut world = World::default();
    let first = world.init("t");
    let mut who = first;
    while who.1 < i16::MAX - 1 {
        who = world.init_as("t", Some(who)).expect("the next epoch");
    }
    assert_eq!(who.0, first.0);
    let next = world.init_as("t", Some(who)).expect("a new producer");
    assert_eq!((next.0 != first.0, next.1), (true, 0));
    assert_eq!(world.init_as("t", Some(who)), Ok(next));
    assert_eq!(world.add("t", who), Err(InvalidProducerIdMapping));
    // The last epoch of all is there to fence one that takes too long.
    let mut who = next;
    while who.1 < i16::MAX - 1 {
        who = world.init_as("t", Some(who)).expect("the next epoch");
    }
    world.add("t", who).expect("begun");
    world.pass(u64::from(TIMEOUT_MS));
    assert_eq!(world.add("t", who), Err(ProducerFenced));
    let next = world.init_as("t", Some(who)).expect("a new producer");
    assert_eq!((next.0 != who.0, next.1), (true, 0));
}
