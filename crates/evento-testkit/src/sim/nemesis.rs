//! Everything that goes wrong, and the end of each life.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use evento_check::What;
use evento_log::embedded::{EmbeddedLog, Fault, Machine, Recovered, Turns};
use evento_log::unit::{CommitUnit, StatePut, state_digest};
use evento_model::{CommandId, EntityKey, OnPark, SchemaId, Timestamp, sometimes};

use super::node::Node;
use super::plan::{TROUBLES, Trouble};
use super::world::{Event, When, World};
use crate::counter::{COUNTER, Health, PARTITIONS, VAULT, catalog, long, read_long, revision};
use crate::disk::{Failure, Verb};

/// Ten years, in milliseconds.
const TEN_YEARS: i64 = 10 * 365 * 86_400_000;

/// The function answers nobody.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outage {
    /// It does not even say so.
    pub(crate) hangs: bool,
    began: i64,
    /// When it ends.
    pub(crate) until: i64,
    /// Functions the engine has declared to be down: what was charged before may still park until then.
    declared: usize,
    /// The history knows of it.
    told: bool,
}

impl World {
    /// Something goes wrong.
    pub(crate) fn nemesis(&mut self) {
        if self.calm {
            return;
        }
        let (trouble, _) = self.luck.pick(&TROUBLES);
        if self.plan.has(trouble) && self.node.is_some() {
            self.make(trouble);
        }
        let wait = 200 + self.luck.wait(30_000);
        let wait = self.patient(wait);
        self.at(wait, Event::Nemesis);
    }

    fn make(&mut self, trouble: Trouble) {
        self.record.note(self.now, 6, || format!("trouble: {trouble:?}"));
        match trouble {
            Trouble::Kill | Trouble::Power => {
                self.end_by = trouble;
                match self.luck.below(5) {
                    0 => self.die(trouble),
                    1 => self.end_when = Some(When::Decided),
                    2 => self.end_when = Some(When::Written),
                    _ => self.disk.power_for(Some(1 + self.luck.below(120))),
                }
            }
            Trouble::Disk => self.fail_once(),
            Trouble::Full => {
                self.disk.set_capacity(self.disk.used() + self.luck.below(60_000));
                let wait = 1_000 + self.luck.wait(20_000);
                self.at(wait, Event::Heal(Trouble::Full));
            }
            Trouble::Outage if self.outage.is_none() => self.begin_outage(),
            Trouble::Revision => self.revise(),
            Trouble::Clock => {
                let by = self.luck.between(0, 2 * TEN_YEARS as u64) as i64 - TEN_YEARS;
                sometimes!(
                    "wall clock jumped back in a back-off",
                    by < 0 && self.backoffs.iter().any(|at| *at > self.now)
                );
                self.wall_offset = (self.wall_offset + by).clamp(-TEN_YEARS, TEN_YEARS);
            }
            Trouble::Second => self.second_start(),
            Trouble::Outage | Trouble::Flip | Trouble::Wipe | Trouble::Answers | Trouble::Bad | Trouble::People => {}
        }
    }

    /// Somebody starts another process on the directory while this one has it.
    fn second_start(&mut self) {
        match self.open() {
            Err(Fault::InUse { .. }) => {
                sometimes!("second process refused");
            }
            Ok(_) => self.broken("S10", "a second process was given the directory".to_owned()),
            // The disk failed before it was asked who has the directory.
            Err(_) => {}
        }
    }

    fn fail_once(&mut self) {
        let verb = self.luck.pick(&[
            Verb::Sync,
            Verb::Sync,
            Verb::Write,
            Verb::Write,
            Verb::Rename,
            Verb::SyncFolder,
            Verb::Open,
        ]);
        let part = self.luck.pick(&["", "", "commit", "topics", "checkpoint", "state"]);
        self.disk.fail(Failure { verb, part, nth: self.luck.below(12) as u32, kind: ErrorKind::Other });
    }

