//! Shapes of the requests that carry and find records, and that tell what there is.

use super::table::Request;

pub(super) const REQUESTS: &[Request] = requests! {
    Produce 3 to 11, flexible 9 {
        transactional_id: text or null,
        acks: int16,
        timeout_ms: int32,
        topics: [{
            name: text,
            partitions: [{ index: int32, records: bytes or null }],
        }],
    }
    Fetch 4 to 16, flexible 12 {
        cluster_id: text or null since 12 tag 0,
        replica_id: int32 until 14,
        replica_state: { replica_id: int32, replica_epoch: int64 } since 15 tag 1,
        max_wait_ms: int32,
        min_bytes: int32,
        max_bytes: int32,
        isolation_level: int8,
        session_id: int32 since 7,
        session_epoch: int32 since 7,
        topics: [{
            topic: text until 12,
            topic_id: uuid since 13,
            partitions: [{
                partition: int32,
                current_leader_epoch: int32 since 9,
                fetch_offset: int64,
                last_fetched_epoch: int32 since 12,
                log_start_offset: int64 since 5,
                partition_max_bytes: int32,
            }],
        }],
        forgotten_topics: [{
            topic: text until 12,
            topic_id: uuid since 13,
            partitions: [int32],
        }] since 7,
        rack_id: text since 11,
    }
    ListOffsets 1 to 7, flexible 6 {
        replica_id: int32,
        isolation_level: int8 since 2,
        topics: [{
            name: text,
            partitions: [{ partition_index: int32, current_leader_epoch: int32 since 4, timestamp: int64 }],
        }],
    }
    Metadata 0 to 12, flexible 9 {
        topics: [{ topic_id: uuid since 10, name: text or null }] or null,
        allow_auto_topic_creation: bool since 4,
        include_cluster_authorized_operations: bool since 8 until 10,
        include_topic_authorized_operations: bool since 8,
    }
    ApiVersions 0 to 3, flexible 3 {
        client_software_name: text since 3,
        client_software_version: text since 3,
    }
    OffsetForLeaderEpoch 2 to 4, flexible 4 {
        replica_id: int32 since 3,
        topics: [{
            topic: text,
            partitions: [{ partition: int32, current_leader_epoch: int32, leader_epoch: int32 }],
        }],
    }
    DescribeTopicPartitions 0 to 0, flexible 0 {
        topics: [{ name: text }],
        response_partition_limit: int32,
        cursor: { topic_name: text, partition_index: int32 } or null,
    }
    DescribeCluster 0 to 1, flexible 0 {
        include_cluster_authorized_operations: bool,
        endpoint_type: int8 since 1,
    }
    DescribeLogDirs 1 to 4, flexible 2 {
        topics: [{ topic: text, partitions: [int32] }] or null,
    }
};
