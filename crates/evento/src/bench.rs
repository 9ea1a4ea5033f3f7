//! `evento bench`: how fast, how heavy, and whether every acknowledged command is really there.
//!
//! It starts this same program with a scratch data directory on the bank example, loads it over HTTP from a
//! client in this process, and afterwards compares what was acknowledged with what is stored. Nothing is
//! switched off for it: every acknowledgement is an fsync old. Client, server, function and disk share the
//! machine, and the figures say so.

mod client;
mod functions;
mod kafka;
mod load;
mod report;
mod server;
mod told;
mod truth;

pub(crate) use kafka::wire;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::cli::context::Context;

/// What to measure.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Connections that each wait for an answer before they send again; a list makes a matrix
    #[arg(short = 'c', long, value_delimiter = ',', default_value = "1,16,64,256")]
    pub connections: Vec<usize>,
    /// Instances the commands are spread over; a list makes a matrix, 1 is one hot instance
    #[arg(short = 'n', long, value_delimiter = ',', default_value = "1000")]
    pub instances: Vec<usize>,
    /// Seconds of each run, after a warm-up of a fifth of it
    #[arg(short = 'd', long, default_value_t = 10.0)]
    pub seconds: f64,
    /// Open loop: commands per second at fixed times, latency counted from the intended start
    #[arg(long)]
    pub rate: Option<f64>,
    /// Commands in one request (newline-delimited JSON); above 1 measures bulk sending
    #[arg(long, default_value_t = 1)]
    pub batch: usize,
    /// Address of a server that runs already (`http://127.0.0.1:8080`) instead of one of our own
    #[arg(long)]
    pub url: Option<String>,
    /// Folder with the bank's resources
    #[arg(long, default_value = "examples/bank/resources")]
    pub resources: PathBuf,
    /// Measure several functions side by side, each from its own folder of the bank's resources
    #[arg(long, value_name = "[NAME=]DIR", value_delimiter = ',')]
    #[arg(conflicts_with_all = ["url", "rate", "kafka", "connections", "batch", "resources"])]
    pub functions: Vec<functions::Named>,
    /// With --functions: how often each is measured, in turn with the others
    #[arg(long, requires = "functions", default_value_t = 3)]
    pub rounds: usize,
    /// Folder for the scratch data directory; its disk is what is measured
    #[arg(long)]
    pub scratch: Option<PathBuf>,
    /// Measure the Kafka listener instead: producing, tailing, reading everything, waiting consumers
    #[arg(long, conflicts_with_all = ["url", "rate"])]
    pub kafka: bool,
    /// With --kafka: go on producing until there are so many events, however many seconds that takes
    #[arg(long, requires = "kafka")]
    pub events: Option<u64>,
    /// Seed of the choice of instances
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// One run of the matrix.
#[derive(Clone, Debug)]
pub struct Plan {
    connections: usize,
    instances: usize,
    warm_up: Duration,
    measure: Duration,
    rate: Option<f64>,
    batch: usize,
    seed: u64,
    /// Distinguishes the instances of this run from those of the others.
    prefix: String,
}

/// Runs the matrix and prints it. Fails when an acknowledged command is missing or a sum is wrong.
pub fn run(context: &Context, args: Args) -> anyhow::Result<()> {
    ensure!(args.seconds > 0.0 && args.seconds <= 86_400.0, "--seconds must be above 0 and at most a day");
    ensure!(args.connections.iter().all(|c| (1..=10_000).contains(c)), "--connections must be from 1 to 10,000");
    ensure!(args.instances.iter().all(|n| (1..=10_000_000).contains(n)), "--instances must be from 1 to 10,000,000");
    ensure!((1..=10_000).contains(&args.batch), "--batch must be from 1 to 10,000");
    ensure!((1..=1_000).contains(&args.rounds), "--rounds must be from 1 to 1,000");
    ensure!(args.events.is_none_or(|n| n <= 1_000_000_000), "--events must be at most 1,000,000,000");
    // One thread, so that the client takes as little of the machine as it can.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the client")?;
    if args.kafka {
        return tokio::task::LocalSet::new().block_on(&runtime, kafka::measure(context, &args));
    }
    if !args.functions.is_empty() {
        return runtime.block_on(functions::measure(context, &args));
    }
    runtime.block_on(measure(context, args))
}

impl Plan {
    /// A run on a server's own instances, which the prefix tells from those of its other runs.
    fn new(args: &Args, run: usize, connections: usize, instances: usize, batch: usize) -> Plan {
        Plan {
            connections,
            instances,
            warm_up: Duration::from_secs_f64(args.seconds / 5.0),
            measure: Duration::from_secs_f64(args.seconds),
            rate: args.rate,
            batch,
            seed: args.seed.wrapping_add(run as u64),
            prefix: format!("b{}-{run}", std::process::id()),
        }
    }
}

/// One run with its truth check.
async fn one(server: &server::Server, plan: &Plan, mut told: told::Told) -> anyhow::Result<(report::Row, told::Told)> {
    told.begin();
    let (run, mut told) = load::run(server, plan, told).await?;
    if !told.end(plan) {
        eprintln!("C={}: too long for the judge, which is asked about the other runs", plan.connections);
    }
    let truth = truth::check(server, plan, &run.ledger).await?;
    Ok((report::Row::new(plan, run, truth), told))
}

async fn measure(context: &Context, args: Args) -> anyhow::Result<()> {
    let mut server = match &args.url {
        Some(url) => server::Server::running(url)?,
        None => server::Server::start(&args).await?,
    };
    let (mut rows, mut told) = (Vec::new(), told::Told::new());
    for (n, (instances, connections)) in
        args.instances.iter().flat_map(|i| args.connections.iter().map(move |c| (*i, *c))).enumerate()
    {
        let plan = Plan::new(&args, n, connections, instances, args.batch);
        eprintln!("run {}: {connections} connections, {instances} instances", n + 1);
        let (row, noted) = one(&server, &plan, told).await?;
        told = noted;
        rows.push(row);
    }
    server.stop().await?;
    let verdict = server.data().map(|data| told.judge(data)).transpose();
    let verdict = verdict.map_err(|failure| anyhow::anyhow!("the judge: {}", failure.title))?;
    report::print(&context.output, &rows, verdict.as_ref())?;
    let wrong: u64 = rows.iter().map(|row| row.truth.wrong).sum();
    ensure!(wrong == 0, "{wrong} instances are not what was acknowledged: see the table");
    let violation = verdict.as_ref().and_then(evento_check::Verdict::first);
    ensure!(violation.is_none(), "the judge: {}", violation.map(ToString::to_string).unwrap_or_default());
    Ok(())
}
