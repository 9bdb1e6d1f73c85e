//! Services of a Swarm, and what their tasks write.

use longshore_core::ObjectRef;
use longshore_core::swarm::{Service, ServiceSpec};
use serde::Deserialize;

use super::{SwarmFilter, call_failed, created, one};
use crate::call::Call;
use crate::error::ErrorKind;
use crate::path::PathQuery;
use crate::wire::swarm::{Created, patched, service, service_read};
use crate::{ApiVersion, Engine, Error, LogOptions, LogStream};

/// Which services to list, and what of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListServices {
    /// Which. Default: all.
    pub filter: SwarmFilter,
    /// Also count their tasks. Needs API 1.41. Default: false.
    pub counts: bool,
}

/// A service that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreatedService {
    /// Its id.
    pub id: ObjectRef,
    /// What the engine found odd about the spec.
    pub warnings: Vec<String>,
}

#[derive(Deserialize)]
struct Updated {
    #[serde(default, rename = "Warnings")]
    warnings: Option<Vec<String>>,
}

impl Engine {
    /// Makes a service. When it returns the Swarm has it; its tasks come later. Nodes that lack the image pull it without
    /// credentials.
    ///
    /// Its name and labels are in the request, so one whose answer was lost can be found by them.
    ///
    /// # Errors
    /// [`ErrorKind::BadInput`] for what no Swarm would take, before anything is sent; [`Error::is_conflict`] when the
    /// name is taken, and when the engine is no manager.
    pub async fn create_service(&self, spec: &ServiceSpec) -> Result<CreatedService, Error> {
        let call = Call::post("create the service", PathQuery::new("/services/create")).on(&spec.name);
        check(&call, spec)?;
        let call = call.json(&service::Spec::new(spec))?;
        let answer: Created = self.json(&call).await?;
        Ok(CreatedService {
            id: created(&call, &answer.id)?,
            warnings: answer.warnings,
        })
    }

    /// The services of the Swarm.
    ///
    /// An entry that cannot be read is left out and logged, never the whole list.
    ///
    /// # Errors
    /// [`Error::is_conflict`] when the engine is no manager; [`ErrorKind::Version`] for counts that it is too old for.
    pub async fn list_services(&self, options: &ListServices) -> Result<Vec<Service>, Error> {
        let path = PathQuery::new("/services")
            .flag("status", options.counts)
            .filters(&options.filter.filters);
        let call = Call::get("list services", path);
        if options.counts {
            let needed = ApiVersion::SERVICE_COUNTS;
            self.client.needs(&call, needed, "a count of tasks").await?;
        }
        let answer = self.client.collect(&call).await?;
        service_read::services(&answer.body).map_err(|error| call.malformed(error))
    }

    /// One service.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is none; [`Error::is_conflict`] when the engine is no manager.
    pub async fn inspect_service(&self, service: &ObjectRef) -> Result<Service, Error> {
        let path = PathQuery::object("/services", service, "");
        let call = Call::get("inspect the service", path).on(service.as_str());
        let answer = self.client.collect(&call).await?;
        one(&call, service_read::service(&answer.body))
    }

    /// Changes the service that was seen to `spec`, and gives the engine's warnings. What this version does not know of
    /// the spec stays as it is. Tasks are replaced as the spec's `update` says, after the call has returned.
    ///
    /// # Errors
    /// [`ErrorKind::BadInput`] for what no Swarm would take, before anything is sent; [`Error::is_conflict`] when the
    /// service has changed since it was seen, and nothing is done.
    pub async fn update_service(&self, seen: &Service, spec: &ServiceSpec) -> Result<Vec<String>, Error> {
        self.change_service(seen, spec, None).await
    }

    /// Takes the last update of the service that was seen back.
    ///
    /// # Errors
    /// [`ErrorKind::BadInput`] when it was never updated; [`Error::is_conflict`] when it has changed since it was seen.
    pub async fn rollback_service(&self, seen: &Service) -> Result<Vec<String>, Error> {
        if !seen.has_previous {
            return Err(Error::new(ErrorKind::BadInput, "roll the service back")
                .with_target(&seen.spec.name)
                .with_message("it was never updated"));
        }
        self.change_service(seen, &seen.spec, Some("previous")).await
    }

    async fn change_service(
        &self,
        seen: &Service,
        spec: &ServiceSpec,
        rollback: Option<&str>,
    ) -> Result<Vec<String>, Error> {
        const OP: &str = "update the service";
        let path = PathQuery::object("/services", &seen.id, "update")
            .query("version", &seen.version.to_string())
            .query_opt("rollback", rollback);
        let call = Call::post(OP, path).on(&seen.spec.name);
        check(&call, spec)?;
        let body = patched(
            &seen.raw.0,
            &service::Spec::new(&seen.spec),
            &service::Spec::new(spec),
        );
        let call = call.json(&body.map_err(|error| call_failed(error, OP))?)?;
        let answer: Updated = self.json(&call).await?;
        Ok(answer.warnings.unwrap_or_default())
    }

    /// Removes a service. Its tasks end after the call has returned.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is none.
    pub async fn remove_service(&self, service: &ObjectRef) -> Result<(), Error> {
        let path = PathQuery::object("/services", service, "");
        let call = Call::delete("remove the service", path).on(service.as_str());
        self.client.collect(&call).await.map(drop)
    }

    /// Reads what all tasks of a service have written, in no order between tasks. Two calls, as [`Engine::logs`].
    ///
    /// # Errors
    /// As [`Engine::logs`].
    pub async fn service_logs(&self, service: &ObjectRef, options: &LogOptions) -> Result<LogStream, Error> {
        let tty = self.inspect_service(service).await?.spec.tty;
        let path = PathQuery::object("/services", service, "logs");
        self.log_stream("read logs of the service", path, service, options, tty)
            .await
    }
}

fn check(call: &Call<'_>, spec: &ServiceSpec) -> Result<(), Error> {
    spec.check().map_err(|error| {
        call.error(ErrorKind::BadInput)
            .with_message("the spec is not valid")
            .with_source(error)
    })
}
