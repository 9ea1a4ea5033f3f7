//! The function's host: answers take time, come late, twice or never, and now and then are wrong.

use evento_engine::CallNo;
use evento_function::{Failure, FailureClass, RunRequest, RunResponse};
use evento_model::{EntityId, Revision, sometimes};

use super::plan::Trouble;
use super::world::{Event, World};
use crate::counter::{Health, failure, revision};

type Answer = Result<RunResponse, Failure>;

impl World {
    /// A call leaves the process.
    pub(crate) fn call(&mut self, call: CallNo, asked: Revision, request: RunRequest, timeout_ms: u64) {
        let arrives = self.luck.wait(40);
        let event = Event::Arrived { life: self.life, call, asked, request, until: self.now + timeout_ms as i64 };
        self.at(arrives, event);
    }

    /// It reached the function.
    pub(crate) fn arrived(&mut self, life: u32, call: CallNo, asked: Revision, request: RunRequest, until: i64) {
        let instances: Vec<EntityId> = request.work.iter().map(|work| work.entity_id.clone()).collect();
        if asked != revision(self.revision) && self.luck.one_in(2) {
            let swapped = Err(failure(FailureClass::Swapped, 3007, "another revision answers"));
            return self.answer_in(1, life, call, swapped, instances);
        }
        if self.hangs() {
            let late = Err(failure(FailureClass::Timeout, 3002, "no answer in time"));
            return self.answer_in(until - self.now, life, call, late, instances);
        }
        let answer = self.function.run(&request);
        let answer = if self.outage.is_none() && self.misbehaves() { self.spoil(answer) } else { answer };
        let takes = if self.misbehaves() { self.luck.below(8_000) as i64 } else { self.luck.wait(60) };
        if self.now + takes > until {
            let late = Err(failure(FailureClass::Timeout, 3002, "no answer in time"));
            self.answer_in(until - self.now, life, call, late, instances.clone());
        }
        if self.misbehaves() {
            let again = takes + self.luck.wait(5_000);
            self.answer_in(again, life, call, answer.clone(), instances.clone());
        }
        self.answer_in(takes, life, call, answer, instances);
    }

    fn misbehaves(&mut self) -> bool {
        !self.calm && self.plan.has(Trouble::Answers) && self.luck.one_in(15)
    }

    fn hangs(&mut self) -> bool {
        self.outage.is_some_and(|outage| outage.hangs)
    }

    /// A wrong answer instead of a right one.
    fn spoil(&mut self, answer: Answer) -> Answer {
        let mut response = answer?;
        match self.luck.below(7) {
            0 => Err(failure(FailureClass::Error, 3003, "status 500")),
            1 => Err(failure(FailureClass::Crash, 3004, "connection reset")),
            2 => Err(failure(FailureClass::BackPressure { retry_after_ms: Some(700) }, 3001, "status 429")),
            3 => Err(failure(FailureClass::Contract, 3005, "garbage")),
            4 => Err(failure(FailureClass::TooLarge, 3005, "too large")),
            5 => {
                response.results.pop();
                Ok(response)
            }
            _ => {
                if let Some(state) =
                    response.results.iter_mut().flat_map(|r| &mut r.outcomes).flat_map(|o| &mut o.states).next()
                {
                    *state = Some(bytes::Bytes::from_static(&[0xff, 0xff]));
                }
                Ok(response)
            }
        }
    }

    fn answer_in(&mut self, wait: i64, life: u32, call: CallNo, answer: Answer, instances: Vec<EntityId>) {
        self.at(wait, Event::Answered { life, call, answer, instances });
    }

    /// An answer reached the process that asked, if that still lives.
    pub(crate) fn answered(&mut self, life: u32, call: CallNo, answer: Answer, instances: Vec<EntityId>) {
        if life != self.life || self.node.is_none() {
            return;
        }
        // Who answers nobody answers no late call either.
        let timeout = answer.as_ref().is_err_and(|failure| failure.class == FailureClass::Timeout);
        let answer = match self.function.health {
            Health::Down if !timeout => Err(failure(FailureClass::Outage, 3001, "connection reset")),
            Health::Busy | Health::FailsAll if answer.is_ok() => {
                Err(failure(FailureClass::Error, 3003, "connection reset"))
            }
            _ => answer,
        };
        self.record.note(self.now, 10, || {
            let how = answer.as_ref().map_or_else(|failure| format!("{failure:?}"), |_| "an answer".to_owned());
            format!("call {} for {instances:?}: {how}", call.0)
        });
        for instance in instances {
            let newest = self.newest.entry(instance).or_insert(call);
            sometimes!("late answer after the next attempt's", call < *newest);
            *newest = (*newest).max(call);
        }
        self.input(evento_engine::Input::Answered(call, answer));
    }
}
