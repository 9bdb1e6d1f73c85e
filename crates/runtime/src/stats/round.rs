//! The sampler's task: who is read, when, and how many at once.
//!
//! Owns the rounds: the kernel's files first, the engine for what they do not give. A container that does not answer
//! delays nobody: its call stays in flight, at most one for each container, and the round goes out without it.

use std::collections::VecDeque;
use std::collections::hash_map::{Entry, HashMap};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};
use longshore_core::{ContainerId, ContainerState, Counters, Timestamp};
use tokio::time::{Instant, MissedTickBehavior, Sleep, interval, sleep};
use tokio_util::sync::CancellationToken;

use super::files::{Files, Read};
use super::series::Kept;
use super::target::Target;
use super::{CounterFiles, Round, SampleSource, SamplerConfig, Shared};
use crate::Mirror;
use crate::source::{CounterSource, SourceError};

type Reading = (ContainerId, Result<Counters, SourceError>, Timer);

/// Kept from call to call: a new one interrupts the runtime's sleep, a deadline that moves off does not.
type Timer = Pin<Box<Sleep>>;

/// While nobody reads, an engine is asked no more often than this for a container.
const ASKED: Duration = Duration::from_secs(60);

/// Samples while somebody reads, and where that is wanted in the background, until `stop`.
pub(super) async fn run<S: CounterSource>(
    source: Arc<S>,
    mirror: Mirror,
    config: SamplerConfig,
    shared: Arc<Shared>,
    stop: CancellationToken,
) {
    while !stop.is_cancelled() {
        let is_read = shared.rounds.receiver_count() > 0;
        let pace = config.background.filter(|_| !is_read);
        if is_read || pace.is_some() {
            let root = source
                .kernel()
                .filter(|_| config.source == CounterFiles::WherePossible);
            // While nobody reads, no file stays open.
            let most = if is_read { config.max_open_files } else { Some(0) };
            let watched = Watched {
                files: Files::new(root, most, config.call_timeout),
                source: Arc::clone(&source),
                mirror: &mirror,
                config: &config,
                shared: &shared,
                queue: VecDeque::new(),
                pending: HashMap::new(),
                arrived: Vec::new(),
                timers: Vec::new(),
                may_ask: true,
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = watched.run(pace) => {}
            }
            if config.background.is_some() {
                continue;
            }
            // Whoever reads next must not be told an average over the time in which nobody did.
            shared.series().values_mut().for_each(super::Series::pause);
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = shared.wanted.notified() => {}
        }
    }
}

/// The time in which somebody reads, or nobody does.
struct Watched<'a, S> {
    source: Arc<S>,
    files: Files,
    mirror: &'a Mirror,
    config: &'a SamplerConfig,
    shared: &'a Shared,
    /// To be read, in turn.
    queue: VecDeque<ContainerId>,
    /// In the queue, in flight, or among the files that are read; and when the run began that is read.
    pending: HashMap<ContainerId, Option<Timestamp>>,
    arrived: Round,
    /// Of calls that have ended.
    timers: Vec<Timer>,
    /// Whether the engine is asked in this round.
    may_ask: bool,
}

