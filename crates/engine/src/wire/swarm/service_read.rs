//! Services as a manager shows them: from the engine's form to their spec, and what has become of them.

use std::time::Duration;

use longshore_core::swarm::{
    FileReference, PublishedPort, RawSpec, ReplicaMode, Rollout, Service, ServiceCounts, ServiceMount,
    ServiceNetwork, ServiceSpec, TaskResources, TaskRestart, UpdateStatus, VirtualIp,
};
use longshore_core::{NetworkId, Secrets, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Meta, service_parts as parts};
use crate::wire::lenient::{Number, nullable, text};
use crate::wire::list::entries;

fn positive(number: u64) -> Option<u64> {
    (number != 0).then_some(number)
}

fn duration(nanos: Option<i64>) -> Option<Duration> {
    nanos
        .and_then(|nanos| u64::try_from(nanos).ok())
        .map(Duration::from_nanos)
}

fn mode_in(mode: &parts::Mode) -> ReplicaMode {
    if mode.global.is_some() {
        ReplicaMode::Global
    } else if mode.global_job.is_some() {
        ReplicaMode::GlobalJob
    } else if let Some(job) = &mode.replicated_job {
        ReplicaMode::ReplicatedJob {
            at_once: job.max_concurrent,
            total: job.total_completions,
        }
    } else {
        let replicas = mode.replicated.as_ref().and_then(|mode| mode.replicas);
        ReplicaMode::Replicated {
            replicas: replicas.unwrap_or(1),
        }
    }
}

fn rollout_in(rollout: &parts::Rollout) -> Rollout {
    Rollout {
        parallelism: rollout.parallelism,
        delay: duration(rollout.delay),
        on_failure: (*rollout.failure_action).into(),
        monitor: duration(rollout.monitor),
        order: (*rollout.order).into(),
    }
}

fn port_in(port: parts::Port) -> PublishedPort {
    PublishedPort {
        name: port.name,
        protocol: if port.protocol.is_empty() {
            "tcp".into()
        } else {
            port.protocol.into()
        },
        target: port.target_port,
        published: port.published_port.filter(|port| *port != 0),
        mode: (*port.publish_mode).into(),
    }
}

