//! The driver: gives the groups the time, wakes them when something is due, and hands answers to those who wait.
//!
//! One task for all groups. It sleeps until the earliest due time, or until that time has changed; it never polls,
//! and it ends with the coordinator.

use std::future::pending;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use rustc_hash::FxHashMap;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until};

use super::groups::Groups;
use super::offsets::Usage;
use super::{Answer, Answers, GroupLimits, Name, Ticket};

/// The groups of a broker, driven.
pub(crate) struct Coordinator {
    started: Instant,
    state: Mutex<State>,
    /// The earliest due time has changed, or the coordinator has gone.
    changed: Arc<Notify>,
}

/// What is behind the lock.
pub(crate) struct State {
    pub(crate) groups: Groups,
    pub(crate) usage: Usage,
    /// Bound: one per member that waits, and the members are bounded.
    waiting: FxHashMap<Ticket, oneshot::Sender<Answer>>,
    next: Ticket,
}

impl Coordinator {
    /// Begins with the groups that have committed offsets; starts the task that wakes them.
    pub(crate) fn start(limits: GroupLimits, usage: Usage, with_offsets: Vec<Name>) -> Arc<Coordinator> {
        let state = State { groups: Groups::new(limits, with_offsets), usage, waiting: FxHashMap::default(), next: 0 };
        let changed = Arc::new(Notify::new());
        let made = Coordinator { started: Instant::now(), state: Mutex::new(state), changed: changed.clone() };
        let made = Arc::new(made);
        tokio::spawn(wake(Arc::downgrade(&made), changed));
        made
    }

    /// Time since the start.
    pub(crate) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Reads the groups.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Asks for something that is answered at once; what becomes true by it is told to those who wait for it.
    pub(crate) fn ask<T>(&self, ask: impl FnOnce(&mut State, Duration, &mut Answers) -> T) -> T {
        let mut state = self.state.lock();
        let now = self.now();
        let before = state.groups.due();
        let mut out = Answers::new();
        let answer = ask(&mut state, now, &mut out);
        state.hand_out(out);
        if state.groups.due() != before {
            self.changed.notify_one();
        }
        answer
    }

    /// Asks for something whose answer may come later. `None` when the coordinator ends before.
    pub(crate) async fn wait(&self, ask: impl FnOnce(&mut Groups, Duration, Ticket, &mut Answers)) -> Option<Answer> {
        let (sender, answer) = oneshot::channel();
        self.ask(|state, now, out| {
            let ticket = state.next;
            state.next += 1;
            state.waiting.insert(ticket, sender);
            ask(&mut state.groups, now, ticket, out);
        });
        answer.await.ok()
    }
}

impl State {
    fn hand_out(&mut self, out: Answers) {
        for (ticket, answer) in out {
            // Whoever waited may have gone: its connection has ended.
            self.waiting.remove(&ticket).into_iter().for_each(|sender| drop(sender.send(answer.clone())));
        }
    }
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        self.changed.notify_one();
    }
}

async fn wake(coordinator: Weak<Coordinator>, changed: Arc<Notify>) {
    loop {
        let due = {
            let Some(coordinator) = coordinator.upgrade() else { return };
            coordinator.ask(|state, now, out| state.groups.tick(now, out));
            let due = coordinator.state.lock().groups.due();
            due.map(|due| coordinator.started + due)
        };
        let sleep = async {
            match due {
                Some(due) => sleep_until(due).await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = sleep => {}
            () = changed.notified() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use tokio::time::timeout;

    use super::{Coordinator, Usage};
    use crate::group::{Answer, GroupLimits, Join, Joined, Name, Origin, Sync};

    const PATIENCE: Duration = Duration::from_secs(30);

    fn join(fresh: &str) -> Join {
        Join {
            member: "".into(),
            instance: None,
            origin: Origin { client: "client".into(), host: "/127.0.0.1".into() },
            session: Duration::from_millis(200),
            rebalance: Duration::from_secs(600),
            protocol_type: "consumer".into(),
            protocols: vec![("range".into(), Bytes::new())],
            two_steps: false,
            fresh: fresh.into(),
        }
    }

    async fn joined(coordinator: &Coordinator, fresh: &str) -> Joined {
        let group = Name::from("g");
        let asked = coordinator.wait(|groups, now, ticket, out| groups.join(now, ticket, &group, join(fresh), out));
        match timeout(PATIENCE, asked).await.expect("an answer in time") {
            Some(Answer::Joined(Ok(joined))) => joined,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn what_is_due_happens_without_anybody_asking() {
        let coordinator = Coordinator::start(GroupLimits::default(), Usage::default(), Vec::new());
        // Nobody asks after this: the first delay ends by itself.
        assert_eq!(joined(&coordinator, "a").await.generation, 1);
        let sync = Sync {
            member: "a".into(),
            instance: None,
            generation: 1,
            protocol_type: None,
            protocol: None,
            assignments: vec![("a".into(), Bytes::from_static(b"all"))],
        };
        let synced = coordinator.wait(|groups, now, ticket, out| groups.sync(now, ticket, "g", sync, out)).await;
        assert!(matches!(synced, Some(Answer::Synced(Ok(_)))), "{synced:?}");
        // a falls silent; b waits for it, and only for as long as its session lasts.
        let after = joined(&coordinator, "b").await;
        assert_eq!((after.generation, &*after.leader, after.members.len()), (2, "b", 1));
    }

    #[tokio::test]
    async fn whoever_has_gone_while_waiting_is_no_burden() {
        let coordinator = Coordinator::start(GroupLimits::default(), Usage::default(), Vec::new());
        let group = Name::from("g");
        let asked = coordinator.wait(|groups, now, ticket, out| groups.join(now, ticket, &group, join("a"), out));
        assert!(timeout(Duration::ZERO, asked).await.is_err(), "the first delay has only begun");
        // Its place is taken all the same, and its ticket is given back when the round ends.
        assert_eq!(joined(&coordinator, "b").await.generation, 1);
        assert!(coordinator.state().waiting.is_empty());
    }
}
