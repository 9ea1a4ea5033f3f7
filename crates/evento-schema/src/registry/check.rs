//! The static checks: names, versions, shared types, and what resources must be to each other.

use std::collections::{BTreeMap, HashMap, HashSet};

use evento_model::{Digest, FullName, ResourceName};

use super::plan::is_another_type;
use super::{Registry, Stored, Usage, entity_of};
use crate::avro::{Plan, Violation};
use crate::catalog::nearest;
use crate::resource::{Compatibility, Finding, Findings, Kind, Resource, ResourceSet, Spec};

/// Names within the set: each resource once, each full name by one resource.
pub(super) fn check_names(registry: &Registry, set: &ResourceSet, findings: &mut Findings) {
    let mut resources: HashMap<(Kind, &str), &Resource> = HashMap::new();
    let mut owners: HashMap<&FullName, (Kind, &str)> = HashMap::new();
    for stored in registry.stored.values() {
        let key = (stored.resource.kind, stored.resource.name.as_str());
        let in_set = set.resources.iter().any(|resource| (resource.kind, resource.name.as_str()) == key);
        if let Some((full_name, _)) = stored.resource.spec.named_schema().filter(|_| !in_set) {
            owners.insert(full_name, key);
        }
    }
    for resource in &set.resources {
        let key = (resource.kind, resource.name.as_str());
        if let Some(first) = resources.get(&key) {
            let message = format!("{} {} stands in the set twice", resource.kind, resource.name);
            let place = &first.place;
            let finding = resource.error(2003, "/metadata/name", message);
            findings.push(finding.help(format!("the first is at {}:{}:{}", place.file, place.line, place.column)));
            continue;
        }
        resources.insert(key, resource);
        let Some((full_name, _)) = resource.spec.named_schema() else { continue };
        if let Some((kind, name)) = owners.insert(full_name, key) {
            let message = format!("the full name {full_name} is taken by {kind} {name}");
            findings.push(resource.error(2003, "/spec/schema/name", message));
        }
        let expected = kebab(full_name.short());
        if expected != resource.name.as_str() {
            let message = format!("{} is not {expected}, the kebab form of {}", resource.name, full_name.short());
            findings.push(resource.error(2006, "/metadata/name", message).warning());
        }
    }
}

/// `WithdrawCash` to `withdraw-cash`, `IBANChecked` to `iban-checked`.
fn kebab(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut text = String::with_capacity(name.len() + 4);
    for (n, &c) in chars.iter().enumerate() {
        let before = n.checked_sub(1).map(|n| chars[n]);
        let after = chars.get(n + 1);
        let begins = c.is_ascii_uppercase()
            && before.is_some_and(|before| {
                !before.is_ascii_uppercase() || after.is_some_and(|after| after.is_ascii_lowercase())
            });
        if (begins || c == '_') && !text.ends_with('-') && !text.is_empty() {
            text.push('-');
        }
        if c != '_' {
            text.push(c.to_ascii_lowercase());
        }
    }
    text
}

/// A changed resource against everything that was registered under its name.
pub(super) fn check_versions(
    registry: &Registry,
    former: &Stored,
    resource: &Resource,
    usage: &dyn Usage,
    findings: &mut Findings,
) {
    if let (Spec::Entity(before), Spec::Entity(now)) = (&former.resource.spec, &resource.spec) {
        if before.partitions != now.partitions {
            let message = format!("partitions cannot change from {} to {}", before.partitions, now.partitions);
            let finding = resource.error(2110, "/spec/partitions", message);
            findings.push(finding.why("the partition of every instance follows from their number"));
        }
        // States are derived: they are rebuilt by replay and never read under another schema.
        return;
    }
    let history = registry.history(former, usage);
    if is_another_type(former, resource) {
        if history > 0 {
            findings.push(moved(former, resource, history));
        }
        return;
    }
    check_old_readable(registry, former, resource, history, findings);
    if let Spec::Event(event) = &resource.spec
        && event.compatibility == Compatibility::Full
    {
        check_old_readers(registry, former, resource, findings);
    }
}

