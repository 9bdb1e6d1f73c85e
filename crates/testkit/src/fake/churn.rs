//! Life on a fake engine: one random thing after another, the same for the same seed.

use std::time::Duration;

use super::{FakeEngine, SAMPLE_IMAGE, Spec, lock};

impl FakeEngine {
    /// Does one random thing to one random container: restart, stop, start, pause and unpause, a change of
    /// health, a line of log, an exec; now and then a container comes and another goes. The number of
    /// containers stays about the same.
    ///
    /// Several callers may churn at once; what one finds gone, another has removed.
    pub async fn churn_once(&self) {
        let picked = {
            let world = lock(&self.shared.world);
            let at = self.shared.dice.below(world.containers.len() as u64);
            let at = usize::try_from(at).unwrap_or(0);
            world
                .containers
                .values()
                .nth(at)
                .map(|c| (c.id.clone(), c.name.clone(), c.state))
        };
        let Some((id, name, state)) = picked else { return };
        // Refusals are expected here: somebody else was quicker.
        match (state, self.shared.dice.below(16)) {
            ("running", 0..3) => drop(self.restart_container(&id).await),
            ("running", 3..5) => drop(self.stop_container(&id).await),
            ("running", 5) => drop(self.pause(&id, true).await),
            ("running", 6) => drop(self.exit(&id, 1).await),
            ("running", 7) => drop(self.set_health(&id, "healthy").await),
            ("running", 8) => drop(self.set_health(&id, "unhealthy").await),
            ("running", 9) => self.replace(&id, &name).await,
            ("running", _) => drop(self.log(&id, false, format!("{name} did a piece of work\n"))),
            ("paused", _) => drop(self.pause(&id, false).await),
            _ => drop(self.start_container(&id).await),
        }
    }

    /// A container goes and another comes under its name, as a deployment does.
    async fn replace(&self, id: &str, name: &str) {
        let spec = {
            let world = lock(&self.shared.world);
            world.containers.get(id).map(|c| c.spec.clone())
        };
        let spec = spec.unwrap_or_else(|| Spec::new(SAMPLE_IMAGE)).name(name);
        if self.remove(id, true).await.is_ok()
            && let Ok(id) = self.create(spec).await
        {
            drop(self.start_container(&id).await);
        }
    }

    /// Churns `per_second` times a second until the future is dropped.
    pub async fn churn(&self, per_second: u32) {
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / per_second.max(1));
        loop {
            ticks.tick().await;
            self.churn_once().await;
        }
    }
}
