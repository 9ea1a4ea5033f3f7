//! Idempotent and transactional producers over the wire, with kills in between.

pub mod client;
pub mod world;

use std::sync::atomic::Ordering;

use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic;
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, DescribeTransactionsRequest, GroupId, OffsetFetchRequest, TopicName, TransactionalId,
    TxnOffsetCommitRequest,
};

use client::{Batch, COMMANDS, Client, ID, Who, text};
use world::{Place, Server, eventually};

const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const UNKNOWN_MEMBER_ID: i16 = 25;
const TOPIC_AUTHORIZATION_FAILED: i16 = 29;
const OUT_OF_ORDER_SEQUENCE_NUMBER: i16 = 45;
const INVALID_PRODUCER_EPOCH: i16 = 47;
const INVALID_TXN_STATE: i16 = 48;
const INVALID_PRODUCER_ID_MAPPING: i16 = 49;
const INVALID_TRANSACTION_TIMEOUT: i16 = 50;
const OPERATION_NOT_ATTEMPTED: i16 = 55;
const UNKNOWN_PRODUCER_ID: i16 = 59;
const INVALID_RECORD: i16 = 87;
const CONCURRENT_TRANSACTIONS: i16 = 51;
const UNSTABLE_OFFSET_COMMIT: i16 = 88;
const PRODUCER_FENCED: i16 = 90;

/// A batch of deposits without ids of their own.
fn batch<'a>(place: &Place, who: Who, first: i32, instances: &[&'a str]) -> Batch<'a> {
    let records = instances.iter().map(|instance| (*instance, None)).collect();
    Batch { who, partition: 0, first, records, transactional: false, schema: place.schema }
}

fn in_transaction(batch: Batch<'_>) -> Batch<'_> {
    Batch { transactional: true, ..batch }
}

fn stored(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(instance, id)| ((*instance).to_owned(), (*id).to_owned())).collect()
}

#[test]
fn a_batch_that_comes_again_is_answered_again_and_stored_once_also_after_a_kill() {
    let mut place = Place::new();
    let first = |place: &Place, who| batch(place, who, 0, &["ada", "bob"]);
    let template = first(&place, (0, 0));
    let who = place.run(async |server| {
        let mut client = server.client().await;
        let who = client.init(4, None, None).await.expect("a producer");
        let template = Batch { who, ..template.clone() };
        assert_eq!(client.produce(&template).await.0, 0);
        let (code, offset) = client.produce(&template).await;
        assert_eq!(code, 0);
        assert_eq!(client.produce(&template).await, (0, offset), "the same offset again");
        let gap = Batch { first: 3, ..template.clone() };
        assert_eq!(client.produce(&gap).await.0, OUT_OF_ORDER_SEQUENCE_NUMBER);
        let later = Batch { who: (who.0, who.1 + 1), ..template.clone() };
        assert_eq!(client.produce(&later).await.0, 0, "a producer may raise its own epoch");
        assert_eq!(client.produce(&template).await.0, INVALID_PRODUCER_EPOCH);
        let foreign = Batch { who: (77, 5), first: 12, ..template };
        assert_eq!(client.produce(&foreign).await.0, 0, "what is not known is believed");
        who
    });
    assert_eq!(place.stored().len(), 6);
    let again = first(&place, who);
    let next = place.run(async |server| {
        let mut client = server.client().await;
        assert_eq!(client.produce(&again).await.0, 0);
        client.init(4, None, None).await.expect("a producer")
    });
    assert!(next.0 > who.0, "producer ids are unique for ever: {next:?} after {who:?}");
    let id = |epoch, n| format!("kafka-{}-{epoch}-0-{n}", who.0);
    let wanted = [("ada", id(0, 0)), ("bob", id(0, 1)), ("ada", id(1, 0)), ("bob", id(1, 1))];
    assert_eq!(place.stored()[4..], stored(&[("ada", "kafka-77-5-0-12"), ("bob", "kafka-77-5-0-13")]));
    assert_eq!(place.stored()[..4], wanted.map(|(instance, id)| (instance.to_owned(), id)));
}