fn moved(former: &Stored, resource: &Resource, history: u64) -> Finding {
    let name = resource.name.as_str();
    let (before, now) = (former.entity_name(), entity_of(resource));
    let finding = match (before, now, former.resource.spec.named_schema()) {
        (Some(before), Some(now), _) if before != now => {
            resource.error(2111, "/spec/entity", format!("{name} cannot move from {before} to {now}"))
        }
        (_, _, Some((full_name, _))) => {
            resource.error(2111, "/spec/schema/name", format!("{name} cannot change its full name from {full_name}"))
        }
        _ => resource.error(2111, "/spec", format!("{name} cannot become another type")),
    };
    let why = format!("{history} records in the log say what it was");
    finding.why(why).help("keep it as it is, and add a new resource under a new name")
}

/// Every version ever registered must stay readable.
fn check_old_readable(
    registry: &Registry,
    former: &Stored,
    resource: &Resource,
    history: u64,
    findings: &mut Findings,
) {
    let Some((_, now)) = resource.spec.named_schema() else { return };
    let broken = violations(registry, former, |version| Plan::compile(version, now).err());
    for (violation, versions) in broken {
        let message = format!("{} can no longer read its {}: {violation}", resource.name, count(&versions));
        let records = if history == 0 { String::new() } else { format!(" ({history} records)") };
        let why = match resource.kind {
            Kind::Event => format!("old events stay in the log for ever{records}, so every version must stay readable"),
            _ => format!("commands are kept for ever{records} and decided again in backtests"),
        };
        let help = match history {
            0 => "keep what was, or add a new field with a default; or delete the resource first, it has no history",
            _ => "keep what was, or add a new field with a default",
        };
        findings.push(resource.schema_error(2104, &violation.path, message).why(why).help(help));
    }
}

/// With `compatibility: full`, every version must read what is written now.
fn check_old_readers(registry: &Registry, former: &Stored, resource: &Resource, findings: &mut Findings) {
    let Some((_, now)) = resource.spec.named_schema() else { return };
    let broken = violations(registry, former, |version| Plan::compile(now, version).err());
    for (violation, versions) in broken {
        let message = format!("readers of {} cannot read the new schema: {violation}", count(&versions));
        let finding = resource.schema_error(2105, &violation.path, message);
        findings.push(finding.why("compatibility: full promises that old readers go on reading"));
    }
}

/// What breaks with which versions, counted from 1.
fn violations(
    registry: &Registry,
    former: &Stored,
    judge: impl Fn(&crate::avro::Schema) -> Option<Vec<Violation>>,
) -> Vec<(Violation, Vec<usize>)> {
    let mut broken: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
    for (n, id) in former.versions.iter().enumerate() {
        let Some(version) = registry.schema(*id) else { continue };
        for violation in judge(version).into_iter().flatten() {
            broken.entry((violation.path, violation.message)).or_default().push(n + 1);
        }
    }
    broken.into_iter().map(|((path, message), versions)| (Violation { path, message }, versions)).collect()
}

