//! What the API keeps in the log beside the catalogue: which schema is which version of which subject, and the
//! unions with their ids.
//!
//! Both only grow. A subject's version numbers and a union's id mean the same for ever, also after the resources
//! they came from are gone; so nothing here is ever deleted or written again.

use std::collections::BTreeMap;

use bytes::Bytes;
use evento_log::embedded::EmbeddedLog;
use evento_model::SchemaId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A fact per subject; the rest of the key is its name.
const SUBJECTS: &str = "kafka/schema/subject/";
/// A fact per union; the rest of the key is its id in ten digits.
const UNIONS: &str = "kafka/schema/id/";
/// First id of a union. Ids of resources count up from 17 and never come here.
pub(super) const UNION_ID_FIRST: u32 = 1_000_000_000;
/// Number of the facts' format. A reader refuses a number it does not know, rather than guess.
const FORMAT: u32 = 1;

/// A named type of another subject that a schema uses.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(super) struct Reference {
    /// Full name of the type.
    pub(super) name: String,
    /// The subject that defines it.
    pub(super) subject: String,
    /// The version of that subject.
    pub(super) version: u32,
}

/// The schema of a `-value` subject: a union of the records of a topic.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Union {
    /// Its text; names of types where there are references.
    pub(super) schema: String,
    /// The subjects that define its branches; empty when the text stands for itself.
    pub(super) references: Vec<Reference>,
    /// The schema of each branch, in order.
    pub(super) members: Vec<u32>,
}

#[derive(Serialize, Deserialize)]
struct Fact<T> {
    v: u32,
    #[serde(flatten)]
    content: T,
}

#[derive(Serialize, Deserialize)]
struct History {
    /// The schema of each version, from version 1.
    ids: Vec<u32>,
}

/// Everything kept.
///
/// Bound: it grows with changes of resources only: a number for each version, a union for each change of a topic.
#[derive(Clone, Default)]
pub(super) struct Kept {
    pub(super) histories: BTreeMap<String, Vec<SchemaId>>,
    pub(super) unions: BTreeMap<SchemaId, Union>,
}

impl Kept {
    /// Reads what the log holds.
    pub(super) fn load(log: &EmbeddedLog) -> Result<Kept, String> {
        let mut kept = Kept::default();
        for (name, value) in facts::<History>(log, SUBJECTS)? {
            kept.histories.insert(name, value.ids.into_iter().map(SchemaId).collect());
        }
        for (id, union) in facts::<Union>(log, UNIONS)? {
            let id = id.parse().map_err(|_| format!("{UNIONS}{id} has no number"))?;
            kept.unions.insert(SchemaId(id), union);
        }
        Ok(kept)
    }

    /// The number of a schema's version in a subject's history, given now if it has none.
    pub(super) fn number(&mut self, subject: &str, id: SchemaId) -> u32 {
        let history = self.histories.entry(subject.to_owned()).or_default();
        let index = history.iter().position(|known| *known == id).unwrap_or_else(|| {
            history.push(id);
            history.len() - 1
        });
        u32::try_from(index + 1).unwrap_or(u32::MAX)
    }

    /// The id of a union as a version of a subject, given now if it has none.
    pub(super) fn union(&mut self, subject: &str, union: Union) -> SchemaId {
        let history = self.histories.get(subject).map_or(&[][..], Vec::as_slice);
        let known = history.iter().find(|id| self.unions.get(id) == Some(&union)).copied();
        let next = self.unions.keys().next_back().map_or(UNION_ID_FIRST, |last| last.0 + 1);
        let id = known.unwrap_or(SchemaId(next));
        self.number(subject, id);
        self.unions.insert(id, union);
        id
    }

    /// The facts that lead from what was kept before to this.
    pub(super) fn facts_since(&self, before: &Kept) -> Vec<(Bytes, Option<Bytes>)> {
        let histories = self.histories.iter().filter(|(name, ids)| before.histories.get(*name) != Some(ids));
        let histories = histories.map(|(name, ids)| {
            let ids = ids.iter().map(|id| id.0).collect();
            fact(format!("{SUBJECTS}{name}"), &History { ids })
        });
        let unions = self.unions.iter().filter(|(id, _)| !before.unions.contains_key(id));
        histories.chain(unions.map(|(id, union)| fact(union_key(*id), union))).collect()
    }
}

/// The union of an id, read alone.
pub(super) fn union(log: &EmbeddedLog, id: SchemaId) -> Option<Union> {
    let value = log.meta(union_key(id).as_bytes())?;
    read::<Union>(UNIONS, &value).ok()
}

/// The schema of each version of a subject, read alone.
pub(super) fn history(log: &EmbeddedLog, subject: &str) -> Vec<SchemaId> {
    let value = log.meta(format!("{SUBJECTS}{subject}").as_bytes());
    let history = value.and_then(|value| read::<History>(SUBJECTS, &value).ok());
    history.map(|history| history.ids.into_iter().map(SchemaId).collect()).unwrap_or_default()
}

fn union_key(id: SchemaId) -> String {
    format!("{UNIONS}{:010}", id.0)
}

fn facts<T: DeserializeOwned>(log: &EmbeddedLog, prefix: &str) -> Result<Vec<(String, T)>, String> {
    let entries = log.meta_scan(prefix.as_bytes()).into_iter();
    let named = entries.map(|(key, value)| {
        let name = key.get(prefix.len()..).unwrap_or_default();
        let name = std::str::from_utf8(name).map_err(|_| format!("a key under {prefix} is not text"))?;
        Ok((name.to_owned(), read(&format!("{prefix}{name}"), &value)?))
    });
    named.collect()
}

fn read<T: DeserializeOwned>(key: &str, value: &[u8]) -> Result<T, String> {
    let fact: Fact<T> = serde_json::from_slice(value).map_err(|error| format!("{key}: {error}"))?;
    match fact.v {
        FORMAT => Ok(fact.content),
        other => Err(format!("{key} has format {other}, this build reads {FORMAT}")),
    }
}

fn fact<T: Serialize>(key: String, content: &T) -> (Bytes, Option<Bytes>) {
    let value = serde_json::to_vec(&Fact { v: FORMAT, content }).expect("numbers and texts are JSON");
    (key.into(), Some(value.into()))
}
