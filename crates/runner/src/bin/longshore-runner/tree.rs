//! Ending everything below this process, and knowing that it is gone. `walk` finds the processes; `keeper` decides when.

use std::collections::BTreeSet;
use std::fs::File;
use std::time::{Duration, Instant};

use crate::sys::{self, Ended, Pid, Waited};
use crate::walk::{self, Process};

/// Walks that stop what they find before the killing begins. Bombs that continue each other never stand still.
const FREEZING_WALKS: u32 = 8;
/// What the group's KILL may take before `/proc` is walked: a tree of one group is gone by then.
const FIRST_WAIT: Duration = Duration::from_millis(3);
/// The longest pause between two rounds.
const PAUSE: Duration = Duration::from_millis(10);
/// How long children may exist that no walk shows, before they count as hidden.
const UNSEEN: Duration = Duration::from_millis(200);

/// The processes below this one.
#[derive(Debug)]
pub(crate) struct Tree {
    own: Pid,
    leader: Pid,
    /// How the leader ended, once it was reaped. Until then its number is its own.
    pub(crate) leader_ended: Option<Ended>,
    pub(crate) killed: u32,
    killing: bool,
}

impl Tree {
    pub(crate) fn new(leader: Pid) -> Self {
        Self {
            own: Pid::try_from(std::process::id()).unwrap_or(0),
            leader,
            leader_ended: None,
            killed: 0,
            killing: false,
        }
    }

    /// The leader's process id, for the client.
    pub(crate) fn leader_id(&self) -> u32 {
        u32::try_from(self.leader).unwrap_or(0)
    }

    /// Whether the leader has ended; it is not reaped, so that its group's number stays its own.
    pub(crate) fn leader_is_over(&self) -> bool {
        self.leader_ended.is_some() || sys::ended_child(Some(self.leader)).is_some()
    }

    /// Reaps orphans that have ended, the leader not among them.
    pub(crate) fn reap_orphans(&mut self) {
        while let Some(pid) = sys::ended_child(None) {
            if pid == self.leader && self.leader_ended.is_none() {
                return;
            }
            self.reap_one(Some(pid));
        }
    }

    /// Reaps all that have ended; `true` when the kernel says that there is nothing more.
    pub(crate) fn reap(&mut self) -> bool {
        loop {
            match self.reap_one(None) {
                Waited::Ended(..) => {}
                Waited::Running => return false,
                Waited::Gone => return true,
            }
        }
    }

    fn reap_one(&mut self, of: Option<Pid>) -> Waited {
        let waited = sys::reap(of);
        if let Waited::Ended(pid, how) = waited {
            if pid == self.leader && self.leader_ended.is_none() {
                self.leader_ended = Some(how);
            }
            self.killed += u32::from(self.killing && how == Ended::Signal(libc::SIGKILL));
        }
        waited
    }

    /// Signals the group, while the leader holds its number, and every descendant; `false` when no walk shows any.
    pub(crate) fn signal(&self, signal: libc::c_int) -> bool {
        // Each once: who has a handler for it would run it twice.
        let shown = walk::descendants(self.own, &[], |process| process.signal(signal)) > 0;
        if !shown && self.leader_ended.is_none() {
            sys::kill_group(self.leader, signal);
        }
        shown
    }

    /// Kills all and waits, at most `limit`; `true` is the kernel's word that nothing is left.
    pub(crate) fn end(&mut self, signals: &File, limit: Duration) -> bool {
        self.killing = true;
        if self.leader_ended.is_none() {
            sys::kill_group(self.leader, libc::SIGKILL);
        }
        let begun = Instant::now();
        let mut seen = begun;
        let mut pause = FIRST_WAIT;
        loop {
            if self.reap() {
                return true;
            }
            sys::poll(&mut [sys::interest(signals, libc::POLLIN)], Some(pause));
            sys::take_signals(signals);
            // Those that die now come one after the other; each was waited for only when it was the last.
            if self.reap() {
                return true;
            }
            if begun.elapsed() < FIRST_WAIT {
                continue;
            }
            if begun.elapsed() > limit {
                return false;
            }
            if kill_all(self.own, &[]) > 0 {
                seen = Instant::now();
                pause = Duration::from_millis(1);
            } else if seen.elapsed() > UNSEEN {
                return false;
            } else {
                pause = (pause * 2).min(PAUSE);
            }
        }
    }
}

/// Stops what descends from `root` until nothing new is found, then kills it; how many there were.
pub(crate) fn kill_all(root: Pid, except: &[Pid]) -> usize {
    let mut stopped: BTreeSet<Process> = BTreeSet::new();
    for _ in 0..FREEZING_WALKS {
        let before = stopped.len();
        walk::descendants(root, except, |process| {
            if stopped.insert(process) {
                process.signal(libc::SIGSTOP);
            }
        });
        if stopped.len() == before {
            break;
        }
    }
    walk::descendants(root, except, |process| process.signal(libc::SIGKILL))
}
