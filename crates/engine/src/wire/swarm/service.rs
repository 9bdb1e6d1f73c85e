//! A service's spec in the engine's form. Reading one is `service_read`'s.

use longshore_core::swarm::{FileReference, PublishedPort, ReplicaMode, Rollout, ServiceMount, ServiceSpec};
use serde::Serialize;

use super::{nanos, service_parts as parts};

/// A spec in the engine's form.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Spec(parts::Spec);

impl Spec {
    pub(crate) fn new(spec: &ServiceSpec) -> Self {
        let resources = &spec.resources;
        let ports: Vec<_> = spec.ports.iter().map(port_out).collect();
        Self(parts::Spec {
            name: spec.name.clone(),
            labels: spec.labels.clone(),
            task_template: parts::TaskTemplate {
                container_spec: container(spec),
                resources: Some(parts::Resources {
                    limits: parts::Limits {
                        nano_cpus: resources.nano_cpus_limit.unwrap_or(0),
                        memory_bytes: resources.memory_limit.unwrap_or(0),
                        pids: resources.pids_limit.unwrap_or(0),
                    },
                    reservations: parts::Limits {
                        nano_cpus: resources.nano_cpus_reserved.unwrap_or(0),
                        memory_bytes: resources.memory_reserved.unwrap_or(0),
                        pids: 0,
                    },
                })
                .filter(|resources| *resources != parts::Resources::default()),
                restart_policy: spec.restart.as_ref().map(|restart| parts::Restart {
                    condition: restart.on.as_str().to_owned(),
                    delay: restart.delay.map(nanos),
                    max_attempts: restart.attempts,
                    window: restart.window.map(nanos),
                }),
                placement: (!spec.constraints.is_empty()).then(|| parts::Placement {
                    constraints: spec.constraints.clone(),
                }),
                networks: spec
                    .networks
                    .iter()
                    .map(|network| parts::Network {
                        target: network.network.clone(),
                        aliases: network.aliases.clone(),
                    })
                    .collect(),
                force_update: spec.force_update,
            },
            mode: mode_out(spec.mode),
            update_config: spec.update.as_ref().map(rollout_out),
            rollback_config: spec.rollback.as_ref().map(rollout_out),
            endpoint_spec: (!ports.is_empty()).then_some(parts::EndpointSpec { ports }),
        })
    }
}

fn container(spec: &ServiceSpec) -> parts::ContainerSpec {
    let file = |one: &FileReference| parts::File {
        name: one.file.clone(),
        uid: one.uid.clone(),
        gid: one.gid.clone(),
        mode: one.mode,
    };
    let secret = |one: &FileReference| parts::SecretReference {
        id: one.id.clone(),
        name: one.name.clone(),
        file: file(one),
    };
    let config = |one: &FileReference| parts::ConfigReference {
        id: one.id.clone(),
        name: one.name.clone(),
        file: file(one),
    };
    let mount = |mount: &ServiceMount| parts::Mount {
        r#type: mount.kind.to_string(),
        source: mount.source.clone(),
        target: mount.target.clone(),
        read_only: mount.read_only,
    };
    parts::ContainerSpec {
        image: spec.image.clone(),
        labels: spec.container_labels.clone(),
        command: spec.entrypoint.clone(),
        args: spec.cmd.clone(),
        hostname: spec.hostname.clone(),
        env: spec.env.0.clone(),
        dir: spec.working_dir.clone(),
        user: spec.user.clone(),
        tty: spec.tty,
        read_only: spec.read_only,
        init: spec.init,
        stop_grace_period: spec.stop_grace.map(nanos),
        mounts: spec.mounts.iter().map(mount).collect(),
        secrets: spec.secrets.iter().map(secret).collect(),
        configs: spec.configs.iter().map(config).collect(),
    }
}

fn mode_out(mode: ReplicaMode) -> parts::Mode {
    let mut out = parts::Mode::default();
    match mode {
        ReplicaMode::Global => out.global = Some(parts::Empty {}),
        ReplicaMode::GlobalJob => out.global_job = Some(parts::Empty {}),
        ReplicaMode::ReplicatedJob { at_once, total } => {
            out.replicated_job = Some(parts::Job {
                max_concurrent: at_once,
                total_completions: total,
            });
        }
        ReplicaMode::Replicated { replicas } => {
            out.replicated = Some(parts::Replicated {
                replicas: Some(replicas),
            });
        }
        // Core's own kinds are all above; one more would be a new version of it.
        _ => {}
    }
    out
}

fn rollout_out(rollout: &Rollout) -> parts::Rollout {
    parts::Rollout {
        parallelism: rollout.parallelism,
        delay: rollout.delay.map(nanos),
        failure_action: rollout.on_failure.as_str().to_owned(),
        monitor: rollout.monitor.map(nanos),
        order: rollout.order.as_str().to_owned(),
    }
}

fn port_out(port: &PublishedPort) -> parts::Port {
    parts::Port {
        name: port.name.clone(),
        protocol: port.protocol.to_string(),
        target_port: port.target,
        published_port: port.published,
        publish_mode: port.mode.as_str().to_owned(),
    }
}
