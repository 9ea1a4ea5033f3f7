//! The function under test: where it is, what it says of itself, and how it is called in both framings.
//!
//! Every answer passes the checks that Evento makes (function-protocol 8.3, rows 1 to 8). What breaks one comes back as
//! words: "demanded, got". What a failure means for a rule is the rule's business.

mod judge;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use evento_function::call::{RunRequest, Step, StepKind, Want, Work};
use evento_function::envelope::{RUN_TYPE, write_request};
use evento_function::manifest::{Manifest, ManifestEntity};
use evento_model::{EntityId, FullName, Seed, Timestamp};
use evento_schema::avro::Schema;

use crate::answer::{Answer, judge_status};
use crate::generate::{Chance, Datum, Maker, Taste};
use crate::wire::{Ask, Place, Reply, Wire};

/// A framing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// One step per POST.
    Plain,
    /// Many works per POST.
    Run,
}

impl std::fmt::Display for Mode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if *self == Mode::Plain { "plain" } else { "run" })
    }
}

/// The function under test.
pub(crate) struct Subject {
    pub(crate) wire: Wire,
    pub(crate) manifest: Manifest,
    schemas: HashMap<FullName, (Schema, Maker)>,
    /// The framings that are checked; at least one.
    pub(crate) modes: Vec<Mode>,
    /// Deadline of a call.
    pub(crate) timeout: Duration,
    /// Shown as `Evento-Instance`.
    pub(crate) instance: Option<String>,
    pub(crate) revision: String,
    next: AtomicU32,
}

/// One command to decide or one event to apply.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) entity: FullName,
    pub(crate) kind: StepKind,
    pub(crate) name: FullName,
    pub(crate) payload: Bytes,
    pub(crate) state: Option<Bytes>,
    pub(crate) id: String,
    pub(crate) seq: u64,
    pub(crate) command_id: String,
    pub(crate) time: i64,
    pub(crate) seed: [u8; 16],
    /// 1, 2 or 3. It and the trace are for logs, and change no answer (function-protocol 2).
    pub(crate) attempt: u32,
    /// W3C trace context, of every other call.
    pub(crate) traceparent: Option<Arc<str>>,
}

impl Subject {
    pub(crate) fn new(
        wire: Wire,
        manifest: Manifest,
        schemas: HashMap<FullName, Schema>,
        modes: Vec<Mode>,
        instance: Option<String>,
    ) -> Subject {
        let schemas = schemas.into_iter().filter_map(|(name, schema)| {
            let maker = Maker::new(schema.json())?;
            Some((name, (schema, maker)))
        });
        let timeout = Duration::from_millis(manifest.limits.timeout_ms.unwrap_or(5_000).clamp(10, 900_000));
        let revision = format!("sha256:{}", manifest.digest);
        let schemas = schemas.collect();
        Subject { wire, manifest, schemas, modes, timeout, instance, revision, next: AtomicU32::new(1) }
    }

    /// The same function at another wire.
    pub(crate) fn at(&self, wire: Wire, instance: Option<String>) -> Subject {
        let schemas = self.schemas.iter().map(|(name, (schema, _))| (name.clone(), schema.clone())).collect();
        Subject::new(wire, self.manifest.clone(), schemas, self.modes.clone(), instance)
    }

    /// Whether it is called in this process.
    pub(crate) fn is_module(&self) -> bool {
        matches!(self.wire.place, Place::Module(_))
    }

    pub(crate) fn has(&self, mode: Mode) -> bool {
        self.modes.contains(&mode)
    }

    pub(crate) fn schema(&self, name: &FullName) -> Option<&Schema> {
        self.schemas.get(name).map(|(schema, _)| schema)
    }

    /// A value of a declared type.
    pub(crate) fn make(&self, name: &FullName, chance: &mut Chance, taste: Taste) -> Datum {
        self.schemas.get(name).map(|(_, maker)| maker.make(chance, taste)).unwrap_or_default()
    }

    pub(crate) fn entity(&self, name: &FullName) -> Option<&ManifestEntity> {
        self.manifest.entities.iter().find(|entity| entity.name == *name)
    }

