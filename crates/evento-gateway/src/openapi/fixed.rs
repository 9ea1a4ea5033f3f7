//! What every server has, whatever is registered: the fixed operations and the documents that answers consist of.

use serde_json::{Map, Value, json};

use super::operation::Operation;
use super::{page, reference};

/// Method, path and operation.
pub(super) fn operations() -> Vec<(&'static str, &'static str, Operation)> {
    let mut operations = commands();
    operations.extend(resources());
    operations.extend(kafka());
    operations.extend(functions());
    operations.extend(process());
    operations
}

type Rows = Vec<(&'static str, &'static str, Operation)>;

fn commands() -> Rows {
    let operation = |id: &str, summary: &str| Operation::new(id, "commands", summary);
    let unfinished = |operation: Operation| {
        let status = json!({"enum": ["queued", "waiting", "running", "retrying", "parked"]});
        operation
            .query_of("status", "Only commands that stand so", status)
            .query("entity", "Only commands of this entity")
            .query("function", "Only commands that failed in this function")
            .query("fingerprint", "Only commands with this error")
            .query("id", "Only the command with this id")
            .query_of(
                "limit",
                "Items of a page",
                json!({"type": "integer", "minimum": 1, "maximum": 500, "default": 50}),
            )
    };
    vec![
        (
            "get",
            "/v1/commands",
            unfinished(operation("commands.list", "Commands that have not ended, oldest first")).answer(
                200,
                "A page",
                page(reference("Status")),
            ),
        ),
        (
            "post",
            "/v1/commands",
            operation(
                "commands.send",
                "Send up to 10,000 commands, one JSON document per line: entity, id, command, data and, \
                if wanted, idempotencyKey, ifSeq, correlationId, causationId",
            )
            .header("Prefer", "wait=N, respond-async, return=representation")
            .header("Accept", "application/json;long=string writes 64-bit numbers as strings")
            .body("application/x-ndjson", json!({"type": "string"}))
            .text(
                200,
                "One line per command, in order: Outcome, Status or Problem",
                "application/x-ndjson",
            ),
        ),
        (
            "get",
            "/v1/commands/groups",
            unfinished(operation("commands.groups", "Commands that have not ended, by their error")).answer(
                200,
                "The groups",
                json!({"type": "object", "required": ["items"],
                    "properties": {"items": {"type": "array", "items": reference("CommandGroup")}}}),
            ),
        ),
        (
            "get",
            "/v1/events",
            Operation::new("events.list", "events", "Events of all entities; a stream with Accept: text/event-stream")
                .query_of(
                    "entity",
                    "Only events of these entities; repeatable",
                    json!({"type": "array", "items": {"type": "string"}}),
                )
                .query_of(
                    "type",
                    "Only events of these types, full or short name; repeatable",
                    json!({"type": "array", "items": {"type": "string"}}),
                )
                .query("from", "start, now, or the id of an event of a stream")
                .page()
                .header("Last-Event-ID", "Resume a stream after this id")
                .header("Accept", "application/json;long=string writes 64-bit numbers as strings")
                .answer(
                    200,
                    "A page; nextCursor is there even at the end, to ask for what comes later",
                    page(reference("RecordedEvent")),
                )
                .content(200, "text/event-stream"),
        ),
    ]
}

fn resources() -> Rows {
    let operation = |id: &str, summary: &str| Operation::new(id, "resources", summary);
    let open = || json!({"type": "object"});
    vec![
        (
            "post",
            "/v1/apply",
            operation("resources.apply", "Register a set of resources, all or nothing")
                .body("application/json", reference("ResourceSet"))
                .answer(200, "What was created, changed and left as it is", open())
                .problem(422, "Refused; violations name every place"),
        ),
        (
            "post",
            "/v1/diff",
            operation("resources.diff", "What applying a set would change; nothing is changed")
                .body("application/json", reference("ResourceSet"))
                .answer(200, "The differences", open())
                .problem(422, "Would be refused; violations name every place"),
        ),
        (
            "get",
            "/v1/resources/{kind}",
            operation("resources.list", "Resources of a kind with their status").answer(
                200,
                "All of them",
                page(reference("Resource")),
            ),
        ),
        (
            "get",
            "/v1/resources/{kind}/{name}",
            operation("resources.get", "One resource with its status")
                .answer(200, "The resource", reference("Resource"))
                .problem(404, "No such resource; candidates are named"),
        ),
        (
            "delete",
            "/v1/resources/{kind}/{name}",
            operation("resources.delete", "Delete a resource; a type with history is retired instead")
                .query_of("force", "Also the only function that serves something", json!({"type": "boolean"}))
                .query_of("purgeData", "Also an entity with instances, and all their data", json!({"type": "boolean"}))
                .query("confirm", "The name again, with purgeData")
                .answer(200, "What was done", open())
                .problem(404, "No such resource")
                .problem(409, "It is still needed"),
        ),
    ]
}

