//! Time-outs, bounds, and what is forgotten; and commands as they are written.

use super::*;

#[test]
fn a_transaction_that_takes_too_long_is_aborted_and_its_producer_fenced() {
    let mut world = World::default();
    let (slow, idle) = (world.init("slow"), world.init("idle"));
    world.add("slow", slow).expect("begun");
    world.stage("slow", slow, commands(5)).expect("held");
    assert_eq!(world.coordinator.next_due(), Some(world.now().plus_ms(u64::from(TIMEOUT_MS))));
    world.pass(u64::from(TIMEOUT_MS) - 1);
    world.stage("slow", slow, commands(1)).expect("held");
    world.pass(1);
    assert_eq!(world.stage("slow", slow, commands(1)), Err(ProducerFenced));
    assert_eq!(world.end("slow", slow, true), Err(ProducerFenced));
    assert_eq!(world.coordinator.bytes, 0);
    // It may say who it was and go on; nobody else came in between (KIP-588).
    let now = world.init_as("slow", Some(slow)).expect("known");
    assert_eq!(now, (slow.0, slow.1 + 1));
    world.add("slow", now).expect("begun");
    world.add("idle", idle).expect("it did nothing");
}

#[test]
fn a_timeout_that_cannot_be_written_is_tried_again_later() {
    let mut world = World::default();
    let who = world.init("t");
    world.add("t", who).expect("begun");
    world.stage("t", who, commands(5)).expect("held");
    world.now += i64::from(TIMEOUT_MS);
    let write = world.coordinator.expire(world.now()).expect("due");
    assert_eq!(world.stage("t", who, commands(1)), Err(ConcurrentTransactions));
    let now = world.now();
    world.coordinator.settle(now, &write.id, false);
    assert!(world.coordinator.expire(now).is_none(), "not at once");
    world.pass(AGAIN_MS);
    assert_eq!(world.add("t", who), Err(ProducerFenced));
}

#[test]
fn one_transaction_and_all_together_are_bounded() {
    let mut world = World::default();
    let who = world.init("t");
    world.add("t", who).expect("begun");
    let large = |bytes| vec![command(1, bytes)];
    world.stage("t", who, large(PAYLOAD_MAX - 1)).expect("it fits");
    assert_eq!(world.stage("t", who, large(2)), Err(PolicyViolation));
    assert_eq!(world.end("t", who, false), Ok(Vec::new()));
    world.add("t", who).expect("begun");
    world.stage("t", who, vec![command(1, 0); COMMANDS_MAX]).expect("it fits");
    assert_eq!(world.stage("t", who, large(0)), Err(PolicyViolation));
    assert_eq!(world.end("t", who, false), Ok(Vec::new()));
    let mut refused = 0;
    for n in 0..20 {
        let id = format!("t{n}");
        let who = world.init(&id);
        world.add(&id, who).expect("begun");
        refused += usize::from(world.stage(&id, who, large(PAYLOAD_MAX)).is_err());
    }
    assert_eq!(refused, 20 - (BYTES_ALL / (PAYLOAD_MAX + 1_000)));
    assert!(world.coordinator.bytes <= BYTES_ALL);
    world.pass(u64::from(TIMEOUT_MS));
    assert_eq!(world.coordinator.bytes, 0);
}

#[test]
fn unused_ids_are_forgotten_after_a_week_or_when_there_are_too_many() {
    let mut world = World::default();
    let who = world.init("old");
    for n in 1..IDS_MAX {
        world.init(&format!("t{n}"));
    }
    assert_eq!(world.init_as("new", None), Err(CoordinatorNotAvailable), "all were used within the hour");
    world.pass(KEPT_MS);
    world.add("t1", (2, 0)).expect("begun");
    world.end("t1", (2, 0), true).expect("committed");
    world.pass(1);
    world.init("new");
    assert_eq!(world.coordinator.all().count(), IDS_MAX);
    assert_eq!(world.add("old", who), Err(InvalidProducerIdMapping));
    world.again();
    assert_eq!(world.coordinator.all().count(), IDS_MAX, "what was forgotten is not found again");
    world.pass(FORGOTTEN_AFTER_MS - 2);
    let left: Vec<Arc<str>> = world.coordinator.all().map(|shown| shown.id).collect();
    assert_eq!(left, ["new".into(), "t1".into()]);
    world.pass(2);
    assert_eq!(world.disk.len(), 0);
}

#[test]
fn commands_come_back_from_their_fact_as_they_were() {
    for count in [0, 1, 40] {
        let redo = record::redo(&commands(count));
        assert_eq!(record::read_redo(&redo), Some(commands(count)));
        assert_eq!(redo.len(), record::weights(&commands(count)) + 1);
        for cut in 1..redo.len().min(200) {
            assert!(record::read_redo(&redo.slice(..redo.len() - cut)) != Some(commands(count)), "{cut} bytes missing");
        }
    }
    assert_eq!(record::read_redo(&Bytes::new()), None);
    assert_eq!(record::read_redo(&Bytes::from_static(b"\x02")), None, "of a later format");
}
