//! Shapes of the requests that change topics and settings, and of those that prove who a client is.

use super::table::Request;

pub(super) const REQUESTS: &[Request] = requests! {
    CreateTopics 2 to 7, flexible 5 {
        topics: [{
            name: text,
            num_partitions: int32,
            replication_factor: int16,
            assignments: [{ partition_index: int32, broker_ids: [int32] }],
            configs: [{ name: text, value: text or null }],
        }],
        timeout_ms: int32,
        validate_only: bool,
    }
    DeleteTopics 1 to 6, flexible 4 {
        topics: [{ name: text or null, topic_id: uuid }] since 6,
        topic_names: [text] until 5,
        timeout_ms: int32,
    }
    DeleteRecords 0 to 2, flexible 2 {
        topics: [{ name: text, partitions: [{ partition_index: int32, offset: int64 }] }],
        timeout_ms: int32,
    }
    CreatePartitions 0 to 3, flexible 2 {
        topics: [{ name: text, count: int32, assignments: [{ broker_ids: [int32] }] or null }],
        timeout_ms: int32,
        validate_only: bool,
    }
    DescribeConfigs 1 to 4, flexible 4 {
        resources: [{ resource_type: int8, resource_name: text, configuration_keys: [text] or null }],
        include_synonyms: bool,
        include_documentation: bool since 3,
    }
    AlterConfigs 0 to 2, flexible 2 {
        resources: [{
            resource_type: int8,
            resource_name: text,
            configs: [{ name: text, value: text or null }],
        }],
        validate_only: bool,
    }
    IncrementalAlterConfigs 0 to 1, flexible 1 {
        resources: [{
            resource_type: int8,
            resource_name: text,
            configs: [{ name: text, config_operation: int8, value: text or null }],
        }],
        validate_only: bool,
    }
    SaslHandshake 0 to 1 {
        mechanism: text,
    }
    SaslAuthenticate 0 to 2, flexible 2 {
        auth_bytes: bytes,
    }
};
