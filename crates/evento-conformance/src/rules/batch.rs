//! F07: a batch keeps its order, and one work does not touch another.

use evento_function::call::{RunRequest, StepKind, Want};
use evento_model::FullName;

use super::answers::{applied, commands, generated};
use crate::answer::{Answer, Kind};
use crate::generate::{Chance, Taste};
use crate::report::Findings;
use crate::subject::{Call, Mode, Subject};

/// Works of the largest batch, unless the function takes fewer.
const WORKS: usize = 512;

pub(crate) async fn f07(subject: &Subject, chance: &mut Chance, out: &mut Findings) {
    if !subject.has(Mode::Run) {
        return out.skip("it does not speak run, or that was not wanted");
    }
    let most = subject.manifest.limits.max_work.map_or(WORKS, |most| (most as usize).clamp(1, WORKS));
    let entities: Vec<FullName> = subject.manifest.entities.iter().map(|entity| entity.name.clone()).collect();
    for entity in entities {
        for count in [1, 2, most] {
            let calls = calls(subject, &entity, count, chance);
            if calls.is_empty() {
                continue;
            }
            out.check(format!("{count} works for {entity}"), compared(subject, &calls, None).await);
        }
        let calls = calls(subject, &entity, 5.min(most), chance);
        if calls.len() > 1 {
            out.check("5 works, the third with an unknown name".to_owned(), compared(subject, &calls, Some(2)).await);
        }
    }
}

/// Calls for different instances.
fn calls(subject: &Subject, entity: &FullName, count: usize, chance: &mut Chance) -> Vec<Call> {
    let of = |names: Vec<(FullName, FullName)>| -> Vec<FullName> {
        names.into_iter().filter(|(of, _)| of == entity).map(|(_, name)| name).collect()
    };
    let (mut names, mut kind) = (of(commands(subject)), StepKind::Command);
    if names.is_empty() {
        (names, kind) = (of(applied(subject)), StepKind::Event);
    }
    // The probe's own Sleep would make the batch take as long as all its sleeps.
    names.retain(|name| name.as_str() != "evento.conformance.Sleep");
    let call =
        |n: usize| generated(subject, entity, kind, &names[n % names.len()], Taste::Mild, !n.is_multiple_of(3), chance);
    if names.is_empty() { Vec::new() } else { (0..count).map(call).collect() }
}

/// Sends all at once and each alone, and compares. `broken` is the one that is given an unknown name.
async fn compared(subject: &Subject, calls: &[Call], broken: Option<usize>) -> Result<(), String> {
    let want = |call: &Call| match call.kind == StepKind::Event || subject.applies_any(&call.entity) {
        true => Want::Each,
        false => Want::None,
    };
    let mut work = Vec::with_capacity(calls.len());
    for (n, call) in calls.iter().enumerate() {
        let mut one = subject.work(call, want(call))?;
        if broken == Some(n)
            && let Ok(unknown) = FullName::new("evento.unknown.NoSuchThing")
        {
            one.steps[0].type_name = unknown;
        }
        work.push(one);
    }
    let together = subject.run(&RunRequest { entity: calls[0].entity.clone(), work }).await?;
    for (n, (call, mut answers)) in calls.iter().zip(together).enumerate() {
        let answer = answers.pop().unwrap_or(Answer::State(None));
        if broken == Some(n) {
            if !answer.is_failed(Kind::Contract) {
                return Err(format!("work {n} has an unknown name, and got {}", answer.words()));
            }
            continue;
        }
        // Every one of a small batch, a sample of a large one.
        if calls.len() > 32 && n % 16 != 0 {
            continue;
        }
        let alone = subject.run_one(call).await?;
        if alone.clone().bare() != answer.clone().bare() {
            return Err(format!("work {n} ({}) got {}; alone it gets {}", call.name, answer.words(), alone.words()));
        }
    }
    Ok(())
}
