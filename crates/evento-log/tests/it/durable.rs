//! What was committed reads back: at once, after a kill, after an orderly end, and after the store is lost.

use evento_log::codec::BatchHeader;
use evento_log::codec::EventBrief;
use evento_log::embedded::{EmbeddedLog, Stretch};
use evento_log::unit::CommandPlace;
use evento_model::{CommandId, TopicKind};

use crate::scratch::{ENTITY, PARTITIONS, Scratch, command, commit, commit_all, decided, empty, key, parked, waiting};

/// Some instances with some units each, across several checkpoints and segments.
fn fill(log: &EmbeddedLog, from: u64, to: u64) {
    for round in from..to {
        let units = (0..50).map(|n| {
            let (id, seq) = (format!("i{n}"), round * 2);
            decided(&id, &format!("c{n}-{round}"), seq, 2, &format!("state {n} {round}"))
        });
        for result in commit_all(log, units.collect()) {
            result.expect("durable");
        }
    }
}

fn expect(log: &EmbeddedLog, rounds: u64, with_states: bool) {
    for n in 0..50 {
        let key = key(&format!("i{n}"));
        let state = log.state(&key).expect("readable").expect("a state");
        assert_eq!(state.seq, rounds * 2);
        let wanted = format!("state {n} {}", rounds - 1);
        assert_eq!(state.state.as_deref(), with_states.then_some(wanted.as_bytes()));
        let history = log.history(&key, 1, 10_000).expect("readable");
        let seqs: Vec<u64> = history.iter().map(|event| event.record.seq).collect();
        assert_eq!(seqs, (1..=rounds * 2).collect::<Vec<_>>());
        let middle = log.history(&key, 4, 3).expect("readable");
        assert_eq!(middle.iter().map(|event| event.record.seq).collect::<Vec<_>>(), [4, 5, 6]);
        for round in [0, rounds / 2, rounds - 1] {
            let id = CommandId::new(&format!("c{n}-{round}")).expect("a valid id");
            let outcome = log.outcome(&key, &id).expect("readable").expect("an outcome");
            assert_eq!((outcome.seq_first, outcome.seq_last, outcome.attempts), (round * 2 + 1, round * 2 + 2, 2));
            let events = log.events(ENTITY, outcome.event_position.partition, outcome.event_position.offset, 2);
            let events = events.expect("readable");
            assert_eq!(events.iter().map(|e| e.record.seq).collect::<Vec<_>>(), [round * 2 + 1, round * 2 + 2]);
            assert_eq!(events[0].record.command_id, id);
        }
        let unknown = CommandId::new("never").expect("a valid id");
        assert_eq!(log.outcome(&key, &unknown).expect("readable"), None);
    }
    let rows = log.instances(ENTITY, None, 1_000).expect("readable");
    assert_eq!(rows.len(), 50);
    let after = rows[19].clone();
    let rest = log.instances(ENTITY, Some((after.partition, after.id)), 10).expect("readable");
    assert_eq!(rest, rows[20..30]);
    for partition in 0..PARTITIONS {
        let end = log.end_offset(ENTITY, TopicKind::Events, partition);
        let (mut from, mut found) = (0, 0);
        while from < end {
            let events = log.read_events(ENTITY, partition, from, 8 << 10).expect("readable");
            assert_eq!(events[0].position.offset, from, "offsets are dense");
            let mut whole = events.iter().map(|event| event.record.brief());
            let next = log.read_briefs(ENTITY, partition, from, 8 << 10, |brief| assert_eq!(Some(brief), whole.next()));
            assert_eq!(
                (next.expect("readable"), whole.next()),
                (from + events.len() as u64, None),
                "what replay reads"
            );
            let mut from_the_second = Vec::new();
            let seen = |brief: EventBrief<'_>| from_the_second.push(brief.seq);
            log.read_briefs(ENTITY, partition, from + 1, 1, seen).expect("readable");
            assert_eq!(from_the_second.first(), events.get(1).map(|event| &event.record.seq), "amid a batch");
            from += events.len() as u64;
            found += events.len() as u64;
        }
        assert_eq!(found, end);
    }
}

