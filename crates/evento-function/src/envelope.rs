//! The batch framing: `RunRequest` and `RunResponse` as Avro, and the plain framing's `Events`.
//!
//! Source: function-protocol 6.2 and 6.3. The envelopes are frozen for protocol 1 and compiled in; nothing is
//! compared at run time. Reading slices out of one buffer and never trusts a count or a length.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use evento_model::Stage;

use crate::call::{Emitted, RunRequest, RunResponse, StepKind, StepOutcome, Want, Work, WorkFailure, WorkResult};
use crate::failure::{Failure, FailureClass};
use evento_model::Code;

/// Media type of both batch bodies.
pub const RUN_TYPE: &str = "application/vnd.evento.run.v1+avro";
/// Media type of several events in a plain reply.
pub const EVENTS_TYPE: &str = "application/vnd.evento.events.v1+avro";

/// Why bytes are no envelope, and where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{what} at byte {at}")]
pub struct EnvelopeError {
    /// In words.
    pub what: String,
    /// Where.
    pub at: usize,
}

/// Writes a request.
pub fn write_request(request: &RunRequest) -> Bytes {
    let payloads = |work: &Work| {
        let steps =
            work.steps.iter().map(|step| step.payload.len() + step.type_name.as_str().len() + 160).sum::<usize>();
        steps + work.state.as_ref().map_or(0, Bytes::len) + work.entity_id.as_str().len() + 32
    };
    let mut out = BytesMut::with_capacity(64 + request.work.iter().map(payloads).sum::<usize>());
    put_bytes(&mut out, request.entity.as_str().as_bytes());
    block(&mut out, request.work.len());
    for work in &request.work {
        put_long(&mut out, i64::from(work.reference));
        put_bytes(&mut out, work.entity_id.as_str().as_bytes());
        put_long(&mut out, work.seq as i64);
        put_optional(&mut out, work.state.as_deref());
        out.put_u8(match work.kind {
            StepKind::Command => 0,
            StepKind::Event => 2,
        });
        out.put_u8(match work.want {
            Want::None => 0,
            Want::Final => 2,
            Want::Each => 4,
        });
        block(&mut out, work.steps.len());
        for step in &work.steps {
            put_bytes(&mut out, step.type_name.as_str().as_bytes());
            put_bytes(&mut out, &step.payload);
            put_bytes(&mut out, step.id.as_bytes());
            put_long(&mut out, step.time.0);
            put_bytes(&mut out, step.seed.as_ref().map_or(&[], |seed| &seed.0[..]));
            let traced = step.traceparent.as_deref();
            block(&mut out, usize::from(step.attempt > 1) + usize::from(traced.is_some()));
            if step.attempt > 1 {
                put_bytes(&mut out, b"attempt");
                put_bytes(&mut out, step.attempt.to_string().as_bytes());
            }
            if let Some(traced) = traced {
                put_bytes(&mut out, b"traceparent");
                put_bytes(&mut out, traced.as_bytes());
            }
            if step.attempt > 1 || traced.is_some() {
                out.put_u8(0);
            }
        }
        end(&mut out, work.steps.len());
    }
    end(&mut out, request.work.len());
    out.freeze()
}

/// The array's one block; an empty array has none, only its end.
fn block(out: &mut BytesMut, count: usize) {
    put_long(out, count as i64);
}

/// The end of an array that had a block.
fn end(out: &mut BytesMut, count: usize) {
    if count > 0 {
        out.put_u8(0);
    }
}

