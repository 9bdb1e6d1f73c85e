//! Ends of containers over REST: of what is there, of what is gone, and after a restart of the server.

use longshore_store::Role;
use longshore_testkit::{
    eventually,
    fake::{FakeEngine, Spec},
};
use serde_json::{Value, json};

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
    assert_eq!(
        (&death["text"], &death["failed"]),
        (&"exit code 3".into(), &true.into())
    );
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

/// What `what` of the data names as `(name, ended, removed)`.
fn ends(data: &Value, what: &str) -> Vec<(String, bool)> {
    let all = data[what].as_array().into_iter().flatten();
    let named = |end: &Value| {
        (
            end["name"].as_str().unwrap_or("?").to_owned(),
            end["removed"].is_string(),
        )
    };
    all.map(named).collect()
}

fn end(name: &str, removed: bool) -> (String, bool) {
    (name.to_owned(), removed)
}

#[tokio::test]
async fn ends_are_told_live_when_they_are_made_and_when_they_are_amended() {
    let site = Site::start().await;
    let viewer = site.token(Role::Viewer).await;
    site.ready(&viewer).await;
    let first = dies(&site, "first", 3).await;
    let has_one = |body: &Value| body["deaths"].as_array().is_some_and(|all| all.len() == 1);
    told(&site, &viewer, "/api/v1/deaths", has_one).await;

    let [mut all, mut one, mut failed] = [site.live().await, site.live().await, site.live().await];
    all.subscribe(1, "deaths", json!({})).await;
    one.subscribe(2, "deaths", json!({"host": "local", "id": "first"}))
        .await;
    let params = json!({"host": "local", "failed": true, "rows": true, "limit": 0});
    failed.subscribe(3, "deaths", params).await;
    let past = all.data(1).await;
    assert_eq!(ends(&past, "deaths"), [end("first", false)], "{past}");
    assert_eq!(
        past["deaths"][0]["log"]["lines"][0]["text"],
        "the last words of first"
    );
    assert_eq!(one.data(2).await, past, "the same record by name");
    assert_eq!(failed.data(3).await, json!({"rows": []}), "none was wanted");

    // One that is no failure, then one that is.
    dies(&site, "fine", 0).await;
    assert_eq!(ends(&all.data(1).await, "deaths"), [end("fine", false)]);
    dies(&site, "second", 1).await;
    let row = failed.data(3).await;
    assert_eq!(ends(&row, "rows"), [end("second", false)], "{row}");
    assert!(
        row["rows"][0].get("log").is_none(),
        "a row has no last words: {row}"
    );

    site.engine.remove(&first, true).await.unwrap();
    let amended = one.data(2).await;
    assert_eq!(ends(&amended, "deaths"), [end("first", true)], "{amended}");
    assert_eq!(amended["deaths"][0]["ended"], past["deaths"][0]["ended"]);
    // Also for who comes afterwards, and by the beginning of the id of what is gone.
    let mut later = site.live().await;
    later
        .subscribe(4, "deaths", json!({"host": "local", "id": first[..12]}))
        .await;
    assert_eq!(later.data(4).await, amended);
    site.stop().await;
}

#[tokio::test]
async fn the_channel_of_ends_says_what_it_cannot_follow() {
    let site = Site::start().await;
    let viewer = site.token(Role::Viewer).await;
    site.ready(&viewer).await;
    for (params, code) in [
        (json!({"host": "elsewhere"}), "not_found"),
        (json!({"host": "local", "id": "nobody"}), "not_found"),
        (json!({"host": "local", "id": "a/b"}), "invalid_request"),
        (json!({"id": "web"}), "invalid_request"),
        (json!({"limit": "many"}), "invalid_request"),
    ] {
        let mut live = site.live().await;
        live.say(json!({"type": "subscribe", "id": 1, "channel": "deaths", "params": params}))
            .await;
        let refused = live.hear().await;
        assert_eq!(
            (&refused["type"], &refused["code"]),
            (&"error".into(), &code.into()),
            "{params}: {refused}"
        );
    }
    site.stop().await;
}

#[tokio::test]
async fn who_reads_ends_too_slowly_is_told_how_many_are_missing_and_finds_them() {
    // Records whose text is six times as long in JSON: fifty megabytes, more than sockets hold.
    const FLOOD: usize = 600;
    let site = Site::start().await;
    let viewer = site.token(Role::Viewer).await;
    let line = "\u{1}".repeat(4_000);
    let ids = site.engine.add_containers(FLOOD);
    site.ready(&viewer).await;
    let (mut stuck, mut reader) = (site.live().await, site.live().await);
    for live in [&mut stuck, &mut reader] {
        live.subscribe(1, "deaths", json!({"limit": 0})).await;
        assert_eq!(live.data(1).await, json!({"deaths": []}));
    }
    for id in &ids {
        for _ in 0..4 {
            site.engine.log(id, false, format!("{line}\n")).unwrap();
        }
        site.engine.exit(id, 1).await.unwrap();
        let data = reader.data(1).await;
        assert_eq!(
            data["deaths"][0]["container"],
            id.as_str(),
            "who reads misses none"
        );
    }
    let (mut seen, mut missed) = (0, 0);
    while seen + missed < FLOOD {
        let data = stuck.data(1).await;
        seen += data["deaths"].as_array().map_or(0, Vec::len);
        missed += usize::try_from(data["lagged"].as_u64().unwrap_or(0)).unwrap();
    }
    assert!(missed > 0, "it was never behind");
    assert_eq!(seen + missed, FLOOD);
    stuck
        .subscribe(2, "deaths", json!({"rows": true, "limit": 200}))
        .await;
    let mut newest = Vec::new();
    while newest.len() < 200 {
        let data = stuck.data(2).await;
        let rows = data["rows"].as_array().unwrap();
        newest.extend(
            rows.iter()
                .map(|row| row["container"].as_str().unwrap().to_owned()),
        );
    }
    assert_eq!(newest, ids[FLOOD - 200..], "oldest first");
    site.stop().await;
}
