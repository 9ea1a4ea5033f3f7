//! Each rule on the smallest run that breaks it, and the verdict that people see.

use evento_check::{Finding, Hooks, Recorded, Standing, Verdict, What, check, judge};
use evento_model::{Digest, Outcome};

use crate::clean::{Run, replay, run};

type Change = fn(&mut Run);

fn judged(run: &Run) -> Verdict {
    judge(&run.history, &run.log, &Hooks { replay: Some(&replay), ..Hooks::default() })
}

fn failed(verdict: &Verdict) -> Vec<String> {
    let failed = verdict.rulings.iter().filter(|ruling| matches!(ruling.finding, Finding::Failed(_)));
    failed.map(|ruling| ruling.rule.to_string()).collect()
}

fn first_done(run: &mut Run) -> &mut What {
    let done = run.history.iter_mut().find(|line| matches!(line.what, What::Done { .. }));
    &mut done.expect("a command was done").what
}

/// The instance with the most commands.
fn busiest(run: &mut Run) -> &mut evento_check::InstanceView {
    run.log.entities[0].instances.values_mut().max_by_key(|instance| instance.commands.len()).expect("one")
}

#[test]
fn a_clean_run_passes_every_rule_that_can_be_judged() {
    for seed in 0..200 {
        let run = run(seed, 40);
        let verdict = judged(&run);
        // Schemas, the invariant and parking are nothing these runs have.
        let (passed, failed, skipped) = verdict.counts();
        assert!(failed == 0 && passed >= 13 && passed + skipped == 17, "seed {seed}: {:?}", verdict.rulings);
        let summary = verdict.summary;
        assert!(summary.done > 20 && summary.events > 20 && summary.seen > 20, "{summary:?}");
        assert!(check(&run.history, &run.log).is_ok());
    }
}

#[test]
fn each_rule_finds_its_violation() {
    let cases: &[(&str, &str, Change)] = &[
        ("C0", "an answer to nothing", |run| {
            let at = run.history.iter().position(|line| matches!(line.what, What::Send { .. })).expect("a send");
            run.history.remove(at);
        }),
        ("C0", "a clock that falls", |run| run.history[3].t = 0),
        ("C1", "another outcome", |run| {
            let What::Done { last, .. } = first_done(run) else { unreachable!() };
            *last += 1;
        }),
        ("C1", "another state", |run| {
            let What::Done { sd, .. } = first_done(run) else { unreachable!() };
            *sd = Some(Digest([7; 32]));
        }),
        ("C2", "an acknowledged command that is gone", |run| {
            let instance = busiest(run);
            let last = instance.commands.pop().expect("a command");
            instance.events.retain(|event| event.command != last.id);
        }),
        ("C2", "a command that nobody sent", |run| {
            let sent = run.history.iter().find_map(|line| line.command().map(str::to_owned)).expect("a command");
            run.history.retain(|line| line.command() != Some(&sent));
        }),
        ("C3", "two outcomes", |run| {
            let instance = busiest(run);
            let mut again = instance.events[0].clone();
            again.seq = instance.events.len() as u64 + 1;
            instance.events.push(again);
        }),
        ("C3", "an outcome that the index does not know", |run| {
            busiest(run).commands[0].standing = Standing::Absent;
        }),
        ("C4", "a refusal of something recorded", |run| {
            let done = first_done(run);
            let What::Done { cmd, .. } = done else { unreachable!() };
            *done = What::Fail { cmd: cmd.clone(), status: 507, recorded: Recorded::No };
        }),
        ("C5", "a gap", |run| drop(busiest(run).events.remove(1))),
        ("C5", "a part of a command", |run| busiest(run).events[0].batch.1 += 1),
        ("C6", "a command before one that was done when it was sent", |run| {
            let at = run.history.iter().rposition(|line| matches!(line.what, What::Send { .. })).expect("a send");
            let What::Send { k, .. } = &run.history[at].what else { unreachable!() };
            let k = k.clone();
            let end = 1 + run.log.instance(&k).expect("known").1.events.len() as u64;
            let earlier = run.history[..at].iter_mut().find_map(|line| match &mut line.what {
                What::Done { last, .. } => Some(last),
                _ => None,
            });
            *earlier.expect("an outcome") = end + 100;
            for line in &mut run.history {
                if let What::Send { k: of, .. } = &mut line.what {
                    of.clone_from(&k);
                }
            }
        }),
        ("C7", "a command before one that is ahead of it in the log", |run| {
            let commands = &mut busiest(run).commands;
            let (a, b) = (commands[0].offset, commands[1].offset);
            (commands[0].offset, commands[1].offset) = (b, a);
            commands.swap(0, 1);
        }),
        ("C8", "a read that is behind", |run| {
            for line in &mut run.history {
                if let What::Read { after, seq, .. } = &mut line.what {
                    *after = Some(*seq + 1);
                }
            }
        }),
        ("C9", "an event that was seen and is another", |run| {
            for line in &mut run.history {
                if let What::Seen { ed, .. } = &mut line.what {
                    *ed = Digest([7; 32]);
                }
            }
        }),
        ("C9", "an event that was not seen", |run| {
            let seen = run.history.iter().position(|line| matches!(line.what, What::Seen { .. })).expect("one");
            run.history.remove(seen);
        }),
        ("C10", "an epoch that falls", |run| {
            let epochs = &mut run.log.entities[0].partitions[0].epochs;
            let last = *epochs.last().expect("one");
            epochs.push((last.0 + 1, last.1 - 1));
        }),
        ("C11", "a state that is not the fold", |run| {
            for event in &mut busiest(run).events {
                event.payload = bytes::Bytes::from_static(b"other");
            }
        }),
        ("C15", "a command that still waits", |run| {
            waits(run);
        }),
        ("C16", "answers that prove nothing", |run| {
            for line in &mut run.history {
                if let What::Done { cmd, .. } = &line.what {
                    line.what = What::Unknown { cmd: cmd.clone() };
                }
            }
        }),
    ];
    for (rule, what, change) in cases {
        let mut run = run(3, 40);
        change(&mut run);
        let failed = failed(&judged(&run));
        assert!(failed.iter().any(|found| found == rule), "{rule}, {what}: found {failed:?}");
    }
}

