//! Bytes on a connection without an HTTP library: what no proper client sends.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::wire::{Ask, Wire};

/// Where a connection is ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cut {
    InHead,
    InBody,
    BeforeAnswer,
}

/// The head of a request whose body has so many bytes.
pub(crate) fn head(wire: &Wire, ask: &Ask, length: u64) -> Vec<u8> {
    let (base, host) = (wire.place.base(), wire.place.host());
    let mut head =
        format!("{} {base}{} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {length}\r\n", ask.method, ask.path);
    for (name, value) in &ask.headers {
        head.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap_or_default()));
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// Sends a part of a request and goes away.
pub(crate) async fn cut_off(wire: &Wire, ask: &Ask, cut: Cut) -> Result<(), String> {
    let mut stream = wire.place.connect().await?;
    let mut bytes = head(wire, ask, ask.body.len() as u64);
    match cut {
        Cut::InHead => bytes.truncate(bytes.len() / 2),
        Cut::InBody => bytes.extend_from_slice(&ask.body[..ask.body.len() / 2]),
        Cut::BeforeAnswer => bytes.extend_from_slice(&ask.body),
    }
    stream.write_all(&bytes).await.map_err(|error| error.to_string())
}

/// Sends a body of zeros that is too large; the status that comes. A function may answer from the head alone.
pub(crate) async fn oversized(wire: &Wire, ask: &Ask, length: u64, deadline: Duration) -> Result<u16, String> {
    let (mut reader, mut writer) = tokio::io::split(wire.place.connect().await?);
    let head = head(wire, ask, length);
    let sending = async {
        let chunk = vec![0; 256 << 10];
        let mut left = length;
        let mut sent = writer.write_all(&head).await;
        // Once it does not read on, its answer is there or nothing is.
        while left > 0 && sent.is_ok() {
            let take = left.min(chunk.len() as u64) as usize;
            sent = writer.write_all(&chunk[..take]).await;
            left -= take as u64;
        }
        std::future::pending().await
    };
    // Read beside writing: a function that refuses and closes takes its answer with it (RFC 9112, 9.6).
    let exchange = async {
        tokio::select! {
            answered = read_status(&mut reader) => answered,
            never = sending => never,
        }
    };
    match timeout(deadline, exchange).await {
        Ok(answered) => answered,
        Err(_) => Err(format!("no answer within {} s", deadline.as_secs())),
    }
}

/// The status of the answer that comes next.
async fn read_status(stream: &mut (impl AsyncRead + Unpin)) -> Result<u16, String> {
    let mut read = Vec::new();
    let mut buffer = [0; 1_024];
    while read.len() < 16 << 10 {
        match stream.read(&mut buffer).await {
            Ok(0) => return Err("the connection is closed without an answer".to_owned()),
            Ok(n) => read.extend_from_slice(&buffer[..n]),
            Err(error) => return Err(format!("the connection breaks off without an answer: {error}")),
        }
        if let Some(end) = read.windows(2).position(|two| two == b"\r\n") {
            return status(&read[..end]);
        }
    }
    Err("an answer without end of its first line".to_owned())
}

fn status(line: &[u8]) -> Result<u16, String> {
    let line = String::from_utf8_lossy(line).into_owned();
    let mut words = line.split(' ');
    let http = words.next().is_some_and(|word| word.starts_with("HTTP/1."));
    match (http, words.next().and_then(|word| word.parse().ok())) {
        (true, Some(status)) => Ok(status),
        _ => Err(format!("{line:?}, which is no HTTP")),
    }
}

/// Asks, and demands that nothing comes for so long; the end of the connection is nothing.
pub(crate) async fn silent(wire: &Wire, ask: &Ask, longest: Duration) -> Result<(), String> {
    let mut stream = wire.place.connect().await?;
    let mut bytes = head(wire, ask, ask.body.len() as u64);
    bytes.extend_from_slice(&ask.body);
    stream.write_all(&bytes).await.map_err(|error| error.to_string())?;
    let mut buffer = [0; 1_024];
    match timeout(longest, stream.read(&mut buffer)).await {
        Err(_) | Ok(Ok(0) | Err(_)) => Ok(()),
        Ok(Ok(n)) => {
            let line = String::from_utf8_lossy(&buffer[..n]).lines().next().unwrap_or_default().to_owned();
            Err(format!("{line:?} after the deadline"))
        }
    }
}

/// Sends bytes that are no HTTP, reads what comes for a moment, and goes away.
pub(crate) async fn blurt(wire: &Wire, bytes: &[u8]) -> Result<(), String> {
    let mut stream = wire.place.connect().await?;
    stream.write_all(bytes).await.map_err(|error| error.to_string())?;
    let mut buffer = [0; 1_024];
    let _ = timeout(Duration::from_millis(5), stream.read(&mut buffer)).await;
    Ok(())
}
