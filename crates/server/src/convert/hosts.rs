//! Hosts, engines, images.

use std::fmt::Display;

use longshore_api::{ContainerCounts, EngineInfo, HostRow, HostState, ImageRow, SystemInfo};
use longshore_core::{ImageSummary, Timestamp};
use longshore_fleet::{Host, engine::Info, runtime::Status};

use super::{own_time, time};

/// A host as it stands; `started_at` is when this server began to look for it.
pub(crate) fn host_row(host: &Host, started_at: Timestamp) -> HostRow {
    let state = host.state();
    let (word, error, hint, since) = match &state.status {
        Status::Connecting => (HostState::Connecting, None, None, time(started_at)),
        Status::Live { since } => (HostState::Live, None, None, own_time(*since)),
        Status::Lost {
            error, hint, since, ..
        } => {
            // Where nothing was found, the places that were tried say more than the failure of the guess.
            let error = host
                .undiscovered()
                .map_or_else(|| error.to_string(), str::to_owned);
            (
                HostState::Lost,
                Some(error),
                hint.as_deref().map(str::to_owned),
                own_time(*since),
            )
        }
    };
    let snapshot = host.mirror().snapshot();
    HostRow {
        name: host.name().to_owned(),
        state: word,
        endpoint: host.endpoint().to_string(),
        error,
        hint,
        since,
        engine: state
            .engine
            .as_ref()
            .map(|facts| engine_info(&facts.version, &facts.api_version, &facts.info)),
        containers_total: snapshot.len() as u64,
        containers_running: snapshot.running() as u64,
        last_event_at: host
            .feed()
            .last()
            .and_then(|record| record.event().map(|event| time(event.at))),
    }
}

/// What an engine said of itself.
pub(crate) fn engine_info(version: &str, api_version: impl Display, info: &Info) -> EngineInfo {
    EngineInfo {
        name: info.name.clone(),
        version: version.to_owned(),
        api_version: api_version.to_string(),
        os: info.operating_system.clone(),
        kernel: info.kernel_version.clone(),
        cpus: info.ncpu.map(u64::from),
        memory_bytes: info.mem_total,
    }
}

/// The engine's own figures, asked for now.
pub(crate) fn system_info(host: &str, engine: EngineInfo, info: &Info) -> SystemInfo {
    SystemInfo {
        host: host.to_owned(),
        engine,
        id: info.id.clone(),
        containers: ContainerCounts {
            total: info.containers,
            running: info.running,
            paused: info.paused,
            stopped: info.stopped,
        },
        images: info.images,
        storage_driver: info.storage_driver.clone(),
        cgroup_version: Some(info.cgroup_version.clone()).filter(|version| !version.is_empty()),
        system_time: info.system_time.map(time),
    }
}

/// An image; `used_by` containers are made from it.
pub(crate) fn image_row(image: ImageSummary, used_by: u64) -> ImageRow {
    ImageRow {
        id: image.id,
        tags: image.tags,
        digests: image.digests,
        size_bytes: image.size,
        created_at: image.created.map(time),
        used_by,
    }
}
