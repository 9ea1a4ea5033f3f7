//! The schema registry: the part of Confluent's REST API that serializers, deserializers and tools call.
//!
//! It shows what `evento apply` registered and takes nothing itself: a schema that is posted is found or refused.
//! Ids are those that records carry. Reading order: `subject` (which subjects there are), `kept` (what is written
//! down so that versions and ids never change), `members` (unions), `view` (all of it as one snapshot), then the
//! handlers: `schemas`, `subjects`, `posted`, `compatibility`, `settings`; `guard` stands before them all. `written` is
//! for Produce: what clients write with a union.

mod answer;
mod compatibility;
mod guard;
mod kept;
mod members;
mod params;
mod posted;
mod schemas;
mod settings;
mod subject;
mod subjects;
mod view;
mod written;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};
use evento_schema::avro::SCHEMA_BYTES_MAX;
use parking_lot::RwLock;
use tokio::sync::{Mutex, Semaphore};

use crate::broker::write_facts;
use crate::node::Node;
use answer::Refusal;
use view::{Draft, View, head_key};

pub use view::guid_of;
pub use written::{record_in_union, union_with_guid};

/// Posted schemas that are read at once; more wait. Reading a large one takes a core for some ten milliseconds.
const READING_MAX: usize = 2;

/// One writer for a process: ids are given one after the other, whatever the number of routers.
static GIVING: Mutex<()> = Mutex::const_new(());

/// What every handler has.
pub(crate) struct Api {
    node: Arc<dyn Node>,
    /// Host names under which this server may be called, beside loopback ones.
    hosts: Vec<String>,
    view: RwLock<Option<Arc<View>>>,
    /// Permits for reading posted schemas. Bound: [`READING_MAX`].
    reading: Semaphore,
}

/// The whole API. `hosts` are names by which this server may be called, beside `localhost` and addresses; requests
/// to another name are refused (DNS rebinding).
///
/// Limits: bodies of 1 MiB, paths of 8 KiB, subjects of 1,024 bytes.
pub fn router(node: Arc<dyn Node>, hosts: Vec<String>) -> Router {
    let api = Arc::new(Api { node, hosts, view: RwLock::default(), reading: Semaphore::new(READING_MAX) });
    let routes = all().into_iter().fold(Router::new(), |router, (path, handler)| router.route(path, handler));
    routes
        .fallback(|| async { Refusal::plain(StatusCode::NOT_FOUND) })
        .layer(DefaultBodyLimit::max(SCHEMA_BYTES_MAX))
        .layer(from_fn_with_state(api.clone(), guard::every_answer))
        .with_state(api)
}

type Route = (&'static str, MethodRouter<Arc<Api>>);

fn all() -> Vec<Route> {
    let refused = || settings::refused;
    vec![
        ("/", get(settings::root)),
        ("/schemas/types", get(schemas::types)),
        ("/schemas/ids/{id}", get(schemas::by_id)),
        ("/schemas/ids/{id}/schema", get(schemas::text)),
        ("/schemas/ids/{id}/subjects", get(schemas::subjects)),
        ("/schemas/ids/{id}/versions", get(schemas::versions)),
        ("/schemas/guids/{guid}", get(schemas::by_guid)),
        ("/subjects", get(subjects::list)),
        ("/subjects/{subject}", post(posted::look_up).delete(refused())),
        ("/subjects/{subject}/versions", get(subjects::versions).post(posted::register)),
        ("/subjects/{subject}/versions/{version}", get(subjects::version).delete(refused())),
        ("/subjects/{subject}/versions/{version}/schema", get(subjects::text)),
        ("/subjects/{subject}/versions/{version}/referencedby", get(subjects::referenced_by)),
        ("/compatibility/subjects/{subject}/versions", post(compatibility::with_all)),
        ("/compatibility/subjects/{subject}/versions/{version}", post(compatibility::with_one)),
        ("/config", get(settings::config).put(refused()).delete(refused())),
        ("/config/{subject}", get(settings::config_of).put(refused()).delete(refused())),
        ("/mode", get(settings::mode).put(refused()).delete(refused())),
        ("/mode/{subject}", get(settings::mode_of).put(refused()).delete(refused())),
        ("/contexts", get(settings::contexts)),
        ("/associations/resources/{namespace}/{topic}", get(settings::associations)),
        ("/v1/metadata/id", get(settings::metadata_id)),
        ("/v1/metadata/version", get(settings::metadata_version)),
    ]
}

impl Api {
    /// What is registered now. What is new gets its numbers and ids first, and they are durable when this returns.
    async fn view(&self) -> Result<Arc<View>, Refusal> {
        if let Some(view) = self.fresh() {
            return Ok(view);
        }
        let _one = GIVING.lock().await;
        if let Some(view) = self.fresh() {
            return Ok(view);
        }
        let view = Arc::new(self.make().await?);
        *self.view.write() = Some(view.clone());
        Ok(view)
    }

    /// The view that was made last, if nothing has changed since or nothing can be written down.
    fn fresh(&self) -> Option<Arc<View>> {
        let view = self.view.read().clone()?;
        let log = self.node.log();
        let same = view.head == log.meta(&head_key()) && (view.whole || log.fault().is_some());
        same.then_some(view)
    }

    async fn make(&self) -> Result<View, Refusal> {
        let log = self.node.log().clone();
        let draft = blocking(move || Draft::read(&log)).await?.map_err(Refusal::fault)?;
        let facts = draft.facts();
        let written = match facts.is_empty() {
            true => Ok(()),
            false => write_facts(&*self.node, facts).await,
        };
        if let Err(fault) = &written {
            tracing::warn!("new versions of schemas cannot be written down: {fault}");
        }
        let whole = written.is_ok();
        blocking(move || draft.finish(whole)).await?.map_err(Refusal::fault)
    }
}

/// Runs what takes a while off the threads that answer.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.map_err(Refusal::fault)
}
