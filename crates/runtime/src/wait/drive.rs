//! One wait: everything that its leaves need, driven by one future.
//!
//! Owns what each leaf is worth and when the waiting is over. What happened to the container comes from its events, what it
//! printed from its log; the rest is tried ([`probe`](super::probe)).

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
    /// All of the log was read, up to the end of the run.
    is_log_over: bool,
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
            is_log_over: true,
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
            this.is_log_over = false;
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

    fn take(&mut self, signal: Signal) {
        match signal {
            Signal::Sight(Sight::Is(container, ended)) => self.seen(Arc::from(container), ended),
            Signal::Sight(Sight::Gone(ended)) => self.gone(ended),
            Signal::Sight(Sight::Unknown(error)) => {
                let text = SourceError::from(error).text;
                let is_state = |known: &&mut Known| {
                    matches!(
                        known.leaf,
                        Leaf::State { .. } | Leaf::Healthy | Leaf::Exited { .. } | Leaf::Removed
                    )
                };
                self.leaves
                    .iter_mut()
                    .filter(is_state)
                    .for_each(|known| known.seen = cut(&text));
            }
            Signal::Log(Ok(item)) => self.logged(&item),
            Signal::Log(Err(error)) => self.failure = Some(error),
            Signal::Try((place, value, seen)) => {
                let is_over = self.now.borrow().is_over || self.is_gone;
                if let Some(known) = self.leaves.get_mut(place)
                    && (!is_over || matches!(known.leaf, Leaf::Pause(_) | Leaf::File(_)))
                {
                    known.value = value;
                    known.seen = cut(&seen);
                }
            }
        }
        self.settle_logs();
    }

    /// The container as it is now; `ended` when a run of it has ended meanwhile.
    fn seen(&mut self, container: Arc<Container>, ended: Option<i64>) {
        let is_ours = self.counts_first || container.started_at != self.first.started_at;
        let has_ended = matches!(container.state, ContainerState::Exited | ContainerState::Dead);
        let is_over = is_ours && has_ended;
        let ended = ended.or(container.exit_code.filter(|_| is_over));
        self.exit_code = ended.or(self.exit_code);
        for known in &mut self.leaves {
            let held = match &known.leaf {
                Leaf::State { holds, .. } => Some(holds(&container)),
                Leaf::Healthy if container.health == Health::None && container.state.has_processes() => {
                    known.value = Value::Never;
                    known.seen = "it has no health check".to_owned();
                    None
                }
                Leaf::Healthy => Some(container.health == Health::Healthy),
                Leaf::Exited { .. } if known.value == Value::Yes => None,
                Leaf::Exited { code } => {
                    Some(ended.is_some_and(|ended| code.is_none_or(|code| code == ended)))
                }
                Leaf::Removed => Some(false),
                Leaf::Port(_) | Leaf::Http(_) | Leaf::Command { .. } if is_over => Some(false),
                _ => None,
            };
            let Some(held) = held else { continue };
            known.value = match held {
                true => Value::Yes,
                false if is_over && !matches!(known.leaf, Leaf::Removed) => Value::Never,
                false => Value::No,
            };
            known.seen = match (&known.leaf, ended) {
                (Leaf::Port(_) | Leaf::Http(_) | Leaf::Command { .. }, _) => continue,
                (Leaf::Healthy, _) => format!("it is {} and {}", container.state, container.health),
                (Leaf::Exited { .. }, Some(code)) => format!("it has ended with {code}"),
                _ => format!("it is {}", container.state),
            };
        }
        if container.state.has_processes() {
            self.is_log_over = !self
                .leaves
                .iter()
                .any(|known| matches!(known.leaf, Leaf::Log { .. }));
        }
        self.now.send_replace(Now {
            container: Some(container),
            is_over,
        });
    }

    fn gone(&mut self, ended: Option<i64>) {
        self.is_gone = true;
        self.exit_code = ended.or(self.exit_code);
        for known in &mut self.leaves {
            known.value = match &known.leaf {
                Leaf::Removed => Value::Yes,
                Leaf::Exited { code } if known.value != Value::Yes => match (code, self.exit_code) {
                    (None, _) => Value::Yes,
                    (Some(code), Some(ended)) if *code == ended => Value::Yes,
                    _ => Value::Never,
                },
                Leaf::Log { .. } | Leaf::Exited { .. } | Leaf::Pause(_) => continue,
                _ => Value::Never,
            };
            if known.value == Value::Never {
                known.seen = "it was removed".to_owned();
            }
        }
    }

    fn logged(&mut self, item: &LogItem) {
        match item {
            LogItem::Line(line) => {
                let text = shown(line);
                for known in &mut self.leaves {
                    let Leaf::Log {
                        pattern,
                        stream,
                        times,
                    } = &known.leaf
                    else {
                        continue;
                    };
                    if stream.is_none_or(|stream| stream == line.stream) && pattern.is_in(&line.text) {
                        known.lines = known.lines.saturating_add(1);
                    }
                    known.value = if known.lines >= *times {
                        Value::Yes
                    } else {
                        Value::No
                    };
                    known.seen = format!("{} of {times} lines, the last of all {text:?}", known.lines);
                }
                self.last_line = Some(text);
            }
            LogItem::Ended { .. } | LogItem::Over(_) => self.is_log_over = true,
            LogItem::Started { .. } => self.is_log_over = false,
            LogItem::Gap { .. } => {
                let is_log = |known: &&mut Known| matches!(known.leaf, Leaf::Log { .. });
                let gap = "; lines were rotated away before they could be read";
                self.leaves
                    .iter_mut()
                    .filter(is_log)
                    .for_each(|known| known.seen.push_str(gap));
            }
            _ => {}
        }
    }

    /// A line that has not come by the end of the last run's log does not come.
    fn settle_logs(&mut self) {
        let is_over = self.is_gone || self.now.borrow().is_over;
        for known in &mut self.leaves {
            if matches!(known.leaf, Leaf::Log { .. }) && known.value != Value::Yes {
                known.value = if is_over && self.is_log_over {
                    Value::Never
                } else {
                    Value::No
                };
            }
        }
    }
}

/// A container is said to have started some time after its process has: 20.10 stamps the first lines of a short run before it.
fn before(started: Timestamp) -> Timestamp {
    let early = i64::try_from(STARTING.as_nanos()).unwrap_or_default();
    Timestamp::from_nanos(started.as_nanos().saturating_sub(early))
}

fn shown(line: &LogLine) -> String {
    cut(&String::from_utf8_lossy(&line.text))
}

/// The beginning of a text.
fn cut(text: &str) -> String {
    match text.char_indices().nth(SEEN) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
