//! The S rules: what the reference function of an SDK must do beyond what any function must.
//!
//! What the probe must answer is computed by a model of it (`model`), and where that could be wrong in the same way,
//! compared with golden files that were made by others.

mod codec;
mod golden;
mod identity;
mod life;
mod model;
mod steps;

use evento_function::StepKind;
use evento_model::FullName;
use evento_schema::avro::Schema;

use crate::answer::{Answer, Event};
use crate::report::Findings;
use crate::subject::{Call, Mode, Subject};

pub(crate) use codec::{s01, s08};
pub(crate) use identity::s11;
pub(crate) use life::{s06, s12, s13, s14, s15, s15_module};
pub(crate) use steps::{s02, s03, s04, s05, s07, s09, s10};

const NAMESPACE: &str = "evento.conformance";

/// Full name of a type of the probe. The names are constants of the kit; another falls back to the entity's.
fn name(simple: &str) -> Option<FullName> {
    FullName::new(&format!("{NAMESPACE}.{simple}")).ok()
}

/// A call of the probe.
fn call(
    subject: &Subject,
    kind: StepKind,
    simple: &str,
    payload: Vec<u8>,
    state: Option<Vec<u8>>,
) -> Result<Call, String> {
    let (entity, name) = (name("Probe"), name(simple));
    let (Some(entity), Some(name)) = (entity, name) else { return Err(format!("{simple} is no name")) };
    Ok(subject.call(&entity, kind, &name, payload, state))
}

fn command(subject: &Subject, simple: &str, payload: Vec<u8>, state: Option<Vec<u8>>) -> Result<Call, String> {
    call(subject, StepKind::Command, simple, payload, state)
}

/// Decides and applies.
async fn decide(subject: &Subject, mode: Mode, call: &Call) -> Result<Answer, String> {
    match mode {
        Mode::Plain => subject.plain_each(call).await,
        Mode::Run => subject.run_one(call).await,
    }
}

/// An event that is expected: its simple name and its bytes.
type Expected = (&'static str, Vec<u8>);

/// That a command gave these events, byte for byte, and after each the state of the model.
fn expect(call: &Call, answer: Answer, expected: &[Expected]) -> Result<(), String> {
    let Answer::Events { events, states } = answer else { return Err(answer.words()) };
    expect_events(&events, expected)?;
    let mut state = call.state.as_ref().map(|state| state.to_vec());
    for (n, (event, payload)) in expected.iter().enumerate() {
        state = model::apply(event, payload, state, call)?;
        match states.get(n) {
            Some(found) if *found == state => {}
            Some(found) => return Err(format!("after event {n}: {}", differ(found.as_deref(), state.as_deref()))),
            None => return Err(format!("there is no state after event {n}")),
        }
    }
    Ok(())
}

fn expect_events(events: &[Event], expected: &[Expected]) -> Result<(), String> {
    if events.len() != expected.len() {
        return Err(format!("{} events, not {}", events.len(), expected.len()));
    }
    for (n, (event, (simple, payload))) in events.iter().zip(expected).enumerate() {
        if Some(&event.name) != name(simple).as_ref() {
            return Err(format!("event {n} is {}, not {simple}", event.name));
        }
        if event.raw != payload[..] {
            return Err(format!("event {n}, {simple}: {}", differ(Some(&event.raw), Some(payload))));
        }
    }
    Ok(())
}

/// Where two byte strings begin to differ, in words.
fn differ(found: Option<&[u8]>, wanted: Option<&[u8]>) -> String {
    let (found, wanted) = match (found, wanted) {
        (Some(found), Some(wanted)) => (found, wanted),
        (None, _) => return "no state, where one was due".to_owned(),
        (_, None) => return "a state, where none was due".to_owned(),
    };
    let at = found.iter().zip(wanted).take_while(|(a, b)| a == b).count();
    let part = |bytes: &[u8]| -> String {
        bytes.iter().skip(at.saturating_sub(4)).take(24).map(|byte| format!("{byte:02x}")).collect()
    };
    let (from, came, due) = (at.saturating_sub(4), part(found), part(wanted));
    format!("other bytes from byte {at} of {} on: from {from} it is {came}, not {due}", wanted.len())
}

/// Whether the function is a probe with the schemas of the kit; what is wrong if not.
pub(crate) fn is_probe(subject: &Subject, out: &mut Findings) -> bool {
    let there = name("Probe").is_some_and(|probe| subject.entity(&probe).is_some());
    if !there {
        out.check("the manifest", Err("it has no entity evento.conformance.Probe".to_owned()));
        return false;
    }
    let everything = Schema::parse(golden::EVERYTHING);
    for (simple, text) in golden::SCHEMAS {
        let wanted =
            everything.as_ref().ok().and_then(|shared| Schema::parse_with(text, std::slice::from_ref(shared)).ok());
        let found = name(simple).and_then(|name| subject.schema(&name));
        let came = match (found, wanted) {
            (Some(found), Some(wanted)) if *found == wanted => Ok(()),
            (None, _) => Err("its schema is missing".to_owned()),
            _ => Err("its schema is another than sdk/conformance/schemas has".to_owned()),
        };
        out.check(format!("the schema of {simple} in the manifest"), came);
    }
    true
}
