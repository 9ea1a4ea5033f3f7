//! One operation of the document, put together piece by piece.

use serde_json::{Map, Value, json};

use super::reference;

/// What is known of one operation.
pub(super) struct Operation {
    head: Map<String, Value>,
    parameters: Vec<Value>,
    content: Map<String, Value>,
    responses: Map<String, Value>,
}

impl Operation {
    pub(super) fn new(id: &str, tag: &str, summary: &str) -> Operation {
        let mut head = Map::new();
        head.insert("operationId".to_owned(), id.into());
        head.insert("tags".to_owned(), json!([tag]));
        head.insert("summary".to_owned(), summary.into());
        let mut responses = Map::new();
        responses.insert("default".to_owned(), problem("Refused, or failed; the code says why"));
        Operation { head, parameters: Vec::new(), content: Map::new(), responses }
    }

    fn parameter(mut self, place: &str, name: &str, description: &str, schema: Value) -> Operation {
        self.parameters.push(json!({"name": name, "in": place, "description": description, "schema": schema}));
        self
    }

    pub(super) fn query(self, name: &str, description: &str) -> Operation {
        self.query_of(name, description, json!({"type": "string"}))
    }

    pub(super) fn query_of(self, name: &str, description: &str, schema: Value) -> Operation {
        self.parameter("query", name, description, schema)
    }

    /// A whole number in the query.
    pub(super) fn number(self, name: &str, description: &str) -> Operation {
        self.query_of(name, description, json!({"type": "integer", "format": "int64", "minimum": 0}))
    }

    pub(super) fn header(self, name: &str, description: &str) -> Operation {
        self.header_of(name, description, json!({"type": "string"}))
    }

    pub(super) fn header_of(self, name: &str, description: &str, schema: Value) -> Operation {
        self.parameter("header", name, description, schema)
    }

    /// Parameters of every paged list.
    pub(super) fn page(self) -> Operation {
        self.query_of(
            "limit",
            "Items of a page",
            json!({"type": "integer", "minimum": 1, "maximum": 500, "default": 50}),
        )
        .query("cursor", "nextCursor of the page before")
    }

    /// Headers of every read that may follow a write.
    pub(super) fn read_headers(self) -> Operation {
        self.header("Evento-After", "Evento-Position of a write that must be seen; several with commas")
            .header("Prefer", "wait=N: seconds to wait for Evento-After; handling=lenient: then read what there is")
            .header("Accept", "application/json;long=string writes 64-bit numbers as strings")
    }

    /// A media type that the body may have.
    pub(super) fn body(mut self, media_type: &str, schema: Value) -> Operation {
        self.content.insert(media_type.to_owned(), json!({ "schema": schema }));
        self
    }

    pub(super) fn answer(mut self, status: u16, description: &str, schema: Value) -> Operation {
        let answer = json!({"description": description, "content": {"application/json": {"schema": schema}}});
        self.responses.insert(status.to_string(), answer);
        self
    }

    /// An answer that is text of some kind.
    pub(super) fn text(mut self, status: u16, description: &str, media_type: &str) -> Operation {
        self.responses.insert(status.to_string(), json!({ "description": description }));
        self.content(status, media_type)
    }

    /// Another media type of an answer.
    pub(super) fn content(mut self, status: u16, media_type: &str) -> Operation {
        self.responses[&status.to_string()]["content"][media_type] = json!({"schema": {"type": "string"}});
        self
    }

    pub(super) fn empty(mut self, status: u16, description: &str) -> Operation {
        self.responses.insert(status.to_string(), json!({ "description": description }));
        self
    }

    pub(super) fn problem(mut self, status: u16, description: &str) -> Operation {
        self.responses.insert(status.to_string(), problem(description));
        self
    }

    /// The operation, with the parameters that its path has.
    pub(super) fn document<'a>(mut self, path: impl Iterator<Item = &'a str>) -> Value {
        let text = |most: u64| json!({"type": "string", "minLength": 1, "maxLength": most});
        let of_path = path.map(|name| {
            let (description, schema) = match name {
                "id" => ("Id of the instance: 1 to 256 bytes, no control characters, percent-encoded", text(256)),
                "commandId" => ("Id of the command", text(128)),
                "kind" => ("Kind of resource", json!({"enum": ["entity", "command", "event", "function"]})),
                _ => ("Name of the resource", text(256)),
            };
            json!({"name": name, "in": "path", "required": true, "description": description, "schema": schema})
        });
        let parameters: Vec<Value> = of_path.chain(self.parameters).collect();
        if !parameters.is_empty() {
            self.head.insert("parameters".to_owned(), parameters.into());
        }
        if !self.content.is_empty() {
            self.head.insert("requestBody".to_owned(), json!({"required": true, "content": self.content}));
        }
        self.head.insert("responses".to_owned(), self.responses.into());
        self.head.into()
    }
}

fn problem(description: &str) -> Value {
    json!({"description": description, "content": {"application/problem+json": {"schema": reference("Problem")}}})
}
