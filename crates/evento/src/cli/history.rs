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
    /// Only events of this type
    #[arg(long = "type", value_name = "TYPE", conflicts_with = "follow", add = completion::names(&["event"]))]
    type_name: Option<String>,
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
    let diff = args.diff.then_some("true");
    let path = with_query(&base, &[("fromSeq", Some(&from)), ("diff", diff), ("type", args.type_name.as_deref())]);
    let items = match client::pages(client, &path, args.limit) {
        Ok(items) => items,
        // Who follows may be there before the first event.
        Err(failure) if args.follow && failure.code.is_some_and(|code| code.0 == 1020) => Vec::new(),
        Err(failure) => return Err(failure),
    };
    if matches!(output.form, Form::Json | Form::Yaml) && !args.follow {
        output.document(&json!({"items": items}))?;
        return Ok(Exit::Done);
    }
    let mut fold = Fold { state: Value::Null, whole: args.from_seq <= 1 && args.type_name.is_none() };
    for event in &items {
        let changed = fold.step(event);
        show(output, event, &changed)?;
    }
    if !args.follow {
        return Ok(Exit::Done);
    }
    let last = items.last().and_then(|event| event["seq"].as_u64()).unwrap_or(args.from_seq.saturating_sub(1));
    let mut state = fold.whole.then_some(fold.state);
    client::follow(client, output, &base, Some(last.to_string()), |event| {
        let Ok(event) = serde_json::from_str::<Value>(&event.data) else { return Ok(true) };
        let mut changed = Vec::new();
        // A stream carries no patches: the state after the event is asked for, and the one before is known.
        if let (true, Some(seq)) = (args.diff, event["seq"].as_u64()) {
            let instance = base.trim_end_matches("/events");
            let after = client.get(format!("{instance}?seq={seq}"))?["state"].take();
            let before = match state.take() {
                Some(before) => before,
                None if seq <= 1 => Value::Null,
                None => client.get(format!("{instance}?seq={}", seq - 1))?["state"].take(),
            };
            changed = changes(&before, &after);
            state = Some(after);
        }
        show(output, &event, &changed)?;
        Ok(true)
    })?;
    Ok(Exit::Done)
}

/// The state as patches describe it, so that a change shows the value before.
struct Fold {
    state: Value,
    whole: bool,
}

impl Fold {
    /// What an event changed, in words.
    fn step(&mut self, event: &Value) -> Vec<String> {
        let Some(operations) = event["patch"].as_array() else { return Vec::new() };
        if self.whole {
            let before = self.state.clone();
            patch::apply(&mut self.state, &event["patch"]);
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

fn show(output: &Output, event: &Value, changed: &[String]) -> Result<(), Failure> {
    match output.form {
        Form::Table | Form::Wide => output.text(&format!("{}\n", line(output, event, changed))),
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
    use serde_json::{Value, json};

    use super::{Fold, cloud_event};

    #[test]
    fn changes_show_the_value_before_where_it_is_known() {
        let events = [
            json!({"patch": [{"op": "add", "path": "", "value": {"balance": 0}}]}),
            json!({"patch": [{"op": "replace", "path": "/balance", "value": 7}]}),
            json!({"patch": []}),
        ];
        let told = |from| -> Vec<Vec<String>> {
            let mut fold = Fold { state: Value::Null, whole: from == 1 };
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
