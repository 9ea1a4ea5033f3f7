//! An entity type that counts, and the function that does: what engine tests and the simulation decide commands with.
//!
//! `test.Add` answers `test.Added`, several of them, or the rejection `test.AddRefused`; chosen amounts misbehave.
//! The function is plain arithmetic on what it is given: whoever folds the events gets its states.

use std::sync::Arc;

use bytes::Bytes;
use evento_engine::Config;
use evento_function::{
    Emitted, Failure, FailureClass, RunRequest, RunResponse, Step, StepKind, StepOutcome, Want, Work, WorkFailure,
    WorkResult,
};
use evento_model::{
    Code, Digest, EntityTypeId, FullName, OnPark, ResourceName, RetryPolicy, Revision, SchemaId, Stage,
};
use evento_schema::avro::{Plan, Schema};
use evento_schema::catalog::{
    Applier, Catalog, CommandType, EmittedEvent, EntityType, EventType, Handler, Registered, Serving,
};

/// Goes on past a parked command, unless the setting says otherwise.
pub const COUNTER: EntityTypeId = EntityTypeId(1);
/// Waits behind a parked command.
pub const VAULT: EntityTypeId = EntityTypeId(2);
/// Partitions of both.
pub const PARTITIONS: u32 = 12;
/// Registry id of the command's schema.
pub const ADD: SchemaId = SchemaId(2);

/// How the function behaves to everybody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Health {
    /// As it should.
    Well,
    /// Nobody answers.
    Down,
    /// Every request fails.
    FailsAll,
    /// It asks for less.
    Busy,
    /// It decides, and crashes when it is to apply.
    CannotApply,
}

/// Fails by a verdict of its own.
pub const FAILS: i64 = 666;
/// Takes the function down.
pub const CRASHES: i64 = 667;
/// Is called hopeless by the function.
pub const POISONS: i64 = 668;
/// Is answered by an event that was never declared.
pub const EMITS_UNDECLARED: i64 = 669;
/// Is answered by no event.
pub const EMITS_NOTHING: i64 = 670;
/// Is answered with a state of no known form.
pub const BAD_STATE: i64 = 671;
/// Is answered by a good event and an undeclared one.
pub const LAST_UNDECLARED: i64 = 672;
/// Is refused by the business. Other negative amounts are refused when they would leave less than nothing.
pub const REFUSED: i64 = -1;
/// `MANY + 1000 n + k` is answered by `n` events of `k`.
pub const MANY: i64 = 1_000_000;

/// Whether the function fails on this amount as long as it is not mended.
pub fn is_bad(amount: i64) -> bool {
    (FAILS..=LAST_UNDECLARED).contains(&amount)
}

/// What a test may choose.
#[derive(Clone)]
pub struct Setting {
    /// What a parked command of a counter does to those behind it.
    pub on_park: OnPark,
    /// Charged attempts until a command is parked.
    pub attempts_max: u32,
    /// Requests in flight.
    pub concurrency: u32,
    /// Whether another function applies than the one that handles.
    pub apart: bool,
    /// The engine's limits.
    pub config: Config,
}

impl Default for Setting {
    fn default() -> Setting {
        Setting { on_park: OnPark::Continue, attempts_max: 3, concurrency: 4, apart: false, config: Config::default() }
    }
}

/// A number as Avro writes it.
pub fn long(value: i64) -> Bytes {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    let mut out = Vec::new();
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
    out.into()
}

/// Reads it back.
pub fn read_long(bytes: &[u8]) -> i64 {
    let value = bytes.iter().enumerate().fold(0u64, |value, (n, byte)| value | u64::from(byte & 0x7f) << (7 * n));
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// A full name.
pub fn name(text: &str) -> FullName {
    FullName::new(text).expect("a valid name")
}

/// The revision with a number.
pub fn revision(n: u8) -> Revision {
    Revision(Digest([n; 32]))
}

fn resource(text: &str) -> ResourceName {
    ResourceName::new(text).expect("a valid name")
}

fn registered(id: u32, record: &str, field: &str) -> Registered {
    let json = format!(
        r#"{{"type":"record","name":"{record}","namespace":"test","fields":[{{"name":"{field}","type":"long"}}]}}"#
    );
    Registered { id: SchemaId(id), schema: Schema::parse(&json).expect("a valid schema") }
}

fn plan(of: &Registered) -> Plan {
    Plan::compile(&of.schema, &of.schema).expect("the same schema")
}

fn emitted(of: &Registered, rejection: bool) -> EmittedEvent {
    EmittedEvent { declared: of.schema.clone(), registered: of.id, plan: plan(of), rejection }
}

fn event(text: &str, full: &str, rejection: bool, version: &Registered) -> Arc<EventType> {
    let versions = vec![version.clone()];
    Arc::new(EventType { name: resource(text), full_name: name(full), rejection, versions, retired: false })
}

/// Counter and vault as one revision of the function serves them; without one, nobody does.
pub fn catalog(version: u64, setting: &Setting, served_by: Option<u8>) -> Arc<Catalog> {
    let (state, command) = (registered(1, "Counter", "total"), registered(2, "Add", "amount"));
    let (added, refused) = (registered(3, "Added", "amount"), registered(4, "AddRefused", "amount"));
    let serving = |name: &str, n: u8| {
        Arc::new(Serving {
            name: resource(name),
            revision: revision(n),
            concurrency: setting.concurrency,
            works_max: 512,
            steps_max: 5_000,
            timeout_ms: 5_000,
        })
    };
    let emits = || [(name("test.Added"), emitted(&added, false)), (name("test.AddRefused"), emitted(&refused, true))];
    let handler = served_by.map(|n| {
        let plans = [(command.id, plan(&command))].into();
        Arc::new(Handler { function: serving("counting", n), plans, emits: emits().into() })
    });
    let applier = served_by.map(|n| {
        Arc::new(Applier {
            function: serving(if setting.apart { "applying" } else { "counting" }, n),
            state_version: 1,
            state: state.clone(),
            applies: [(name("test.Added"), [(added.id, plan(&added))].into())].into(),
        })
    });
    let entity = |id, short: &str, full: &str, on_park| EntityType {
        id,
        name: resource(short),
        full_name: name(full),
        partitions: PARTITIONS,
        on_park,
        retry: RetryPolicy { attempts_max: setting.attempts_max, delay_ms_initial: 100, delay_ms_max: 30_000 },
        schema: state.clone(),
        commands: vec![Arc::new(CommandType {
            name: resource("add"),
            full_name: name("test.Add"),
            emits: vec![name("test.Added"), name("test.AddRefused")],
            versions: vec![command.clone()],
            retired: false,
            handler: handler.clone(),
        })],
        events: vec![
            event("added", "test.Added", false, &added),
            event("add-refused", "test.AddRefused", true, &refused),
        ],
        applier: applier.clone(),
    };
    let counter = entity(COUNTER, "counter", "test.Counter", setting.on_park);
    let vault = entity(VAULT, "vault", "test.Vault", OnPark::Block);
    let entities = vec![Arc::new(counter), Arc::new(vault)];
    let schemas = [state, command, added, refused].into_iter().map(|r| (r.id, r.schema)).collect();
    Arc::new(Catalog::new(version, entities, schemas))
}

/// The function.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// How it behaves to everybody.
    pub health: Health,
    /// Amounts that fail no longer: the code was fixed.
    pub mended: bool,
}

