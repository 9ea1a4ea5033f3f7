//! What producers write with the union of a topic: those that take the latest schema of a `-value` subject name the
//! union, by id or by guid, and write the number of a branch before the record.

use evento_log::embedded::EmbeddedLog;
use evento_model::SchemaId;
use uuid::Uuid;

use super::kept::{UNION_ID_FIRST, history, union};
use super::view::guid_of_union;

/// The union of a subject that has a guid.
pub fn union_with_guid(log: &EmbeddedLog, subject: &str, guid: Uuid) -> Option<SchemaId> {
    let is_it = |id: &SchemaId| union(log, *id).is_some_and(|union| guid_of_union(&union) == guid);
    // The newest is the likeliest.
    history(log, subject).into_iter().rev().find(is_it)
}

/// The record in a datum that was written with a union's id: the id of the record's schema, and its bytes. `None`
/// if the id is no union's.
///
/// # Errors
///
/// `EV1002`: the bytes name no branch of the union.
pub fn record_in_union<'a>(
    log: &EmbeddedLog,
    id: SchemaId,
    datum: &'a [u8],
) -> Result<Option<(SchemaId, &'a [u8])>, String> {
    if id.0 < UNION_ID_FIRST {
        return Ok(None);
    }
    let Some(union) = union(log, id) else { return Ok(None) };
    let member = branch(datum).and_then(|(branch, rest)| Some((SchemaId(*union.members.get(branch)?), rest)));
    let wrong =
        || format!("EV1002: the value begins with none of the {} branches of schema {}", union.members.len(), id.0);
    member.map(Some).ok_or_else(wrong)
}

/// The number of a branch, and what follows: a zigzag varint of which two bytes are more than enough.
fn branch(datum: &[u8]) -> Option<(usize, &[u8])> {
    let (zigzag, rest) = match datum {
        [first, rest @ ..] if first & 0x80 == 0 => (usize::from(*first), rest),
        [first, second, rest @ ..] if second & 0x80 == 0 => {
            (usize::from(first & 0x7f) | usize::from(*second) << 7, rest)
        }
        _ => return None,
    };
    (zigzag & 1 == 0).then_some((zigzag >> 1, rest))
}
