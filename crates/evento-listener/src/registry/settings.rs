//! What clients ask about the registry itself, and every change of it, which is refused.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::Method;
use serde_json::{Value, json};

use super::Api;
use super::answer::{Answer, Document, Refusal};
use super::params::{self, Params};
use super::subject::Level;
use crate::broker::CLUSTER_ID;

/// `GET /`: tools ask it whether the registry is there.
pub(super) async fn root() -> Document {
    json!({}).into()
}

/// `GET /config`
pub(super) async fn config() -> Document {
    level(Level::GLOBAL)
}

/// `GET /config/{subject}`
pub(super) async fn config_of(State(api): State<Arc<Api>>, Path(name): Path<String>, params: Params) -> Answer {
    let name = params::subject(&name)?;
    let view = api.view().await?;
    let own = view.subject(name, false).and_then(|subject| subject.level);
    let found = own.or_else(|| params.on("defaultToGlobal").then_some(Level::GLOBAL));
    let missing = || format!("Subject '{name}' does not have subject-level compatibility configured");
    found.map(level).ok_or_else(|| Refusal::new(40408, missing()))
}

/// `GET /mode`
pub(super) async fn mode() -> Document {
    read_only()
}

/// `GET /mode/{subject}`
pub(super) async fn mode_of(State(api): State<Arc<Api>>, Path(name): Path<String>, params: Params) -> Answer {
    let name = params::subject(&name)?;
    let known = api.view().await?.subject(name, false).is_some() || params.on("defaultToGlobal");
    let missing = || format!("Subject '{name}' does not have subject-level mode configured");
    known.then(read_only).ok_or_else(|| Refusal::new(40409, missing()))
}

/// `GET /contexts`: there is the default one.
pub(super) async fn contexts(params: Params) -> Document {
    json!(params.page(["."].into_iter())).into()
}

/// `GET /associations/resources/{namespace}/{topic}`: subjects follow from the topics' names, none is associated.
pub(super) async fn associations(Path((_, topic)): Path<(String, String)>) -> Refusal {
    let topic: String = topic.chars().take(80).collect();
    Refusal::new(404, format!("nothing is associated with {topic:?}"))
}

/// `GET /v1/metadata/id`
pub(super) async fn metadata_id(State(api): State<Arc<Api>>) -> Document {
    let cluster = api.node.log().meta(CLUSTER_ID).map(|id| String::from_utf8_lossy(&id).into_owned());
    let mut clusters = json!({"schema-registry-cluster": "evento"});
    if let Some(id) = cluster {
        clusters["kafka-cluster"] = Value::from(id);
    }
    json!({"id": "", "scope": {"path": [], "clusters": clusters}}).into()
}

/// `GET /v1/metadata/version`
pub(super) async fn metadata_version() -> Document {
    json!({"version": env!("CARGO_PKG_VERSION"), "commitId": ""}).into()
}

/// Every PUT and DELETE.
pub(super) async fn refused(method: Method) -> Refusal {
    Refusal::not_here(format!("{method} is not permitted"))
}

fn level(level: Level) -> Document {
    json!({"compatibilityLevel": level.as_str()}).into()
}

fn read_only() -> Document {
    json!({"mode": "READONLY"}).into()
}
