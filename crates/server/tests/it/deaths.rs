//! Ends of containers over REST: of what is there, of what is gone, and after a restart of the server.

use longshore_store::Role;
use longshore_testkit::{
    eventually,
    fake::{FakeEngine, Spec},
};
use serde_json::Value;

use crate::support::Site;

async fn dies(site: &Site, name: &str, code: i64) -> String {
    let id = site.engine.create(Spec::new("sample").name(name)).await.unwrap();
    site.engine.start_container(&id).await.unwrap();
    site.engine
        .log(&id, true, format!("the last words of {name}\n"))
        .unwrap();
    site.engine.exit(&id, code).await.unwrap();
    id
}

async fn told(site: &Site, viewer: &str, path: &str, fits: impl Fn(&Value) -> bool) -> Value {
    eventually("the death is told", async || {
        let answer = site.get(path, &[("authorization", viewer)]).await;
        let body = answer.json();
        if answer.status == 200 && fits(&body) {
            Ok(body)
        } else {
            Err(body)
        }
    })
    .await
}

#[tokio::test]
async fn an_end_is_told_with_its_last_words_also_when_the_container_is_gone() {
    let site = Site::start().await;
    let viewer = site.token(Role::Viewer).await;
    site.ready(&viewer).await;
    let id = dies(&site, "web", 3).await;
    let path = |which: &str| format!("/api/v1/hosts/local/containers/{which}/deaths");
    let has_one = |body: &Value| body["deaths"].as_array().is_some_and(|all| all.len() == 1);
    let body = told(&site, &viewer, &path("web"), has_one).await;
    let death = &body["deaths"][0];
    assert_eq!(
        (&body["container"], &death["container"]),
        (&id.clone().into(), &id.clone().into())
    );
    assert_eq!(
        (&death["exit_code"], &death["cause"]),
        (&3.into(), &"failure".into())
    );
    assert_eq!(death["text"], "exit code 3");
    assert_eq!(death["oom"], false);
    assert_eq!(death["log"]["lines"][0]["text"], "the last words of web");
    assert_eq!(death["log"]["lines"][0]["stream"], "stderr");

    site.engine.remove(&id, true).await.unwrap();
    let is_removed = |body: &Value| body["deaths"][0]["removed"].is_string();
    for which in ["web", &id, &id[..10]] {
        let body = told(&site, &viewer, &path(which), is_removed).await;
        assert_eq!(
            body["deaths"][0]["log"]["lines"][0]["text"],
            "the last words of web"
        );
    }
    let list = told(&site, &viewer, "/api/v1/deaths?host=local", is_removed).await;
    let row = &list["deaths"][0];
    assert_eq!((&row["name"], &list["next"]), (&"web".into(), &Value::Null));
    assert!(row.get("log").is_none(), "a list has no last words");

    let auth = [("authorization", viewer.as_str())];
    for (path, code) in [
        (path("nobody"), "not_found"),
        ("/api/v1/deaths?host=elsewhere".to_owned(), "not_found"),
        ("/api/v1/deaths?after=rubbish".to_owned(), "invalid_request"),
    ] {
        assert_eq!(site.get(&path, &auth).await.code(), code, "{path}");
    }
    site.stop().await;
}

#[tokio::test]
async fn the_list_is_read_in_pages_and_survives_the_server() {
    let site = Site::start().await;
    let viewer = site.token(Role::Viewer).await;
    site.ready(&viewer).await;
    for n in 0..5 {
        dies(&site, &format!("c{n}"), n).await;
    }
    let has_all = |body: &Value| body["deaths"].as_array().is_some_and(|all| all.len() == 5);
    told(&site, &viewer, "/api/v1/deaths", has_all).await;
    let site = site.again(async |_: &FakeEngine| {}, |config| config).await;
    let auth = [("authorization", viewer.as_str())];
    let mut path = "/api/v1/deaths?limit=2".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = site.get(&path, &auth).await.json();
        for row in page["deaths"].as_array().unwrap() {
            seen.push(row["name"].as_str().unwrap().to_owned());
        }
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/deaths?limit=2&after={next}");
    }
    assert_eq!(
        seen,
        ["c4", "c3", "c2", "c1", "c0"],
        "once each, though the ring is replayed"
    );
    site.stop().await;
}
