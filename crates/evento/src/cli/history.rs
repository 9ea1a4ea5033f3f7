//! `evento history`: the events of one instance, one line each, with what each changed.

use serde_json::{Value, json};

use super::completion;
use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::target::Instance;
use crate::client::{self, encode, with_query};
use crate::output::form::Form;
use crate::output::table::printable;
use crate::output::value::{changes, fields};
use crate::output::{Output, patch};

/// List the events of an instance
#[derive(clap::Args)]
pub struct Args {
    /// The instance, ENTITY/ID
    #[arg(add = completion::instances())]
    instance: Instance,
    /// Show which fields of the state each event changed
    #[arg(long)]
    diff: bool,
    /// Go on with new events until interrupted
    #[arg(short, long)]
    follow: bool,
    /// Begin with this event
    #[arg(long, value_name = "N", default_value_t = 1)]
    from_seq: u64,
    /// Only events of this type; may be given several times
    #[arg(long = "type", value_name = "TYPE", add = completion::names(&["event"]))]
    types: Vec<String>,
    /// At most so many, 0 for all
    #[arg(long, default_value_t = 0, conflicts_with = "follow")]
    limit: usize,
}

/// Lists, or follows.
pub fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let client = context.client()?;
    let output = &context.output;
    let from = args.from_seq.to_string();
    let base = format!("/v1/entities/{}/{}/events", encode(&args.instance.entity), encode(&args.instance.id));
    let mut path = with_query(&base, &[("fromSeq", Some(&from)), ("diff", args.diff.then_some("true"))]);
    for name in &args.types {
        path = with_query(&path, &[("type", Some(name))]);
    }
    let mut fold = Fold::new(args.from_seq);
    if args.follow {
        client::follow(client, output, &path, None, |event| {
            if let Ok(event) = serde_json::from_str::<Value>(&event.data) {
                show(output, &event, &mut fold)?;
            }
            Ok(true)
        })?;
        return Ok(Exit::Done);
    }
    let items = client::pages(client, &path, args.limit)?;
    if matches!(output.form, Form::Json | Form::Yaml) {
        output.document(&json!({"items": items}))?;
        return Ok(Exit::Done);
    }
    for event in &items {
        show(output, event, &mut fold)?;
    }
    Ok(Exit::Done)
}

/// The state as patches describe it, so that a change shows the value before.
struct Fold {
    state: Value,
    whole: bool,
}

impl Fold {
    fn new(from_seq: u64) -> Fold {
        Fold { state: Value::Null, whole: from_seq <= 1 }
    }

    /// What an event changed, in words.
    fn step(&mut self, event: &Value) -> Vec<String> {
        let Some(operations) = event["diff"].as_array() else { return Vec::new() };
        if self.whole {
            let before = self.state.clone();
            patch::apply(&mut self.state, &event["diff"]);
            return changes(&before, &self.state);
        }
        // Begun in the middle: what was before is not known.
        let words = operations.iter().filter_map(|operation| {
            let path = operation["path"].as_str()?.trim_start_matches('/').replace('/', ".");
            Some(match operation["op"].as_str()? {
                "remove" => format!("{path} removed"),
                _ => format!("{path} → {}", crate::output::value::show(&operation["value"])),
            })
        });
        words.collect()
    }
}

fn show(output: &Output, event: &Value, fold: &mut Fold) -> Result<(), Failure> {
    match output.form {
        Form::Table | Form::Wide => {
            let changed = fold.step(event);
            output.text(&format!("{}\n", line(output, event, &changed)))
        }
        Form::Name => output.text(&format!("{}\n", event["id"].as_str().unwrap_or_default())),
        Form::Cloudevents => output.item(&cloud_event(event)),
        _ => output.item(event),
    }
}

/// `  6  2m ago  bank.CashWithdrawn  amount 120  │ balance 1120 → 1000`.
pub fn line(output: &Output, event: &Value, changed: &[String]) -> String {
    let seq = event["seq"].as_u64().map(|seq| seq.to_string()).unwrap_or_default();
    let time = output.time_format.show(event["time"].as_str().unwrap_or_default());
    let name = output.style.bold(&printable(event["type"].as_str().unwrap_or("?")));
    let mut line = format!("{seq:>4}  {}  {name}  {}", output.style.dim(&time), fields(&event["data"]));
    if !changed.is_empty() {
        line = format!("{}  │ {}", line.trim_end(), changed.join("  "));
    }
    line.trim_end().to_owned()
}

/// An event as a CloudEvent in JSON (CloudEvents 1.0.2, JSON format).
pub fn cloud_event(event: &Value) -> Value {
    let text = |key: &str| event[key].as_str().unwrap_or_default();
    // The id is `<entity name>/<instance id>/<seq>`.
    let entity = text("id").split('/').next().unwrap_or_default();
    let mut cloud = json!({
        "specversion": "1.0",
        "id": text("id"),
        "source": format!("/evento/{entity}"),
        "type": text("type"),
        "datacontenttype": "application/json",
        "data": event["data"],
    });
    let mut put = |key: &str, value: &Value| {
        if !value.is_null() {
            cloud[key] = value.clone();
        }
    };
    put("subject", &event["entityId"]);
    put("partitionkey", &event["entityId"]);
    put("time", &event["time"]);
    put("correlationid", &event["correlationId"]);
    put("causationid", &event["commandId"]);
    if let Some(seq) = event["seq"].as_u64() {
        cloud["sequence"] = json!(seq.to_string());
    }
    cloud
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Fold, cloud_event};

    #[test]
    fn changes_show_the_value_before_where_it_is_known() {
        let events = [
            json!({"diff": [{"op": "add", "path": "", "value": {"balance": 0}}]}),
            json!({"diff": [{"op": "replace", "path": "/balance", "value": 7}]}),
            json!({"diff": []}),
        ];
        let told = |from| -> Vec<Vec<String>> {
            let mut fold = Fold::new(from);
            events[if from == 1 { 0 } else { 1 }..].iter().map(|event| fold.step(event)).collect()
        };
        assert_eq!(told(1), [vec!["balance 0".to_owned()], vec!["balance 0 → 7".to_owned()], vec![]]);
        assert_eq!(told(2), [vec!["balance → 7".to_owned()], vec![]]);
    }

    #[test]
    fn cloud_events_carry_the_required_attributes() {
        let event = json!({"id": "account/a/b/3", "type": "bank.CashWithdrawn", "entityId": "a/b", "seq": 3,
            "time": "2026-11-23T06:00:00.123Z", "data": {"amount": 1}});
        assert_eq!(
            cloud_event(&event),
            json!({"specversion": "1.0", "id": "account/a/b/3", "source": "/evento/account",
                "type": "bank.CashWithdrawn", "datacontenttype": "application/json", "data": {"amount": 1},
                "subject": "a/b", "partitionkey": "a/b", "time": "2026-11-23T06:00:00.123Z", "sequence": "3"})
        );
    }
}
