//! Clients that are told to wait: the answer comes at once, the next request is not read before (KIP-219).

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use evento_listener::{Limits, Quotas};
use kafka_protocol::messages::ApiVersionsRequest;

use crate::transactions::client::{Batch, Client};
use crate::transactions::world::{Place, Server};

const REQUEST_TIMED_OUT: i16 = 7;

fn batch(place: &Place, instances: &[&'static str]) -> Batch<'static> {
    let records = instances.iter().map(|instance| (*instance, None)).collect();
    Batch { who: (-1, -1), partition: 0, first: -1, records, transactional: false, schema: place.schema }
}

/// How long the connection does not answer.
async fn muted(client: &mut Client) -> Duration {
    let start = Instant::now();
    client.call(0, ApiVersionsRequest::default()).await;
    start.elapsed()
}

/// How often clients were told to wait, by kind and reason.
fn throttled(server: &Server) -> Vec<(String, u64)> {
    server.broker.throttled().map(|(api, reason, count)| (format!("{api} {reason}"), count)).to_vec()
}

fn counts(produce_quota: u64, produce_crowded: u64, fetch_quota: u64) -> Vec<(String, u64)> {
    let rows = [("Produce quota", produce_quota), ("Produce crowded", produce_crowded), ("Fetch quota", fetch_quota)];
    rows.map(|(name, count)| (name.to_owned(), count)).to_vec()
}

#[test]
fn a_producer_that_finds_no_room_is_told_when_to_come_again_and_not_heard_before() {
    let mut place = Place::new();
    let (batch, commands) = (batch(&place, &["ada"]), place.commands.clone());
    place.run(async |server| {
        let mut client = server.client().await;
        commands.crowded.store(i64::MAX, Ordering::SeqCst);
        let answer = client.send(&batch, 50).await;
        assert_eq!(answer.responses[0].partition_responses[0].error_code, REQUEST_TIMED_OUT);
        assert_eq!(answer.throttle_time_ms, 1000);
        let mut other = server.client().await;
        assert!(muted(&mut other).await < Duration::from_millis(900), "others are heard");
        assert!(muted(&mut client).await >= Duration::from_millis(900));
        commands.crowded.store(2, Ordering::SeqCst);
        let answer = client.send(&batch, 10_000).await;
        assert_eq!(answer.responses[0].partition_responses[0].error_code, 0, "there was room after a while");
        assert_eq!(answer.throttle_time_ms, 100);
        assert_eq!(client.send(&batch, 10_000).await.throttle_time_ms, 0);
        assert_eq!(throttled(server), counts(0, 2, 0));
    });
}

#[test]
fn a_client_id_that_sends_more_than_its_quota_waits_over_all_its_connections() {
    let mut place = Place::new();
    let batch = batch(&place, &["ada", "bob", "cy", "dora"]);
    let quotas = Quotas { produce: Some(1024), fetch: None };
    place.run_with(Limits { quotas, ..Limits::default() }, async |server| {
        let mut client = server.client().await;
        let mut wait = 0;
        while wait == 0 {
            let answer = client.send(&batch, 10_000).await;
            assert_eq!(answer.responses[0].partition_responses[0].error_code, 0, "what was sent is taken");
            wait = answer.throttle_time_ms;
        }
        let mut second = server.client().await;
        let more = second.send(&batch, 10_000).await.throttle_time_ms;
        assert!(more > wait, "the second connection of the same client owes for both: {more} after {wait}");
        let least = Duration::from_millis(wait as u64).saturating_sub(Duration::from_millis(50));
        assert!(muted(&mut client).await + Duration::from_millis(500) >= least);
        assert_eq!(throttled(server), counts(2, 0, 0));
    });
}
