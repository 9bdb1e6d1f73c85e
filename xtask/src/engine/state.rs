//! What is written down about a running engine, and the lock that keeps two of us from starting one at once.
//! Whether the engine answers is asked elsewhere.

use std::fs::{self, File, TryLockError};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use super::Kind;
use crate::places;

/// One engine that was started, as its state file has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Running {
    pub(crate) kind: Kind,
    pub(crate) version: String,
    pub(crate) api_version: String,
    pub(crate) socket: PathBuf,
    /// Where published ports answer.
    pub(crate) address: Ipv4Addr,
    pub(crate) pid: i32,
    /// The daemon's start in clock ticks since boot: with the pid it names one process for good.
    pub(crate) started: u64,
}

impl Running {
    pub(crate) fn docker_host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// True while the very process that was started lives.
    pub(crate) fn is_alive(&self) -> bool {
        start_of(self.pid) == Some(self.started)
    }
}

/// The start of a process in clock ticks since boot; none when there is no such process or it is a zombie.
pub(super) fn start_of(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command's name may hold blanks and parentheses: fields are counted from the last one.
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace();
    if fields.next()? == "Z" {
        return None;
    }
    // proc(5): state is field 3, starttime field 22.
    fields.nth(18)?.parse().ok()
}

/// The folder of one kind of engine inside the cache.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) dir: PathBuf,
    /// Names the network namespace and the link: one a cache folder and kind.
    pub(crate) tag: String,
    lock: PathBuf,
}

impl Place {
    pub(crate) fn of(cache: &Path, kind: Kind) -> Self {
        let engines = cache.join("engines");
        Self {
            dir: engines.join(kind.name()),
            tag: format!("{}-{}", places::cache_tag(cache), kind.name()),
            lock: engines.join(format!("{kind}.lock")),
        }
    }

    /// Makes the folder, and refuses one whose sockets could not be bound.
    pub(super) fn check(&self) -> Result<()> {
        // sun_path holds 108 bytes; the longest socket of ours is <dir>/exec/containerd/containerd-debug.sock.
        const LONGEST: usize = 107 - "/exec/containerd/containerd-debug.sock".len();
        if self.dir.as_os_str().len() > LONGEST {
            bail!(
                "{} is too long for unix sockets: set LONGSHORE_CACHE to a shorter folder",
                self.dir.display()
            );
        }
        fs::create_dir_all(&self.dir).with_context(|| format!("cannot make {}", self.dir.display()))
    }

    pub(super) fn read(&self) -> Option<Running> {
        serde_json::from_slice(&fs::read(self.dir.join("state.json")).ok()?).ok()
    }

    pub(super) fn write(&self, running: &Running) -> Result<()> {
        fs::write(self.dir.join("state.json"), serde_json::to_vec_pretty(running)?)
            .with_context(|| format!("cannot write to {}", self.dir.display()))
    }
}

/// Held while an engine is started or ended; released by the kernel when we die.
#[derive(Debug)]
pub(super) struct Lock(#[allow(dead_code, reason = "held, not read")] File);

impl Lock {
    pub(super) async fn take(place: &Place) -> Result<Self> {
        take_file(&place.lock).await.map(Self)
    }
}

/// Locks the file at `path`, making it first, and waits up to ten minutes for another holder.
pub(super) async fn take_file(path: &Path) -> Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let file = File::create(path).with_context(|| format!("cannot make {}", path.display()))?;
    for turn in 0..6_000_u32 {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {
                if turn == 0 {
                    eprintln!("waiting for another xtask ({})", path.display());
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).context(format!("cannot lock {}", path.display()));
            }
        }
    }
    bail!("another xtask has held {} for ten minutes", path.display())
}
