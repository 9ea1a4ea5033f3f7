//! Random lives: commands, kills, outages, bad commands, new revisions, in every order a seed can think of.
//!
//! The world checks after each turn that sequences are dense, states are folds, and nobody is told twice or
//! too early. Here: what was told stays true, and in the end every stored command has its outcome.

use std::collections::HashMap;

use evento_engine::{Chance, Config, WaiterId};
use evento_log::intake::{Answer, Ask, CommandRef, ListFilter, Status, Want};
use evento_model::OnPark;
use evento_testkit::counter::{BAD_STATE, CRASHES, EMITS_UNDECLARED, FAILS, Health, POISONS, REFUSED, Setting};

use crate::world::World;

fn live(seed: u64) {
    let mut chance = Chance::new(seed);
    let mut pick = move |most: u64| chance.up_to(most);
    let setting = Setting {
        on_park: if pick(3) == 0 { OnPark::Block } else { OnPark::Continue },
        attempts_max: 2 + pick(2) as u32,
        concurrency: 1 + pick(3) as u32,
        apart: pick(3) == 0,
        config: Config { cache_bytes_max: if pick(1) == 0 { 0 } else { 1 << 20 }, ..Config::default() },
    };
    let mut world = World::new(setting);
    let mut sent: Vec<(String, String, i64)> = Vec::new();
    let mut waiting: Vec<(WaiterId, usize)> = Vec::new();
    let mut told: HashMap<usize, String> = HashMap::new();
    let mut revision = 1;
    for step in 0..150 {
        match pick(19) {
            0..=8 => {
                let amount = match pick(11) {
                    0 => [FAILS, CRASHES, POISONS, EMITS_UNDECLARED, BAD_STATE][pick(4) as usize],
                    1 => REFUSED,
                    _ => 1 + pick(9) as i64,
                };
                let client = pick(2) > 0;
                let id = format!("{}{step}", if client { "c" } else { "generated-" });
                let instance = format!("i{}", pick(3));
                let want = if pick(4) == 0 { Want::Stored } else { Want::Outcome };
                let if_seq = (pick(9) == 0).then(|| pick(5));
                let waiter = world.post(&instance, &id, amount, want, if_seq);
                waiting.push((waiter, sent.len()));
                sent.push((instance, id, amount));
            }
            9 | 10 if !sent.is_empty() => {
                let n = pick(sent.len() as u64 - 1) as usize;
                let (instance, id, amount) = sent[n].clone();
                if !id.starts_with("generated") {
                    waiting.push((world.post(&instance, &id, amount, Want::Outcome, None), n));
                }
            }
            11 => world.hold_commits = !world.hold_commits,
            12 => world.hold_calls = true,
            13 => world.let_calls_go(),
            14 => world.pass(pick(20_000) as i64),
            15 => {
                world.function.health = [Health::Well, Health::Down, Health::FailsAll, Health::Busy][pick(3) as usize]
            }
            16 if pick(2) == 0 => {
                world.kill();
                waiting.clear();
                world.serve(revision);
            }
            17 if pick(3) == 0 => {
                revision += 1;
                world.serve(revision);
            }
            18 if !sent.is_empty() => {
                let (instance, id, _) = &sent[pick(sent.len() as u64 - 1) as usize];
                let command = World::command(instance, id);
                let (by, reason) = ("ada".into(), "chaos".into());
                world.ask(match pick(3) {
                    0 => Ask::Abandon { command, by, reason },
                    1 => Ask::Retry(command),
                    2 => Ask::Park(command),
                    _ => Ask::Persist(command),
                });
            }
            _ => {}
        }
        if pick(2) > 0 {
            world.run();
        }
        for (waiter, n) in &waiting {
            let now = world.told(*waiter);
            if now.starts_with("accepted") || now.starts_with("rejected") || now.starts_with("abandoned") {
                let before = told.entry(*n).or_insert_with(|| now.clone());
                assert_eq!(*before, now, "seed {seed}: {:?} has two outcomes", sent[*n]);
            }
        }
    }
    world.function.health = Health::Well;
    world.function.mended = true;
    world.make_durable();
    world.let_calls_go();
    world.serve(revision + 1);
    world.pass(600_000);
    // What a person parked before it ever failed stays parked until a person puts it back.
    let parked = ListFilter { limit: 1_000, status: Some(Status::Parked), ..ListFilter::default() };
    if let Answer::Listed(list) = world.ask_now(Ask::List(parked)) {
        for status in list {
            assert!(status.last_error.is_none(), "seed {seed}: a new revision did not release {status:?}");
            world.ask_now(Ask::Retry(CommandRef { key: status.key, command_id: status.command_id }));
        }
    }
    for record in &world.commands.clone() {
        let ended = world.events.get(&record.id).is_some_and(|e| e.iter().any(|e| e.command_id == record.command_id));
        if !ended {
            let status = world.status(record.id.as_str(), record.command_id.as_str());
            panic!("seed {seed}: {} of {} never ended: {status:?}", record.command_id, record.id);
        }
    }
    for (n, outcome) in told {
        let (instance, id, _) = &sent[n];
        let events = world.events.iter().find(|(key, _)| key.as_str() == instance).map(|(_, events)| events);
        let found = events.and_then(|events| events.iter().rfind(|e| e.command_id.as_str() == id));
        let found = found.map(|event| format!("{} {}", event.outcome.as_str(), event.seq));
        assert_eq!(found, Some(outcome), "seed {seed}: what was told of {id} is not in the log");
    }
}

#[test]
fn whatever_happens_what_was_told_stays_true_and_every_stored_command_ends() {
    (0..1_500).for_each(live);
}
