//! One function as the engine sees it: who waits for it, how much may be in flight, whether it is down.
//!
//! Batching has no linger: a free place takes at once whatever is queued. The breaker (function-protocol
//! 10.2) makes an outage of the whole function cost no command an attempt.

pub(crate) mod breaker;
pub(crate) mod budget;
pub(crate) mod pace;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use evento_model::Timestamp;
use evento_schema::catalog::Serving;

use crate::instance::InstanceNo;
use breaker::Breaker;
use budget::Budget;
use pace::Pace;

/// Place of a function in the engine's table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct LineNo(pub(crate) u32);

/// A function: its queue and its health.
pub(crate) struct Line {
    pub(crate) serving: Arc<Serving>,
    /// Instances whose next work may be sent, oldest first. Bound: instances with unfinished commands.
    pub(crate) ready: VecDeque<InstanceNo>,
    /// Halves of requests that failed as a whole, to be repeated apart. Bound: works that were in flight.
    pub(crate) halves: VecDeque<Vec<InstanceNo>>,
    /// Instances whose head has its next attempt later. Bound: instances with unfinished commands.
    pub(crate) delayed: BTreeSet<InstanceNo>,
    /// Instances whose head took the function down three times: sent alone. Bound: as for `ready`.
    pub(crate) suspects: VecDeque<InstanceNo>,
    /// Whether the last request was a suspect's, so that others come first now.
    pub(crate) suspect_last: bool,
    pub(crate) in_flight: usize,
    /// A suspect is in flight: nothing else is sent, so that it can take no other command along.
    pub(crate) suspect_in_flight: bool,
    pub(crate) pace: Pace,
    pub(crate) breaker: Breaker,
    pub(crate) budget: Budget,
    /// Valid answers ever given: the evidence that the function is alive.
    pub(crate) answers: u64,
    /// Outages ever declared.
    pub(crate) outages: u64,
}

impl Line {
    pub(crate) fn new(serving: Arc<Serving>, now: Timestamp) -> Line {
        Line {
            pace: Pace::new(serving.concurrency as usize, serving.works_max as usize),
            serving,
            ready: VecDeque::new(),
            halves: VecDeque::new(),
            delayed: BTreeSet::new(),
            suspects: VecDeque::new(),
            suspect_last: false,
            in_flight: 0,
            suspect_in_flight: false,
            breaker: Breaker::new(),
            budget: Budget::new(now),
            answers: 0,
            outages: 0,
        }
    }

    /// Another revision, or other limits, serve from now on. Says whether it is another revision.
    pub(crate) fn serve(&mut self, serving: Arc<Serving>, now: Timestamp) -> bool {
        let other = self.serving.revision != serving.revision;
        if other {
            let (answers, outages, in_flight) = (self.answers, self.outages, self.in_flight);
            *self = Line { answers, outages, in_flight, ..Line::new(serving, now) };
        } else {
            self.pace.resize(serving.concurrency as usize, serving.works_max as usize);
            self.serving = serving;
        }
        other
    }

    /// Forgets who waits; they are queued anew.
    pub(crate) fn clear(&mut self) {
        self.ready.clear();
        self.halves.clear();
        self.suspects.clear();
        self.delayed.clear();
    }

    /// Whether a request may be sent now.
    pub(crate) fn may_send(&self, now: Timestamp) -> bool {
        !self.suspect_in_flight && self.pace.may_send(now, self.in_flight) && self.breaker.may_send(now, self.in_flight)
    }

    /// When sending may go on by the mere passing of time.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        if self.ready.is_empty() && self.halves.is_empty() && self.suspects.is_empty() {
            return None;
        }
        match (self.breaker.probe_at(), self.pace.resume_at) {
            (Some(probe), Some(resume)) => Some(probe.max(resume)),
            (probe, resume) => probe.or(resume),
        }
    }
}
