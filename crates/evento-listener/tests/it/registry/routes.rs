//! Every route, asked well and badly.

use axum::body::{Body, to_bytes};
use axum::http::{Request, Response};
use serde_json::{Value, json};

use super::world::World;

const WITHDRAW: &str = "account.commands-bank.WithdrawCash";

#[tokio::test]
async fn every_record_type_of_every_topic_is_a_subject() {
    let world = World::bank().await;
    let all = world.json("/subjects").await;
    let all: Vec<&str> = all.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert_eq!(
        all,
        [
            "account.commands-bank.CloseAccount",
            "account.commands-bank.OpenAccount",
            "account.commands-bank.ReceiveDeposit",
            "account.commands-bank.TransferOut",
            "account.commands-bank.WithdrawCash",
            "account.commands-value",
            "account.events-bank.AccountClosed",
            "account.events-bank.AccountClosingRejected",
            "account.events-bank.AccountOpened",
            "account.events-bank.AccountOpeningRejected",
            "account.events-bank.CashWithdrawn",
            "account.events-bank.DepositReceived",
            "account.events-bank.DepositRejected",
            "account.events-bank.TransferRejected",
            "account.events-bank.TransferSent",
            "account.events-bank.WithdrawalRejected",
            "account.events-evento.CommandAbandoned",
            "account.events-evento.CommandPreconditionFailed",
            "account.events-value",
            "account.state-value",
        ]
    );
}

#[tokio::test]
async fn a_schema_is_found_by_id_by_guid_and_by_version() {
    let world = World::bank().await;
    let text = world.registry.schema(evento_model::SchemaId(20)).expect("the bank's WithdrawCash").json().to_owned();
    let by_version = world.json(&format!("/subjects/{WITHDRAW}/versions/1")).await;
    let guid = by_version["guid"].as_str().expect("a guid").to_owned();
    assert_eq!(by_version, json!({"subject": WITHDRAW, "version": 1, "id": 20, "schema": text, "guid": guid}));
    for latest in ["latest", "-1"] {
        assert_eq!(world.json(&format!("/subjects/{WITHDRAW}/versions/{latest}")).await, by_version);
    }
    for query in ["", "?subject=", "?subject=account.commands-value&format=", "?unknown=1", "?%"] {
        let by_id = world.json(&format!("/schemas/ids/20{query}")).await;
        assert_eq!(by_id, json!({"schema": text, "guid": guid}), "{query}");
    }
    let highest = world.json("/schemas/ids/20?fetchMaxId=true").await["maxId"].clone();
    assert_eq!(highest, 1_000_000_001);
    assert_eq!(world.json(&format!("/schemas/guids/{guid}")).await, json!({"schema": text, "guid": guid, "id": 20}));
    for path in ["/schemas/ids/20/schema", "/subjects/account.commands-bank.WithdrawCash/versions/latest/schema"] {
        assert_eq!(world.get(path).await, (200, text.clone()));
    }
}

