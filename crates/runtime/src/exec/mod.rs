//! Commands in containers that end when they should.
//!
//! Owns the choice of a way (our runner, the container's shell, the engine alone), what a time limit does in each, and the
//! honest outcome. The design is in `docs/design/runner.md`; the wire is `longshore-runner`'s, the calls are
//! `longshore-engine`'s. Commands with a terminal are not run here but by
//! [`Engine::exec_attached`](longshore_engine::Engine::exec_attached).

mod bring;
mod command;
mod container;
mod end;
mod error;
mod link;
mod raw;
mod running;
mod shell;
mod stdin;
mod tar;

use std::collections::hash_map::RandomState;
use std::convert::Infallible;
use std::future::pending;
use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use longshore_core::{MountSpec, ObjectRef};
use longshore_engine::{AttachedInput, Engine};
use longshore_runner::Spawn;
use tokio::io::AsyncWriteExt as _;
use tokio::time::Instant;

pub use command::Command;
pub use end::{End, Ended, Event, Output, Status, Usage, Way};
pub use error::ExecError;
pub use running::Running;
pub use stdin::Stdin;

use bring::{Place, Program};
use error::Kind;
use link::Link;
use raw::Raw;
use running::Level;

/// Runs commands in one engine's containers. Cheap to clone; clones share what is known of containers.
///
/// The best way that there is is taken: [`Way::Runner`], where a program was given and can be brought in, then
/// [`Way::Shell`], then [`Way::Plain`]. Which it was, and what is proven, stands in every [`End`].
///
/// ```no_run
/// # async fn example(engine: longshore_engine::Engine, web: longshore_core::ObjectRef) -> Result<(), longshore_runtime::exec::ExecError> {
/// use std::time::Duration;
/// use longshore_runtime::exec::{Command, Ended, Executor};
///
/// let executor = Executor::new(engine);
/// let command = Command::new(["sh", "-c", "make test"]).timeout(Duration::from_secs(60));
/// match executor.run(&web, &command).await {
///     Ok(done) => println!("{:?}: {} bytes", done.exit_code(), done.stdout.len()),
///     Err(error) if error.is_timeout() && error.ended() == Ended::Tree => println!("too slow, and gone"),
///     Err(error) => return Err(error),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Executor {
    engine: Engine,
    program: Option<Arc<Program>>,
    at_most: Way,
}

impl Executor {
    /// One for the containers of `engine`, with the runner that is built in, if any: feature `runner`, and a
    /// program that was there when this was built.
    #[must_use]
    pub fn new(engine: Engine) -> Self {
        #[cfg(feature = "runner")]
        let program = crate::runner_program().map(|program| Bytes::from_static(program.bytes));
        #[cfg(not(feature = "runner"))]
        let program: Option<Bytes> = None;
        Self {
            engine,
            program: program.map(|bytes| Arc::new(Program::new(bytes))),
            at_most: Way::Runner,
        }
    }

    /// Takes this program as the runner: a static one for the platform of the engine's containers. One for another is
    /// found out by its not saying hello, and another way is taken.
    #[must_use]
    pub fn program(mut self, bytes: impl Into<Bytes>) -> Self {
        self.program = Some(Arc::new(Program::new(bytes.into())));
        self
    }

    /// The best way that is tried. Default: [`Way::Runner`].
    #[must_use]
    pub fn at_most(mut self, way: Way) -> Self {
        self.at_most = way;
        self
    }

    /// A volume with the runner in it, made and filled where it is not there yet. A container with a read-only root that
    /// is made with this mount has the runner; into others it is copied. Filling it makes a container of `image` (any
    /// that the engine has), which is never started, and removes it.
    ///
    /// # Errors
    /// [`ExecError::is_no_way`] without a program; the engine's own, as [`ExecError::engine_error`].
    pub async fn volume(&self, image: &str) -> Result<MountSpec, ExecError> {
        let program = self.program.as_ref();
        let program = program.ok_or_else(|| ExecError::new(Kind::NoWay(NO_PROGRAM.to_owned()), image))?;
        let made = program.volume(&self.engine, image).await;
        made.map_err(|error| ExecError::engine(error, image))
    }

