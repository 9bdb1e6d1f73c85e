//! A host's state through an engine's life: found, lost, found again with another version, and stopped.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests stop at the first surprise"
)]

use std::{sync::Arc, time::Duration};

use longshore_fleet::{Fleet, FleetConfig, Host, HostState, LOCAL};
use longshore_testkit::fake::{FakeConfig, FakeEngine, Restart};
use tokio::time::timeout;

/// Far longer than anything here takes; it only ends a test that would hang.
const PATIENCE: Duration = Duration::from_secs(20);

async fn until(host: &Host, holds: impl Fn(&HostState) -> bool) -> Arc<HostState> {
    let mut state = host.watch_state();
    let found = timeout(PATIENCE, state.wait_for(|state| holds(state))).await;
    let found = found.unwrap_or_else(|_| panic!("the state stayed {:?}", host.state()));
    Arc::clone(&found.expect("the host watches"))
}

#[tokio::test]
async fn a_host_tells_what_its_engine_is_loses_it_and_regains_it() {
    let engine = FakeEngine::start(FakeConfig::default()).await.unwrap();
    let there = engine.add_containers(40).len();
    let fleet = Fleet::start(FleetConfig::at(engine.endpoint().parse().unwrap()));
    let host = fleet.host(LOCAL).unwrap();

    until(&host, |state| state.status.is_live()).await;
    assert_eq!(
        host.mirror().snapshot().len(),
        there,
        "live says that all of it is known"
    );
    let live = until(&host, |state| state.status.is_live() && state.engine.is_some()).await;
    let facts = live.engine.clone().unwrap();
    assert!(
        !facts.version.is_empty() && !facts.info.id.is_empty(),
        "{facts:?}"
    );

    engine.go_down().await;
    let lost = until(&host, |state| !state.status.is_live()).await;
    assert_eq!(lost.engine.as_ref(), Some(&facts), "what was known stays known");

    engine.come_up().await.unwrap();
    until(&host, |state| state.status.is_live()).await;

    fleet.stop().await;
    engine.stop().await;
}

#[tokio::test]
async fn no_engine_at_all_is_a_state_that_names_the_places_tried() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = format!("unix://{}/none.sock", folder.path().display());
    let mut config = FleetConfig::at(nowhere.parse().unwrap());
    config.undiscovered = Some("no engine found; tried: here, there".to_owned());
    let fleet = Fleet::start(config);
    let host = fleet.host(LOCAL).unwrap();

    let lost = until(&host, |state| {
        matches!(state.status, longshore_fleet::runtime::Status::Lost { .. })
    })
    .await;
    assert!(lost.engine.is_none());
    assert_eq!(host.undiscovered(), Some("no engine found; tried: here, there"));
    fleet.stop().await;
}

#[tokio::test]
async fn stopping_leaves_no_subscriber_and_may_be_done_twice() {
    let engine = FakeEngine::start(FakeConfig::default()).await.unwrap();
    let fleet = Fleet::start(FleetConfig::at(engine.endpoint().parse().unwrap()));
    let host = fleet.host(LOCAL).unwrap();
    host.mirror().ready().await;
    fleet.stop().await;
    fleet.stop().await;
    longshore_testkit::eventually("the engine has no subscriber", async || {
        match engine.subscribers() {
            0 => Ok(()),
            left => Err(left),
        }
    })
    .await;
    assert!(fleet.host("elsewhere").is_none());
    engine.stop().await;
}

#[tokio::test]
async fn an_engine_that_restarts_is_asked_again_what_it_is() {
    let engine = FakeEngine::start(FakeConfig::default()).await.unwrap();
    let fleet = Fleet::start(FleetConfig::at(engine.endpoint().parse().unwrap()));
    let host = fleet.host(LOCAL).unwrap();
    until(&host, |state| state.engine.is_some()).await;
    let asked = engine.calls("GET /info");
    engine.restart(Restart::Crash).await.unwrap();
    longshore_testkit::eventually("/info is asked again", async || {
        let now = engine.calls("GET /info");
        if now > asked { Ok(()) } else { Err(now) }
    })
    .await;
    fleet.stop().await;
    engine.stop().await;
}
