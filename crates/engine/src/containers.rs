//! Containers: inspect, the verbs, rename, update. Making one is `create`'s, the list `list`'s, waiting `wait`'s, what is
//! inside `inside`'s and `copy`'s.

use std::time::Duration;

use http::StatusCode;
use longshore_core::{Container, ObjectRef, Outcome, UpdateSpec, Verb};

use crate::call::{Call, HeadLimit};
use crate::error::ErrorKind;
use crate::path::PathQuery;
use crate::{ApiVersion, Engine, Error, wire};

/// The engine's own grace time for stop and restart.
const DEFAULT_GRACE: Duration = Duration::from_secs(10);
/// Where `signal` of a stop and a restart came; engines before it ignore what they do not know.
const STOP_SIGNAL: ApiVersion = ApiVersion::new(1, 42);

impl Engine {
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

    /// Does one thing to a container. When it returns, the engine has done it.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is no such container, [`Error::is_conflict`] when its state forbids it,
    /// [`ErrorKind::Version`] for a stop or restart by a signal of one's own below API 1.42.
    /// It is never sent twice: after [`ErrorKind::Interrupted`] or a timeout it may or may not have happened.
    pub async fn act(&self, container: &ObjectRef, verb: &Verb) -> Result<Outcome, Error> {
        let path = |tail| PathQuery::object("/containers", container, tail);
        let call = match verb {
            Verb::Start => Call::post("start the container", path("start")),
            Verb::Stop { timeout, signal } => {
                let path = path("stop").query_opt("signal", signal.as_deref());
                graceful("stop the container", path, *timeout)
            }
            Verb::Restart { timeout, signal } => {
                let path = path("restart").query_opt("signal", signal.as_deref());
                graceful("restart the container", path, *timeout)
            }
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
        let call = call.on(container.as_str());
        if let Verb::Stop { signal: Some(_), .. } | Verb::Restart { signal: Some(_), .. } = verb {
            self.client
                .needs(&call, STOP_SIGNAL, "a signal of one's own")
                .await?;
        }
        let answer = self.client.collect(&call).await?;
        Ok(if answer.head.status() == StatusCode::NOT_MODIFIED {
            Outcome::AlreadySo
        } else {
            Outcome::Done
        })
    }

    /// Gives a container another name.
    ///
    /// No compare-and-swap: of several that rename one container at once, each is told that it succeeded.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is no such container, [`Error::is_conflict`] when the name is taken.
    pub async fn rename_container(&self, container: &ObjectRef, name: &ObjectRef) -> Result<(), Error> {
        let path = PathQuery::object("/containers", container, "rename").query("name", name.as_str());
        let call = Call::post("rename the container", path).on(container.as_str());
        self.client.collect(&call).await.map(drop)
    }

    /// Changes a container's limits, at once where it runs, and its restart policy. Gives what the engine found odd.
    ///
    /// # Errors
    /// [`ErrorKind::BadInput`] for what cannot be sent, [`Error::is_not_found`] when there is no such container,
    /// [`Error::is_conflict`] or [`ErrorKind::Status`] for what its state or its other limits forbid.
    pub async fn update_container(
        &self,
        container: &ObjectRef,
        update: &UpdateSpec,
    ) -> Result<Vec<String>, Error> {
        let path = PathQuery::object("/containers", container, "update");
        let call = Call::post("update the container", path)
            .on(container.as_str())
            .idempotent();
        update.check().map_err(|error| {
            call.error(ErrorKind::BadInput)
                .with_message("the update is not valid")
                .with_source(error)
        })?;
        let call = call.json(&wire::create::Update::new(update))?;
        let warned: wire::container::Warned = self.json(&call).await?;
        Ok(warned.warnings)
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
