//! The rdkafka crate as the tests use it. See ../../README.md for the contract.

mod avro;
mod groups;
mod options;
mod produce;
mod read;

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::options::{Options, emit};

/// Longest wait for a record, an answer or a broker.
pub const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let verb = arguments.next().context("a verb")?;
    let options = Options::parse(&arguments.next().context("options")?)?;
    match verb.as_str() {
        "consume" => read::consume(&options)?,
        "avro" => read::avro(&options)?,
        "seek" => read::seek(&options)?,
        "take" => groups::take(&options)?,
        "member" => groups::member(&options)?,
        "produce" => produce::produce(&options)?,
        "transact" => produce::transact(&options)?,
        "transfer" => produce::transfer(&options)?,
        "admin" => groups::admin(&options)?,
        other => bail!("no verb {other}"),
    }
    emit(json!({"done": true}));
    Ok(())
}
