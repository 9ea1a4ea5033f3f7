//! Random lives of members: whoever waits is answered in the end, and what a generation is told fits together.

use proptest::prelude::*;

use super::*;

/// A client and what it was last told.
#[derive(Clone, Default, Debug)]
struct Client {
    id: Option<Name>,
    generation: i32,
    waits: Option<Ticket>,
}

#[derive(Clone, Debug)]
enum Step {
    /// Joins, anew or again; with other words when the flag is set.
    Join(usize, bool),
    Sync(usize),
    Heartbeat(usize),
    Leave(usize),
    /// Forgets everything: a client that was killed and comes again.
    Forget(usize),
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let client = 0usize..5;
    let step = prop_oneof![
        8 => (client.clone(), any::<bool>()).prop_map(|(n, other)| Step::Join(n, other)),
        8 => client.clone().prop_map(Step::Sync),
        2 => client.clone().prop_map(Step::Heartbeat),
        1 => client.clone().prop_map(Step::Leave),
        1 => client.prop_map(Step::Forget),
        4 => (1u64..4_000).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 1..150)
}

struct Play {
    world: World,
    clients: Vec<Client>,
    given: usize,
    /// Who led each generation, as members were told.
    leaders: BTreeMap<i32, Name>,
}

impl Play {
    fn new() -> Play {
        let leaders = BTreeMap::new();
        Play { world: World::new(), clients: vec![Client::default(); 5], given: 0, leaders }
    }

    /// Client 0 is a static member, the others are not.
    fn ask(&mut self, n: usize, other: bool) {
        self.given += 1;
        let fresh: Name = format!("m{}", self.given).into();
        let said = if other { "other words" } else { "words" };
        let join = Join {
            member: self.clients[n].id.clone().unwrap_or_default(),
            instance: (n == 0).then(|| "i".into()),
            protocols: speaking(&[("range", said)]),
            fresh,
            ..join("")
        };
        let ticket = self.world.ask(join);
        self.clients[n].waits = Some(ticket);
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Join(n, other) if self.clients[*n].waits.is_none() => self.ask(*n, *other),
            Step::Sync(n) if self.clients[*n].waits.is_none() => {
                let Some(id) = self.clients[*n].id.clone() else { return };
                let assignments = vec![(id.clone(), Bytes::from_static(b"all"))];
                let sync = Sync { assignments, ..following(&id, self.clients[*n].generation) };
                let ticket = self.world.sync(sync);
                self.clients[*n].waits = Some(ticket);
            }
            Step::Heartbeat(n) => {
                let client = self.clients[*n].clone();
                if let Some(id) = client.id {
                    let _ = self.world.heartbeat(&id, client.generation);
                }
            }
            Step::Leave(n) if self.clients[*n].waits.is_none() => {
                if let Some(id) = self.clients[*n].id.take() {
                    let _ = self.world.leave(&id, None);
                }
            }
            Step::Forget(n) => self.clients[*n] = Client::default(),
            Step::Pass(millis) => self.world.pass(Duration::from_millis(*millis)),
            Step::Join(..) | Step::Sync(_) | Step::Leave(_) => {}
        }
        self.hear();
        if self.world.state() == "none" {
            // The next group of this name begins with generation 1 again.
            self.leaders.clear();
        }
    }

    /// Clients take the answers that have come.
    fn hear(&mut self) {
        for client in &mut self.clients {
            let Some(answer) = client.waits.and_then(|ticket| self.world.answers.remove(&ticket)) else { continue };
            client.waits = None;
            match answer {
                Answer::Joined(Ok(joined)) => {
                    let leads = joined.leader == joined.member;
                    assert_eq!(leads, !joined.members.is_empty(), "the leader, and nobody else, is told the members");
                    assert!(joined.members.iter().all(|member| !member.metadata.is_empty()));
                    if leads {
                        let before = self.leaders.insert(joined.generation, joined.leader.clone());
                        assert!(before.is_none_or(|before| before == joined.leader), "two leaders of a generation");
                    }
                    (client.id, client.generation) = (Some(joined.member), joined.generation);
                }
                Answer::Joined(Err(refused)) => match refused.error {
                    ResponseError::MemberIdRequired => client.id = Some(refused.member),
                    ResponseError::UnknownMemberId | ResponseError::FencedInstanceId => client.id = None,
                    ResponseError::RebalanceInProgress => {}
                    other => panic!("{other:?}"),
                },
                Answer::Synced(Err(ResponseError::UnknownMemberId)) => client.id = None,
                Answer::Synced(_) => {}
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn whoever_waits_is_answered_and_a_group_without_members_is_gone(steps in steps()) {
        let mut play = Play::new();
        steps.iter().for_each(|step| play.step(step));
        // Everybody falls silent: rounds end, sessions end, and nothing is left.
        play.world.pass(ROUND * 10);
        play.hear();
        prop_assert!(play.clients.iter().all(|client| client.waits.is_none()), "{:?}", play.clients);
        prop_assert_eq!(play.world.state(), "none");
        prop_assert_eq!(play.world.groups.due(), None);
    }
}
