//! The load: connections that send deposits, closed or open loop, and the ledger of what was acknowledged.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use evento_engine::Chance;
use hdrhistogram::Histogram;
use tokio::task::LocalSet;

use super::Plan;
use super::client::Connection;
use super::server::{Server, Usage};

/// What one run came to.
pub struct Run {
    /// Acknowledged commands within the measured time.
    pub commands: u64,
    /// The measured time.
    pub took: Duration,
    /// Latency of single requests, in nanoseconds.
    pub latency: Histogram<u64>,
    /// What server, function and client used meanwhile.
    pub usage: Usage,
    /// Everything acknowledged, warm-up included.
    pub ledger: Ledger,
    /// Answers that were neither an outcome nor an expected refusal.
    pub errors: u64,
    /// The first such answer.
    pub first_error: Option<String>,
}

/// What the server acknowledged: per instance how many deposits, and their sum.
#[derive(Default)]
pub struct Ledger {
    /// By instance number.
    pub deposits: HashMap<u32, (u64, i64)>,
}

struct Shared {
    plan: Plan,
    host: String,
    started: Instant,
    latency: Histogram<u64>,
    commands: u64,
    ledger: Ledger,
    errors: u64,
    first_error: Option<String>,
    /// Open loop: number of the next intended start.
    next: u64,
}

/// Opens the accounts, warms up, measures.
pub async fn run(server: &Server, plan: &Plan) -> anyhow::Result<Run> {
    open_accounts(server, plan).await?;
    let shared = Rc::new(RefCell::new(Shared {
        plan: plan.clone(),
        host: server.host.clone(),
        started: Instant::now(),
        latency: Histogram::new_with_bounds(1_000, 120_000_000_000, 3)?,
        commands: 0,
        ledger: Ledger::default(),
        errors: 0,
        first_error: None,
        next: 0,
    }));
    let local = LocalSet::new();
    let clients: Vec<_> = (0..plan.connections)
        .map(|n| local.spawn_local(client(shared.clone(), plan.seed ^ (n as u64) << 32)))
        .collect();
    let usage = local
        .run_until(async {
            tokio::time::sleep(plan.warm_up).await;
            let before = server.usage().await?;
            tokio::time::sleep(plan.measure).await;
            let after = server.usage().await?;
            for client in clients {
                client.await.context("a client")??;
            }
            anyhow::Ok(after.since(&before))
        })
        .await?;
    drop(local);
    let shared = Rc::into_inner(shared).context("a client still runs")?.into_inner();
    let Shared { latency, commands, ledger, errors, first_error, .. } = shared;
    Ok(Run { commands, took: plan.measure, latency, usage, ledger, errors, first_error })
}

/// Every account is opened before, in bulk.
async fn open_accounts(server: &Server, plan: &Plan) -> anyhow::Result<()> {
    let mut connection = Connection::open(&server.host).await?;
    for start in (0..plan.instances).step_by(1_000) {
        let mut body = String::new();
        for n in start..(start + 1_000).min(plan.instances) {
            let id = format!("{}-{n}", plan.prefix);
            body.push_str(&format!(
                "{{\"entity\":\"account\",\"id\":\"{id}\",\"command\":\"open-account\",\"data\":{{\"owner\":\"Ada\"}}}}\n"
            ));
        }
        let answer = connection.send("POST", "/v1/commands", "application/x-ndjson", body.as_bytes()).await?;
        let status = answer.status;
        let text = String::from_utf8_lossy(answer.body);
        ensure!(status == 200, "opening the accounts: status {status}: {text}");
        let bad = text.lines().find(|line| !line.contains("\"outcome\":\"accepted\""));
        ensure!(bad.is_none(), "opening an account: {}", bad.unwrap_or_default());
    }
    Ok(())
}

async fn client(shared: Rc<RefCell<Shared>>, seed: u64) -> anyhow::Result<()> {
    let (host, plan, started) = {
        let shared = shared.borrow();
        (shared.host.clone(), shared.plan.clone(), shared.started)
    };
    let mut connection = Connection::open(&host).await?;
    let mut chance = Chance::new(seed);
    let (begin, end) = (plan.warm_up, plan.warm_up + plan.measure);
    let (mut path, mut body, mut chosen) = (String::new(), String::new(), Vec::new());
    loop {
        let intended = match plan.rate {
            None => started.elapsed(),
            Some(rate) => {
                let n = {
                    let mut shared = shared.borrow_mut();
                    shared.next += 1;
                    shared.next - 1
                };
                let at = Duration::from_secs_f64(n as f64 / rate);
                if at < end {
                    tokio::time::sleep_until((started + at).into()).await;
                }
                at
            }
        };
        if intended >= end {
            return Ok(());
        }
        chosen.clear();
        chosen.extend(
            (0..plan.batch).map(|_| (chance.up_to(plan.instances as u64 - 1) as u32, 1 + chance.up_to(99) as i64)),
        );
        request(&plan, &chosen, &mut path, &mut body);
        let kind = if plan.batch > 1 { "application/x-ndjson" } else { "application/json" };
        let answer = connection.send("POST", &path, kind, body.as_bytes()).await?;
        let acknowledged = acknowledged(&answer, plan.batch);
        let done = started.elapsed();
        let mut shared = shared.borrow_mut();
        let whole = acknowledged.iter().filter(|ok| **ok).count();
        for ((instance, amount), _) in chosen.iter().zip(&acknowledged).filter(|(_, ok)| **ok) {
            let (deposits, sum) = shared.ledger.deposits.entry(*instance).or_default();
            *deposits += 1;
            *sum += amount;
        }
        if whole < plan.batch {
            shared.errors += (plan.batch - whole) as u64;
            let text = String::from_utf8_lossy(&answer.body[..answer.body.len().min(2_000)]).into_owned();
            shared.first_error.get_or_insert_with(|| format!("status {}: {text}", answer.status));
        }
        if intended >= begin && done < end {
            shared.commands += whole as u64;
            shared.latency.saturating_record((done - intended).as_nanos() as u64);
        }
    }
}

fn request(plan: &Plan, chosen: &[(u32, i64)], path: &mut String, body: &mut String) {
    use std::fmt::Write;
    path.clear();
    body.clear();
    let written = match chosen {
        [(instance, amount)] => {
            write!(path, "/v1/entities/account/{}-{instance}/commands/receive-deposit", plan.prefix)
                .and_then(|()| write!(body, "{{\"amount\":{amount},\"reference\":\"bench\"}}"))
        }
        many => {
            path.push_str("/v1/commands");
            many.iter().try_for_each(|(instance, amount)| {
                writeln!(
                    body,
                    "{{\"entity\":\"account\",\"id\":\"{}-{instance}\",\"command\":\"receive-deposit\",\
                     \"data\":{{\"amount\":{amount},\"reference\":\"bench\"}}}}",
                    plan.prefix
                )
            })
        }
    };
    written.expect("a String takes everything");
}

/// Which commands of a request have their outcome.
fn acknowledged(answer: &super::client::Answer<'_>, batch: usize) -> Vec<bool> {
    let accepted = |line: &[u8]| line.windows(20).any(|window| window == b"\"outcome\":\"accepted\"");
    if answer.status != 200 {
        return vec![false; batch];
    }
    if batch == 1 {
        return vec![accepted(answer.body)];
    }
    let mut lines: Vec<bool> = answer.body.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(accepted).collect();
    lines.resize(batch, false);
    lines
}
