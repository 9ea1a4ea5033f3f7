//! Rules on the log alone: C3 and C5 on each instance, C7 on the order of its commands, C10 on the epochs.

use rustc_hash::{FxHashMap, FxHashSet};

use super::{About, Findings, Index, Known};
use crate::view::{EntityView, EventView, Standing};

pub(super) fn judge(index: &Index<'_>, parked: &FxHashSet<(&str, &str)>, findings: &mut Findings) {
    for (k, known) in &index.instances {
        sequences(known, findings);
        let runs = runs(&known.instance.events);
        for run in &runs {
            whole(known, run, findings);
        }
        one_outcome(known, &runs, findings);
        one_place(known, findings);
        order(k, known, &runs, parked, findings);
        state(known, findings);
    }
    for entity in &index.log.entities {
        partitions(entity, findings);
    }
}

/// Neighbouring events of one command.
fn runs(events: &[EventView]) -> Vec<&[EventView]> {
    let mut runs = Vec::new();
    let mut rest = events;
    while let Some(first) = rest.first() {
        let ends = |n: usize| n > 0 && (rest[n].command != first.command || rest[n].batch.0 == 1);
        let length = (0..rest.len()).find(|n| ends(*n)).unwrap_or(rest.len());
        let (run, after) = rest.split_at(length);
        runs.push(run);
        rest = after;
    }
    runs
}

fn sequences(known: &Known<'_>, findings: &mut Findings) {
    let mut offset = None;
    for (n, event) in known.instance.events.iter().enumerate() {
        let wanted = n as u64 + 1;
        findings.look(5, event.seq == wanted, || {
            About::instance(known.entity, known.id, format!("event {wanted} has sequence {}", event.seq))
                .command(&event.command)
        });
        findings.look(5, offset < Some(event.offset), || {
            About::instance(known.entity, known.id, format!("event {wanted} is at offset {}, not after", event.offset))
                .command(&event.command)
        });
        offset = Some(event.offset);
    }
}

/// The events of a command are numbered 1/n to n/n, have one outcome, and were decided on what was before them.
fn whole(known: &Known<'_>, run: &[EventView], findings: &mut Findings) {
    let about =
        |event: &EventView, message: String| About::instance(known.entity, known.id, message).command(&event.command);
    let count = run.len() as u32;
    for (n, event) in run.iter().enumerate() {
        let (wanted, found) = ((n as u32 + 1, count), event.batch);
        findings.look(5, found == wanted, || {
            about(
                event,
                format!("event {} is {}/{} of its command, of which {count} are together", event.seq, found.0, found.1),
            )
        });
        findings.look(5, event.outcome == run[0].outcome, || {
            about(
                event,
                format!("event {} says {}, the command's first one {}", event.seq, event.outcome, run[0].outcome),
            )
        });
        findings.look(5, event.decided_on.checked_add(1) == Some(run[0].seq), || {
            about(event, format!("event {} was decided on sequence {}", event.seq, event.decided_on))
        });
    }
}

fn one_outcome(known: &Known<'_>, runs: &[&[EventView]], findings: &mut Findings) {
    let mut told: FxHashMap<&str, &[EventView]> = FxHashMap::default();
    for run in runs {
        let command = run[0].command.as_str();
        let before = told.insert(command, run);
        findings.look(3, before.is_none(), || {
            let first = before.map_or(0, |before| before[0].seq);
            let message = format!("it has events at sequence {first} and again at {}", run[0].seq);
            About::instance(known.entity, known.id, message).command(command)
        });
        findings.look(2, known.records.contains_key(command), || {
            let message = format!("event {} is of a command that is not in the log", run[0].seq);
            About::instance(known.entity, known.id, message).command(command)
        });
    }
    for command in &known.instance.commands {
        let about = |message: String| About::instance(known.entity, known.id, message).command(&command.id);
        match (command.standing, told.get(command.id.as_str())) {
            (Standing::Ended { outcome, first, last, offset }, Some(run)) => {
                let of = (run[0].outcome, run[0].seq, run[run.len() - 1].seq, run[0].offset);
                findings.look(3, (outcome, first, last, offset) == of, || {
                    about(format!("its index says {outcome} {first} to {last} at {offset}, its events {of:?}"))
                });
            }
            (Standing::Ended { first, .. }, None) => {
                findings
                    .look(1, false, || about(format!("its index says that it ended at {first}; no event is of it")));
            }
            (Standing::Waiting | Standing::Parked, Some(run)) => {
                findings.look(3, false, || about(format!("it has events from {} on and still waits", run[0].seq)));
            }
            (Standing::Absent, Some(run)) => findings.look(3, !command.client_supplied, || {
                about(format!(
                    "it has events from {} on, and its id is not known: a resend would be done again",
                    run[0].seq
                ))
            }),
            (Standing::Absent, None) => {
                findings.look(2, false, || about("it is neither waiting, nor parked, nor completed".to_owned()));
            }
            (Standing::Waiting | Standing::Parked, None) => findings.looked(3, 1),
        }
    }
}

