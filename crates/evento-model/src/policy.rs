//! What an entity declares about commands that keep failing.

/// Whether later commands of an instance go on when one is parked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum OnPark {
    /// The instance goes on with its next command.
    #[default]
    Continue,
    /// The instance waits, in order, until the parked command is retried with success or abandoned.
    Block,
}

/// How often and how fast a failed command is tried again. Factor 2 and full jitter are fixed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RetryPolicy {
    /// Charged attempts before a command is parked; at least 2.
    pub attempts_max: u32,
    /// Ceiling of the first wait, in milliseconds.
    pub delay_ms_initial: u64,
    /// Ceiling of any wait, in milliseconds.
    pub delay_ms_max: u64,
}

impl Default for RetryPolicy {
    fn default() -> RetryPolicy {
        RetryPolicy { attempts_max: 10, delay_ms_initial: 100, delay_ms_max: 30_000 }
    }
}

impl RetryPolicy {
    /// Longest wait before attempt `attempt + 1`: min(max, initial × 2^(attempt − 1)), in milliseconds.
    pub fn delay_ms_ceiling(&self, attempt: u32) -> u64 {
        let doublings = attempt.saturating_sub(1).min(40);
        self.delay_ms_initial.saturating_mul(1 << doublings).min(self.delay_ms_max)
    }
}

#[cfg(test)]
mod tests {
    use super::RetryPolicy;

    #[test]
    fn waits_double_up_to_the_ceiling() {
        let policy = RetryPolicy::default();
        let waits: Vec<u64> = (1..=10).map(|attempt| policy.delay_ms_ceiling(attempt)).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000]);
        assert_eq!(policy.delay_ms_ceiling(u32::MAX), 30_000);
    }
}
