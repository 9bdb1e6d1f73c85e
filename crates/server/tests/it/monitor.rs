//! The event monitor over WebSockets: its messages, filters, batches, bounds, and what it does to rubbish.

use longshore_server::ServerConfig;
use longshore_store::Role;
use longshore_testkit::{
    eventually,
    fake::{Draft, Restart},
};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Message, protocol::frame::coding::CloseCode};

use crate::{live::Live, support::Site};

const PATH: &str = "/api/v1/events/ws";

pub(crate) async fn site() -> Site {
    site_with(|config| config).await
}

/// A server that follows an engine which has told one event.
pub(crate) async fn site_with(change: impl FnOnce(ServerConfig) -> ServerConfig) -> Site {
    let site = Site::with(change).await;
    tell(&site, "container", "create", "before").await;
    let viewer = site.token(Role::Viewer).await;
    site.ready(&viewer).await;
    site
}

pub(crate) async fn tell(site: &Site, kind: &str, action: &str, id: &str) {
    site.engine.emit(Draft::new(kind, action, id)).await;
    // An engine that is faster than its reader drops events.
    tokio::task::yield_now().await;
}

pub(crate) async fn join(site: &Site, query: &str) -> Live {
    let token = site.token(Role::Viewer).await;
    let path = format!("{PATH}{query}");
    let mut live = site
        .connect_to(&path, &[("authorization", &token)])
        .await
        .unwrap();
    // It stands once it answers.
    if !query.contains("batch") && !query.contains("filter") && !query.contains("resume") {
        live.say(json!({"filters": []})).await;
        let answer = live.hear().await;
        assert_eq!(answer["message_type"], "docker_filters", "{answer}");
    }
    live
}

pub(crate) fn id(message: &Value) -> &str {
    message["payload"]["actor"]["id"].as_str().unwrap_or_default()
}

/// Reads up to the event about that object, which is given too.
pub(crate) async fn until(live: &mut Live, wanted: &str) -> Vec<Value> {
    let mut heard = Vec::new();
    loop {
        let message = live.hear().await;
        let is_it = id(&message) == wanted;
        heard.push(message);
        if is_it {
            return heard;
        }
    }
}

pub(crate) fn words(heard: &[Value]) -> Vec<String> {
    let word = |message: &Value| match message["message_type"].as_str().unwrap() {
        kind if kind.ends_with("_event") => id(message).to_owned(),
        "docker_gap" => format!("gap {}", message["payload"]["reason"].as_str().unwrap()),
        kind => kind.to_owned(),
    };
    heard.iter().map(word).collect()
}

#[tokio::test]
async fn who_may_open_it_and_with_what() {
    let site = site().await;
    assert_eq!(site.connect_to(PATH, &[]).await.err(), Some(401));
    let cookie = site.set_up().await;
    assert_eq!(
        site.connect_to(PATH, &[("cookie", &cookie)]).await.err(),
        Some(403)
    );
    let own = [("cookie", cookie.as_str()), ("origin", &site.origin())];
    site.connect_to(PATH, &own).await.map(drop).unwrap();
    for query in [
        "?filter=",
        "?filter=colour:red",
        "?resume=rubbish",
        "?resume=elsewhere=1.abc.5",
        "?batch=perhaps",
        "?fliter=start",
    ] {
        let refused = site.connect_to(&format!("{PATH}{query}"), &own).await;
        assert_eq!(refused.err(), Some(400), "{query}");
    }
    let answer = site.get(PATH, &own).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_request"));
    site.stop().await;
}

