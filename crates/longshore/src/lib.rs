//! Longshore.
#![warn(missing_docs)]

mod client;
mod config;
mod containers;
mod error;
mod events;
mod networks;
pub mod prelude;
mod stats;
mod system;
mod volumes;

pub use client::DockerClient;
pub use config::DockerConfig;
pub use containers::Containers;
pub use error::{DockerError, DockerErrorKind};
pub use events::Events;
pub use networks::Networks;
pub use stats::Stats;
pub use system::System;
pub use volumes::Volumes;

pub use longshore_core as core;
pub use longshore_engine as engine;
pub use longshore_runtime as runtime;
