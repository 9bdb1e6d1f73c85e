//! Containers over REST: what is shown, what is done, what is refused.

use bytes::Bytes;
use http_body_util::BodyExt;
use longshore_store::Role;
use longshore_testkit::{eventually, fake::Spec};
use tokio::time::timeout;

use crate::support::{PATIENCE, Site};

const WEB: &str = "/api/v1/hosts/local/containers/web";

async fn with_web() -> (Site, String) {
    let site = Site::start().await;
    let spec = Spec::new("sample")
        .name("web")
        .label("com.docker.compose.project", "shop")
        .port(80, Some(8080));
    let id = site.engine.create(spec).await.unwrap();
    site.engine.start_container(&id).await.unwrap();
    let operator = site.token(Role::Operator).await;
    site.ready(&operator).await;
    eventually("web is seen", async || {
        let list = site
            .get("/api/v1/containers", &[("authorization", &operator)])
            .await
            .json();
        if list["containers"][0]["state"] == "running" {
            Ok(())
        } else {
            Err(list)
        }
    })
    .await;
    (site, operator)
}

#[tokio::test]
async fn a_list_a_detail_and_the_verbs() {
    let (site, operator) = with_web().await;
    let auth = [("authorization", operator.as_str())];
    let list = site.get("/api/v1/containers", &auth).await.json();
    let row = &list["containers"][0];
    assert_eq!(
        (&row["host"], &row["name"], &row["project"]),
        (&"local".into(), &"web".into(), &"shop".into())
    );
    assert_eq!(row["stale"], false);
    assert_eq!(list["hosts"][0]["state"], "live");
    let id = row["id"].as_str().unwrap();

    for by in [id, &id[..6], "web"] {
        let detail = site
            .get(&format!("/api/v1/hosts/local/containers/{by}"), &auth)
            .await
            .json();
        assert_eq!(detail["id"], id, "{by}");
        assert!(detail["env"].is_array(), "an operator sees the environment");
    }
    let viewer = site.token(Role::Viewer).await;
    let seen = site.get(WEB, &[("authorization", &viewer)]).await.json();
    assert!(
        seen["env"].is_null() && seen.get("env").is_some(),
        "a viewer does not"
    );

    let act = async |verb: &str| {
        let answer = site
            .send("POST", &format!("{WEB}/{verb}"), &auth, Bytes::new())
            .await;
        answer.json()["outcome"]
            .as_str()
            .map_or_else(|| answer.code(), str::to_owned)
    };
    assert_eq!(act("start").await, "already");
    assert_eq!(act("pause").await, "done");
    assert_eq!(act("unpause").await, "done");
    assert_eq!(act("restart?timeout=1").await, "done");
    assert_eq!(act("stop?timeout=0").await, "done");
    assert_eq!(act("stop").await, "already");
    assert_eq!(act("kill").await, "conflict", "it does not run");
    assert_eq!(act("stop?timeout=-5").await, "invalid_request");
    let removed = site
        .send("DELETE", &format!("{WEB}?force=true"), &auth, Bytes::new())
        .await;
    assert_eq!(removed.json()["outcome"], "done");
    eventually("web is gone", async || {
        let answer = site.get(WEB, &auth).await;
        if answer.status == 404 { Ok(()) } else { Err(answer) }
    })
    .await;
    site.stop().await;
}

#[tokio::test]
async fn a_prefix_that_fits_several_is_refused() {
    let (site, operator) = with_web().await;
    let ids = site.engine.add_containers(40);
    let auth = [("authorization", operator.as_str())];
    let twice = ids
        .iter()
        .map(|id| &id[..1])
        .find(|p| ids.iter().filter(|id| id.starts_with(*p)).count() > 1);
    let path = format!("/api/v1/hosts/local/containers/{}", twice.unwrap());
    eventually("the containers are seen", async || {
        let answer = site.get(&path, &auth).await;
        if answer.status == 409 && answer.code() == "ambiguous" {
            Ok(())
        } else {
            Err(answer)
        }
    })
    .await;
    site.stop().await;
}

