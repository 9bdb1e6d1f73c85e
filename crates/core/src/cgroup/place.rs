//! Where a container's cgroup is, from two texts of the kernel: what is mounted, and where a process is.
//!
//! Owns the proof that a process belongs to a container of a known id, and the path of the container's own cgroup, which
//! may lie above the process's. Reads nothing.

use crate::ContainerId;

/// Digits of a container's id as engines make it: random, so that a path which bears it proves whose it is.
const ID_DIGITS: usize = 64;
/// The cgroup that crun puts a container into, below the one that systemd made for it.
const CRUNS: &str = "container";

/// A version of cgroups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// A hierarchy for each controller, or for some together.
    V1,
    /// One hierarchy.
    V2,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Controller {
    /// Processor limits and being held back.
    Cpu,
    /// Processor time. Version 2 has it in `cpu.stat`, even where the controller is off.
    CpuAccount,
    /// Memory.
    Memory,
    /// Block devices.
    Block,
    /// Processes and threads.
    Pids,
}

impl Controller {
    /// The name that version 1 mounts and lists it under.
    fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::CpuAccount => "cpuacct",
            Self::Memory => "memory",
            Self::Block => "blkio",
            Self::Pids => "pids",
        }
    }
}

/// The hierarchies that are mounted, of `/proc/self/mountinfo`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mounts(Vec<Mount>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Mount {
    version: Version,
    /// Version 1's, as they are listed: `cpu,cpuacct`, among options of the mount.
    controllers: String,
    /// The part of the hierarchy that is mounted.
    root: String,
    point: String,
}

impl Mounts {
    /// Reads the lines of cgroups and leaves out all others.
    pub fn parse(mountinfo: &str) -> Self {
        Self(mountinfo.lines().filter_map(Mount::parse).collect())
    }

    /// Whether none is mounted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The directory where the files of `controller` are for the container that `membership` is of; `None` when it cannot
    /// be seen from here.
    pub fn directory(&self, membership: &Membership, controller: Controller) -> Option<(Version, String)> {
        let of = |version| {
            let path = membership.path(version, controller)?;
            let mut fitting = self
                .0
                .iter()
                .filter(|mount| mount.version == version && mount.has(controller));
            Some((version, fitting.find_map(|mount| mount.locate(path))?))
        };
        of(Version::V1).or_else(|| of(Version::V2))
    }
}

impl Mount {
    fn parse(line: &str) -> Option<Self> {
        let (place, file_system) = line.split_once(" - ")?;
        let mut file_system = file_system.split(' ');
        let version = match file_system.next()? {
            "cgroup" => Version::V1,
            "cgroup2" => Version::V2,
            _ => return None,
        };
        let mut place = place.split(' ').skip(3);
        let (root, point) = (unescaped(place.next()?), unescaped(place.next()?));
        Some(Self {
            version,
            controllers: file_system.nth(1).unwrap_or_default().to_owned(),
            root,
            point,
        })
    }

    fn has(&self, controller: Controller) -> bool {
        self.version == Version::V2 || self.controllers.split(',').any(|name| name == controller.name())
    }

    /// Where a path of the hierarchy is seen.
    fn locate(&self, path: &str) -> Option<String> {
        let below = match self.root.as_str() {
            "/" => path,
            root => path
                .strip_prefix(root)
                .filter(|rest| rest.is_empty() || rest.starts_with('/'))?,
        };
        Some(format!("{}{below}", self.point.trim_end_matches('/')))
    }
}

/// Where the kernel has put a container: what the cgroups of one of its processes prove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// Controllers of version 1 as listed, empty for version 2; and the container's path.
    paths: Vec<(Version, String, String)>,
}

impl Membership {
    /// Reads `/proc/<pid>/cgroup`. Only the hierarchies count whose path names the whole `id`; a path leads to the
    /// component that does, wherever below it the process is (crun's `container` below a scope of Podman's counts as it). `None` when there is none: the process is not known to be
    /// of this container.
    ///
    /// ```
    /// use longshore_core::cgroup::{Controller, Membership, Mounts, Version};
    /// let id = "4f0c".repeat(16).parse()?;
    /// let mounts = Mounts::parse("41 31 0:38 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw\n");
    /// let text = format!("0::/system.slice/docker-{id}.scope/init\n");
    /// let membership = Membership::parse(&text, &id).unwrap();
    /// let (version, directory) = mounts.directory(&membership, Controller::Memory).unwrap();
    /// assert_eq!(version, Version::V2);
    /// assert_eq!(directory, format!("/sys/fs/cgroup/system.slice/docker-{id}.scope"));
    /// # Ok::<(), longshore_core::InvalidRef>(())
    /// ```
    pub fn parse(text: &str, id: &ContainerId) -> Option<Self> {
        let id = id.as_str();
        let is_whole = id.len() == ID_DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_whole {
            return None;
        }
        let mut paths = Vec::new();
        for line in text.lines() {
            let mut parts = line.splitn(3, ':');
            let (Some(hierarchy), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next())
            else {
                continue;
            };
            let version = match (hierarchy, controllers) {
                ("0", "") => Version::V2,
                (_, "") => continue,
                _ => Version::V1,
            };
            if let Some(own) = up_to(path, id) {
                paths.push((version, controllers.to_owned(), own.to_owned()));
            }
        }
        Some(Self { paths }).filter(|membership| !membership.paths.is_empty())
    }

    fn path(&self, version: Version, controller: Controller) -> Option<&str> {
        let fits = |controllers: &str| {
            version == Version::V2 || controllers.split(',').any(|name| name == controller.name())
        };
        self.paths
            .iter()
            .find(|(of, controllers, _)| *of == version && fits(controllers))
            .map(|(_, _, path)| path.as_str())
    }
}

/// The path up to the first component that names `id`, and into what crun makes below the scope of a Podman container: the
/// limits are there, and what they hold back is counted there alone. A path with `..` leads out of what we can see.
fn up_to<'a>(path: &'a str, id: &str) -> Option<&'a str> {
    if !path.starts_with('/') || path.split('/').any(|component| component == "..") {
        return None;
    }
    let mut end = 0;
    let mut components = path.split('/').peekable();
    while let Some(component) = components.next() {
        end += component.len();
        if names(component, id) {
            let is_below = component.starts_with("libpod-") && components.peek() == Some(&CRUNS);
            let own = if is_below { end + 1 + CRUNS.len() } else { end };
            return path.get(..own);
        }
        end += 1;
    }
    None
}

/// Whether a component is the id, or has it between other signs (`docker-<id>.scope`).
fn names(component: &str, id: &str) -> bool {
    let Some((before, after)) = component.split_once(id) else {
        return false;
    };
    let is_edge = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric());
    is_edge(before.chars().next_back()) && is_edge(after.chars().next())
}

/// Undoes the kernel's `\040`.
fn unescaped(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part
            .get(..3)
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code.filter(u8::is_ascii) {
            Some(code) => {
                whole.push(char::from(code));
                whole.push_str(part.get(3..).unwrap_or_default());
            }
            None => {
                whole.push('\\');
                whole.push_str(part);
            }
        }
    }
    whole
}
