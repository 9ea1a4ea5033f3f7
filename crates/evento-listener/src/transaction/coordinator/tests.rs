//! Scenarios of the coordinator, with the clock handed in and the disk played: what is asked to be written is kept
//! in a map, and a coordinator that begins anew finds exactly that.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use evento_log::intake::Offer;
use evento_model::{CommandId, EntityId, EntityKey, EntityTypeId, FullName, SchemaId, Seed, Timestamp};
use kafka_protocol::error::ResponseError::{self, *};

use super::super::record::{self, IDENTITIES, Staged};
use super::super::state::FORGOTTEN_AFTER_MS;
use super::{BYTES_ALL, COMMANDS_MAX, Claim, Coordinator, Ended, IDS_MAX, Init, KEPT_MS, PAYLOAD_MAX, Settled, Write};
use crate::producer::Place;

const PLACE: Place = Place { entity: EntityTypeId(1), partition: 2 };
const TIMEOUT_MS: u32 = 60_000;

/// A coordinator and its disk.
#[derive(Default)]
struct World {
    coordinator: Coordinator,
    disk: BTreeMap<Bytes, Bytes>,
    now: i64,
    ids: i64,
}

impl World {
    fn now(&self) -> Timestamp {
        Timestamp(self.now)
    }

    /// The disk takes what is to be written.
    fn write(&mut self, write: Write) -> Settled {
        self.put(&write);
        self.coordinator.settle(Timestamp(self.now), &write.id, true)
    }

    fn put(&mut self, write: &Write) {
        for (key, value) in &write.facts {
            match value {
                Some(value) => self.disk.insert(key.clone(), value.clone()),
                None => self.disk.remove(key),
            };
        }
    }

    /// The server is killed and started again: what it finds, and the commands that it must send again.
    fn again(&mut self) -> Vec<Staged> {
        self.coordinator = Coordinator::default();
        let mut unsent = Vec::new();
        for (key, value) in &self.disk {
            let Some(id) = record::id_in(key, IDENTITIES) else { continue };
            let (identity, standing, used) = record::read_identity(value).expect("an identity");
            let redo = self.disk.get(&record::redo_key(id));
            let redo = redo.map(|redo| record::read_redo(redo).expect("commands")).unwrap_or_default();
            self.coordinator.find(id, identity, standing, used, &redo);
            unsent.extend(redo);
        }
        unsent
    }

    fn init_as(&mut self, id: &str, claimed: Option<(i64, i16)>) -> Result<(i64, i16), ResponseError> {
        let mut fresh = None;
        loop {
            match self.coordinator.init(Timestamp(self.now), id, TIMEOUT_MS, claimed, fresh)? {
                Init::IdWanted => {
                    self.ids += 1;
                    fresh = Some(self.ids);
                }
                Init::Known(producer, epoch) => return Ok((producer, epoch)),
                Init::Given(write, producer, epoch) => {
                    self.write(write);
                    return Ok((producer, epoch));
                }
            }
        }
    }

    fn init(&mut self, id: &str) -> (i64, i16) {
        self.init_as(id, None).expect("a producer")
    }

    /// Begins a transaction with the one partition, and has that written.
    fn add(&mut self, id: &str, (producer, epoch): (i64, i16)) -> Result<(), ResponseError> {
        let claim = Claim { id, producer, epoch };
        if let Some(write) = self.coordinator.add(Timestamp(self.now), claim, [PLACE])? {
            self.write(write);
        }
        Ok(())
    }

    fn stage(&mut self, id: &str, who: (i64, i16), commands: Vec<Staged>) -> Result<(), ResponseError> {
        let claim = Claim { id, producer: who.0, epoch: who.1 };
        self.coordinator.stage(claim, PLACE, commands)
    }

    /// Decides, and has that written: the commands to be sent.
    fn end(&mut self, id: &str, (producer, epoch): (i64, i16), commit: bool) -> Result<Vec<Staged>, ResponseError> {
        match self.coordinator.end(Timestamp(self.now), Claim { id, producer, epoch }, commit)? {
            Ended::Known => Ok(Vec::new()),
            Ended::Deciding(write) => Ok(self.write(write).commands),
        }
    }

    /// All commands were sent.
    fn completed(&mut self, id: &str, commands: &[Staged]) {
        self.disk.remove(&record::redo_key(id));
        self.coordinator.completed(Timestamp(self.now), id, record::weights(commands));
    }

    /// Time passes, and the timer does what is due.
    fn pass(&mut self, ms: u64) {
        self.now += ms as i64;
        while let Some(write) = self.coordinator.expire(Timestamp(self.now)) {
            self.write(write);
        }
    }
}

