//! Commands that go on: what comes while they run, and how they end.

use longshore_testkit::{
    FakeConfig, FakeEngine, eventually,
    fake::{Restart, SAMPLE_IMAGE, Spec},
};

use crate::longshore::longshore;

async fn engine() -> (FakeEngine, String) {
    let engine = FakeEngine::start(FakeConfig::default()).await.unwrap();
    let web = engine.create(Spec::new(SAMPLE_IMAGE).name("web")).await.unwrap();
    engine.start_container(&web).await.unwrap();
    (engine, web)
}

#[tokio::test]
async fn a_followed_log_shows_a_line_when_it_is_written_and_ctrl_c_ends_it_quietly() {
    let (engine, web) = engine().await;
    engine.log(&web, false, "before\n").unwrap();
    let mut running = longshore(["logs", "-f", "web"])
        .engine(&engine.endpoint())
        .start();
    assert_eq!(running.line().await, "before");
    engine.log(&web, false, "after\n").unwrap();
    assert_eq!(running.line().await, "after");
    running.signal("INT").await;
    let (status, err) = running.ended().await.unwrap();
    assert_eq!((status.code(), err.as_str()), (Some(130), ""));
}

#[tokio::test]
async fn a_followed_log_ends_with_its_container() {
    let (engine, web) = engine().await;
    engine.log(&web, false, "working\n").unwrap();
    let mut running = longshore(["logs", "-f", "web"])
        .engine(&engine.endpoint())
        .start();
    assert_eq!(running.line().await, "working");
    engine.exit(&web, 0).await.unwrap();
    let (status, err) = running.ended().await.unwrap();
    assert_eq!((status.code(), err.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn a_followed_log_goes_on_after_a_broken_connection_and_says_so() {
    let (engine, web) = engine().await;
    engine.log(&web, false, "before\n").unwrap();
    let mut running = longshore(["logs", "-f", "web"])
        .engine(&engine.endpoint())
        .start();
    assert_eq!(running.line().await, "before");
    engine.break_connections();
    engine.log(&web, false, "after\n").unwrap();
    assert_eq!(running.line().await, "after");
    engine.exit(&web, 0).await.unwrap();
    let (status, err) = running.ended().await.unwrap();
    assert_eq!(status.code(), Some(0), "{err}");
    assert!(err.contains("trying again"), "{err}");
}

#[tokio::test]
async fn deaths_are_remembered_and_followed_with_their_last_words() {
    let (engine, web) = engine().await;
    engine.log(&web, true, "no more disk\n").unwrap();
    engine.exit(&web, 3).await.unwrap();
    let ran = longshore(["deaths"]).engine(&engine.endpoint()).run().await;
    let lines: Vec<&str> = ran.out.lines().collect();
    assert!(
        lines[0].contains("web (") && lines[0].contains("exit code 3, ran for"),
        "{ran:#?}"
    );
    assert_eq!(lines[1..], ["    | no more disk"], "{ran:#?}");

    let mut running = longshore(["deaths", "-f", "--json", "web"])
        .engine(&engine.endpoint())
        .start();
    eventually("it subscribes", async || match engine.subscribers() {
        0 => Err("nobody yet"),
        _ => Ok(()),
    })
    .await;
    engine.start_container(&web).await.unwrap();
    engine.exit_oom(&web).await.unwrap();
    let death: serde_json::Value = serde_json::from_str(&running.line().await).unwrap();
    assert_eq!(
        (&death["cause"], &death["oom"]),
        (&"out_of_memory".into(), &true.into())
    );
    assert_eq!(
        (&death["container"], &death["exit_code"]),
        (&web.as_str().into(), &137.into())
    );
    assert!(
        death["ended"].is_string() && death["removed"].is_null(),
        "{death}"
    );
    running.signal("INT").await;
    let (status, err) = running.ended().await.unwrap();
    assert_eq!((status.code(), err.as_str()), (Some(130), ""));
}

#[tokio::test]
async fn of_whom_no_death_is_known_is_told_and_how_far_back_that_is_known() {
    let (engine, web) = engine().await;
    let idle = engine.create(Spec::new(SAMPLE_IMAGE).name("idle")).await.unwrap();
    engine.exit(&web, 3).await.unwrap();
    let deaths = async |names: &[&str]| {
        let words = ["deaths"].iter().chain(names).copied();
        longshore(words).engine(&engine.endpoint()).run().await
    };
    // It is there and has never ended, which is no error.
    for name in ["idle", "/idle", &idle[..12]] {
        let ran = deaths(&[name]).await;
        assert_eq!((ran.out.as_str(), ran.code), ("", Some(0)), "{ran:#?}");
        let told = format!("warning: no death of {name} is known: the engine remembers its events since 20");
        assert!(
            ran.err.starts_with(&told) && ran.err.lines().count() == 1,
            "{ran:#?}"
        );
    }
    let ran = deaths(&["nobody"]).await;
    assert_eq!((ran.out.as_str(), ran.code), ("", Some(4)), "{ran:#?}");
    let lines: Vec<&str> = ran.err.lines().collect();
    let told =
        "error: no death of nobody is known, and no such container: the engine remembers its events since 20";
    assert!(lines[0].starts_with(told), "{ran:#?}");
    assert!(lines[1].starts_with("hint: `longshore serve` keeps"), "{ran:#?}");
    // What is known of others is shown all the same.
    let ran = deaths(&["nobody", "web", "idle", "else"]).await;
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    assert!(
        ran.out.contains("web (") && ran.out.lines().count() == 1,
        "{ran:#?}"
    );
    assert!(ran.err.contains("no death of nobody, else is known"), "{ran:#?}");
    // Of a container that is gone the engine still tells.
    engine.remove(&web, true).await.unwrap();
    let ran = deaths(&["web"]).await;
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:#?}");
    let ran = deaths(&[]).await;
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:#?}");
}

#[tokio::test]
async fn an_engine_that_remembers_nothing_is_told_as_such() {
    let (engine, _) = engine().await;
    engine.restart(Restart::Crash).await.unwrap();
    let ran = longshore(["deaths", "web"])
        .engine(&engine.endpoint())
        .run()
        .await;
    assert_eq!(
        (ran.err.as_str(), ran.code),
        (
            "warning: no death of web is known: the engine remembers no events\n",
            Some(0)
        ),
        "{ran:#?}"
    );
}

#[tokio::test]
async fn followed_events_go_on_through_a_restart_and_the_gap_is_told() {
    let (engine, web) = engine().await;
    let mut running = longshore(["events", "--follow", "--json", "--filter", "type=container"])
        .engine(&engine.endpoint())
        .start();
    eventually("it subscribes", async || match engine.subscribers() {
        0 => Err("nobody yet"),
        _ => Ok(()),
    })
    .await;
    engine.stop_container(&web).await.unwrap();
    let first: serde_json::Value = serde_json::from_str(&running.line().await).unwrap();
    assert_eq!(
        (&first["action"], &first["id"]),
        (&"kill".into(), &web.as_str().into())
    );
    engine.restart(Restart::Crash).await.unwrap();
    engine.start_container(&web).await.unwrap();
    let (mut gaps, mut started) = (0, false);
    while !started {
        let line: serde_json::Value = serde_json::from_str(&running.line().await).unwrap();
        gaps += usize::from(line["gap"]["reason"].is_string() && line["gap"]["from"].is_string());
        started = line["action"] == "start";
    }
    assert_eq!(gaps, 1, "before what happened after it");
    running.signal("INT").await;
    let (status, err) = running.ended().await.unwrap();
    assert_eq!(status.code(), Some(130), "{err}");
    assert!(
        err.contains("trying again") && err.contains("the engine is back"),
        "{err}"
    );
}

#[tokio::test]
async fn followed_events_end_at_their_time_and_rubbish_is_refused() {
    let (engine, _) = engine().await;
    let past = [
        "events",
        "--follow",
        "--since",
        "1h",
        "--until",
        "0s",
        "--filter",
        "action=start",
    ];
    let mut running = longshore(past).engine(&engine.endpoint()).start();
    assert!(running.line().await.contains("start"));
    let (status, err) = running.ended().await.unwrap();
    assert_eq!((status.code(), err.as_str()), (Some(0), ""));
    let odd = ["events", "--follow", "--filter", "colour=blue"];
    let (status, err) = longshore(odd)
        .engine(&engine.endpoint())
        .start()
        .ended()
        .await
        .unwrap();
    assert_eq!(status.code(), Some(2), "{err}");
    assert!(err.contains("colour") && err.contains("\nhint: "), "{err}");
}

#[tokio::test]
async fn a_pipe_that_nobody_reads_ends_it_quietly() {
    let (engine, web) = engine().await;
    engine.log(&web, false, "first\n").unwrap();
    let mut running = longshore(["logs", "-f", "web"])
        .engine(&engine.endpoint())
        .start();
    assert_eq!(running.line().await, "first");
    running.hang_up();
    engine.log(&web, false, "to nobody\n").unwrap();
    let (status, err) = running.ended().await.unwrap();
    assert_eq!((status.code(), err.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn live_statistics_go_on_when_a_container_leaves() {
    let (engine, web) = engine().await;
    let job = engine.create(Spec::new(SAMPLE_IMAGE).name("job")).await.unwrap();
    engine.start_container(&job).await.unwrap();
    let mut running = longshore(["stats", "--json"]).engine(&engine.endpoint()).start();
    let mut names = [running.line().await, running.line().await]
        .map(|line| serde_json::from_str::<serde_json::Value>(&line).unwrap()["name"].to_string());
    names.sort();
    assert_eq!(names, ["\"job\"", "\"web\""]);
    engine.remove(&web, true).await.unwrap();
    for _ in 0..4 {
        if running.line().await.contains("\"web\"") {
            continue;
        }
    }
    let last = running.line().await;
    assert!(
        last.contains("\"job\"") && last.contains("\"cpu_percent\":"),
        "{last}"
    );
    running.signal("INT").await;
    assert_eq!(running.ended().await.unwrap().0.code(), Some(130));
}
