//! The batch framing from the function's side: a fold over steps for each work.
//!
//! Source: function-protocol 2 and 6.2. A work that fails leaves the others as they are.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::avro::{Malformed, Reader, put_bytes, put_long};
use crate::{ApplyContext, Context, Encoded, Failure, FailureKind, Function, Timestamp};

/// Media type of both bodies.
#[cfg(feature = "serve")]
pub(crate) const RUN_TYPE: &str = "application/vnd.evento.run.v1+avro";

struct Fold {
    seq: u64,
    state: Option<Vec<u8>>,
    /// Commands are decided and applied; events only applied.
    command: bool,
    want: i64,
    /// What apply gets; its time is the step's.
    context: ApplyContext,
}

/// A step as it lies in the request.
struct Asked<'a> {
    type_name: &'a str,
    payload: &'a [u8],
    id: &'a str,
    seed: &'a [u8],
}

/// Answers a `RunRequest`. The error is an envelope that cannot be read.
pub(crate) fn run(function: &dyn Function, body: &[u8]) -> Result<Vec<u8>, Malformed> {
    run_until(function, body, &|| false).map(Option::unwrap_or_default)
}

/// The same, but for work that nobody waits for any more: none when it became overdue.
pub(crate) fn run_until(
    function: &dyn Function,
    body: &[u8],
    overdue: &dyn Fn() -> bool,
) -> Result<Option<Vec<u8>>, Malformed> {
    let mut late = false;
    let mut reader = Reader::over(body);
    let entity = text(&mut reader)?;
    let known = entity == function.entity();
    // Counts come before what they count, so results and outcomes are gathered first.
    let (mut results, mut count_results) = (Vec::with_capacity(body.len() + 64), 0);
    let mut outcomes = Vec::new();
    blocks(&mut reader, |reader| {
        count_results += 1;
        outcomes.clear();
        put_long(&mut results, reader.long()?);
        let entity_id = text(reader)?;
        let seq = reader.long()? as u64;
        let state = optional(reader)?.map(<[u8]>::to_vec);
        let command = index(reader, 2)? == 0;
        let want = index(reader, 3)?;
        let context = ApplyContext { entity_id: entity_id.to_owned(), time: Timestamp::default() };
        let mut fold = Fold { seq, state, command, want, context };
        let mut failure = if known { None } else { Some(Failure::unknown("entity", entity)) };
        let mut done = 0;
        let mut steps = Vec::new();
        blocks(reader, |reader| {
            let (type_name, payload, id) = (text(reader)?, bytes(reader)?, text(reader)?);
            let (time_ms, seed) = (reader.long()?, bytes(reader)?);
            blocks(reader, |reader| {
                text(reader)?;
                text(reader).map(drop)
            })?;
            steps.push((Asked { type_name, payload, id, seed }, Timestamp::from_millis(time_ms)));
            Ok(())
        })?;
        let count = steps.len();
        for (n, (step, time)) in steps.into_iter().enumerate() {
            late = late || overdue();
            if failure.is_some() || late {
                break;
            }
            fold.context.time = time;
            let taken = catch_unwind(AssertUnwindSafe(|| fold.step(function, &step, n + 1 == count)));
            match taken.unwrap_or_else(|panic| Err(panicked(&*panic))) {
                Ok((events, states)) => {
                    put_outcome(&mut outcomes, &events, states);
                    done += 1;
                }
                Err(failed) => failure = Some(failed),
            }
        }
        put_array(&mut results, done, &outcomes);
        put_failure(&mut results, done, failure);
        Ok(())
    })?;
    if !reader.is_at_end() {
        return Err(Malformed("bytes are left over after the request".to_owned()));
    }
    let mut out = Vec::with_capacity(results.len() + 8);
    put_array(&mut out, count_results, &results);
    Ok(Some(out).filter(|_| !late && !overdue()))
}

