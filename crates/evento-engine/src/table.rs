//! The engine's table of instances: found by key or by place, and evicted when idle ones grow too many.

use std::collections::VecDeque;

use evento_model::EntityKey;
use rustc_hash::FxHashMap;

use crate::instance::{Busy, Instance, InstanceNo};

/// All instances in memory. Bound: idle ones by bytes, busy ones by the unfinished commands.
#[derive(Default)]
pub(crate) struct Table {
    slots: Vec<Option<Instance>>,
    free: Vec<InstanceNo>,
    by_key: FxHashMap<EntityKey, InstanceNo>,
    /// Idle instances, the longest idle first; entries with an old stamp mean nothing.
    idle: VecDeque<(InstanceNo, u32)>,
    idle_bytes: usize,
}

impl Table {
    /// The instance with this key, made if it is not in memory.
    pub(crate) fn find_or_insert(&mut self, key: &EntityKey, partition: impl FnOnce() -> u32) -> InstanceNo {
        if let Some(no) = self.by_key.get(key) {
            return *no;
        }
        let instance = Instance::new(key.clone(), partition());
        let no = match self.free.pop() {
            Some(no) => {
                self.slots[no.0 as usize] = Some(instance);
                no
            }
            None => {
                self.slots.push(Some(instance));
                InstanceNo(self.slots.len() as u32 - 1)
            }
        };
        self.by_key.insert(key.clone(), no);
        no
    }

    /// The place of a key that is in memory.
    pub(crate) fn find(&self, key: &EntityKey) -> Option<InstanceNo> {
        self.by_key.get(key).copied()
    }

    pub(crate) fn get(&self, no: InstanceNo) -> &Instance {
        self.slots[no.0 as usize].as_ref().expect("an instance on its way stays in the table")
    }

    pub(crate) fn get_mut(&mut self, no: InstanceNo) -> &mut Instance {
        self.slots[no.0 as usize].as_mut().expect("an instance on its way stays in the table")
    }

    /// What is on its way for an instance that may have come to rest, or gone, in the meantime.
    pub(crate) fn busy(&mut self, no: InstanceNo) -> Option<&mut Busy> {
        self.slots.get_mut(no.0 as usize)?.as_mut()?.busy.as_deref_mut()
    }

    /// Everything in memory, by place.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (InstanceNo, &Instance)> {
        self.slots.iter().enumerate().filter_map(|(n, slot)| slot.as_ref().map(|i| (InstanceNo(n as u32), i)))
    }

    /// The instance takes up something: it is no longer idle.
    pub(crate) fn wake(&mut self, no: InstanceNo) -> &mut Instance {
        let instance = self.slots[no.0 as usize].as_mut().expect("an instance that was just found");
        if instance.busy.is_none() && instance.idle_stamp % 2 == 1 {
            self.idle_bytes -= instance.cache_bytes();
            instance.idle_stamp = instance.idle_stamp.wrapping_add(1);
        }
        instance.busy();
        instance
    }

    /// Nothing is on its way any more: the instance becomes a cache entry, and older ones may have to go.
    pub(crate) fn rest(&mut self, no: InstanceNo, cache_bytes_max: usize) {
        let instance = self.get_mut(no);
        instance.busy = None;
        // Odd stamps are idle, so that an instance is counted once.
        instance.idle_stamp = instance.idle_stamp.wrapping_add(1) | 1;
        let (stamp, bytes) = (instance.idle_stamp, instance.cache_bytes());
        self.idle_bytes += bytes;
        self.idle.push_back((no, stamp));
        let crowded =
            |table: &Table| table.idle_bytes > cache_bytes_max || table.idle.len() > 2 * table.by_key.len() + 1_024;
        while crowded(self) {
            let Some((oldest, stamp)) = self.idle.pop_front() else { break };
            let meant =
                self.slots[oldest.0 as usize].as_ref().is_some_and(|i| i.idle_stamp == stamp && i.busy.is_none());
            if meant && self.idle_bytes > cache_bytes_max {
                self.remove(oldest);
            } else if meant {
                self.idle.push_back((oldest, stamp));
            }
        }
    }

    /// Forgets idle instances that fit, so that they are looked up anew.
    pub(crate) fn forget_idle(&mut self, fits: impl Fn(&Instance) -> bool) {
        let gone: Vec<InstanceNo> =
            self.iter().filter(|(_, i)| i.busy.is_none() && fits(i)).map(|(no, _)| no).collect();
        gone.into_iter().for_each(|no| self.remove(no));
    }

    fn remove(&mut self, no: InstanceNo) {
        if let Some(instance) = self.slots[no.0 as usize].take() {
            if instance.idle_stamp % 2 == 1 {
                self.idle_bytes -= instance.cache_bytes();
            }
            self.by_key.remove(&instance.key);
            self.free.push(no);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Table;
    use evento_model::{EntityId, EntityKey, EntityTypeId};

    #[test]
    fn the_longest_idle_instances_go_first_and_busy_ones_stay() {
        let mut table = Table::default();
        let key = |n: usize| EntityKey { entity: EntityTypeId(1), id: EntityId::new(&format!("i{n}")).expect("valid") };
        let busy = table.find_or_insert(&key(0), || 0);
        table.wake(busy);
        let one = table.get(busy).cache_bytes();
        for n in 1..=100 {
            let no = table.find_or_insert(&key(n), || 0);
            table.wake(no);
            table.rest(no, 10 * one + 40);
        }
        let kept: Vec<bool> = (0..=100).map(|n| table.find(&key(n)).is_some()).collect();
        assert!(kept[0] && kept[100] && kept[95] && !kept[1] && !kept[80]);
        let again = table.find(&key(100)).expect("in memory");
        for _ in 0..10_000 {
            table.wake(again);
            table.rest(again, 10 * one + 40);
        }
        assert!(table.idle.len() < 2_000 && table.find(&key(95)).is_some());
    }
}
