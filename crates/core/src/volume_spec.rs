//! What a volume is to be, and in what an existing one differs from that.

use std::collections::BTreeMap;
use std::fmt;

use crate::{DriverOptions, InvalidSpec, ObjectRef, Volume, labels};

/// The driver that every engine has.
const LOCAL: &str = "local";

/// What the engine's own driver mounts as a volume, instead of a folder of its own.
#[derive(Clone, PartialEq, Eq)]
pub enum VolumeSource {
    /// A folder of an NFS server.
    Nfs {
        /// The server's name or address.
        server: String,
        /// The folder there.
        path: String,
        /// Mount options, such as `rw,nfsvers=4`; may be empty. They may hold a secret: covered in `Debug`.
        options: String,
    },
    /// Memory, empty after every stop of its last container.
    Tmpfs {
        /// Bytes at most; `None` is half of the host's memory, the kernel's own default.
        size: Option<u64>,
    },
    /// A folder of the engine's host, which must be there when a container starts.
    Bind {
        /// Its path.
        path: String,
    },
}

impl VolumeSource {
    fn options(&self) -> BTreeMap<String, String> {
        let (kind, device, options) = match self {
            Self::Nfs {
                server,
                path,
                options,
            } => {
                let comma = if options.is_empty() { "" } else { "," };
                let options = format!("addr={server}{comma}{options}");
                ("nfs", format!(":{path}"), Some(options))
            }
            Self::Tmpfs { size } => {
                let size = size.map(|bytes| format!("size={bytes}"));
                ("tmpfs", "tmpfs".to_owned(), size)
            }
            Self::Bind { path } => ("none", path.clone(), Some("bind".to_owned())),
        };
        let mut all = BTreeMap::from([
            ("type".to_owned(), kind.to_owned()),
            ("device".to_owned(), device),
        ]);
        all.extend(options.map(|options| ("o".to_owned(), options)));
        all
    }

    fn check(&self) -> Result<(), InvalidSpec> {
        let absolute = |path: &str| match path.starts_with('/') && !path.contains(char::is_control) {
            true => Ok(()),
            false => Err(InvalidSpec::new(format!("source: {path:?} is no absolute path"))),
        };
        match self {
            Self::Nfs {
                server,
                path,
                options,
            } => {
                // A comma would begin a mount option.
                let odd = |c: char| c == ',' || c.is_whitespace() || c.is_control();
                if server.is_empty() || server.contains(odd) {
                    return Err(InvalidSpec::new(format!("source: {server:?} is no server")));
                }
                if options.contains(char::is_control) {
                    return Err(InvalidSpec::new(
                        "source: the mount options hold a control character",
                    ));
                }
                absolute(path)
            }
            Self::Tmpfs { size: Some(0) } => Err(InvalidSpec::new(
                "source: a tmpfs of 0 bytes is one without a limit",
            )),
            Self::Tmpfs { .. } => Ok(()),
            Self::Bind { path } => absolute(path),
        }
    }
}

impl fmt::Debug for VolumeSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nfs { server, path, .. } => f
                .debug_struct("Nfs")
                .field("server", server)
                .field("path", path)
                .finish_non_exhaustive(),
            Self::Tmpfs { size } => f.debug_struct("Tmpfs").field("size", size).finish(),
            Self::Bind { path } => f.debug_struct("Bind").field("path", path).finish(),
        }
    }
}

/// A volume to create. Public fields, chained methods for the common ones.
///
/// ```
/// use longshore_core::VolumeSpec;
/// let spec = VolumeSpec::new("data").nfs("10.0.0.5", "/exports/data", "rw,nfsvers=4");
/// assert_eq!(spec.driver_options().0["o"], "addr=10.0.0.5,rw,nfsvers=4");
/// assert!(spec.check().is_ok());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VolumeSpec {
    /// Its name; `None` lets the engine make one up.
    pub name: Option<String>,
    /// What keeps it; `None` is the engine itself (`local`).
    pub driver: Option<String>,
    /// What `local` mounts as the volume; `None` is a folder of its own.
    pub source: Option<VolumeSource>,
    /// Options for the driver, beside those that the source makes.
    pub options: DriverOptions,
    /// Labels; [`VolumeSpec::new`] and [`VolumeSpec::anonymous`] put ours there.
    pub labels: BTreeMap<String, String>,
}