#[tokio::test]
async fn output_comes_as_text_and_as_lines_and_follows() {
    let (site, operator) = with_web().await;
    site.engine.log("web", false, "hello\n").unwrap();
    site.engine.log("web", true, "oops\n").unwrap();
    let auth = ("authorization", operator.as_str());
    let text = site.get(&format!("{WEB}/logs"), &[auth]).await;
    assert_eq!(text.headers["content-type"], "text/plain; charset=utf-8");
    assert_eq!(text.headers["x-content-type-options"], "nosniff");
    assert!(text.text().contains("hello\n") && text.text().contains("oops\n"));
    let only = site.get(&format!("{WEB}/logs?stdout=0"), &[auth]).await.text();
    assert!(!only.contains("hello"), "{only}");

    let lines = site
        .get(
            &format!("{WEB}/logs"),
            &[auth, ("accept", "application/x-ndjson")],
        )
        .await
        .text();
    let lines: Vec<serde_json::Value> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let oops = lines.iter().find(|l| l["text"] == "oops").unwrap();
    assert_eq!(oops["stream"], "stderr");
    assert!(oops["time"].is_string());

    let mut body = site
        .open(
            "GET",
            &format!("{WEB}/logs?follow=1&tail=0"),
            &[auth],
            Bytes::new(),
        )
        .await
        .into_body();
    site.engine.log("web", false, "live\n").unwrap();
    let frame = timeout(PATIENCE, body.frame())
        .await
        .expect("what is written comes")
        .unwrap()
        .unwrap();
    assert_eq!(frame.into_data().unwrap(), "live\n");
    site.shut_down();
    let end = timeout(PATIENCE, body.frame())
        .await
        .expect("the shutdown ends it");
    assert!(end.is_none(), "{end:?}");
    site.stop().await;
}

#[tokio::test]
async fn statistics_images_system_and_history() {
    let (site, operator) = with_web().await;
    let auth = [("authorization", operator.as_str())];
    let stats = site.get(&format!("{WEB}/stats"), &auth).await.json();
    let last = stats["samples"]
        .as_array()
        .unwrap()
        .last()
        .expect("at least one")
        .clone();
    assert!(
        last["memory_bytes"].is_u64() && last["cpu_percent"].is_number(),
        "{last}"
    );
    assert!(stats["steps"].is_array(), "{stats}");
    let images = site.get("/api/v1/hosts/local/images", &auth).await.json();
    assert_eq!(images["images"].as_array().unwrap().len(), 1, "{images}");
    let system = site.get("/api/v1/hosts/local/system", &auth).await.json();
    assert_eq!(system["containers"]["total"], 1, "{system}");
    assert!(
        system["engine"]["api_version"]
            .as_str()
            .unwrap()
            .starts_with("1.")
    );

    let history = site.get("/api/v1/events", &auth).await.json();
    let next = history["next"].as_str().map(str::to_owned);
    site.engine.pause("web", true).await.unwrap();
    let since = next.map_or_else(String::new, |next| format!("?since={next}"));
    let newer = eventually("the event is in the history", async || {
        let reply = site.get(&format!("/api/v1/events{since}"), &auth).await.json();
        let found = reply["events"]
            .as_array()
            .unwrap()
            .iter()
            .find(|e| e["action"] == "pause")
            .cloned();
        found.ok_or(reply)
    })
    .await;
    assert_eq!(
        (&newer["type"], &newer["name"]),
        (&"container".into(), &"web".into())
    );
    assert!(newer["time_nano"].is_string(), "{newer}");
    let cursor = newer["cursor"].as_str().unwrap();
    let rest = site
        .get(&format!("/api/v1/events?since={cursor}"), &auth)
        .await
        .json();
    assert_eq!(rest["events"].as_array().unwrap().len(), 0, "{rest}");
    assert_eq!(rest["next"], cursor);
    site.stop().await;
}

#[tokio::test]
async fn an_engine_that_is_gone_leaves_what_was_known_marked_stale() {
    let (site, operator) = with_web().await;
    let auth = [("authorization", operator.as_str())];
    site.engine.go_down().await;
    let list = eventually("the host is lost", async || {
        let list = site.get("/api/v1/containers", &auth).await.json();
        if list["hosts"][0]["state"] == "lost" {
            Ok(list)
        } else {
            Err(list)
        }
    })
    .await;
    assert_eq!(
        (&list["containers"][0]["name"], &list["containers"][0]["stale"]),
        (&"web".into(), &true.into())
    );
    assert!(list["hosts"][0]["error"].is_string());
    let detail = site.get(WEB, &auth).await.json();
    assert_eq!(detail["stale"], true);
    let answer = site
        .send("POST", &format!("{WEB}/stop"), &auth, Bytes::new())
        .await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (503, "engine_unreachable"),
        "{answer:?}"
    );
    assert_eq!(site.get("/readyz", &auth).await.status, 503);
    site.engine.come_up().await.unwrap();
    site.ready(&operator).await;
    site.stop().await;
}
