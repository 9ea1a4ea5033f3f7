//! `evento group`: who reads with Kafka clients, and how far behind they are.

use serde_json::Value;

use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use crate::client::encode;
use crate::output::table::Table;

/// Look at the consumer groups of Kafka clients: list, describe
#[derive(clap::Subcommand)]
pub enum Verb {
    /// List groups with state, members and lag
    List,
    /// Show a group: its members, and each partition with offset and lag
    Describe {
        /// The group
        name: String,
    },
}

/// Runs one of them.
pub fn run(context: &Context, verb: Verb) -> Result<Exit, Failure> {
    match verb {
        Verb::List => list(context),
        Verb::Describe { name } => describe(context, &name),
    }
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

/// A number, or a hyphen where it is not known.
fn number(value: &Value) -> String {
    if value.is_null() { "-".to_owned() } else { value.to_string() }
}

fn list(context: &Context) -> Result<Exit, Failure> {
    let document = context.client()?.get("/v1/groups")?;
    let output = &context.output;
    if !output.for_people() {
        output.document(&document)?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["NAME", "STATE", "PROTOCOL", "ASSIGNOR", "MEMBERS", "LAG"]);
    for group in document["items"].as_array().into_iter().flatten() {
        table.row([
            text(group, "name"),
            text(group, "state"),
            text(group, "kind"),
            text(group, "assignor"),
            number(&group["memberCount"]),
            number(&group["lag"]),
        ]);
    }
    output.text(&table.render(output.style, output.width))?;
    Ok(Exit::Done)
}

fn describe(context: &Context, name: &str) -> Result<Exit, Failure> {
    let group = context.client()?.get(format!("/v1/groups/{}", encode(name)))?;
    let output = &context.output;
    if !output.for_people() {
        output.document(&group)?;
        return Ok(Exit::Done);
    }
    let of = |key: &str| text(&group, key);
    output.text(&format!(
        "{name}  {}  {} {}  lag {}\n\n",
        of("state"),
        of("kind"),
        of("assignor"),
        number(&group["lag"])
    ))?;
    let mut members = Table::new(&["MEMBER", "INSTANCE", "CLIENT", "HOST", "PARTITIONS"]);
    for member in group["members"].as_array().into_iter().flatten() {
        let of_topic = |(topic, partitions): (&String, &Value)| {
            let numbers = partitions.as_array().into_iter().flatten().map(Value::to_string);
            format!("{topic}: {}", numbers.collect::<Vec<_>>().join(" "))
        };
        let partitions = member["partitions"].as_object().into_iter().flatten().map(of_topic).collect::<Vec<_>>();
        let of = |key: &str| text(member, key);
        members.row([of("id"), of("instance"), of("client"), of("host"), partitions.join("; ")]);
    }
    output.text(&members.render(output.style, output.width))?;
    let mut offsets = Table::new(&["TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "WHEN", "MEMBER"]);
    for offset in group["offsets"].as_array().into_iter().flatten() {
        offsets.row([
            text(offset, "topic"),
            number(&offset["partition"]),
            number(&offset["committed"]),
            number(&offset["endOffset"]),
            number(&offset["lag"]),
            output.time_format.show(&text(offset, "committedAt")),
            text(offset, "member"),
        ]);
    }
    output.text("\n")?;
    output.text(&offsets.render(output.style, output.width))?;
    Ok(Exit::Done)
}
