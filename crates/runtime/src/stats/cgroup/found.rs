//! The files of one container: found, proved to be its own, and read into counters.

use std::io;
use std::path::PathBuf;

use longshore_core::cgroup::{self, Controller, Membership, Version};
use longshore_core::{Counters, CpuCounters, MemoryCounters};

use super::file::{Buffer, Kept, KernelFile, Reading, once};
use super::{Kernel, Moment};
use crate::stats::target::{Attached, Target};

/// Limits change seldom, and most changes show in the inspection.
const LIMITS_EVERY: u32 = 60;

#[derive(Debug)]
pub(super) struct Found {
    time: (Version, KernelFile),
    /// Being held back; version 2 has it in the file of the time.
    held_back: Option<KernelFile>,
    memory: Option<(Version, KernelFile, KernelFile)>,
    block: Option<(Version, KernelFile)>,
    pids: Option<KernelFile>,
    network: Option<(KernelFile, usize)>,
    limits: Limits,
}

#[derive(Debug, Default)]
struct Limits {
    processor: Option<(Version, PathBuf)>,
    memory: Option<PathBuf>,
    age: u32,
    nano: Option<u64>,
    bytes: Option<u64>,
}

impl Found {
    /// Finds the files of a container; `None` when they are not there, or not proved to be its own.
    pub(super) fn find(kernel: &Kernel, target: &Target, buffer: &mut Buffer) -> Option<Self> {
        let pid = target.run.pid?;
        let text = once(kernel.process(pid, "cgroup"), buffer).ok()?;
        let membership = Membership::parse(text, &target.id)?;
        let directory = |controller| {
            let (version, directory) = kernel.mounts.directory(&membership, controller)?;
            Some((version, kernel.path(&directory)))
        };
        let kept = |path| KernelFile::new(path, Reading::Kept);
        let (version, account) = directory(Controller::CpuAccount)?;
        let time = match version {
            Version::V1 => account.join("cpuacct.usage"),
            Version::V2 => account.join("cpu.stat"),
        };
        let processor = directory(Controller::Cpu);
        let memory = directory(Controller::Memory);
        let names = |version| match version {
            Version::V1 => ["memory.usage_in_bytes", "memory.limit_in_bytes"],
            Version::V2 => ["memory.current", "memory.max"],
        };
        let limits = Limits {
            memory: memory
                .as_ref()
                .map(|(version, path)| path.join(names(*version)[1])),
            processor: processor.clone(),
            age: LIMITS_EVERY,
            ..Limits::default()
        };
        Some(Self {
            time: (version, kept(time)),
            held_back: processor
                .filter(|(of, _)| *of == Version::V1)
                .map(|(_, path)| kept(path.join("cpu.stat"))),
            memory: memory.map(|(version, path)| {
                let usage = path.join(names(version)[0]);
                (version, kept(usage), kept(path.join("memory.stat")))
            }),
            block: directory(Controller::Block).map(|(version, path)| (version, kept(block(version, &path)))),
            pids: directory(Controller::Pids).map(|(_, path)| kept(path.join("pids.current"))),
            network: network(kernel, target, pid, buffer)?,
            limits,
        })
    }

    /// Reads them all. `None` when there is no processor time: the cgroup has gone. Whatever else cannot be read is
    /// unknown.
    pub(super) fn read(
        &mut self,
        kernel: &Kernel,
        moment: &Moment,
        buffer: &mut Buffer,
        kept: &mut Kept,
    ) -> Option<Counters> {
        let text = self.time.1.read(buffer, kept).ok()?;
        let (total_ns, throttled_ns) = match self.time.0 {
            Version::V1 => (cgroup::number(text), None),
            Version::V2 => (
                cgroup::keyed_usec(text, "usage_usec"),
                cgroup::keyed_usec(text, "throttled_usec"),
            ),
        };
        total_ns?;
        let now = moment.now();
        let throttled_ns = throttled_ns.or_else(|| {
            let text = self.held_back.as_mut()?.read(buffer, kept).ok()?;
            cgroup::keyed(text, "throttled_time")
        });
        let memory = self.memory(buffer, kept);
        let block = self.block.as_mut().and_then(|(version, file)| {
            let text = file.read(buffer, kept).ok()?;
            Some(match version {
                Version::V1 => cgroup::block_v1(text),
                Version::V2 => cgroup::block_v2(text),
            })
        });
        let pids = self.pids.as_mut().and_then(|file| file.read(buffer, kept).ok());
        let pids = pids.and_then(cgroup::number);
        let network = self.network.as_mut().and_then(|(file, networks)| {
            let text = file.read(buffer, kept).ok()?;
            Some(cgroup::network(text, *networks))
        });
        self.limits.keep_current(kernel.memory, buffer);
        Some(Counters {
            at: now.0,
            steady: Some(now.1),
            cpu: CpuCounters {
                total_ns,
                system_ns: moment.processors.0,
                online: moment.processors.1,
                throttled_ns,
                limit_nano: self.limits.nano,
            },
            memory: MemoryCounters {
                limit: self.limits.bytes,
                ..memory
            },
            network: network.unwrap_or_default(),
            block: block.unwrap_or_default(),
            pids,
        })
    }

