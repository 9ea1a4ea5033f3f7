//! Random lives of members: whatever they do, no partition has two owners at any moment, and when they come to
//! rest, every partition has one.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// A client as it sees itself.
#[derive(Clone, Default, Debug)]
struct Client {
    epoch: i32,
    /// What it reads now. It owns this until it gives it up or is known to be dead.
    owns: Parts,
    /// What it was told to have, and has not come to yet.
    told: Option<Parts>,
    /// It sends no more.
    killed: bool,
    /// It must say everything in its next heartbeat.
    full: bool,
}

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    Join(usize),
    Leave(usize),
    Kill(usize),
    Beat(usize),
    /// The answer to this heartbeat is lost, and the client says everything in the next one.
    LoseAnswer(usize),
    /// The client does what it was told.
    Follow(usize),
    Pass(u64),
    Topics(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let client = 0usize..4;
    let step = prop_oneof![
        2 => client.clone().prop_map(Step::Join),
        1 => client.clone().prop_map(Step::Leave),
        1 => client.clone().prop_map(Step::Kill),
        8 => client.clone().prop_map(Step::Beat),
        1 => client.clone().prop_map(Step::LoseAnswer),
        6 => client.prop_map(Step::Follow),
        2 => (1u64..15_000).prop_map(Step::Pass),
        1 => (1u32..8).prop_map(Step::Topics),
    ];
    prop::collection::vec(step, 1..120)
}

struct Play {
    world: World,
    clients: BTreeMap<String, Client>,
    /// The client that is now number n, if any; one that is killed gets another name when it comes again.
    names: [Option<String>; 4],
    lives: usize,
    version: u64,
}

impl Play {
    fn new() -> Play {
        Play { world: World::new(), clients: BTreeMap::new(), names: Default::default(), lives: 0, version: 1 }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Join(n) if self.names[*n].is_none() => {
                self.lives += 1;
                let name = format!("m{}", self.lives);
                self.clients.insert(name.clone(), Client { full: true, ..Client::default() });
                self.names[*n] = Some(name.clone());
                self.send(&name, true);
            }
            Step::Leave(n) => {
                if let Some(name) = self.names[*n].take() {
                    // It gives everything up before it says so.
                    self.clients.remove(&name);
                    let _ = self.world.beat(Beat { epoch: -1, ..lives(&name, 0) });
                }
            }
            Step::Kill(n) => {
                if let Some(name) = self.names[*n].take() {
                    self.clients.get_mut(&name).unwrap().killed = true;
                }
            }
            Step::Beat(n) | Step::LoseAnswer(n) => {
                if let Some(name) = self.names[*n].clone() {
                    self.send(&name, matches!(step, Step::Beat(_)));
                }
            }
            Step::Follow(n) => {
                if let Some(name) = self.names[*n].clone() {
                    self.follow(&name);
                }
            }
            Step::Pass(millis) => self.pass(Duration::from_millis(*millis)),
            Step::Topics(partitions) => {
                self.version += 1;
                self.world.groups.set_topics(two_topics(self.version, *partitions));
            }
            Step::Join(_) => {}
        }
        self.no_partition_has_two_owners();
    }

    fn send(&mut self, name: &str, answered: bool) {
        let client = self.clients.get_mut(name).unwrap();
        let beat = match (client.epoch, client.full) {
            (0, _) => joins(name),
            (epoch, true) => Beat { epoch, owned: Some(client.owns.clone()), ..joins(name) },
            (epoch, false) => lives(name, epoch),
        };
        let answer = self.world.beat(beat);
        let client = self.clients.get_mut(name).unwrap();
        client.full = !answered;
        match answer {
            // It goes on only with what it hears in answer to saying everything.
            _ if !answered => client.told = None,
            Ok(beaten) => {
                client.epoch = beaten.epoch;
                client.told = beaten.assigned.or(client.told.take());
            }
            Err(no) => {
                let expected = [ResponseError::FencedMemberEpoch, ResponseError::UnknownMemberId];
                assert!(expected.contains(&no.error), "{no:?}");
                *client = Client { full: true, ..Client::default() };
            }
        }
    }

    /// A client gives up and takes in one go, and says so at its next heartbeat.
    fn follow(&mut self, name: &str) {
        let client = self.clients.get_mut(name).unwrap();
        if let Some(told) = client.told.take() {
            client.owns = told;
            client.full = true;
        }
    }

    /// Time passes; clients that live notice when they were silent for so long that they must be taken for dead, and
    /// clients whose rebalance takes too long are told so before anything else.
    fn pass(&mut self, time: Duration) {
        self.world.pass(time);
        let members: Vec<Name> = match self.world.groups.get("g").map(|group| &group.kind) {
            Some(crate::group::Kind::Consumer(group)) => group.view().into_iter().map(|member| member.id).collect(),
            _ => Vec::new(),
        };
        let put_out = |name: &String| !members.iter().any(|id| **id == **name);
        self.clients.retain(|name, client| !client.killed || !put_out(name));
        for (_, client) in self.clients.iter_mut().filter(|(name, _)| put_out(name)) {
            *client = Client { full: true, ..Client::default() };
        }
    }

    fn no_partition_has_two_owners(&self) {
        let mut owners: BTreeMap<(Uuid, i32), &str> = BTreeMap::new();
        for (name, client) in &self.clients {
            for place in &client.owns {
                if let Some(other) = owners.insert(*place, name) {
                    panic!("{place:?} is read by {other} and {name}");
                }
            }
        }
    }

    /// Everybody goes on until nothing moves; the dead are forgotten meanwhile.
    fn rest(&mut self) {
        for _ in 0..40 {
            self.pass(Duration::from_secs(2));
            for name in self.names.clone().into_iter().flatten() {
                self.send(&name, true);
                self.no_partition_has_two_owners();
                self.follow(&name);
                self.no_partition_has_two_owners();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn no_partition_is_ever_owned_twice_and_at_rest_each_is_owned_once(steps in steps()) {
        let mut play = Play::new();
        let mut partitions = 4;
        for step in &steps {
            play.step(step);
            if let Step::Topics(now) = step {
                partitions = *now as usize;
            }
        }
        play.rest();
        let owned: usize = play.clients.values().map(|client| client.owns.len()).sum();
        let living = play.names.iter().flatten().count();
        prop_assert_eq!(owned, if living == 0 { 0 } else { partitions });
        prop_assert_eq!(play.world.state(), if living == 0 { "none" } else { "Stable" });
        let loads: Vec<usize> = play.clients.values().map(|client| client.owns.len()).collect();
        let spread = loads.iter().max().unwrap_or(&0) - loads.iter().min().unwrap_or(&0);
        prop_assert!(spread <= 1, "{:?}", loads);
    }
}
