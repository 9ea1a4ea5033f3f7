//! One client: sends commands, repeats an id until it has an outcome, reads after its writes, and notes it all.

use std::sync::atomic::Ordering;
use std::time::Duration;

use evento_check::history::content_digest;
use evento_check::{Recorded, What};
use evento_engine::Chance;
use evento_log::unit::state_digest;
use evento_model::{Digest, Outcome};
use evento_sdk::avro::Record;
use serde_json::{Value, json};

use super::arena::Shared;
use super::bank::{Account, Break, Deposit, Split, Withdraw};
use super::http::{Http, NoReply, Reply};

/// Accounts that all clients share.
const ACCOUNTS: u64 = 24;
/// Pause before a refused command is sent again.
const REFUSED_PAUSE: Duration = Duration::from_millis(10);
/// Answers within one command that are taken before the client gives up and says so.
const TRIES_MAX: u32 = 20_000;

/// A command to be sent, the same each time.
struct Planned {
    id: String,
    cmd: String,
    /// As in the path.
    verb: &'static str,
    /// Full name of its type.
    name: &'static str,
    body: String,
    pd: Digest,
    bad: bool,
}

impl Planned {
    fn of<R: Record>(id: String, cmd: String, verb: &'static str, record: &R, body: &Value) -> Planned {
        let pd = content_digest(R::NAME, &bytes(record));
        Planned { id, cmd, verb, name: R::NAME, body: body.to_string(), pd, bad: false }
    }

    fn k(&self) -> String {
        format!("account/{}", self.id)
    }

    fn path(&self) -> String {
        format!("/v1/entities/account/{}/commands", self.id)
    }
}

/// The bytes of a record. Numbers and texts, which every schema of the torture bank holds, always have some.
fn bytes<R: Record>(record: &R) -> Vec<u8> {
    record.encode().unwrap_or_default()
}

/// How an attempt to get an outcome ended.
enum Try {
    /// With an outcome.
    Done,
    /// It is known to wait for good, or the answer makes no sense.
    Ended,
    /// Nothing was recorded.
    Refused,
    /// It may be recorded.
    Again,
}

/// How a command is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Usual,
    /// `Prefer: respond-async`, then asked for.
    Async,
    /// Without waiting.
    Quick,
    /// On two connections at the same time.
    Twice,
}

pub(super) struct Client<'a> {
    name: String,
    shared: &'a Shared,
    http: Http,
    chance: Chance,
    sent: u64,
    /// What had its outcome last: it is sent again after a fault, and must have the same one.
    last: Option<Planned>,
    starts: u64,
    /// Whether the present command may be recorded already.
    doubted: bool,
}