#[test]
fn a_batch_of_which_some_records_are_refused_for_good_gives_its_sequences_back_but_not_its_ids() {
    let mut place = Place::new();
    *place.commands.refused.lock() = Some("used".to_owned());
    let mut partly = batch(&place, (0, 0), 0, &["ada", "bob"]);
    partly.records[1].1 = Some("used");
    let next = batch(&place, (0, 0), 0, &["ada"]);
    place.run(async |server| {
        let mut client = server.client().await;
        let who = client.init(4, None, None).await.expect("a producer");
        assert_eq!(client.produce(&Batch { who, ..partly.clone() }).await.0, INVALID_RECORD);
        assert_eq!(client.produce(&Batch { who, ..next.clone() }).await.0, 0);
    });
    // Not even a restart forgets it.
    let after = batch(&place, (0, 0), 1, &["ada"]);
    place.run(async |server| assert_eq!(server.client().await.produce(&after).await.0, 0));
    assert_eq!(place.stored(), stored(&[("ada", "kafka-0-0-0-0"), ("ada", "kafka-0-0-0-2"), ("ada", "kafka-0-0-0-3")]));
}

/// Begins a transaction with two batches in two partitions.
async fn begin(client: &mut Client, place_schema: u32, who: Who) {
    assert_eq!(client.add(3, who, &[(COMMANDS, 0), (COMMANDS, 1)]).await, [0, 0]);
    for partition in [0, 1] {
        let records = vec![("ada", None), ("bob", Some("own")), ("ada", None)];
        let mut batch = Batch { who, partition, first: 0, records, transactional: true, schema: place_schema };
        if partition == 1 {
            batch.records = vec![("cy", None)];
        }
        assert_eq!(client.produce(&batch).await, (0, -1), "held, and without an offset");
        assert_eq!(client.produce(&batch).await, (0, -1), "also when it is sent again");
    }
}

fn all_of_it() -> Vec<(String, String)> {
    stored(&[("ada", "kafka-0-0-0-0"), ("bob", "own"), ("cy", "kafka-0-0-1-0"), ("ada", "kafka-0-0-0-2")])
}

fn sorted(mut stored: Vec<(String, String)>) -> Vec<(String, String)> {
    stored.sort();
    stored
}

#[test]
fn nothing_of_a_transaction_is_stored_before_its_commit_and_all_of_it_after() {
    let mut place = Place::new();
    let (schema, commands) = (place.schema, place.commands.clone());
    place.run(async |server| {
        let mut client = server.client().await;
        let who = client.init(4, Some(ID), None).await.expect("a producer");
        begin(&mut client, schema, who).await;
        assert!(commands.stored.lock().is_empty());
        commands.crowded.store(3, Ordering::SeqCst);
        assert_eq!(client.end(3, who, true).await, 0);
        assert_eq!(commands.stored.lock().len(), 4, "the answer comes when they are stored, whatever was crowded");
        assert_eq!(client.end(3, who, true).await, 0, "and again");
        assert_eq!(client.end(3, who, false).await, INVALID_TXN_STATE);
        eventually("the end of its fact", async || server.log.meta(b"kafka/txn/payments").is_none()).await;
    });
    assert_eq!(sorted(place.stored()), sorted(all_of_it()));
    let ada: Vec<_> = place.stored().into_iter().filter(|(instance, _)| instance == "ada").collect();
    assert_eq!(ada, stored(&[("ada", "kafka-0-0-0-0"), ("ada", "kafka-0-0-0-2")]), "in the order of their sending");
}

#[test]
fn a_command_that_is_refused_after_the_commit_is_on_the_list_also_if_the_next_server_finds_out() {
    let mut place = Place::new();
    *place.commands.refused.lock() = Some("own".to_owned());
    let (schema, commands) = (place.schema, place.commands.clone());
    let listed = async |server: &Server| {
        eventually("the end of its fact", async || server.log.meta(b"kafka/txn/payments").is_none()).await;
        server.broker.refused()
    };
    let who = place.run(async |server| {
        let mut client = server.client().await;
        let who = client.init(4, Some(ID), None).await.expect("a producer");
        begin(&mut client, schema, who).await;
        assert_eq!(client.end(3, who, true).await, 0, "the commit stands");
        let batches = listed(server).await;
        let [batch] = batches.as_slice() else { panic!("{batches:?}") };
        assert_eq!((batch.topic.as_str(), batch.transactional_id.as_deref()), (COMMANDS, Some(ID)));
        let told = batch.records.iter().map(|record| (record.index, record.reason.as_str())).collect::<Vec<_>>();
        let why = "EV1010: this key was used for another command (command own of bob)";
        assert_eq!((batch.refused, told), (1, vec![(1, why)]));
        let who = client.init(4, Some(ID), None).await.expect("the next epoch");
        begin(&mut client, schema, who).await;
        commands.left.store(0, Ordering::SeqCst);
        let ending = tokio::spawn(async move { client.end(3, who, true).await });
        eventually("the commit", async || commands.left.load(Ordering::SeqCst) < 0).await;
        ending.abort();
        who
    });
    place.commands.left.store(i64::MAX, Ordering::SeqCst);
    place.run(async |server| {
        assert_eq!(listed(server).await.len(), 2, "of {who:?}");
        assert_eq!(server.broker.refused_total(), 2);
    });
    assert!(place.stored().iter().all(|(instance, _)| instance != "bob"));
}

