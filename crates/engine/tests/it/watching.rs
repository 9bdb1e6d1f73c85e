//! Events and statistics, on real engines.

use std::time::Duration;

use futures_util::StreamExt as _;
use longshore_core::{Counters, EventType, Verb};
use longshore_engine::{ErrorKind, EventStream, EventsQuery};
use longshore_testkit::lease::on_each;

use crate::support::{client, is_podman, spec, start};

async fn next_of(events: &mut EventStream, id: &str) -> (String, bytes::Bytes) {
    loop {
        let raw = events.next().await.expect("the stream goes on").unwrap();
        let event = raw.event.expect("an engine's events are read");
        if event.kind == EventType::Container && &*event.id == id {
            return (event.verb().to_owned(), raw.line);
        }
    }
}

#[tokio::test]
async fn events_come_live_and_are_replayed_as_the_same_lines() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let mut live = engine.events(&EventsQuery::default()).await.unwrap();
        let id = start(&engine, &spec(&lease, "events", &["sleep", "60"])).await;
        let create = next_of(&mut live, id.as_str()).await;
        assert_eq!(create.0, "create");
        let mut lines = vec![create];
        if is_podman(&lease) {
            lines.push(next_of(&mut live, id.as_str()).await);
            assert_eq!(lines[1].0, "init");
        }
        lines.push(next_of(&mut live, id.as_str()).await);
        assert_eq!(lines[lines.len() - 1].0, "start");
        engine.act(&id, &Verb::Kill { signal: None }).await.unwrap();
        assert_eq!(next_of(&mut live, id.as_str()).await.0, "kill");
        let die = next_of(&mut live, id.as_str()).await;
        assert_eq!(die.0, "die");

        let mut again = engine.events(&EventsQuery::default().since("0")).await.unwrap();
        for line in lines {
            assert_eq!(
                next_of(&mut again, id.as_str()).await,
                line,
                "a replay has the same text"
            );
        }
        let filtered = EventsQuery::default()
            .since("0")
            // Podman's own word, though its events say Docker's.
            .filter("event", if is_podman(&lease) { "died" } else { "die" })
            .filter("container", id.as_str());
        assert_eq!(
            next_of(&mut engine.events(&filtered).await.unwrap(), id.as_str()).await,
            die
        );
    })
    .await;
}

#[tokio::test]
async fn a_query_with_an_end_ends_cleanly_and_a_bad_one_is_told() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let now = engine.info().await.unwrap().system_time.unwrap();
        let query = EventsQuery::default().since("0").until(now.as_secs().to_string());
        let events: Vec<_> = engine.events(&query).await.unwrap().collect().await;
        assert!(events.iter().all(|event| event.as_ref().unwrap().event.is_ok()));
        let rubbish = engine.events(&EventsQuery::default().since("rubbish")).await;
        if is_podman(&lease) {
            // It answers before it has looked.
            drop(rubbish.unwrap());
            return;
        }
        let error = rubbish.unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Status | ErrorKind::BadInput),
            "{error:?}"
        );
        assert!(!error.is_transient(), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn statistics_are_read_once_and_as_a_stream() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let id = start(
            &engine,
            &spec(&lease, "stats", &["sh", "-c", "while :; do :; done"]),
        )
        .await;
        let first = engine.stats_once(&id).await.unwrap();
        assert!(
            first.usage(None).cpu_percent.is_none(),
            "a first sample is unknown"
        );
        assert!(
            first.memory.usage.unwrap() > 0 && first.memory.limit.is_some() && first.cpu.online.is_some()
        );
        assert!(first.pids.unwrap() > 0);

        let mut stream = engine.stats_stream(&id).await.unwrap();
        stream.next().await.unwrap().unwrap();
        let second = stream.next().await.unwrap().unwrap();
        let percent = second.usage(Some(&first)).cpu_percent.unwrap();
        assert!(percent > 5.0 && percent < 150.0, "a busy loop took {percent} %");

        engine.act(&id, &Verb::Kill { signal: None }).await.unwrap();
        engine.wait_container(&id).await.unwrap();
        let stopped = tokio::time::timeout(Duration::from_secs(10), engine.stats_once(&id))
            .await
            .unwrap();
        assert_eq!(stopped.unwrap(), Counters::default());
    })
    .await;
}
