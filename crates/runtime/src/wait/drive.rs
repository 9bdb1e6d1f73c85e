//! One wait: everything that its leaves need, driven by one future.
//!
//! Owns what each leaf is worth and when the waiting is over. What happened to the container comes from its events, what it
//! printed from its log; the rest is tried ([`probe`](super::probe)).

mod learn;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{BoxStream, SelectAll};
use longshore_core::{Container, ContainerId, ContainerState, Health, Timestamp};
use longshore_engine::{Engine, Error};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use self::learn::{before, shown};
use super::condition::{Leaf, Value};
use super::probe::{Now, Update, deadline, probe};
use super::{Held, Wait, WaitConfig, WaitError, WaitErrorKind};
use crate::logs::{AfterExit, LogItem, LogLine, LogQuery, follow};
use crate::sight::{Sight, sights};
use crate::source::SourceError;

/// Of what was seen, bytes that are kept.
const SEEN: usize = 200;
/// How long before its container is said to have started a line of the run may be.
const STARTING: Duration = Duration::from_secs(1);
/// For reading a dead container's last line.
const LAST_LINE: Duration = Duration::from_secs(2);

/// Something that a leaf may learn from.
enum Signal {
    Sight(Sight),
    Log(Result<LogItem, Error>),
    Try(Update),
}

/// A leaf and what is known of it.
struct Known {
    leaf: Leaf,
    value: Value,
    seen: String,
    /// Lines that matched.
    lines: u32,
}

/// How far the log was read.
#[derive(Clone, Copy)]
enum LogSoFar {
    /// Lines may come.
    Open,
    /// All of a run, which ended then.
    EndOfRun(Option<Timestamp>),
    /// Nothing more comes, or nobody asks for it.
    Over,
}

pub(super) struct Drive<'a> {
    wait: &'a Wait,
    engine: &'a Engine,
    id: &'a ContainerId,
    config: &'a WaitConfig,
    signals: SelectAll<BoxStream<'static, Signal>>,
    leaves: Vec<Known>,
    now: watch::Sender<Now>,
    /// As it was when the wait was prepared.
    first: Arc<Container>,
    /// The run that is under way, or the last one, counts.
    counts_first: bool,
    exit_code: Option<i64>,
    is_gone: bool,
    log: LogSoFar,
    last_line: Option<String>,
    failure: Option<Error>,
    began: Instant,
    deadline: Option<Instant>,
}

impl<'a> Drive<'a> {
    /// Subscribes to the container's events and looks at it once. With `is_start` nothing counts that a run did which is
    /// over by now.
    pub(super) async fn prepare(
        wait: &'a Wait,
        engine: &'a Engine,
        id: &'a ContainerId,
        config: &'a WaitConfig,
        is_start: bool,
    ) -> Result<Self, WaitError> {
        let mut sights = sights(engine.clone(), id, config.backoff);
        let mut first = sights.next().await;
        let began = Instant::now();
        while let Some(Sight::Unknown(error)) = first {
            if !error.is_transient() || began.elapsed() >= config.deadline {
                return Err(WaitError::engine(wait, error));
            }
            first = sights.next().await;
        }
        let Some(Sight::Is(container, _)) = first else {
            let kind = WaitErrorKind::Removed;
            return Err(WaitError::new(wait, kind, Duration::ZERO));
        };
        let first = Arc::new(*container);
        let mut leaves = Vec::new();
        wait.0.leaves(&mut leaves);
        let mut this = Self {
            wait,
            engine,
            id,
            config,
            signals: SelectAll::new(),
            leaves: leaves
                .into_iter()
                .map(|leaf| Known {
                    leaf: leaf.clone(),
                    value: Value::Unknown,
                    seen: "nothing yet".to_owned(),
                    lines: 0,
                })
                .collect(),
            now: watch::Sender::new(Now::default()),
            counts_first: !is_start || first.state.has_processes(),
            first: Arc::clone(&first),
            exit_code: None,
            is_gone: false,
            log: LogSoFar::Over,
            last_line: None,
            failure: None,
            began,
            deadline: None,
        };
        this.signals.push(sights.map(Signal::Sight).boxed());
        if this
            .leaves
            .iter()
            .any(|known| matches!(known.leaf, Leaf::Log { .. }))
        {
            this.log = LogSoFar::Open;
            let since = match (this.counts_first, first.started_at) {
                (_, None) => None,
                (true, Some(started)) => Some(before(started)),
                // The last words of a run may be stamped after its end: the engine's clock now is after both.
                (false, _) => {
                    let info = engine.info().await;
                    info.map_err(|error| WaitError::engine(wait, error))?.system_time
                }
            };
            let query = LogQuery::follow()
                .since(since)
                .after_exit(AfterExit::Stay)
                .backoff(config.backoff);
            let log = follow(engine.clone(), id.clone(), query);
            this.signals.push(log.map(Signal::Log).boxed());
        }
        this.seen(first, None);
        Ok(this)
    }

