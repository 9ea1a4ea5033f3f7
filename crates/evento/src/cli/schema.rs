//! `evento schema`: checks of resource files without a server, and the schema a hand-written function reads.

use std::collections::BTreeSet;

use evento_schema::avro::Schema;
use evento_schema::registry::{NoUsage, Registry};
use evento_schema::resource::{Kind, Resource, ResourceSet, Spec, TypeSchema};
use serde_json::{Value, json};

use super::apply::warnings_text;
use super::completion;
use super::context::Context;
use super::exit::Exit;
use super::failure::{Failure, Violation};
use super::files::{Files, read_paths, refused};
use crate::client::encode;

/// Check schemas without a server, or print the schema of a function's input
#[derive(clap::Subcommand)]
pub enum Verb {
    /// Check files as apply would, without a server: shape, names, schemas, the set
    Check {
        /// The files
        #[command(flatten)]
        files: Files,
    },
    /// Print the schema that a function without SDK reads for a command
    Plain {
        /// The command
        #[arg(add = completion::names(&["command"]))]
        command: String,
        /// Read the resources from these files instead of from the server
        #[arg(short, long = "file", value_name = "FILE|DIR")]
        files: Vec<std::path::PathBuf>,
    },
}

/// Runs one of them.
pub fn run(context: &Context, verb: Verb) -> Result<Exit, Failure> {
    match verb {
        Verb::Check { files } => check(context, &files),
        Verb::Plain { command, files } => {
            let set =
                if files.is_empty() { from_server(context, &command)? } else { read_paths(&files, false)?.parse()? };
            let schema = plain_input(&set, &command)?;
            context.output.text(&format!("{schema:#}\n"))?;
            Ok(Exit::Done)
        }
    }
}

fn check(context: &Context, files: &Files) -> Result<Exit, Failure> {
    let set = files.read()?.parse()?;
    let change = Registry::default()
        .plan(&set, &NoUsage)
        .map_err(|findings| refused("the files were refused", &findings).exit(Exit::Differs))?;
    let warnings: Vec<Violation> = change.warnings.iter().map(Violation::from).collect();
    if context.output.for_people() {
        if !context.output.quiet {
            eprint!("{}", warnings_text(&warnings, context.output.error_style));
        }
        let count = set.resources.len();
        let plural = if count == 1 { "resource is" } else { "resources are" };
        context.output.text(&format!("{count} {plural} fine by themselves\n"))?;
        context.output.note("whether stored events stay readable is known to the server: evento diff -f");
    } else {
        let warnings: Vec<Value> = warnings.iter().map(Violation::to_json).collect();
        context.output.document(&json!({"resources": set.resources.len(), "violations": warnings}))?;
    }
    Ok(Exit::Done)
}

/// The command and its entity as the server has them.
fn from_server(context: &Context, command: &str) -> Result<ResourceSet, Failure> {
    let client = context.client()?;
    let read = |path: String| -> Result<Resource, Failure> {
        let mut document = client.get(path)?;
        if let Value::Object(map) = &mut document {
            map.shift_remove("status");
        }
        Resource::from_document(&document).map_err(|findings| refused("the stored document cannot be read", &findings))
    };
    let command = read(format!("/v1/resources/command/{}", encode(command)))?;
    let Spec::Command(spec) = &command.spec else { return Ok(ResourceSet { resources: vec![command] }) };
    let entity = read(format!("/v1/resources/entity/{}", encode(spec.entity.as_str())))?;
    Ok(ResourceSet { resources: vec![command, entity] })
}

/// `HandleInput{command, entity}` with each named type defined once (function protocol, "Plain").
pub fn plain_input(set: &ResourceSet, command: &str) -> Result<Value, Failure> {
    let unknown = |what: String| Failure::plain(Exit::NotFound, what).next("evento get command lists the known ones");
    let found = set.resources.iter().find_map(|resource| match &resource.spec {
        Spec::Command(spec) => {
            let full = spec.schema.full_name.as_str();
            let matches = [resource.name.as_str(), full, spec.schema.full_name.short()].contains(&command);
            matches.then_some(spec)
        }
        _ => None,
    });
    let command_spec = found.ok_or_else(|| unknown(format!("there is no command {command}")))?;
    let entity = set
        .resources
        .iter()
        .filter(|resource| resource.kind == Kind::Entity && resource.name == command_spec.entity)
        .find_map(|resource| match &resource.spec {
            Spec::Entity(spec) => Some(spec),
            _ => None,
        })
        .ok_or_else(|| unknown(format!("there is no entity {}", command_spec.entity)))?;
    let mut defined = BTreeSet::new();
    let command_schema = once(&self_contained(&command_spec.schema)?, "", &mut defined);
    let entity_schema = once(&self_contained(&entity.schema)?, "", &mut defined);
    Ok(json!({"type": "record", "name": "HandleInput", "namespace": "evento.function.v1", "fields": [
        {"name": "command", "type": command_schema},
        {"name": "entity", "type": ["null", entity_schema]}]}))
}

fn self_contained(schema: &TypeSchema) -> Result<Value, Failure> {
    let references: Vec<Schema> = schema.references.iter().map(|(_, schema)| schema.clone()).collect();
    let whole = Schema::parse_with(schema.schema.json(), &references)
        .map_err(|error| Failure::new(error.code.0, error.message.clone()))?;
    serde_json::from_str(whole.json()).map_err(|error| Failure::new(2101, error.to_string()))
}

/// The schema with every named type that was defined before replaced by its full name.
fn once(schema: &Value, namespace: &str, defined: &mut BTreeSet<String>) -> Value {
    match schema {
        Value::Array(branches) => branches.iter().map(|branch| once(branch, namespace, defined)).collect(),
        Value::Object(map) => {
            let mut map = map.clone();
            let mut inner = namespace.to_owned();
            let named = matches!(map.get("type").and_then(Value::as_str), Some("record" | "enum" | "fixed" | "error"));
            if let (true, Some(name)) = (named, map.get("name").and_then(Value::as_str)) {
                let own = map.get("namespace").and_then(Value::as_str).unwrap_or(namespace);
                let full = if name.contains('.') || own.is_empty() { name.to_owned() } else { format!("{own}.{name}") };
                inner = full.rsplit_once('.').map(|(space, _)| space.to_owned()).unwrap_or_default();
                if !defined.insert(full.clone()) {
                    return Value::String(full);
                }
            }
            for key in ["items", "values", "type"] {
                if let Some(part @ (Value::Object(_) | Value::Array(_))) = map.get(key) {
                    let part = once(part, &inner, defined);
                    map.insert(key.to_owned(), part);
                }
            }
            if let Some(Value::Array(fields)) = map.get_mut("fields") {
                for field in fields.iter_mut() {
                    field["type"] = once(&field["type"], &inner, defined);
                }
            }
            Value::Object(map)
        }
        // A short name means one of the same namespace; in the new place it must be written out.
        Value::String(name) => {
            let full = format!("{namespace}.{name}");
            if defined.contains(&full) { Value::String(full) } else { schema.clone() }
        }
        other => other.clone(),
    }
}