impl<S: CounterSource> Watched<'_, S> {
    /// Until nobody has read for a while; at a `pace` in the background, until somebody does.
    async fn run(mut self, pace: Option<Duration>) {
        let mut calls: FuturesUnordered<BoxFuture<'static, Reading>> = FuturesUnordered::new();
        let mut ticks = interval(pace.unwrap_or(self.config.interval));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut is_owed = false;
        let (mut last_read, mut last_asked) = (Instant::now(), Instant::now());
        let shared = self.shared;
        while pace.is_some() || last_read.elapsed() <= self.config.linger {
            tokio::select! {
                () = shared.wanted.notified(), if pace.is_some() => return,
                _ = ticks.tick() => {
                    if self.shared.rounds.receiver_count() > 0 {
                        last_read = Instant::now();
                    }
                    self.may_ask = pace.is_none() || last_asked.elapsed() >= ASKED;
                    if self.may_ask {
                        last_asked = Instant::now();
                    }
                    if is_owed {
                        self.publish();
                    }
                    self.begin();
                    is_owed = true;
                }
                read = self.files.read(), if self.files.is_reading() => self.take_read(read),
                Some((id, reading, timer)) = calls.next(), if !calls.is_empty() => {
                    self.timers.push(timer);
                    self.take_answer(id, reading);
                }
            }
            while calls.len() < self.config.max_calls.max(1)
                && let Some(id) = self.queue.pop_front()
            {
                let timer = self.timers.pop();
                calls.push(self.call(id, timer));
            }
            if is_owed && self.pending.is_empty() {
                self.publish();
                is_owed = false;
            }
        }
    }

    /// A new round: everything that runs and is not still being read.
    fn begin(&mut self) {
        let now = self.mirror.snapshot();
        let mut due = Vec::new();
        for container in now.containers() {
            if container.state == ContainerState::Running
                && let Entry::Vacant(entry) = self.pending.entry(container.id.clone())
            {
                entry.insert(container.started_at);
                due.push(container);
            }
        }
        if self.files.is_idle() && !due.is_empty() {
            let targets = due.iter().map(|container| Target::from(&***container));
            self.files.begin(targets.collect());
        } else {
            due.iter().for_each(|container| self.ask(container.id.clone()));
        }
        self.shared.series().retain(|id, _| now.get(id).is_some());
    }

    /// The engine's turn.
    fn ask(&mut self, id: ContainerId) {
        if self.may_ask {
            self.queue.push_back(id);
        } else {
            self.pending.remove(&id);
        }
    }

    fn call(&self, id: ContainerId, timer: Option<Timer>) -> BoxFuture<'static, Reading> {
        let (source, limit) = (Arc::clone(&self.source), self.config.call_timeout);
        let mut timer = timer.unwrap_or_else(|| Box::pin(sleep(limit)));
        timer.as_mut().reset(Instant::now() + limit);
        async move {
            let reading = tokio::select! {
                biased;
                reading = source.read(&id) => reading,
                () = &mut timer => Err(SourceError::new("the engine does not answer in time")),
            };
            (id, reading, timer)
        }
        .boxed()
    }

    /// What files did not give, the engine is asked for.
    fn take_read(&mut self, read: Read) {
        for (id, counters) in read {
            match counters {
                Some(counters) => self.take(id, counters, SampleSource::Cgroup),
                None => self.ask(id),
            }
        }
    }

    fn take_answer(&mut self, id: ContainerId, reading: Result<Counters, SourceError>) {
        match reading {
            Ok(reading) => self.take(id, reading, SampleSource::Engine),
            Err(error) => {
                self.pending.remove(&id);
                tracing::debug!(%id, error = %error.text, "a container could not be sampled");
            }
        }
    }

    fn take(&mut self, id: ContainerId, mut reading: Counters, source: SampleSource) {
        let run = self.pending.remove(&id).flatten();
        // It may have gone while it was read, or been started again: then nobody knows whose counters these are.
        let Some(container) = self.mirror.get(&id).filter(|now| now.started_at == run) else {
            return;
        };
        reading.cpu.limit_nano = reading.cpu.limit_nano.or(container.nano_cpus);
        let origin = (source, self.shared.began.elapsed());
        let mut series = self.shared.series();
        let shared_by = series.len().max(1);
        let kept = Kept {
            samples: self.config.history.min(self.config.history_total / shared_by),
            steps: self.config.steps.min(self.config.steps_total / shared_by),
            step: self.config.step,
        };
        let series_of = series.entry(id.clone()).or_default();
        let sample = series_of.add(reading, run, origin, kept);
        drop(series);
        self.arrived.extend(sample.map(|sample| (id, sample)));
    }

    fn publish(&mut self) {
        self.shared
            .rounds
            .send_replace(Arc::new(std::mem::take(&mut self.arrived)));
    }
}
