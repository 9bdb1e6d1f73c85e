//! Churn, lists that lag, stuck readers, restarts: the nasty parts together.

use std::collections::BTreeSet;
use std::time::Duration;

use longshore_testkit::eventually;
use longshore_testkit::fake::{Draft, FakeConfig, FakeEngine, Restart};
use serde_json::Value;

use super::{connect, engine, get};

#[tokio::test]
async fn churn_is_the_same_for_the_same_seed() {
    let mut stories = Vec::new();
    for _ in 0..2 {
        let engine = FakeEngine::start(FakeConfig::default().seed(42)).await.unwrap();
        engine.add_containers(20);
        for _ in 0..200 {
            engine.churn_once().await;
        }
        let story: Vec<_> = engine
            .truth()
            .iter()
            .map(|e| (e.action.clone(), e.actor.clone()))
            .collect();
        assert!(story.len() > 200);
        stories.push((story, engine.states()));
    }
    assert!(stories[0] == stories[1]);
}

#[tokio::test]
async fn writers_that_churn_together_tell_every_event_once() {
    let config = FakeConfig::default()
        .interleave(Duration::from_micros(200))
        .list_lag(Duration::from_millis(5));
    let engine = FakeEngine::start(config).await.unwrap();
    engine.add_containers(12);
    let work = async || {
        for _ in 0..25 {
            engine.churn_once().await;
        }
    };
    tokio::join!(work(), work(), work(), work());
    let truth = engine.truth();
    let lines: BTreeSet<_> = truth.iter().map(|event| event.line()).collect();
    assert_eq!(lines.len(), truth.len());
    eventually("the list has caught up", async || {
        let list: Vec<Value> = get(&engine, "/containers/json?all=1").await.json().unwrap();
        let shown: BTreeSet<_> = list
            .iter()
            .map(|c| (c["Id"].as_str(), c["State"].as_str()))
            .collect();
        let states = engine.states();
        let truth = states
            .iter()
            .map(|(id, state)| (Some(id.as_str()), Some(state.as_str())))
            .collect();
        if shown == truth {
            Ok(())
        } else {
            Err(format!("{shown:?}"))
        }
    })
    .await;
}

#[tokio::test]
async fn a_list_lags_behind_inspect() {
    let engine = FakeEngine::start(FakeConfig::default().list_lag(Duration::from_secs(3600)))
        .await
        .unwrap();
    let id = engine.add_containers(1).remove(0);
    engine.pause(&id, true).await.unwrap();
    let list: Vec<Value> = get(&engine, "/containers/json").await.json().unwrap();
    assert_eq!(list[0]["State"], "running");
    assert_eq!(engine.inspect(&id).unwrap()["State"]["Status"], "paused");
}

#[tokio::test]
async fn a_power_cut_tells_no_death() {
    let engine = engine().await;
    let id = engine.add_containers(1).remove(0);
    engine.restart(Restart::PowerCut).await.unwrap();
    assert_eq!(engine.states()[&id], "exited");
    assert_eq!(engine.published(), 0);
    let id = engine.add_containers(1).remove(0);
    engine.restart(Restart::Crash).await.unwrap();
    assert_eq!(engine.states()[&id], "running");
}

#[tokio::test]
async fn a_reader_that_never_reads_loses_events_in_silence() {
    let config = FakeConfig {
        patience: Duration::from_millis(1),
        ..FakeConfig::default()
    };
    let engine = FakeEngine::start(config).await.unwrap();
    let mut stuck = connect(&engine).await;
    stuck.open("GET", "/events", None).await.unwrap();
    eventually("the stream is open", async || {
        if engine.subscribers() == 1 {
            Ok(())
        } else {
            Err(())
        }
    })
    .await;
    // The socket's buffer and the queue of 1,024 fill first.
    let mut sent = 0;
    while engine.dropped() == 0 {
        engine
            .emit(Draft::new("daemon", "reload", "").with("padding", "x".repeat(4096)))
            .await;
        sent += 1;
        assert!(sent < 5_000, "nothing was dropped");
    }
    assert!(sent > 1_024, "{sent}");
    assert_eq!(get(&engine, "/_ping").await.status(), 200);
}