/// A command has one record, and later ones lie behind earlier ones.
fn one_place(known: &Known<'_>, findings: &mut Findings) {
    let (mut ids, mut offset) = (FxHashSet::default(), None);
    for command in &known.instance.commands {
        let about = |message: String| About::instance(known.entity, known.id, message).command(&command.id);
        findings.look(3, ids.insert(command.id.as_str()), || about("it is in the command log twice".to_owned()));
        findings.look(7, offset < Some(command.offset), || about("the command log is not in order".to_owned()));
        offset = Some(command.offset);
    }
}

fn order(k: &str, known: &Known<'_>, runs: &[&[EventView]], parked: &FxHashSet<(&str, &str)>, findings: &mut Findings) {
    let mut before: Option<(u64, &str)> = None;
    for run in runs {
        let command = run[0].command.as_str();
        let excused = run[0].outcome == evento_model::Outcome::Abandoned || parked.contains(&(k, command));
        let Some(record) = known.records.get(command).filter(|_| !excused) else { continue };
        findings.look(7, before.is_none_or(|(offset, _)| offset < record.offset), || {
            let (offset, other) = before.unwrap_or_default();
            let message = format!(
                "its record is at offset {}, that of {other}, which was decided before, at {offset}",
                record.offset
            );
            About::k(k, message).command(command)
        });
        before = Some((record.offset, command));
    }
}

/// The stored state is that of the last event.
fn state(known: &Known<'_>, findings: &mut Findings) {
    let last = known.instance.events.last().map(|event| (event.seq, event.state_digest));
    findings.look(5, known.instance.state == last, || {
        let seq = |of: Option<(u64, _)>| of.map_or(0, |(seq, _)| seq);
        let message = format!(
            "the stored state is of sequence {}, the last event is {}, or their digests differ",
            seq(known.instance.state),
            seq(last)
        );
        About::instance(known.entity, known.id, message)
    });
}

/// Every offset is somebody's, and epochs only rise.
fn partitions(entity: &EntityView, findings: &mut Findings) {
    let mut held: Vec<_> = entity.partitions.iter().map(|partition| partition.left_out).collect();
    for instance in entity.instances.values() {
        if let Some(held) = held.get_mut(instance.partition as usize) {
            held.0 += instance.events.len() as u64;
            held.1 += instance.commands.len() as u64;
        }
    }
    for (n, (partition, held)) in entity.partitions.iter().zip(held).enumerate() {
        let ends = (partition.events_end, partition.commands_end);
        findings.look(5, held == ends, || {
            About::run(format!(
                "partition {n} of {} ends at {ends:?} (events, commands) and holds {held:?}",
                entity.name
            ))
        });
        for pair in partition.epochs.windows(2) {
            findings.look(10, pair[0].1 <= pair[1].1, || {
                About::run(format!(
                    "partition {n} of {}.events: epoch {} at offset {} follows {}",
                    entity.name, pair[1].1, pair[1].0, pair[0].1
                ))
            });
        }
        findings.looked(10, u64::from(!partition.epochs.is_empty()));
    }
}
