//! The OpenAPI document (3.1) of this server: the fixed routes, and one typed operation per command.
//!
//! Generated from the catalogue, so that it always describes what is registered now.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use evento_schema::catalog::{Catalog, CommandType, EntityType};
use serde_json::{Map, Value, json};

use crate::routes::Gateway;
use crate::send::json as json_response;

/// `GET /v1/openapi.json`
pub(crate) async fn document(State(gateway): State<Arc<Gateway>>) -> Response<Body> {
    json_response(StatusCode::OK, describe(&gateway.node.catalog()).to_string().into_bytes())
}

/// The whole document.
pub(crate) fn describe(catalog: &Catalog) -> Value {
    let mut schemas = fixed_schemas();
    let mut paths = fixed_paths();
    for entity in catalog.entities() {
        add_record(&mut schemas, entity.schema.schema.json());
        entity.events.iter().for_each(|event| add_record(&mut schemas, event.newest().schema.json()));
        for command in entity.commands.iter().filter(|command| !command.retired) {
            add_record(&mut schemas, command.newest().schema.json());
            let path = format!("/v1/entities/{}/{{id}}/commands/{}", entity.name, command.name);
            paths.insert(path, json!({ "post": operation(entity, command) }));
        }
        let path = format!("/v1/entities/{}/{{id}}", entity.name);
        paths.insert(path, json!({"get": {
            "operationId": format!("{}.get", entity.full_name), "tags": [entity.name.as_str()],
            "summary": format!("State of one {}", entity.full_name.short()),
            "parameters": [id(), query("seq", "State after this event"), query("at", "State at this time")],
            "responses": {"200": body("The state", json!({"allOf": [reference("State"), {"type": "object", "properties": {
                "state": {"oneOf": [reference(entity.full_name.as_str()), {"type": "null"}]}}}]})),
                "404": problem("No such instance")},
        }}));
    }
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Evento", "version": env!("CARGO_PKG_VERSION"),
            "description": "Commands in, events out. A business rejection is a 200 with the event."},
        "paths": paths,
        "components": {"schemas": schemas},
    })
}

fn operation(entity: &EntityType, command: &CommandType) -> Value {
    let events: Vec<Value> = command.emits.iter().map(|name| reference(name.as_str())).collect();
    let outcome = json!({"allOf": [reference("Outcome"), {"type": "object", "properties": {"events": {"type": "array",
        "items": {"allOf": [reference("Event"), {"type": "object", "properties": {"data": {"oneOf": events}}}]}}}}]});
    json!({
        "operationId": command.full_name.as_str(), "tags": [entity.name.as_str()],
        "summary": doc(command.newest().schema.json()).unwrap_or_else(|| command.full_name.short().to_owned()),
        "parameters": [id(), header("Idempotency-Key", "Command id; the same key has one outcome for ever"),
            header("Prefer", "wait=N, respond-async, return=representation"),
            header("If-Match", "Only if the instance is at this sequence")],
        "requestBody": {"required": true, "content": {"application/json": {"schema": reference(command.full_name.as_str())},
            "avro/binary": {"schema": {"type": "string", "format": "binary"}}}},
        "responses": {
            "200": body("The outcome, accepted or rejected", outcome),
            "202": body("Stored, not finished", reference("Status")),
            "400": problem("The command is malformed"), "412": problem("Precondition not met"),
            "422": problem("Key used for something else"), "503": problem("Overloaded; try again"),
        },
    })
}

fn id() -> Value {
    json!({"name": "id", "in": "path", "required": true, "schema": {"type": "string", "minLength": 1, "maxLength": 256}})
}

fn query(name: &str, description: &str) -> Value {
    json!({"name": name, "in": "query", "description": description, "schema": {"type": "string"}})
}

fn header(name: &str, description: &str) -> Value {
    json!({"name": name, "in": "header", "description": description, "schema": {"type": "string"}})
}

fn body(description: &str, schema: Value) -> Value {
    json!({"description": description, "content": {"application/json": {"schema": schema}}})
}