#[test]
fn everything_reads_back_across_checkpoints_segments_and_restarts() {
    let scratch = Scratch::new();
    let mut rounds = 0;
    for (n, more) in [1, 3, 20, 60, 1].into_iter().enumerate() {
        let (log, recovered) = scratch.open();
        assert_eq!((recovered.epoch, recovered.unfinished.len()), (n as u32 + 1, 0));
        assert!(recovered.states_lost.is_empty());
        fill(&log, rounds, rounds + more);
        rounds += more;
        log.close();
        let (log, _) = scratch.open();
        if rounds >= 3 {
            expect(&log, rounds, true);
        }
        log.close();
        // That opening counts as well.
        std::fs::write(scratch.config.folder.join("epoch"), format!("{}\n", n + 1)).expect("written");
    }
}

#[test]
fn a_record_has_every_field_it_was_written_with() {
    let scratch = Scratch::new();
    let (log, _) = scratch.open();
    let mut unit = decided("ada", "c1", 0, 2, "rich");
    unit.events[1].traceparent = Some("00-abc".into());
    unit.events[0].apply_revision = unit.events[0].revision;
    let committed = commit(&log, unit.clone()).expect("durable");
    let history = log.history(&key("ada"), 1, 10).expect("readable");
    assert_eq!(history.iter().map(|event| event.record.clone()).collect::<Vec<_>>(), unit.events);
    assert!(history.iter().all(|event| event.committed_at == committed.committed_at));
    let stored = log.command(ENTITY, unit.partition, committed.command_offset_first).expect("readable");
    assert_eq!(stored, unit.commands[0]);
}

#[test]
fn unfinished_commands_come_back_in_order_with_what_was_noted() {
    let scratch = Scratch::new();
    let (log, _) = scratch.open();
    for unit in [waiting("a", "1"), waiting("a", "2"), waiting("b", "3"), parked("a", "1")] {
        commit(&log, unit).expect("durable");
    }
    let mut end = decided("b", "3", 0, 1, "s");
    end.commands.clear();
    end.outcomes[0].command = CommandPlace::Unfinished;
    commit(&log, end).expect("durable");
    let now = log.unfinished().expect("readable");
    log.close();
    for found in [now, scratch.open().1.unfinished] {
        let ids: Vec<&str> = found.iter().map(|u| u.command.record.command_id.as_str()).collect();
        assert_eq!(ids, ["1", "2"]);
        let mark = found[0].mark.as_ref().expect("a mark");
        assert!(mark.parked && mark.attempts == 3 && mark.note.as_deref() == Some(b"why"));
        assert_eq!(found[0].command.record, command("a", "1"));
        assert!(found[1].mark.is_none());
    }
}

#[test]
fn a_lost_state_store_is_rebuilt_from_the_records_but_for_the_states() {
    let scratch = Scratch::new();
    let (log, _) = scratch.open();
    fill(&log, 0, 40);
    commit(&log, waiting("i1", "still-open")).expect("durable");
    log.close();
    std::fs::remove_dir_all(scratch.config.folder.join("state")).expect("removed");
    let (log, recovered) = scratch.open();
    assert!(recovered.states_lost.contains(&ENTITY));
    assert_eq!(recovered.unfinished.len(), 1);
    expect(&log, 40, false);
    log.close();
    // As long as nobody rebuilt them every start says so.
    let (log, recovered) = scratch.open();
    assert!(recovered.states_lost.contains(&ENTITY) && log.states_lost(ENTITY));
    let state = log.state(&key("i1")).expect("readable").expect("a row");
    assert!(state.is_lost());
    log.states_rebuilt(ENTITY).expect("noted");
    assert!(!log.states_lost(ENTITY));
    log.close();
    assert!(scratch.open().1.states_lost.is_empty());
}

#[test]
fn an_id_made_here_is_found_by_its_time() {
    let scratch = Scratch::new();
    let (log, _) = scratch.open();
    let id = "0198f2c4-7d1e-7c3a-9f61-3b8a52f0c1d7";
    commit(&log, decided("ada", id, 0, 1, "s")).expect("durable");
    for n in 1..100 {
        commit(&log, decided("ada", &format!("c{n}"), n, 1, "s")).expect("durable");
    }
    let id = CommandId::new(id).expect("a valid id");
    let outcome = log.outcome(&key("ada"), &id).expect("readable").expect("an outcome");
    assert_eq!((outcome.seq_first, outcome.seq_last), (1, 1));
}

