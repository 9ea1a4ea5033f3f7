//! What follows from a failure: wait, halve, try again later, park (function-protocol section 10).
//!
//! The rule behind it: a command is charged for a failed attempt only when the function is proven alive by a
//! valid answer to another command. While the function as a whole is down, nobody is charged and nothing parks.

use evento_function::{Failure, FailureClass};
use evento_log::intake::LastError;
use evento_model::{Code, Stage, planted};

use crate::command::Call;
use crate::engine::Engine;
use crate::instance::{InstanceNo, Noted, Phase, Stored, Trial};
use crate::line::{Line, LineNo};
use crate::{Effect, Notice};

/// Wait before the same function is asked again after it turned out to be another revision, in milliseconds.
const SWAPPED_PAUSE_MS: u64 = 100;
/// Wait of a retry that is over the function's retry budget, in milliseconds.
const BUDGET_PAUSE_MS: u64 = 100;

impl Engine {
    /// A request failed as a whole: nobody in it is to blame yet.
    pub(crate) fn call_failed(&mut self, call: Call, failure: Failure) {
        let (now, name) = (self.now.monotonic, self.line(call.line).serving.name.clone());
        let current = self.line(call.line).serving.revision == call.revision;
        match failure.class {
            _ if !current => self.requeue(&call, Some(&failure)),
            FailureClass::BackPressure { retry_after_ms } => {
                self.line(call.line).pace.pushed_back(now, retry_after_ms);
                self.requeue(&call, Some(&failure));
            }
            FailureClass::Swapped => {
                self.line(call.line).pace.pushed_back(now, Some(SWAPPED_PAUSE_MS));
                self.effects.push(Effect::Rediscover(name));
                self.requeue(&call, Some(&failure));
            }
            FailureClass::Outage | FailureClass::ModeNotSpoken => {
                if failure.class == FailureClass::ModeNotSpoken {
                    self.effects.push(Effect::Rediscover(name));
                }
                self.declare_outage(call.line, &failure);
                self.requeue(&call, Some(&failure));
            }
            FailureClass::TooLarge if call.works.len() > 1 => {
                self.line(call.line).pace.too_large(call.works.len());
                self.halve(&call, &failure);
            }
            FailureClass::TooLarge | FailureClass::Poison if call.works.len() > 1 || call.works[0].1 > 1 => {
                self.halve(&call, &failure);
            }
            FailureClass::TooLarge | FailureClass::Poison => {
                let no = call.works[0].0;
                self.land(no);
                self.park_head(no, call.line, &failure);
            }
            FailureClass::Contract | FailureClass::Error | FailureClass::Crash | FailureClass::Timeout => {
                if failure.class == FailureClass::Contract {
                    self.effects.push(Effect::Rediscover(name));
                }
                self.function_failed(call.line, &failure);
                if call.works.len() > 1 || call.works[0].1 > 1 {
                    self.halve(&call, &failure);
                } else {
                    let no = call.works[0].0;
                    self.land(no);
                    let decided = self.table.get(no).busy.as_deref().is_some_and(|busy| busy.decided.is_some());
                    let stage = if decided { Stage::Apply } else { Stage::Handle };
                    self.command_failed(no, &call, stage, failure, false);
                }
            }
        }
    }

