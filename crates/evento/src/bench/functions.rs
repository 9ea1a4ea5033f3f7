//! `evento bench --functions`: the same work through several functions, side by side.
//!
//! Each has a folder of the bank's resources. In every round each gets a server of its own on a fresh data directory:
//! its cold start, one connection, 256 connections, sends in bulk, and the replay of what came of it all. The rounds
//! are taken in turns, so that the noise of a shared machine hits all alike, and each round begins with another
//! function. It knows no way to run a function and no language: what a folder declares is what is measured.

mod figures;
mod replay;
mod start;
mod table;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use evento_check::Verdict;

use super::report::Row;
use super::server::{Place, Server};
use super::told::Told;
use super::{Args, Plan};
use crate::cli::context::Context;
use replay::Replay;

/// Connections of the two runs with one command in a request.
const ONE: usize = 1;
const MANY: usize = 256;
/// Sends in bulk: connections, and commands in a request.
const BULK: (usize, usize) = (4, 500);
/// Functions at once.
const FUNCTIONS_MAX: usize = 32;

/// A folder of resources and what it is called in the table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Named {
    name: String,
    folder: PathBuf,
}

impl FromStr for Named {
    type Err = String;

    /// `NAME=DIR`, or `DIR`, which is called by its last part that is not `resources`.
    fn from_str(written: &str) -> Result<Named, String> {
        let (name, folder) = match written.split_once('=') {
            Some((name, folder)) => (name.to_owned(), Path::new(folder)),
            None => (called(Path::new(written)), Path::new(written)),
        };
        if name.is_empty() || folder.as_os_str().is_empty() {
            return Err("write DIR or NAME=DIR".to_owned());
        }
        Ok(Named { name, folder: folder.to_owned() })
    }
}

fn called(folder: &Path) -> String {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let parts: Vec<_> = absolute.iter().map(|part| part.to_string_lossy()).collect();
    let own = parts.iter().rev().find(|part| *part != "resources");
    own.map(ToString::to_string).unwrap_or_default()
}

/// What one function came to in one round.
struct Round {
    place: Place,
    cold_start: Duration,
    one: Row,
    many: Row,
    bulk: Row,
    replay: Replay,
    verdict: Verdict,
}

impl Round {
    fn rows(&self) -> [&Row; 3] {
        [&self.one, &self.many, &self.bulk]
    }

    /// How many commands were refused or failed, and the first answer of that kind.
    fn errors(&self) -> (u64, Option<&str>) {
        (self.rows().iter().map(|row| row.errors()).sum(), self.rows().iter().find_map(|row| row.first_error()))
    }

    /// What is wrong with what was stored, if anything is.
    fn wrong(&self) -> Option<String> {
        let truth = self.rows().into_iter().find_map(|row| row.truth.first.clone());
        let judged = || Some(format!("the judge: {}", self.verdict.first()?));
        let replayed =
            || (self.replay.different > 0).then(|| format!("{} states differ in replay", self.replay.different));
        truth.or_else(judged).or_else(replayed)
    }
}

/// A function with all its rounds.
struct Measured {
    named: Named,
    rounds: Vec<Round>,
}

/// Measures all of them and prints the table. Fails when a server's log is not what its clients were told.
pub async fn measure(context: &Context, args: &Args) -> anyhow::Result<()> {
    let functions = &args.functions;
    ensure!(functions.len() <= FUNCTIONS_MAX, "--functions takes at most {FUNCTIONS_MAX}");
    ensure!(args.instances.len() == 1, "--instances must be one number with --functions");
    for (n, Named { name, folder }) in functions.iter().enumerate() {
        let twice = functions[..n].iter().any(|other| other.name == *name);
        ensure!(!twice, "two functions are called {name}: write NAME={}", folder.display());
    }
    let mut all: Vec<Measured> =
        functions.iter().map(|named| Measured { named: named.clone(), rounds: Vec::new() }).collect();
    for round in 0..args.rounds {
        for turn in 0..all.len() {
            let at = (turn + round) % functions.len();
            let Measured { named, rounds } = &mut all[at];
            let told = format!("round {} of {}, {}", round + 1, args.rounds, named.name);
            let came = one_round(args, named, round, &told).await.with_context(|| named.name.clone())?;
            eprintln!("{told}: {}", figures::line(&came));
            rounds.push(came);
        }
    }
    table::print(&context.output, &all)?;
    for Measured { named, rounds } in &all {
        let wrong = rounds.iter().find_map(Round::wrong);
        ensure!(wrong.is_none(), "{}: {}", named.name, wrong.unwrap_or_default());
    }
    Ok(())
}

/// A server of its own for one function, from its start to the verdict on its log.
async fn one_round(args: &Args, named: &Named, round: usize, progress: &str) -> anyhow::Result<Round> {
    eprintln!("{progress}: building it, if need be, and starting it");
    let args = Args { resources: named.folder.clone(), ..args.clone() };
    let mut server = Server::start(&args).await?;
    let ran = runs(&args, named, round, &server).await;
    let place = server.place();
    // Also when something failed, so that the function does not stay behind.
    let stopped = server.stop().await;
    let (cold_start, [one, many, bulk], told) = ran?;
    stopped?;
    let data = server.data().context("the server has a data directory")?;
    let replay = replay::verify(data, place).await?;
    let verdict = told.judge(data).map_err(|failure| anyhow::anyhow!("the judge: {}", failure.title))?;
    Ok(Round { place, cold_start, one, many, bulk, replay, verdict })
}

/// The cold start, and the three loads one after the other, each with its truth check.
async fn runs(args: &Args, named: &Named, round: usize, server: &Server) -> anyhow::Result<(Duration, [Row; 3], Told)> {
    let cold_start = start::cold(server, &named.folder).await?;
    let plan = |n, (connections, batch)| Plan::new(args, 3 * round + n, connections, args.instances[0], batch);
    let (one, told) = super::one(server, &plan(0, (ONE, 1)), Told::new()).await?;
    let (many, told) = super::one(server, &plan(1, (MANY, 1)), told).await?;
    let (bulk, told) = super::one(server, &plan(2, BULK), told).await?;
    Ok((cold_start, [one, many, bulk], told))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::Named;

    #[test]
    fn a_function_is_called_as_it_is_written_or_by_its_folder() {
        for (written, name, folder) in [
            ("rust=examples/bank/resources", "rust", "examples/bank/resources"),
            ("examples/bank-go/resources", "bank-go", "examples/bank-go/resources"),
            ("examples/bank-go/resources/", "bank-go", "examples/bank-go/resources/"),
            ("/srv/mine", "mine", "/srv/mine"),
            ("a=b=c", "a", "b=c"),
        ] {
            let named: Named = written.parse().expect(written);
            assert_eq!(named, Named { name: name.to_owned(), folder: PathBuf::from(folder) }, "{written}");
        }
        for written in ["", "=folder", "name="] {
            assert!(written.parse::<Named>().is_err(), "{written:?}");
        }
    }
}
