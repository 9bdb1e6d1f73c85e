//! Leases on real engines: a test gets each engine in turn, with names and a label of its own.
//!
//! Owns: which engines there are (`LONGSHORE_TEST_ENGINES`), a missing one (a loud skip on a laptop, a failure in
//! CI), unique names, the deadline of a test, and the sweep before and after it. Leaves to others: starting engines
//! (`cargo xtask engine up`) and what is tested. It sweeps only what bears the label [`LABEL`], and of that only what
//! belongs to the lease itself or to a process that is dead.

mod swarm;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::raw::{Answer, Connection, Target};
pub use swarm::on_each_swarm;

/// The variable that names the engines: `newest=unix:///path/to.sock,oldest=tcp://127.0.0.1:2375`.
pub const VARIABLE: &str = "LONGSHORE_TEST_ENGINES";
/// The label that everything of a lease bears; its value is the lease's run.
pub const LABEL: &str = "io.longshore.test";
/// A busybox with a shell, which `cargo xtask engine up` puts on every engine.
pub const IMAGE: &str = "longshore/sample:latest";
/// How long a test may take on one engine with [`on_each`].
pub const DEADLINE: Duration = Duration::from_secs(60);

/// How long an engine may be at removing an image.
const PATIENCE: Duration = Duration::from_secs(20);

/// A real engine that tests may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestEngine {
    /// What the variable calls it: `newest`, `oldest`.
    pub name: String,
    /// Where it listens.
    pub target: Target,
}

/// Engines of this name, and of names that begin with it, are for tests that change the engine itself.
const SWARM: &str = "swarm";

/// The engines that [`VARIABLE`] names; none when it is not set, and none on purpose when it is `none`. Those for
/// [`on_each_swarm`] are left out.
///
/// # Panics
/// When the variable cannot be read, and when it names none while `CI` is `true`: a machine that is there to test
/// must not pass because nothing ran.
#[must_use]
#[track_caller]
pub fn engines() -> Vec<TestEngine> {
    named(|name| !name.starts_with(SWARM))
}

#[track_caller]
#[expect(clippy::panic, reason = "a test that cannot begin is a failed test")]
fn named(wanted: impl Fn(&str) -> bool) -> Vec<TestEngine> {
    let text = std::env::var(VARIABLE).unwrap_or_default();
    if text == "none" {
        return Vec::new();
    }
    let mut engines = parse(&text).unwrap_or_else(|error| panic!("{VARIABLE}: {error}"));
    engines.retain(|engine| wanted(&engine.name));
    if engines.is_empty() && std::env::var("CI").is_ok_and(|ci| ci == "true") {
        panic!(
            "{VARIABLE} names no such engine, and in CI a test on a real engine must run (cargo xtask test sets it)"
        );
    }
    engines
}

fn parse(text: &str) -> io::Result<Vec<TestEngine>> {
    text.split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .map(|entry| {
            let (name, target) = entry
                .split_once('=')
                .ok_or_else(|| io::Error::other(format!("{entry:?} is not name=address")))?;
            Ok(TestEngine {
                name: name.to_owned(),
                target: target.parse()?,
            })
        })
        .collect()
}

/// Runs `test` on each engine in turn, at most [`DEADLINE`] on each (an hour at the full size, see [`crate::sized`]).
///
/// # Panics
/// When the test panics (the panic is passed on after the sweep, with the engine's name on standard error) and when
/// it is not done in time.
pub async fn on_each<F, R>(test: F)
where
    F: Fn(Lease) -> R,
    R: Future<Output = ()> + Send + 'static,
{
    on_each_within(crate::sized(DEADLINE, Duration::from_secs(3_600)), test).await;
}

/// [`on_each`] with another deadline for each engine.
///
/// # Panics
/// As [`on_each`].
#[expect(clippy::print_stderr, reason = "a skipped test must be seen to be skipped")]
pub async fn on_each_within<F, R>(deadline: Duration, test: F)
where
    F: Fn(Lease) -> R,
    R: Future<Output = ()> + Send + 'static,
{
    let engines = engines();
    if engines.is_empty() {
        eprintln!("SKIPPED: no real engine; `cargo xtask test` brings some, or set {VARIABLE}");
    }
    for engine in engines {
        let lease = Lease::begin(engine).await;
        let name = lease.engine_name().to_owned();
        let failed = run(deadline, test(lease.clone())).await;
        lease.end().await;
        if let Err(panic) = failed {
            eprintln!("the test failed on the engine {name}");
            std::panic::resume_unwind(panic);
        }
    }
}

