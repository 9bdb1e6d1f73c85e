//! Secrets and configs.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use longshore_core::swarm::{Bytes, ConfigSpec, Secret, SecretSpec, SwarmConfig};
use serde::{Deserialize, Serialize};

use super::Meta;
use crate::wire::lenient::{nullable, text};
use crate::wire::list::entries;

/// A create, and an update without data.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Spec<'a> {
    name: &'a str,
    labels: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    driver: Option<Driver<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Driver<'a> {
    name: &'a str,
}

impl<'a> Spec<'a> {
    pub(crate) fn secret(spec: &'a SecretSpec) -> Self {
        Self {
            data: Some(STANDARD.encode(&spec.data.0)),
            ..Self::labels(&spec.name, &spec.labels)
        }
    }

    pub(crate) fn config(spec: &'a ConfigSpec) -> Self {
        Self {
            data: Some(STANDARD.encode(&spec.data.0)),
            ..Self::labels(&spec.name, &spec.labels)
        }
    }

    pub(crate) fn labels(name: &'a str, labels: &'a BTreeMap<String, String>) -> Self {
        Self {
            name,
            labels,
            data: None,
            driver: None,
        }
    }

    pub(crate) fn data(mut self, data: &Bytes) -> Self {
        self.data = Some(STANDARD.encode(&data.0));
        self
    }

    pub(crate) fn driver(mut self, driver: Option<&'a str>) -> Self {
        self.driver = driver.map(|name| Driver { name });
        self
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wire {
    #[serde(flatten)]
    meta: Meta,
    #[serde(default, deserialize_with = "nullable")]
    spec: ReadSpec,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct ReadSpec {
    #[serde(deserialize_with = "nullable")]
    name: String,
    #[serde(deserialize_with = "nullable")]
    labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "nullable")]
    data: String,
    #[serde(deserialize_with = "nullable")]
    driver: ReadDriver,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct ReadDriver {
    #[serde(deserialize_with = "nullable")]
    name: String,
}

/// Reads a list of secrets.
pub(crate) fn secrets(json: &[u8]) -> Result<Vec<Secret>, serde_json::Error> {
    entries(&text(json), Wire::into_secret)
}

/// Reads a secret; `None` when it has no id that can be used.
pub(crate) fn secret(json: &[u8]) -> Result<Option<Secret>, serde_json::Error> {
    serde_json::from_str::<Wire>(&text(json)).map(Wire::into_secret)
}

/// Reads a list of configs.
pub(crate) fn configs(json: &[u8]) -> Result<Vec<SwarmConfig>, serde_json::Error> {
    entries(&text(json), Wire::into_config)
}

/// Reads a config; `None` when it has no id that can be used, or data that are no base64.
pub(crate) fn config(json: &[u8]) -> Result<Option<SwarmConfig>, serde_json::Error> {
    serde_json::from_str::<Wire>(&text(json)).map(Wire::into_config)
}

impl Wire {
    fn into_secret(self) -> Option<Secret> {
        let driver = self.spec.driver.name;
        Some(Secret {
            id: self.meta.id()?,
            version: self.meta.version(),
            created: self.meta.created(),
            updated: self.meta.updated(),
            name: self.spec.name,
            labels: self.spec.labels,
            driver: (!driver.is_empty()).then(|| driver.into()),
        })
    }

    fn into_config(self) -> Option<SwarmConfig> {
        Some(SwarmConfig {
            id: self.meta.id()?,
            version: self.meta.version(),
            created: self.meta.created(),
            updated: self.meta.updated(),
            name: self.spec.name,
            labels: self.spec.labels,
            data: Bytes(STANDARD.decode(self.spec.data).ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_goes_out_and_comes_back_as_base64() {
        let spec = SecretSpec::new("s", vec![0xff, 0xfe]);
        let json = serde_json::to_value(Spec::secret(&spec)).unwrap();
        assert_eq!(json["Data"], "//4=");
        let config = config(
            br#"{"ID":"a","Version":{"Index":12},"Spec":{"Name":"c","Labels":{"x":"y"},"Data":"//4="}}"#,
        );
        let config = config.unwrap().unwrap();
        assert_eq!(
            (config.version, config.data.0.as_slice()),
            (12, &[0xff, 0xfe][..])
        );
        let labels = serde_json::to_value(Spec::labels("s", &config.labels).driver(Some("vault"))).unwrap();
        assert_eq!(
            labels,
            serde_json::json!({"Name": "s", "Labels": {"x": "y"}, "Driver": {"Name": "vault"}})
        );
        let all = secrets(br#"[{"ID":"a","Spec":{"Name":"s","Driver":{"Name":"vault"}}},{"Spec":{}},null]"#)
            .unwrap();
        assert_eq!((all.len(), all[0].driver.as_deref()), (1, Some("vault")));
    }
}
