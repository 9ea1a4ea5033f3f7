//! What only bytes can do wrong: no HTTP, endless headers, drips, lies about lengths, ends in the middle.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use evento_function::FailureClass;
use evento_function::http::Address;

use crate::peer::{DEADLINE, function, golden, request};

/// Accepts connections, reads one request on each and hands the stream over.
fn peer(then: impl Fn(TcpStream, usize, &str) + Send + Sync + 'static) -> (Address, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = Address::parse(&format!("http://{}", listener.local_addr().expect("an address"))).expect("valid");
    let (connections, then) = (Arc::<AtomicUsize>::default(), Arc::new(then));
    let counted = connections.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (then, n) = (then.clone(), counted.fetch_add(1, Ordering::Relaxed));
            std::thread::spawn(move || {
                let call = read_request(&mut stream);
                then(stream, n, &call);
            });
        }
    });
    (address, connections)
}

/// Reads a request to its end; its call id.
fn read_request(stream: &mut TcpStream) -> String {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    let body = golden("run-request.hex");
    while !bytes.ends_with(&body) {
        match stream.read(&mut buffer) {
            Ok(n) if n > 0 => bytes.extend_from_slice(&buffer[..n]),
            _ => break,
        }
    }
    let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
    let after = text.split("evento-call: ").nth(1).unwrap_or_default();
    after.split("\r\n").next().unwrap_or_default().to_owned()
}

fn good(call: &str) -> Vec<u8> {
    let body = golden("run-response.hex");
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.evento.run.v1+avro\r\nEvento-Call: {call}\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), &body].concat()
}

fn head(headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/vnd.evento.run.v1+avro\r\n{headers}\r\n").into_bytes()
}

#[tokio::test]
async fn bytes_that_are_no_answer_have_their_class() {
    use FailureClass::{Contract, Crash};
    let many: String = (0..100).map(|n| format!("X-{n}: y\r\n")).collect();
    let cases: Vec<(&str, Vec<u8>, FailureClass)> = vec![
        ("nothing", Vec::new(), Crash),
        ("no HTTP", b"hello, this is no HTTP at all\r\n\r\n".to_vec(), Contract),
        ("another protocol", b"SSH-2.0-OpenSSH_9.2p1\r\n".to_vec(), Contract),
        ("a status that is none", b"HTTP/1.1 2x0 OK\r\n\r\n".to_vec(), Contract),
        ("a hundred headers", head(&many), Contract),
        ("a header of 64 KiB", head(&format!("X: {}\r\n", "y".repeat(64 << 10))), Contract),
        ("half a head", b"HTTP/1.1 200 OK\r\nContent-Ty".to_vec(), Crash),
        ("half a body", [head("Content-Length: 1000\r\n"), vec![2; 20]].concat(), Crash),
        ("a length that is none", head("Content-Length: many\r\n"), Contract),
        ("two lengths", head("Content-Length: 5\r\nContent-Length: 6\r\n"), Contract),
        ("chunks that are none", [head("Transfer-Encoding: chunked\r\n"), b"zz\r\n".to_vec()].concat(), Crash),
        ("more than 16 MiB announced", head("Content-Length: 99999999999\r\n"), Crash),
    ];
    for (name, bytes, class) in cases {
        let (address, _) = peer(move |mut stream, _, _| drop(stream.write_all(&bytes)));
        let failure = function(&address, true, false).run(&request(), DEADLINE).await.expect_err(name);
        assert_eq!((failure.class, failure.title.is_empty()), (class, false), "{name}: {failure:?}");
    }
}

#[tokio::test]
async fn the_deadline_is_for_the_whole_answer_however_slowly_it_comes() {
    let drips: [fn(&mut TcpStream, &str) -> bool; 3] = [
        // Not a byte.
        |_, _| true,
        // A header a byte at a time.
        |stream, _| stream.write_all(b"H").is_ok(),
        // A body without end, in pieces.
        |stream, _| stream.write_all(b"1\r\nx\r\n").is_ok(),
    ];
    for (n, drip) in drips.into_iter().enumerate() {
        let (address, _) = peer(move |mut stream, _, call| {
            let begin = if n == 2 { head("Transfer-Encoding: chunked\r\n") } else { b"HTTP/1.1 200 OK\r\nX-".to_vec() };
            let _ = if n == 0 { Ok(()) } else { stream.write_all(&begin) };
            while drip(&mut stream, call) && !stopped(&mut stream) {}
        });
        let begun = Instant::now();
        let failure = function(&address, true, false).run(&request(), Duration::from_millis(300)).await;
        let failure = failure.expect_err("no answer");
        // A peer that drips fast enough is stopped by the limits before the deadline; both are right.
        let limits = n > 0 && failure.class == FailureClass::Contract;
        assert!(failure.class == FailureClass::Timeout || limits, "{n}: {failure:?}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{n}");
    }
}

/// Whether the other side went away; waits a little for it.
fn stopped(stream: &mut TcpStream) -> bool {
    let _ = stream.set_read_timeout(Some(Duration::from_millis(1)));
    matches!(stream.read(&mut [0]), Ok(0)) || matches!(stream.take_error(), Ok(Some(_)))
}

#[tokio::test]
async fn an_endless_body_is_left_at_the_limit() {
    let (address, _) = peer(|mut stream, _, _| {
        let chunk = [b"10000\r\n".to_vec(), vec![0; 0x10000], b"\r\n".to_vec()].concat();
        let _ = stream.write_all(&head("Transfer-Encoding: chunked\r\n"));
        while stream.write_all(&chunk).is_ok() {}
    });
    let failure = function(&address, true, false).run(&request(), DEADLINE).await.expect_err("no answer");
    assert_eq!((failure.class, failure.title.as_str()), (FailureClass::Contract, "the answer is too large"));
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_meanwhile_costs_nothing() {
    let (address, connections) = peer(|mut stream, _, call| drop(stream.write_all(&good(call))));
    let host = function(&address, true, false);
    for n in 0..20 {
        let answer = host.run(&request(), DEADLINE).await;
        assert!(answer.is_ok(), "call {n}: {answer:?}");
    }
    assert_eq!(connections.load(Ordering::Relaxed), 20);
}

#[tokio::test]
async fn nobody_there_is_an_outage() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
    let addresses = [Address::parse(&format!("http://{free}")).expect("valid"), Address::unix("/nonexistent/f.sock")];
    for address in addresses {
        for http2 in [false, true] {
            let failure = function(&address, true, http2).run(&request(), DEADLINE).await.expect_err("nobody");
            assert_eq!((failure.class, failure.code.0), (FailureClass::Outage, 3001), "{failure:?}");
        }
    }
}
