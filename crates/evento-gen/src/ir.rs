//! What a generator needs to know: the entities of a project and every type they use, names resolved, nothing of
//! JSON or YAML left. The same resources give the same value, in the order of their documents.
//!
//! Declared types are records, enums and unions; everything else is written where it is used. A fixed type is the
//! bytes it is, so it needs no declaration either.

use evento_schema::resource::ResourceSet;

use crate::GenerateError;

/// A project, ready to be written in a language.
#[derive(Clone, PartialEq, Debug)]
pub struct Ir {
    /// Entities that code is made for, in the order of their documents.
    pub entities: Vec<Entity>,
    /// Every declared type, what a type uses before the type itself (as far as types do not use one another).
    // Bound: what schemas of at most 1 MiB each define.
    pub types: Vec<Declared>,
}

/// Number of a declared type: its place in [`Ir::types`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TypeId(pub usize);

/// An entity with its commands and events.
#[derive(Clone, PartialEq, Debug)]
pub struct Entity {
    /// Resource name, `account`.
    pub resource: String,
    /// Full name, `bank.Account`.
    pub full_name: String,
    /// The record of its state.
    pub state: TypeId,
    /// Its commands, in the order of their documents.
    pub commands: Vec<Command>,
    /// Its events, in the order of their documents.
    pub events: Vec<Event>,
    /// The part of the discovery manifest that the schemas decide, as one line of JSON:
    /// `{"schemas":[…],"entities":[{"name":…,"handles":…,"applies":…,"rejections":…,"stateVersion":1}]}`.
    /// The SDK adds the rest, sets the author's `stateVersion`, and joins several entities: schemas by full name.
    pub manifest: String,
}

/// A command.
#[derive(Clone, PartialEq, Debug)]
pub struct Command {
    /// Resource name, `withdraw-cash`.
    pub resource: String,
    /// Full name, `bank.WithdrawCash`.
    pub full_name: String,
    /// Its record.
    pub record: TypeId,
    /// Events it may answer, as places in [`Entity::events`]; at least one.
    pub emits: Vec<usize>,
}

/// An event.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// Resource name, `cash-withdrawn`.
    pub resource: String,
    /// Full name, `bank.CashWithdrawn`.
    pub full_name: String,
    /// Its record.
    pub record: TypeId,
    /// Whether it tells that the business said no.
    pub rejection: bool,
    /// Whether apply is called for it: every event that is no rejection, and rejections whose resource has the
    /// annotation `evento.dev/apply: "true"`.
    pub applied: bool,
}

/// A type that has a name of its own in generated code.
#[derive(Clone, PartialEq, Debug)]
pub struct Declared {
    /// Its name in code, in Pascal case and distinct among all declared types: `Account`; where two namespaces have
    /// the same short name, the later one has its namespace before it; a union is named after record and field.
    pub ident: String,
    /// What it is.
    pub shape: Shape,
}

/// A declared type.
#[derive(Clone, PartialEq, Debug)]
pub enum Shape {
    /// A record.
    Record(Record),
    /// An enum.
    Enum(Enum),
    /// A union that is not just `null` and another type.
    Union(Union),
}

/// A record.
#[derive(Clone, PartialEq, Debug)]
pub struct Record {
    /// Full name.
    pub full_name: String,
    /// What it is.
    pub doc: Option<String>,
    /// Its fields, in the order of the bytes.
    pub fields: Vec<Field>,
    /// Whether a value of it can hold another value of it.
    pub recursive: bool,
}

/// A field of a record.
#[derive(Clone, PartialEq, Debug)]
pub struct Field {
    /// Its name as in the schema.
    pub name: String,
    /// What it is.
    pub doc: Option<String>,
    /// Its type.
    pub kind: Type,
    /// Its default, if the schema has one: a convenience for who makes a value, never used in decoding.
    pub default: Option<Literal>,
}

/// An enum.
#[derive(Clone, PartialEq, Debug)]
pub struct Enum {
    /// Full name.
    pub full_name: String,
    /// What it is.
    pub doc: Option<String>,
    /// Symbols, in the order of their numbers.
    pub symbols: Vec<String>,
}

/// A union of other than `null` and one type.
#[derive(Clone, PartialEq, Debug)]
pub struct Union {
    /// Where it stands, for a comment: `bank.Account.owner`.
    pub place: String,
    /// Its branches, in the order of their numbers; at least one, and one may be `null`.
    pub branches: Vec<Branch>,
}

/// A branch of a union.
#[derive(Clone, PartialEq, Debug)]
pub struct Branch {
    /// Its name in code, in Pascal case and distinct in the union: `String`, `Timestamp`, `Account`.
    pub ident: String,
    /// Its type.
    pub kind: Type,
}

