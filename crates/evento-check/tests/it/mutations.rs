//! Every mutation of a clean run is found: a line or record dropped, doubled, swapped with the next, or altered.

use evento_check::{Finding, Hooks, Line, What, judge};
use evento_model::{Digest, Outcome};
use proptest::prelude::*;

use crate::clean::{Dice, Run, replay, run};

fn found(run: &Run) -> bool {
    let verdict = judge(&run.history, &run.log, &Hooks { replay: Some(&replay), ..Hooks::default() });
    verdict.rulings.iter().any(|ruling| matches!(ruling.finding, Finding::Failed(_)))
}

const OTHER: Digest = Digest([0xee; 32]);

/// Alters one field of a line, `way` and the time of a line aside: those say nothing about the log.
///
/// `open` is a send that left nothing in the log, as far as was told: it may as well have been another one.
fn alter_line(line: &mut Line, open: bool, dice: &mut Dice) {
    let field = dice.below(5);
    match &mut line.what {
        What::Send { k, cmd, name, pd, .. } => match field {
            0 if !open => *k = format!("{k}x"),
            1 => *cmd = format!("{cmd}x"),
            2 if !open => *name = format!("{name}x"),
            3 if !open => *pd = OTHER,
            _ => line.op = line.op.map(|op| op + 1_000),
        },
        What::Ack { cmd, pos } => match field {
            0 => *pos = Some("account.commands/0/999".to_owned()),
            1 => line.c = Some("nobody".to_owned()),
            _ => *cmd = format!("{cmd}x"),
        },
        What::Done { cmd, outcome, first, last, sd } => match field {
            0 => *cmd = format!("{cmd}x"),
            1 => *outcome = Outcome::Abandoned,
            2 => *first += 1,
            3 => *last += 1,
            _ => *sd = Some(OTHER),
        },
        What::Fail { cmd, .. } | What::Unknown { cmd } => match field {
            0 => line.c = None,
            _ => *cmd = format!("{cmd}x"),
        },
        What::Read { k, from, after, seq, sd } => match field {
            0 => *k = format!("{k}x"),
            1 => *from = line.t + 1,
            2 => *after = Some(*seq + 1),
            3 => *seq += 1_000,
            _ => *sd = Some(OTHER),
        },
        What::Seen { k, seq, pos, ed, cmd } => match field {
            0 => *k = format!("{k}x"),
            1 => *seq += 1,
            2 => *pos = format!("{pos}0"),
            3 => *ed = OTHER,
            _ => *cmd = format!("{cmd}x"),
        },
        What::End { lines, .. } => *lines += 1,
        // What a nemesis did is no statement about the log: another number of lines is.
        What::Restart | What::Parked { .. } | What::Outage { .. } | What::Nemesis { .. } | What::Calm => {
            line.t = u64::MAX;
        }
    }
}

fn mutate_history(run: &mut Run, dice: &mut Dice) -> String {
    let last = run.history.len() - 1;
    let at = dice.below(last);
    match dice.below(4) {
        0 => format!("dropped {}", run.history.remove(at).text()),
        1 => {
            let line = run.history[at].clone();
            run.history.insert(at + 1, line.clone());
            format!("doubled {}", line.text())
        }
        2 => {
            run.history.swap(at, at + 1);
            format!("swapped {} {}", run.history[at].text(), run.history[at + 1].text())
        }
        _ => {
            let before = run.history[at].text();
            let op = run.history[at].op;
            let left_open = |what: &What| matches!(what, What::Unknown { .. } | What::Fail { .. });
            let open = run.history.iter().any(|line| line.op == op && left_open(&line.what));
            alter_line(&mut run.history[at], open, dice);
            format!("altered {before} to {}", run.history[at].text())
        }
    }
}

fn mutate_log(run: &mut Run, dice: &mut Dice) -> String {
    let entity = &mut run.log.entities[0];
    let instances = entity.instances.len();
    let instance = entity.instances.values_mut().nth(dice.below(instances)).expect("one");
    let (n, c) = (dice.below(instance.events.len()), dice.below(instance.commands.len()));
    let (action, followed) = (dice.below(18), n + 1 < instance.events.len());
    let event = &mut instance.events[n];
    match action {
        0 => drop(instance.events.remove(n)),
        1 => {
            let again = event.clone();
            instance.events.insert(n, again);
        }
        2 if followed => instance.events.swap(n, n + 1),
        2 | 3 => event.seq += 1,
        4 => event.command.push('x'),
        5 => event.outcome = Outcome::Abandoned,
        6 => event.batch.0 += 1,
        7 => event.decided_on += 1,
        8 => event.state_digest = OTHER,
        9 => event.payload = bytes::Bytes::from_static(b"other"),
        10 => event.offset += 1_000,
        11 => drop(instance.commands.remove(c)),
        12 => {
            let again = instance.commands[c].clone();
            instance.commands.push(again);
        }
        13 => instance.commands[c].id.push('x'),
        14 => instance.commands[c].digest = OTHER,
        15 => instance.commands[c].standing = evento_check::Standing::Waiting,
        16 => instance.commands[c].standing = evento_check::Standing::Absent,
        _ => instance.state = Some((1_000, OTHER)),
    }
    format!("action {action} on event {n} or command {c}")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_mutation_of_a_clean_history_is_found(seed in 0u64..1_000, chance: u64) {
        let mut run = run(seed, 25);
        let what = mutate_history(&mut run, &mut Dice(chance));
        prop_assert!(found(&run), "{what}");
    }

    #[test]
    fn every_mutation_of_a_clean_log_is_found(seed in 0u64..1_000, chance: u64) {
        let mut run = run(seed, 25);
        let what = mutate_log(&mut run, &mut Dice(chance));
        prop_assert!(found(&run), "{what}");
    }
}
