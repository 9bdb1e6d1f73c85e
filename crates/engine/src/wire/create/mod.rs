//! Creating a container: what of it is sent, and what comes back.
//!
//! The host's part is `host`'s, limits are `limits`', mounts `mounts`', a place on a network is `wire::network`'s; what an engine may be too
//! old for stands in `gates`. A spec was checked before it comes here.

pub(crate) mod gates;
mod host;
mod limits;
mod mounts;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use longshore_core::{ContainerSpec, HealthCheck, HealthTest, labels};
use serde::{Deserialize, Serialize};

use super::lenient::nullable;
use super::network::Endpoint;
use host::Host;
pub(crate) use limits::Update;

/// A create request. What the spec leaves open is left out, so that the engine's own defaults hold.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Body<'a> {
    image: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    entrypoint: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cmd: Option<&'a [String]>,
    env: &'a [String],
    labels: Labels<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    working_dir: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    tty: bool,
    open_stdin: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stdin_once: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_signal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_timeout: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    healthcheck: Option<Healthcheck<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hostname: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domainname: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    exposed_ports: BTreeMap<String, Empty>,
    host_config: Host<'a>,
    #[serde(skip_serializing_if = "NetworkingConfig::is_empty")]
    networking_config: NetworkingConfig<'a>,
}

type Labels<'a> = BTreeMap<&'a str, &'a str>;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Healthcheck<'a> {
    test: Vec<&'a str>,
    /// Nanoseconds all four.
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_period: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_interval: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retries: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct NetworkingConfig<'a> {
    endpoints_config: BTreeMap<&'a str, Endpoint<'a>>,
}

impl NetworkingConfig<'_> {
    fn is_empty(&self) -> bool {
        self.endpoints_config.is_empty()
    }
}

#[derive(Serialize)]
struct Empty {}

/// How many of a spec's networks stand in the create request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Networks {
    /// Engines before API 1.44 take one; the others are connected afterwards.
    First,
    All,
}

impl<'a> Body<'a> {
    /// The request, with the label that the engine is to know it by.
    pub(crate) fn new(spec: &'a ContainerSpec, networks: Networks, request: Option<&'a str>) -> Self {
        let mut labels: Labels<'a> = spec
            .labels
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        if let Some(request) = request {
            labels.insert(labels::CREATE, request);
        }
        let published = spec
            .ports
            .iter()
            .map(|port| host::port_key(port.container, port.protocol));
        let exposed = spec.exposed.iter().map(ToString::to_string);
        let count = match networks {
            Networks::First => 1,
            Networks::All => spec.networks.len(),
        };
        Self {
            image: &spec.image,
            entrypoint: spec.entrypoint.as_deref(),
            cmd: spec.cmd.as_deref(),
            env: &spec.env.0,
            labels,
            working_dir: spec.working_dir.as_deref(),
            user: spec.user.as_deref(),
            tty: spec.tty,
            open_stdin: spec.open_stdin,
            stdin_once: spec.stdin_once,
            stop_signal: spec.stop_signal.as_deref(),
            stop_timeout: spec.stop_timeout,
            healthcheck: spec.health.as_ref().map(Healthcheck::new),
            hostname: spec.hostname.as_deref(),
            domainname: spec.domainname.as_deref(),
            exposed_ports: published.chain(exposed).map(|key| (key, Empty {})).collect(),
            host_config: Host::new(spec),
            networking_config: NetworkingConfig {
                endpoints_config: spec
                    .networks
                    .iter()
                    .take(count)
                    .map(|one| (one.network.as_str(), Endpoint::new(&one.endpoint)))
                    .collect(),
            },
        }
    }
}

impl<'a> Healthcheck<'a> {
    fn new(check: &'a HealthCheck) -> Self {
        let test = match &check.test {
            HealthTest::Off => vec!["NONE"],
            HealthTest::Shell(line) => vec!["CMD-SHELL", line],
            HealthTest::Exec(words) => std::iter::once("CMD")
                .chain(words.iter().map(String::as_str))
                .collect(),
        };
        // The check has found what does not fit.
        let nanos = |time: Option<Duration>| time.map(|time| u64::try_from(time.as_nanos()).unwrap_or(0));
        Self {
            test,
            interval: nanos(check.interval),
            timeout: nanos(check.timeout),
            start_period: nanos(check.start_period),
            start_interval: nanos(check.start_interval),
            retries: check.retries,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Created {
    pub(crate) id: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) warnings: Vec<String>,
}
