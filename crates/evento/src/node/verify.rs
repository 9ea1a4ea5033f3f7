//! `evento verify`: looks through everything that is stored, then replays every instance from its first event and
//! compares with what the log recorded.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use evento_log::embedded::{EmbeddedLog, Scrubbed};
use evento_model::EntityId;
use evento_schema::catalog::{Catalog, EntityType};
use serde_json::{Value, json};

use super::functions::Functions;
use super::path::{self, Start};
use super::replay::{Purpose, Replayed, Replayer};
use super::rollout::Rollout;
use super::scrub;
use super::supervisor::Surroundings;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::node::VerifyArgs;
use crate::cli::target::Scope;
use crate::config::Config;
use crate::output::Output;
use crate::output::progress::Progress;
use crate::processes;

/// Damage told one by one.
const DAMAGED_MAX: usize = 100;
/// How often progress is looked at.
const SHOWN_EVERY: Duration = Duration::from_millis(100);

pub(super) async fn run(context: &Context, config: &Config, args: VerifyArgs) -> Result<Exit, Failure> {
    let data: PathBuf = config.path("data.dir");
    if !data.join("format").exists() {
        return Err(Failure::usage(format!("{} is no data directory", data.display())).next("name it with --data"));
    }
    let folder = std::path::absolute(&data).unwrap_or_else(|_| data.clone());
    let (log, recovered) = super::open(data)?;
    super::end_leftovers(&folder.join("sockets"));
    let functions = Functions::default();
    let (told, _told) = tokio::sync::mpsc::unbounded_channel();
    // The path runs without taking a step of its own: nobody sends commands, and unfinished ones stay as they are.
    let path = path::start(Start {
        log: log.clone(),
        functions: functions.clone(),
        config: evento_engine::Config::default(),
        seed: 0,
        epoch: recovered.epoch,
        unfinished: Vec::new(),
        told,
        counts: path::Counts::default(),
    });
    let surroundings = Surroundings::new(&folder, false);
    let rollout = Rollout::new(log.clone(), functions, path, surroundings)
        .map_err(|why| Failure::new(4002, "the registry in the log cannot be read").why(why))?;
    let wanted = entities(&rollout.catalog(), args.scope.as_ref())?;
    let (_, failed) = rollout.start_without_check().await;
    if let Some((name, failure)) = failed.into_iter().next() {
        return Err(Failure::new(failure.code, format!("{name}: {}", failure.message)));
    }
    let stored = match args.scope {
        None => Some(look(context, &log).await?),
        Some(_) => None,
    };
    if let Some(stored) = stored.as_ref().filter(|stored| !stored.damaged.is_empty()) {
        rollout.stop().await;
        return stored.refuse(context);
    }
    let done = Arc::new(AtomicU64::new(0));
    let one = args.scope.as_ref().is_some_and(|scope| scope.id.is_some());
    let replayers = || wanted.iter().filter_map(|entity| rollout.replayer(entity.id));
    let total = if one { 0 } else { replayers().map(|replayer| replayer.events()).sum() };
    let silent = context.output.quiet || !context.output.for_people();
    let progress = tokio::spawn(show_progress(Progress::new("verify", "events", total, silent), done.clone()));
    let (started, before) = (Instant::now(), Cpu::now(&folder));
    let (mut rows, mut different, mut events) = (Vec::new(), 0, 0);
    for entity in wanted {
        let Some(replayer) = rollout.replayer(entity.id) else {
            context.output.note(format!("{}: no function applies it; it was not verified", entity.name));
            continue;
        };
        let replayed = replay(&replayer, args.scope.as_ref(), &done).await?;
        different += replayed.different;
        events += replayed.events;
        let differences: Vec<_> = replayed
            .differences
            .iter()
            .map(|d| json!({"instance": format!("{}/{}", entity.name, d.id.as_str()), "seq": d.seq, "message": d.told()}))
            .collect();
        rows.push(json!({"entity": entity.full_name.as_str(), "instances": replayed.instances,
            "events": replayed.events, "different": replayed.different, "differences": differences}));
    }
    progress.abort();
    let took = Took { seconds: started.elapsed().as_secs_f64(), cpu: Cpu::now(&folder).since(before) };
    rollout.stop().await;
    let _ = tokio::task::spawn_blocking(move || log.close()).await;
    print(&context.output, stored.as_ref(), &rows, (events, different), took)?;
    Ok(if different == 0 { Exit::Done } else { Exit::Differs })
}

/// Prints what was found: what is stored, a row for each entity type, and how long the replay took.
fn print(
    output: &Output,
    stored: Option<&Stored>,
    rows: &[Value],
    (events, different): (u64, u64),
    took: Took,
) -> Result<(), Failure> {
    if !output.for_people() {
        let stored = stored.map(Stored::document);
        return output.document(&json!({"stored": stored, "items": rows, "events": events, "seconds": took.seconds,
            "cpuSeconds": {"evento": took.cpu.evento, "functions": took.cpu.functions}, "different": different}));
    }
    let mut text = String::new();
    stored.iter().for_each(|stored| stored.tell(&mut text));
    for row in rows {
        let name = row["entity"].as_str().unwrap_or_default();
        text.push_str(&format!(
            "{name}   {} instances   {} events   {} different\n",
            row["instances"], row["events"], row["different"]
        ));
        for difference in row["differences"].as_array().into_iter().flatten() {
            let place = difference["instance"].as_str().unwrap_or_default();
            let what = difference["message"].as_str().unwrap_or_default();
            text.push_str(&format!("  {place} event {}: {what}\n", difference["seq"]));
        }
    }
    text.push_str(&format!(
        "{events} events replayed in {:.1} s ({:.0} events/s)\n",
        took.seconds,
        events as f64 / took.seconds.max(1e-9)
    ));
    output.text(&text)
}

