//! The path of one command, stage by stage, each in its own file:
//!
//! `receive` → `load` → `handle` → `apply` → `commit` → `publish`
//!
//! This file says which stage an instance is in next. Invariant: an instance that is not in flight and has
//! something to do is in exactly one place: a load, a function's queue, the delayed set, or waiting for a
//! function or a person.

mod apply;
mod commit;
mod handle;
mod load;
mod publish;
mod receive;

use std::sync::Arc;

use bytes::Bytes;
use evento_model::{CommandId, Digest, FullName, OnPark, Revision, SchemaId, planted};
use evento_schema::catalog::EntityType;

use crate::engine::Engine;
use crate::instance::{InstanceNo, Phase};
use crate::line::LineNo;

/// A request to a function, on its way.
pub(crate) struct Call {
    pub(crate) line: LineNo,
    /// The catalogue's view when it was sent: answers are judged by what was asked.
    pub(crate) entity: Arc<EntityType>,
    pub(crate) revision: Revision,
    /// The instances, in the order of the works, each with the number of its steps.
    pub(crate) works: Vec<(InstanceNo, usize)>,
    pub(crate) suspect: bool,
}

/// A look-up, on its way.
pub(crate) struct Loading {
    pub(crate) instance: InstanceNo,
    pub(crate) command: Option<CommandId>,
}

/// What a function decided for one command, checked.
#[derive(Clone, Debug)]
pub(crate) struct Decided {
    pub(crate) events: Vec<DecidedEvent>,
    pub(crate) revision: Revision,
}

/// One event, checked and in the bytes it will be logged in.
#[derive(Clone, Debug)]
pub(crate) struct DecidedEvent {
    pub(crate) type_name: FullName,
    pub(crate) registered: SchemaId,
    pub(crate) payload: Bytes,
    pub(crate) rejection: bool,
}

/// A decision whose events were all applied: ready to be committed.
pub(crate) struct Evolved {
    pub(crate) decided: Decided,
    /// The state after each event, with its digest.
    pub(crate) states: Vec<(Option<Bytes>, Digest)>,
    /// Who applied; `None` when no event had to be.
    pub(crate) applied_by: Option<(Revision, SchemaId)>,
}

impl Engine {
    /// Brings an instance that is not in flight to its next stage.
    pub(crate) fn advance(&mut self, no: InstanceNo) {
        loop {
            let instance = self.table.get(no);
            let Some(busy) = instance.busy.as_deref() else { return };
            if matches!(busy.phase, Phase::InFlight | Phase::Ready(_) | Phase::Delayed(_)) {
                return;
            }
            if !busy.abandoning.is_empty() {
                if !instance.loaded {
                    return self.load(no);
                }
                self.abandon_next(no);
                continue;
            }
            let entity = self.catalog.entity(instance.key.entity).cloned();
            let blocking = entity.as_ref().is_some_and(|entity| entity.on_park == OnPark::Block);
            let phase = match (busy.mailbox.front(), &entity) {
                _ if blocking && !busy.parked.is_empty() && !(planted!(24) && self.epoch > 1) => Phase::Blocked,
                (None, _) => Phase::Idle,
                (Some(head), _) if head.checking => Phase::Loading,
                (Some(_), None) => Phase::Unserved,
                (Some(_), Some(_)) if !instance.loaded => return self.load(no),
                (Some(head), Some(entity)) => {
                    if head.record.if_seq.is_some_and(|seq| seq != instance.current.seq) && busy.decided.is_none() {
                        self.precondition_lost(no);
                        continue;
                    }
                    match self.server_of(entity, &head.record.type_name, busy.decided.is_some()) {
                        Some(line) => Phase::Ready(line),
                        None => Phase::Unserved,
                    }
                }
            };
            if let Phase::Ready(line) = phase {
                self.line(line).ready.push_back(no);
            }
            let Some(busy) = self.table.get_mut(no).busy.as_deref_mut() else { return };
            busy.phase = phase;
            if busy.is_over() {
                self.table.rest(no, self.config.cache_bytes_max);
            }
            return;
        }
    }

    /// Which function has the next step of a command: its handler, or the applier once it is decided.
    pub(crate) fn server_of(&self, entity: &EntityType, command: &FullName, decided: bool) -> Option<LineNo> {
        let applier = entity.applier.as_ref()?;
        let serving = match decided {
            true => &applier.function,
            false => &entity.command(command)?.handler.as_ref()?.function,
        };
        let found =
            self.lines.iter().position(|l| l.serving.name == serving.name && l.serving.revision == serving.revision);
        found.map(|n| LineNo(n as u32))
    }
}
