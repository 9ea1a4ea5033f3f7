//! Defaults: from Avro's JSON to values in the shape of their types.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::GenerateError;
use crate::ir::{Declared, Literal, Shape, Type, TypeId};

/// A record and the number of its field.
pub(super) type Place = (TypeId, usize);

/// Reads every default; each was checked against its schema before.
pub(super) fn read(
    declared: &[Declared],
    defaults: &BTreeMap<Place, Value>,
) -> Result<BTreeMap<Place, Literal>, GenerateError> {
    let reader = Reader { declared, defaults };
    let mut literals = BTreeMap::new();
    for ((id, field), json) in defaults {
        let Shape::Record(record) = &declared[id.0].shape else { continue };
        let unfit =
            || GenerateError::Unfit(format!("{}.{}: default {json}", record.full_name, record.fields[*field].name));
        literals.insert((*id, *field), reader.literal(&record.fields[*field].kind, json).ok_or_else(unfit)?);
    }
    Ok(literals)
}

struct Reader<'a> {
    declared: &'a [Declared],
    defaults: &'a BTreeMap<Place, Value>,
}

impl Reader<'_> {
    /// The value of a type; none when the JSON does not fit it.
    fn literal(&self, kind: &Type, json: &Value) -> Option<Literal> {
        Some(match (kind, json) {
            (Type::Null, Value::Null) | (Type::Optional { .. }, Value::Null) => Literal::Null,
            (Type::Optional { item, .. }, json) => Literal::Some(Box::new(self.literal(item, json)?)),
            (Type::Union(id), json) => return self.branch(*id, json),
            (Type::Record(id), Value::Object(_)) => return self.fields(*id, json),
            (Type::Enum(id), Value::String(text)) => match &self.declared[id.0].shape {
                Shape::Enum(of) => Literal::Symbol(of.symbols.iter().position(|symbol| symbol == text)?),
                _ => return None,
            },
            (Type::Array(item), Value::Array(values)) => {
                Literal::List(values.iter().map(|value| self.literal(item, value)).collect::<Option<_>>()?)
            }
            (Type::Map(item), Value::Object(entries)) => {
                let entry = |(key, value): (&String, &Value)| Some((key.clone(), self.literal(item, value)?));
                let mut entries: Vec<(String, Literal)> = entries.iter().map(entry).collect::<Option<_>>()?;
                entries.sort_by(|left, right| left.0.cmp(&right.0));
                Literal::Entries(entries)
            }
            (kind, json) => return scalar(kind, json),
        })
    }

    /// The first branch that fits, as the check of the schema takes it.
    fn branch(&self, id: TypeId, json: &Value) -> Option<Literal> {
        let Shape::Union(union) = &self.declared[id.0].shape else { return None };
        let fits = |(n, kind): (usize, &Type)| Some(Literal::Branch(n, Box::new(self.literal(kind, json)?)));
        union.branches.iter().map(|branch| &branch.kind).enumerate().find_map(fits)
    }

    /// A record; a field that is not given has its own default.
    fn fields(&self, id: TypeId, json: &Value) -> Option<Literal> {
        let Shape::Record(record) = &self.declared[id.0].shape else { return None };
        let value = |(n, field): (usize, &crate::ir::Field)| {
            let given = json.get(&field.name).or_else(|| self.defaults.get(&(id, n)))?;
            self.literal(&field.kind, given)
        };
        record.fields.iter().enumerate().map(value).collect::<Option<_>>().map(Literal::Fields)
    }
}

fn scalar(kind: &Type, json: &Value) -> Option<Literal> {
    Some(match (kind, json) {
        (Type::Boolean, Value::Bool(value)) => Literal::Boolean(*value),
        (Type::Int | Type::Date, Value::Number(number)) => {
            Literal::Integer(number.as_i64().filter(|value| i32::try_from(*value).is_ok())?)
        }
        (Type::Long | Type::Timestamp(_), Value::Number(number)) => Literal::Integer(number.as_i64()?),
        (Type::Float | Type::Double, Value::Number(number)) => Literal::Number(number.as_f64()?),
        (Type::String | Type::Uuid { fixed: false }, Value::String(text)) => Literal::Text(text.clone()),
        (Type::Bytes | Type::Decimal { fixed: None, .. }, Value::String(text)) => Literal::Bytes(code_points(text)?),
        (Type::Fixed { size, .. } | Type::Decimal { fixed: Some(size), .. }, Value::String(text)) => {
            Literal::Bytes(code_points(text).filter(|bytes| bytes.len() == *size as usize)?)
        }
        (Type::Uuid { fixed: true }, Value::String(text)) => {
            Literal::Bytes(code_points(text).filter(|bytes| bytes.len() == 16)?)
        }
        _ => return None,
    })
}

/// Avro's JSON for bytes: one code point from 0 to 255 for each byte.
fn code_points(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|letter| u8::try_from(u32::from(letter)).ok()).collect()
}
