//! A log in a scratch directory, resources applied to it, and requests to the API that reads it.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response};
use bytes::Bytes;
use evento_listener::node::Node;
use evento_listener::registry::router;
use evento_log::embedded::{EmbeddedConfig, EmbeddedLog};
use evento_log::intake::{Answer, Ask};
use evento_log::unit::CommitUnit;
use evento_model::{CommandId, Seed, Timestamp};
use evento_schema::binding::catalog;
use evento_schema::catalog::Catalog;
use evento_schema::registry::{Change, KEY_PREFIX, NoUsage, Registry};
use evento_schema::resource::{Kind, SourceFile, attachment_key, parse_set, referenced_files};
use serde_json::Value;
use tokio::sync::oneshot;
use tower::ServiceExt;

/// A registry with the API on it.
pub struct World {
    folder: tempfile::TempDir,
    pub log: EmbeddedLog,
    pub registry: Registry,
    pub api: Router,
}

impl World {
    /// One with nothing registered.
    pub async fn empty() -> World {
        World::on(tempfile::tempdir().expect("a scratch directory"))
    }

    /// One with the bank of the examples.
    pub async fn bank() -> World {
        let mut world = World::empty().await;
        let folder = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").expect("tests run under cargo"));
        let folder = folder.join("../../examples/bank/resources");
        let text = std::fs::read_to_string(folder.join("account.yaml")).expect("the bank's resources");
        world.apply_from(&folder, &text).await;
        world
    }

    fn on(folder: tempfile::TempDir) -> World {
        let mut config = EmbeddedConfig::new(folder.path().join("data"));
        config.reserve_bytes = 0;
        let (log, _) = EmbeddedLog::open(config, Box::new(|| Timestamp(1_795_413_600_000))).expect("the log opens");
        let entries: Vec<_> =
            log.meta_scan(KEY_PREFIX.as_bytes()).into_iter().map(|(k, v)| (k.to_vec(), v.to_vec())).collect();
        let registry = Registry::load(&entries).expect("a registry");
        let api = router(Arc::new(bare(&log)), vec!["evento.internal".to_owned()]);
        World { folder, log, registry, api }
    }

    /// The same log, closed and opened again.
    pub fn again(self) -> World {
        let World { folder, log, api, .. } = self;
        drop(api);
        log.close();
        World::on(folder)
    }

    /// Applies resources, as `evento apply` does, without any check of functions.
    pub async fn apply(&mut self, text: &str) {
        self.apply_from(&PathBuf::from("."), text).await;
    }

    async fn apply_from(&mut self, folder: &std::path::Path, text: &str) {
        let file = SourceFile { path: "r.yaml".to_owned(), folder: None, text: text.to_owned() };
        let read = |path: String| {
            let text = std::fs::read_to_string(folder.join(&path)).expect("a schema");
            (attachment_key(&file.path, &path), text)
        };
        let attachments = referenced_files(&file).into_iter().map(read).collect();
        let set = parse_set(std::slice::from_ref(&file), &attachments).expect("resources");
        self.commit(self.registry.plan(&set, &NoUsage).expect("a plan")).await;
    }

    /// Deletes a resource that has no history.
    pub async fn delete(&mut self, kind: Kind, name: &str) {
        self.commit(self.registry.plan_delete(kind, name, true, true, &NoUsage).expect("a plan")).await;
    }

    async fn commit(&mut self, change: Change) {
        self.write(change.meta).await;
        self.registry = change.registry;
    }

    /// Makes facts durable.
    pub async fn write(&self, facts: Vec<(Bytes, Option<Bytes>)>) {
        let (sender, durable) = oneshot::channel();
        self.log.submit(CommitUnit::of_facts(facts), Box::new(move |result| drop(sender.send(result))));
        durable.await.expect("an answer").expect("durable");
    }

    /// Status and body of a GET.
    pub async fn get(&self, path: &str) -> (u16, String) {
        self.ask("GET", path, "").await
    }

    /// The body of a GET that must succeed.
    pub async fn json(&self, path: &str) -> Value {
        let (status, body) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).expect("JSON")
    }

    /// Status and body of a POST of JSON.
    pub async fn post(&self, path: &str, body: &Value) -> (u16, String) {
        self.ask("POST", path, &body.to_string()).await
    }

    /// Status and body of any request.
    pub async fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        ask(&self.api, method, path, body).await
    }

    /// A second API on the same log.
    pub fn another_api(&self) -> Router {
        router(Arc::new(bare(&self.log)), Vec::new())
    }

    /// Sends a request as it is.
    pub async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.api.clone().oneshot(request).await.expect("an answer")
    }

    /// Checks a table of paths, statuses and bodies.
    pub async fn table(&self, rows: &[(&str, u16, &str)]) {
        for (path, status, body) in rows {
            assert_eq!(self.get(path).await, (*status, (*body).to_owned()), "GET {path}");
        }
    }
}

/// Status and body of a request.
pub async fn ask(api: &Router, method: &str, path: &str, body: &str) -> (u16, String) {
    let request = Request::builder().method(method).uri(path).header("host", "localhost:8081");
    let request = request.body(Body::from(body.to_owned())).expect("a request");
    let response = api.clone().oneshot(request).await.expect("an answer");
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), 1 << 22).await.expect("a body");
    (status, String::from_utf8(body.to_vec()).expect("text"))
}

/// The registry API reads the log: its catalogue may be empty.
fn bare(log: &EmbeddedLog) -> Bare {
    Bare(log.clone(), Arc::new(catalog(&Registry::default(), 0, &[])))
}

/// A node of which only the log and the catalogue are there: what is asked of the command path has no answer.
pub struct Bare(pub EmbeddedLog, pub Arc<Catalog>);

impl Node for Bare {
    fn catalog(&self) -> Arc<Catalog> {
        self.1.clone()
    }

    fn log(&self) -> &EmbeddedLog {
        &self.0
    }

    fn now(&self) -> Timestamp {
        Timestamp(0)
    }

    fn seed(&self) -> Seed {
        Seed([7; 16])
    }

    fn new_id(&self) -> CommandId {
        CommandId::new("c-1").expect("a valid id")
    }

    fn ask(&self, _: Ask) -> oneshot::Receiver<Answer> {
        oneshot::channel().1
    }
}

/// One entity with a command and two events, as the tests of evolution change them.
pub const SHOP: &str = r#"
{apiVersion: evento.dev/v1alpha1, kind: Entity, metadata: {name: order}, spec: {schema: {type: record, name: Order, namespace: shop, fields: [{name: total, type: long}]}}}
---
{apiVersion: evento.dev/v1alpha1, kind: Command, metadata: {name: place-order}, spec: {entity: order, emits: [order-placed], schema: {type: record, name: PlaceOrder, namespace: shop, fields: [{name: total, type: long}]}}}
---
{apiVersion: evento.dev/v1alpha1, kind: Event, metadata: {name: order-placed}, spec: {entity: order, compatibility: full, schema: {type: record, name: OrderPlaced, namespace: shop, fields: [{name: total, type: long}]}}}
"#;

/// The document of [`SHOP`]'s command with other fields.
pub fn place_order(fields: &str) -> String {
    SHOP.split("---").nth(1).expect("the command").replace("[{name: total, type: long}]", fields)
}
