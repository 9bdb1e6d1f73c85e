//! The live stream: its protocol, its channels, what it does to rubbish, and how it ends.

use std::time::Duration;

use futures_util::SinkExt;
use longshore_store::Role;
use longshore_testkit::fake::{Restart, Spec};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Message, protocol::frame::coding::CloseCode};

use crate::support::Site;

async fn with_web() -> Site {
    let site = Site::start().await;
    let id = site.engine.create(Spec::new("sample").name("web")).await.unwrap();
    site.engine.start_container(&id).await.unwrap();
    let viewer = site.token(Role::Viewer).await;
    site.ready(&viewer).await;
    site
}

fn upserted<'d>(data: &'d Value, name: &str) -> Option<&'d Value> {
    data["changes"]["upserted"]
        .as_array()?
        .iter()
        .find(|row| row["name"] == name)
}

#[tokio::test]
async fn who_may_open_it() {
    let site = Site::start().await;
    assert_eq!(site.connect(&[]).await.err(), Some(401));
    let cookie = site.set_up().await;
    assert_eq!(
        site.connect(&[("cookie", &cookie)]).await.err(),
        Some(403),
        "a cookie needs our origin"
    );
    let foreign = [("cookie", cookie.as_str()), ("origin", "http://evil.example")];
    assert_eq!(site.connect(&foreign).await.err(), Some(403));
    let own = [("cookie", cookie.as_str()), ("origin", &site.origin())];
    site.connect(&own).await.map(|_| ()).unwrap();
    let token = site.token(Role::Viewer).await;
    assert_eq!(
        site.connect(&[("authorization", &token), ("origin", "null")])
            .await
            .err(),
        Some(403)
    );
    site.connect(&[("authorization", &token)])
        .await
        .map(|_| ())
        .unwrap();
    site.stop().await;
}

#[tokio::test]
async fn containers_come_whole_and_then_as_they_change() {
    let site = with_web().await;
    let mut live = site.live().await;
    live.subscribe(1, "containers", json!({})).await;
    let first = live.data(1).await;
    assert_eq!(first["snapshot"]["hosts"][0]["state"], "live");
    site.engine.pause("web", true).await.unwrap();
    live.until(1, |data| {
        upserted(data, "web").is_some_and(|row| row["state"] == "paused")
    })
    .await;
    site.engine.pause("web", false).await.unwrap();
    site.engine.remove("web", true).await.unwrap();
    live.until(1, |data| {
        data["changes"]["removed"]
            .as_array()
            .is_some_and(|r| !r.is_empty())
    })
    .await;
    live.say(json!({"type": "unsubscribe", "id": 1})).await;
    loop {
        let message = live.hear().await;
        if message["type"] == "ended" {
            assert_eq!(
                message,
                json!({"type": "ended", "id": 1, "reason": "unsubscribed"})
            );
            break;
        }
    }
    site.stop().await;
}

#[tokio::test]
async fn a_lost_engine_is_told_and_its_rows_are_stale() {
    let site = with_web().await;
    let mut live = site.live().await;
    live.subscribe(1, "containers", json!({})).await;
    live.data(1).await;
    site.engine.go_down().await;
    live.until(1, |data| {
        upserted(data, "web").is_some_and(|row| row["stale"] == true)
    })
    .await;
    live.until(1, |data| data["hosts"][0]["state"] == "lost").await;
    site.engine.come_up().await.unwrap();
    live.until(1, |data| {
        upserted(data, "web").is_some_and(|row| row["stale"] == false)
    })
    .await;
    site.stop().await;
}