/// What the replay took.
struct Took {
    seconds: f64,
    cpu: Cpu,
}

/// Processor time in seconds: of this process, and of the functions' own processes as far as they are found.
#[derive(Clone, Copy)]
struct Cpu {
    evento: f64,
    functions: f64,
}

impl Cpu {
    /// So far, with the functions of this data directory.
    fn now(data: &Path) -> Cpu {
        let own = std::process::id();
        let functions = [processes::descendants(own), processes::mounting(data)].concat();
        let evento = processes::cpu_seconds(own).unwrap_or_default();
        Cpu { evento, functions: processes::cpu_seconds_of(&functions) }
    }

    fn since(self, before: Cpu) -> Cpu {
        Cpu { evento: self.evento - before.evento, functions: self.functions - before.functions }
    }
}

/// What is stored, as it was found.
struct Stored {
    seen: Scrubbed,
    damaged: Vec<String>,
}

impl Stored {
    fn tell(&self, text: &mut String) {
        let Scrubbed { files, bytes, records } = self.seen;
        let damaged = self.damaged.len();
        text.push_str(&format!("stored   {files} files   {bytes} bytes   {records} records   {damaged} damaged\n"));
        self.damaged.iter().for_each(|what| text.push_str(&format!("  {what}\n")));
    }

    /// Says what is damaged: replay would stop there.
    fn refuse(&self, context: &Context) -> Result<Exit, Failure> {
        if context.output.for_people() {
            let mut text = String::new();
            self.tell(&mut text);
            text.push_str("nothing was replayed: restore a backup, or see `evento explain EV4002`\n");
            context.output.text(&text)?;
        } else {
            context.output.document(&json!({"stored": self.document()}))?;
        }
        Ok(Exit::Differs)
    }

    fn document(&self) -> Value {
        let Scrubbed { files, bytes, records } = self.seen;
        json!({"files": files, "bytes": bytes, "records": records, "damaged": self.damaged})
    }
}

/// Looks through everything that is stored.
async fn look(context: &Context, log: &EmbeddedLog) -> Result<Stored, Failure> {
    let silent = context.output.quiet || !context.output.for_people();
    let mut progress = Progress::new("look", "bytes", log.stats().topic_bytes, silent);
    let log = log.clone();
    let walked = tokio::task::spawn_blocking(move || scrub::whole(&log, DAMAGED_MAX, |bytes| progress.set(bytes)));
    let walked = walked.await.map_err(|_| Failure::new(9001, "looking through the log ended unexpectedly"))?;
    let (seen, faults) = walked.map_err(super::unopened)?;
    let damaged = faults.iter().map(|fault| format!("{}: {fault}", fault.code())).collect();
    Ok(Stored { seen, damaged })
}

/// The entity types to verify: the one that is named, by any of its names, or all.
fn entities(catalog: &Catalog, scope: Option<&Scope>) -> Result<Vec<Arc<EntityType>>, Failure> {
    let Some(scope) = scope else { return Ok(catalog.entities().to_vec()) };
    let found = catalog.find_entity(&scope.entity).map_err(|error| {
        let near = error.candidates.join(" or ");
        let hint = if near.is_empty() { String::new() } else { format!("; did you mean {near}?") };
        Failure::new(error.code.0, format!("no entity is called {:?}{hint}", scope.entity))
    })?;
    Ok(vec![found.clone()])
}

/// Replays an entity type, or the one instance that is named.
async fn replay(replayer: &Replayer, scope: Option<&Scope>, done: &Arc<AtomicU64>) -> Result<Replayed, Failure> {
    let entity = &replayer.entity.name;
    let failed = |failure: evento_function::Failure| {
        Failure::new(failure.code.0, format!("{entity}: {}", failure.title)).why(failure.detail)
    };
    let Some(id) = scope.and_then(|scope| scope.id.as_deref()) else {
        return replayer.all(Purpose::Verify, None, done.clone(), Arc::new(|_, _, _| {})).await.map_err(failed);
    };
    let known = EntityId::new(id).map_err(|error| Failure::new(1006, format!("the instance id: {error}")))?;
    let replayed = replayer.one(known).await.map_err(failed)?;
    replayed.ok_or_else(|| Failure::new(1020, format!("{entity}/{id} has no events")))
}

async fn show_progress(mut progress: Progress, done: Arc<AtomicU64>) {
    loop {
        tokio::time::sleep(SHOWN_EVERY).await;
        progress.set(done.load(Ordering::Relaxed));
    }
}
