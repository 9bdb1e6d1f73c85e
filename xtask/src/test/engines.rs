//! The engines of a test run: those that ran before stay, the others end with the run.

use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::engine::{self, Kind, Running};

/// What tests read; `longshore_testkit::lease` owns its meaning.
pub(super) const VARIABLE: &str = "LONGSHORE_TEST_ENGINES";

/// The registry's program; `longshore_testkit::registry` owns its meaning.
pub(crate) const REGISTRY: &str = "LONGSHORE_TEST_REGISTRY";

#[derive(Debug, Default)]
pub(super) struct Engines {
    started: Vec<Kind>,
    running: Vec<Running>,
    variable: String,
}

impl Engines {
    /// Brings up these kinds. Engines that the variable names already are taken instead.
    pub(super) async fn start(&mut self, cache: &Path, kinds: &[Kind]) -> Result<()> {
        if let Ok(named) = std::env::var(VARIABLE)
            && !named.is_empty()
        {
            eprintln!("using {VARIABLE}={named}");
            self.variable = named;
            return Ok(());
        }
        if !rustix::process::geteuid().is_root() {
            bail!(
                "private engines need root; or name engines of yours: {VARIABLE}=mine=unix:///var/run/docker.sock"
            );
        }
        let mut entries = Vec::new();
        for kind in kinds.iter().copied() {
            if engine::running(cache, kind).await.is_none() {
                // Noted before it is started: an interruption in the middle must end it too.
                self.started.push(kind);
            }
            let running = engine::up(cache, kind)
                .await
                .with_context(|| format!("engine {kind}"))?;
            entries.push(format!("{kind}={}", running.docker_host()));
            self.running.push(running);
        }
        self.variable = entries.join(",");
        Ok(())
    }

    /// Puts real servers on those that tests of service templates run on; engines that the variable named are left alone.
    pub(super) async fn services(&self, cache: &Path) -> Result<()> {
        for running in &self.running {
            engine::ensure_services(cache, running)
                .await
                .with_context(|| format!("engine {}", running.kind))?;
        }
        Ok(())
    }

    pub(super) fn variable(&self) -> &str {
        &self.variable
    }

    /// Those of these kinds, as tests read them; empty where none is there.
    pub(super) fn only(&self, kinds: &[Kind]) -> String {
        let named = |entry: &&str| {
            let name = entry.trim().split('=').next().unwrap_or_default();
            kinds.iter().any(|kind| kind.name() == name)
        };
        let entries: Vec<_> = self.variable.split(',').filter(named).collect();
        entries.join(",")
    }

    /// Ends those that [`start`](Self::start) started.
    pub(super) async fn end(&mut self, cache: &Path) {
        for kind in self.started.drain(..) {
            if let Err(error) = engine::down(cache, kind).await {
                eprintln!("engine {kind} did not end: {error:#}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_are_chosen_by_their_whole_name() {
        let engines = Engines {
            started: Vec::new(),
            running: Vec::new(),
            variable: "newest=unix:///a=b.sock,swarm-newest=unix:///c.sock, podman=tcp://127.0.0.1:1"
                .to_owned(),
        };
        assert_eq!(engines.only(&[Kind::Newest]), "newest=unix:///a=b.sock");
        assert_eq!(engines.only(&[Kind::Podman]), " podman=tcp://127.0.0.1:1");
        assert_eq!(engines.only(&[Kind::Stable]), "");
    }
}
