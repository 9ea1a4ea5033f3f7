//! The schema of a resource: `schema` with its `references`, and where a path of it stands in the file.

use evento_model::FullName;

use super::fields::{Context, Fields};
use super::finding::{Finding, Place};
use super::library::{Library, Refusal};
use super::node::{Content, Node, step};
use crate::avro::{Schema, SchemaError};
use crate::platform;

/// A resource's schema and the named types it shares with others.
#[derive(Clone, Debug)]
pub struct TypeSchema {
    /// The record.
    pub schema: Schema,
    /// Its full name.
    pub full_name: FullName,
    /// `references`, in the order written.
    pub references: Vec<(FullName, Schema)>,
}

/// Reads `schema` and `references` of a `spec`.
pub(crate) fn read(context: &mut Context<'_>, spec: &mut Fields<'_>) -> Option<TypeSchema> {
    let references = read_references(context, spec);
    let written = spec.get("schema");
    // What still says schemaFile here could not be inlined, and that is reported already.
    let file = spec.get("schemaFile");
    let Some((node, pointer)) = written else {
        if file.is_none() {
            let message = "spec.schema or spec.schemaFile is missing";
            context.error(2001, &spec.node.place, &step(&spec.pointer, "schema"), message);
        }
        return None;
    };
    if let Some((file, at)) = file {
        context.error(2001, &file.place, &at, "both schema and schemaFile are given, exactly one is needed");
    }
    let (references, library) = references?;
    let schema = match library.read(&node.value()) {
        Ok(schema) => schema,
        Err(error) => {
            report_schema_error(context, node, &pointer, &error);
            return None;
        }
    };
    if !schema.is_record() {
        context.error(2101, &node.place, &pointer, "the schema must be an Avro record");
        return None;
    }
    let full_name = checked_name(context, &schema, node, &pointer)?;
    for ambiguity in schema.ambiguities() {
        let (place, at) = locate(node, &pointer, &ambiguity.path);
        let message = format!("{}: {}", ambiguity.path, ambiguity.message);
        let why = "many Avro libraries choose a union branch by the first that fits, and would write the wrong one";
        let help = "wrap the branches in records with different required fields, or use two fields";
        context.report(Finding::error(2106, &place, at, message).why(why).help(help));
    }
    Some(TypeSchema { schema, full_name, references })
}

/// `references`: each may use those before it. `None` when one is wrong: then the schema cannot be judged.
fn read_references(context: &mut Context<'_>, spec: &mut Fields<'_>) -> Option<(Vec<(FullName, Schema)>, Library)> {
    let (mut references, mut library) = (Vec::new(), Library::default());
    let Some((list, pointer)) = spec.get("references") else { return Some((references, library)) };
    let items = context.items(list, &pointer)?;
    let count = items.len();
    for (item, at) in items {
        references.extend(read_reference(context, item, &at, &mut library));
    }
    (references.len() == count).then_some((references, library))
}

fn read_reference(
    context: &mut Context<'_>,
    item: &Node,
    pointer: &str,
    library: &mut Library,
) -> Option<(FullName, Schema)> {
    let mut fields = Fields::open(context, item, pointer)?;
    let name = fields.need(context, "name").and_then(|(node, at)| context.full_name(node, &at));
    let file = fields.get("schemaFile").is_some();
    let written = if file { fields.get("schema") } else { fields.need(context, "schema") };
    fields.close(context);
    let (name, (node, at)) = (name?, written?);
    let schema = match library.add(&node.value()) {
        Ok(schema) => schema,
        Err(Refusal::Schema(error)) => {
            report_schema_error(context, node, &at, &error);
            return None;
        }
        Err(Refusal::Twice(name)) => {
            context.error(2107, &node.place, &at, format!("{name} is defined twice in references"));
            return None;
        }
    };
    let own_name = checked_name(context, &schema, node, &at)?;
    if own_name != name {
        context.error(2101, &node.place, &at, format!("the reference is called {name}, its schema {own_name}"));
        return None;
    }
    Some((name, schema))
}