impl<'a> Client<'a> {
    pub(super) fn new(shared: &'a Shared, n: u64, seed: u64) -> Client<'a> {
        let name = format!("w{n}");
        let chance = Chance::new(seed);
        Client { name, shared, http: Http::default(), chance, sent: 0, last: None, starts: 0, doubted: false }
    }

    /// Sends until the gate closes for good.
    pub(super) fn run(&mut self) {
        while self.shared.gate.enter() {
            let starts = self.shared.starts.load(Ordering::Relaxed);
            let again = self.last.take().filter(|_| starts != self.starts || self.chance.up_to(19) == 0);
            self.starts = starts;
            self.doubted = again.is_some();
            let planned = match again {
                Some(planned) => planned,
                None => self.plan(),
            };
            self.finish(planned);
            self.shared.gate.leave();
        }
    }

    fn plan(&mut self) -> Planned {
        self.sent += 1;
        let cmd = format!("{}-{}", self.name, self.sent);
        let id = format!("a{}", self.chance.up_to(ACCOUNTS - 1));
        let amount = 1 + self.chance.up_to(99) as i64;
        match self.chance.up_to(199) {
            0 => {
                let id = format!("bad-{}", self.name);
                Planned { bad: true, ..Planned::of(id, cmd, "break", &Break {}, &json!({})) }
            }
            1..50 => Planned::of(id, cmd, "withdraw", &Withdraw { amount }, &json!({"amount": amount})),
            50..90 => {
                let parts = 2 + self.chance.up_to(3) as i32;
                let (split, body) = (Split { amount, parts }, json!({"amount": amount, "parts": parts}));
                Planned::of(id, cmd, "split", &split, &body)
            }
            _ => {
                let note = "n".repeat(self.chance.up_to(400) as usize);
                let body = json!({"amount": amount, "note": note});
                Planned::of(id, cmd, "deposit", &Deposit { amount, note }, &body)
            }
        }
    }

    /// Sends one command until it has its outcome, or is known to wait for good.
    fn finish(&mut self, planned: Planned) {
        let how = match self.chance.up_to(39) {
            _ if planned.bad => How::Quick,
            0 => How::Twice,
            1..5 => How::Async,
            _ => How::Usual,
        };
        for _ in 0..TRIES_MAX {
            match self.attempt(&planned, how) {
                Try::Done => {
                    self.misuse(&planned);
                    self.last = Some(planned);
                    return;
                }
                Try::Ended => return,
                // What was refused and is never sent again must not be there in the end.
                Try::Refused if !self.doubted && self.chance.up_to(9) == 0 => return,
                Try::Refused => {}
                Try::Again => self.doubted = true,
            }
            if self.shared.given_up() {
                return;
            }
        }
        self.shared.odd(format!("{} {} had no outcome after {TRIES_MAX} answers", planned.k(), planned.cmd));
    }

    fn attempt(&mut self, planned: &Planned, how: How) -> Try {
        let Some(address) = self.shared.address() else {
            std::thread::sleep(Duration::from_millis(1));
            return if self.doubted { Try::Again } else { Try::Refused };
        };
        if how != How::Twice {
            let op = self.begin(planned);
            let reply = post(&mut self.http, &address, planned, how);
            return self.answered(op, planned, &address, reply);
        }
        let (one, two) = (self.begin(planned), self.begin(planned));
        let mut twin = Http::default();
        let (first, second) = std::thread::scope(|scope| {
            let second = scope.spawn(|| post(&mut twin, &address, planned, how));
            (post(&mut self.http, &address, planned, how), second.join().unwrap_or(Err(NoReply::Lost)))
        });
        let first = self.answered(one, planned, &address, first);
        match (first, self.answered(two, planned, &address, second)) {
            (Try::Done, _) | (_, Try::Done) => Try::Done,
            (Try::Refused, Try::Refused) => Try::Refused,
            _ => Try::Again,
        }
    }

    /// Notes that a command is about to be sent; the number of the operation.
    fn begin(&self, planned: &Planned) -> u64 {
        let op = self.shared.recorder.op();
        let send = What::Send {
            k: planned.k(),
            cmd: planned.cmd.clone(),
            name: planned.name.to_owned(),
            pd: planned.pd,
            way: "http".to_owned(),
            bad: planned.bad,
        };
        self.note(op, send);
        op
    }

    /// Now and then: another content under an id that has its outcome. It must be refused.
    fn misuse(&mut self, planned: &Planned) {
        if self.chance.up_to(39) > 0 {
            return;
        }
        let Some(address) = self.shared.address() else { return };
        let deposit = Deposit { amount: 1_000_000, note: "another content".to_owned() };
        let body = json!({"amount": deposit.amount, "note": deposit.note});
        let other = Planned::of(planned.id.clone(), planned.cmd.clone(), "deposit", &deposit, &body);
        let op = self.begin(&other);
        match post(&mut self.http, &address, &other, How::Usual) {
            Ok(reply) if reply.status == 422 => {
                let refused = What::Fail { cmd: other.cmd, status: 422, recorded: Recorded::No };
                self.note(op, refused);
            }
            reply => drop(self.answered(op, &other, &address, reply)),
        }
    }

    fn answered(&mut self, op: u64, planned: &Planned, address: &str, reply: Result<Reply, NoReply>) -> Try {
        let cmd = planned.cmd.clone();
        match reply {
            Err(NoReply::NotSent) => {
                self.note(op, What::Fail { cmd, status: 0, recorded: Recorded::No });
                std::thread::sleep(Duration::from_millis(1));
                Try::Refused
            }
            Err(NoReply::Lost) => {
                self.note(op, What::Unknown { cmd });
                Try::Again
            }
            Ok(reply) if reply.status == 200 => self.done(op, planned, address, &reply),
            Ok(reply) if reply.status == 202 => {
                self.note(op, What::Ack { cmd, pos: None });
                self.shared.acknowledged.fetch_add(1, Ordering::Relaxed);
                if planned.bad { Try::Ended } else { self.wait(op, planned, address) }
            }
            Ok(reply) => {
                let document = reply.json();
                let recorded = match (document["recorded"].as_bool(), document["recorded"].as_str()) {
                    (Some(false), _) => Recorded::No,
                    (Some(true), _) => Recorded::Yes,
                    (None, word) => {
                        // Every answer must say it, and be right: the judge compares.
                        if word != Some("unknown") {
                            self.shared.odd(format!(
                                "{} {} was answered without recorded: {document}",
                                planned.k(),
                                cmd
                            ));
                        }
                        Recorded::Unknown
                    }
                };
                if !matches!(reply.status, 429 | 503 | 507) {
                    self.shared.odd(format!("{} {} was answered {}: {document}", planned.k(), cmd, reply.status));
                }
                self.shared.refusals.fetch_add(1, Ordering::Relaxed);
                self.note(op, What::Fail { cmd, status: reply.status, recorded });
                std::thread::sleep(REFUSED_PAUSE);
                if recorded == Recorded::No { Try::Refused } else { Try::Again }
            }
        }
    }

    /// Waits for the outcome of what was acknowledged.
    fn wait(&mut self, op: u64, planned: &Planned, address: &str) -> Try {
        let path = format!("{}/{}", planned.path(), planned.cmd);
        match self.http.get(address, &path, &[("Prefer", "wait=5")]) {
            Ok(reply) if reply.status == 200 => self.done(op, planned, address, &reply),
            _ => Try::Again,
        }
    }

    fn done(&mut self, op: u64, planned: &Planned, address: &str, reply: &Reply) -> Try {
        let document = reply.json();
        let (seq, count) = (document["seq"].as_u64(), document["events"].as_array().map(|events| events.len() as u64));
        let outcome = document["outcome"].as_str().and_then(Outcome::parse);
        let (Some(last), Some(count), Some(outcome)) = (seq, count, outcome) else {
            self.shared.odd(format!("{} {} has an outcome of no known form: {document}", planned.k(), planned.cmd));
            self.note(op, What::Unknown { cmd: planned.cmd.clone() });
            return Try::Ended;
        };
        let first = (last + 1).saturating_sub(count);
        let done = What::Done { cmd: planned.cmd.clone(), outcome, first, last, sd: told_state(&document) };
        self.note(op, done);
        self.shared.acknowledged.fetch_add(1, Ordering::Relaxed);
        if let Some(position) = reply.position.as_deref().filter(|_| self.chance.up_to(3) == 0) {
            self.read(planned, address, last, position);
        }
        Try::Done
    }

    fn read(&mut self, planned: &Planned, address: &str, after: u64, position: &str) {
        let from = self.shared.recorder.now();
        let path = format!("/v1/entities/account/{}", planned.id);
        let Ok(reply) = self.http.get(address, &path, &[("Evento-After", position)]) else { return };
        let document = reply.json();
        if let (200, Some(seq)) = (reply.status, document["seq"].as_u64()) {
            let read = What::Read { k: planned.k(), from, after: Some(after), seq, sd: told_state(&document) };
            self.shared.recorder.note(None, Some(&self.name), read);
        }
    }

    fn note(&self, op: u64, what: What) {
        self.shared.recorder.note(Some(op), Some(&self.name), what);
    }
}

fn post(http: &mut Http, address: &str, planned: &Planned, how: How) -> Result<Reply, NoReply> {
    let prefer = match how {
        How::Quick => "wait=0",
        How::Async => "respond-async",
        How::Usual | How::Twice => "wait=5, return=representation",
    };
    let headers = [("Content-Type", "application/json"), ("Idempotency-Key", planned.cmd.as_str()), ("Prefer", prefer)];
    http.send(address, ("POST", &format!("{}/{}", planned.path(), planned.verb)), &headers, planned.body.as_bytes())
}

/// Digest of the state in a document, if it has one: the state as Avro writes it.
fn told_state(document: &Value) -> Option<Digest> {
    let state = document.get("state")?;
    if state.is_null() {
        return Some(state_digest(None));
    }
    let account = Account { balance: state["balance"].as_i64()?, deposits: state["deposits"].as_i64()? };
    Some(state_digest(Some(&bytes(&account))))
}