/// One step of a work, done or not.
type Done = Result<StepOutcome, WorkFailure>;

impl Function {
    /// One that is well, and bad amounts are bad.
    pub fn new() -> Function {
        Function { health: Health::Well, mended: false }
    }

    /// What it answers.
    pub fn run(&self, request: &RunRequest) -> Result<RunResponse, Failure> {
        match self.health {
            Health::Well | Health::CannotApply => {}
            Health::Down => return Err(failure(FailureClass::Outage, 3001, "connection refused")),
            Health::FailsAll => return Err(failure(FailureClass::Error, 3003, "status 500")),
            Health::Busy => {
                return Err(failure(FailureClass::BackPressure { retry_after_ms: Some(2_000) }, 3001, "status 429"));
            }
        }
        let results = request.work.iter().map(|work| self.work(work)).collect::<Result<_, Failure>>()?;
        Ok(RunResponse { results })
    }

    fn work(&self, work: &Work) -> Result<WorkResult, Failure> {
        let mut total = work.state.as_deref().map(read_long);
        let (mut outcomes, mut failed) = (Vec::new(), None);
        if work.kind == StepKind::Event && self.health == Health::CannotApply {
            return Err(failure(FailureClass::Crash, 3004, "connection reset"));
        }
        for (n, step) in work.steps.iter().enumerate() {
            if work.kind == StepKind::Command && !self.mended && read_long(&step.payload) == CRASHES {
                return Err(failure(FailureClass::Crash, 3004, "connection reset"));
            }
            match self.step(work, n, step, &mut total) {
                Ok(outcome) => outcomes.push(outcome),
                Err(why) => {
                    failed = Some(why);
                    break;
                }
            }
        }
        Ok(WorkResult { outcomes, failure: failed })
    }

    fn step(&self, work: &Work, n: usize, step: &Step, total: &mut Option<i64>) -> Done {
        let amount = read_long(&step.payload);
        let verdict = |class, title: &str| {
            let failure = failure(class, 3003, title);
            Err(WorkFailure { step: n as u32, stage: Stage::Handle, failure })
        };
        let bad = work.kind == StepKind::Command && !self.mended;
        let events = match (work.kind, amount) {
            (StepKind::Event, _) => vec![("test.Added", amount)],
            (_, FAILS) if bad => return verdict(FailureClass::Error, "threw"),
            (_, POISONS) if bad => return verdict(FailureClass::Poison, "no such tariff"),
            (_, EMITS_UNDECLARED) if bad => vec![("test.Surprise", amount)],
            (_, EMITS_NOTHING) if bad => vec![],
            (_, LAST_UNDECLARED) if bad => vec![("test.Added", 1), ("test.Surprise", 1)],
            (_, REFUSED) => vec![("test.AddRefused", amount)],
            _ if amount < 0 && total.unwrap_or(0) + amount < 0 => vec![("test.AddRefused", amount)],
            _ if amount >= MANY => vec![("test.Added", amount % 1_000); ((amount - MANY) / 1_000) as usize],
            _ => vec![("test.Added", amount)],
        };
        let mut states = Vec::new();
        for (kind, by) in &events {
            // Who only decides does not apply, and nobody applies a rejection.
            if *kind == "test.Added" && work.want == Want::Each {
                *total = Some(total.unwrap_or(0) + by);
            }
            if work.want == Want::Each {
                let state =
                    if bad && amount == BAD_STATE { Some(Bytes::from_static(&[0xff])) } else { total.map(long) };
                states.push(state);
            }
        }
        let emitted = |(kind, by): &(&str, i64)| Emitted { type_name: (*kind).into(), payload: long(*by) };
        let events = if work.kind == StepKind::Event { vec![] } else { events.iter().map(emitted).collect() };
        Ok(StepOutcome { events, states })
    }
}

impl Default for Function {
    fn default() -> Function {
        Function::new()
    }
}

/// A failure of this function.
pub fn failure(class: FailureClass, code: u16, title: &str) -> Failure {
    Failure::new(class, Code(code), title, "")
}
