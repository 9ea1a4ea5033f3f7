//! The OpenAPI document (3.1) of this server: the fixed operations, those of each entity, and one typed operation
//! per command.
//!
//! Generated from the catalogue, so that it always describes what is registered now. What is described and what is
//! routed are compared by a test.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use evento_schema::catalog::{Catalog, CommandType, EntityType};
use serde_json::{Map, Value, json};

use crate::routes::Gateway;
use crate::send::json as json_response;

mod avro;
mod fixed;
mod operation;

use operation::Operation;

/// `GET /v1/openapi.json`
pub(crate) async fn document(State(gateway): State<Arc<Gateway>>) -> Response<Body> {
    json_response(StatusCode::OK, describe(&gateway.node.catalog()).to_string().into_bytes())
}

/// The whole document.
fn describe(catalog: &Catalog) -> Value {
    let mut schemas = fixed::schemas();
    let mut paths = Map::new();
    let mut add = |method: &str, path: String, operation: Operation| {
        let parameters = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let written = operation.document(parameters);
        paths.entry(path).or_insert_with(|| json!({}))[method] = written;
    };
    for (method, path, operation) in fixed::operations() {
        add(method, path.to_owned(), operation);
    }
    for entity in catalog.entities() {
        avro::add_record(&mut schemas, entity.schema.schema.json());
        entity.events.iter().for_each(|event| avro::add_record(&mut schemas, event.newest().schema.json()));
        for (method, below, operation) in of_entity(entity) {
            add(method, format!("/v1/entities/{}{below}", entity.name), operation);
        }
        for command in entity.commands.iter().filter(|command| !command.retired) {
            avro::add_record(&mut schemas, command.newest().schema.json());
            let path = format!("/v1/entities/{}/{{id}}/commands/{}", entity.name, command.name);
            add("post", path, of_command(entity, command));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Evento", "version": env!("CARGO_PKG_VERSION"), "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "Commands in, events out. A business rejection is a 200 with the event that says so; \
                a function that is down or wrong is a 202, for the command is stored and tried again."},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": schemas},
    })
}

/// Operations on instances of one entity: what is below its name, and the operation.
fn of_entity(entity: &EntityType) -> Vec<(&'static str, &'static str, Operation)> {
    let operation = |verb: &str, summary: &str| {
        Operation::new(&format!("{}.{verb}", entity.full_name), entity.name.as_str(), summary)
    };
    let name = entity.full_name.short();
    let state =
        with(reference("State"), json!({"state": {"anyOf": [reference(entity.full_name.as_str()), {"type": "null"}]}}));
    let command = "/{id}/commands/{commandId}";
    let operate = |verb: &str, summary: &str| {
        operation(verb, summary)
            .header("Prefer", "wait=N: seconds to wait for the answer")
            .answer(200, "It ended meanwhile", reference("Outcome"))
            .answer(202, "Done; where it stands", reference("Status"))
            .problem(409, "It has ended already")
    };
    vec![
        (
            "get",
            "",
            operation("list", &format!("Instances of {name}"))
                .query("prefix", "Only ids that begin so")
                .query_of("status", "Only instances held up by a parked command", json!({"enum": ["blocked"]}))
                .page()
                .answer(200, "A page", page(reference("Instance"))),
        ),
        (
            "get",
            "/{id}",
            operation("get", &format!("State of one {name}: now, after an event, at a time"))
                .number("seq", "State after this event")
                .query_of("at", "State at this time", json!({"type": "string", "format": "date-time"}))
                .read_headers()
                .header("If-None-Match", "The ETag of a state that is known: 304 if it still holds")
                .answer(200, "The state; ETag is its sequence", state)
                .empty(304, "The state is still the one that is known")
                .problem(404, "No such instance, or it is not that far"),
        ),
        (
            "get",
            "/{id}/events",
            operation("history", &format!("Events of one {name}, oldest first; a stream with Accept: text/event-stream"))
                .number("fromSeq", "Begin here")
                .query("type", "Only events of this type, full or short name")
                .query_of("diff", "With the change of the state, as a JSON Patch", json!({"type": "boolean"}))
                .page()
                .read_headers()
                .header("Last-Event-ID", "Resume a stream after this sequence")
                .answer(200, "A page", page(reference("RecordedEvent")))
                .content(200, "text/event-stream")
                .problem(404, "No such instance"),
        ),
        (
            "get",
            command,
            operation("command", "One command: its outcome, or where it stands")
                .header("Prefer", "wait=N: seconds to wait for the outcome")
                .header("Accept", "application/json;long=string writes 64-bit numbers as strings")
                .answer(200, "It has ended", reference("Outcome"))
                .answer(202, "It has not", reference("Status"))
                .problem(404, "No such command"),
        ),
        ("post", "/{id}/commands/{commandId}/retry", operate("retry", "Try a command again, with a fresh budget")),
        ("post", "/{id}/commands/{commandId}/park", operate("park", "Set a command aside until a person decides")),
        (
            "post",
            "/{id}/commands/{commandId}/abandon",
            operate("abandon", "End a command with the event evento.CommandAbandoned").body(
                "application/json",
                json!({"type": "object", "properties": {"reason": {"type": "string", "minLength": 1, "maxLength": 1000}},
                    "required": ["reason"]}),
            ),
        ),
    ]
}

