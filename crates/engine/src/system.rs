//! What an engine says of itself: ping and version. What it says of its host is `info`'s.

use http::Response;

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
}
