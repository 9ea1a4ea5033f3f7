//! The truth check after a run: what was acknowledged is there, once, in dense order, and adds up. The judge
//! (`told.rs`) asks more, of fewer instances.
//!
//! All instances: sequence and balance against the ledger. A sample: every event, its number, and the balance
//! as the sum of the events. A command whose answer was lost may have happened; the client loses none, as its
//! connections live to the end.

use anyhow::{Context, ensure};
use serde_json::Value;

use super::Plan;
use super::client::Connection;
use super::load::Ledger;
use super::server::Server;

/// Instances whose whole history is read.
const HISTORIES: usize = 1_000;
/// Events per page.
const PAGE: usize = 500;

/// The verdict.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// Instances compared with the ledger.
    pub instances: u64,
    /// Events read one by one.
    pub events: u64,
    /// Instances that are not what was acknowledged.
    pub wrong: u64,
    /// The first difference.
    pub first: Option<String>,
}

/// Compares the ledger of a run with what the server has.
pub async fn check(server: &Server, plan: &Plan, ledger: &Ledger) -> anyhow::Result<Truth> {
    let mut connection = Connection::open(&server.host).await?;
    let mut truth = Truth::default();
    let every = plan.instances.div_ceil(HISTORIES).max(1);
    for n in 0..plan.instances {
        let (deposits, sum) = ledger.deposits.get(&(n as u32)).copied().unwrap_or_default();
        let id = format!("{}-{n}", plan.prefix);
        let state = get(&mut connection, &format!("/v1/entities/account/{id}")).await?;
        let found = (state["seq"].as_u64(), state["state"]["balance"].as_i64());
        let mut wrong = (found != (Some(deposits + 1), Some(sum)))
            .then(|| format!("{id}: {deposits} deposits of {sum} were acknowledged, seq and balance are {found:?}"));
        if n % every == 0 && wrong.is_none() {
            wrong = history(&mut connection, &id, deposits, sum, &mut truth).await?;
        }
        truth.instances += 1;
        if let Some(wrong) = wrong {
            truth.wrong += 1;
            truth.first.get_or_insert(wrong);
        }
    }
    Ok(truth)
}

async fn history(
    connection: &mut Connection,
    id: &str,
    deposits: u64,
    sum: i64,
    truth: &mut Truth,
) -> anyhow::Result<Option<String>> {
    let (mut seq, mut found) = (0u64, (0u64, 0i64));
    loop {
        let path = format!("/v1/entities/account/{id}/events?fromSeq={}&limit={PAGE}", seq + 1);
        let page = get(connection, &path).await?;
        let items = page["items"].as_array().context("a list of events")?;
        for event in items {
            seq += 1;
            truth.events += 1;
            if event["seq"].as_u64() != Some(seq) {
                return Ok(Some(format!("{id}: event {seq} is missing, {} follows", event["seq"])));
            }
            if event["type"] == "bank.DepositReceived" {
                found = (found.0 + 1, found.1 + event["data"]["amount"].as_i64().unwrap_or(0));
            }
        }
        if items.len() < PAGE {
            break;
        }
    }
    let wrong = || format!("{id}: {deposits} deposits of {sum} were acknowledged, the events say {found:?}");
    Ok((found != (deposits, sum)).then(wrong))
}

async fn get(connection: &mut Connection, path: &str) -> anyhow::Result<Value> {
    let answer = connection.send("GET", path, "", b"").await?;
    ensure!(answer.status == 200, "GET {path}: status {}: {}", answer.status, String::from_utf8_lossy(answer.body));
    Ok(serde_json::from_slice(answer.body)?)
}