#[tokio::test]
async fn every_kind_of_event_comes_as_one_plain_message() {
    let site = site().await;
    let mut live = join(&site, "").await;
    let kinds = [
        ("container", "container_event"),
        ("image", "image_event"),
        ("volume", "volume_event"),
        ("network", "network_event"),
        ("plugin", "docker_event"),
        ("daemon", "docker_event"),
        ("teapot", "docker_event"),
    ];
    for (kind, _) in kinds {
        let draft = Draft::new(kind, "happens", kind)
            .with("name", "it")
            .stamped(1_500_000_002);
        site.engine.emit(draft).await;
    }
    for (kind, message_type) in kinds {
        let mut message = live.hear().await;
        assert!(
            message["timestamp"].as_i64().unwrap() > 1_700_000_000,
            "{message}"
        );
        let cursor = message["payload"]["cursor"].take();
        assert!(cursor.as_str().unwrap().starts_with("local="), "{cursor}");
        message["payload"].as_object_mut().unwrap().remove("late");
        message["payload"].as_object_mut().unwrap().remove("cursor");
        assert_eq!(
            message["payload"],
            json!({"event_type": kind, "action": "happens", "actor": {"id": kind, "attributes": {"name": "it"}},
                "scope": "local", "time": 1, "time_nano": 1_500_000_002, "host": "local", "synthetic": false})
        );
        assert_eq!(message["message_type"], message_type);
    }
    site.stop().await;
}

#[tokio::test]
async fn what_is_nasty_is_told_and_the_stream_goes_on() {
    let site = site().await;
    let mut live = join(&site, "").await;
    site.engine.emit(Draft::rubbish("{\"Type\": \"contai")).await;
    site.engine.emit(Draft::rubbish("")).await;
    let large = "x".repeat(1 << 20);
    site.engine
        .emit(Draft::new("container", "start", "large").with("large", &*large))
        .await;
    tell(&site, "container", "start", "last").await;
    let heard = until(&mut live, "last").await;
    let told = words(&heard);
    assert_eq!(told[0], "gap unreadable", "{told:?}");
    assert_eq!(told[told.len() - 2..], ["large", "last"]);
    let kept = &heard[heard.len() - 2]["payload"]["actor"]["attributes"]["large"];
    assert_eq!(kept.as_str().map(str::len), Some(large.len()));
    for rubbish in [
        "",
        "[]",
        "\u{0}",
        "{}",
        "{\"filters\":\"start\"}",
        "{\"filters\":[1]}",
        "{\"filters\":[\"colour:red\"]}",
        "{\"filters\":[\"\"]}",
        "{\"filters\":[],\"dance\":1}",
        &format!("{{\"{}\":1}}", "y".repeat(60_000)),
    ] {
        live.raw(Message::text(rubbish)).await;
        let answer = live.hear().await;
        assert_eq!(answer["message_type"], "docker_error", "{answer}");
        assert_eq!(answer["payload"]["host"], Value::Null);
        let error = answer["payload"]["error"].as_str().unwrap();
        assert!(!error.is_empty() && error.len() < 400, "{error}");
        assert!(answer["payload"]["timestamp"].is_i64());
    }
    live.raw(Message::binary(vec![0xff; 100])).await;
    assert_eq!(live.hear().await["message_type"], "docker_error");
    tell(&site, "container", "start", "after").await;
    assert_eq!(
        words(&until(&mut live, "after").await),
        ["after"],
        "all of it still comes"
    );
    let _ = futures_util::SinkExt::send(&mut live.socket, Message::text("x".repeat(100_000))).await;
    assert_eq!(live.closed().await.1.unwrap().code, CloseCode::Size);
    site.stop().await;
}

