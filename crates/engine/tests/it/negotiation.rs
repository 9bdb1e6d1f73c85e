//! Agreeing on the version, and agreeing anew.

use longshore_engine::{ApiVersion, Engine, EngineConfig, ErrorKind, ListContainers};
use longshore_testkit::fake::Listen;
use longshore_testkit::{FakeConfig, FakeEngine};

fn speaking(newest: (u16, u16), oldest: (u16, u16)) -> FakeConfig {
    FakeConfig::default().versions(oldest, newest)
}

fn client(fake: &FakeEngine) -> Engine {
    Engine::new(fake.endpoint().parse().unwrap(), EngineConfig::default())
}

#[tokio::test]
async fn the_lower_version_of_both_is_spoken() {
    for (newest, agreed) in [((1, 41), ApiVersion::new(1, 41)), ((1, 99), ApiVersion::NEWEST)] {
        let fake = FakeEngine::start(speaking(newest, (1, 24))).await.unwrap();
        let engine = client(&fake);
        assert_eq!(engine.api_version(), None);
        engine.list_containers(&ListContainers::all()).await.unwrap();
        assert_eq!(engine.api_version(), Some(agreed));
        assert_eq!(fake.calls("GET /_ping"), 1);
        engine.list_containers(&ListContainers::all()).await.unwrap();
        assert_eq!(fake.calls("GET /_ping"), 1, "agreed once");
        fake.stop().await;
    }
}

#[tokio::test]
async fn many_first_calls_agree_once() {
    let fake = FakeEngine::start(FakeConfig::default()).await.unwrap();
    let engine = client(&fake);
    let list = ListContainers::all();
    let calls = (0..20).map(|_| engine.list_containers(&list));
    for result in futures_util::future::join_all(calls).await {
        result.unwrap();
    }
    assert_eq!(fake.calls("GET /_ping"), 1);
    fake.stop().await;
}

#[tokio::test]
async fn no_common_version_is_said() {
    let old = FakeEngine::start(speaking((1, 12), (1, 10))).await.unwrap();
    let error = client(&old)
        .list_containers(&ListContainers::all())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Version);
    let new = FakeEngine::start(speaking((2, 5), (2, 0))).await.unwrap();
    let error = client(&new)
        .list_containers(&ListContainers::all())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Version, "{error:?}");
    assert!(error.hint().is_some() && !error.is_transient());
    old.stop().await;
    new.stop().await;
}

#[tokio::test]
async fn an_engine_that_was_exchanged_is_agreed_with_anew() {
    let dir = tempfile::tempdir().unwrap();
    let at = |config: FakeConfig| config.listen(Listen::Unix(dir.path().join("docker.sock")));
    let fake = FakeEngine::start(at(speaking((1, 51), (1, 24)))).await.unwrap();
    let engine = client(&fake);
    engine.list_containers(&ListContainers::all()).await.unwrap();
    assert_eq!(engine.api_version(), Some(ApiVersion::NEWEST));
    fake.stop().await;
    let downgraded = FakeEngine::start(at(speaking((1, 41), (1, 24)))).await.unwrap();
    engine.list_containers(&ListContainers::all()).await.unwrap();
    assert_eq!(engine.api_version(), Some(ApiVersion::new(1, 41)));
    downgraded.stop().await;
    let upgraded = FakeEngine::start(at(speaking((1, 55), (1, 44)))).await.unwrap();
    engine.list_containers(&ListContainers::all()).await.unwrap();
    assert_eq!(engine.api_version(), Some(ApiVersion::NEWEST));
    upgraded.stop().await;
}

#[tokio::test]
async fn a_refused_version_is_agreed_on_anew_and_the_call_sent_again() {
    let fake = FakeEngine::start(speaking((1, 45), (1, 24))).await.unwrap();
    let engine = client(&fake);
    engine.ping().await.unwrap();
    let refusal = r#"{"message":"client version 1.45 is too new. Maximum supported API version is 1.43"}"#;
    fake.faults().answer("GET /containers/json", 400, refusal);
    let error = engine.list_containers(&ListContainers::all()).await.unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Version,
        "the same version again: no use in trying"
    );
    fake.stop().await;
}
