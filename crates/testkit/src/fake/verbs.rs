//! What can be done to a container of the fake engine: the change, then its events in the engine's grammar.
//!
//! Each verb takes the container's turn first, so that the events of one container keep the order of its
//! changes; between containers nothing is promised, as in the real one.

use std::sync::Arc;

use tokio::time::Instant;

use super::container::Container;
use super::event::Draft;
use super::spec::Spec;
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

pub(super) const SIGKILL: u8 = 9;

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

    pub(super) async fn turn(
        &self,
        reference: &str,
    ) -> Result<(String, tokio::sync::OwnedMutexGuard<()>), Refusal> {
        let (id, turn) = {
            let world = lock(&self.world);
            let container = world.container(reference)?;
            (container.id.clone(), Arc::clone(&container.turn))
        };
        Ok((id, turn.lock_owned().await))
    }

    pub(super) fn change<T>(
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

    pub(super) async fn tell(&self, id: &str, action: &str, extra: &[(&str, String)]) {
        let attributes = lock(&self.world).containers.get(id).map(Container::attributes);
        let mut draft = Draft::new("container", action, id);
        draft.attributes = attributes.unwrap_or_default();
        for (key, value) in extra {
            draft = draft.with(key, value.clone());
        }
        self.emit(draft).await;
    }

    pub(super) async fn tell_network(&self, id: &str, action: &str) {
        if self.config.network_events {
            let draft = Draft::new("network", action, &self.network_id)
                .with("container", id)
                .with("name", "bridge")
                .with("type", "bridge");
            self.emit(draft).await;
        }
    }

    pub(super) async fn destroy(&self, id: &str) {
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
