//! Disk usage.

use longshore_core::{BuildCacheRecord, ContainerId, ContainerUsage, DiskUsage, ImageUsage, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::lenient::{Number, Text, nullable, text};
use super::list::entries;
use super::volume;
use crate::disk::DiskKinds;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wire<'a> {
    #[serde(default)]
    layers_size: Number,
    #[serde(default, borrow)]
    images: Option<&'a RawValue>,
    #[serde(default, borrow)]
    containers: Option<&'a RawValue>,
    #[serde(default, borrow)]
    volumes: Option<&'a RawValue>,
    #[serde(default, borrow)]
    build_cache: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Image {
    id: String,
    #[serde(default, deserialize_with = "nullable")]
    repo_tags: Vec<String>,
    #[serde(default)]
    size: Number,
    /// -1 is unknown, in both.
    #[serde(default)]
    shared_size: Number,
    #[serde(default)]
    containers: Number,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Container<'a> {
    id: String,
    #[serde(default, deserialize_with = "nullable")]
    names: Vec<String>,
    #[serde(default, borrow)]
    state: Text<'a>,
    #[serde(default)]
    size_rw: Number,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Cache<'a> {
    #[serde(rename = "ID")]
    id: String,
    #[serde(default, borrow)]
    r#type: Text<'a>,
    #[serde(default, borrow)]
    description: Text<'a>,
    #[serde(default, deserialize_with = "nullable")]
    in_use: bool,
    #[serde(default, deserialize_with = "nullable")]
    shared: bool,
    #[serde(default)]
    size: Number,
    #[serde(default, borrow)]
    created_at: Text<'a>,
    #[serde(default, borrow)]
    last_used_at: Text<'a>,
    #[serde(default)]
    usage_count: Number,
}

/// Reads what was asked for; engines before API 1.42 tell everything.
pub(crate) fn usage(json: &[u8], kinds: DiskKinds) -> Result<DiskUsage, serde_json::Error> {
    let text = text(json);
    let wire: Wire<'_> = serde_json::from_str(&text)?;
    Ok(DiskUsage {
        // Podman says 0.
        layers_size: wire.layers_size.0.filter(|size| kinds.images && *size != 0),
        images: part(kinds.images, wire.images, |one: Image| Some(one.into_core()))?,
        containers: part(kinds.containers, wire.containers, Container::into_core)?,
        volumes: part(kinds.volumes, wire.volumes, |one: volume::Wire| {
            Some(one.into_core())
        })?,
        build_cache: part(kinds.build_cache, wire.build_cache, |one: Cache<'_>| {
            Some(one.into_core())
        })?,
    })
}

fn part<'a, W: Deserialize<'a>, T>(
    asked: bool,
    json: Option<&'a RawValue>,
    convert: impl Fn(W) -> Option<T>,
) -> Result<Option<Vec<T>>, serde_json::Error> {
    if !asked {
        return Ok(None);
    }
    entries(json.map_or("null", RawValue::get), convert).map(Some)
}

impl Image {
    fn into_core(self) -> ImageUsage {
        let named = |name: &String| !name.contains("<none>");
        ImageUsage {
            id: self.id,
            tags: self.repo_tags.into_iter().filter(named).collect(),
            size: self.size.0.unwrap_or(0),
            shared: self.shared_size.0,
            containers: self.containers.0,
        }
    }
}

impl Container<'_> {
    fn into_core(self) -> Option<ContainerUsage> {
        let name = self.names.into_iter().next().unwrap_or_default();
        Some(ContainerUsage {
            id: ContainerId::new(&self.id).ok()?,
            name: name.trim_start_matches('/').to_owned(),
            state: (*self.state).into(),
            written: self.size_rw.0.unwrap_or(0),
        })
    }
}

impl Cache<'_> {
    fn into_core(self) -> BuildCacheRecord {
        BuildCacheRecord {
            id: self.id,
            kind: (*self.r#type).into(),
            description: self.description.into_string(),
            in_use: self.in_use,
            shared: self.shared,
            size: self.size.0.unwrap_or(0),
            created: Timestamp::parse_engine(&self.created_at),
            last_used: Timestamp::parse_engine(&self.last_used_at),
            uses: self.usage_count.0.unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &[u8] = br#"{"LayersSize":9,"Images":[{"Id":"sha256:a","RepoTags":null,"Size":9,"SharedSize":-1,"Containers":1}],
        "Containers":[{"Id":"abc","Names":["/web"],"State":"running","SizeRw":5},{"Id":"def","State":"exited"}],
        "Volumes":[{"Name":"v","UsageData":{"Size":3,"RefCount":1}}],
        "BuildCache":[{"ID":"x","Type":"regular","InUse":false,"Shared":true,"Size":4,"CreatedAt":"2026-01-01T00:00:00Z","LastUsedAt":null,"UsageCount":2}],
        "BuilderSize":4}"#;

    #[test]
    fn only_what_was_asked_for_is_known() {
        let all = usage(ALL, DiskKinds::ALL).unwrap();
        assert_eq!(all.images.as_ref().unwrap()[0].shared, None, "-1 is unknown");
        let containers = all.containers.as_ref().unwrap();
        assert_eq!((containers[0].name.as_str(), containers[0].written), ("web", 5));
        assert_eq!(all.volumes.as_ref().unwrap()[0].usage.unwrap().size, Some(3));
        assert_eq!(all.build_cache.as_ref().unwrap()[0].uses, 2);
        let volumes = usage(ALL, DiskKinds::NONE.volumes()).unwrap();
        assert!(volumes.volumes.is_some() && volumes.images.is_none() && volumes.layers_size.is_none());
    }

    #[test]
    fn null_is_nothing_of_that_kind() {
        let none = usage(br#"{"Images":null,"Containers":[7]}"#, DiskKinds::ALL).unwrap();
        assert_eq!(none.images, Some(Vec::new()));
        assert_eq!(none.containers, Some(Vec::new()));
        assert!(usage(b"7", DiskKinds::ALL).is_err());
    }
}
