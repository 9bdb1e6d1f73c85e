//! What can be done to a container of the fake engine: the change, then its events in the engine's grammar.
//!
//! Each verb takes the container's turn first, so that the events of one container keep the order of its
//! changes; between containers nothing is promised, as in the real one.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::container::{Container, Run, Spec};
use super::event::Draft;
use super::world::Refusal;
use super::{Shared, lock};

/// Whether a verb did something, or found it done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Did {
    /// It changed something (204).
    Done,
    /// It was so already (304).
    Already,
}

const SIGKILL: u8 = 9;
const SIGTERM: u8 = 15;

impl Shared {
    pub(super) async fn create(&self, spec: Spec) -> Result<String, Refusal> {
        let id = self.insert(spec)?;
        self.tell(&id, "create", &[]).await;
        Ok(id)
    }

    /// Creates without an event, for scenery that was there before.
    pub(super) fn insert(&self, mut spec: Spec) -> Result<String, Refusal> {
        let id = self.dice.id();
        let mut world = lock(&self.world);
        let image_id = match world.image(&spec.image) {
            Some(image) => image.id.clone(),
            None => return Err(Refusal::new(404, format!("No such image: {}", spec.image))),
        };
        let name = spec
            .name
            .take()
            .unwrap_or_else(|| format!("fake_{}", id.get(..10).unwrap_or_default()));
        if let Some(holder) = world.names.get(&name) {
            return Err(Refusal::new(
                409,
                format!(
                    "Conflict. The container name \"/{name}\" is already in use by container \"{holder}\". \
                     You have to remove (or rename) that container to be able to reuse that name."
                ),
            ));
        }
        world.names.insert(name.clone(), id.clone());
        let container = Container::new(id.clone(), name, image_id, spec, self.clock.now());
        world.containers.insert(id.clone(), container);
        Ok(id)
    }

    /// Starts without an event.
    pub(super) fn set_running(&self, id: &str) {
        if let Some(container) = lock(&self.world).containers.get_mut(id) {
            container.state = "running";
            container.started = Some(self.clock.now());
            container.starts += 1;
        }
    }

    async fn turn(&self, reference: &str) -> Result<(String, tokio::sync::OwnedMutexGuard<()>), Refusal> {
        let (id, turn) = {
            let world = lock(&self.world);
            let container = world.container(reference)?;
            (container.id.clone(), Arc::clone(&container.turn))
        };
        Ok((id, turn.lock_owned().await))
    }

    fn change<T>(
        &self,
        id: &str,
        change: impl FnOnce(&mut Container, i64) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let result = {
            let mut world = lock(&self.world);
            let container = world
                .containers
                .get_mut(id)
                .ok_or_else(|| Refusal::no_container(id))?;
            let before = container.state;
            let result = change(container, self.clock.now())?;
            if container.state != before && !self.config.list_lag.is_zero() {
                let until = Instant::now() + self.dice.pause(self.config.list_lag);
                container.before = Some((before, until));
            }
            result
        };
        self.changed.notify_waiters();
        Ok(result)
    }

    async fn tell(&self, id: &str, action: &str, extra: &[(&str, String)]) {
        let attributes = lock(&self.world).containers.get(id).map(Container::attributes);
        let mut draft = Draft::new("container", action, id);
        draft.attributes = attributes.unwrap_or_default();
        for (key, value) in extra {
            draft = draft.with(key, value.clone());
        }
        self.emit(draft).await;
    }

    async fn tell_network(&self, id: &str, action: &str) {
        if self.config.network_events {
            let draft = Draft::new("network", action, &self.network_id)
                .with("container", id)
                .with("name", "bridge")
                .with("type", "bridge");
            self.emit(draft).await;
        }
    }

    pub(super) async fn start(self: &Arc<Self>, reference: &str) -> Result<Did, Refusal> {
        let (id, _turn) = self.turn(reference).await?;
        self.start_in_turn(&id).await
    }

    async fn start_in_turn(self: &Arc<Self>, id: &str) -> Result<Did, Refusal> {
        let run = self.change(id, |container, now| match container.state {
            "running" | "restarting" => Ok(None),
            "paused" => Err(Refusal::new(
                409,
                "cannot start a paused container, try unpause instead",
            )),
            _ => {
                container.state = "running";
                container.started = Some(now);
                container.starts += 1;
                container.oom = false;
                Ok(Some((container.spec.run, container.starts)))
            }
        })?;
        let Some((run, start)) = run else {
            return Ok(Did::Already);
        };
        self.tell_network(id, "connect").await;
        self.tell(id, "start", &[]).await;
        if let Run::Exits { after_ms, code } = run {
            let (shared, id) = (Arc::clone(self), id.to_owned());
            self.tracker
                .spawn(self.stop.clone().run_until_cancelled_owned(async move {
                    tokio::time::sleep(Duration::from_millis(after_ms)).await;
                    shared.end_run(&id, start, code).await;
                }));
        }
        Ok(Did::Done)
    }

