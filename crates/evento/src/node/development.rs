//! `evento dev`: applies the folder of resources, shows what runs, and watches the files.

use std::collections::HashMap;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use evento_function::process;
use evento_gateway::node::{ApplyFile, ApplyRequest};
use evento_model::ResourceName;
use evento_schema::catalog::EntityType;
use evento_schema::resource::{ContainerSource, Kind, Runtime};
use tokio::task::JoinHandle;

use super::Node;
use super::functions::Functions;
use super::rollout::Rollout;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::files::read_paths;
use crate::config::Config;
use crate::output::progress::Progress;

/// How often progress is looked at.
const SHOWN_EVERY: Duration = Duration::from_millis(100);
/// How often it is asked which image a name means.
const IMAGE_EVERY: Duration = Duration::from_secs(2);

pub(super) async fn run(context: &Context, config: &Config, data: PathBuf, once: bool) -> Result<Exit, Failure> {
    let resources = config.path("dev.resources");
    if !resources.is_dir() {
        return Err(Failure::usage(format!("{} is no folder", resources.display()))
            .next("run evento dev where evento init made a project, or name the folder with --resources"));
    }
    let node = Node::start(config, data.clone(), true).await?;
    let request = read(&resources)?;
    let progress = tokio::spawn(show_progress(node.functions.clone(), context.output.quiet));
    let applied = node.rollout.apply(request).await.map_err(|problem| refused(&problem));
    progress.abort();
    let applied = match applied {
        Ok(applied) => applied,
        Err(failure) => {
            node.rollout.stop().await;
            return Err(failure);
        }
    };
    for warning in applied["warnings"].as_array().into_iter().flatten() {
        context.output.note(format!("warning: {}", warning["message"].as_str().unwrap_or_default()));
    }
    banner(&node, &data);
    if once {
        node.rollout.stop().await;
        let log = node.log.clone();
        let _ = tokio::task::spawn_blocking(move || log.close()).await;
        return Ok(Exit::Done);
    }
    let rollout = node.rollout.clone();
    let watching = async move {
        let mut watched = Watched::default();
        watched.follow(&rollout);
        tokio::spawn(watch_resources(rollout, resources, watched));
    };
    node.run(watching).await
}

fn read(resources: &FilePath) -> Result<ApplyRequest, Failure> {
    let sources = read_paths(&[resources.to_owned()], true)?;
    let files = sources.files.into_iter().map(|f| ApplyFile { path: f.path, folder: f.folder, text: f.text }).collect();
    Ok(ApplyRequest { files, attachments: sources.attachments, ..ApplyRequest::default() })
}

/// Shows the replay check of a start with much history.
async fn show_progress(functions: Functions, quiet: bool) {
    let mut progress: Option<Progress> = None;
    loop {
        tokio::time::sleep(SHOWN_EVERY).await;
        if let Some((done, total)) = functions.replaying() {
            let begin = || Progress::new("replay check", "events", total, quiet);
            progress.get_or_insert_with(begin).set(done);
        }
    }
}

fn refused(problem: &evento_gateway::problem::Problem) -> Failure {
    Failure::from_problem(problem.status.as_u16(), problem.document())
}

fn banner(node: &Node, data: &FilePath) {
    let catalog = node.rollout.catalog();
    eprintln!("evento {} dev   data {}", env!("CARGO_PKG_VERSION"), data.display());
    let kafka = node.kafka.as_ref().map_or_else(String::new, |kafka| format!("      Kafka     {}", kafka.address));
    eprintln!("  API       http://{}/v1{kafka}", node.address);
    if let Some(registry) = &node.registry {
        eprintln!("  Registry  http://{}", registry.address);
    }
    for (stored, _) in node.rollout.registry().functions() {
        let name = &stored.resource.name;
        let function = node.functions.of(name);
        let commands = catalog.entities().iter().flat_map(|e| &e.commands).filter_map(|c| c.handler.as_ref());
        let commands = commands.filter(|handler| handler.function.name == *name).count();
        let revision = function.serving().map_or_else(|| "-".to_owned(), |live| live.revision.short());
        let state = function.state();
        eprintln!("  {name}  {}   {commands} commands   rev {revision}", state.word);
        if let Some(error) = state.error {
            eprintln!("            {error}");
        }
    }
    if let Some(line) = suggestion(node) {
        eprintln!("try: {line}");
    }
}

/// A command line to begin with: the command that stands first in the files, with the fields it needs.
fn suggestion(node: &Node) -> Option<String> {
    let (registry, catalog) = (node.rollout.registry(), node.rollout.catalog());
    let places = registry.all(Kind::Command).map(|stored| (&stored.resource.place, &stored.resource.name));
    let (_, name) = places.min_by_key(|(place, _)| (place.file.clone(), place.line))?;
    let find = |entity: &Arc<EntityType>| Some((entity.clone(), entity.find_command(name.as_str()).ok()?.clone()));
    let (entity, command) = catalog.entities().iter().find_map(find)?;
    let example = |kind: &str| match kind {
        "int" | "long" => "100",
        "float" | "double" => "1.5",
        "boolean" => "true",
        "string" => "Ada",
        _ => "...",
    };
    let needed = command.newest().schema.fields().filter(|field| field.default.is_none());
    let fields: String = needed.map(|field| format!(" {}={}", field.name, example(&field.kind))).collect();
    Some(format!("evento send {}/alice {}{fields}", entity.name, command.full_name.short()))
}

