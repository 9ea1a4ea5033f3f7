//! Offsets that a transaction commits: nobody sees them before its end, and a stale member's are refused (KIP-447).

use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, ConsumerGroupHeartbeatRequest, DeleteGroupsRequest, EndTxnRequest, GroupId,
    InitProducerIdRequest, OffsetFetchRequest, ProducerId, TopicName, TransactionalId, TxnOffsetCommitRequest,
};

use super::classic::enter;
use super::client::{Client, Running, text};
use crate::registry::world::World;

const ILLEGAL_GENERATION: i16 = 22;
const UNKNOWN_MEMBER_ID: i16 = 25;
const NON_EMPTY_GROUP: i16 = 68;
const UNSTABLE_OFFSET_COMMIT: i16 = 88;

/// A transactional producer with a transaction that commits offsets of a group.
struct Producer {
    client: Client,
    id: TransactionalId,
    producer: (ProducerId, i16),
    group: GroupId,
}

impl Producer {
    async fn new(running: &Running, group: &str) -> Producer {
        let mut client = running.client().await;
        let id = TransactionalId(text(&format!("tx-{group}")));
        let init = InitProducerIdRequest::default()
            .with_transactional_id(Some(id.clone()))
            .with_transaction_timeout_ms(60_000);
        let given = client.ask(4, init).await;
        assert_eq!(given.error_code, 0);
        let producer = (given.producer_id, given.producer_epoch);
        Producer { client, id, producer, group: GroupId(text(group)) }
    }

    /// A member joins the group, by the protocol of KIP-848; its epoch.
    async fn join(&mut self, member: &str) -> i32 {
        let join = ConsumerGroupHeartbeatRequest::default()
            .with_group_id(self.group.clone())
            .with_member_id(text(member))
            .with_rebalance_timeout_ms(30_000)
            .with_subscribed_topic_names(Some(vec![TopicName(text("account.events"))]))
            .with_topic_partitions(Some(Vec::new()));
        self.client.ask(1, join).await.member_epoch
    }

    async fn begin(&mut self) {
        let add = AddOffsetsToTxnRequest::default()
            .with_transactional_id(self.id.clone())
            .with_producer_id(self.producer.0)
            .with_producer_epoch(self.producer.1)
            .with_group_id(self.group.clone());
        assert_eq!(self.client.ask(3, add).await.error_code, 0);
    }

    async fn commit(&mut self, offset: i64, member: &str, generation: i32) -> i16 {
        let one = TxnOffsetCommitRequestPartition::default().with_partition_index(0).with_committed_offset(offset);
        let topic = TxnOffsetCommitRequestTopic::default()
            .with_name(TopicName(text("account.events")))
            .with_partitions(vec![one]);
        let commit = TxnOffsetCommitRequest::default()
            .with_transactional_id(self.id.clone())
            .with_producer_id(self.producer.0)
            .with_producer_epoch(self.producer.1)
            .with_group_id(self.group.clone())
            .with_member_id(text(member))
            .with_generation_id(generation)
            .with_topics(vec![topic]);
        self.client.ask(3, commit).await.topics[0].partitions[0].error_code
    }

    async fn end(&mut self, committed: bool) {
        let end = EndTxnRequest::default()
            .with_transactional_id(self.id.clone())
            .with_producer_id(self.producer.0)
            .with_producer_epoch(self.producer.1)
            .with_committed(committed);
        assert_eq!(self.client.ask(3, end).await.error_code, 0);
    }

    /// Offset and error of the partition, for somebody who wants only what is settled, or whatever there is.
    async fn fetch(&mut self, stable: bool) -> (i64, i16) {
        let topic = OffsetFetchRequestTopics::default()
            .with_name(TopicName(text("account.events")))
            .with_partition_indexes(vec![0]);
        let asked = OffsetFetchRequestGroup::default().with_group_id(self.group.clone()).with_topics(Some(vec![topic]));
        let asked = OffsetFetchRequest::default().with_groups(vec![asked]).with_require_stable(stable);
        let answer = self.client.ask(9, asked).await;
        let one = &answer.groups[0].topics[0].partitions[0];
        (one.committed_offset, one.error_code)
    }
}

#[tokio::test]
async fn offsets_of_a_transaction_are_seen_when_it_commits_and_never_when_it_aborts() {
    let world = World::bank().await;
    let running = Running::on(&world).await;
    let mut producer = Producer::new(&running, "g").await;
    for (offset, committed, before, after) in [(5, false, -1, -1), (6, true, -1, 6), (7, false, 6, 6), (8, true, 6, 8)]
    {
        producer.begin().await;
        assert_eq!(producer.commit(offset, "", -1).await, 0);
        assert_eq!(producer.fetch(true).await, (-1, UNSTABLE_OFFSET_COMMIT), "before the end of {offset}");
        assert_eq!(producer.fetch(false).await, (before, 0), "before the end of {offset}");
        let names = vec![GroupId(text("g"))];
        let delete = DeleteGroupsRequest::default().with_groups_names(names);
        assert_eq!(producer.client.ask(2, delete).await.results[0].error_code, NON_EMPTY_GROUP);
        producer.end(committed).await;
        assert_eq!(producer.fetch(true).await, (after, 0), "after the end of {offset}");
        assert_eq!(running.broker.group("g").is_some(), after >= 0, "only what is committed keeps a group");
    }
}

#[tokio::test]
async fn a_stale_member_commits_nothing_in_a_transaction_of_either_kind_of_group() {
    let world = World::bank().await;
    let running = Running::on(&world).await;

    let mut classic = Producer::new(&running, "classic").await;
    let group = classic.group.clone();
    let joined = enter(&mut classic.client, &group, 7).await;
    classic.begin().await;
    assert_eq!(classic.commit(1, &joined.member_id, 0).await, ILLEGAL_GENERATION);
    assert_eq!(classic.commit(1, "nobody", 1).await, UNKNOWN_MEMBER_ID);
    assert_eq!(classic.fetch(true).await, (-1, 0), "what was refused is not held");

    let mut modern = Producer::new(&running, "modern").await;
    assert_eq!(modern.join("m").await, 1);
    modern.begin().await;
    assert_eq!(modern.commit(1, "m", 2).await, ILLEGAL_GENERATION);
    assert_eq!(modern.commit(2, "m", 1).await, 0);
    modern.end(true).await;
    assert_eq!(modern.fetch(true).await, (2, 0));
}

#[tokio::test]
async fn b15_a_new_owner_waits_for_what_a_member_that_left_has_committed_in_a_transaction() {
    let world = World::bank().await;
    let running = Running::on(&world).await;
    for (committed, found) in [(true, 7), (false, -1)] {
        let mut producer = Producer::new(&running, if committed { "ends-well" } else { "aborts" }).await;
        assert_eq!(producer.join("old").await, 1);
        producer.begin().await;
        assert_eq!(producer.commit(7, "old", 1).await, 0);
        let leave = ConsumerGroupHeartbeatRequest::default()
            .with_group_id(producer.group.clone())
            .with_member_id(text("old"))
            .with_member_epoch(-1);
        assert_eq!(producer.client.ask(1, leave).await.error_code, 0);
        assert!(producer.join("new").await > 1);
        assert_eq!(producer.fetch(true).await, (-1, UNSTABLE_OFFSET_COMMIT), "it would do again what is done");
        assert_eq!(producer.commit(9, "old", 1).await, UNKNOWN_MEMBER_ID, "nothing more of the old one");
        producer.end(committed).await;
        assert_eq!(producer.fetch(true).await, (found, 0));
    }
}
