//! F04, F05, F06: what a function must refuse.

use std::time::Duration;

use bytes::Bytes;
use evento_function::call::{RunRequest, StepKind, Want};
use evento_function::envelope::RUN_TYPE;
use evento_model::FullName;

use super::answers::{applied, commands, described, generated};
use crate::answer::{Answer, Kind, judge_status};
use crate::generate::{Chance, Datum, Taste};
use crate::raw;
use crate::report::Findings;
use crate::subject::{Call, Mode, Subject};
use crate::wire::{Ask, Reply};

/// What is done to a good value.
const SPOILS: [&str; 4] = ["cut short", "with a byte too much", "with a union index that is none", "with bad UTF-8"];

/// A call for each framing that is answered before anything bad is done.
pub(crate) async fn good_calls(subject: &Subject, chance: &mut Chance) -> Vec<(Mode, Call)> {
    let mut good = Vec::new();
    for mode in subject.modes.clone() {
        good.extend(good_call(subject, mode, chance).await.map(|(call, _)| (mode, call)));
    }
    good
}

/// That calls which were answered before are answered still.
pub(crate) async fn still_answered(subject: &Subject, good: &[(Mode, Call)], out: &mut Findings) {
    for (mode, call) in good {
        let came = match subject.one(*mode, call).await {
            Ok(Answer::Failed(failed)) => Err(failed.to_string()),
            Ok(_) => Ok(()),
            Err(why) => Err(why),
        };
        out.check(format!("{mode}: a good call afterwards ({})", call.name), came);
    }
}

/// A call that is answered with events or a state, and that answer.
pub(crate) async fn good_call(subject: &Subject, mode: Mode, chance: &mut Chance) -> Option<(Call, Answer)> {
    let commands = commands(subject).into_iter().map(|(entity, name)| (entity, name, StepKind::Command));
    let events = applied(subject).into_iter().map(|(entity, name)| (entity, name, StepKind::Event));
    let all: Vec<_> = commands.chain(events).collect();
    for attempt in 0..3 {
        for (entity, name, kind) in &all {
            let call = generated(subject, entity, *kind, name, Taste::Mild, attempt != 1, chance);
            match subject.one(mode, &call).await {
                Ok(Answer::Failed(_)) | Err(_) => {}
                Ok(answer) => return Some((call, answer)),
            }
        }
    }
    None
}

/// That a plain answer refuses the call as CONTRACT.
fn refused(reply: &Reply) -> Result<(), String> {
    if (200..300).contains(&reply.status) {
        let event = reply.header("evento-event").map(|name| format!(" with the event {name}")).unwrap_or_default();
        return Err(format!("status {}{event}", reply.status));
    }
    match judge_status(reply)? {
        failed if failed.kind == Kind::Contract => Ok(()),
        failed => Err(failed.to_string()),
    }
}

/// That a batch of one is refused: as a whole, or its work with CONTRACT.
async fn run_refused(subject: &Subject, request: &RunRequest) -> Result<(), String> {
    let ask = subject.run_ask(request);
    let reply = subject.ask(&ask).await?;
    if reply.status != 200 {
        return refused(&reply);
    }
    let answers = subject.read_run(request, &ask, &reply)?.pop().unwrap_or_default();
    match answers.last() {
        Some(answer) if answer.is_failed(Kind::Contract) => Ok(()),
        Some(answer) => Err(answer.words()),
        None => Err("an empty result".to_owned()),
    }
}

