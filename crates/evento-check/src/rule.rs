//! The rules, each with its sentence and the guarantees it stands for. The numbers never change.

/// A rule of the checker.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Rule(pub u8);

/// Rules in the order in which they are told.
pub const RULES: &[(Rule, &str, &[&str])] = &[
    (Rule(0), "the history is whole: time does not fall, and every operation has one start and one end", &[]),
    (Rule(1), "every outcome that was told has exactly those events in the log", &["G1", "G3"]),
    (Rule(2), "every acknowledged command is in the log as it was sent, and nothing is that nobody sent", &["G1"]),
    (Rule(3), "no command has two outcomes, and all who asked were told the same one", &["G3", "G7"]),
    (Rule(4), "a refusal that says \"not recorded\" left no record", &["G20"]),
    (Rule(5), "sequences are 1, 2, 3, …; the events of a command are consecutive and complete", &["G4", "G6"]),
    (Rule(6), "a command sent after another was done comes after it", &["G5"]),
    (Rule(7), "the commands of an instance are decided in the order of the log", &["G5"]),
    (Rule(8), "a read shows at least what it asked for, and a state that the log has", &["G5"]),
    (Rule(9), "every event that was seen is in the log as it was seen, and was seen in order", &["G2", "G4"]),
    (Rule(10), "owner epochs never fall along a partition", &["K2"]),
    (Rule(11), "folding the events gives the stored states", &["G14"]),
    (Rule(12), "every record is readable under its schema", &["G12"]),
    (Rule(13), "the books balance: no negative balance, money in is money out and balances", &[]),
    (Rule(14), "an outage parks nothing, and a bad command is parked", &["G9", "G10"]),
    (Rule(15), "after the last fault everything completes within 30 s, or readiness was red", &["G19"]),
    (Rule(16), "no more than a fifth of the sends is without an answer", &[]),
];

impl Rule {
    /// What it demands.
    pub fn sentence(self) -> &'static str {
        RULES.iter().find(|row| row.0 == self).map_or("", |row| row.1)
    }

    /// The guarantees it stands for.
    pub fn guarantees(self) -> &'static [&'static str] {
        RULES.iter().find(|row| row.0 == self).map_or(&[], |row| row.2)
    }
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "C{}", self.0)
    }
}