fn kafka() -> Rows {
    let operation = |id: &str, summary: &str| Operation::new(id, "kafka", summary);
    let list = |items: &str, more: Value| {
        let mut properties = json!({"items": {"type": "array", "items": reference(items)}});
        if let (Some(all), Some(more)) = (properties.as_object_mut(), more.as_object()) {
            all.extend(more.clone());
        }
        json!({"type": "object", "required": ["items"], "properties": properties})
    };
    let topics = list("Topic", json!({"bootstrap": {"type": "string"}, "registry": {"type": "string"}}));
    vec![
        (
            "get",
            "/v1/topics",
            operation("topics.list", "Topics that Kafka clients see")
                .answer(200, "All of them, and where clients connect", topics)
                .problem(404, "The Kafka listener is turned off"),
        ),
        (
            "get",
            "/v1/topics/{name}",
            operation("topics.get", "One topic with its partitions")
                .answer(200, "The topic", reference("Topic"))
                .problem(404, "No such topic"),
        ),
        (
            "get",
            "/v1/groups",
            operation("groups.list", "Consumer groups of Kafka clients")
                .answer(200, "All of them", list("Group", json!({})))
                .problem(404, "The Kafka listener is turned off"),
        ),
        (
            "get",
            "/v1/groups/{name}",
            operation("groups.get", "One group with its members and offsets")
                .answer(200, "The group", reference("Group"))
                .problem(404, "No such group"),
        ),
        (
            "get",
            "/v1/refused",
            operation("refused.list", "Records from Kafka clients that are no commands, newest first")
                .answer(200, "The newest 1,000 batches", list("RefusedBatch", json!({})))
                .problem(404, "The Kafka listener is turned off"),
        ),
    ]
}

fn functions() -> Rows {
    let operation = |id: &str, summary: &str| Operation::new(id, "functions", summary);
    vec![
        (
            "get",
            "/v1/functions",
            operation("functions.list", "Functions as they run").answer(
                200,
                "All of them",
                json!({"type": "object", "required": ["items"],
                    "properties": {"items": {"type": "array", "items": reference("Function")}}}),
            ),
        ),
        (
            "get",
            "/v1/functions/{name}",
            operation("functions.get", "One function as it runs")
                .answer(200, "The function", reference("Function"))
                .problem(404, "No such function"),
        ),
        (
            "get",
            "/v1/functions/{name}/logs",
            operation("functions.logs", "What a function wrote; a stream with Accept: text/event-stream")
                .number("after", "Only lines after this number")
                .query_of("limit", "Most lines", json!({"type": "integer", "minimum": 0, "maximum": 10_000}))
                .header("Last-Event-ID", "Resume a stream after this line")
                .answer(200, "The lines", reference("Lines"))
                .content(200, "text/event-stream")
                .problem(404, "No such function"),
        ),
        (
            "post",
            "/v1/functions/{name}/rollback",
            operation("functions.rollback", "Go back to the revision that served before, through the same checks")
                .answer(200, "What was changed, and the revision that serves now", json!({"type": "object"}))
                .problem(404, "No such function")
                .problem(409, "There is no revision to go back to, or its files have changed"),
        ),
        (
            "post",
            "/v1/functions/{name}/test",
            operation("functions.test", "Try a command on a state; nothing is written")
                .body("application/json", reference("Trial"))
                .answer(200, "The events and the state after them", reference("TrialResult"))
                .problem(404, "No such function or command"),
        ),
    ]
}

