//! A command that runs: what comes from it, and its end, whoever brings that about.
//!
//! One state for all ways. What each way does when the time is over is here too, so that the outcomes stand side by side.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use longshore_core::ObjectRef;
use longshore_engine::{Engine, LogFrame, StdStream};
use longshore_runner::{Exit, Request};
use tokio::time::Instant;

use super::error::Kind;
use super::link::{Broken, Link, Message};
use super::raw::Raw;
use super::{Command, End, Ended, Event, ExecError, Status, Usage, Way, container, shell};

/// A container that was killed has closed its streams within this; so has what a shell has killed.
const LAST_OUTPUT: Duration = Duration::from_millis(200);

/// A command that runs in a container. From [`Executor::start`](super::Executor::start).
///
/// Read it to its end: a command whose output is not read stands still. Its time limit holds all the same under a runner,
/// which has a clock of its own; elsewhere it holds while this is read. **Dropping it ends the command and its whole tree
/// where it runs under a runner** ([`Running::way`]), else the command runs on.
pub struct Running {
    engine: Engine,
    container: ObjectRef,
    command: Command,
    began: Instant,
    level: Level,
    /// Bytes handed on of each stream.
    given: [u64; 2],
    stage: Stage,
}

pub(super) enum Level {
    Runner(Box<Link>),
    Raw(Box<Raw>),
}

/// How far it is. Each await may be the last of its future, so what was learned is kept here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Runs,
    /// Without a runner: its output has ended, its exit code has not come.
    Quiet,
    /// The runner has told the end.
    Told(Exit),
    /// Its time is over, and all patience.
    Overdue,
    /// Without a runner: done with, and what it had printed is still read until then.
    Last {
        ended: Ended,
        until: Instant,
    },
    Over,
}

impl Running {
    pub(super) fn new(
        engine: Engine,
        container: ObjectRef,
        command: Command,
        began: Instant,
        level: Level,
    ) -> Self {
        Self {
            engine,
            container,
            command,
            began,
            level,
            given: [0; 2],
            stage: Stage::Runs,
        }
    }

    /// How it is run.
    #[must_use]
    pub fn way(&self) -> Way {
        match &self.level {
            Level::Runner(_) => Way::Runner,
            Level::Raw(raw) if raw.shell.is_some() => Way::Shell,
            Level::Raw(_) => Way::Plain,
        }
    }

    /// What comes next; [`Event::End`] or an error is the last. Dropping the future loses nothing.
    ///
    /// A command whose time is over is no error here: [`End::timed_out`] says so.
    ///
    /// # Errors
    /// [`ExecError::spawn_errno`] when the program could not be started under a runner; [`ExecError::is_lost`] when the
    /// stream ended before the command's end was told.
    pub async fn next(&mut self) -> Option<Result<Event, ExecError>> {
        let item = match (&self.stage, &self.level) {
            (Stage::Over, _) => return None,
            (_, Level::Runner(_)) => self.next_of_runner().await,
            (_, Level::Raw(_)) => self.next_of_raw().await,
        };
        if matches!(item, Ok(Event::End(_)) | Err(_)) {
            self.stage = Stage::Over;
        }
        Some(item)
    }

    /// The same as a stream.
    pub fn into_stream(self) -> impl Stream<Item = Result<Event, ExecError>> + Send {
        futures_util::stream::unfold(self, |mut running| async move {
            running.next().await.map(|item| (item, running))
        })
    }

    /// Ends it now: TERM, grace, KILL. What it still prints is dropped.
    ///
    /// # Errors
    /// As [`Running::next`].
    pub async fn end(mut self) -> Result<End, ExecError> {
        self.command.timeout = Some(self.began.elapsed());
        let input = match &self.level {
            Level::Runner(link) => Some(Arc::clone(&link.input)),
            Level::Raw(_) => None,
        };
        if let Some(input) = input {
            // A stream that is broken is told by the next message.
            let _ = input.send(&Request::End).await;
        }
        loop {
            match self.next().await {
                Some(Ok(Event::End(mut end))) => {
                    // It was asked for, whoever's clock it was that ran out.
                    end.timed_out = false;
                    return Ok(end);
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error),
                None => {
                    return Err(self.error(Kind::Lost("its end had been told already")));
                }
            }
        }
    }

