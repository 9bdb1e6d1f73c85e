//! The parts of a service's spec, in the engine's form: read and written by the same types. What is not set is left out,
//! so that the engine's own defaults hold.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::is_zero;
use crate::wire::lenient::nullable;

fn is_false(flag: &bool) -> bool {
    !*flag
}

macro_rules! parts {
    ($($(#[$meta:meta])* struct $name:ident { $($(#[$field_meta:meta])* $field:ident: $kind:ty,)* })*) => {
        $($(#[$meta])*
        #[derive(Serialize, Deserialize, Default)]
        #[serde(rename_all = "PascalCase", default)]
        pub(super) struct $name { $($(#[$field_meta])* pub(super) $field: $kind,)* })*
    };
}

parts! {
    struct Spec {
        #[serde(deserialize_with = "nullable")]
        name: String,
        #[serde(deserialize_with = "nullable")]
        labels: BTreeMap<String, String>,
        #[serde(deserialize_with = "nullable")]
        task_template: TaskTemplate,
        #[serde(deserialize_with = "nullable")]
        mode: Mode,
        #[serde(skip_serializing_if = "Option::is_none")]
        update_config: Option<Rollout>,
        #[serde(skip_serializing_if = "Option::is_none")]
        rollback_config: Option<Rollout>,
        #[serde(skip_serializing_if = "Option::is_none")]
        endpoint_spec: Option<EndpointSpec>,
    }
    struct TaskTemplate {
        #[serde(deserialize_with = "nullable")]
        container_spec: ContainerSpec,
        #[serde(skip_serializing_if = "Option::is_none")]
        resources: Option<Resources>,
        #[serde(skip_serializing_if = "Option::is_none")]
        restart_policy: Option<Restart>,
        #[serde(skip_serializing_if = "Option::is_none")]
        placement: Option<Placement>,
        #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
        networks: Vec<Network>,
        #[serde(skip_serializing_if = "is_zero", deserialize_with = "nullable")]
        force_update: u64,
    }
    struct ContainerSpec {
        #[serde(deserialize_with = "nullable")]
        image: String,
        #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "nullable")]
        labels: BTreeMap<String, String>,
        #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
        command: Vec<String>,
        #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
        args: Vec<String>,
        #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "nullable")]
        hostname: String,
        #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
        env: Vec<String>,
        #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "nullable")]
        dir: String,
        #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "nullable")]
        user: String,
        #[serde(rename = "TTY", skip_serializing_if = "is_false", deserialize_with = "nullable")]
        tty: bool,
        #[serde(skip_serializing_if = "is_false", deserialize_with = "nullable")]
        read_only: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        init: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        stop_grace_period: Option<i64>,
        #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
        mounts: Vec<Mount>,
        #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
        secrets: Vec<SecretReference>,
        #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
        configs: Vec<ConfigReference>,
    }
    struct Mount {
        #[serde(deserialize_with = "nullable")]
        r#type: String,
        #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "nullable")]
        source: String,
        #[serde(deserialize_with = "nullable")]
        target: String,
        #[serde(skip_serializing_if = "is_false", deserialize_with = "nullable")]
        read_only: bool,
    }
    struct SecretReference {
        #[serde(rename = "SecretID", deserialize_with = "nullable")]
        id: String,
        #[serde(rename = "SecretName", deserialize_with = "nullable")]
        name: String,
        #[serde(deserialize_with = "nullable")]
        file: File,
    }
    struct ConfigReference {
        #[serde(rename = "ConfigID", deserialize_with = "nullable")]
        id: String,
        #[serde(rename = "ConfigName", deserialize_with = "nullable")]
        name: String,
        #[serde(deserialize_with = "nullable")]
        file: File,
    }
    struct File {
        #[serde(deserialize_with = "nullable")]
        name: String,
        #[serde(rename = "UID", deserialize_with = "nullable")]
        uid: String,
        #[serde(rename = "GID", deserialize_with = "nullable")]
        gid: String,
        #[serde(deserialize_with = "nullable")]
        mode: u32,
    }
    #[derive(PartialEq)]
    struct Resources {
        #[serde(skip_serializing_if = "Limits::is_default", deserialize_with = "nullable")]
        limits: Limits,
        #[serde(skip_serializing_if = "Limits::is_default", deserialize_with = "nullable")]
        reservations: Limits,
    }
    #[derive(PartialEq)]
    struct Limits {
        #[serde(rename = "NanoCPUs", skip_serializing_if = "is_zero", deserialize_with = "nullable")]
        nano_cpus: u64,
        #[serde(skip_serializing_if = "is_zero", deserialize_with = "nullable")]
        memory_bytes: u64,
        #[serde(skip_serializing_if = "is_zero", deserialize_with = "nullable")]
        pids: u64,
    }
    struct Restart {
        #[serde(deserialize_with = "nullable")]
        condition: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        delay: Option<i64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        max_attempts: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        window: Option<i64>,
    }
    struct Placement {
        #[serde(deserialize_with = "nullable")]
        constraints: Vec<String>,
    }
    struct Network {
        #[serde(deserialize_with = "nullable")]
        target: String,
        #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
        aliases: Vec<String>,
    }
    struct Mode {
        #[serde(skip_serializing_if = "Option::is_none")]
        replicated: Option<Replicated>,
        #[serde(skip_serializing_if = "Option::is_none")]
        global: Option<Empty>,
        #[serde(skip_serializing_if = "Option::is_none")]
        replicated_job: Option<Job>,
        #[serde(skip_serializing_if = "Option::is_none")]
        global_job: Option<Empty>,
    }
    struct Replicated {
        replicas: Option<u64>,
    }
    struct Job {
        #[serde(skip_serializing_if = "Option::is_none")]
        max_concurrent: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        total_completions: Option<u64>,
    }
    struct Empty {}
    struct Rollout {
        #[serde(deserialize_with = "nullable")]
        parallelism: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        delay: Option<i64>,
        #[serde(deserialize_with = "nullable")]
        failure_action: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        monitor: Option<i64>,
        #[serde(deserialize_with = "nullable")]
        order: String,
    }
    struct EndpointSpec {
        #[serde(deserialize_with = "nullable")]
        ports: Vec<Port>,
    }
    struct Port {
        #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "nullable")]
        name: String,
        #[serde(deserialize_with = "nullable")]
        protocol: String,
        #[serde(deserialize_with = "nullable")]
        target_port: u16,
        #[serde(skip_serializing_if = "Option::is_none")]
        published_port: Option<u16>,
        #[serde(deserialize_with = "nullable")]
        publish_mode: String,
    }
}

impl Limits {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
