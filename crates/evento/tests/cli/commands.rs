//! `command` and `function`: the verbs of whoever repairs.

use expect_test::expect;

use crate::server::Server;

const PARKED: &str = r#"{"commandId":"c-2","entity":"account","id":"alice","command":"bank.WithdrawCash","status":"parked",
    "acceptedAt":"2026-11-23T06:00:00.123Z","attempts":10,"nextAttemptAt":null,"waitingFor":{"kind":"person"},
    "lastError":{"code":"EV3003","title":"function accounts threw TypeError","detail":"no number","fingerprint":"b41c09",
    "stack":"accounts.py:14 in withdraw_cash"}}"#;
const DONE: &str = r#"{"commandId":"c-2","outcome":"abandoned","seq":7,"events":[{"type":"evento.CommandAbandoned","seq":7,
    "data":{"reason":"typing error"}}]}"#;

#[test]
fn commands_are_listed_with_what_holds_them() {
    let list = format!(r#"{{"items":[{PARKED}]}}"#);
    let server = Server::start()
        .answer("GET /v1/commands?status=parked&limit=50", 200, &list)
        .answer(
            "GET /v1/commands/groups",
            200,
            r#"{"items":[{"fingerprint":"b41c09","count":12,"code":"EV3003",
            "function":"accounts","title":"accounts threw TypeError","oldest":"2026-11-23T06:00:00Z"}]}"#,
        )
        .answer("GET /v1/entities/account/alice/commands/c-2", 200, PARKED);
    server.run("command list --status parked --time-format rfc3339").check(&expect![[r#"
        STATUS  COMMAND            TYPE               ACCEPTED                  ATTEMPTS  NEXT  LAST ERROR
        parked  account/alice/c-2  bank.WithdrawCash  2026-11-23T06:00:00.123Z  10              EV3003 no number
        --- exit 0
    "#]]);
    server.run("command list --group-by fingerprint --time-format rfc3339").check(&expect![[r#"
        FINGERPRINT  COUNT  CODE    FUNCTION  OLDEST                ERROR
        b41c09       12     EV3003  accounts  2026-11-23T06:00:00Z  accounts threw TypeError
        --- exit 0
    "#]]);
    server.run("command get account/alice/c-2 -w").check(&expect![[r#"
        parked  account/alice  command c-2   attempt 10, waits for a person
          EV3003 function accounts threw TypeError: no number
                 accounts.py:14 in withdraw_cash
          The command is stored and waits for a person. Fix the function, or:
          evento command retry account/alice/c-2
          evento command abandon account/alice/c-2 --reason TEXT
        --- exit 6
    "#]]);
}

#[test]
fn a_watched_command_ends_with_its_outcome() {
    let waiting =
        r#"{"commandId":"c-2","status":"waiting","attempts":0,"waitingFor":{"kind":"function","name":"accounts"}}"#;
    let path = "GET /v1/entities/account/alice/commands/c-2";
    let server = Server::start().answer(path, 200, waiting).answer(path, 200, DONE);
    server.run("command get account/alice/c-2 --watch").check(&expect![[r#"
        waiting  account/alice  command c-2   waits for function accounts
        abandoned  account/alice  seq 7
          evento.CommandAbandoned  reason "typing error"
        --- exit 10
    "#]]);
}

#[test]
fn a_bare_id_must_be_unique() {
    let two = r#"{"items":[{"commandId":"c-2","entity":"account","id":"alice"},{"commandId":"c-2","entity":"account","id":"bob"}]}"#;
    let server = Server::start()
        .answer("GET /v1/commands?id=c-2", 200, two)
        .answer("GET /v1/commands?id=c-2", 200, r#"{"items":[]}"#)
        .answer("GET /v1/commands?id=c-2", 200, &format!(r#"{{"items":[{PARKED}]}}"#))
        .answer("POST /v1/entities/account/alice/commands/c-2/retry", 202, "{}");
    server.run("command retry c-2").check(&expect![[r#"
        --- stderr
        error[EV2003]: 2 instances have a command c-2
           next  say which: account/alice/c-2 or account/bob/c-2
           more  evento explain EV2003
        --- exit 2
    "#]]);
    server.run("command retry c-2").check(&expect![[r#"
        --- stderr
        error[EV1021]: there is no command c-2
           next  a finished command is named in full: ENTITY/ID/COMMAND-ID
           more  evento explain EV1021
        --- exit 3
    "#]]);
    server.run("command retry c-2").check(&expect![[r#"
        tried again  account/alice/c-2
        --- exit 0
    "#]]);
}

#[test]
fn all_commands_with_one_error_are_given_up_with_a_reason() {
    let server = Server::start()
        .answer("GET /v1/commands?fingerprint=b41c09&limit=500", 200, &format!(r#"{{"items":[{PARKED}]}}"#))
        .answer("POST /v1/entities/account/alice/commands/c-2/abandon", 200, DONE);
    assert_eq!(server.run("command abandon --all --fingerprint b41c09").code, 2, "a reason is needed");
    assert_eq!(server.run("command abandon --all --reason x").code, 2, "which ones is needed");
    server.run("command abandon --all --fingerprint b41c09 --reason 'typing error'").check(&expect![[r#"
        abandoned  account/alice  seq 7
          evento.CommandAbandoned  reason "typing error"
        --- exit 0
    "#]]);
    assert!(server.requests()[1].ends_with(r#"{"reason":"typing error"}"#), "{:?}", server.requests());
}

#[test]
fn functions_tell_state_output_and_answers() {
    let logs = r#"{"items":[{"number":1,"at":"2026-11-23T06:00:00Z","stream":"stdout","level":null,"line":"started"},
        {"number":2,"at":"2026-11-23T06:00:01Z","stream":"stderr","level":"error","line":"TypeError"}],"next":2}"#;
    let server = Server::start()
        .answer(
            "GET /v1/functions",
            200,
            r#"{"items":[{"name":"accounts","runtime":"process","state":"ready",
            "revision":"sha256:3f9c21aa55","since":"2026-11-23T06:00:00Z","inFlight":2,"lastError":null}]}"#,
        )
        .answer("GET /v1/functions/accounts/logs?after=0&limit=500", 200, logs)
        .answer("GET /v1/functions/accounts/logs?after=2&limit=500", 200, r#"{"items":[],"next":2}"#)
        .answer("GET /v1/entities/account/alice", 200, r#"{"seq":3,"state":{"balance":100}}"#)
        .answer(
            "POST /v1/functions/accounts/test",
            200,
            r#"{"events":[{"type":"bank.CashWithdrawn","data":{"amount":50}}],
            "state":{"balance":50}}"#,
        );
    server.run("fn list --time-format rfc3339").check(&expect![[r#"
        NAME      STATE  RUNTIME  REVISION  SINCE                 IN FLIGHT  LAST ERROR
        accounts  ready  process  3f9c21aa  2026-11-23T06:00:00Z  2
        --- exit 0
    "#]]);
    server.run("function logs accounts --time-format rfc3339").check(&expect![[r#"
        2026-11-23T06:00:00Z  started
        2026-11-23T06:00:01Z  error TypeError
        --- exit 0
    "#]]);
    server.run_with_input("function invoke accounts withdraw-cash -f - --on account/alice", r#"{"amount":50}"#).check(
        &expect![[r#"
            bank.CashWithdrawn  amount 50
              balance 100 → 50
            --- stderr
            nothing was written
            --- exit 0
        "#]],
    );
    let requests = server.requests();
    let test = requests.last().expect("there were some");
    assert!(
        test.contains(r#"{"command":"withdraw-cash","payload":{"amount":50},"state":{"balance":100},"id":"alice"}"#),
        "{test}"
    );
}
