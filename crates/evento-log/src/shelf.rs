//! What the state store needs of a key-value library: few verbs, so that tests can hand in one that forgets.
//!
//! The library is disposable: whatever it loses is rebuilt from the log. It must never mix up the order of what it
//! was told: what survives a crash is all that was put in up to some moment.

use std::path::Path;

use bytes::Bytes;

use crate::embedded::Fault;

/// A named space of keys.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Space {
    /// Current states.
    States,
    /// Where the events of each unit are.
    History,
    /// States at some sequences.
    Snapshots,
    /// How commands ended whose ids clients chose.
    Ids,
    /// Commands without outcome.
    Waiting,
    /// Up to where the log is contained.
    Mark,
}

impl Space {
    /// All of them, in the order of their declaration.
    pub const ALL: [Space; 6] =
        [Space::States, Space::History, Space::Snapshots, Space::Ids, Space::Waiting, Space::Mark];
}

/// Where stores of keys and values are opened.
pub trait Shelves: Send + Sync {
    /// Opens the store in a folder, made if it is not there.
    ///
    /// Errors: [`Fault::InUse`] if somebody has it; anything else means that it cannot be used.
    fn open(&self, folder: &Path) -> Result<Box<dyn Shelf>, Fault>;
    /// Removes the store in a folder, if there is one.
    fn remove(&self, folder: &Path) -> Result<(), Fault>;
}

/// A key and its value; `None` deletes.
pub type Change = (Vec<u8>, Option<Vec<u8>>);

/// A key and its value.
pub type Pair = (Bytes, Bytes);

/// A range of keys: from the first, up to and without the second.
pub type Keys<'a> = (&'a [u8], &'a [u8]);

/// Keys and values, in the order of keys.
pub trait Shelf: Send + Sync {
    /// The value of a key.
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, Fault>;
    /// So many pairs of a range, in order.
    fn first(&self, space: Space, keys: Keys<'_>, limit: usize) -> Result<Vec<Pair>, Fault>;
    /// So many pairs of a range, the last one first.
    fn last(&self, space: Space, keys: Keys<'_>, limit: usize) -> Result<Vec<Pair>, Fault>;
    /// Takes in many changes whose keys are in order.
    fn ingest(&self, space: Space, changes: Vec<Change>) -> Result<(), Fault>;
    /// Puts one pair in.
    fn put(&self, space: Space, key: &[u8], value: &[u8]) -> Result<(), Fault>;
    /// Makes everything durable that was taken in so far.
    fn persist(&self) -> Result<(), Fault>;
    /// Whether nothing more can be written until it is opened again, because work behind it failed.
    fn gave_up(&self) -> bool;
    /// Closes and opens it, as a new process would.
    fn open_again(&self) -> Result<(), Fault>;
}
