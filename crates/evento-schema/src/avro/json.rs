//! Plain JSON: how people and HTTP see Avro values.
//!
//! | Avro | JSON | reading accepts also |
//! |---|---|---|
//! | null, boolean, string, array, map, enum | the same; the symbol | |
//! | int, long | number, always | decimal string |
//! | float, double | number, `"NaN"`, `"Infinity"`, `"-Infinity"` | integer |
//! | bytes, fixed | Base64, padded | |
//! | record | object, fields in schema order, all written | a missing field takes its default |
//! | decimal | string with exactly `scale` digits | number, never rounded |
//! | date, time, timestamp | RFC 3339; outside years 0001 to 9999 the raw number | any offset, raw number |
//! | uuid, big-decimal; duration | string; `{"months": 0, "days": 1, "millis": 0}` | |
//! | union | the plain value; one of several records is wrapped: `{"bank.Iban": {…}}` | |

mod read;
mod time;
mod write;

pub use read::{from_json, from_json_value};
pub use write::{JsonOptions, to_json};

use super::logical::Logical;
use super::node::{Arena, Dispatch, Kind, NodeId};

/// Which branch of a union each JSON kind goes to.
///
/// What a type is written as wins over what it only accepts: in `long or string`, text is a string, although a long
/// alone would accept a decimal string.
pub(super) fn dispatch(arena: &Arena, branches: &[NodeId]) -> Dispatch {
    let mut found = Dispatch::default();
    let mut lenient = Dispatch::default();
    let records = branches.iter().filter(|branch| matches!(arena.node(**branch).kind, Kind::Record(_))).count();
    found.wrapped = records > 1;
    for (index, branch) in branches.iter().enumerate() {
        let index = Some(index as u32);
        let node = arena.node(*branch);
        match (&node.kind, node.logical) {
            (Kind::Null, _) => found.null = index,
            (Kind::Boolean, _) => found.boolean = index,
            (Kind::Int | Kind::Long, None) => {
                found.number = found.number.or(index);
                lenient.string = lenient.string.or(index);
            }
            (Kind::Int | Kind::Long, Some(_)) => {
                found.string = found.string.or(index);
                lenient.number = lenient.number.or(index);
            }
            (Kind::Float | Kind::Double, _) => {
                found.number = found.number.or(index);
                lenient.string = lenient.string.or(index);
            }
            (Kind::Bytes | Kind::Fixed(_), Some(Logical::Decimal { .. } | Logical::BigDecimal)) => {
                found.string = found.string.or(index);
                lenient.number = lenient.number.or(index);
            }
            (Kind::Fixed(_), Some(Logical::Duration)) => found.object = found.object.or(index),
            (Kind::Bytes | Kind::String | Kind::Fixed(_) | Kind::Enum(_), _) => found.string = found.string.or(index),
            (Kind::Array(_), _) => found.array = index,
            (Kind::Map(_) | Kind::Record(_), _) => found.object = found.object.or(index),
            (Kind::Union(_), _) => {}
        }
    }
    found.number = found.number.or(lenient.number);
    found.string = found.string.or(lenient.string);
    let exact = |branch: &u32| {
        let logical = arena.node(branches[*branch as usize]).logical;
        matches!(logical, Some(Logical::Decimal { .. } | Logical::BigDecimal))
    };
    found.exact_numbers = found.number.as_ref().is_some_and(exact);
    found
}
