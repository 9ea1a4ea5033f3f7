//! The bank on a real server with a Kafka listener and a schema registry, filled over HTTP.
//!
//! Accounts `feed-…` and `late-…` are filled before a test begins; each cell of the table has keys of its own.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::server::{Server, bank_function, bank_resources, free_address, until};

/// Accounts filled first, each with one opening and four commands more.
const FEED: usize = 24;
/// Accounts filled later, each with one opening.
const LATE: usize = 12;

/// A server with the bank.
pub struct Bank {
    pub server: Server,
    /// Address of the Kafka listener.
    pub kafka: String,
    /// Address of the schema registry.
    pub registry: String,
    /// A time in ms after all events of `feed-…` and before all of `late-…`.
    pub between: u64,
    /// Settings of the server, as environment variables.
    settings: &'static [(&'static str, &'static str)],
    folder: tempfile::TempDir,
}

impl Bank {
    /// Starts and fills it.
    pub fn start() -> Bank {
        let mut bank = Bank::empty();
        bank.fill(&(0..FEED).flat_map(feed).collect::<Vec<_>>());
        bank.between = next_millisecond();
        bank.fill(&(0..LATE).map(late).collect::<Vec<_>>());
        bank
    }

    /// Starts it without any account.
    pub fn empty() -> Bank {
        Bank::with(&[])
    }

    /// Starts it without any account, with settings as environment variables.
    pub fn with(settings: &'static [(&'static str, &'static str)]) -> Bank {
        let folder = tempfile::tempdir().expect("a folder");
        let (kafka, registry) = (free_address(), free_address());
        let server = start(&folder.path().join("data"), &kafka, &registry, settings);
        assert!(TcpStream::connect(&kafka).is_ok(), "the Kafka listener is not there");
        server.apply(&bank_resources(folder.path(), bank_function(), ""));
        Bank { server, kafka, registry: format!("http://{registry}"), between: 0, settings, folder }
    }

    /// SIGKILL, and a new start on the same data and addresses.
    pub fn restart(&mut self) {
        self.server.kill();
        let registry = self.registry.trim_start_matches("http://").to_owned();
        self.server = start(&self.folder.path().join("data"), &self.kafka, &registry, self.settings);
    }

    /// Sends commands, all of which must be accepted or rejected.
    pub fn fill(&self, commands: &[Value]) {
        let body = commands.iter().map(|each| format!("{each}\n")).collect::<String>();
        let headers = [("Content-Type", "application/x-ndjson")];
        let reply = self.server.post("/v1/commands", &headers, body.as_bytes()).expect("an answer");
        assert_eq!(reply.status, 200, "{}", reply.text());
        for line in reply.text().lines() {
            assert!(line.contains("\"outcome\":\"accepted\"") || line.contains("\"outcome\":\"rejected\""), "{line}");
        }
    }

    /// Opens an account.
    pub fn open(&self, key: &str) {
        self.fill(&[json!({"entity": "account", "id": key, "command": "open-account", "data": {"owner": "Ada"}})]);
    }

    /// The events of an account as the HTTP API tells them.
    pub fn events(&self, key: &str) -> Vec<Value> {
        let mut all: Vec<Value> = Vec::new();
        loop {
            let from = all.len() + 1;
            let answer = self.server.json(&format!("/v1/entities/account/{key}/events?limit=500&fromSeq={from}"));
            let page = answer["items"].as_array().expect("items");
            all.extend(page.iter().cloned());
            if page.len() < 500 {
                return all;
            }
        }
    }

    /// Waits until a command has an outcome, and tells the amounts of all deposits of its account so far.
    pub fn deposits_after(&self, key: &str, command: &str) -> Vec<i64> {
        let path = format!("/v1/entities/account/{key}/commands/{command}");
        let headers = [("Prefer", "wait=50")];
        let reply = crate::server::request(&self.server.address, "GET", &path, &headers, b"").expect("an answer");
        assert_eq!(reply.status, 200, "{command} has no outcome: {}", reply.text());
        let events = self.events(key);
        let deposits = events.iter().filter(|event| event["type"] == "bank.DepositReceived");
        deposits.filter_map(|event| event["data"]["amount"].as_i64()).collect()
    }

    /// Events by key of all accounts whose name begins so.
    pub fn all_events(&self, prefix: &str) -> BTreeMap<String, Vec<Value>> {
        let count = if prefix == "feed-" { FEED } else { LATE };
        let keys = (0..count).map(|n| format!("{prefix}{n:02}"));
        keys.map(|key| (key.clone(), self.events(&key))).collect()
    }

    /// How many partitions each topic has.
    pub fn partitions(&self) -> u32 {
        let entity = self.server.json("/v1/resources/entity/account");
        let found = entity["spec"]["partitions"].as_u64().unwrap_or(12);
        u32::try_from(found).expect("few")
    }
}

fn start(data: &Path, kafka: &str, registry: &str, settings: &[(&str, &str)]) -> Server {
    let mut command = Command::new(env!("CARGO_BIN_EXE_evento"));
    command.env("EVENTO_KAFKA_LISTEN", kafka).env("EVENTO_REGISTRY_LISTEN", registry);
    command.envs(settings.iter().copied());
    Server::start_by(command, data)
}

/// The commands of an account that is filled first: the last one is rejected.
fn feed(account: usize) -> Vec<Value> {
    let command = |n: usize, name: &str, data: Value| {
        let id = format!("feed-{account:02}");
        json!({"entity": "account", "command": name, "idempotencyKey": format!("{id}.{n}"), "id": id, "data": data})
    };
    vec![
        command(1, "open-account", json!({"owner": "Zoë"})),
        command(2, "receive-deposit", json!({"amount": 100 + account, "reference": "rent"})),
        command(3, "withdraw-cash", json!({"amount": 30})),
        command(4, "receive-deposit", json!({"amount": 5})),
        command(5, "withdraw-cash", json!({"amount": 100_000})),
    ]
}

fn late(account: usize) -> Value {
    json!({"entity": "account", "id": format!("late-{account:02}"), "command": "open-account", "data": {"owner": "Eve"}})
}

fn milliseconds() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(now.as_millis()).expect("before the year 500,000,000")
}

/// The next millisecond, when it has begun: everything stored so far is older.
fn next_millisecond() -> u64 {
    let next = milliseconds() + 1;
    until("the millisecond ends", Duration::from_secs(60), || milliseconds() > next);
    next
}
