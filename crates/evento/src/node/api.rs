//! What the gateway asks of this process.

mod metrics;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use evento_function::{Failure, RunRequest, Step, StepKind, Want, Work};
use evento_gateway::node::{ApplyRequest, DeleteOptions, Node};
use evento_gateway::problem::Problem;
use evento_listener::Broker;
use evento_log::embedded::{EmbeddedLog, Fault};
use evento_log::intake::{Answer, Ask, LastError};
use evento_log::view::StoredState;
use evento_model::{CommandId, EntityId, EntityKey, FullName, Seed, Sequence, Timestamp};
use evento_schema::avro::{JsonOptions, Schema, from_json_value, to_json};
use evento_schema::catalog::{Catalog, nearest};
use evento_schema::resource::Kind;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::{oneshot, watch};

use super::functions::Functions;
use super::path::{Counts, Path, wall};
use super::rollout::Rollout;
use super::scrub;

/// The running node, as the gateway sees it.
pub struct NodeApi {
    log: EmbeddedLog,
    rollout: Arc<Rollout>,
    path: Path,
    functions: Functions,
    counts: Counts,
    seed: u64,
    seeds: AtomicU64,
    kafka: OnceLock<Arc<Broker>>,
    registry_address: OnceLock<String>,
    /// What the background scrub came to.
    pub(super) scrub: Arc<scrub::Counts>,
}

impl NodeApi {
    /// Of these parts.
    pub fn new(
        log: EmbeddedLog,
        rollout: Arc<Rollout>,
        path: Path,
        functions: Functions,
        counts: Counts,
        seed: u64,
    ) -> NodeApi {
        NodeApi {
            log,
            rollout,
            path,
            functions,
            counts,
            seed,
            seeds: AtomicU64::new(0),
            kafka: OnceLock::new(),
            registry_address: OnceLock::new(),
            scrub: Arc::default(),
        }
    }
}

impl NodeApi {
    /// The listener for Kafka clients, once it is there.
    pub fn set_kafka(&self, broker: Arc<Broker>) {
        let _ = self.kafka.set(broker);
    }

    /// Where the schema registry listens, if it does.
    pub fn set_registry(&self, address: &str) {
        let _ = self.registry_address.set(address.to_owned());
    }

    fn kafka(&self) -> Result<&Broker, Problem> {
        self.kafka.get().map(|broker| &**broker).ok_or_else(|| {
            Problem::new(1001, "there are no topics: the Kafka listener is turned off (kafka.listen is empty)")
        })
    }
}

impl evento_listener::node::Node for NodeApi {
    fn catalog(&self) -> Arc<Catalog> {
        Node::catalog(self)
    }

    fn log(&self) -> &EmbeddedLog {
        &self.log
    }

    fn now(&self) -> Timestamp {
        wall()
    }

    fn seed(&self) -> Seed {
        Node::seed(self)
    }

    fn new_id(&self) -> CommandId {
        Node::new_id(self)
    }

    fn ask(&self, ask: Ask) -> oneshot::Receiver<Answer> {
        self.path.ask(ask)
    }
}

fn failed(failure: &Failure) -> Problem {
    Problem::new(failure.code.0, failure.title.clone()).with("why", failure.detail.clone())
}

#[async_trait]
impl Node for NodeApi {
    fn catalog(&self) -> Arc<Catalog> {
        self.rollout.catalog()
    }

    fn log(&self) -> &EmbeddedLog {
        &self.log
    }

    fn now(&self) -> Timestamp {
        wall()
    }