    /// Runs a command and collects what it prints, up to its limit of each stream.
    ///
    /// Dropping the future ends the command with its whole tree under [`Way::Runner`]; otherwise it runs on.
    ///
    /// # Errors
    /// [`ExecError::is_timeout`], with what was printed and what is proven; [`ExecError::spawn_errno`] when the program
    /// could not be started under a runner (elsewhere that is exit code 126 or 127, with the reason as output);
    /// [`ExecError::is_not_found`], [`ExecError::is_conflict`] for the container; [`ExecError::is_lost`] when the end was
    /// not told.
    pub async fn run(&self, container: &ObjectRef, command: &Command) -> Result<Output, ExecError> {
        let (stdin, mut running) = self.begin(container, command, command.input.is_some()).await?;
        let (mut stdout, mut stderr) = (BytesMut::new(), BytesMut::new());
        let reading = async {
            loop {
                match running.next().await {
                    Some(Ok(Event::Stdout(bytes))) => stdout.extend_from_slice(&bytes),
                    Some(Ok(Event::Stderr(bytes))) => stderr.extend_from_slice(&bytes),
                    Some(Ok(Event::End(end))) => return Ok(end),
                    Some(Err(error)) => return Err(error),
                    None => return Err(running.error(Kind::Lost("no end was told"))),
                }
            }
        };
        let ended = tokio::select! {
            ended = reading => ended,
            never = feed(stdin, command.input.as_ref()) => match never {},
        };
        let output = |end| Output {
            stdout: stdout.freeze(),
            stderr: stderr.freeze(),
            end,
        };
        match ended {
            Ok(end) if end.timed_out => Err(running.error(Kind::TimedOut).with_output(output(end))),
            Ok(end) if end.status == Status::Unknown => {
                let lost = Kind::Lost("what watched over it was ended");
                Err(running.error(lost).with_output(output(end)))
            }
            Ok(end) => Ok(output(end)),
            Err(error) if error.is_lost() => {
                let end = running.unknown_end(error.ended(), false);
                Err(error.with_output(output(end)))
            }
            Err(error) => Err(error),
        }
    }

    /// Starts a command whose stdin is at its end from the beginning. [`Command::input`] is not looked at.
    ///
    /// # Errors
    /// Those of [`Executor::run`] that come before the command runs.
    pub async fn start(&self, container: &ObjectRef, command: &Command) -> Result<Running, ExecError> {
        let (_, running) = self.begin(container, command, false).await?;
        Ok(running)
    }

    /// Starts a command whose stdin is written to. [`Command::input`] is not looked at.
    ///
    /// # Errors
    /// As [`Executor::start`].
    pub async fn start_with_stdin(
        &self,
        container: &ObjectRef,
        command: &Command,
    ) -> Result<(Stdin, Running), ExecError> {
        match self.begin(container, command, true).await? {
            (Some(stdin), running) => Ok((stdin, running)),
            (None, running) => Err(running.error(Kind::Lost("its stdin was not opened"))),
        }
    }

    fn running(&self, container: &ObjectRef, command: &Command, began: Instant, level: Level) -> Running {
        Running::new(
            self.engine.clone(),
            container.clone(),
            command.clone(),
            began,
            level,
        )
    }

    async fn begin(
        &self,
        container: &ObjectRef,
        command: &Command,
        open: bool,
    ) -> Result<(Option<Stdin>, Running), ExecError> {
        let began = Instant::now();
        let fail = |kind| ExecError::new(kind, container.as_str());
        if command.argv.first().is_none_or(String::is_empty) {
            return Err(fail(Kind::BadInput("there is no program to run")));
        }
        let deadline = command.timeout.and_then(|limit| began.checked_add(limit));

        let mut why = "it was not wanted".to_owned();
        if self.at_most == Way::Runner {
            // Nothing of the command is sent in here, so nothing runs when the time is over.
            let link = within(deadline, self.link(container, command)).await;
            match link.ok_or_else(|| fail(Kind::TimedOut))? {
                Err(error) => return Err(ExecError::engine(error, container.as_str())),
                Ok(Err(reason)) => why = reason,
                Ok(Ok(mut link)) => match link.spawn(spawn(command, began, open)).await {
                    Err(error) if error.kind() == std::io::ErrorKind::InvalidInput => {
                        why = error.to_string();
                    }
                    // A stream that has broken is told by the first message.
                    _ => {
                        let stdin = open.then(|| Stdin::framed(&link.input));
                        return Ok((
                            stdin,
                            self.running(container, command, began, Level::Runner(Box::new(link))),
                        ));
                    }
                },
            }
            tracing::debug!(%container, %why, "a command is run without a runner");
        }
        if command.at_least == Way::Runner {
            return Err(fail(Kind::NoWay(why)));
        }
        let may_run = || fail(Kind::TimedOut).with_ended(Ended::MayStillRun);
        if self.at_most >= Way::Shell {
            let raw = within(deadline, self.shell(container, command)).await;
            let raw = raw.ok_or_else(may_run)?;
            if let Some((input, raw)) = raw.map_err(|error| ExecError::engine(error, container.as_str()))? {
                let stdin = opened(input, open).await;
                return Ok((
                    stdin,
                    self.running(container, command, began, Level::Raw(Box::new(raw))),
                ));
            }
        }
        if command.at_least == Way::Shell {
            return Err(fail(Kind::NoWay("there is no shell in the container".to_owned())));
        }
        let spec = shell::plain(command);
        let started = within(deadline, self.engine.exec_attached(container, &spec)).await;
        let started = started.ok_or_else(may_run)?;
        let (exec, attached) = started.map_err(|error| ExecError::engine(error, container.as_str()))?;
        let (input, output) = attached.split();
        let stdin = opened(input, open).await;
        let raw = Raw::new(exec, output, command.limit);
        Ok((
            stdin,
            self.running(container, command, began, Level::Raw(Box::new(raw))),
        ))
    }

