//! The bytes of function-protocol 6.3 cross every wire in both framings, with the headers of section 5.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use evento_function::http::HttpFunction;
use evento_function::{RunResponse, Work};
use evento_model::EntityId;

use crate::peer::{DEADLINE, Peer, Seen, WIRES, Wire, function, golden, manifest, reply, request, unhex};

const RUN: &str = "application/vnd.evento.run.v1+avro";

fn check_golden(response: &RunResponse, wire: Wire) {
    let outcome = &response.results[0].outcomes[0];
    assert_eq!(&*outcome.events[0].type_name, "bank.DepositReceived", "{wire:?}");
    assert_eq!(outcome.events[0].payload, unhex("f0 01 08 72 65 6e 74"), "{wire:?}");
    assert_eq!(outcome.states, [Some(unhex("06 41 64 61 06 45 55 52 c0 11 06"))], "{wire:?}");
}

fn check_headers(seen: &Seen, wire: Wire, expected: &[(&str, &str)]) {
    for (name, value) in expected {
        assert_eq!(seen.headers.get(*name).and_then(|v| v.to_str().ok()), Some(*value), "{wire:?}: {name}");
    }
    let call = seen.headers["evento-call"].to_str().expect("text");
    assert!(call.len() == 32 && call.bytes().all(|b| b.is_ascii_hexdigit()), "{wire:?}: {call}");
    let left: u64 = seen.headers["evento-timeout-ms"].to_str().expect("text").parse().expect("a number");
    assert!((1..=20_000).contains(&left), "{wire:?}: {left}");
    let version = if wire.is_http2() { http::Version::HTTP_2 } else { http::Version::HTTP_11 };
    assert_eq!(seen.version, version, "{wire:?}");
}

#[tokio::test]
async fn the_golden_batch_crosses_every_wire() {
    for wire in WIRES {
        let peer =
            Peer::start(wire, |seen| reply(seen, 200, &[("content-type", RUN)], golden("run-response.hex"))).await;
        let response = function(&peer.address, true, wire.is_http2()).run(&request(), DEADLINE).await;
        check_golden(&response.expect("an answer"), wire);
        let seen = peer.last();
        assert_eq!((seen.line.as_str(), &seen.body), ("POST /run", &golden("run-request.hex")), "{wire:?}");
        let revision = format!("sha256:{}", "ab".repeat(32));
        let headers = [
            ("content-type", RUN),
            ("evento-protocol", "1"),
            ("evento-revision", &revision),
            ("evento-instance", "i-1"),
        ];
        check_headers(&seen, wire, &headers);
    }
}

#[tokio::test]
async fn the_golden_plain_call_crosses_every_wire_as_handle_and_apply() {
    for wire in WIRES {
        for several in [false, true] {
            let peer = Peer::start(wire, move |seen| match (seen.line.as_str(), several) {
                ("POST /handle/bank.DepositCash", false) => {
                    let headers = [("evento-event", "bank.DepositReceived"), ("content-type", "avro/binary")];
                    reply(seen, 200, &headers, unhex("f0 01 08 72 65 6e 74"))
                }
                ("POST /handle/bank.DepositCash", true) => {
                    let headers = [("content-type", "application/vnd.evento.events.v1+avro")];
                    reply(seen, 200, &headers, golden("events.hex"))
                }
                // A hand-written function need not echo the call nor say what it answers.
                _ => reply(seen, 200, &[("evento-call", "")], unhex("06 41 64 61 06 45 55 52 c0 11 06")),
            })
            .await;
            let response = function(&peer.address, false, wire.is_http2()).run(&request(), DEADLINE).await;
            check_golden(&response.expect("an answer"), wire);
            let seen = peer.seen.lock().expect("no panic").clone();
            let lines: Vec<&str> = seen.iter().map(|seen| seen.line.as_str()).collect();
            assert_eq!(lines, ["POST /handle/bank.DepositCash", "POST /apply/bank.DepositReceived"], "{wire:?}");
            let common = [
                ("content-type", "avro/binary"),
                ("evento-entity", "bank.Account"),
                ("evento-entity-id", "a-1"),
                ("evento-id", "c-9"),
                ("evento-time", "2026-11-23T06:00:00.000Z"),
                ("evento-attempt", "1"),
            ];
            for seen in &seen {
                assert_eq!(seen.body, unhex("f0 01 08 72 65 6e 74 02 06 41 64 61 06 45 55 52 d0 0f 04"), "{wire:?}");
                check_headers(seen, wire, &common);
            }
            check_headers(&seen[0], wire, &[("evento-seq", "3"), ("evento-seed", "000102030405060708090a0b0c0d0e0f")]);
        }
    }
}

