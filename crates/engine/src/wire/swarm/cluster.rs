//! The Swarm itself: made, joined, looked at, changed.

use std::collections::BTreeMap;

use longshore_core::swarm::{RawSpec, Swarm, SwarmInit, SwarmJoin, SwarmSpec, Token};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Meta, nanos, span};
use crate::wire::lenient::{Number, nullable, text};

/// The name that every Swarm has.
const NAME: &str = "default";

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Spec<'a> {
    name: &'static str,
    labels: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    orchestration: Option<Orchestration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dispatcher: Option<Dispatcher>,
    #[serde(rename = "CAConfig", skip_serializing_if = "Option::is_none")]
    ca: Option<Ca>,
    #[serde(rename = "EncryptionConfig", skip_serializing_if = "Option::is_none")]
    encryption: Option<Encryption>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Orchestration {
    task_history_retention_limit: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Dispatcher {
    heartbeat_period: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Ca {
    node_cert_expiry: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Encryption {
    auto_lock_managers: bool,
}

impl<'a> Spec<'a> {
    pub(crate) fn new(spec: &'a SwarmSpec) -> Self {
        Self {
            name: NAME,
            labels: &spec.labels,
            orchestration: spec.task_history.map(|limit| Orchestration {
                task_history_retention_limit: limit,
            }),
            dispatcher: spec.heartbeat.map(|period| Dispatcher {
                heartbeat_period: nanos(period),
            }),
            ca: spec.certificate_expiry.map(|expiry| Ca {
                node_cert_expiry: nanos(expiry),
            }),
            encryption: spec.autolock.map(|autolock| Encryption {
                auto_lock_managers: autolock,
            }),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Init<'a> {
    listen_addr: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    advertise_addr: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_path_addr: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    default_addr_pool: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    subnet_size: Option<u8>,
    force_new_cluster: bool,
    spec: Spec<'a>,
}

impl<'a> Init<'a> {
    pub(crate) fn new(init: &'a SwarmInit) -> Self {
        Self {
            listen_addr: &init.listen,
            advertise_addr: init.advertise.as_deref(),
            data_path_addr: init.data_path.as_deref(),
            default_addr_pool: &init.address_pools,
            subnet_size: init.subnet_size,
            force_new_cluster: init.force_new_cluster,
            spec: Spec::new(&init.spec),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Join<'a> {
    remote_addrs: &'a [String],
    join_token: &'a str,
    listen_addr: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    advertise_addr: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_path_addr: Option<&'a str>,
    availability: &'a str,
}

impl<'a> Join<'a> {
    pub(crate) fn new(join: &'a SwarmJoin) -> Self {
        Self {
            remote_addrs: &join.managers,
            join_token: &join.token.0,
            listen_addr: &join.listen,
            advertise_addr: join.advertise.as_deref(),
            data_path_addr: join.data_path.as_deref(),
            availability: join.availability.as_str(),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wire<'a> {
    #[serde(borrow)]
    spec: &'a RawValue,
    #[serde(default, deserialize_with = "nullable")]
    join_tokens: Tokens,
    #[serde(default, deserialize_with = "nullable")]
    default_addr_pool: Vec<String>,
    #[serde(default)]
    subnet_size: Number,
    #[serde(default)]
    data_path_port: Number,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Tokens {
    #[serde(deserialize_with = "nullable")]
    worker: String,
    #[serde(deserialize_with = "nullable")]
    manager: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct ReadSpec {
    #[serde(deserialize_with = "nullable")]
    labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "nullable")]
    orchestration: ReadOrchestration,
    #[serde(deserialize_with = "nullable")]
    dispatcher: ReadDispatcher,
    #[serde(rename = "CAConfig", deserialize_with = "nullable")]
    ca: ReadCa,
    #[serde(rename = "EncryptionConfig", deserialize_with = "nullable")]
    encryption: ReadEncryption,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct ReadOrchestration {
    task_history_retention_limit: Number,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct ReadDispatcher {
    heartbeat_period: Number,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct ReadCa {
    node_cert_expiry: Number,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct ReadEncryption {
    auto_lock_managers: Option<bool>,
}

/// Reads the Swarm; `None` when it has no id that can be used.
pub(crate) fn swarm(json: &[u8]) -> Result<Option<Swarm>, serde_json::Error> {
    let text = text(json);
    let meta: Meta = serde_json::from_str(&text)?;
    let wire: Wire<'_> = serde_json::from_str(&text)?;
    let spec: ReadSpec = serde_json::from_str(wire.spec.get())?;
    Ok(meta.id().map(|id| Swarm {
        id,
        version: meta.version(),
        created: meta.created(),
        updated: meta.updated(),
        spec: SwarmSpec {
            labels: spec.labels,
            task_history: spec.orchestration.task_history_retention_limit.0,
            heartbeat: span(spec.dispatcher.heartbeat_period),
            certificate_expiry: span(spec.ca.node_cert_expiry),
            autolock: spec.encryption.auto_lock_managers,
        },
        worker_token: Token(wire.join_tokens.worker),
        manager_token: Token(wire.join_tokens.manager),
        address_pools: wire.default_addr_pool,
        subnet_size: wire.subnet_size.0.and_then(|size| u8::try_from(size).ok()),
        data_port: wire.data_path_port.0.and_then(|port| u16::try_from(port).ok()),
        raw: RawSpec(wire.spec.get().into()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::swarm::patched;

    /// As 28.5 answers, shortened.
    const SWARM: &[u8] = br#"{"ID":"u11ik3sgd1e7a2eix3yu464i0","Version":{"Index":10},"CreatedAt":"2026-11-25T18:00:04.4Z",
        "Spec":{"Name":"default","Labels":{},"Orchestration":{"TaskHistoryRetentionLimit":2},"Raft":{"SnapshotInterval":10000,"ElectionTick":10},
        "Dispatcher":{"HeartbeatPeriod":5000000000},"CAConfig":{"NodeCertExpiry":7776000000000000},"TaskDefaults":{},
        "EncryptionConfig":{"AutoLockManagers":false}},"DefaultAddrPool":["10.0.0.0/8"],"SubnetSize":24,"DataPathPort":4789,
        "JoinTokens":{"Worker":"SWMTKN-1-w","Manager":"SWMTKN-1-m"}}"#;

    #[test]
    fn a_swarm_is_read_and_changed_without_a_loss() {
        let swarm = swarm(SWARM).unwrap().unwrap();
        assert_eq!(
            (swarm.version, swarm.subnet_size, swarm.data_port),
            (10, Some(24), Some(4789))
        );
        assert_eq!(swarm.spec.certificate_expiry.unwrap().as_secs(), 90 * 86_400);
        assert!(!format!("{swarm:?}").contains("SWMTKN"));
        let mut wanted = swarm.spec.clone();
        wanted.task_history = Some(3);
        wanted.labels.insert("a".to_owned(), "b".to_owned());
        let json = patched(&swarm.raw.0, &Spec::new(&swarm.spec), &Spec::new(&wanted)).unwrap();
        let mut expected: serde_json::Value = serde_json::from_str(&swarm.raw.0).unwrap();
        expected["Orchestration"]["TaskHistoryRetentionLimit"] = 3.into();
        expected["Labels"]["a"] = "b".into();
        assert_eq!(json, expected);
    }

    #[test]
    fn nothing_said_leaves_the_engines_defaults_alone() {
        let init = SwarmInit::default();
        assert_eq!(
            serde_json::to_value(Init::new(&init)).unwrap(),
            serde_json::json!({"ListenAddr": "0.0.0.0:2377", "ForceNewCluster": false, "Spec": {"Name": "default", "Labels": {}}})
        );
    }
}
