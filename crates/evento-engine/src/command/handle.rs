//! Stage 3: the function decides. A free place of a function takes at once whatever is queued for it.
//!
//! When one function both handles and applies, waiting commands of an instance go as one chained work, and the
//! answer brings the states as well; otherwise the decision waits for the applier (stage 4).

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use evento_function::{
    Emitted, Failure, FailureClass, RunRequest, RunResponse, Step, StepKind, StepOutcome, Want, Work, WorkResult,
};
use evento_model::{Code, FullName, Revision, Stage, planted};
use evento_schema::avro::{self, Checked, Schema};
use evento_schema::catalog::{EntityType, Handler};

use crate::command::{Call, Decided, DecidedEvent, Evolved};
use crate::engine::Engine;
use crate::instance::{InstanceNo, Phase};
use crate::line::LineNo;
use crate::{CallNo, Effect};

/// Charged crashes that make a command a suspect, sent alone (function-protocol 10.3 rule 5).
pub(crate) const SUSPECT_CRASHES: u32 = 3;

/// A request while it is filled.
struct Filling {
    entity: Option<Arc<EntityType>>,
    work: Vec<Work>,
    works: Vec<(InstanceNo, usize)>,
    steps: usize,
    bytes: usize,
}

/// What one work of an answer comes to.
pub(crate) struct Judged {
    /// Commands decided and applied, in order.
    pub(crate) evolved: Vec<Evolved>,
    /// A decision whose events another function still has to apply.
    pub(crate) decided: Option<Decided>,
    /// Why the next command got no valid answer.
    pub(crate) failure: Option<(Stage, Failure)>,
}

impl Engine {
    /// Sends requests to a function while it has free places and somebody waits.
    pub(crate) fn dispatch(&mut self, line_no: LineNo) {
        let now = self.now.monotonic;
        while self.line(line_no).may_send(now) {
            let line = self.line(line_no);
            let works_max = match line.breaker.is_open() {
                true => 1,
                false => line.pace.works.min(line.serving.works_max as usize),
            };
            let works_max = works_max.min(self.config.works_max).max(1);
            if self.line(line_no).breaker.is_open() {
                self.untried_first(line_no);
            }
            let line = self.line(line_no);
            let suspects_turn = !line.suspects.is_empty() && (!line.suspect_last || line.ready.is_empty());
            let mut suspect = false;
            let mut queue = if suspects_turn && line.halves.is_empty() {
                if line.in_flight > 0 {
                    return;
                }
                suspect = true;
                line.suspects.pop_front().into_iter().collect()
            } else if let Some(half) = line.halves.pop_front() {
                half.into()
            } else {
                std::mem::take(&mut line.ready)
            };
            let from_ready = !suspect && self.line(line_no).ready.is_empty();
            let filling = self.fill(line_no, &mut queue, works_max, suspect);
            let line = self.line(line_no);
            if from_ready && line.halves.is_empty() {
                queue.append(&mut line.ready);
                line.ready = queue;
            } else {
                queue.into_iter().rev().for_each(|no| line.ready.push_front(no));
            }
            let Some(entity) = filling.entity else {
                if line.ready.is_empty() && line.halves.is_empty() {
                    return;
                }
                continue;
            };
            self.send(line_no, entity, filling.work, filling.works, suspect);
        }
    }

    fn send(
        &mut self,
        line_no: LineNo,
        entity: Arc<EntityType>,
        work: Vec<Work>,
        works: Vec<(InstanceNo, usize)>,
        suspect: bool,
    ) {
        let call = CallNo(self.number());
        let line = self.line(line_no);
        line.in_flight += 1;
        line.suspect_in_flight = suspect;
        line.suspect_last = suspect;
        line.budget.earn();
        let (function, revision) = (line.serving.name.clone(), line.serving.revision);
        let timeout_ms = line.serving.timeout_ms;
        let request = RunRequest { entity: entity.full_name.clone(), work };
        self.calls.insert(call, Call { line: line_no, entity, revision, works, suspect });
        self.effects.push(Effect::Call { call, function, revision, request, timeout_ms });
    }

