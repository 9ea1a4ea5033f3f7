//! `GET /v1/backup`: everything up to one commit, as a tar archive that is made while it is sent.
//!
//! One at a time. The archive is read from files that do not change; what is on its way is a few chunks, and a
//! client that takes nothing for a minute loses its connection.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, Response, header};
use bytes::Bytes;
use evento_log::embedded::Backup;
use futures::stream;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::problem::Problem;
use crate::routes::Gateway;

/// Number of the newest commit in the archive.
pub const COMMIT: &str = "evento-backup-commit";
/// Bytes of the topics in it: a little less than the archive has.
pub const BYTES: &str = "evento-backup-bytes";
/// When it was taken, in milliseconds since 1970.
pub const TAKEN: &str = "evento-backup-taken";
/// Bytes of a chunk.
const CHUNK: usize = 256 << 10;
/// Chunks on their way at most.
const CHUNKS: usize = 4;
/// How long a client may take nothing.
const STALLED: Duration = Duration::from_secs(60);

/// `GET /v1/backup`
pub(crate) async fn backup(State(gateway): State<Arc<Gateway>>) -> Result<Response<Body>, Problem> {
    let turn = gateway.backing_up.clone().try_acquire_owned();
    let turn = turn.map_err(|_| Problem::new(6010, "a backup is being taken already; there is one at a time"))?;
    let (sender, taken) = oneshot::channel();
    gateway.node.log().backup(move |result| drop(sender.send(result)));
    let backup = taken.await.map_err(|_| Problem::new(4001, "the log ended before a backup was begun"))??;
    let (chunks, receiver) = mpsc::channel(CHUNKS);
    let headers = [(COMMIT, backup.commit_seq), (BYTES, backup.bytes), (TAKEN, backup.taken_at.0.max(0) as u64)];
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || {
        write(&backup, &runtime, chunks);
        drop(turn);
    });
    let stream = stream::unfold(receiver, |mut receiver| async { Some((receiver.recv().await?, receiver)) });
    let mut response = Response::new(Body::from_stream(stream));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-tar"));
    for (name, value) in headers {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from(value));
    }
    Ok(response)
}

/// Writes the archive into the channel. What fails is the stream's last item: the connection ends without an end of
/// its content, so that nobody takes the part for the whole.
fn write(backup: &Backup, runtime: &Handle, chunks: mpsc::Sender<io::Result<Bytes>>) {
    let out = Chunks { runtime: runtime.clone(), chunks: chunks.clone() };
    if let Err(error) = backup.write(BufWriter::with_capacity(CHUNK, out)) {
        tracing::warn!(commit = backup.commit_seq, "a backup ended before it was whole: {error}");
        let _ = chunks.blocking_send(Err(error));
    }
}

struct Chunks {
    runtime: Handle,
    chunks: mpsc::Sender<io::Result<Bytes>>,
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let send = self.chunks.send_timeout(Ok(Bytes::copy_from_slice(bytes)), STALLED);
        match self.runtime.block_on(send) {
            Ok(()) => Ok(bytes.len()),
            Err(mpsc::error::SendTimeoutError::Timeout(_)) => Err(io::ErrorKind::TimedOut.into()),
            Err(mpsc::error::SendTimeoutError::Closed(_)) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
