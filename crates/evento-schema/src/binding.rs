//! Binding: what a function declares about itself, checked against what is registered.
//!
//! A revision that binds can serve: every command version resolves to the schema it declared, every event it emits
//! to a registered one, and every event ever logged to what its `apply` takes. Whatever does not resolve is refused
//! here, with its path, so that it cannot happen while commands run.

mod bind;
mod build;
mod list;
mod pinned;
mod schemas;

use std::collections::HashMap;
use std::sync::Arc;

use evento_model::{FullName, ResourceName, Revision};

use crate::avro::Schema;
use crate::catalog::Serving;
use crate::resource::Finding;

pub use bind::bind;
pub use build::{catalog, findings};
pub use list::parse_schema_list;
pub use pinned::pinned;

/// What a revision says about itself: its manifest, parsed.
#[derive(Clone, Debug)]
pub struct Declaration {
    /// `metadata.name` of the Function.
    pub function: ResourceName,
    /// The revision.
    pub revision: Revision,
    /// The schemas it declares, by full name.
    // Bound: 1,000, checked by `parse_schema_list`.
    pub schemas: HashMap<FullName, Schema>,
    /// What it does, by entity.
    pub entities: Vec<DeclaredEntity>,
    /// What it can take.
    pub limits: Limits,
}

/// What a revision does for one entity.
#[derive(Clone, Debug)]
pub struct DeclaredEntity {
    /// Full name of the entity.
    pub name: FullName,
    /// Commands it handles, each with every event it may answer.
    pub handles: Vec<(FullName, Vec<FullName>)>,
    /// Events it applies.
    pub applies: Vec<FullName>,
    /// Events that tell that the business said no.
    pub rejections: Vec<FullName>,
    /// The author's number for what apply means; at least 1.
    pub state_version: u32,
}

/// What a function can take; what it does not say is decided by the resource and Evento's defaults.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Limits {
    /// Most requests in flight per address; default 8.
    pub concurrency: Option<u32>,
    /// Most works in one request; default 512. 1 for a function that speaks only the plain framing.
    pub works_max: Option<u32>,
    /// Most steps in one request; default 5,000.
    pub steps_max: Option<u32>,
    /// Deadline of one request in milliseconds; default 5,000.
    pub timeout_ms: Option<u64>,
}

/// A revision that fits what is registered.
#[derive(Clone, Debug)]
pub struct Bound {
    /// What serves.
    pub serving: Arc<Serving>,
    /// What it does, by entity.
    pub entities: Vec<BoundEntity>,
    /// What a person should know.
    pub warnings: Vec<Finding>,
    /// What the manifest offers and the resource does not take, in words.
    pub unused: Vec<String>,
}

/// What a revision does for one entity, within what its resource takes.
#[derive(Clone, Debug)]
pub struct BoundEntity {
    /// `metadata.name` of the entity.
    pub name: ResourceName,
    /// Commands it handles.
    pub handles: Vec<BoundCommand>,
    /// How it applies the entity's events, if it does.
    pub applies: Option<BoundApply>,
}

/// A command that a revision handles.
#[derive(Clone, Debug)]
pub struct BoundCommand {
    /// Full name of the command.
    pub name: FullName,
    /// The schema it takes.
    pub declared: Schema,
    /// Every event it may answer, with the schema it answers in.
    pub emits: Vec<(FullName, Schema)>,
}

/// How a revision applies events.
#[derive(Clone, Debug)]
pub struct BoundApply {
    /// The author's number for what apply means.
    pub state_version: u32,
    /// Every event it applies, with the schema it takes.
    pub events: Vec<(FullName, Schema)>,
}

impl BoundEntity {
    /// The state version, if this revision applies the entity's events.
    pub fn applies_version(&self) -> Option<u32> {
        self.applies.as_ref().map(|apply| apply.state_version)
    }
}

#[cfg(test)]
mod tests;