pub(crate) async fn f04(subject: &Subject, chance: &mut Chance, out: &mut Findings) {
    let before = good_calls(subject, chance).await;
    let Ok(unknown) = FullName::new("evento.unknown.NoSuchThing") else { return };
    let some = commands(subject).into_iter().map(|(entity, name)| (entity, name, StepKind::Command));
    let some = some.chain(applied(subject).into_iter().map(|(entity, name)| (entity, name, StepKind::Event)));
    for kind in [StepKind::Command, StepKind::Event] {
        let Some((entity, name, _)) = some.clone().find(|(_, _, of)| *of == kind) else { continue };
        let good = generated(subject, &entity, kind, &name, Taste::Mild, true, chance);
        let call = Call { name: unknown.clone(), ..good.clone() };
        let what = if kind == StepKind::Command { "command" } else { "event" };
        if subject.has(Mode::Plain) {
            let came = subject.ask(&subject.plain_ask(&call)).await.and_then(|reply| refused(&reply));
            out.check(format!("plain: the unknown {what} {unknown}"), came);
        }
        if subject.has(Mode::Run) {
            out.check(format!("run: the unknown {what} {unknown}"), run_call_refused(subject, &entity, &call).await);
            let came = run_call_refused(subject, &unknown, &good).await;
            out.check(format!("run: the unknown entity {unknown} with the {what} {name}"), came);
        }
    }
    still_answered(subject, &before, out).await;
}

async fn run_call_refused(subject: &Subject, entity: &FullName, call: &Call) -> Result<(), String> {
    let want = if call.kind == StepKind::Event { Want::Each } else { Want::None };
    run_refused(subject, &RunRequest { entity: entity.clone(), work: vec![subject.work(call, want)?] }).await
}

/// A good value made bad; `None` where it has no place for it.
fn spoiled(datum: &Datum, spoil: usize) -> Option<Vec<u8>> {
    let mut bytes = datum.bytes.clone();
    match spoil {
        0 => bytes.pop().map(|_| bytes),
        1 => {
            bytes.push(0);
            Some(bytes)
        }
        2 => datum.unions.first().map(|at| {
            bytes[*at] = 0x7e;
            bytes
        }),
        _ => datum.texts.first().map(|at| {
            bytes[*at] = 0xff;
            bytes
        }),
    }
}

pub(crate) async fn f05(subject: &Subject, chance: &mut Chance, out: &mut Findings) {
    let before = good_calls(subject, chance).await;
    let commands = commands(subject).into_iter().map(|(entity, name)| (entity, name, StepKind::Command));
    let events = applied(subject).into_iter().map(|(entity, name)| (entity, name, StepKind::Event));
    for (entity, name, kind) in commands.chain(events) {
        for (spoil, words) in SPOILS.iter().enumerate() {
            let (payload, state) =
                (subject.make(&name, chance, Taste::Mild), subject.make(&entity, chance, Taste::Mild));
            let good = |payload: Vec<u8>, state: Vec<u8>| subject.call(&entity, kind, &name, payload, Some(state));
            let bad_payload = spoiled(&payload, spoil).map(|bad| good(bad, state.bytes.clone()));
            let bad_state = spoiled(&state, spoil).map(|bad| good(payload.bytes.clone(), bad));
            if subject.has(Mode::Plain) {
                plain_spoiled(
                    subject,
                    &good(payload.bytes.clone(), state.bytes.clone()),
                    (&payload, &state),
                    spoil,
                    out,
                )
                .await;
            }
            if subject.has(Mode::Run) {
                for (what, call) in [("payload", bad_payload), ("state", bad_state)] {
                    let Some(call) = call else { continue };
                    let came = run_call_refused(subject, &entity, &call).await;
                    out.check(format!("{}, {what} {words}", described(&call, Mode::Run)), came);
                }
            }
        }
    }
    if subject.has(Mode::Run) {
        envelopes(subject, chance, out).await;
    }
    still_answered(subject, &before, out).await;
}

