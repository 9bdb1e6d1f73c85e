//! The follower of one log: one state, one step. States and failures are drawn in `docs/design/logs.md`.
//!
//! Owns the calls, the pauses and the markers between runs. What is new in an answer is [`Tape`]'s business.

mod between;

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use longshore_core::{Container, ContainerId, ContainerState, ObjectRef, Timestamp};
use longshore_engine::{ApiVersion, Engine, Error, LogFrame, LogOptions, LogStream};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::tape::{Answer, Tape};
use super::{AfterExit, LogEnd, LogItem, LogQuery};
use crate::sight::{Sight, sights};
use crate::source::SourceError;

/// Engines of this API and later (23.0) follow a log through its rotation; earlier ones double lines and lose some.
const FOLLOWS_TRULY: ApiVersion = ApiVersion::new(1, 42);
/// Pauses between two reads of a log that cannot be followed: while lines come, and at most.
const POLL: Duration = Duration::from_millis(100);
const POLL_MAX: Duration = Duration::from_secs(1);
/// An engine skips whole files for a follower that falls behind them. After so long without being asked for an item,
/// what a stream still holds is dropped and read again from the anchor, which tells what was skipped.
const AWAY: Duration = Duration::from_millis(100);
/// How far our clock may be behind the engine's when a time to end at has come.
const CLOCK_GRACE: Duration = Duration::from_secs(1);

pub(super) fn stream(follower: Follower) -> BoxStream<'static, Result<LogItem, Error>> {
    stream::unfold(Some(follower), |follower| async move {
        let mut follower = follower?;
        Some(match follower.next().await {
            Ok(item @ LogItem::Over(_)) => (Ok(item), None),
            Ok(item) => (Ok(item), Some(follower)),
            Err(error) => (Err(error), None),
        })
    })
    .boxed()
}

pub(super) struct Follower {
    engine: Engine,
    id: ContainerId,
    query: LogQuery,
    tape: Tape,
    out: VecDeque<LogItem>,
    state: State,
    /// Failures, and answers that ended with nothing new, in a row.
    failures: u32,
    polls: u32,
    /// Whether an outage was told.
    is_out: bool,
    /// Whether an answer ever began: before that a refusal is final.
    was_open: bool,
    /// Whether the log may have held more when it was read last.
    is_unsure: bool,
    /// When the run that is followed began.
    run: Option<Timestamp>,
    is_end_told: bool,
    /// The start of the next run, until it is told: before its first line, or once all is read.
    marker: Option<Timestamp>,
    /// From when on a log is read whose past is not wanted.
    floor: Option<Timestamp>,
    deadline: Option<Instant>,
    /// When the caller last had an item from us.
    left_at: Option<Instant>,
}

enum State {
    Looking,
    Reading(Box<Reading>),
    Pause(Duration),
    Absent {
        sights: BoxStream<'static, Sight>,
        until: Option<Instant>,
    },
}

struct Reading {
    frames: LogStream,
    answer: Answer,
    kind: Kind,
    has_new: bool,
}

/// What an answer is read for.
#[derive(Clone)]
enum Kind {
    /// What there is, once.
    Once,
    /// What there is and what comes.
    Live,
    /// What there is, again and again.
    Poll,
    /// What is left of a run before the next one is told.
    CatchUp,
    /// What is left of a container that does not run.
    Rest(Box<Container>),
}

impl Follower {
    pub(super) fn new(engine: Engine, id: ContainerId, query: LogQuery) -> Self {
        let now = Timestamp::from(SystemTime::now());
        let left = |until: Timestamp| Instant::now() + until.since(now).unwrap_or_default() + CLOCK_GRACE;
        Self {
            deadline: query.until.filter(|_| query.follow).map(left),
            tape: Tape::new(query.max_line, query.tail.is_none() && query.since.is_none()),
            engine,
            id,
            query,
            out: VecDeque::new(),
            state: State::Looking,
            failures: 0,
            polls: 0,
            is_out: false,
            was_open: false,
            is_unsure: false,
            run: None,
            is_end_told: false,
            marker: None,
            floor: None,
            left_at: None,
        }
    }

