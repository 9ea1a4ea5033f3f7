//! Events of one instance as they happen, of the wanted types only.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

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
