//! Version and information.

use longshore_core::Timestamp;
use serde::Deserialize;

use super::lenient::{Number, nullable};
use crate::system;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Version {
    #[serde(default, deserialize_with = "nullable")]
    version: String,
    #[serde(default, deserialize_with = "nullable")]
    api_version: String,
    #[serde(default, rename = "MinAPIVersion", deserialize_with = "nullable")]
    min_api_version: String,
    #[serde(default, deserialize_with = "nullable")]
    os: String,
    #[serde(default, deserialize_with = "nullable")]
    arch: String,
    #[serde(default, deserialize_with = "nullable")]
    kernel_version: String,
    #[serde(default, deserialize_with = "nullable")]
    components: Vec<Component>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Component {
    #[serde(default, deserialize_with = "nullable")]
    name: String,
    #[serde(default, deserialize_with = "nullable")]
    version: String,
}

impl Version {
    pub(crate) fn into_core(self) -> system::Version {
        system::Version {
            version: self.version,
            api_version: self.api_version.parse().ok(),
            min_api_version: self.min_api_version.parse().ok(),
            os: self.os,
            arch: self.arch,
            kernel_version: self.kernel_version,
            components: self
                .components
                .into_iter()
                .map(|part| (part.name, part.version))
                .collect(),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Info {
    #[serde(default, rename = "ID", deserialize_with = "nullable")]
    id: String,
    #[serde(default, deserialize_with = "nullable")]
    name: String,
    #[serde(default, rename = "NCPU")]
    ncpu: Number,
    #[serde(default)]
    mem_total: Number,
    #[serde(default, deserialize_with = "nullable")]
    server_version: String,
    #[serde(default, deserialize_with = "nullable")]
    operating_system: String,
    #[serde(default, deserialize_with = "nullable")]
    kernel_version: String,
    #[serde(default, deserialize_with = "nullable")]
    cgroup_version: String,
    #[serde(default, deserialize_with = "nullable")]
    system_time: String,
    #[serde(default)]
    containers: Number,
    #[serde(default)]
    containers_running: Number,
    #[serde(default)]
    containers_paused: Number,
    #[serde(default)]
    containers_stopped: Number,
    #[serde(default)]
    images: Number,
    #[serde(default, deserialize_with = "nullable")]
    driver: String,
}

impl Info {
    pub(crate) fn into_core(self) -> system::Info {
        let known = |number: Number| number.0.filter(|number| *number != 0);
        system::Info {
            id: self.id,
            name: self.name,
            ncpu: known(self.ncpu).and_then(|count| u32::try_from(count).ok()),
            mem_total: known(self.mem_total),
            server_version: self.server_version,
            operating_system: self.operating_system,
            kernel_version: self.kernel_version,
            cgroup_version: self.cgroup_version,
            system_time: Timestamp::parse_engine(&self.system_time),
            containers: self.containers.0,
            running: self.containers_running.0,
            paused: self.containers_paused.0,
            stopped: self.containers_stopped.0,
            images: self.images.0,
            storage_driver: self.driver,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_engine_leaves_out_is_unknown() {
        let info = serde_json::from_str::<Info>(
            r#"{"ID":"x","NCPU":0,"Containers":0,"SystemTime":"2026-01-01T00:00:00Z"}"#,
        );
        let info = info.unwrap().into_core();
        assert_eq!((info.ncpu, info.containers, info.images), (None, Some(0), None));
        assert!(info.system_time.is_some());
        let version: Version =
            serde_json::from_str(r#"{"Version":"28.5.2","ApiVersion":"1.51","Components":null}"#).unwrap();
        assert_eq!(version.into_core().api_version, Some(crate::ApiVersion::NEWEST));
    }
}
