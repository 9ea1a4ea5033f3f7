//! A type where it is used: its Java type, how it is read and written, and what a constructor checks of it.

use super::names::File;
use crate::ir::{Ir, Shape, TimeUnit, Type, Union};

/// Writes expressions for types, within one file.
pub(super) struct Types<'a> {
    pub(super) ir: &'a Ir,
    pub(super) file: &'a File<'a>,
}

impl Types<'_> {
    /// The Java type; `boxed` where a primitive one cannot stand.
    pub(super) fn java(&self, kind: &Type, boxed: bool) -> String {
        let lang = |boxed_name: &str, primitive: &str| match boxed {
            true => self.file.import(&format!("java.lang.{boxed_name}")),
            false => primitive.to_owned(),
        };
        match kind {
            Type::Null => self.file.import("java.lang.Void"),
            Type::Boolean => lang("Boolean", "boolean"),
            Type::Int => lang("Integer", "int"),
            Type::Long => lang("Long", "long"),
            Type::Float => lang("Float", "float"),
            Type::Double => lang("Double", "double"),
            Type::String => self.file.import("java.lang.String"),
            Type::Bytes | Type::Fixed { .. } => self.file.import("dev.evento.Bytes"),
            Type::Array(item) => format!("{}<{}>", self.file.import("java.util.List"), self.java(item, true)),
            Type::Map(item) => {
                let (map, string) = (self.file.import("java.util.Map"), self.file.import("java.lang.String"));
                format!("{map}<{string}, {}>", self.java(item, true))
            }
            Type::Optional { item, .. } => self.java(item, true),
            Type::Record(id) | Type::Enum(id) | Type::Union(id) => self.ir.ident(*id).to_owned(),
            Type::Decimal { .. } => self.file.import("java.math.BigDecimal"),
            Type::Uuid { .. } => self.file.import("java.util.UUID"),
            Type::Timestamp(_) => self.file.import("java.time.Instant"),
            Type::Date => self.file.import("java.time.LocalDate"),
        }
    }

    /// Whether null is a value.
    pub(super) fn nullable(&self, kind: &Type) -> bool {
        match kind {
            Type::Null | Type::Optional { .. } => true,
            Type::Union(id) => match &self.ir.declared(*id).shape {
                Shape::Union(union) => has_null(union),
                _ => false,
            },
            _ => false,
        }
    }

    /// An expression that reads a value from the reader `from`.
    pub(super) fn read(&self, kind: &Type, from: &str, depth: usize) -> String {
        match kind {
            Type::Null => "null".to_owned(),
            Type::Boolean => format!("{from}.readBoolean()"),
            Type::Int => format!("{from}.readInt()"),
            Type::Long => format!("{from}.readLong()"),
            Type::Float => format!("{from}.readFloat()"),
            Type::Double => format!("{from}.readDouble()"),
            Type::String => format!("{from}.readString()"),
            Type::Bytes => format!("{from}.readBytes()"),
            Type::Fixed { size, .. } => format!("{from}.readFixed({size})"),
            Type::Array(item) if self.has_no_bytes(item) => {
                format!("{from}.readListOfNothing({})", self.reader(item, depth + 1))
            }
            Type::Array(item) => format!("{from}.readList({})", self.reader(item, depth + 1)),
            Type::Map(item) => format!("{from}.readMap({})", self.reader(item, depth + 1)),
            Type::Optional { item, null_first } => {
                format!("{from}.readOptional({}, {})", i32::from(!null_first), self.reader(item, depth + 1))
            }
            Type::Record(id) | Type::Enum(id) | Type::Union(id) => format!("{}.read({from})", self.ir.ident(*id)),
            Type::Decimal { precision, scale, fixed: Some(size) } => {
                format!("{from}.readFixedDecimal({size}, {precision}, {scale})")
            }
            Type::Decimal { precision, scale, fixed: None } => format!("{from}.readDecimal({precision}, {scale})"),
            Type::Uuid { fixed: true } => format!("{from}.readFixedUuid()"),
            Type::Uuid { fixed: false } => format!("{from}.readUuid()"),
            Type::Timestamp(TimeUnit::Millis) => format!("{from}.readTimestampMillis()"),
            Type::Timestamp(TimeUnit::Micros) => format!("{from}.readTimestampMicros()"),
            Type::Date => format!("{from}.readDate()"),
        }
    }

    /// A function that reads a value: a method reference where there is one.
    fn reader(&self, kind: &Type, depth: usize) -> String {
        match kind {
            Type::Record(id) | Type::Enum(id) | Type::Union(id) => format!("{}::read", self.ir.ident(*id)),
            kind => {
                let name = format!("in{depth}");
                let read = self.read(kind, &name, depth);
                match read.strip_prefix(&format!("{name}.")).and_then(|method| method.strip_suffix("()")) {
                    Some(method) => format!("{}::{method}", self.file.import("dev.evento.codec.Reader")),
                    None => format!("{name} -> {read}"),
                }
            }
        }
    }

    /// A statement, without its semicolon, that writes `value` to the writer `to`; none for what has no bytes.
    pub(super) fn write(&self, kind: &Type, to: &str, value: &str, depth: usize) -> Option<String> {
        let method = match kind {
            Type::Null => return None,
            Type::Boolean => "writeBoolean",
            Type::Int => "writeInt",
            Type::Long => "writeLong",
            Type::Float => "writeFloat",
            Type::Double => "writeDouble",
            Type::String => "writeString",
            Type::Bytes => "writeBytes",
            Type::Fixed { .. } => "writeFixed",
            Type::Array(item) => return Some(format!("{to}.writeList({value}, {})", self.writer(item, depth + 1))),
            Type::Map(item) => return Some(format!("{to}.writeMap({value}, {})", self.writer(item, depth + 1))),
            Type::Optional { item, null_first } => {
                let null = i32::from(!null_first);
                return Some(format!("{to}.writeOptional({null}, {value}, {})", self.writer(item, depth + 1)));
            }
            Type::Record(id) | Type::Enum(id) | Type::Union(id) => {
                return Some(format!("{}.write({to}, {value})", self.ir.ident(*id)));
            }
            Type::Decimal { fixed: Some(size), .. } => return Some(format!("{to}.writeFixedDecimal({value}, {size})")),
            Type::Decimal { fixed: None, .. } => "writeDecimal",
            Type::Uuid { fixed: true } => "writeFixedUuid",
            Type::Uuid { fixed: false } => "writeUuid",
            Type::Timestamp(TimeUnit::Millis) => "writeTimestampMillis",
            Type::Timestamp(TimeUnit::Micros) => "writeTimestampMicros",
            Type::Date => "writeDate",
        };
        Some(format!("{to}.{method}({value})"))
    }

    /// A function that writes a value.
    fn writer(&self, kind: &Type, depth: usize) -> String {
        let (to, value) = (format!("out{depth}"), format!("value{depth}"));
        match (kind, self.write(kind, &to, &value, depth)) {
            (Type::Record(id) | Type::Enum(id) | Type::Union(id), _) => format!("{}::write", self.ir.ident(*id)),
            (_, None) => format!("({to}, {value}) -> {{ }}"),
            (_, Some(write)) => {
                let simple =
                    write.strip_prefix(&format!("{to}.")).and_then(|call| call.strip_suffix(&format!("({value})")));
                match simple {
                    Some(method) => format!("{}::{method}", self.file.import("dev.evento.codec.Writer")),
                    None => format!("({to}, {value}) -> {write}"),
                }
            }
        }
    }

    /// What a constructor does with a component; `place` is for the message.
    pub(super) fn check(&self, kind: &Type, name: &str, place: &str) -> Option<String> {
        match kind {
            Type::Boolean | Type::Int | Type::Long | Type::Float | Type::Double | Type::Null => None,
            Type::Optional { item, .. } => match self.checked(item, name, place, 0) {
                Checked::Same(call) if call.contains(".present(") => None,
                Checked::Same(call) => Some(format!("if ({name} != null) {{\n    {call};\n}}")),
                Checked::Other(value) => Some(format!("{name} = {name} == null ? null : {value};")),
            },
            kind if self.nullable(kind) => None,
            kind => Some(match self.checked(kind, name, place, 0) {
                Checked::Same(call) => format!("{call};"),
                Checked::Other(value) => format!("{name} = {value};"),
            }),
        }
    }

    fn checked(&self, kind: &Type, name: &str, place: &str, depth: usize) -> Checked {
        let check = self.file.import("dev.evento.codec.Check");
        let place = super::quoted(place);
        match kind {
            Type::Fixed { size, .. } => Checked::Same(format!("{check}.fixed({name}, {size}, {place})")),
            Type::Decimal { precision, scale, .. } => {
                Checked::Other(format!("{check}.decimal({name}, {precision}, {scale}, {place})"))
            }
            Type::Timestamp(TimeUnit::Millis) => Checked::Same(format!("{check}.millis({name}, {place})")),
            Type::Timestamp(TimeUnit::Micros) => Checked::Same(format!("{check}.micros({name}, {place})")),
            Type::Date => Checked::Same(format!("{check}.date({name}, {place})")),
            Type::Array(item) => {
                let item = self.item_check(item, &place, depth + 1);
                Checked::Other(format!("{check}.list({name}, {item}, {place})"))
            }
            Type::Map(item) => {
                let item = self.item_check(item, &place, depth + 1);
                Checked::Other(format!("{check}.map({name}, {item}, {place})"))
            }
            _ => Checked::Same(format!("{check}.present({name}, {place})")),
        }
    }

    /// A function that checks an item; `place` is quoted already.
    fn item_check(&self, kind: &Type, place: &str, depth: usize) -> String {
        let name = format!("item{depth}");
        let place = place.trim_matches('"');
        let value = match kind {
            Type::Optional { item, .. } => {
                let value = self.checked(item, &name, place, depth).expression();
                if value.contains(".present(") { name.clone() } else { format!("{name} == null ? null : {value}") }
            }
            kind if self.nullable(kind) => name.clone(),
            kind => self.checked(kind, &name, place, depth).expression(),
        };
        format!("{name} -> {value}")
    }

    /// Whether every value of the type has no bytes.
    fn has_no_bytes(&self, kind: &Type) -> bool {
        match kind {
            Type::Null | Type::Fixed { size: 0, .. } => true,
            // A record that holds itself without a list or union between has no value at all, so this ends.
            Type::Record(id) => match self.ir.record(*id) {
                Some(record) => record.fields.iter().all(|field| self.has_no_bytes(&field.kind)),
                None => false,
            },
            _ => false,
        }
    }
}

/// What a check gives: the value as it is, or another to take instead.
enum Checked {
    Same(String),
    Other(String),
}

impl Checked {
    fn expression(self) -> String {
        match self {
            Checked::Same(value) | Checked::Other(value) => value,
        }
    }
}

/// Whether null is a branch.
pub(super) fn has_null(union: &Union) -> bool {
    union.branches.iter().any(|branch| branch.kind == Type::Null)
}
