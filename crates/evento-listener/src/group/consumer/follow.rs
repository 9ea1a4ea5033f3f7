//! Following: how a member comes from what it has to its target. First it gives up, then it is given.

use std::time::Duration;

use super::Consumer;
use crate::group::Name;
use crate::group::assignor::Parts;

impl Consumer {
    /// One step of a member at its heartbeat. What it has to read now, if that has changed.
    ///
    /// `owned` is what the member says that it has; `None`: what it said before. It does not go on to the group's
    /// epoch before it has said that it gave up what it was told to.
    pub(super) fn follow(&mut self, now: Duration, id: &Name, owned: Option<&Parts>) -> Option<Parts> {
        let member = self.members.get_mut(id)?;
        let before = member.assigned.clone();
        let still_has = |parts: &Parts| owned.is_none_or(|owned| !owned.is_disjoint(parts));
        if !member.revoking.is_empty() {
            if still_has(&member.revoking) {
                return None;
            }
            member.revoke_by = None;
            let given_up = std::mem::take(&mut member.revoking);
            self.release(&given_up);
        }
        let member = self.members.get_mut(id)?;
        let beyond: Parts = member.assigned.difference(&member.target).copied().collect();
        member.assigned.retain(|place| member.target.contains(place));
        if !beyond.is_empty() && still_has(&beyond) {
            member.revoking = beyond;
            member.revoke_by = Some(now + member.rebalance);
        } else {
            self.release(&beyond);
            self.advance(id);
        }
        let assigned = &self.members.get(id)?.assigned;
        (*assigned != before).then(|| assigned.clone())
    }

    /// The member is in the group's epoch, and has of its target what nobody else has.
    fn advance(&mut self, id: &Name) {
        let Some(member) = self.members.get_mut(id) else { return };
        if member.epoch != self.epoch {
            (member.previous, member.epoch) = (member.epoch, self.epoch);
        }
        for place in &member.target {
            let owner = self.owners.entry(*place).or_insert_with(|| id.clone());
            if owner == id {
                member.assigned.insert(*place);
            }
        }
    }

    /// These have no owner any more.
    pub(super) fn release(&mut self, given_up: &Parts) {
        given_up.iter().for_each(|place| drop(self.owners.remove(place)));
    }
}
