//! One command and its whole tree: started, timed, ended, proven. A keeper is a process of its own, forked from the runner,
//! and reports to it by [`Reply`]s without totals over a socket. The states are those of `docs/design/runner.md`.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use longshore_runner::{Exit, Reply, Spawn, Stage, Status, Total};

use crate::launch::{self, Failure};
use crate::sys::{self, Ended};
use crate::tree::Tree;

/// To a keeper: TERM, grace, KILL.
pub(crate) const END: u8 = b'E';
/// To a keeper: KILL.
pub(crate) const KILL: u8 = b'K';

/// How long a tree may take to die before the outcome is "not proven".
const ENDING: Duration = Duration::from_secs(2);
/// The pause between two tries on a tree that did not die.
const AGAIN: Duration = Duration::from_millis(50);
/// How long those tries go on when nobody is there any more to hear of it.
const ALONE: Duration = Duration::from_secs(10);
/// A timeout or grace further off than this is none.
const FOREVER_MS: u64 = 1 << 40;

#[derive(Debug)]
struct Keeper {
    control: File,
    signals: File,
    tree: Tree,
    timed_out: bool,
}

/// Why the ending begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    LeaderOver,
    Timeout,
    /// The client wants it ended.
    Asked,
    /// The runner wants all ended, or is gone.
    Now,
}

/// Runs a command with these three as its stdin, stdout and stderr; never returns. The caller has dropped everything
/// else that the command must not get.
pub(crate) fn run(spawn: &Spawn, stdio: [File; 3], control: File) -> ! {
    let started = start(spawn, &stdio, control);
    // Held here they would keep the command's streams open.
    drop(stdio);
    let code = match started {
        Ok((keeper, start_failed)) => keeper.keep(spawn, start_failed),
        Err((mut control, failure)) => {
            refuse(&mut control, failure);
            0
        }
    };
    sys::exit_now(code)
}

/// Forks the leader. What comes out of the returned pipe is why it could not become the command; nothing when it did.
fn start(spawn: &Spawn, stdio: &[File; 3], control: File) -> Result<(Keeper, File), (File, Failure)> {
    // The runner's own three: held here they would keep its stream open.
    let begun = [0, 1, 2]
        .into_iter()
        .try_for_each(|fd| sys::duplicate(&control, fd))
        .and_then(|()| sys::become_subreaper())
        .and_then(|()| sys::signals(&[libc::SIGCHLD]));
    let pipes = begun.and_then(|signals| sys::pipe().map(|pipe| (signals, pipe)));
    let (signals, (why, mut tell)) = match pipes {
        Ok(pipes) => pipes,
        Err(error) => return Err((control, Failure::of(Stage::Pipes, &error))),
    };
    match sys::fork() {
        Ok(Some(leader)) => {
            let tree = Tree::new(leader);
            let keeper = Keeper {
                control,
                signals,
                tree,
                timed_out: false,
            };
            Ok((keeper, why))
        }
        Ok(None) => {
            let failure = launch::launch(spawn, stdio);
            let [a, b, c, d] = failure.errno.to_ne_bytes();
            tell.write_all(&[failure.stage.to_byte(), a, b, c, d]).ok();
            sys::exit_now(127)
        }
        Err(error) => Err((control, Failure::of(Stage::Fork, &error))),
    }
}

fn refuse(control: &mut File, Failure { stage, errno }: Failure) {
    send(control, Reply::SpawnErr { errno, stage });
}

fn send(control: &mut File, reply: Reply<'_>) {
    let mut frame = Vec::new();
    // When the runner is gone nobody hears it.
    if reply.encode(0, &mut frame).is_ok() {
        control.write_all(&frame).ok();
    }
}

impl Keeper {
    fn keep(mut self, spawn: &Spawn, start_failed: File) -> i32 {
        let begun = Instant::now();
        let timeout = spawn.timeout_ms.filter(|ms| *ms < FOREVER_MS);
        let deadline = timeout.map(|ms| begun + Duration::from_millis(ms));
        let cause = match self.running(start_failed, deadline) {
            Ok(cause) => cause,
            Err(failure) => {
                // It ends by itself, with 127, and has done nothing.
                self.tree.end(&self.signals, ENDING);
                refuse(&mut self.control, failure);
                return 0;
            }
        };
        self.timed_out = cause == Cause::Timeout;
        let gone = match cause {
            Cause::LeaderOver | Cause::Now => false,
            Cause::Timeout | Cause::Asked => self.grace(spawn.grace_ms.min(FOREVER_MS)),
        };
        let ended = gone || self.tree.end(&self.signals, ENDING);
        self.report(ended);
        if !ended {
            self.go_on();
        }
        0
    }

