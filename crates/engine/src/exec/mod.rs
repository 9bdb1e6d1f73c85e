//! Commands in a running container.
//!
//! Owns what a command is ([`ExecSpec`]), the calls behind it, and its state. Collected output is `collect`'s, a live
//! connection to it `live`'s.
//!
//! An engine has no call that ends an exec, and hanging up does not end it. A command that is given up on may therefore
//! still run, and the error says so; `longshore-runtime` has an exec that ends.

mod collect;
mod live;

use std::time::Duration;

use bytes::Bytes;
use longshore_core::{ObjectRef, Secrets};

use crate::call::Call;
use crate::duplex::Duplex;
use crate::error::ErrorKind;
use crate::path::PathQuery;
use crate::{Engine, Error, wire};

pub use collect::ExecOutput;
pub use live::Exec;

const OP: &str = "run the command in the container";

/// A command to run.
///
/// ```
/// use longshore_engine::ExecSpec;
/// let spec = ExecSpec::new(["sh", "-c", "echo $WHO"]).env("WHO", "me").limit(64 * 1024);
/// assert!(!format!("{spec:?}").contains("WHO=me"), "environments may hold secrets");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecSpec {
    /// The program and its arguments. No shell is involved.
    pub argv: Vec<String>,
    /// `NAME=value` each, on top of the container's own.
    pub env: Secrets,
    /// Who it runs as. Default: as the container.
    pub user: Option<String>,
    /// Where it starts. Default: as the container.
    pub working_dir: Option<String>,
    /// With a terminal: stdout and stderr then come as one, on stdout. Default: false.
    pub tty: bool,
    /// With all capabilities. Default: false.
    pub privileged: bool,
    /// What it reads on stdin where its output is collected; stdin ends after it. Default: nothing, stdin is not open.
    pub input: Option<Bytes>,
    /// Bytes kept of each stream where its output is collected; the rest is read and counted, not kept. Default: 1 MiB.
    pub limit: usize,
    /// For the whole command where its output is collected. Default: the engine's total timeout.
    pub timeout: Option<Duration>,
}

impl ExecSpec {
    /// Runs `argv`.
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            env: Secrets::default(),
            user: None,
            working_dir: None,
            tty: false,
            privileged: false,
            input: None,
            limit: 1024 * 1024,
            timeout: None,
        }
    }

    /// Adds an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.0.push(format!("{name}={value}"));
        self
    }

    /// Sets [`Self::user`].
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Sets [`Self::working_dir`].
    #[must_use]
    pub fn working_dir(mut self, dir: impl Into<String>) -> Self {
        self.working_dir = Some(dir.into());
        self
    }

    /// Sets [`Self::tty`].
    #[must_use]
    pub fn tty(mut self, tty: bool) -> Self {
        self.tty = tty;
        self
    }

    /// Sets [`Self::privileged`].
    #[must_use]
    pub fn privileged(mut self, privileged: bool) -> Self {
        self.privileged = privileged;
        self
    }

    /// Sets [`Self::input`].
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Bytes>) -> Self {
        self.input = Some(bytes.into());
        self
    }

    /// Sets [`Self::limit`].
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Sets [`Self::timeout`].
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }
}

/// The id of an exec.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExecId(ObjectRef);

impl ExecId {
    /// As the engine writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// How a command stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExecState {
    /// Whether it runs. A moment after an attached start it may still be `false` with no exit code: Docker opens the
    /// stream before it starts the program.
    pub running: bool,
    /// Its exit code; `None` before it has ended.
    pub exit_code: Option<i64>,
    /// Its process on the engine's host, not in the container; `None` before it has begun.
    pub pid: Option<u32>,
}

/// Which of its streams a command is created with.
#[derive(Debug, Clone, Copy)]
struct Streams {
    input: bool,
    output: bool,
}

impl Engine {
    /// Starts a command and leaves it to itself: nothing of its output can be had.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is no such container, [`Error::is_conflict`] when it does not run or is
    /// paused; [`ErrorKind::Status`] or [`ErrorKind::BadInput`] when the program cannot be started.
    pub async fn exec_detached(&self, container: &ObjectRef, spec: &ExecSpec) -> Result<Exec, Error> {
        let streams = Streams {
            input: false,
            output: false,
        };
        let id = self.create_exec(container, spec, streams).await?;
        let call = start(container, &id, true, spec.tty)?;
        self.client.collect(&call).await?;
        Ok(Exec::new(self, id))
    }

    /// How a command stands. Engines forget an exec when its container stops, some minutes after it ended at the latest.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when the engine knows of none.
    pub async fn inspect_exec(&self, exec: &ExecId) -> Result<ExecState, Error> {
        let call = Call::get("look at the command", PathQuery::object("/exec", &exec.0, "json"));
        let state: wire::exec::Inspected = self.json(&call.on(exec.as_str())).await?;
        Ok(ExecState {
            running: state.running,
            exit_code: state.exit_code.filter(|_| !state.running),
            pid: state
                .pid
                .and_then(|pid| u32::try_from(pid).ok())
                .filter(|pid| *pid > 0),
        })
    }

    /// Tells a command with a terminal how large that is, in characters.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when the engine knows of none; an engine may refuse it before the command has begun and
    /// after it has ended.
    pub async fn resize_exec(&self, exec: &ExecId, columns: u16, rows: u16) -> Result<(), Error> {
        let path = PathQuery::object("/exec", &exec.0, "resize")
            .query("h", &rows.to_string())
            .query("w", &columns.to_string());
        let call = Call::post("resize the command's terminal", path)
            .on(exec.as_str())
            .idempotent();
        self.client.collect(&call).await.map(drop)
    }

    /// Never sent twice.
    async fn create_exec(
        &self,
        container: &ObjectRef,
        spec: &ExecSpec,
        streams: Streams,
    ) -> Result<ExecId, Error> {
        let call = Call::post(OP, PathQuery::object("/containers", container, "exec")).on(container.as_str());
        if spec.argv.first().is_none_or(String::is_empty) {
            return Err(call
                .error(ErrorKind::BadInput)
                .with_message("there is no program to run"));
        }
        let call = call.json(&wire::exec::Create::new(spec, streams.input, streams.output))?;
        let created: wire::exec::Created = self.json(&call).await?;
        ObjectRef::new(&created.id).map(ExecId).map_err(|error| {
            call.error(ErrorKind::Protocol)
                .with_message("the engine gave no id for it")
                .with_source(error)
        })
    }

    /// Starts an exec over a connection that becomes its streams.
    async fn start_exec(&self, container: &ObjectRef, exec: &ExecId, tty: bool) -> Result<Duplex, Error> {
        let call = start(container, exec, false, tty)?.upgrade();
        self.client.upgrade(&call).await
    }
}

fn start<'a>(container: &'a ObjectRef, exec: &ExecId, detach: bool, tty: bool) -> Result<Call<'a>, Error> {
    Call::post(OP, PathQuery::object("/exec", &exec.0, "start"))
        .on(container.as_str())
        .json(&wire::exec::Start { detach, tty })
}
