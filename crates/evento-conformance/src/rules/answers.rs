//! F02, F03, F08: every command and event is answered, apply is a function, and both framings mean the same.

use evento_function::StepKind;
use evento_model::FullName;

use crate::answer::{Answer, Kind};
use crate::generate::{Chance, Taste};
use crate::report::Findings;
use crate::subject::{Call, Mode, Subject};

/// Calls per command or event: mild ones first, since those are what must succeed.
const TASTES: [Taste; 6] = [Taste::Mild, Taste::Mild, Taste::Mild, Taste::Mild, Taste::Wild, Taste::Wild];

/// A call with generated payload and state, for the n-th of several.
pub(crate) fn generated(
    subject: &Subject,
    entity: &FullName,
    kind: StepKind,
    name: &FullName,
    taste: Taste,
    with_state: bool,
    chance: &mut Chance,
) -> Call {
    // Of the probe, these do as much as they are told: an edge of their type would take for ever.
    let endless = ["evento.conformance.Sleep", "evento.conformance.EmitMany"].contains(&name.as_str());
    let payload = subject.make(name, chance, if endless { Taste::Mild } else { taste }).bytes;
    let state = with_state.then(|| subject.make(entity, chance, taste).bytes);
    subject.call(entity, kind, name, payload, state)
}

/// Every declared command: entity and name.
pub(crate) fn commands(subject: &Subject) -> Vec<(FullName, FullName)> {
    let of = |entity: &evento_function::manifest::ManifestEntity| {
        entity.handles.iter().map(|(command, _)| (entity.name.clone(), command.clone())).collect::<Vec<_>>()
    };
    subject.manifest.entities.iter().flat_map(of).collect()
}

/// Every event that is applied: entity and name.
pub(crate) fn applied(subject: &Subject) -> Vec<(FullName, FullName)> {
    let of = |entity: &evento_function::manifest::ManifestEntity| {
        entity.applies.iter().map(|event| (entity.name.clone(), event.clone())).collect::<Vec<_>>()
    };
    subject.manifest.entities.iter().flat_map(of).collect()
}

pub(crate) fn described(call: &Call, mode: Mode) -> String {
    let state = if call.state.is_some() { "with" } else { "without" };
    let payload: String = call.payload.iter().take(24).map(|byte| format!("{byte:02x}")).collect();
    let more = if call.payload.len() > 24 { "…" } else { "" };
    format!("{mode}: {} {state} a state, payload {payload}{more} ({} bytes)", call.name, call.payload.len())
}

/// A failure of a good call that says the call was bad.
fn no_contract(answer: Result<Answer, String>) -> Result<Answer, String> {
    match answer {
        Ok(answer) if answer.is_failed(Kind::Contract) => Err(answer.words()),
        other => other,
    }
}

pub(crate) async fn f02(subject: &Subject, chance: &mut Chance, out: &mut Findings) {
    for (entity, command) in commands(subject) {
        let mut failed = Vec::new();
        let mut answered = 0;
        for (n, taste) in TASTES.into_iter().enumerate() {
            let call = generated(subject, &entity, StepKind::Command, &command, taste, n % 2 == 1, chance);
            for mode in subject.modes.clone() {
                let answer = no_contract(subject.one(mode, &call).await);
                match &answer {
                    Ok(Answer::Events { .. }) => answered += 1,
                    Ok(answer) => failed.push(answer.words()),
                    Err(_) => {}
                }
                out.check(described(&call, mode), answer.map(drop));
            }
        }
        if answered == 0 && !failed.is_empty() {
            out.note(format!("{command} failed for every generated value: {}; is that meant?", failed[0]));
        }
    }
}

pub(crate) async fn f03(subject: &Subject, chance: &mut Chance, out: &mut Findings) {
    let events = applied(subject);
    if events.is_empty() {
        return out.skip("it applies no event");
    }
    for (entity, event) in events {
        let (mut failed, mut answered) = (Vec::new(), 0);
        for (n, taste) in TASTES.into_iter().enumerate() {
            let call = generated(subject, &entity, StepKind::Event, &event, taste, n != 1, chance);
            for mode in subject.modes.clone() {
                let first = no_contract(subject.one(mode, &call).await);
                match &first {
                    Ok(Answer::State(_)) => answered += 1,
                    Ok(answer) => failed.push(answer.words()),
                    Err(_) => {}
                }
                let came = match &first {
                    Err(why) => Err(why.clone()),
                    Ok(Answer::State(state)) => again(subject, mode, &call, state).await,
                    Ok(_) => Ok(()),
                };
                out.check(described(&call, mode), came);
            }
        }
        if answered == 0 && !failed.is_empty() {
            out.note(format!("{event} could be applied to no generated state: {}; is that meant?", failed[0]));
        }
    }
}

/// Applies once more and compares.
async fn again(subject: &Subject, mode: Mode, call: &Call, first: &Option<Vec<u8>>) -> Result<(), String> {
    match subject.one(mode, call).await? {
        Answer::State(second) if second == *first => Ok(()),
        Answer::State(second) => {
            let hex = |state: &Option<Vec<u8>>| match state {
                None => "no state".to_owned(),
                Some(bytes) => bytes.iter().take(40).map(|byte| format!("{byte:02x}")).collect(),
            };
            Err(format!("two different states: {} and {}", hex(first), hex(&second)))
        }
        other => Err(format!("a state the first time, {} the second", other.words())),
    }
}

pub(crate) async fn f08(subject: &Subject, chance: &mut Chance, out: &mut Findings) {
    if !(subject.has(Mode::Plain) && subject.has(Mode::Run)) {
        return out.skip("it speaks one framing, or only one was wanted");
    }
    let commands = commands(subject).into_iter().map(|(entity, name)| (entity, name, StepKind::Command));
    let events = applied(subject).into_iter().map(|(entity, name)| (entity, name, StepKind::Event));
    for (entity, name, kind) in commands.chain(events) {
        for (n, taste) in TASTES.into_iter().enumerate() {
            let call = generated(subject, &entity, kind, &name, taste, n % 2 == 1, chance);
            let plain = match subject.applies_any(&entity) {
                true => subject.plain_each(&call).await,
                false => subject.plain(&call).await,
            };
            let run = subject.run_one(&call).await;
            // What is no answer at all is for other rules.
            let (Ok(plain), Ok(run)) = (plain, run) else { continue };
            let (plain, run) = (plain.bare(), run.bare());
            let came = format!("plain gave {}, run gave {}", plain.words(), run.words());
            let differ = if plain.words() == run.words() { format!("{came}, of other content") } else { came };
            out.check(described(&call, Mode::Plain), if plain == run { Ok(()) } else { Err(differ) });
        }
    }
}
