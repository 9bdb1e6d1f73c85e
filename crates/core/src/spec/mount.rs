//! What a container sees of other file systems: binds, volumes, memory.

use std::collections::BTreeMap;

use super::ContainerSpec;
use crate::{DriverOptions, Size};

/// Something from outside in a container's file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountSpec {
    /// Where in the container; absolute.
    pub target: String,
    /// Whether it cannot be written.
    pub read_only: bool,
    /// What it is.
    pub kind: MountKind,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MountKind {
    /// A file or folder of the engine's host.
    Bind {
        /// Its path there; absolute.
        source: String,
        /// Whether a missing folder is made; else it is an error.
        create: bool,
        /// How mounts below it come and go. Default: `rprivate`.
        propagation: Option<Propagation>,
        /// Whether mounts below it are left out. Needs API 1.40.
        non_recursive: bool,
    },
    /// A volume.
    Volume {
        /// Its name; `None` is a new one that goes with the container. A missing one is made.
        name: Option<String>,
        /// The driver of one that is made. Default: `local`.
        driver: Option<String>,
        /// Options for that driver. May hold secrets of what it connects to.
        options: DriverOptions,
        /// Labels of one that is made.
        labels: BTreeMap<String, String>,
        /// Whether what the image has at the target is left out of a new volume.
        no_copy: bool,
        /// A folder in it, instead of its root. Needs API 1.45.
        subpath: Option<String>,
    },
    /// Memory that is gone when the container ends.
    Tmpfs {
        /// At most so much. Default: half of the memory.
        size: Option<Size>,
        /// Permission bits of its root. Default: `0o1777`.
        mode: Option<u32>,
        /// Further options of the kernel, such as `noexec` or `uid=1000`.
        options: Vec<String>,
    },
}

/// How mounts below a bind are told between host and container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the kernel's own words")]
pub enum Propagation {
    Private,
    RPrivate,
    Shared,
    RShared,
    Slave,
    RSlave,
}

impl Propagation {
    /// The kernel's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::RPrivate => "rprivate",
            Self::Shared => "shared",
            Self::RShared => "rshared",
            Self::Slave => "slave",
            Self::RSlave => "rslave",
        }
    }
}

impl MountSpec {
    fn of(target: impl Into<String>, kind: MountKind) -> Self {
        Self {
            target: target.into(),
            read_only: false,
            kind,
        }
    }

    /// A file or folder of the host that is there.
    pub fn bind(source: impl Into<String>, target: impl Into<String>) -> Self {
        let kind = MountKind::Bind {
            source: source.into(),
            create: false,
            propagation: None,
            non_recursive: false,
        };
        Self::of(target, kind)
    }

    /// A volume by its name, made when it is missing.
    pub fn volume(name: impl Into<String>, target: impl Into<String>) -> Self {
        Self::of(target, volume(Some(name.into())))
    }

    /// A new volume that goes with the container.
    pub fn anonymous(target: impl Into<String>) -> Self {
        Self::of(target, volume(None))
    }

    /// Memory that is gone when the container ends.
    pub fn tmpfs(target: impl Into<String>) -> Self {
        let kind = MountKind::Tmpfs {
            size: None,
            mode: None,
            options: Vec::new(),
        };
        Self::of(target, kind)
    }

    /// Makes it read-only.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// Makes the folder of a bind when it is missing; nothing for others.
    #[must_use]
    pub fn create_source(mut self) -> Self {
        if let MountKind::Bind { create, .. } = &mut self.kind {
            *create = true;
        }
        self
    }

    /// Sets a bind's propagation; nothing for others.
    #[must_use]
    pub fn propagation(mut self, how: Propagation) -> Self {
        if let MountKind::Bind { propagation, .. } = &mut self.kind {
            *propagation = Some(how);
        }
        self
    }

    /// Takes a folder of a volume instead of its root; nothing for others.
    #[must_use]
    pub fn subpath(mut self, path: impl Into<String>) -> Self {
        if let MountKind::Volume { subpath, .. } = &mut self.kind {
            *subpath = Some(path.into());
        }
        self
    }

    /// Sets the size of a tmpfs; nothing for others.
    #[must_use]
    pub fn size(mut self, most: impl Into<Size>) -> Self {
        if let MountKind::Tmpfs { size, .. } = &mut self.kind {
            *size = Some(most.into());
        }
        self
    }

    /// Sets the permission bits of a tmpfs; nothing for others.
    #[must_use]
    pub fn mode(mut self, bits: u32) -> Self {
        if let MountKind::Tmpfs { mode, .. } = &mut self.kind {
            *mode = Some(bits);
        }
        self
    }

    /// Adds an option of a tmpfs, such as `noexec`; nothing for others.
    #[must_use]
    pub fn option(mut self, option: impl Into<String>) -> Self {
        if let MountKind::Tmpfs { options, .. } = &mut self.kind {
            options.push(option.into());
        }
        self
    }
}

fn volume(name: Option<String>) -> MountKind {
    MountKind::Volume {
        name,
        driver: None,
        options: DriverOptions::default(),
        labels: BTreeMap::new(),
        no_copy: false,
        subpath: None,
    }
}

impl ContainerSpec {
    /// Adds a mount.
    #[must_use]
    pub fn mount(mut self, mount: MountSpec) -> Self {
        self.mounts.push(mount);
        self
    }

    /// Mounts a file or folder of the host.
    #[must_use]
    pub fn bind(self, source: impl Into<String>, target: impl Into<String>) -> Self {
        self.mount(MountSpec::bind(source, target))
    }

    /// Mounts a file or folder of the host, read-only.
    #[must_use]
    pub fn bind_read_only(self, source: impl Into<String>, target: impl Into<String>) -> Self {
        self.mount(MountSpec::bind(source, target).read_only())
    }

    /// Mounts a named volume, made when it is missing.
    #[must_use]
    pub fn volume(self, name: impl Into<String>, target: impl Into<String>) -> Self {
        self.mount(MountSpec::volume(name, target))
    }

    /// Mounts a new volume that goes with the container.
    #[must_use]
    pub fn anonymous_volume(self, target: impl Into<String>) -> Self {
        self.mount(MountSpec::anonymous(target))
    }

    /// Mounts memory.
    #[must_use]
    pub fn tmpfs(self, target: impl Into<String>) -> Self {
        self.mount(MountSpec::tmpfs(target))
    }

    /// Gives it the mounts of another container.
    #[must_use]
    pub fn volumes_from(mut self, container: impl Into<String>) -> Self {
        self.volumes_from.push(container.into());
        self
    }

    /// Sets [`Self::shm_size`].
    #[must_use]
    pub fn shm_size(mut self, size: impl Into<Size>) -> Self {
        self.shm_size = Some(size.into());
        self
    }

    /// Sets [`Self::read_only_root`].
    #[must_use]
    pub fn read_only_root(mut self, read_only: bool) -> Self {
        self.read_only_root = read_only;
        self
    }
}