    /// A runner in the container that has said hello; or why there is none.
    async fn link(
        &self,
        container: &ObjectRef,
        command: &Command,
    ) -> Result<Result<Link, String>, longshore_engine::Error> {
        let Some(program) = &self.program else {
            return Ok(Err(NO_PROGRAM.to_owned()));
        };
        let mut anew = false;
        loop {
            let path = match program.remembered(container) {
                Some(path) if !anew => path,
                _ => match program.place(&self.engine, container, anew).await? {
                    Place::At(path) => path,
                    Place::Nowhere(why) => return Ok(Err(why)),
                },
            };
            match Link::open(&self.engine, container, &path, command).await? {
                Ok(link) => return Ok(Ok(link)),
                // It is not there any more, or only half: the container is another, or somebody copies at this moment.
                Err(why) if !anew => {
                    tracing::debug!(%container, %why, "the runner did not start; it is copied again");
                    program.forget(container);
                    anew = true;
                }
                Err(why) => {
                    program.forget(container);
                    return Ok(Err(why));
                }
            }
        }
    }

    /// The command under the container's shell; `None` where there is none, and nothing was run.
    async fn shell(
        &self,
        container: &ObjectRef,
        command: &Command,
    ) -> Result<Option<(AttachedInput, Raw)>, longshore_engine::Error> {
        let mark = format!("{:016x}", random());
        let spec = shell::spec(command, &mark);
        let attached = match self.engine.exec_attached(container, &spec).await {
            Ok(attached) => attached,
            Err(error) if bring::is_refusal(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let (exec, attached) = attached;
        let (input, output) = attached.split();
        let mut raw = Raw::new(exec, output, command.limit);
        Ok(raw.announced(&mark).await?.then_some((input, raw)))
    }
}

const NO_PROGRAM: &str = "no runner is built in (feature `runner`), and none was given";

impl std::fmt::Debug for Executor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Executor")
            .field("engine", &self.engine)
            .field("has_program", &self.program.is_some())
            .field("at_most", &self.at_most)
            .finish()
    }
}

/// The command in the runner's words. What is left of its time begins to run there.
fn spawn(command: &Command, began: Instant, open: bool) -> Spawn {
    let mut spawn = Spawn::new(command.argv.iter().map(String::as_str)).stdin(open);
    for pair in &command.env.0 {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        spawn = spawn.env(name, value);
    }
    spawn.cwd = command.working_dir.clone().unwrap_or_default().into_bytes();
    spawn.stdout_limit = command.limit;
    spawn.stderr_limit = command.limit;
    spawn.timeout_ms = command
        .timeout
        .map(|limit| millis(limit.saturating_sub(began.elapsed())).max(1));
    spawn.grace_ms = millis(command.grace);
    spawn
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX - 1)
}

/// `None` when the time is over first.
async fn within<T>(deadline: Option<Instant>, work: impl Future<Output = T>) -> Option<T> {
    match deadline {
        None => Some(work.await),
        Some(deadline) => tokio::time::timeout_at(deadline, work).await.ok(),
    }
}

/// The stdin of a raw command, or its end at once.
async fn opened(mut input: AttachedInput, open: bool) -> Option<Stdin> {
    if open {
        return Some(Stdin::raw(input));
    }
    // A command that has ended already does not read; that is told by its output.
    let _ = input.shutdown().await;
    None
}

/// Writes the whole input, ends it, and never returns: the command may have read it and go on, or have ended without
/// reading it, and both are told by its output.
async fn feed(stdin: Option<Stdin>, input: Option<&Bytes>) -> Infallible {
    if let (Some(mut stdin), Some(input)) = (stdin, input)
        && stdin.write(input).await.is_ok()
    {
        let _ = stdin.end().await;
    }
    pending().await
}

/// A number that nobody else knows: each map's keys are random.
fn random() -> u64 {
    RandomState::new().hash_one(0).max(1)
}