    fn begin_outage(&mut self) {
        if self.now - self.last_park < 2_000 {
            return;
        }
        let hangs = self.luck.one_in(4);
        self.function.health = match hangs {
            true => Health::Down,
            false => self.luck.pick(&[Health::Down, Health::FailsAll, Health::Busy]),
        };
        let lasts = if self.luck.one_in(8) { 1_800_000 } else { 500 + self.luck.wait(120_000) };
        self.outage = Some(Outage { hangs, began: self.now, until: self.now + lasts, declared: 0, told: false });
        self.at(lasts, Event::Heal(Trouble::Outage));
    }

    /// A new revision serves; it may have mended what was bad, or broken it again.
    pub(crate) fn revise(&mut self) {
        self.revision = self.revision % 250 + 1;
        self.function.mended = self.calm || self.luck.one_in(3);
        self.blocked.clear();
        self.served = catalog(self.served.version + 1, &self.setting, Some(self.revision));
        let served = self.served.clone();
        if let Some(node) = &mut self.node {
            node.serve(served);
        }
    }

    /// A trouble ends.
    pub(crate) fn heal(&mut self, trouble: Trouble) {
        match trouble {
            Trouble::Full => self.disk.set_capacity(u64::MAX),
            Trouble::Outage => self.end_outage(),
            _ => {}
        }
    }

    pub(crate) fn end_outage(&mut self) {
        let Some(outage) = self.outage.take() else { return };
        // Two charged attempts and the longest pause between them.
        sometimes!("outage longer than all attempts", self.now - outage.began > 90_000);
        self.function.health = Health::Well;
        if outage.told {
            self.tell(None, None, What::Outage { open: false });
        }
    }

    /// The engine found a function to be down.
    pub(crate) fn declared(&mut self) {
        let functions = if self.setting.apart { 2 } else { 1 };
        let Some(outage) = &mut self.outage else { return };
        outage.declared += 1;
        if outage.declared >= functions && !outage.told {
            outage.told = true;
            self.tell(None, None, What::Outage { open: true });
        }
    }

    /// The engine begins anew and knows of no outage.
    pub(crate) fn undeclare(&mut self) {
        if let Some(outage) = &mut self.outage {
            outage.declared = 0;
            if std::mem::take(&mut outage.told) {
                self.tell(None, None, What::Outage { open: false });
            }
        }
    }

    /// The process ends. What follows is a start.
    pub(crate) fn die(&mut self, how: Trouble) {
        self.last_moment();
        if let Some(node) = self.node.take() {
            let (_, durable) = node.untold();
            sometimes!("crash between fsync and acknowledgement", durable > 0);
            sometimes!("crash between function answer and commit", node.turns.has_units());
        }
        self.forget_work();
        self.blocked.clear();
        self.undeclare();
        for who in 0..self.clients.len() {
            if let Some(op) = self.clients[who].op.take() {
                self.doubt(who, &op);
            }
        }
        match how {
            Trouble::Power => self.disk.cut_power(),
            _ => self.disk.kill(),
        }
        self.shelves.crash();
        self.tell(None, None, What::Nemesis { what: format!("{how:?}").to_lowercase(), node: None });
        if !self.calm && self.plan.has(Trouble::Wipe) && self.luck.one_in(3) {
            self.shelves.wipe();
        }
        if !self.calm && self.plan.has(Trouble::Flip) && !self.flipped && self.luck.one_in(2) {
            self.flip();
        }
        let wait = 1 + self.luck.wait(5_000);
        self.at(wait, Event::Restart);
    }

    /// What left the process before it ended: answers on their way, and what a reader still saw.
    fn last_moment(&mut self) {
        if self.luck.one_in(2)
            && let Some(node) = &mut self.node
        {
            let out = node.tell();
            self.carry_out(out);
        }
        if self.luck.one_in(2) {
            (0..self.readers.len()).for_each(|who| self.read_all(who));
        }
    }

    pub(crate) fn blocks(&self, key: &EntityKey) -> bool {
        key.entity == VAULT || self.setting.on_park == OnPark::Block
    }

