//! The one writer of a mirror, whatever its kind.
//!
//! Owns the calls that keep the mirror true: which, how many at once, and what their answers change. Which object
//! is next is the [`Agenda`]'s to say, what a gap hid is the kind's ([`Kept`]). The algorithm stands in
//! `docs/design/watch.md`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::stream::{FuturesUnordered, StreamExt};
use longshore_core::Timestamp;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::agenda::Agenda;
use super::calls::{Calls, Listing, PendingList, unlike};
use super::kind::Kept;
use super::suspense::Suspense;
use super::{Board, Mirror, Relist};
use crate::WatchConfig;
use crate::feed::Feed;
use crate::source::{ObjectSource, SourceError};
use crate::watch::Meters;

/// At most one snapshot in this time; people see nothing faster, and a copy an event would cost more than the event.
const SNAPSHOT_EVERY: Duration = Duration::from_millis(10);

/// At most one list in this time because of events that do not say all that they changed.
const DISCOVER_EVERY: Duration = Duration::from_millis(100);

/// How long after a list found a difference its event may still come.
const GRACE: Duration = Duration::from_secs(2);

/// How often what is known about containers that are gone is swept.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// Why a difference is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Explain {
    /// Events may be missing.
    Gap,
    /// None should be, and yet a list differs.
    Repair,
}

/// See the module.
pub(crate) struct Keeper<T: Kept, S> {
    calls: Calls<S>,
    config: WatchConfig,
    board: Arc<Board<T::Id>>,
    mirror: Mirror<T>,
    feed: Feed,
    meters: Arc<Meters>,
    objects: BTreeMap<T::Id, Arc<T>>,
    agenda: Agenda<T::Id>,
    suspense: Suspense<T::Id>,
    explain: HashMap<T::Id, Explain>,
    /// A gap was told, and the list that follows it has not come yet: what is found and not known is news.
    is_resyncing: bool,
    /// Named by the first list and not yet looked at; `None` before that list, and after the last of them.
    initial: Option<HashSet<T::Id>>,
    is_live: bool,
    wanted: Option<Relist>,
    list_at: Instant,
    listed_at: Option<Instant>,
    list_failures: u32,
    sweep_at: Instant,
    is_changed: bool,
    published_at: Instant,
}

impl<T: Kept, S: ObjectSource<T>> Keeper<T, S> {
    pub(crate) fn new(
        source: Arc<S>,
        config: WatchConfig,
        board: Arc<Board<T::Id>>,
        mirror: Mirror<T>,
        feed: Feed,
        permits: Arc<Semaphore>,
        meters: Arc<Meters>,
    ) -> Self {
        let now = Instant::now();
        Self {
            calls: Calls::new(source, config.call_timeout, permits, Arc::clone(&meters)),
            board,
            mirror,
            feed,
            meters,
            objects: BTreeMap::new(),
            agenda: Agenda::new(config.backoff),
            suspense: Suspense::default(),
            explain: HashMap::new(),
            is_resyncing: false,
            initial: None,
            is_live: false,
            wanted: None,
            list_at: now + config.relist_every,
            listed_at: None,
            list_failures: 0,
            sweep_at: now + SWEEP_EVERY,
            is_changed: false,
            published_at: now,
            config,
        }
    }