#[tokio::test]
async fn events_go_on_after_a_cursor() {
    let site = with_web().await;
    let mut live = site.live().await;
    live.subscribe(1, "events", json!({"limit": 5})).await;
    live.data(1).await;
    let of = |data: &Value, action: &str| {
        data["events"]
            .as_array()
            .and_then(|e| e.iter().find(|e| e["action"] == action).cloned())
    };
    site.engine.pause("web", true).await.unwrap();
    let seen = live.until(1, |data| of(data, "pause").is_some()).await;
    let cursor = of(&seen, "pause").unwrap()["cursor"].clone();
    site.engine.pause("web", false).await.unwrap();
    live.until(1, |data| of(data, "unpause").is_some()).await;

    let mut later = site.live().await;
    later.subscribe(9, "events", json!({"since": cursor})).await;
    let first = later.data(9).await;
    assert_eq!(first["events"][0]["action"], "unpause", "{first}");
    later
        .say(json!({"type": "subscribe", "id": 10, "channel": "events", "params": {"since": "rubbish"}}))
        .await;
    let refused = later.hear().await;
    assert_eq!(
        (&refused["type"], &refused["code"]),
        (&"error".into(), &"invalid_request".into()),
        "{refused}"
    );
    site.stop().await;
}

#[tokio::test]
async fn statistics_of_all_of_one_and_of_the_host() {
    let site = with_web().await;
    let mut live = site.live().await;
    live.subscribe(1, "stats", json!({})).await;
    let known = |data: &Value| {
        data["samples"]
            .as_array()
            .is_some_and(|s| s.iter().any(|s| s["cpu_percent"].is_number()))
    };
    live.until(1, known).await;
    let mut live = site.live().await;
    live.subscribe(
        2,
        "container_stats",
        json!({"host": "local", "id": "web", "history": 5}),
    )
    .await;
    live.until(2, known).await;
    let mut live = site.live().await;
    live.subscribe(3, "host_metrics", json!({})).await;
    let metrics = live
        .until(3, |data| data["hosts"][0]["memory_bytes"].is_number())
        .await;
    assert_eq!(metrics["hosts"][0]["containers_running"], 1, "{metrics}");
    site.stop().await;
}

#[tokio::test]
async fn the_long_past_comes_first_and_each_step_when_it_is_over() {
    let site = Site::with(|mut config| {
        config.fleet.sampler.step = Duration::from_millis(1_500);
        config
    })
    .await;
    let web = site.engine.create(Spec::new("sample").name("web")).await.unwrap();
    site.engine.start_container(&web).await.unwrap();
    let viewer = site.token(Role::Viewer).await;
    site.ready(&viewer).await;
    let (mut live, mut without) = (site.live().await, site.live().await);
    let of = |steps| json!({"host": "local", "id": "web", "steps": steps});
    live.subscribe(1, "container_stats", of(360)).await;
    let plain = json!({"host": "local", "id": "web"});
    without.subscribe(2, "container_stats", plain).await;
    let mut steps: Vec<Value> = Vec::new();
    while steps.len() < 3 {
        let mut data = live.data(1).await;
        assert!(data["samples"].is_array(), "{data}");
        steps.extend(data["steps"].as_array_mut().into_iter().flat_map(std::mem::take));
        assert!(without.data(2).await.get("steps").is_none(), "nobody asked");
    }
    let at: Vec<&str> = steps.iter().map(|step| step["at"].as_str().unwrap()).collect();
    assert!(
        at.is_sorted() && at.windows(2).all(|two| two[0] != two[1]),
        "{at:?}"
    );
    assert!(
        steps.iter().any(|step| step["memory_bytes"].is_number()),
        "{steps:?}"
    );
    // Who comes later begins with the last ones.
    let mut later = site.live().await;
    later.subscribe(3, "container_stats", of(2)).await;
    let past = later.data(3).await;
    let last = past["steps"].as_array().unwrap();
    assert!(last.len() == 2 && last[0]["at"].as_str() >= Some(at[1]), "{past}");
    site.stop().await;
}

