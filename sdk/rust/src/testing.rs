//! Given-when-then: what a function decides and how the state evolves, without a server.
//!
//! Every value passes through its codec both ways, `emits` is kept by the types, apply runs twice and must
//! give the same bytes: a test fails where Evento would refuse the answer. Every check panics with what
//! differs, as assertions do.

use std::fmt::Debug;

use crate::avro::Record;
use crate::run::evolve;
use crate::{ApplyContext, Context, Encoded, Failure, Function, Timestamp};

/// A test that is being told.
pub struct Given<F> {
    function: F,
    state: Option<Vec<u8>>,
    seq: u64,
    context: Context,
}

/// What the decision came to.
pub struct Outcome<F> {
    function: F,
    before: Option<Vec<u8>>,
    decided: Result<Vec<Encoded>, Failure>,
    next: usize,
    context: Context,
}

/// Begins with an instance that has no events.
pub fn given<F: Function>(function: F) -> Given<F> {
    let context = Context::new("test", 0, "command", Timestamp::from_millis(1_795_413_600_000), [7; 16]);
    Given { function, state: None, seq: 0, context }
}

impl<F: Function> Given<F> {
    /// This event has happened.
    pub fn event<E: Record + PartialEq + Debug>(mut self, event: E) -> Given<F> {
        let encoded = [Encoded { type_name: E::NAME, payload: through_codec(&event) }];
        self.state = applied_twice(&self.function, &encoded, self.state, &self.context.for_apply());
        self.seq += 1;
        self
    }

    /// The instance has this state.
    pub fn state<S: Record + PartialEq + Debug>(mut self, state: S) -> Given<F> {
        self.state = Some(through_codec(&state));
        self.seq = self.seq.max(1);
        self
    }

    /// The command is accepted at this time.
    pub fn at(mut self, time: Timestamp) -> Given<F> {
        self.context.time = time;
        self
    }

    /// The command has this seed.
    pub fn seed(mut self, seed: [u8; 16]) -> Given<F> {
        self.context.seed = seed;
        self
    }

    /// The instance has this id.
    pub fn id(mut self, entity_id: &str) -> Given<F> {
        self.context.entity_id = entity_id.to_owned();
        self
    }

    fn attempt(&self) -> Context {
        let Context { entity_id, seq, command_id, time, seed, .. } = &self.context;
        Context::new(entity_id.as_str(), *seq, command_id.as_str(), *time, *seed)
    }

    /// The command is decided.
    pub fn when<C: Record + PartialEq + Debug>(mut self, command: C) -> Outcome<F> {
        let bytes = through_codec(&command);
        self.context.seq = self.seq;
        // Each attempt draws its chance from the beginning, as after a failure.
        let decide = || self.function.handle(C::NAME, &bytes, self.state.as_deref(), &self.attempt());
        let decided = decide();
        assert_eq!(decided, decide(), "handle is not deterministic");
        if let Ok(events) = &decided {
            // What the commit gate would refuse fails here, whatever the test asks afterwards.
            applied_twice(&self.function, events, self.state.clone(), &self.context.for_apply());
        }
        Outcome { function: self.function, before: self.state, decided, next: 0, context: self.context }
    }
}

impl<F: Function> Outcome<F> {
    /// The next event is this one.
    pub fn then<E: Record + PartialEq + Debug>(mut self, event: E) -> Outcome<F> {
        let events = self.decided.as_ref().expect("handle failed");
        let found = events.get(self.next).unwrap_or_else(|| panic!("no further event; {event:?} was expected"));
        assert_eq!(found.type_name, E::NAME, "another event; {event:?} was expected");
        assert_eq!(E::decode(&found.payload).as_ref(), Ok(&event));
        self.next += 1;
        self
    }

    /// The only event is this one, and it tells that the business said no.
    pub fn then_rejected<E: Record + PartialEq + Debug>(self, event: E) -> Outcome<F> {
        assert!(self.function.rejects(E::NAME), "{} is no rejection", E::NAME);
        self.then(event).nothing_else()
    }

    /// The instance has no state afterwards.
    pub fn then_no_state(self) -> Outcome<F> {
        assert_eq!(self.after(), None, "there is a state");
        self
    }

    /// The state afterwards is this one.
    pub fn then_state<S: Record + PartialEq + Debug>(self, state: S) -> Outcome<F> {
        let after = self.after().map(|bytes| S::decode(&bytes).expect("the state does not decode"));
        assert_eq!(after, Some(state));
        self
    }

    /// The state afterwards is what it was.
    pub fn unchanged(self) -> Outcome<F> {
        assert_eq!(self.after(), self.before, "the state changed");
        self
    }

    /// No further events.
    pub fn nothing_else(self) -> Outcome<F> {
        let events = self.decided.as_ref().expect("handle failed");
        assert_eq!(events.len(), self.next, "further events: {:?}", &events[self.next.min(events.len())..]);
        self
    }

    /// The function fails technically.
    pub fn then_fails(self) -> Failure {
        self.decided.expect_err("handle answered")
    }

    fn after(&self) -> Option<Vec<u8>> {
        let events = self.decided.as_ref().expect("handle failed");
        applied_twice(&self.function, events, self.before.clone(), &self.context.for_apply())
    }
}

/// The bytes of a value that reads back as what it is.
fn through_codec<T: Record + PartialEq + Debug>(value: &T) -> Vec<u8> {
    let bytes = value.encode().unwrap_or_else(|error| panic!("{value:?} cannot be written: {error}"));
    assert_eq!(T::decode(&bytes).as_ref(), Ok(value), "it does not pass through its codec");
    bytes
}

fn applied_twice(
    function: &impl Function,
    events: &[Encoded],
    state: Option<Vec<u8>>,
    context: &ApplyContext,
) -> Option<Vec<u8>> {
    let apply = |mut state: Option<Vec<u8>>| {
        evolve(function, events, &mut state, context).expect("apply failed");
        state
    };
    let (first, second) = (apply(state.clone()), apply(state));
    assert_eq!(first, second, "apply is not deterministic");
    first
}
