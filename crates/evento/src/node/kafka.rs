//! The node's Kafka side: the listener for Kafka clients, where it is turned on, and what the API tells of it.

use std::sync::Arc;
use std::time::Duration;

use evento_listener::node::Node as ListenerNode;
use evento_listener::{
    Broker, GroupDetail, GroupLimits, GroupOffset, GroupOverview, Limits, Quotas, RefusedBatch, TopicOverview,
};
use evento_model::Timestamp;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::api::NodeApi;
use super::bind;
use crate::cli::failure::Failure;
use crate::config::Config;

/// A Kafka listener that is bound and not served yet.
pub struct Kafka {
    listener: TcpListener,
    broker: Arc<Broker>,
    /// Where it listens.
    pub address: String,
}

/// A listener that is bound before the node is there.
pub struct Bound {
    listener: TcpListener,
    advertised: (String, u16),
    limits: Limits,
}

impl Kafka {
    /// Binds it; `None` when the setting is empty.
    pub async fn bind(config: &Config) -> Result<Option<Bound>, Failure> {
        let listen = config.text("kafka.listen");
        if listen.is_empty() {
            return Ok(None);
        }
        let listener = bind("kafka.listen", listen).await?;
        let port = listener.local_addr().map_or(0, |address| address.port());
        let host_and_port = match config.text("kafka.advertised") {
            "" => (host(listen).to_owned(), port),
            told => (host(told).to_owned(), told.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or(port)),
        };
        Ok(Some(Bound { listener, advertised: host_and_port, limits: limits(config)? }))
    }

    /// Makes the broker, once the node is there.
    pub async fn start(bound: Bound, node: Arc<NodeApi>) -> Result<Kafka, Failure> {
        let Bound { listener, advertised, limits } = bound;
        let address = format!("{}:{}", advertised.0, advertised.1);
        let known = node.clone();
        let node: Arc<dyn ListenerNode> = node;
        let broker = Broker::start(node, limits, advertised)
            .await
            .map_err(|fault| Failure::new(fault.code().0, format!("the Kafka listener does not start: {fault}")))?;
        known.set_kafka(broker.clone());
        Ok(Kafka { listener, broker, address })
    }

    /// Serves until `until` ends.
    pub async fn serve(self, until: impl Future<Output = ()>) {
        evento_listener::serve(self.listener, self.broker, until).await;
    }
}

/// What the settings allow Kafka clients.
fn limits(config: &Config) -> Result<Limits, Failure> {
    let time = |key: &str| Duration::from_millis(config.duration_ms(key));
    let (session, heartbeat) = (time("kafka.group.sessionTimeout"), time("kafka.group.heartbeatInterval"));
    let (session_min, session_max) = (time("kafka.group.minSessionTimeout"), time("kafka.group.maxSessionTimeout"));
    let not_below = |shorter, longer| {
        let next = "a member that is alive would be given up, or none could join";
        Failure::new(7002, format!("{shorter} must be shorter than {longer}")).next(next)
    };
    if heartbeat >= session {
        return Err(not_below("kafka.group.heartbeatInterval", "kafka.group.sessionTimeout"));
    }
    if session_min > session_max {
        return Err(not_below("kafka.group.minSessionTimeout", "kafka.group.maxSessionTimeout"));
    }
    let first_delay = time("kafka.group.initialDelay");
    let known = GroupLimits::default();
    let heartbeat_moving = known.heartbeat_moving.min(heartbeat);
    let groups = GroupLimits { first_delay, session_min, session_max, session, heartbeat, heartbeat_moving, ..known };
    let quotas = Quotas {
        produce: config.optional_bytes("kafka.quota.produceBytesPerSecond"),
        fetch: config.optional_bytes("kafka.quota.fetchBytesPerSecond"),
    };
    Ok(Limits { groups, quotas, connections_max: connections_max(), ..Limits::default() })
}

/// Three quarters of the open files that the process may have, which are first made as many as the system allows: the
/// rest is left to HTTP, the log and functions.
fn connections_max() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }) {
        tracing::warn!("the limit of open files stays at {:?}: {error}", limit.current);
    }
    let files = getrlimit(Resource::Nofile).current.and_then(|files| usize::try_from(files).ok());
    files.map_or(usize::MAX, |files| files / 4 * 3).min(Limits::default().connections_max)
}

/// `localhost` of `localhost:9092`.
fn host(listen: &str) -> &str {
    listen.rsplit_once(':').map_or(listen, |(host, _)| host)
}

/// The topics as the API shows them.
pub fn topics(broker: &Broker, registry: Option<&str>) -> Value {
    let topic = |topic: TopicOverview| {
        json!({
            "name": topic.name,
            "id": topic.id.to_string(),
            "entity": topic.entity,
            "content": topic.content,
            "writable": topic.writable,
            "partitions": topic.ends.iter().enumerate().map(|(partition, end)| {
                json!({"partition": partition, "endOffset": end})
            }).collect::<Vec<Value>>(),
        })
    };
    let items: Vec<Value> = broker.topics().into_iter().map(topic).collect();
    json!({"bootstrap": broker.bootstrap(), "registry": registry.unwrap_or_default(), "items": items})
}

/// The refused records as the API shows them, newest first.
pub fn refused(broker: &Broker) -> Value {
    let batch = |batch: RefusedBatch| {
        json!({
            "at": Timestamp(batch.at).rfc3339().to_string(),
            "topic": batch.topic,
            "partition": batch.partition,
            "clientId": batch.client_id,
            "clientAddress": batch.client_address,
            "transactionalId": batch.transactional_id,
            "refused": batch.refused,
            "records": batch.records,
        })
    };
    json!({"items": broker.refused().into_iter().map(batch).collect::<Vec<Value>>()})
}

/// The groups as the API shows them.
pub fn groups(broker: &Broker) -> Value {
    let one = |group: GroupOverview| {
        let lag = broker.group(&group.name).and_then(|detail| lag(&detail));
        shown(&group, lag)
    };
    json!({"items": broker.groups().into_iter().map(one).collect::<Vec<Value>>()})
}

/// One group with its members and offsets.
pub fn group(broker: &Broker, name: &str) -> Option<Value> {
    let detail = broker.group(name)?;
    let mut group = shown(&detail.overview, lag(&detail));
    group["members"] = json!(detail.members);
    group["offsets"] = detail.offsets.iter().map(offset).collect();
    Some(group)
}

fn shown(group: &GroupOverview, lag: Option<u64>) -> Value {
    json!({"name": group.name, "kind": group.kind, "state": group.state, "assignor": group.protocol,
        "memberCount": group.members, "lag": lag})
}

/// Records not read yet, over all partitions of which it is known.
fn lag(group: &GroupDetail) -> Option<u64> {
    group.offsets.iter().filter_map(|offset| offset.lag).reduce(|a, b| a + b)
}

fn offset(offset: &GroupOffset) -> Value {
    json!({"topic": offset.topic, "partition": offset.partition, "committed": offset.committed,
        "endOffset": offset.end, "lag": offset.lag, "committedAt": offset.committed_at.map(|at| Timestamp(at).rfc3339().to_string()),
        "metadata": offset.metadata, "member": offset.member})
}
