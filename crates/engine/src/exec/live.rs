//! A command with a live connection to its streams.

use std::fmt;
use std::time::Duration;

use longshore_core::ObjectRef;

use super::{ExecId, ExecSpec, ExecState, OP, Streams};
use crate::{Attached, Engine, Error};

/// The exit code follows the end of the output by some milliseconds: how often it is asked for.
const POLL_EXIT: Duration = Duration::from_millis(5);
const POLL_EXIT_MAX: Duration = Duration::from_millis(250);

/// A command that was started, and what it is asked by. Its streams are apart, in [`Attached`], so that each can be moved
/// to who reads and who writes.
///
/// Dropping both does not end the command: an engine has no call for that. A command that writes to a connection that is
/// gone may be ended by that, or stand still.
#[derive(Clone)]
pub struct Exec {
    engine: Engine,
    id: ExecId,
}

impl Engine {
    /// Runs a command with its stdin open and its output live. Never sent twice. [`ExecSpec::input`],
    /// [`ExecSpec::limit`] and [`ExecSpec::timeout`] are for [`Engine::exec`] and not looked at.
    ///
    /// ```no_run
    /// # async fn example(engine: longshore_engine::Engine, web: longshore_core::ObjectRef) -> Result<(), Box<dyn std::error::Error>> {
    /// use futures_util::StreamExt;
    /// use longshore_engine::ExecSpec;
    /// use tokio::io::AsyncWriteExt;
    ///
    /// let (exec, streams) = engine.exec_attached(&web, &ExecSpec::new(["wc", "-c"])).await?;
    /// let (mut input, mut output) = streams.split();
    /// input.write_all(b"hello").await?;
    /// input.shutdown().await?;
    /// while let Some(frame) = output.next().await {
    ///     print!("{}", String::from_utf8_lossy(&frame?.bytes));
    /// }
    /// println!("exit code {}", exec.exit_code().await?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is no such container, [`Error::is_conflict`] when it does not run or is
    /// paused. A program that cannot be started is no error here: the reason comes as output, and the exit code is 126
    /// or 127.
    pub async fn exec_attached(
        &self,
        container: &ObjectRef,
        spec: &ExecSpec,
    ) -> Result<(Exec, Attached), Error> {
        let streams = Streams {
            input: true,
            output: true,
        };
        self.exec_with(container, spec, streams).await
    }

    pub(super) async fn exec_with(
        &self,
        container: &ObjectRef,
        spec: &ExecSpec,
        streams: Streams,
    ) -> Result<(Exec, Attached), Error> {
        let id = self.create_exec(container, spec, streams).await?;
        let duplex = self.start_exec(container, &id, spec.tty).await?;
        // Framed or not by the flag that we sent: what an engine announces, and the first byte, prove nothing.
        let attached = Attached::new(duplex, spec.tty, OP, container);
        Ok((Exec::new(self, id), attached))
    }
}

impl Exec {
    pub(super) fn new(engine: &Engine, id: ExecId) -> Self {
        Self {
            engine: engine.clone(),
            id,
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &ExecId {
        &self.id
    }

    /// How it stands.
    ///
    /// # Errors
    /// As [`Engine::inspect_exec`].
    pub async fn state(&self) -> Result<ExecState, Error> {
        self.engine.inspect_exec(&self.id).await
    }

    /// Tells its terminal how large it is.
    ///
    /// # Errors
    /// As [`Engine::resize_exec`].
    pub async fn resize(&self, columns: u16, rows: u16) -> Result<(), Error> {
        self.engine.resize_exec(&self.id, columns, rows).await
    }

    /// Waits for its exit code: some milliseconds after its output has ended, or until it ends where it closed its output
    /// and went on. Under no limit of its own. Dropping the future loses nothing.
    ///
    /// # Errors
    /// As [`Engine::inspect_exec`].
    pub async fn exit_code(&self) -> Result<i64, Error> {
        let mut pause = POLL_EXIT;
        loop {
            if let Some(code) = self.state().await?.exit_code {
                return Ok(code);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(POLL_EXIT_MAX);
        }
    }
}

impl fmt::Debug for Exec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exec")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