fn of_command(entity: &EntityType, command: &CommandType) -> Operation {
    let events: Vec<Value> = command.emits.iter().map(|name| reference(name.as_str())).collect();
    let event = with(reference("Event"), json!({"data": {"anyOf": events}}));
    let state = json!({"anyOf": [reference(entity.full_name.as_str()), {"type": "null"}]});
    let outcome = with(reference("Outcome"), json!({"events": {"type": "array", "items": event}, "state": state}));
    let doc = serde_json::from_str::<Value>(command.newest().schema.json()).ok();
    let doc = doc.as_ref().and_then(|schema| schema["doc"].as_str());
    Operation::new(command.full_name.as_str(), entity.name.as_str(), doc.unwrap_or(command.full_name.short()))
        .header_of(
            "Idempotency-Key",
            "Id of the command; the same key has one outcome for ever",
            json!({"type": "string", "pattern": "^\"?[!#-~]{1,128}\"?$"}),
        )
        .header("Prefer", "wait=N, respond-async, return=representation")
        .header_of(
            "If-Match",
            "Only if the instance is at this sequence",
            json!({"type": "string", "pattern": "^\"[0-9]{1,18}\"$"}),
        )
        .header_of("If-None-Match", "Only if the instance has no events yet", json!({"const": "*"}))
        .header("Evento-Correlation-Id", "Kept with the command and its events; the command's id if none is given")
        .header("Evento-Causation-Id", "What led to the command")
        .header_of("Evento-Schema-Id", "The writer's schema of an Avro body", json!({"type": "integer", "minimum": 0}))
        .body("application/json", reference(command.full_name.as_str()))
        .body("avro/binary", json!({"type": "string", "format": "binary"}))
        .answer(200, "The outcome, accepted or rejected by the business", outcome)
        .answer(
            202,
            "Stored, not finished: the wait is over, or the command waits for its function or a person",
            reference("Status"),
        )
        .problem(400, "The command is malformed")
        .problem(412, "The precondition is not met")
        .problem(413, "The body is too large")
        .problem(415, "The body's media type is not read")
        .problem(422, "The key was used for something else")
        .problem(503, "Overloaded, or the log cannot be written; try again after Retry-After")
        .problem(507, "The disk is full")
}

/// A reference to a schema of this document.
fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// A schema with some members said more narrowly.
fn with(base: Value, members: Value) -> Value {
    json!({"allOf": [base, {"type": "object", "properties": members}]})
}

/// A page of items.
fn page(item: Value) -> Value {
    json!({"type": "object", "required": ["items", "nextCursor"],
        "properties": {"items": {"type": "array", "items": item}, "nextCursor": {"type": ["string", "null"]}}})
}
