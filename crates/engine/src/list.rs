//! The list of containers.

use longshore_core::{ContainerState, ContainerSummary, Health, ImageName};

use crate::call::Call;
use crate::path::{Filters, PathQuery};
use crate::{Engine, Error, wire};

/// Which containers to list. Several values of one filter: one of them must fit; several filters: all of them; labels:
/// all of them.
///
/// ```
/// use longshore_core::ContainerState;
/// use longshore_engine::ListContainers;
/// let ours = ListContainers::all().label("io.longshore.managed=true").state(&ContainerState::Exited);
/// assert!(ours.all);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListContainers {
    /// Also those that do not run. Default: false.
    pub all: bool,
    /// Only so many, the newest; in every state. Default: no limit.
    pub limit: Option<u32>,
    /// Only those that fit. Default: no filter.
    pub filters: Filters,
}

impl ListContainers {
    /// Containers in every state.
    #[must_use]
    pub fn all() -> Self {
        Self {
            all: true,
            ..Self::default()
        }
    }

    /// Only those that run.
    #[must_use]
    pub fn running() -> Self {
        Self::default()
    }

    /// Sets [`Self::limit`].
    #[must_use]
    pub fn limit(mut self, most: u32) -> Self {
        self.limit = Some(most);
        self
    }

    /// Adds a filter, such as `label` and `a=b`.
    #[must_use]
    pub fn filter(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.filters.entry(key.into()).or_default().push(value.into());
        self
    }

    /// Those with this label, `key` or `key=value`.
    #[must_use]
    pub fn label(self, label: impl Into<String>) -> Self {
        self.filter("label", label)
    }

    /// Those whose name contains this; engines read it as a regular expression.
    #[must_use]
    pub fn name(self, part: impl Into<String>) -> Self {
        self.filter("name", part)
    }

    /// Those whose id begins so.
    #[must_use]
    pub fn id(self, prefix: impl Into<String>) -> Self {
        self.filter("id", prefix)
    }

    /// Those in this state; they need not run.
    #[must_use]
    pub fn state(self, state: &ContainerState) -> Self {
        self.filter("status", state.as_str())
    }

    /// Those of this health.
    #[must_use]
    pub fn health(self, health: &Health) -> Self {
        self.filter("health", health.as_str())
    }

    /// Those that ended with this code.
    #[must_use]
    pub fn exit_code(self, code: i64) -> Self {
        self.filter("exited", code.to_string())
    }

    /// Those made from this image, or from one that was built on it.
    #[must_use]
    pub fn image(self, image: impl Into<String>) -> Self {
        let image = image.into();
        // Podman knows it by its whole name alone, with which Docker finds the same image.
        let whole = ImageName::new(&image).map(|name| name.or_latest().canonical());
        let this = self.filter("ancestor", &image);
        match whole {
            Ok(whole) if whole != image => this.filter("ancestor", whole),
            _ => this,
        }
    }

    /// Those on this network, by name or id.
    #[must_use]
    pub fn network(self, network: impl Into<String>) -> Self {
        self.filter("network", network)
    }

    /// Those that have this volume, or something mounted at this path.
    #[must_use]
    pub fn volume(self, volume: impl Into<String>) -> Self {
        self.filter("volume", volume)
    }

    /// Those that publish this port of theirs, such as `80/tcp`.
    #[must_use]
    pub fn publishes(self, port: impl Into<String>) -> Self {
        self.filter("publish", port)
    }

    /// Those made before this container.
    #[must_use]
    pub fn before(self, container: impl Into<String>) -> Self {
        self.filter("before", container)
    }

    /// Those made after this container.
    #[must_use]
    pub fn since(self, container: impl Into<String>) -> Self {
        self.filter("since", container)
    }
}

impl Engine {
    /// The containers there are. Lags some milliseconds behind events and leaves much out; see
    /// [`Engine::inspect_container`].
    ///
    /// An entry that cannot be read is left out and logged, never the whole list.
    ///
    /// # Errors
    /// As [`Engine::ping`], and [`ErrorKind::BadInput`](crate::ErrorKind::BadInput) for a filter that the engine does
    /// not take.
    pub async fn list_containers(&self, options: &ListContainers) -> Result<Vec<ContainerSummary>, Error> {
        let path = PathQuery::new("/containers/json")
            .flag("all", options.all)
            .query_opt("limit", options.limit.map(|most| most.to_string()).as_deref())
            .filters(&options.filters);
        let call = Call::get("list containers", path);
        let answer = self.client.collect(&call).await?;
        wire::list::containers(&answer.body).map_err(|error| call.malformed(error))
    }
}
