//! `send` and `state`: outcomes, changes, waiting, exit codes.

use expect_test::expect;

use crate::server::Server;

const COMMAND: &str = r#"{"kind":"Command","metadata":{"name":"receive-deposit"},"spec":{"entity":"account",
    "schema":{"type":"record","name":"ReceiveDeposit","namespace":"bank","fields":[
      {"name":"amount","type":"long"},{"name":"reference","type":"string","default":""}]}}}"#;
const ACCEPTED: &str = r#"{"commandId":"c-1","entity":"bank.Account","id":"alice","command":"bank.ReceiveDeposit",
    "outcome":"accepted","seq":4,"events":[{"id":"account/alice/4","type":"bank.DepositReceived","seq":4,
    "time":"2026-11-23T06:00:00.123Z","data":{"amount":120,"reference":"rent"}}],"attempts":1,"durationMs":12,
    "state":{"owner":"Ada","balance":1120,"deposits":3}}"#;
const RETRYING: &str = r#"{"commandId":"c-2","entity":"bank.Account","id":"alice","command":"bank.WithdrawCash",
    "status":"retrying","attempts":4,"nextAttemptAt":"2026-11-23T06:00:00Z","waitingFor":null,
    "lastError":{"code":"EV3003","title":"function accounts threw TypeError",
    "detail":"'>=' not supported between 'str' and 'int'","stack":"accounts.py:14 in withdraw_cash"}}"#;
const SEND: &str = "POST /v1/entities/account/alice/commands/ReceiveDeposit";