    /// A call with a context of its own.
    pub(crate) fn call(
        &self,
        entity: &FullName,
        kind: StepKind,
        name: &FullName,
        payload: Vec<u8>,
        state: Option<Vec<u8>>,
    ) -> Call {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        let mut seed = [0; 16];
        seed[..4].copy_from_slice(&n.to_be_bytes());
        Call {
            entity: entity.clone(),
            kind,
            name: name.clone(),
            payload: payload.into(),
            seq: if state.is_some() { 1 + u64::from(n % 7) } else { 0 },
            state: state.map(Bytes::from),
            id: format!("conformance-{n}"),
            command_id: format!("c-{n}"),
            time: 1_795_413_600_000 + i64::from(n),
            seed,
            attempt: 1 + n % 3,
            traceparent: (n % 2 == 1).then(|| format!("00-{n:032x}-{n:016x}-01").into()),
        }
    }

    /// Unique per request.
    pub(crate) fn call_id(&self) -> String {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        format!("{:016x}{:016x}", u64::from(std::process::id()).wrapping_mul(0x9e37_79b9_7f4a_7c15), n)
    }

    /// The headers of every request.
    pub(crate) fn common(&self, ask: Ask) -> Ask {
        let ask = ask
            .with("evento-protocol", "1")
            .with("evento-call", &self.call_id())
            .with("evento-revision", &self.revision)
            .with("evento-timeout-ms", &self.timeout.as_millis().to_string());
        match &self.instance {
            Some(instance) => ask.with("evento-instance", instance),
            None => ask,
        }
    }

    /// The plain request of a call.
    pub(crate) fn plain_ask(&self, call: &Call) -> Ask {
        let mut body = call.payload.to_vec();
        match &call.state {
            None => body.push(0),
            Some(state) => {
                body.push(2);
                body.extend_from_slice(state);
            }
        }
        let verb = if call.kind == StepKind::Command { "handle" } else { "apply" };
        let seed: String = call.seed.iter().map(|byte| format!("{byte:02x}")).collect();
        let ask = self
            .common(Ask::post(format!("/{verb}/{}", call.name), "avro/binary", body.into()))
            .with("evento-entity", call.entity.as_str())
            .with("evento-entity-id", &percent(&call.id))
            .with("evento-id", &percent(&call.command_id))
            .with("evento-time", evento_model::Timestamp(call.time).rfc3339().as_str())
            .with("evento-attempt", &call.attempt.to_string());
        let ask = match &call.traceparent {
            Some(trace) => ask.with("traceparent", trace),
            None => ask,
        };
        match call.kind {
            StepKind::Command => ask.with("evento-seq", &call.seq.to_string()).with("evento-seed", &seed),
            StepKind::Event => ask,
        }
    }

