//! Version.

use serde::Deserialize;

use super::lenient::nullable;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_engine_leaves_out_is_unknown() {
        let version: Version =
            serde_json::from_str(r#"{"Version":"28.5.2","ApiVersion":"1.51","Components":null}"#).unwrap();
        assert_eq!(version.into_core().api_version, Some(crate::ApiVersion::NEWEST));
    }
}
