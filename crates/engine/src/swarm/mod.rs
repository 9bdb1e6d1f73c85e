//! Swarm mode: the Swarm itself. Its nodes, services, tasks, secrets and configs have a file each.
//!
//! Every call but init and join needs a manager; elsewhere it is a conflict that no retry mends. An update names the
//! version that was seen: who has not seen the newest gets a conflict, and nothing is changed.

mod nodes;
mod secrets;
mod services;
mod tasks;

use longshore_core::ObjectRef;
use longshore_core::swarm::{Swarm, SwarmInit, SwarmJoin, SwarmSpec};

pub use services::{CreatedService, ListServices};

use crate::call::{Call, HeadLimit};
use crate::error::ErrorKind;
use crate::path::{Filters, PathQuery};
use crate::wire::swarm::{cluster, patched};
use crate::{Engine, Error};

/// How long an engine itself waits for the others when it joins (moby's own limit is 20 s).
const JOINING: std::time::Duration = std::time::Duration::from_secs(20);

/// Which nodes, services, tasks, secrets or configs to list; none means all.
///
/// ```
/// use longshore_engine::SwarmFilter;
/// let running = SwarmFilter::default().service("web").desired("running");
/// assert_eq!(running.filters["desired-state"], ["running"]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SwarmFilter {
    /// Only those that fit. Default: no filter.
    pub filters: Filters,
}

impl SwarmFilter {
    /// Adds a filter.
    #[must_use]
    pub fn filter(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.filters.entry(key.into()).or_default().push(value.into());
        self
    }

    /// Those whose name begins with this.
    #[must_use]
    pub fn name(self, prefix: impl Into<String>) -> Self {
        self.filter("name", prefix)
    }

    /// Those with a label, `key` or `key=value`.
    #[must_use]
    pub fn label(self, label: impl Into<String>) -> Self {
        self.filter("label", label)
    }

    /// Tasks of a service, by name or id.
    #[must_use]
    pub fn service(self, service: impl Into<String>) -> Self {
        self.filter("service", service)
    }

    /// Tasks on a node, by name or id.
    #[must_use]
    pub fn node(self, node: impl Into<String>) -> Self {
        self.filter("node", node)
    }

    /// Tasks that are to be `running`, `shutdown` or `accepted`.
    #[must_use]
    pub fn desired(self, state: impl Into<String>) -> Self {
        self.filter("desired-state", state)
    }

    /// Nodes of a role, `worker` or `manager`.
    #[must_use]
    pub fn role(self, role: impl Into<String>) -> Self {
        self.filter("role", role)
    }
}

/// What is made anew when a Swarm is updated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rotate {
    /// The token that workers join with. Default: no.
    pub worker_token: bool,
    /// The token that managers join with. Default: no.
    pub manager_token: bool,
    /// The key that unlocks a manager. Default: no.
    pub unlock_key: bool,
}

impl Engine {
    /// Makes the engine the first of a Swarm, and gives its id there. Its networks change: it gets `ingress` and
    /// `docker_gwbridge`.
    ///
    /// # Errors
    /// [`Error::is_conflict`] when it is in a Swarm already; [`ErrorKind::BadInput`] for an address that it cannot use,
    /// and when it has several and none was chosen.
    pub async fn init_swarm(&self, init: &SwarmInit) -> Result<ObjectRef, Error> {
        let call = Call::post("make a Swarm", PathQuery::new("/swarm/init"))
            .head_limit(HeadLimit::After(JOINING))
            .json(&cluster::Init::new(init))?;
        let id: String = self.json(&call).await?;
        ObjectRef::new(&id).map_err(|error| {
            call.error(ErrorKind::Protocol)
                .with_message("the engine gave no id")
                .with_source(error)
        })
    }

    /// Makes the engine a part of a Swarm that is there. The token decides whether it becomes a worker or a manager.
    ///
    /// # Errors
    /// [`Error::is_conflict`] when it is in a Swarm already; [`ErrorKind::Status`] or [`ErrorKind::BadInput`] when the
    /// managers cannot be reached or refuse the token. After a time limit of the engine's own it goes on trying: see the
    /// state in [`Engine::info`].
    pub async fn join_swarm(&self, join: &SwarmJoin) -> Result<(), Error> {
        let call = Call::post("join the Swarm", PathQuery::new("/swarm/join"))
            .head_limit(HeadLimit::After(JOINING))
            .json(&cluster::Join::new(join))?;
        self.client.collect(&call).await.map(drop)
    }

    /// Takes the engine out of its Swarm. With `force` also the last manager, with which the Swarm and all that it knows
    /// is gone.
    ///
    /// # Errors
    /// [`Error::is_conflict`] when it is in none, and for a manager without `force`.
    pub async fn leave_swarm(&self, force: bool) -> Result<(), Error> {
        let path = PathQuery::new("/swarm/leave").flag("force", force);
        let call = Call::post("leave the Swarm", path).head_limit(HeadLimit::After(JOINING));
        self.client.collect(&call).await.map(drop)
    }

    /// The Swarm, with the tokens to join it.
    ///
    /// # Errors
    /// [`Error::is_conflict`] when the engine is no manager.
    pub async fn inspect_swarm(&self) -> Result<Swarm, Error> {
        let call = Call::get("inspect the Swarm", PathQuery::new("/swarm"));
        let answer = self.client.collect(&call).await?;
        one(&call, cluster::swarm(&answer.body))
    }

    /// Changes the Swarm that was seen to `spec`. What this version does not know stays as it is.
    ///
    /// # Errors
    /// [`Error::is_conflict`] when it has changed since, and nothing is done.
    pub async fn update_swarm(&self, seen: &Swarm, spec: &SwarmSpec, rotate: Rotate) -> Result<(), Error> {
        let path = PathQuery::new("/swarm/update")
            .query("version", &seen.version.to_string())
            .flag("rotateWorkerToken", rotate.worker_token)
            .flag("rotateManagerToken", rotate.manager_token)
            .flag("rotateManagerUnlockKey", rotate.unlock_key);
        let call = Call::post("update the Swarm", path);
        let body = patched(
            &seen.raw.0,
            &cluster::Spec::new(&seen.spec),
            &cluster::Spec::new(spec),
        );
        let call = call.json(&body.map_err(|error| call_failed(error, "update the Swarm"))?)?;
        self.client.collect(&call).await.map(drop)
    }
}

/// A spec that was kept is no JSON: somebody has written it by hand.
fn call_failed(error: serde_json::Error, op: &'static str) -> Error {
    Error::new(ErrorKind::BadInput, op)
        .with_message("the spec that was kept cannot be read")
        .with_source(error)
}

/// The object in an answer.
fn one<T>(call: &Call<'_>, read: Result<Option<T>, serde_json::Error>) -> Result<T, Error> {
    let object = read.map_err(|error| call.malformed(error))?;
    object.ok_or_else(|| {
        call.error(ErrorKind::Protocol)
            .with_message("the engine gave no id")
    })
}

/// The id in the answer to a create.
fn created(call: &Call<'_>, id: &str) -> Result<ObjectRef, Error> {
    ObjectRef::new(id).map_err(|error| {
        call.error(ErrorKind::Protocol)
            .with_message("the engine gave no id")
            .with_source(error)
    })
}
