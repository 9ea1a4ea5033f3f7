//! The server that listens: connections with a bound on how many there are, and deadlines for what they send.
//!
//! A client that sends its headers or its body drop by drop holds a connection for a while, and nothing else. What
//! is answered is the router's; what a connection costs is decided here.

mod again;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use again::Again;
use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::Request;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, Sleep};
use tower::ServiceExt;

/// Connections at once; one more is closed at once.
const CONNECTIONS_MAX: usize = 10_000;
/// Bytes of the headers of a request (guarantees S8).
const HEADERS_MAX: usize = 32 << 10;
/// Headers must have come after this long; a connection is silent no longer between two requests, either.
const HEADERS_WAIT: Duration = Duration::from_secs(60);
/// A body must have come after this long.
const BODY_WAIT: Duration = Duration::from_secs(30);
/// Pause after the system refused a connection, out of file descriptors for example.
const REFUSED: Duration = Duration::from_millis(50);

/// Serves until `stop` ends; then finishes what is being answered.
pub async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()> + Send) -> io::Result<()> {
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let (server, graceful) = (Arc::new(server()), GracefulShutdown::new());
    let mut stop = std::pin::pin!(stop);
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!("a connection could not be taken: {error}");
                    tokio::time::sleep(REFUSED).await;
                    continue;
                }
            },
            () = &mut stop => break,
        };
        let Ok(permit) = connections.clone().try_acquire_owned() else { continue };
        let (server, watcher, router) = (server.clone(), graceful.watcher(), router.clone());
        tokio::spawn(async move {
            if let Err(error) = answer(&server, stream, router, watcher).await {
                tracing::debug!("a connection ended: {error}");
            }
            drop(permit);
        });
    }
    drop(listener);
    graceful.shutdown().await;
    Ok(())
}

fn server() -> auto::Builder<TokioExecutor> {
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS_WAIT).max_buf_size(HEADERS_MAX.max(8 << 10));
    server.http2().timer(TokioTimer::new()).max_header_list_size(HEADERS_MAX as u32).keep_alive_interval(HEADERS_WAIT);
    server
}

async fn answer(
    server: &auto::Builder<TokioExecutor>,
    stream: TcpStream,
    router: Router,
    watcher: hyper_util::server::graceful::Watcher,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    stream.set_nodelay(true)?;
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        router.clone().oneshot(request.map(|body| Body::new(Timely { body, deadline: None })))
    });
    Again::new(watcher.watch(server.serve_connection(TokioIo::new(stream), service))).await
}

/// A body that must come to its end in time. The clock starts when something is missing for the first time.
struct Timely {
    body: Incoming,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl HttpBody for Timely {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            return Poll::Ready(frame.map(|frame| frame.map_err(axum::Error::new)));
        }
        let deadline =
            self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + BODY_WAIT)));
        match deadline.as_mut().poll(context) {
            Poll::Ready(()) => {
                let late = io::Error::new(io::ErrorKind::TimedOut, "the body did not come to its end in time");
                Poll::Ready(Some(Err(axum::Error::new(late))))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