    /// The head of an instance failed while its request stood, or alone in its request.
    ///
    /// `proven` says that the same answer was valid for another command, so that the charge falls at once.
    pub(crate) fn command_failed(&mut self, no: InstanceNo, call: &Call, stage: Stage, failure: Failure, proven: bool) {
        let line_no = call.line;
        if let FailureClass::Contract = failure.class {
            let name = self.line(line_no).serving.name.clone();
            self.effects.push(Effect::Rediscover(name));
        }
        let mut failure = failure;
        if stage == Stage::Apply && failure.class == FailureClass::Error {
            failure.code = Code(3009);
        }
        // What an older revision says is no verdict on the one that serves.
        if self.lines[line_no.0 as usize].serving.revision != call.revision {
            return self.advance(no);
        }
        if failure.class == FailureClass::Poison {
            return self.park_head(no, line_no, &failure);
        }
        let crash = matches!(failure.class, FailureClass::Crash | FailureClass::Timeout);
        let attempts_max = call.entity.retry.attempts_max;
        let error = self.last_error(line_no, &failure);
        let line = &self.lines[line_no.0 as usize];
        let open = line.breaker.is_open();
        let (answers, outages) = (line.answers, line.outages);
        let Some(busy) = self.table.get_mut(no).busy.as_deref_mut() else { return };
        busy.decided = None;
        let Some(head) = busy.mailbox.front_mut() else { return };
        settle(&mut head.trial, &self.lines, attempts_max);
        head.trial.attempts += 1;
        head.trial.last_error = Some(Box::new(error));
        if proven {
            head.trial.charged += 1;
            head.trial.crashes += u32::from(crash);
        } else {
            head.trial.noted = Some(Noted { line: line_no, answers, outages, crash });
        }
        if head.trial.charged >= attempts_max {
            return self.park_head_now(no, line_no);
        }
        // It is decided anew, by the function that decides, whichever it was that failed.
        let (type_name, attempts) = (head.record.type_name.clone(), head.trial.attempts);
        let next = self.server_of(&call.entity, &type_name, false).unwrap_or(line_no);
        if open {
            // No back-off while the function is down: a probe takes the waiting instances in turn.
            self.table.get_mut(no).busy().phase = Phase::Ready(next);
            self.line(next).ready.push_back(no);
        } else {
            let delay = self.chance.up_to(call.entity.retry.delay_ms_ceiling(attempts));
            self.delay(no, next, delay);
        }
        self.store_marked(no, 0, vec![0], None);
        self.notice_failed(no);
    }

    /// Valid answers came: the function is alive.
    pub(crate) fn function_answered(&mut self, line_no: LineNo, valid: u64) {
        let now = self.now.monotonic;
        let line = self.line(line_no);
        line.answers += valid;
        let down_ms = line.breaker.answered(now);
        if down_ms.is_some() {
            line.pace.restart();
        }
        line.pace.answered();
        if let Some(down_ms) = down_ms {
            let function = line.serving.name.clone();
            self.effects.push(Effect::Notice(Notice::FunctionBack { function, down_ms }));
            self.wake_delayed(line_no);
        }
    }

    /// A request brought no valid answer at all, but this failure.
    pub(crate) fn function_failed(&mut self, line_no: LineNo, last: &Failure) {
        let failures_max = self.config.outage_failures;
        if self.line(line_no).breaker.failed(failures_max) {
            let (code, title) = (last.code, &last.title);
            let title = format!("{failures_max} requests in a row brought no valid answer; the last: {code} {title}");
            let failure = Failure::new(FailureClass::Outage, Code(3001), title, "");
            self.declare_outage(line_no, &failure);
        } else if self.line(line_no).breaker.is_open() {
            self.put_off_probe(line_no);
        }
    }

    /// The function as a whole is down.
    pub(crate) fn declare_outage(&mut self, line_no: LineNo, failure: &Failure) {
        let (now, probe_ms) = (self.now, self.config.probe_ms);
        let line = self.line(line_no);
        if line.breaker.open(now.monotonic, now.wall, probe_ms) {
            line.outages += 1;
            let (function, code, title) = (line.serving.name.clone(), failure.code, failure.title.clone());
            self.effects.push(Effect::Notice(Notice::FunctionDown { function, code, title }));
        }
    }

    fn put_off_probe(&mut self, line_no: LineNo) {
        let (now, probe_ms) = (self.now, self.config.probe_ms);
        self.line(line_no).breaker.open(now.monotonic, now.wall, probe_ms);
    }

