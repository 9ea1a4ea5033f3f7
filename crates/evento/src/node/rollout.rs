//! Rolling out: a set of resources, or a new revision of a function, becomes what is served; all or nothing.
//!
//! Order: static checks, new revisions started beside the running ones, what they declare bound to the
//! registry, history replayed as the check, one commit to the registry, the switch. A failure at any step leaves
//! what runs untouched.

mod report;
mod usage;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use evento_gateway::node::{ApplyRequest, DeleteOptions};
use evento_gateway::problem::Problem;
use evento_log::embedded::{EmbeddedLog, Fault};
use evento_log::unit::{CommitUnit, Committed, StatePut};
use evento_model::{EntityKey, EntityTypeId, ResourceName};
use evento_schema::binding::{Bound, Declaration, bind, catalog, findings};
use evento_schema::catalog::Catalog;
use evento_schema::registry::{Change, KEY_PREFIX, Registry};
use evento_schema::resource::{Finding, ReplayCheck, Resource, ResourceSet, Runtime};
use parking_lot::RwLock;
use serde_json::Value;
use tokio::sync::{Mutex, oneshot};

use self::report::{different, read_set, refused, unstarted, with_functions, with_violations};
use self::usage::LogUsage;
use super::containers::Containers;
use super::functions::{Function, Functions};
use super::keeper::Keeper;
use super::path::Path;
use super::replay::{Purpose, Replayer};
use super::supervisor::{self, Candidate, StartFailure, Surroundings};
use crate::output::change;

/// Longest wait for functions that are stopped with the server: theirs to end, and a moment to be removed.
const STOP: Duration = Duration::from_secs(7);

/// What is served, and how it changes.
pub struct Rollout {
    log: EmbeddedLog,
    functions: Functions,
    path: Path,
    surroundings: Surroundings,
    /// History is not replayed as the check of a revision.
    unchecked: AtomicBool,
    served: RwLock<Served>,
    /// One change at a time.
    turn: Mutex<HashMap<ResourceName, Kept>>,
}

#[derive(Clone)]
struct Served {
    registry: Registry,
    catalog: Arc<Catalog>,
}

/// A function that serves.
struct Kept {
    declaration: Declaration,
    bound: Arc<Bound>,
    keeper: Keeper,
}

/// What a change of functions came to.
#[derive(Clone, Debug)]
pub struct Switched {
    /// The function.
    pub name: ResourceName,
    /// Its revision, short.
    pub revision: String,
    /// Events replayed as the check.
    pub verified_events: u64,
    /// States rebuilt.
    pub rebuilt: u64,
}

impl Rollout {
    /// What the log has registered; no function runs yet.
    pub fn new(
        log: EmbeddedLog,
        functions: Functions,
        path: Path,
        surroundings: Surroundings,
    ) -> Result<Rollout, String> {
        let registry = registry_of(&log)?;
        let catalog = Arc::new(catalog(&registry, registry.version(), &[]));
        register(&log, &catalog);
        path.serve(catalog.clone());
        let served = RwLock::new(Served { registry, catalog });
        Ok(Rollout {
            log,
            functions,
            path,
            surroundings,
            unchecked: AtomicBool::new(false),
            served,
            turn: Mutex::default(),
        })
    }

