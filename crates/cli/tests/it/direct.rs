//! `ps`, `logs`, `events` and `stats` against a fake engine whose world is known to the byte.

use std::time::Duration;

use longshore_testkit::{
    FakeConfig, FakeEngine,
    fake::{Draft, Fault, Run, SAMPLE_IMAGE, Spec},
};

use crate::longshore::longshore;

async fn engine() -> FakeEngine {
    FakeEngine::start(FakeConfig::default()).await.unwrap()
}

#[tokio::test]
async fn ps_shows_what_runs_and_all_of_it_when_asked() {
    let engine = engine().await;
    let web = engine
        .create(
            Spec::new(SAMPLE_IMAGE)
                .name("web")
                .label("app", "shop")
                .port(80, Some(8080)),
        )
        .await
        .unwrap();
    engine.start_container(&web).await.unwrap();
    engine
        .create(Spec::new(SAMPLE_IMAGE).name("job").label("app", "other"))
        .await
        .unwrap();

    let ran = longshore(["ps", "--json"]).engine(&engine.endpoint()).run().await;
    let rows = ran.json();
    assert_eq!(rows.len(), 1, "{ran:#?}");
    assert_eq!(rows[0]["name"], "web");
    assert_eq!(rows[0]["state"], "running");
    assert_eq!(rows[0]["ports"][0]["public"], 8080);
    assert_eq!(rows[0]["labels"]["app"], "shop");

    let ran = longshore(["ps", "-a"]).engine(&engine.endpoint()).run().await;
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(lines.len(), 3, "{ran:#?}");
    assert!(
        lines[0].starts_with("ID            NAME  IMAGE          STATE    STATUS"),
        "{ran:#?}"
    );
    assert!(
        lines
            .iter()
            .any(|line| line.contains("web") && line.ends_with("8080->80/tcp")),
        "{ran:#?}"
    );
    assert!(
        lines
            .iter()
            .any(|line| line.contains("job") && line.ends_with("created  Created")),
        "{ran:#?}"
    );

    let ran = longshore(["ps", "-a", "--json", "--filter", "label=app=other"])
        .engine(&engine.endpoint())
        .run()
        .await;
    assert_eq!(ran.json()[0]["name"], "job");
    assert_eq!(ran.json().len(), 1);
}

#[tokio::test]
async fn the_flag_wins_over_the_environment() {
    let engine = engine().await;
    let ran = longshore(["ps", "--json", "-H", &engine.endpoint()])
        .engine("tcp://user:secret@nowhere")
        .run()
        .await;
    ran.prints("");
}

#[tokio::test]
async fn logs_keep_their_streams_and_their_bytes() {
    let engine = engine().await;
    let web = engine.create(Spec::new(SAMPLE_IMAGE).name("web")).await.unwrap();
    for (stderr, text) in [
        (false, "one\n"),
        (true, "oops \x1b[31mred\x1b[0m\n"),
        (false, "two\n"),
    ] {
        engine.log(&web, stderr, text).unwrap();
    }
    let ran = longshore(["logs", "web"]).engine(&engine.endpoint()).run().await;
    assert_eq!(
        (ran.out.as_str(), ran.err.as_str()),
        ("one\ntwo\n", "oops \x1b[31mred\x1b[0m\n")
    );

    longshore(["logs", "--stdout", "--tail", "1", "web"])
        .engine(&engine.endpoint())
        .run()
        .await
        .prints("two\n");

    let lines = longshore(["logs", "--json", "web"])
        .engine(&engine.endpoint())
        .run()
        .await
        .json();
    let told: Vec<_> = lines
        .iter()
        .map(|line| (line["stream"].as_str().unwrap(), line["text"].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            ("stdout", "one"),
            ("stderr", "oops \x1b[31mred\x1b[0m"),
            ("stdout", "two")
        ]
    );
    assert!(
        lines
            .iter()
            .all(|line| line["time"].as_str().is_some_and(|time| time.ends_with('Z'))),
        "{lines:#?}"
    );

    let ran = longshore(["logs", "-t", "--stdout", "--tail", "1", "web"])
        .engine(&engine.endpoint())
        .run()
        .await;
    let (time, text) = ran.out.split_once(' ').unwrap();
    assert!(time.ends_with('Z') && text == "two\n", "{ran:#?}");
}

