//! Consumer groups: who reads which partitions, and how far they have come.
//!
//! Two protocols: the classic one (`classic`: the clients assign, the coordinator keeps the rounds) and KIP-848
//! (`consumer`: the coordinator assigns). Both are state machines without I/O: time is handed in, requests and due
//! timers go in, answers come out (`groups`). `driver` wakes them and hands the answers to those who wait.
//! Members live in memory: after a restart they are unknown and join again. Committed offsets are facts of the
//! log (`offsets`): they survive a kill, and they never expire.

mod assignor;
mod classic;
mod consumer;
mod driver;
mod groups;
mod kind;
mod offsets;
mod overview;
mod topics;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::error::ResponseError;

pub(crate) use assignor::Parts;
pub(crate) use classic::{Join, Sync};
pub(crate) use consumer::{Beat, Beaten, ConsumerView, No};
pub(crate) use driver::Coordinator;
pub(crate) use kind::{Group, Kind};
pub(crate) use offsets::{Checked, Committed, Committer, Position, Usage};
pub use overview::{GroupDetail, GroupMember, GroupOffset, GroupOverview};
pub(crate) use topics::Topics;

/// A group, a member, an instance, a protocol, a topic: a name that is kept, never a slice of a request's bytes.
pub(crate) type Name = Arc<str>;
/// Number of a request that waits for its answer.
pub(crate) type Ticket = u64;
/// Answers that have become true, for those who wait.
pub(crate) type Answers = Vec<(Ticket, Answer)>;
/// What it says when it is not granted.
pub(crate) type Granted<T> = Result<T, ResponseError>;

/// What the coordinator allows and how long it waits. Times that it is handed count from its own start.
#[derive(Clone, Debug)]
pub struct GroupLimits {
    /// Groups at once, also those that have only committed offsets.
    pub groups_max: usize,
    /// Members of a group, also those that have an id and have not joined yet.
    pub members_max: usize,
    /// Bytes that the members of one group say of themselves (protocols, subscriptions, assignments).
    pub group_bytes_max: usize,
    /// The same of all groups.
    pub all_bytes_max: usize,
    /// Committed offsets of one group.
    pub offsets_of_group_max: usize,
    /// Committed offsets of all groups.
    pub offsets_max: usize,
    /// Bytes of the text that a client may put beside an offset.
    pub offset_text_max: usize,
    /// How long an empty classic group waits for more members before its first assignment.
    pub first_delay: Duration,
    /// Session timeouts that classic members may ask for.
    pub session_min: Duration,
    /// See `session_min`.
    pub session_max: Duration,
    /// Session timeout of KIP-848 members.
    pub session: Duration,
    /// Time between two heartbeats of a KIP-848 member.
    pub heartbeat: Duration,
    /// The same while partitions move, so that they move soon.
    pub heartbeat_moving: Duration,
}

impl Default for GroupLimits {
    fn default() -> GroupLimits {
        GroupLimits {
            groups_max: 10_000,
            members_max: 1_000,
            group_bytes_max: 16 << 20,
            all_bytes_max: 128 << 20,
            offsets_of_group_max: 10_000,
            offsets_max: 250_000,
            offset_text_max: 4096,
            first_delay: Duration::from_millis(250),
            session_min: Duration::from_millis(100),
            session_max: Duration::from_secs(1800),
            session: Duration::from_secs(45),
            heartbeat: Duration::from_secs(5),
            heartbeat_moving: Duration::from_millis(500),
        }
    }
}

/// Where a member's requests come from, as its descriptions show it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Origin {
    pub(crate) client: Name,
    pub(crate) host: Name,
}

/// An answer that had to wait.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    Joined(Result<Joined, Refused>),
    Synced(Granted<Synced>),
}

/// A member is in a generation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Joined {
    pub(crate) member: Name,
    pub(crate) generation: i32,
    pub(crate) protocol_type: Name,
    pub(crate) protocol: Name,
    pub(crate) leader: Name,
    /// All members, for the leader; empty for the others.
    pub(crate) members: Vec<JoinedMember>,
}

/// What the leader is told of a member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct JoinedMember {
    pub(crate) id: Name,
    pub(crate) instance: Option<Name>,
    /// What the member said of itself for the chosen protocol.
    pub(crate) metadata: Bytes,
}

/// A join that is not granted; with the id to come again with, when that is what is missing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Refused {
    pub(crate) error: ResponseError,
    pub(crate) member: Name,
}

/// What a member has to read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Synced {
    pub(crate) protocol_type: Name,
    pub(crate) protocol: Name,
    pub(crate) assignment: Bytes,
}
