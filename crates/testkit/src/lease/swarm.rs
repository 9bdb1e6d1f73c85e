//! Engines that a test may turn into a Swarm: whose turn it is, and that the Swarm is left again.

use std::fs::File;
use std::time::Duration;

use super::{DEADLINE, Lease, SWARM, TestEngine, VARIABLE, named, run};
use crate::Eventually;

/// Runs `test` on each engine that may become a Swarm, at most [`DEADLINE`] on each (an hour at the full size, see
/// [`crate::sized`]): those that [`VARIABLE`] names `swarm…`. They are nobody else's: a Swarm changes an engine's
/// networks, events and information. So they are also for tests that end the engine ([`crate::daemon`]).
///
/// One test at a time has such an engine, in whatever process; it is no Swarm when the test begins, and it is made to
/// leave the Swarm however the test ends.
///
/// # Panics
/// As [`on_each`](super::on_each).
#[expect(clippy::print_stderr, reason = "a skipped test must be seen to be skipped")]
pub async fn on_each_swarm<F, R>(test: F)
where
    F: Fn(Lease) -> R,
    R: Future<Output = ()> + Send + 'static,
{
    let engines = named(|name| name.starts_with(SWARM));
    if engines.is_empty() {
        eprintln!("SKIPPED: no engine for a Swarm; `cargo xtask test` brings some, or set {VARIABLE}");
    }
    for engine in engines {
        let turn = turn(&engine).await;
        let lease = Lease::begin(engine).await;
        let name = lease.engine_name().to_owned();
        lease.leave_swarm().await;
        let deadline = crate::sized(DEADLINE, Duration::from_secs(3_600));
        let failed = run(deadline, test(lease.clone())).await;
        lease.leave_swarm().await;
        lease.end().await;
        drop(turn);
        if let Err(panic) = failed {
            eprintln!("the test failed on the engine {name}");
            std::panic::resume_unwind(panic);
        }
    }
}

/// Waits until no other process has this engine; the lock ends with the file, or with the process.
#[expect(clippy::panic, reason = "a test that cannot begin is a failed test")]
async fn turn(engine: &TestEngine) -> File {
    let name: String = engine
        .target
        .to_string()
        .replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let path = std::env::temp_dir().join(format!("longshore{name}.lock"));
    let file = File::create(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Eventually::within(Duration::from_secs(100))
        .holds("no other test has the engine", async || file.try_lock())
        .await;
    file
}

impl Lease {
    /// Makes the engine leave the Swarm that it is in, if it is in one.
    #[expect(clippy::print_stderr, reason = "an engine that stays a Swarm must be seen")]
    async fn leave_swarm(&self) {
        let left = self.call("POST", "/swarm/leave?force=true", None).await;
        // 503 and 406: it is in none.
        match left.map(|answer| (answer.status(), answer.text())) {
            Ok((200 | 503 | 406, _)) => {}
            other => eprintln!("{} does not leave its Swarm: {other:?}", self.engine.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tokio::task::JoinSet;

    use super::*;

    #[tokio::test]
    async fn a_swarm_is_left_also_by_a_test_that_panics() {
        if named(|name| name.starts_with(SWARM)).is_empty() {
            return;
        }
        let state = async |lease: &Lease| {
            let info = lease.call("GET", "/info", None).await.unwrap();
            info.json::<Value>().unwrap()["Swarm"]["LocalNodeState"].clone()
        };
        let mut panics = JoinSet::new();
        let local = tokio::task::LocalSet::new();
        let test = on_each_swarm(|lease| async move {
            let init = json!({ "ListenAddr": "127.0.0.1:2377", "AdvertiseAddr": "127.0.0.1" });
            let made = lease.call("POST", "/swarm/init", Some(&init)).await.unwrap();
            assert_eq!(made.status(), 200, "{}", made.text());
            panic!("on purpose");
        });
        panics.spawn_local_on(test, &local);
        let ended = local.run_until(panics.join_next()).await;
        assert!(ended.unwrap().unwrap_err().is_panic());
        for engine in named(|name| name.starts_with(SWARM)) {
            let turn = turn(&engine).await;
            let lease = Lease::begin(engine).await;
            assert_eq!(state(&lease).await, "inactive");
            drop(turn);
        }
    }
}
