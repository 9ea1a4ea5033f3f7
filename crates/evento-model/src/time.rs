//! Points in time as plain numbers. Reading the clock and writing dates happen elsewhere.

/// Milliseconds since 1970-01-01T00:00:00Z, UTC. May be negative.
///
/// Inside the engine `now` is a *monotonic* reading on the same scale handed in by the driver; acceptance
/// times shown to people and functions are wall-clock readings. Both are values someone passes in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This time plus so many milliseconds, saturating.
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Timestamp {
        Timestamp(self.0.saturating_add_unsigned(ms))
    }

    /// Milliseconds from `earlier` to this time; 0 if `earlier` is later.
    pub fn ms_since(self, earlier: Timestamp) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }
}
