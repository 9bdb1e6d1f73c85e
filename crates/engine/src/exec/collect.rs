//! A command's output, collected up to a limit of each stream.

use std::future::pending;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use longshore_core::ObjectRef;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use super::{ExecSpec, OP, Streams};
use crate::attach::AttachedInput;
use crate::error::{ErrorKind, TimeoutKind};
use crate::{Engine, Error, LogFrame, StdStream};

/// What a command left.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExecOutput {
    /// Its exit code; 126 or 127 when it could not be started (the reason is then in the output).
    pub exit_code: i64,
    /// The first bytes of its standard output, up to the limit.
    pub stdout: Bytes,
    /// The first bytes of its standard error, up to the limit.
    pub stderr: Bytes,
    /// Bytes of standard output beyond the limit, which were not kept.
    pub stdout_dropped: u64,
    /// Bytes of standard error beyond the limit, which were not kept.
    pub stderr_dropped: u64,
    /// From the first call to the exit code.
    pub duration: Duration,
}

impl Engine {
    /// Runs a command in a running container and collects what it prints. Three calls; never sent twice.
    ///
    /// Dropping the future does not end the command: an engine has no call for that.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is no such container, [`Error::is_conflict`] when it does not run or is
    /// paused; [`TimeoutKind::Total`] when the command took too long: it may then still run.
    pub async fn exec(&self, container: &ObjectRef, spec: &ExecSpec) -> Result<ExecOutput, Error> {
        let limit = spec.timeout.unwrap_or(self.config().total_timeout);
        tokio::time::timeout(limit, self.exec_unlimited(container, spec))
            .await
            .unwrap_or_else(|_| {
                Err(Error::new(ErrorKind::Timeout(TimeoutKind::Total), OP)
                    .with_subject(crate::Subject::Container)
                    .with_target(container.as_str())
                    .with_message(format!("it did not end within {limit:?} and may still run"))
                    .with_hint("an engine has no call that ends a command: use longshore-runtime's exec, or restart the container to be sure"))
            })
    }

    async fn exec_unlimited(&self, container: &ObjectRef, spec: &ExecSpec) -> Result<ExecOutput, Error> {
        let began = Instant::now();
        let streams = Streams {
            input: spec.input.is_some(),
            output: true,
        };
        let (exec, attached) = self.exec_with(container, spec, streams).await?;
        let (input, mut output) = attached.split();
        let mut collected = Collected::new(spec.limit);
        let reading = async {
            while let Some(frame) = output.next().await {
                collected.keep(&frame?);
            }
            Ok::<_, Error>(())
        };
        tokio::select! {
            read = reading => read?,
            () = feed(input, spec.input.as_ref()) => {}
        }
        Ok(ExecOutput {
            exit_code: exec.exit_code().await?,
            stdout: collected.stdout.freeze(),
            stderr: collected.stderr.freeze(),
            stdout_dropped: collected.stdout_dropped,
            stderr_dropped: collected.stderr_dropped,
            duration: began.elapsed(),
        })
    }
}

/// Writes the whole input, ends it, and never returns: the command may have read it and go on, or have ended without
/// reading it, and both are told by its output.
async fn feed(mut input: AttachedInput, bytes: Option<&Bytes>) {
    if let Some(bytes) = bytes
        && input.write_all(bytes).await.is_ok()
    {
        let _ = input.shutdown().await;
    }
    pending::<()>().await;
}

/// Output up to the limit of each stream.
struct Collected {
    limit: usize,
    stdout: BytesMut,
    stderr: BytesMut,
    stdout_dropped: u64,
    stderr_dropped: u64,
}

impl Collected {
    fn new(limit: usize) -> Self {
        Self {
            limit,
            stdout: BytesMut::new(),
            stderr: BytesMut::new(),
            stdout_dropped: 0,
            stderr_dropped: 0,
        }
    }

    fn keep(&mut self, frame: &LogFrame) {
        let (kept, dropped) = match frame.stream {
            StdStream::Stdout => (&mut self.stdout, &mut self.stdout_dropped),
            StdStream::Stderr => (&mut self.stderr, &mut self.stderr_dropped),
        };
        let room = self.limit.saturating_sub(kept.len()).min(frame.bytes.len());
        kept.extend_from_slice(&frame.bytes[..room]);
        *dropped += (frame.bytes.len() - room) as u64;
    }
}
