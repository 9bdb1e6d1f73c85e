//! Volumes: list, inspect, make, remove.

use longshore_core::{ObjectRef, Volume, VolumeSpec};

use crate::call::Call;
use crate::error::ErrorKind;
use crate::path::{Filters, PathQuery};
use crate::{Engine, Error, wire};

/// Which volumes to list; none means all.
///
/// ```
/// use longshore_engine::ListVolumes;
/// let unused = ListVolumes::default().unused(true).label("app=shop");
/// assert_eq!(unused.filters["dangling"], ["true"]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListVolumes {
    /// Only those that fit. Default: no filter.
    pub filters: Filters,
}

impl ListVolumes {
    /// Adds a filter.
    #[must_use]
    pub fn filter(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.filters.entry(key.into()).or_default().push(value.into());
        self
    }

    /// Those whose name contains this: engines compare parts.
    #[must_use]
    pub fn name(self, part: impl Into<String>) -> Self {
        self.filter("name", part)
    }

    /// Those of a driver.
    #[must_use]
    pub fn driver(self, driver: impl Into<String>) -> Self {
        self.filter("driver", driver)
    }

    /// Those with a label, `key` or `key=value`.
    #[must_use]
    pub fn label(self, label: impl Into<String>) -> Self {
        self.filter("label", label)
    }

    /// Those that no container has, running or not; or the others.
    #[must_use]
    pub fn unused(self, unused: bool) -> Self {
        self.filter("dangling", if unused { "true" } else { "false" })
    }
}

/// The volumes there are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Volumes {
    /// The volumes.
    pub volumes: Vec<Volume>,
    /// Why some may be missing: drivers that did not answer.
    pub warnings: Vec<String>,
}

impl Engine {
    /// The volumes there are. What they hold only [`Engine::disk_usage`] tells.
    ///
    /// An entry that cannot be read is left out and logged, never the whole list.
    ///
    /// # Errors
    /// As [`Engine::ping`], and [`ErrorKind::BadInput`] for a filter that the engine does not take.
    pub async fn list_volumes(&self, options: &ListVolumes) -> Result<Volumes, Error> {
        let call = Call::get(
            "list volumes",
            PathQuery::new("/volumes").filters(&options.filters),
        );
        let answer = self.client.collect(&call).await?;
        let (volumes, warnings) =
            wire::volume::volumes(&answer.body).map_err(|error| call.malformed(error))?;
        Ok(Volumes { volumes, warnings })
    }

    /// One volume, as it is now.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is none.
    pub async fn inspect_volume(&self, volume: &ObjectRef) -> Result<Volume, Error> {
        let call =
            Call::get("inspect the volume", PathQuery::object("/volumes", volume, "")).on(volume.as_str());
        let answer = self.client.collect(&call).await?;
        wire::volume::volume(&answer.body).map_err(|error| call.malformed(error))
    }

    /// Makes a volume, or gives the one of that name that is there, as engines do; but only when it is what the spec
    /// wants. Making a named one twice means the same as once, so it is sent again where a retry is allowed.
    ///
    /// Labels that it has beyond the spec's, and our own, make no difference.
    ///
    /// # Errors
    /// [`ErrorKind::BadInput`] for what no engine would take, before anything is sent, and for options that the driver
    /// refuses; [`Error::is_conflict`], with the difference in its message, when a volume of that name is another;
    /// [`Error::is_not_found`] when there is no such driver (engines look for one for 15 s).
    pub async fn create_volume(&self, spec: &VolumeSpec) -> Result<Volume, Error> {
        let mut call = Call::post("create the volume", PathQuery::new("/volumes/create"));
        if let Some(name) = &spec.name {
            call = call.on(name).idempotent();
        }
        spec.check().map_err(|error| {
            call.error(ErrorKind::BadInput)
                .with_message("the spec is not valid")
                .with_source(error)
        })?;
        let call = call.json(&wire::volume::Create::new(spec))?;
        let volume = match (self.client.collect(&call).await, &spec.name) {
            (Ok(answer), _) => wire::volume::volume(&answer.body).map_err(|error| call.malformed(error))?,
            // Podman refuses the second of two at once.
            (Err(error), Some(name)) if error.is_conflict() => match ObjectRef::new(name) {
                Ok(name) => self.inspect_volume(&name).await?,
                Err(_) => return Err(error),
            },
            (Err(error), _) => return Err(error),
        };
        match spec.difference(&volume) {
            None => Ok(volume),
            Some(difference) => Err(call
                .error(ErrorKind::Conflict)
                .with_message(difference)
                .with_hint("a volume cannot be changed: remove it, or take another name")),
        }
    }

    /// The volume of the spec's name, made when it is not there: [`Engine::create_volume`] for a name that must be given.
    ///
    /// # Errors
    /// As that, and [`ErrorKind::BadInput`] without a name.
    pub async fn ensure_volume(&self, spec: &VolumeSpec) -> Result<Volume, Error> {
        if spec.name.is_none() {
            return Err(Error::new(ErrorKind::BadInput, "ensure the volume")
                .with_message("a volume that nobody named cannot be found again"));
        }
        self.create_volume(spec).await
    }

    /// Removes a volume with all that is in it. With `force` one that is not there is fine, and one whose driver is gone
    /// is forgotten.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is none; [`Error::is_conflict`] when a container has it, running or not, also
    /// with `force`.
    pub async fn remove_volume(&self, volume: &ObjectRef, force: bool) -> Result<(), Error> {
        let path = PathQuery::object("/volumes", volume, "").flag("force", force);
        let mut call = Call::delete("remove the volume", path).on(volume.as_str());
        if force {
            call = call.idempotent();
        }
        self.client.collect(&call).await.map(drop)
    }
}