    /// Up to where an engine answers, a container is waited for, or there is something to tell.
    pub(super) async fn begin(&mut self) -> Result<(), Error> {
        while self.out.is_empty() && matches!(self.state, State::Looking) {
            self.step().await?;
        }
        self.left_at = Some(Instant::now());
        Ok(())
    }

    async fn next(&mut self) -> Result<LogItem, Error> {
        let is_live = matches!(&self.state, State::Reading(reading) if matches!(reading.kind, Kind::Live));
        if is_live && self.out.is_empty() && self.left_at.is_some_and(|at| at.elapsed() > AWAY) {
            self.state = State::Looking;
        }
        let item = self.item().await;
        self.left_at = Some(Instant::now());
        item
    }

    async fn item(&mut self) -> Result<LogItem, Error> {
        loop {
            if let Some(item) = self.out.pop_front() {
                if let Some(item) = self.wanted(item) {
                    return Ok(item);
                }
                continue;
            }
            match self.deadline {
                None => self.step().await?,
                Some(at) => match timeout_at(at, self.step()).await {
                    Ok(stepped) => stepped?,
                    Err(_) => return Ok(LogItem::Over(LogEnd::Until)),
                },
            }
        }
    }

    /// Ends the log where the caller wants it to end.
    fn wanted(&mut self, item: LogItem) -> Option<LogItem> {
        let LogItem::Line(line) = &item else {
            return Some(item);
        };
        if self
            .query
            .until
            .zip(line.at)
            .is_some_and(|(until, at)| at > until)
        {
            self.over(LogEnd::Until);
            return self.out.pop_front();
        }
        if self
            .query
            .until_line
            .as_ref()
            .is_some_and(|pattern| pattern.is_in(&line.text))
        {
            self.over(LogEnd::Matched);
        }
        Some(item)
    }

    fn over(&mut self, end: LogEnd) {
        self.out.clear();
        self.out.push_back(LogItem::Over(end));
    }

    async fn step(&mut self) -> Result<(), Error> {
        self.state = match std::mem::replace(&mut self.state, State::Looking) {
            State::Looking => self.look().await?,
            State::Reading(reading) => self.read(reading).await,
            State::Pause(pause) => {
                sleep(pause).await;
                State::Looking
            }
            State::Absent { sights, until } => self.wait(sights, until).await,
        };
        Ok(())
    }

    async fn look(&mut self) -> Result<State, Error> {
        let reference = ObjectRef::from(&self.id);
        let container = match self.engine.inspect_container(&reference).await {
            Ok(container) => container,
            Err(error) if error.is_not_found() && !self.was_open && self.run.is_none() => return Err(error),
            Err(error) if error.is_not_found() => return Ok(self.removed()),
            Err(error) => return self.failed(error),
        };
        if !self.query.follow {
            return self.open(Kind::Once, container.tty).await;
        }
        if let Some(started) = container.started_at.filter(|at| self.run != Some(*at)) {
            if self.run.is_some() {
                self.marker = Some(started);
            }
            self.run = Some(started);
        }
        if self.marker.is_some() {
            if self.is_unsure {
                return self.open(Kind::CatchUp, container.tty).await;
            }
            self.tell_start();
        }
        match container.state {
            _ if container.state.has_processes() => {
                self.is_end_told = false;
                self.is_unsure = true;
                let truly = !self.query.reread
                    && self
                        .engine
                        .api_version()
                        .is_none_or(|version| version >= FOLLOWS_TRULY);
                let kind = if truly { Kind::Live } else { Kind::Poll };
                self.open(kind, container.tty).await
            }
            _ if container.started_at.is_none() => Ok(self.absent(None)),
            _ => {
                let tty = container.tty;
                self.open(Kind::Rest(Box::new(container)), tty).await
            }
        }
    }