#[tokio::test]
async fn output_is_followed_until_the_container_ends() {
    let site = with_web().await;
    site.engine.log("web", false, "before\n").unwrap();
    let mut live = site.live().await;
    live.subscribe(1, "logs", json!({"host": "local", "id": "web", "tail": 10}))
        .await;
    let has = |data: &Value, text: &str| {
        data["lines"]
            .as_array()
            .is_some_and(|l| l.iter().any(|l| l["text"] == text))
    };
    live.until(1, |data| has(data, "before")).await;
    site.engine.log("web", true, "after\n").unwrap();
    let data = live.until(1, |data| has(data, "after")).await;
    assert_eq!(data["lines"][0]["stream"], "stderr", "{data}");
    site.engine.exit("web", 3).await.unwrap();
    let note = live.until(1, |data| data["note"]["kind"] == "ended").await;
    assert_eq!(note["note"]["exit_code"], 3, "{note}");
    let ended = live.hear().await;
    assert_eq!(
        ended,
        json!({"type": "ended", "id": 1, "reason": "container_stopped"})
    );
    for (params, code) in [
        (json!({"host": "local", "id": "../images"}), "invalid_request"),
        (json!({"host": "local", "id": "nobody"}), "not_found"),
        (json!({"host": "far", "id": "web"}), "not_found"),
        (json!({"id": "web"}), "invalid_request"),
    ] {
        live.say(json!({"type": "subscribe", "id": 2, "channel": "logs", "params": params}))
            .await;
        let refused = live.hear().await;
        assert_eq!(
            (&refused["id"], refused["code"].as_str()),
            (&json!(2), Some(code)),
            "{refused}"
        );
    }
    site.stop().await;
}

#[tokio::test]
async fn output_goes_on_after_the_engine_and_the_container_were_away() {
    let site = with_web().await;
    let mut live = site.live().await;
    live.subscribe(1, "logs", json!({"host": "local", "id": "web"}))
        .await;
    let mut lines = Vec::new();
    let mut notes = Vec::new();
    for number in 0..30 {
        match number {
            10 => site.engine.restart(Restart::Crash).await.unwrap(),
            20 => {
                site.engine.exit("web", 1).await.unwrap();
                live.until(1, |data| data["note"]["kind"] == "ended").await;
                site.engine.start_container("web").await.unwrap();
            }
            _ => {}
        }
        let text = format!("line {number}");
        site.engine.log("web", false, format!("{text}\n")).unwrap();
        live.until(1, |data| {
            let came = data["lines"].as_array().into_iter().flatten();
            lines.extend(came.map(|line| line["text"].as_str().unwrap().to_owned()));
            notes.extend(data["note"]["kind"].as_str().map(str::to_owned));
            lines.contains(&text)
        })
        .await;
    }
    let expected: Vec<_> = (0..30).map(|number| format!("line {number}")).collect();
    assert_eq!(lines, expected);
    for note in ["interrupted", "started"] {
        assert!(notes.iter().any(|told| told == note), "{notes:?}");
    }
    site.stop().await;
}

#[tokio::test]
async fn rubbish_is_answered_and_the_connection_stays() {
    let site = Site::start().await;
    let mut live = site.live().await;
    for rubbish in [
        "",
        "[]",
        "{\"type\":\"dance\"}",
        "\u{0}",
        "{\"type\":\"subscribe\",\"id\":\"x\",\"channel\":1}",
    ] {
        live.raw(Message::text(rubbish)).await;
        let answer = live.hear().await;
        assert_eq!(
            (&answer["id"], &answer["code"]),
            (&Value::Null, &"invalid_request".into()),
            "{rubbish}: {answer}"
        );
    }
    live.raw(Message::binary(vec![0xff; 100])).await;
    assert_eq!(live.hear().await["code"], "invalid_request");
    live.say(json!({"type": "subscribe", "id": 1, "channel": "everything"}))
        .await;
    let unknown = live.hear().await;
    assert_eq!(
        (&unknown["id"], &unknown["code"]),
        (&json!(1), &"unknown_channel".into())
    );
    live.say(json!({"type": "unsubscribe", "id": 77})).await;
    assert_eq!(live.hear().await["code"], "invalid_request");
    live.subscribe(1, "stats", json!({})).await;
    live.say(json!({"type": "subscribe", "id": 1, "channel": "stats"}))
        .await;
    loop {
        let message = live.hear().await;
        if message["type"] == "error" {
            assert!(
                message["message"].as_str().unwrap().contains("in use"),
                "{message}"
            );
            break;
        }
    }
    live.say(json!({"type": "ping"})).await;
    while live.hear().await["type"] != "pong" {}
    site.stop().await;
}