    fn seed(&self) -> Seed {
        // Hashed from a start that nobody knows and a counter: unpredictable enough for ids, and never repeated.
        let mut hash = Sha256::new();
        hash.update(self.seed.to_be_bytes());
        hash.update(self.seeds.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        hash.update(wall().0.to_be_bytes());
        let digest = hash.finalize();
        let mut seed = [0; 16];
        seed.copy_from_slice(&digest[..16]);
        Seed(seed)
    }

    fn new_id(&self) -> CommandId {
        let mut text = [0; 36];
        let text = uuid::Uuid::now_v7().hyphenated().encode_lower(&mut text).to_owned();
        CommandId::new(&text).expect("a UUID is a valid command id")
    }

    fn ask(&self, ask: Ask) -> oneshot::Receiver<Answer> {
        self.path.ask(ask)
    }

    async fn state_at(&self, key: &EntityKey, seq: Sequence) -> Result<StoredState, Problem> {
        let missing = || Problem::new(3001, "no function applies this entity at the moment; past states need one");
        let replayer = self.rollout.replayer(key.entity).ok_or_else(missing)?;
        replayer.state_at(key, seq).await.map_err(|failure| failed(&failure))
    }

    async fn apply(&self, request: ApplyRequest) -> Result<Value, Problem> {
        match request.wait {
            Some(false) if !request.dry_run => self.rollout.clone().apply_later(request),
            _ => self.rollout.apply(request).await,
        }
    }

    async fn diff(&self, request: ApplyRequest) -> Result<Value, Problem> {
        self.rollout.diff(&request)
    }

    async fn roll_back(&self, function: &str) -> Result<Value, Problem> {
        self.rollout.roll_back(function).await
    }

    async fn delete(&self, kind: &str, name: &str, options: DeleteOptions) -> Result<Value, Problem> {
        self.rollout.delete(kind, name, options).await
    }

    fn resources(&self, kind: &str, name: Option<&str>) -> Result<Value, Problem> {
        let unknown = || {
            Problem::new(1001, format!("{kind:?} is no kind of resource; kinds are entity, command, event, function"))
        };
        let kind = Kind::parse(kind).ok_or_else(unknown)?;
        let (registry, catalog, usage) = (self.rollout.registry(), self.rollout.catalog(), self.rollout.usage());
        match name {
            None => {
                let names = registry.all(kind).map(|stored| stored.resource.name.as_str());
                let items: Vec<Value> =
                    names.filter_map(|name| registry.describe(kind, name, &catalog, &usage)).collect();
                Ok(json!({ "items": items, "nextCursor": null }))
            }
            Some(name) => {
                let found = find_name(&registry, kind, name);
                let missing = || {
                    let known = registry.all(kind).flat_map(|stored| {
                        let record = stored.resource.spec.named_schema().map(|(full, _)| full.short());
                        std::iter::once(stored.resource.name.as_str()).chain(record)
                    });
                    let near = nearest(name, known);
                    let hint =
                        if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) };
                    Problem::new(1001, format!("no {} is called {name:?}{hint}", kind.lower())).with("candidates", near)
                };
                let name = found.ok_or_else(missing)?;
                registry.describe(kind, &name, &catalog, &usage).ok_or_else(missing)
            }
        }
    }

    fn topics(&self) -> Result<Value, Problem> {
        Ok(super::kafka::topics(self.kafka()?, self.registry_address.get().map(String::as_str)))
    }

    fn groups(&self) -> Result<Value, Problem> {
        Ok(super::kafka::groups(self.kafka()?))
    }

    fn group(&self, name: &str) -> Result<Value, Problem> {
        let broker = self.kafka()?;
        super::kafka::group(broker, name).ok_or_else(|| {
            let groups = broker.groups();
            let near = nearest(name, groups.iter().map(|group| group.name.as_str()));
            let hint = if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) };
            Problem::new(1001, format!("no group is called {name:?}{hint}")).with("candidates", near)
        })
    }

    fn refused(&self) -> Result<Value, Problem> {
        Ok(super::kafka::refused(self.kafka()?))
    }

    fn functions(&self) -> Vec<Value> {
        let (registry, catalog) = (self.rollout.registry(), self.rollout.catalog());
        let functions = registry.functions().map(|(stored, spec)| {
            let name = &stored.resource.name;
            let function = self.functions.of(name);
            let state = function.state();
            let handled = |command: &&Arc<evento_schema::catalog::CommandType>| {
                command.handler.as_ref().is_some_and(|handler| handler.function.name == *name)
            };
            let commands: Vec<&str> = catalog
                .entities()
                .iter()
                .flat_map(|entity| entity.commands.iter().filter(handled).map(|command| command.full_name.as_str()))
                .collect();
            let applies: Vec<&str> = catalog
                .entities()
                .iter()
                .filter(|entity| entity.applier.as_ref().is_some_and(|applier| applier.function.name == *name))
                .map(|entity| entity.full_name.as_str())
                .collect();
            let runtime = match &spec.runtime {
                evento_schema::resource::Runtime::Process(_) => "process",
                evento_schema::resource::Runtime::Container(_) => "container",
                evento_schema::resource::Runtime::Url(_) => "url",
                evento_schema::resource::Runtime::Wasm(_) => "wasm",
            };
            json!({
                "name": name.as_str(), "state": state.word, "runtime": runtime,
                "revision": function.serving().map(|live| live.revision.to_string()),
                "since": state.since.rfc3339().to_string(), "restarts": state.restarts, "error": state.error,
                "inFlight": function.in_flight(), "lastError": function.last_error().map(|error| last_error(&error)),
                "replaying": function.replaying().map(|replay| {
                    json!({"done": replay.done.load(Ordering::Relaxed), "total": replay.total})
                }),
                "handles": commands, "applies": applies,
            })
        });
        functions.collect()
    }

    fn function_logs(&self, name: &str, after: u64, limit: usize) -> Result<Value, Problem> {
        let missing = || Problem::new(1001, format!("no function is called {name:?}"));
        let function = self.functions.get(name).ok_or_else(missing)?;
        let lines = function.logs.after(after, limit);
        let next = lines.last().map_or(after, |line| line.number);
        let items: Vec<Value> = lines
            .into_iter()
            .map(|line| {
                json!({"number": line.number, "at": line.at.rfc3339().to_string(), "stream": line.stream.as_str(), "line": line.text})
            })
            .collect();
        Ok(json!({ "items": items, "next": next }))
    }

    fn watch_function_logs(&self, name: &str) -> Result<watch::Receiver<u64>, Problem> {
        let missing = || Problem::new(1001, format!("no function is called {name:?}"));
        Ok(self.functions.get(name).ok_or_else(missing)?.logs.watch())
    }

    async fn test_function(&self, name: &str, body: Value) -> Result<Value, Problem> {
        let catalog = self.rollout.catalog();
        let command_name = body["command"].as_str().ok_or_else(|| Problem::new(1002, "the body names no command"))?;
        let found =
            catalog.entities().iter().find_map(|entity| Some((entity, entity.find_command(command_name).ok()?)));
        let (entity, command) =
            found.ok_or_else(|| Problem::new(1001, format!("no command is called {command_name:?}")))?;
        if self.functions.get(name).is_none() {
            return Err(Problem::new(1001, format!("no function is called {name:?}")));
        }
        let unserved = || Problem::new(3001, format!("{name} does not serve {command_name} at the moment"));
        let handler =
            command.handler.as_ref().filter(|handler| handler.function.name.as_str() == name).ok_or_else(unserved)?;
        let applier = entity.applier.as_ref().filter(|applier| applier.function.name == handler.function.name);
        let encode = |schema: &Schema, value: &Value| {
            from_json_value(schema, value).map(Bytes::from).map_err(|violations| Problem::violations(&violations))
        };
        let newest = command.newest();
        let payload = encode(&newest.schema, body.get("payload").or(body.get("data")).unwrap_or(&json!({})))?;
        let plan = handler.plans.get(&newest.id).ok_or_else(unserved)?;
        let payload = plan
            .run(&payload)
            .map(|bytes| Bytes::copy_from_slice(&bytes))
            .map_err(|e| Problem::new(1002, e.message))?;
        let state = match body.get("state").filter(|state| !state.is_null()) {
            Some(value) => Some(encode(&entity.schema.schema, value)?),
            None => None,
        };
        let id = EntityId::new(body["id"].as_str().unwrap_or("test")).map_err(|e| Problem::new(1006, e.to_string()))?;
        let step = Step {
            type_name: command.full_name.clone(),
            payload,
            id: Arc::from("test"),
            time: wall(),
            seed: Some(self.seed()),
            attempt: 1,
            traceparent: None,
        };
        let want = if applier.is_some() { Want::Each } else { Want::None };
        let seq = u64::from(state.is_some());
        let work = Work { reference: 1, entity_id: id, seq, state, kind: StepKind::Command, want, steps: vec![step] };
        let request = RunRequest { entity: entity.full_name.clone(), work: vec![work] };
        let live =
            self.functions.of(&handler.function.name).revision(handler.function.revision).ok_or_else(unserved)?;
        let response =
            live.run(&request, Duration::from_millis(handler.function.timeout_ms)).await.map_err(|f| failed(&f))?;
        let result = response.results.into_iter().next().ok_or_else(unserved)?;
        if let Some(failure) = result.failure {
            return Err(failed(&failure.failure));
        }
        let outcome = result.outcomes.into_iter().next().ok_or_else(unserved)?;
        let mut events = Vec::new();
        let mut rejected = false;
        for event in outcome.events {
            let emitted = FullName::new(&event.type_name).ok().and_then(|name| handler.emits.get(&name));
            let undeclared =
                || Problem::new(3006, format!("event {} is not declared for this command", event.type_name));
            let emitted = emitted.ok_or_else(undeclared)?;
            rejected |= emitted.rejection;
            events.push(json!({"type": &*event.type_name, "data": plain(&emitted.declared, &event.payload)?}));
        }
        let state = match (applier, outcome.states.into_iter().next_back()) {
            (Some(applier), Some(Some(bytes))) => plain(&applier.state.schema, &bytes)?,
            _ => Value::Null,
        };
        Ok(json!({"outcome": if rejected { "rejected" } else { "accepted" }, "events": events, "state": state}))
    }

    fn health(&self) -> Vec<(String, Option<String>)> {
        // With a full disk reads are still answered: taking the node out of service would end them, too.
        let fault = self.log.fault().filter(|fault| !matches!(fault, Fault::Full(_)));
        let fault = fault.map(|fault| format!("{}: {fault}", fault.code()));
        let lost = self.log.watch_lost().borrow().len();
        let rebuilding = (lost > 0).then(|| format!("those of {lost} entity types are made anew from the events"));
        vec![("log".to_owned(), fault), ("states".to_owned(), rebuilding)]
    }

    fn metrics(&self, out: &mut String) {
        self.write_metrics(out);
    }
}

