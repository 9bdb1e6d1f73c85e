//! Networks: list, inspect, connect, disconnect, remove. Making one is `make_network`'s.

use longshore_core::{EndpointSpec, Network, NetworkDriver, ObjectRef, Scope};

use crate::call::Call;
use crate::error::ErrorKind;
use crate::path::{Filters, PathQuery};
use crate::wire::network::{Connect, Disconnect};
use crate::{ApiVersion, Engine, Error, wire};

/// Which networks to list; none means all.
///
/// ```
/// use longshore_core::NetworkDriver;
/// use longshore_engine::ListNetworks;
/// let ours = ListNetworks::default().driver(&NetworkDriver::Bridge).label("io.longshore.managed=true");
/// assert_eq!(ours.filters["driver"], ["bridge"]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListNetworks {
    /// Only those that fit. Default: no filter.
    pub filters: Filters,
}

impl ListNetworks {
    /// Adds a filter.
    #[must_use]
    pub fn filter(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.filters.entry(key.into()).or_default().push(value.into());
        self
    }

    /// Those whose name contains this: engines compare parts. See [`Engine::find_network`] for one by its whole name.
    #[must_use]
    pub fn name(self, part: impl Into<String>) -> Self {
        self.filter("name", part)
    }

    /// Those of a driver.
    #[must_use]
    pub fn driver(self, driver: &NetworkDriver) -> Self {
        self.filter("driver", driver.as_str())
    }

    /// Those with a label, `key` or `key=value`.
    #[must_use]
    pub fn label(self, label: impl Into<String>) -> Self {
        self.filter("label", label)
    }

    /// Those that reach so far.
    #[must_use]
    pub fn scope(self, scope: &Scope) -> Self {
        self.filter("scope", scope.as_str())
    }

    /// Those that no container is on, or the others.
    #[must_use]
    pub fn unused(self, unused: bool) -> Self {
        self.filter("dangling", if unused { "true" } else { "false" })
    }

    /// Those that every engine has (`bridge`, `host`, `none`), or those that somebody made.
    #[must_use]
    pub fn predefined(self, predefined: bool) -> Self {
        self.filter("type", if predefined { "builtin" } else { "custom" })
    }
}

/// How to inspect a network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InspectNetwork {
    /// Also what other hosts of a Swarm know of it. Default: false.
    pub verbose: bool,
    /// Only one that reaches so far, where several have one name. Default: any.
    pub scope: Option<Scope>,
}

impl Engine {
    /// The networks there are. Who is on them only an inspect tells.
    ///
    /// An entry that cannot be read is left out and logged, never the whole list.
    ///
    /// # Errors
    /// As [`Engine::ping`]; [`ErrorKind::BadInput`] or [`ErrorKind::Status`] for a filter that the engine does not take.
    pub async fn list_networks(&self, options: &ListNetworks) -> Result<Vec<Network>, Error> {
        let call = Call::get(
            "list networks",
            PathQuery::new("/networks").filters(&options.filters),
        );
        let answer = self.client.collect(&call).await?;
        wire::network::networks(&answer.body).map_err(|error| call.malformed(error))
    }

    /// The network of exactly this name; `None` when there is none.
    ///
    /// # Errors
    /// As [`Engine::list_networks`]; [`Error::is_conflict`] when several have the name, which engines before API 1.44
    /// allow.
    pub async fn find_network(&self, name: &str) -> Result<Option<Network>, Error> {
        let mut all = self.list_networks(&ListNetworks::default().name(name)).await?;
        all.retain(|network| network.name == name);
        if all.len() > 1 {
            return Err(Error::new(ErrorKind::Conflict, "find the network")
                .with_target(name)
                .with_message(format!("{} networks have this name", all.len()))
                .with_hint("use their ids, and remove those that are not wanted"));
        }
        Ok(all.pop())
    }

