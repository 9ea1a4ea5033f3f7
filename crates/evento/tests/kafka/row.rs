//! One client judged: every feature of the table, on one server, several at once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::{Value, json};

use crate::bank::Bank;
use crate::clients::{Client, set_up};
use crate::features::{FEATURES, Feature};
use crate::matrix::{self, Cell};
use crate::program::Program;

/// How many features of one client are tried at once: most of the time they wait. A JVM takes long to start.
fn at_once(client: Client) -> usize {
    if client == Client::Java { 2 } else { 3 }
}

/// The features, those that wait longest first.
fn in_order() -> Vec<Feature> {
    let mut all = FEATURES.to_vec();
    all.sort_by_key(|feature| match feature {
        Feature::NewGroup => 0,
        Feature::EagerGroup | Feature::CooperativeGroup => 1,
        _ => 2,
    });
    all
}

/// A client with its server.
pub struct Row {
    pub client: Client,
    pub bank: Bank,
}

impl Row {
    /// Options every verb has, and these.
    pub fn options(&self, more: Value) -> Value {
        let mut all = json!({"bootstrap": self.bank.kafka, "registry": self.bank.registry, "topic": "account.events"});
        let more = more.as_object().expect("an object").clone();
        all.as_object_mut().expect("an object").extend(more);
        all
    }

    /// Runs a verb of the client to its end.
    pub fn run(&self, verb: &str, more: Value) -> Vec<Value> {
        Program::run(self.client, verb, &self.options(more))
    }

    /// Starts a verb of the client.
    pub fn start(&self, verb: &str, more: Value) -> Program {
        Program::start(self.client, verb, &self.options(more))
    }
}

/// Tries everything and compares the column of the table.
pub fn judge(client: Client) {
    set_up();
    let row = Row { client, bank: Bank::start() };
    let (features, next, results) = (in_order(), AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..at_once(client) {
            scope.spawn(|| {
                while let Some(&feature) = features.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let cell = attempt(&row, feature);
                    results.lock().expect("results").push((feature, cell));
                }
            });
        }
    });
    matrix::compare(client, &results.into_inner().expect("results"));
}

/// One feature of the client; a panic is a failure of the cell.
fn attempt(row: &Row, feature: Feature) -> Cell {
    if let Some(why) = row.client.cannot(feature) {
        return Cell::Cannot(why);
    }
    let start = Instant::now();
    let result = catch_unwind(AssertUnwindSafe(|| feature.prove(row)));
    println!("{} {}: {:.1} s", row.client.name(), feature.title(), start.elapsed().as_secs_f32());
    match result {
        Ok(()) => Cell::Passes,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            Cell::Fails(text.or_else(|| panic.downcast_ref::<&str>().map(|t| (*t).to_owned())).unwrap_or_default())
        }
    }
}
