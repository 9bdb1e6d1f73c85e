//! What the watch needs of an engine, as two small traits, so that tests can script it.
//!
//! Owns the traits, the one error text they carry, and their implementation by [`Engine`]. Leaves the protocol to
//! `longshore-engine`.

use std::fmt::Write as _;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use longshore_core::{
    Container, ContainerId, ContainerSummary, Counters, Event, Image, ImageRef, ImageSummary, Network,
    NetworkId, ObjectRef, Volume,
};
use longshore_engine::{
    Engine, EventsQuery, InspectImage, ListContainers, ListImages, ListNetworks, ListVolumes,
};

use crate::LineId;
use crate::mirror::Kept;

/// A failure as people read it, and the one thing that decides what we do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SourceError {
    pub(crate) text: Arc<str>,
    pub(crate) hint: Option<Arc<str>>,
    pub(crate) not_found: bool,
    /// What it is asked of is in no state for it.
    pub(crate) conflict: bool,
}

impl SourceError {
    pub(crate) fn new(text: &str) -> Self {
        Self {
            text: text.into(),
            hint: None,
            not_found: false,
            conflict: false,
        }
    }
}

impl From<&longshore_engine::Error> for SourceError {
    fn from(error: &longshore_engine::Error) -> Self {
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(under) = cause {
            // Writing to a String cannot fail.
            let _ = write!(text, ": {under}");
            cause = under.source();
        }
        Self {
            text: text.into(),
            hint: error.hint().map(Arc::from),
            not_found: error.is_not_found(),
            conflict: error.is_conflict(),
        }
    }
}

impl From<longshore_engine::Error> for SourceError {
    fn from(error: longshore_engine::Error) -> Self {
        Self::from(&error)
    }
}

/// One line of the event stream: what it is known by, and the event, unless it is none.
pub(crate) type RawLine = (LineId, Option<Event>);

/// Where events come from.
pub(crate) trait EventSource: Send + Sync + 'static {
    /// Subscribes: the whole ring first, then what happens. Resolves when the engine has begun to answer.
    fn subscribe(
        &self,
    ) -> impl Future<Output = Result<BoxStream<'static, Result<RawLine, SourceError>>, SourceError>> + Send;
}

/// Where the truth about objects of a kind comes from.
pub(crate) trait ObjectSource<T: Kept>: Send + Sync + 'static {
    fn list(&self) -> impl Future<Output = Result<Vec<T::Listed>, SourceError>> + Send;
    fn inspect(&self, id: &T::Id) -> impl Future<Output = Result<T, SourceError>> + Send;
}

/// All that a watch needs.
pub(crate) trait WatchSource:
    EventSource + ObjectSource<Container> + ObjectSource<Image> + ObjectSource<Network> + ObjectSource<Volume>
{
}

impl<S> WatchSource for S where
    S: EventSource
        + ObjectSource<Container>
        + ObjectSource<Image>
        + ObjectSource<Network>
        + ObjectSource<Volume>
{
}

/// Where readings of counters come from.
pub(crate) trait CounterSource: Send + Sync + 'static {
    fn read(&self, id: &ContainerId) -> impl Future<Output = Result<Counters, SourceError>> + Send;

    /// The root of the file system where the kernel's files of the containers may be looked for. Whether a container's
    /// are there, its cgroup proves.
    fn kernel(&self) -> Option<PathBuf>;
}

impl EventSource for Engine {
    async fn subscribe(&self) -> Result<BoxStream<'static, Result<RawLine, SourceError>>, SourceError> {
        let query = EventsQuery::default().since("0");
        let events = self.events(&query).await?;
        let lines = events.map(|raw| {
            let raw = raw?;
            if let Err(error) = &raw.event {
                tracing::warn!(%error, "a line of the event stream is no event");
            }
            Ok((LineId::of(&raw.line), raw.event.ok()))
        });
        Ok(lines.boxed())
    }
}

impl ObjectSource<Container> for Engine {
    async fn list(&self) -> Result<Vec<ContainerSummary>, SourceError> {
        Ok(self.list_containers(&ListContainers::all()).await?)
    }

    async fn inspect(&self, id: &ContainerId) -> Result<Container, SourceError> {
        Ok(self.inspect_container(&ObjectRef::from(id)).await?)
    }
}

impl ObjectSource<Image> for Engine {
    async fn list(&self) -> Result<Vec<ImageSummary>, SourceError> {
        // Not `digests`: engines since 20.10 tell them anyway, and Podman 4.3 answers nothing to a list
        // that asks for them.
        let all = ListImages {
            all: true,
            ..ListImages::default()
        };
        Ok(self.list_images(&all).await?)
    }

    async fn inspect(&self, id: &String) -> Result<Image, SourceError> {
        let reference = id
            .parse::<ImageRef>()
            .map_err(|error| SourceError::new(&error.to_string()))?;
        Ok(self.inspect_image(&reference, &InspectImage::default()).await?)
    }
}

impl ObjectSource<Network> for Engine {
    async fn list(&self) -> Result<Vec<Network>, SourceError> {
        Ok(self.list_networks(&ListNetworks::default()).await?)
    }

    async fn inspect(&self, id: &NetworkId) -> Result<Network, SourceError> {
        Ok(self.inspect_network(&object(id.as_str())?).await?)
    }
}

impl ObjectSource<Volume> for Engine {
    async fn list(&self) -> Result<Vec<Volume>, SourceError> {
        let volumes = self.list_volumes(&ListVolumes::default()).await?;
        for warning in &volumes.warnings {
            tracing::warn!(%warning, "a list of volumes may not be whole");
        }
        Ok(volumes.volumes)
    }

    async fn inspect(&self, name: &String) -> Result<Volume, SourceError> {
        Ok(self.inspect_volume(&object(name)?).await?)
    }
}

fn object(text: &str) -> Result<ObjectRef, SourceError> {
    ObjectRef::new(text).map_err(|error| SourceError::new(&error.to_string()))
}

impl CounterSource for Engine {
    async fn read(&self, id: &ContainerId) -> Result<Counters, SourceError> {
        Ok(self.stats_once(&ObjectRef::from(id)).await?)
    }

    fn kernel(&self) -> Option<PathBuf> {
        let is_possible = cfg!(target_os = "linux") && self.endpoint().socket_path().is_some();
        is_possible.then(|| PathBuf::from("/"))
    }
}
