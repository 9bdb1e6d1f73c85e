//! Secrets and configs of a Swarm. What is in them never reaches an error or a log.

use std::collections::BTreeMap;

use longshore_core::swarm::{ConfigSpec, Secret, SecretSpec, SwarmConfig};
use longshore_core::{InvalidSpec, ObjectRef};

use super::{SwarmFilter, created, one};
use crate::call::Call;
use crate::error::ErrorKind;
use crate::path::PathQuery;
use crate::wire::swarm::{Created, secret};
use crate::{Engine, Error};

impl Engine {
    /// Makes a secret, and gives its id. Its name and labels are in the request, so one whose answer was lost can be found
    /// by them.
    ///
    /// # Errors
    /// [`ErrorKind::BadInput`] for what no Swarm would take, before anything is sent; [`Error::is_conflict`] when the
    /// name is taken, and when the engine is no manager.
    pub async fn create_secret(&self, spec: &SecretSpec) -> Result<ObjectRef, Error> {
        let call = Call::post("create the secret", PathQuery::new("/secrets/create")).on(&spec.name);
        spec.check().map_err(|error| invalid(&call, error))?;
        let call = call.json(&secret::Spec::secret(spec))?;
        let answer: Created = self.json(&call).await?;
        created(&call, &answer.id)
    }

    /// The secrets of the Swarm, without what is in them.
    ///
    /// # Errors
    /// [`Error::is_conflict`] when the engine is no manager.
    pub async fn list_secrets(&self, filter: &SwarmFilter) -> Result<Vec<Secret>, Error> {
        let call = Call::get(
            "list secrets",
            PathQuery::new("/secrets").filters(&filter.filters),
        );
        let answer = self.client.collect(&call).await?;
        secret::secrets(&answer.body).map_err(|error| call.malformed(error))
    }

    /// One secret, without what is in it.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is none; [`Error::is_conflict`] when the engine is no manager.
    pub async fn inspect_secret(&self, secret: &ObjectRef) -> Result<Secret, Error> {
        let path = PathQuery::object("/secrets", secret, "");
        let call = Call::get("inspect the secret", path).on(secret.as_str());
        let answer = self.client.collect(&call).await?;
        one(&call, secret::secret(&answer.body))
    }

    /// Changes the labels of the secret that was seen: all that can be changed of one.
    ///
    /// # Errors
    /// [`Error::is_conflict`] when it has changed since, and nothing is done.
    pub async fn update_secret(&self, seen: &Secret, labels: &BTreeMap<String, String>) -> Result<(), Error> {
        let path =
            PathQuery::object("/secrets", &seen.id, "update").query("version", &seen.version.to_string());
        let call = Call::post("update the secret", path)
            .on(&seen.name)
            .json(&secret::Spec::labels(&seen.name, labels).driver(seen.driver.as_deref()))?;
        self.client.collect(&call).await.map(drop)
    }

    /// Removes a secret.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is none; [`ErrorKind::BadInput`] while a service uses it.
    pub async fn remove_secret(&self, secret: &ObjectRef) -> Result<(), Error> {
        let path = PathQuery::object("/secrets", secret, "");
        let call = Call::delete("remove the secret", path).on(secret.as_str());
        self.client.collect(&call).await.map(drop)
    }

    /// Makes a config, and gives its id.
    ///
    /// # Errors
    /// As [`Engine::create_secret`].
    pub async fn create_config(&self, spec: &ConfigSpec) -> Result<ObjectRef, Error> {
        let call = Call::post("create the config", PathQuery::new("/configs/create")).on(&spec.name);
        spec.check().map_err(|error| invalid(&call, error))?;
        let call = call.json(&secret::Spec::config(spec))?;
        let answer: Created = self.json(&call).await?;
        created(&call, &answer.id)
    }

    /// The configs of the Swarm.
    ///
    /// # Errors
    /// [`Error::is_conflict`] when the engine is no manager.
    pub async fn list_configs(&self, filter: &SwarmFilter) -> Result<Vec<SwarmConfig>, Error> {
        let call = Call::get(
            "list configs",
            PathQuery::new("/configs").filters(&filter.filters),
        );
        let answer = self.client.collect(&call).await?;
        secret::configs(&answer.body).map_err(|error| call.malformed(error))
    }

    /// One config.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is none; [`Error::is_conflict`] when the engine is no manager.
    pub async fn inspect_config(&self, config: &ObjectRef) -> Result<SwarmConfig, Error> {
        let path = PathQuery::object("/configs", config, "");
        let call = Call::get("inspect the config", path).on(config.as_str());
        let answer = self.client.collect(&call).await?;
        one(&call, secret::config(&answer.body))
    }

    /// Changes the labels of the config that was seen: all that can be changed of one.
    ///
    /// # Errors
    /// [`Error::is_conflict`] when it has changed since, and nothing is done.
    pub async fn update_config(
        &self,
        seen: &SwarmConfig,
        labels: &BTreeMap<String, String>,
    ) -> Result<(), Error> {
        let path =
            PathQuery::object("/configs", &seen.id, "update").query("version", &seen.version.to_string());
        let call = Call::post("update the config", path)
            .on(&seen.name)
            .json(&secret::Spec::labels(&seen.name, labels).data(&seen.data))?;
        self.client.collect(&call).await.map(drop)
    }

    /// Removes a config.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is none; [`ErrorKind::BadInput`] while a service uses it.
    pub async fn remove_config(&self, config: &ObjectRef) -> Result<(), Error> {
        let path = PathQuery::object("/configs", config, "");
        let call = Call::delete("remove the config", path).on(config.as_str());
        self.client.collect(&call).await.map(drop)
    }
}

fn invalid(call: &Call<'_>, error: InvalidSpec) -> Error {
    call.error(ErrorKind::BadInput)
        .with_message("the spec is not valid")
        .with_source(error)
}
