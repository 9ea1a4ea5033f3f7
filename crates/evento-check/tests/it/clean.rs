//! Makes clean runs: a log and what honest clients and readers would have written down of it.

use bytes::Bytes;
use evento_check::history::content_digest;
use evento_check::{
    CommandView, EntityView, EventView, InstanceView, Line, LogView, PartitionView, Recorded, Standing, What,
};
use evento_model::{Digest, Outcome, SchemaId, Timestamp};
use sha2::Digest as _;

/// A log and its history.
#[derive(Clone, Debug)]
pub struct Run {
    pub history: Vec<Line>,
    pub log: LogView,
}

/// Numbers that look like chance, and are the same for the same seed (SplitMix64).
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }
}

/// The state of these runs is a chain over the events.
pub fn chain(before: Digest, event: &EventView) -> Digest {
    let mut hash = sha2::Sha256::new();
    hash.update(before.0);
    hash.update(content_digest(&event.type_name, &event.payload).0);
    Digest(hash.finalize().into())
}

/// The fold of these runs, for C11.
pub fn replay(_: &EntityView, _: &str, instance: &InstanceView) -> Result<(), String> {
    let mut state = Digest([0; 32]);
    for event in &instance.events {
        state = chain(state, event);
        if state != event.state_digest {
            return Err(format!("event {} has another state", event.seq));
        }
    }
    Ok(())
}

struct Maker {
    dice: Dice,
    t: u64,
    op: u64,
    history: Vec<Line>,
    log: LogView,
}

/// A run of so many commands, on a few instances in two partitions.
pub fn run(seed: u64, commands: usize) -> Run {
    let entity = EntityView {
        name: "account".to_owned(),
        partitions: vec![PartitionView::default(), PartitionView::default()],
        ..EntityView::default()
    };
    let log = LogView { entities: vec![entity] };
    let mut maker = Maker { dice: Dice(seed), t: 0, op: 0, history: Vec::new(), log };
    for n in 0..commands {
        maker.command(n);
        if maker.dice.below(8) == 0 {
            maker.line(None, None, What::Nemesis { what: "kill".to_owned(), node: None });
        }
    }
    maker.line(None, None, What::Calm);
    maker.readers();
    let lines = maker.history.len() as u64;
    maker.line(None, None, What::End { lines, ready: true });
    Run { history: maker.history, log: maker.log }
}

impl Maker {
    fn line(&mut self, op: Option<u64>, c: Option<&str>, what: What) {
        self.t += 1 + self.dice.below(50) as u64;
        self.history.push(Line { t: self.t, op, c: c.map(str::to_owned), what });
    }

    fn command(&mut self, n: usize) {
        let id = self.dice.below(3);
        let (k, cmd, client) = (format!("account/a{id}"), format!("c{n}"), format!("w{}", self.dice.below(2)));
        let payload = Bytes::from(format!("amount {n}"));
        let name = "bank.Deposit".to_owned();
        let pd = content_digest(&name, &payload);
        self.op += 1;
        let (op, c) = (Some(self.op), Some(client.as_str()));
        let send = What::Send { k: k.clone(), cmd: cmd.clone(), name, pd, way: "http".to_owned(), bad: false };
        if self.dice.below(12) == 0 {
            self.line(op, c, send);
            return self.line(op, c, What::Fail { cmd, status: 429, recorded: Recorded::No });
        }
        self.line(op, c, send.clone());
        let pos = self.store(id, &cmd, payload);
        if self.dice.below(5) == 0 {
            self.line(op, c, What::Ack { cmd: cmd.clone(), pos: Some(pos) });
        }
        let doubt = self.dice.below(12) == 0;
        let (outcome, first, last, sd) = self.end(id, &cmd);
        let done = What::Done { cmd: cmd.clone(), outcome, first, last, sd: Some(sd) };
        self.line(op, c, if doubt { What::Unknown { cmd: cmd.clone() } } else { done.clone() });
        if doubt {
            self.op += 1;
            self.line(Some(self.op), c, send);
            self.line(Some(self.op), c, done);
        }
        if self.dice.below(3) == 0 {
            let from = self.t;
            self.line(None, Some("r"), What::Read { k, from, after: Some(last), seq: last, sd: Some(sd) });
        }
    }

