//! Nodes.

use std::collections::BTreeMap;

use longshore_core::swarm::{ManagerStatus, Node, NodeSpec};
use serde::{Deserialize, Serialize};

use super::{Meta, known};
use crate::wire::lenient::{Number, nullable, text};
use crate::wire::list::entries;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Spec<'a> {
    name: &'a str,
    labels: &'a BTreeMap<String, String>,
    role: &'a str,
    availability: &'a str,
}

impl<'a> Spec<'a> {
    pub(crate) fn new(spec: &'a NodeSpec) -> Self {
        Self {
            name: &spec.name,
            labels: &spec.labels,
            role: spec.role.as_str(),
            availability: spec.availability.as_str(),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wire {
    #[serde(flatten)]
    meta: Meta,
    #[serde(default, deserialize_with = "nullable")]
    spec: ReadSpec,
    #[serde(default, deserialize_with = "nullable")]
    description: Description,
    #[serde(default, deserialize_with = "nullable")]
    status: Status,
    #[serde(default)]
    manager_status: Option<Manager>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct ReadSpec {
    #[serde(deserialize_with = "nullable")]
    name: String,
    #[serde(deserialize_with = "nullable")]
    labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "nullable")]
    role: String,
    #[serde(deserialize_with = "nullable")]
    availability: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Description {
    #[serde(deserialize_with = "nullable")]
    hostname: String,
    #[serde(deserialize_with = "nullable")]
    platform: Platform,
    #[serde(deserialize_with = "nullable")]
    resources: Resources,
    #[serde(deserialize_with = "nullable")]
    engine: EngineVersion,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Platform {
    #[serde(deserialize_with = "nullable")]
    architecture: String,
    #[serde(rename = "OS", deserialize_with = "nullable")]
    os: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Resources {
    #[serde(rename = "NanoCPUs")]
    nano_cpus: Number,
    memory_bytes: Number,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct EngineVersion {
    #[serde(deserialize_with = "nullable")]
    engine_version: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Status {
    #[serde(deserialize_with = "nullable")]
    state: String,
    #[serde(deserialize_with = "nullable")]
    message: String,
    #[serde(deserialize_with = "nullable")]
    addr: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Manager {
    #[serde(deserialize_with = "nullable")]
    leader: bool,
    #[serde(deserialize_with = "nullable")]
    reachability: String,
    #[serde(deserialize_with = "nullable")]
    addr: String,
}

/// Reads a list.
pub(crate) fn nodes(json: &[u8]) -> Result<Vec<Node>, serde_json::Error> {
    entries(&text(json), Wire::into_core)
}

/// Reads one; `None` when it has no id that can be used.
pub(crate) fn node(json: &[u8]) -> Result<Option<Node>, serde_json::Error> {
    serde_json::from_str::<Wire>(&text(json)).map(Wire::into_core)
}

impl Wire {
    fn into_core(self) -> Option<Node> {
        let (meta, spec) = (self.meta, self.spec);
        Some(Node {
            id: meta.id()?,
            version: meta.version(),
            created: meta.created(),
            updated: meta.updated(),
            spec: NodeSpec {
                name: spec.name,
                labels: spec.labels,
                role: (*spec.role).into(),
                availability: (*spec.availability).into(),
            },
            hostname: self.description.hostname,
            os: self.description.platform.os,
            arch: self.description.platform.architecture,
            nano_cpus: known(self.description.resources.nano_cpus),
            memory: known(self.description.resources.memory_bytes),
            engine_version: self.description.engine.engine_version,
            state: (*self.status.state).into(),
            message: self.status.message,
            address: self.status.addr,
            manager: self.manager_status.map(|manager| ManagerStatus {
                leader: manager.leader,
                reachability: manager.reachability.into(),
                address: manager.addr,
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use longshore_core::swarm::{NodeAvailability, NodeRole, NodeState};

    use super::*;

    #[test]
    fn managers_and_workers_are_read_and_odd_entries_break_nothing() {
        let json = br#"[{"ID":"leyq4g1mtpjd7982jkr2yrqo4","Version":{"Index":9},"CreatedAt":"2026-11-25T18:00:04.4Z",
            "Spec":{"Labels":{},"Role":"manager","Availability":"active"},"Description":{"Hostname":"vm",
            "Platform":{"Architecture":"x86_64","OS":"linux"},"Resources":{"NanoCPUs":2000000000,"MemoryBytes":25276514304},
            "Engine":{"EngineVersion":"28.5.2","Plugins":[{"Type":"Log","Name":"local"}]}},"Status":{"State":"ready","Addr":"10.0.0.1"},
            "ManagerStatus":{"Leader":true,"Reachability":"reachable","Addr":"10.0.0.1:2377"}},
            {"ID":"b","Spec":null,"Description":null,"Status":{"State":"asleep"}}, 7, {"ID":"../x"}]"#;
        let all = nodes(json).unwrap();
        assert_eq!(all.len(), 2);
        let one = &all[0];
        assert_eq!(
            (one.version, one.nano_cpus, &one.state),
            (9, Some(2_000_000_000), &NodeState::Ready)
        );
        assert_eq!(
            (&one.spec.role, &one.spec.availability),
            (&NodeRole::Manager, &NodeAvailability::Active)
        );
        assert!(one.manager.as_ref().unwrap().leader);
        assert_eq!(
            (all[1].state.as_str(), &all[1].manager, all[1].memory),
            ("asleep", &None, None)
        );
    }
}
