//! Answers, judged as Evento judges them (function-protocol 8.3, rows 1 to 8).

use bytes::Bytes;
use evento_function::FailureClass;
use evento_function::call::{RunRequest, StepKind};
use evento_function::envelope::{EVENTS_TYPE, RUN_TYPE, read_events, read_response};
use evento_model::FullName;
use evento_schema::avro::check;

use super::{Call, Subject};
use crate::answer::{Answer, Event, Failed, Kind, judge_status};
use crate::wire::{Ask, Reply};

/// Most events of one command.
const EVENTS_MAX: usize = 100;
/// What a plain answer may call its body.
const DATUM_TYPES: [&str; 3] = ["avro/binary", "application/octet-stream", ""];

impl Subject {
    /// A plain answer, judged.
    pub(crate) fn read_plain(&self, call: &Call, ask: &Ask, reply: &Reply) -> Result<Answer, String> {
        match reply.header("evento-call") {
            Some(echo) if echo != ask.header("evento-call") => {
                return Err("Evento-Call of the answer is not the request's".to_owned());
            }
            _ => {}
        }
        match (reply.status, call.kind) {
            (200, _) => {}
            (204, StepKind::Event) => return Ok(Answer::State(None)),
            _ => return judge_status(reply).map(Answer::Failed),
        }
        no_encoding(reply)?;
        if call.kind == StepKind::Event {
            kind_of(reply, &DATUM_TYPES)?;
            return self.datum(&call.entity, &reply.body).map(|state| Answer::State(Some(state)));
        }
        let events = match reply.headers.get("evento-event") {
            Some(name) => {
                kind_of(reply, &DATUM_TYPES)?;
                let name = name.to_str().map_err(|_| "Evento-Event is no text".to_owned())?;
                vec![(name.to_owned(), reply.body.clone())]
            }
            None => {
                kind_of(reply, &[EVENTS_TYPE]).map_err(|why| format!("{why}; one event needs Evento-Event"))?;
                let events = read_events(&reply.body).map_err(|error| format!("the answer is no Events: {error}"))?;
                events.into_iter().map(|event| (event.type_name.to_string(), event.payload)).collect()
            }
        };
        self.events(&call.entity, &call.name, events).map(|events| Answer::Events { events, states: Vec::new() })
    }

    /// A batch answer, judged.
    pub(crate) fn read_run(&self, request: &RunRequest, ask: &Ask, reply: &Reply) -> Result<Vec<Vec<Answer>>, String> {
        if reply.status != 200 {
            let failed = judge_status(reply)?;
            return Err(format!("the whole request was refused: {failed}"));
        }
        match reply.header("evento-call") {
            Some(echo) if echo == ask.header("evento-call") => {}
            Some(_) => return Err("Evento-Call of the answer is not the request's".to_owned()),
            None => return Err("the answer has no Evento-Call".to_owned()),
        }
        no_encoding(reply)?;
        kind_of(reply, &[RUN_TYPE])?;
        let response =
            read_response(&reply.body, request).map_err(|error| format!("the answer is no RunResponse: {error}"))?;
        let judged = request.work.iter().zip(response.results).map(|(work, result)| {
            let mut answers = Vec::with_capacity(work.steps.len());
            for (step, outcome) in work.steps.iter().zip(result.outcomes) {
                let states = outcome
                    .states
                    .iter()
                    .map(|state| state.as_ref().map(|s| self.datum(&request.entity, s)).transpose());
                let states = states.collect::<Result<Vec<_>, String>>()?;
                answers.push(match work.kind {
                    StepKind::Event => Answer::State(states.into_iter().next().flatten()),
                    StepKind::Command => {
                        let events = outcome.events.into_iter().map(|e| (e.type_name.to_string(), e.payload));
                        let events = self.events(&request.entity, &step.type_name, events.collect())?;
                        Answer::Events { events, states }
                    }
                });
            }
            if let Some(failure) = result.failure {
                let failure = failure.failure;
                let kind = match failure.class {
                    FailureClass::Poison => Kind::Poison,
                    FailureClass::Contract => Kind::Contract,
                    _ => Kind::Retry,
                };
                answers.push(Answer::Failed(Failed { kind, status: 200, title: failure.title }));
            }
            Ok(answers)
        });
        judged.collect()
    }

    /// The canonical bytes of an answered datum.
    fn datum(&self, name: &FullName, bytes: &[u8]) -> Result<Vec<u8>, String> {
        let schema = self.schema(name).ok_or_else(|| format!("{name} has no schema in the manifest"))?;
        let checked =
            check(schema, bytes).map_err(|error| format!("the answered {name} is not of its schema: {error}"))?;
        Ok(checked.into_bytes())
    }

    fn events(
        &self,
        entity: &FullName,
        command: &FullName,
        events: Vec<(String, Bytes)>,
    ) -> Result<Vec<Event>, String> {
        if events.is_empty() {
            return Err("200 with no event; an answer of handle has at least one".to_owned());
        }
        if events.len() > EVENTS_MAX {
            return Err(format!("{} events; at most {EVENTS_MAX} are taken", events.len()));
        }
        let handles = self.entity(entity).map(|entity| &entity.handles[..]).unwrap_or_default();
        let emits = handles.iter().find(|(name, _)| name == command).map(|(_, emits)| &emits[..]).unwrap_or_default();
        let judged = events.into_iter().map(|(name, payload)| {
            let Some(known) = emits.iter().find(|emitted| emitted.as_str() == name) else {
                return Err(format!("{name} is not among the events that {command} may answer"));
            };
            Ok(Event { name: known.clone(), raw: payload.clone(), payload: self.datum(known, &payload)? })
        });
        judged.collect()
    }
}

fn no_encoding(reply: &Reply) -> Result<(), String> {
    match reply.header("content-encoding").filter(|encoding| *encoding != "identity") {
        Some(encoding) => Err(format!("the answer is encoded as {encoding}; bodies are never compressed")),
        None => Ok(()),
    }
}

fn kind_of(reply: &Reply, known: &[&str]) -> Result<(), String> {
    let kind = reply.kind();
    match known.contains(&kind.as_str()) {
        true => Ok(()),
        false => Err(format!("content type {kind:?}, not {}", known[0])),
    }
}
