//! DescribeCluster: one node, which is everything.

use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::{BrokerId, DescribeClusterRequest, DescribeClusterResponse};

use super::{Call, text};
use crate::broker::NODE;

/// Not asked for.
const NOT_SAID: i32 = i32::MIN;

pub(crate) async fn describe(call: &Call<'_>, request: DescribeClusterRequest) -> DescribeClusterResponse {
    let (host, port) = &call.broker.advertised;
    let broker = DescribeClusterBroker::default()
        .with_broker_id(BrokerId(NODE))
        .with_host(text(&**host))
        .with_port(i32::from(*port));
    DescribeClusterResponse::default()
        .with_cluster_id(text(&*call.broker.cluster_id))
        .with_controller_id(BrokerId(NODE))
        .with_brokers(vec![broker])
        .with_endpoint_type(if call.version >= 1 { request.endpoint_type } else { 1 })
        .with_cluster_authorized_operations(NOT_SAID)
}
