//! The fake engine through its own wire, with the raw client.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test may stop at the first thing that is not as it should be"
)]

mod calls;
mod events;
mod faults;
mod life;
mod streams;

use longshore_testkit::fake::{FakeConfig, FakeEngine};
use longshore_testkit::raw::{Answer, Connection};

async fn engine() -> FakeEngine {
    FakeEngine::start(FakeConfig::default())
        .await
        .expect("a fake engine")
}

async fn connect(engine: &FakeEngine) -> Connection {
    Connection::connect(&engine.target()).await.expect("a connection")
}

async fn get(engine: &FakeEngine, path: &str) -> Answer {
    connect(engine)
        .await
        .call("GET", path, None)
        .await
        .expect("an answer")
}

async fn post(engine: &FakeEngine, path: &str, body: Option<&str>) -> Answer {
    connect(engine)
        .await
        .call("POST", path, body.map(str::as_bytes))
        .await
        .expect("an answer")
}