    /// Changes one bit of what is stored, but not in the newest frames: there damage and a torn write look alike.
    fn flip(&mut self) {
        let content = self.disk.content();
        let files: Vec<(&PathBuf, &Vec<u8>)> = content
            .iter()
            .filter(|(path, bytes)| {
                !bytes.is_empty() && path.file_name().is_some_and(|n| n != "reserve" && n != "spare")
            })
            .collect();
        if files.is_empty() {
            return;
        }
        let (path, bytes) = self.luck.pick(&files);
        let most = match path.extension().is_some_and(|kind| kind == "cl") {
            true => frames(bytes).iter().rev().nth(1).copied().unwrap_or(0),
            false => bytes.len(),
        };
        if most > 0 {
            let (at, bit) = (self.luck.below(most as u64) as usize, self.luck.below(8) as u8);
            self.disk.flip(path, at, bit);
            self.flipped = true;
            self.record.note(self.now, 7, || format!("bit {bit} of byte {at} of {} flipped", path.display()));
        }
    }

    /// A start; it may be interrupted itself.
    pub(crate) fn restart(&mut self) {
        if self.node.is_some() {
            return;
        }
        let interrupted =
            !self.calm && self.luck.one_in(5) && (self.plan.has(Trouble::Kill) || self.plan.has(Trouble::Power));
        if interrupted {
            self.end_by = if self.plan.has(Trouble::Power) { Trouble::Power } else { Trouble::Kill };
            self.disk.power_for(Some(1 + self.luck.below(60)));
        }
        match self.open() {
            Ok(opened) => self.begin(opened),
            Err(_) if self.disk.is_off() => {
                sometimes!("crash while starting");
            }
            Err(Fault::Corrupt { .. } | Fault::Read { .. } | Fault::Format { .. }) if self.flipped => {
                sometimes!("flipped byte in data later read");
                self.damaged = true;
            }
            Err(fault) => self.broken("S5", format!("a plain start does not recover: {fault}")),
        }
    }

    pub(crate) fn open(&mut self) -> Result<(EmbeddedLog, Turns, Recovered), Fault> {
        let wall: Arc<AtomicI64> = self.wall_clock.clone();
        let clock = Box::new(move || Timestamp(wall.load(Ordering::Relaxed)));
        let machine = Machine { disk: Arc::new(self.disk.clone()), shelves: Arc::new(self.shelves.clone()) };
        let opened = EmbeddedLog::open_by_turns(self.config.clone(), clock, machine)?;
        opened.0.register_entity(COUNTER, "counter", "test.Counter", PARTITIONS);
        opened.0.register_entity(VAULT, "vault", "test.Vault", PARTITIONS);
        Ok(opened)
    }

    fn begin(&mut self, (log, mut turns, recovered): (EmbeddedLog, Turns, Recovered)) {
        self.life += 1;
        sometimes!("torn tail recovered", recovered.torn_bytes > 0);
        let (frames, lost) = (recovered.frames, !recovered.states_lost.is_empty());
        self.record.note(self.now, 8, || format!("life {} begins: {frames} frames, states lost: {lost}", self.life));
        if lost {
            sometimes!("states rebuilt from the events");
            match self.rebuild(&log, &mut turns) {
                Ok(true) => {}
                // Crashed meanwhile, or no room: another start tries again.
                Ok(false) => {
                    return if !self.disk.is_off() {
                        self.die(Trouble::Kill)
                    };
                }
                Err(fault) => return self.unreadable(&fault),
            }
        }
        let parked = recovered.unfinished.iter().filter(|found| found.mark.as_ref().is_some_and(|mark| mark.parked));
        let parked: Vec<(EntityKey, CommandId)> = parked
            .map(|found| {
                let (at, record) = (found.command.position, &found.command.record);
                (EntityKey { entity: at.entity, id: record.id.clone() }, record.command_id.clone())
            })
            .collect();
        // Another revision than the one it failed under releases it.
        let serving = revision(self.revision);
        let stays = |id: &CommandId| {
            let sent = self.sent.iter().find(|sent| sent.id == *id);
            sent.is_some_and(|sent| sent.parked_under.iter().all(|under| under.is_none_or(|under| under == serving)))
        };
        self.blocked = parked.into_iter().filter(|(key, id)| self.blocks(key) && stays(id)).collect();
        sometimes!("blocked instance across a restart", !self.blocked.is_empty());
        let seed = self.luck.bits();
        let mut node = Node::new((log, turns, recovered), self.setting.config.clone(), seed, self.disk.clone());
        node.serve(self.served.clone());
        self.node = Some(node);
    }