#[tokio::test]
async fn an_instance_without_state_and_an_odd_id_travel_as_the_protocol_says() {
    let peer = Peer::start(Wire::TcpHttp1, |seen| match seen.line.starts_with("POST /handle/") {
        true => reply(seen, 200, &[("evento-event", "bank.DepositReceived")], unhex("f0 01 08 72 65 6e 74")),
        false => reply(seen, 204, &[], ""),
    })
    .await;
    let mut request = request();
    let id = EntityId::new("zoë/1 %").expect("a valid id");
    request.work[0] = Work { entity_id: id, seq: 0, state: None, ..request.work[0].clone() };
    let response = function(&peer.address, false, false).run(&request, DEADLINE).await.expect("an answer");
    assert_eq!(response.results[0].outcomes[0].states, [None]);
    let seen = peer.last();
    assert_eq!(seen.headers["evento-entity-id"], "zo%C3%AB%2F1%20%25");
    assert_eq!(seen.body, unhex("f0 01 08 72 65 6e 74 00"));
}

#[tokio::test]
async fn calls_share_one_h2c_connection_and_take_turns_on_http1_ones() {
    for wire in [Wire::TcpHttp2, Wire::TcpHttp1] {
        let peer =
            Peer::start(wire, |seen| reply(seen, 200, &[("content-type", RUN)], golden("run-response.hex"))).await;
        let host = Arc::new(function(&peer.address, true, wire.is_http2()));
        for _ in 0..5 {
            let calls: Vec<_> = (0..40)
                .map(|_| {
                    let host = host.clone();
                    tokio::spawn(async move { host.run(&request(), DEADLINE).await })
                })
                .collect();
            for call in calls {
                check_golden(&call.await.expect("no panic").expect("an answer"), wire);
            }
        }
        let connections = peer.connections.load(Ordering::Relaxed);
        let most = if wire.is_http2() { 1 } else { 40 };
        assert!((1..=most).contains(&connections), "{wire:?}: {connections} connections for 200 calls");
        let calls: HashMap<String, usize> =
            peer.seen.lock().expect("no panic").iter().fold(HashMap::new(), |mut calls, seen| {
                *calls.entry(seen.headers["evento-call"].to_str().expect("text").to_owned()).or_default() += 1;
                calls
            });
        assert_eq!(calls.len(), 200, "{wire:?}: a call id came twice");
    }
}

#[tokio::test]
async fn discovery_reads_the_manifest_and_a_function_without_it_may_say_whether_it_is_ready() {
    let known = r#"{"manifestVersion":1,"protocol":{"min":1,"max":1,"modes":["run"]},"schemas":[],"entities":[]}"#;
    for wire in [Wire::TcpHttp1, Wire::UnixHttp1] {
        let peer = Peer::start(wire, move |seen| match seen.line.as_str() {
            "GET /.well-known/evento" => reply(seen, 200, &[], known),
            _ => reply(seen, 503, &[], ""),
        })
        .await;
        let probe = HttpFunction::unknown(peer.address.clone(), None);
        let found = probe.discover().await.expect("an answer").expect("a manifest");
        assert!(found.batch && !found.http2 && found.served.as_ref().is_some_and(|digest| digest.len() == 64));
        assert_eq!(peer.last().headers["evento-revision"], "none");
        assert!(!probe.ready().await.expect("an answer"));
    }
    let bare = Peer::start(Wire::TcpHttp1, |seen| reply(seen, 404, &[], "")).await;
    let probe = HttpFunction::unknown(bare.address.clone(), None);
    assert!(probe.discover().await.expect("an answer").is_none());
    assert!(probe.ready().await.expect("an answer"), "no endpoint for it counts as ready");
    assert_eq!(manifest(true, false).served, None);
}
