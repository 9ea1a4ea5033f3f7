//! The probe as the kit knows it: states, apply, and bytes, written by hand over the schemas of `sdk/conformance`.
//!
//! It shares no code with any SDK, and none with the codec that checks answers.

use std::collections::BTreeMap;

use crate::generate::{put_bytes, put_long};
use crate::subject::Call;

const MODULUS: i64 = 1_000_000_007;

/// The state of a probe.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct State {
    pub(super) count: i64,
    pub(super) digest: i64,
    pub(super) rejections: i64,
    pub(super) totals: BTreeMap<String, i64>,
    /// The bytes of the last value.
    pub(super) last: Option<Vec<u8>>,
}

impl State {
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        [self.count, self.digest, self.rejections].iter().for_each(|number| put_long(*number, &mut out));
        out.extend(map(self.totals.iter().map(|(key, value)| (key.as_str(), *value))));
        match &self.last {
            None => out.push(0),
            Some(value) => {
                out.push(2);
                out.extend_from_slice(value);
            }
        }
        out
    }

    fn read(bytes: &[u8]) -> Option<State> {
        let mut rest = bytes;
        let (count, digest, rejections) = (long(&mut rest)?, long(&mut rest)?, long(&mut rest)?);
        let totals = entries(&mut rest)?;
        let (present, rest) = rest.split_first()?;
        let last = (*present == 2).then(|| rest.to_vec());
        Some(State { count, digest, rejections, totals, last })
    }
}

/// The state after an event; the error is a mistake of the kit.
pub(super) fn apply(
    event: &str,
    payload: &[u8],
    state: Option<Vec<u8>>,
    call: &Call,
) -> Result<Option<Vec<u8>>, String> {
    let unread = || format!("the kit cannot read its own {event}");
    if event == "Rejected" {
        return Ok(state);
    }
    if event == "Ended" {
        return Ok(None);
    }
    let mut next = match &state {
        None => State::default(),
        Some(bytes) => State::read(bytes).ok_or_else(unread)?,
    };
    next.count += 1;
    let mut rest = payload;
    match event {
        "Echoed" => next.last = Some(payload.to_vec()),
        "Noted" => {
            let number = long(&mut rest).ok_or_else(unread)?;
            let length = long(&mut rest).ok_or_else(unread)?;
            next.digest = (next.digest * 31 + number + 7 * length) % MODULUS;
        }
        "RejectedAndCounted" => next.rejections += 1,
        "Mapped" => next.totals = entries(&mut rest).ok_or_else(unread)?,
        "ContextSeen" => next.totals = BTreeMap::from([(call.id.clone(), call.time)]),
        _ => return Err(unread()),
    }
    Ok(Some(next.bytes()))
}

pub(super) fn noted(number: i64, text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    put_long(number, &mut out);
    put_bytes(text.as_bytes(), &mut out);
    out
}

/// A record of one text.
pub(super) fn text(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    put_bytes(text.as_bytes(), &mut out);
    out
}

/// A record of one number.
pub(super) fn number(number: i64) -> Vec<u8> {
    let mut out = Vec::new();
    put_long(number, &mut out);
    out
}

/// A map in one block, in the order given.
pub(super) fn map<'a>(entries: impl ExactSizeIterator<Item = (&'a str, i64)>) -> Vec<u8> {
    let mut out = Vec::new();
    if entries.len() > 0 {
        put_long(entries.len() as i64, &mut out);
    }
    for (key, value) in entries {
        put_bytes(key.as_bytes(), &mut out);
        put_long(value, &mut out);
    }
    out.push(0);
    out
}

/// An `Everything` of zeros, with what the replay puts in.
fn everything(i: i64) -> Vec<u8> {
    let mut out = vec![0];
    put_long(i, &mut out);
    put_long(i << 32, &mut out);
    out.extend([0; 4]);
    out.extend((i as f64 / 4.0).to_le_bytes());
    put_bytes(format!("echo {i}").as_bytes(), &mut out);
    // someBytes, aFixed, anEnum, ints, matrix
    out.extend([0; 1 + 4 + 1 + 1 + 1]);
    out.extend(map([("i", i)].into_iter()));
    // table, optionalText
    out.extend([0, 0]);
    for _ in 0..i / 100 % 5 {
        out.push(2);
        put_bytes(b"n", &mut out);
    }
    out.push(0);
    // either: the int 0; choice: null; the decimals: one byte 0, eight bytes 0, and a big-decimal of 0 with scale 0
    out.extend([0, 0, 0, 2, 0]);
    out.extend([0; 8]);
    out.extend([6, 2, 0, 0]);
    put_bytes(b"00000000-0000-0000-0000-000000000000", &mut out);
    out.extend([0; 16]);
    // aDate, two times, three timestamps, three local ones; aDuration; two absent ones
    out.extend([0; 9 + 12 + 2]);
    out
}

/// Event number i of the replay of S10.
pub(super) fn replayed(i: i64) -> (&'static str, Vec<u8>) {
    match i {
        4999 => ("Ended", Vec::new()),
        i if i % 100 == 99 => ("Echoed", everything(i)),
        i if i % 10 == 9 => {
            let keys: Vec<String> = (0..i % 7).map(|j| format!("k{j}")).collect();
            ("Mapped", map(keys.iter().enumerate().map(|(j, key)| (key.as_str(), i * j as i64))))
        }
        i if i % 10 == 4 => ("RejectedAndCounted", text(&format!("no {i}"))),
        i => ("Noted", noted(i * 7919 % 104_729, &format!("event {i} é"))),
    }
}

fn long(rest: &mut &[u8]) -> Option<i64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Some((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
    None
}

fn entries(rest: &mut &[u8]) -> Option<BTreeMap<String, i64>> {
    let mut entries = BTreeMap::new();
    loop {
        let mut count = long(rest)?;
        if count == 0 {
            return Some(entries);
        }
        if count < 0 {
            long(rest)?;
            count = -count;
        }
        for _ in 0..count {
            let length = usize::try_from(long(rest)?).ok()?;
            let (key, after) = rest.split_at_checked(length)?;
            *rest = after;
            entries.insert(std::str::from_utf8(key).ok()?.to_owned(), long(rest)?);
        }
    }
}

#[cfg(test)]
mod tests {
    use evento_function::StepKind;
    use evento_model::FullName;

    use super::{apply, replayed};
    use crate::probe::golden::replay_states;
    use crate::subject::Call;

    #[test]
    fn the_model_folds_the_replay_to_the_golden_states() {
        let name = FullName::new("evento.conformance.Probe").expect("a name");
        let call = Call {
            entity: name.clone(),
            kind: StepKind::Event,
            name,
            payload: Default::default(),
            state: None,
            id: "a".into(),
            seq: 0,
            command_id: String::new(),
            time: 0,
            seed: [0; 16],
            attempt: 1,
            traceparent: None,
        };
        let (mut state, mut done) = (None, 0);
        for (count, golden) in replay_states() {
            while done < count {
                let (event, payload) = replayed(done as i64);
                state = apply(event, &payload, state, &call).expect("the kit's own bytes");
                done += 1;
            }
            assert_eq!(state, golden, "after {count} events");
        }
    }
}
