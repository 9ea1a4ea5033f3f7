//! S02 to S05, S07, S09, S10: commands and events, one by one, chained, and by the thousand.

use evento_function::call::{RunRequest, StepKind, Want};

use super::golden::{replay_states, vectors};
use super::model::{State, apply, noted, number, replayed, text};
use super::{Expected, call, command, decide, differ, expect};
use crate::answer::{Answer, Kind};
use crate::report::Findings;
use crate::subject::{Call, Mode, Subject, step};

/// A state that is not the first.
fn some_state() -> Vec<u8> {
    State { count: 41, digest: 7, rejections: 2, ..State::default() }.bytes()
}

/// One command in every framing, with and without a state.
async fn each(subject: &Subject, out: &mut Findings, simple: &str, payload: Vec<u8>, expected: &[Expected]) {
    for state in [None, Some(some_state())] {
        for mode in subject.modes.clone() {
            let came = async {
                let call = command(subject, simple, payload.clone(), state.clone())?;
                expect(&call, decide(subject, mode, &call).await?, expected)
            };
            let with = if state.is_some() { "with" } else { "without" };
            out.check(format!("{mode}: {simple} {with} a state"), came.await);
        }
    }
}

/// That a command fails so, with a title that has these words.
async fn fails(subject: &Subject, out: &mut Findings, simple: &str, payload: Vec<u8>, kind: Kind, words: &str) {
    for mode in subject.modes.clone() {
        let came = async {
            let call = command(subject, simple, payload.clone(), Some(some_state()))?;
            match decide(subject, mode, &call).await? {
                Answer::Failed(failed) if failed.kind == kind && failed.title.contains(words) => Ok(()),
                other => Err(other.words()),
            }
        };
        out.check(format!("{mode}: {simple}"), came.await);
    }
}

pub(crate) async fn s02(subject: &Subject, out: &mut Findings) {
    for n in [1, 2, 100] {
        let expected: Vec<Expected> = (0..n).map(|i| ("Noted", noted(i, &format!("note {i}")))).collect();
        each(subject, out, "EmitMany", number(n), &expected).await;
    }
    fails(subject, out, "EmitMany", number(0), Kind::Contract, "").await;
}

pub(crate) async fn s03(subject: &Subject, out: &mut Findings) {
    each(subject, out, "Reject", text("no"), &[("Rejected", text("no"))]).await;
    each(subject, out, "RejectAndCount", text("never"), &[("RejectedAndCounted", text("never"))]).await;
    let declared = super::name("Probe").and_then(|probe| subject.entity(&probe));
    for (simple, applied) in [("Rejected", false), ("RejectedAndCounted", true)] {
        let Some((entity, event)) = declared.zip(super::name(simple)) else { continue };
        let as_due = entity.rejections.contains(&event) && entity.applies.contains(&event) == applied;
        let came = "it is not among rejections, or applies does not say so".to_owned();
        out.check(format!("{simple} in the manifest"), if as_due { Ok(()) } else { Err(came) });
    }
}

pub(crate) async fn s04(subject: &Subject, out: &mut Findings) {
    each(subject, out, "End", Vec::new(), &[("Ended", Vec::new())]).await;
    for mode in subject.modes.clone() {
        let came = async {
            // The state is gone, and events were there: the sequence goes on.
            let call = Call { seq: 5, ..command(subject, "ExpectCount", number(0), None)? };
            expect(&call, decide(subject, mode, &call).await?, &[("Noted", noted(1, "as expected"))])
        };
        out.check(format!("{mode}: ExpectCount 0 at sequence 5 without a state"), came.await);
    }
    if subject.has(Mode::Run) {
        let steps = [("Maps", vec![0]), ("End", Vec::new()), ("Reject", text("r")), ("EmitMany", number(1))];
        let expected: [&[Expected]; 4] = [
            &[("Mapped", vec![0])],
            &[("Ended", Vec::new())],
            &[("Rejected", text("r"))],
            &[("Noted", noted(0, "note 0"))],
        ];
        let came = chained(subject, Want::Each, Some(some_state()), &steps, &expected, None).await;
        out.check("run: Maps, End, Reject, EmitMany in one work", came);
    }
}

pub(crate) async fn s05(subject: &Subject, out: &mut Findings) {
    fails(subject, out, "Throw", text("out of luck"), Kind::Retry, "out of luck").await;
    fails(subject, out, "Poison", text("no such tariff"), Kind::Poison, "no such tariff").await;
    fails(subject, out, "Break", text("cannot apply"), Kind::Retry, "cannot apply").await;
}

