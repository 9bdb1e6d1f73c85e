//! One command as the runner sees it: the other ends of its pipes, what waits for its stdin, what its streams came to, and
//! what its keeper said. Frames and the order of things are `runner`'s.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Write as _};

use longshore_runner::{Exit, Reply, STDIN_WINDOW, Total};

use crate::sys::Pid;

/// What is read from the pipes of a tree that may still write, after its keeper gave up on it: the most that a pipe
/// holds unless root allowed more.
const LEFTOVER: usize = 1024 * 1024;

#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) id: u64,
    pub(crate) keeper: Pid,
    /// To the keeper; `None` after it hung up.
    pub(crate) control: Option<File>,
    pub(crate) stdin: Input,
    pub(crate) out: Output,
    pub(crate) err: Output,
    /// What the keeper said last; streams and totals are to follow.
    pub(crate) exit: Option<Exit>,
}

/// The stdin of a command.
#[derive(Debug, Default)]
pub(crate) struct Input {
    pub(crate) pipe: Option<File>,
    waiting: Vec<u8>,
    ends: bool,
}

/// A stream of a command.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) pipe: Option<File>,
    /// How its bytes are told.
    reply: fn(&[u8]) -> Reply<'_>,
    limit: u64,
    total: Total,
    leftover: usize,
}

/// More stdin than may be under way.
#[derive(Debug)]
pub(crate) struct BeyondWindow;

impl Input {
    pub(crate) fn new(pipe: Option<File>) -> Self {
        Self {
            pipe,
            ..Self::default()
        }
    }

    pub(crate) fn has_waiting(&self) -> bool {
        self.pipe.is_some() && !self.waiting.is_empty()
    }

    /// Takes bytes on; how many are no longer under way.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<usize, BeyondWindow> {
        if self.waiting.len() + bytes.len() > STDIN_WINDOW {
            return Err(BeyondWindow);
        }
        self.waiting.extend_from_slice(bytes);
        Ok(self.pass_on())
    }

    /// No more will come.
    pub(crate) fn end(&mut self) {
        self.ends = true;
        self.pass_on();
    }

    /// Writes what the pipe takes; how many bytes are no longer under way.
    pub(crate) fn pass_on(&mut self) -> usize {
        let mut passed = 0;
        while let Some(pipe) = &mut self.pipe
            && let Some(rest) = self.waiting.get(passed..).filter(|rest| !rest.is_empty())
        {
            match pipe.write(rest) {
                Ok(bytes) => passed += bytes,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // Nobody reads it any more.
                Err(_) => self.pipe = None,
            }
        }
        if self.pipe.is_none() {
            passed = self.waiting.len();
        }
        self.waiting.drain(..passed);
        if self.ends && self.waiting.is_empty() {
            self.pipe = None;
        }
        passed
    }
}

impl Output {
    pub(crate) fn new(pipe: File, reply: fn(&[u8]) -> Reply<'_>, limit: u64) -> Self {
        Self {
            pipe: Some(pipe),
            reply,
            limit,
            total: Total::default(),
            leftover: LEFTOVER,
        }
    }

    /// Whether what comes next makes no frames.
    fn is_over_limit(&self) -> bool {
        self.total.bytes >= self.limit
    }

    /// Whether to read it now: when there is room for a frame, or none will come of it.
    pub(crate) fn wants_reading(&self, room: bool) -> bool {
        self.pipe.is_some() && (room || self.is_over_limit())
    }

    /// Reads once and writes what is within the limit as a frame; `false` when nothing is there to be read.
    pub(crate) fn pass_on(&mut self, id: u64, scratch: &mut [u8], to: &mut Vec<u8>) -> bool {
        let Some(pipe) = &mut self.pipe else {
            return false;
        };
        let len = match pipe.read(scratch) {
            Ok(0) => {
                self.pipe = None;
                return false;
            }
            Ok(len) => len,
            Err(error) if error.kind() == ErrorKind::Interrupted => return true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(_) => {
                self.pipe = None;
                return false;
            }
        };
        let left = usize::try_from(self.limit.saturating_sub(self.total.bytes)).unwrap_or(usize::MAX);
        let within = len.min(left);
        if let Some(bytes) = scratch.get(..within).filter(|bytes| !bytes.is_empty()) {
            // A scratch is no larger than a frame.
            (self.reply)(bytes).encode(id, to).ok();
        }
        self.total.bytes = self.total.bytes.saturating_add(len as u64);
        self.total.truncated |= within < len;
        true
    }

    /// After the tree's end: reads until the end or until nothing is there, as far as there is room. `true` when done.
    fn read_dry(&mut self, id: u64, ended: bool, scratch: &mut [u8], to: &mut Vec<u8>, room: usize) -> bool {
        while self.wants_reading(to.len() < room) {
            let before = self.total.bytes;
            if !self.pass_on(id, scratch, to) {
                self.pipe = None;
            }
            let read = usize::try_from(self.total.bytes - before).unwrap_or(usize::MAX);
            if !ended {
                self.leftover = self.leftover.saturating_sub(read);
                if self.leftover == 0 {
                    self.pipe = None;
                }
            }
        }
        self.pipe.is_none()
    }
}

impl Command {
    pub(crate) fn tell_keeper(&mut self, word: u8) {
        if let Some(control) = &mut self.control {
            // One that hung up is ending anyway.
            control.write_all(&[word]).ok();
        }
    }

    /// One message of the keeper; `Ok(0)` when it hung up.
    pub(crate) fn hear_keeper(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(control) = &mut self.control else {
            return Ok(0);
        };
        control.read(buffer)
    }

    /// Its last words, once the keeper has reported and both pipes are dry.
    pub(crate) fn last_words(&mut self, scratch: &mut [u8], to: &mut Vec<u8>, room: usize) -> Option<Exit> {
        let exit = self.exit?;
        let out = self.out.read_dry(self.id, exit.ended, scratch, to, room);
        let err = self.err.read_dry(self.id, exit.ended, scratch, to, room);
        (out && err).then_some(Exit {
            stdout: self.out.total,
            stderr: self.err.total,
            ..exit
        })
    }
}