    /// All about one network, as it is now.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is none; [`Error::is_conflict`] when several have the name.
    pub async fn inspect_network(&self, network: &ObjectRef) -> Result<Network, Error> {
        self.inspect_network_with(network, &InspectNetwork::default())
            .await
    }

    /// [`Engine::inspect_network`] with options.
    ///
    /// # Errors
    /// As that.
    pub async fn inspect_network_with(
        &self,
        network: &ObjectRef,
        options: &InspectNetwork,
    ) -> Result<Network, Error> {
        let path = PathQuery::object("/networks", network, "")
            .flag("verbose", options.verbose)
            .query_opt("scope", options.scope.as_ref().map(Scope::as_str));
        let call = Call::get("inspect the network", path).on(network.as_str());
        let answer = self.client.collect(&call).await?;
        let one = wire::network::network(&answer.body).map_err(|error| call.malformed(error))?;
        one.ok_or_else(|| {
            call.error(ErrorKind::Protocol)
                .with_message("the engine gave no id")
        })
    }

    /// Puts a container on a network, running or not.
    ///
    /// # Errors
    /// [`ErrorKind::BadInput`] for an endpoint that no engine takes, and for the networks `host` and `none`, before
    /// anything is sent; [`ErrorKind::Version`] for what the engine is too old for; [`Error::is_not_found`] when there
    /// is no such network or container; [`Error::is_conflict`] when it is on that network already, or on `none`.
    pub async fn connect_network(
        &self,
        network: &ObjectRef,
        container: &ObjectRef,
        endpoint: &EndpointSpec,
    ) -> Result<(), Error> {
        let path = PathQuery::object("/networks", network, "connect");
        let call = Call::post("connect the container to the network", path).on(network.as_str());
        if matches!(network.as_str(), "host" | "none") {
            return Err(call
                .error(ErrorKind::BadInput)
                .with_message("a container is on it from its creation or never")
                .with_hint("create the container with this network mode"));
        }
        endpoint.check().map_err(|error| {
            call.error(ErrorKind::BadInput)
                .with_message("the endpoint is not valid")
                .with_source(error)
        })?;
        if endpoint.mac.is_some() {
            self.client
                .needs(
                    &call,
                    ApiVersion::CONNECT_MAC,
                    "a MAC address for a connected container",
                )
                .await?;
        }
        if endpoint.gateway_priority.is_some() {
            self.client
                .needs(&call, ApiVersion::ENGINE_28, "a gateway priority")
                .await?;
        }
        let call = call.json(&Connect::new(container.as_str(), endpoint))?;
        match self.client.collect(&call).await {
            Ok(_) => Ok(()),
            Err(error) if error.message().is_some_and(is_about_none) => {
                Err(error.with_hint("disconnect it from the network none first"))
            }
            Err(error) => Err(error),
        }
    }

    /// Takes a container off a network. With `force` also one that the engine has lost track of.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is no such network or container; [`Error::is_conflict`] when the container is
    /// not on it.
    pub async fn disconnect_network(
        &self,
        network: &ObjectRef,
        container: &ObjectRef,
        force: bool,
    ) -> Result<(), Error> {
        let path = PathQuery::object("/networks", network, "disconnect");
        let body = Disconnect {
            container: container.as_str(),
            force,
        };
        let call = Call::post("disconnect the container from the network", path)
            .on(network.as_str())
            .json(&body)?;
        self.client.collect(&call).await.map(drop)
    }

    /// Removes a network.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is none; [`Error::is_conflict`] when a container is on it, and for those that
    /// every engine has.
    pub async fn remove_network(&self, network: &ObjectRef) -> Result<(), Error> {
        let call = Call::delete("remove the network", PathQuery::object("/networks", network, ""))
            .on(network.as_str());
        self.client.collect(&call).await.map(drop)
    }
}

/// Docker's words, and Podman's.
fn is_about_none(text: &str) -> bool {
    text.contains("(none) mode") || text.contains("invalid network mode")
}