#[test]
fn small_facts_are_durable_and_deletable() {
    let scratch = Scratch::new();
    let (log, _) = scratch.open();
    let fact = |key: &'static str, value: Option<&'static str>| {
        let mut unit = empty("x");
        unit.meta.push((key.into(), value.map(Into::into)));
        unit
    };
    for unit in [fact("a/1", Some("one")), fact("a/2", Some("two")), fact("b/1", Some("b")), fact("a/1", None)] {
        commit(&log, unit).expect("durable");
    }
    log.close();
    let (log, _) = scratch.open();
    assert_eq!((log.meta(b"a/1"), log.meta(b"a/2")), (None, Some("two".into())));
    assert_eq!(log.meta_scan(b"a/"), [("a/2".into(), "two".into())]);
}

#[test]
fn snapshots_are_kept_every_256_events() {
    let scratch = Scratch::new();
    let (log, _) = scratch.open();
    for n in 0..300 {
        commit(&log, decided("ada", &format!("c{n}"), n * 2, 2, &format!("s{}", n * 2 + 2))).expect("durable");
    }
    for (seq, wanted) in [(255, None), (256, Some(256)), (511, Some(256)), (512, Some(512)), (9_999, Some(512))] {
        let found = log.snapshot(&key("ada"), seq).expect("readable");
        assert_eq!(found.map(|state| state.seq), wanted, "at {seq}");
    }
}

#[test]
fn events_are_found_by_commit_time() {
    let scratch = Scratch::new();
    let (log, _) = scratch.open();
    let mut times = Vec::new();
    for n in 0..2_000 {
        times.push(commit(&log, decided("ada", &format!("c{n}"), n, 1, "s")).expect("durable").committed_at);
    }
    let partition = decided("ada", "x", 0, 1, "s").partition;
    for n in [0, 1, 999, 1_999] {
        assert_eq!(log.offset_at(ENTITY, TopicKind::Events, partition, times[n]).expect("readable"), n as u64);
    }
    let late = evento_model::Timestamp(times[1_999].0 + 1);
    assert_eq!(log.offset_at(ENTITY, TopicKind::Events, partition, late).expect("readable"), 2_000);
}

/// What a stretch holds.
fn content(stretch: &Stretch) -> Vec<u8> {
    match stretch {
        Stretch::Memory(bytes) => bytes.to_vec(),
        Stretch::File(file) => file.read(0, usize::MAX).expect("readable").to_vec(),
    }
}

#[test]
fn stretches_of_any_size_are_whole_batches_and_follow_one_another_to_the_end() {
    let scratch = Scratch::new();
    let (log, _) = scratch.open();
    fill(&log, 0, 30);
    for (partition, most) in
        (0..PARTITIONS).flat_map(|partition| [1, 700, 5 << 10, 40 << 10, 1 << 20].map(|most| (partition, most)))
    {
        let end = log.end_offset(ENTITY, TopicKind::Events, partition);
        let whole = log.read(ENTITY, TopicKind::Events, partition, 0, 1 << 30).expect("readable").concat();
        let (mut from, mut all) = (0, Vec::new());
        while let Some(stretch) = log.stretch(ENTITY, TopicKind::Events, partition, from, most).expect("readable") {
            let bytes = content(&stretch);
            assert_eq!(bytes.len() as u64, stretch.bytes());
            let (mut rest, mut batches) = (&bytes[..], 0);
            while !rest.is_empty() {
                let header = BatchHeader::read(rest).expect("a batch");
                assert_eq!(header.base_offset, from, "partition {partition}, at most {most} bytes");
                (from, batches, rest) = (header.end_offset(), batches + 1, &rest[header.bytes..]);
            }
            let in_file = matches!(stretch, Stretch::File(_));
            assert!(!in_file || bytes.len() <= most || batches == 1, "{} bytes, {most} were asked for", bytes.len());
            all.extend(bytes);
        }
        assert_eq!((from, all.len()), (end, whole.len()), "partition {partition}, at most {most} bytes");
        assert!(all == whole, "partition {partition}, at most {most} bytes");
        let inside = log.stretch(ENTITY, TopicKind::Events, partition, end / 2, most).expect("readable");
        let header = BatchHeader::read(&content(&inside.expect("records"))).expect("a batch");
        assert!((header.base_offset..header.end_offset()).contains(&(end / 2)));
    }
}
