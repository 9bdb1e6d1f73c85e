//! Commands in a running container, their output collected.
//!
//! An engine has no call that ends an exec, and hanging up does not end it. A command that is given up on may
//! therefore still run, and the error says so.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use longshore_core::{ObjectRef, Secrets};
use tokio::io::AsyncReadExt;
use tokio::time::Instant;

use crate::call::Call;
use crate::conn::{Body, ReadLimits};
use crate::error::{ErrorKind, TimeoutKind};
use crate::frames::{FrameDecoder, Piece};
use crate::path::PathQuery;
use crate::{Engine, Error, StdStream, wire};

const OP: &str = "run the command in the container";
/// One read from the connection.
const READ: usize = 16 * 1024;
/// The exit code follows the end of the output by some milliseconds: how often it is asked for.
const POLL_EXIT: Duration = Duration::from_millis(5);
const POLL_EXIT_MAX: Duration = Duration::from_millis(250);

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
    /// Bytes kept of each stream; the rest is read and counted, not kept. Default: 1 MiB.
    pub limit: usize,
    /// For the whole command. Default: the engine's total timeout.
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
                    .with_target(container.as_str())
                    .with_message(format!("it did not end within {limit:?} and may still run"))
                    .with_hint("an engine has no call that ends a command: restart the container to be sure"))
            })
    }

    async fn exec_unlimited(&self, container: &ObjectRef, spec: &ExecSpec) -> Result<ExecOutput, Error> {
        let began = Instant::now();
        let create =
            Call::post(OP, PathQuery::object("/containers", container, "exec")).on(container.as_str());
        if spec.argv.first().is_none_or(String::is_empty) {
            return Err(create
                .error(ErrorKind::BadInput)
                .with_message("there is no program to run"));
        }
        let create = create.json(&wire::exec::Create::new(spec))?;
        let created: wire::exec::Created = self.json(&create).await?;
        let exec = ObjectRef::new(&created.id).map_err(|error| {
            create
                .error(ErrorKind::Protocol)
                .with_message("the engine gave no id for it")
                .with_source(error)
        })?;

        let start = Call::post(OP, PathQuery::object("/exec", &exec, "start"))
            .on(container.as_str())
            .upgrade()
            .json(&wire::exec::Start {
                detach: false,
                tty: spec.tty,
            })?;
        let (head, body) = self.client.stream(&start).await?;
        let mut output = Collected::new(spec);
        if head.status() == StatusCode::SWITCHING_PROTOCOLS {
            let mut io = body.upgraded(head).await.map_err(|error| start.broken(error))?;
            let mut buffer = BytesMut::new();
            loop {
                buffer.reserve(READ);
                let read = io.read_buf(&mut buffer).await;
                let read = read.map_err(|error| start.error(ErrorKind::Interrupted).with_source(error))?;
                if read == 0 {
                    break;
                }
                output.take(buffer.split().freeze(), &start)?;
            }
        } else {
            self.drain(body, &start, &mut output).await?;
        }
        output.finish(&start)?;
        let exit_code = self.exit_code(container, &exec).await?;
        Ok(ExecOutput {
            exit_code,
            stdout: output.stdout.freeze(),
            stderr: output.stderr.freeze(),
            stdout_dropped: output.stdout_dropped,
            stderr_dropped: output.stderr_dropped,
            duration: began.elapsed(),
        })
    }

    /// An engine that does not switch protocols sends the output as the body of its answer.
    async fn drain(&self, mut body: Body, call: &Call<'_>, output: &mut Collected) -> Result<(), Error> {
        let limits = ReadLimits::default();
        while let Some(piece) = body.read(limits).await.map_err(|failure| call.failed(failure))? {
            output.take(piece, call)?;
        }
        Ok(())
    }

    /// The exit code, which the engine knows some milliseconds after the output has ended, or later where the
    /// command closed its output and went on.
    async fn exit_code(&self, container: &ObjectRef, exec: &ObjectRef) -> Result<i64, Error> {
        let mut pause = POLL_EXIT;
        loop {
            let inspect = Call::get(OP, PathQuery::object("/exec", exec, "json")).on(container.as_str());
            let state: wire::exec::Inspected = self.json(&inspect).await?;
            if let (false, Some(code)) = (state.running, state.exit_code) {
                return Ok(code);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(POLL_EXIT_MAX);
        }
    }
}

/// Output up to the limit of each stream.
struct Collected {
    frames: Option<FrameDecoder>,
    limit: usize,
    stdout: BytesMut,
    stderr: BytesMut,
    stdout_dropped: u64,
    stderr_dropped: u64,
}

impl Collected {
    fn new(spec: &ExecSpec) -> Self {
        Self {
            // By the flag that we sent: what an engine announces, and the first byte, prove nothing.
            frames: (!spec.tty).then(FrameDecoder::default),
            limit: spec.limit,
            stdout: BytesMut::new(),
            stderr: BytesMut::new(),
            stdout_dropped: 0,
            stderr_dropped: 0,
        }
    }

    fn keep(&mut self, stream: StdStream, bytes: &[u8]) {
        let (kept, dropped) = match stream {
            StdStream::Stdout => (&mut self.stdout, &mut self.stdout_dropped),
            StdStream::Stderr => (&mut self.stderr, &mut self.stderr_dropped),
        };
        let room = self.limit.saturating_sub(kept.len()).min(bytes.len());
        kept.extend_from_slice(&bytes[..room]);
        *dropped += (bytes.len() - room) as u64;
    }

    fn take(&mut self, bytes: Bytes, call: &Call<'_>) -> Result<(), Error> {
        let Some(frames) = &mut self.frames else {
            self.keep(StdStream::Stdout, &bytes);
            return Ok(());
        };
        frames.push(bytes);
        while let Some(piece) = self.frames.as_mut().and_then(FrameDecoder::next) {
            match piece.map_err(|error| call.error(ErrorKind::Protocol).with_source(error))? {
                Piece::Output(stream, bytes) => self.keep(stream, &bytes),
                Piece::EngineError(text) => {
                    let text = String::from_utf8_lossy(&text).trim().to_owned();
                    return Err(call.error(ErrorKind::Status).with_message(text));
                }
            }
        }
        Ok(())
    }

    fn finish(&self, call: &Call<'_>) -> Result<(), Error> {
        match self.frames.as_ref().map(FrameDecoder::finish) {
            Some(Err(cut)) => Err(call.error(ErrorKind::Interrupted).with_source(cut)),
            _ => Ok(()),
        }
    }
}