/// A type where it is used.
#[derive(Clone, PartialEq, Debug)]
pub enum Type {
    /// No value: only as a branch of a union, or where a schema says nothing but `null`.
    Null,
    /// A boolean.
    Boolean,
    /// 32 bits.
    Int,
    /// 64 bits.
    Long,
    /// IEEE 754, 32 bits.
    Float,
    /// IEEE 754, 64 bits.
    Double,
    /// Bytes.
    Bytes,
    /// UTF-8.
    String,
    /// As many bytes as the type says. Also a `duration` (12 bytes).
    Fixed {
        /// Full name.
        full_name: String,
        /// Bytes.
        size: u32,
    },
    /// A list.
    Array(Box<Type>),
    /// Texts to values.
    Map(Box<Type>),
    /// `null` and one other type.
    Optional {
        /// The other type; never `Null`, `Optional` or `Union`.
        item: Box<Type>,
        /// Whether `null` is branch 0, as it nearly always is; else it is branch 1.
        null_first: bool,
    },
    /// A declared record.
    Record(TypeId),
    /// A declared enum.
    Enum(TypeId),
    /// A declared union.
    Union(TypeId),
    /// Logical type `decimal`: unscaled two's complement, big-endian.
    Decimal {
        /// Most digits, at least 1.
        precision: u32,
        /// Digits behind the point, at most `precision`.
        scale: u32,
        /// Bytes of the fixed type it stands on (sign-extended); absent: on `bytes`, as few as the number needs.
        fixed: Option<u32>,
    },
    /// Logical type `uuid`.
    Uuid {
        /// On a fixed type of 16 bytes; else on `string`: 36 characters in lower case.
        fixed: bool,
    },
    /// Logical types `timestamp-millis` and `timestamp-micros`: a long since 1970, UTC.
    Timestamp(TimeUnit),
    /// Logical type `date`: an int, days since 1970-01-01.
    Date,
}

/// Unit of a timestamp.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimeUnit {
    /// Milliseconds.
    Millis,
    /// Microseconds.
    Micros,
}

/// A default, in the shape of its type.
#[derive(Clone, PartialEq, Debug)]
pub enum Literal {
    /// Of `Null`, and of `Optional` without a value.
    Null,
    /// Of `Boolean`.
    Boolean(bool),
    /// Of `Int`, `Long`, `Timestamp` and `Date`, in the units of the bytes.
    Integer(i64),
    /// Of `Float` and `Double`.
    Number(f64),
    /// Of `String` and of `Uuid` on a string.
    Text(String),
    /// Of `Bytes`, `Fixed`, `Decimal` (unscaled, big-endian) and `Uuid` on a fixed type.
    Bytes(Vec<u8>),
    /// Of `Enum`: the number of the symbol.
    Symbol(usize),
    /// Of `Array`.
    List(Vec<Literal>),
    /// Of `Map`, in the order of the keys.
    Entries(Vec<(String, Literal)>),
    /// Of `Record`: one for each field.
    Fields(Vec<Literal>),
    /// Of `Optional` with a value.
    Some(Box<Literal>),
    /// Of `Union`: the number of the branch and its value.
    Branch(usize, Box<Literal>),
}

impl Ir {
    /// Makes it from the resources of a project. `entities` are resource names, full names or short names; none means
    /// all.
    ///
    /// # Errors
    ///
    /// Resources that do not fit together, an entity that is not there, a type that is defined in two ways.
    pub fn build(set: &ResourceSet, entities: &[String]) -> Result<Ir, GenerateError> {
        crate::build::build(set, entities)
    }

    /// A declared type.
    pub fn declared(&self, id: TypeId) -> &Declared {
        &self.types[id.0]
    }

    /// Name in code of a declared type.
    pub fn ident(&self, id: TypeId) -> &str {
        &self.types[id.0].ident
    }

    /// The record of a number; none when it is an enum or a union.
    pub fn record(&self, id: TypeId) -> Option<&Record> {
        match &self.types[id.0].shape {
            Shape::Record(record) => Some(record),
            Shape::Enum(_) | Shape::Union(_) => None,
        }
    }
}

impl Entity {
    /// Events that go through apply, in order.
    pub fn applied(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(|event| event.applied)
    }

    /// Events that tell that the business said no, in order.
    pub fn rejections(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(|event| event.rejection)
    }
}

impl Type {
    /// The declared types that this one names, also within lists, maps and optional values.
    pub fn uses(&self) -> Option<TypeId> {
        match self {
            Type::Array(item) | Type::Map(item) | Type::Optional { item, .. } => item.uses(),
            Type::Record(id) | Type::Enum(id) | Type::Union(id) => Some(*id),
            _ => None,
        }
    }
}