    /// Takes works from the front of a queue until the request is full. What does not fit stays queued.
    fn fill(&mut self, line_no: LineNo, queue: &mut VecDeque<InstanceNo>, works_max: usize, suspect: bool) -> Filling {
        let mut filling = Filling { entity: None, work: Vec::new(), works: Vec::new(), steps: 0, bytes: 0 };
        // Distinct by counting on, hard to guess by where it starts.
        let reference = self.chance.bits() as i32;
        let mut others = Vec::new();
        while filling.works.len() < works_max
            && filling.steps < self.config.steps_max
            && filling.bytes < self.config.batch_bytes_target
            && let Some(no) = queue.pop_front()
        {
            let instance = self.table.get(no);
            if instance.busy.as_deref().is_none_or(|busy| busy.phase != Phase::Ready(line_no)) {
                continue;
            }
            if !suspect && self.is_suspect(no) {
                self.line(line_no).suspects.push_back(no);
                continue;
            }
            let entity = match &filling.entity {
                Some(entity) if entity.id == instance.key.entity => entity.clone(),
                Some(_) => {
                    others.push(no);
                    continue;
                }
                None => match self.catalog.entity(instance.key.entity) {
                    Some(entity) => entity.clone(),
                    None => continue,
                },
            };
            let reference = reference.wrapping_add(filling.works.len() as i32);
            match self.compose(no, line_no, &entity, reference, &filling) {
                Ok(work) => {
                    filling.steps += work.steps.len();
                    filling.bytes += work.state.as_ref().map_or(0, Bytes::len);
                    filling.bytes += work.steps.iter().map(|step| step.payload.len()).sum::<usize>();
                    let busy = self.table.get_mut(no).busy();
                    busy.phase = Phase::InFlight;
                    busy.in_flight = work.steps.len();
                    if work.kind == StepKind::Event {
                        busy.in_flight = 1;
                    }
                    filling.works.push((no, work.steps.len()));
                    filling.work.push(work);
                    filling.entity = Some(entity);
                }
                Err(failure) => {
                    self.table.get_mut(no).busy().phase = Phase::Idle;
                    self.park_head(no, line_no, &failure);
                }
            }
        }
        others.into_iter().rev().for_each(|no| queue.push_front(no));
        filling
    }

    /// A probe is worth most with a command that has not failed yet: a few bad ones do not hide a function that
    /// is well.
    fn untried_first(&mut self, line_no: LineNo) {
        let untried = |no: &InstanceNo| {
            let head = self.table.get(*no).busy.as_deref().and_then(|busy| busy.mailbox.front());
            head.is_some_and(|head| head.trial.attempts == 0)
        };
        let Some(at) = self.lines[line_no.0 as usize].ready.iter().position(untried) else { return };
        let ready = &mut self.line(line_no).ready;
        if let Some(no) = ready.remove(at) {
            ready.push_front(no);
        }
    }

    fn is_suspect(&self, no: InstanceNo) -> bool {
        let busy = self.table.get(no).busy.as_deref();
        busy.and_then(|busy| busy.mailbox.front()).is_some_and(|head| head.trial.crashes >= SUSPECT_CRASHES)
    }

    /// The work of one instance: its head, and as many followers as may be chained.
    fn compose(
        &self,
        no: InstanceNo,
        line_no: LineNo,
        entity: &Arc<EntityType>,
        reference: i32,
        filling: &Filling,
    ) -> Result<Work, Failure> {
        let instance = self.table.get(no);
        let busy = instance.busy.as_deref().expect("a ready instance has something on its way");
        let applier = entity.applier.as_ref().expect("a ready instance has an applier");
        let serving = &self.lines[line_no.0 as usize].serving;
        let one_function = applier.function.name == serving.name;
        let mut steps = Vec::new();
        let (kind, want) = match &busy.decided {
            Some(decided) => {
                let head = &busy.mailbox[0].record;
                for event in decided.events.iter().filter(|event| applier.applies.contains_key(&event.type_name)) {
                    let plan = applier.applies[&event.type_name].get(&event.registered).ok_or_else(unplanned)?;
                    let payload = transcode(plan, &event.payload)?;
                    steps.push(Step {
                        type_name: event.type_name.clone(),
                        payload,
                        id: head.command_id.shared(),
                        time: head.accepted_at,
                        seed: None,
                        attempt: busy.mailbox[0].trial.attempts + 1,
                        traceparent: head.traceparent.clone(),
                    });
                }
                (StepKind::Event, Want::Each)
            }
            None => {
                let chain_max = match one_function {
                    true => busy.chain_max.min(self.config.chain_max).min(serving.steps_max as usize).max(1),
                    false => 1,
                };
                let mut bytes = filling.bytes;
                for (n, pending) in busy.mailbox.iter().take(chain_max).enumerate() {
                    let record = &pending.record;
                    let follower = n > 0;
                    if follower
                        && (pending.checking
                            || record.if_seq.is_some()
                            || pending.trial.attempts > 0
                            || bytes >= self.config.batch_bytes_target
                            || filling.steps + n >= self.config.steps_max)
                    {
                        break;
                    }
                    let handler = entity.command(&record.type_name).and_then(|command| command.handler.as_ref());
                    let Some(handler) = handler.filter(|handler| handler.function.name == serving.name) else { break };
                    let plan = handler.plans.get(&record.schema).ok_or_else(unplanned)?;
                    let payload = transcode(plan, &record.payload)?;
                    bytes += payload.len();
                    steps.push(Step {
                        type_name: record.type_name.clone(),
                        payload,
                        id: record.command_id.shared(),
                        time: record.accepted_at,
                        seed: Some(record.seed),
                        attempt: pending.trial.attempts + 1,
                        traceparent: record.traceparent.clone(),
                    });
                }
                (StepKind::Command, if one_function { Want::Each } else { Want::None })
            }
        };
        debug_assert!(!steps.is_empty(), "a request without a step");
        Ok(Work {
            reference,
            entity_id: instance.key.id.clone(),
            seq: instance.current.seq,
            state: instance.current.state.clone(),
            kind,
            want,
            steps,
        })
    }