    /// Asks, once more after a moment while the function says that it is busy.
    pub(crate) async fn ask(&self, ask: &Ask) -> Result<Reply, String> {
        for _ in 0..20 {
            let reply = self.wire.ask(ask, self.timeout).await?;
            if !matches!(reply.status, 429 | 503) {
                return Ok(reply);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err("it answered nothing but 429 and 503 for 2 s".to_owned())
    }

    /// One plain exchange. States are not asked for.
    pub(crate) async fn plain(&self, call: &Call) -> Result<Answer, String> {
        let ask = self.plain_ask(call);
        let reply = self.ask(&ask).await?;
        self.read_plain(call, &ask, &reply)
    }

    /// Decides and applies in plain calls, as Evento does: a state after each event.
    pub(crate) async fn plain_each(&self, call: &Call) -> Result<Answer, String> {
        let events = match self.plain(call).await? {
            Answer::Events { events, .. } => events,
            other => return Ok(other),
        };
        let (mut state, mut states) = (call.state.clone(), Vec::new());
        for event in &events {
            if self.is_applied(&call.entity, &event.name) {
                let step = Call {
                    kind: StepKind::Event,
                    name: event.name.clone(),
                    payload: event.payload.clone().into(),
                    state: state.clone(),
                    ..call.clone()
                };
                match self.plain(&step).await? {
                    Answer::State(next) => state = next.map(Bytes::from),
                    other => return Ok(other),
                }
            }
            states.push(state.as_ref().map(|state| state.to_vec()));
        }
        Ok(Answer::Events { events, states })
    }

    pub(crate) fn is_applied(&self, entity: &FullName, event: &FullName) -> bool {
        self.entity(entity).is_some_and(|entity| entity.applies.contains(event))
    }

    /// Whether its apply covers anything of the entity.
    pub(crate) fn applies_any(&self, entity: &FullName) -> bool {
        self.entity(entity).is_some_and(|entity| !entity.applies.is_empty())
    }

    /// The work of one call.
    pub(crate) fn work(&self, call: &Call, want: Want) -> Result<Work, String> {
        Ok(Work {
            reference: (self.next.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b1) >> 1) as i32,
            entity_id: EntityId::new(&call.id).map_err(|error| error.to_string())?,
            seq: call.seq,
            state: call.state.clone(),
            kind: call.kind,
            want,
            steps: vec![step(call)],
        })
    }

    pub(crate) fn run_ask(&self, request: &RunRequest) -> Ask {
        self.common(Ask::post("/run".to_owned(), RUN_TYPE, write_request(request)))
    }

    /// One batch exchange: an answer per step of each work, a failure last if there is one.
    pub(crate) async fn run(&self, request: &RunRequest) -> Result<Vec<Vec<Answer>>, String> {
        let ask = self.run_ask(request);
        let reply = self.ask(&ask).await?;
        match reply.status {
            500 if self.is_module() => self.run_apart(request, &reply).await,
            _ => self.read_run(request, &ask, &reply),
        }
    }

    /// A module that traps answers nothing of its request. As Evento does, it is asked for less, until what traps is
    /// alone: then that is a failure of its step.
    async fn run_apart(&self, request: &RunRequest, trapped: &Reply) -> Result<Vec<Vec<Answer>>, String> {
        if request.work.len() > 1 {
            let (left, right) = request.work.split_at(request.work.len() / 2);
            let part = |work: &[Work]| RunRequest { entity: request.entity.clone(), work: work.to_vec() };
            let mut answers = Box::pin(self.run(&part(left))).await?;
            answers.extend(Box::pin(self.run(&part(right))).await?);
            return Ok(answers);
        }
        let Some(work) = request.work.first() else { return Err("a trap without any work".to_owned()) };
        let mut answers = match work.steps.split_last() {
            Some((_, before)) if !before.is_empty() => {
                let work = Work { steps: before.to_vec(), ..work.clone() };
                let shorter = RunRequest { entity: request.entity.clone(), work: vec![work] };
                Box::pin(self.run(&shorter)).await?.pop().unwrap_or_default()
            }
            _ => Vec::new(),
        };
        if answers.len() + 1 == work.steps.len() && !matches!(answers.last(), Some(Answer::Failed(_))) {
            answers.push(Answer::Failed(judge_status(trapped)?));
        }
        Ok(vec![answers])
    }

    /// One call in a batch of one; a state after each event if apply is there.
    pub(crate) async fn run_one(&self, call: &Call) -> Result<Answer, String> {
        let want = match call.kind == StepKind::Event || self.applies_any(&call.entity) {
            true => Want::Each,
            false => Want::None,
        };
        let request = RunRequest { entity: call.entity.clone(), work: vec![self.work(call, want)?] };
        let mut answers = self.run(&request).await?.pop().unwrap_or_default();
        answers.pop().ok_or_else(|| "a work without outcome and without failure".to_owned())
    }

    /// One call in one framing, states included where the framing gives them at once.
    pub(crate) async fn one(&self, mode: Mode, call: &Call) -> Result<Answer, String> {
        match mode {
            Mode::Plain => self.plain(call).await,
            Mode::Run => self.run_one(call).await,
        }
    }
}

/// The step of a call.
pub(crate) fn step(call: &Call) -> Step {
    Step {
        type_name: call.name.clone(),
        payload: call.payload.clone(),
        id: call.command_id.as_str().into(),
        time: Timestamp(call.time),
        seed: (call.kind == StepKind::Command).then_some(Seed(call.seed)),
        attempt: call.attempt,
        traceparent: call.traceparent.clone(),
    }
}

/// Percent-encoded UTF-8: everything but letters, digits and `-._~` (RFC 3986, 2.3).
fn percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encoded = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(encoded).collect()
}
