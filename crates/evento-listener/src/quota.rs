//! Byte rates of clients: for how long one is told to wait, so that it keeps to its quota (KIP-13, KIP-219).
//!
//! A client is everyone with the same client id, over all connections. What it sends or is sent is a debt that
//! shrinks with time; a second's worth may come at once, and what is beyond says how long to wait. No answer is held
//! back: it carries the wait, and its connection is not read for as long. Handed the time; waits for nothing itself.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use parking_lot::Mutex;

/// Longest wait that one answer tells: shorter than what lets a group's member expire by default.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// Clients that are told apart. When there are more, those that owe nothing are forgotten; beyond that, new ones
/// share one debt.
const CLIENTS_MAX: usize = 10_000;
/// The number of those who share one debt.
const OTHERS: u64 = 0;

/// What clients may send and read in a second, in bytes, each client by itself. `None`: as much as they like.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Quotas {
    /// Bytes of Produce requests.
    pub produce: Option<u64>,
    /// Bytes of records in answers to Fetch.
    pub fetch: Option<u64>,
}

/// The rate of one kind of traffic.
pub(crate) struct Rate {
    bytes_per_second: Option<u64>,
    /// By the hash of the client id, so that long names take no room. Bound: `CLIENTS_MAX` and one.
    debts: Mutex<HashMap<u64, Debt>>,
    hash: RandomState,
}

/// Bytes that are not paid off by time yet.
struct Debt {
    bytes: u64,
    at: Duration,
}

impl Debt {
    fn left(&self, rate: u64, now: Duration) -> u64 {
        let paid = now.saturating_sub(self.at).as_secs_f64() * rate as f64;
        self.bytes.saturating_sub(paid as u64)
    }
}

impl Rate {
    pub(crate) fn new(bytes_per_second: Option<u64>) -> Rate {
        Rate { bytes_per_second, debts: Mutex::default(), hash: RandomState::new() }
    }

    /// Counts bytes of a client; how long it has to wait before the next ones. `now` counts from any beginning.
    pub(crate) fn charge(&self, client: &str, bytes: u64, now: Duration) -> Duration {
        let Some(rate) = self.bytes_per_second else { return Duration::ZERO };
        let mut debts = self.debts.lock();
        let mut client = self.hash.hash_one(client).max(OTHERS + 1);
        if debts.len() >= CLIENTS_MAX && !debts.contains_key(&client) {
            debts.retain(|_, debt| debt.left(rate, now) > 0);
            if debts.len() >= CLIENTS_MAX {
                client = OTHERS;
            }
        }
        let debt = debts.entry(client).or_insert(Debt { bytes: 0, at: now });
        let owed = debt.left(rate, now).saturating_add(bytes);
        *debt = Debt { bytes: owed, at: now };
        let beyond = owed.saturating_sub(rate) as f64 / rate as f64;
        Duration::from_secs_f64(beyond.min(WAIT_MAX.as_secs_f64()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn without_a_quota_nobody_waits() {
        assert_eq!(Rate::new(None).charge("a", u64::MAX, Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn a_seconds_worth_comes_at_once_and_the_rest_is_waited_for() {
        let rate = Rate::new(Some(1000));
        let steps = [
            // At this second, so many bytes: so long to wait.
            (0.0, 1000, 0.0),
            (0.0, 500, 0.5),
            (0.5, 0, 0.0),
            (0.5, 1000, 1.0),
            (1.5, 1, 0.001),
            (10.0, 1000, 0.0),
            (10.0, 1_000_000, 30.0),
            (1010.0, 1000, 1.0),
        ];
        for (at, bytes, wait) in steps {
            assert_eq!(rate.charge("a", bytes, seconds(at)), seconds(wait), "{bytes} bytes at {at}");
        }
    }

    #[test]
    fn who_keeps_waiting_as_told_has_the_rate_in_the_long_run() {
        let (rate, mut now, mut sent) = (Rate::new(Some(64 << 10)), Duration::ZERO, 0);
        while now < seconds(600.0) {
            sent += 100_000;
            now += rate.charge("a", 100_000, now);
        }
        let fair = 600 * (64 << 10);
        assert!((fair..fair + 300_000).contains(&sent), "{sent} of {fair}");
    }

    #[test]
    fn clients_have_quotas_of_their_own_as_long_as_there_are_not_too_many() {
        let rate = Rate::new(Some(1000));
        for n in 0..CLIENTS_MAX {
            assert_eq!(rate.charge(&format!("client-{n}"), 1500, Duration::ZERO), seconds(0.5), "{n}");
        }
        assert_eq!(rate.charge("one more", 1000, Duration::ZERO), Duration::ZERO);
        assert_eq!(rate.charge("another", 1000, Duration::ZERO), seconds(1.0), "they share");
        assert_eq!(rate.debts.lock().len(), CLIENTS_MAX + 1);
        assert_eq!(rate.charge("later", 1000, seconds(100.0)), Duration::ZERO);
        assert_eq!(rate.debts.lock().len(), 1, "who owes nothing is forgotten");
    }
}
