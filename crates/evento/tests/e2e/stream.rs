//! Events of one instance as they happen, of the wanted types only.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::server::{Server, bank_function, bank_resources};

#[test]
fn the_stream_of_an_instance_has_only_the_wanted_types_and_goes_on_after_the_last_one_seen() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("data"));
    server.apply(&bank_resources(folder.path(), bank_function(), ""));
    server.evento(&["send", "account/ada", "OpenAccount", "owner=Ada"]);
    for amount in ["amount=1", "amount=2"] {
        assert_eq!(server.evento(&["send", "account/ada", "ReceiveDeposit", amount]).0, 0);
    }
    let first = |path: &str, headers: &str| {
        let mut stream = TcpStream::connect(&server.address).expect("connected");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a deadline");
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n{headers}\r\n");
        stream.write_all(head.as_bytes()).expect("sent");
        let lines = BufReader::new(stream).lines().map(|line| line.expect("a line"));
        lines.skip_while(|line| !line.starts_with("id: ")).take(2).collect::<Vec<String>>()
    };
    let path = "/v1/entities/account/ada/events?type=DepositReceived";
    assert_eq!(first(path, ""), ["id: 2", "event: bank.DepositReceived"]);
    assert_eq!(first(path, "Last-Event-ID: 2\r\n"), ["id: 3", "event: bank.DepositReceived"]);
    assert_eq!(first("/v1/entities/account/ada/events", ""), ["id: 1", "event: bank.AccountOpened"]);
}

#[test]
fn a_server_that_is_asked_to_end_ends_its_streams_and_does_not_wait_for_their_readers() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(&folder.path().join("data"));
    let mut stream = TcpStream::connect(&server.address).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a deadline");
    stream.write_all(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n").expect("sent");
    let mut lines = BufReader::new(stream).lines();
    assert_eq!(lines.next().expect("a line").expect("read"), "HTTP/1.1 200 OK");
    let asked = Instant::now();
    let pid = server.pid().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs").success());
    assert_eq!(server.ended(), Some(0));
    // A reader that is waited for is cut off after five seconds.
    assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
    assert!(lines.all(|line| line.is_ok()), "the stream was cut off");
}
