//! A Kafka consumer by hand that notes every event it sees. It keeps its offsets over every fault: what was shown
//! must be there for ever, at the same place.

use std::sync::atomic::Ordering;
use std::time::Duration;

use evento_check::What;
use evento_check::history::content_digest;
use evento_engine::Chance;
use evento_log::codec::{event_of, records_within};

use super::arena::Shared;
use crate::bench::wire::Broker;

const TOPIC: &str = "account.events";
/// Partitions of the account (`bank.yaml`).
const PARTITIONS: usize = 4;
const NAME: &str = "kafka-1";
/// Bytes of one partition and of all, in one fetch.
const BYTES: (i32, i32) = (1 << 20, 4 << 20);
/// How long the broker waits for something new, in milliseconds.
const WAIT_MS: i32 = 50;
/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(5);

pub(super) fn run(shared: &Shared, seed: u64) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    runtime.block_on(read(shared, seed));
}

async fn read(shared: &Shared, seed: u64) {
    let (mut at, mut chance) = (vec![0i64; PARTITIONS], Chance::new(seed));
    while !shared.gate.closed_for_good() {
        let kafka = shared.kafka.read().clone();
        let connected = match kafka {
            Some(kafka) => tokio::time::timeout(ANSWER_MAX, Broker::connect(&kafka)).await,
            None => Ok(Err(anyhow::anyhow!("no server runs"))),
        };
        let Ok(Ok(mut broker)) = connected else {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        if chance.up_to(7) == 0 {
            shared.recorder.note(None, Some(NAME), What::Restart);
            at.iter_mut().for_each(|offset| *offset = (*offset - chance.up_to(50) as i64).max(0));
        }
        while !shared.gate.closed_for_good() {
            let fetch = broker.fetch_batches(TOPIC, &mut at, BYTES, WAIT_MS, |partition, from, batch| {
                note(shared, partition, from, batch);
            });
            if !matches!(tokio::time::timeout(ANSWER_MAX, fetch).await, Ok(Ok(_))) {
                break;
            }
        }
    }
}

/// Notes the records of a batch from an offset on.
fn note(shared: &Shared, partition: usize, from: i64, batch: &[u8]) {
    let batch = bytes::Bytes::copy_from_slice(batch);
    let Ok(records) = records_within(&batch, from.max(0) as u64..u64::MAX) else {
        return shared.odd(format!("a batch of partition {partition} after offset {from} cannot be read"));
    };
    for record in records {
        let Ok(event) = event_of(&record) else {
            shared.odd(format!("the record at {partition}/{} is no event", record.offset));
            continue;
        };
        let seen = What::Seen {
            k: format!("account/{}", event.id.as_str()),
            seq: event.seq,
            pos: format!("{TOPIC}/{partition}/{}", record.offset),
            ed: content_digest(event.type_name.as_str(), &event.payload),
            cmd: event.command_id.as_str().to_owned(),
        };
        shared.recorder.note(None, Some(NAME), seen);
        shared.seen.fetch_add(1, Ordering::Relaxed);
    }
}