/// The events of a step, and the states that were asked for.
type Step = (Vec<Encoded>, Vec<Option<Vec<u8>>>);

impl Fold {
    fn step(&mut self, function: &dyn Function, step: &Asked<'_>, last: bool) -> Result<Step, Failure> {
        let each = self.want == 2;
        let wanted = each || (self.want == 1 && last);
        if !self.command {
            self.state = function.apply(step.type_name, step.payload, self.state.as_deref(), &self.context)?;
            let states = if wanted { vec![self.state.clone()] } else { Vec::new() };
            return Ok((Vec::new(), states));
        }
        let seed = step.seed.try_into();
        let seed = seed.map_err(|_| Failure::contract("a command without its seed", "a seed has 16 bytes"))?;
        let context = Context::new(self.context.entity_id.as_str(), self.seq, step.id, self.context.time, seed);
        let events = function.handle(step.type_name, step.payload, self.state.as_deref(), &context)?;
        let mut states = Vec::new();
        if self.want > 0 {
            states = evolve(function, &events, &mut self.state, &self.context)?;
        }
        self.seq += events.len() as u64;
        if !each {
            states = states.pop().into_iter().filter(|_| wanted).collect();
        }
        Ok((events, states))
    }
}

/// The state after each event; a rejection that is not applied leaves it as it is.
pub(crate) fn evolve(
    function: &dyn Function,
    events: &[Encoded],
    state: &mut Option<Vec<u8>>,
    context: &ApplyContext,
) -> Result<Vec<Option<Vec<u8>>>, Failure> {
    let mut states = Vec::with_capacity(events.len());
    for event in events {
        if function.applies(event.type_name) {
            *state = function.apply(event.type_name, &event.payload, state.as_deref(), context)?;
        }
        states.push(state.clone());
    }
    Ok(states)
}

/// A panic in user code is a failure to be retried.
pub(crate) fn panicked(panic: &(dyn std::any::Any + Send)) -> Failure {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    Failure { kind: FailureKind::Retry, title: format!("the function panicked: {text}"), detail: String::new() }
}

/// An array whose items are written already, as one block.
fn put_array(out: &mut Vec<u8>, count: i64, items: &[u8]) {
    if count > 0 {
        put_long(out, count);
        out.extend_from_slice(items);
    }
    out.push(0);
}

fn put_outcome(out: &mut Vec<u8>, events: &[Encoded], states: Vec<Option<Vec<u8>>>) {
    if !events.is_empty() {
        put_long(out, events.len() as i64);
        for event in events {
            put_bytes(out, event.type_name.as_bytes());
            put_bytes(out, &event.payload);
        }
    }
    out.push(0);
    if !states.is_empty() {
        put_long(out, states.len() as i64);
        for state in states {
            match state {
                None => out.push(0),
                Some(state) => {
                    out.push(2);
                    put_bytes(out, &state);
                }
            }
        }
    }
    out.push(0);
}

fn put_failure(out: &mut Vec<u8>, step: i64, failure: Option<Failure>) {
    let Some(failure) = failure else { return out.push(0) };
    out.push(2);
    put_long(out, step);
    out.push(match failure.kind {
        FailureKind::Retry => 0,
        FailureKind::Poison => 2,
        FailureKind::Contract => 4,
    });
    put_bytes(out, failure.title.as_bytes());
    put_bytes(out, failure.detail.as_bytes());
}

fn bytes<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Malformed> {
    let length = reader.long()?;
    let length = usize::try_from(length).map_err(|_| Malformed(format!("a length of {length}")))?;
    reader.take(length)
}

fn text<'a>(reader: &mut Reader<'a>) -> Result<&'a str, Malformed> {
    std::str::from_utf8(bytes(reader)?).map_err(|_| Malformed("a text that is no UTF-8".to_owned()))
}

