//! Transcoding: from the bytes of one schema to the bytes of another, compiled once for each pair.
//!
//! Resolution follows the Avro specification, with these choices where libraries differ: records match by full name
//! or alias, never by short name; union branches match by full name first, then by alias, and only then by shape;
//! field aliases work; every branch and symbol the writer may use must have a place in the reader. Logical types
//! are part of the contract: a changed scale, a smaller precision or another unit is incompatible.

mod compile;
mod run;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::error::{DecodeError, Violation};
use super::node::NodeId;
use super::schema::Schema;

/// How to turn a datum of a writer schema into one of a reader schema. A clone is a pointer.
#[derive(Clone)]
pub struct Plan(Arc<Inner>);

struct Inner {
    writer: Schema,
    reader: Schema,
    steps: Vec<Step>,
    root: StepId,
    identity: bool,
    warnings: Vec<Violation>,
}

type StepId = u32;

/// What to do with one type of the writer to get one type of the reader.
enum Step {
    /// The bytes mean the same in both: copied after a check against this node of the reader.
    Copy(NodeId),
    IntToFloat,
    IntToDouble,
    LongToFloat,
    LongToDouble,
    FloatToDouble,
    /// For each symbol of the writer the reader's.
    Enum(Box<[u32]>),
    /// Items of an array, and their node in the writer.
    Array(StepId, NodeId),
    /// Values of a map, and their node in the writer.
    Map(StepId, NodeId),
    /// A step for each branch of the writer.
    FromUnion(Box<[StepId]>),
    /// A branch of the reader and how to get there.
    ToBranch(u32, StepId),
    /// Fields whose order is the same on both sides.
    Record(Box<[Move]>),
    /// Fields whose order differs: for each field of the writer its node, for each of the reader where it is from.
    Reorder(Box<[NodeId]>, Box<[Move]>),
}

/// One move in a record.
enum Move {
    /// A field of the writer that the reader does not have.
    Skip(NodeId),
    /// A field that both have: its number in the writer and what to do with it.
    Field(usize, StepId, Box<str>),
    /// A field that only the reader has: canonical bytes of its default.
    Default(Box<[u8]>),
}

impl Plan {
    /// Compiles the plan from a writer to a reader.
    ///
    /// # Errors
    ///
    /// Every place where the reader cannot read what the writer may write, in the order of the reader's fields, as
    /// `bank.Account.balance: long -> int`.
    pub fn compile(writer: &Schema, reader: &Schema) -> Result<Plan, Vec<Violation>> {
        compile::compile(writer, reader).map(|inner| Plan(Arc::new(inner)))
    }

    /// Whether bytes pass untouched: layouts are equal, and so is the logical type at every position.
    pub fn is_identity(&self) -> bool {
        self.0.identity
    }

    /// What is allowed but deserves a look: logical types added or removed.
    pub fn warnings(&self) -> &[Violation] {
        &self.0.warnings
    }

    /// Turns a datum of the writer into canonical bytes of the reader.
    ///
    /// An identity plan answers the datum as it is, unread. The result is at most
    /// [`OUTPUT_BYTES_MAX`](super::OUTPUT_BYTES_MAX) bytes (and one value).
    ///
    /// # Errors
    ///
    /// The bytes are not a datum of the writer, or a value is outside what a logical type of the reader allows.
    pub fn run<'a>(&self, datum: &'a [u8]) -> Result<Cow<'a, [u8]>, DecodeError> {
        if self.0.identity { Ok(Cow::Borrowed(datum)) } else { run::run(&self.0, datum) }
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("writer", &self.0.writer).field("reader", &self.0.reader).finish_non_exhaustive()
    }
}
