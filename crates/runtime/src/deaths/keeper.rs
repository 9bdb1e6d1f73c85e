//! The one task that makes records: it reads the feed, asks about deaths, and tells what came of it.
//!
//! Owns whose turn it is. The states are drawn in `docs/design/deaths.md`.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};
use longshore_core::{Container, ContainerId, DeathRecord, Timestamp, WhyUnknown};
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::ahead::{Ahead, Words};
use super::config::DeathsConfig;
use super::look::{DeathSource, look, within};
use super::record::{Finding, record};
use super::runs::{Ended, News, Runs};
use crate::Mirror;
use crate::feed::{FeedItem, FeedReader, RecordBody};

/// A death that waits for its turn, with what the mirror knew when it was told.
struct Waiting {
    /// Counts deaths as they were told.
    number: u64,
    ended: Box<Ended>,
    known: Option<Arc<Container>>,
    /// The last lines, where its log was followed.
    ahead: Option<Words>,
}

/// What has come to be known of a container while a death of its is being asked about.
#[derive(Debug, Default)]
struct Meanwhile {
    /// The numbers of its deaths that have no record yet, and of its newest.
    open: Vec<u64>,
    newest: u64,
    removed: Option<Timestamp>,
    /// The death of which it was told later.
    oom: Option<u64>,
}

pub(super) struct Keeper<S> {
    source: Arc<S>,
    mirror: Mirror,
    config: Arc<DeathsConfig>,
    shared: Arc<Shared>,
    runs: Runs,
    ahead: Ahead,
    waiting: VecDeque<Waiting>,
    asked: HashMap<u64, Waiting>,
    next: u64,
    meanwhile: HashMap<ContainerId, Meanwhile>,
    looks: FuturesUnordered<BoxFuture<'static, (u64, Finding)>>,
}

impl<S: DeathSource> Keeper<S> {
    pub(super) fn new(source: Arc<S>, mirror: Mirror, config: DeathsConfig, shared: Arc<Shared>) -> Self {
        Self {
            source,
            mirror,
            runs: Runs::new(config.max_runs),
            ahead: Ahead::new(config.follow_auto_removed),
            config: Arc::new(config),
            shared,
            waiting: VecDeque::new(),
            asked: HashMap::new(),
            next: 0,
            meanwhile: HashMap::new(),
            looks: FuturesUnordered::new(),
        }
    }