#[test]
fn a_committed_transaction_is_stored_exactly_once_wherever_the_server_is_killed() {
    for left in 0..=4 {
        let mut place = Place::new();
        let (schema, commands) = (place.schema, place.commands.clone());
        let who = place.run(async |server| {
            let mut client = server.client().await;
            let who = client.init(4, Some(ID), None).await.expect("a producer");
            begin(&mut client, schema, who).await;
            commands.left.store(left, Ordering::SeqCst);
            let ending = tokio::spawn(async move { client.end(3, who, true).await });
            // The server ends as soon as it cannot send any more; the client never gets an answer, as a rule.
            eventually("the end of the server", async || {
                commands.left.load(Ordering::SeqCst) < 0 || ending.is_finished()
            })
            .await;
            who
        });
        assert_eq!(place.stored().len() as i64, left, "the others were not sent");
        commands.left.store(i64::MAX, Ordering::SeqCst);
        place.run(async |server| {
            eventually("the rest of the transaction", async || server.log.meta(b"kafka/txn/payments").is_none()).await;
            let mut client = server.client().await;
            assert_eq!(client.end(3, who, true).await, 0, "it was committed");
            assert_eq!(client.add(3, who, &[(COMMANDS, 0)]).await, [0], "and the producer goes on");
        });
        assert_eq!(sorted(place.stored()), sorted(all_of_it()), "killed after {left}");
    }
}

#[test]
fn a_kill_within_a_transaction_leaves_nothing_of_it_and_the_producer_must_abort() {
    let mut place = Place::new();
    let schema = place.schema;
    let who = place.run(async |server| {
        let mut client = server.client().await;
        let who = client.init(4, Some(ID), None).await.expect("a producer");
        begin(&mut client, schema, who).await;
        who
    });
    let more = in_transaction(batch(&place, who, 3, &["ada"]));
    place.run(async |server| {
        let mut client = server.client().await;
        assert_eq!(client.add(3, who, &[(COMMANDS, 2)]).await, [UNKNOWN_PRODUCER_ID]);
        assert_eq!(client.produce(&more).await.0, INVALID_TXN_STATE);
        assert_eq!(send_offset(&mut client, who, 3).await, UNKNOWN_MEMBER_ID);
        assert_eq!(client.end(3, who, true).await, UNKNOWN_PRODUCER_ID, "half of it is not committed");
        let next = client.init(4, Some(ID), Some(who)).await.expect("the next epoch");
        assert_eq!(next, (who.0, who.1 + 1));
        assert_eq!(client.add(3, next, &[(COMMANDS, 0)]).await, [0]);
        let again = Batch { who: next, first: 0, ..more.clone() };
        assert_eq!(client.produce(&again).await, (0, -1));
        assert_eq!(client.end(3, next, true).await, 0);
    });
    assert_eq!(place.stored(), stored(&[("ada", "kafka-0-1-0-0")]));
}

