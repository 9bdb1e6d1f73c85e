//! Mounts in the engine's three forms: typed ones, the old text that alone makes missing folders on every engine, and
//! tmpfs, whose options the typed form has from API 1.46 on only.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use longshore_core::{MountKind, MountSpec};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Mount<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    target: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    read_only: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    bind_options: Option<BindOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    volume_options: Option<VolumeOptions<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct BindOptions {
    #[serde(skip_serializing_if = "Option::is_none")]
    propagation: Option<&'static str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    non_recursive: bool,
    /// API 1.42; where it is set, the gates have asked for it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    create_mountpoint: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct VolumeOptions<'a> {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    no_copy: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    driver_config: Option<Driver<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subpath: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Driver<'a> {
    name: &'a str,
    options: &'a BTreeMap<String, String>,
}

/// Whether a bind has the old form: it makes its folder, and has nothing that this form cannot say.
pub(super) fn is_text(mount: &MountSpec) -> bool {
    match &mount.kind {
        MountKind::Bind {
            source,
            create,
            non_recursive,
            ..
        } => *create && !non_recursive && !source.contains(':') && !mount.target.contains(':'),
        _ => false,
    }
}

/// Binds in the old form.
pub(super) fn binds(mounts: &[MountSpec]) -> Vec<String> {
    let text = |mount: &MountSpec| match &mount.kind {
        MountKind::Bind {
            source, propagation, ..
        } if is_text(mount) => {
            let mode = if mount.read_only { "ro" } else { "rw" };
            let propagation = propagation
                .map(|how| format!(",{}", how.as_str()))
                .unwrap_or_default();
            Some(format!("{source}:{}:{mode}{propagation}", mount.target))
        }
        _ => None,
    };
    mounts.iter().filter_map(text).collect()
}

/// The tmpfs among them, each with the kernel's options.
pub(super) fn tmpfs(mounts: &[MountSpec]) -> BTreeMap<&str, String> {
    let text = |mount: &'_ MountSpec| match &mount.kind {
        MountKind::Tmpfs { size, mode, options } => {
            let mut text = if mount.read_only { "ro" } else { "rw" }.to_owned();
            // Writing to a String cannot fail; the check has found what is no size.
            if let Some(Ok(bytes)) = size.as_ref().map(longshore_core::Size::bytes) {
                let _ = write!(text, ",size={bytes}");
            }
            if let Some(mode) = mode {
                let _ = write!(text, ",mode={mode:o}");
            }
            for option in options {
                text.push(',');
                text.push_str(option);
            }
            Some(text)
        }
        _ => None,
    };
    mounts
        .iter()
        .filter_map(|mount| Some((mount.target.as_str(), text(mount)?)))
        .collect()
}

impl<'a> Mount<'a> {
    /// The typed form; `None` for what has another.
    pub(super) fn new(mount: &'a MountSpec) -> Option<Self> {
        if is_text(mount) {
            return None;
        }
        let typed = |r#type, source| Self {
            r#type,
            source,
            target: &mount.target,
            read_only: mount.read_only,
            bind_options: None,
            volume_options: None,
        };
        match &mount.kind {
            MountKind::Bind {
                source,
                create,
                propagation,
                non_recursive,
            } => Some(Self {
                bind_options: Some(BindOptions {
                    propagation: propagation.map(longshore_core::Propagation::as_str),
                    non_recursive: *non_recursive,
                    create_mountpoint: *create,
                }),
                ..typed("bind", Some(source))
            }),
            MountKind::Volume {
                name,
                driver,
                options,
                labels,
                no_copy,
                subpath,
            } => Some(Self {
                volume_options: Some(VolumeOptions {
                    no_copy: *no_copy,
                    labels,
                    driver_config: (driver.is_some() || !options.0.is_empty()).then(|| Driver {
                        name: driver.as_deref().unwrap_or("local"),
                        options: &options.0,
                    }),
                    subpath: subpath.as_deref(),
                }),
                ..typed("volume", name.as_deref())
            }),
            _ => None,
        }
    }
}
