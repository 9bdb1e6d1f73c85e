//! Who descends from a process, by `/proc`, and signals to exactly those. When to signal whom is `tree`'s.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read as _;

use crate::sys::{self, Pid};

/// A process as it was when it was seen; its number alone could come to mean another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Process {
    pub(crate) pid: Pid,
    parent: Pid,
    /// Clock ticks after boot.
    born: u64,
}

impl Process {
    /// Reads `/proc/<pid>/stat`; `None` for one that is gone, or hidden.
    fn read(pid: Pid) -> Option<Self> {
        let mut buffer = [0; 1024];
        let len = File::open(format!("/proc/{pid}/stat"))
            .and_then(|mut file| file.read(&mut buffer))
            .ok()?;
        Self::parse(pid, buffer.get(..len)?)
    }

    fn parse(pid: Pid, stat: &[u8]) -> Option<Self> {
        // The name stands in parentheses and may hold anything, parentheses too.
        let name_ends = stat.iter().rposition(|byte| *byte == b')')?;
        let rest = std::str::from_utf8(stat.get(name_ends + 1..)?).ok()?;
        // From the third field on: state, parent, … the 22nd is when it was started.
        let mut fields = rest.split_ascii_whitespace();
        let parent = fields.nth(1)?.parse().ok()?;
        let born = fields.nth(17)?.parse().ok()?;
        Some(Self { pid, parent, born })
    }

    /// Signals this process and no other: the descriptor goes on meaning whoever had the number when it was opened, and
    /// that one is looked at again before the signal goes out.
    pub(crate) fn signal(self, signal: libc::c_int) {
        let opened = sys::pidfd(self.pid);
        let same = Self::read(self.pid).is_some_and(|now| now.born == self.born);
        if !same {
            return;
        }
        // Kernels before 5.3, and old seccomp filters, have no pidfd: the number has to do.
        if opened.is_err() || opened.is_ok_and(|process| sys::pidfd_kill(&process, signal).is_err()) {
            sys::kill(self.pid, signal);
        }
    }
}

/// Walks all processes once and calls `found` for each descendant of `root`, as soon as it is known to be one; those in
/// `except`, and what descends from them, are left alone. Returns how many there were.
pub(crate) fn descendants(root: Pid, except: &[Pid], mut found: impl FnMut(Process)) -> usize {
    let Ok(all) = fs::read_dir("/proc") else {
        return 0;
    };
    let mut tree = BTreeSet::from([root]);
    let mut others: Vec<Process> = Vec::new();
    let mut count = 0;
    for entry in all.flatten() {
        let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
        let Some(process) = pid.and_then(Process::read) else {
            continue;
        };
        if except.contains(&process.pid) || process.pid == root {
            continue;
        }
        // A child mostly has a greater number than its parent, so this finds most in time.
        if tree.contains(&process.parent) {
            tree.insert(process.pid);
            count += 1;
            found(process);
        } else {
            others.push(process);
        }
    }
    loop {
        let before = count;
        others.retain(|process| {
            let ours = tree.contains(&process.parent);
            if ours {
                tree.insert(process.pid);
                count += 1;
                found(*process);
            }
            !ours
        });
        if count == before {
            return count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_parentheses_and_blanks_hides_nothing() {
        let stat = b"42 (a) b (c) ) S 7 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 12345 1 1";
        let process = Process::parse(42, stat).unwrap();
        assert_eq!((process.parent, process.born), (7, 12_345));
        assert_eq!(Process::parse(42, b"42 (cut) S 7"), None);
        assert_eq!(Process::parse(42, b""), None);
    }

    #[test]
    fn a_child_is_found_and_init_is_not() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let own = Pid::try_from(std::process::id()).unwrap();
        let pid = Pid::try_from(child.id()).unwrap();
        let mut found = Vec::new();
        descendants(own, &[], |process| found.push(process.pid));
        assert!(found.contains(&pid) && !found.contains(&1));
        descendants(own, &[pid], |process| assert_ne!(process.pid, pid));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
