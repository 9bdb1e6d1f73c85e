//! The client: an engine, its limits, and a token that cancels what is under way.

use std::fmt;

use longshore_core::ObjectRef;
use longshore_engine::{Endpoint, Engine, Environment, PullImage, Transferred};
use longshore_runtime::ProgressReporter;
use tokio_util::sync::CancellationToken;

use crate::{
    Containers, Deaths, DockerConfig, DockerCredentials, DockerError, Events, Images, Networks, Stats,
    System, Volumes,
};

/// One engine. Cheap to clone; clones share connections.
///
/// Every call may be made from any task; dropping its future ends it.
///
/// ```no_run
/// # async fn example() -> Result<(), longshore::DockerError> {
/// use longshore::prelude::*;
/// let client = DockerClient::new().await?;
/// for container in client.containers().list(&ListContainers::all()).await? {
///     println!("{} {}", container.name, container.state);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct DockerClient {
    engine: Engine,
    cancel: CancellationToken,
    pub(crate) progress: Option<ProgressReporter>,
}

impl DockerClient {
    /// The engine of this machine or of the active Docker context, with the default limits; it has just answered.
    ///
    /// # Errors
    /// [`NotInstalled`](crate::DockerErrorKind::NotInstalled) with every place that was tried, when there is none.
    pub async fn new() -> Result<Self, DockerError> {
        Self::with_config(DockerConfig::default()).await
    }

    /// [`new`](Self::new) under other limits.
    ///
    /// # Errors
    /// As `new`.
    pub async fn with_config(config: DockerConfig) -> Result<Self, DockerError> {
        let found = Environment::of_process().discover()?;
        Self::connect(found.endpoint, config).await
    }

    /// A client of the engine at `endpoint`, which has just answered.
    ///
    /// # Errors
    /// When it does not.
    pub async fn connect(endpoint: Endpoint, config: DockerConfig) -> Result<Self, DockerError> {
        Ok(Self::from(Engine::connect(endpoint, config.engine()).await?))
    }

    /// The same client, whose calls end with [`Cancelled`](crate::DockerErrorKind::Cancelled) once `token` is
    /// cancelled. What had reached the engine by then it does all the same.
    #[must_use]
    pub fn with_cancellation(mut self, token: CancellationToken) -> Self {
        self.cancel = token;
        self
    }

    /// The same client, which tells of its downloads, and of what it makes of containers and does to them, from beginning
    /// to end.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), longshore::DockerError> {
    /// use longshore::prelude::*;
    /// let (reporter, mut receiver) = ProgressReporter::new();
    /// let client = DockerClient::new().await?.with_progress_reporter(reporter);
    /// let download = client.download_image("nginx:1.29");
    /// let shown = async {
    ///     while let Ok(event) = receiver.recv().await {
    ///         match event {
    ///             ProgressEvent::ImageDownload { status, .. } if status.is_end() => break,
    ///             ProgressEvent::ImageDownload { progress: Some(now), .. } => println!("{:.0} %", now.percentage),
    ///             _ => {}
    ///         }
    ///     }
    /// };
    /// let (done, ()) = tokio::join!(download, shown);
    /// println!("{:?}", done?.digest);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_progress_reporter(mut self, reporter: ProgressReporter) -> Self {
        self.progress = Some(reporter);
        self
    }

    /// Its containers.
    pub fn containers(&self) -> Containers {
        Containers(self.clone())
    }

    /// Its images.
    pub fn images(&self) -> Images {
        Images(self.clone())
    }

    /// Its networks.
    pub fn networks(&self) -> Networks {
        Networks(self.clone())
    }

    /// Its volumes.
    pub fn volumes(&self) -> Volumes {
        Volumes(self.clone())
    }

    /// What happens on the engine.
    pub fn events(&self) -> Events {
        Events(self.clone())
    }

    /// How containers ended.
    pub fn deaths(&self) -> Deaths {
        Deaths(self.clone())
    }

    /// What containers use.
    pub fn stats(&self) -> Stats {
        Stats(self.clone())
    }

    /// The engine itself: version, information, disk, prune.
    pub fn system(&self) -> System {
        System(self.clone())
    }

    /// The same client, which shows these credentials, each to the registry that it is for.
    #[must_use]
    pub fn with_credentials(mut self, credentials: DockerCredentials) -> Self {
        self.engine = self.engine.with_registry_auth(credentials);
        self
    }

    /// Gets an image from its registry: [`Images::download`] with nothing else said.
    ///
    /// # Errors
    /// As [`Images::download`].
    pub async fn download_image(&self, name: &str) -> Result<Transferred, DockerError> {
        self.images().download(name, &PullImage::default()).await
    }

    /// The engine client below, for what has no shorthand here and for finer limits.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Runs a call of the engine client until it ends or this client is cancelled.
    pub(crate) async fn run<T, E: Into<DockerError>>(
        &self,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, DockerError> {
        match self.cancel.run_until_cancelled(call).await {
            Some(result) => result.map_err(Into::into),
            None => Err(DockerError::cancelled()),
        }
    }
}

impl From<Engine> for DockerClient {
    fn from(engine: Engine) -> Self {
        Self {
            engine,
            cancel: CancellationToken::new(),
            progress: None,
        }
    }
}

impl From<DockerClient> for Engine {
    fn from(client: DockerClient) -> Self {
        client.engine
    }
}

impl fmt::Debug for DockerClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DockerClient")
            .field("engine", &self.engine)
            .finish_non_exhaustive()
    }
}

/// A name, an id or a prefix of one, checked.
pub(crate) fn reference(text: &str) -> Result<ObjectRef, DockerError> {
    ObjectRef::new(text).map_err(|error| DockerError::input(format_args!("{text:?}: {error}")))
}