#[expect(
    clippy::print_stderr,
    reason = "a deadline that passed must be seen in the test's output"
)]
async fn run(
    deadline: Duration,
    test: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Box<dyn std::any::Any + Send>> {
    let mut task = JoinSet::new();
    task.spawn(test);
    match tokio::time::timeout(deadline, task.join_next()).await {
        Ok(Some(Err(error))) if error.is_panic() => Err(error.into_panic()),
        Ok(_) => Ok(()),
        Err(_) => {
            // Passing a panic on does not print it: this one has not been seen yet.
            eprintln!("not done within {deadline:?}");
            Err(Box::new("deadline"))
        }
    }
}

/// One test's use of one engine. Clones are the same lease.
#[derive(Debug, Clone)]
pub struct Lease {
    engine: Arc<TestEngine>,
    run: Arc<str>,
}

impl Lease {
    /// A lease on `engine`, after a sweep of what dead test runs left there.
    ///
    /// # Panics
    /// When the engine does not answer.
    #[expect(clippy::panic, reason = "a test that cannot begin is a failed test")]
    pub async fn begin(engine: TestEngine) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let pid = std::process::id();
        let started = process_start(pid).unwrap_or_default();
        let run = format!("{pid}-{started}-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let lease = Self {
            engine: Arc::new(engine),
            run: run.into(),
        };
        if let Err(error) = lease.sweep(|run| !is_alive(run)).await {
            panic!(
                "the engine {} at {}: {error}",
                lease.engine.name, lease.engine.target
            );
        }
        lease
    }

    /// Removes everything that bears this lease's label. What it misses, the next lease finds.
    #[expect(clippy::print_stderr, reason = "what stays behind on an engine must be seen")]
    pub async fn end(&self) {
        if let Err(error) = self.sweep(|run| run == &*self.run).await {
            eprintln!("sweeping {} on {}: {error}", self.run, self.engine.name);
        }
    }

    /// What the engine is called: `newest`, `oldest`.
    #[must_use]
    pub fn engine_name(&self) -> &str {
        &self.engine.name
    }

    /// Where the engine listens.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.engine.target
    }

    /// Where the engine listens, as `DOCKER_HOST` has it.
    #[must_use]
    pub fn docker_host(&self) -> String {
        self.engine.target.to_string()
    }

    /// A container name that no other lease uses.
    #[must_use]
    pub fn name(&self, suffix: &str) -> String {
        format!("lstest-{}-{suffix}", self.run)
    }

    /// The label's value on everything of this lease.
    #[must_use]
    pub fn run_id(&self) -> &str {
        &self.run
    }

    /// The label as a filter of the engine's lists and events: `io.longshore.test=<run>`.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{LABEL}={}", self.run)
    }

    /// One call on a connection of its own, past every crate under test.
    ///
    /// # Errors
    /// Those of the socket. An answer of 400 and above is no error here.
    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> io::Result<Answer> {
        let body = body.map(serde_json::to_vec).transpose()?;
        Connection::connect(self.target())
            .await?
            .call(method, path, body.as_deref())
            .await
    }

    /// Creates a container from `spec` (the engine's own JSON; image and label are added) and gives its id.
    ///
    /// # Errors
    /// Those of the socket, and the engine's refusal.
    pub async fn create(&self, suffix: &str, mut spec: Value) -> io::Result<String> {
        if spec["Image"].is_null() {
            spec["Image"] = json!(IMAGE);
        }
        spec["Labels"][LABEL] = json!(&*self.run);
        let path = format!("/containers/create?name={}", self.name(suffix));
        let created = accepted(self.call("POST", &path, Some(&spec)).await?)?;
        match created.json::<Value>()?["Id"].as_str() {
            Some(id) => Ok(id.to_owned()),
            None => Err(io::Error::other(format!("no id in {}", created.text()))),
        }
    }

    /// Creates and starts a container that runs `argv` under an init, so that it stops at once when told.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub async fn start(&self, suffix: &str, argv: &[&str]) -> io::Result<String> {
        let spec = json!({ "Cmd": argv, "HostConfig": { "Init": true, "NetworkMode": "none" } });
        let id = self.create(suffix, spec).await?;
        accepted(
            self.call("POST", &format!("/containers/{id}/start"), None)
                .await?,
        )?;
        Ok(id)
    }

    /// Removes a container with force; one that is gone already is fine.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub async fn remove(&self, id: &str) -> io::Result<()> {
        let answer = self
            .call("DELETE", &format!("/containers/{id}?force=true&v=true"), None)
            .await?;
        // 409: somebody else's removal is on its way.
        if matches!(answer.status(), 404 | 409) {
            Ok(())
        } else {
            accepted(answer).map(drop)
        }
    }

    /// The list of images; Podman has none to give while an image of it is being removed, which the answer says.
    async fn images(&self, filter: &str) -> io::Result<Answer> {
        let began = Instant::now();
        loop {
            let list = self.call("GET", &format!("/images/json?{filter}"), None).await?;
            let text = list.text();
            let removing = ["image not known", "layer not known", "size is not known"]
                .iter()
                .any(|said| text.contains(said));
            if !(list.status() == 500 && removing) || began.elapsed() > PATIENCE {
                return accepted(list);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn sweep(&self, ours: impl Fn(&str) -> bool) -> io::Result<()> {
        const FILTER: &str = "filters=%7B%22label%22%3A%5B%22io.longshore.test%22%5D%7D";
        let run = |object: &Value| object["Labels"][LABEL].as_str().unwrap_or_default().to_owned();
        let list = self
            .call("GET", &format!("/containers/json?all=true&{FILTER}"), None)
            .await?;
        for container in accepted(list)?.json::<Vec<Value>>()? {
            if let Some(id) = container["Id"].as_str().filter(|_| ours(&run(&container))) {
                self.remove(id).await?;
            }
        }
        // What a container has can only go after it.
        let list = self.call("GET", &format!("/networks?{FILTER}"), None).await?;
        for network in accepted(list)?.json::<Vec<Value>>()? {
            if let Some(id) = network["Id"].as_str().filter(|_| ours(&run(&network))) {
                gone(self.call("DELETE", &format!("/networks/{id}"), None).await?)?;
            }
        }
        let list = self.call("GET", &format!("/volumes?{FILTER}"), None).await?;
        let list: Value = accepted(list)?.json()?;
        for volume in list["Volumes"].as_array().into_iter().flatten() {
            if let Some(name) = volume["Name"].as_str().filter(|_| ours(&run(volume))) {
                gone(self.call("DELETE", &format!("/volumes/{name}"), None).await?)?;
            }
        }
        for image in self.images(FILTER).await?.json::<Vec<Value>>()? {
            if let Some(id) = image["Id"].as_str().filter(|_| ours(&run(&image))) {
                gone(
                    self.call("DELETE", &format!("/images/{id}?force=true"), None)
                        .await?,
                )?;
            }
        }
        Ok(())
    }
}

/// A removal after which the object is not there, whoever removed it.
fn gone(answer: Answer) -> io::Result<()> {
    if answer.status() == 404 {
        return Ok(());
    }
    accepted(answer).map(drop)
}

fn accepted(answer: Answer) -> io::Result<Answer> {
    if answer.status() < 400 {
        return Ok(answer);
    }
    Err(io::Error::other(format!(
        "the engine answered {}: {}",
        answer.status(),
        answer.text().trim()
    )))
}

/// True while the process that made this run lives: a reused pid has another start. A run that is not one of ours
/// counts as alive and is left alone.
fn is_alive(run: &str) -> bool {
    let mut fields = run.split('-').map(str::parse::<u64>);
    match (fields.next(), fields.next()) {
        (Some(Ok(pid)), Some(Ok(started))) => {
            u32::try_from(pid).ok().and_then(process_start) == Some(started)
        }
        _ => true,
    }
}

/// The start of a process in clock ticks since boot: field 22 of proc(5)'s stat, counted after the name, which may
/// hold blanks.
fn process_start(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.get(stat.rfind(')')? + 1..)?
        .split_ascii_whitespace()
        .nth(19)?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_is_read() {
        let engines = parse("newest=unix:///run/a.sock, oldest=tcp://127.0.0.1:2375,").unwrap();
        assert_eq!(engines.len(), 2);
        assert_eq!(engines[0].name, "newest");
        assert_eq!(engines[1].target, Target::Tcp("127.0.0.1:2375".to_owned()));
        assert!(parse("").unwrap().is_empty());
        assert!(parse("unix:///run/a.sock").is_err(), "a name is needed");
    }

    #[test]
    fn our_own_run_is_alive_and_a_reused_pid_is_not() {
        let pid = std::process::id();
        let started = process_start(pid).unwrap();
        assert!(is_alive(&format!("{pid}-{started}-0")));
        assert!(!is_alive(&format!("{pid}-{}-0", started + 1)));
        assert!(is_alive("somebody-else"), "what is not ours is left alone");
    }

    #[tokio::test]
    async fn a_lease_leaves_nothing_behind() {
        on_each(|lease| async move {
            let id = lease.start("sleeper", &["sleep", "60"]).await.unwrap();
            let seen = lease
                .call("GET", &format!("/containers/{id}/json"), None)
                .await
                .unwrap();
            let seen: Value = seen.json().unwrap();
            assert_eq!(seen["State"]["Running"], true);
            assert_eq!(seen["Config"]["Labels"][LABEL], lease.run_id());
            lease.end().await;
            let gone = lease
                .call("GET", &format!("/containers/{id}/json"), None)
                .await
                .unwrap();
            assert_eq!(gone.status(), 404);
        })
        .await;
    }
}
