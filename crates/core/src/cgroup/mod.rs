//! What the kernel writes of a container: the files of its cgroup (both versions) and of its main process.
//!
//! Owns their syntax. Text goes in and figures come out; what is not there, or makes no sense, is `None` and never zero.
//! Where the files are is [`Mounts`]' and [`Membership`]'s; reading them is `longshore-runtime`'s.

mod place;
#[cfg(test)]
mod tests;

use crate::IoCounters;

pub use place::{Controller, Membership, Mounts, Version};

/// A limit as large as this is none: version 1 writes the largest multiple of a page.
const UNLIMITED: u64 = 1 << 62;
/// Nanoseconds of one tick in `/proc/stat`; Linux shows 100 a second on every architecture that engines run on.
const TICK_NS: u64 = 10_000_000;
/// Billionths of a processor.
const ONE_PROCESSOR: u64 = 1_000_000_000;

/// The one number of a file (`cpuacct.usage`, `memory.current`, `pids.current`).
///
/// ```
/// use longshore_core::cgroup;
/// assert_eq!(cgroup::number("4096\n"), Some(4096));
/// assert_eq!(cgroup::number("max\n"), None);
/// ```
pub fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// The number behind `key` in a file of `key value` lines (`memory.stat`, `cpu.stat`).
///
/// ```
/// use longshore_core::cgroup;
/// assert_eq!(cgroup::keyed("anon 5\ninactive_file 7\n", "inactive_file"), Some(7));
/// assert_eq!(cgroup::keyed("anon 5\ninactive_file 7\n", "file"), None);
/// ```
pub fn keyed(text: &str, key: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))?;
    number(line)
}

/// Microseconds behind `key` as nanoseconds (`cpu.stat` of version 2).
pub fn keyed_usec(text: &str, key: &str) -> Option<u64> {
    keyed(text, key)?.checked_mul(1_000)
}

/// A memory limit in bytes: what the file says, and at most what the `host` has; no limit is the host's memory, as
/// engines tell it.
///
/// ```
/// use longshore_core::cgroup::memory_limit;
/// assert_eq!(memory_limit("1024\n", Some(4096)), Some(1024));
/// assert_eq!(memory_limit("max\n", Some(4096)), Some(4096));
/// assert_eq!(memory_limit("9223372036854771712\n", None), None);
/// ```
pub fn memory_limit(text: &str, host: Option<u64>) -> Option<u64> {
    if text.trim() == "max" {
        return host;
    }
    let own = number(text)?;
    match host {
        Some(host) => Some(own.min(host)),
        None => Some(own).filter(|own| *own < UNLIMITED),
    }
}

/// The processor limit of `cpu.max` (version 2), in billionths of a processor; `None` for no limit.
///
/// ```
/// use longshore_core::cgroup;
/// assert_eq!(cgroup::cpu_max("50000 100000\n"), Some(500_000_000));
/// assert_eq!(cgroup::cpu_max("max 100000\n"), None);
/// ```
pub fn cpu_max(text: &str) -> Option<u64> {
    let (quota, period) = text.trim().split_once(' ')?;
    share(number(quota)?, number(period)?)
}

/// The same of `cpu.cfs_quota_us` and `cpu.cfs_period_us` (version 1); a quota of -1 is none.
pub fn cpu_quota(quota: &str, period: &str) -> Option<u64> {
    share(number(quota)?, number(period)?)
}

fn share(quota: u64, period: u64) -> Option<u64> {
    quota
        .checked_mul(ONE_PROCESSOR)?
        .checked_div(period)
        .filter(|share| *share > 0)
}

/// Bytes moved, of `blkio.throttle.io_service_bytes_recursive` (version 1). Unknown when no device is named: the kernel
/// may not count at all.
///
/// ```
/// use longshore_core::cgroup;
/// let io = cgroup::block_v1("8:0 Read 10\n8:0 Write 20\n8:16 Read 5\n8:0 Total 30\nTotal 35\n");
/// assert_eq!((io.read, io.written), (Some(15), Some(20)));
/// assert_eq!(cgroup::block_v1("Total 0\n").read, None);
/// ```
pub fn block_v1(text: &str) -> IoCounters {
    let mut io = IoCounters::default();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let (Some(_device), Some(operation), Some(bytes)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        if operation.eq_ignore_ascii_case("read") {
            add(&mut io.read, number(bytes));
        } else if operation.eq_ignore_ascii_case("write") {
            add(&mut io.written, number(bytes));
        }
    }
    io
}

