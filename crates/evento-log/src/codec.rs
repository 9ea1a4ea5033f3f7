//! The record format: Kafka record batches v2 with CloudEvents headers, as any Kafka client reads them.
//!
//! Key: instance id. Value: `00`, schema id, Avro. Headers: interfaces 5.4. Record timestamp: commit time.
//! Source: Kafka protocol guide, "Record Batch" (magic 2); Confluent wire format; CloudEvents Kafka binding.
//! Above this module there is one shape of command and event; old shapes would be lifted here.

mod batch;
mod brief;
mod headers;
mod produced;
mod record;
mod state;

pub use batch::{BATCH_OVERHEAD, BatchError, BatchHeader, Record, records, records_within};
pub(crate) use batch::{BatchBuilder, first_key};
pub use brief::{EventBrief, briefs_from};
pub(crate) use headers::Names;
pub use produced::{Compression, ProducedBatch, plain_batch};
pub use record::{command_of, event_of};
pub use state::StateBatch;
