//! The circuit breaker of one function: closed, or open with one probe a second.

use evento_model::Timestamp;

/// Whether the function as a whole is down.
#[derive(Debug)]
pub(crate) enum Breaker {
    /// It answers, as far as we know.
    Closed {
        /// Failures in a row without a valid answer.
        failures: u32,
    },
    /// It answers nobody. Nothing parks and nothing is charged.
    Open {
        /// Since when, monotonic.
        since: Timestamp,
        /// Since when, as shown to people.
        since_wall: Timestamp,
        /// When the next probe may go.
        probe_at: Timestamp,
    },
}

impl Breaker {
    pub(crate) fn new() -> Breaker {
        Breaker::Closed { failures: 0 }
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self, Breaker::Open { .. })
    }

    /// Closed: always. Open: one probe at a time, when it is due.
    pub(crate) fn may_send(&self, now: Timestamp, in_flight: usize) -> bool {
        match self {
            Breaker::Closed { .. } => true,
            Breaker::Open { probe_at, .. } => in_flight == 0 && *probe_at <= now,
        }
    }

    /// When the next probe is due, if it is open.
    pub(crate) fn probe_at(&self) -> Option<Timestamp> {
        match self {
            Breaker::Closed { .. } => None,
            Breaker::Open { probe_at, .. } => Some(*probe_at),
        }
    }

    /// Notes a failure; true when this one declares the outage.
    pub(crate) fn failed(&mut self, failures_max: u32) -> bool {
        match self {
            Breaker::Closed { failures } => {
                *failures += 1;
                *failures >= failures_max
            }
            Breaker::Open { .. } => false,
        }
    }

    /// Declares the outage, or puts the next probe off if it is declared already. True when newly declared.
    pub(crate) fn open(&mut self, now: Timestamp, wall: Timestamp, probe_ms: u64) -> bool {
        match self {
            Breaker::Closed { .. } => {
                *self = Breaker::Open { since: now, since_wall: wall, probe_at: now.plus_ms(probe_ms) };
                true
            }
            Breaker::Open { probe_at, .. } => {
                *probe_at = now.plus_ms(probe_ms);
                false
            }
        }
    }

    /// Lets the next probe go at once: the supervisor saw a change.
    pub(crate) fn probe_now(&mut self, now: Timestamp) {
        if let Breaker::Open { probe_at, .. } = self {
            *probe_at = now;
        }
    }

    /// A valid answer came. Milliseconds the outage lasted, if there was one.
    pub(crate) fn answered(&mut self, now: Timestamp) -> Option<u64> {
        match std::mem::replace(self, Breaker::new()) {
            Breaker::Closed { .. } => None,
            Breaker::Open { since, .. } => Some(now.ms_since(since)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Breaker;
    use evento_model::Timestamp;

    #[test]
    fn an_open_breaker_lets_one_probe_go_each_second_and_closes_with_an_answer() {
        let mut breaker = Breaker::new();
        assert_eq!((1..=5).map(|_| breaker.failed(5)).collect::<Vec<_>>(), [false, false, false, false, true]);
        assert!(breaker.open(Timestamp(100), Timestamp(0), 1_000));
        assert!(!breaker.may_send(Timestamp(1_099), 0));
        assert!(breaker.may_send(Timestamp(1_100), 0));
        assert!(!breaker.may_send(Timestamp(1_100), 1));
        assert!(!breaker.open(Timestamp(1_100), Timestamp(0), 1_000));
        assert!(!breaker.may_send(Timestamp(1_200), 0));
        breaker.probe_now(Timestamp(1_200));
        assert!(breaker.may_send(Timestamp(1_200), 0));
        assert_eq!(breaker.answered(Timestamp(1_300)), Some(1_200));
        assert!(!breaker.is_open());
    }
}