    fn memory(&mut self, buffer: &mut Buffer, kept: &mut Kept) -> MemoryCounters {
        let Some((version, usage, stat)) = &mut self.memory else {
            return MemoryCounters::default();
        };
        let key = match version {
            Version::V1 => "total_inactive_file",
            Version::V2 => "inactive_file",
        };
        let inactive_file = stat.read(buffer, kept).ok();
        let inactive_file = inactive_file.and_then(|text| cgroup::keyed(text, key));
        let usage = usage.read(buffer, kept).ok().and_then(cgroup::number);
        MemoryCounters {
            // Without the part that is not counted the figure would be too high, by all of the page cache.
            usage: inactive_file.and(usage),
            inactive_file,
            limit: None,
        }
    }

    /// Gives its descriptors back.
    pub(super) fn close(&mut self, kept: &mut Kept) {
        let memory = self.memory.iter_mut().flat_map(|(_, usage, stat)| [usage, stat]);
        let block = self.block.iter_mut().map(|(_, file)| file);
        let alone = self.held_back.iter_mut().chain(&mut self.pids);
        for file in memory.chain(block).chain(alone).chain([&mut self.time.1]) {
            file.close(kept);
        }
    }
}

impl Limits {
    fn keep_current(&mut self, host: Option<u64>, buffer: &mut Buffer) {
        self.age += 1;
        if self.age <= LIMITS_EVERY {
            return;
        }
        self.age = 0;
        self.nano = self.processor.as_ref().and_then(|(version, path)| match version {
            Version::V1 => {
                let quota = once(path.join("cpu.cfs_quota_us"), buffer).ok()?.to_owned();
                cgroup::cpu_quota(&quota, once(path.join("cpu.cfs_period_us"), buffer).ok()?)
            }
            Version::V2 => cgroup::cpu_max(once(path.join("cpu.max"), buffer).ok()?),
        });
        self.bytes = self.memory.as_ref().and_then(|path| {
            let text = once(path.clone(), buffer).ok()?;
            cgroup::memory_limit(text, host)
        });
    }
}

fn block(version: Version, directory: &std::path::Path) -> PathBuf {
    let recursive = directory.join("blkio.throttle.io_service_bytes_recursive");
    match version {
        Version::V2 => directory.join("io.stat"),
        Version::V1 if recursive.exists() => recursive,
        Version::V1 => directory.join("blkio.throttle.io_service_bytes"),
    }
}

/// The file of the container's network, or that it has none of its own; `None` when that cannot be told.
fn network(
    kernel: &Kernel,
    target: &Target,
    pid: u32,
    buffer: &mut Buffer,
) -> Option<Option<(KernelFile, usize)>> {
    let own = |networks| {
        let path = kernel.process(pid, "net/dev");
        Some(Some((KernelFile::new(path, Reading::Closed), networks)))
    };
    match (target.network, is_engines(kernel, pid, buffer)) {
        (Attached::Host, _) | (_, Ok(true)) => Some(None),
        (Attached::Own(networks), _) => own(networks),
        (Attached::Unclear, Ok(false)) => own(0),
        (Attached::Unclear, Err(_)) => None,
    }
}

/// Whether a container's main process is in the network of its parent, the shim or conmon, which is the engine's.
fn is_engines(kernel: &Kernel, pid: u32, buffer: &mut Buffer) -> io::Result<bool> {
    let parent = cgroup::parent(once(kernel.process(pid, "status"), buffer)?);
    let parent = parent.ok_or(io::ErrorKind::InvalidData)?;
    let of = |pid| std::fs::read_link(kernel.process(pid, "ns/net"));
    Ok(of(pid)? == of(parent)?)
}
