//! A server on a leased engine, with a token for each role.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use longshore_e2e::Server;
use longshore_testkit::{
    lease::{self, Lease},
    raw::Target,
};
use serde_json::json;

/// One test's server at one real engine.
pub(crate) struct Rig {
    pub(crate) lease: Lease,
    pub(crate) server: Server,
    pub(crate) admin: String,
    pub(crate) operator: String,
    pub(crate) viewer: String,
}

impl Rig {
    pub(crate) async fn start(lease: Lease) -> Self {
        let server = Server::start(&lease.docker_host(), &[]).await.unwrap();
        let [admin, operator, viewer] = [
            server.token("admin").await.unwrap(),
            server.token("operator").await.unwrap(),
            server.token("viewer").await.unwrap(),
        ];
        Self {
            lease,
            server,
            admin,
            operator,
            viewer,
        }
    }

    pub(crate) async fn stop(self) {
        let (status, said) = self.server.stop().await.unwrap();
        assert!(status.success() && !said.contains("panicked"), "{status}: {said}");
    }

    /// Makes a container outside that runs a line of shell; gives its id.
    pub(crate) async fn create(&self, suffix: &str, line: &str) -> String {
        let spec = json!({
            "Cmd": ["sh", "-c", line],
            "Env": ["SECRET=hunter2"],
            "StopSignal": "SIGKILL",
            "HostConfig": { "NetworkMode": "none" },
        });
        self.lease.create(suffix, spec).await.unwrap()
    }

    /// Starts one outside.
    pub(crate) async fn begin(&self, id: &str) {
        let answer = self
            .lease
            .call("POST", &format!("/containers/{id}/start"), None)
            .await
            .unwrap();
        assert!(answer.status() < 400, "{}", answer.text());
    }

    /// Makes and starts one outside.
    pub(crate) async fn run(&self, suffix: &str, line: &str) -> String {
        let id = self.create(suffix, line).await;
        self.begin(&id).await;
        id
    }

    /// The engine's own socket.
    pub(crate) fn socket(&self) -> std::path::PathBuf {
        match self.lease.target() {
            Target::Unix(path) => path.clone(),
            Target::Tcp(authority) => panic!("the engine at {authority} has no socket"),
        }
    }
}

/// Whether the binary is an optimised one, to which the published limits apply.
pub(crate) fn is_release() -> bool {
    let path = longshore_e2e::server::binary();
    path.components().any(|part| {
        ["quick", "release"]
            .iter()
            .any(|profile| part.as_os_str() == *profile)
    })
}

/// Runs a test once on each real engine, with a fresh server. As `longshore_testkit::lease::on_each`, but on the
/// test's own thread: these tests hold borrows over awaits that only one thread may see.
pub(crate) async fn on_each(test: impl AsyncFn(&Rig)) {
    let engines = lease::engines();
    if engines.is_empty() {
        eprintln!(
            "SKIPPED: no real engine; `cargo xtask test` brings some, or set {}",
            lease::VARIABLE
        );
    }
    for engine in engines {
        let lease = Lease::begin(engine).await;
        let story = async {
            let rig = Rig::start(lease.clone()).await;
            test(&rig).await;
            rig.stop().await;
        };
        let ended = AssertUnwindSafe(tokio::time::timeout(lease::DEADLINE, story))
            .catch_unwind()
            .await;
        lease.end().await;
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(_)) => panic!("not done within {:?} on {}", lease::DEADLINE, lease.engine_name()),
            Err(panic) => {
                eprintln!("the test failed on the engine {}", lease.engine_name());
                std::panic::resume_unwind(panic);
            }
        }
    }
}

/// A test that runs on each real engine.
macro_rules! on_real_engines {
    ($name:ident, $test:ident) => {
        #[tokio::test]
        async fn $name() {
            crate::harness::on_each($test).await;
        }
    };
}
pub(crate) use on_real_engines;
