//! Containers.

use longshore_api::{ContainerDetail, ContainerRow, HealthLogEntry, Mount, NetworkAttachment, Port};
use longshore_core::Container;
use longshore_store::Role;

use super::time;

/// The label by which Compose says which project a container belongs to.
const COMPOSE_PROJECT: &str = "com.docker.compose.project";

/// A container as a row; `stale` when its host is out of reach.
pub(crate) fn container_row(host: &str, container: &Container, stale: bool) -> ContainerRow {
    ContainerRow {
        host: host.to_owned(),
        id: container.id.to_string(),
        name: container.name.clone(),
        image: container.image.clone(),
        image_id: container.image_id.clone(),
        command: container.command_line(),
        state: container.state.as_str().to_owned(),
        health: container.health.as_str().to_owned(),
        exit_code: container.exit_code,
        created_at: time(container.created),
        started_at: container.started_at.map(time),
        finished_at: container.finished_at.map(time),
        restart_count: container.restart_count.map(u64::from),
        ports: container.ports.iter().map(port).collect(),
        labels: container.labels.clone(),
        project: container.labels.get(COMPOSE_PROJECT).cloned(),
        stale,
    }
}

/// All of a container that `role` may see: a viewer sees no environment values.
pub(crate) fn container_detail(
    host: &str,
    container: &Container,
    stale: bool,
    role: Role,
) -> ContainerDetail {
    ContainerDetail {
        row: container_row(host, container, stale),
        env: (role >= Role::Operator).then(|| container.env.0.clone()),
        entrypoint: container.entrypoint.clone(),
        cmd: container.cmd.clone(),
        working_dir: container.working_dir.clone(),
        user: container.user.clone(),
        tty: container.tty,
        hostname: container.hostname.clone(),
        restart_policy: container.restart_policy.to_string(),
        mounts: container.mounts.iter().map(mount).collect(),
        networks: container.networks.iter().map(network).collect(),
        health_log: container.health_log.iter().map(probe).collect(),
        oom_killed: container.oom_killed,
        pid: container.pid.map(i64::from),
        memory_limit: container.memory_limit,
        cpus: container.nano_cpus.map(|nano| nano as f64 / 1e9),
    }
}

fn port(port: &longshore_core::Port) -> Port {
    Port {
        ip: port.ip.as_deref().map(str::to_owned),
        private: port.private,
        public: port.public,
        protocol: port.protocol.to_string(),
    }
}

fn mount(mount: &longshore_core::Mount) -> Mount {
    Mount {
        kind: mount.kind.to_string(),
        source: mount.source.clone(),
        target: mount.target.clone(),
        read_only: mount.read_only,
    }
}

fn network(network: &longshore_core::NetworkAttachment) -> NetworkAttachment {
    NetworkAttachment {
        name: network.name.clone(),
        ip: network.ip.as_deref().map(str::to_owned),
    }
}

fn probe(probe: &longshore_core::HealthProbe) -> HealthLogEntry {
    HealthLogEntry {
        start: probe.start.map(time),
        end: probe.end.map(time),
        exit_code: probe.exit_code,
        output: probe.output.clone(),
    }
}
