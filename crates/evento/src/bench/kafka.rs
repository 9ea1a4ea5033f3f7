//! `evento bench --kafka`: what the Kafka listener does, seen by a client that costs next to nothing itself.
//!
//! The measures, on the bank: commands produced in batches, the way of an event from its acknowledgement to a
//! consumer that waits for it, reading everything from the beginning, by this client and by librdkafka (through kcat,
//! if it is installed), and consumers that only wait. Afterwards the events are counted and compared with what was
//! acknowledged. How real clients behave is tested, not measured, here.

mod catch_up;
pub(crate) mod wire;

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use evento_engine::Chance;
use evento_log::codec::plain_batch;
use evento_model::partition_of;
use hdrhistogram::Histogram;
use serde_json::json;

use super::server::Server;
use super::{Args, client};
use crate::cli::context::Context as Cli;
use wire::Broker;

/// Partitions of the bank's account.
const PARTITIONS: u32 = 12;
/// Bytes asked for of one partition, and of all.
const FETCH: (i32, i32) = (1 << 20, 8 << 20);
/// Accounts the produced commands are spread over.
const ACCOUNTS: u32 = 1_000;
/// Consumers that wait.
const IDLE: usize = 200;

/// Runs the four measures and prints them. Fails when an acknowledged command has no event.
pub async fn measure(context: &Cli, args: &Args) -> anyhow::Result<()> {
    let mut server = Server::start(args).await?;
    let kafka = server.kafka.clone().context("bench starts its own server to measure the Kafka listener")?;
    let schemas = Schemas::ask(&server).await?;
    let mut lines = Vec::new();
    let (produced, line) = produce(&server, &kafka, &schemas, args).await?;
    lines.push(line);
    lines.push(tail(&server, &kafka, args).await?);
    let ([events, bytes], line) = catch_up::ours(&server, &kafka).await?;
    lines.push(line);
    let by_kcat = catch_up::kcat(&server, &kafka, bytes).await?;
    let counts = by_kcat.as_ref().map_or(events, |(events, _)| *events);
    lines.push(by_kcat.map_or_else(catch_up::no_kcat, |(_, line)| line));
    lines.push(idle(&server, &kafka, args).await?);
    server.stop().await?;
    for line in &lines {
        let printed = match context.output.for_people() {
            true => context.output.text(&format!("{}\n", line.people)),
            false => context.output.document(&line.machine),
        };
        printed.map_err(|failure| anyhow::anyhow!("{}", failure.title))?;
    }
    ensure!(events >= produced, "{produced} commands were acknowledged, but only {events} events are there");
    ensure!(counts == events, "{events} events are there, but kcat read {counts}");
    Ok(())
}

/// A measure, for people and for programs.
struct Line {
    people: String,
    machine: serde_json::Value,
}

/// Registry ids of the two commands that are produced.
struct Schemas {
    open: u32,
    deposit: u32,
}

impl Schemas {
    async fn ask(server: &Server) -> anyhow::Result<Schemas> {
        let mut connection = client::Connection::open(&server.host).await?;
        let mut of = async |command: &str| -> anyhow::Result<u32> {
            let path = format!("/v1/resources/command/{command}");
            let answer = connection.send("GET", &path, "", b"").await?;
            let document: serde_json::Value = serde_json::from_slice(answer.body)?;
            let id = document["status"]["schemaIds"].as_array().and_then(|ids| ids.last()?.as_u64());
            Ok(id.context("the command has a schema id")? as u32)
        };
        Ok(Schemas { open: of("open-account").await?, deposit: of("receive-deposit").await? })
    }
}

fn framed(schema: u32, datum: &[u8]) -> Vec<u8> {
    let mut value = vec![0];
    value.extend_from_slice(&schema.to_be_bytes());
    value.extend_from_slice(datum);
    value
}

fn account(n: u32) -> String {
    format!("kafka-{n}")
}

/// How long a connection produces.
#[derive(Clone, Copy)]
enum Until {
    Time(Instant),
    Count(u64),
}

impl Until {
    fn goes_on(self, count: u64) -> bool {
        match self {
            Until::Time(end) => Instant::now() < end,
            Until::Count(most) => count < most,
        }
    }
}

/// Deposits in batches of one partition each, over some connections.
async fn produce(server: &Server, kafka: &str, schemas: &Schemas, args: &Args) -> anyhow::Result<(u64, Line)> {
    let mut accounts: Vec<Vec<String>> = vec![Vec::new(); PARTITIONS as usize];
    for account in (0..ACCOUNTS).map(account) {
        accounts[partition_of(account.as_bytes(), PARTITIONS) as usize].push(account);
    }
    // OpenAccount {owner "Ada", currency "EUR"}, ReceiveDeposit {amount 1, reference ""}.
    let open = framed(schemas.open, b"\x06Ada\x06EUR");
    let deposit = framed(schemas.deposit, &[2, 0]);
    let mut broker = Broker::connect(kafka).await?;
    for (partition, accounts) in accounts.iter().enumerate() {
        let batch = plain_batch(accounts.iter().map(|account| (account.as_bytes(), &open[..])));
        broker.produce("account.commands", partition as i32, &batch).await?;
    }
    let size = if args.batch > 1 { args.batch } else { 2_000 };
    let connections = args.connections.first().copied().unwrap_or(4).min(16);
    let (before, started) = (server.usage().await?, Instant::now());
    let until = match args.events {
        Some(events) => Until::Count(events / connections as u64),
        None => Until::Time(started + Duration::from_secs_f64(args.seconds)),
    };
    let work = (0..connections).map(|n| deposits(kafka, &accounts, &deposit, size, until, args.seed + n as u64));
    let counts = futures::future::try_join_all(work).await?;
    let (took, usage) = (started.elapsed(), server.usage().await?.since(&before));
    let commands: u64 = counts.iter().sum();
    let per_second = commands as f64 / took.as_secs_f64();
    let micros = |seconds: f64| seconds * 1e6 / commands.max(1) as f64;
    let people = format!(
        "produce   {:>9.0} commands/s   {connections} connections, batches of {size}; CPU per command: Evento {:.1} µs, \
         function {:.1} µs, client {:.1} µs",
        per_second,
        micros(usage.server_cpu),
        micros(usage.function_cpu),
        micros(usage.client_cpu)
    );
    let machine = json!({"measure": "produce", "commandsPerSecond": per_second, "connections": connections,
        "batch": size, "commands": commands, "cpuMicrosPerCommand": {"server": micros(usage.server_cpu),
        "function": micros(usage.function_cpu), "client": micros(usage.client_cpu)}});
    Ok((commands + u64::from(ACCOUNTS), Line { people, machine }))
}