#[tokio::test]
async fn events_are_told_up_to_now_with_all_their_digits() {
    let engine = engine().await;
    let web = engine.create(Spec::new(SAMPLE_IMAGE).name("web")).await.unwrap();
    engine.start_container(&web).await.unwrap();
    let ran = longshore(["events", "--json", "--filter", "type=container"])
        .engine(&engine.endpoint())
        .run()
        .await;
    let events = ran.json();
    let actions: Vec<&str> = events
        .iter()
        .filter_map(|event| event["action"].as_str())
        .collect();
    assert_eq!(actions, ["create", "start"]);
    for event in &events {
        assert_eq!(
            (&event["type"], &event["id"], &event["name"]),
            (&"container".into(), &web.as_str().into(), &"web".into())
        );
        assert!(
            event["time_nano"].is_i64() && event["attributes"].is_object(),
            "{event}"
        );
    }
    let truth: Vec<i64> = engine.truth().iter().map(|event| event.time_nano).collect();
    assert!(
        events
            .iter()
            .all(|event| truth.contains(&event["time_nano"].as_i64().unwrap())),
        "{ran:#?}"
    );

    let ran = longshore(["events", "--filter", "action=start"])
        .engine(&engine.endpoint())
        .run()
        .await;
    assert_eq!(ran.out.lines().count(), 1, "{ran:#?}");
    assert!(
        ran.out
            .contains(&format!(" container start web ({})", &web[..12])),
        "{ran:#?}"
    );

    longshore(["events", "--since", "2099-01-01T00:00:00Z"])
        .engine(&engine.endpoint())
        .run()
        .await
        .prints("");
}

#[tokio::test]
async fn stats_know_the_processor_after_two_measurements() {
    let engine = engine().await;
    engine.add_containers(3);
    engine
        .create(
            Spec::new(SAMPLE_IMAGE)
                .name("idle")
                .run(Run::Exits { after_ms: 1, code: 0 }),
        )
        .await
        .unwrap();
    let rows = longshore(["stats", "--no-stream", "--json"])
        .engine(&engine.endpoint())
        .run()
        .await
        .json();
    assert_eq!(rows.len(), 3);
    for row in &rows {
        assert!(
            row["cpu_percent"].is_f64() && row["memory_bytes"].is_u64(),
            "{row}"
        );
    }
    let ran = longshore(["stats", "--no-stream", "fake-00001"])
        .engine(&engine.endpoint())
        .run()
        .await;
    assert_eq!(ran.out.lines().count(), 2, "{ran:#?}");
    assert!(ran.out.lines().nth(1).unwrap().contains("fake-00001"), "{ran:#?}");
}

#[tokio::test]
async fn a_hostile_name_stays_in_its_cell() {
    let engine = engine().await;
    engine
        .create(Spec::new(SAMPLE_IMAGE).name("web").label("x", "\x1b[2J"))
        .await
        .unwrap();
    engine
        .emit(Draft::new("container", "exec_start: \x1b[2J\nforged line", "web"))
        .await;
    let ran = longshore(["events", "--filter", "type=container"])
        .engine(&engine.endpoint())
        .run()
        .await;
    assert!(
        !ran.out.contains('\x1b') && !ran.out.contains("\nforged"),
        "{ran:#?}"
    );
}

#[tokio::test]
async fn a_slow_engine_is_waited_for() {
    let engine = engine().await;
    engine
        .faults()
        .once("GET /containers/json", Fault::Delay(Duration::from_millis(300)));
    longshore(["ps", "--json"])
        .engine(&engine.endpoint())
        .run()
        .await
        .prints("");
}