    /// The process of run number `start` ends by itself.
    async fn end_run(&self, id: &str, start: u64, code: i64) {
        let Ok((id, _turn)) = self.turn(id).await else {
            return;
        };
        let same = lock(&self.world)
            .containers
            .get(&id)
            .is_some_and(|c| c.starts == start && c.is_up());
        if same {
            self.die(&id, code).await;
        }
    }

    /// A container ends with `code`, as if its process had.
    pub(super) async fn exit(&self, reference: &str, code: i64, oom: bool) -> Result<(), Refusal> {
        let (id, _turn) = self.turn(reference).await?;
        if oom {
            self.change(&id, |container, _| {
                container.oom = true;
                Ok(())
            })?;
            self.tell(&id, "oom", &[]).await;
        }
        self.die(&id, code).await;
        Ok(())
    }

    /// Ends a container that runs, in its turn: `die`, and `destroy` where it removes itself.
    async fn die(&self, id: &str, code: i64) {
        let died = self.change(id, |container, now| {
            if !container.is_up() {
                return Ok(None);
            }
            container.state = "exited";
            container.finished = Some(now);
            container.exit_code = code;
            container.exits += 1;
            let ran = (now - container.started.unwrap_or(now)).max(0) / 1_000_000_000;
            Ok(Some((ran, container.spec.auto_remove)))
        });
        let Ok(Some((ran, auto_remove))) = died else {
            return;
        };
        let extra = [("exitCode", code.to_string()), ("execDuration", ran.to_string())];
        self.tell(id, "die", &extra).await;
        self.tell_network(id, "disconnect").await;
        if auto_remove {
            self.destroy(id).await;
        }
    }

    async fn destroy(&self, id: &str) {
        let removed = {
            let mut world = lock(&self.world);
            let removed = world.containers.remove(id);
            if let Some(container) = &removed {
                world.names.remove(&container.name);
                world.execs.retain(|_, exec| exec.container != id);
            }
            removed
        };
        self.changed.notify_waiters();
        if let Some(container) = removed {
            let mut draft = Draft::new("container", "destroy", id);
            draft.attributes = container.attributes();
            self.emit(draft).await;
        }
    }

    pub(super) async fn stop(&self, reference: &str) -> Result<Did, Refusal> {
        let (id, _turn) = self.turn(reference).await?;
        self.stop_in_turn(&id).await
    }

    async fn stop_in_turn(&self, id: &str) -> Result<Did, Refusal> {
        if !lock(&self.world).container(id)?.is_up() {
            return Ok(Did::Already);
        }
        self.tell(id, "kill", &[("signal", SIGTERM.to_string())]).await;
        // The engine's monitor and its stop call race: either may come first.
        if self.dice.below(2) == 0 {
            self.die(id, 143).await;
            self.tell(id, "stop", &[]).await;
        } else {
            self.tell(id, "stop", &[]).await;
            self.die(id, 143).await;
        }
        Ok(Did::Done)
    }

    pub(super) async fn restart_container(self: &Arc<Self>, reference: &str) -> Result<Did, Refusal> {
        let (id, _turn) = self.turn(reference).await?;
        self.stop_in_turn(&id).await?;
        self.start_in_turn(&id).await?;
        self.tell(&id, "restart", &[]).await;
        Ok(Did::Done)
    }

    pub(super) async fn kill(&self, reference: &str, signal: &str) -> Result<Did, Refusal> {
        let number = match signal.trim_start_matches("SIG") {
            "" | "KILL" | "9" => SIGKILL,
            "TERM" | "15" => SIGTERM,
            "HUP" | "1" => 1,
            "INT" | "2" => 2,
            "USR1" | "10" => 10,
            "USR2" | "12" => 12,
            _ => return Err(Refusal::new(400, format!("Invalid signal: {signal}"))),
        };
        let (id, _turn) = self.turn(reference).await?;
        if !lock(&self.world).container(&id)?.is_up() {
            return Err(Refusal::new(
                409,
                format!("cannot kill container: {reference}: container {id} is not running"),
            ));
        }
        self.tell(&id, "kill", &[("signal", number.to_string())]).await;
        if number == SIGKILL || number == SIGTERM {
            self.die(&id, 128 + i64::from(number)).await;
        }
        Ok(Did::Done)
    }

