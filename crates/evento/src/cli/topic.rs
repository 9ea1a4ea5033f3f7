//! `evento topic`: what Kafka clients see.

use serde_json::Value;

use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use crate::client::encode;
use crate::output::table::Table;

/// Look at the topics that Kafka clients see: list, describe, refused
#[derive(clap::Subcommand)]
pub enum Verb {
    /// List topics with partitions and records
    List,
    /// Show a topic: every partition, and how a Kafka client reads it
    Describe {
        /// The topic, such as account.events
        name: String,
    },
    /// List records that Kafka clients sent and that are no commands, newest first
    Refused,
}

/// Runs one of them.
pub fn run(context: &Context, verb: Verb) -> Result<Exit, Failure> {
    match verb {
        Verb::List => list(context),
        Verb::Describe { name } => describe(context, &name),
        Verb::Refused => refused(context),
    }
}

fn partitions(topic: &Value) -> &[Value] {
    topic["partitions"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Offsets given so far, over all partitions.
fn offsets(topic: &Value) -> u64 {
    partitions(topic).iter().filter_map(|partition| partition["endOffset"].as_u64()).sum()
}

/// The line that follows a topic with kcat.
fn kcat(bootstrap: &str, topic: &str, from: &str) -> String {
    format!("kcat -b {bootstrap} -t {topic} -C -o {from} -f '%p %o %k %h\\n'")
}

fn list(context: &Context) -> Result<Exit, Failure> {
    let document = context.client()?.get("/v1/topics")?;
    let output = &context.output;
    if !output.for_people() {
        output.document(&document)?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["NAME", "PARTITIONS", "OFFSETS", "CLIENTS MAY", "ID"]);
    for topic in document["items"].as_array().into_iter().flatten() {
        let text = |key: &str| topic[key].as_str().unwrap_or_default().to_owned();
        let may = if topic["writable"] == true { "produce, read" } else { "read" };
        table.row([
            text("name"),
            partitions(topic).len().to_string(),
            offsets(topic).to_string(),
            may.to_owned(),
            text("id"),
        ]);
    }
    output.text(&table.render(output.style, output.width))?;
    Ok(Exit::Done)
}

fn describe(context: &Context, name: &str) -> Result<Exit, Failure> {
    let client = context.client()?;
    let topic = client.get(format!("/v1/topics/{}", encode(name)))?;
    let output = &context.output;
    if !output.for_people() {
        output.document(&topic)?;
        return Ok(Exit::Done);
    }
    let topics = client.get("/v1/topics")?;
    let text = |key: &str| topics[key].as_str().unwrap_or_default().to_owned();
    output.text(&format!(
        "{name}  entity {}  {} partitions  {} offsets  id {}\n\n",
        topic["entity"].as_str().unwrap_or_default(),
        partitions(&topic).len(),
        offsets(&topic),
        topic["id"].as_str().unwrap_or_default(),
    ))?;
    let mut table = Table::new(&["PARTITION", "END OFFSET"]);
    for partition in partitions(&topic) {
        table.row([partition["partition"].to_string(), partition["endOffset"].to_string()]);
    }
    output.text(&table.render(output.style, output.width))?;
    output.text(&format!("\nRead it:\n  {}\n", kcat(&text("bootstrap"), name, "beginning")))?;
    Ok(Exit::Done)
}

fn refused(context: &Context) -> Result<Exit, Failure> {
    let document = context.client()?.get("/v1/refused")?;
    let output = &context.output;
    if !output.for_people() {
        output.document(&document)?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["TIME", "TOPIC", "PARTITION", "CLIENT", "RECORD", "REASON"]);
    for batch in document["items"].as_array().into_iter().flatten() {
        let text = |key: &str| batch[key].as_str().unwrap_or_default().to_owned();
        let client = match batch["transactionalId"].as_str() {
            Some(id) => format!("transaction {id}"),
            None => format!("{} {}", text("clientId"), text("clientAddress")),
        };
        for record in batch["records"].as_array().into_iter().flatten() {
            table.row([
                output.time_format.show(&text("at")),
                text("topic"),
                batch["partition"].to_string(),
                client.clone(),
                record["index"].to_string(),
                record["reason"].as_str().unwrap_or_default().to_owned(),
            ]);
        }
    }
    output.text(&table.render(output.style, output.width))?;
    Ok(Exit::Done)
}

/// `evento tail --kafka`: the lines with which kcat follows the same events.
pub fn print_kcat(
    context: &Context,
    entity: Option<&str>,
    instance: Option<&str>,
    from: &str,
) -> Result<Exit, Failure> {
    let client = context.client()?;
    let topics = client.get("/v1/topics")?;
    let text = |key: &str| topics[key].as_str().unwrap_or_default().to_owned();
    let name = match entity {
        Some(entity) => {
            let resource = client.get(format!("/v1/resources/entity/{}", encode(entity)))?;
            Some(resource["metadata"]["name"].as_str().unwrap_or_default().to_owned())
        }
        None => None,
    };
    let beginning = if from == "start" { "beginning" } else { "end" };
    let items = topics["items"].as_array().into_iter().flatten();
    for topic in items.filter(|topic| topic["content"] == "events") {
        if name.as_ref().is_some_and(|name| topic["entity"] != **name) {
            continue;
        }
        let line = kcat(&text("bootstrap"), topic["name"].as_str().unwrap_or_default(), beginning);
        context.output.text(&format!("{line}\n"))?;
    }
    if !text("registry").is_empty() {
        context
            .output
            .note(format!("a kcat with Avro decodes the values: add -s value=avro -r http://{}", text("registry")));
    }
    if let Some(id) = instance {
        context.output.note(format!("kcat cannot choose by key: keep the lines of {id}"));
    }
    Ok(Exit::Done)
}