    /// Until there is a reason to end it.
    fn running(&mut self, start_failed: File, deadline: Option<Instant>) -> Result<Cause, Failure> {
        let mut start_failed = Some(start_failed);
        loop {
            if let Some(cause) = self.wait(start_failed.as_ref(), deadline) {
                return Ok(cause);
            }
            if let Some(pipe) = &mut start_failed
                && is_ready(pipe)
            {
                let mut why = [0; 5];
                match pipe.read(&mut why) {
                    Ok(5) => return Err(failure(why)),
                    _ => start_failed = None,
                }
                let pid = self.tree.leader_id();
                send(&mut self.control, Reply::Started { pid });
            }
            if start_failed.is_none() && self.tree.leader_is_over() {
                return Ok(Cause::LeaderOver);
            }
            self.tree.reap_orphans();
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Ok(Cause::Timeout);
            }
        }
    }

    /// TERM, and time to follow it; `true` when all did.
    fn grace(&mut self, grace_ms: u64) -> bool {
        if grace_ms == 0 {
            return false;
        }
        let until = Instant::now() + Duration::from_millis(grace_ms);
        let shown = self.tree.signal(libc::SIGTERM);
        loop {
            // Once the leader is reaped its group's number may come to mean another; without a walk it is all there is.
            if !shown && self.tree.leader_is_over() {
                return false;
            }
            if self.tree.reap() {
                return true;
            }
            if Instant::now() >= until {
                return false;
            }
            match self.wait(None, Some(until)) {
                // A second wish to end it changes nothing.
                None | Some(Cause::Asked) => {}
                Some(_) => return false,
            }
        }
    }

    /// Waits for the runner, a child, or the time.
    fn wait(&mut self, start_failed: Option<&File>, until: Option<Instant>) -> Option<Cause> {
        let mut ready = vec![
            sys::interest(&self.control, libc::POLLIN),
            sys::interest(&self.signals, libc::POLLIN),
        ];
        ready.extend(start_failed.map(|pipe| sys::interest(pipe, libc::POLLIN)));
        sys::poll(
            &mut ready,
            until.map(|until| until.saturating_duration_since(Instant::now())),
        );
        sys::take_signals(&self.signals);
        if ready.first().is_none_or(|control| control.revents == 0) {
            return None;
        }
        let mut word = [0];
        match self.control.read(&mut word) {
            Ok(1) if word == [END] => Some(Cause::Asked),
            _ => Some(Cause::Now),
        }
    }

    fn report(&mut self, ended: bool) {
        let used = sys::usage();
        let status = match self.tree.leader_ended {
            Some(Ended::Code(code)) => Status::Code(code),
            Some(Ended::Signal(signal)) => Status::Signal(signal),
            None => Status::Unknown,
        };
        let exit = Exit {
            status,
            ended,
            timed_out: self.timed_out,
            killed: self.tree.killed,
            user_us: used.user_us,
            sys_us: used.sys_us,
            max_rss: used.max_rss,
            stdout: Total::default(),
            stderr: Total::default(),
        };
        send(&mut self.control, Reply::Exit(exit));
    }

    /// The tree did not die in time. Whoever reads has been told; the trying goes on.
    fn go_on(mut self) {
        let mut alone: Option<Instant> = None;
        while !self.tree.end(&self.signals, AGAIN) {
            sys::poll(&mut [], Some(AGAIN));
            let mut control = [sys::interest(&self.control, 0)];
            sys::poll(&mut control, Some(Duration::ZERO));
            if control[0].revents != 0 && alone.get_or_insert_with(Instant::now).elapsed() > ALONE {
                return;
            }
        }
    }
}

fn is_ready(pipe: &File) -> bool {
    let mut ready = [sys::interest(pipe, libc::POLLIN)];
    sys::poll(&mut ready, Some(Duration::ZERO));
    ready[0].revents != 0
}

fn failure([stage, errno @ ..]: [u8; 5]) -> Failure {
    Failure {
        stage: Stage::from_byte(stage).unwrap_or(Stage::Exec),
        errno: i32::from_ne_bytes(errno),
    }
}