    pub(super) async fn pause(&self, reference: &str, pause: bool) -> Result<Did, Refusal> {
        let (id, _turn) = self.turn(reference).await?;
        let (from, to, action) = if pause {
            ("running", "paused", "pause")
        } else {
            ("paused", "running", "unpause")
        };
        self.change(&id, |container, _| {
            if container.state == from {
                container.state = to;
                return Ok(());
            }
            let why = match (pause, container.state) {
                (true, "paused") => "is already paused",
                (true, _) => "is not running",
                (false, _) => "is not paused",
            };
            Err(Refusal::new(409, format!("Container {id} {why}")))
        })?;
        self.tell(&id, action, &[]).await;
        Ok(Did::Done)
    }

    pub(super) async fn rename(&self, reference: &str, name: &str) -> Result<Did, Refusal> {
        let (id, _turn) = self.turn(reference).await?;
        let old = {
            let mut world = lock(&self.world);
            if name.is_empty() {
                return Err(Refusal::new(400, "Neither old nor new names may be empty"));
            }
            if world.names.contains_key(name) {
                return Err(Refusal::new(
                    409,
                    format!("Conflict. The container name \"/{name}\" is already in use"),
                ));
            }
            let old = std::mem::replace(&mut world.container_mut(&id)?.name, name.to_owned());
            world.names.remove(&old);
            world.names.insert(name.to_owned(), id.clone());
            old
        };
        self.tell(&id, "rename", &[("oldName", format!("/{old}"))]).await;
        Ok(Did::Done)
    }

    pub(super) async fn remove(&self, reference: &str, force: bool) -> Result<Did, Refusal> {
        let (id, _turn) = self.turn(reference).await?;
        let up = lock(&self.world).container(&id)?.is_up();
        if up && !force {
            return Err(Refusal::new(
                409,
                format!(
                    "cannot remove container \"{reference}\": container is running: stop the container before removing or force remove"
                ),
            ));
        }
        if up {
            self.tell(&id, "kill", &[("signal", SIGKILL.to_string())]).await;
            self.die(&id, 137).await;
        }
        self.destroy(&id).await;
        Ok(Did::Done)
    }

    pub(super) async fn set_health(&self, reference: &str, health: &str) -> Result<(), Refusal> {
        let (id, _turn) = self.turn(reference).await?;
        self.change(&id, |container, _| {
            container.health = Some(health.to_owned());
            Ok(())
        })?;
        self.tell(&id, &format!("health_status: {health}"), &[]).await;
        Ok(())
    }

    pub(super) async fn tell_exec(&self, id: &str, action: &str, extra: &[(&str, String)]) {
        self.tell(id, action, extra).await;
    }
}

/// A container as `POST /containers/create` describes it.
pub(super) fn spec_from(body: &Value, name: Option<&str>) -> Result<Spec, Refusal> {
    let strings = |key: &str| -> Vec<String> {
        match body.get(key) {
            Some(Value::String(one)) => vec![one.clone()],
            Some(Value::Array(many)) => many
                .iter()
                .filter_map(|v| v.as_str().map(str::to_owned))
                .collect(),
            _ => Vec::new(),
        }
    };
    let Some(image) = body
        .get("Image")
        .and_then(Value::as_str)
        .filter(|image| !image.is_empty())
    else {
        return Err(Refusal::new(400, "no image specified"));
    };
    let mut spec = Spec::new(image);
    spec.name = name
        .filter(|name| !name.is_empty())
        .map(|name| name.trim_start_matches('/').to_owned());
    let mut command = strings("Entrypoint");
    command.extend(strings("Cmd"));
    spec.run = run_of(&command);
    spec.command = command;
    spec.env = strings("Env");
    spec.tty = body.get("Tty").and_then(Value::as_bool).unwrap_or(false);
    if let Some(labels) = body.get("Labels").and_then(Value::as_object) {
        spec.labels = labels
            .iter()
            .map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned()))
            .collect();
    }
    if let Some(config) = body.get("HostConfig").filter(|config| config.is_object()) {
        spec.auto_remove = config.get("AutoRemove").and_then(Value::as_bool).unwrap_or(false);
        spec.host_config = config.clone();
    }
    Ok(spec)
}

/// What a command that tests use would do.
fn run_of(command: &[String]) -> Run {
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["true"] => Run::Exits { after_ms: 0, code: 0 },
        ["false"] => Run::Exits { after_ms: 0, code: 1 },
        ["sleep", seconds] => match seconds.parse::<f64>() {
            Ok(seconds) if seconds.is_finite() && (0.0..1e9).contains(&seconds) => Run::Exits {
                after_ms: Duration::from_secs_f64(seconds).as_millis() as u64,
                code: 0,
            },
            _ => Run::Forever,
        },
        ["sh", "-c", script] => match script.strip_prefix("exit ").and_then(|code| code.parse().ok()) {
            Some(code) => Run::Exits { after_ms: 0, code },
            None => Run::Forever,
        },
        _ => Run::Forever,
    }
}
