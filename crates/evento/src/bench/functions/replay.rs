//! The replay: `evento verify` over what a stopped server has stored, through the function, as anybody can run it.

use std::path::Path;
use std::process::Stdio;

use anyhow::Context;
use serde_json::Value;
use tokio::process::Command;

use crate::bench::server::Place;

/// What a replay came to.
pub struct Replay {
    /// Events that went through `apply`.
    pub events: u64,
    /// How long the replay took, without the start of the function and without looking through the files.
    pub seconds: f64,
    /// Processor time of Evento and the function together meanwhile, if both are known.
    pub cpu_seconds: Option<f64>,
    /// Instances whose state is another than the stored one.
    pub different: u64,
}

impl Replay {
    /// Events in a second.
    pub fn per_second(&self) -> f64 {
        self.events as f64 / self.seconds.max(1e-9)
    }

    /// Events in a second of processor time, wherever it was used.
    pub fn per_core(&self) -> Option<f64> {
        self.cpu_seconds.filter(|seconds| *seconds > 0.0).map(|seconds| self.events as f64 / seconds)
    }

    fn of(document: &Value, place: Place) -> Option<Replay> {
        let (evento, functions) = (&document["cpuSeconds"]["evento"], &document["cpuSeconds"]["functions"]);
        let cpu = || Some(evento.as_f64()? + functions.as_f64()?);
        Some(Replay {
            events: document["events"].as_u64()?,
            seconds: document["seconds"].as_f64()?,
            cpu_seconds: cpu().filter(|_| place != Place::Elsewhere),
            different: document["different"].as_u64()?,
        })
    }
}

/// Replays the accounts of a data directory that no server uses.
///
/// Errors: it cannot be opened, or the function does not start.
pub async fn verify(data: &Path, place: Place) -> anyhow::Result<Replay> {
    // With the entity named, only the replay is done: the files are not looked through.
    let output = Command::new(std::env::current_exe()?)
        .args(["verify", "account", "-o", "json", "--data"])
        .arg(data)
        .env("EVENTO_LOG", "warn")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output()
        .await
        .context("run evento verify")?;
    let document: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("evento verify ended with {} and no document", output.status))?;
    Replay::of(&document, place).context("evento verify told no figures")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Place, Replay};

    #[test]
    fn the_figures_of_verify_are_read_and_cores_are_told_only_where_they_are_known() {
        let told = json!({"events": 1_000, "seconds": 0.5, "different": 0, "items": [],
            "cpuSeconds": {"evento": 0.3, "functions": 0.2}});
        let replay = |place| Replay::of(&told, place).expect("all is there");
        for (place, per_core) in
            [(Place::Child, Some(2_000.0)), (Place::InEvento, Some(2_000.0)), (Place::Elsewhere, None)]
        {
            assert_eq!((replay(place).per_second(), replay(place).per_core()), (2_000.0, per_core), "{place:?}");
        }
        assert!(Replay::of(&json!({"events": 1}), Place::Child).is_none());
    }
}
