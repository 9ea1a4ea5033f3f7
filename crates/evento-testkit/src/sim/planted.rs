//! The table of planted bugs (guarantees, section 7): what each is, and whether this simulation can meet it.

/// A planted bug.
pub struct Bug {
    /// Its number.
    pub number: u8,
    /// What it is.
    pub title: &'static str,
    /// Whether it can be met here.
    pub reach: Reach,
}

/// Where a planted bug can be met.
pub enum Reach {
    /// In this simulation.
    Here,
    /// Not here, and why.
    Elsewhere(&'static str),
}

use Reach::{Elsewhere, Here};

const KAFKA: &str = "not here: needs Kafka mode";

const fn bug(number: u8, title: &'static str, reach: Reach) -> Bug {
    Bug { number, title, reach }
}

/// All of them.
pub const BUGS: &[Bug] = &[
    bug(1, "acknowledge before fsync", Here),
    bug(2, "show events before fsync", Here),
    bug(3, "failed fsync retried and believed", Here),
    bug(4, "record checksum not verified", Here),
    bug(5, "torn-tail cut takes one good record", Here),
    bug(6, "damage in mid-log read as end of log", Here),
    bug(7, "directory not synced after creating a segment", Here),
    bug(8, "rename of a checkpoint without directory sync", Here),
    bug(9, "idempotency not rebuilt on start", Here),
    bug(10, "idempotency entry written apart from the event", Here),
    bug(11, "idempotency forgets the oldest entries", Here),
    bug(12, "next sequence taken from memory after an aborted commit", Here),
    bug(13, "owner epoch not checked", Here),
    bug(14, "progress committed before the event", Here),
    bug(15, "engine transaction without an offset commit", Elsewhere(KAFKA)),
    bug(16, "producer reused after a timed-out EndTxn", Elsewhere(KAFKA)),
    bug(17, "new owner does not wait for pending offsets", Elsewhere(KAFKA)),
    bug(18, "answer of attempt n taken for attempt n+1", Here),
    bug(19, "answers of two batch items swapped", Here),
    bug(20, "two same-shaped events swapped", Here),
    bug(21, "state of event n stored with event n+1", Here),
    bug(22, "outage failures charged", Here),
    bug(23, "retry and abandon of one parked command both succeed", Here),
    bug(24, "onPark: block instance goes on after a start", Here),
    bug(25, "several events of a command committed in two steps", Here),
    bug(26, "wall clock used for back-off", Here),
    bug(27, "unbounded waiting queue", Here),
    bug(28, "scrub skips the last-but-one file", Here),
    bug(29, "half record left by a full disk is continued later", Here),
    bug(30, "ready although nothing makes progress", Here),
    bug(31, "one read path skips the access check", Elsewhere("not here: there is no access check yet (T19)")),
    bug(32, "\"not recorded\" answered after the append", Here),
];
