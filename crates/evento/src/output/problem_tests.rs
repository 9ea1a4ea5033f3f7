//! What failures look like, word for word.

use evento_model::Code;
use expect_test::{Expect, expect};

use super::render;
use crate::cli::failure::{Failure, Violation};
use crate::output::style::Style;

fn check(failure: &Failure, source: &str, expected: Expect) {
    expected.assert_eq(&render(failure, Style::PLAIN, &|_| Some(source.to_owned())));
}

fn in_file(line: usize, column: usize) -> Violation {
    Violation {
        code: Some(Code(2002)),
        file: Some("resources/account.yaml".into()),
        line,
        column,
        message: "unknown field emit".into(),
        help: Some("did you mean emits?".into()),
        ..Violation::default()
    }
}

#[test]
fn a_finding_shows_its_line_and_underlines_the_word() {
    let mut failure = Failure::new(2002, "the resources were refused").why("nothing was applied");
    failure.violations = vec![in_file(2, 3)];
    check(
        &failure,
        "spec:\n  emit: [a]\n",
        expect![[r"
            error[EV2002]: unknown field emit
               ╭─[resources/account.yaml:2:3]
             2 │   emit: [a]
               ·   ──┬─
               ╰────
               next  did you mean emits?
               more  evento explain EV2002
            1 error, nothing was applied
        "]],
    );
}

#[test]
fn long_lines_are_cut_around_the_place() {
    let line = format!("{{{}, name: amount, {}}}", "kind: Event, ".repeat(12), "spec: {}, ".repeat(12));
    let column = line.find("amount").expect("it is there") + 1;
    let mut failure = Failure::new(2002, "the resources were refused");
    failure.violations = vec![in_file(1, column)];
    check(
        &failure,
        &line,
        expect![[r#"
            error[EV2002]: unknown field emit
               ╭─[resources/account.yaml:1:166]
             1 │ … : Event, kind: Event, , name: amount, spec: {}, spec: {}, spec: {}, spec: {}, spec: {}, sp …
               ·                                 ───┬──
               ╰────
               next  did you mean emits?
               more  evento explain EV2002
            1 error, the resources were refused
        "#]],
    );
}

#[test]
fn a_place_outside_the_file_still_names_the_file() {
    let mut failure = Failure::new(2002, "the resources were refused");
    failure.violations = vec![in_file(9, 1), Violation { line: 0, column: 0, ..in_file(0, 0) }];
    check(
        &failure,
        "one line",
        expect![[r"
            error[EV2002]: unknown field emit
               ──[resources/account.yaml:9:1]
               next  did you mean emits?
               more  evento explain EV2002
            error[EV2002]: unknown field emit
               ──[resources/account.yaml]
               next  did you mean emits?
               more  evento explain EV2002
            2 errors, the resources were refused
        "]],
    );
}

#[test]
fn a_problem_lists_its_fields_and_candidates() {
    let problem = serde_json::json!({"code": "EV1003", "title": "Command does not match its schema",
        "detail": "1 violation",
        "violations": [{"pointer": "/amuont", "message": "unknown field, did you mean amount?"}]});
    check(
        &Failure::from_problem(400, problem),
        "",
        expect![[r#"
            error[EV1003]: Command does not match its schema
               /amuont: unknown field, did you mean amount?
               more  evento explain EV1003
        "#]],
    );
    let problem = serde_json::json!({"code": "EV1001", "title": "no entity acount", "candidates": ["account"]});
    check(
        &Failure::from_problem(404, problem),
        "",
        expect![[r"
            error[EV1001]: no entity acount
               next  did you mean account?
               more  evento explain EV1001
        "]],
    );
}