fn process() -> Rows {
    let check = |id: &str, summary: &str| {
        Operation::new(id, "process", summary).text(200, "ok", "text/plain").text(503, "Not now", "text/plain")
    };
    let verbose = |operation: Operation| operation.query("verbose", "Each check by name, with its reason");
    vec![
        (
            "get",
            "/v1/openapi.json",
            Operation::new("openapi", "process", "This document").answer(200, "OpenAPI 3.1", json!({"type": "object"})),
        ),
        (
            "get",
            "/v1/backup",
            Operation::new("backup", "process", "Everything up to one commit, as a tar archive")
                .text(200, "The archive; headers tell commit, bytes and time", "application/x-tar")
                .problem(503, "One is being taken already, or the log cannot be written")
                .problem(507, "The disk is full"),
        ),
        ("get", "/livez", check("livez", "The process turns")),
        ("get", "/readyz", verbose(check("readyz", "Commands are taken"))),
        ("get", "/startupz", verbose(check("startupz", "Starting is over"))),
        (
            "get",
            "/metrics",
            Operation::new("metrics", "process", "Metrics in the Prometheus text format").text(
                200,
                "Metrics",
                "text/plain",
            ),
        ),
    ]
}

/// The documents of answers and requests.
pub(super) fn schemas() -> Map<String, Value> {
    let text = || json!({"type": "string"});
    let number = || json!({"type": "integer", "minimum": 0});
    let nullable = || json!({"type": ["string", "null"]});
    let time = || json!({"type": "string", "format": "date-time"});
    let outcome = || json!({"enum": ["accepted", "rejected", "abandoned"]});
    let texts = || json!({"type": "array", "items": {"type": "string"}});
    // All members are required but those named.
    let object = |members: Value, optional: &[&str]| {
        let names = members.as_object().into_iter().flat_map(Map::keys);
        let required: Vec<&String> = names.filter(|name| !optional.contains(&name.as_str())).collect();
        json!({"type": "object", "properties": members, "required": required})
    };
    let event = json!({"id": text(), "type": text(), "seq": number(), "time": time(), "data": {}});
    let mut recorded = event.clone();
    let more = json!({"entity": text(), "entityId": text(), "command": text(), "commandId": text(), "outcome": outcome(),
        "correlationId": text(), "revision": nullable(), "committedAt": time(),
        "patch": {"type": "array", "items": {"type": "object"}}});
    if let (Value::Object(members), Value::Object(more)) = (&mut recorded, more) {
        members.extend(more);
    }
    let command = json!({"entity": text(), "id": text(), "command": text(), "commandId": text()});
    let of_command = |more: Value| {
        let mut members = command.clone();
        if let (Value::Object(members), Value::Object(more)) = (&mut members, more) {
            members.extend(more);
        }
        members
    };
    let error = object(
        json!({"code": text(), "title": text(), "detail": text(), "function": text(), "revision": nullable(), "at": time(),
            "fingerprint": text(), "stack": nullable()}),
        &[],
    );
    let waiting = json!({"type": ["object", "null"], "required": ["kind"], "properties": {
        "kind": {"enum": ["command", "function", "person"]}, "commandId": text(), "name": nullable(), "since": nullable()}});
    let rows = [
        ("Event", object(event, &[])),
        ("RecordedEvent", object(recorded, &["patch"])),
        (
            "Outcome",
            object(
                of_command(json!({"outcome": outcome(), "seq": number(), "position": text(),
                    "events": {"type": "array", "items": reference("Event")}, "state": {}, "attempts": number(),
                    "revision": nullable(), "acceptedAt": time(), "durationMs": number()})),
                &["state"],
            ),
        ),
        (
            "Status",
            object(
                of_command(json!({"status": {"enum": ["queued", "waiting", "running", "retrying", "parked"]},
                    "acceptedAt": time(), "attempts": number(),
                    "nextAttemptAt": {"type": ["string", "null"], "format": "date-time"}, "waitingFor": waiting,
                    "lastError": {"anyOf": [error, {"type": "null"}]}})),
                &[],
            ),
        ),
        (
            "State",
            object(
                json!({"entity": text(), "id": text(), "seq": number(), "updatedAt": time(), "state": {}, "blockedBy": nullable()}),
                &[],
            ),
        ),
        ("Instance", object(json!({"entity": text(), "id": text(), "seq": number(), "updatedAt": time()}), &[])),
        (
            "CommandGroup",
            object(
                json!({"fingerprint": text(), "count": number(), "code": text(), "title": text(), "detail": text(),
                    "function": text(), "oldest": time(),
                    "example": object(json!({"id": text(), "commandId": text(), "command": text()}), &[])}),
                &[],
            ),
        ),
        (
            "ResourceSet",
            object(
                json!({"files": {"type": "array", "minItems": 1, "items": object(json!({"path": text(), "folder": nullable(), "text": text()}), &["folder"])},
                    "attachments": {"type": "object", "additionalProperties": text()},
                    "dryRun": {"type": "boolean", "default": false}, "wait": {"type": "boolean", "default": true}}),
                &["attachments", "dryRun", "wait"],
            ),
        ),
        (
            "Resource",
            object(
                json!({"apiVersion": text(), "kind": text(), "metadata": {"type": "object"}, "spec": {"type": "object"}, "status": {"type": "object"}}),
                &[],
            ),
        ),
        (
            "Function",
            object(
                json!({"name": text(), "state": text(), "runtime": {"enum": ["process", "url"]}, "revision": nullable(),
                    "since": time(), "restarts": number(), "error": nullable(), "inFlight": number(),
                    "lastError": {"type": ["object", "null"]}, "replaying": {"type": ["object", "null"]},
                    "handles": texts(), "applies": texts()}),
                &[],
            ),
        ),
        (
            "Topic",
            object(
                json!({"name": text(), "id": text(), "entity": text(), "content": {"enum": ["commands", "events", "state"]},
                    "writable": {"type": "boolean"},
                    "partitions": {"type": "array", "items": object(json!({"partition": number(), "endOffset": number()}), &[])}}),
                &[],
            ),
        ),
        (
            "Group",
            object(
                json!({"name": text(), "kind": {"enum": ["classic", "consumer"]}, "state": text(), "assignor": text(),
                    "memberCount": number(), "lag": {"type": ["integer", "null"]},
                    "members": {"type": "array", "items": object(json!({"id": text(), "instance": {"type": ["string", "null"]},
                        "client": text(), "host": text(), "partitions": {"type": "object"}}), &[])},
                    "offsets": {"type": "array", "items": object(json!({"topic": text(), "partition": number(),
                        "committed": {"type": ["integer", "null"]}, "endOffset": number(), "lag": {"type": ["integer", "null"]},
                        "committedAt": {"type": ["string", "null"]}, "metadata": text(), "member": {"type": ["string", "null"]}}), &[])}}),
                &["members", "offsets"],
            ),
        ),
        (
            "RefusedBatch",
            object(
                json!({"at": time(), "topic": text(), "partition": number(), "clientId": text(), "clientAddress": text(),
                    "transactionalId": {"type": ["string", "null"]}, "refused": number(),
                    "records": {"type": "array", "items": object(json!({"index": number(), "reason": text()}), &[])}}),
                &[],
            ),
        ),
        (
            "Lines",
            object(
                json!({"items": {"type": "array", "items": object(json!({"number": number(), "at": time(), "stream": text(), "line": text()}), &[])},
                    "next": number()}),
                &[],
            ),
        ),
        (
            "Trial",
            object(
                json!({"command": text(), "payload": {"type": "object"}, "state": {"type": ["object", "null"]}, "id": {"type": "string", "minLength": 1, "maxLength": 256}}),
                &["payload", "state", "id"],
            ),
        ),
        (
            "TrialResult",
            object(
                json!({"outcome": {"enum": ["accepted", "rejected"]},
                    "events": {"type": "array", "items": object(json!({"type": text(), "data": {}}), &[])}, "state": {}}),
                &[],
            ),
        ),
        (
            "Problem",
            object(
                json!({"type": text(), "title": text(), "status": number(), "code": {"type": "string", "pattern": "^EV[0-9]{4}$"},
                    "detail": text(), "instance": text(), "requestId": text(), "recorded": {"enum": [true, false, "unknown"]},
                    "violations": {"type": "array", "items": {"type": "object"}}}),
                &["instance", "recorded", "requestId", "violations"],
            ),
        ),
    ];
    rows.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}
