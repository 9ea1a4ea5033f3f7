//! A document to a typed resource.

use std::sync::Arc;

use evento_model::{OnPark, ResourceName, RetryPolicy};

use super::fields::{Context, Fields};
use super::finding::{Finding, Findings};
use super::node::{Content, Node};
use super::spec::{CommandSpec, Compatibility, EntitySpec, EventSpec, Spec};
use super::{API_VERSION, Kind, Resource, function, kind, schema};
use crate::catalog::nearest;

/// Most partitions of an entity.
const PARTITIONS_MAX: u64 = 1_024;

/// Partitions of an entity that does not say.
const PARTITIONS_DEFAULT: u32 = 12;

/// Reads a document whose files are inlined. `folder` is the absolute folder of its file, if known.
pub(crate) fn read(node: Node, folder: Option<&str>, findings: &mut Findings) -> Option<Resource> {
    let mut context = Context { findings };
    let mut top = Fields::open(&mut context, &node, "")?;
    if let Some((version, pointer)) = top.need(&mut context, "apiVersion")
        && let Some(text) = context.text(version, &pointer)
        && text != API_VERSION
    {
        let finding = Finding::error(2001, &version.place, pointer, format!("unknown apiVersion {text}"));
        context.report(finding.help(format!("write apiVersion: {API_VERSION}")));
    }
    let kind = top.need(&mut context, "kind").and_then(|(node, pointer)| read_kind(&mut context, node, &pointer));
    let name = top.need(&mut context, "metadata").and_then(|(node, pointer)| read_name(&mut context, node, pointer));
    let spec = top.need(&mut context, "spec");
    // What `evento get` shows may be applied again: status is Evento's and is left out.
    top.get("status");
    top.close(&mut context);
    let (kind, (spec, pointer)) = (kind?, spec?);
    let mut fields = Fields::open(&mut context, spec, pointer)?;
    let spec = match kind {
        Kind::Entity => read_entity(&mut context, &mut fields).map(Spec::Entity),
        Kind::Command => read_command(&mut context, &mut fields).map(Spec::Command),
        Kind::Event => read_event(&mut context, &mut fields).map(Spec::Event),
        Kind::Function => function::read(&mut context, &mut fields, folder).map(|spec| Spec::Function(Box::new(spec))),
    };
    fields.close(&mut context);
    let (name, spec) = (name?, spec?);
    let place = node.get("kind").map_or(node.place.clone(), |node| node.place.clone());
    let document = function::resolved(document(&node), &spec);
    Some(Resource { kind, name, spec, place, document, source: Arc::new(node) })
}

fn read_kind(context: &mut Context<'_>, node: &Node, pointer: &str) -> Option<Kind> {
    let text = context.text(node, pointer)?;
    let known = Kind::ALL.into_iter().find(|kind| kind.as_str() == text);
    if known.is_none() {
        if kind::RESERVED.contains(&text) {
            context.error(2004, &node.place, pointer, format!("the kind {text} is reserved for a later version"));
        } else {
            let near = nearest(text, Kind::ALL.map(Kind::as_str));
            let finding = Finding::error(2001, &node.place, pointer, format!("unknown kind {text}"));
            let all = Kind::ALL.map(Kind::as_str).join(", ");
            context.report(finding.help(format!("kinds are {all}")).did_you_mean(&near));
        }
    }
    known
}

fn read_name(context: &mut Context<'_>, node: &Node, pointer: String) -> Option<ResourceName> {
    let mut fields = Fields::open(context, node, pointer)?;
    let name = fields.need(context, "name").and_then(|(node, pointer)| context.resource_name(node, &pointer));
    for key in ["labels", "annotations"] {
        if let Some((node, pointer)) = fields.get(key) {
            text_map(context, node, &pointer);
        }
    }
    // What an API server adds is read over: one file serves `evento apply` and `kubectl apply`.
    for key in ["namespace", "generation", "creationTimestamp", "resourceVersion", "uid", "managedFields"] {
        fields.get(key);
    }
    fields.close(context);
    name
}

/// A map of texts.
pub(crate) fn text_map(context: &mut Context<'_>, node: &Node, pointer: &str) -> Option<Vec<(String, String)>> {
    let fields = Fields::open(context, node, pointer)?;
    let entries = fields.node.entries().iter();
    let pairs = entries.filter_map(|entry| {
        let at = super::node::step(pointer, &entry.key);
        context.text(&entry.value, &at).map(|text| (entry.key.clone(), text.to_owned()))
    });
    Some(pairs.collect())
}