fn index(reader: &mut Reader<'_>, count: i64) -> Result<i64, Malformed> {
    let index = reader.long()?;
    if (0..count).contains(&index) { Ok(index) } else { Err(Malformed(format!("index {index} of {count}"))) }
}

fn optional<'a>(reader: &mut Reader<'a>) -> Result<Option<&'a [u8]>, Malformed> {
    if index(reader, 2)? == 0 { Ok(None) } else { bytes(reader).map(Some) }
}

fn blocks<'a>(
    reader: &mut Reader<'a>,
    mut item: impl FnMut(&mut Reader<'a>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    loop {
        let count = match reader.long()? {
            0 => return Ok(()),
            count if count < 0 => {
                reader.long()?;
                count.unsigned_abs()
            }
            count => count as u64,
        };
        for _ in 0..count {
            item(reader)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::run;
    use crate::{ApplyContext, Context, Encoded, Failure, Function};

    /// The function of the golden files, by hand over bytes, so that nothing of the codec can agree with itself.
    struct Bank {
        fails: Option<Failure>,
    }

    const RECEIVED: &str = "bank.DepositReceived";

    impl Function for Bank {
        fn entity(&self) -> &'static str {
            "bank.Account"
        }

        fn manifest(&self) -> serde_json::Value {
            serde_json::Value::Null
        }

        fn applies(&self, event: &str) -> bool {
            event == RECEIVED
        }

        fn rejects(&self, _: &str) -> bool {
            false
        }

        fn length(&self, _: &str, _: &[u8]) -> Result<usize, Failure> {
            Ok(8)
        }

        fn handle(
            &self,
            command: &str,
            payload: &[u8],
            state: Option<&[u8]>,
            context: &Context,
        ) -> Result<Vec<Encoded>, Failure> {
            assert_eq!((command, state), ("bank.DepositCash", Some(&unhex("06 41 64 61 06 45 55 52 d0 0f 04")[..])));
            let seed: Vec<u8> = (0..16).collect();
            assert_eq!((&*context.entity_id, context.seq, &*context.command_id), ("a-1", 3, "c-9"));
            assert_eq!((context.time.as_millis(), &context.seed[..]), (1_795_413_600_000, &seed[..]));
            match &self.fails {
                Some(failure) => Err(failure.clone()),
                None => Ok(vec![Encoded { type_name: RECEIVED, payload: payload.to_vec() }]),
            }
        }

        fn apply(
            &self,
            event: &str,
            payload: &[u8],
            _: Option<&[u8]>,
            _: &ApplyContext,
        ) -> Result<Option<Vec<u8>>, Failure> {
            assert_eq!((event, payload), (RECEIVED, &unhex("f0 01 08 72 65 6e 74")[..]));
            Ok(Some(unhex("06 41 64 61 06 45 55 52 c0 11 06")))
        }
    }

    fn unhex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("hex"), 16).expect("hex");
        digits.chunks(2).map(pair).collect()
    }

    const REQUEST: &str = include_str!("../../conformance/golden/run-request.hex");

    #[test]
    fn the_golden_request_has_the_golden_reply() {
        let reply = run(&Bank { fails: None }, &unhex(REQUEST)).expect("readable");
        assert_eq!(reply, unhex(include_str!("../../conformance/golden/run-response.hex")));
    }

    #[test]
    fn a_poisoned_command_has_the_golden_failure() {
        let reply = run(&Bank { fails: Some(Failure::poison("no such tariff")) }, &unhex(REQUEST)).expect("readable");
        assert_eq!(reply, unhex(include_str!("../../conformance/golden/run-response-poison.hex")));
    }

    #[test]
    fn a_request_cut_or_lengthened_anywhere_is_refused_and_never_panics() {
        let request = unhex(REQUEST);
        for end in 0..request.len() {
            assert!(run(&Bank { fails: None }, &request[..end]).is_err(), "cut at {end}");
        }
        assert!(run(&Bank { fails: None }, &[&request[..], &[0]].concat()).is_err());
    }
}
