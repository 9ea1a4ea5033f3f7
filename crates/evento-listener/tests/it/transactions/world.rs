//! A listener on a real log that may be closed and opened again, with a command path that remembers what it stored
//! and can be made to end, or to refuse.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use evento_listener::node::Node;
use evento_listener::{Broker, Limits};
use evento_log::embedded::EmbeddedLog;
use evento_log::intake::{Answer, Ask, CommandStatus, Refusal, Status};
use evento_log::record::CommandRecord;
use evento_model::{Code, CommandId, EntityKey, EntityTypeId, Position, Seed, Timestamp, TopicKind};
use evento_schema::binding::catalog;
use evento_schema::catalog::Catalog;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use super::client::Client;
use crate::registry::world::World;

/// Longest wait for what must come.
const DEADLINE: Duration = Duration::from_secs(20);

/// What the command path has and does. It outlives servers, as the log does.
pub struct Commands {
    /// In the order of their coming.
    pub stored: Mutex<Vec<CommandRecord>>,
    /// Commands that it still takes; then the server ends.
    pub left: AtomicI64,
    /// How many times a command is refused for lack of room.
    pub crowded: AtomicI64,
    /// This id is refused for good.
    pub refused: Mutex<Option<String>>,
    /// The wall clock, in milliseconds.
    pub now: AtomicI64,
}

struct Bank {
    log: EmbeddedLog,
    catalog: Arc<Catalog>,
    commands: Arc<Commands>,
}

impl Bank {
    fn send(&self, entity: EntityTypeId, command: CommandRecord) -> Answer {
        let refusal = |code, detail: &str| Refusal {
            code: Code(code),
            detail: detail.to_owned(),
            retry_after_ms: None,
            seq: None,
        };
        if self.commands.crowded.fetch_sub(1, Ordering::SeqCst) > 0 {
            return Answer::Refused(refusal(6010, "too much is unfinished"));
        }
        if self.commands.refused.lock().as_deref() == Some(command.command_id.as_str()) {
            return Answer::Refused(refusal(1010, "this key was used for another command"));
        }
        let mut stored = self.commands.stored.lock();
        let same = |known: &CommandRecord| known.id == command.id && known.command_id == command.command_id;
        let at = stored.iter().position(same).unwrap_or_else(|| {
            stored.push(command.clone());
            stored.len() - 1
        });
        let partition = self.catalog.entity(entity).map_or(0, |entity| entity.partition_of(&command.id));
        Answer::Unfinished(Box::new(CommandStatus {
            key: EntityKey { entity, id: command.id },
            command_id: command.command_id,
            command_type: command.type_name,
            status: Status::Queued,
            position: Some(Position { entity, topic: TopicKind::Commands, partition, offset: at as u64 }),
            accepted_at: command.accepted_at,
            attempts: 0,
            next_attempt_at: None,
            waiting_for: None,
            last_error: None,
        }))
    }
}

impl Node for Bank {
    fn catalog(&self) -> Arc<Catalog> {
        self.catalog.clone()
    }

    fn log(&self) -> &EmbeddedLog {
        &self.log
    }

    fn now(&self) -> Timestamp {
        Timestamp(self.commands.now.load(Ordering::SeqCst))
    }

    fn seed(&self) -> Seed {
        // Producer ids then begin at 0.
        Seed([0; 16])
    }

    fn new_id(&self) -> CommandId {
        CommandId::new("made").expect("a valid id")
    }

    fn ask(&self, ask: Ask) -> oneshot::Receiver<Answer> {
        let (sender, receiver) = oneshot::channel();
        if let Ask::Send { entity, command, .. } = ask
            && self.commands.left.fetch_sub(1, Ordering::SeqCst) > 0
        {
            drop(sender.send(self.send(entity, *command)));
        }
        receiver
    }
}

/// A log, and what it leads to. Each [`run`](Place::run) is one life of the server.
pub struct Place {
    world: Option<World>,
    pub commands: Arc<Commands>,
    /// Registry id of the deposit's schema.
    pub schema: u32,
}

impl Place {
    pub fn new() -> Place {
        let world = runtime().block_on(World::bank());
        let catalog = catalog(&world.registry, 0, &[]);
        let entity = &catalog.entities()[0];
        let deposit = entity.commands.iter().find(|command| command.full_name.as_str() == "bank.ReceiveDeposit");
        let schema = deposit.expect("the bank's deposit").versions[0].id.0;
        let commands = Commands {
            stored: Mutex::default(),
            left: AtomicI64::new(i64::MAX),
            crowded: AtomicI64::new(0),
            refused: Mutex::default(),
            now: AtomicI64::new(1_795_413_600_000),
        };
        Place { world: Some(world), commands: Arc::new(commands), schema }
    }

    /// Starts a server, lets clients do something, and kills it. The log is opened again after it.
    pub fn run<T>(&mut self, scenario: impl AsyncFnOnce(&Server) -> T) -> T {
        self.run_with(Limits::default(), scenario)
    }

    /// As `run`, with limits.
    pub fn run_with<T>(&mut self, limits: Limits, scenario: impl AsyncFnOnce(&Server) -> T) -> T {
        let world = self.world.take().expect("no other run");
        let runtime = runtime();
        let result = runtime.block_on(async {
            let server = Server::start(&world, self.commands.clone(), limits).await;
            scenario(&server).await
        });
        runtime.shutdown_timeout(DEADLINE);
        self.world = Some(world.again());
        result
    }

    /// Instances and ids of what was stored, in order.
    pub fn stored(&self) -> Vec<(String, String)> {
        let stored = self.commands.stored.lock();
        stored.iter().map(|one| (one.id.as_str().to_owned(), one.command_id.as_str().to_owned())).collect()
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// A server.
pub struct Server {
    pub address: String,
    pub log: EmbeddedLog,
    pub broker: Arc<Broker>,
}

impl Server {
    async fn start(world: &World, commands: Arc<Commands>, limits: Limits) -> Server {
        let catalog = Arc::new(catalog(&world.registry, 0, &[]));
        let node = Bank { log: world.log.clone(), catalog, commands };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let advertised = ("127.0.0.1".to_owned(), address.port());
        let broker = Broker::start(Arc::new(node), limits, advertised).await.expect("a broker");
        tokio::spawn(evento_listener::serve(listener, broker.clone(), std::future::pending()));
        Server { address: address.to_string(), log: world.log.clone(), broker }
    }

    pub async fn client(&self) -> Client {
        Client::connect(&self.address).await
    }
}

/// Waits until something holds.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let until = Instant::now() + DEADLINE;
    while !holds().await {
        assert!(Instant::now() < until, "{what} does not come true");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
