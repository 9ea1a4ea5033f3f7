//! Operators: they retry, park and abandon what is unfinished, sometimes both at once.

use evento_check::What;
use evento_log::intake::{Answer, Ask, CommandRef, ListFilter, Status};

use super::clients::k;
use super::plan::Trouble;
use super::world::{Asker, Event, World};

impl World {
    /// An operator's turn.
    pub(crate) fn people(&mut self) {
        if self.calm || !self.plan.has(Trouble::People) {
            return;
        }
        if !self.sent.is_empty() {
            let parked: Vec<usize> = (0..self.sent.len()).filter(|n| self.sent[*n].parked).collect();
            let command = match self.luck.below(3) {
                0 => self.luck.below(self.sent.len() as u64) as usize,
                _ if !parked.is_empty() => self.luck.pick(&parked),
                _ => self.sent.len() - 1,
            };
            self.blocked.remove(&self.sent[command].key);
            let both = self.luck.one_in(4);
            for _ in 0..=usize::from(both) {
                self.one_wish(command);
            }
        }
        let wait = 300 + self.luck.wait(20_000);
        let wait = self.patient(wait);
        self.at(wait, Event::People);
    }

    fn one_wish(&mut self, command: usize) {
        let of = CommandRef { key: self.sent[command].key.clone(), command_id: self.sent[command].id.clone() };
        let ask = match self.luck.below(6) {
            0 | 1 => Ask::Retry(of),
            2 | 3 => Ask::Abandon { command: of, by: "ada".into(), reason: "simulated".into() },
            // Who parks in an outage is not the function; the judge cannot tell.
            4 if self.outage.is_none() => {
                self.last_park = self.now;
                Ask::Park(of)
            }
            _ => Ask::Persist(of),
        };
        self.sent[command].retried |= self.sent[command].parked && matches!(ask, Ask::Retry(_));
        self.record.note(self.now, 5, || format!("person: {ask:?}"));
        self.ask(Asker::Person(command), ask);
    }

    /// What an operator is told of an end is told for ever: he counts as a client that asked once.
    pub(crate) fn person_told(&mut self, command: usize, answer: Answer) {
        let Answer::Done(done) = answer else { return };
        let sent = &self.sent[command];
        if sent.twofold {
            return;
        }
        self.ops += 1;
        let (op, who) = (Some(self.ops), Some("ada".to_owned()));
        let cmd = sent.id.as_str().to_owned();
        let (pd, bad) = (
            evento_check::history::content_digest("test.Add", &crate::counter::long(sent.amount)),
            crate::counter::is_bad(sent.amount),
        );
        let k = k(&sent.key);
        let what = What::Send { k, cmd: cmd.clone(), name: "test.Add".to_owned(), pd, way: "operator".to_owned(), bad };
        self.tell(op, who.clone(), what);
        let (first, last) = (done.events[0].seq, done.events[done.events.len() - 1].seq);
        self.tell(op, who, What::Done { cmd, outcome: done.outcome, first, last, sd: None });
    }

    /// Asks for whatever is parked, to put it back.
    pub(crate) fn ask_for_parked(&mut self) {
        let filter = ListFilter { status: Some(Status::Parked), limit: 1_000, ..ListFilter::default() };
        self.ask(Asker::Cleaner, Ask::List(filter));
    }

    pub(crate) fn cleaner_told(&mut self, answer: Answer) {
        let Answer::Listed(list) = answer else { return };
        self.blocked.clear();
        for status in list {
            if let Some(sent) = self.sent.iter_mut().find(|sent| sent.id == status.command_id) {
                sent.retried = true;
            }
            self.ask(Asker::Cleaner, Ask::Retry(CommandRef { key: status.key, command_id: status.command_id }));
        }
    }
}
