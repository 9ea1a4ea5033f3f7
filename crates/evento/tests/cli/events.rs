//! `history` and `tail`: lists, streams, resumption, forms.

use expect_test::expect;

use crate::server::Server;

const OPENED: &str = r#"{"id":"account/alice/1","entity":"bank.Account","entityId":"alice","seq":1,"type":"bank.AccountOpened","time":"2026-11-23T06:00:00.123Z","data":{"owner":"Ada"},"patch":[{"op":"add","path":"","value":{"owner":"Ada","balance":0}}]}"#;
const RECEIVED: &str = r#"{"id":"account/alice/2","entity":"bank.Account","entityId":"alice","seq":2,"type":"bank.DepositReceived","time":"2026-11-23T06:00:01.123Z","data":{"amount":120},"patch":[{"op":"replace","path":"/balance","value":120}]}"#;

#[test]
fn history_shows_each_event_with_what_it_changed() {
    let server = Server::start()
        .answer(
            "GET /v1/entities/account/alice/events?fromSeq=1&diff=true&limit=500",
            200,
            &format!(r#"{{"items":[{OPENED}],"nextCursor":"more"}}"#),
        )
        .answer(
            "GET /v1/entities/account/alice/events?fromSeq=1&diff=true&limit=500&cursor=more",
            200,
            &format!(r#"{{"items":[{RECEIVED}],"nextCursor":null}}"#),
        );
    server.run("history account/alice --diff --time-format rfc3339").check(&expect![[r#"
           1  2026-11-23T06:00:00.123Z  bank.AccountOpened  owner "Ada"  │ owner "Ada"  balance 0
           2  2026-11-23T06:00:01.123Z  bank.DepositReceived  amount 120  │ balance 0 → 120
        --- exit 0
    "#]]);
}

#[test]
fn a_followed_history_goes_on_with_the_stream() {
    let base = "GET /v1/entities/account/alice";
    let server = Server::start()
        .answer(&format!("{base}/events?fromSeq=1&diff=true&limit=500"), 200, &format!(r#"{{"items":[{OPENED}]}}"#))
        .answer(&format!("{base}/events"), 200, &format!("id: 2\nevent: bank.DepositReceived\ndata: {RECEIVED}\n\n"))
        .answer(&format!("{base}?seq=2"), 200, r#"{"state":{"owner":"Ada","balance":120}}"#)
        .answer(&format!("{base}/events"), 404, r#"{"code":"EV1020","title":"No such instance"}"#);
    // The canned stream ends with a refusal; a real one goes on.
    server.run("history account/alice --diff --follow --time-format rfc3339").check(&expect![[r#"
           1  2026-11-23T06:00:00.123Z  bank.AccountOpened  owner "Ada"  │ owner "Ada"  balance 0
           2  2026-11-23T06:00:01.123Z  bank.DepositReceived  amount 120  │ balance 0 → 120
        --- stderr
        error[EV1020]: No such instance
           more  evento explain EV1020
        --- exit 3
    "#]]);
    assert!(server.requests()[1].contains("last-event-id: 1"), "{:?}", server.requests());
}

#[test]
fn a_stream_that_breaks_is_resumed_where_it_broke() {
    let path = "GET /v1/events?entity=account&from=start&type=bank.DepositReceived";
    let server = Server::start()
        .answer(path, 200, &format!("id: MDpB\nevent: bank.AccountOpened\ndata: {OPENED}\n\n: still here\n\nid: cut"))
        .answer(path, 200, &format!("id: MDpC\nevent: bank.DepositReceived\ndata: {RECEIVED}\n\n"));
    let run = server.run("tail account --from start --type bank.DepositReceived --max 2 --time-format rfc3339");
    run.check(&expect![[r#"
        account/alice  1  2026-11-23T06:00:00.123Z  bank.AccountOpened  owner "Ada"
        account/alice  2  2026-11-23T06:00:01.123Z  bank.DepositReceived  amount 120
        --- exit 0
    "#]]);
    expect![[r#"
        GET /v1/events?entity=account&from=start&type=bank.DepositReceived
          accept: text/event-stream
        GET /v1/events?entity=account&from=start&type=bank.DepositReceived
          accept: text/event-stream
          last-event-id: MDpB"#]]
    .assert_eq(&server.requests().join("\n"));
}

#[test]
fn a_slow_reader_goes_on_after_it_was_closed() {
    let path = "GET /v1/events?from=now";
    let server = Server::start()
        .answer(
            path,
            200,
            &format!("id: A\ndata: {OPENED}\n\nid: A\nevent: evento.closed\ndata: {{\"reason\":\"slow\"}}\n\n"),
        )
        .answer(path, 200, &format!("id: B\ndata: {RECEIVED}\n\n"));
    let run = server.run("tail --max 2 -o name");
    assert_eq!((run.code, run.stdout.as_str()), (0, "account/alice/1\naccount/alice/2\n"), "{}", run.stderr);
}

#[test]
fn machine_forms_of_a_tail_are_lines() {
    let server = Server::start()
        .answer("GET /v1/events?from=start", 200, &format!("id: MDpB\ndata: {RECEIVED}\n\n"))
        .answer("GET /v1/events?from=start", 200, &format!("id: MDpB\ndata: {RECEIVED}\n\n"));
    server.run("tail --from start --max 1 -o jsonl").check(&expect![[r#"
        {"id":"account/alice/2","entity":"bank.Account","entityId":"alice","seq":2,"type":"bank.DepositReceived","time":"2026-11-23T06:00:01.123Z","data":{"amount":120},"patch":[{"op":"replace","path":"/balance","value":120}],"token":"MDpB"}
        --- exit 0
    "#]]);
    server.run("tail --from start --max 1 -o cloudevents").check(&expect![[r#"
        {"specversion":"1.0","id":"account/alice/2","source":"/evento/account","type":"bank.DepositReceived","datacontenttype":"application/json","data":{"amount":120},"subject":"alice","partitionkey":"alice","time":"2026-11-23T06:00:01.123Z","sequence":"2"}
        --- exit 0
    "#]]);
}

#[test]
fn a_tail_of_an_instance_begins_behind_what_is_there() {
    let server = Server::start().answer("GET /v1/entities/account/alice", 200, r#"{"seq":1,"state":{}}"#).answer(
        "GET /v1/entities/account/alice/events",
        200,
        &format!("id: 2\ndata: {RECEIVED}\n\n"),
    );
    let run = server.run("tail account/alice --max 1 -o name");
    assert_eq!((run.code, run.stdout.as_str()), (0, "account/alice/2\n"), "{}", run.stderr);
    assert!(server.requests()[1].contains("last-event-id: 1"), "{:?}", server.requests());
}

#[test]
fn a_tail_of_nothing_is_refused_at_once() {
    let problem = r#"{"code":"EV1001","title":"no entity acount","candidates":["account"]}"#;
    let server = Server::start().answer("GET /v1/events?entity=acount&from=now", 404, problem);
    server.run("tail acount").check(&expect![[r#"
        --- stderr
        error[EV1001]: no entity acount
           next  did you mean account?
           more  evento explain EV1001
        --- exit 3
    "#]]);
}