/// The newest command loses its outcome, and the harness stops a minute later.
fn waits(run: &mut Run) -> (String, String) {
    let id = run.log.entities[0].instances.iter().find(|(_, i)| !i.commands.is_empty()).expect("one").0.clone();
    let instance = run.log.entities[0].instances.get_mut(&id).expect("known");
    let last = instance.commands.last_mut().expect("one");
    last.standing = Standing::Waiting;
    run.history.last_mut().expect("an end").t += 60_000_000_000;
    (format!("account/{id}"), last.id.clone())
}

#[test]
fn a_wait_with_red_readiness_or_shortly_after_the_last_fault_is_no_violation() {
    let c15 = |run: &Run| failed(&judged(run)).contains(&"C15".to_owned());
    let mut waiting = run(3, 40);
    waits(&mut waiting);
    assert!(c15(&waiting));
    let end = waiting.history.last_mut().expect("an end");
    let What::End { ready, .. } = &mut end.what else { unreachable!() };
    *ready = false;
    assert!(!c15(&waiting));
    let mut soon = run(3, 40);
    waits(&mut soon);
    soon.history.last_mut().expect("an end").t -= 50_000_000_000;
    assert!(!c15(&soon));
}

#[test]
fn what_is_parked_while_nobody_answers_is_a_violation_unless_it_is_bad_or_was_parked_before() {
    for (bad, before, during, wanted) in [
        (false, false, true, true),
        (true, false, true, false),
        (false, true, true, false),
        (false, true, false, false),
    ] {
        let mut run = run(3, 40);
        let (k, cmd) = waits(&mut run);
        run.log.entities[0].instances.get_mut(&k[8..]).expect("known").commands.last_mut().expect("one").standing =
            Standing::Parked;
        let calm = run.history.iter().position(|line| matches!(line.what, What::Calm)).expect("calm");
        let mut lines = Vec::new();
        if before {
            lines.push(What::Parked { k: k.clone(), cmd: cmd.clone() });
        }
        lines.push(What::Outage { open: true });
        if during {
            lines.push(What::Parked { k: k.clone(), cmd: cmd.clone() });
        }
        lines.push(What::Outage { open: false });
        let template = run.history[calm].clone();
        for (n, what) in lines.into_iter().enumerate() {
            run.history.insert(calm + n, evento_check::Line { what, ..template.clone() });
        }
        for line in &mut run.history {
            if let What::Send { cmd: of, bad: flag, .. } = &mut line.what
                && *of == cmd
            {
                *flag = bad;
            }
        }
        let found = failed(&judged(&run)).contains(&"C14".to_owned());
        assert_eq!(found, wanted, "bad {bad}, before {before}, during {during}");
    }
}

#[test]
fn a_command_tried_again_after_parking_may_come_later_than_its_place() {
    let mut run = run(3, 40);
    let instance = busiest(&mut run);
    let (a, b) = (instance.commands[0].offset, instance.commands[1].offset);
    (instance.commands[0].offset, instance.commands[1].offset) = (b, a);
    instance.commands.swap(0, 1);
    let parked = instance.commands[0].id.clone();
    assert!(failed(&judged(&run)).contains(&"C7".to_owned()));
    let k =
        run.history.iter().find(|l| l.command() == Some(&parked)).and_then(|l| l.instance()).expect("sent").to_owned();
    let first = run.history[0].clone();
    run.history.insert(0, evento_check::Line { op: None, what: What::Parked { k, cmd: parked }, ..first });
    assert!(!failed(&judged(&run)).contains(&"C7".to_owned()));
}

#[test]
fn a_violation_tells_the_whole_life_of_command_and_instance() {
    let mut run = run(3, 40);
    let What::Done { cmd, outcome, .. } = first_done(&mut run) else { unreachable!() };
    *outcome = Outcome::Abandoned;
    let cmd = cmd.clone();
    let violation = check(&run.history, &run.log).expect_err("another outcome");
    assert_eq!((violation.rule.to_string().as_str(), violation.command.as_deref()), ("C1", Some(cmd.as_str())));
    let k = violation.instance.clone().expect("an instance");
    assert!(violation.history.iter().any(|line| matches!(&line.what, What::Send { cmd: of, .. } if *of == cmd)));
    assert!(violation.history.iter().any(|line| matches!(&line.what, What::Done { cmd: of, .. } if *of == cmd)));
    let document = violation.document();
    let events = document["log"]["events"].as_array().expect("events").len();
    assert_eq!(events, run.log.instance(&k).expect("known").1.events.len());
    let text = violation.to_string();
    assert!(text.contains("breaks G1, G3") && text.contains(&cmd) && text.contains("abandoned"), "{text}");
}

#[test]
fn a_log_without_a_history_is_judged_by_itself() {
    let run = run(3, 40);
    let verdict = judge(&[], &run.log, &Hooks::default());
    assert_eq!(verdict.counts().1, 0);
    let c9 = verdict.rulings.iter().find(|ruling| ruling.rule.0 == 9).expect("a ruling");
    assert!(matches!(&c9.finding, Finding::Skipped(why) if why == "there is no history"));
}