    /// An answer came, or the call as a whole failed.
    pub(crate) fn answered(&mut self, call: CallNo, answer: Result<RunResponse, Failure>) {
        let mut answered = call;
        if planted!(18) && !self.calls.contains_key(&call) {
            answered = self.calls.keys().max().copied().unwrap_or(call);
        }
        let Some(call) = self.calls.remove(&answered) else { return };
        let line = self.line(call.line);
        line.in_flight = line.in_flight.saturating_sub(1);
        line.suspect_in_flight &= !call.suspect;
        if self.failed.is_some() {
            return;
        }
        match answer {
            Ok(response) if response.results.len() == call.works.len() => self.judge(call, response),
            Ok(response) => {
                let detail =
                    format!("{} works were sent, {} results came back", call.works.len(), response.results.len());
                let failure = Failure::new(FailureClass::Contract, Code(3005), "wrong number of results", detail);
                self.call_failed(call, failure);
            }
            Err(failure) => self.call_failed(call, failure),
        }
    }

    fn judge(&mut self, call: Call, mut response: RunResponse) {
        if planted!(19) {
            response.results.reverse();
        }
        let judged: Vec<Judged> = response
            .results
            .into_iter()
            .zip(&call.works)
            .map(|(result, (no, _))| self.judge_work(*no, &call, result))
            .collect();
        let valid = judged.iter().filter(|j| j.failure.is_none() || !j.evolved.is_empty()).count();
        if valid > 0 {
            self.function_answered(call.line, valid as u64);
        }
        let failures = judged.iter().rev().filter_map(|judged| judged.failure.as_ref());
        let last = failures.map(|(_, failure)| failure.clone()).next().filter(|_| valid == 0);
        for (judged, (no, _)) in judged.into_iter().zip(&call.works) {
            let busy = self.table.get_mut(*no).busy();
            busy.phase = Phase::Idle;
            busy.in_flight = 0;
            busy.chain_max = usize::MAX;
            busy.decided = judged.decided;
            if !judged.evolved.is_empty() {
                self.commit(*no, &call.entity, judged.evolved);
            }
            match judged.failure {
                Some((stage, failure)) => self.command_failed(*no, &call, stage, failure, valid > 0),
                None => self.apply_or_advance(*no, &call.entity),
            }
        }
        if let Some(last) = last {
            self.function_failed(call.line, &last);
        }
    }

