//! Groups whose members come, go and are killed while the server is killed: they resume, offsets never go back, and
//! every record is read by someone.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::told::records_of;
use super::{Chance, KILLS, PATIENCE, accounts, bank, both, random_moment, start};
use crate::bank::Bank;
use crate::clients::Client;
use crate::features::places;
use crate::program::Program;
use crate::server::{request, until};

const GROUP: &str = "killed";

#[test]
fn groups_of_both_protocols_resume_though_the_server_and_members_are_killed() {
    both(["classic", "consumer"], group_through_kills);
}

/// The group as the test knows it.
struct Members {
    protocol: &'static str,
    /// At most four run at once.
    running: Vec<Program>,
    /// Those that were asked to leave, and may be about it.
    leaving: Vec<Program>,
    /// What members said that were killed.
    last_words: Vec<Vec<Value>>,
}

impl Members {
    fn join(&mut self, bank: &Bank, client: Client) {
        // A client that commits without waiting may itself send an older offset again, after a newer one.
        let how = json!({"protocol": self.protocol, "session": 6000, "synchronous": true});
        let mut options = json!({"topic": "account.events", "group": GROUP});
        options.as_object_mut().expect("an object").extend(how.as_object().expect("an object").clone());
        self.running.push(start(bank, client, "member", options));
    }

    /// Lets one join, leave, or be killed. The first one, a Java client, stays: someone is always there.
    fn change(&mut self, bank: &Bank, chance: &mut Chance) {
        match chance.below(3) {
            0 if self.running.len() > 1 => {
                let mut member = self.running.remove(1);
                member.kill();
                self.last_words.push(member.lines());
            }
            1 if self.running.len() > 1 => {
                let mut member = self.running.remove(1);
                member.ask_to_end();
                self.leaving.push(member);
            }
            _ if self.running.len() < 4 => self.join(bank, Client::Confluent),
            _ => {}
        }
    }

    /// All records that anybody read, once all have left.
    fn read(mut self) -> BTreeSet<(u64, u64)> {
        let left = self.leaving.into_iter().chain(self.running).map(Program::finish);
        self.last_words.extend(left);
        self.last_words.iter().flat_map(|lines| places(lines)).collect()
    }
}

fn group_through_kills(protocol: &'static str) {
    let mut chance = Chance::new(protocol);
    let mut bank = bank();
    let few = json!({"topic": "account.commands", "keys": accounts(), "in_flight": 5});
    let feed = start(&bank, Client::Confluent, "stream", few);
    let mut members = Members { protocol, running: Vec::new(), leaving: Vec::new(), last_words: Vec::new() };
    members.join(&bank, Client::Java);
    members.join(&bank, Client::Confluent);
    members.running[0].wait("a member reads", |lines| (lines.len() > 1).then_some(()));
    let mut committed = BTreeMap::new();
    for _ in 0..KILLS {
        members.change(&bank, &mut chance);
        random_moment(&mut chance, &feed, 30);
        rise(&mut committed, &bank);
        bank.restart();
        rise(&mut committed, &bank);
    }
    feed.finish();
    until("the group has read and committed everything", PATIENCE, || {
        rise(&mut committed, &bank);
        committed.values().sum::<u64>() == records_of(&bank, "account.events")
    });
    let read = members.read();
    rise(&mut committed, &bank);
    let missed = committed.iter().flat_map(|(partition, end)| (0..*end).map(|offset| (*partition, offset)));
    assert_eq!(missed.filter(|place| !read.contains(place)).collect::<Vec<_>>(), [], "committed, and read by nobody");
    println!("{protocol}: {} records", read.len());
}

/// Takes what is committed now, which is nowhere less than before.
fn rise(committed: &mut BTreeMap<u64, u64>, bank: &Bank) {
    let now = committed_of(bank);
    for (partition, before) in &*committed {
        let now = now.get(partition);
        assert!(now.is_some_and(|now| now >= before), "partition {partition}: {before} was committed, now {now:?}");
    }
    *committed = now;
}

/// The committed offsets by partition; none while nobody knows the group.
fn committed_of(bank: &Bank) -> BTreeMap<u64, u64> {
    let reply = request(&bank.server.address, "GET", &format!("/v1/groups/{GROUP}"), &[], b"").expect("an answer");
    if reply.status == 404 {
        return BTreeMap::new();
    }
    let group = reply.json();
    let offsets = group["offsets"].as_array().expect("offsets").iter();
    offsets.filter_map(|each| Some((each["partition"].as_u64()?, each["committed"].as_u64()?))).collect()
}
