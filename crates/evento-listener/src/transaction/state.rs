//! One transactional id: who its producer is, and how its transaction stands.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use evento_model::Timestamp;
use kafka_protocol::error::ResponseError;

use super::record::{Identity, Staged, Standing};
use crate::producer::Place;

/// A transactional id without a transaction for a week is forgotten (Kafka's `transactional.id.expiration.ms`).
pub(super) const FORGOTTEN_AFTER_MS: u64 = 7 * 86_400_000;

/// What is known of a transactional id.
pub(super) struct Entry {
    pub(super) identity: Identity,
    pub(super) state: State,
    /// What is being written and holds as soon as it is durable. Nothing else may happen meanwhile.
    pub(super) next: Option<Next>,
    /// The fact with the commands of its last transaction is not needed any more, and still there.
    pub(super) untidy: bool,
    /// When a transaction last began or ended.
    pub(super) used: Timestamp,
    /// When the timer looks at it.
    pub(super) due: Option<Timestamp>,
}

/// How a transaction stands.
pub(super) enum State {
    /// There was none since the epoch began.
    Empty,
    Ongoing(Box<Running>),
    /// The server was started again within the transaction: what it held is gone, and it can only be aborted.
    Lost,
    /// It is decided, and its commands are being sent.
    Committing,
    Committed,
    Aborted,
}

/// A transaction that is going on.
pub(super) struct Running {
    pub(super) since: Timestamp,
    /// The newest connection over which something was added.
    pub(super) connection: u64,
    /// The partitions it writes to. Bound: those that there are.
    pub(super) places: BTreeSet<Place>,
    /// The groups whose offsets it commits. Bound: [`GROUPS_MAX`].
    pub(super) groups: BTreeSet<Arc<str>>,
    /// Bound: the limits of the coordinator.
    pub(super) staged: Vec<Staged>,
    /// Facts of the offsets it commits, by key. Bound: as `staged`.
    pub(super) offsets: BTreeMap<Bytes, Option<Bytes>>,
    /// Bytes of payload in `staged`.
    pub(super) payload: usize,
    /// Bytes of `staged` and `offsets` as they are held and written.
    pub(super) bytes: usize,
}

/// Bytes of one transaction as it is written: below what one frame of the log may hold.
const BYTES_MAX: usize = 40 << 20;
/// Groups of one transaction.
pub(super) const GROUPS_MAX: usize = 100;

/// What an id becomes.
pub(super) struct Next {
    pub(super) identity: Identity,
    pub(super) step: Step,
}

/// How it gets there.
pub(super) enum Step {
    /// A transaction begins.
    Begin(Box<Running>),
    /// A new epoch begins; what was going on is aborted.
    Renew,
    Commit,
    Abort,
    /// The id is forgotten.
    Forget,
}

impl Step {
    /// What is durable then.
    pub(super) fn standing(&self) -> Standing {
        match self {
            Step::Begin(_) => Standing::Ongoing,
            Step::Renew | Step::Forget => Standing::Empty,
            Step::Commit => Standing::Committed,
            Step::Abort => Standing::Aborted,
        }
    }

    /// The state that it leads to, for a transaction without commands.
    pub(super) fn state(self) -> State {
        match self {
            Step::Begin(running) => State::Ongoing(running),
            Step::Renew | Step::Forget => State::Empty,
            Step::Commit => State::Committed,
            Step::Abort => State::Aborted,
        }
    }
}

impl Entry {
    /// An id that is not durable yet.
    pub(super) fn unborn(now: Timestamp) -> Entry {
        let identity = Identity { producer: -1, epoch: -1, previous: None, timeout_ms: 0 };
        Entry { identity, state: State::Empty, next: None, untidy: false, used: now, due: None }
    }

    /// An id as it was found at start.
    pub(super) fn found(identity: Identity, standing: Standing, used: Timestamp, committing: bool) -> Entry {
        let state = match standing {
            _ if committing => State::Committing,
            Standing::Empty => State::Empty,
            Standing::Ongoing => State::Lost,
            Standing::Committed => State::Committed,
            Standing::Aborted => State::Aborted,
        };
        Entry { identity, state, next: None, untidy: false, used, due: None }
    }

    /// Whether something is being written, or a decided transaction is not complete.
    pub(super) fn is_busy(&self) -> bool {
        self.next.is_some() || matches!(self.state, State::Committing)
    }

    /// When the timer is to look.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        match &self.state {
            _ if self.is_busy() => None,
            State::Ongoing(running) => Some(running.since.plus_ms(u64::from(self.identity.timeout_ms))),
            _ => Some(self.used.plus_ms(FORGOTTEN_AFTER_MS)),
        }
    }

    /// Who the producer becomes when it begins anew. `claimed` is who it says it is (KIP-360), `fresh` a producer
    /// id that may be used; `None` when one is needed and there is none.
    pub(super) fn begun(
        &self,
        claimed: Option<(i64, i16)>,
        fresh: Option<i64>,
    ) -> Result<Option<Identity>, ResponseError> {
        let Identity { producer, epoch, previous, .. } = self.identity;
        let unborn = epoch < 0;
        if !unborn && claimed.is_some_and(|claimed| claimed != (producer, epoch)) {
            // Its answer was lost: it is given the same again.
            if claimed != previous || !matches!(self.state, State::Empty | State::Aborted) {
                return Err(ResponseError::ProducerFenced);
            }
            if epoch < i16::MAX {
                return Ok(Some(self.identity));
            }
        }
        let previous = claimed.filter(|_| !unborn);
        // The last epoch is kept for fencing one that takes too long.
        if unborn || epoch >= i16::MAX - 1 {
            return Ok(fresh.map(|producer| Identity { producer, epoch: 0, previous, ..self.identity }));
        }
        Ok(Some(Identity { epoch: epoch + 1, previous, ..self.identity }))
    }

    /// The transaction that is going on.
    pub(super) fn running(&mut self) -> Result<&mut Running, ResponseError> {
        if self.is_busy() {
            return Err(ResponseError::ConcurrentTransactions);
        }
        match &mut self.state {
            State::Ongoing(running) => Ok(running),
            State::Lost => Err(ResponseError::UnknownProducerId),
            _ => Err(ResponseError::InvalidTxnState),
        }
    }

    /// The word for its state in answers, as Kafka's coordinator has it.
    pub(super) fn word(&self) -> &'static str {
        match (&self.state, self.next.as_ref().map(|next| &next.step)) {
            (_, Some(Step::Commit)) | (State::Committing, _) => "PrepareCommit",
            (_, Some(Step::Abort)) => "PrepareAbort",
            (State::Empty, _) => "Empty",
            (State::Ongoing(_) | State::Lost, _) => "Ongoing",
            (State::Committed, _) => "CompleteCommit",
            (State::Aborted, _) => "CompleteAbort",
        }
    }
}

impl Running {
    pub(super) fn new(since: Timestamp, connection: u64) -> Running {
        Running {
            since,
            connection,
            places: BTreeSet::new(),
            groups: BTreeSet::new(),
            staged: Vec::new(),
            offsets: BTreeMap::new(),
            payload: 0,
            bytes: 0,
        }
    }

    /// Takes so many bytes more, if there is room: for this transaction, and `room` for all.
    pub(super) fn grow(&mut self, bytes: usize, room: usize) -> Result<(), ResponseError> {
        if self.bytes + bytes > BYTES_MAX || bytes > room {
            return Err(ResponseError::PolicyViolation);
        }
        self.bytes += bytes;
        Ok(())
    }
}
