//! What an engine says of itself: ping, version, info.

use http::Response;
use longshore_core::Timestamp;

use crate::call::Call;
use crate::path::PathQuery;
use crate::{ApiVersion, Engine, Error, wire};

/// The head of an engine's answer to a ping.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ping {
    /// The newest API version that it speaks; `None` when it does not say.
    pub api_version: Option<ApiVersion>,
    /// The operating system that its containers have, such as `linux`.
    pub os_type: Option<String>,
    /// The builder that it prefers: `1` is the classic one, `2` BuildKit.
    pub builder: Option<String>,
    /// Whether it is Podman's API service.
    pub podman: bool,
}

impl Ping {
    pub(crate) fn from_head(head: &Response<()>) -> Self {
        let text = |name: &str| head.headers().get(name).and_then(|value| value.to_str().ok());
        Self {
            api_version: text("api-version").and_then(|version| version.parse().ok()),
            os_type: text("ostype").map(str::to_owned),
            builder: text("builder-version").map(str::to_owned),
            podman: head.headers().contains_key("libpod-api-version")
                || text("server").is_some_and(|server| server.starts_with("Libpod/")),
        }
    }
}

/// An engine's version.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Version {
    /// The engine's own version, such as `28.5.2`.
    pub version: String,
    /// The newest API that it speaks; `None` when it does not say.
    pub api_version: Option<ApiVersion>,
    /// The oldest API that it speaks; `None` when it does not say.
    pub min_api_version: Option<ApiVersion>,
    /// The operating system, such as `linux`.
    pub os: String,
    /// The processor architecture, such as `amd64`.
    pub arch: String,
    /// The kernel's version.
    pub kernel_version: String,
    /// The engine and its parts (containerd, runc), by name and version.
    pub components: Vec<(String, String)>,
}

/// What an engine knows of its host and of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info {
    /// Its identity, the same after a restart; empty on Podman.
    pub id: String,
    /// The host's name.
    pub name: String,
    /// Processors.
    pub ncpu: Option<u32>,
    /// Memory, in bytes.
    pub mem_total: Option<u64>,
    /// The engine's version.
    pub server_version: String,
    /// The host's operating system, for people.
    pub operating_system: String,
    /// Its kernel's version.
    pub kernel_version: String,
    /// The version of control groups, `1` or `2`; empty when the engine is too old to say.
    pub cgroup_version: String,
    /// The engine's clock. Compare its timestamps with this, not with the clock here.
    pub system_time: Option<Timestamp>,
    /// Containers in all states.
    pub containers: Option<u64>,
    /// Containers that run.
    pub running: Option<u64>,
    /// Containers that are paused.
    pub paused: Option<u64>,
    /// Containers that do not run.
    pub stopped: Option<u64>,
    /// Images.
    pub images: Option<u64>,
    /// How layers are kept, such as `overlay2`.
    pub storage_driver: String,
}

impl Engine {
    /// Versions of the engine and of its parts.
    ///
    /// # Errors
    /// As [`Engine::ping`].
    pub async fn version(&self) -> Result<Version, Error> {
        let call = Call::get("read the engine's version", PathQuery::new("/version"));
        self.json::<wire::system::Version>(&call)
            .await
            .map(wire::system::Version::into_core)
    }

    /// The engine's host, and counts of what it holds. Some milliseconds of the engine's time: not for polling.
    ///
    /// # Errors
    /// As [`Engine::ping`].
    pub async fn info(&self) -> Result<Info, Error> {
        let call = Call::get("read the engine's information", PathQuery::new("/info"));
        self.json::<wire::system::Info>(&call)
            .await
            .map(wire::system::Info::into_core)
    }
}
