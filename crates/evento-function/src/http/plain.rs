//! The plain framing: one step per POST, put together so that the caller sees one operation.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use evento_model::{Code, FullName, Stage};
use http::{HeaderValue, Method, StatusCode};

use super::client::{Reply, Request};
use super::verdict::{check_reply, contract, judge_status};
use super::{HttpFunction, call_id, text};
use crate::call::{Emitted, RunRequest, RunResponse, Step, StepKind, StepOutcome, Want, Work, WorkFailure, WorkResult};
use crate::envelope::{EVENTS_TYPE, read_events};
use crate::failure::{Failure, FailureClass};

/// What a plain answer may call its body.
const DATUM_TYPES: [&str; 3] = ["avro/binary", "application/octet-stream", ""];

impl HttpFunction {
    /// Works one after the other; the first failure of a whole call is the request's.
    pub(super) async fn run_plain(&self, request: &RunRequest, timeout: Duration) -> Result<RunResponse, Failure> {
        let until = Instant::now() + timeout;
        let mut results = Vec::with_capacity(request.work.len());
        for work in &request.work {
            results.push(self.run_work(&request.entity, work, until).await?);
        }
        Ok(RunResponse { results })
    }

    async fn run_work(&self, entity: &FullName, work: &Work, until: Instant) -> Result<WorkResult, Failure> {
        let mut state = work.state.clone();
        let mut seq = work.seq;
        let mut outcomes = Vec::with_capacity(work.steps.len());
        for (n, step) in work.steps.iter().enumerate() {
            let last = n + 1 == work.steps.len();
            let done = self.run_step(entity, work, step, seq, &mut state, last, until).await;
            match done {
                Ok(outcome) => {
                    seq += outcome.events.len() as u64;
                    outcomes.push(outcome);
                }
                // Nothing came back before: the call as a whole failed. Otherwise what came back stands.
                Err((_, failure)) if outcomes.is_empty() && work.kind == StepKind::Event => return Err(failure),
                Err((Stage::Handle, failure)) if outcomes.is_empty() => return Err(failure),
                Err((stage, failure)) => {
                    let failure = Some(WorkFailure { step: n as u32, stage, failure });
                    return Ok(WorkResult { outcomes, failure });
                }
            }
        }
        Ok(WorkResult { outcomes, failure: None })
    }

    #[expect(clippy::too_many_arguments, reason = "one step of one work, all of it belongs together")]
    async fn run_step(
        &self,
        entity: &FullName,
        work: &Work,
        step: &Step,
        seq: u64,
        state: &mut Option<Bytes>,
        last: bool,
        until: Instant,
    ) -> Result<StepOutcome, (Stage, Failure)> {
        let wanted = |last: bool| work.want == Want::Each || (work.want == Want::Final && last);
        if work.kind == StepKind::Event {
            let applied = self.apply(entity, work, step, &step.type_name, &step.payload, state, until).await;
            *state = applied.map_err(|failure| (Stage::Apply, failure))?;
            let states = if wanted(last) { vec![state.clone()] } else { Vec::new() };
            return Ok(StepOutcome { events: Vec::new(), states });
        }
        let events = self.handle(entity, work, step, seq, state, until).await.map_err(|f| (Stage::Handle, f))?;
        let mut states = Vec::new();
        if work.want != Want::None {
            for event in &events {
                let name = FullName::new(&event.type_name)
                    .map_err(|_| (Stage::Handle, contract("an event name that is none", &*event.type_name)))?;
                if self.applies.contains(&(entity.clone(), name.clone())) {
                    let applied = self.apply(entity, work, step, &name, &event.payload, state, until).await;
                    *state = applied.map_err(|failure| (Stage::Apply, failure))?;
                }
                states.push(state.clone());
            }
            if work.want == Want::Final {
                states = if last { states.pop().into_iter().collect() } else { Vec::new() };
            }
        }
        Ok(StepOutcome { events, states })
    }

