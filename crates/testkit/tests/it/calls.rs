//! Calls with one answer.

use longshore_testkit::fake::{FakeConfig, FakeEngine, Listen, Spec};
use serde_json::{Value, json};

use super::{connect, engine, get, post};

#[tokio::test]
async fn one_connection_serves_many_calls() {
    let engine = engine().await;
    let mut connection = connect(&engine).await;
    for path in ["/_ping", "/v1.44/_ping", "/version", "/info", "/images/json"] {
        let answer = connection.call("GET", path, None).await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.head.header("api-version"), Some("1.51"));
    }
    assert_eq!(engine.requests(), 5);
    engine.stop().await;
}

#[tokio::test]
async fn versions_out_of_range_are_refused() {
    let engine = FakeEngine::start(FakeConfig::default().versions((1, 40), (1, 51)))
        .await
        .unwrap();
    let new = get(&engine, "/v1.52/info").await;
    assert_eq!(new.status(), 400);
    assert!(
        new.text()
            .contains("too new. Maximum supported API version is 1.51"),
        "{}",
        new.text()
    );
    let old = get(&engine, "/v1.39/info").await;
    assert!(
        old.text()
            .contains("too old. Minimum supported API version is 1.40"),
        "{}",
        old.text()
    );
}

#[tokio::test]
async fn tcp_speaks_the_same() {
    let listen = Listen::Tcp("127.0.0.1:0".parse().unwrap());
    let engine = FakeEngine::start(FakeConfig::default().listen(listen))
        .await
        .unwrap();
    assert!(engine.endpoint().starts_with("tcp://127.0.0.1:"));
    assert_eq!(get(&engine, "/_ping").await.text(), "OK");
}

#[tokio::test]
async fn a_container_lives_and_dies() {
    let engine = engine().await;
    let body = json!({"Image": "sample", "Cmd": ["sleep", "infinity"], "Labels": {"a": "1"}}).to_string();
    let created = post(&engine, "/containers/create?name=web", Some(&body)).await;
    assert_eq!(created.status(), 201);
    let id = created.json::<Value>().unwrap()["Id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(id.len(), 64);
    let again = post(&engine, "/containers/create?name=web", Some(&body)).await;
    assert_eq!(again.status(), 409);

    assert_eq!(post(&engine, "/containers/web/start", None).await.status(), 204);
    assert_eq!(post(&engine, "/containers/web/start", None).await.status(), 304);
    assert_eq!(post(&engine, "/containers/web/pause", None).await.status(), 204);
    assert_eq!(post(&engine, "/containers/web/pause", None).await.status(), 409);
    assert_eq!(post(&engine, "/containers/web/unpause", None).await.status(), 204);
    assert_eq!(
        post(&engine, "/containers/web/rename?name=api", None)
            .await
            .status(),
        204
    );

    let inspected: Value = get(&engine, &format!("/containers/{}/json", &id[..12]))
        .await
        .json()
        .unwrap();
    assert_eq!(inspected["Name"], "/api");
    assert_eq!(inspected["State"]["Status"], "running");
    assert_eq!(post(&engine, "/containers/api/stop", None).await.status(), 204);
    assert_eq!(post(&engine, "/containers/api/stop", None).await.status(), 304);
    assert_eq!(post(&engine, "/containers/api/kill", None).await.status(), 409);

    let mut connection = connect(&engine).await;
    assert_eq!(
        connection
            .call("DELETE", "/containers/api", None)
            .await
            .unwrap()
            .status(),
        204
    );
    let gone = connection.call("DELETE", "/containers/api", None).await.unwrap();
    assert_eq!(
        (gone.status(), gone.json::<Value>().unwrap()["message"].as_str()),
        (404, Some("No such container: api"))
    );
}

#[tokio::test]
async fn create_wants_an_image_that_is_there() {
    let engine = engine().await;
    for (body, status) in [("{}", 400), (r#"{"Image":"nope"}"#, 404), ("rubbish", 400)] {
        assert_eq!(
            post(&engine, "/containers/create", Some(body)).await.status(),
            status,
            "{body}"
        );
    }
}

#[tokio::test]
async fn lists_filter() {
    let engine = engine().await;
    engine
        .create(Spec::new("sample").name("still").label("a", "1"))
        .await
        .unwrap();
    let ids = engine.add_containers(3);
    let names = async |query: &str| {
        let list: Vec<Value> = get(&engine, &format!("/containers/json{query}"))
            .await
            .json()
            .unwrap();
        list.len()
    };
    assert_eq!(names("").await, 3);
    assert_eq!(names("?all=1").await, 4);
    assert_eq!(names("?all=1&limit=2").await, 2);
    assert_eq!(
        names("?all=1&filters=%7B%22label%22%3A%5B%22a%3D1%22%5D%7D").await,
        1
    );
    assert_eq!(
        names("?filters=%7B%22status%22%3A%5B%22created%22%5D%7D").await,
        1
    );
    assert_eq!(
        names(&format!(
            "?filters=%7B%22id%22%3A%5B%22{}%22%5D%7D",
            &ids[0][..12]
        ))
        .await,
        1
    );
    assert_eq!(get(&engine, "/containers/json?filters=x").await.status(), 400);
}

#[tokio::test]
async fn ten_thousand_containers() {
    let engine = engine().await;
    engine.add_containers(10_000);
    let list: Vec<Value> = get(&engine, "/containers/json").await.json().unwrap();
    assert_eq!(list.len(), 10_000);
    assert_eq!(engine.published(), 0);
}