    fn judge_work(&self, no: InstanceNo, call: &Call, result: WorkResult) -> Judged {
        let instance = self.table.get(no);
        let busy = instance.busy.as_deref().expect("an instance in flight has something on its way");
        let mut judged = Judged { evolved: Vec::new(), decided: None, failure: None };
        if let Some(decided) = &busy.decided {
            match self.judge_applied(no, call, decided.clone(), result) {
                Ok(evolved) => judged.evolved.push(evolved),
                Err(failure) => judged.failure = Some((Stage::Apply, failure)),
            }
            return judged;
        }
        let mut before = (instance.current.state.clone(), instance.current.digest);
        for (outcome, pending) in result.outcomes.into_iter().zip(&busy.mailbox) {
            let handler = call.entity.command(&pending.record.type_name).and_then(|command| command.handler.as_ref());
            let Some(handler) = handler else { break };
            let StepOutcome { events, states } = outcome;
            let decided = match self.judge_events(handler, call.revision, events) {
                Ok(decided) => decided,
                Err(failure) => {
                    judged.failure = Some((Stage::Handle, failure));
                    return judged;
                }
            };
            let applier = call.entity.applier.as_ref().filter(|a| a.function.name == handler.function.name);
            let Some(applier) = applier else {
                judged.decided = Some(decided);
                break;
            };
            match self.judge_states(applier, call.revision, &decided, states, &before) {
                Ok((states, applied_by)) => {
                    before.clone_from(states.last().expect("one state per event, and at least one event"));
                    judged.evolved.push(Evolved { decided, states, applied_by });
                }
                Err(failure) => {
                    judged.failure = Some((Stage::Apply, failure));
                    return judged;
                }
            }
        }
        judged.failure = result.failure.map(|failed| (failed.stage, failed.failure));
        judged
    }

    /// The rules for events (function-protocol 8.3, rows 4 to 7).
    fn judge_events(&self, handler: &Handler, revision: Revision, events: Vec<Emitted>) -> Result<Decided, Failure> {
        if events.is_empty() {
            let detail = "handle must answer at least one event, also when the business says no";
            return Err(Failure::new(FailureClass::Contract, Code(3008), "handle answered no event", detail));
        }
        if events.len() > self.config.events_max {
            let detail = format!("{} events; at most {} are taken", events.len(), self.config.events_max);
            return Err(Failure::new(FailureClass::Contract, Code(3005), "too many events", detail));
        }
        let mut decided = Vec::with_capacity(events.len());
        for Emitted { type_name, payload } in events {
            let Some((name, emitted)) =
                handler.emits.iter().find(|(name, _)| name.as_str() == &*type_name || planted!(20))
            else {
                let declared: Vec<&str> = handler.emits.keys().map(FullName::as_str).collect();
                let detail = format!("the command's emits are: {}", declared.join(", "));
                let title = format!("event {type_name} is not declared for this command");
                return Err(Failure::new(FailureClass::Contract, Code(3006), title, detail));
            };
            let payload = canonical(&emitted.declared, payload, self.config.event_bytes_max, &type_name)?;
            let payload = transcode(&emitted.plan, &payload)?;
            let (registered, rejection) = (emitted.registered, emitted.rejection);
            decided.push(DecidedEvent { type_name: name.clone(), registered, payload, rejection });
        }
        Ok(Decided { events: decided, revision })
    }
}

/// The bytes of a datum if they are valid under a schema, rewritten to their canonical form.
pub(crate) fn canonical(schema: &Schema, datum: Bytes, bytes_max: usize, name: &str) -> Result<Bytes, Failure> {
    if datum.len() > bytes_max {
        let detail = format!("{} bytes; at most {bytes_max} are taken", datum.len());
        return Err(Failure::new(FailureClass::Contract, Code(3005), format!("{name} is too large"), detail));
    }
    match avro::check(schema, &datum) {
        Ok(Checked::Canonical(_)) => Ok(datum),
        Ok(Checked::Rewritten(bytes)) => Ok(bytes.into()),
        Err(error) => {
            let title = format!("{name} does not decode under the schema the function declared");
            let detail = format!("{}: {} (at byte {} of {})", error.path, error.message, error.offset, datum.len());
            Err(Failure::new(FailureClass::Contract, Code(3005), title, detail))
        }
    }
}

fn transcode(plan: &avro::Plan, datum: &Bytes) -> Result<Bytes, Failure> {
    if plan.is_identity() {
        return Ok(datum.clone());
    }
    match plan.run(datum) {
        Ok(std::borrow::Cow::Borrowed(_)) => Ok(datum.clone()),
        Ok(std::borrow::Cow::Owned(bytes)) => Ok(bytes.into()),
        Err(error) => {
            let detail = format!("{}: {}", error.path, error.message);
            Err(Failure::new(
                FailureClass::Contract,
                Code(3005),
                "a payload cannot be read in the other schema",
                detail,
            ))
        }
    }
}

fn unplanned() -> Failure {
    let detail = "the catalogue has no way from the recorded schema to the one the function declared";
    Failure::new(FailureClass::Contract, Code(2204), "no plan for a schema pair", detail)
}
