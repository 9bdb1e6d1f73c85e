//! What keepers say, and what is done when one is killed.

use std::io::ErrorKind;
use std::time::Duration;

use longshore_runner::{Decoder, Exit, Reply, Status, Total};

use super::{Ready, Runner};
use crate::command::Command;
use crate::sys::{self, Pid, Waited};
use crate::tree;

/// How long what a killed keeper left is hunted, in rounds.
const HUNT: u32 = 20;

impl Runner {
    pub(super) fn hear_signals(&mut self) {
        let mut children = false;
        for signal in sys::take_signals(&self.signals) {
            if signal == libc::SIGCHLD.cast_unsigned() {
                children = true;
            } else {
                self.close();
            }
        }
        if !children {
            return;
        }
        while let Waited::Ended(pid, _) = sys::reap(None) {
            if let Some(at) = self.commands.iter().position(|command| command.keeper == pid) {
                self.lost_keeper(at, pid);
            }
            self.leaving.retain(|leaving| *leaving != pid);
        }
    }

    /// A keeper ended: after its report, as it should, or because somebody killed it.
    fn lost_keeper(&mut self, at: usize, keeper: Pid) {
        self.hear_keeper(at);
        let lost = |command: &&mut Command| command.keeper == keeper && command.exit.is_none();
        let Some(command) = self.commands.get_mut(at).filter(lost) else {
            return;
        };
        command.control = None;
        command.exit = Some(Exit {
            status: Status::Unknown,
            ended: false,
            timed_out: false,
            killed: 0,
            user_us: 0,
            sys_us: 0,
            max_rss: 0,
            stdout: Total::default(),
            stderr: Total::default(),
        });
        // What it kept is ours now.
        let keepers = self.commands.iter().map(|command| command.keeper);
        let keepers = keepers.chain(self.leaving.iter().copied());
        let others: Vec<Pid> = keepers.filter(|other| *other != keeper).collect();
        let own = Pid::try_from(std::process::id()).unwrap_or(0);
        for _ in 0..HUNT {
            while let Some(pid) = sys::ended_child(None).filter(|pid| !others.contains(pid)) {
                sys::reap(Some(pid));
            }
            if tree::kill_all(own, &others) == 0 {
                break;
            }
            sys::poll(&mut [], Some(Duration::from_millis(1)));
        }
    }

    pub(super) fn hear_keepers(&mut self, ready: &Ready) {
        for at in (0..self.commands.len()).rev() {
            let control = self.commands.get(at).and_then(|command| command.control.as_ref());
            if control.is_some_and(|control| ready.has(control)) {
                self.hear_keeper(at);
            }
        }
    }

    /// Everything that a keeper has said until now.
    fn hear_keeper(&mut self, at: usize) {
        let mut buffer = [0; 256];
        while let Some(command) = self.commands.get_mut(at) {
            let id = command.id;
            let len = match command.hear_keeper(&mut buffer) {
                Ok(0) => {
                    command.control = None;
                    return;
                }
                Ok(len) => len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => {
                    command.control = None;
                    return;
                }
            };
            let mut decoder = Decoder::new();
            let frame = decoder.next(&mut buffer.get(..len).unwrap_or_default());
            let Ok(Some(Ok(reply))) = frame.map(|frame| frame.map(Reply::decode)) else {
                return;
            };
            match reply {
                Reply::Exit(exit) => command.exit = Some(exit),
                Reply::SpawnErr { .. } => {
                    let keeper = command.keeper;
                    self.commands.swap_remove(at);
                    self.leaving.push(keeper);
                    self.answers.say(id, reply);
                    return;
                }
                other => self.answers.say(id, other),
            }
        }
    }
}
