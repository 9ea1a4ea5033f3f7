//! Every wrong reply of function-protocol 8.3 and 10.1 has its class, on both HTTP versions.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use evento_function::{Failure, FailureClass, Want};
use http::Response;

use crate::peer::{DEADLINE, Peer, Seen, Wire, function, golden, reply, request};

const RUN: (&str, &str) = ("content-type", "application/vnd.evento.run.v1+avro");
const EVENT: (&str, &str) = ("evento-event", "bank.DepositReceived");
const DATUM: (&str, &str) = ("content-type", "avro/binary");

type Answer = fn(&Seen) -> Response<Bytes>;

async fn failure(wire: Wire, batch: bool, answer: Answer) -> Result<Failure, String> {
    let peer = Peer::start(wire, answer).await;
    match function(&peer.address, batch, wire.is_http2()).run(&request(), DEADLINE).await {
        Err(failure) => Ok(failure),
        Ok(mut response) => match response.results.pop().and_then(|result| result.failure) {
            Some(inside) => Ok(inside.failure),
            None => Err("it was taken for an answer".to_owned()),
        },
    }
}

async fn check(batch: bool, cases: &[(&str, Answer, FailureClass, u16, &str)]) {
    for (name, answer, class, code, words) in cases {
        for wire in [Wire::TcpHttp1, Wire::TcpHttp2] {
            let found = failure(wire, batch, *answer).await.unwrap_or_else(|why| panic!("{name}, {wire:?}: {why}"));
            assert_eq!((found.class, found.code.0), (*class, *code), "{name}, {wire:?}: {found:?}");
            let said = format!("{}: {}", found.title, found.detail);
            assert!(said.contains(words), "{name}, {wire:?}: {said:?} does not say {words:?}");
            assert!(found.title.len() <= 200 && found.detail.len() <= 8_192, "{name}, {wire:?}");
        }
    }
}

fn with_bytes(seen: &Seen, change: impl Fn(&mut Vec<u8>)) -> Response<Bytes> {
    let mut body = golden("run-response.hex").to_vec();
    change(&mut body);
    reply(seen, 200, &[RUN], body)
}

