//! The union of a topic's records, for tools that want one schema per topic.

use std::collections::HashSet;

use evento_model::SchemaId;
use evento_schema::avro::{Schema, SchemaError};
use evento_schema::registry::Registry;

use super::kept::{Kept, Reference, Union};
use super::subject::Declared;

/// Makes the union of records in their versions in force; none of no records, and none where its text would be too
/// long.
///
/// Clients read the references one after the other, and to most of them a type that is defined twice is an error.
/// So where records share a type the text stands for itself, with each type defined at its first use.
pub(super) fn union(registry: &Registry, kept: &mut Kept, records: &[Declared]) -> Option<Union> {
    let members: Vec<u32> = records.iter().map(|record| record.in_force.0).collect();
    let schemas = schemas(registry, &members)?;
    let names = serde_json::to_string(&records.iter().map(|record| record.name.as_str()).collect::<Vec<_>>()).ok()?;
    let alone = Schema::parse_with(&names, &schemas).ok().filter(|_| !records.is_empty())?;
    if share_a_type(&schemas) {
        return Some(Union { schema: alone.json().to_owned(), references: Vec::new(), members });
    }
    let reference = |record: &Declared| Reference {
        name: record.name.to_string(),
        version: kept.number(&record.subject, record.in_force),
        subject: record.subject.clone(),
    };
    Some(Union { schema: names, references: records.iter().map(reference).collect(), members })
}

/// A kept union as one schema that stands for itself.
pub(super) fn resolve(registry: &Registry, union: &Union) -> Result<Schema, SchemaError> {
    match union.references.is_empty() {
        true => Schema::parse(&union.schema),
        false => Schema::parse_with(&union.schema, &schemas(registry, &union.members).unwrap_or_default()),
    }
}

fn schemas(registry: &Registry, members: &[u32]) -> Option<Vec<Schema>> {
    members.iter().map(|id| registry.schema(SchemaId(*id)).cloned()).collect()
}

fn share_a_type(schemas: &[Schema]) -> bool {
    let mut names = HashSet::new();
    !schemas.iter().flat_map(Schema::names).all(|name| names.insert(name))
}
