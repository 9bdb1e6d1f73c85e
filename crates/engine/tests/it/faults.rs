//! Answers cut at every byte, connections that went, rubbish in the middle: always an error or an item, never a hang, a
//! panic or a wrong answer.

use std::time::Duration;

use futures_util::StreamExt as _;
use longshore_core::{ObjectRef, Outcome, Verb};
use longshore_engine::{
    Engine, EngineConfig, Error, ErrorKind, EventsQuery, ExecSpec, ListContainers, LogOptions, TimeoutKind,
};
use longshore_testkit::fake::{Draft, Fault, Listen, Restart, Spec};
use longshore_testkit::{FakeConfig, FakeEngine};

use crate::support::{careless, read_all};

async fn fake_with_one() -> (FakeEngine, ObjectRef) {
    let fake = FakeEngine::start(FakeConfig::default()).await.unwrap();
    let id = fake.create(Spec::new("sample").name("web")).await.unwrap();
    fake.start_container(&id).await.unwrap();
    fake.log(&id, false, "hello\n").unwrap();
    fake.log(&id, true, "trouble\n").unwrap();
    (fake, ObjectRef::new(&id).unwrap())
}

/// Cuts the answer to `what` after 0, 1, 2… bytes until the call succeeds, and gives the number of cuts.
async fn cut_everywhere(
    fake: &FakeEngine,
    what: &str,
    most: usize,
    mut call: impl AsyncFnMut() -> Result<(), Error>,
) -> usize {
    for after in 0..most {
        fake.faults().cut_after(what, after);
        match call().await {
            Ok(()) => {
                fake.faults().clear();
                return after;
            }
            Err(error) => {
                let expected = matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::Protocol);
                assert!(expected, "{what} cut after {after}: {error:?}");
                assert_eq!(fake.faults().left(), 0, "{what}: the fault was not made");
            }
        }
    }
    panic!("{what} never succeeds within {most} bytes");
}

#[tokio::test]
async fn an_answer_cut_at_any_byte_is_an_error() {
    let (fake, id) = fake_with_one().await;
    let engine = careless(&fake);
    engine.ping().await.unwrap();
    let cuts = cut_everywhere(&fake, "GET /containers/json", 20_000, async || {
        engine.list_containers(&ListContainers::all()).await.map(drop)
    })
    .await;
    assert!(cuts > 200, "{cuts}");
    cut_everywhere(&fake, &format!("GET /containers/{id}/json"), 20_000, async || {
        engine.inspect_container(&id).await.map(drop)
    })
    .await;
    cut_everywhere(&fake, "/stats", 20_000, async || {
        engine.stats_once(&id).await.map(drop)
    })
    .await;
    cut_everywhere(&fake, "/_ping", 2_000, async || engine.ping().await.map(drop)).await;
    fake.stop().await;
}

#[tokio::test]
async fn a_stream_cut_at_any_byte_never_looks_complete() {
    let (fake, id) = fake_with_one().await;
    let engine = careless(&fake);
    engine.ping().await.unwrap();
    cut_everywhere(&fake, "/logs", 20_000, async || {
        let (out, err) = read_all(engine.logs(&id, &LogOptions::default()).await?).await?;
        assert_eq!((out.as_str(), err.as_str()), ("hello\n", "trouble\n"));
        Ok(())
    })
    .await;
    cut_everywhere(&fake, "/events", 20_000, async || {
        let query = EventsQuery::default().since("0").until("2");
        let mut events = engine.events(&query).await?;
        while let Some(event) = events.next().await {
            event?;
        }
        Ok(())
    })
    .await;
    fake.stop().await;
}

