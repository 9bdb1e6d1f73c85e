//! Volumes: what is sent to make one, and what comes back.

use std::collections::BTreeMap;

use longshore_core::{DriverOptions, Scope, Timestamp, Volume, VolumeSpec, VolumeUsage};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::lenient::{Number, nullable, text};
use super::list::entries;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Create<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    driver: Option<&'a str>,
    driver_opts: BTreeMap<String, String>,
    labels: &'a BTreeMap<String, String>,
}

impl<'a> Create<'a> {
    pub(crate) fn new(spec: &'a VolumeSpec) -> Self {
        Self {
            name: spec.name.as_deref(),
            driver: spec.driver.as_deref(),
            driver_opts: spec.driver_options().0,
            labels: &spec.labels,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Wire {
    name: String,
    #[serde(default, deserialize_with = "nullable")]
    driver: String,
    #[serde(default, deserialize_with = "nullable")]
    mountpoint: String,
    #[serde(default, deserialize_with = "nullable")]
    created_at: String,
    #[serde(default, deserialize_with = "nullable")]
    scope: String,
    #[serde(default, deserialize_with = "nullable")]
    options: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "nullable")]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    usage_data: Option<Usage>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Usage {
    /// -1 is unknown, in both.
    size: Number,
    ref_count: Number,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct List<'a> {
    #[serde(default, borrow)]
    volumes: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "nullable")]
    warnings: Vec<String>,
}

/// Reads a list, and the engine's warnings about it.
pub(crate) fn volumes(json: &[u8]) -> Result<(Vec<Volume>, Vec<String>), serde_json::Error> {
    let text = text(json);
    let list: List<'_> = serde_json::from_str(&text)?;
    let all = match list.volumes {
        Some(all) => entries(all.get(), |one: Wire| Some(one.into_core()))?,
        None => Vec::new(),
    };
    Ok((all, list.warnings))
}

/// Reads one.
pub(crate) fn volume(json: &[u8]) -> Result<Volume, serde_json::Error> {
    serde_json::from_str::<Wire>(&text(json)).map(Wire::into_core)
}

impl Wire {
    pub(super) fn into_core(self) -> Volume {
        Volume {
            name: self.name,
            driver: self.driver.into(),
            mountpoint: self.mountpoint,
            created: Timestamp::parse_engine(&self.created_at),
            scope: Scope::from(&*self.scope),
            options: DriverOptions(self.options),
            labels: self.labels,
            usage: self.usage_data.map(|usage| VolumeUsage {
                size: usage.size.0,
                containers: usage.ref_count.0,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_has_the_engines_form() {
        let spec = VolumeSpec::new("data")
            .nfs("nas", "/x", "rw,nfsvers=4")
            .option("size", "1g");
        assert_eq!(
            serde_json::to_value(Create::new(&spec)).unwrap(),
            serde_json::json!({"Name": "data",
                "DriverOpts": {"type": "nfs", "device": ":/x", "o": "addr=nas,rw,nfsvers=4", "size": "1g"},
                "Labels": {"io.longshore.managed": "true", "io.longshore.schema": "1"}})
        );
        let json = serde_json::to_value(Create::new(&VolumeSpec::anonymous())).unwrap();
        assert!(json.get("Name").is_none() && json.get("Driver").is_none());
    }

    #[test]
    fn unknown_usage_is_not_zero_and_odd_entries_break_nothing() {
        let json = br#"{"Volumes":[{"Name":"a","Options":null,"Labels":null,"UsageData":{"Size":-1,"RefCount":0}},
            {"Name":"b","Driver":"local","CreatedAt":"2026-01-01T00:00:00Z","Scope":"local"}, 7, {"Driver":"x"}],"Warnings":["plugin x is gone"]}"#;
        let (all, warnings) = volumes(json).unwrap();
        assert_eq!(all.len(), 2);
        let usage = all[0].usage.unwrap();
        assert_eq!((usage.size, usage.containers), (None, Some(0)));
        assert!(all[1].usage.is_none() && all[1].created.is_some());
        assert_eq!(warnings, ["plugin x is gone"]);
        assert_eq!(volumes(br#"{"Volumes":null}"#).unwrap(), (Vec::new(), Vec::new()));
        assert!(volume(b"{}").is_err());
    }
}