/// In plain the body is one datum: the payload, the union's index, the state.
async fn plain_spoiled(
    subject: &Subject,
    call: &Call,
    (payload, state): (&Datum, &Datum),
    spoil: usize,
    out: &mut Findings,
) {
    let ask = subject.plain_ask(call);
    let length = payload.bytes.len();
    let whole = Datum {
        bytes: ask.body.to_vec(),
        unions: std::iter::once(length).chain(payload.unions.iter().copied()).collect(),
        texts: payload.texts.iter().copied().chain(state.texts.iter().map(|at| length + 1 + at)).collect(),
    };
    let mut bodies: Vec<Vec<u8>> = spoiled(&whole, spoil).into_iter().collect();
    if spoil == 0 {
        // Ends right after the payload, and in the middle of nowhere.
        bodies.extend([ask.body[..length].to_vec(), Vec::new()]);
    }
    if spoil == 2 {
        let inner = Datum { unions: payload.unions.clone(), ..whole.clone() };
        bodies.extend(spoiled(&inner, spoil));
    }
    for body in bodies {
        let bad = Ask { body: Bytes::from(body), ..ask.clone() };
        let came = subject.ask(&bad).await.and_then(|reply| refused(&reply));
        out.check(format!("{}, body {}", described(call, Mode::Plain), SPOILS[spoil]), came);
    }
}

/// A batch request as a whole that cannot be read.
async fn envelopes(subject: &Subject, chance: &mut Chance, out: &mut Findings) {
    let Some((entity, name)) = commands(subject).into_iter().next() else { return };
    let call = generated(subject, &entity, StepKind::Command, &name, Taste::Mild, true, chance);
    let Ok(work) = subject.work(&call, Want::None) else { return };
    let good = subject.run_ask(&RunRequest { entity, work: vec![work] });
    let cut = good.body.slice(..good.body.len() - 1);
    let longer = Bytes::from([&good.body[..], &[0]].concat());
    let huge = Bytes::from_static(&[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
    for (words, body) in [("cut short", cut), ("with a byte too much", longer), ("with a huge length", huge)] {
        let bad = Ask { body, ..good.clone() };
        let came = subject.ask(&bad).await.and_then(|reply| refused(&reply));
        out.check(format!("run: an envelope {words}"), came);
    }
}

pub(crate) async fn f06(subject: &Subject, chance: &mut Chance, out: &mut Findings) {
    let before = good_calls(subject, chance).await;
    let mut asks = Vec::new();
    for (mode, call) in before.clone() {
        let ask = match mode {
            Mode::Plain => subject.plain_ask(&call),
            Mode::Run => {
                let want = if call.kind == StepKind::Event { Want::Each } else { Want::None };
                let Ok(work) = subject.work(&call, want) else { continue };
                subject.run_ask(&RunRequest { entity: call.entity.clone(), work: vec![work] })
            }
        };
        asks.push((mode, ask));
    }
    for (mode, ask) in &asks {
        for kind in ["text/plain", if *mode == Mode::Plain { RUN_TYPE } else { "avro/binary" }] {
            let bad = ask.clone().with("content-type", kind);
            let came = subject.ask(&bad).await.and_then(|reply| status_is(&reply, 415));
            out.check(format!("{mode}: POST {} as {kind}", ask.path), came);
        }
    }
    match subject.manifest.limits.max_body_bytes {
        None => out.note("the manifest has no limits.maxBodyBytes, so large bodies were not tried"),
        Some(most) if most > 256 << 20 => out.note("limits.maxBodyBytes is above 256 MiB, so it was not tried"),
        Some(most) => {
            for (mode, ask) in &asks {
                let deadline = subject.timeout.max(Duration::from_secs(30));
                let came = raw::oversized(&subject.wire, ask, most + 1, deadline).await;
                let came = came.and_then(|status| match status {
                    413 => Ok(()),
                    other => Err(format!("status {other}")),
                });
                out.check(format!("{mode}: POST {} with {} bytes", ask.path, most + 1), came);
            }
        }
    }
    still_answered(subject, &before, out).await;
}

fn status_is(reply: &Reply, wanted: u16) -> Result<(), String> {
    match reply.status {
        status if status == wanted => Ok(()),
        status => Err(format!("status {status}, not {wanted}")),
    }
}
