//! Producing: plain, idempotent, in transactions, together with offsets.

use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::{ClientConfig, ClientContext};
use serde_json::{Value, json};

use crate::PATIENCE;
use crate::avro::Registry;
use crate::options::{Options, emit, stdin_ended};
use crate::read::{consumer, emit_record, read};

/// Tells what became of each record.
struct Told;

impl ClientContext for Told {}

impl ProducerContext for Told {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let key = |message: &rdkafka::message::BorrowedMessage<'_>| crate::read::key_of(message);
        match result {
            Ok(m) => emit(json!({"produced": {"key": key(m), "partition": m.partition(), "offset": m.offset()}})),
            Err((error, m)) => {
                let code = error.rdkafka_error_code().map_or(0, |code| code as i32);
                emit(json!({"refused": {"key": key(m), "code": code, "message": error.to_string()}}));
            }
        }
    }
}

fn producer(options: &Options, more: &[(&str, &str)]) -> Result<BaseProducer<Told>> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", options.text("bootstrap")?)
        .set("partitioner", "murmur2_random")
        .set("acks", "all")
        .set("linger.ms", "5");
    more.iter().for_each(|(name, value)| {
        config.set(*name, *value);
    });
    Ok(config.create_with_context(Told)?)
}

fn value(record: &Value, topic: &str, registry: &mut Registry) -> Result<Vec<u8>> {
    match record["raw"].as_str() {
        Some(raw) => Ok(BASE64_STANDARD.decode(raw)?),
        None => registry.encode(topic, record["type"].as_str().context("a type")?, &record["data"]),
    }
}

fn headers(record: &Value) -> OwnedHeaders {
    let all = record["headers"].as_object().into_iter().flatten();
    all.fold(OwnedHeaders::new(), |headers, (key, value)| headers.insert(Header { key, value: value.as_str() }))
}

fn send(producer: &BaseProducer<Told>, options: &Options, topic: &str, records: &[Value]) -> Result<()> {
    let mut registry = Registry::new(options.text("registry")?);
    for record in records {
        let value = value(record, topic, &mut registry)?;
        let key = record["key"].as_str().context("a key")?;
        let made = BaseRecord::to(topic).key(key).payload(&value).headers(headers(record));
        producer.send(made).map_err(|(error, _)| error)?;
    }
    Ok(producer.flush(PATIENCE)?)
}

pub fn produce(options: &Options) -> Result<()> {
    let idempotent = options.flag("idempotent").to_string();
    let producer = producer(options, &[("enable.idempotence", &idempotent), ("message.timeout.ms", "20000")])?;
    send(&producer, options, options.text("topic")?, options.list("records"))
}

fn end(producer: &BaseProducer<Told>, how: &str) -> Result<()> {
    if how == "hold" {
        emit(json!({"open": true}));
        let ended = stdin_ended();
        while !ended.load(Ordering::Acquire) {
            producer.poll(Duration::from_millis(100));
        }
    }
    let told = match how {
        "abort" => producer.abort_transaction(PATIENCE),
        _ => producer.commit_transaction(PATIENCE),
    };
    match told {
        Ok(()) => emit(json!({"ended": how})),
        Err(error) if fenced(&error) => emit(json!({"fenced": true})),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

fn fenced(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{Fenced, InvalidProducerEpoch, ProducerFenced};
    matches!(error.rdkafka_error_code(), Some(Fenced | InvalidProducerEpoch | ProducerFenced))
}

pub fn transact(options: &Options) -> Result<()> {
    let producer = producer(options, &[("transactional.id", options.text("transactional_id")?)])?;
    producer.init_transactions(PATIENCE)?;
    for step in options.list("steps") {
        producer.begin_transaction()?;
        send(&producer, options, options.text("topic")?, step["records"].as_array().context("records")?)?;
        end(&producer, step["end"].as_str().context("an end")?)?;
    }
    Ok(())
}

pub fn transfer(options: &Options) -> Result<()> {
    let producer = producer(options, &[("transactional.id", options.text("transactional_id")?)])?;
    producer.init_transactions(PATIENCE)?;
    let consumer = consumer(options, &[])?;
    consumer.subscribe(&[options.text("topic")?])?;
    let after = read(options, &consumer, |message| {
        emit_record(message);
        Ok(())
    })?;
    producer.begin_transaction()?;
    send(&producer, options, options.text("target")?, options.list("records"))?;
    let group = consumer.group_metadata().context("a member")?;
    producer.send_offsets_to_transaction(&after, &group, PATIENCE)?;
    end(&producer, options.text("end")?)
}