async fn deposits(
    kafka: &str,
    accounts: &[Vec<String>],
    deposit: &[u8],
    size: usize,
    until: Until,
    seed: u64,
) -> anyhow::Result<u64> {
    let (mut broker, mut chance, mut count) = (Broker::connect(kafka).await?, Chance::new(seed), 0);
    while until.goes_on(count) {
        let partition = chance.up_to(u64::from(PARTITIONS) - 1) as usize;
        let of = &accounts[partition];
        let chosen: Vec<&[u8]> = (0..size).map(|_| of[chance.up_to(of.len() as u64 - 1) as usize].as_bytes()).collect();
        let batch = plain_batch(chosen.into_iter().map(|account| (account, deposit)));
        broker.produce("account.commands", partition as i32, &batch).await?;
        count += size as u64;
    }
    Ok(count)
}

/// Deposits over HTTP, one after the other, and a consumer that waits for their events.
async fn tail(server: &Server, kafka: &str, args: &Args) -> anyhow::Result<Line> {
    let mut broker = Broker::connect(kafka).await?;
    let mut at = broker.ends("account.events", PARTITIONS).await?;
    let (sender, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let consumer = tokio::task::spawn_local(async move {
        loop {
            let got = broker.fetch("account.events", &mut at, FETCH, 500).await?;
            let now = Instant::now();
            if got.records > 0 && sender.send((now, got.records)).is_err() {
                return anyhow::Ok(());
            }
        }
    });
    let mut connection = client::Connection::open(&server.host).await?;
    let (mut from_ack, mut from_send) = (Histogram::<u64>::new(3)?, Histogram::<u64>::new(3)?);
    let until = Instant::now() + Duration::from_secs_f64(args.seconds);
    while Instant::now() < until {
        let sent = Instant::now();
        let path = "/v1/entities/account/kafka-0/commands/receive-deposit";
        let answer = connection.send("POST", path, "application/json", br#"{"amount":1}"#).await?;
        ensure!(answer.status == 200, "a deposit: status {}", answer.status);
        let acknowledged = Instant::now();
        let (at, records) = tokio::time::timeout(Duration::from_secs(10), seen.recv())
            .await
            .context("the event does not come")?
            .context("the consumer ended")?;
        ensure!(records == 1, "one event was expected, {records} came");
        from_ack.record(at.saturating_duration_since(acknowledged).as_nanos() as u64)?;
        from_send.record((at - sent).as_nanos() as u64)?;
    }
    consumer.abort();
    let millis = |histogram: &Histogram<u64>, q: f64| histogram.value_at_quantile(q) as f64 / 1e6;
    let people = format!(
        "tail      {:>9.3} ms p50, {:.3} ms p99 from acknowledgement to the waiting consumer; from sending {:.3} ms p50",
        millis(&from_ack, 0.5),
        millis(&from_ack, 0.99),
        millis(&from_send, 0.5)
    );
    let machine = json!({"measure": "tail", "events": from_ack.len(),
        "fromAcknowledgementMs": {"p50": millis(&from_ack, 0.5), "p99": millis(&from_ack, 0.99)},
        "fromSendingMs": {"p50": millis(&from_send, 0.5), "p99": millis(&from_send, 0.99)}});
    Ok(Line { people, machine })
}

/// Consumers that wait at the end of every partition while nothing happens.
async fn idle(server: &Server, kafka: &str, args: &Args) -> anyhow::Result<Line> {
    let mut waiting = Vec::with_capacity(IDLE);
    for _ in 0..IDLE {
        let mut broker = Broker::connect(kafka).await?;
        let mut at = broker.ends("account.events", PARTITIONS).await?;
        waiting.push(tokio::task::spawn_local(async move {
            while broker.fetch("account.events", &mut at, FETCH, 500).await.is_ok() {}
        }));
    }
    let (before, started) = (server.usage().await?, Instant::now());
    tokio::time::sleep(Duration::from_secs_f64(args.seconds)).await;
    let usage = server.usage().await?.since(&before);
    let core = usage.server_cpu / started.elapsed().as_secs_f64() * 100.0;
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
    let people = format!("idle      {core:>9.1} % of a core for {IDLE} consumers that ask every 500 ms");
    Ok(Line { people, machine: json!({"measure": "idle", "consumers": IDLE, "serverCorePercent": core}) })
}
