//! What real kernels and engines said of a container at the same moment, recorded on a machine of cgroup version 2.
//!
//! The texts are in `recorded/`, whose README says where they come from and how to record them again. While one was recorded
//! its container was paused, so that the kernel's files and the engine's answer are of the same counters.

use std::io;
use std::path::Path;
use std::time::Duration;

/// One container, at one moment or more.
#[derive(Debug, Clone)]
pub struct Recording {
    /// The engine, its cgroup driver and the load: `docker-28.5-cgroupfs-load`.
    pub name: &'static str,
    /// Oldest first.
    pub moments: Vec<Moment>,
}

/// What was said at one moment.
#[derive(Debug, Clone)]
pub struct Moment {
    /// Since the machine's start, by the kernel's clock.
    pub clock: Duration,
    /// The container's id.
    pub id: &'static str,
    /// The container's main process.
    pub pid: u32,
    /// How many networks it is on.
    pub networks: usize,
    /// The engine's answer to `GET /containers/<id>/stats?stream=false&one-shot=1`.
    pub answer: &'static str,
    files: Vec<(&'static str, &'static str)>,
}

macro_rules! recordings {
    ($($name:literal),* $(,)?) => {
        vec![$(recording($name, include_str!(concat!("../recorded/", $name, ".txt")))),*]
    };
}

/// All of them.
#[must_use]
pub fn cgroup_v2() -> Vec<Recording> {
    recordings![
        "docker-20.10-systemd-load",
        "docker-20.10-systemd-idle",
        "docker-28.5-cgroupfs-load",
        "docker-28.5-cgroupfs-idle",
        "podman-4.3-systemd-load",
        "podman-4.3-systemd-idle",
    ]
}

fn recording(name: &'static str, text: &'static str) -> Recording {
    Recording {
        name,
        moments: text.split("# moment ").skip(1).map(moment).collect(),
    }
}

fn moment(text: &'static str) -> Moment {
    let parts = text.split("\n== ").skip(1);
    let mut files: Vec<_> = parts
        .map(|part| part.split_once('\n').unwrap_or((part, "")))
        .collect();
    // What is no file of the kernel has no slash in its name.
    let mut said = files
        .extract_if(.., |(name, _)| !name.contains('/'))
        .map(|(_, text)| text);
    let mut next = || said.next().unwrap_or_default().trim();
    let (clock, id, pid, networks, answer) = (next(), next(), next(), next(), next());
    drop(said);
    Moment {
        clock: Duration::from_secs_f64(clock.parse().unwrap_or_default()),
        id,
        pid: pid.parse().unwrap_or_default(),
        networks: networks.parse().unwrap_or_default(),
        answer,
        files,
    }
}

impl Moment {
    /// The text of the kernel's file whose path ends so; `None` when there was no such file.
    #[must_use]
    pub fn file(&self, end: &str) -> Option<&'static str> {
        let found = self.files.iter().find(|(path, _)| path.ends_with(end))?;
        Some(found.1)
    }

    /// Makes `root` a file system with the kernel's files in it, in place of what another moment left there.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn lay_out(&self, root: &Path) -> io::Result<()> {
        for (path, text) in &self.files {
            let path = root.join(path);
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            if path.ends_with("ns/net") {
                if path.is_symlink() {
                    std::fs::remove_file(&path)?;
                }
                std::os::unix::fs::symlink(text.trim(), path)?;
            } else {
                std::fs::write(path, text)?;
            }
        }
        Ok(())
    }
}