    async fn handle(
        &self,
        entity: &FullName,
        work: &Work,
        step: &Step,
        seq: u64,
        state: &Option<Bytes>,
        until: Instant,
    ) -> Result<Vec<Emitted>, Failure> {
        let path = format!("/handle/{}", step.type_name);
        let call = call_id();
        let mut request = self.plain_request(&path, entity, work, step, &step.payload, state, &call, until)?;
        request.headers.insert("evento-seq", HeaderValue::from(seq));
        if let Some(seed) = &step.seed {
            request.headers.insert("evento-seed", text(&seed.to_string()));
        }
        self.send(request, left(until)?, |reply| read_decision(&reply, &call)).await
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one request")]
    async fn apply(
        &self,
        entity: &FullName,
        work: &Work,
        step: &Step,
        event: &FullName,
        payload: &Bytes,
        state: &Option<Bytes>,
        until: Instant,
    ) -> Result<Option<Bytes>, Failure> {
        let path = format!("/apply/{event}");
        let call = call_id();
        let request = self.plain_request(&path, entity, work, step, payload, state, &call, until)?;
        let read = |reply: Reply| match reply.status {
            StatusCode::NO_CONTENT => Ok(None),
            StatusCode::OK => {
                check_reply(&reply, &call, false, &DATUM_TYPES)?;
                Ok(Some(reply.body))
            }
            _ => Err(judge_status(&reply)),
        };
        self.send(request, left(until)?, read).await
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one request")]
    fn plain_request<'a>(
        &self,
        path: &'a str,
        entity: &FullName,
        work: &Work,
        step: &Step,
        payload: &Bytes,
        state: &Option<Bytes>,
        call: &str,
        until: Instant,
    ) -> Result<Request<'a>, Failure> {
        let mut headers = self.headers(left(until)?);
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("avro/binary"));
        headers.insert("evento-call", text(call));
        headers.insert("evento-entity", text(entity.as_str()));
        headers.insert("evento-entity-id", text(&percent(work.entity_id.as_str())));
        headers.insert("evento-id", text(&percent(&step.id)));
        headers.insert("evento-time", text(step.time.rfc3339().as_str()));
        headers.insert("evento-attempt", HeaderValue::from(step.attempt));
        if let Some(traced) = &step.traceparent {
            headers.insert("traceparent", text(traced));
        }
        let mut body = BytesMut::with_capacity(payload.len() + state.as_ref().map_or(0, Bytes::len) + 1);
        body.put_slice(payload);
        match state {
            None => body.put_u8(0),
            Some(state) => {
                body.put_u8(2);
                body.put_slice(state);
            }
        }
        Ok(Request { method: Method::POST, path, headers, body: body.freeze() })
    }
}

/// What handle answered: one event with its name in a header, or several in an envelope.
fn read_decision(reply: &Reply, call: &str) -> Result<Vec<Emitted>, Failure> {
    if reply.status != StatusCode::OK {
        return Err(judge_status(reply));
    }
    match reply.headers.get("evento-event").map(|value| value.to_str().map(str::to_owned)) {
        Some(Ok(type_name)) => {
            check_reply(reply, call, false, &DATUM_TYPES)?;
            Ok(vec![Emitted { type_name: Arc::from(type_name), payload: reply.body.clone() }])
        }
        Some(Err(_)) => Err(contract("Evento-Event is no text", "")),
        None => {
            check_reply(reply, call, false, &[EVENTS_TYPE]).map_err(|failure| {
                let detail = format!("{}; one event needs the header Evento-Event", failure.detail);
                Failure::new(failure.class, failure.code, failure.title, detail)
            })?;
            let events = read_events(&reply.body).map_err(|e| contract("the answer is no Events", e.to_string()))?;
            match events.is_empty() {
                true => Err(Failure::new(FailureClass::Contract, Code(3008), "handle answered no event", "")),
                false => Ok(events),
            }
        }
    }
}

fn left(until: Instant) -> Result<Duration, Failure> {
    let left = until.saturating_duration_since(Instant::now());
    match left.is_zero() {
        true => Err(Failure::new(FailureClass::Timeout, Code(3002), "no answer within the deadline", "")),
        false => Ok(left),
    }
}

/// Percent-encoded UTF-8: everything but letters, digits and `-._~` (RFC 3986, 2.3).
fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    fn ids_are_written_as_the_protocol_says() {
        assert_eq!(percent("a-1/zoë %"), "a-1%2Fzo%C3%AB%20%25");
    }
}
