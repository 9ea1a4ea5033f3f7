//! A connection: frames in, one answer after the other out, as a Kafka broker does it.
//!
//! A frame is a length of four bytes and as many bytes (Kafka protocol guide, "Protocol primitives"). A broker
//! handles one request of a connection at a time; what a client sends meanwhile waits in the socket. Memory grows
//! with the bytes that have come, never with a length that was only claimed.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout, timeout_at};

use crate::api::{self, Answered};
use crate::broker::Broker;
use crate::reply::Reply;

/// Bytes of room made before each read; a request of so many may come in whatever others do.
const READ: usize = 64 << 10;
/// Pause after the system refused a connection, out of file descriptors for example.
const REFUSED: Duration = Duration::from_millis(50);

/// Who is at the other end.
///
/// The place where a principal will stand: TLS sets it before the first request (the name in the client's
/// certificate), SaslAuthenticate when it succeeds (`api::sasl`). `api::answer` has this at hand for every request, and
/// is the one place to refuse requests of a client without principal, all but ApiVersions, SaslHandshake and
/// SaslAuthenticate. Until then only loopback addresses are served, and nobody is asked who they are.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    /// Its connection's number: later connections have higher ones.
    pub(crate) number: u64,
    pub(crate) address: SocketAddr,
    /// The client's name for itself, empty if it has none.
    pub(crate) id: String,
}

/// Serves a listener until `until` ends. Connections then end with the runtime.
pub async fn serve(listener: TcpListener, broker: Arc<Broker>, until: impl Future<Output = ()>) {
    let mut until = std::pin::pin!(until);
    let mut number = 0;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut until => return,
        };
        match accepted {
            Ok((stream, address)) => {
                // One too many is closed at once: its client sees that and comes again.
                let Ok(permit) = broker.connections.clone().try_acquire_owned() else { continue };
                let broker = broker.clone();
                number += 1;
                let client = Client { number, address, id: String::new() };
                tokio::spawn(async move {
                    if let Err(error) = Connection::new(stream, client).run(&broker).await {
                        tracing::debug!(%address, "a Kafka connection ended: {error}");
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!("a Kafka connection could not be taken: {error}");
                tokio::time::sleep(REFUSED).await;
            }
        }
    }
}

struct Connection {
    stream: TcpStream,
    client: Client,
    /// What has come and is not handled. Bound: one request, and one read.
    incoming: BytesMut,
}

impl Connection {
    fn new(stream: TcpStream, client: Client) -> Connection {
        let _ = stream.set_nodelay(true);
        Connection { stream, client, incoming: BytesMut::new() }
    }

    async fn run(mut self, broker: &Arc<Broker>) -> io::Result<()> {
        while let Some((request, held)) = self.request(broker).await? {
            let wait = match api::answer(broker, &mut self.client, request).await {
                Ok(Answered::Reply(reply, wait)) => {
                    self.write(broker, reply).await?;
                    wait
                }
                Ok(Answered::Silent(wait)) => wait,
                Err(why) => return Err(io::Error::new(io::ErrorKind::InvalidData, why.to_string())),
            };
            drop(held);
            if !wait.is_zero() {
                // What the client sends meanwhile waits in the socket.
                tokio::time::sleep(wait).await;
            }
        }
        Ok(())
    }

    /// The next request without its length, and the permit for its bytes; `None` when the client has gone.
    async fn request(&mut self, broker: &Broker) -> io::Result<Option<(Bytes, Option<OwnedSemaphorePermit>)>> {
        if self.incoming.is_empty() {
            // An idle connection has no buffer.
            self.incoming = BytesMut::new();
            let idle = timeout(broker.limits.idle, self.stream.readable()).await;
            idle.map_err(|_| late("nothing came for too long"))??;
            let idle = timeout(broker.limits.idle, self.read()).await;
            if idle.map_err(|_| late("nothing came for too long"))?? == 0 {
                return Ok(None);
            }
        }
        let until = Instant::now() + broker.limits.request_wait;
        self.fill(4, until).await?;
        let length = self.incoming.get_i32();
        let length = usize::try_from(length).ok().filter(|length| *length <= broker.limits.request_bytes_max);
        let length = length.ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "the length of a request is negative or above the limit")
        })?;
        self.fill(length.min(READ), until).await?;
        let held = if length > READ { Some(room(broker, length, until).await?) } else { None };
        self.fill(length, until).await?;
        Ok(Some((self.incoming.split_to(length).freeze(), held)))
    }

    /// Reads until so many bytes are there.
    async fn fill(&mut self, length: usize, until: Instant) -> io::Result<()> {
        while self.incoming.len() < length {
            let read = timeout_at(until, self.read()).await;
            if read.map_err(|_| late("a request did not come to its end in time"))?? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    async fn read(&mut self) -> io::Result<usize> {
        self.incoming.reserve(READ);
        self.stream.read_buf(&mut self.incoming).await
    }

    async fn write(&mut self, broker: &Broker, reply: Reply) -> io::Result<()> {
        let written = timeout(broker.limits.write_wait, reply.write(&mut self.stream)).await;
        written.map_err(|_| late("the client does not take its answer"))?
    }
}

/// A permit for a large request. Its first bytes have come: a length alone takes nothing from others.
async fn room(broker: &Broker, length: usize, until: Instant) -> io::Result<OwnedSemaphorePermit> {
    let permits = length.div_ceil(1 << 10) as u32;
    let permit = timeout_at(until, broker.incoming.clone().acquire_many_owned(permits)).await;
    permit.map_err(|_| late("too many large requests are coming in"))?.map_err(io::Error::other)
}

fn late(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}
