//! For proving, never for a release: bugs planted at chosen places, and counts of situations that a run met.
//!
//! Without the feature `proving`, [`planted!`](crate::planted) is the constant `false` and
//! [`sometimes!`](crate::sometimes) is nothing. With it, one bug of the table in `docs/proof.md` is chosen for the
//! process, and each thread counts for itself.

#[cfg(not(debug_assertions))]
compile_error!("planted bugs are never part of a release build");

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, Ordering};

static PLANTED: AtomicU8 = AtomicU8::new(0);

thread_local! {
    static COUNTS: RefCell<BTreeMap<&'static str, u64>> = const { RefCell::new(BTreeMap::new()) };
}

/// Plants the bug with this number in the whole process; 0 is none.
pub fn plant(number: u8) {
    PLANTED.store(number, Ordering::Relaxed);
}

/// Whether the bug with this number is planted.
pub fn is_planted(number: u8) -> bool {
    PLANTED.load(Ordering::Relaxed) == number
}

/// Counts a situation.
pub fn count(situation: &'static str) {
    COUNTS.with_borrow_mut(|counts| *counts.entry(situation).or_default() += 1);
}

/// What this thread has counted since it was last asked.
pub fn take_counts() -> BTreeMap<&'static str, u64> {
    COUNTS.take()
}
