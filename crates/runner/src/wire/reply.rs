//! What the runner says to its client.

use super::fields::{Put as _, Take};
use super::{Frame, WireError, kind, put_frame};

/// A message from the runner, about the command of its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply<'a> {
    /// The first message of all, with id 0: the runner is there.
    Hello {
        /// The wire that it speaks; compare with [`VERSION`](super::VERSION).
        version: u16,
        /// Its process id, as the container counts.
        pid: u32,
        /// The user that it runs as.
        uid: u32,
    },
    /// The command's program has been started.
    Started {
        /// Process id of the leader, as the container counts.
        pid: u32,
    },
    /// The command was not started, and nothing of it runs. No [`Exit`] follows.
    SpawnErr {
        /// The system's error number.
        errno: i32,
        /// What failed.
        stage: Stage,
    },
    /// Bytes of stdout, in order.
    Out(&'a [u8]),
    /// Bytes of stderr, in order; its order with stdout is as read, not as written.
    Err(&'a [u8]),
    /// The command is over; the last message about it.
    Exit(Exit),
    /// So many bytes of stdin were written to the command, or dropped because it does not read any more.
    Took {
        /// Bytes that are no longer under way.
        bytes: u32,
    },
}

/// What failed when a command could not be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The id is in use, or as many commands run as may.
    Admit,
    /// The command's pipes.
    Pipes,
    /// A new process: the container's process limit, or memory.
    Fork,
    /// A resource limit.
    Rlimits,
    /// User or groups.
    User,
    /// The working folder.
    Folder,
    /// The program: not found, not a program, not permitted.
    Exec,
}

impl Stage {
    const ALL: [Self; 7] = [
        Self::Admit,
        Self::Pipes,
        Self::Fork,
        Self::Rlimits,
        Self::User,
        Self::Folder,
        Self::Exec,
    ];

    /// As one byte.
    #[must_use]
    pub fn to_byte(self) -> u8 {
        self as u8
    }

    /// From that byte; `None` for one that means nothing.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte)).copied()
    }
}

/// How a command ended, and what became of its tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// How the leader ended.
    pub status: Status,
    /// Whether the kernel said that nothing of the command's tree is left (`ECHILD`). When not, something may run on.
    pub ended: bool,
    /// Whether its timeout began the ending.
    pub timed_out: bool,
    /// Processes of the tree that had to be killed, the leader included.
    pub killed: u32,
    /// Processor time in user mode of the whole tree, in microseconds.
    pub user_us: u64,
    /// Processor time in the kernel of the whole tree, in microseconds.
    pub sys_us: u64,
    /// The greatest resident size that one process of the tree had, in bytes.
    pub max_rss: u64,
    /// What was written to stdout.
    pub stdout: Total,
    /// What was written to stderr.
    pub stderr: Total,
}

/// How the leader ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It exited with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
    /// Not known: what watched over it was killed, or the leader could not be ended.
    Unknown,
}

/// What a stream came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Total {
    /// Bytes that were written, handed on or not.
    pub bytes: u64,
    /// Whether some were not handed on, because of the limit.
    pub truncated: bool,
}

impl Exit {
    fn put(&self, out: &mut Vec<u8>) {
        let (how, number) = match self.status {
            Status::Code(code) => (0, code),
            Status::Signal(signal) => (1, signal),
            Status::Unknown => (2, 0),
        };
        out.put_u8(how);
        out.put_i32(number);
        out.put_u8(u8::from(self.ended));
        out.put_u8(u8::from(self.timed_out));
        out.put_u32(self.killed);
        out.put_u64(self.user_us);
        out.put_u64(self.sys_us);
        out.put_u64(self.max_rss);
        for total in [self.stdout, self.stderr] {
            out.put_u64(total.bytes);
            out.put_u8(u8::from(total.truncated));
        }
    }

    fn take(from: &mut Take<'_>) -> Result<Self, WireError> {
        let status = match (from.u8("status")?, from.i32("status")?) {
            (0, code) => Status::Code(code),
            (1, signal) => Status::Signal(signal),
            (2, 0) => Status::Unknown,
            _ => return Err(WireError::Broken { field: "status" }),
        };
        Ok(Self {
            status,
            ended: from.bool("ended")?,
            timed_out: from.bool("timed_out")?,
            killed: from.u32("killed")?,
            user_us: from.u64("user time")?,
            sys_us: from.u64("system time")?,
            max_rss: from.u64("resident size")?,
            stdout: Total::take(from)?,
            stderr: Total::take(from)?,
        })
    }
}

impl Total {
    fn take(from: &mut Take<'_>) -> Result<Self, WireError> {
        Ok(Self {
            bytes: from.u64("total")?,
            truncated: from.bool("truncated")?,
        })
    }
}

impl<'a> Reply<'a> {
    /// Writes this as a frame of command `id` after what is in `out`.
    ///
    /// # Errors
    /// [`WireError::TooLarge`] when it does not fit one frame; `out` is as before. Only `Out` and `Err` can be too
    /// large.
    pub fn encode(&self, id: u64, out: &mut Vec<u8>) -> Result<(), WireError> {
        match *self {
            Self::Hello { version, pid, uid } => put_frame(out, kind::HELLO, id, |out| {
                out.put_u16(version);
                out.put_u32(pid);
                out.put_u32(uid);
            }),
            Self::Started { pid } => put_frame(out, kind::STARTED, id, |out| out.put_u32(pid)),
            Self::SpawnErr { errno, stage } => put_frame(out, kind::SPAWN_ERR, id, |out| {
                out.put_i32(errno);
                out.put_u8(stage.to_byte());
            }),
            Self::Out(bytes) => put_frame(out, kind::OUT, id, |out| out.extend_from_slice(bytes)),
            Self::Err(bytes) => put_frame(out, kind::ERR, id, |out| out.extend_from_slice(bytes)),
            Self::Exit(exit) => put_frame(out, kind::EXIT, id, |out| exit.put(out)),
            Self::Took { bytes } => put_frame(out, kind::TOOK, id, |out| out.put_u32(bytes)),
        }
    }

    /// Reads a frame that came from the runner.
    ///
    /// # Errors
    /// When it is none of these messages: what speaks there is no runner of this version.
    pub fn decode(frame: Frame<'a>) -> Result<Self, WireError> {
        let mut from = Take::from(frame.payload);
        let reply = match frame.kind {
            kind::OUT => return Ok(Self::Out(frame.payload)),
            kind::ERR => return Ok(Self::Err(frame.payload)),
            kind::HELLO => Self::Hello {
                version: from.u16("version")?,
                pid: from.u32("pid")?,
                uid: from.u32("uid")?,
            },
            kind::STARTED => Self::Started {
                pid: from.u32("pid")?,
            },
            kind::SPAWN_ERR => Self::SpawnErr {
                errno: from.i32("errno")?,
                stage: Stage::from_byte(from.u8("stage")?).ok_or(WireError::Broken { field: "stage" })?,
            },
            kind::EXIT => Self::Exit(Exit::take(&mut from)?),
            kind::TOOK => Self::Took {
                bytes: from.u32("bytes")?,
            },
            other => return Err(WireError::UnknownKind(other)),
        };
        from.end()?;
        Ok(reply)
    }
}