/// A resource by name, full name, or short record name.
fn find_name(registry: &evento_schema::registry::Registry, kind: Kind, name: &str) -> Option<String> {
    if registry.get(kind, name).is_some() {
        return Some(name.to_owned());
    }
    let matching = |full: bool| {
        let found = registry.all(kind).filter(|stored| {
            let schema = stored.schema.and_then(|id| registry.schema(id));
            schema.and_then(Schema::full_name).is_some_and(|known| match full {
                true => known == name,
                false => known.rsplit_once('.').is_some_and(|(_, short)| short == name),
            })
        });
        found.map(|stored| stored.resource.name.as_str().to_owned()).collect::<Vec<_>>()
    };
    matching(true).into_iter().next().or_else(|| match matching(false).as_slice() {
        [only] => Some(only.clone()),
        _ => None,
    })
}

fn plain(schema: &Schema, datum: &[u8]) -> Result<Value, Problem> {
    let mut out = Vec::new();
    to_json(schema, datum, &JsonOptions { long_as_string: false }, &mut out)
        .map_err(|error| Problem::new(3005, format!("the answer does not decode: {}", error.message)))?;
    serde_json::from_slice(&out).map_err(|error| Problem::new(9001, error.to_string()))
}

/// A function's newest failure, without its stack: the command's own status has that.
fn last_error(error: &LastError) -> Value {
    json!({"code": error.code.to_string(), "title": error.title, "detail": error.detail, "at": error.at.rfc3339().to_string(),
        "fingerprint": error.fingerprint})
}