#[tokio::test]
async fn an_exec_cut_at_any_byte_is_an_error_or_whole() {
    let (fake, id) = fake_with_one().await;
    let engine = careless(&fake);
    engine.ping().await.unwrap();
    // The raw stream has no end mark of its own: a cut between two frames cannot be told, one inside a frame can.
    let mut whole = 0;
    let spec = ExecSpec::new(["echo", "some words"]).timeout(Duration::from_secs(2));
    for after in 0..400 {
        fake.faults().cut_after("/start", after);
        match engine.exec(&id, &spec).await {
            Ok(done) => {
                assert!(
                    done.stdout.is_empty() || &*done.stdout == b"some words\n",
                    "{after}: {done:?}"
                );
                whole += usize::from(!done.stdout.is_empty());
            }
            Err(error) => {
                // Cut right after the head, the command itself is still there, and its end is waited for.
                let expected = matches!(
                    error.kind(),
                    ErrorKind::Interrupted | ErrorKind::Protocol | ErrorKind::Timeout(TimeoutKind::Total)
                );
                assert!(expected && whole == 0, "cut after {after}: {error:?}");
            }
        }
        fake.faults().clear();
    }
    assert!(whole > 0);
    fake.stop().await;
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_is_no_failure() {
    let (fake, id) = fake_with_one().await;
    let engine = Engine::new(fake.endpoint().parse().unwrap(), EngineConfig::default());
    for round in 0..10 {
        engine
            .inspect_container(&id)
            .await
            .unwrap_or_else(|error| panic!("{round}: {error:?}"));
        engine
            .act(&id, &Verb::Start)
            .await
            .unwrap_or_else(|error| panic!("{round}: {error:?}"));
        fake.break_connections();
    }
    fake.restart(Restart::Crash).await.unwrap();
    engine
        .act(&id, &Verb::Start)
        .await
        .expect("the loss is seen before anything is sent");
    fake.stop().await;
}

#[tokio::test]
async fn only_what_is_harmless_is_sent_twice() {
    let (fake, id) = fake_with_one().await;
    let engine = Engine::new(fake.endpoint().parse().unwrap(), EngineConfig::default());
    // Both meet a connection that the engine closes when the request has come.
    engine.ping().await.unwrap();
    fake.faults().once("GET /containers", Fault::Cut { after: 0 });
    engine
        .inspect_container(&id)
        .await
        .expect("reading again does no harm");
    fake.faults().once("/stop", Fault::Cut { after: 0 });
    let error = engine.act(&id, &Verb::STOP).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert_eq!(fake.faults().left(), 0);
    assert_eq!(engine.act(&id, &Verb::STOP).await.unwrap(), Outcome::AlreadySo);
    fake.stop().await;
}

#[tokio::test]
async fn connections_are_kept_and_bounded() {
    let (fake, id) = fake_with_one().await;
    let engine = Engine::new(
        fake.endpoint().parse().unwrap(),
        EngineConfig::default().max_idle_connections(2),
    );
    let calls = (0..30).map(|_| engine.inspect_container(&id));
    for result in futures_util::future::join_all(calls).await {
        result.unwrap();
    }
    let path = fake.socket().unwrap().display().to_string();
    let open = || {
        let table = std::fs::read_to_string("/proc/net/unix").unwrap();
        // The listener itself has one line more.
        table.lines().filter(|line| line.ends_with(&path)).count() - 1
    };
    longshore_testkit::eventually("no more than two connections stay", async || match open() {
        0..=2 => Ok(()),
        more => Err(more),
    })
    .await;
    for _ in 0..50 {
        engine.inspect_container(&id).await.unwrap();
        engine.act(&id, &Verb::Start).await.unwrap();
        engine.list_containers(&ListContainers::all()).await.unwrap();
    }
    assert!(open() <= 2, "one after the other, calls share a connection");
    fake.stop().await;
}

#[tokio::test]
async fn rubbish_among_events_is_an_item_and_the_stream_goes_on() {
    let (fake, _) = fake_with_one().await;
    let engine = careless(&fake);
    let mut events = engine.events(&EventsQuery::default()).await.unwrap();
    fake.emit(Draft::rubbish("{\"Type\":\"container\",\"Action\":"))
        .await;
    fake.emit(Draft::rubbish("x".repeat(5 << 20))).await;
    fake.emit(Draft::new("wormhole", "open", "abc")).await;
    let bad = events.next().await.unwrap().unwrap();
    assert!(bad.event.is_err() && bad.line.starts_with(b"{\"Type\""));
    let long = events.next().await.unwrap().unwrap();
    assert!(long.event.is_err() && long.line.len() == 1024);
    let unknown = events.next().await.unwrap().unwrap().event.unwrap();
    assert_eq!((unknown.kind.as_str(), &*unknown.action), ("wormhole", "open"));
    fake.go_down().await;
    let end = events.next().await;
    assert!(end.is_none_or(|end| end.is_err()));
    assert!(events.next().await.is_none());
    fake.stop().await;
}

#[tokio::test]
async fn unknown_and_odd_answers_break_nothing() {
    let (fake, id) = fake_with_one().await;
    let engine = careless(&fake);
    let list = r#"[{"Id":"aa","State":"hibernating","Names":null},{"Id":{}},{"Id":"bb","Labels":{"a":null}},{"Id":"cc"}]"#;
    fake.faults().answer("GET /containers/json", 200, list);
    let all = engine.list_containers(&ListContainers::all()).await.unwrap();
    assert_eq!(
        all.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(),
        ["aa", "cc"]
    );
    assert_eq!(all[0].state.as_str(), "hibernating");

    for (status, body, kind) in [
        (200, "not json", ErrorKind::Protocol),
        (200, "{}", ErrorKind::Protocol),
        (500, "{\"message\":\"boom\"}", ErrorKind::Status),
        (503, "", ErrorKind::Status),
        (403, "<html>denied</html>", ErrorKind::Permission),
        (301, "", ErrorKind::Protocol),
    ] {
        fake.faults()
            .answer(format!("GET /containers/{id}/json").as_str(), status, body);
        let error = engine.inspect_container(&id).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{status} {body}: {error:?}");
        assert_eq!(error.is_transient(), status == 503);
    }
    fake.stop().await;
}

#[tokio::test]
async fn a_dropped_stream_is_hung_up() {
    let (fake, _) = fake_with_one().await;
    let engine = careless(&fake);
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(engine.events(&EventsQuery::default()).await.unwrap());
    }
    assert_eq!(fake.subscribers(), 20);
    drop(streams);
    longshore_testkit::eventually("the engine sees every stream closed", async || {
        match fake.subscribers() {
            0 => Ok(()),
            left => Err(left),
        }
    })
    .await;
    fake.stop().await;
}

#[tokio::test]
async fn tcp_serves_as_a_socket_does() {
    let config = FakeConfig::default().listen(Listen::Tcp(([127, 0, 0, 1], 0).into()));
    let fake = FakeEngine::start(config).await.unwrap();
    let id = fake.create(Spec::new("sample").name("web")).await.unwrap();
    let engine = Engine::new(fake.endpoint().parse().unwrap(), EngineConfig::default());
    let mut events = engine.events(&EventsQuery::default()).await.unwrap();
    let id = ObjectRef::new(&id).unwrap();
    assert_eq!(engine.act(&id, &Verb::Start).await.unwrap(), Outcome::Done);
    assert!(events.next().await.unwrap().unwrap().event.is_ok());
    let done = engine
        .exec(&id, &ExecSpec::new(["echo", "some words"]))
        .await
        .unwrap();
    assert_eq!(&*done.stdout, b"some words\n");
    fake.break_connections();
    engine.inspect_container(&id).await.unwrap();
    fake.stop().await;
}
