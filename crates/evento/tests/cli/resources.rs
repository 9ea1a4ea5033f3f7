//! `apply`, `diff`, `get`, `delete`, `render`, `schema`: resources from files and on the server.

use std::path::Path;

use expect_test::expect;

use crate::server::{Server, run_in};

const ENTITY: &str = "apiVersion: evento.dev/v1alpha1\nkind: Entity\nmetadata: {name: account}\n\
    spec: {schemaFile: ../schemas/Account.avsc}\n---\n\
    apiVersion: evento.dev/v1alpha1\nkind: Event\nmetadata: {name: account-opened}\n\
    spec: {entity: account, schema: {type: record, name: AccountOpened, namespace: bank, fields: []}}\n";
const SCHEMA: &str =
    r#"{"type":"record","name":"Account","namespace":"bank","fields":[{"name":"owner","type":"string"}]}"#;

fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder for the test");
    for (path, text) in [("resources/account.yaml", ENTITY), ("schemas/Account.avsc", SCHEMA)] {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("it has one")).expect("it can be made");
        std::fs::write(path, text).expect("it can be written");
    }
    folder
}

#[test]
fn apply_sends_one_request_with_the_files_that_are_named() {
    let project = project();
    let answer = r#"{"dryRun":false,"differences":[
        {"kind":"Entity","name":"account","action":"created","changes":[]},
        {"kind":"Event","name":"account-opened","action":"unchanged","changes":[]}],
        "warnings":[{"code":"EV2210","kind":"Entity","name":"account","file":"resources/account.yaml","line":3,"column":18,
          "message":"no function applies the events of account"}],
        "functions":[{"name":"accounts","state":"ready","revision":"sha256:3f9c21aa55","verifiedEvents":41}]}"#;
    let server = Server::start().answer("POST /v1/apply", 200, answer);
    server.run_in(project.path(), "apply -f resources").check(&expect![[r#"
        created    entity/account
        unchanged  1 more
        accounts  ready   rev 3f9c21aa   replayed 41 events
        --- stderr
        warning[EV2210]: no function applies the events of account
           ╭─[resources/account.yaml:3:18]
         3 │ metadata: {name: account}
           ·                  ───┬───
           ╰────
           more  evento explain EV2210
        --- exit 0
    "#]]);
    let folder = project.path().join("resources").display().to_string();
    let requests = server.requests();
    let body = requests[0].split_once("\n  ").expect("it has a body").1;
    let body: serde_json::Value = serde_json::from_str(body).expect("it is JSON");
    assert_eq!(
        body,
        serde_json::json!({"files": [{"path": "resources/account.yaml", "folder": folder, "text": ENTITY}],
            "attachments": {"schemas/Account.avsc": SCHEMA}, "dryRun": false, "wait": true})
    );
}

#[test]
fn a_refused_set_shows_its_places_and_ends_with_9() {
    let project = project();
    let problem = r#"{"type":"https://evento.dev/errors/EV2104","code":"EV2104","title":"The resources were refused",
        "status":422,"violations":[{"code":"EV2104","kind":"Event","name":"account-opened","file":"resources/account.yaml",
        "line":9,"column":86,"pointer":"/spec/schema/fields","message":"account-opened can no longer read its version 2",
        "why":"old events stay in the log for ever, so every version must stay readable",
        "help":"keep owner, or give the new field a default"}]}"#;
    let server = Server::start().answer("POST /v1/apply", 422, problem);
    server.run_in(project.path(), "apply -f resources").check(&expect![[r#"
        --- stderr
        error[EV2104]: account-opened can no longer read its version 2
           ╭─[resources/account.yaml:9:86]
         9 │ … entity: account, schema: {type: record, name: AccountOpened, namespace: bank, fields: []}}
           ·                                                                                 ───┬──
           ╰────
           why   old events stay in the log for ever, so every version must stay readable
           next  keep owner, or give the new field a default
           more  evento explain EV2104
        1 error, nothing was applied (1 other resource was fine)
        --- exit 9
    "#]]);
}

#[test]
fn diff_tells_differences_by_its_exit_code() {
    let project = project();
    let same =
        r#"{"dryRun":true,"differences":[{"kind":"Entity","name":"account","action":"unchanged","changes":[]}]}"#;
    let other = r#"{"dryRun":true,"differences":[{"kind":"Entity","name":"account","action":"changed","affects":["accounts"],
        "rebuilds":1200,"changes":[{"pointer":"/spec/schema","words":"field limit added with default 0"}]}]}"#;
    let server = Server::start().answer("POST /v1/diff", 200, same).answer("POST /v1/diff", 200, other);
    assert_eq!(server.run_in(project.path(), "diff -f resources").code, 0);
    server.run_in(project.path(), "diff -f resources").check(&expect![[r#"
        changed    entity/account
                     field limit added with default 0
                     concerns function accounts
                     1,200 states are rebuilt by replay
        --- exit 9
    "#]]);
}

#[test]
fn files_are_checked_and_rendered_without_a_server() {
    let project = project();
    let run = |line: &str| run_in(project.path(), &[], line, "");
    run("render -f resources").check(&expect![[r#"
        apiVersion: evento.dev/v1alpha1
        kind: Entity
        metadata:
          name: account
        spec:
          schema:
            type: record
            name: Account
            namespace: bank
            fields:
              - name: owner
                type: string
        ---
        apiVersion: evento.dev/v1alpha1
        kind: Event
        metadata:
          name: account-opened
        spec:
          entity: account
          schema:
            type: record
            name: AccountOpened
            namespace: bank
            fields: []
        --- exit 0
    "#]]);
    std::fs::write(project.path().join("resources/account.yaml"), ENTITY.replace("entity: account", "entity: acount"))
        .expect("it can be written");
    run("schema check -f resources").check(&expect![[r#"
        --- stderr
        error[EV2005]: there is no entity acount
           ╭─[resources/account.yaml:9:16]
         9 │ spec: {entity: acount, schema: {type: record, name: AccountOpened, namespace: bank, fields …
           ·                ───┬──
           ╰────
           next  did you mean account?
           more  evento explain EV2005
        1 error, the files were refused
        --- exit 9
    "#]]);
    std::fs::remove_file(project.path().join("schemas/Account.avsc")).expect("it is there");
    run("schema check -f resources").check(&expect![[r#"
        --- stderr
        error[EV2007]: resources/account.yaml names ../schemas/Account.avsc, which cannot be read
           why   No such file or directory (os error 2)
           next  paths are relative to the file that names them
           more  evento explain EV2007
        --- exit 9
    "#]]);
    run("apply -f schemas").check(&expect![[r#"
        --- stderr
        error: schemas holds no .yaml, .yml or .json file
           next  -R also reads the folders in it
        --- exit 2
    "#]]);
}

#[test]
fn the_input_of_a_function_defines_each_type_once() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let text = "apiVersion: evento.dev/v1alpha1\nkind: Entity\nmetadata: {name: account}\nspec:\n  references: \
        [{name: bank.Iban, schema: {type: fixed, name: Iban, namespace: bank, size: 22}}]\n  schema: {type: record, \
        name: Account, namespace: bank, fields: [{name: iban, type: Iban}]}\n---\n\
        apiVersion: evento.dev/v1alpha1\nkind: Event\nmetadata: {name: paid}\nspec: {entity: account, schema: {type: \
        record, name: Paid, namespace: bank, fields: []}}\n---\n\
        apiVersion: evento.dev/v1alpha1\nkind: Command\nmetadata: {name: pay}\nspec:\n  entity: account\n  emits: \
        [paid]\n  references: [{name: bank.Iban, schema: {type: fixed, name: Iban, namespace: bank, size: 22}}]\n  \
        schema: {type: record, name: Pay, namespace: bank, fields: [{name: to, type: bank.Iban}]}\n";
    std::fs::write(folder.path().join("bank.yaml"), text).expect("it can be written");
    let run = run_in(folder.path(), &[], "schema plain bank.Pay -f bank.yaml", "");
    assert_eq!(run.code, 0, "{}", run.stderr);
    let schema: serde_json::Value = serde_json::from_str(&run.stdout).expect("it is JSON");
    expect![[r#"{"type":"record","name":"HandleInput","namespace":"evento.function.v1","fields":[{"name":"command","type":{"type":"record","name":"Pay","namespace":"bank","fields":[{"name":"to","type":{"type":"fixed","name":"bank.Iban","size":22}}]}},{"name":"entity","type":["null",{"type":"record","name":"Account","namespace":"bank","fields":[{"name":"iban","type":"bank.Iban"}]}]}]}"#]]
    .assert_eq(&schema.to_string());
    assert_eq!(run_in(Path::new(folder.path()), &[], "schema plain refund -f bank.yaml", "").code, 3);
}

#[test]
fn resources_are_listed_shown_and_deleted() {
    let entity = r#"{"kind":"Entity","metadata":{"name":"account"},"spec":{"partitions":12},"status":{"fullName":"bank.Account",
        "instances":3,"conditions":[{"type":"Ready","status":"False","reason":"NoApplier","message":"no function applies"}]}}"#;
    let server = Server::start()
        .answer("GET /v1/resources/entity", 200, &format!(r#"{{"items":[{entity}]}}"#))
        .answer("GET /v1/resources/entity/account", 200, entity)
        .answer("GET /v1/resources/entity", 200, &format!(r#"{{"items":[{entity}]}}"#))
        .answer("DELETE /v1/resources/command/close-account?force=true", 200, "{}")
        .answer("DELETE /v1/resources/entity/nope", 404, r#"{"code":"EV1001","title":"Unknown entity or command",
            "detail":"there is no entity nope"}"#)
        .answer("DELETE /v1/resources/entity/account", 409, r#"{"code":"EV2401","title":"It cannot be deleted",
            "detail":"1 finding","violations":[{"code":"EV2401","kind":"Entity","name":"account","file":"account.yaml","line":1,
            "column":1,"pointer":"","message":"account has 3 instances","help":"delete its commands instead"}]}"#);
    server.run("get ent").check(&expect![[r#"
        NAME     READY    TYPE          PARTITIONS  INSTANCES  REASON
        account  waiting  bank.Account  12          3          NoApplier
        --- exit 0
    "#]]);
    server.run("describe entity/account").check(&expect![[r#"
        kind: Entity
        metadata:
          name: account
        spec:
          partitions: 12
        status:
          fullName: bank.Account
          instances: 3
          conditions:
            - type: Ready
              status: "False"
              reason: NoApplier
              message: no function applies
        --- exit 0
    "#]]);
    assert_eq!(server.run("get entities -o name").stdout, "entity/account\n");
    server.run("delete entity/account").check(&expect![[r#"
        --- stderr
        error[EV2401]: It cannot be deleted
           entity/account: account has 3 instances
             delete its commands instead
           more  evento explain EV2401
        --- exit 5
    "#]]);
    server.run("delete command/close-account --force").check(&expect![[r#"
        deleted    command/close-account
        --- exit 0
    "#]]);
    server.run("delete entity/nope").check(&expect![[r#"
        --- stderr
        error[EV1001]: Unknown entity or command
           why   there is no entity nope
           more  evento explain EV1001
        --- exit 3
    "#]]);
}