    /// Until `stop`, or the end of the feed.
    pub(super) async fn run(mut self, mut feed: FeedReader, stop: CancellationToken) {
        let mirror = self.mirror.clone();
        let mut knows_who_runs = !self.ahead.is_wanted();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = mirror.ready(), if !knows_who_runs => {
                    knows_who_runs = true;
                    let snapshot = mirror.snapshot();
                    let running = snapshot.containers().iter().filter(|c| c.state.has_processes());
                    running.for_each(|container| self.follow(&container.id));
                }
                () = self.ahead.read() => {}
                Some((number, finding)) = self.looks.next() => {
                    if let Some(waiting) = self.asked.remove(&number) {
                        self.tell(waiting, finding);
                    }
                }
                item = feed.next() => match item {
                    None => break,
                    Some(item) => self.read(item),
                },
            }
            self.begin();
        }
        let left = std::mem::take(&mut self.asked).into_values();
        let mut left: Vec<_> = left.chain(std::mem::take(&mut self.waiting)).collect();
        left.sort_by_key(|waiting| waiting.number);
        for waiting in left {
            self.tell(waiting, Finding::none(WhyUnknown::Stopped));
        }
    }

    fn read(&mut self, item: FeedItem) {
        let record = match item {
            FeedItem::Lagged { missed } => {
                self.shared.meters.missed_events.add(missed);
                self.runs.gap();
                return;
            }
            FeedItem::Record(record) => record,
        };
        let news = match &record.body {
            RecordBody::Gap { .. } => {
                self.runs.gap();
                None
            }
            RecordBody::Event { event, synthetic, .. } => self.runs.take(event, *synthetic),
        };
        match news {
            None => {}
            Some(News::Started(id)) => self.follow(&id),
            Some(News::Ended(ended)) => self.died(ended),
            Some(News::LateOom(id)) => {
                // Of its newest death, which may have its record before an older one has.
                match self.meanwhile.get_mut(&id) {
                    Some(meanwhile) if meanwhile.open.contains(&meanwhile.newest) => {
                        meanwhile.oom = Some(meanwhile.newest);
                    }
                    _ => self.shared.amend(&id, true, |record| record.oom = Some(true)),
                }
            }
            Some(News::Removed(id, at)) => {
                // Where its end was missed, nobody else asks for it.
                drop(self.ahead.take(&id));
                if let Some(meanwhile) = self.meanwhile.get_mut(&id) {
                    meanwhile.removed = Some(at);
                }
                self.shared.amend(&id, false, |record| record.removed = Some(at));
            }
        }
    }

    fn follow(&mut self, id: &ContainerId) {
        if !self
            .ahead
            .begin(&self.source, &self.config, id, self.mirror.get(id))
        {
            self.shared.meters.not_followed.count();
        }
    }

    fn died(&mut self, ended: Box<Ended>) {
        let id = ended.id.clone();
        self.next += 1;
        let number = self.next;
        let meanwhile = self.meanwhile.entry(id.clone()).or_default();
        meanwhile.open.push(number);
        meanwhile.newest = number;
        let known = self.mirror.get(&id);
        let before = self.waiting.iter().position(|waiting| waiting.ended.id == id);
        if let Some(old) = before.and_then(|at| self.waiting.remove(at)) {
            self.shared.meters.superseded.count();
            self.tell(old, Finding::none(WhyUnknown::AnotherRun));
        }
        let is_removed = ended.removed.is_some();
        let ahead = self.ahead.take(&id);
        let waiting = Waiting {
            number,
            ended,
            known,
            ahead,
        };
        if is_removed {
            return self.tell(waiting, Finding::none(WhyUnknown::Gone));
        }
        self.waiting.push_back(waiting);
        if self.waiting.len() > self.config.max_waiting
            && self.asked.len() >= self.config.max_looks
            && let Some(old) = self.waiting.pop_front()
        {
            self.shared.meters.not_looked_at.count();
            self.tell(old, Finding::none(WhyUnknown::NotLookedAt));
        }
    }

    /// Asks about those whose turn it is.
    fn begin(&mut self) {
        while self.asked.len() < self.config.max_looks.max(1)
            && let Some(mut waiting) = self.waiting.pop_front()
        {
            let number = waiting.number;
            let (source, config) = (Arc::clone(&self.source), Arc::clone(&self.config));
            let (ended, known) = (waiting.ended.clone(), waiting.known.clone());
            let ahead = waiting.ahead.take();
            self.asked.insert(number, waiting);
            self.looks.push(
                async move {
                    (
                        number,
                        look(&*source, &config, &ended, known.as_ref(), ahead).await,
                    )
                }
                .boxed(),
            );
        }
    }

    fn tell(&mut self, waiting: Waiting, mut finding: Finding) {
        let Waiting {
            number,
            ended,
            known,
            ahead,
        } = waiting;
        if finding.log.is_err()
            && let Some(lines) = ahead.and_then(|mut words| words.try_recv().ok())
        {
            finding.log = Ok(within(lines, &ended));
        }
        // The mirror may have learned of the end before the engine forgot it.
        let known = match self.mirror.get(&ended.id) {
            Some(now) if super::record::is_this_run(&now, &ended) => Some(now),
            _ => known,
        };
        let mut death = record(&ended, known.as_deref(), finding);
        self.meet(number, &mut death);
        self.shared.meters.record(&death);
        self.shared.tell(number, death);
    }

    /// Puts in what became known while it was asked about.
    fn meet(&mut self, number: u64, death: &mut DeathRecord) {
        let Some(meanwhile) = self.meanwhile.get_mut(&death.container) else {
            return;
        };
        death.removed = death.removed.or(meanwhile.removed);
        if meanwhile.oom == Some(number) {
            death.oom = Some(true);
        }
        meanwhile.open.retain(|open| *open != number);
        if meanwhile.open.is_empty() {
            self.meanwhile.remove(&death.container);
        }
    }
}