    fn store(&mut self, id: usize, cmd: &str, payload: Bytes) -> String {
        let entity = &mut self.log.entities[0];
        let part = &mut entity.partitions[id % 2];
        let offset = part.commands_end;
        part.commands_end += 1;
        let instance = entity.instances.entry(format!("a{id}")).or_default();
        instance.partition = (id % 2) as u32;
        let type_name = "bank.Deposit".to_owned();
        instance.commands.push(CommandView {
            offset,
            id: cmd.to_owned(),
            client_supplied: true,
            digest: content_digest(&type_name, &payload),
            type_name,
            schema: SchemaId(1),
            payload,
            accepted_at: Timestamp(0),
            standing: Standing::Waiting,
        });
        format!("account.commands/{}/{offset}", id % 2)
    }

    fn end(&mut self, id: usize, cmd: &str) -> (Outcome, u64, u64, Digest) {
        let count = 1 + self.dice.below(3) as u32;
        let outcome = if self.dice.below(4) == 0 { Outcome::Rejected } else { Outcome::Accepted };
        let entity = &mut self.log.entities[0];
        let part = &mut entity.partitions[id % 2];
        let instance = entity.instances.get_mut(&format!("a{id}")).expect("a command is there");
        let decided_on = instance.events.len() as u64;
        let start = part.events_end;
        for n in 0..count {
            let seq = decided_on + 1 + u64::from(n);
            let before = instance.state.map_or(Digest([0; 32]), |(_, digest)| digest);
            let mut event = EventView {
                offset: part.events_end,
                seq,
                command: cmd.to_owned(),
                type_name: "bank.Deposited".to_owned(),
                schema: SchemaId(2),
                payload: Bytes::from(format!("{cmd} {n}")),
                outcome,
                batch: (n + 1, count),
                decided_on,
                attempts: 1,
                state_digest: before,
                time: Timestamp(0),
            };
            event.state_digest = chain(before, &event);
            part.events_end += 1;
            instance.state = Some((seq, event.state_digest));
            instance.events.push(event);
        }
        if part.epochs.is_empty() || self.dice.0.is_multiple_of(7) {
            let epoch = part.epochs.last().map_or(1, |(_, epoch)| epoch + 1);
            part.epochs.push((start, epoch));
        }
        let (first, last) = (decided_on + 1, decided_on + u64::from(count));
        let command = instance.commands.iter_mut().rfind(|command| command.id == cmd).expect("stored");
        command.standing = Standing::Ended { outcome, first, last, offset: start };
        (outcome, first, last, instance.state.expect("a state").1)
    }

    /// One reader from the beginning, one that began anew in the middle.
    fn readers(&mut self) {
        let entity = &self.log.entities[0];
        let mut seen = Vec::new();
        for (id, instance) in &entity.instances {
            for event in &instance.events {
                seen.push(What::Seen {
                    k: format!("account/{id}"),
                    seq: event.seq,
                    pos: format!("account.events/{}/{}", instance.partition, event.offset),
                    ed: content_digest(&event.type_name, &event.payload),
                    cmd: event.command.clone(),
                });
            }
        }
        seen.iter().for_each(|what| self.line(None, Some("kafka-1"), what.clone()));
        let half = seen.len() / 2;
        seen[..half].iter().for_each(|what| self.line(None, Some("kafka-2"), what.clone()));
        self.line(None, Some("kafka-2"), What::Restart);
        let again = half.saturating_sub(3);
        seen[again..].iter().for_each(|what| self.line(None, Some("kafka-2"), what.clone()));
    }
}
