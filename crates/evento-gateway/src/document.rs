//! How outcomes, statuses, events and states look in JSON. Written straight into bytes: the send path has no
//! time for trees.

use evento_log::intake::{CommandStatus, Done, LastError, WaitingFor};
use evento_log::record::EventRecord;
use evento_log::view::StoredState;
use evento_model::{Outcome, Revision, SchemaId, Timestamp, hex};
use evento_schema::avro::{JsonOptions, to_json};
use evento_schema::catalog::{Catalog, EntityType};

/// Writes documents of one answer.
pub(crate) struct Writer<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) options: JsonOptions,
    /// Whether functions' stacks are shown.
    pub(crate) stacks: bool,
    pub(crate) out: Vec<u8>,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(catalog: &'a Catalog, long_as_string: bool, stacks: bool) -> Writer<'a> {
        Writer { catalog, options: JsonOptions { long_as_string }, stacks, out: Vec::with_capacity(512) }
    }

    fn raw(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    /// `"name":` with a comma before it, unless it opens an object.
    fn name(&mut self, name: &str) {
        if !matches!(self.out.last(), Some(b'{' | b'[') | None) {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.raw(name);
        self.raw("\":");
    }

    pub(crate) fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        self.string(value);
    }

    fn string(&mut self, value: &str) {
        // Writing a string into a Vec cannot fail.
        let _ = serde_json::to_writer(&mut self.out, value);
    }

    /// A text between quotes that others write.
    fn inner(&mut self, value: &str) {
        let begin = self.out.len();
        self.string(value);
        self.out.remove(begin);
        self.out.pop();
    }

    fn digits(&mut self, value: u64) {
        let _ = serde_json::to_writer(&mut self.out, &value);
    }

    pub(crate) fn number(&mut self, name: &str, value: u64) {
        self.name(name);
        self.digits(value);
    }

    fn revision(&mut self, name: &str, revision: Option<&Revision>) {
        let Some(revision) = revision else { return self.null(name) };
        self.name(name);
        self.raw("\"sha256:");
        self.raw(hex(&revision.0.0, &mut [0; 64]));
        self.raw("\"");
    }

    pub(crate) fn null(&mut self, name: &str) {
        self.name(name);
        self.raw("null");
    }

    pub(crate) fn time(&mut self, name: &str, time: Timestamp) {
        self.text(name, time.rfc3339().as_str());
    }

    /// A payload as plain JSON; one whose schema is not known any more as its bytes in Base64.
    pub(crate) fn datum(&mut self, name: &str, schema: SchemaId, datum: &[u8]) {
        self.name(name);
        let begin = self.out.len();
        let written = self.catalog.schema(schema).map(|schema| to_json(schema, datum, &self.options, &mut self.out));
        if !matches!(written, Some(Ok(()))) {
            use base64::Engine;
            self.out.truncate(begin);
            let text = base64::engine::general_purpose::STANDARD.encode(datum);
            self.string(&text);
        }
    }

    /// The outcome document.
    pub(crate) fn outcome(&mut self, entity: &EntityType, done: &Done, with_state: bool) {
        self.raw("{");
        self.text("commandId", done.command_id.as_str());
        self.text("entity", entity.full_name.as_str());
        self.text("id", done.key.id.as_str());
        self.text("command", done.command_type.as_str());
        self.text("outcome", done.outcome.as_str());
        self.number("seq", done.events.last().map_or(0, |event| event.seq));
        self.name("position");
        self.raw("\"");
        self.raw(entity.name.as_str());
        self.raw(".events/");
        self.digits(u64::from(done.position.partition));
        self.raw("/");
        self.digits(done.position.offset);
        self.raw("\"");
        self.name("events");
        self.raw("[");
        for (n, event) in done.events.iter().enumerate() {
            if n > 0 {
                self.raw(",");
            }
            self.raw("{");
            self.event_fields(entity, event);
            self.raw("}");
        }
        self.raw("]");
        if let Some(put) = done.state.as_ref().filter(|_| with_state) {
            match &put.state {
                Some(state) => self.datum("state", put.schema, state),
                None => self.null("state"),
            }
        }
        self.number("attempts", u64::from(done.attempts));
        self.revision("revision", done.revision.as_ref());
        self.time("acceptedAt", done.accepted_at);
        self.number("durationMs", done.committed_at.ms_since(done.accepted_at));
        self.raw("}");
    }

    /// What an event has in every document.
    pub(crate) fn event_fields(&mut self, entity: &EntityType, event: &EventRecord) {
        self.name("id");
        self.raw("\"");
        self.raw(entity.name.as_str());
        self.raw("/");
        self.inner(event.id.as_str());
        self.raw("/");
        self.digits(event.seq);
        self.raw("\"");
        self.text("type", event.type_name.as_str());
        self.number("seq", event.seq);
        self.time("time", event.time);
        self.datum("data", event.schema, &event.payload);
    }

    /// An event in a history or a stream, with where it belongs.
    pub(crate) fn event(&mut self, entity: &EntityType, event: &EventRecord, committed_at: Timestamp) {
        self.raw("{");
        self.text("entity", entity.full_name.as_str());
        self.text("entityId", event.id.as_str());
        self.event_fields(entity, event);
        self.text("command", event.command_type.as_str());
        self.text("commandId", event.command_id.as_str());
        self.text("outcome", event.outcome.as_str());
        self.text("correlationId", &event.correlation);
        self.revision("revision", event.revision.as_ref());
        self.time("committedAt", committed_at);
        self.raw("}");
    }

    /// The status document.
    pub(crate) fn status(&mut self, status: &CommandStatus) {
        let entity = self.catalog.entity(status.key.entity).map(|entity| entity.full_name.clone());
        self.raw("{");
        self.text("commandId", status.command_id.as_str());
        self.text("entity", entity.as_ref().map_or("", |name| name.as_str()));
        self.text("id", status.key.id.as_str());
        self.text("command", status.command_type.as_str());
        self.text("status", status.status.as_str());
        self.time("acceptedAt", status.accepted_at);
        self.number("attempts", u64::from(status.attempts));
        match status.next_attempt_at {
            Some(at) => self.time("nextAttemptAt", at),
            None => self.null("nextAttemptAt"),
        }
        self.waiting_for(status.waiting_for.as_ref());
        match &status.last_error {
            Some(error) => self.last_error(error),
            None => self.null("lastError"),
        }
        self.raw("}");
    }

    fn waiting_for(&mut self, waiting: Option<&WaitingFor>) {
        let Some(waiting) = waiting else { return self.null("waitingFor") };
        self.name("waitingFor");
        self.raw("{");
        match waiting {
            WaitingFor::Command(id) => {
                self.text("kind", "command");
                self.text("commandId", id.as_str());
            }
            WaitingFor::Function { name, since } => {
                self.text("kind", "function");
                match name {
                    Some(name) => self.text("name", name.as_str()),
                    None => self.null("name"),
                }
                match since {
                    Some(since) => self.time("since", *since),
                    None => self.null("since"),
                }
            }
            WaitingFor::Person => self.text("kind", "person"),
        }
        self.raw("}");
    }

    fn last_error(&mut self, error: &LastError) {
        self.name("lastError");
        self.raw("{");
        self.text("code", &error.code.to_string());
        self.text("title", &error.title);
        self.text("detail", &error.detail);
        self.text("function", &error.function);
        self.revision("revision", error.revision.as_ref());
        self.time("at", error.at);
        self.text("fingerprint", &error.fingerprint);
        match error.stack.as_deref().filter(|_| self.stacks) {
            Some(stack) => self.text("stack", stack),
            None => self.null("stack"),
        }
        self.raw("}");
    }

    /// The state document.
    pub(crate) fn state(&mut self, entity: &EntityType, id: &str, state: &StoredState, blocked_by: Option<&str>) {
        self.raw("{");
        self.text("entity", entity.full_name.as_str());
        self.text("id", id);
        self.number("seq", state.seq);
        self.time("updatedAt", state.updated_at);
        match &state.state {
            Some(bytes) => self.datum("state", state.schema, bytes),
            None => self.null("state"),
        }
        match blocked_by {
            Some(id) => self.text("blockedBy", id),
            None => self.null("blockedBy"),
        }
        self.raw("}");
    }
}

/// `account.events/9/1841`.
pub(crate) fn position(entity: &EntityType, partition: u32, offset: u64) -> String {
    format!("{}.events/{partition}/{offset}", entity.name)
}

/// The word for a header.
pub(crate) fn outcome_word(outcome: Outcome) -> &'static str {
    outcome.as_str()
}