#[tokio::test]
async fn what_is_small_and_fixed_is_answered_as_confluent_does() {
    let world = World::bank().await;
    world
        .table(&[
            ("/", 200, "{}"),
            ("/schemas/types", 200, r#"["AVRO"]"#),
            ("/contexts", 200, r#"["."]"#),
            ("/contexts?offset=0&limit=-1", 200, r#"["."]"#),
            ("/config", 200, r#"{"compatibilityLevel":"BACKWARD_TRANSITIVE"}"#),
            ("/mode", 200, r#"{"mode":"READONLY"}"#),
            ("/mode/account.events-value", 200, r#"{"mode":"READONLY"}"#),
            ("/mode/x?defaultToGlobal=true", 200, r#"{"mode":"READONLY"}"#),
            ("/v1/metadata/version", 200, r#"{"version":"0.1.0","commitId":""}"#),
            (
                "/v1/metadata/id",
                200,
                r#"{"id":"","scope":{"path":[],"clusters":{"schema-registry-cluster":"evento"}}}"#,
            ),
            ("/config/account.commands-bank.WithdrawCash", 200, r#"{"compatibilityLevel":"BACKWARD_TRANSITIVE"}"#),
            ("/config/account.events-value", 200, r#"{"compatibilityLevel":"NONE"}"#),
            ("/config/account.state-value", 200, r#"{"compatibilityLevel":"NONE"}"#),
            ("/config/x?defaultToGlobal=true", 200, r#"{"compatibilityLevel":"BACKWARD_TRANSITIVE"}"#),
            ("/subjects?subjectPrefix=account.state", 200, r#"["account.state-value"]"#),
            ("/subjects?offset=1&limit=1", 200, r#"["account.commands-bank.OpenAccount"]"#),
            ("/subjects?deletedOnly=true", 200, "[]"),
            ("/subjects/account.state-value/versions", 200, "[1]"),
            ("/schemas/ids/20/subjects", 200, r#"["account.commands-bank.WithdrawCash"]"#),
            ("/schemas/ids/20/subjects?subject=other", 200, "[]"),
            ("/schemas/ids/17/versions", 200, r#"[{"subject":"account.state-value","version":1}]"#),
            ("/subjects/account.state-value/versions/1/referencedby", 200, "[]"),
        ])
        .await;
}

#[tokio::test]
async fn what_is_not_there_is_refused_with_its_code() {
    let world = World::bank().await;
    let long = "s".repeat(1_025);
    let missing = |what: &str| format!(r#"{{"error_code":40403,"message":"Schema {what} not found"}}"#);
    let subject = |name: &str| format!(r#"{{"error_code":40401,"message":"Subject '{name}' not found."}}"#);
    let version = |name: &str| {
        format!(
            r#"{{"error_code":42202,"message":"The specified version '{name}' is not a valid version id. Allowed values are between [1, 2^31-1] and the string \"latest\""}}"#
        )
    };
    let not_found = r#"{"error_code":404,"message":"HTTP 404 Not Found"}"#.to_owned();
    let invalid = format!(
        r#"{{"error_code":42208,"message":"The specified subject '{}' is not a valid subject."}}"#,
        "s".repeat(80)
    );
    let rows = [
        ("/schemas/ids/16", 404, missing("16")),
        ("/schemas/ids/-1", 404, missing("-1")),
        ("/schemas/ids/4294967313", 404, missing("4294967313")),
        ("/schemas/ids/twenty", 404, not_found.clone()),
        ("/schemas/ids/16/schema", 404, missing("16")),
        ("/schemas/ids/16/subjects", 404, missing("16")),
        ("/schemas/ids/16/versions", 404, missing("16")),
        ("/schemas/guids/nothing", 404, missing("nothing")),
        ("/schemas/guids/01234567-89ab-cdef-0123-456789abcdef", 404, missing("01234567-89ab-cdef-0123-456789abcdef")),
        ("/subjects/x/versions", 404, subject("x")),
        ("/subjects/x/versions/1", 404, subject("x")),
        ("/subjects/a%2Fb/versions/latest", 404, subject("a/b")),
        ("/subjects/x/versions/latest/schema", 404, subject("x")),
        ("/subjects/x/versions/1/referencedby", 404, subject("x")),
        (
            "/subjects/account.state-value/versions/2",
            404,
            r#"{"error_code":40402,"message":"Version 2 not found."}"#.to_owned(),
        ),
        ("/subjects/account.state-value/versions/0", 422, version("0")),
        ("/subjects/account.state-value/versions/-2", 422, version("-2")),
        ("/subjects/account.state-value/versions/2147483648", 422, version("2147483648")),
        ("/subjects/account.state-value/versions/first", 422, version("first")),
        (
            "/config/x",
            404,
            r#"{"error_code":40408,"message":"Subject 'x' does not have subject-level compatibility configured"}"#
                .to_owned(),
        ),
        (
            "/mode/x",
            404,
            r#"{"error_code":40409,"message":"Subject 'x' does not have subject-level mode configured"}"#.to_owned(),
        ),
        (
            "/associations/resources/-/account.commands?resourceType=topic&associationType=value",
            404,
            r#"{"error_code":404,"message":"nothing is associated with \"account.commands\""}"#.to_owned(),
        ),
        ("/nothing", 404, not_found.clone()),
        ("/subjects/", 404, not_found.clone()),
        ("/subjects/%FF/versions", 400, r#"{"error_code":400,"message":"HTTP 400 Bad Request"}"#.to_owned()),
        (&format!("/subjects/{long}/versions"), 422, invalid),
        (
            &format!("/subjects?subjectPrefix={}", "s".repeat(8_192)),
            414,
            r#"{"error_code":414,"message":"HTTP 414 URI Too Long"}"#.to_owned(),
        ),
    ];
    for (path, status, body) in rows {
        assert_eq!(world.get(path).await, (status, body), "GET {path}");
    }
}

#[tokio::test]
async fn nothing_can_be_changed_here() {
    let world = World::bank().await;
    let before = world.json("/subjects?deleted=true").await;
    for (method, path) in [
        ("DELETE", "/subjects/account.state-value"),
        ("DELETE", "/subjects/account.state-value/versions/1?permanent=true"),
        ("PUT", "/config"),
        ("DELETE", "/config"),
        ("PUT", "/config/account.state-value"),
        ("DELETE", "/config/account.state-value"),
        ("PUT", "/mode"),
        ("PUT", "/mode/account.state-value?force=true"),
        ("DELETE", "/mode/account.state-value"),
    ] {
        let (status, body) = world.ask(method, path, "{}").await;
        let text = format!("{method} is not permitted: schemas belong to resources, register with evento apply");
        assert_eq!((status, body), (403, json!({"error_code": 40301, "message": text}).to_string()), "{method} {path}");
    }
    assert_eq!(world.json("/subjects?deleted=true").await, before);
}

#[tokio::test]
async fn other_methods_are_answered_as_http_has_them() {
    let world = World::bank().await;
    let request = |method: &str, path: &str| {
        Request::builder().method(method).uri(path).header("host", "localhost").body(Body::empty()).expect("a request")
    };
    let head = world.send(request("HEAD", "/subjects")).await;
    assert_eq!((head.status().as_u16(), length(head).await), (200, 0));
    let options = world.send(request("OPTIONS", "/subjects/x/versions")).await;
    assert_eq!(options.status(), 204);
    assert_eq!(options.headers()["allow"], "GET,HEAD,POST");
    let wrong = world.send(request("PATCH", "/subjects")).await;
    assert_eq!((wrong.status().as_u16(), wrong.headers()["allow"].to_str().expect("text")), (405, "GET,HEAD"));
    assert_eq!(wrong.headers()["content-type"], "application/vnd.schemaregistry.v1+json");
    let body = to_bytes(wrong.into_body(), 1_024).await.expect("a body");
    assert_eq!(body, r#"{"error_code":405,"message":"HTTP 405 Method Not Allowed"}"#);
    let nowhere = world.send(request("OPTIONS", "/nothing")).await;
    assert_eq!(nowhere.status(), 404);
}

async fn length(response: Response<Body>) -> usize {
    to_bytes(response.into_body(), 1 << 20).await.expect("a body").len()
}

#[tokio::test]
async fn any_media_type_is_taken_and_one_is_given() {
    let world = World::bank().await;
    for accept in ["application/json", "text/html, image/gif, image/jpeg, */*; q=.2", "nonsense"] {
        let request = Request::builder().uri("/subjects").header("host", "127.0.0.1:8081").header("accept", accept);
        let response = world.send(request.body(Body::empty()).expect("a request")).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "application/vnd.schemaregistry.v1+json");
    }
}

#[tokio::test]
async fn only_our_own_names_and_pages_may_ask() {
    let world = World::bank().await;
    let ask = |method: &'static str, headers: Vec<(&'static str, &'static str)>| {
        let request = Request::builder().method(method).uri("/subjects/x");
        let request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        let request = request.body(Body::from("{}")).expect("a request");
        async { world.send(request).await.status().as_u16() }
    };
    let own = "localhost:8081";
    for (method, headers, status) in [
        ("OPTIONS", vec![("host", own)], 204),
        ("OPTIONS", vec![("host", "evento.internal")], 204),
        ("OPTIONS", vec![("host", "[::1]:8081")], 204),
        ("OPTIONS", vec![("host", "evil.example:8081")], 403),
        ("POST", vec![("host", own)], 422),
        ("POST", vec![("host", own), ("origin", "http://localhost:8081")], 422),
        ("POST", vec![("host", own), ("origin", "http://evil.example")], 403),
        ("POST", vec![("host", own), ("sec-fetch-site", "cross-site")], 403),
    ] {
        assert_eq!(ask(method, headers.clone()).await, status, "{method} {headers:?}");
    }
}
