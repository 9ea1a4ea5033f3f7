//! Groups: members, committed offsets, and what can be asked about topics and groups.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::message::Message;
use rdkafka::{ClientConfig, TopicPartitionList};
use serde_json::{Value, json};

use crate::PATIENCE;
use crate::options::{Options, emit, emit_assigned, stdin_ended};
use crate::read::{consumer, emit_record, key_of, read};

pub fn take(options: &Options) -> Result<()> {
    let consumer = consumer(options, &[])?;
    consumer.subscribe(&[options.text("topic")?])?;
    let after = read(options, &consumer, |message| {
        emit_record(message);
        Ok(())
    })?;
    consumer.commit(&after, CommitMode::Sync)?;
    emit(json!({"committed": offsets(&consumer.committed_offsets(after, PATIENCE)?)}));
    Ok(())
}

fn offsets(list: &TopicPartitionList) -> BTreeMap<i32, Option<i64>> {
    list.elements().iter().map(|each| (each.partition(), each.offset().to_raw())).collect()
}

pub fn member(options: &Options) -> Result<()> {
    let ended = stdin_ended();
    let session = options.number("session")?.to_string();
    let strategy = if options.text_or("strategy", "eager") == "eager" { "range" } else { "cooperative-sticky" };
    let mut settings = match options.text_or("protocol", "classic") {
        "consumer" => vec![("group.protocol", "consumer")],
        _ => vec![
            ("session.timeout.ms", session.as_str()),
            ("heartbeat.interval.ms", "500"),
            ("partition.assignment.strategy", strategy),
        ],
    };
    if let Ok(instance) = options.text("instance") {
        settings.push(("group.instance.id", instance));
    }
    let consumer = consumer(options, &settings)?;
    consumer.subscribe(&[options.text("topic")?])?;
    let mut owned = None;
    while !ended.load(Ordering::Acquire) {
        let message = consumer.poll(Duration::from_millis(100));
        let now = assigned(&consumer)?;
        if owned.as_ref() != Some(&now) {
            emit_assigned(&now);
            owned = Some(now);
        }
        if let Some(Ok(message)) = message {
            let place = (message.partition(), message.offset());
            emit(json!({"record": {"partition": place.0, "offset": place.1, "key": key_of(&message)}}));
            consumer.commit_message(&message, CommitMode::Async)?;
        }
    }
    Ok(())
}

fn assigned(consumer: &BaseConsumer) -> Result<Vec<i32>> {
    let mut now: Vec<i32> = consumer.assignment()?.elements().iter().map(|each| each.partition()).collect();
    now.sort_unstable();
    Ok(now)
}

pub fn admin(options: &Options) -> Result<()> {
    let config = ClientConfig::new().set("bootstrap.servers", options.text("bootstrap")?).clone();
    let client: BaseConsumer = config.create()?;
    let names: Vec<&str> = options.list("topics").iter().filter_map(Value::as_str).collect();
    let metadata = client.fetch_metadata(None, PATIENCE)?;
    let found = metadata.topics().iter().filter(|topic| names.contains(&topic.name()));
    let found: BTreeMap<_, _> = found.map(|topic| (topic.name(), topic.partitions().len())).collect();
    emit(json!({"topics": found}));
    // The crate does not tell which broker is the controller.
    emit(json!({"cluster": {"brokers": metadata.brokers().len(), "controller": null}}));
    asked(&config.create()?, &names)?;
    if let Ok(group) = options.text("group") {
        let listed = client.fetch_group_list(None, PATIENCE)?.groups().iter().any(|each| each.name() == group);
        let described = client.fetch_group_list(Some(group), PATIENCE)?;
        let described = described.groups().first().context("the group")?;
        let members: Vec<Vec<i32>> =
            described.members().iter().map(|each| partitions(each.assignment().unwrap_or_default())).collect();
        emit(json!({"groups": {"listed": listed, "state": described.state().to_uppercase(), "members": members}}));
    }
    Ok(())
}

/// The partitions of a member's assignment, which comes as the protocol has it: version, topics with their partitions.
fn partitions(assignment: &[u8]) -> Vec<i32> {
    let number = |at: usize| assignment.get(at..at + 4).map(|b| i32::from_be_bytes([b[0], b[1], b[2], b[3]]));
    let name = assignment.get(6..8).map_or(0, |b| usize::from(u16::from_be_bytes([b[0], b[1]])));
    let start = 8 + name;
    let count = number(start).unwrap_or(0);
    (0..count).filter_map(|index| number(start + 4 + 4 * usize::try_from(index).ok()?)).collect()
}

/// Configuration of topics, and the refusal to make one.
fn asked(client: &AdminClient<DefaultClientContext>, names: &[&str]) -> Result<()> {
    let resources: Vec<_> = names.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
    let described = wait(client.describe_configs(&resources, &AdminOptions::new()))?;
    let mut configs = BTreeMap::new();
    for (name, resource) in names.iter().zip(described) {
        let resource = resource.map_err(|code| anyhow::anyhow!("{name}: {code}"))?;
        configs.insert(*name, resource.get("cleanup.policy").and_then(|entry| entry.value.clone()));
    }
    emit(json!({"configs": configs}));
    let topic = NewTopic::new("foreign", 1, TopicReplication::Fixed(1));
    let made = wait(client.create_topics([&topic], &AdminOptions::new()))?;
    let code = made.into_iter().next().context("an answer")?.err().map_or(0, |(_, code)| code as i32);
    emit(json!({"create": {"code": code}}));
    Ok(())
}

/// The admin client answers on a thread of its own; nothing else is to be done meanwhile.
fn wait<T>(future: impl Future<Output = rdkafka::error::KafkaResult<T>>) -> Result<T> {
    let mut future = std::pin::pin!(future);
    let waker = std::task::Waker::from(std::sync::Arc::new(Unpark(std::thread::current())));
    let mut context = std::task::Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(answer) => return Ok(answer?),
            std::task::Poll::Pending => std::thread::park(),
        }
    }
}

/// Wakes the thread that waits.
struct Unpark(std::thread::Thread);

impl std::task::Wake for Unpark {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.unpark();
    }
}