    /// Keeps the mirror until `stop`.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut inspects = FuturesUnordered::new();
        let mut list = PendingList::<T>::default();
        loop {
            if self.is_live {
                let now = Instant::now();
                while inspects.len() < self.config.max_inspects.max(1)
                    && let Some(id) = self.agenda.next(now)
                {
                    inspects.push(self.calls.inspect(id));
                }
                if !list.is_pending() && self.list_at <= now {
                    let why = self.wanted.take().map_or(Listing::Regular, Listing::Wanted);
                    self.listed_at = Some(now);
                    list.begin(why, self.calls.list());
                }
            }
            let wake_at = self.wake_at(list.is_pending());
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.board.changed() => self.look(),
                Some((id, found)) = inspects.next(), if !inspects.is_empty() => self.found(&id, found),
                (why, answer) = list.answer() => self.listed(why, answer),
                () = sleep_until(wake_at) => {}
            }
            self.settle();
        }
    }

    /// When the list that is wanted may begin.
    fn wanted_at(&self, now: Instant) -> Instant {
        let pause = match self.wanted {
            Some(Relist::Discover) if self.list_failures > 0 => self.config.backoff.pause(self.list_failures),
            Some(Relist::Discover) => DISCOVER_EVERY,
            _ => return now,
        };
        self.listed_at.map_or(now, |last| now.max(last + pause))
    }

    fn wake_at(&self, is_listing: bool) -> Instant {
        let calls = self.is_live.then(|| self.agenda.next_due()).flatten();
        let list = (self.is_live && !is_listing).then_some(self.list_at);
        let publish = self.is_changed.then(|| self.published_at + SNAPSHOT_EVERY);
        let times = [calls, list, publish, self.suspense.next_due()];
        times.into_iter().flatten().fold(self.sweep_at, Instant::min)
    }

    /// Takes what the follower noted.
    fn look(&mut self) {
        let now = Instant::now();
        let (marks, is_live) = self.board.take();
        self.is_live = is_live;
        if let Some(why) = marks.relist {
            self.wanted = self.wanted.max(Some(why));
            self.list_at = self.list_at.min(self.wanted_at(now));
            if why == Relist::Gap && self.mirror.is_ready() {
                self.is_resyncing = true;
                self.explain
                    .extend(self.objects.keys().map(|id| (id.clone(), Explain::Gap)));
            }
        }
        for object in self.objects.values() {
            if marks.mentioned.iter().any(|id| object.shows_container(id)) {
                self.agenda.touch(object.id(), now);
            } else if marks.all {
                // No event named it, so lists may judge it.
                self.agenda.suspect(object.id(), None);
            }
        }
        for (id, touch) in marks.touched {
            if self.explain.get(&id) == Some(&Explain::Repair) {
                self.explain.remove(&id);
            }
            self.suspense.told(&id, touch.verbs);
            let shown = self.objects.get(&id).and_then(|object| object.health());
            let is_shown = touch.only_health.is_some() && touch.only_health.as_ref() == shown;
            if !(is_shown && self.agenda.is_settled(&id)) {
                self.agenda.touch(&id, now);
            }
        }
    }

    /// An inspect has ended.
    fn found(&mut self, id: &T::Id, found: Result<T, SourceError>) {
        let now = Instant::now();
        let after = match found {
            Ok(object) if object.id() != id => {
                // An event named it otherwise: by a name, or by a part of its id. It is looked at under its own.
                self.agenda.touch(object.id(), now);
                None
            }
            Ok(object) => Some(Arc::new(object)),
            Err(error) if error.not_found => None,
            Err(error) => {
                self.meters.failed_calls.count();
                self.agenda.failed(id, now);
                tracing::debug!(%id, error = %error.text, "an inspect has failed");
                if self.agenda.is_settled(id) {
                    tracing::warn!(%id, error = %error.text, kind = T::NOUN, "it cannot be inspected; it is not shown");
                    self.looked_at(id);
                }
                return;
            }
        };
        self.agenda.answered(id);
        let before = self.objects.get(id).cloned();
        let news = (self.is_resyncing && before.is_none()).then_some(Explain::Gap);
        if let Some(why) = self.explain.remove(id).or(news) {
            let events = T::unseen(
                before.as_deref(),
                after.as_deref(),
                Timestamp::from(SystemTime::now()),
            );
            if why == Explain::Repair && !events.is_empty() {
                self.meters.repairs.count();
                tracing::warn!(%id, "a list showed what no event had told");
            }
            self.suspense.hold(id, events, now);
        }
        match after {
            Some(after) if before.as_ref() != Some(&after) => {
                self.objects.insert(id.clone(), Arc::clone(&after));
                self.mirror.put(after);
                self.is_changed = true;
            }
            None if before.is_some() => {
                self.objects.remove(id);
                self.mirror.remove(id);
                self.is_changed = true;
            }
            _ => {}
        }
        self.looked_at(id);
    }

    fn looked_at(&mut self, id: &T::Id) {
        if let Some(initial) = &mut self.initial {
            initial.remove(id);
        }
    }

    /// A list has ended. It only ever says what to inspect.
    fn listed(&mut self, why: Listing, answer: Result<Vec<T::Listed>, SourceError>) {
        let now = Instant::now();
        let mut listed = match answer {
            Ok(listed) => listed,
            Err(error) => {
                self.meters.failed_calls.count();
                tracing::warn!(error = %error.text, kind = T::NOUN, "the engine does not list them");
                if let Listing::Wanted(wanted) = why {
                    self.wanted = self.wanted.max(Some(wanted));
                }
                self.list_failures = self.list_failures.saturating_add(1);
                self.list_at = now + self.config.backoff.pause(self.list_failures);
                return;
            }
        };
        self.list_failures = 0;
        self.list_at = match self.wanted {
            Some(_) => self.wanted_at(now),
            None => now + self.config.relist_every,
        };
        match why {
            Listing::Regular => self.compare(&listed, now),
            Listing::Wanted(Relist::Discover) => {
                for id in unlike::<T>(&listed, &self.objects) {
                    self.agenda.suspect(&id, None);
                }
            }
            Listing::Wanted(wanted) => {
                // What runs first: that is what people look at, and what changes.
                listed.sort_by_key(|one| !T::comes_first(one));
                let mut ids: Vec<T::Id> = listed.iter().map(|one| T::listed_id(one).clone()).collect();
                if wanted == Relist::Gap && self.mirror.is_ready() {
                    self.explain
                        .extend(ids.iter().map(|id| (id.clone(), Explain::Gap)));
                    self.is_resyncing = self.wanted.is_some();
                }
                let named: HashSet<&T::Id> = ids.iter().collect();
                let unnamed: Vec<_> = self
                    .objects
                    .keys()
                    .filter(|id| !named.contains(id))
                    .cloned()
                    .collect();
                ids.extend(unnamed);
                for id in &ids {
                    self.agenda.suspect(id, None);
                }
                if !self.mirror.is_ready() {
                    self.initial = Some(ids.into_iter().collect());
                }
            }
        }
    }

    /// The last net: a list without any reason, compared with what we have.
    fn compare(&mut self, listed: &[T::Listed], now: Instant) {
        for id in unlike::<T>(listed, &self.objects) {
            if !self.agenda.is_touched_lately(&id, now) {
                self.agenda.suspect(&id, Some(now + GRACE));
                self.explain.entry(id).or_insert(Explain::Repair);
            }
        }
    }

    /// What follows from anything that happened.
    fn settle(&mut self) {
        let now = Instant::now();
        let was_last = self.initial.as_ref().is_some_and(HashSet::is_empty);
        if was_last || (self.is_changed && now >= self.published_at + SNAPSHOT_EVERY) {
            self.is_changed = false;
            self.published_at = now;
            self.mirror.publish(self.objects.values().cloned().collect());
        }
        if was_last {
            self.initial = None;
            self.mirror.set_ready();
        }
        for (event, late) in self.suspense.release(now) {
            self.meters.synthetic.count();
            self.feed.synthetic(event, late);
        }
        if self.explain.is_empty() && !self.is_resyncing {
            let agenda = &self.agenda;
            self.suspense.calm(|id| agenda.is_settled(id));
        }
        if now >= self.sweep_at {
            self.sweep_at = now + SWEEP_EVERY;
            let objects = &self.objects;
            self.agenda.sweep(now, |id| objects.contains_key(id));
        }
    }
}
