//! An image, its history, and what removing did.

use std::collections::BTreeMap;

use longshore_core::{
    Image, ImageConfig, ImageHistory, ImageManifest, Platform, RemovedImage, Secrets, Timestamp,
};
use serde::Deserialize;

use super::lenient::{Integer, Number, nullable};
use crate::images::FoundImage;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Inspected {
    id: String,
    #[serde(default, deserialize_with = "nullable")]
    repo_tags: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    repo_digests: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    parent: String,
    #[serde(default, deserialize_with = "nullable")]
    created: String,
    #[serde(default, deserialize_with = "nullable")]
    author: String,
    #[serde(default, deserialize_with = "nullable")]
    comment: String,
    #[serde(default, deserialize_with = "nullable")]
    os: String,
    #[serde(default, deserialize_with = "nullable")]
    architecture: String,
    #[serde(default, deserialize_with = "nullable")]
    variant: String,
    #[serde(default)]
    size: Number,
    #[serde(default, rename = "RootFS", deserialize_with = "nullable")]
    root: Root,
    #[serde(default, deserialize_with = "nullable")]
    config: Config,
    #[serde(default, deserialize_with = "nullable")]
    manifests: Vec<Manifest>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct Root {
    #[serde(default, deserialize_with = "nullable")]
    layers: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct Config {
    #[serde(default, deserialize_with = "nullable")]
    entrypoint: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    cmd: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    env: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    working_dir: String,
    #[serde(default, deserialize_with = "nullable")]
    user: String,
    #[serde(default, deserialize_with = "nullable")]
    exposed_ports: BTreeMap<String, serde::de::IgnoredAny>,
    #[serde(default, deserialize_with = "nullable")]
    volumes: BTreeMap<String, serde::de::IgnoredAny>,
    #[serde(default, deserialize_with = "nullable")]
    stop_signal: String,
    #[serde(default, deserialize_with = "nullable")]
    healthcheck: Health,
    #[serde(default, deserialize_with = "nullable")]
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct Health {
    #[serde(default, deserialize_with = "nullable")]
    test: Vec<String>,
}

/// In a list and in an inspect.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Manifest {
    #[serde(default, rename = "ID", deserialize_with = "nullable")]
    id: String,
    #[serde(default, deserialize_with = "nullable")]
    kind: String,
    #[serde(default, deserialize_with = "nullable")]
    available: bool,
    #[serde(default, deserialize_with = "nullable")]
    size: ManifestSize,
    #[serde(default, deserialize_with = "nullable")]
    image_data: Option<ImageData>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct ManifestSize {
    #[serde(default)]
    total: Number,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ImageData {
    #[serde(default, deserialize_with = "nullable")]
    platform: Option<WirePlatform>,
}

#[derive(Deserialize)]
struct WirePlatform {
    #[serde(default, deserialize_with = "nullable")]
    os: String,
    #[serde(default, deserialize_with = "nullable")]
    architecture: String,
    #[serde(default, deserialize_with = "nullable")]
    variant: String,
}

impl WirePlatform {
    fn into_core(self) -> Option<Platform> {
        let known = !self.os.is_empty() && !self.architecture.is_empty();
        known.then_some(Platform {
            os: self.os,
            architecture: self.architecture,
            variant: Some(self.variant).filter(|variant| !variant.is_empty()),
        })
    }
}

impl Manifest {
    pub(crate) fn into_core(self) -> ImageManifest {
        ImageManifest {
            digest: self.id,
            kind: self.kind,
            platform: self
                .image_data
                .and_then(|data| data.platform)
                .and_then(WirePlatform::into_core),
            available: self.available,
            size: self.size.total.0,
        }
    }
}

impl Inspected {
    pub(crate) fn into_core(self) -> Image {
        let config = self.config;
        let platform = WirePlatform {
            os: self.os,
            architecture: self.architecture,
            variant: self.variant,
        };
        Image {
            id: self.id,
            tags: named(self.repo_tags),
            digests: named(self.repo_digests),
            parent: self.parent,
            created: Timestamp::parse_engine(&self.created),
            author: self.author,
            comment: self.comment,
            platform: platform.into_core(),
            size: self.size.0.unwrap_or(0),
            layers: self.root.layers,
            config: ImageConfig {
                entrypoint: config.entrypoint,
                cmd: config.cmd,
                env: Secrets(config.env),
                working_dir: config.working_dir,
                user: config.user,
                exposed_ports: config.exposed_ports.into_keys().collect(),
                volumes: config.volumes.into_keys().collect(),
                stop_signal: config.stop_signal,
                health_check: config.healthcheck.test,
                labels: config.labels,
            },
            manifests: self.manifests.into_iter().map(Manifest::into_core).collect(),
        }
    }
}

/// An image's id: Podman leaves its `sha256:` out in some answers.
pub(crate) fn id(id: String) -> String {
    let is_bare = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_bare { format!("sha256:{id}") } else { id }
}

/// Engines write `<none>:<none>` and `name@<none>` for no name at all.
pub(crate) fn named(mut names: Vec<String>) -> Vec<String> {
    names.retain(|name| !name.contains("<none>"));
    names
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Step {
    #[serde(default, deserialize_with = "nullable")]
    id: String,
    #[serde(default)]
    created: Integer,
    #[serde(default, deserialize_with = "nullable")]
    created_by: String,
    #[serde(default, deserialize_with = "nullable")]
    tags: Vec<String>,
    #[serde(default)]
    size: Number,
    #[serde(default, deserialize_with = "nullable")]
    comment: String,
}

impl Step {
    pub(crate) fn into_core(self) -> ImageHistory {
        ImageHistory {
            id: Some(id(self.id)).filter(|id| !id.is_empty() && id != "<missing>"),
            // 0 is Go's way of not saying.
            created: self.created.0.filter(|at| *at > 0).map(Timestamp::from_secs),
            created_by: self.created_by,
            tags: named(self.tags),
            size: self.size.0.unwrap_or(0),
            comment: self.comment,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Removed {
    #[serde(default, deserialize_with = "nullable")]
    untagged: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    deleted: Option<String>,
}

pub(crate) fn removed(all: Option<Vec<Removed>>) -> Vec<RemovedImage> {
    let each = |one: Removed| {
        let untagged = one.untagged.map(RemovedImage::Untagged);
        untagged
            .into_iter()
            .chain(one.deleted.map(id).map(RemovedImage::Deleted))
    };
    all.into_iter().flatten().flat_map(each).collect()
}

#[derive(Deserialize)]
pub(crate) struct Found {
    #[serde(default, deserialize_with = "nullable")]
    name: String,
    #[serde(default, deserialize_with = "nullable")]
    description: String,
    #[serde(default)]
    star_count: Number,
    #[serde(default, deserialize_with = "nullable")]
    is_official: bool,
}

impl Found {
    pub(crate) fn into_public(self) -> FoundImage {
        FoundImage {
            name: self.name,
            description: self.description,
            stars: self.star_count.0.unwrap_or(0),
            official: self.is_official,
        }
    }
}