    /// What is registered and served now.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.served.read().catalog.clone()
    }

    /// What is registered.
    pub fn registry(&self) -> Registry {
        self.served.read().registry.clone()
    }

    /// The engine that functions run in as containers.
    pub fn containers(&self) -> &Containers {
        &self.surroundings.containers
    }

    /// What the log holds, for checks and for people.
    pub fn usage(&self) -> LogUsage<'_> {
        LogUsage(&self.log)
    }

    /// Starts the functions that are registered and do not run. Those that fail are told and left for later.
    pub async fn start_functions(&self) -> (Vec<Switched>, Vec<(ResourceName, StartFailure)>) {
        let names: Vec<ResourceName> =
            self.registry().functions().map(|(stored, _)| stored.resource.name.clone()).collect();
        let (mut switched, mut failed) = (Vec::new(), Vec::new());
        for name in names {
            if self.turn.lock().await.contains_key(&name) {
                continue;
            }
            match self.revise(&name).await {
                Ok(done) => switched.extend(done),
                Err(failure) => failed.push((name, failure)),
            }
        }
        (switched, failed)
    }

    /// As `start_functions`, without replaying history as the check: the caller does that himself.
    pub async fn start_without_check(&self) -> (Vec<Switched>, Vec<(ResourceName, StartFailure)>) {
        self.unchecked.store(true, Ordering::Relaxed);
        self.start_functions().await
    }

    /// Starts a function anew; if it is another revision and passes the checks, it serves from then on.
    pub async fn revise(&self, name: &ResourceName) -> Result<Vec<Switched>, StartFailure> {
        let mut kept = self.turn.lock().await;
        let registry = self.registry();
        let function = self.functions.of(name);
        let started = supervisor::start(&registry, name, &function, &self.surroundings).await;
        let candidate = match started {
            Ok(candidate) => candidate,
            Err(failure) => {
                if !kept.contains_key(name) {
                    function.set_state("refused", Some(failure.message.clone()));
                    function.failed(failure.as_error(name));
                }
                return Err(failure);
            }
        };
        if kept.get(name).is_some_and(|kept| kept.declaration.revision == candidate.declaration.revision) {
            match candidate.process {
                Some(process) => process.stop().await,
                None => self.same_revision(&function, &candidate),
            }
            return Ok(Vec::new());
        }
        let change = Change {
            registry,
            meta: Vec::new(),
            warnings: Vec::new(),
            differences: Vec::new(),
            functions_changed: Vec::new(),
            purged: Vec::new(),
        };
        let elsewhere = self.registry().function(name).is_some_and(|(_, spec)| matches!(spec.runtime, Runtime::Url(_)));
        let done = self.switch(&mut kept, change, vec![candidate]).await;
        done.map_err(|problem| {
            match kept.get(name) {
                // At its address something else answers now, which must not be called as the revision before.
                Some(kept) if elsewhere => {
                    if let Some(live) = function.revision(kept.declaration.revision) {
                        *live.host.write() = None;
                    }
                    function.set_state("refused", Some(problem.detail.clone()));
                }
                Some(_) => {}
                None => function.set_state("refused", Some(problem.detail.clone())),
            }
            StartFailure { code: problem.code.0, message: problem.detail, why: None, findings: Vec::new() }
        })
    }

    /// The same function, perhaps with its manifest in other words: that is what it is called with from now on.
    /// A host whose manifest is the same word for word stays, with its connections.
    fn same_revision(&self, function: &Function, candidate: &Candidate) {
        let Some(live) = function.revision(candidate.declaration.revision) else { return };
        let Some(found) = candidate.live.host.read().clone() else { return };
        let mut host = live.host.write();
        if !host.as_ref().is_some_and(|host| host.same_manifest(&found)) {
            if host.is_none() {
                function.set_state("ready", None);
            }
            *host = Some(found);
        }
    }

    /// The functions at an address, and how often each is asked again what it is.
    pub fn addresses(&self) -> Vec<(ResourceName, Duration)> {
        let registry = self.registry();
        let asked = registry.functions().filter_map(|(stored, spec)| match &spec.runtime {
            Runtime::Url(url) => Some((stored.resource.name.clone(), Duration::from_millis(url.rediscover_ms))),
            Runtime::Process(_) | Runtime::Container(_) | Runtime::Wasm(_) => None,
        });
        asked.collect()
    }

    /// Registers a set of resources.
    pub async fn apply(&self, request: ApplyRequest) -> Result<Value, Problem> {
        let mut kept = self.turn.lock().await;
        let set = read_set(&request)?;
        let change = self.registry().plan(&set, &self.usage()).map_err(refused)?;
        let shown = change::document(&change, request.dry_run);
        let mut candidates = Vec::new();
        let functions: Vec<ResourceName> =
            change.registry.functions().map(|(stored, _)| stored.resource.name.clone()).collect();
        let mut failures = Vec::new();
        for name in functions {
            if kept.contains_key(&name) && !change.functions_changed.contains(&name) {
                continue;
            }
            let function = self.functions.of(&name);
            match supervisor::start(&change.registry, &name, &function, &self.surroundings).await {
                Ok(candidate) => candidates.push(candidate),
                // A function that was registered before and does not come up now is not this set's fault.
                Err(failure) if change.functions_changed.contains(&name) => failures.push((name, failure)),
                Err(failure) => {
                    function.failed(failure.as_error(&name));
                    function.set_state("refused", Some(failure.message));
                }
            }
        }
        if !failures.is_empty() {
            stop_all(candidates).await;
            let violations =
                failures.into_iter().flat_map(|(name, failure)| unstarted(&change.registry, &name, failure));
            return Err(with_violations(2301, violations.collect()));
        }
        if request.dry_run {
            let prepared = self.prepare(&kept, change, &candidates).await;
            stop_all(candidates).await;
            return Ok(with_functions(shown, &prepared?.switched, "checked"));
        }
        let switched = self.switch(&mut kept, change, candidates).await?;
        Ok(with_functions(shown, &switched, "ready"))
    }

    /// Checks a set without functions, and rolls it out in the background; the answer names the roll-out.
    pub fn apply_later(self: Arc<Self>, request: ApplyRequest) -> Result<Value, Problem> {
        let set = read_set(&request)?;
        let change = self.registry().plan(&set, &self.usage()).map_err(refused)?;
        let mut shown = change::document(&change, false);
        let id = uuid::Uuid::now_v7().to_string();
        shown["rollout"] = id.as_str().into();
        tokio::spawn(async move {
            match self.apply(request).await {
                Ok(_) => tracing::info!(rollout = id, "the roll-out is done"),
                Err(problem) => self.undone(&id, &change.functions_changed, &problem),
            }
        });
        Ok(shown)
    }

    /// Tells of a roll-out that nobody waited for: in the server's log and in the functions' own.
    fn undone(&self, id: &str, functions: &[ResourceName], problem: &Problem) {
        let first = problem.violations.first().and_then(|violation| violation["message"].as_str());
        let why = first.unwrap_or(&problem.detail);
        tracing::warn!(rollout = id, code = %problem.code, "the roll-out was refused, nothing was changed: {why}");
        for name in functions {
            let function = self.functions.of(name);
            function.note(&format!("roll-out {id} was refused: {} {why}", problem.code));
            if function.serving().is_none() {
                function.set_state("refused", Some(why.to_owned()));
            }
        }
    }

    /// Goes back to the revision of a function that served before the present one, through the same gate.
    pub async fn roll_back(&self, name: &str) -> Result<Value, Problem> {
        let mut kept = self.turn.lock().await;
        let registry = self.registry();
        let found = registry.functions().find(|(stored, _)| stored.resource.name.as_str() == name);
        let missing = || Problem::new(1001, format!("no function is called {name:?}"));
        let stored = found.map(|(stored, _)| stored).ok_or_else(missing)?;
        let none = |why: &str| Problem::new(2307, format!("{name}: {why}"));
        let wanted = stored.serving.as_ref().and_then(|serving| serving.previous);
        let (Some(wanted), Some(document)) = (wanted, &stored.former) else {
            return Err(none("no revision served before the present one"));
        };
        let resource = Resource::from_document(document).map_err(refused)?;
        let name = resource.name.clone();
        let set = ResourceSet { resources: vec![resource] };
        let change = registry.plan(&set, &self.usage()).map_err(refused)?;
        let started = supervisor::start(&change.registry, &name, &self.functions.of(&name), &self.surroundings).await;
        let candidate =
            started.map_err(|failure| with_violations(2301, unstarted(&change.registry, &name, failure)))?;
        let revision = candidate.declaration.revision;
        if revision != wanted {
            stop_all(vec![candidate]).await;
            let (now, wanted) = (revision.short(), wanted.short());
            let why = format!(
                "what starts as it did then is revision {now}, and {wanted} is wanted: its files have changed since"
            );
            return Err(none(&why));
        }
        let shown = change::document(&change, false);
        let switched = self.switch(&mut kept, change, vec![candidate]).await?;
        Ok(with_functions(shown, &switched, "ready"))
    }

    /// What applying a set would change.
    pub fn diff(&self, request: &ApplyRequest) -> Result<Value, Problem> {
        let set = read_set(request)?;
        let change = self.registry().plan(&set, &self.usage()).map_err(refused)?;
        Ok(change::document(&change, true))
    }

    /// Deletes a resource.
    pub async fn delete(&self, kind: &str, name: &str, options: DeleteOptions) -> Result<Value, Problem> {
        let mut kept = self.turn.lock().await;
        let known = evento_schema::resource::Kind::parse(kind)
            .ok_or_else(|| Problem::new(1001, format!("{kind:?} is no kind of resource")))?;
        if options.purge_data {
            return Err(Problem::new(
                2401,
                "purging data is not served by this build yet; instances are kept for ever",
            ));
        }
        let change = self.registry().plan_delete(known, name, options.force, false, &self.usage());
        let change = change.map_err(|findings| {
            let missing = findings.iter().any(|finding| finding.code.0 == 1001);
            if missing { Problem::new(1001, findings[0].message.clone()) } else { refused(findings) }
        })?;
        let gone: Vec<ResourceName> =
            kept.keys().filter(|name| change.registry.function(name).is_none()).cloned().collect();
        let shown = change::document(&change, false);
        let mut stopped = Vec::new();
        for name in gone {
            if let Some(kept) = kept.remove(&name) {
                stopped.push((name, kept));
            }
        }
        let switched = self.switch(&mut kept, change, Vec::new()).await?;
        for (name, kept) in stopped {
            drop(kept.keeper.stop());
            self.functions.remove(&name);
        }
        Ok(with_functions(shown, &switched, "ready"))
    }

    /// Binds, checks, commits and switches.
    async fn switch(
        &self,
        kept: &mut HashMap<ResourceName, Kept>,
        change: Change,
        candidates: Vec<Candidate>,
    ) -> Result<Vec<Switched>, Problem> {
        match self.prepare(kept, change, &candidates).await {
            Ok(prepared) => self.commit(kept, prepared, candidates).await,
            Err(problem) => {
                stop_all(candidates).await;
                Err(problem)
            }
        }
    }

    async fn prepare(
        &self,
        kept: &HashMap<ResourceName, Kept>,
        mut change: Change,
        candidates: &[Candidate],
    ) -> Result<Prepared, Problem> {
        let mut bound: HashMap<ResourceName, Arc<Bound>> = HashMap::new();
        let fresh = |name: &ResourceName| candidates.iter().any(|candidate| candidate.name == *name);
        let declarations = candidates
            .iter()
            .map(|candidate| &candidate.declaration)
            .chain(kept.iter().filter(|(name, _)| !fresh(name)).map(|(_, kept)| &kept.declaration));
        let mut wrong = Vec::new();
        for declaration in declarations {
            match bind(&change.registry, declaration) {
                Ok(one) => drop(bound.insert(declaration.function.clone(), Arc::new(one))),
                Err(findings) => wrong.extend(findings),
            }
        }
        if !wrong.is_empty() {
            return Err(refused(wrong));
        }
        let all: Vec<Arc<Bound>> = bound.values().cloned().collect();
        let errors: Vec<Finding> =
            findings(&change.registry, &all).into_iter().filter(|finding| finding.code.0 != 2210).collect();
        if !errors.is_empty() {
            return Err(refused(errors));
        }
        let registry = self.registry();
        let mut switched = Vec::new();
        let mut rebuilds = Vec::new();
        let trial = Arc::new(catalog(&change.registry, change.registry.version() + 1, &all));
        register(&self.log, &trial);
        for candidate in candidates {
            let one = bound[&candidate.name].clone();
            let mut verified = 0;
            for entity in one.entities.iter().filter(|entity| entity.applies.is_some()) {
                let Some(entity) = trial.entities().iter().find(|known| known.name == entity.name) else { continue };
                let replayer = Replayer { entity: entity.clone(), live: candidate.live.clone(), log: self.log.clone() };
                match self.history_of(&change.registry, entity, &one) {
                    History::None => {}
                    History::Other => rebuilds.push(replayer),
                    History::Same => verified += self.verify(&change.registry, candidate, &replayer).await?,
                }
            }
            let former = registry.function(&candidate.name).map(|(stored, _)| &stored.resource.document);
            let activated = change.registry.activate(&one, verified, former);
            change = change.then(activated);
            switched.push(Switched {
                name: candidate.name.clone(),
                revision: one.serving.revision.short(),
                verified_events: verified,
                rebuilt: 0,
            });
        }
        Ok(Prepared { change, bound, switched, rebuilds })
    }

    /// Whether the stored states are of the kind that this function gives.
    fn history_of(&self, registry: &Registry, entity: &evento_schema::catalog::EntityType, bound: &Bound) -> History {
        let some = self.log.instances(entity.id, None, 1).is_ok_and(|rows| !rows.is_empty());
        if !some {
            return History::None;
        }
        let applied = registry.entities().find(|(s, _)| s.entity == Some(entity.id)).and_then(|(s, _)| s.applied);
        let version = bound.entities.iter().find(|e| e.name == entity.name).and_then(|e| e.applies_version());
        match applied {
            Some(applied) if Some(applied.state_version) == version && applied.schema == entity.schema.id => {
                History::Same
            }
            _ => History::Other,
        }
    }

    /// Replays history and compares it with what the log recorded.
    async fn verify(&self, registry: &Registry, candidate: &Candidate, replayer: &Replayer) -> Result<u64, Problem> {
        if self.unchecked.load(Ordering::Relaxed) {
            return Ok(0);
        }
        let stored = registry.function(&candidate.name);
        let served = stored.and_then(|(stored, _)| stored.serving.as_ref()).map(|serving| serving.revision);
        if served == Some(candidate.declaration.revision) {
            // It served before this process started, and was checked then.
            return Ok(0);
        }
        let gate = stored.map(|(_, spec)| spec.gate).unwrap_or_default();
        let usual = if self.surroundings.development { ReplayCheck::All } else { ReplayCheck::Sample };
        let limit = match gate.replay.unwrap_or(usual) {
            ReplayCheck::None => return Ok(0),
            ReplayCheck::All => None,
            ReplayCheck::Sample => {
                Some((gate.instances.unwrap_or(1_000) as usize).div_ceil(replayer.entity.partitions as usize))
            }
        };
        let function = self.functions.of(&candidate.name);
        let done = function.replays(Some(if limit.is_none() { replayer.events() } else { 0 }));
        let replayed = replayer.all(Purpose::Verify, limit, done, Arc::new(|_, _, _| {})).await;
        function.replays(None);
        let replayed = replayed.map_err(|failure| {
            let detail =
                format!("{} cannot replay the history of {}: {}", candidate.name, replayer.entity.name, failure.title);
            Problem::new(2303, detail).with("function", candidate.name.as_str()).with("why", failure.detail)
        })?;
        if replayed.different == 0 {
            return Ok(replayed.events);
        }
        let violations = different(registry, &candidate.name, &replayer.entity, &replayed);
        let detail = format!(
            "{} gives {} of {} instances of {} another state than is recorded; raise stateVersion if that is meant",
            candidate.name, replayed.different, replayed.instances, replayer.entity.name
        );
        Err(Problem { violations, ..Problem::new(2303, detail) })
    }

    async fn commit(
        &self,
        kept: &mut HashMap<ResourceName, Kept>,
        prepared: Prepared,
        candidates: Vec<Candidate>,
    ) -> Result<Vec<Switched>, Problem> {
        let Prepared { change, bound, mut switched, rebuilds } = prepared;
        let registry = change.registry;
        if !change.meta.is_empty() {
            self.write_meta(change.meta).await?;
        }
        for candidate in &candidates {
            self.functions.of(&candidate.name).serve(candidate.live.clone());
        }
        let version = self.catalog().version + 1;
        if !rebuilds.is_empty() {
            // Without an applier nothing of these entities moves; their commands wait.
            let without: Vec<Arc<Bound>> = bound
                .values()
                .filter(|bound| {
                    !rebuilds.iter().any(|replayer| bound.entities.iter().any(|e| e.name == replayer.entity.name))
                })
                .cloned()
                .collect();
            self.path.serve(Arc::new(catalog(&registry, version, &without)));
            for replayer in &rebuilds {
                self.path.quiet(replayer.entity.id).await;
                let count = self.rebuild(replayer).await?;
                for one in switched.iter_mut() {
                    one.rebuilt += count;
                }
            }
        }
        let all: Vec<Arc<Bound>> = bound.values().cloned().collect();
        let catalog = Arc::new(catalog(&registry, version + 1, &all));
        register(&self.log, &catalog);
        *self.served.write() = Served { registry: registry.clone(), catalog: catalog.clone() };
        self.path.serve(catalog);
        for candidate in candidates {
            let name = candidate.name.clone();
            let function = self.functions.of(&name);
            let (declaration, bound) = (candidate.declaration.clone(), bound[&name].clone());
            let (surroundings, path) = (self.surroundings.clone(), self.path.clone());
            let old = kept.get(&name).map(|kept| kept.declaration.revision);
            let keeper = Keeper::new(candidate, registry.clone(), function.clone(), surroundings, path);
            if let Some(before) = kept.insert(name, Kept { declaration, bound, keeper }) {
                drop(before.keeper.stop());
            }
            if let Some(old) = old {
                function.note(&format!(
                    "revision {} took over from {}",
                    function.serving().map_or_else(String::new, |l| l.revision.short()),
                    old.short()
                ));
            }
        }
        for (name, bound) in bound {
            if let Some(kept) = kept.get_mut(&name) {
                kept.bound = bound;
            }
        }
        Ok(switched)
    }

    /// Writes new states for every instance of an entity type.
    async fn rebuild(&self, replayer: &Replayer) -> Result<u64, Problem> {
        let (log, pending) = (self.log.clone(), Arc::new(parking_lot::Mutex::new(Vec::new())));
        let receivers = pending.clone();
        let put = move |key: EntityKey, partition: u32, put: StatePut| {
            let (sender, receiver) = oneshot::channel();
            let unit = CommitUnit { state: Some(put), ..CommitUnit::empty(key.entity, partition, key.id) };
            log.submit(unit, Box::new(move |result| drop(sender.send(result))));
            receivers.lock().push(receiver);
        };
        let name = replayer.entity.applier.as_ref().map(|applier| applier.function.name.clone());
        let function = name.map(|name| self.functions.of(&name));
        let done = function.as_ref().map_or_else(Arc::default, |function| function.replays(Some(replayer.events())));
        let replayed = replayer.all(Purpose::Rebuild, None, done, Arc::new(put)).await;
        if let Some(function) = function {
            function.replays(None);
        }
        let replayed = replayed.map_err(|failure| {
            Problem::new(2303, format!("the states of {} cannot be rebuilt: {}", replayer.entity.name, failure.title))
        })?;
        let receivers = std::mem::take(&mut *pending.lock());
        for receiver in receivers {
            durable(receiver).await?;
        }
        Ok(replayed.instances)
    }

    async fn write_meta(&self, meta: Vec<(Bytes, Option<Bytes>)>) -> Result<(), Problem> {
        let (sender, receiver) = oneshot::channel();
        self.log.submit(CommitUnit::of_facts(meta), Box::new(move |result| drop(sender.send(result))));
        durable(receiver).await.map(drop)
    }

    /// The replayer of an entity type as it is served now.
    pub fn replayer(&self, entity: EntityTypeId) -> Option<Replayer> {
        let catalog = self.catalog();
        let entity = catalog.entity(entity)?.clone();
        let serving = entity.applier.as_ref()?.function.clone();
        let live = self.functions.of(&serving.name).revision(serving.revision)?;
        Some(Replayer { entity, live, log: self.log.clone() })
    }

    /// Rebuilds the states that went with the state store, of every entity type that has a function to do it.
    pub async fn rebuild_lost(&self) -> Result<u64, Problem> {
        let _turn = self.turn.lock().await;
        let mut count = 0;
        let lost = self.log.watch_lost().borrow().clone();
        for entity in lost {
            let Some(replayer) = self.replayer(entity) else { continue };
            count += self.rebuild(&replayer).await?;
            self.log.states_rebuilt(entity)?;
        }
        Ok(count)
    }

    /// Stops all functions, and waits until they are gone: what would be left would run on without anybody to ask it.
    pub async fn stop(&self) {
        let stopping: Vec<_> = self.turn.lock().await.drain().map(|(_, kept)| kept.keeper.stop()).collect();
        let _ = tokio::time::timeout(STOP, futures::future::join_all(stopping)).await;
    }
}