    /// States are the fold of the events: written anew before anything is decided on them.
    fn rebuild(&mut self, log: &EmbeddedLog, turns: &mut Turns) -> Result<bool, Fault> {
        let failed = Arc::new(AtomicI64::new(0));
        for entity in [COUNTER, VAULT] {
            for row in log.instances(entity, None, 10_000)? {
                let key = EntityKey { entity, id: row.id.clone() };
                let state = fold(log, &key)?;
                let put = StatePut {
                    seq: row.state.seq,
                    digest: state_digest(state.as_deref()),
                    state,
                    schema: SchemaId(1),
                    updated_at: row.state.updated_at,
                    revision: row.state.revision,
                };
                let unit = CommitUnit { state: Some(put), ..CommitUnit::empty(entity, row.partition, row.id) };
                let count = failed.clone();
                log.submit(
                    unit,
                    Box::new(move |result| {
                        count.fetch_add(i64::from(result.is_err()), Ordering::Relaxed);
                    }),
                );
            }
        }
        while turns.has_units() {
            turns.commit();
        }
        if failed.load(Ordering::Relaxed) > 0 || self.disk.is_off() {
            return Ok(false);
        }
        Ok([COUNTER, VAULT].into_iter().all(|entity| log.states_rebuilt(entity).is_ok()))
    }

    /// The troubles end; everything must come to its end.
    pub(crate) fn quiet_down(&mut self) {
        if self.broken.is_some() || self.damaged {
            return;
        }
        if self.plan.has(Trouble::Clock) && self.luck.one_in(3) {
            self.make(Trouble::Clock);
        }
        self.calm = true;
        self.disk.power_for(None);
        self.disk.spare();
        self.disk.set_capacity(u64::MAX);
        self.end_outage();
        self.revise();
        self.record.note(self.now, 9, || "the troubles are over".to_owned());
        if self.node.is_none() {
            self.restart();
        }
        self.tell(None, None, What::Calm);
        for more in [4_000, 36_000, 40_000] {
            let until = self.now + more;
            self.at(more, Event::Heal(Trouble::Bad));
            self.run(|world| world.now >= until);
            self.ask_for_parked();
        }
        let until = self.now + 40_000;
        self.at(40_000, Event::Heal(Trouble::Bad));
        self.run(|world| world.now >= until);
        let (lines, ready) = (self.record.lines.len() as u64, self.is_ready());
        self.tell(None, None, What::End { lines, ready });
    }

    fn is_ready(&self) -> bool {
        self.node.as_ref().is_some_and(|node| node.log.fault().is_none())
    }
}

/// Where frames begin in a commit segment, without those of its earlier uses.
fn frames(segment: &[u8]) -> Vec<usize> {
    let ours = |at: &usize| segment[*at..].starts_with(b"EVCF") && segment[at + 16..at + 24] == segment[16..24];
    (4_096..segment.len().saturating_sub(24)).step_by(8).filter(ours).collect()
}

/// The state that the events of an instance make.
fn fold(log: &EmbeddedLog, key: &EntityKey) -> Result<Option<bytes::Bytes>, Fault> {
    let events = log.history(key, 1, usize::MAX)?;
    let added = events.iter().filter(|event| event.record.type_name.as_str() == "test.Added");
    Ok(added.map(|event| read_long(&event.record.payload)).reduce(|a, b| a + b).map(long))
}