    pub(super) fn error(&self, kind: Kind) -> ExecError {
        ExecError::new(kind, self.container.as_str())
    }

    /// Its end, when nobody has told it.
    pub(super) fn unknown_end(&self, ended: Ended, timed_out: bool) -> End {
        let (stdout_dropped, stderr_dropped) = match &self.level {
            Level::Raw(raw) => raw.dropped(),
            Level::Runner(_) => (0, 0),
        };
        End {
            status: Status::Unknown,
            timed_out,
            ended,
            way: self.way(),
            usage: None,
            stdout_dropped,
            stderr_dropped,
            duration: self.began.elapsed(),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.command
            .timeout
            .and_then(|limit| self.began.checked_add(limit))
    }

    /// When nothing is waited for any more.
    fn overdue(&self) -> Option<Instant> {
        let after = self
            .command
            .grace
            .saturating_add(self.command.patience_or_default());
        self.deadline().and_then(|deadline| deadline.checked_add(after))
    }

    /// The container's end, where it is allowed.
    async fn last_resort(&mut self) -> Ended {
        if self.command.end_container && container::kill(&self.engine, &self.container).await {
            Ended::Container
        } else {
            Ended::MayStillRun
        }
    }

    /// The stream is gone and told no end.
    async fn lost(&mut self, what: &'static str, source: Option<longshore_engine::Error>) -> ExecError {
        let ended = if container::is_over(&self.engine, &self.container).await {
            Ended::Container
        } else {
            self.last_resort().await
        };
        let what = match ended {
            Ended::Container => "its container ended",
            _ => what,
        };
        self.error(Kind::Lost(what)).with_source(source).with_ended(ended)
    }

    fn give(&mut self, stream: StdStream, bytes: Bytes) -> Event {
        match stream {
            StdStream::Stdout => {
                self.given[0] += bytes.len() as u64;
                Event::Stdout(bytes)
            }
            StdStream::Stderr => {
                self.given[1] += bytes.len() as u64;
                Event::Stderr(bytes)
            }
        }
    }

    async fn next_of_runner(&mut self) -> Result<Event, ExecError> {
        loop {
            match self.stage {
                Stage::Told(exit) => return Ok(Event::End(self.told(exit).await)),
                Stage::Overdue => {
                    let ended = self.last_resort().await;
                    return Ok(Event::End(self.unknown_end(ended, true)));
                }
                _ => {}
            }
            let overdue = self.overdue();
            let Level::Runner(link) = &mut self.level else {
                return Err(self.error(Kind::Lost("it has no runner")));
            };
            let message = tokio::select! {
                biased;
                message = link.message() => message,
                () = until(overdue) => {
                    self.stage = Stage::Overdue;
                    continue;
                }
            };
            match message {
                Ok(Message::Out(bytes)) => return Ok(self.give(StdStream::Stdout, bytes)),
                Ok(Message::Err(bytes)) => return Ok(self.give(StdStream::Stderr, bytes)),
                Ok(Message::Started | Message::Hello(_)) => {}
                Ok(Message::SpawnErr(errno, stage)) => {
                    return Err(self.error(Kind::NotStarted { errno, stage }));
                }
                Ok(Message::Exit(exit)) => self.stage = Stage::Told(exit),
                Err(Broken::Ended) => return Err(self.lost("its runner was ended", None).await),
                Err(Broken::Nonsense) => {
                    return Err(self.lost("what came is not from a runner", None).await);
                }
                Err(Broken::Engine(error)) => {
                    return Err(self.lost("the connection broke", Some(error)).await);
                }
            }
        }
    }

    async fn told(&mut self, exit: Exit) -> End {
        let ended = match exit.ended {
            true => Ended::Tree,
            false => self.last_resort().await,
        };
        let [stdout, stderr] = self.given;
        End {
            status: match exit.status {
                longshore_runner::Status::Code(code) => Status::Code(code.into()),
                longshore_runner::Status::Signal(signal) => Status::Signal(signal),
                longshore_runner::Status::Unknown => Status::Unknown,
            },
            usage: Some(Usage {
                user: Duration::from_micros(exit.user_us),
                system: Duration::from_micros(exit.sys_us),
                max_rss: exit.max_rss,
            }),
            stdout_dropped: exit.stdout.bytes.saturating_sub(stdout),
            stderr_dropped: exit.stderr.bytes.saturating_sub(stderr),
            ..self.unknown_end(ended, exit.timed_out)
        }
    }

    async fn next_of_raw(&mut self) -> Result<Event, ExecError> {
        loop {
            let deadline = self.deadline();
            let Level::Raw(raw) = &mut self.level else {
                return Err(self.error(Kind::Lost("it has a runner")));
            };
            match self.stage {
                Stage::Runs => {
                    let frame = tokio::select! {
                        biased;
                        frame = raw.next() => frame,
                        () = until(deadline) => {
                            self.stage = Stage::Overdue;
                            continue;
                        }
                    };
                    match frame {
                        Some(Ok(LogFrame { stream, bytes, .. })) => return Ok(self.give(stream, bytes)),
                        Some(Err(error)) => {
                            return Err(self.lost("the connection broke", Some(error)).await);
                        }
                        None => self.stage = Stage::Quiet,
                    }
                }
                Stage::Quiet => {
                    let code = tokio::select! {
                        biased;
                        code = raw.exec.exit_code() => code,
                        () = until(deadline) => {
                            self.stage = Stage::Overdue;
                            continue;
                        }
                    };
                    return match code {
                        Ok(code) => {
                            let end = self.unknown_end(Ended::MayStillRun, false);
                            let status = Status::Code(code);
                            Ok(Event::End(End { status, ..end }))
                        }
                        Err(error) => Err(self.lost("its exit code cannot be had", Some(error)).await),
                    };
                }
                Stage::Last { ended, until } => {
                    let frame = tokio::select! {
                        biased;
                        frame = raw.next() => frame,
                        () = tokio::time::sleep_until(until) => None,
                    };
                    return Ok(match frame {
                        Some(Ok(LogFrame { stream, bytes, .. })) => self.give(stream, bytes),
                        _ => Event::End(self.last_of_raw(ended).await),
                    });
                }
                _ => {
                    let ended = self.end_raw().await;
                    let until = Instant::now() + self.last_output(ended);
                    self.stage = Stage::Last { ended, until };
                }
            }
        }
    }

    /// Its time is over and there is no runner to end it.
    async fn end_raw(&mut self) -> Ended {
        let ended = self.last_resort().await;
        let found = match &self.level {
            Level::Raw(raw) => raw.shell.clone(),
            Level::Runner(_) => None,
        };
        if let (Ended::MayStillRun, Some(found)) = (ended, found) {
            let patience = self.command.patience_or_default();
            shell::end(&self.engine, &self.container, &self.command, &found, patience).await;
        }
        ended
    }

    fn last_output(&self, ended: Ended) -> Duration {
        match (self.way(), ended) {
            // Nobody has ended it: it may print for ever.
            (Way::Plain, Ended::MayStillRun) => Duration::ZERO,
            _ => LAST_OUTPUT,
        }
    }

    async fn last_of_raw(&mut self, ended: Ended) -> End {
        let mut end = self.unknown_end(ended, true);
        let exec = match &self.level {
            Level::Raw(raw) if raw.shell.is_some() => raw.exec.clone(),
            _ => return end,
        };
        if let Ok(state) = exec.state().await
            && let Some(code) = state.exit_code
        {
            end.status = Status::Code(code);
        }
        end
    }
}

async fn until(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when).await,
        None => pending().await,
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running")
            .field("container", &self.container)
            .field("way", &self.way())
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}
