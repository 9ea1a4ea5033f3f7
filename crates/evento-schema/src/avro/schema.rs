//! A schema: parsed once, then shared.

use std::fmt;
use std::sync::Arc;

use evento_model::Digest;

use super::error::{SchemaError, Violation};
use super::info::{FieldInfo, fields};
use super::node::{Arena, Kind};
use super::{ambiguity, canonical, parse};

/// An Avro schema. A clone is a pointer.
#[derive(Clone)]
pub struct Schema(Arc<Inner>);

struct Inner {
    arena: Arena,
    json: Box<str>,
    layout_id: Digest,
    digest: Digest,
}

impl Schema {
    /// Reads a schema from JSON, at most [`SCHEMA_BYTES_MAX`](super::SCHEMA_BYTES_MAX) bytes and
    /// [`NESTING_MAX`](super::NESTING_MAX) types deep.
    ///
    /// # Errors
    ///
    /// `EV2101`, with the path of what is wrong.
    pub fn parse(json: &str) -> Result<Schema, SchemaError> {
        Schema::parse_with(json, &[])
    }

    /// Reads a schema that may use the named types of others. What it uses becomes part of [`json`](Self::json).
    ///
    /// # Errors
    ///
    /// `EV2101`, with the path of what is wrong.
    pub fn parse_with(json: &str, references: &[Schema]) -> Result<Schema, SchemaError> {
        let (arena, json) = parse::parse(json, references)?;
        let layout_id = canonical::digest(&canonical::canonical_form(&arena));
        let digest = canonical::digest(&canonical::normal_form(&arena));
        Ok(Schema(Arc::new(Inner { arena, json: json.into(), layout_id, digest })))
    }

    /// Full name of the record, enum or fixed that the schema is.
    pub fn full_name(&self) -> Option<&str> {
        self.0.arena.name(self.0.arena.root)
    }

    /// Whether the schema is a record.
    pub fn is_record(&self) -> bool {
        matches!(self.0.arena.node(self.0.arena.root).kind, Kind::Record(_))
    }

    /// Full names of every record, enum and fixed that the schema defines, itself included, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        (0..self.0.arena.nodes.len()).filter_map(|id| self.0.arena.name(id as u32))
    }

    /// The schema as written, with docs and unknown attributes; self-contained, also when references were used.
    pub fn json(&self) -> &str {
        &self.0.json
    }

    /// Avro's Parsing Canonical Form. It drops defaults, aliases, docs and logical types.
    pub fn canonical_form(&self) -> String {
        canonical::canonical_form(&self.0.arena)
    }

    /// What makes it the same schema: defaults, aliases and logical types stay, docs and unknown attributes go.
    pub fn normal_form(&self) -> String {
        canonical::normal_form(&self.0.arena)
    }

    /// SHA-256 of the canonical form: names a byte layout.
    pub fn layout_id(&self) -> Digest {
        self.0.layout_id
    }

    /// SHA-256 of the normal form: equal exactly when it is the same schema.
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// Unions of which two branches look alike in plain JSON (`EV2106`), each with its path.
    pub fn ambiguities(&self) -> Vec<Violation> {
        ambiguity::ambiguities(&self.0.arena)
    }

    /// Fields of the top-level record, in schema order; none if the schema is not a record.
    pub fn fields(&self) -> impl Iterator<Item = FieldInfo<'_>> {
        fields(&self.0.arena)
    }

    pub(super) fn arena(&self) -> &Arena {
        &self.0.arena
    }
}

/// Equal by [`digest`](Schema::digest): docs and unknown attributes make no difference.
impl PartialEq for Schema {
    fn eq(&self, other: &Schema) -> bool {
        self.digest() == other.digest()
    }
}

impl Eq for Schema {}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.0.arena.words(self.0.arena.root);
        f.debug_tuple("Schema").field(&words).field(&self.0.digest).finish()
    }
}
