//! Counters from the files of the kernel, for containers of an engine on it.
//!
//! Owns which containers can be read so, and how many descriptors that takes. What the files say is
//! `longshore_core::cgroup`'s; when they are read, and what else can be done, is the round's. Everything here blocks.

mod file;
mod found;
#[cfg(test)]
mod recorded_tests;
#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use longshore_core::cgroup::{self, Mounts};
use longshore_core::{ContainerId, Counters, Timestamp};

use self::file::{Buffer, Kept, KernelFile, Reading, once};
use self::found::Found;
use super::target::{Run, Target};

/// Kept when the process may open without end.
const MOST_KEPT: u64 = 8_192;
/// A container that could not be read is tried again after so many rounds: its cgroup may have come late.
const AGAIN_AFTER: u32 = 10;
/// The host's processors are read anew after so many containers, some millisecond.
const PROCESSORS_EVERY: usize = 32;

/// Reads counters of containers. It belongs to one blocking call at a time and keeps descriptors between them.
#[derive(Debug)]
pub(super) struct CgroupReader {
    root: PathBuf,
    most: Option<usize>,
    began: Instant,
    kernel: Option<Kernel>,
    known: HashMap<ContainerId, Known>,
    kept: Kept,
    buffer: Buffer,
    round: u64,
}

/// What holds for all containers.
#[derive(Debug)]
struct Kernel {
    root: PathBuf,
    mounts: Mounts,
    memory: Option<u64>,
    processors: KernelFile,
}

/// When something is read, and what the host's processors had done by then.
#[derive(Debug)]
struct Moment {
    began: Instant,
    processors: (Option<u64>, Option<u32>),
}

#[derive(Debug)]
struct Known {
    run: Run,
    /// `None`: it cannot be read.
    found: Option<Box<Found>>,
    refused: u32,
    round: u64,
}

impl Kernel {
    fn path(&self, absolute: &str) -> PathBuf {
        self.root.join(absolute.trim_start_matches('/'))
    }

    fn process(&self, pid: u32, file: &str) -> PathBuf {
        self.root.join(format!("proc/{pid}/{file}"))
    }
}

impl Moment {
    fn now(&self) -> (Timestamp, Duration) {
        (Timestamp::from(SystemTime::now()), self.began.elapsed())
    }
}

impl CgroupReader {
    /// A reader of the file system under `root`, which keeps at most so many descriptors. Reads nothing yet.
    pub(super) fn new(root: PathBuf, most: Option<usize>) -> Self {
        Self {
            root,
            most,
            began: Instant::now(),
            kernel: None,
            known: HashMap::new(),
            kept: Kept::default(),
            buffer: Buffer::default(),
            round: 0,
        }
    }

    /// Reads all of `targets`, and forgets all others. `None` for those that cannot be read.
    pub(super) fn read(&mut self, targets: Vec<Target>) -> Vec<(ContainerId, Option<Counters>)> {
        let mut kernel = match self.kernel.take() {
            Some(kernel) => kernel,
            None => self.look(),
        };
        self.round += 1;
        let mut moment = Moment {
            began: self.began,
            processors: (None, None),
        };
        let mut read = Vec::with_capacity(targets.len());
        for (number, target) in targets.into_iter().enumerate() {
            if number % PROCESSORS_EVERY == 0 {
                let text = kernel.processors.read(&mut self.buffer, &mut self.kept);
                moment.processors = text.map(cgroup::processors).unwrap_or_default();
            }
            let counters = self.read_one(&kernel, &moment, &target);
            if self.kept.is_exhausted {
                self.give_up_descriptors();
                kernel.processors.close(&mut self.kept);
            }
            read.push((target.id, counters));
        }
        let (round, kept) = (self.round, &mut self.kept);
        self.known.retain(|_, known| {
            let is_current = known.round == round;
            if let Some(found) = known.found.as_mut().filter(|_| !is_current) {
                found.close(kept);
            }
            is_current
        });
        self.kernel = Some(kernel);
        read
    }

    fn look(&mut self) -> Kernel {
        let mut text = |name: &str| once(self.root.join(name), &mut self.buffer).map(str::to_owned);
        let mounts = text("proc/self/mountinfo").map(|text| Mounts::parse(&text));
        let memory = text("proc/meminfo")
            .ok()
            .and_then(|text| cgroup::host_memory(&text));
        let limit = text("proc/self/limits")
            .ok()
            .and_then(|text| cgroup::open_files_limit(&text));
        let quarter = limit.map_or(MOST_KEPT, |limit| (limit / 4).min(MOST_KEPT));
        self.kept.most = self.most.unwrap_or(usize::try_from(quarter).unwrap_or(0));
        Kernel {
            mounts: mounts.unwrap_or_default(),
            memory,
            processors: KernelFile::new(self.root.join("proc/stat"), Reading::Kept),
            root: self.root.clone(),
        }
    }

    fn read_one(&mut self, kernel: &Kernel, moment: &Moment, target: &Target) -> Option<Counters> {
        let known = self.known.entry(target.id.clone()).or_insert_with(|| Known {
            run: target.run,
            found: None,
            refused: AGAIN_AFTER,
            round: 0,
        });
        known.round = self.round;
        if known.run != target.run {
            known.run = target.run;
            known.refused = AGAIN_AFTER;
            if let Some(mut found) = known.found.take() {
                found.close(&mut self.kept);
            }
        }
        if known.found.is_none() {
            known.refused += 1;
            if known.refused <= AGAIN_AFTER {
                return None;
            }
            known.refused = 0;
            known.found = Found::find(kernel, target, &mut self.buffer).map(Box::new);
        }
        let found = known.found.as_mut()?;
        let counters = found.read(kernel, moment, &mut self.buffer, &mut self.kept);
        if counters.is_none() {
            found.close(&mut self.kept);
            known.found = None;
        }
        counters
    }

    /// Others need descriptors more than we do.
    fn give_up_descriptors(&mut self) {
        tracing::warn!(
            kept = self.kept.open,
            "no descriptors left: files of cgroups are opened anew each time"
        );
        for known in self.known.values_mut() {
            if let Some(found) = &mut known.found {
                found.close(&mut self.kept);
            }
        }
        self.kept.most = 0;
        self.kept.is_exhausted = false;
    }
}
