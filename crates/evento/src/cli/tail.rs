//! `evento tail`: events of all entities, of one, or of one instance, as they happen.

use serde_json::Value;

use super::completion;
use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::history::{cloud_event, line};
use super::target::Scope;
use super::topic;
use crate::client::{self, encode, with_query};
use crate::output::form::Form;
use crate::output::table::printable;

/// Follow events as they happen
#[derive(clap::Args)]
#[command(after_help = "evento tail account --type CashWithdrawn --from start -o jsonl | jq .data.amount")]
pub struct Args {
    /// An entity, or an instance as ENTITY/ID
    #[arg(add = completion::instances())]
    scope: Option<Scope>,
    /// Only events of this type; may be given several times
    #[arg(long = "type", value_name = "TYPE", add = completion::names(&["event"]))]
    types: Vec<String>,
    /// Where to begin: start, now, or the token of an event seen before (for one instance a sequence)
    #[arg(long, value_name = "start|now|TOKEN", default_value = "now")]
    from: String,
    /// Print the kcat line that follows the same events as a Kafka client, and end
    #[arg(long, conflicts_with_all = ["types", "max"])]
    kafka: bool,
    /// End after so many events
    #[arg(long, value_name = "N")]
    max: Option<u64>,
}

/// Follows until interrupted.
pub fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    if args.kafka {
        let (entity, id) = args.scope.as_ref().map_or((None, None), |s| (Some(&*s.entity), s.id.as_deref()));
        return topic::print_kcat(context, entity, id, &args.from);
    }
    let client = context.client()?;
    let output = &context.output;
    let (mut path, resume) = match &args.scope {
        Some(Scope { entity, id: Some(id) }) => {
            let base = format!("/v1/entities/{}/{}", encode(entity), encode(id));
            let last = match args.from.as_str() {
                "start" => None,
                // Order: the sequence is read before the stream opens, so that no event falls between them.
                "now" => match client.get(&base) {
                    Ok(state) => state["seq"].as_u64().map(|seq| seq.to_string()),
                    Err(failure) if failure.exit == Exit::NotFound => None,
                    Err(failure) => return Err(failure),
                },
                token => Some(token.to_owned()),
            };
            (format!("{base}/events"), last)
        }
        scope => {
            let entity = scope.as_ref().map(|scope| scope.entity.as_str());
            (with_query("/v1/events", &[("entity", entity), ("from", Some(&args.from))]), None)
        }
    };
    // The stream of one instance is short and comes whole.
    let chosen_here = args.scope.as_ref().is_some_and(|scope| scope.id.is_some());
    for name in args.types.iter().filter(|_| !chosen_here) {
        path = with_query(&path, &[("type", Some(name))]);
    }
    let mut left = args.max.unwrap_or(u64::MAX);
    if left == 0 {
        return Ok(Exit::Done);
    }
    client::follow(client, output, &path, resume, |received| {
        let Ok(event) = serde_json::from_str::<Value>(&received.data) else { return Ok(true) };
        let type_name = event["type"].as_str().unwrap_or_default();
        if chosen_here && !args.types.is_empty() && !args.types.iter().any(|wanted| is_named(type_name, wanted)) {
            return Ok(true);
        }
        match output.form {
            Form::Table | Form::Wide => {
                let target = event["id"].as_str().and_then(|id| id.rsplit_once('/')).map_or("?", |(target, _)| target);
                let line = line(output, &event, &[]);
                output.text(&format!("{}  {}\n", printable(target), line.trim_start()))?;
            }
            Form::Cloudevents => output.item(&cloud_event(&event))?,
            Form::Name => output.text(&format!("{}\n", event["id"].as_str().unwrap_or_default()))?,
            _ => {
                let mut event = event;
                if let (Some(token), Value::Object(map)) = (&received.id, &mut event) {
                    map.insert("token".to_owned(), Value::String(token.clone()));
                }
                output.item(&event)?;
            }
        }
        left -= 1;
        Ok(left > 0)
    })?;
    Ok(Exit::Done)
}

/// Whether a type goes by this name: full, short, or the short one in kebab-case.
fn is_named(full_name: &str, wanted: &str) -> bool {
    let short = full_name.rsplit('.').next().unwrap_or(full_name);
    let kebab: String = short
        .char_indices()
        .flat_map(|(at, c)| {
            (at > 0 && c.is_ascii_uppercase()).then_some('-').into_iter().chain([c.to_ascii_lowercase()])
        })
        .collect();
    [full_name, short, &kebab].contains(&wanted)
}

#[cfg(test)]
mod tests {
    use super::is_named;

    #[test]
    fn a_type_goes_by_its_names() {
        for name in ["bank.CashWithdrawn", "CashWithdrawn", "cash-withdrawn"] {
            assert!(is_named("bank.CashWithdrawn", name), "{name}");
        }
        assert!(!is_named("bank.CashWithdrawn", "Cash"));
    }
}