#[tokio::test]
async fn filters_hold_from_the_query_and_change_while_connected() {
    let site = site().await;
    let mut live = join(&site, "?filter=start&filter=type:container").await;
    let mut labelled = join(&site, "?filter=label:app%3Dshop&filter=host:local").await;
    let mut elsewhere = join(&site, "?filter=host:far").await;
    let all = async |round: &str| {
        tell(&site, "container", "start", &format!("{round} start")).await;
        tell(&site, "container", "die", &format!("{round} die")).await;
        tell(&site, "network", "restart", &format!("{round} network")).await;
        let draft = Draft::new("container", "die", &format!("{round} shop")).with("app", "shop");
        site.engine.emit(draft).await;
        tell(&site, "container", "restart", &format!("{round} last")).await;
    };
    all("1").await;
    assert_eq!(words(&until(&mut live, "1 last").await), ["1 start", "1 last"]);
    assert_eq!(words(&until(&mut labelled, "1 shop").await), ["1 shop"]);
    live.say(json!({"filters": ["die", "network"]})).await;
    let answer = live.hear().await;
    assert_eq!(
        (&answer["message_type"], &answer["payload"]),
        (&json!("docker_filters"), &json!({"filters": ["die", "network"]}))
    );
    all("2").await;
    assert_eq!(
        words(&until(&mut live, "2 shop").await),
        ["2 die", "2 network", "2 shop"]
    );
    // Rubbish changes nothing.
    live.say(json!({"filters": ["colour:red"]})).await;
    assert_eq!(live.hear().await["message_type"], "docker_error");
    all("3").await;
    assert_eq!(
        words(&until(&mut live, "3 shop").await),
        ["3 die", "3 network", "3 shop"]
    );
    elsewhere.say(json!({"filters": []})).await;
    assert_eq!(
        elsewhere.hear().await["message_type"],
        "docker_filters",
        "nothing came before"
    );
    site.stop().await;
}

#[tokio::test]
async fn the_engine_going_and_coming_is_told_and_what_it_cannot_replay_is_a_gap() {
    let site = site().await;
    let mut live = join(&site, "?filter=start").await;
    tell(&site, "container", "start", "1").await;
    until(&mut live, "1").await;
    site.engine.go_down().await;
    let lost = live.hear().await;
    assert_eq!(lost["message_type"], "docker_error");
    assert!(!lost["payload"]["error"].as_str().unwrap().is_empty());
    assert!(lost["payload"]["timestamp"].is_i64());
    assert_eq!(lost["payload"]["host"], "local");
    let mut joined = join(&site, "?filter=start").await;
    assert_eq!(
        joined.hear().await["message_type"],
        "docker_error",
        "it is gone now"
    );
    tell(&site, "container", "start", "2").await;
    site.engine.come_up().await.unwrap();
    assert_eq!(words(&until(&mut live, "2").await), ["docker_restored", "2"]);
    assert_eq!(words(&until(&mut joined, "2").await), ["docker_restored", "2"]);
    site.engine.restart(Restart::Crash).await.unwrap();
    tell(&site, "container", "start", "3").await;
    let heard = until(&mut live, "3").await;
    let told = words(&heard);
    assert_eq!(told[..2], ["docker_error", "docker_restored"], "{told:?}");
    assert!(told[2].starts_with("gap "), "{told:?}");
    let gap = &heard[2]["payload"];
    for field in ["from", "to", "reason", "host", "cursor"] {
        assert!(gap[field].is_string(), "{gap}");
    }
    site.stop().await;
}

#[tokio::test]
async fn who_comes_back_with_a_cursor_goes_on_from_there() {
    let site = site().await;
    let mut live = join(&site, "").await;
    for n in 1..=5 {
        tell(&site, "container", "start", &n.to_string()).await;
    }
    let heard = until(&mut live, "5").await;
    let cursor = heard[1]["payload"]["cursor"].as_str().unwrap().to_owned();
    drop(live);
    tell(&site, "container", "start", "6").await;
    let mut back = join(&site, &format!("?resume={cursor}")).await;
    assert_eq!(words(&until(&mut back, "6").await), ["3", "4", "5", "6"]);
    let mut stranger = join(&site, "?resume=local=1.abc.5").await;
    let told = words(&until(&mut stranger, "6").await);
    assert_eq!(told[0], "gap unknown_cursor", "{told:?}");
    assert_eq!(told.last().map(String::as_str), Some("6"));
    site.stop().await;
}

