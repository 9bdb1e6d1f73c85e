//! Containers: list, inspect, create, the verbs, wait.

use std::time::Duration;

use http::StatusCode;
use longshore_core::{Container, ContainerId, ContainerSpec, ContainerSummary, ObjectRef, Outcome, Verb};

use crate::call::{Call, HeadLimit};
use crate::conn::ReadLimits;
use crate::error::ErrorKind;
use crate::path::{Filters, PathQuery};
use crate::{Download, Engine, Error, wire};

/// The engine's own grace time for stop and restart.
const DEFAULT_GRACE: Duration = Duration::from_secs(10);

/// Which containers to list.
///
/// ```
/// use longshore_engine::ListContainers;
/// let ours = ListContainers::all().filter("label", "io.longshore.managed=true");
/// assert!(ours.all);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListContainers {
    /// Also those that do not run. Default: false.
    pub all: bool,
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

    /// Adds a filter, such as `label` and `a=b`.
    #[must_use]
    pub fn filter(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.filters.entry(key.into()).or_default().push(value.into());
        self
    }
}

/// A container that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Created {
    /// Its id.
    pub id: ContainerId,
    /// What the engine found odd about the spec.
    pub warnings: Vec<String>,
}

/// How a container's run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExitStatus {
    /// The main process's exit code; 128 and the signal's number when a signal ended it.
    pub code: i64,
    /// What the engine says went wrong with waiting.
    pub error: Option<String>,
}

impl Engine {
    /// The containers there are. Lags some milliseconds behind events and leaves much out; see
    /// [`Engine::inspect_container`].
    ///
    /// An entry that cannot be read is left out and logged, never the whole list.
    ///
    /// # Errors
    /// As [`Engine::ping`], and [`ErrorKind::BadInput`] for a filter that the engine does not take.
    pub async fn list_containers(&self, options: &ListContainers) -> Result<Vec<ContainerSummary>, Error> {
        let path = PathQuery::new("/containers/json")
            .flag("all", options.all)
            .filters(&options.filters);
        let call = Call::get("list containers", path);
        let answer = self.client.collect(&call).await?;
        wire::list::containers(&answer.body).map_err(|error| call.malformed(error))
    }

    /// All about one container, as it is now.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is none.
    pub async fn inspect_container(&self, container: &ObjectRef) -> Result<Container, Error> {
        let call = Call::get(
            "inspect the container",
            PathQuery::object("/containers", container, "json"),
        )
        .on(container.as_str());
        let answer = self.client.collect(&call).await?;
        wire::inspect::container(&answer.body).map_err(|error| call.malformed(error))
    }

    /// Makes a container, without starting it. Name and labels are in the request, so one whose answer was lost (an
    /// error, a dropped future) can be found by them.
    ///
    /// # Errors
    /// [`ErrorKind::BadInput`] for what no engine would take, before anything is sent; [`Error::is_not_found`] when
    /// there is no such image; [`Error::is_conflict`] when the name is taken.
    pub async fn create_container(&self, spec: &ContainerSpec) -> Result<Created, Error> {
        let target = spec.name.as_deref().unwrap_or(&spec.image);
        let path = PathQuery::new("/containers/create").query_opt("name", spec.name.as_deref());
        let call = Call::post("create the container", path).on(target);
        spec.check().map_err(|error| {
            call.error(ErrorKind::BadInput)
                .with_message("the spec is not valid")
                .with_source(error)
        })?;
        let call = call.json(&wire::create::Body::new(spec))?;
        let created: wire::create::Created = self.json(&call).await?;
        let id = ContainerId::new(&created.id).map_err(|error| {
            call.error(ErrorKind::Protocol)
                .with_message("the engine gave no id")
                .with_source(error)
        })?;
        Ok(Created {
            id,
            warnings: created.warnings,
        })
    }

    /// Does one thing to a container. When it returns, the engine has done it.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is no such container, [`Error::is_conflict`] when its state forbids it.
    /// It is never sent twice: after [`ErrorKind::Interrupted`] or a timeout it may or may not have happened.
    pub async fn act(&self, container: &ObjectRef, verb: &Verb) -> Result<Outcome, Error> {
        let path = |tail| PathQuery::object("/containers", container, tail);
        let call = match verb {
            Verb::Start => Call::post("start the container", path("start")),
            Verb::Stop { timeout } => graceful("stop the container", path("stop"), *timeout),
            Verb::Restart { timeout } => graceful("restart the container", path("restart"), *timeout),
            Verb::Pause => Call::post("pause the container", path("pause")),
            Verb::Unpause => Call::post("unpause the container", path("unpause")),
            Verb::Kill { signal } => Call::post(
                "kill the container",
                path("kill").query_opt("signal", signal.as_deref()),
            ),
            Verb::Remove { force, volumes } => Call::delete(
                "remove the container",
                path("").flag("force", *force).flag("v", *volumes),
            ),
            other => {
                return Err(Error::new(ErrorKind::BadInput, "act on the container")
                    .with_target(container.as_str())
                    .with_message(format!("this version cannot {} one", other.name())));
            }
        };
        let answer = self.client.collect(&call.on(container.as_str())).await?;
        Ok(if answer.head.status() == StatusCode::NOT_MODIFIED {
            Outcome::AlreadySo
        } else {
            Outcome::Done
        })
    }

    /// The container's files as one tar, without what is mounted into it.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is no such container.
    pub async fn export_container(&self, container: &ObjectRef) -> Result<Download, Error> {
        let path = PathQuery::object("/containers", container, "export");
        let call = Call::get("export the container", path).on(container.as_str());
        self.download(&call).await
    }

    /// Waits until the container does not run. Under no time limit but the connection's: wrap it in one where needed.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is no such container, [`ErrorKind::Interrupted`] when the engine goes.
    pub async fn wait_container(&self, container: &ObjectRef) -> Result<ExitStatus, Error> {
        let call = Call::post(
            "wait for the container",
            PathQuery::object("/containers", container, "wait"),
        )
        .on(container.as_str())
        .head_limit(HeadLimit::None);
        let (_, mut body) = self.client.stream(&call).await?;
        let mut text = Vec::new();
        let limits = ReadLimits::default();
        while let Some(piece) = body.read(limits).await.map_err(|failure| call.failed(failure))? {
            text.extend_from_slice(&piece);
            if text.len() > self.config().max_body {
                return Err(call.error(ErrorKind::TooLarge));
            }
        }
        let exit: wire::create::Waited =
            serde_json::from_slice(&text).map_err(|error| call.malformed(error))?;
        Ok(ExitStatus {
            code: exit.status_code,
            error: exit.error.and_then(|error| error.message),
        })
    }
}

/// Stop and restart answer only after the container has ended, so their head may take the grace time longer.
fn graceful(op: &'static str, path: PathQuery, timeout: Option<i32>) -> Call<'static> {
    let (path, limit) = match timeout {
        // What the container's own setting is, we do not know; a minute more does no harm.
        None => (path, HeadLimit::After(6 * DEFAULT_GRACE)),
        Some(seconds) => (
            path.query("t", &seconds.to_string()),
            u64::try_from(seconds).map_or(HeadLimit::None, |seconds| {
                HeadLimit::After(Duration::from_secs(seconds))
            }),
        ),
    };
    Call::post(op, path).head_limit(limit)
}
