//! `client.containers()`.

use std::path::Path;

use longshore_core::{Container, ContainerSpec, ContainerSummary, Outcome, Verb};
use longshore_engine::{Copied, CopyIn, CopyOut, Created, ListContainers, LogOptions, LogStream};
use longshore_runtime::guard::{ContainerGuard, GuardConfig};
use longshore_runtime::services::{Service, ServiceUrl};
use longshore_runtime::{self as runtime, Batch, Bulk, Ensure, Ensured, RunOptions, RunOutput};

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
        self.0.creates(spec, self.0.engine().create_container(spec)).await
    }

    /// Makes one and starts it. One that cannot be started is removed again.
    ///
    /// # Errors
    /// As [`create`](Self::create) and [`start`](Self::start).
    pub async fn run(&self, spec: &ContainerSpec) -> Result<Created, DockerError> {
        self.0.creates(spec, runtime::run(self.0.engine(), spec)).await
    }

    /// Runs one to its end: its exit code and its output from the first byte on. It is removed then, unless the options
    /// say otherwise. An exit code other than 0 is no error.
    ///
    /// # Errors
    /// As [`run`](Self::run); [`Timeout`](crate::DockerErrorKind::Timeout) when it was killed for taking too long.
    pub async fn run_and_wait(
        &self,
        spec: &ContainerSpec,
        options: &RunOptions,
    ) -> Result<RunOutput, DockerError> {
        self.0
            .creates(spec, runtime::run_and_wait(self.0.engine(), spec, options))
            .await
    }

    /// The one of the spec's name, running: the one that is there when it was made from the same spec, else a new one.
    ///
    /// # Errors
    /// A conflict when the one there was made from another spec, unless `otherwise` says to make it anew.
    pub async fn ensure(&self, spec: &ContainerSpec, otherwise: Ensure) -> Result<Ensured, DockerError> {
        self.0
            .creates(spec, runtime::ensure(self.0.engine(), spec, otherwise))
            .await
    }

    /// Runs a service until it is ready: its guard, which removes it at the end, and how clients reach it.
    ///
    /// Cancelled or dropped on the way, the container is left to the next guard's sweep.
    ///
    /// # Errors
    /// [`Timeout`](crate::DockerErrorKind::Timeout) when it was not ready in time,
    /// [`Container`](crate::DockerErrorKind::Container) when it ended before; else as [`run`](Self::run). It is removed then.
    ///
    /// ```no_run
    /// # async fn example(client: longshore::DockerClient) -> Result<(), longshore::DockerError> {
    /// use longshore::prelude::*;
    /// use longshore::runtime::services::redis;
    /// let (guard, url) = client.containers().start_service(&redis(None), GuardConfig::default()).await?;
    /// println!("{url}");
    /// guard.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn start_service(
        &self,
        service: &Service,
        config: GuardConfig,
    ) -> Result<(ContainerGuard, ServiceUrl), DockerError> {
        self.0.run(service.start(self.0.engine(), config)).await
    }

    /// Copies a file or a folder of this machine into one, which may be stopped: to `to`, or into it where it is a folder.
    /// The copies are root's; `Engine::copy_to` has other owners. What was written before it was dropped stays.
    ///
    /// # Errors
    /// [`is_not_found`](DockerError::is_not_found) when there is no such container or folder;
    /// [`Input`](crate::DockerErrorKind::Input) when `from` cannot be read.
    pub async fn copy_to(
        &self,
        container: &str,
        from: impl AsRef<Path> + Send,
        to: &str,
    ) -> Result<Copied, DockerError> {
        let container = reference(container)?;
        let options = CopyIn::default();
        self.0
            .run(self.0.engine().copy_to(&container, from, to, &options))
            .await
    }

    /// Copies a file or a folder out of one, which may be stopped: to `to`, or into it where it is a folder. Links are
    /// kept as they are; `Engine::copy_from` follows them and has a limit. What was written before it was dropped stays.
    ///
    /// # Errors
    /// [`is_not_found`](DockerError::is_not_found) when there is no such container or path;
    /// [`Input`](crate::DockerErrorKind::Input) when `to` cannot be written.
    pub async fn copy_from(
        &self,
        container: &str,
        from: &str,
        to: impl AsRef<Path> + Send,
    ) -> Result<Copied, DockerError> {
        let container = reference(container)?;
        let options = CopyOut::default();
        self.0
            .run(self.0.engine().copy_from(&container, from, to, &options))
            .await
    }

    /// Does one thing to one; `start`, `stop` and the others are shorthands. What they leave to the container is said here:
    ///
    /// ```no_run
    /// use longshore::prelude::*;
    ///
    /// # async fn show(client: &DockerClient) -> Result<(), DockerError> {
    /// // nginx ends its connections in order at SIGQUIT; what has not ended after 30 s is killed.
    /// let stop = Verb::Stop { timeout: Some(30), signal: Some("SIGQUIT".into()) };
    /// client.containers().act("web", &stop).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`is_not_found`](DockerError::is_not_found) when there is none, a conflict when its state forbids it.
    pub async fn act(&self, container: &str, verb: &Verb) -> Result<Outcome, DockerError> {
        let reference = reference(container)?;
        let acting = self.0.engine().act(&reference, verb);
        self.0.does(container, verb.name(), acting).await
    }

    /// Does one thing to many, each as [`act`](Self::act): an outcome for each, in the order given. Whatever fails, the
    /// others are done.
    ///
    /// Once this client is cancelled, what has not ended is [`Cancelled`](crate::DockerErrorKind::Cancelled) and nothing more
    /// is sent; what was done is told all the same. Dropped on the way, nothing more is begun. Either way the engine does
    /// what had reached it.
    ///
    /// ```no_run
    /// # async fn example(client: longshore::DockerClient) -> Result<(), Box<dyn std::error::Error>> {
    /// use longshore::prelude::*;
    /// let stop = Verb::Stop { timeout: Some(5), signal: None };
    /// // They mostly wait: more of them at a time than the four that an engine works off best.
    /// let stopped = client.containers().act_all(&["web", "db", "mq"], &stop, Bulk::default().at_once(16)).await;
    /// for (name, error) in stopped.failed() {
    ///     eprintln!("{name}: {error}");
    /// }
    /// stopped.into_result()?; // or the error that names all that failed
    /// # Ok(())
    /// # }
    /// ```
    pub async fn act_all<S: AsRef<str>>(
        &self,
        containers: &[S],
        verb: &Verb,
        bulk: Bulk,
    ) -> Batch<String, Outcome, DockerError> {
        let names: Vec<String> = containers.iter().map(|name| name.as_ref().to_owned()).collect();
        let act = |name: String| async move { self.act(&name, verb).await };
        bulk.run(names, act).await
    }

    /// Makes and starts many, each as [`run`](Self::run): an outcome for each, in the order given, as
    /// [`act_all`](Self::act_all) has it. For one thing after the other, or other objects than containers, give
    /// [`Bulk::run`] a closure.
    ///
    /// ```no_run
    /// # async fn example(client: longshore::DockerClient) -> Result<(), Box<dyn std::error::Error>> {
    /// use longshore::prelude::*;
    /// let workers: Vec<_> =
    ///     (0..20).map(|n| ContainerBuilder::new("worker:1").name(format!("worker-{n}"))).collect();
    /// let made = client.containers().run_all(&workers, Bulk::default()).await.into_result()?;
    /// println!("{} run", made.len());
    ///
    /// let images = ["redis:8", "postgres:18"];
    /// Bulk::default().run(images, |image| client.download_image(image)).await.into_result()?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn run_all(
        &self,
        specs: &[ContainerSpec],
        bulk: Bulk,
    ) -> Batch<ContainerSpec, Created, DockerError> {
        let run = |spec: ContainerSpec| async move { self.run(&spec).await };
        bulk.run(specs.to_vec(), run).await
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
        self.act(container, &Verb::STOP).await
    }

    /// Stops and starts it.
    ///
    /// # Errors
    /// As [`act`](Self::act).
    pub async fn restart(&self, container: &str) -> Result<Outcome, DockerError> {
        self.act(container, &Verb::RESTART).await
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