#[tokio::test]
async fn arrays_come_for_who_asks_and_nobody_else() {
    let site = site().await;
    let (mut plain, mut batched) = (join(&site, "").await, join(&site, "?batch=1").await);
    for n in 1..=200 {
        tell(&site, "container", "start", &n.to_string()).await;
    }
    let expected: Vec<String> = (1..=200).map(|n| n.to_string()).collect();
    assert_eq!(words(&until(&mut plain, "200").await), expected);
    let (mut told, mut frames) = (Vec::new(), 0);
    while told.len() < 200 {
        let frame = batched.hear().await;
        assert_eq!(frame["message_type"], "docker_batch", "{frame}");
        assert!(frame["timestamp"].is_i64());
        told.extend(words(frame["payload"].as_array().unwrap()));
        frames += 1;
    }
    assert_eq!(told, expected);
    assert!(frames < 200, "nothing was gathered");
    batched.say(json!({"filters": ["colour:red"]})).await;
    let frame = batched.hear().await;
    assert_eq!(frame["payload"][0]["message_type"], "docker_error", "{frame}");
    site.stop().await;
}

#[tokio::test]
async fn an_event_is_encoded_once_however_many_listen() {
    let site = site().await;
    let mut many = Vec::new();
    for _ in 0..25 {
        many.push(join(&site, "").await);
    }
    let auth = site.token(Role::Viewer).await;
    let encoded = async || {
        let text = site.get("/metrics", &[("authorization", &auth)]).await.text();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("longshore_monitor_encoded_total "));
        line.unwrap().parse::<u64>().unwrap()
    };
    let before = encoded().await;
    for n in 1..=40 {
        tell(&site, "container", "start", &n.to_string()).await;
    }
    for live in &mut many {
        assert_eq!(until(live, "40").await.len(), 40);
    }
    assert_eq!(encoded().await - before, 40);
    site.stop().await;
}

#[tokio::test]
async fn one_that_does_not_read_is_told_what_it_missed_and_harms_nobody() {
    let site = site().await;
    let (mut stuck, mut reader) = (join(&site, "").await, join(&site, "").await);
    const COUNT: usize = 3_000;
    // More than the kernel holds between the two, and than the feed's ring does.
    let large = "x".repeat(8_000);
    let mut seen = 0;
    for n in 1..=COUNT {
        let draft = Draft::new("container", "start", &n.to_string()).with("large", &*large);
        site.engine.emit(draft).await;
        let heard = until(&mut reader, &n.to_string()).await;
        assert_eq!(heard.len(), 1, "{:?}", words(&heard));
        seen += 1;
    }
    assert_eq!(seen, COUNT);
    let (mut next, mut missed) = (1, 0);
    while next <= COUNT {
        let message = stuck.hear().await;
        if message["message_type"] == "docker_lagged" {
            let n = message["payload"]["n"].as_u64().unwrap();
            assert_eq!(message["payload"]["host"], "local");
            missed += n;
            next += usize::try_from(n).unwrap();
        } else {
            assert_eq!(id(&message), next.to_string(), "neither lost nor doubled");
            next += 1;
        }
    }
    assert!(missed > 0, "it was too slow for some");
    site.stop().await;
}

#[tokio::test]
async fn places_are_bounded_and_a_shutdown_says_goodbye() {
    let site = site_with(|config| config.max_streams(1)).await;
    let mut live = join(&site, "").await;
    let token = site.token(Role::Viewer).await;
    let refused = site.connect_to(PATH, &[("authorization", &token)]).await;
    assert_eq!(refused.err(), Some(429));
    site.shut_down();
    assert_eq!(live.closed().await.1.unwrap().code, CloseCode::Away);
    site.stop().await;
}

#[tokio::test]
async fn a_subscriber_that_goes_gives_its_place_back() {
    let site = site_with(|config| config.max_streams(1)).await;
    drop(join(&site, "").await);
    let token = site.token(Role::Viewer).await;
    eventually("its place is free", async || {
        site.connect_to(PATH, &[("authorization", &token)])
            .await
            .map(drop)
    })
    .await;
    site.stop().await;
}