#[test]
fn an_accepted_command_shows_events_and_changes() {
    let server = Server::start()
        .answer("GET /v1/resources/command/ReceiveDeposit", 200, COMMAND)
        .answer(SEND, 200, ACCEPTED)
        .answer(
            "GET /v1/entities/account/alice?seq=3",
            200,
            r#"{"state":{"owner":"Ada","balance":1000,"deposits":2}}"#,
        );
    server.run("send account/alice ReceiveDeposit amount=120 reference=rent").check(&expect![[r#"
        accepted  account/alice  seq 4   12 ms
          bank.DepositReceived  amount 120  reference "rent"
          balance 1000 → 1120  deposits 2 → 3
        --- exit 0
    "#]]);
    expect![[r#"
        GET /v1/resources/command/ReceiveDeposit
        POST /v1/entities/account/alice/commands/ReceiveDeposit
          idempotency-key: "(made)"
          prefer: wait=10, return=representation
          {"amount":120,"reference":"rent"}
        GET /v1/entities/account/alice?seq=3"#]]
    .assert_eq(&server.requests().join("\n"));
}

#[test]
fn machine_forms_get_the_servers_document_and_ask_no_more() {
    let server = Server::start().answer(SEND, 200, r#"{"commandId":"c-1","outcome":"accepted","seq":1}"#);
    server.run("send account/alice ReceiveDeposit -o json --idempotency-key c-1 --if-seq none").check(&expect![[r#"
        {
          "commandId": "c-1",
          "outcome": "accepted",
          "seq": 1
        }
        --- exit 0
    "#]]);
    expect![[r#"
        POST /v1/entities/account/alice/commands/ReceiveDeposit
          idempotency-key: "c-1"
          if-none-match: *
          prefer: wait=10
          {}"#]]
    .assert_eq(&server.requests().join("\n"));
}

#[test]
fn every_outcome_has_its_exit_code() {
    for (word, code) in [("accepted", 0), ("rejected", 4), ("abandoned", 10)] {
        let server = Server::start().answer(SEND, 200, &format!(r#"{{"outcome":"{word}","seq":1,"events":[]}}"#));
        assert_eq!(server.run("send account/alice ReceiveDeposit").code, code, "{word}");
    }
}

#[test]
fn an_unfinished_command_says_why_and_what_next() {
    let server = Server::start().answer(SEND, 202, RETRYING);
    server.run("send account/alice ReceiveDeposit --wait 0s").check(&expect![[r#"
        retrying  account/alice  command c-2   attempt 4, next now
          EV3003 function accounts threw TypeError: '>=' not supported between 'str' and 'int'
                 accounts.py:14 in withdraw_cash
          The command is stored and will be tried again. Watch it:
          evento command get account/alice/c-2 -w
        --- exit 6
    "#]]);
}

#[test]
fn not_waiting_is_done_when_the_command_is_stored() {
    let queued = r#"{"commandId":"c-3","status":"queued","attempts":0,"lastError":null,"waitingFor":null}"#;
    let server = Server::start().answer(SEND, 202, queued);
    server.run("send account/alice ReceiveDeposit --async --idempotency-key c-3").check(&expect![[r#"
        queued  account/alice  command c-3
          The command is stored. Watch it:
          evento command get account/alice/c-3 -w
        --- exit 0
    "#]]);
    assert!(server.requests()[0].contains("prefer: respond-async"), "{:?}", server.requests());
}

#[test]
fn a_wait_goes_on_by_asking_for_the_command() {
    let server = Server::start().answer(SEND, 202, RETRYING).answer(
        "GET /v1/entities/account/alice/commands/k",
        200,
        r#"{"outcome":"rejected","seq":2,"events":[]}"#,
    );
    let run = server.run("send account/alice ReceiveDeposit --idempotency-key k --wait 30s");
    assert_eq!((run.code, run.stdout.as_str()), (4, "rejected  account/alice  seq 2\n"));
}

#[test]
fn refusals_show_their_code_and_end_with_its_number() {
    let problem = |code: &str, title: &str, more: &str| {
        format!(r#"{{"type":"https://evento.dev/errors/{code}","title":"{title}","code":"{code}"{more}}}"#)
    };
    for (status, code, exit) in [
        (400, "EV1002", 2),
        (404, "EV1001", 3),
        (413, "EV1005", 2),
        (422, "EV1010", 5),
        (412, "EV1011", 5),
        (403, "EV6002", 8),
        (507, "EV4005", 1),
        (503, "EV4004", 7),
    ] {
        let server = Server::start().answer(SEND, status, &problem(code, "no", ""));
        let run = server.run("send account/alice ReceiveDeposit");
        assert_eq!(run.code, exit, "{code}");
        assert!(run.stderr.starts_with(&format!("error[{code}]: no\n")), "{}", run.stderr);
    }
    let more = r#","detail":"1 violation","violations":[{"pointer":"/amuont","message":"unknown field, did you mean amount?"}]"#;
    let server = Server::start().answer(SEND, 400, &problem("EV1003", "Command does not match its schema", more));
    server.run_with_input("send account/alice ReceiveDeposit -f - -o json", r#"{"amuont":1}"#).check(&expect![[r#"
        {
          "type": "https://evento.dev/errors/EV1003",
          "title": "Command does not match its schema",
          "code": "EV1003",
          "detail": "1 violation",
          "violations": [
            {
              "pointer": "/amuont",
              "message": "unknown field, did you mean amount?"
            }
          ]
        }
        --- stderr
        error[EV1003]: Command does not match its schema
           /amuont: unknown field, did you mean amount?
           more  evento explain EV1003
        --- exit 2
    "#]]);
}

#[test]
fn fields_are_checked_before_anything_is_sent() {
    let server = Server::start().answer("GET /v1/resources/command/ReceiveDeposit", 200, COMMAND);
    server.run("send account/alice ReceiveDeposit amuont=120 amount=much").check(&expect![[r#"
        --- stderr
        error[EV1003]: ReceiveDeposit does not match its schema
           /amuont: unknown field, did you mean amount?
           /amount: "much" is not a whole number of 64 bits
           more  evento explain EV1003
        --- exit 2
    "#]]);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_misspelt_command_is_told_its_neighbour() {
    let unknown = r#"{"code":"EV1001","title":"Unknown entity or command",
        "detail":"no command is called \"RecieveDeposit\"; did you mean ReceiveDeposit?","candidates":["ReceiveDeposit"]}"#;
    let server = Server::start().answer("GET /v1/resources/command/RecieveDeposit", 404, unknown);
    server.run("send account/alice RecieveDeposit amount=1").check(&expect![[r#"
        --- stderr
        error[EV1001]: Unknown entity or command
           why   no command is called "RecieveDeposit"; did you mean ReceiveDeposit?
           more  evento explain EV1001
        --- exit 3
    "#]]);
}

#[test]
fn overload_is_tried_again() {
    let server = Server::start()
        .answer_with(SEND, 503, "retry-after: 0\r\n", r#"{"code":"EV6010","title":"overloaded"}"#)
        .answer(SEND, 200, r#"{"outcome":"accepted","seq":1,"events":[]}"#);
    let run = server.run("send account/alice ReceiveDeposit");
    assert_eq!(run.code, 0, "{}", run.stderr);
    let requests = server.requests();
    assert_eq!((requests.len(), &requests[0]), (2, &requests[1]));
}

#[test]
fn a_state_shows_its_fields() {
    let state = r#"{"entity":"bank.Account","id":"a/ b","seq":6,"updatedAt":"2026-11-23T06:00:00.123Z",
        "state":{"owner":"Ada","balance":1000},"blockedBy":null}"#;
    let server = Server::start()
        .answer("GET /v1/entities/account/a%2F%20b", 200, state)
        .answer("GET /v1/entities/account/a%2F%20b?seq=3", 200, state)
        .answer("GET /v1/entities/account/a%2F%20b?seq=1", 200, r#"{"state":{"owner":"Ada","balance":7}}"#)
        .answer("GET /v1/entities/account/a%2F%20b?seq=6", 200, state);
    server.run("state 'account/a/ b' --time-format rfc3339").check(&expect![[r#"
        account/a/ b  seq 6  2026-11-23T06:00:00.123Z
          owner    "Ada"
          balance  1000
        --- exit 0
    "#]]);
    server.run("state 'account/a/ b' --at-seq 3 -o yaml").check(&expect![[r#"
        entity: bank.Account
        id: a/ b
        seq: 6
        updatedAt: "2026-11-23T06:00:00.123Z"
        state:
          owner: Ada
          balance: 1000
        blockedBy: null
        --- exit 0
    "#]]);
    server.run("state 'account/a/ b' --diff 1..6").check(&expect![[r#"
        account/a/ b  seq 1 → 6
          balance 7 → 1000
        --- exit 0
    "#]]);
}