#[test]
fn a_zombie_is_fenced_in_the_words_of_its_version_and_its_records_are_dropped() {
    let mut place = Place::new();
    let schema = place.schema;
    let late = in_transaction(batch(&place, (0, 0), 3, &["ada"]));
    place.run(async |server| {
        let (mut zombie, mut client) = (server.client().await, server.client().await);
        let was = zombie.init(1, Some(ID), None).await.expect("a producer");
        begin(&mut zombie, schema, was).await;
        let who = client.init(4, Some(ID), None).await.expect("a producer");
        assert_eq!(who, (was.0, was.1 + 1));
        for (version, wanted) in [(0, INVALID_PRODUCER_EPOCH), (1, INVALID_PRODUCER_EPOCH), (2, PRODUCER_FENCED)] {
            assert_eq!(zombie.add(version, was, &[(COMMANDS, 0)]).await, [wanted], "{version}");
            assert_eq!(zombie.end(version, was, true).await, wanted, "{version}");
        }
        for (version, wanted) in [(3, INVALID_PRODUCER_EPOCH), (4, PRODUCER_FENCED)] {
            assert_eq!(zombie.init(version, Some(ID), Some(was)).await, Err(wanted), "{version}");
        }
        assert_eq!(zombie.produce(&late).await.0, INVALID_PRODUCER_EPOCH);
        assert_eq!(client.add(3, (who.0 + 1, 0), &[(COMMANDS, 0)]).await, [INVALID_PRODUCER_ID_MAPPING]);
        assert_eq!(client.add(3, who, &[(COMMANDS, 0)]).await, [0]);
        assert_eq!(client.end(3, who, true).await, 0);
    });
    assert!(place.stored().is_empty());
}

#[test]
fn b04_a_late_end_of_a_transaction_over_an_old_connection_does_not_end_the_next_one() {
    let mut place = Place::new();
    let (schema, commands) = (place.schema, place.commands.clone());
    let more = in_transaction(batch(&place, (0, 0), 3, &["ada"]));
    place.run(async |server| {
        let (mut old, mut new) = (server.client().await, server.client().await);
        let who = old.init(4, Some(ID), None).await.expect("a producer");
        begin(&mut old, schema, who).await;
        // The client took the old connection for dead, asked again over a new one, and went on.
        assert_eq!(new.end(3, who, true).await, 0);
        assert_eq!(new.add(3, who, &[(COMMANDS, 0)]).await, [0]);
        assert_eq!(new.produce(&Batch { who, ..more.clone() }).await, (0, -1));
        for commit in [true, false] {
            assert_eq!(old.end(3, who, commit).await, CONCURRENT_TRANSACTIONS);
        }
        assert_eq!(commands.stored.lock().len(), 4, "nothing of the second one");
        let mut newest = server.client().await;
        assert_eq!(newest.end(3, who, true).await, 0, "a newer connection may always end it");
    });
    assert_eq!(place.stored().len(), 5);
}

#[test]
fn b05_a_transaction_that_hangs_holds_back_nobody_and_ends_by_its_timeout() {
    let mut place = Place::new();
    let schema = place.schema;
    let plain = batch(&place, (-1, -1), -1, &["ada", "bob"]);
    let commands = place.commands.clone();
    place.run(async |server| {
        let (mut hanging, mut other) = (server.client().await, server.client().await);
        let who = hanging.init_for(4, Some(ID), None, 20).await.expect("a producer");
        begin(&mut hanging, schema, who).await;
        assert_eq!(other.produce(&plain).await.0, 0, "to the same partition");
        assert_eq!(commands.stored.lock().len(), 2, "and is stored before the transaction has ended");
        commands.now.fetch_add(20, Ordering::SeqCst);
        eventually("the abort", async || state(server).await == ("CompleteAbort".to_owned(), who.1 + 1)).await;
    });
    assert_eq!(place.stored().len(), 2, "nothing of the one that hung");
}

#[test]
fn a_transaction_that_takes_too_long_is_aborted_and_its_producer_fenced() {
    let mut place = Place::new();
    let (schema, commands) = (place.schema, place.commands.clone());
    place.run(async |server| {
        let mut client = server.client().await;
        for wrong in [0, -1, 900_001] {
            let refused = client.init_for(4, Some(ID), None, wrong).await;
            assert_eq!(refused, Err(INVALID_TRANSACTION_TIMEOUT), "{wrong}");
        }
        let who = client.init_for(4, Some(ID), None, 20).await.expect("a producer");
        begin(&mut client, schema, who).await;
        commands.now.fetch_add(20, Ordering::SeqCst);
        eventually("the abort", async || state(server).await == ("CompleteAbort".to_owned(), who.1 + 1)).await;
        assert_eq!(client.end(3, who, true).await, PRODUCER_FENCED);
    });
    assert!(place.stored().is_empty());
}