impl parts::Spec {
    fn into_core(self) -> ServiceSpec {
        let task = self.task_template;
        let container = task.container_spec;
        let resources = task.resources.unwrap_or_default();
        let file = |id, name, file: parts::File| FileReference {
            id,
            name,
            file: file.name,
            uid: file.uid,
            gid: file.gid,
            mode: file.mode,
        };
        ServiceSpec {
            name: self.name,
            labels: self.labels,
            image: container.image,
            entrypoint: container.command,
            cmd: container.args,
            env: Secrets(container.env),
            container_labels: container.labels,
            working_dir: container.dir,
            user: container.user,
            hostname: container.hostname,
            tty: container.tty,
            read_only: container.read_only,
            init: container.init,
            stop_grace: duration(container.stop_grace_period),
            mounts: container
                .mounts
                .into_iter()
                .map(|mount| ServiceMount {
                    kind: mount.r#type.into(),
                    source: mount.source,
                    target: mount.target,
                    read_only: mount.read_only,
                })
                .collect(),
            secrets: container
                .secrets
                .into_iter()
                .map(|one| file(one.id, one.name, one.file))
                .collect(),
            configs: container
                .configs
                .into_iter()
                .map(|one| file(one.id, one.name, one.file))
                .collect(),
            resources: TaskResources {
                nano_cpus_limit: positive(resources.limits.nano_cpus),
                memory_limit: positive(resources.limits.memory_bytes),
                pids_limit: positive(resources.limits.pids),
                nano_cpus_reserved: positive(resources.reservations.nano_cpus),
                memory_reserved: positive(resources.reservations.memory_bytes),
            },
            restart: task.restart_policy.map(|restart| TaskRestart {
                on: (*restart.condition).into(),
                delay: duration(restart.delay),
                attempts: restart.max_attempts,
                window: duration(restart.window),
            }),
            constraints: task.placement.unwrap_or_default().constraints,
            networks: task
                .networks
                .into_iter()
                .map(|network| ServiceNetwork {
                    network: network.target,
                    aliases: network.aliases,
                })
                .collect(),
            mode: mode_in(&self.mode),
            update: self.update_config.as_ref().map(rollout_in),
            rollback: self.rollback_config.as_ref().map(rollout_in),
            ports: self
                .endpoint_spec
                .unwrap_or_default()
                .ports
                .into_iter()
                .map(port_in)
                .collect(),
            force_update: task.force_update,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wire<'a> {
    #[serde(borrow)]
    spec: &'a RawValue,
    #[serde(default, borrow)]
    previous_spec: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "nullable")]
    endpoint: Endpoint,
    #[serde(default)]
    update_status: Option<Update>,
    #[serde(default)]
    service_status: Option<Counts>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Endpoint {
    #[serde(deserialize_with = "nullable")]
    ports: Vec<parts::Port>,
    #[serde(rename = "VirtualIPs", deserialize_with = "nullable")]
    virtual_ips: Vec<WireVirtualIp>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct WireVirtualIp {
    #[serde(rename = "NetworkID", deserialize_with = "nullable")]
    network: String,
    #[serde(deserialize_with = "nullable")]
    addr: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Update {
    #[serde(deserialize_with = "nullable")]
    state: String,
    #[serde(deserialize_with = "nullable")]
    started_at: String,
    #[serde(deserialize_with = "nullable")]
    completed_at: String,
    #[serde(deserialize_with = "nullable")]
    message: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Counts {
    running_tasks: Number,
    desired_tasks: Number,
    completed_tasks: Number,
}

/// Reads a list.
pub(crate) fn services(json: &[u8]) -> Result<Vec<Service>, serde_json::Error> {
    entries(&text(json), |one: &RawValue| match read(one.get()) {
        Ok(service) => service,
        Err(error) => {
            tracing::warn!(%error, "a service of the engine's list cannot be read and is left out");
            None
        }
    })
}

/// Reads one; `None` when it has no id that can be used.
pub(crate) fn service(json: &[u8]) -> Result<Option<Service>, serde_json::Error> {
    read(&text(json))
}

fn read(json: &str) -> Result<Option<Service>, serde_json::Error> {
    let meta: Meta = serde_json::from_str(json)?;
    let wire: Wire<'_> = serde_json::from_str(json)?;
    let spec: parts::Spec = serde_json::from_str(wire.spec.get())?;
    let address = |one: WireVirtualIp| {
        Some(VirtualIp {
            network: NetworkId::new(&one.network).ok()?,
            address: one.addr,
        })
    };
    Ok(meta.id().map(|id| Service {
        id,
        version: meta.version(),
        created: meta.created(),
        updated: meta.updated(),
        spec: spec.into_core(),
        has_previous: wire.previous_spec.is_some(),
        ports: wire.endpoint.ports.into_iter().map(port_in).collect(),
        virtual_ips: wire
            .endpoint
            .virtual_ips
            .into_iter()
            .filter_map(address)
            .collect(),
        update: wire
            .update_status
            .filter(|update| !update.state.is_empty())
            .map(|update| UpdateStatus {
                state: update.state.into(),
                started: Timestamp::parse_engine(&update.started_at),
                completed: Timestamp::parse_engine(&update.completed_at),
                message: update.message,
            }),
        counts: wire.service_status.map(|counts| ServiceCounts {
            running: counts.running_tasks.0.unwrap_or(0),
            desired: counts.desired_tasks.0.unwrap_or(0),
            completed: counts.completed_tasks.0.unwrap_or(0),
        }),
        raw: RawSpec(wire.spec.get().into()),
    }))
}

#[cfg(test)]
mod tests {
    use longshore_core::swarm::{PublishMode, RolloutFailure, RolloutOrder, TaskRestartOn};
    use serde_json::json;

    use super::*;
    use crate::wire::swarm::patched;
    use crate::wire::swarm::service::Spec;

    /// Every field set to something of its own.
    fn full() -> ServiceSpec {
        let mut spec = ServiceSpec::new("web", "img:1")
            .replicas(3)
            .cmd(["-c", "x"])
            .env("A", "b")
            .label("l", "m")
            .port(80, 8080)
            .network("mesh");
        spec.entrypoint = vec!["sh".to_owned()];
        spec.working_dir = "/srv".to_owned();
        spec.user = "app".to_owned();
        spec.hostname = "h".to_owned();
        spec.tty = true;
        spec.read_only = true;
        spec.init = Some(true);
        spec.stop_grace = Some(Duration::from_secs(3));
        spec.mounts.push(ServiceMount {
            kind: "volume".into(),
            source: "data".to_owned(),
            target: "/data".to_owned(),
            read_only: true,
        });
        spec.secrets.push(FileReference::new("sid", "s", "pw"));
        spec.configs.push(FileReference::new("cid", "c", "/etc/c"));
        spec.resources = TaskResources {
            nano_cpus_limit: Some(1),
            memory_limit: Some(2),
            pids_limit: Some(3),
            nano_cpus_reserved: Some(4),
            memory_reserved: Some(5),
        };
        spec.restart = Some(TaskRestart {
            on: TaskRestartOn::Failure,
            delay: Some(Duration::from_secs(1)),
            attempts: Some(2),
            window: Some(Duration::from_secs(3)),
        });
        spec.constraints.push("node.role==worker".to_owned());
        spec.networks[0].aliases.push("w".to_owned());
        spec.update = Some(Rollout {
            parallelism: 2,
            delay: Some(Duration::from_secs(1)),
            on_failure: RolloutFailure::Rollback,
            monitor: Some(Duration::from_secs(2)),
            order: RolloutOrder::StartFirst,
        });
        spec.rollback = Some(Rollout::default());
        spec.ports[0].mode = PublishMode::Host;
        spec.force_update = 7;
        spec
    }

    fn answer(spec: &serde_json::Value) -> Service {
        let json = json!({"ID": "wyq1", "Version": {"Index": 13}, "Spec": spec, "PreviousSpec": {}, "Endpoint":
            {"Ports": [{"TargetPort": 80, "PublishedPort": 30000, "PublishMode": "ingress"}],
             "VirtualIPs": [{"NetworkID": "n1", "Addr": "10.0.0.3/24"}]},
            "UpdateStatus": {"State": "completed", "CompletedAt": "2026-01-01T00:00:00Z"},
            "ServiceStatus": {"RunningTasks": 1, "DesiredTasks": 2}});
        service(json.to_string().as_bytes()).unwrap().unwrap()
    }

    #[test]
    fn every_field_goes_out_and_comes_back() {
        let spec = full();
        let service = answer(&serde_json::to_value(Spec::new(&spec)).unwrap());
        assert_eq!(service.spec, spec);
        assert_eq!((service.version, service.has_previous), (13, true));
        assert_eq!(
            (service.ports[0].published, &*service.ports[0].protocol),
            (Some(30_000), "tcp")
        );
        assert_eq!(service.virtual_ips[0].address, "10.0.0.3/24");
        assert_eq!(&*service.update.as_ref().unwrap().state, "completed");
        assert_eq!(service.counts.unwrap().desired, 2);
        assert!(!format!("{service:?}").contains("A=b"));
        for mode in [
            ReplicaMode::Global,
            ReplicaMode::GlobalJob,
            ReplicaMode::ReplicatedJob {
                at_once: Some(2),
                total: Some(9),
            },
        ] {
            let mut spec = spec.clone();
            spec.mode = mode;
            assert_eq!(
                answer(&serde_json::to_value(Spec::new(&spec)).unwrap()).spec,
                spec
            );
        }
    }

    #[test]
    fn a_plain_spec_leaves_the_engines_defaults_alone() {
        let json = serde_json::to_value(Spec::new(&ServiceSpec::new("web", "img"))).unwrap();
        let ours = json!({"io.longshore.managed": "true", "io.longshore.schema": "1"});
        assert_eq!(
            json,
            json!({"Name": "web", "Labels": ours, "TaskTemplate": {"ContainerSpec": {"Image": "img", "Labels": ours}},
                "Mode": {"Replicated": {"Replicas": 1}}})
        );
    }

    #[test]
    fn an_update_keeps_what_this_version_does_not_know() {
        let raw = json!({"Name": "web", "Labels": {}, "TaskTemplate": {"ContainerSpec": {"Image": "img:1", "Isolation": "default",
            "Healthcheck": {"Test": ["NONE"]}, "Mounts": [{"Type": "bind", "Source": "/a", "Target": "/b", "BindOptions": {"Propagation": "rslave"}}]},
            "Runtime": "container", "ForceUpdate": 0}, "Mode": {"Replicated": {"Replicas": 2}},
            "EndpointSpec": {"Mode": "dnsrr"}});
        let service = answer(&raw);
        let mut wanted = service.spec.clone();
        wanted.image = "img:2".to_owned();
        wanted.mode = ReplicaMode::Global;
        let json = patched(&service.raw.0, &Spec::new(&service.spec), &Spec::new(&wanted)).unwrap();
        let mut expected = raw;
        expected["TaskTemplate"]["ContainerSpec"]["Image"] = "img:2".into();
        expected["Mode"] = json!({"Global": {}});
        assert_eq!(json, expected);
    }

    #[test]
    fn odd_entries_break_nothing() {
        let json = br#"[{"ID":"a","Spec":{"Name":"x","TaskTemplate":null,"Mode":null}},{"ID":"b","Spec":{"Name":7}},{"ID":"c"},4]"#;
        let all = services(json).unwrap();
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].spec.mode, ReplicaMode::Replicated { replicas: 1 });
        assert_eq!((all[0].counts, &all[0].update), (None, &None));
    }
}
