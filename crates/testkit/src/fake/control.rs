//! What a test does to a fake engine, without a request.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::event::{Draft, FakeEvent};
use super::exec::Script;
use super::spec::Spec;
use super::verbs::Did;
use super::world::Refusal;
use super::{FakeEngine, SAMPLE_IMAGE, lock};

/// How an engine restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// Containers are stopped first, and tell so; then the streams break.
    Clean,
    /// The streams break at once; containers live on, as with live restore.
    Crash,
    /// The streams break at once and what ran is found exited afterwards, without any `die`.
    PowerCut,
}

/// Containers.
impl FakeEngine {
    /// Creates a container, as the call does.
    ///
    /// # Errors
    /// When the name is taken or the image is not there.
    pub async fn create(&self, spec: Spec) -> Result<String, Refusal> {
        self.shared.create(spec).await
    }

    /// Adds `n` running containers at once, without an event: `fake-00000`, `fake-00001`, … in a few
    /// projects and images. Returns their ids.
    pub fn add_containers(&self, n: usize) -> Vec<String> {
        const ROLES: [&str; 6] = ["web", "api", "worker", "cache", "db", "queue"];
        let start = lock(&self.shared.world).containers.len();
        (start..start + n)
            .filter_map(|number| {
                let role = ROLES[number % ROLES.len()];
                let mut spec = Spec::new(SAMPLE_IMAGE)
                    .name(&format!("fake-{number:05}"))
                    .label("com.docker.compose.project", &format!("project-{}", number / 24))
                    .label("com.docker.compose.service", role)
                    .label("io.longshore.test", "fake");
                if role == "web" {
                    let public = u16::try_from(20_000 + number % 40_000).ok();
                    spec = spec.port(80, public);
                }
                let id = self.shared.insert(spec).ok()?;
                self.shared.set_running(&id);
                Some(id)
            })
            .collect()
    }

    /// Starts a container.
    ///
    /// # Errors
    /// When there is none, or it is paused.
    pub async fn start_container(&self, reference: &str) -> Result<Did, Refusal> {
        self.shared.start(reference).await
    }

    /// Stops a container.
    ///
    /// # Errors
    /// When there is none.
    pub async fn stop_container(&self, reference: &str) -> Result<Did, Refusal> {
        self.shared.stop(reference).await
    }

    /// Restarts a container.
    ///
    /// # Errors
    /// When there is none.
    pub async fn restart_container(&self, reference: &str) -> Result<Did, Refusal> {
        self.shared.restart_container(reference).await
    }

    /// Pauses (`true`) or unpauses a container.
    ///
    /// # Errors
    /// When there is none, or its state does not allow it.
    pub async fn pause(&self, reference: &str, pause: bool) -> Result<Did, Refusal> {
        self.shared.pause(reference, pause).await
    }

    /// Renames a container.
    ///
    /// # Errors
    /// When there is none, or the name is taken.
    pub async fn rename(&self, reference: &str, name: &str) -> Result<Did, Refusal> {
        self.shared.rename(reference, name).await
    }

    /// Removes a container.
    ///
    /// # Errors
    /// When there is none, or it runs and `force` is false.
    pub async fn remove(&self, reference: &str, force: bool) -> Result<Did, Refusal> {
        self.shared.remove(reference, force).await
    }

    /// A container's process ends with `code`.
    ///
    /// # Errors
    /// When there is none.
    pub async fn exit(&self, reference: &str, code: i64) -> Result<(), Refusal> {
        self.shared.exit(reference, code, false).await
    }

    /// A container's process is killed for its memory.
    ///
    /// # Errors
    /// When there is none.
    pub async fn exit_oom(&self, reference: &str) -> Result<(), Refusal> {
        self.shared.exit(reference, 137, true).await
    }

    /// A container's health changes: `starting`, `healthy`, `unhealthy`, or what a test wants.
    ///
    /// # Errors
    /// When there is none.
    pub async fn set_health(&self, reference: &str, health: &str) -> Result<(), Refusal> {
        self.shared.set_health(reference, health).await
    }

    /// A container writes to its log; a line without a line end stays without.
    ///
    /// # Errors
    /// When there is none.
    pub fn log(&self, reference: &str, stderr: bool, text: impl Into<Bytes>) -> Result<(), Refusal> {
        let now = self.shared.clock.now();
        lock(&self.shared.world)
            .container_mut(reference)?
            .log(stderr, now, text.into());
        self.shared.changed.notify_waiters();
        Ok(())
    }

    /// What commands that begin with these words do in exec. The newest fitting script wins.
    pub fn on_exec(&self, words: &[&str], script: Script) {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        lock(&self.shared.scripts).push((words, script));
    }

    /// Emits an event that belongs to nothing: an unknown type, one of Swarm's, rubbish.
    pub async fn emit(&self, draft: Draft) -> Arc<FakeEvent> {
        self.shared.emit(draft).await
    }
}

/// The engine as a whole.
impl FakeEngine {
    /// Stops listening and breaks every connection. Its socket's file stays and refuses.
    pub async fn go_down(&self) {
        self.door.lock().await.close().await;
        self.break_connections();
    }

    /// Listens again, at the same place.
    ///
    /// # Errors
    /// When it cannot.
    pub async fn come_up(&self) -> io::Result<()> {
        self.door.lock().await.reopen(&self.shared).await
    }

    /// Restarts: events are forgotten, streams broken, and it listens again.
    ///
    /// # Errors
    /// When it cannot listen again.
    pub async fn restart(&self, how: Restart) -> io::Result<()> {
        if how == Restart::Clean {
            for (id, state) in self.states() {
                if matches!(state.as_str(), "running" | "paused" | "restarting") {
                    // One that went away in the meantime needs no stop.
                    let _ = self.shared.stop(&id).await;
                }
            }
        }
        self.go_down().await;
        self.shared.log.forget();
        if how == Restart::PowerCut {
            let now = self.shared.clock.now();
            for container in lock(&self.shared.world)
                .containers
                .values_mut()
                .filter(|c| c.is_up())
            {
                container.state = "exited";
                container.exit_code = 255;
                container.finished = Some(now);
                container.exits += 1;
            }
        }
        self.come_up().await
    }

    /// Refuses new connections, or takes them again; those that are open live on.
    ///
    /// # Errors
    /// When it cannot listen again.
    pub async fn refuse(&self, refuse: bool) -> io::Result<()> {
        let mut door = self.door.lock().await;
        if refuse {
            door.close().await;
            Ok(())
        } else {
            door.reopen(&self.shared).await
        }
    }

    /// Freezes, as after SIGSTOP: connections are accepted and nothing is answered; or thaws.
    pub fn freeze(&self, freeze: bool) {
        self.shared.frozen.send_replace(freeze);
    }

    /// Breaks every connection that is open now.
    pub fn break_connections(&self) {
        let old = std::mem::replace(&mut *lock(&self.shared.connections), CancellationToken::new());
        old.cancel();
    }

    /// Steps its clock forward.
    pub fn step_clock_forward(&self, by: Duration) {
        self.shared
            .clock
            .step(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX));
    }

    /// Steps its clock back.
    pub fn step_clock_back(&self, by: Duration) {
        self.shared
            .clock
            .step(-i64::try_from(by.as_nanos()).unwrap_or(i64::MAX));
    }
}
