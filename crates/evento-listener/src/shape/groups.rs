//! Shapes of the requests of groups and of transactions.

use super::table::Request;

pub(super) const REQUESTS: &[Request] = requests! {
    FindCoordinator 0 to 4, flexible 3 {
        key: text until 3,
        key_type: int8 since 1,
        coordinator_keys: [text] since 4,
    }
    JoinGroup 2 to 7, flexible 6 {
        group_id: text,
        session_timeout_ms: int32,
        rebalance_timeout_ms: int32,
        member_id: text,
        group_instance_id: text or null since 5,
        protocol_type: text,
        protocols: [{ name: text, metadata: bytes }],
    }
    SyncGroup 0 to 5, flexible 4 {
        group_id: text,
        generation_id: int32,
        member_id: text,
        group_instance_id: text or null since 3,
        protocol_type: text or null since 5,
        protocol_name: text or null since 5,
        assignments: [{ member_id: text, assignment: bytes }],
    }
    Heartbeat 0 to 4, flexible 4 {
        group_id: text,
        generation_id: int32,
        member_id: text,
        group_instance_id: text or null since 3,
    }
    LeaveGroup 0 to 5, flexible 4 {
        group_id: text,
        member_id: text until 2,
        members: [{ member_id: text, group_instance_id: text or null, reason: text or null since 5 }] since 3,
    }
    ConsumerGroupHeartbeat 0 to 1, flexible 0 {
        group_id: text,
        member_id: text,
        member_epoch: int32,
        instance_id: text or null,
        rack_id: text or null,
        rebalance_timeout_ms: int32,
        subscribed_topic_names: [text] or null,
        subscribed_topic_regex: text or null since 1,
        server_assignor: text or null,
        topic_partitions: [{ topic_id: uuid, partitions: [int32] }] or null,
    }
    OffsetCommit 2 to 9, flexible 8 {
        group_id: text,
        generation_id_or_member_epoch: int32,
        member_id: text,
        group_instance_id: text or null since 7,
        retention_time_ms: int64 until 4,
        topics: [{
            name: text,
            partitions: [{
                partition_index: int32,
                committed_offset: int64,
                committed_leader_epoch: int32 since 6,
                committed_metadata: text or null,
            }],
        }],
    }
    OffsetFetch 1 to 9, flexible 6 {
        group_id: text until 7,
        topics: [{ name: text, partition_indexes: [int32] }] or null until 7,
        groups: [{
            group_id: text,
            member_id: text or null since 9,
            member_epoch: int32 since 9,
            topics: [{ name: text, partition_indexes: [int32] }] or null,
        }] since 8,
        require_stable: bool since 7,
    }
    OffsetDelete 0 to 0 {
        group_id: text,
        topics: [{ name: text, partitions: [{ partition_index: int32 }] }],
    }
    DescribeGroups 0 to 5, flexible 5 {
        groups: [text],
        include_authorized_operations: bool since 3,
    }
    ListGroups 0 to 5, flexible 3 {
        states_filter: [text] since 4,
        types_filter: [text] since 5,
    }
    ConsumerGroupDescribe 0 to 1, flexible 0 {
        group_ids: [text],
        include_authorized_operations: bool,
    }
    DeleteGroups 0 to 2, flexible 2 {
        groups_names: [text],
    }
    InitProducerId 0 to 4, flexible 2 {
        transactional_id: text or null,
        transaction_timeout_ms: int32,
        producer_id: int64 since 3,
        producer_epoch: int16 since 3,
    }
    AddPartitionsToTxn 0 to 3, flexible 3 {
        transactional_id: text,
        producer_id: int64,
        producer_epoch: int16,
        topics: [{ name: text, partitions: [int32] }],
    }
    AddOffsetsToTxn 0 to 3, flexible 3 {
        transactional_id: text,
        producer_id: int64,
        producer_epoch: int16,
        group_id: text,
    }
    EndTxn 0 to 3, flexible 3 {
        transactional_id: text,
        producer_id: int64,
        producer_epoch: int16,
        committed: bool,
    }
    TxnOffsetCommit 0 to 3, flexible 3 {
        transactional_id: text,
        group_id: text,
        producer_id: int64,
        producer_epoch: int16,
        generation_id: int32 since 3,
        member_id: text since 3,
        group_instance_id: text or null since 3,
        topics: [{
            name: text,
            partitions: [{
                partition_index: int32,
                committed_offset: int64,
                committed_leader_epoch: int32 since 2,
                committed_metadata: text or null,
            }],
        }],
    }
    DescribeProducers 0 to 0, flexible 0 {
        topics: [{ name: text, partition_indexes: [int32] }],
    }
    DescribeTransactions 0 to 0, flexible 0 {
        transactional_ids: [text],
    }
    ListTransactions 0 to 1, flexible 0 {
        state_filters: [text],
        producer_id_filters: [int64],
        duration_filter: int64 since 1,
    }
};
