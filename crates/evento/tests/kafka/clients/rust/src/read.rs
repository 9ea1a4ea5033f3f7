//! Reading: consumers, from the beginning, by time, with decoded values.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde_json::{Value, json};

use crate::PATIENCE;
use crate::avro::Registry;
use crate::options::{Options, emit};

/// A consumer with these settings more than the usual ones.
pub fn consumer(options: &Options, more: &[(&str, &str)]) -> Result<BaseConsumer> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", options.text("bootstrap")?)
        .set("group.id", options.text_or("group", "alone"))
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("isolation.level", options.text_or("isolation", "read_committed"));
    more.iter().for_each(|(name, value)| {
        config.set(*name, *value);
    });
    Ok(config.create()?)
}

pub fn key_of(message: &BorrowedMessage<'_>) -> String {
    String::from_utf8_lossy(message.key().unwrap_or_default()).into_owned()
}

fn headers(message: &BorrowedMessage<'_>) -> Vec<Value> {
    let all = message.headers().into_iter().flat_map(|headers| headers.iter());
    all.map(|each| json!([each.key, each.value.map(String::from_utf8_lossy)])).collect()
}

pub fn emit_record(message: &BorrowedMessage<'_>) {
    emit(json!({"record": {
        "partition": message.partition(), "offset": message.offset(), "key": key_of(message),
        "timestamp": message.timestamp().to_millis(), "headers": headers(message),
        "value": message.payload().map(|value| BASE64_STANDARD.encode(value)),
    }}));
}

/// Hands `count` wanted messages to `each`, and the offset after the last message seen of each partition back.
pub fn read(
    options: &Options,
    consumer: &BaseConsumer,
    mut each: impl FnMut(&BorrowedMessage<'_>) -> Result<()>,
) -> Result<TopicPartitionList> {
    let (mut after, mut left) = (BTreeMap::new(), options.number("count")?);
    while left > 0 {
        let message = next(consumer)??;
        after.insert(message.partition(), message.offset() + 1);
        if options.wants(&key_of(&message)) {
            each(&message)?;
            left -= 1;
        }
    }
    let mut list = TopicPartitionList::new();
    for (partition, offset) in after {
        list.add_partition_offset(options.text("topic")?, partition, Offset::Offset(offset))?;
    }
    Ok(list)
}

/// The next message. Polling ends early, with nothing, when the group has been rebalanced.
fn next(consumer: &BaseConsumer) -> Result<KafkaResult<BorrowedMessage<'_>>> {
    let until = Instant::now() + PATIENCE;
    loop {
        match consumer.poll(until.saturating_duration_since(Instant::now())) {
            Some(message) => return Ok(message),
            None if Instant::now() >= until => bail!("no record comes"),
            None => {}
        }
    }
}

/// All partitions of the topic, each at this offset.
fn everything(options: &Options, consumer: &BaseConsumer, at: Offset) -> Result<TopicPartitionList> {
    let topic = options.text("topic")?;
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE)?;
    let mut list = TopicPartitionList::new();
    for partition in metadata.topics()[0].partitions() {
        list.add_partition_offset(topic, partition.id(), at)?;
    }
    Ok(list)
}

pub fn consume(options: &Options) -> Result<()> {
    let consumer = consumer(options, &[])?;
    consumer.assign(&everything(options, &consumer, Offset::Beginning)?)?;
    read(options, &consumer, |message| {
        emit_record(message);
        Ok(())
    })?;
    Ok(())
}

pub fn avro(options: &Options) -> Result<()> {
    let mut registry = Registry::new(options.text("registry")?);
    let consumer = consumer(options, &[])?;
    consumer.assign(&everything(options, &consumer, Offset::Beginning)?)?;
    read(options, &consumer, |message| {
        let (name, data) = registry.decode(message.payload().context("a value")?)?;
        emit(json!({"record": {
            "partition": message.partition(), "offset": message.offset(), "key": key_of(message),
            "type": name, "data": data,
        }}));
        Ok(())
    })?;
    Ok(())
}

pub fn seek(options: &Options) -> Result<()> {
    let consumer = consumer(options, &[])?;
    let asked = everything(options, &consumer, Offset::Offset(options.number("timestamp")?))?;
    consumer.assign(&consumer.offsets_for_times(asked, PATIENCE)?)?;
    read(options, &consumer, |message| {
        emit_record(message);
        Ok(())
    })?;
    Ok(())
}