impl VolumeSpec {
    /// A folder that the engine keeps, with the labels that mark it as ours.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: Some(name.into()),
            ..Self::anonymous()
        }
    }

    /// The same, named by the engine.
    pub fn anonymous() -> Self {
        Self {
            labels: labels::ours(),
            ..Self::default()
        }
    }

    /// Sets [`Self::driver`].
    #[must_use]
    pub fn driver(mut self, driver: impl Into<String>) -> Self {
        self.driver = Some(driver.into());
        self
    }

    /// A folder of an NFS server; `options` are mount options and may be empty.
    #[must_use]
    pub fn nfs(
        mut self,
        server: impl Into<String>,
        path: impl Into<String>,
        options: impl Into<String>,
    ) -> Self {
        self.source = Some(VolumeSource::Nfs {
            server: server.into(),
            path: path.into(),
            options: options.into(),
        });
        self
    }

    /// Memory, at most so many bytes.
    #[must_use]
    pub fn tmpfs(mut self, size: impl Into<Option<u64>>) -> Self {
        self.source = Some(VolumeSource::Tmpfs { size: size.into() });
        self
    }

    /// A folder of the engine's host.
    #[must_use]
    pub fn bind(mut self, path: impl Into<String>) -> Self {
        self.source = Some(VolumeSource::Bind { path: path.into() });
        self
    }

    /// Adds an option of the driver.
    #[must_use]
    pub fn option(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.0.insert(key.into(), value.into());
        self
    }

    /// Adds a label.
    #[must_use]
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }

    /// The driver's options as they are sent: those that the source makes, and then [`Self::options`].
    pub fn driver_options(&self) -> DriverOptions {
        let mut all = self
            .source
            .as_ref()
            .map(VolumeSource::options)
            .unwrap_or_default();
        all.extend(self.options.0.clone());
        DriverOptions(all)
    }

    /// Finds what an engine would refuse, before anything is sent.
    ///
    /// # Errors
    /// [`InvalidSpec`] says which field, and why.
    pub fn check(&self) -> Result<(), InvalidSpec> {
        if let Some(name) = &self.name
            && (name.len() < 2 || ObjectRef::new(name).is_err())
        {
            return Err(InvalidSpec::new(format!(
                "name {name:?}: at least two of letters, digits, '_', '.' and '-', the first a letter or a digit"
            )));
        }
        if self.driver.as_ref().is_some_and(String::is_empty) {
            return Err(InvalidSpec::new("driver: it is empty"));
        }
        if self.source.is_some() && self.driver.as_ref().is_some_and(|driver| driver != LOCAL) {
            return Err(InvalidSpec::new("source: only the driver local mounts one"));
        }
        if self
            .options
            .0
            .keys()
            .chain(self.labels.keys())
            .any(String::is_empty)
        {
            return Err(InvalidSpec::new("options, labels: one has no name"));
        }
        self.source.as_ref().map_or(Ok(()), VolumeSource::check)
    }

    /// In what an existing volume differs from this spec; `None` when it is what is wanted. Labels that it has beyond
    /// the spec's, and our own, make no difference. Values of options are not in the text.
    pub fn difference(&self, volume: &Volume) -> Option<String> {
        let mut found = Vec::new();
        let driver = self.driver.as_deref().unwrap_or(LOCAL);
        if driver != &*volume.driver {
            found.push(format!("driver is {}, not {driver}", volume.driver));
        }
        let (wanted, is) = (self.driver_options().0, &volume.options.0);
        for key in wanted.keys().filter(|key| is.get(*key) != wanted.get(*key)) {
            found.push(format!("option {key} is another"));
        }
        for key in is.keys().filter(|key| !wanted.contains_key(*key)) {
            found.push(format!("it has an option {key}"));
        }
        for (key, value) in &self.labels {
            if !key.starts_with(labels::PREFIX) && volume.labels.get(key) != Some(value) {
                found.push(format!(
                    "label {key} is {:?}, not {value:?}",
                    volume.labels.get(key)
                ));
            }
        }
        (!found.is_empty()).then(|| found.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scope;

    #[test]
    fn sources_are_options_of_the_local_driver() {
        let options = |spec: VolumeSpec| {
            let all = spec.driver_options().0;
            let all: Vec<_> = all.iter().map(|(key, value)| format!("{key}={value}")).collect();
            all.join(" ")
        };
        let base = VolumeSpec::new("data");
        assert_eq!(options(base.clone()), "");
        assert_eq!(
            options(base.clone().nfs("nas", "/x", "")),
            "device=:/x o=addr=nas type=nfs"
        );
        assert_eq!(
            options(base.clone().tmpfs(1 << 20)),
            "device=tmpfs o=size=1048576 type=tmpfs"
        );
        assert_eq!(options(base.clone().tmpfs(None)), "device=tmpfs type=tmpfs");
        assert_eq!(options(base.bind("/srv")), "device=/srv o=bind type=none");
    }

    #[test]
    fn a_spec_that_no_engine_takes_names_its_field() {
        let base = VolumeSpec::new("data");
        assert_eq!(base.check(), Ok(()));
        assert_eq!(VolumeSpec::anonymous().check(), Ok(()));
        let text = |spec: VolumeSpec| spec.check().unwrap_err().to_string();
        for name in ["", "a", "../x", "a/b", "a b"] {
            assert!(text(VolumeSpec::new(name)).starts_with("name"), "{name}");
        }
        assert!(text(base.clone().driver("")).starts_with("driver"));
        for spec in [
            base.clone().tmpfs(1).driver("other"),
            base.clone().tmpfs(0),
            base.clone().bind("relative"),
            base.clone().nfs("", "/x", ""),
            base.clone().nfs("nas,exec", "/x", ""),
            base.clone().nfs("nas", "x", ""),
            base.clone().nfs("nas", "/x", "rw\0"),
        ] {
            assert!(text(spec).starts_with("source"));
        }
        assert!(text(base.option("", "x")).starts_with("options"));
    }

    #[test]
    fn differences_are_named_without_an_options_value() {
        let volume = Volume {
            name: "data".to_owned(),
            driver: "local".into(),
            mountpoint: String::new(),
            created: None,
            scope: Scope::Local,
            options: DriverOptions(BTreeMap::from([("o".to_owned(), "password=hunter2".to_owned())])),
            labels: BTreeMap::new(),
            usage: None,
        };
        let spec = VolumeSpec::new("data").option("o", "password=hunter2");
        assert_eq!(spec.difference(&volume), None);
        let other = VolumeSpec::new("data")
            .driver("nfs")
            .option("o", "password=swordfish")
            .label("app", "shop");
        assert_eq!(
            other.difference(&volume).unwrap(),
            "driver is local, not nfs; option o is another; label app is None, not \"shop\""
        );
        assert_eq!(
            VolumeSpec::new("data").difference(&volume).unwrap(),
            "it has an option o"
        );
        let secret = VolumeSpec::new("data").nfs("nas", "/x", "password=hunter2");
        assert!(!format!("{secret:?}{volume:?}").contains("hunter2"));
    }
}