/// Bytes moved, of `io.stat` (version 2). An empty file says that nothing was.
///
/// ```
/// use longshore_core::cgroup;
/// let io = cgroup::block_v2("8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n8:16 rbytes=5 wbytes=0\n");
/// assert_eq!((io.read, io.written), (Some(15), Some(20)));
/// assert_eq!(cgroup::block_v2("").read, Some(0));
/// ```
pub fn block_v2(text: &str) -> IoCounters {
    let (mut read, mut written) = (Some(0_u64), Some(0_u64));
    for word in text.split_ascii_whitespace() {
        let (sum, bytes) = match word.split_once('=') {
            Some(("rbytes", bytes)) => (&mut read, bytes),
            Some(("wbytes", bytes)) => (&mut written, bytes),
            _ => continue,
        };
        // A number that is none makes the sum unknown: it would be too small.
        *sum = sum.and_then(|sum| sum.checked_add(number(bytes)?));
    }
    IoCounters { read, written }
}

/// Bytes received and sent, of `/proc/<pid>/net/dev`, without the loopback. Engines count the interfaces that they
/// made, `eth…`; those are taken when there are at least as many as `networks`, the container's networks, else all.
///
/// ```
/// use longshore_core::cgroup;
/// let text = "Inter-|   Receive  |  Transmit\n face |bytes    packets|bytes packets\n    \
///     lo: 99 1 0 0 0 0 0 0 99 1 0 0 0 0 0 0\n  eth0: 10 1 0 0 0 0 0 0 20 2 0 0 0 0 0 0\n";
/// let io = cgroup::network(text, 1);
/// assert_eq!((io.read, io.written), (Some(10), Some(20)));
/// ```
pub fn network(text: &str, networks: usize) -> IoCounters {
    let (mut all, mut made) = (IoCounters::default(), IoCounters::default());
    let mut count = 0;
    for line in text.lines() {
        let Some((name, figures)) = line.split_once(':') else {
            continue;
        };
        let name = name.trim();
        let mut figures = figures.split_ascii_whitespace();
        let (received, sent) = (figures.next().and_then(number), figures.nth(7).and_then(number));
        if name == "lo" || received.is_none() {
            continue;
        }
        add(&mut all.read, received);
        add(&mut all.written, sent);
        if name.starts_with("eth") {
            count += 1;
            add(&mut made.read, received);
            add(&mut made.written, sent);
        }
    }
    if count > 0 && count >= networks { made } else { all }
}

/// Of `/proc/stat`: nanoseconds that the host's processors have spent on everything, idle included, and how many are
/// online. Time stolen by a hypervisor does not count, as engines reckon.
///
/// ```
/// use longshore_core::cgroup;
/// let text = "cpu  1 2 3 4 5 6 7 800 0 0\ncpu0 1 2 3 4 5 6 7 800 0 0\nintr 5\n";
/// assert_eq!(cgroup::processors(text), (Some(280_000_000), Some(1)));
/// ```
pub fn processors(text: &str) -> (Option<u64>, Option<u32>) {
    let (mut total, mut online) = (None, 0_u32);
    // The lines of the processors come first.
    for line in text.lines().map_while(|line| line.strip_prefix("cpu")) {
        match line.strip_prefix(' ') {
            Some(ticks) => total = sum_of_seven(ticks),
            None if line.starts_with(|c: char| c.is_ascii_digit()) => online = online.saturating_add(1),
            None => {}
        }
    }
    (total, Some(online).filter(|online| *online > 0))
}

fn sum_of_seven(ticks: &str) -> Option<u64> {
    let mut words = ticks.split_ascii_whitespace();
    let mut sum = 0_u64;
    for _ in 0..7 {
        sum = sum.checked_add(number(words.next()?)?)?;
    }
    sum.checked_mul(TICK_NS)
}

/// Bytes of memory that the host has, of `/proc/meminfo`.
///
/// ```
/// use longshore_core::cgroup;
/// assert_eq!(cgroup::host_memory("MemTotal:       2 kB\nMemFree: 1 kB\n"), Some(2048));
/// ```
pub fn host_memory(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    number(line.trim().strip_suffix("kB")?)?.checked_mul(1024)
}

/// The parent of a process, of `/proc/<pid>/status`.
pub fn parent(text: &str) -> Option<u32> {
    let line = text.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    line.trim().parse().ok().filter(|pid| *pid != 0)
}

/// How many files a process may have open, of `/proc/self/limits`; `None` for no limit.
pub fn open_files_limit(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next().and_then(number)
}

fn add(sum: &mut Option<u64>, more: Option<u64>) {
    if let Some(more) = more {
        *sum = Some(sum.unwrap_or(0).saturating_add(more));
    }
}
