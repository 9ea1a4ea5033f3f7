//! SIGKILL to the server, again and again at random moments, while real clients go on: nothing that was acknowledged
//! is missing or doubled, nothing that was seen is gone, and groups resume.
//!
//! Each scenario runs one server with the bank. When the next kill comes depends on how far the clients are, not on
//! a clock; some come before a client has connected again. The seed of the moments is printed; `EVENTO_TEST_SEED`
//! repeats it, as far as processes can be repeated.

mod groups;
mod stream;
mod told;
mod transactions;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::bank::Bank;
use crate::clients::Client;
use crate::program::Program;
use crate::server::until;

/// How often a server is killed.
const KILLS: usize = 10;
/// Accounts that commands are sent to.
const ACCOUNTS: usize = 8;
/// Longest wait for a client to go on, and for everything to be done at the end.
const PATIENCE: Duration = Duration::from_secs(60);

/// A source of moments (xorshift64).
struct Chance(u64);

impl Chance {
    fn new(scenario: &str) -> Chance {
        let given = std::env::var("EVENTO_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |now| now.as_nanos() as u64);
        let seed = given.unwrap_or_else(now) | 1;
        println!("{scenario}: EVENTO_TEST_SEED={seed}");
        Chance(seed)
    }

    /// A number below `end`.
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }

    /// Whether something that happens once in `times` happens now.
    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

/// Runs a scenario in both ways at once, each with its own server: they wait most of the time.
fn both<T: Copy + Send>(ways: [T; 2], scenario: impl Fn(T) + Sync) {
    let scenario = &scenario;
    std::thread::scope(|scope| {
        for run in ways.map(|way| scope.spawn(move || scenario(way))) {
            run.join().expect("it holds");
        }
    });
}

/// The names of the accounts.
fn accounts() -> Vec<String> {
    (0..ACCOUNTS).map(|n| format!("kill-{n}")).collect()
}

/// A server whose accounts are open, and that gives silent members up soon.
fn bank() -> Bank {
    let bank =
        Bank::with(&[("EVENTO_KAFKA_GROUP_SESSION_TIMEOUT", "6s"), ("EVENTO_KAFKA_GROUP_HEARTBEAT_INTERVAL", "500ms")]);
    accounts().iter().for_each(|account| bank.open(account));
    bank
}

/// Starts a client on a bank.
fn start(bank: &Bank, client: Client, verb: &str, more: Value) -> Program {
    let mut all = json!({"bootstrap": bank.kafka, "registry": bank.registry, "schemas": crate::features::schemas()});
    let more = more.as_object().expect("an object").clone();
    all.as_object_mut().expect("an object").extend(more);
    Program::start(client, verb, &all)
}

/// Waits until a client has printed so many lines more, or lets it print none: then the kill comes early.
fn random_moment(chance: &mut Chance, running: &Program, most: usize) {
    if chance.once_in(5) {
        return;
    }
    let wanted = running.count() + 1 + chance.below(most);
    until("a client goes on after a kill", PATIENCE, || {
        assert!(!running.ended(), "{}", running.complaint());
        running.count() >= wanted
    });
}

/// The event's text in an account's event; nothing for other events.
fn reference(event: &Value) -> Option<&str> {
    (event["type"] == "bank.DepositReceived").then(|| event["data"]["reference"].as_str())?
}

/// All events of all accounts, each account's in order. Its sequence rises by one.
fn all_events(bank: &Bank) -> Vec<Vec<Value>> {
    let of = |account: &String| {
        let events = bank.events(account);
        let sequences: Vec<_> = events.iter().map(|event| event["seq"].as_u64()).collect();
        assert_eq!(sequences, (1..=events.len() as u64).map(Some).collect::<Vec<_>>(), "sequences of {account}");
        events
    };
    accounts().iter().map(of).collect()
}
