//! S01, S08: the codec, through the wire.

use super::golden::{ECHOES, unhex};
use super::model::{State, map};
use super::{command, decide, expect, is_probe};
use crate::generate::{Chance, put_bytes, put_long};
use crate::report::Findings;
use crate::subject::Subject;

/// Keys of the map of S08.
const KEYS: usize = 100;

pub(crate) async fn s01(subject: &Subject, out: &mut Findings) {
    if !is_probe(subject, out) {
        return;
    }
    let before = State { count: 41, last: Some(unhex(ECHOES[0].1)), ..State::default() }.bytes();
    for (name, given, wanted) in ECHOES {
        for state in [None, Some(before.clone())] {
            for mode in subject.modes.clone() {
                let came = async {
                    let call = command(subject, "Echo", unhex(given), state.clone())?;
                    let answer = decide(subject, mode, &call).await?;
                    expect(&call, answer, &[("Echoed", unhex(wanted))])
                };
                let with = if state.is_some() { "with" } else { "without" };
                out.check(format!("{mode}: Echo of everything-{name}.hex {with} a state"), came.await);
            }
        }
    }
}

pub(crate) async fn s08(subject: &Subject, chance: &mut Chance, out: &mut Findings) {
    // Characters whose order is another in UTF-16: U+FFFF is after U+1F600 there.
    let begin = ["", "A", "a", "z", "\u{7f}", "é", "日", "\u{ffff}", "\u{1f600}", "\u{10ffff}"];
    let mut keys: Vec<String> = (0..KEYS).map(|n| format!("{}{}", begin[n % begin.len()], n / begin.len())).collect();
    for round in 0..4 {
        chance.shuffle(&mut keys);
        let payload = blocks(&keys, chance);
        let mut sorted: Vec<&String> = keys.iter().collect();
        sorted.sort_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
        let wanted = map(sorted.iter().map(|key| (key.as_str(), key.len() as i64)));
        for mode in subject.modes.clone() {
            let came = async {
                let call = command(subject, "Maps", payload.clone(), None)?;
                let answer = decide(subject, mode, &call).await?;
                expect(&call, answer, &[("Mapped", wanted.clone())])
            };
            out.check(format!("{mode}: Maps with {KEYS} keys, order {round}"), came.await);
        }
    }
}

/// The entries in several blocks, some with their size.
fn blocks(keys: &[String], chance: &mut Chance) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = keys;
    while !rest.is_empty() {
        let (block, after) = rest.split_at((1 + chance.below(40) as usize).min(rest.len()));
        let mut entries = Vec::new();
        for key in block {
            put_bytes(key.as_bytes(), &mut entries);
            put_long(key.len() as i64, &mut entries);
        }
        if chance.below(2) == 0 {
            put_long(-(block.len() as i64), &mut out);
            put_long(entries.len() as i64, &mut out);
        } else {
            put_long(block.len() as i64, &mut out);
        }
        out.extend(entries);
        rest = after;
    }
    out.push(0);
    out
}
