//! Everything that a program needs: `use longshore::prelude::*`.

pub use crate::{DockerClient, DockerConfig, DockerError, DockerErrorKind};
pub use longshore_core::{ContainerSpec, NetworkSpec, VolumeSpec};
pub use longshore_engine::{ListContainers, LogOptions};