fn put_long(out: &mut BytesMut, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.put_u8(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.put_u8(rest as u8);
}

fn put_bytes(out: &mut BytesMut, bytes: &[u8]) {
    put_long(out, bytes.len() as i64);
    out.put_slice(bytes);
}

fn put_optional(out: &mut BytesMut, bytes: Option<&[u8]>) {
    match bytes {
        None => out.put_u8(0),
        Some(bytes) => {
            out.put_u8(2);
            put_bytes(out, bytes);
        }
    }
}

/// Reads a response to `request`, checked against what was asked (function-protocol 8.3, row 3).
pub fn read_response(body: &Bytes, request: &RunRequest) -> Result<RunResponse, EnvelopeError> {
    let mut reader = Reader { body, at: 0 };
    let mut results = Vec::with_capacity(request.work.len());
    reader.array(|reader| {
        let Some(work) = request.work.get(results.len()) else { return reader.fail("more results than works") };
        results.push(read_result(reader, work)?);
        Ok(())
    })?;
    if reader.at != body.len() {
        return reader.fail("bytes are left over after the response");
    }
    if results.len() != request.work.len() {
        return reader.fail(format!("{} works were sent, {} results came back", request.work.len(), results.len()));
    }
    Ok(RunResponse { results })
}

fn read_result(reader: &mut Reader<'_>, work: &Work) -> Result<WorkResult, EnvelopeError> {
    let reference = reader.long()?;
    if reference != i64::from(work.reference) {
        return reader.fail("a result carries the ref of another work");
    }
    let mut outcomes = Vec::with_capacity(work.steps.len());
    reader.array(|reader| {
        if outcomes.len() >= work.steps.len() {
            return reader.fail("more outcomes than steps");
        }
        let mut outcome = StepOutcome { events: Vec::new(), states: Vec::new() };
        reader.array(|reader| {
            outcome.events.push(Emitted { type_name: Arc::from(reader.text()?), payload: reader.bytes()? });
            Ok(())
        })?;
        reader.array(|reader| {
            outcome.states.push(reader.optional()?);
            Ok(())
        })?;
        outcomes.push(outcome);
        Ok(())
    })?;
    let failure = match reader.index(2)? {
        0 => None,
        _ => {
            let step = reader.long()?;
            let kind = reader.index(3)?;
            let (title, detail) = (reader.text()?.to_owned(), reader.text()?.to_owned());
            if step != outcomes.len() as i64 || outcomes.len() >= work.steps.len() {
                return reader.fail("failure.step is not the number of outcomes");
            }
            let class = [FailureClass::Error, FailureClass::Poison, FailureClass::Contract][kind];
            let code = Code(if class == FailureClass::Contract { 3005 } else { 3003 });
            let stage = if work.kind == StepKind::Event { Stage::Apply } else { Stage::Handle };
            Some(WorkFailure { step: step as u32, stage, failure: Failure::new(class, code, title, detail) })
        }
    };
    if failure.is_none() && outcomes.len() != work.steps.len() {
        return reader.fail(format!("{} steps were sent, {} outcomes came back", work.steps.len(), outcomes.len()));
    }
    for (n, outcome) in outcomes.iter().enumerate() {
        let last = n + 1 == work.steps.len();
        let wanted = match (work.want, work.kind) {
            (Want::None, _) => 0,
            (Want::Final, _) => usize::from(last),
            (Want::Each, StepKind::Command) => outcome.events.len(),
            (Want::Each, StepKind::Event) => 1,
        };
        if outcome.states.len() != wanted {
            return reader.fail(format!("{wanted} states were asked for, {} came back", outcome.states.len()));
        }
        if work.kind == StepKind::Event && !outcome.events.is_empty() {
            return reader.fail("an event step answered events");
        }
    }
    Ok(WorkResult { outcomes, failure })
}

/// Reads the events of a plain reply.
pub fn read_events(body: &Bytes) -> Result<Vec<Emitted>, EnvelopeError> {
    let mut reader = Reader { body, at: 0 };
    let mut events = Vec::new();
    reader.array(|reader| {
        events.push(Emitted { type_name: Arc::from(reader.text()?), payload: reader.bytes()? });
        Ok(())
    })?;
    if reader.at != body.len() {
        return reader.fail("bytes are left over after the events");
    }
    Ok(events)
}

struct Reader<'a> {
    body: &'a Bytes,
    at: usize,
}