    async fn open(&mut self, kind: Kind, tty: bool) -> Result<State, Error> {
        let mut options = LogOptions::default()
            .follow(matches!(kind, Kind::Live))
            .timestamps(true)
            .tail(self.query.tail)
            .since(self.query.since)
            .until(self.query.until);
        options.stdout = self.query.stdout;
        options.stderr = self.query.stderr;
        if let Some(resume) = self.tape.resume() {
            options.tail = resume.tail;
            // Earlier engines leave out every entry that is older, not only those before the first that is not.
            options.since = resume.since.filter(|_| matches!(kind, Kind::Live));
        } else if self.query.tail == Some(0) && self.query.follow {
            // No entry will mark this place: the engine's clock does.
            let floor = match self.floor {
                Some(floor) => floor,
                None => match self.engine.info().await {
                    Ok(info) => info.system_time.unwrap_or_else(|| SystemTime::now().into()),
                    Err(error) => return self.failed(error),
                },
            };
            self.floor = Some(floor);
            options.tail = None;
            options.since = options.since.max(Some(floor));
        }
        match self.engine.logs(&ObjectRef::from(&self.id), &options).await {
            Ok(frames) => {
                self.was_open = true;
                self.is_out = false;
                let answer = self.tape.begin(tty);
                let has_new = false;
                Ok(State::Reading(Box::new(Reading {
                    frames,
                    answer,
                    kind,
                    has_new,
                })))
            }
            Err(error) if error.is_not_found() => Ok(State::Looking),
            Err(error) => self.failed(error),
        }
    }

    async fn read(&mut self, mut reading: Box<Reading>) -> State {
        let next = match reading.kind {
            Kind::Live => timeout(self.query.renew_after, reading.frames.next()).await,
            _ => Ok(reading.frames.next().await),
        };
        let taken = match next {
            // Silent for long: a new answer tells whether there is somebody at all.
            Err(_) => return State::Looking,
            Ok(Some(Err(error))) => return self.lost(&error),
            Ok(Some(Ok(frame))) => self.take(&mut reading, Some(&frame)),
            Ok(None) => {
                return match self.take(&mut reading, None) {
                    Ok(()) => self.ended(&reading),
                    Err(state) => state,
                };
            }
        };
        match taken {
            Ok(()) => State::Reading(reading),
            Err(state) => state,
        }
    }

    /// Takes a piece, or the end of an answer.
    fn take(&mut self, reading: &mut Reading, frame: Option<&LogFrame>) -> Result<(), State> {
        let from = self.out.len();
        let answer = &mut reading.answer;
        let taken = match frame {
            Some(frame) => self.tape.push(answer, frame, &mut self.out),
            None => self.tape.finish(answer, &mut self.out),
        };
        // A new run's first line comes after the word that it has begun.
        if let Some(marker) = self.marker {
            let is_later = |item: &LogItem| matches!(item, LogItem::Line(line) if line.at >= Some(marker));
            if let Some(at) = self.out.iter().skip(from).position(is_later) {
                let later = self.out.split_off(from + at);
                self.tell_start();
                self.out.extend(later);
            }
        }
        let has_new = taken.map_err(|_| State::Looking)?;
        if has_new {
            reading.has_new = true;
            self.failures = 0;
        }
        Ok(())
    }

    /// An answer was read to its end.
    fn ended(&mut self, reading: &Reading) -> State {
        match &reading.kind {
            Kind::Once => {
                self.tape.end_run(&mut self.out);
                self.out.push_back(LogItem::Over(LogEnd::Read));
                State::Looking
            }
            Kind::Live => {
                self.is_unsure = false;
                if reading.has_new {
                    return State::Looking;
                }
                self.failures = self.failures.saturating_add(1);
                State::Pause(self.query.backoff.pause(self.failures))
            }
            Kind::Poll => {
                self.polls = if reading.has_new {
                    0
                } else {
                    self.polls.saturating_add(1)
                };
                State::Pause(POLL.saturating_mul(1 << self.polls.min(4)).min(POLL_MAX))
            }
            Kind::CatchUp => {
                self.is_unsure = false;
                State::Looking
            }
            Kind::Rest(container) => self.rested(container),
        }
    }
}