    /// Everything that sits out a back-off is due at once.
    pub(crate) fn wake_delayed(&mut self, line_no: LineNo) {
        for no in std::mem::take(&mut self.line(line_no).delayed) {
            let Some(busy) = self.table.get_mut(no).busy.as_deref_mut() else { continue };
            if busy.phase != Phase::Delayed(line_no) {
                continue;
            }
            if let Some((at, _)) = busy.mailbox.front_mut().and_then(|head| head.trial.due.take()) {
                self.delayed.remove(&(at, no));
            }
            busy.phase = Phase::Ready(line_no);
            self.line(line_no).ready.push_back(no);
        }
    }

    /// The back-off of an instance's head is over.
    pub(crate) fn retry_due(&mut self, no: InstanceNo) {
        let Some(busy) = self.table.get_mut(no).busy.as_deref_mut() else { return };
        let Phase::Delayed(line_no) = busy.phase else { return };
        let Some(head) = busy.mailbox.front_mut() else { return };
        head.trial.due = None;
        let line = &mut self.lines[line_no.0 as usize];
        line.delayed.remove(&no);
        let attempts_max =
            self.catalog.entity(self.table.get(no).key.entity).map_or(u32::MAX, |e| e.retry.attempts_max);
        let Some(head) = self.table.get_mut(no).busy().mailbox.front_mut() else { return };
        settle(&mut head.trial, &self.lines, attempts_max);
        if head.trial.charged >= attempts_max {
            return self.park_head_now(no, line_no);
        }
        let line = &mut self.lines[line_no.0 as usize];
        if !line.breaker.is_open() && !line.budget.take(self.now.monotonic) {
            return self.delay(no, line_no, BUDGET_PAUSE_MS);
        }
        line.ready.push_back(no);
        self.table.get_mut(no).busy().phase = Phase::Ready(line_no);
    }

    pub(crate) fn delay(&mut self, no: InstanceNo, line_no: LineNo, delay_ms: u64) {
        let (mut at, shown) = (self.now.monotonic.plus_ms(delay_ms), self.now.wall.plus_ms(delay_ms));
        if planted!(26) {
            at = shown;
        }
        let busy = self.table.get_mut(no).busy();
        busy.phase = Phase::Delayed(line_no);
        if let Some(head) = busy.mailbox.front_mut() {
            head.trial.due = Some((at, shown));
        }
        self.line(line_no).delayed.insert(no);
        self.delayed.insert((at, no));
    }

    /// The head can never be handled, says the function.
    pub(crate) fn park_head(&mut self, no: InstanceNo, line_no: LineNo, failure: &Failure) {
        let error = self.last_error(line_no, failure);
        let busy = self.table.get_mut(no).busy();
        busy.decided = None;
        if let Some(head) = busy.mailbox.front_mut() {
            head.trial.attempts += 1;
            head.trial.last_error = Some(Box::new(error));
        }
        self.park_head_now(no, line_no);
    }

    fn park_head_now(&mut self, no: InstanceNo, line_no: LineNo) {
        let busy = self.table.get_mut(no).busy();
        busy.phase = Phase::Idle;
        self.line(line_no).delayed.remove(&no);
        self.park(no, 0);
        self.advance(no);
    }

    /// Takes a command of the mailbox out of the line, durably; whoever waits is told.
    pub(crate) fn park(&mut self, no: InstanceNo, at: usize) {
        let busy = self.table.get_mut(no).busy();
        if at > 0 && busy.mailbox.iter().take(at).any(|pending| pending.stored == Stored::No) {
            // The log holds the commands of an instance in the order in which they came.
            self.store(no, at - 1, None);
        }
        let Some(mut pending) = self.table.get_mut(no).busy().mailbox.remove(at) else { return };
        pending.trial.due = None;
        pending.trial.noted = None;
        let waiters = std::mem::take(&mut pending.waiters);
        self.store_apart(no, &mut pending, true, waiters, |engine, pending| engine.status_parked(no, pending));
        let status = Box::new(self.status_parked(no, &pending));
        self.table.get_mut(no).busy().parked.push(pending);
        self.effects.push(Effect::Notice(Notice::Parked(status)));
    }

