//! `cargo xtask engine`: private engines, each with its own network namespace, socket, data and bridge.
//! This file owns the kinds, the three commands and the order of the steps; every step has a file of its own.

mod api;
mod daemon;
mod fetch;
mod image;
mod netns;
mod packages;
mod podman;
mod services;
mod state;

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use clap::{Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::places;
pub(crate) use api::Api;
pub(crate) use fetch::docker_client;
pub(crate) use fetch::registry;
pub(crate) use packages::ensure as ensure_packages;
pub(crate) use state::Running;
use state::{Lock, Place};

/// The sample image that every private engine holds: busybox around nothing.
pub(crate) use image::{REFERENCE as SAMPLE_IMAGE, ensure as ensure_sample_image};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Starts an engine, or finds it running, and prints its DOCKER_HOST line on standard output.
    Up {
        #[arg(value_enum, default_value = "newest")]
        which: Kind,
    },
    /// Ends an engine (all of them when none is named) with everything in it.
    Down {
        #[arg(value_enum)]
        which: Option<Kind>,
    },
    /// Lists the engines that run.
    List {
        #[arg(value_enum)]
        which: Option<Kind>,
    },
}

/// Which engine. The names are roles, not versions: the suites behind them move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// The docker.io of the machine's own suite.
    Oldest,
    /// The docker.io of Debian 13 (trixie).
    Stable,
    /// The docker.io of Debian unstable (sid).
    Newest,
    /// The Podman of the machine's own suite.
    Podman,
    /// As newest, for tests that change the engine itself: they make it a Swarm and leave it again.
    SwarmNewest,
    /// As oldest, for the same.
    SwarmOldest,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] = [
        Self::Oldest,
        Self::Stable,
        Self::Newest,
        Self::Podman,
        Self::SwarmNewest,
        Self::SwarmOldest,
    ];
    /// What every test run has.
    pub(crate) const TESTED: [Self; 4] = [Self::Newest, Self::Oldest, Self::SwarmNewest, Self::SwarmOldest];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Oldest => "oldest",
            Self::Stable => "stable",
            Self::Newest => "newest",
            Self::Podman => "podman",
            Self::SwarmNewest => "swarm-newest",
            Self::SwarmOldest => "swarm-oldest",
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

pub(crate) async fn run(command: Command) -> Result<()> {
    let cache = places::cache()?;
    match command {
        Command::Up { which } => {
            let running = up(&cache, which).await?;
            if let Err(error) = ensure_services(&cache, &running).await {
                eprintln!("tests of service templates will be skipped: {error:#}");
            }
            println!("DOCKER_HOST={}", running.docker_host());
        }
        Command::Down { which } => {
            for kind in Kind::ALL
                .into_iter()
                .filter(|kind| which.is_none_or(|which| which == *kind))
            {
                if down(&cache, kind).await? {
                    eprintln!("engine {kind}: ended");
                } else if which.is_some() {
                    eprintln!("engine {kind}: was not running");
                }
            }
        }
        Command::List { which } => {
            for kind in Kind::ALL
                .into_iter()
                .filter(|kind| which.is_none_or(|which| which == *kind))
            {
                if let Some(running) = running(&cache, kind).await {
                    println!(
                        "{kind}\t{}\tDOCKER_HOST={}\taddress {}\tpid {}",
                        running.version,
                        running.docker_host(),
                        running.address,
                        running.pid
                    );
                }
            }
        }
    }
    Ok(())
}

/// The engine of this kind when it runs and answers.
pub(crate) async fn running(cache: &Path, kind: Kind) -> Option<Running> {
    let running = Place::of(cache, kind).read()?;
    (running.is_alive() && Api::unix(&running.socket).ping().await.is_ok()).then_some(running)
}

/// Puts the services image on an engine that tests of service templates run on, unless it is there.
///
/// # Errors
/// When it cannot be made here, or not be put there.
pub(crate) async fn ensure_services(cache: &Path, running: &Running) -> Result<()> {
    match running.kind {
        Kind::Oldest | Kind::Stable | Kind::Newest | Kind::Podman => {
            services::ensure(cache, &Api::unix(&running.socket))
                .await
                .context("the services image")
        }
        Kind::SwarmNewest | Kind::SwarmOldest => Ok(()),
    }
}

/// Starts the engine of this kind, unless it runs already, and puts the sample image on it.
///
/// # Errors
/// When this machine cannot have it: no root, no Debian packages, an engine that does not come up (its log's end is
/// in the error). What was begun is undone.
pub(crate) async fn up(cache: &Path, kind: Kind) -> Result<Running> {
    let place = Place::of(cache, kind);
    let _lock = Lock::take(&place).await?;
    if let Some(running) = running(cache, kind).await {
        image::ensure(cache, &Api::unix(&running.socket)).await?;
        return Ok(running);
    }
    if !rustix::process::geteuid().is_root() {
        bail!(
            "private engines need root: a namespace, mounts and a bridge; or set DOCKER_HOST to an engine of yours"
        );
    }
    clear(&place).await?;
    packages::ensure_tools(kind).await?;
    let programs = fetch::programs(cache, kind).await?;
    match start(cache, kind, &place, &programs).await {
        Ok(running) => Ok(running),
        Err(error) => {
            clear(&place).await.ok();
            Err(error.context(format!("the {kind} engine did not come up")))
        }
    }
}

async fn start(cache: &Path, kind: Kind, place: &Place, programs: &fetch::Programs) -> Result<Running> {
    let begun = std::time::Instant::now();
    place.check()?;
    let net = netns::create(&place.tag).await.context("network namespace")?;
    let running = daemon::start(kind, place, programs, net).await?;
    place.write(&running)?;
    image::ensure(cache, &Api::unix(&running.socket))
        .await
        .context("sample image")?;
    eprintln!(
        "engine {kind}: {} (API {}) up in {:.1} s, address {}",
        running.version,
        running.api_version,
        begun.elapsed().as_secs_f64(),
        running.address
    );
    Ok(running)
}

/// Ends the engine of this kind and removes its data. False when there was none.
pub(crate) async fn down(cache: &Path, kind: Kind) -> Result<bool> {
    let place = Place::of(cache, kind);
    if !place.dir.exists() {
        return Ok(false);
    }
    let _lock = Lock::take(&place).await?;
    let was = place.read().is_some_and(|running| running.is_alive());
    clear(&place).await?;
    Ok(was)
}

/// Ends and removes whatever an engine left at this place, however it ended.
async fn clear(place: &Place) -> Result<()> {
    daemon::stop(place).await?;
    netns::remove(&place.tag).await?;
    daemon::unmount(&place.dir).await?;
    match std::fs::remove_dir_all(&place.dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", place.dir.display()))
        }
        _ => Ok(()),
    }
}