impl Reader<'_> {
    fn fail<T>(&self, what: impl Into<String>) -> Result<T, EnvelopeError> {
        Err(EnvelopeError { what: what.into(), at: self.at })
    }

    fn long(&mut self) -> Result<i64, EnvelopeError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let Some(byte) = self.body.get(self.at).copied() else { return self.fail("the bytes end in the middle") };
            self.at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
            }
        }
        self.fail("a number of more than ten bytes")
    }

    fn index(&mut self, count: usize) -> Result<usize, EnvelopeError> {
        let index = self.long()?;
        match usize::try_from(index).ok().filter(|index| *index < count) {
            Some(index) => Ok(index),
            None => self.fail(format!("index {index} of {count}")),
        }
    }

    fn bytes(&mut self) -> Result<Bytes, EnvelopeError> {
        let length = self.long()?;
        let end =
            usize::try_from(length).ok().and_then(|n| self.at.checked_add(n)).filter(|end| *end <= self.body.len());
        let Some(end) = end else { return self.fail(format!("a length of {length}")) };
        let bytes = self.body.slice(self.at..end);
        self.at = end;
        Ok(bytes)
    }

    fn text(&mut self) -> Result<&str, EnvelopeError> {
        let begin = self.at;
        let length = self.bytes()?.len();
        match std::str::from_utf8(&self.body[self.at - length..self.at]) {
            Ok(text) => Ok(text),
            Err(_) => Err(EnvelopeError { what: "a text that is no UTF-8".to_owned(), at: begin }),
        }
    }

    fn optional(&mut self) -> Result<Option<Bytes>, EnvelopeError> {
        match self.index(2)? {
            0 => Ok(None),
            _ => self.bytes().map(Some),
        }
    }

    /// Each item has at least one byte, so no count can make more work than the bytes that are there.
    fn array(&mut self, mut item: impl FnMut(&mut Self) -> Result<(), EnvelopeError>) -> Result<(), EnvelopeError> {
        loop {
            let count = match self.long()? {
                0 => return Ok(()),
                count if count < 0 => {
                    self.long()?;
                    count.unsigned_abs()
                }
                count => count as u64,
            };
            if count > (self.body.len() - self.at) as u64 {
                return self.fail(format!("{count} items in {} bytes", self.body.len() - self.at));
            }
            for _ in 0..count {
                item(self)?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{read_events, read_response, write_request};
    use crate::call::{RunRequest, Step, StepKind, Want, Work};
    use crate::failure::FailureClass;
    use bytes::Bytes;
    use evento_model::{EntityId, FullName, Seed, Timestamp};

    fn unhex(text: &str) -> Bytes {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits.chunks(2).map(|p| u8::from_str_radix(std::str::from_utf8(p).expect("hex"), 16).expect("hex")).collect()
    }

    fn request() -> RunRequest {
        let name = |text| FullName::new(text).expect("a valid name");
        let step = Step {
            type_name: name("bank.DepositCash"),
            payload: unhex("f0 01 08 72 65 6e 74"),
            id: "c-9".into(),
            time: Timestamp(1_795_413_600_000),
            seed: Some(Seed([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])),
            attempt: 1,
            traceparent: None,
        };
        let work = Work {
            reference: 7,
            entity_id: EntityId::new("a-1").expect("a valid id"),
            seq: 3,
            state: Some(unhex("06 41 64 61 06 45 55 52 d0 0f 04")),
            kind: StepKind::Command,
            want: Want::Each,
            steps: vec![step],
        };
        RunRequest { entity: name("bank.Account"), work: vec![work] }
    }

    #[test]
    fn the_golden_request_is_written_and_the_golden_replies_are_read() {
        let golden = unhex(include_str!("../../../sdk/conformance/golden/run-request.hex"));
        assert_eq!(write_request(&request()), golden);
        assert_eq!(golden.len(), 91);
        let reply = unhex(include_str!("../../../sdk/conformance/golden/run-response.hex"));
        let response = read_response(&reply, &request()).expect("valid");
        let outcome = &response.results[0].outcomes[0];
        assert_eq!(&*outcome.events[0].type_name, "bank.DepositReceived");
        assert_eq!(outcome.states[0].as_deref(), Some(&unhex("06 41 64 61 06 45 55 52 c0 11 06")[..]));
        let refused = unhex(include_str!("../../../sdk/conformance/golden/run-response-poison.hex"));
        let response = read_response(&refused, &request()).expect("valid");
        let failure = response.results[0].failure.as_ref().expect("a failure");
        assert_eq!((failure.failure.class, failure.failure.title.as_str()), (FailureClass::Poison, "no such tariff"));
        let events = unhex(include_str!("../../../sdk/conformance/golden/events.hex"));
        assert_eq!(read_events(&events).expect("valid").len(), 1);
    }

    #[test]
    fn no_prefix_and_no_changed_byte_makes_reading_panic_or_a_prefix_valid() {
        let reply = unhex(include_str!("../../../sdk/conformance/golden/run-response.hex"));
        for length in 0..reply.len() {
            assert!(read_response(&reply.slice(..length), &request()).is_err(), "{length} bytes");
        }
        for at in 0..reply.len() {
            for bit in 0..8 {
                let mut bytes = reply.to_vec();
                bytes[at] ^= 1 << bit;
                let _ = read_response(&bytes.into(), &request());
            }
        }
        let huge = Bytes::from_static(&[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
        assert!(read_response(&huge, &request()).is_err());
    }
}