struct Prepared {
    change: Change,
    bound: HashMap<ResourceName, Arc<Bound>>,
    switched: Vec<Switched>,
    rebuilds: Vec<Replayer>,
}

enum History {
    None,
    Same,
    Other,
}

async fn durable(receiver: oneshot::Receiver<Result<Committed, Fault>>) -> Result<Committed, Problem> {
    let ended = |_| Problem::new(4001, "the log ended before the change was written");
    receiver.await.map_err(ended)?.map_err(Problem::from)
}

fn registry_of(log: &EmbeddedLog) -> Result<Registry, String> {
    let entries: Vec<(Vec<u8>, Vec<u8>)> =
        log.meta_scan(KEY_PREFIX.as_bytes()).into_iter().map(|(k, v)| (k.to_vec(), v.to_vec())).collect();
    Registry::load(&entries)
}

/// What a log has registered, made known to it: for readers that serve nothing.
pub(super) fn registered(log: &EmbeddedLog) -> Result<Catalog, String> {
    let registry = registry_of(log)?;
    let catalog = catalog(&registry, registry.version(), &[]);
    register(log, &catalog);
    Ok(catalog)
}

fn register(log: &EmbeddedLog, catalog: &Catalog) {
    for entity in catalog.entities() {
        log.register_entity(entity.id, entity.name.as_str(), entity.full_name.as_str(), entity.partitions);
    }
}

async fn stop_all(candidates: Vec<Candidate>) {
    for candidate in candidates {
        if let Some(process) = candidate.process {
            process.stop().await;
        }
    }
}
