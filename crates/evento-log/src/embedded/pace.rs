//! How long the disk took for the last frames, so that only a quick one is waited for in a caller's thread.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A frame that takes less costs a caller less than handing it over and being woken.
const QUICK: Duration = Duration::from_micros(250);
/// What one frame counts in the mean.
const SHARE: u64 = 8;

/// Mean of the last frames, in nanoseconds. Written by who holds the committer.
pub(crate) struct Pace(AtomicU64);

impl Pace {
    /// Not quick before it was seen to be.
    pub(crate) fn new() -> Pace {
        Pace(AtomicU64::new(2 * QUICK.as_nanos() as u64))
    }

    /// A frame was written and synced.
    pub(crate) fn took(&self, took: Duration) {
        let mean = self.0.load(Ordering::Relaxed);
        self.0.store(mean - mean / SHARE + took.as_nanos() as u64 / SHARE, Ordering::Relaxed);
    }

    /// Whether the next frame is likely to be quick.
    pub(crate) fn is_quick(&self) -> bool {
        self.0.load(Ordering::Relaxed) < QUICK.as_nanos() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slow_frame_makes_it_slow_and_some_quick_ones_quick_again() {
        let pace = Pace::new();
        assert!(!pace.is_quick());
        (0..8).for_each(|_| pace.took(Duration::from_micros(100)));
        assert!(pace.is_quick());
        pace.took(Duration::from_millis(10));
        assert!(!pace.is_quick());
        (0..24).for_each(|_| pace.took(Duration::from_micros(100)));
        assert!(pace.is_quick());
    }
}