/// `version 2`, `versions 1 to 3`, `versions 1, 3`.
fn count(versions: &[usize]) -> String {
    match versions {
        [one] => format!("version {one}"),
        [first, .., last] if last - first + 1 == versions.len() => format!("versions {first} to {last}"),
        many => format!("versions {}", many.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    }
}

/// A named type that several resources share must be the same everywhere.
pub(super) fn check_references(after: &Registry, changed: &HashSet<(Kind, ResourceName)>, findings: &mut Findings) {
    let mut first: HashMap<&FullName, (Digest, &Resource)> = HashMap::new();
    for stored in after.stored.values() {
        let Some(schema) = stored.resource.spec.type_schema() else { continue };
        let own = std::iter::once((None, &schema.full_name, &schema.schema));
        let shared = schema.references.iter().enumerate().map(|(n, (name, schema))| (Some(n), name, schema));
        for (n, name, schema) in own.chain(shared) {
            let Some((digest, other)) = first.get(name) else {
                first.insert(name, (schema.digest(), &stored.resource));
                continue;
            };
            // Two resources of one full name are refused by name already.
            if *digest == schema.digest() || n.is_none() && other.spec.named_schema().is_some_and(|(n, _)| n == name) {
                continue;
            }
            let is_changed = changed.contains(&(stored.resource.kind, stored.resource.name.clone()));
            let (here, there) = if is_changed { (&stored.resource, *other) } else { (*other, &stored.resource) };
            let message = format!("{name} is defined differently in {} {}", there.kind, there.name);
            let pointer = n.filter(|_| is_changed).map_or("/spec".to_owned(), |n| format!("/spec/references/{n}"));
            findings.push(here.error(2107, &pointer, message).help("use one definition in every resource of the set"));
        }
    }
}

/// What resources must be to each other, over everything that would be stored.
pub(super) fn check_set(after: &Registry, set: &ResourceSet, findings: &mut Findings) {
    let places: HashMap<(Kind, &str), &Resource> =
        set.resources.iter().rev().map(|resource| ((resource.kind, resource.name.as_str()), resource)).collect();
    let mut handlers: HashMap<(Kind, &ResourceName), &Resource> = HashMap::new();
    // Order: resources of the set come last, so that it is them that are told to be the second.
    let mut all: Vec<&Stored> = after.stored.values().map(|stored| &**stored).collect();
    all.sort_by_key(|stored| places.contains_key(&(stored.resource.kind, stored.resource.name.as_str())));
    for stored in all {
        let key = (stored.resource.kind, stored.resource.name.as_str());
        // An unchanged resource is stored as it was; its places are those of the document sent now.
        let resource = places.get(&key).copied().unwrap_or(&stored.resource);
        match &stored.resource.spec {
            Spec::Entity(_) => {}
            Spec::Event(spec) => known(after, resource, Kind::Entity, &spec.entity, "/spec/entity", findings),
            Spec::Command(spec) if !spec.retired => {
                known(after, resource, Kind::Entity, &spec.entity, "/spec/entity", findings);
                for (n, event) in spec.emits.iter().enumerate() {
                    check_emits(after, resource, &spec.entity, event, &format!("/spec/emits/{n}"), findings);
                }
            }
            Spec::Command(_) => {}
            Spec::Function(spec) => {
                for (kind, field, names) in
                    [(Kind::Command, "handles", &spec.handles), (Kind::Entity, "applies", &spec.applies)]
                {
                    for (n, name) in names.iter().flatten().enumerate() {
                        let pointer = format!("/spec/{field}/{n}");
                        known(after, resource, kind, name, &pointer, findings);
                        if let Some(other) = handlers.insert((kind, name), &stored.resource) {
                            let message = format!("{name} is in {field} of {} already", other.name);
                            let why = "a command has one handler, and an entity's events are applied by one function";
                            findings.push(resource.error(2201, &pointer, message).why(why));
                        }
                    }
                }
            }
        }
    }
}

/// A name must lead to a resource that is there and not retired.
fn known(
    after: &Registry,
    resource: &Resource,
    kind: Kind,
    name: &ResourceName,
    pointer: &str,
    findings: &mut Findings,
) {
    match after.get(kind, name.as_str()) {
        Some(found) if found.is_retired() => {
            let message = format!("{} {name} is retired", kind.lower());
            findings.push(resource.error(2005, pointer, message).help("apply it again to bring it back"));
        }
        Some(_) => {}
        None => {
            let near = nearest(name.as_str(), after.names(kind));
            let message = format!("there is no {} {name}", kind.lower());
            findings.push(resource.error(2005, pointer, message).did_you_mean(&near));
        }
    }
}

fn check_emits(
    after: &Registry,
    resource: &Resource,
    entity: &ResourceName,
    event: &ResourceName,
    pointer: &str,
    findings: &mut Findings,
) {
    known(after, resource, Kind::Event, event, pointer, findings);
    let of = after.get(Kind::Event, event.as_str()).and_then(Stored::entity_name);
    if let Some(other) = of.filter(|of| *of != entity) {
        let message = format!("{event} is an event of {other}, {} targets {entity}", resource.name);
        findings.push(resource.error(2005, pointer, message).why("an event belongs to one entity"));
    }
}

#[cfg(test)]
mod tests {
    use super::{count, kebab};

    #[test]
    fn record_names_have_one_kebab_form() {
        for (name, expected) in [
            ("Account", "account"),
            ("WithdrawCash", "withdraw-cash"),
            ("IBANChecked", "iban-checked"),
            ("CheckIBAN", "check-iban"),
            ("Step2Done", "step2-done"),
            ("snake_case", "snake-case"),
            ("_A", "a"),
        ] {
            assert_eq!(kebab(name), expected);
        }
    }

    #[test]
    fn versions_are_counted_as_people_do() {
        assert_eq!(count(&[2]), "version 2");
        assert_eq!(count(&[1, 2, 3]), "versions 1 to 3");
        assert_eq!(count(&[1, 3]), "versions 1, 3");
    }
}