fn problem(description: &str) -> Value {
    json!({"description": description, "content": {"application/problem+json": {"schema": reference("Problem")}}})
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn doc(schema: &str) -> Option<String> {
    serde_json::from_str::<Value>(schema).ok()?["doc"].as_str().map(str::to_owned)
}

fn fixed_paths() -> Map<String, Value> {
    let list = |summary: &str| json!({"get": {"summary": summary, "responses": {"200": {"description": "A page: items, nextCursor"}}}});
    let act = |summary: &str| json!({"post": {"summary": summary, "responses": {"200": {"description": "Done"}, "default": problem("Refused")}}});
    let rows = [
        (
            "/v1/commands",
            json!({
                "get": {"summary": "Unfinished commands", "responses": {"200": {"description": "A page of statuses"}}},
                "post": {"summary": "Many commands, one JSON document per line",
                    "requestBody": {"content": {"application/x-ndjson": {"schema": {"type": "string"}}}},
                    "responses": {"200": {"description": "One line per command, in order: outcome, status or problem"}}},
            }),
        ),
        ("/v1/commands/groups", list("Unfinished commands by error")),
        ("/v1/entities/{entity}", list("Instances of an entity")),
        ("/v1/entities/{entity}/{id}/events", list("Events of an instance; a stream with Accept: text/event-stream")),
        ("/v1/entities/{entity}/{id}/commands/{commandId}", list("One command: outcome or status")),
        ("/v1/entities/{entity}/{id}/commands/{commandId}/retry", act("Try it again with a fresh budget")),
        ("/v1/entities/{entity}/{id}/commands/{commandId}/park", act("Set it aside")),
        ("/v1/entities/{entity}/{id}/commands/{commandId}/abandon", act("End it with evento.CommandAbandoned")),
        ("/v1/events", list("All events; a stream with Accept: text/event-stream")),
        ("/v1/apply", act("Register a set of resources, all or nothing")),
        ("/v1/diff", act("What applying would change")),
        ("/v1/resources/{kind}", list("Resources of a kind")),
        ("/v1/resources/{kind}/{name}", list("One resource with its status")),
        ("/v1/functions", list("Functions as they run")),
        ("/v1/functions/{name}/logs", list("What a function wrote")),
        ("/v1/functions/{name}/test", act("Try a command; nothing is written")),
        ("/livez", list("The process turns")),
        ("/readyz", list("Commands are taken")),
        ("/metrics", list("Prometheus metrics")),
    ];
    rows.into_iter()
        .map(|(path, mut item)| {
            let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
            let parameters: Vec<Value> = names
                .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
                .collect();
            if !parameters.is_empty() {
                item["parameters"] = parameters.into();
            }
            (path.to_owned(), item)
        })
        .collect()
}

fn fixed_schemas() -> Map<String, Value> {
    let text = json!({"type": "string"});
    let number = json!({"type": "integer"});
    let nullable = json!({"type": ["string", "null"]});
    let object = |fields: Value| json!({"type": "object", "properties": fields});
    let rows = [
        ("Event", object(json!({"id": text, "type": text, "seq": number, "time": text, "data": {}}))),
        (
            "Outcome",
            object(json!({"commandId": text, "entity": text, "id": text, "command": text,
            "outcome": {"enum": ["accepted", "rejected", "abandoned"]}, "seq": number, "position": text,
            "events": {"type": "array", "items": reference("Event")}, "attempts": number, "revision": nullable,
            "acceptedAt": text, "durationMs": number})),
        ),
        (
            "Status",
            object(json!({"commandId": text, "entity": text, "id": text, "command": text,
            "status": {"enum": ["queued", "waiting", "running", "retrying", "parked"]}, "acceptedAt": text,
            "attempts": number, "nextAttemptAt": nullable, "waitingFor": {"type": ["object", "null"]},
            "lastError": {"type": ["object", "null"]}})),
        ),
        (
            "State",
            object(
                json!({"entity": text, "id": text, "seq": number, "updatedAt": text, "state": {}, "blockedBy": nullable}),
            ),
        ),
        (
            "Problem",
            object(json!({"type": text, "title": text, "status": number, "code": text, "detail": text,
            "violations": {"type": "array", "items": {"type": "object"}}, "requestId": text})),
        ),
    ];
    rows.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

/// An Avro record, and everything it holds, as JSON schemas.
fn add_record(schemas: &mut Map<String, Value>, avro: &str) {
    if let Ok(avro) = serde_json::from_str::<Value>(avro) {
        convert(schemas, &avro, "");
    }
}

fn convert(schemas: &mut Map<String, Value>, avro: &Value, namespace: &str) -> Value {
    match avro {
        Value::String(name) => primitive(name, namespace),
        Value::Array(branches) => {
            let branches: Vec<Value> = branches.iter().map(|branch| convert(schemas, branch, namespace)).collect();
            json!({ "oneOf": branches })
        }
        Value::Object(fields) => {
            let kind = fields.get("type").cloned().unwrap_or_default();
            if let Some(logical) = fields.get("logicalType").and_then(Value::as_str) {
                return json!({"type": "string", "format": logical});
            }
            match kind.as_str() {
                Some("record" | "enum" | "fixed") => named(schemas, avro, namespace),
                Some("array") => json!({"type": "array", "items": convert(schemas, &avro["items"], namespace)}),
                Some("map") => {
                    json!({"type": "object", "additionalProperties": convert(schemas, &avro["values"], namespace)})
                }
                _ => convert(schemas, &kind, namespace),
            }
        }
        _ => json!({}),
    }
}

fn primitive(name: &str, namespace: &str) -> Value {
    match name {
        "null" => json!({"type": "null"}),
        "boolean" => json!({"type": "boolean"}),
        "int" => json!({"type": "integer", "format": "int32"}),
        "long" => json!({"type": "integer", "format": "int64"}),
        "float" | "double" => json!({"type": "number"}),
        "string" => json!({"type": "string"}),
        "bytes" => json!({"type": "string", "contentEncoding": "base64"}),
        name if name.contains('.') || namespace.is_empty() => reference(name),
        name => reference(&format!("{namespace}.{name}")),
    }
}

fn named(schemas: &mut Map<String, Value>, avro: &Value, namespace: &str) -> Value {
    let name = avro["name"].as_str().unwrap_or_default();
    let full = match (name.contains('.'), avro["namespace"].as_str().unwrap_or(namespace)) {
        (true, _) | (false, "") => name.to_owned(),
        (false, namespace) => format!("{namespace}.{name}"),
    };
    if schemas.contains_key(&full) {
        return reference(&full);
    }
    // Known before its fields, which may name it.
    schemas.insert(full.clone(), json!({}));
    let inner = full.rsplit_once('.').map_or("", |(namespace, _)| namespace).to_owned();
    let mut schema = match avro["type"].as_str() {
        Some("enum") => json!({"type": "string", "enum": avro["symbols"]}),
        Some("fixed") => json!({"type": "string", "contentEncoding": "base64"}),
        _ => {
            let (mut properties, mut required) = (Map::new(), Vec::new());
            for field in avro["fields"].as_array().into_iter().flatten() {
                let name = field["name"].as_str().unwrap_or_default().to_owned();
                let mut property = convert(schemas, &field["type"], &inner);
                if let (Some(doc), Some(fields)) = (field["doc"].as_str(), property.as_object_mut()) {
                    fields.insert("description".to_owned(), doc.into());
                }
                if field.get("default").is_none() {
                    required.push(name.clone());
                }
                properties.insert(name, property);
            }
            json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
        }
    };
    if let (Some(doc), Some(fields)) = (avro["doc"].as_str(), schema.as_object_mut()) {
        fields.insert("description".to_owned(), doc.into());
    }
    schemas.insert(full.clone(), schema);
    reference(&full)
}
