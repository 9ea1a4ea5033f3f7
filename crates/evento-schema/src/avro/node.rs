//! The parsed form of a schema: nodes in one arena that point to each other by number, so that types may recurse.

use serde_json::Value;

use super::logical::Logical;

/// Most branches of a union that a message names.
const BRANCHES_SHOWN_MAX: usize = 8;

/// Number of a node in its arena.
pub(super) type NodeId = u32;

/// All nodes of one schema.
pub(super) struct Arena {
    pub(super) nodes: Vec<Node>,
    pub(super) root: NodeId,
}

/// One type at one place of a schema; a named type has one node however often it is used.
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) logical: Option<Logical>,
    /// Least number of bytes a value takes. 0 means that every value takes no byte at all.
    pub(super) size_min: u32,
    /// For a type of size 0: values inside one value, itself included.
    pub(super) zero_size_weight: u32,
    /// `logicalType` as written, also when Evento does not know it.
    pub(super) logical_name: Option<Box<str>>,
    /// Attributes that begin with `evento.`, sorted by name.
    pub(super) attributes: Box<[(String, Value)]>,
}

/// The Avro type of a node.
pub(super) enum Kind {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Array(NodeId),
    Map(NodeId),
    Union(Box<Union>),
    Record(Box<Record>),
    Enum(Box<Enum>),
    Fixed(Box<Fixed>),
}

pub(super) struct Record {
    pub(super) name: Box<str>,
    pub(super) aliases: Box<[String]>,
    pub(super) fields: Box<[Field]>,
}

pub(super) struct Field {
    pub(super) name: Box<str>,
    pub(super) aliases: Box<[String]>,
    pub(super) node: NodeId,
    pub(super) doc: Option<Box<str>>,
    pub(super) default: Option<Default>,
    pub(super) attributes: Box<[(String, Value)]>,
}

/// The default of a field, as written and as canonical bytes of the field's type.
pub(super) struct Default {
    pub(super) json: Value,
    pub(super) bytes: Box<[u8]>,
}

pub(super) struct Enum {
    pub(super) name: Box<str>,
    pub(super) aliases: Box<[String]>,
    pub(super) symbols: Box<[Box<str>]>,
    pub(super) default: Option<u32>,
}

pub(super) struct Fixed {
    pub(super) name: Box<str>,
    pub(super) aliases: Box<[String]>,
    pub(super) size: u32,
}

pub(super) struct Union {
    pub(super) branches: Box<[NodeId]>,
    /// Which branch a JSON value of each kind goes to.
    pub(super) dispatch: Dispatch,
}

/// For each JSON kind the branch of a union that takes it.
#[derive(Clone, Copy, Default)]
pub(super) struct Dispatch {
    pub(super) null: Option<u32>,
    pub(super) boolean: Option<u32>,
    pub(super) number: Option<u32>,
    pub(super) string: Option<u32>,
    pub(super) array: Option<u32>,
    pub(super) object: Option<u32>,
    /// Two or more records: each is wrapped as `{"full.Name": {…}}`.
    pub(super) wrapped: bool,
    /// Numbers go to a decimal: their digits must be read as written.
    pub(super) exact_numbers: bool,
}

impl Arena {
    #[inline]
    pub(super) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }

    /// Full name of the named type at a node.
    pub(super) fn name(&self, id: NodeId) -> Option<&str> {
        match &self.node(id).kind {
            Kind::Record(record) => Some(&record.name),
            Kind::Enum(symbols) => Some(&symbols.name),
            Kind::Fixed(fixed) => Some(&fixed.name),
            _ => None,
        }
    }

    /// What to call the type at a node in a message: its full name, or the Avro word, or its logical type.
    pub(super) fn words(&self, id: NodeId) -> String {
        let node = self.node(id);
        let base = match &node.kind {
            Kind::Null => "null",
            Kind::Boolean => "boolean",
            Kind::Int => "int",
            Kind::Long => "long",
            Kind::Float => "float",
            Kind::Double => "double",
            Kind::Bytes => "bytes",
            Kind::String => "string",
            Kind::Array(items) => return format!("array of {}", self.words(*items)),
            Kind::Map(values) => return format!("map of {}", self.words(*values)),
            Kind::Union(union) => {
                let named = union.branches.iter().take(BRANCHES_SHOWN_MAX).map(|branch| self.words(*branch));
                let more = union.branches.len().saturating_sub(BRANCHES_SHOWN_MAX);
                let more = (more > 0).then(|| format!("{more} more"));
                return named.chain(more).collect::<Vec<String>>().join(" or ");
            }
            Kind::Record(record) => &record.name,
            Kind::Enum(symbols) => &symbols.name,
            Kind::Fixed(fixed) => &fixed.name,
        };
        match node.logical {
            Some(logical) => format!("{logical} ({base})"),
            None => base.to_owned(),
        }
    }
}

impl Kind {
    /// The Avro word for the type.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Kind::Null => "null",
            Kind::Boolean => "boolean",
            Kind::Int => "int",
            Kind::Long => "long",
            Kind::Float => "float",
            Kind::Double => "double",
            Kind::Bytes => "bytes",
            Kind::String => "string",
            Kind::Array(_) => "array",
            Kind::Map(_) => "map",
            Kind::Union(_) => "union",
            Kind::Record(_) => "record",
            Kind::Enum(_) => "enum",
            Kind::Fixed(_) => "fixed",
        }
    }
}
