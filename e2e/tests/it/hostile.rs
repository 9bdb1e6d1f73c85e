//! What a stranger, a foreign page or a broken client sends, at the built binary.

use std::time::Duration;

use longshore_e2e::{
    Server,
    http::Call,
    stream::{Refused, Stream},
};
use longshore_testkit::{FakeConfig, FakeEngine};
use serde_json::{Value, json};

const CONTAINERS: &str = "/api/v1/hosts/local/containers";
const LIMIT: Duration = Duration::from_secs(10);

struct Case {
    _engine: FakeEngine,
    server: Server,
    admin: String,
}

async fn case() -> Case {
    let engine = FakeEngine::start(FakeConfig::default()).await.unwrap();
    engine.add_containers(2);
    let server = Server::start(&engine.endpoint(), &[]).await.unwrap();
    let admin = server.token("admin").await.unwrap();
    Case {
        _engine: engine,
        server,
        admin,
    }
}

async fn refused(case: &Case, call: Call) -> (u16, String) {
    let answer = case.server.send(call).await.unwrap();
    assert!(
        !answer.json()["error"]["message"]
            .as_str()
            .unwrap_or_default()
            .is_empty(),
        "{}",
        answer.text()
    );
    (answer.status.as_u16(), answer.code())
}

#[tokio::test]
async fn nothing_is_told_without_a_credential() {
    let case = case().await;
    for path in [
        "/api/v1/containers",
        "/api/v1/hosts",
        "/api/v1/events",
        "/api/v1/openapi.json",
        "/metrics",
    ] {
        let (status, code) = refused(&case, Call::new("GET", path)).await;
        assert_eq!(status, 401, "{path}");
        assert!(
            ["unauthorized", "setup_required"].contains(&code.as_str()),
            "{path}: {code}"
        );
        for token in ["wrong", "lsh_0000_1111", ""] {
            assert_eq!(
                refused(&case, Call::new("GET", path).bearer(token)).await.0,
                401,
                "{path} {token}"
            );
        }
    }
    let refused = Stream::open(case.server.address, &[]).await;
    assert!(matches!(refused, Err(Refused::Status(401))), "{refused:?}");
}

#[tokio::test]
async fn a_foreign_page_or_name_is_refused() {
    let case = case().await;
    let list = || Call::new("GET", "/api/v1/containers").bearer(&case.admin);
    let foreign = |name: &str, value: &str| list().header(name, value);
    assert_eq!(
        refused(&case, foreign("origin", "http://evil.example")).await,
        (403, "foreign_origin".to_owned())
    );
    assert_eq!(
        refused(&case, foreign("host", "evil.example")).await,
        (403, "foreign_host".to_owned())
    );
    let bearer = format!("Bearer {}", case.admin);
    let headers = [
        ("authorization", bearer.as_str()),
        ("origin", "http://evil.example"),
    ];
    let upgrade = Stream::open(case.server.address, &headers).await;
    assert!(matches!(upgrade, Err(Refused::Status(403))));
}

#[tokio::test]
async fn an_id_that_would_leave_its_path_is_refused() {
    let case = case().await;
    for id in [
        "..%2f..%2fimages",
        "%2e%2e%2fimages",
        "a%2fb",
        "a%00b",
        "%0d%0a",
        "%ff",
    ] {
        let (status, code) = refused(
            &case,
            Call::new("GET", format!("{CONTAINERS}/{id}")).bearer(&case.admin),
        )
        .await;
        assert!(
            status == 400 && code == "invalid_request",
            "{id}: {status} {code}"
        );
    }
    let ghost = Call::new("GET", format!("{CONTAINERS}/ghost")).bearer(&case.admin);
    assert_eq!(refused(&case, ghost).await, (404, "not_found".to_owned()));
}

#[tokio::test]
async fn rubbish_is_answered_and_the_connection_lives() {
    let case = case().await;
    let mut stream = Stream::bearer(case.server.address, &case.admin).await.unwrap();
    let error =
        |message: &Value| (message["type"] == "error").then(|| message["code"].as_str().unwrap().to_owned());
    for rubbish in [
        "rubbish",
        "{}",
        "[]",
        "{\"type\":\"subscribe\"}",
        "{\"type\":\"sink\",\"id\":1}",
    ] {
        stream.send_text(rubbish).await.unwrap();
        assert_eq!(
            stream.wait(LIMIT, error).await.unwrap(),
            "invalid_request",
            "{rubbish}"
        );
    }
    stream.subscribe(1, "nowhere", json!({})).await.unwrap();
    assert_eq!(stream.wait(LIMIT, error).await.unwrap(), "unknown_channel");
    stream.subscribe(2, "containers", json!({})).await.unwrap();
    stream
        .wait(LIMIT, |message| {
            message["data"]["snapshot"].is_object().then_some(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_message_of_ten_megabytes_closes_its_connection_and_no_other() {
    let case = case().await;
    let mut other = Stream::bearer(case.server.address, &case.admin).await.unwrap();
    let mut stream = Stream::bearer(case.server.address, &case.admin).await.unwrap();
    // The server may hang up while it is still being sent.
    let _ = stream.send_text("x".repeat(10_000_000)).await;
    let end = stream.wait::<()>(LIMIT, |_| None).await.unwrap_err();
    assert!(
        end == "closed 1009" || end.starts_with("broken") || end == "ended",
        "{end}"
    );
    other.subscribe(1, "containers", json!({})).await.unwrap();
    other
        .wait(LIMIT, |message| {
            message["data"]["snapshot"].is_object().then_some(())
        })
        .await
        .unwrap();
    assert!(case.server.resident().unwrap() < 80_000_000);
}
