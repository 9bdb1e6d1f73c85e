//! The page in a real browser. The stories are in `browser/*.mjs`; here they get an engine, a binary and a limit.
//! What is measured and seen is printed, and pictures are kept in `artifacts/`.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use longshore_e2e::server::binary;
use longshore_testkit::{
    FakeConfig, FakeEngine,
    lease::{self, IMAGE, Lease},
    raw::Target,
};
use tokio::process::Command;

use crate::harness::is_release;

/// A story takes one minute; a machine that is busy building may take several.
const LIMIT: Duration = Duration::from_secs(240);
const COUNT: usize = 1_000;
/// Events a second among them, about ten for each change.
const CHURN: u32 = 20;

#[tokio::test]
async fn the_page_on_a_real_engine() {
    let Some(engine) = lease::engines().into_iter().next() else {
        eprintln!(
            "SKIPPED: no real engine; `cargo xtask test` brings some, or set {}",
            lease::VARIABLE
        );
        return;
    };
    let Target::Unix(socket) = engine.target.clone() else {
        eprintln!(
            "SKIPPED: the engine {} has no socket that could be cut",
            engine.name
        );
        return;
    };
    let lease = Lease::begin(engine).await;
    let env = [
        ("ENGINE_SOCKET", socket),
        ("IMAGE", IMAGE.into()),
        ("RUN", lease.run_id().into()),
    ];
    let told = story("live.mjs", &env).await;
    lease.end().await;
    told.unwrap();
}

#[tokio::test]
async fn a_thousand_containers_that_never_rest() {
    let config = FakeConfig {
        keep_truth: false,
        ..FakeConfig::default()
    };
    let engine = FakeEngine::start(config).await.unwrap();
    engine.add_containers(COUNT);
    let env = [
        ("ENGINE_SOCKET", engine.socket().unwrap().to_owned()),
        ("COUNT", COUNT.to_string().into()),
    ];
    let told = tokio::select! {
        told = story("thousand.mjs", &env) => told,
        () = engine.churn(CHURN) => unreachable!("it churns until it is dropped"),
    };
    told.unwrap();
}

#[tokio::test]
async fn what_the_server_weighs_with_a_page_open() {
    if !is_release() {
        eprintln!(
            "SKIPPED: the published weights are those of an optimised binary; `cargo xtask test` builds it"
        );
        return;
    }
    let engine = FakeEngine::start(FakeConfig::default()).await.unwrap();
    engine.add_containers(50);
    let soak = std::env::var("NEXTEST_PROFILE").is_ok_and(|profile| profile == "soak");
    let span = if soak { "60" } else { "10" };
    let env = [
        ("ENGINE_SOCKET", engine.socket().unwrap().to_owned()),
        ("SPAN", span.into()),
    ];
    let told = tokio::select! {
        told = story("weight.mjs", &env) => told,
        () = engine.churn(5) => unreachable!("it churns until it is dropped"),
    };
    told.unwrap();
}

/// Runs one story to its end. `Err` holds how it ended; what it said is printed either way.
async fn story(name: &str, env: &[(&str, PathBuf)]) -> Result<(), String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
    if !folder.join("node_modules/playwright-core").exists() {
        let missing = format!(
            "{}: `npm ci` has not been run; `cargo xtask test` does it",
            folder.display()
        );
        // A machine that is there to test must not pass because nothing ran.
        if std::env::var("CI").is_ok_and(|ci| ci == "true") {
            return Err(missing);
        }
        eprintln!("SKIPPED: {missing}");
        return Ok(());
    }
    let mut node = Command::new("node")
        .arg(name)
        .current_dir(&folder)
        .env("LONGSHORE_BIN", binary())
        .env("ARTIFACTS", folder.join("../../artifacts"))
        .envs(env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("node: {error}"))?;
    let group = node.id().map(|id| format!("-{id}"));
    let ended = tokio::time::timeout(LIMIT, node.wait()).await;
    // Node ends its server and its browser itself; when it was too slow, or died, its group has them still.
    if let Some(group) = group {
        let _ = Command::new("kill")
            .args(["-KILL", "--", &group])
            .stderr(Stdio::null())
            .status()
            .await;
    }
    match ended {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(format!("{name}: {status}")),
        Ok(Err(error)) => Err(format!("{name}: {error}")),
        Err(_) => Err(format!("{name}: not done within {LIMIT:?}")),
    }
}
