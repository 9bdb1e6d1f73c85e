//! `client.containers()`.

use longshore_core::{Container, ContainerSpec, ContainerSummary, Outcome, Verb};
use longshore_engine::{Created, ListContainers, LogOptions, LogStream};

use crate::client::reference;
use crate::{DockerClient, DockerError};

/// The engine's containers. Where a method takes a container, it takes its name, its id or a prefix of that.
#[derive(Debug, Clone)]
pub struct Containers(pub(crate) DockerClient);

impl Containers {
    /// Those there are.
    ///
    /// # Errors
    /// As every call.
    pub async fn list(&self, options: &ListContainers) -> Result<Vec<ContainerSummary>, DockerError> {
        self.0.run(self.0.engine().list_containers(options)).await
    }

    /// All about one, as it is now.
    ///
    /// # Errors
    /// [`is_not_found`](DockerError::is_not_found) when there is none.
    pub async fn inspect(&self, container: &str) -> Result<Container, DockerError> {
        let container = reference(container)?;
        self.0.run(self.0.engine().inspect_container(&container)).await
    }

    /// Makes one, without starting it.
    ///
    /// # Errors
    /// [`Image`](crate::DockerErrorKind::Image) when its image is not there; a conflict when its name is taken;
    /// [`Input`](crate::DockerErrorKind::Input) for what no engine would take.
    pub async fn create(&self, spec: &ContainerSpec) -> Result<Created, DockerError> {
        self.0.run(self.0.engine().create_container(spec)).await
    }

    /// Does one thing to one; `start`, `stop` and the others are shorthands.
    ///
    /// # Errors
    /// [`is_not_found`](DockerError::is_not_found) when there is none, a conflict when its state forbids it.
    pub async fn act(&self, container: &str, verb: &Verb) -> Result<Outcome, DockerError> {
        let container = reference(container)?;
        self.0.run(self.0.engine().act(&container, verb)).await
    }

    /// Starts it.
    ///
    /// # Errors
    /// As [`act`](Self::act).
    pub async fn start(&self, container: &str) -> Result<Outcome, DockerError> {
        self.act(container, &Verb::Start).await
    }

    /// Asks it to end, and ends it after its grace time.
    ///
    /// # Errors
    /// As [`act`](Self::act).
    pub async fn stop(&self, container: &str) -> Result<Outcome, DockerError> {
        self.act(container, &Verb::Stop { timeout: None }).await
    }

    /// Stops and starts it.
    ///
    /// # Errors
    /// As [`act`](Self::act).
    pub async fn restart(&self, container: &str) -> Result<Outcome, DockerError> {
        self.act(container, &Verb::Restart { timeout: None }).await
    }

    /// Freezes its processes.
    ///
    /// # Errors
    /// As [`act`](Self::act).
    pub async fn pause(&self, container: &str) -> Result<Outcome, DockerError> {
        self.act(container, &Verb::Pause).await
    }

    /// Thaws them.
    ///
    /// # Errors
    /// As [`act`](Self::act).
    pub async fn unpause(&self, container: &str) -> Result<Outcome, DockerError> {
        self.act(container, &Verb::Unpause).await
    }

    /// Sends a signal to its main process; `None` is SIGKILL.
    ///
    /// # Errors
    /// As [`act`](Self::act).
    pub async fn kill(&self, container: &str, signal: Option<&str>) -> Result<Outcome, DockerError> {
        let signal = signal.map(Into::into);
        self.act(container, &Verb::Kill { signal }).await
    }

    /// Removes it; `force` kills it first. Its anonymous volumes go with it.
    ///
    /// # Errors
    /// As [`act`](Self::act).
    pub async fn remove(&self, container: &str, force: bool) -> Result<Outcome, DockerError> {
        let volumes = true;
        self.act(container, &Verb::Remove { force, volumes }).await
    }

    /// What it has written.
    ///
    /// # Errors
    /// [`is_not_found`](DockerError::is_not_found) when there is none. In the stream, an `Err` is the last item.
    pub async fn logs(&self, container: &str, options: &LogOptions) -> Result<LogStream, DockerError> {
        let container = reference(container)?;
        self.0.run(self.0.engine().logs(&container, options)).await
    }
}