fn command(n: usize, payload: usize) -> Staged {
    let entity = EntityTypeId(1);
    let offer = Offer {
        key: EntityKey { entity, id: EntityId::new("zoë").expect("an id") },
        supplied: Some(CommandId::new(&format!("kafka-1-0-2-{n}")).expect("an id")),
        type_name: FullName::new("bank.ReceiveDeposit").expect("a name"),
        schema: SchemaId(4),
        payload: Bytes::from(vec![7; payload]),
        if_seq: (n % 2 == 1).then_some(n as u64),
        correlation: n.is_multiple_of(3).then(|| "order 7".into()),
        causation: None,
        traceparent: Some("00-1".into()),
    };
    let command = offer.record(|| CommandId::new("made").expect("an id"), Timestamp(5), Seed([n as u8; 16]));
    Staged { entity, command }
}

fn commands(count: usize) -> Vec<Staged> {
    (0..count).map(|n| command(n, n)).collect()
}

#[test]
fn a_committed_transaction_gives_its_commands_once_and_is_answered_the_same_again() {
    let mut world = World::default();
    let who = world.init("t");
    assert_eq!(world.stage("t", who, commands(1)), Err(InvalidTxnState), "nothing was begun");
    world.add("t", who).expect("begun");
    world.stage("t", who, commands(2)).expect("held");
    world.stage("t", who, vec![command(2, 9)]).expect("held");
    let sent = world.end("t", who, true).expect("committed");
    assert_eq!(sent, [commands(2), vec![command(2, 9)]].concat());
    // Until they are sent, the id is busy.
    assert_eq!(world.end("t", who, true), Err(ConcurrentTransactions));
    assert_eq!(world.add("t", who), Err(ConcurrentTransactions));
    assert_eq!(world.init_as("t", None), Err(ConcurrentTransactions));
    world.completed("t", &sent);
    assert_eq!(world.end("t", who, true), Ok(Vec::new()));
    assert_eq!(world.end("t", who, false), Err(InvalidTxnState));
    world.add("t", who).expect("the next one");
    assert_eq!(world.end("t", who, true), Ok(Vec::new()), "it may be empty");
    assert_eq!(world.coordinator.bytes, 0);
}

#[test]
fn an_aborted_transaction_never_happened() {
    let mut world = World::default();
    let who = world.init("t");
    world.add("t", who).expect("begun");
    world.stage("t", who, commands(3)).expect("held");
    assert_eq!(world.end("t", who, false), Ok(Vec::new()));
    assert_eq!(world.end("t", who, false), Ok(Vec::new()));
    assert_eq!(world.end("t", who, true), Err(InvalidTxnState));
    assert_eq!(world.coordinator.bytes, 0);
    assert!(world.again().is_empty());
    assert_eq!(world.end("t", who, false), Ok(Vec::new()), "also after a restart");
}

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
    let claim = Claim { id: "t", producer, epoch };
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
    world.pass(super::AGAIN_MS);
    assert_eq!(world.add("t", who), Err(ProducerFenced));
}

#[test]
fn what_cannot_be_written_has_not_happened() {
    let mut world = World::default();
    let Ok(Init::Given(write, ..)) = world.coordinator.init(Timestamp(0), "t", TIMEOUT_MS, None, Some(1)) else {
        panic!("a producer");
    };
    world.coordinator.settle(Timestamp(0), &write.id, false);
    assert_eq!(world.add("t", (1, 0)), Err(InvalidProducerIdMapping));
    assert_eq!(world.coordinator.all().count(), 0);
    let who = world.init("t");
    world.add("t", who).expect("begun");
    world.stage("t", who, commands(2)).expect("held");
    let claim = Claim { id: "t", producer: who.0, epoch: who.1 };
    for _ in 0..2 {
        let Ok(Ended::Deciding(write)) = world.coordinator.end(Timestamp(0), claim, true) else { panic!("undecided") };
        assert!(world.coordinator.settle(Timestamp(0), &write.id, false).commands.is_empty());
    }
    assert_eq!(world.end("t", who, true), Ok(commands(2)), "the client asks again");
}

