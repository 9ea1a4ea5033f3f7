//! The retry budget of one function: retries are at most a tenth of its calls plus ten a second.

use evento_model::Timestamp;

/// One retry, in the budget's units.
const RETRY: u64 = 1_000;
/// Units earned by a call: a tenth of a retry.
const PER_CALL: u64 = RETRY / 10;
/// Units earned per millisecond: ten retries a second.
const PER_MS: u64 = RETRY / 100;
/// Most units saved up: one hundred retries.
const SAVED_MAX: u64 = 100 * RETRY;

/// How many retries may be sent.
#[derive(Debug)]
pub(crate) struct Budget {
    units: u64,
    filled: Timestamp,
}

impl Budget {
    pub(crate) fn new(now: Timestamp) -> Budget {
        Budget { units: SAVED_MAX, filled: now }
    }

    /// A call was sent.
    pub(crate) fn earn(&mut self) {
        self.units = (self.units + PER_CALL).min(SAVED_MAX);
    }

    /// Takes one retry out of the budget, if there is one.
    pub(crate) fn take(&mut self, now: Timestamp) -> bool {
        self.units = now.ms_since(self.filled).saturating_mul(PER_MS).saturating_add(self.units).min(SAVED_MAX);
        self.filled = self.filled.max(now);
        let enough = self.units >= RETRY;
        if enough {
            self.units -= RETRY;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::Budget;
    use evento_model::Timestamp;

    #[test]
    fn ten_retries_a_second_are_left_when_the_savings_are_spent() {
        let mut budget = Budget::new(Timestamp(0));
        let first = (0..1_000).filter(|_| budget.take(Timestamp(0))).count();
        let second = (0..1_000).filter(|_| budget.take(Timestamp(1_000))).count();
        assert_eq!((first, second), (100, 10));
        (0..50).for_each(|_| budget.earn());
        assert_eq!((0..1_000).filter(|_| budget.take(Timestamp(1_000))).count(), 5);
    }
}