fn read_entity(context: &mut Context<'_>, spec: &mut Fields<'_>) -> Option<EntitySpec> {
    let schema = schema::read(context, spec);
    let partitions = spec.get("partitions").and_then(|(node, at)| context.whole(node, &at, 1, PARTITIONS_MAX));
    let parks = [("continue", OnPark::Continue), ("block", OnPark::Block)];
    let on_park = spec.get("onPark").and_then(|(node, pointer)| context.choice(node, &pointer, &parks));
    let retry = spec.get("retry").and_then(|(node, pointer)| read_retry(context, node, &pointer));
    Some(EntitySpec {
        schema: schema?,
        partitions: partitions.and_then(|number| u32::try_from(number).ok()).unwrap_or(PARTITIONS_DEFAULT),
        on_park: on_park.unwrap_or_default(),
        retry: retry.unwrap_or_default(),
    })
}

fn read_retry(context: &mut Context<'_>, node: &Node, pointer: &str) -> Option<RetryPolicy> {
    const DAY_MS: u64 = 86_400_000;
    let mut fields = Fields::open(context, node, pointer)?;
    let mut policy = RetryPolicy::default();
    if let Some((node, at)) = fields.get("maxAttempts")
        && let Some(attempts) = context.whole(node, &at, 2, 1_000_000)
    {
        policy.attempts_max = u32::try_from(attempts).unwrap_or(u32::MAX);
    }
    if let Some((node, at)) = fields.get("initialDelay") {
        policy.delay_ms_initial = context.duration_ms(node, &at, 1, DAY_MS).unwrap_or(policy.delay_ms_initial);
    }
    if let Some((node, at)) = fields.get("maxDelay") {
        let least = policy.delay_ms_initial;
        policy.delay_ms_max = context.duration_ms(node, &at, least, DAY_MS).unwrap_or(policy.delay_ms_max);
    } else {
        policy.delay_ms_max = policy.delay_ms_max.max(policy.delay_ms_initial);
    }
    fields.close(context);
    Some(policy)
}

fn read_command(context: &mut Context<'_>, spec: &mut Fields<'_>) -> Option<CommandSpec> {
    let schema = schema::read(context, spec);
    let entity = spec.need(context, "entity").and_then(|(node, pointer)| context.resource_name(node, &pointer));
    let emits = spec.need(context, "emits").and_then(|(node, pointer)| {
        let names = context.resource_names(node, &pointer)?;
        if matches!(&node.content, Content::List(items) if items.is_empty()) {
            let finding = Finding::error(2001, &node.place, pointer, "emits names no event");
            context.report(finding.why("in any case an event tells the result of a command"));
        }
        Some(names)
    });
    let retired = read_truth(context, spec, "retired");
    Some(CommandSpec { schema: schema?, entity: entity?, emits: emits?, retired })
}

fn read_event(context: &mut Context<'_>, spec: &mut Fields<'_>) -> Option<EventSpec> {
    let schema = schema::read(context, spec);
    let entity = spec.need(context, "entity").and_then(|(node, pointer)| context.resource_name(node, &pointer));
    let rejection = read_truth(context, spec, "rejection");
    let levels = [("backward", Compatibility::Backward), ("full", Compatibility::Full)];
    let level = spec.get("compatibility").and_then(|(node, pointer)| context.choice(node, &pointer, &levels));
    let retired = read_truth(context, spec, "retired");
    Some(EventSpec { schema: schema?, entity: entity?, rejection, compatibility: level.unwrap_or_default(), retired })
}

/// A boolean that is false when absent.
pub(crate) fn read_truth(context: &mut Context<'_>, fields: &mut Fields<'_>, name: &'static str) -> bool {
    fields.get(name).and_then(|(node, pointer)| context.truth(node, &pointer)).unwrap_or(false)
}

/// The document to keep: as written, files inlined, without what others add.
fn document(node: &Node) -> serde_json::Value {
    let mut value = node.value();
    if let Some(map) = value.as_object_mut() {
        map.shift_remove("status");
        if let Some(metadata) = map.get_mut("metadata").and_then(serde_json::Value::as_object_mut) {
            metadata.retain(|key, _| matches!(key.as_str(), "name" | "namespace" | "labels" | "annotations"));
        }
    }
    value
}