    /// Back to the front of the queue, uncharged.
    fn requeue(&mut self, call: &Call, failure: Option<&Failure>) {
        let error = failure.map(|failure| self.last_error(call.line, failure));
        for (no, _) in call.works.iter().rev() {
            self.land(*no);
            let busy = self.table.get_mut(*no).busy();
            if let (Some(error), Some(head)) = (&error, busy.mailbox.front_mut()) {
                head.trial.last_error = Some(Box::new(error.clone()));
            }
            self.front(*no);
        }
    }

    /// Queues an instance in front of the others, where it was before it was sent.
    fn front(&mut self, no: InstanceNo) {
        self.advance(no);
        let Some(Phase::Ready(line_no)) = self.table.get(no).busy.as_deref().map(|busy| busy.phase) else { return };
        let line = self.line(line_no);
        let open = line.breaker.is_open();
        if !open && line.ready.back() == Some(&no) {
            line.ready.pop_back();
            line.ready.push_front(no);
        }
    }

    /// Repeats a failed request in two halves, so that the failing works are found.
    fn halve(&mut self, call: &Call, failure: &Failure) {
        let error = self.last_error(call.line, failure);
        let mut halves = Vec::new();
        for (no, steps) in &call.works {
            self.land(*no);
            let busy = self.table.get_mut(*no).busy();
            if *steps > 1 {
                busy.chain_max = steps / 2;
            }
            if let Some(head) = busy.mailbox.front_mut() {
                head.trial.last_error = Some(Box::new(error.clone()));
            }
            self.advance(*no);
            let line = self.line(call.line);
            if line.ready.back() == Some(no) {
                line.ready.pop_back();
                halves.push(*no);
            }
        }
        let right = halves.split_off(halves.len() / 2);
        let line = self.line(call.line);
        for half in [halves, right].into_iter().filter(|half| !half.is_empty()) {
            line.halves.push_back(half);
        }
    }

    /// The work of an instance is no longer in flight.
    fn land(&mut self, no: InstanceNo) {
        let busy = self.table.get_mut(no).busy();
        busy.phase = Phase::Idle;
        busy.in_flight = 0;
    }

    pub(crate) fn last_error(&self, line_no: LineNo, failure: &Failure) -> LastError {
        let Line { serving, .. } = &self.lines[line_no.0 as usize];
        LastError {
            code: failure.code,
            title: failure.title.clone(),
            detail: failure.detail.clone(),
            function: serving.name.as_str().to_owned(),
            revision: Some(serving.revision),
            at: self.now.wall,
            fingerprint: failure.fingerprint.clone(),
            stack: failure.stack.clone(),
        }
    }

    fn notice_failed(&mut self, no: InstanceNo) {
        let head = self.table.get(no).busy.as_deref().and_then(|busy| busy.mailbox.front());
        if let Some(id) = head.map(|head| head.record.command_id.clone()) {
            let status = Box::new(self.status(no, &id));
            self.effects.push(Effect::Notice(Notice::Failed(status)));
        }
    }
}

/// Charges a noted failure if the function that failed has answered another command since (function-protocol 10.3).
/// A charge that spans an outage never parks.
fn settle(trial: &mut Trial, lines: &[Line], attempts_max: u32) {
    let Some(noted) = trial.noted else { return };
    let Some(line) = lines.get(noted.line.0 as usize) else { return };
    if line.answers <= noted.answers && !planted!(22) {
        return;
    }
    trial.noted = None;
    let charged = trial.charged + 1;
    trial.charged = if line.outages > noted.outages { charged.min(attempts_max.saturating_sub(1)) } else { charged };
    trial.crashes += u32::from(noted.crash);
}