#[tokio::test]
async fn statuses_are_judged_alike_in_both_framings() {
    use FailureClass as Class;
    let wait = |ms| Class::BackPressure { retry_after_ms: ms };
    let cases: [(&str, Answer, FailureClass, u16, &str); 20] = [
        ("429", |s| reply(s, 429, &[("retry-after", "3")], ""), wait(Some(3_000)), 3001, "429"),
        ("503", |s| reply(s, 503, &[], ""), wait(None), 3001, "503"),
        ("503 with nonsense", |s| reply(s, 503, &[("retry-after", "soon")], ""), wait(None), 3001, "503"),
        (
            "503 until a time that is over",
            |s| reply(s, 503, &[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")], ""),
            wait(Some(0)),
            3001,
            "503",
        ),
        ("409", |s| reply(s, 409, &[], ""), Class::Swapped, 3001, "409"),
        ("401", |s| reply(s, 401, &[], ""), Class::Outage, 3001, "401"),
        ("403", |s| reply(s, 403, &[], ""), Class::Outage, 3001, "403"),
        ("413", |s| reply(s, 413, &[], ""), Class::TooLarge, 3005, "413"),
        ("415", |s| reply(s, 415, &[], ""), Class::ModeNotSpoken, 3011, "415"),
        ("422", |s| reply(s, 422, &[], ""), Class::Poison, 3003, "422"),
        (
            "500 that says never",
            |s| reply(s, 500, &[], r#"{"title":"no such tariff","evento-retry":false}"#),
            Class::Poison,
            3003,
            "no such tariff",
        ),
        ("500", |s| reply(s, 500, &[], r#"{"title":"KeyError","detail":"a.py:3"}"#), Class::Error, 3003, "a.py:3"),
        (
            "500 as a page",
            |s| reply(s, 500, &[("content-type", "text/html; charset=utf-8")], "<!doctype html><title>500</title>"),
            Class::Error,
            3003,
            "what the function wrote may say more",
        ),
        ("502", |s| reply(s, 502, &[], "bad gateway"), Class::Error, 3003, "bad gateway"),
        ("504", |s| reply(s, 504, &[], ""), Class::Error, 3003, "504"),
        ("400", |s| reply(s, 400, &[], "what?"), Class::Contract, 3005, "what?"),
        ("404", |s| reply(s, 404, &[], ""), Class::Contract, 3005, "404"),
        ("405", |s| reply(s, 405, &[], ""), Class::Contract, 3005, "405"),
        ("a redirection", |s| reply(s, 302, &[("location", "http://127.0.0.1:1/")], ""), Class::Contract, 3005, "302"),
        ("201", |s| reply(s, 201, &[], ""), Class::Contract, 3005, "201"),
    ];
    check(true, &cases).await;
    check(false, &cases).await;
}

#[tokio::test]
async fn every_wrong_batch_answer_breaks_the_contract() {
    use FailureClass::Contract;
    let cases: [(&str, Answer, FailureClass, u16, &str); 19] = [
        ("no type", |s| reply(s, 200, &[], golden("run-response.hex")), Contract, 3005, "content type"),
        ("html", |s| reply(s, 200, &[("content-type", "text/html")], "<p>"), Contract, 3005, "text/html"),
        (
            "zipped",
            |s| reply(s, 200, &[RUN, ("content-encoding", "gzip")], golden("run-response.hex")),
            Contract,
            3005,
            "content encoding",
        ),
        (
            "another call",
            |s| reply(s, 200, &[RUN, ("evento-call", "00000000000000000000000000000000")], golden("run-response.hex")),
            Contract,
            3005,
            "another call",
        ),
        (
            "no call",
            |s| reply(s, 200, &[RUN, ("evento-call", "")], golden("run-response.hex")),
            Contract,
            3005,
            "Evento-Call is missing",
        ),
        ("nothing", |s| reply(s, 200, &[RUN], ""), Contract, 3005, "end in the middle"),
        ("no result", |s| reply(s, 200, &[RUN], vec![0]), Contract, 3005, "0 results"),
        ("cut short", |s| with_bytes(s, |body| body.truncate(20)), Contract, 3005, "no RunResponse"),
        ("one byte more", |s| with_bytes(s, |body| body.push(0)), Contract, 3005, "left over"),
        ("another ref", |s| with_bytes(s, |body| body[1] = 0x10), Contract, 3005, "ref of another work"),
        ("two outcomes for one step", |s| with_bytes(s, |body| body[2] = 4), Contract, 3005, "no RunResponse"),
        ("a negative length", |s| with_bytes(s, |body| body[4] = 1), Contract, 3005, "a length of -1"),
        ("a name that is no UTF-8", |s| with_bytes(s, |body| body[5] = 0xff), Contract, 3005, "no UTF-8"),
        (
            "more items than bytes",
            |s| reply(s, 200, &[RUN], vec![0xfe, 0xff, 0xff, 0xff, 0x0f]),
            Contract,
            3005,
            "items in 0 bytes",
        ),
        ("a number without end", |s| reply(s, 200, &[RUN], vec![0xff; 40]), Contract, 3005, "more than ten bytes"),
        (
            "a failure at a step that is none",
            |s| reply(s, 200, &[RUN], vec![2, 0x0e, 0, 2, 8, 0, 0, 0, 0]),
            Contract,
            3005,
            "failure.step",
        ),
        (
            "a kind of failure that is none",
            |s| reply(s, 200, &[RUN], vec![2, 0x0e, 0, 2, 0, 8, 0, 0, 0]),
            Contract,
            3005,
            "index 4 of 3",
        ),
        ("no outcome and no failure", |s| reply(s, 200, &[RUN], vec![2, 0x0e, 0, 0, 0]), Contract, 3005, "0 outcomes"),
        ("too much", |s| reply(s, 200, &[RUN], vec![0; (16 << 20) + 1]), Contract, 3005, "too large"),
    ];
    check(true, &cases).await;
}

#[tokio::test]
async fn what_a_batch_says_of_one_work_keeps_its_words() {
    let cases: [(&str, Answer, FailureClass, u16, &str); 3] = [
        ("poison", |s| reply(s, 200, &[RUN], golden("run-response-poison.hex")), FailureClass::Poison, 3003, "tariff"),
        (
            "retry",
            |s| reply(s, 200, &[RUN], [&[2, 0x0e, 0, 2, 0, 0, 6][..], b"abc", &[2, b'd', 0]].concat()),
            FailureClass::Error,
            3003,
            "abc: d",
        ),
        (
            "contract",
            |s| reply(s, 200, &[RUN], [&[2, 0x0e, 0, 2, 0, 4, 6][..], b"abc", &[0, 0]].concat()),
            FailureClass::Contract,
            3005,
            "abc",
        ),
    ];
    check(true, &cases).await;
}

#[tokio::test]
async fn every_wrong_plain_answer_breaks_the_contract() {
    use FailureClass::Contract;
    const EVENTS: (&str, &str) = ("content-type", "application/vnd.evento.events.v1+avro");
    let cases: [(&str, Answer, FailureClass, u16, &str); 8] = [
        ("no event named", |s| reply(s, 200, &[DATUM], "abc"), Contract, 3005, "Evento-Event"),
        ("html", |s| reply(s, 200, &[EVENT, ("content-type", "text/html")], "<p>"), Contract, 3005, "text/html"),
        ("no events", |s| reply(s, 200, &[EVENTS], vec![0]), Contract, 3008, "no event"),
        ("broken events", |s| reply(s, 200, &[EVENTS], vec![2, 9]), Contract, 3005, "no Events"),
        ("events and more", |s| reply(s, 200, &[EVENTS], vec![0, 0]), Contract, 3005, "left over"),
        ("a name that is none", |s| reply(s, 200, &[DATUM, ("evento-event", "1 2")], "abc"), Contract, 3005, "1 2"),
        (
            "another call",
            |s| reply(s, 200, &[EVENT, DATUM, ("evento-call", "00")], "abc"),
            Contract,
            3005,
            "another call",
        ),
        ("204 from handle", |s| reply(s, 204, &[EVENT], ""), Contract, 3005, "204"),
    ];
    check(false, &cases).await;
}

#[tokio::test]
async fn more_states_than_asked_for_break_the_contract() {
    for (want, words) in [(Want::None, "0 states"), (Want::Each, "")] {
        let peer = Peer::start(Wire::TcpHttp1, |s| reply(s, 200, &[RUN], golden("run-response.hex"))).await;
        let mut asked = request();
        asked.work[0].want = want;
        let answer = function(&peer.address, true, false).run(&asked, DEADLINE).await;
        match answer {
            Err(failure) => assert!(!words.is_empty() && failure.detail.contains(words), "{failure:?}"),
            Ok(_) => assert!(words.is_empty(), "{want:?} was taken"),
        }
    }
}

#[tokio::test]
async fn a_connection_that_broke_the_protocol_is_not_used_again() {
    for wire in [Wire::TcpHttp1, Wire::TcpHttp2, Wire::UnixHttp1, Wire::UnixHttp2] {
        let peer =
            Peer::start(wire, |s| reply(s, 200, &[RUN, ("evento-call", "00")], golden("run-response.hex"))).await;
        let host = function(&peer.address, true, wire.is_http2());
        for _ in 0..3 {
            assert!(host.run(&request(), DEADLINE).await.is_err());
        }
        assert_eq!(peer.connections.load(Ordering::Relaxed), 3, "{wire:?}");
        let peer = Peer::start(wire, |s| reply(s, 500, &[], "an error breaks no protocol")).await;
        let host = function(&peer.address, true, wire.is_http2());
        for _ in 0..3 {
            assert!(host.run(&request(), DEADLINE).await.is_err());
        }
        assert_eq!(peer.connections.load(Ordering::Relaxed), 1, "{wire:?}");
    }
}

#[tokio::test]
async fn an_answer_under_another_manifest_is_thrown_away() {
    let known = "5a".repeat(32);
    let answer = |s: &Seen| reply(s, 200, &[RUN, ("evento-manifest", &"5A".repeat(32))], golden("run-response.hex"));
    for (had, swapped) in [(Some("5b".repeat(32)), true), (Some(known), false), (None, false)] {
        let peer = Peer::start(Wire::TcpHttp1, answer).await;
        let mut manifest = crate::peer::manifest(true, false);
        manifest.served = had;
        let revision = evento_model::Revision(evento_model::Digest([1; 32]));
        let host = evento_function::http::HttpFunction::new(peer.address.clone(), &manifest, revision, None);
        let found = host.run(&request(), DEADLINE).await.map_err(|failure| failure.class);
        assert_eq!(found.err(), swapped.then_some(FailureClass::Swapped));
    }
}