/// What a function is made of and may change.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Made {
    /// Files and folders.
    Files(Vec<PathBuf>),
    /// The image that has this name.
    Image(String),
}

/// What is watched, by function. Bound: the registered functions.
#[derive(Default)]
struct Watched(HashMap<ResourceName, (Made, JoinHandle<()>)>);

impl Watched {
    /// Watches what every function that is registered now is made of, also of one that came with the last change.
    fn follow(&mut self, rollout: &Arc<Rollout>) {
        let registry = rollout.registry();
        let mut wanted = HashMap::new();
        for (stored, spec) in registry.functions() {
            let made = match &spec.runtime {
                Runtime::Process(process) => {
                    let folder = PathBuf::from(process.working_dir.as_deref().unwrap_or("."));
                    Made::Files(process.watch.iter().map(|path| folder.join(path)).collect())
                }
                Runtime::Container(container) => match &container.source {
                    ContainerSource::Build(folder) => Made::Files(vec![PathBuf::from(folder)]),
                    ContainerSource::Image { name, .. } => Made::Image(name.clone()),
                },
                Runtime::Wasm(wasm) => Made::Files(vec![PathBuf::from(&wasm.file)]),
                Runtime::Url(_) => continue,
            };
            wanted.insert(stored.resource.name.clone(), made);
        }
        self.0.retain(|name, (made, task)| {
            let same = wanted.get(name) == Some(made);
            if !same {
                task.abort();
            }
            same
        });
        for (name, made) in wanted {
            let begin = || {
                let task = match &made {
                    Made::Files(paths) => tokio::spawn(watch_function(rollout.clone(), name.clone(), paths.clone())),
                    Made::Image(image) => tokio::spawn(watch_image(rollout.clone(), name.clone(), image.clone())),
                };
                (made.clone(), task)
            };
            self.0.entry(name.clone()).or_insert_with(begin);
        }
    }
}

/// Changed resource files are applied again.
async fn watch_resources(rollout: Arc<Rollout>, folder: PathBuf, mut watched: Watched) {
    let Ok(mut watcher) = process::watch(std::slice::from_ref(&folder)) else { return };
    while watcher.changed().await.is_some() {
        let request = match read(&folder) {
            Ok(request) => request,
            Err(failure) => {
                eprintln!("✗ {}", failure.title);
                continue;
            }
        };
        match rollout.apply(request).await {
            Ok(applied) => {
                let changed = applied["differences"].as_array().into_iter().flatten();
                let changed = changed.filter(|item| item["action"] != "unchanged").count();
                if changed > 0 {
                    eprintln!("✓ {changed} resources changed");
                }
                watched.follow(&rollout);
            }
            Err(problem) => {
                eprintln!("✗ {} {}", problem.code, problem.detail);
                for violation in &problem.violations {
                    let text = |name: &str| violation[name].as_str().unwrap_or_default().to_owned();
                    eprintln!("  {}:{} {}", text("file"), violation["line"], text("message"));
                }
            }
        }
    }
}

/// A changed file of a function means a new revision beside the old one.
async fn watch_function(rollout: Arc<Rollout>, name: ResourceName, paths: Vec<PathBuf>) {
    let Ok(mut watcher) = process::watch(&paths) else { return };
    while watcher.changed().await.is_some() {
        revise(&rollout, &name).await;
    }
}

/// Another image under the same name means a new revision beside the old one. Engines tell of names that move in ways
/// of their own, so it is asked for.
async fn watch_image(rollout: Arc<Rollout>, name: ResourceName, image: String) {
    let mut known = None;
    loop {
        let found = rollout.containers().image_id(&image).await;
        if found.is_some() && known != found {
            // The first that is seen is the one that was just started.
            if known.is_some() {
                revise(&rollout, &name).await;
            }
            known = found;
        }
        tokio::time::sleep(IMAGE_EVERY).await;
    }
}

async fn revise(rollout: &Rollout, name: &ResourceName) {
    match rollout.revise(name).await {
        Ok(switched) => {
            for one in switched {
                let rebuilt = if one.rebuilt > 0 { format!(", {} states rebuilt", one.rebuilt) } else { String::new() };
                eprintln!("✓ {name} rev {}   replayed {} events{rebuilt}", one.revision, one.verified_events);
            }
        }
        Err(failure) => {
            eprintln!("✗ EV{} {}", failure.code, failure.message);
            if let Some(why) = failure.why {
                why.lines().for_each(|line| eprintln!("  {name} │ {line}"));
            }
            eprintln!("  the revision before goes on serving; fix the code to try again");
        }
    }
}
