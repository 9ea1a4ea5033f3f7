//! Stage 6: a unit is durable. Readers see it already; here its instance learns of it.

use evento_log::unit::Committed;

use crate::engine::Engine;
use crate::instance::{Deferred, Stored};
use crate::{UnitNo, WaiterId};

impl Engine {
    pub(crate) fn committed(&mut self, unit: UnitNo, _committed: Committed) {
        let Some(no) = self.units.remove(&unit) else { return };
        let instance = self.table.get_mut(no);
        let entity = instance.key.entity;
        let busy = instance.busy();
        for pending in busy.mailbox.iter_mut().chain(&mut busy.parked) {
            if pending.stored == Stored::Writing(unit) {
                pending.stored = Stored::Yes;
            }
        }
        busy.finishing.retain(|(other, _)| *other != unit);
        if busy.unit_last == Some(unit) {
            busy.unit_last = None;
        }
        if !busy.deferred.is_empty() {
            let (now, later): (Vec<(UnitNo, WaiterId, Deferred)>, Vec<_>) =
                std::mem::take(&mut busy.deferred).into_iter().partition(|(other, _, _)| *other <= unit);
            busy.deferred = later;
            for (_, waiter, deferred) in now {
                match deferred {
                    Deferred::Send(command, want) => self.receive(waiter, entity, command, want),
                    Deferred::Answer(answer) => self.answer(waiter, answer),
                }
            }
        }
        self.advance(no);
    }
}
