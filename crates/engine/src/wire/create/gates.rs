//! Which fields of a spec need which version of the API: engines drop what they do not know without a word.
//!
//! The versions are those of the engine's own history of its API.

use longshore_core::{ContainerSpec, MountKind, MountSpec};

use super::mounts::is_text;
use crate::ApiVersion;

type Uses = fn(&ContainerSpec) -> bool;

/// What came when. Below 1.24 nothing is spoken at all.
const GATES: [(ApiVersion, &str, Uses); 19] = [
    (v(25), "removal at the end", |spec| spec.auto_remove),
    (v(25), "an init process", |spec| spec.init),
    (v(25), "a stop timeout", |spec| spec.stop_timeout.is_some()),
    (v(25), "a number of processors", |spec| {
        spec.resources.nano_cpus.is_some()
    }),
    (v(25), "a typed mount", |spec| {
        any(spec, |mount| {
            !(is_text(mount) || matches!(mount.kind, MountKind::Tmpfs { .. }))
        })
    }),
    (v(28), "a rule for devices", |spec| {
        !spec.resources.device_cgroup_rules.is_empty()
    }),
    (v(29), "a start period of a health check", |spec| {
        spec.health
            .as_ref()
            .is_some_and(|health| health.start_period.is_some())
    }),
    (v(40), "a request for devices", |spec| {
        !spec.resources.device_requests.is_empty()
    }),
    (v(40), "a bind without what is mounted below it", |spec| {
        any(spec, |mount| {
            matches!(
                mount.kind,
                MountKind::Bind {
                    non_recursive: true,
                    ..
                }
            )
        })
    }),
    (v(41), "a platform", |spec| spec.platform.is_some()),
    (v(41), "a cgroup namespace mode", |spec| {
        spec.isolation.cgroupns_mode.is_some()
    }),
    (v(42), "a missing folder of such a bind", |spec| {
        any(spec, |mount| {
            matches!(mount.kind, MountKind::Bind { create: true, .. }) && !is_text(mount)
        })
    }),
    (v(43), "an annotation", |spec| !spec.annotations.is_empty()),
    (v(44), "a start interval of a health check", |spec| {
        spec.health
            .as_ref()
            .is_some_and(|health| health.start_interval.is_some())
    }),
    (v(44), "a MAC address on a network", |spec| {
        spec.networks.iter().any(|one| one.endpoint.mac.is_some())
    }),
    (v(45), "a folder of a volume", |spec| {
        any(spec, |mount| {
            matches!(mount.kind, MountKind::Volume { subpath: Some(_), .. })
        })
    }),
    (v(48), "a gateway priority", |spec| {
        spec.networks
            .iter()
            .any(|one| one.endpoint.gateway_priority.is_some())
    }),
    // The host's gateway as an address came with engine 20.10.
    (v(41), "host-gateway", |spec| {
        spec.extra_hosts
            .iter()
            .any(|(_, address)| address == "host-gateway")
    }),
    (v(30), "a choice of the IPC mode", |spec| {
        matches!(
            spec.isolation.ipc_mode.as_deref(),
            Some("none" | "private" | "shareable")
        )
    }),
];

const fn v(minor: u16) -> ApiVersion {
    ApiVersion::new(1, minor)
}

fn any(spec: &ContainerSpec, fits: impl Fn(&MountSpec) -> bool) -> bool {
    spec.mounts.iter().any(fits)
}

/// What the spec needs that `spoken` has not: the newest of it.
pub(crate) fn missing(spec: &ContainerSpec, spoken: ApiVersion) -> Option<(ApiVersion, &'static str)> {
    let lacking = GATES
        .iter()
        .filter(|(needed, _, uses)| *needed > spoken && uses(spec));
    lacking
        .max_by_key(|(needed, ..)| *needed)
        .map(|(needed, what, _)| (*needed, *what))
}
