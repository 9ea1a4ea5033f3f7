//! What a run does: everything follows from a seed and the few numbers that shrinking lowers.

use std::collections::BTreeSet;

use evento_engine::Chance;

/// A kind of trouble that a run may be spared.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Trouble {
    /// The process dies; what was written stays.
    Kill,
    /// The power goes; what was not synced is there by chance.
    Power,
    /// A verb of the disk fails once.
    Disk,
    /// The disk is full for a while.
    Full,
    /// A byte of the stored data changes while nothing runs.
    Flip,
    /// The state store is deleted while nothing runs.
    Wipe,
    /// The function answers nobody for a while.
    Outage,
    /// Single answers are wrong, late, doubled or lost.
    Answers,
    /// Commands that the function cannot handle.
    Bad,
    /// Operators retry, park and abandon.
    People,
    /// New revisions of the function.
    Revision,
    /// The wall clock jumps.
    Clock,
    /// A second process is started on the directory.
    Second,
}

/// All of them with their words.
pub const TROUBLES: [(Trouble, &str); 13] = [
    (Trouble::Kill, "kill"),
    (Trouble::Power, "power"),
    (Trouble::Disk, "disk"),
    (Trouble::Full, "full"),
    (Trouble::Flip, "flip"),
    (Trouble::Wipe, "wipe"),
    (Trouble::Outage, "outage"),
    (Trouble::Answers, "answers"),
    (Trouble::Bad, "bad"),
    (Trouble::People, "people"),
    (Trouble::Revision, "revision"),
    (Trouble::Clock, "clock"),
    (Trouble::Second, "second"),
];

/// A run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Everything left to chance follows from it.
    pub seed: u64,
    /// New commands that are sent.
    pub sends: u64,
    /// Clients that send them.
    pub clients: u64,
    /// Troubles that do not happen.
    pub without: BTreeSet<Trouble>,
}

impl Plan {
    /// The run of a seed.
    pub fn of(seed: u64) -> Plan {
        let mut luck = Luck::new(seed ^ 0x5eed);
        let sends = luck.between(20, 90);
        let clients = luck.between(1, 5);
        // Each run is spared some troubles: two that never meet hide behind a third that ends every run early.
        let mut without = BTreeSet::new();
        for (trouble, _) in TROUBLES {
            let seldom = matches!(trouble, Trouble::Flip | Trouble::Wipe);
            if if seldom { !luck.one_in(6) } else { luck.one_in(4) } {
                without.insert(trouble);
            }
        }
        Plan { seed, sends, clients, without }
    }

    /// Whether a trouble may happen.
    pub fn has(&self, trouble: Trouble) -> bool {
        !self.without.contains(&trouble)
    }

    /// As options of the command.
    pub fn words(&self) -> String {
        let spared: Vec<&str> = TROUBLES.iter().filter(|(t, _)| self.without.contains(t)).map(|(_, w)| *w).collect();
        let spared = if spared.is_empty() { "none".to_owned() } else { spared.join(",") };
        format!("--first {} --sends {} --clients {} --without {spared}", self.seed, self.sends, self.clients)
    }
}

/// Chance in the words of the simulation.
pub(crate) struct Luck(Chance);

impl Luck {
    pub(crate) fn new(seed: u64) -> Luck {
        Luck(Chance::new(seed))
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0.bits()
    }

    /// From 0 up to and without `of`.
    pub(crate) fn below(&mut self, of: u64) -> u64 {
        self.0.up_to(of.saturating_sub(1))
    }

    /// Both ends included.
    pub(crate) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.0.up_to(most - least)
    }

    pub(crate) fn one_in(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// A wait in milliseconds: mostly short, seldom long.
    pub(crate) fn wait(&mut self, most: u64) -> i64 {
        let most = most >> self.below(12);
        self.below(most + 1) as i64
    }
}
