//! Opens a data directory that nobody uses and judges what is in it.

use std::path::Path;

use evento_check::check::Content;
use evento_check::{EntityView, Hooks, InstanceView, Line, LogView, Named, Verdict, judge, view_of};
use evento_log::unit::{NO_STATE, state_digest};
use evento_model::SchemaId;
use evento_schema::avro::{Checked, check};
use evento_schema::catalog::Catalog;
use evento_sdk::avro::Record;

use super::bank::{self, Account};
use crate::cli::failure::Failure;
use crate::node;

/// The verdict on a history and the log in a folder, whose files are small if torture made them so. The log is opened as a start of the server would.
pub(crate) fn judge_folder(data: &Path, history: &[Line], small: bool) -> Result<Verdict, Failure> {
    judge_instances(data, history, small, &|_| true)
}

/// As [`judge_folder`], on those instances only whose ids are wanted: the history speaks of no others.
pub(crate) fn judge_instances(
    data: &Path,
    history: &[Line],
    small: bool,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<Verdict, Failure> {
    let (log, catalog) = node::open_to_read(data, small)?;
    let named: Vec<Named> = catalog
        .entities()
        .iter()
        .map(|entity| Named { id: entity.id, name: entity.name.as_str().to_owned(), partitions: entity.partitions })
        .collect();
    let view = view_of(&log, &named, wanted);
    log.close();
    let view = view.map_err(node::unopened)?;
    let readable = |_: &EntityView, content: Content<'_>| readable(&catalog, content);
    let ours = catalog.entities().iter().all(|entity| entity.full_name.as_str() == bank::ENTITY);
    let ours = ours && !catalog.entities().is_empty();
    let hooks = Hooks {
        readable: Some(&readable),
        replay: ours.then_some(&replay as _),
        invariant: ours.then_some(&balanced as _),
    };
    Ok(judge(history, &view, &hooks))
}

fn readable(catalog: &Catalog, content: Content<'_>) -> Result<(), String> {
    let (what, id, payload): (String, SchemaId, _) = match content {
        Content::Command(command) => (format!("command {}", command.id), command.schema, &command.payload),
        Content::Event(event) => (format!("event {}", event.seq), event.schema, &event.payload),
    };
    let schema = catalog.schema(id).ok_or_else(|| format!("{what}: schema {} is not registered", id.0))?;
    match check(schema, payload) {
        Ok(Checked::Canonical(_)) => Ok(()),
        Ok(Checked::Rewritten(_)) => Err(format!("{what}: its bytes are not canonical")),
        Err(error) => Err(format!("{what}: {}: {}", error.path, error.message)),
    }
}

/// Folds the account's events and compares with every stored digest.
fn replay(_: &EntityView, id: &str, instance: &InstanceView) -> Result<(), String> {
    let mut state = None;
    for event in &instance.events {
        state = bank::fold(id, event, state)?;
        let digest = state_digest(state.as_deref());
        if digest != event.state_digest {
            return Err(format!("folding gives {digest} at event {}, stored is {}", event.seq, event.state_digest));
        }
    }
    match instance.state {
        Some((_, digest)) if digest != state_digest(state.as_deref()) => Err("the newest state is another".to_owned()),
        None if state.is_some() => Err("no state is stored".to_owned()),
        _ => Ok(()),
    }
}

/// No balance was ever negative; money in is money out and what is left.
fn balanced(view: &LogView) -> Result<u64, String> {
    let (mut looked_at, mut inward, mut outward, mut left) = (0, 0i128, 0i128, 0i128);
    for (_, id, instance) in view.instances() {
        let mut state = None;
        let mut balance = 0i64;
        for event in &instance.events {
            match event.type_name.as_str() {
                "torture.Deposited" => {
                    inward += i128::from(read::<bank::Deposited>(&event.payload)?.amount);
                }
                "torture.Withdrawn" => {
                    outward += i128::from(read::<bank::Withdrawn>(&event.payload)?.amount);
                }
                _ => {}
            }
            state = bank::fold(id, event, state)?;
            balance = state.as_deref().map_or(Ok(0), |bytes| read::<Account>(bytes).map(|account| account.balance))?;
            if balance < 0 {
                return Err(format!("account/{id} has {balance} after event {}", event.seq));
            }
            looked_at += 1;
        }
        let stored = instance.state.map_or(NO_STATE, |(_, digest)| digest);
        if stored != state_digest(state.as_deref()) {
            return Err(format!("account/{id}: the stored state is not the sum of its events"));
        }
        left += i128::from(balance);
    }
    match inward == outward + left {
        true => Ok(looked_at),
        false => Err(format!("{inward} came in, {outward} went out, {left} is left")),
    }
}

fn read<R: Record>(bytes: &[u8]) -> Result<R, String> {
    R::decode(bytes).map_err(|error| format!("{}: {error:?}", R::NAME))
}
