//! The event stream: grammar, replay, live, restarts, rubbish.

use std::time::Duration;

use longshore_testkit::eventually;
use longshore_testkit::fake::{Draft, FakeEngine, Restart, Run, Spec};
use longshore_testkit::raw::Connection;

use super::{connect, engine, get};

/// Events as the wire has them, until `until` of them have come.
async fn follow(engine: &FakeEngine, query: &str) -> Follower {
    let mut connection = connect(engine).await;
    let head = connection
        .open("GET", &format!("/events{query}"), None)
        .await
        .unwrap();
    assert_eq!(head.status(), 200);
    Follower {
        connection,
        buffer: Vec::new(),
    }
}

struct Follower {
    connection: Connection,
    buffer: Vec<u8>,
}

impl Follower {
    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.buffer.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Some(String::from_utf8(line).unwrap());
            }
            self.buffer
                .extend_from_slice(&self.connection.chunk().await.ok()??);
        }
    }

    async fn actions(&mut self, n: usize) -> Vec<String> {
        let mut actions = Vec::new();
        for _ in 0..n {
            let line = self.line().await.unwrap();
            let event: serde_json::Value = serde_json::from_str(&line).unwrap();
            actions.push(event["Action"].as_str().unwrap().to_owned());
        }
        actions
    }
}

#[tokio::test]
async fn the_grammar_of_a_container() {
    let engine = engine().await;
    let mut events = follow(&engine, "?filters=%7B%22type%22%3A%5B%22container%22%5D%7D").await;
    eventually("the stream is open", async || {
        if engine.subscribers() == 1 {
            Ok(())
        } else {
            Err(())
        }
    })
    .await;
    let id = engine
        .create(Spec::new("sample").run(Run::Exits { after_ms: 0, code: 3 }))
        .await
        .unwrap();
    engine.start_container(&id).await.unwrap();
    assert_eq!(events.actions(3).await, ["create", "start", "die"]);
    engine.remove(&id, false).await.unwrap();
    assert_eq!(events.actions(1).await, ["destroy"]);

    let id = engine.create(Spec::new("sample")).await.unwrap();
    engine.start_container(&id).await.unwrap();
    engine.set_health(&id, "healthy").await.unwrap();
    assert_eq!(
        events.actions(3).await,
        ["create", "start", "health_status: healthy"]
    );
    engine.restart_container(&id).await.unwrap();
    let mut actions = events.actions(5).await;
    actions[1..3].sort();
    assert_eq!(actions, ["kill", "die", "stop", "start", "restart"]);
    engine.remove(&id, true).await.unwrap();
    assert_eq!(events.actions(3).await, ["kill", "die", "destroy"]);
}

#[tokio::test]
async fn what_is_delivered_is_the_truth() {
    let engine = engine().await;
    let mut events = follow(&engine, "?since=0").await;
    eventually("the stream is open", async || {
        if engine.subscribers() == 1 {
            Ok(())
        } else {
            Err(())
        }
    })
    .await;
    for _ in 0..50 {
        let id = engine.create(Spec::new("sample")).await.unwrap();
        engine.start_container(&id).await.unwrap();
        engine.remove(&id, true).await.unwrap();
    }
    for event in engine.truth() {
        assert_eq!(events.line().await.unwrap().as_bytes(), &event.line()[..]);
    }
    // More than the ring holds happened; a new stream gets the last 256.
    assert!(engine.published() > 256);
    let ring = engine.ring();
    assert_eq!(ring.len(), 256);
    let mut replay = follow(&engine, "?since=0").await;
    assert_eq!(replay.line().await.unwrap().as_bytes(), &ring[0].line()[..]);
}

#[tokio::test]
async fn until_now_ends() {
    let engine = engine().await;
    engine.create(Spec::new("sample")).await.unwrap();
    let until = engine.now() / 1_000_000_000;
    let answer = get(&engine, &format!("/events?since=0&until={until}.999999999")).await;
    assert_eq!(answer.text().lines().count(), 1);
    assert_eq!(get(&engine, "/events?since=10m").await.status(), 500);
}

#[tokio::test]
async fn an_image_create_is_hidden_from_old_clients() {
    let engine = engine().await;
    engine.emit(Draft::new("image", "create", "sha256:1")).await;
    engine.emit(Draft::new("novel", "thing", "x")).await;
    let mut old = follow(&engine, "?since=0").await;
    assert_eq!(old.actions(2).await, ["create", "thing"]);
    let mut connection = connect(&engine).await;
    connection
        .open("GET", "/v1.45/events?since=0", None)
        .await
        .unwrap();
    let first = connection.chunk().await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&first).contains("thing"));
}

#[tokio::test]
async fn a_restart_forgets_and_breaks() {
    let engine = engine().await;
    let ids = engine.add_containers(2);
    let mut events = follow(
        &engine,
        "?since=0&filters=%7B%22type%22%3A%5B%22container%22%5D%7D",
    )
    .await;
    eventually("the stream is open", async || {
        if engine.subscribers() == 1 {
            Ok(())
        } else {
            Err(())
        }
    })
    .await;
    engine.restart(Restart::Clean).await.unwrap();
    while events.line().await.is_some() {}
    assert!(engine.ring().is_empty());
    assert!(ids.iter().all(|id| engine.states()[id] == "exited"));
    assert_eq!(get(&engine, "/_ping").await.status(), 200);
    assert_eq!(
        engine
            .truth()
            .iter()
            .filter(|event| event.action == "die")
            .count(),
        2
    );
}

#[tokio::test]
async fn a_clock_step_cuts_a_timed_replay_short() {
    let engine = engine().await;
    let first = engine.emit(Draft::new("daemon", "one", "")).await;
    engine.step_clock_back(Duration::from_secs(3600));
    engine.emit(Draft::new("daemon", "two", "")).await;
    engine.step_clock_forward(Duration::from_secs(3600));
    engine.emit(Draft::new("daemon", "three", "")).await;
    let (seconds, nanos) = (first.time_nano / 1_000_000_000, first.time_nano % 1_000_000_000);
    let mut timed = follow(&engine, &format!("?since={seconds}.{nanos:09}")).await;
    assert_eq!(timed.actions(1).await, ["three"]);
    let mut whole = follow(&engine, "?since=0").await;
    assert_eq!(whole.actions(3).await, ["one", "two", "three"]);
}

#[tokio::test]
async fn rubbish_goes_out_as_it_is() {
    let engine = engine().await;
    engine.emit(Draft::rubbish("{\"Type\":")).await;
    let mut events = follow(&engine, "?since=0").await;
    assert_eq!(events.line().await.unwrap(), "{\"Type\":\n");
}
