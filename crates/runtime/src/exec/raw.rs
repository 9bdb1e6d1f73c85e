//! A command without a runner: through the shell, or as the engine runs it. What it prints, and its exit code.

use std::collections::VecDeque;

use bytes::{Buf as _, Bytes};
use futures_util::StreamExt as _;
use longshore_engine::{AttachedOutput, Error, Exec, LogFrame, StdStream};

use super::shell::{Announcement, Heard, Shell};

/// Bytes on stdout that may come before the shell's line on stderr does: more, and it is not waited for.
const EARLY: usize = 256 * 1024;

pub(super) struct Raw {
    pub(super) exec: Exec,
    pub(super) output: AttachedOutput,
    /// What came before the shell had said its line.
    early: VecDeque<LogFrame>,
    stdout: Counted,
    stderr: Counted,
    /// The shell that became the command.
    pub(super) shell: Option<Shell>,
}

/// A stream up to its limit.
#[derive(Debug, Clone, Copy)]
struct Counted {
    room: u64,
    dropped: u64,
}

impl Counted {
    fn take(&mut self, mut bytes: Bytes) -> Bytes {
        let room = usize::try_from(self.room).unwrap_or(usize::MAX).min(bytes.len());
        self.dropped += (bytes.len() - room) as u64;
        self.room -= room as u64;
        bytes.truncate(room);
        bytes
    }
}

impl Raw {
    pub(super) fn new(exec: Exec, output: AttachedOutput, limit: u64) -> Self {
        let stream = Counted {
            room: limit,
            dropped: 0,
        };
        Self {
            exec,
            output,
            early: VecDeque::new(),
            stdout: stream,
            stderr: stream,
            shell: None,
        }
    }

    /// Waits for the shell's line. Where it does not come there is no shell, and the command was not run.
    pub(super) async fn announced(&mut self, mark: &str) -> Result<bool, Error> {
        let mut front = Announcement::new(mark);
        let mut held = 0;
        while let Some(frame) = self.output.next().await {
            let mut frame = frame?;
            if frame.stream == StdStream::Stderr {
                match front.hear(&frame.bytes) {
                    Heard::Part => continue,
                    Heard::Pid(pid, used) => {
                        self.shell = Some(Shell {
                            pid,
                            mark: mark.to_owned(),
                        });
                        frame.bytes.advance(used);
                        self.early.push_back(frame);
                        return Ok(true);
                    }
                    Heard::Else => {
                        tracing::debug!(said = %String::from_utf8_lossy(front.line()), "no shell of ours");
                        return Ok(false);
                    }
                }
            }
            held += frame.bytes.len();
            self.early.push_back(frame);
            if held > EARLY {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The next piece within the limits; `None` when the output has ended. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Option<Result<LogFrame, Error>> {
        loop {
            let frame = match self.early.pop_front() {
                Some(frame) => Ok(frame),
                None => self.output.next().await?,
            };
            let mut frame = match frame {
                Ok(frame) => frame,
                Err(error) => return Some(Err(error)),
            };
            let counted = match frame.stream {
                StdStream::Stdout => &mut self.stdout,
                StdStream::Stderr => &mut self.stderr,
            };
            frame.bytes = counted.take(frame.bytes);
            if !frame.bytes.is_empty() {
                return Some(Ok(frame));
            }
        }
    }

    /// Bytes of stdout and of stderr that were dropped.
    pub(super) fn dropped(&self) -> (u64, u64) {
        (self.stdout.dropped, self.stderr.dropped)
    }
}