#[tokio::test]
async fn a_message_of_ten_megabytes_is_closed_with_1009() {
    let site = Site::start().await;
    let mut live = site.live().await;
    let large = "x".repeat(10_000_000);
    // The server may close before all of it is sent.
    let _ = live.socket.send(Message::text(large)).await;
    let (_, frame) = live.closed().await;
    assert_eq!(frame.expect("a close frame").code, CloseCode::Size);
    drop(live);
    // Just over the limit, and in one frame; others are not touched.
    let (mut live, mut other) = (site.live().await, site.live().await);
    let _ = live.socket.send(Message::text("x".repeat(65_537))).await;
    assert_eq!(
        live.closed().await.1.expect("a close frame").code,
        CloseCode::Size
    );
    other.say(json!({"type": "ping"})).await;
    assert_eq!(other.hear().await["type"], "pong");
    site.stop().await;
}

#[tokio::test]
async fn subscriptions_and_connections_are_bounded() {
    let site = Site::with(|config| config.max_streams(1)).await;
    let mut live = site.live().await;
    let token = site.token(Role::Viewer).await;
    assert_eq!(site.connect(&[("authorization", &token)]).await.err(), Some(429));
    for id in 0..64 {
        live.say(json!({"type": "subscribe", "id": id, "channel": "host_metrics"}))
            .await;
    }
    live.say(json!({"type": "subscribe", "id": 64, "channel": "host_metrics"}))
        .await;
    loop {
        let message = live.hear().await;
        if message["type"] == "error" {
            assert_eq!(
                (&message["id"], &message["code"]),
                (&json!(64), &"too_many_requests".into())
            );
            break;
        }
    }
    site.stop().await;
}

#[tokio::test]
async fn a_revoked_credential_closes_what_it_opened() {
    let site = Site::with(|config| config.recheck(Duration::from_millis(20))).await;
    let cookie = site.set_up().await;
    let own = [("cookie", cookie.as_str()), ("origin", &site.origin())];
    let mut live = site.connect(&own).await.unwrap();
    let mut other = site.live().await;
    assert_eq!(site.post("/api/v1/logout", &own, &json!(null)).await.status, 204);
    assert_eq!(live.closed().await.1.unwrap().code, CloseCode::Policy);
    other.say(json!({"type": "ping"})).await;
    assert_eq!(other.hear().await["type"], "pong");
    // Another process revokes the token of the other one.
    let name = site.store.tokens().await.unwrap()[0].name.clone();
    site.store.revoke_token(&name).await.unwrap();
    assert_eq!(other.closed().await.1.unwrap().code, CloseCode::Policy);
    site.stop().await;
}

#[tokio::test]
async fn a_shutdown_says_goodbye() {
    let site = with_web().await;
    let mut live = site.live().await;
    live.subscribe(5, "containers", json!({})).await;
    live.data(5).await;
    site.shut_down();
    let (heard, frame) = live.closed().await;
    assert_eq!(frame.unwrap().code, CloseCode::Away);
    let ended = heard
        .iter()
        .find(|m| m["type"] == "ended")
        .expect("subscriptions are told");
    assert_eq!(
        ended,
        &json!({"type": "ended", "id": 5, "reason": "server_stopping"})
    );
    site.stop().await;
}

#[tokio::test]
async fn who_does_not_read_holds_up_nobody() {
    let site = with_web().await;
    let mut stuck = site.live().await;
    for (id, channel) in [(1, "events"), (2, "containers"), (3, "stats")] {
        stuck
            .say(json!({"type": "subscribe", "id": id, "channel": channel}))
            .await;
    }
    let mut reader = site.live().await;
    reader.subscribe(1, "events", json!({"limit": 0})).await;
    for _ in 0..500 {
        site.engine.pause("web", true).await.unwrap();
        site.engine.pause("web", false).await.unwrap();
    }
    let mut seen = 0;
    while seen < 1_000 {
        let data = reader.data(1).await;
        assert!(data["lagged"].is_null(), "{data}");
        let actions = data["events"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|e| e["action"].as_str());
        seen += actions.filter(|a| a.ends_with("pause")).count();
    }
    // And the one that did not read can still catch up.
    stuck.say(json!({"type": "ping"})).await;
    while stuck.hear().await["type"] != "pong" {}
    site.stop().await;
}
