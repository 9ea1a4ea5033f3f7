//! How much of a function may be used at once: requests in flight, and works in one request.
//!
//! Additive increase, multiplicative decrease below the declared concurrency; after an outage it starts at one
//! and doubles with each success.

use evento_model::Timestamp;

/// First and longest wait after back-pressure that names no time, in milliseconds.
const PAUSE_MS: (u64, u64) = (100, 5_000);
/// Longest wait a function may ask for, in milliseconds.
const PAUSE_ASKED_MS_MAX: u64 = 60_000;

/// The allowed speed of one function.
#[derive(Debug)]
pub(crate) struct Pace {
    concurrency: usize,
    works_max: usize,
    /// Requests that may be in flight now.
    limit: usize,
    /// Works one request may carry now; halved by "too large".
    pub(crate) works: usize,
    /// Successes since the limit last changed.
    successes: usize,
    ramping: bool,
    pauses: u32,
    /// Nothing is sent before this time.
    pub(crate) resume_at: Option<Timestamp>,
}

impl Pace {
    pub(crate) fn new(concurrency: usize, works_max: usize) -> Pace {
        let (concurrency, works_max) = (concurrency.max(1), works_max.max(1));
        Pace {
            concurrency,
            works_max,
            limit: concurrency,
            works: works_max,
            successes: 0,
            ramping: false,
            pauses: 0,
            resume_at: None,
        }
    }

    /// The declared limits changed.
    pub(crate) fn resize(&mut self, concurrency: usize, works_max: usize) {
        let (concurrency, works_max) = (concurrency.max(1), works_max.max(1));
        if self.limit == self.concurrency {
            self.limit = concurrency;
        }
        if self.works == self.works_max {
            self.works = works_max;
        }
        (self.concurrency, self.works_max) = (concurrency, works_max);
        self.limit = self.limit.min(concurrency);
        self.works = self.works.min(works_max);
    }

    pub(crate) fn may_send(&self, now: Timestamp, in_flight: usize) -> bool {
        in_flight < self.limit && self.resume_at.is_none_or(|at| at <= now)
    }

    /// A valid answer came.
    pub(crate) fn answered(&mut self) {
        self.pauses = 0;
        self.resume_at = None;
        if self.works < self.works_max {
            self.works += 1;
        }
        if self.limit >= self.concurrency {
            self.ramping = false;
            return;
        }
        self.successes += 1;
        if self.ramping {
            self.limit = (self.limit * 2).min(self.concurrency);
        } else if self.successes >= self.limit {
            self.limit += 1;
            self.successes = 0;
        }
    }

    /// The function asked for less (429, 503). Until when nothing is sent.
    pub(crate) fn pushed_back(&mut self, now: Timestamp, asked_ms: Option<u64>) -> Timestamp {
        let own = PAUSE_MS.0.saturating_mul(1 << self.pauses.min(16)).min(PAUSE_MS.1);
        self.pauses += 1;
        self.limit = (self.limit / 2).max(1);
        self.successes = 0;
        let at = now.plus_ms(asked_ms.map_or(own, |ms| ms.min(PAUSE_ASKED_MS_MAX)));
        let at = self.resume_at.map_or(at, |before| before.max(at));
        self.resume_at = Some(at);
        at
    }

    /// The function said that a request of so many works was too large.
    pub(crate) fn too_large(&mut self, works: usize) {
        self.works = (works / 2).max(1);
    }

    /// The function answers again after an outage.
    pub(crate) fn restart(&mut self) {
        self.limit = 1;
        self.successes = 0;
        self.ramping = self.concurrency > 1;
        self.resume_at = None;
        self.pauses = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::Pace;
    use evento_model::Timestamp;

    #[test]
    fn back_pressure_halves_and_a_window_of_successes_adds_one() {
        let mut pace = Pace::new(8, 512);
        assert!(pace.may_send(Timestamp(0), 7) && !pace.may_send(Timestamp(0), 8));
        assert_eq!(pace.pushed_back(Timestamp(0), Some(2_000)), Timestamp(2_000));
        assert!(!pace.may_send(Timestamp(1_999), 0) && pace.may_send(Timestamp(2_000), 3));
        assert!(!pace.may_send(Timestamp(2_000), 4));
        (0..4).for_each(|_| pace.answered());
        assert!(pace.may_send(Timestamp(2_000), 4) && !pace.may_send(Timestamp(2_000), 5));
    }

    #[test]
    fn an_outage_is_followed_by_one_then_two_then_four() {
        let mut pace = Pace::new(8, 512);
        pace.restart();
        let limits: Vec<usize> = (0..5)
            .map(|_| {
                let limit = (0..10).take_while(|&n| pace.may_send(Timestamp(0), n)).count();
                pace.answered();
                limit
            })
            .collect();
        assert_eq!(limits, [1, 2, 4, 8, 8]);
    }

    #[test]
    fn a_wait_without_a_time_doubles_up_to_five_seconds() {
        let mut pace = Pace::new(8, 512);
        let waits: Vec<i64> = (0..8)
            .map(|_| {
                pace.resume_at = None;
                pace.pushed_back(Timestamp(0), None).0
            })
            .collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    }
}
