//! Clients that are slowed down, and why: their quota, or a server that has no room for what they send.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kafka_protocol::messages::ApiKey;

use crate::api::Call;
use crate::broker::Broker;
use crate::quota::{Quotas, Rate};

/// What slows clients down. All connections share it.
pub(crate) struct Throttle {
    produce: Rate,
    fetch: Rate,
    begun: Instant,
    /// Answers that told a client to wait, by what it did and why.
    produce_over_quota: AtomicU64,
    produce_crowded: AtomicU64,
    fetch_over_quota: AtomicU64,
}

impl Throttle {
    pub(crate) fn new(quotas: Quotas) -> Throttle {
        let (produce, fetch) = (Rate::new(quotas.produce), Rate::new(quotas.fetch));
        let begun = Instant::now();
        let count = AtomicU64::default;
        Throttle {
            produce,
            fetch,
            begun,
            produce_over_quota: count(),
            produce_crowded: count(),
            fetch_over_quota: count(),
        }
    }

    /// How long the sender of so many bytes has to wait; `crowded` is how long it has to because there is no room.
    pub(crate) fn produced(&self, call: &Call<'_>, bytes: u64, crowded: Duration) -> Duration {
        let wait = self.produce.charge(&call.client.id, bytes, self.begun.elapsed());
        note(&self.produce_over_quota, wait);
        note(&self.produce_crowded, crowded);
        wait.max(crowded)
    }

    /// How long the reader of so many bytes has to wait.
    pub(crate) fn fetched(&self, call: &Call<'_>, bytes: u64) -> Duration {
        let wait = self.fetch.charge(&call.client.id, bytes, self.begun.elapsed());
        note(&self.fetch_over_quota, wait);
        wait
    }
}

fn note(count: &AtomicU64, wait: Duration) {
    if !wait.is_zero() {
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// A wait as answers tell it: in milliseconds, rounded up.
pub(crate) fn in_ms(wait: Duration) -> i32 {
    i32::try_from(wait.as_micros().div_ceil(1000)).unwrap_or(i32::MAX)
}

impl Broker {
    /// Answers that told a client to wait: kind of request, reason (`quota`, `crowded`), how many.
    pub fn throttled(&self) -> [(String, &'static str, u64); 3] {
        let row = |api: ApiKey, reason, count: &AtomicU64| (format!("{api:?}"), reason, count.load(Ordering::Relaxed));
        let throttle = &self.throttle;
        [
            row(ApiKey::Produce, "quota", &throttle.produce_over_quota),
            row(ApiKey::Produce, "crowded", &throttle.produce_crowded),
            row(ApiKey::Fetch, "quota", &throttle.fetch_over_quota),
        ]
    }
}
