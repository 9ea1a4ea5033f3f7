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
use super::told::{Told, id, open_account, receive_deposit};

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

/// What every deposit says.
const REFERENCE: &str = "bench";

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
    told: Told,
}

/// Opens the accounts, warms up, measures. What the judge is to know is added to `told`.
pub async fn run(server: &Server, plan: &Plan, mut told: Told) -> anyhow::Result<(Run, Told)> {
    open_accounts(server, plan, &mut told).await?;
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
        told,
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
    let Shared { latency, commands, ledger, errors, first_error, told, .. } = shared;
    Ok((Run { commands, took: plan.measure, latency, usage, ledger, errors, first_error }, told))
}

/// Every account is opened before, in bulk.
async fn open_accounts(server: &Server, plan: &Plan, told: &mut Told) -> anyhow::Result<()> {
    let opening = open_account("Ada", "EUR");
    let mut connection = Connection::open(&server.host).await?;
    for start in (0..plan.instances).step_by(1_000) {
        let (mut body, mut ops) = (String::new(), Vec::new());
        for n in start..(start + 1_000).min(plan.instances) {
            let op = told.send(plan, n, &opening);
            line(&mut body, plan, n, ("open-account", "{\"owner\":\"Ada\"}"), op);
            ops.push(op);
        }
        let answer = connection.send("POST", "/v1/commands", "application/x-ndjson", body.as_bytes()).await?;
        let status = answer.status;
        let text = String::from_utf8_lossy(answer.body);
        ensure!(status == 200, "opening the accounts: status {status}: {text}");
        let bad = text.lines().find(|line| !line.contains("\"outcome\":\"accepted\""));
        ensure!(bad.is_none(), "opening an account: {}", bad.unwrap_or_default());
        for (op, line) in ops.iter().zip(text.lines()) {
            op.iter().for_each(|op| told.answered(*op, status, line.as_bytes()));
        }
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
    let (mut path, mut body, mut chosen, mut ops) = (String::new(), String::new(), Vec::new(), Vec::new());
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
        ops.clear();
        {
            let told = &mut shared.borrow_mut().told;
            ops.extend(
                chosen.iter().map(|(n, amount)| told.send(&plan, *n as usize, &receive_deposit(*amount, REFERENCE))),
            );
        }
        request(&plan, &chosen, &ops, &mut path, &mut body);
        let key = if let [Some(op)] = ops[..] { Some(id(op)) } else { None };
        let kind = if plan.batch > 1 { "application/x-ndjson" } else { "application/json" };
        let answer = connection.send_keyed("POST", &path, kind, key.as_deref(), body.as_bytes()).await?;
        let acknowledged = acknowledged(&answer, plan.batch);
        let done = started.elapsed();
        let mut shared = shared.borrow_mut();
        let answers = if plan.batch > 1 { answer.body } else { &[] };
        let mut lines = answers.split(|b| *b == b'\n');
        for op in &ops {
            let line = if plan.batch > 1 { lines.next().unwrap_or_default() } else { answer.body };
            op.iter().for_each(|op| shared.told.answered(*op, answer.status, line));
        }
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

fn request(plan: &Plan, chosen: &[(u32, i64)], ops: &[Option<u64>], path: &mut String, body: &mut String) {
    path.clear();
    body.clear();
    let data = |amount: i64| format!("{{\"amount\":{amount},\"reference\":\"{REFERENCE}\"}}");
    match chosen {
        [(instance, amount)] => {
            path.push_str(&format!("/v1/entities/account/{}-{instance}/commands/receive-deposit", plan.prefix));
            body.push_str(&data(*amount));
        }
        many => {
            path.push_str("/v1/commands");
            for ((instance, amount), op) in many.iter().zip(ops) {
                line(body, plan, *instance as usize, ("receive-deposit", &data(*amount)), *op);
            }
        }
    }
}

/// One command of a bulk request.
fn line(body: &mut String, plan: &Plan, instance: usize, (command, data): (&str, &str), op: Option<u64>) {
    let prefix = &plan.prefix;
    body.push_str(&format!(
        "{{\"entity\":\"account\",\"id\":\"{prefix}-{instance}\",\"command\":\"{command}\",\"data\":{data}"
    ));
    if let Some(op) = op {
        body.push_str(&format!(",\"idempotencyKey\":\"{}\"", id(op)));
    }
    body.push_str("}\n");
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