/// State and epoch of the transactional id.
async fn state(server: &Server) -> (String, i16) {
    let request = DescribeTransactionsRequest::default().with_transactional_ids(vec![TransactionalId(text(ID))]);
    let answer = server.client().await.call(0, request).await;
    let one = &answer.transaction_states[0];
    (one.transaction_state.to_string(), one.producer_epoch)
}

#[test]
fn only_command_topics_take_part_in_transactions_and_only_once_they_were_named() {
    let mut place = Place::new();
    let unnamed = in_transaction(batch(&place, (0, 0), 0, &["ada"]));
    place.run(async |server| {
        let mut client = server.client().await;
        let who = client.init(4, Some(ID), None).await.expect("a producer");
        assert_eq!(client.produce(&unnamed).await.0, INVALID_TXN_STATE, "no transaction");
        type Row<'a> = (&'a [(&'a str, i32)], &'a [i16]);
        let table: [Row<'_>; 4] = [
            (&[("account.events", 0)], &[TOPIC_AUTHORIZATION_FAILED]),
            (&[("nothing.commands", 0)], &[UNKNOWN_TOPIC_OR_PARTITION]),
            (&[(COMMANDS, 0), (COMMANDS, 999)], &[OPERATION_NOT_ATTEMPTED, UNKNOWN_TOPIC_OR_PARTITION]),
            (&[(COMMANDS, 1)], &[0]),
        ];
        for (places, wanted) in table {
            assert_eq!(client.add(3, who, places).await, wanted, "{places:?}");
        }
        assert_eq!(client.produce(&unnamed).await.0, INVALID_TXN_STATE, "not with this partition");
    });
    assert!(place.stored().is_empty());
}

#[test]
fn offsets_sent_to_a_transaction_are_committed_with_it_or_not_at_all() {
    let mut place = Place::new();
    place.run(async |server| {
        let mut client = server.client().await;
        let who = client.init(4, Some(ID), None).await.expect("a producer");
        assert_eq!(send_offset(&mut client, who, 3).await, INVALID_TXN_STATE, "the group was not named");
        for (commit, offset, wanted) in [(false, 3, -1), (true, 5, 5), (false, 9, 5)] {
            let request = AddOffsetsToTxnRequest::default()
                .with_transactional_id(TransactionalId(text(ID)))
                .with_producer_id(who.0.into())
                .with_producer_epoch(who.1)
                .with_group_id(GroupId(text("readers")));
            assert_eq!(client.call(3, request).await.error_code, 0);
            assert_eq!(send_offset(&mut client, who, offset).await, 0);
            assert_eq!(committed(&mut client, true).await.0, UNSTABLE_OFFSET_COMMIT);
            assert_eq!(client.end(3, who, commit).await, 0);
            assert_eq!(committed(&mut client, true).await, (0, wanted), "{commit} {offset}");
        }
        assert_eq!(send_offset(&mut client, (who.0, who.1 + 1), 7).await, INVALID_PRODUCER_EPOCH);
    });
    place.run(async |server| assert_eq!(committed(&mut server.client().await, true).await, (0, 5)));
}

/// TxnOffsetCommit of one offset by no member of the group: its code.
async fn send_offset(client: &mut Client, who: Who, offset: i64) -> i16 {
    let partition = TxnOffsetCommitRequestPartition::default().with_partition_index(0).with_committed_offset(offset);
    let topic = TxnOffsetCommitRequestTopic::default()
        .with_name(TopicName(text("account.events")))
        .with_partitions(vec![partition]);
    let request = TxnOffsetCommitRequest::default()
        .with_transactional_id(TransactionalId(text(ID)))
        .with_group_id(GroupId(text("readers")))
        .with_producer_id(who.0.into())
        .with_producer_epoch(who.1)
        .with_generation_id(-1)
        .with_topics(vec![topic]);
    client.call(3, request).await.topics[0].partitions[0].error_code
}

/// OffsetFetch: code and offset.
async fn committed(client: &mut Client, stable: bool) -> (i16, i64) {
    let topic =
        OffsetFetchRequestTopic::default().with_name(TopicName(text("account.events"))).with_partition_indexes(vec![0]);
    let request = OffsetFetchRequest::default()
        .with_group_id(GroupId(text("readers")))
        .with_require_stable(stable)
        .with_topics(Some(vec![topic]));
    let answer = client.call(7, request).await;
    let one = &answer.topics[0].partitions[0];
    (one.error_code, one.committed_offset)
}
