//! The nouns of Evento: what an entity instance, a command, an event, an outcome and a position are called.
//!
//! Every other crate speaks these words. This crate performs no I/O, has no async function, reads no
//! configuration, knows no clock and derives no serialisation: how a noun looks in JSON, YAML, Kafka or on
//! disk belongs to the edge that owns that format.

pub mod caller;
pub mod code;
pub mod digest;
pub mod id;
pub mod name;
pub mod outcome;
pub mod partition;
pub mod policy;
pub mod position;
#[cfg(feature = "proving")]
pub mod proving;
pub mod time;

pub use caller::{Caller, Stranger};
pub use code::Code;
pub use digest::{Digest, Revision, Seed, hex};
pub use id::{CommandId, EntityId, EntityKey, EntityTypeId, IdError, SchemaId};
pub use name::{FullName, NameError, ResourceName};
pub use outcome::{Outcome, Stage};
pub use partition::partition_of;
pub use policy::{OnPark, RetryPolicy};
pub use position::{EventRef, Position, TopicKind};
pub use time::Timestamp;

/// Number of an event within its entity instance: 1, 2, 3, … without gaps. 0 means "no events yet".
pub type Sequence = u64;

/// Offset of a record within its topic partition: 0, 1, 2, … without gaps.
pub type Offset = u64;

/// A number raised at each take-over of a data directory or partition; it fences former owners.
pub type OwnerEpoch = u32;

/// Whether the planted bug with this number is on: a constant `false` but in builds that prove (see `docs/proof.md`).
#[cfg(feature = "proving")]
#[macro_export]
macro_rules! planted {
    ($($number:literal),+) => {
        $($crate::proving::is_planted($number))||+
    };
}

/// Whether the planted bug with this number is on: a constant `false` but in builds that prove (see `docs/proof.md`).
#[cfg(not(feature = "proving"))]
#[macro_export]
macro_rules! planted {
    ($($number:literal),+) => {
        $crate::never()
    };
}

/// What `planted!` is in ordinary builds: a constant that lints do not look through.
#[doc(hidden)]
#[inline(always)]
pub const fn never() -> bool {
    false
}

/// Counts that a run came to a rare situation: nothing but in builds that prove (see `docs/proof.md`).
#[cfg(feature = "proving")]
#[macro_export]
macro_rules! sometimes {
    ($situation:literal) => {
        $crate::proving::count($situation)
    };
    ($situation:literal, $met:expr) => {
        if $met {
            $crate::proving::count($situation)
        }
    };
}

/// Counts that a run came to a rare situation: nothing but in builds that prove (see `docs/proof.md`).
#[cfg(not(feature = "proving"))]
#[macro_export]
macro_rules! sometimes {
    ($situation:literal) => {};
    ($situation:literal, $met:expr) => {
        let _ = || $met;
    };
}
