//! What a client is asked to do: the rows of the table, each with the scenario that proves it.

mod groups;
mod produce;
mod read;
mod transactions;

pub use produce::schemas;
pub use read::places;

use crate::row::Row;

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    Consume,
    Avro,
    CloudEvents,
    SeekByTime,
    CommitAndResume,
    EagerGroup,
    CooperativeGroup,
    NewGroup,
    StaticMember,
    Produce,
    Idempotent,
    Serializers,
    Refusals,
    Transactions,
    Fencing,
    OffsetsInTransaction,
    Metadata,
    Admin,
}

/// All of them, in the order of the table's rows.
pub const FEATURES: &[Feature] = &[
    Feature::Consume,
    Feature::Avro,
    Feature::CloudEvents,
    Feature::SeekByTime,
    Feature::CommitAndResume,
    Feature::EagerGroup,
    Feature::CooperativeGroup,
    Feature::NewGroup,
    Feature::StaticMember,
    Feature::Produce,
    Feature::Idempotent,
    Feature::Serializers,
    Feature::Refusals,
    Feature::Transactions,
    Feature::Fencing,
    Feature::OffsetsInTransaction,
    Feature::Metadata,
    Feature::Admin,
];

impl Feature {
    /// Its words in the table.
    pub fn title(self) -> &'static str {
        match self {
            Feature::Consume => "reads all events in order, with their headers",
            Feature::Avro => "decodes the values with the schema registry",
            Feature::CloudEvents => "a CloudEvents SDK reads the records",
            Feature::SeekByTime => "starts at a point in time",
            Feature::CommitAndResume => "commits offsets and goes on after them",
            Feature::EagerGroup => "group: members join, leave, are killed",
            Feature::CooperativeGroup => "the same, cooperative",
            Feature::NewGroup => "the same, new protocol (KIP-848)",
            Feature::StaticMember => "a static member comes back without a rebalance",
            Feature::Produce => "sends commands",
            Feature::Idempotent => "sends commands idempotently",
            Feature::Serializers => "its serializer finds schemas in all its ways",
            Feature::Refusals => "is told why a record is refused",
            Feature::Transactions => "transactions: committed seen, aborted never",
            Feature::Fencing => "a zombie's transaction is fenced",
            Feature::OffsetsInTransaction => "commits offsets in a transaction",
            Feature::Metadata => "lists brokers and topics",
            Feature::Admin => "describes settings and groups; cannot make topics",
        }
    }

    /// Proves it with a client; panics if it is not so.
    pub fn prove(self, row: &Row) {
        match self {
            Feature::Consume => read::consume(row),
            Feature::Avro => read::avro(row),
            Feature::CloudEvents => read::cloudevents(row),
            Feature::SeekByTime => read::seek_by_time(row),
            Feature::CommitAndResume => read::commit_and_resume(row),
            Feature::EagerGroup => groups::rebalancing(row, "classic", "eager"),
            Feature::CooperativeGroup => groups::rebalancing(row, "classic", "cooperative"),
            Feature::NewGroup => groups::rebalancing(row, "consumer", "eager"),
            Feature::StaticMember => groups::static_member(row),
            Feature::Produce => produce::produce(row),
            Feature::Idempotent => produce::idempotent(row),
            Feature::Serializers => produce::serializers(row),
            Feature::Refusals => produce::refusals(row),
            Feature::Transactions => transactions::commit_and_abort(row),
            Feature::Fencing => transactions::fencing(row),
            Feature::OffsetsInTransaction => transactions::offsets(row),
            Feature::Metadata => groups::metadata(row),
            Feature::Admin => groups::admin(row),
        }
    }
}