    /// The clock runs from here, and the tries.
    pub(super) fn begin(&mut self) {
        self.began = Instant::now();
        self.deadline = deadline(self.config);
        for (place, known) in self.leaves.iter().enumerate() {
            let tries = probe(&known.leaf, place, self.engine, self.config, self.now.subscribe());
            self.signals
                .extend(tries.map(|tries| tries.map(Signal::Try).boxed()));
        }
    }

    /// Takes what comes, without ever ending.
    pub(super) async fn absorb(&mut self) -> Infallible {
        while let Some(signal) = self.signals.next().await {
            self.take(signal);
        }
        pending().await
    }

    /// Takes what comes until the condition holds, or cannot.
    pub(super) async fn run(mut self) -> Result<Held, WaitError> {
        loop {
            if let Some(error) = self.failure.take() {
                return Err(WaitError::engine(self.wait, error));
            }
            match self
                .wait
                .0
                .value(&mut self.leaves.iter().map(|known| known.value))
            {
                Value::Yes => return Ok(self.held()),
                Value::Never => return Err(self.never().await),
                Value::Unknown | Value::No => {}
            }
            let too_late = async {
                match self.deadline {
                    Some(at) => sleep_until(at).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                signal = self.signals.next() => match signal {
                    Some(signal) => self.take(signal),
                    // Every source has ended, and nothing can change any more.
                    None => return Err(self.never().await),
                },
                () = too_late => return Err(self.error(WaitErrorKind::Deadline)),
            }
        }
    }

    fn container(&self) -> Arc<Container> {
        self.now
            .borrow()
            .container
            .clone()
            .unwrap_or_else(|| Arc::clone(&self.first))
    }

    fn held(&self) -> Held {
        Held {
            container: (*self.container()).clone(),
            waited: self.began.elapsed(),
        }
    }

    fn error(&self, kind: WaitErrorKind) -> WaitError {
        let seen = self.leaves.iter().filter(|known| known.value != Value::Yes);
        let seen = seen
            .map(|known| (known.leaf.to_string(), known.seen.clone()))
            .collect();
        WaitError::new(self.wait, kind, self.began.elapsed()).with_seen(seen, self.last_line.clone())
    }

    async fn never(&mut self) -> WaitError {
        let kind = match (self.is_gone, self.now.borrow().is_over) {
            (true, _) if self.exit_code.is_none() => WaitErrorKind::Removed,
            (true, _) | (false, true) => WaitErrorKind::Died {
                exit_code: self.exit_code,
            },
            (false, false) => WaitErrorKind::Never,
        };
        if self.last_line.is_none() && !self.is_gone {
            let mut log = follow(self.engine.clone(), self.id.clone(), LogQuery::read().tail(1));
            let line = async {
                while let Some(Ok(item)) = log.next().await {
                    if let LogItem::Line(line) = item {
                        self.last_line = Some(shown(&line));
                    }
                }
            };
            // Without it the error says less, and is right all the same.
            let _ = timeout(LAST_LINE, line).await;
        }
        self.error(kind)
    }
}
