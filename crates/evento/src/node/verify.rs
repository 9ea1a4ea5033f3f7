//! `evento verify`: replays every instance from its first event and compares with what the log recorded.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::functions::Functions;
use super::path::{self, Start};
use super::replay::Purpose;
use super::rollout::Rollout;
use super::supervisor::Surroundings;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::node::VerifyArgs;
use crate::config::Config;

pub(super) async fn run(context: &Context, config: &Config, args: VerifyArgs) -> Result<Exit, Failure> {
    let data: PathBuf = config.path("data.dir");
    if !data.join("format").exists() {
        return Err(Failure::usage(format!("{} is no data directory", data.display())).next("name it with --data"));
    }
    let folder = std::path::absolute(&data).unwrap_or_else(|_| data.clone());
    let (log, recovered) = super::open(data)?;
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
    let surroundings = Surroundings { sockets: folder.join("sockets"), development: false };
    let rollout = Rollout::new(log.clone(), functions, path, surroundings)
        .map_err(|why| Failure::new(4002, "the registry in the log cannot be read").why(why))?;
    let (_, failed) = rollout.start_without_check().await;
    if let Some((name, failure)) = failed.into_iter().next() {
        return Err(Failure::new(failure.code, format!("{name}: {}", failure.message)));
    }
    let done = Arc::new(AtomicU64::new(0));
    let progress = tokio::spawn(show_progress(done.clone(), !context.output.for_people()));
    let started = Instant::now();
    let wanted = args.scope.as_ref().map(|scope| scope.entity.clone());
    let (mut rows, mut different, mut events) = (Vec::new(), 0, 0);
    for entity in rollout.catalog().entities() {
        if wanted.as_ref().is_some_and(|name| name != entity.name.as_str() && name != entity.full_name.as_str()) {
            continue;
        }
        let Some(replayer) = rollout.replayer(entity.id) else {
            context.output.note(format!("{}: no function applies it; it was not verified", entity.name));
            continue;
        };
        let replayed = replayer.all(Purpose::Verify, None, done.clone(), Arc::new(|_, _, _| {})).await;
        let replayed = replayed.map_err(|failure| {
            Failure::new(failure.code.0, format!("{}: {}", entity.name, failure.title)).why(failure.detail)
        })?;
        different += replayed.different;
        events += replayed.events;
        let differences: Vec<_> = replayed
            .differences
            .iter()
            .map(|d| json!({"instance": format!("{}/{}", entity.name, d.id.as_str()), "seq": d.seq, "message": d.what}))
            .collect();
        rows.push(json!({"entity": entity.full_name.as_str(), "instances": replayed.instances,
            "events": replayed.events, "different": replayed.different, "differences": differences}));
    }
    progress.abort();
    let took = started.elapsed().as_secs_f64();
    rollout.stop().await;
    let _ = tokio::task::spawn_blocking(move || log.close()).await;
    let output = &context.output;
    if output.for_people() {
        let mut text = String::new();
        for row in &rows {
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
            "{events} events replayed in {took:.1} s ({:.0} events/s)\n",
            events as f64 / took.max(1e-9)
        ));
        output.text(&text)?;
    } else {
        output.document(&json!({"items": rows, "events": events, "seconds": took, "different": different}))?;
    }
    Ok(if different == 0 { Exit::Done } else { Exit::Differs })
}

/// A line that grows on a terminal, one every ten seconds elsewhere.
async fn show_progress(done: Arc<AtomicU64>, silent: bool) {
    use std::io::{IsTerminal, Write};
    let terminal = std::io::stderr().is_terminal();
    let every = if terminal { Duration::from_millis(200) } else { Duration::from_secs(10) };
    let started = Instant::now();
    loop {
        tokio::time::sleep(every).await;
        if silent {
            continue;
        }
        let events = done.load(Ordering::Relaxed);
        let rate = events as f64 / started.elapsed().as_secs_f64();
        if terminal {
            eprint!("\r{events} events   {rate:.0}/s ");
            let _ = std::io::stderr().flush();
        } else {
            eprintln!("{events} events   {rate:.0}/s");
        }
    }
}