pub(crate) async fn s07(subject: &Subject, out: &mut Findings) {
    for (n, vector) in vectors().into_iter().enumerate() {
        for mode in subject.modes.clone() {
            let came = async {
                let call = Call {
                    id: vector.entity_id.clone(),
                    seq: vector.seq,
                    command_id: vector.command_id.clone(),
                    time: vector.time,
                    seed: vector.seed,
                    ..command(subject, "Context", Vec::new(), None)?
                };
                expect(&call, decide(subject, mode, &call).await?, &[("ContextSeen", vector.seen.clone())])
            };
            out.check(format!("{mode}: vector {n} of context.json"), came.await);
        }
    }
}

/// How a chain fails: at which step, how, with which words in the title.
type Failing = (usize, Kind, &'static str);

/// One work of several commands.
async fn chained(
    subject: &Subject,
    want: Want,
    state: Option<Vec<u8>>,
    steps: &[(&str, Vec<u8>)],
    expected: &[&[Expected]],
    failing: Option<Failing>,
) -> Result<(), String> {
    let calls: Vec<Call> = steps
        .iter()
        .map(|(simple, payload)| command(subject, simple, payload.clone(), state.clone()))
        .collect::<Result<_, String>>()?;
    let mut work = subject.work(&calls[0], want)?;
    work.steps = calls.iter().map(step).collect();
    let request = RunRequest { entity: calls[0].entity.clone(), work: vec![work] };
    let mut answers = subject.run(&request).await?.pop().unwrap_or_default();
    if let Some((at, kind, words)) = failing {
        match answers.pop() {
            Some(Answer::Failed(failed)) if failed.kind == kind && failed.title.contains(words) => {}
            Some(other) => return Err(format!("step {at} got {}", other.words())),
            None => return Err("an empty result".to_owned()),
        }
        if answers.len() != at {
            return Err(format!("{} outcomes before the failure, not {at}", answers.len()));
        }
    }
    let mut state = state;
    for (n, (answer, expected)) in answers.into_iter().zip(expected).enumerate() {
        let at_step = |why: String| format!("step {n}: {why}");
        let call = Call { state: state.clone().map(Into::into), ..calls[n].clone() };
        for (event, payload) in *expected {
            state = apply(event, payload, state, &call)?;
        }
        let Answer::Events { events, mut states } = answer else { return Err(at_step(answer.words())) };
        if want == Want::Final {
            // The last state stands for all; the others were not asked for.
            if n + 1 == steps.len() && states.pop() != Some(state.clone()) {
                return Err(at_step("another state at the end than the events make".to_owned()));
            }
            super::expect_events(&events, expected).map_err(at_step)?;
        } else {
            expect(&call, Answer::Events { events, states }, expected).map_err(at_step)?;
        }
    }
    Ok(())
}

pub(crate) async fn s09(subject: &Subject, out: &mut Findings) {
    if !subject.has(Mode::Run) {
        return out.skip("it does not speak run, or that was not wanted");
    }
    let expected_ok = || vec![("Noted", noted(1, "as expected"))];
    let two = vec![("Noted", noted(0, "note 0")), ("Noted", noted(1, "note 1"))];
    let steps = [
        ("ExpectCount", number(41)),
        ("EmitMany", number(2)),
        ("ExpectCount", number(44)),
        ("RejectAndCount", text("r")),
        ("Reject", text("s")),
        ("ExpectCount", number(46)),
    ];
    let outcomes = [
        expected_ok(),
        two.clone(),
        expected_ok(),
        vec![("RejectedAndCounted", text("r"))],
        vec![("Rejected", text("s"))],
        expected_ok(),
    ];
    let expected: Vec<&[Expected]> = outcomes.iter().map(|events| &events[..]).collect();
    for want in [Want::Each, Want::Final] {
        let came = chained(subject, want, Some(some_state()), &steps, &expected, None).await;
        out.check(format!("run: six chained commands, {want:?}"), came);
    }
    let failing: [(&str, Vec<u8>, Kind, &'static str); 4] = [
        ("Throw", text("in the middle"), Kind::Retry, "in the middle"),
        ("Poison", text("for good"), Kind::Poison, "for good"),
        ("Break", text("in apply"), Kind::Retry, "in apply"),
        ("EmitMany", number(0), Kind::Contract, ""),
    ];
    for (simple, payload, kind, words) in failing {
        let steps = [steps[0].clone(), steps[1].clone(), (simple, payload), steps[2].clone()];
        let came = chained(subject, Want::Each, Some(some_state()), &steps, &expected, Some((2, kind, words))).await;
        out.check(format!("run: a chain with {simple} at step 2"), came);
    }
    out.check("run: NONE gives events without states", none(subject).await);
    out.check("run: applied events, EACH", applied(subject, Want::Each).await);
    out.check("run: applied events, FINAL", applied(subject, Want::Final).await);
    out.check("run: an event that cannot be applied at step 1", broken(subject).await);
}

async fn none(subject: &Subject) -> Result<(), String> {
    let call = command(subject, "EmitMany", number(1), Some(some_state()))?;
    let request = RunRequest { entity: call.entity.clone(), work: vec![subject.work(&call, Want::None)?] };
    match subject.run(&request).await?.pop().unwrap_or_default().pop() {
        Some(Answer::Events { events, .. }) => super::expect_events(&events, &[("Noted", noted(0, "note 0"))]),
        Some(other) => Err(other.words()),
        None => Err("an empty result".to_owned()),
    }
}

/// A work of events.
async fn events(
    subject: &Subject,
    want: Want,
    state: Option<Vec<u8>>,
    steps: &[Expected],
) -> Result<(Call, Vec<Answer>), String> {
    let calls: Vec<Call> = steps
        .iter()
        .map(|(simple, payload)| call(subject, StepKind::Event, simple, payload.clone(), state.clone()))
        .collect::<Result<_, String>>()?;
    let mut work = subject.work(&calls[0], want)?;
    work.steps = calls.iter().map(step).collect();
    let request = RunRequest { entity: calls[0].entity.clone(), work: vec![work] };
    let answers = subject.run(&request).await?.pop().unwrap_or_default();
    Ok((calls[0].clone(), answers))
}

async fn applied(subject: &Subject, want: Want) -> Result<(), String> {
    let steps: [Expected; 4] =
        [("Noted", noted(5, "x")), ("Ended", Vec::new()), ("Mapped", vec![0]), ("Noted", noted(6, "é"))];
    let (call, answers) = events(subject, want, Some(some_state()), &steps).await?;
    let mut state = Some(some_state());
    for (n, ((event, payload), answer)) in steps.iter().zip(answers).enumerate() {
        state = apply(event, payload, state, &call)?;
        let last = n + 1 == steps.len();
        match answer {
            Answer::State(found) if want == Want::Each || last => {
                if found != state {
                    return Err(format!("after step {n}: {}", differ(found.as_deref(), state.as_deref())));
                }
            }
            Answer::State(_) => {}
            other => return Err(format!("step {n} got {}", other.words())),
        }
    }
    Ok(())
}

async fn broken(subject: &Subject) -> Result<(), String> {
    let steps: [Expected; 3] = [("Noted", noted(5, "x")), ("Broken", text("torn")), ("Noted", noted(6, "y"))];
    let (_, answers) = events(subject, Want::Each, None, &steps).await?;
    match &answers[..] {
        [Answer::State(Some(_)), Answer::Failed(failed)] if failed.kind == Kind::Retry => Ok(()),
        other => Err(other.iter().map(Answer::words).collect::<Vec<_>>().join(", ")),
    }
}

pub(crate) async fn s10(subject: &Subject, out: &mut Findings) {
    let most = subject.manifest.limits.max_steps.map_or(5_000, |most| (most as usize).clamp(1, 5_000));
    // In plain each event is a request: the first hundred must do.
    let last = if subject.has(Mode::Run) { 10_000 } else { 100 };
    let (mut state, mut done) = (None, 0);
    for (count, golden) in replay_states().into_iter().filter(|(count, _)| *count <= last) {
        while done < count {
            let steps: Vec<Expected> = (done..count.min(done + most)).map(|i| replayed(i as i64)).collect();
            done += steps.len();
            match replay(subject, state, &steps).await {
                Ok(next) => state = next,
                Err(why) => return out.fault(format!("the work up to event {done}"), why),
            }
        }
        let came = if state == golden { Ok(()) } else { Err(differ(state.as_deref(), golden.as_deref())) };
        out.check(format!("the state after {count} events"), came);
    }
}

/// The state after these events.
async fn replay(subject: &Subject, state: Option<Vec<u8>>, steps: &[Expected]) -> Result<Option<Vec<u8>>, String> {
    if subject.has(Mode::Run) {
        let (_, answers) = events(subject, Want::Final, state, steps).await?;
        return match answers.into_iter().next_back() {
            Some(Answer::State(state)) => Ok(state),
            Some(other) => Err(other.words()),
            None => Err("an empty result".to_owned()),
        };
    }
    let mut state = state;
    for (simple, payload) in steps {
        let call = call(subject, StepKind::Event, simple, payload.clone(), state)?;
        match subject.plain(&call).await? {
            Answer::State(next) => state = next,
            other => return Err(other.words()),
        }
    }
    Ok(state)
}