fn report_schema_error(context: &mut Context<'_>, node: &Node, pointer: &str, error: &SchemaError) {
    let (place, at) = locate(node, pointer, &error.path);
    let message = match error.path.as_str() {
        "" => error.message.clone(),
        path => format!("{path}: {}", error.message),
    };
    context.error(error.code.0, &place, &at, message);
}

/// The full name of a schema's top-level type, if it has one that resources may use.
fn checked_name(context: &mut Context<'_>, schema: &Schema, node: &Node, pointer: &str) -> Option<FullName> {
    let place_of = |key: &str| node.get(key).map_or(node.place.clone(), |value| value.place.clone());
    let Some(text) = schema.full_name() else {
        context.error(2101, &node.place, pointer, "the schema must have a name");
        return None;
    };
    let Ok(name) = FullName::new(text) else {
        let finding =
            Finding::error(2101, &place_of("name"), step(pointer, "name"), format!("{text} has no namespace"));
        context.report(finding.help("add a namespace, such as namespace: bank"));
        return None;
    };
    if platform::is_reserved(name.as_str()) {
        let key = if node.get("namespace").is_some() { "namespace" } else { "name" };
        let message = format!("the namespace {} is reserved for the platform", platform::NAMESPACE);
        context.error(2004, &place_of(key), &step(pointer, key), message);
        return None;
    }
    Some(name)
}

/// Where a path such as `bank.Account.lines[].amount` stands: the deepest node of it that can be found.
pub(crate) fn locate(schema: &Node, pointer: &str, path: &str) -> (Place, String) {
    let name = schema.get("name").and_then(Node::text).unwrap_or_default();
    let namespace = schema.get("namespace").and_then(Node::text);
    let full = match namespace {
        Some(namespace) if !name.contains('.') => format!("{namespace}.{name}"),
        _ => name.to_owned(),
    };
    let mut here = (schema, pointer.to_owned());
    let mut rest = path.strip_prefix(&full).unwrap_or_default();
    while !rest.is_empty() {
        let (found, length) = match rest.as_bytes()[0] {
            b'.' => {
                let length = 1 + rest[1..].find(['.', '[', '{']).unwrap_or(rest.len() - 1);
                (field(here.0, &here.1, &rest[1..length]), length)
            }
            b'[' => (inner(here.0, &here.1, "items"), rest.find(']').map_or(rest.len(), |end| end + 1)),
            b'{' => (inner(here.0, &here.1, "values"), rest.find('}').map_or(rest.len(), |end| end + 1)),
            _ => break,
        };
        match found {
            Some(found) => here = found,
            None => break,
        }
        rest = &rest[length..];
    }
    (here.0.place.clone(), here.1)
}

/// The `type` of a field of a record, looked for in every branch of a union.
fn field<'n>(node: &'n Node, pointer: &str, name: &str) -> Option<(&'n Node, String)> {
    if let Content::List(branches) = &node.content {
        let tried = branches.iter().enumerate();
        return tried.into_iter().find_map(|(n, branch)| field(branch, &format!("{pointer}/{n}"), name));
    }
    let Some(fields) = node.get("fields") else {
        // `{"type": {"type": "record", …}}`
        return node.get("type").and_then(|inner| field(inner, &step(pointer, "type"), name));
    };
    let found = fields.items().iter().position(|item| item.get("name").and_then(Node::text) == Some(name))?;
    let item = &fields.items()[found];
    let at = format!("{pointer}/fields/{found}");
    Some(match item.get("type") {
        Some(inner) => (inner, step(&at, "type")),
        None => (item, at),
    })
}

/// The items of an array or the values of a map, looked for in every branch of a union.
fn inner<'n>(node: &'n Node, pointer: &str, key: &str) -> Option<(&'n Node, String)> {
    if let Content::List(branches) = &node.content {
        let tried = branches.iter().enumerate();
        return tried.into_iter().find_map(|(n, branch)| inner(branch, &format!("{pointer}/{n}"), key));
    }
    match node.get(key) {
        Some(found) => Some((found, step(pointer, key))),
        None => node.get("type").and_then(|wrapped| inner(wrapped, &step(pointer, "type"), key)),
    }
}
