//! F09, F10: many calls at once, and connections that end in the middle.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::bad::{good_call, good_calls, still_answered};
use crate::answer::Answer;
use crate::generate::Chance;
use crate::raw::{self, Cut};
use crate::report::Findings;
use crate::subject::{Call, Mode, Subject};

/// Calls, and how many are in flight.
const CALLS: usize = 1_000;
const IN_FLIGHT: usize = 32;
/// Different calls among them.
const DIFFERENT: usize = 48;

pub(crate) async fn f09(subject: &Arc<Subject>, chance: &mut Chance, out: &mut Findings) {
    for mode in subject.modes.clone() {
        let mut known: Vec<(Call, Answer)> = Vec::new();
        for _ in 0..DIFFERENT {
            known.extend(good_call(subject, mode, chance).await);
        }
        if known.is_empty() {
            out.note(format!("{mode}: no generated call was answered, so none could be compared"));
            continue;
        }
        let (known, next) = (Arc::new(known), Arc::new(AtomicUsize::new(0)));
        let workers: Vec<_> =
            (0..IN_FLIGHT).map(|_| tokio::spawn(caller(subject.clone(), mode, known.clone(), next.clone()))).collect();
        let mut wrong = Vec::new();
        for worker in workers {
            match worker.await {
                Ok(found) => wrong.extend(found),
                Err(error) => wrong.push(error.to_string()),
            }
        }
        out.checks += CALLS as u32;
        wrong.into_iter().for_each(|came| out.fault(format!("{mode}: 1,000 calls, 32 in flight"), came));
    }
}

/// Calls until all are made; what was wrong.
async fn caller(
    subject: Arc<Subject>,
    mode: Mode,
    known: Arc<Vec<(Call, Answer)>>,
    next: Arc<AtomicUsize>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    loop {
        let n = next.fetch_add(1, Ordering::Relaxed);
        if n >= CALLS {
            return wrong;
        }
        let (call, expected) = &known[n % known.len()];
        match subject.one(mode, call).await {
            Ok(answer) if answer == *expected => {}
            Ok(answer) if answer.words() == expected.words() => {
                wrong.push(format!("{} got the answer to another call ({})", call.name, answer.words()));
            }
            Ok(answer) => wrong.push(format!("{} got {}, alone {}", call.name, answer.words(), expected.words())),
            Err(why) => wrong.push(format!("{}: {why}", call.name)),
        }
    }
}

pub(crate) async fn f10(subject: &Subject, chance: &mut Chance, out: &mut Findings) {
    let before = good_calls(subject, chance).await;
    for (mode, call) in before.clone() {
        let ask = match mode {
            Mode::Plain => subject.plain_ask(&call),
            Mode::Run => match subject.work(&call, evento_function::Want::None) {
                Ok(mut work) => {
                    if call.kind == evento_function::StepKind::Event {
                        work.want = evento_function::Want::Each;
                    }
                    let request = evento_function::RunRequest { entity: call.entity.clone(), work: vec![work] };
                    subject.run_ask(&request)
                }
                Err(_) => continue,
            },
        };
        for cut in [Cut::InHead, Cut::InBody, Cut::BeforeAnswer] {
            for _ in 0..20 {
                // A connection that cannot even be made is found by the call that follows.
                let _ = raw::cut_off(&subject.wire, &ask, cut).await;
            }
            out.checks += 20;
        }
    }
    still_answered(subject, &before, out).await;
}
