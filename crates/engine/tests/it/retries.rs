//! What is sent again, how often, and what never is.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use longshore_core::{ObjectRef, Verb};
use longshore_engine::{
    Backoff, Delivery, Engine, EngineConfig, ErrorKind, EventsQuery, ExecSpec, ListContainers, ListImages,
    Retry, Upload,
};
use longshore_testkit::fake::{Fault, Spec};
use longshore_testkit::{FakeConfig, FakeEngine};

/// Three retries that wait for next to nothing, on fresh connections, so that a fault hits the call that it is for.
fn stubborn() -> EngineConfig {
    let backoff = Backoff {
        first: Duration::from_millis(1),
        ..Backoff::default()
    };
    EngineConfig::default()
        .max_idle_connections(0)
        .retry(Retry::times(3).backoff(backoff))
}

async fn fake() -> (FakeEngine, Engine, ObjectRef) {
    let fake = FakeEngine::start(FakeConfig::default()).await.unwrap();
    let id = fake.create(Spec::new("sample").name("web")).await.unwrap();
    let engine = Engine::connect(fake.endpoint().parse().unwrap(), stubborn())
        .await
        .unwrap();
    (fake, engine, ObjectRef::new(&id).unwrap())
}

#[tokio::test]
async fn a_read_is_tried_until_it_succeeds_and_not_once_more_than_allowed() {
    let (fake, engine, id) = fake().await;
    let inspect = "GET /containers/{id}/json";
    fake.faults().times(3, "/json", Fault::Cut { after: 20 });
    engine.inspect_container(&id).await.expect("the fourth time");
    assert_eq!(fake.calls(inspect), 4);
    fake.faults().times(5, "/json", Fault::Cut { after: 20 });
    let error = engine.inspect_container(&id).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.delivery()),
        (ErrorKind::Interrupted, Delivery::Unknown)
    );
    assert_eq!((fake.calls(inspect), fake.faults().left()), (8, 1));
    fake.stop().await;
}

#[tokio::test]
async fn an_overloaded_engine_is_asked_again_and_a_refusal_is_not() {
    let (fake, engine, id) = fake().await;
    fake.faults().answer("/json", 503, "busy");
    engine.inspect_container(&id).await.unwrap();
    fake.faults().answer("/json", 500, "broken");
    let error = engine.inspect_container(&id).await.unwrap_err();
    assert_eq!(
        (error.status(), error.delivery()),
        (Some(500), Delivery::Answered)
    );
    fake.stop().await;
}

#[tokio::test]
async fn a_list_that_something_was_removed_from_meanwhile_is_asked_for_again() {
    let (fake, engine, _) = fake().await;
    let removed = [
        r#"{"cause":"image not known","message":"9c1b6: image not known","response":500}"#,
        r#"{"cause":"layer not known","message":"size of 9c1b6: layer not known","response":500}"#,
        r#"{"cause":"size is not known","message":"reading data blob size \"s\" for \"9c1b6\": size is not known","response":500}"#,
    ];
    for text in removed {
        fake.faults().answer("/images/json", 500, text);
    }
    engine
        .list_images(&ListImages::default())
        .await
        .expect("the fourth time");
    assert_eq!(fake.calls("GET /images/json"), 4);
    // Not for ever, and not for whom it is not: Podman's 404 of one image.
    fake.faults().times(
        5,
        "/images/json",
        Fault::Answer {
            status: 500,
            body: removed[0].to_owned(),
        },
    );
    let error = engine.list_images(&ListImages::default()).await.unwrap_err();
    assert!(error.is_transient() && error.status() == Some(500), "{error:?}");
    assert_eq!((fake.calls("GET /images/json"), fake.faults().left()), (8, 1));
    fake.stop().await;
}

#[tokio::test]
async fn a_stream_is_opened_again_and_never_in_its_middle() {
    let (fake, engine, _) = fake().await;
    fake.faults().once("/events", Fault::Cut { after: 0 });
    engine.events(&EventsQuery::default()).await.unwrap();
    assert_eq!(fake.calls("GET /events"), 2);
    fake.stop().await;
}

#[tokio::test]
async fn what_may_have_been_done_is_not_done_again() {
    let (fake, engine, id) = fake().await;
    fake.faults().once("/start", Fault::Cut { after: 0 });
    let error = engine.act(&id, &Verb::Start).await.unwrap_err();
    assert_eq!(error.delivery(), Delivery::Unknown);
    fake.faults().once("/exec", Fault::Cut { after: 0 });
    let error = engine.exec(&id, &ExecSpec::new(["true"])).await.unwrap_err();
    assert_eq!(error.delivery(), Delivery::Unknown);
    fake.faults().once("/archive", Fault::Cut { after: 0 });
    let put = engine.put_archive(&id, "/", Upload::from("tar"), Default::default());
    put.await.unwrap_err();
    for call in ["POST /containers/{id}/start", "POST /containers/{id}/exec"] {
        assert_eq!(fake.calls(call), 1, "{call}");
    }
    assert_eq!(fake.faults().left(), 0);
    fake.stop().await;
}

#[tokio::test]
async fn what_never_left_us_is_sent_again_whatever_it_is() {
    let (fake, engine, id) = fake().await;
    fake.go_down().await;
    let error = engine
        .with(|config| config.retry(Retry::default()))
        .act(&id, &Verb::Start)
        .await
        .unwrap_err();
    assert_eq!((error.delivery(), error.is_connect()), (Delivery::NotSent, true));
    let slow = Backoff {
        first: Duration::from_millis(50),
        jitter: 0.0,
        ..Backoff::default()
    };
    let waiting = engine.with(|config| config.retry(Retry::times(5).backoff(slow)));
    let (started, up) = tokio::join!(waiting.act(&id, &Verb::Start), fake.come_up());
    up.unwrap();
    started.expect("the engine came back");
    assert_eq!(fake.calls("POST /containers/{id}/start"), 1);
    fake.stop().await;
}

#[tokio::test]
async fn many_callers_do_not_bury_an_engine_in_trouble() {
    let (fake, engine, _) = fake().await;
    fake.faults().always("/containers/json", Fault::Cut { after: 0 });
    let all = ListContainers::all();
    let calls = (0..50).map(|_| engine.list_containers(&all));
    assert!(join_all(calls).await.iter().all(Result::is_err));
    assert_eq!(
        fake.calls("GET /containers/json"),
        60,
        "fifty calls, and ten retries in all"
    );
    fake.stop().await;
}

#[tokio::test]
async fn retries_end_with_the_calls_total_limit() {
    let (fake, engine, _) = fake().await;
    fake.faults().always("/containers/json", Fault::Cut { after: 0 });
    let patient = Backoff {
        first: Duration::from_secs(60),
        longest: Duration::from_secs(60),
        ..Backoff::default()
    };
    let engine = engine.with(|config| {
        config
            .total_timeout(Duration::from_secs(2))
            .retry(Retry::times(3).backoff(patient))
    });
    let began = Instant::now();
    let error = engine.list_containers(&ListContainers::all()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted, "the cause, not the limit");
    assert!(began.elapsed() < Duration::from_secs(30));
    fake.stop().await;
}
