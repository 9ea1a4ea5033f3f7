//! A broker on the bank's log, and a client that speaks any version of any request.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use evento_listener::node::Node;
use evento_listener::{Broker, GroupLimits, Limits};
use evento_log::embedded::EmbeddedLog;
use evento_log::intake::{Answer, Ask};
use evento_model::{CommandId, Seed, Timestamp};
use evento_schema::binding::catalog;
use evento_schema::catalog::Catalog;
use kafka_protocol::messages::{RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion};
use kafka_protocol::protocol::{Request, StrBytes};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::registry::world::World;

/// Longest wait for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// The commit time that the clock shows.
pub const NOW: i64 = 1_795_413_600_000;

struct Bank {
    log: EmbeddedLog,
    catalog: Arc<Catalog>,
    seeds: std::sync::atomic::AtomicU8,
}

impl Node for Bank {
    fn catalog(&self) -> Arc<Catalog> {
        self.catalog.clone()
    }

    fn log(&self) -> &EmbeddedLog {
        &self.log
    }

    fn now(&self) -> Timestamp {
        Timestamp(NOW)
    }

    fn seed(&self) -> Seed {
        Seed([self.seeds.fetch_add(1, std::sync::atomic::Ordering::Relaxed); 16])
    }

    fn new_id(&self) -> CommandId {
        CommandId::new("c-1").expect("a valid id")
    }

    fn ask(&self, _: Ask) -> oneshot::Receiver<Answer> {
        oneshot::channel().1
    }
}

/// A broker that runs in a thread of its own, and where.
pub struct Running {
    pub broker: Arc<Broker>,
    pub address: String,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Running {
    /// On the world's log, with bounds that are small enough to meet.
    pub async fn on(world: &World) -> Running {
        let catalog = Arc::new(catalog(&world.registry, 0, &[]));
        let node = Bank { log: world.log.clone(), catalog, seeds: Default::default() };
        let (begun, started) = oneshot::channel();
        let (stop, stopped) = oneshot::channel();
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                assert!(begun.send(start(node).await).is_ok(), "somebody waits");
                let _ = stopped.await;
            });
        });
        let (broker, address) = started.await.expect("a broker");
        Running { broker, address, stop, thread }
    }

    /// Ends everything at once; what the log does not hold is gone.
    pub async fn end(self) {
        drop((self.stop, self.broker));
        let ended = tokio::task::spawn_blocking(|| self.thread.join());
        ended.await.expect("ended").expect("no panic");
    }

    pub async fn client(&self) -> Client {
        Client { stream: TcpStream::connect(&self.address).await.expect("connected") }
    }
}

async fn start(node: Bank) -> (Arc<Broker>, String) {
    let groups = GroupLimits { offsets_of_group_max: 20, offset_text_max: 64, ..GroupLimits::default() };
    let limits = Limits { groups, ..Limits::default() };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    let broker = Broker::start(Arc::new(node), limits, ("127.0.0.1".to_owned(), at.port())).await.expect("a broker");
    tokio::spawn(evento_listener::serve(listener, broker.clone(), std::future::pending()));
    (broker, at.to_string())
}

/// One connection.
pub struct Client {
    stream: TcpStream,
}

impl Client {
    /// Asks in one version; the answer must be read to its last byte.
    pub async fn ask<Q: Request + Encodable + HeaderVersion>(&mut self, version: i16, request: Q) -> Q::Response
    where
        Q::Response: Decodable + HeaderVersion,
    {
        let mut out = BytesMut::new();
        let header = RequestHeader::default()
            .with_request_api_key(Q::KEY)
            .with_request_api_version(version)
            .with_correlation_id(7)
            .with_client_id(Some(text("tester")));
        header.encode(&mut out, Q::header_version(version)).expect("a header");
        request.encode(&mut out, version).expect("a request");
        self.stream.write_u32(out.len() as u32).await.expect("written");
        self.stream.write_all(&out).await.expect("written");
        let mut answer = timeout(ANSWER_MAX, self.read()).await.expect("an answer in time");
        let header = ResponseHeader::decode(&mut answer, Q::Response::header_version(version)).expect("a header");
        assert_eq!(header.correlation_id, 7);
        let read = Q::Response::decode(&mut answer, version).expect("an answer of this version");
        assert!(!answer.has_remaining(), "{} bytes are left over", answer.remaining());
        read
    }

    async fn read(&mut self) -> Bytes {
        let length = self.stream.read_u32().await.expect("an answer");
        let mut answer = vec![0; length as usize];
        self.stream.read_exact(&mut answer).await.expect("an answer");
        answer.into()
    }
}

pub fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}
