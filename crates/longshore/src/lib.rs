//! Operates Docker and Podman engines: containers, images, networks, volumes, events, statistics.
//!
//! # A container, and what it prints
//! ```no_run
//! use longshore::prelude::*;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), DockerError> {
//! let client = DockerClient::new().await?;
//! client.download_image("debian:12").await?;
//! let spec = ContainerBuilder::new("debian:12").cmd(["cat", "/etc/os-release"]);
//! let done = client.containers().run_and_wait(&spec, &RunOptions::default()).await?;
//! println!("exit code {}: {}", done.exit_code, String::from_utf8_lossy(&done.stdout));
//! # Ok(())
//! # }
//! ```
//! The engine is found as the docker command line finds it (`DOCKER_HOST`, the active context, the usual sockets), and
//! where there is none the error names every place that was tried. The output is whole: the container is attached to
//! before it starts. It is gone afterwards.
//!
//! # A service
//! ```no_run
//! # async fn example(client: longshore::DockerClient) -> Result<(), longshore::DockerError> {
//! use std::time::Duration;
//! use longshore::prelude::*;
//!
//! let spec = ContainerBuilder::new("postgres:17")
//!     .name("db")
//!     .env("POSTGRES_PASSWORD", "only here")
//!     .port(5432, None)
//!     .volume("db-data", "/var/lib/postgresql/data")
//!     .memory_limit("512m")
//!     .restart_policy(RestartPolicy::UnlessStopped)
//!     .health_check(HealthCheck::cmd("pg_isready").interval(Duration::from_secs(2)));
//! client.containers().ensure(&spec, Ensure::Recreate).await?;
//! # Ok(())
//! # }
//! ```
//! A spec is checked before anything is sent. What Longshore makes bears labels under `io.longshore.`, and only what
//! bears them is ever swept.
//!
//! # When something fails
//! [`DockerError::kind`] says what it was about, [`DockerError::hint`] what a person can do, and
//! [`DockerError::delivery`] whether the engine may have done it. Only what is harmless to repeat is tried again, as often
//! as [`DockerConfig`] says; an exec never. Dropping a call ends it.
//!
//! # Further down
//! What has no shorthand here is in the crates below, re-exported: [`engine`] (every call of one engine, raw streams, its
//! limits for one call), [`runtime`] (events without silent loss, a live mirror, waiting, logs that resume, pulls that are
//! shared, commands that end with their whole tree), [`core`] (the vocabulary).
#![warn(missing_docs)]

mod client;
mod config;
mod containers;
mod deaths;
mod error;
mod events;
mod images;
mod networks;
pub mod prelude;
mod progress;
mod stats;
mod system;
mod volumes;

pub use client::DockerClient;
pub use config::DockerConfig;
pub use containers::Containers;
pub use deaths::{Deaths, FollowedDeaths};
pub use error::{DockerError, DockerErrorKind};
pub use events::{DockerEvents, EventItem, Events};
pub use images::Images;
/// A monitor of an engine's events, with its sinks: `EventMonitor::new(client)`.
pub use longshore_runtime::{EventMonitor, EventSink, FollowItem, MonitorCounts};
pub use networks::Networks;
pub use stats::Stats;
pub use system::System;
pub use volumes::Volumes;

/// Where credentials for registries come from. Default: nowhere.
pub use longshore_engine::RegistryAuth as DockerCredentials;

pub use longshore_core as core;
pub use longshore_engine as engine;
pub use longshore_runtime as runtime;