#[test]
fn a_kill_at_each_step_leaves_all_of_a_transaction_or_nothing() {
    // Before the commit is durable nothing is left, and the client is told so whatever it asks.
    let mut world = World::default();
    let who = world.init("t");
    world.add("t", who).expect("begun");
    world.stage("t", who, commands(3)).expect("held");
    assert!(world.again().is_empty());
    assert_eq!(world.add("t", who), Err(UnknownProducerId), "else the rest would be committed without the first part");
    assert_eq!(world.stage("t", who, commands(1)), Err(UnknownProducerId));
    assert_eq!(world.end("t", who, true), Err(UnknownProducerId));
    let mut aborting = World { disk: world.disk.clone(), ..World::default() };
    aborting.again();
    assert_eq!(aborting.end("t", who, false), Ok(Vec::new()), "it may abort and go on");
    assert_eq!(aborting.add("t", who), Ok(()));
    let who = world.init_as("t", Some(who)).expect("or get a new epoch");
    world.add("t", who).expect("begun");
    world.stage("t", who, commands(3)).expect("held");
    // Once it is durable, all of it is sent, by this server or the next one, until it was sent.
    let claim = Claim { id: "t", producer: who.0, epoch: who.1 };
    let Ok(Ended::Deciding(write)) = world.coordinator.end(Timestamp(0), claim, true) else { panic!("undecided") };
    world.put(&write);
    for _ in 0..2 {
        assert_eq!(world.again(), commands(3));
        assert_eq!(world.end("t", who, true), Err(ConcurrentTransactions));
        assert_eq!(world.init_as("t", None), Err(ConcurrentTransactions));
    }
    world.completed("t", &commands(3));
    assert_eq!(world.end("t", who, true), Ok(Vec::new()));
    assert!(world.again().is_empty());
    assert_eq!(world.end("t", who, true), Ok(Vec::new()), "its answer was lost");
    assert_eq!(world.add("t", who), Ok(()));
}

#[test]
fn nothing_is_taken_before_it_is_durable_that_the_transaction_has_begun() {
    let mut world = World::default();
    let who = world.init("t");
    let claim = Claim { id: "t", producer: who.0, epoch: who.1 };
    for durable in [false, true] {
        let write = world.coordinator.add(Timestamp(0), claim, [PLACE]).expect("allowed").expect("begun");
        assert_eq!(world.stage("t", who, commands(1)), Err(ConcurrentTransactions));
        assert_eq!(world.add("t", who), Err(ConcurrentTransactions));
        world.coordinator.settle(Timestamp(0), &write.id, durable);
        let staged = world.stage("t", who, commands(1));
        assert_eq!(staged, if durable { Ok(()) } else { Err(InvalidTxnState) });
    }
}

#[test]
fn offsets_are_written_with_the_commit_or_not_at_all() {
    let fact = |n: u8| (Bytes::from(format!("kafka/offset/{n}")), Some(Bytes::from(vec![n])));
    for commit in [true, false] {
        let mut world = World::default();
        let who = world.init("t");
        let claim = Claim { id: "t", producer: who.0, epoch: who.1 };
        assert_eq!(world.coordinator.commits_for(claim, "g"), Err(InvalidTxnState));
        let begin = world.coordinator.add_group(Timestamp(0), claim, "g").expect("allowed").expect("begun");
        world.write(begin);
        assert_eq!(world.coordinator.commits_for(claim, "h"), Err(InvalidTxnState));
        assert_eq!(world.coordinator.commits_for(claim, "g"), Ok(()));
        world.coordinator.hold(claim, vec![fact(1), fact(2)]).expect("held");
        world.coordinator.hold(claim, vec![fact(2)]).expect("held");
        assert!(!world.disk.contains_key(&fact(1).0));
        let Ok(Ended::Deciding(write)) = world.coordinator.end(Timestamp(0), claim, commit) else {
            panic!("undecided")
        };
        assert_eq!(world.write(write).ended, Some(who.0));
        assert_eq!([1, 2].map(|n| world.disk.contains_key(&fact(n).0)), [commit; 2]);
        assert_eq!(world.coordinator.bytes, 0);
    }
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

#[test]
fn what_is_shown_are_the_words_of_the_protocol() {
    let mut world = World::default();
    let who = world.init("t");
    let word = |world: &World| world.coordinator.one("t").expect("known").state;
    assert_eq!(word(&world), "Empty");
    world.add("t", who).expect("begun");
    assert_eq!(word(&world), "Ongoing");
    assert_eq!(world.coordinator.one("t").expect("known").places, [PLACE]);
    world.stage("t", who, commands(1)).expect("held");
    let sent = world.end("t", who, true).expect("committed");
    assert_eq!(word(&world), "PrepareCommit");
    world.completed("t", &sent);
    assert_eq!(word(&world), "CompleteCommit");
    world.add("t", who).expect("begun");
    world.end("t", who, false).expect("aborted");
    assert_eq!(word(&world), "CompleteAbort");
    assert!(world.coordinator.one("unknown").is_none());
}
