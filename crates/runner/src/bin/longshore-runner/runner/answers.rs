//! What waits for the client to read it.

use std::fs::File;
use std::io::{self, ErrorKind, Write as _};

use longshore_runner::Reply;

use super::ROOM;

#[derive(Debug)]
pub(super) struct Answers {
    /// `None` when nobody reads any more.
    pub(super) output: Option<File>,
    /// Frames; those before `told` were written.
    pub(super) bytes: Vec<u8>,
    pub(super) told: usize,
}

impl Answers {
    pub(super) fn to(output: File) -> Self {
        Self {
            output: Some(output),
            bytes: Vec::new(),
            told: 0,
        }
    }

    /// Bytes that wait.
    pub(super) fn waiting(&self) -> usize {
        self.bytes.len() - self.told
    }

    /// Whether bytes wait, and somebody for them.
    pub(super) fn are_waiting(&self) -> bool {
        self.output.is_some() && self.waiting() > 0
    }

    pub(super) fn say(&mut self, id: u64, reply: Reply<'_>) {
        // None of those that are said here can be too large.
        reply.encode(id, &mut self.bytes).ok();
    }

    /// Writes as far as the client takes it; an error when it is gone.
    pub(super) fn tell(&mut self) -> io::Result<()> {
        let mut outcome = Ok(());
        while let Some(output) = &mut self.output
            && let Some(rest) = self.bytes.get(self.told..).filter(|rest| !rest.is_empty())
        {
            match output.write(rest) {
                Ok(bytes) => self.told += bytes,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => {
                    self.output = None;
                    outcome = Err(error);
                }
            }
        }
        if self.output.is_none() || self.told == self.bytes.len() {
            self.bytes.clear();
            self.told = 0;
        } else if self.told > ROOM {
            self.bytes.drain(..self.told);
            self.told = 0;
        }
        outcome
    }
}
