//! Where a reader goes on: in the feed's ring while it can, else in the store; and what it has had already.

use std::sync::Arc;

use futures_util::stream::{self, BoxStream, StreamExt};
use longshore_core::{ContainerId, EventType, Timestamp};
use longshore_fleet::{
    Host,
    runtime::{Cursor, Feed, FeedFollow, FollowItem, GapReason, Record, RecordBody},
};
use longshore_store::{Broken, EventPlace, EventRow};

use crate::{
    app::App,
    convert::{LineKey, MOST_SEEN, Place},
};

use super::rows;

/// How far a subscriber may fall behind before it is told what it missed.
const CAPACITY: usize = 4_096;
/// Most items of one chunk.
const CHUNK: usize = 256;
/// Records read at once for who comes back.
const PAGE: usize = 500;

/// What a reader has had of what may come again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Had(Arc<[LineKey]>);

impl Had {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it has had that record. It comes no second time.
    fn take(&mut self, record: &Record) -> bool {
        let Some(key) = record.line.map(LineKey::of).filter(|_| !self.0.is_empty()) else {
            return false;
        };
        let had = self.0.contains(&key);
        if had {
            self.0 = self.0.iter().copied().filter(|other| *other != key).collect();
        }
        had
    }
}

/// Something that is told, and what its reader has had already of what comes after it.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) item: FollowItem,
    pub(crate) had: Had,
}

/// The place after a record of a host for who has had `had` beside what comes before it.
pub(crate) fn place(app: &App, host: &Host, cursor: Cursor, had: &Had) -> Place {
    let mut place = Place::at(cursor);
    let mut seen = had.0.to_vec();
    let feed = host.feed();
    let written = app.history.written(host);
    if let Some(written) = written.filter(|written| cursor.epoch == feed.epoch() && *written < cursor.seq) {
        let unwritten = cursor.seq - written;
        let epoch = cursor.epoch;
        let most = usize::try_from(unwritten)
            .unwrap_or(usize::MAX)
            .min(MOST_SEEN + 1);
        let records = feed.history(Some(Cursor { epoch, seq: written }), most);
        seen.extend(records.iter().filter_map(|record| record.line).map(LineKey::of));
        place.unwritten = unwritten;
        if records.len() as u64 != unwritten {
            // Too many to name, or no longer held.
            return Place::at(cursor);
        }
    }
    if seen.len() > MOST_SEEN {
        return Place::at(cursor);
    }
    place.seen = seen.into();
    place
}

/// A part of what was told.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) records: Vec<(Arc<Record>, Had)>,
    /// Where the next one begins; `None` when nothing followed.
    next: Option<(Cursor, Had)>,
}

impl Page {
    /// Without what was had already.
    fn of(records: Vec<Arc<Record>>, mut had: Had) -> Self {
        let last = records.last().map(|record| record.cursor);
        let mut given = Vec::with_capacity(records.len());
        for record in records {
            if !had.take(&record) {
                given.push((record, had.clone()));
            }
        }
        Self {
            records: given,
            next: last.map(|last| (last, had)),
        }
    }
}

/// What was told after `from`, at most `limit`; first a gap when that place cannot be continued from.
pub(crate) async fn after(app: &App, host: &Host, from: &Place, limit: usize) -> Page {
    let mut from = from.clone();
    loop {
        let records = told_after(app, host, &from, limit).await;
        let page = Page::of(records, Had(from.seen));
        match page.next {
            // All of it was had.
            Some((cursor, had)) if page.records.is_empty() => {
                from = Place {
                    seen: had.0,
                    ..Place::at(cursor)
                };
            }
            _ => return page,
        }
    }
}

async fn told_after(app: &App, host: &Host, from: &Place, limit: usize) -> Vec<Arc<Record>> {
    let (feed, cursor) = (host.feed(), from.cursor);
    if limit == 0 || feed.can_continue(cursor) {
        return feed.history(Some(cursor), limit);
    }
    let Some(written) = app.history.settled(host).await else {
        return feed.history(Some(cursor), limit);
    };
    let place = EventPlace {
        epoch: cursor.epoch,
        seq: cursor.seq,
    };
    let found = match app.store.events_after(host.name(), place, limit).await {
        Ok(found) => found,
        Err(error) => {
            tracing::warn!(%error, "the history of events cannot be read");
            return feed.history(Some(cursor), limit);
        }
    };
    // What its run told and did not write comes again, and is known by its lines.
    let broken = found.broken.filter(|broken| match broken {
        Broken::Beyond { last } => last.saturating_add(from.unwritten) < cursor.seq,
        Broken::Forgotten | Broken::Unknown => true,
    });
    let mut records = Vec::with_capacity(found.rows.len() + 1);
    if let Some(broken) = broken {
        let Some(first) = found.rows.first() else {
            // Nothing is kept: what the ring holds is all that there is.
            return feed.history(Some(cursor), limit);
        };
        records.push(told(broken, first));
    }
    records.extend(found.rows.into_iter().map(rows::record));
    extend(&mut records, &feed, written, limit);
    records.truncate(limit);
    records
}

/// The newest records of a host, oldest first, at most `limit`.
pub(crate) async fn newest(app: &App, host: &Host, limit: usize) -> Page {
    Page::of(told_newest(app, host, limit).await, Had::default())
}

async fn told_newest(app: &App, host: &Host, limit: usize) -> Vec<Arc<Record>> {
    let feed = host.feed();
    let Some(written) = app.history.settled(host).await else {
        return feed.history(None, limit);
    };
    match app.store.newest_events(host.name(), limit).await {
        Ok(found) => {
            let mut records = found.into_iter().map(rows::record).collect();
            extend(&mut records, &feed, written, usize::MAX);
            records.drain(..records.len().saturating_sub(limit));
            records
        }
        Err(error) => {
            tracing::warn!(%error, "the history of events cannot be read");
            feed.history(None, limit)
        }
    }
}

/// What happened to a container at or after `since`, and the gaps since then, oldest first, at most the newest `limit`. Without
/// commands run inside it.
pub(crate) async fn of(
    app: &App,
    host: &Host,
    container: &ContainerId,
    since: Timestamp,
    limit: usize,
) -> Vec<Arc<Record>> {
    let feed = host.feed();
    let kept = match app.history.settled(host).await {
        None => None,
        Some(written) => match app
            .store
            .container_events(host.name(), container, since, limit)
            .await
        {
            Ok(found) => Some((written, found)),
            Err(error) => {
                tracing::warn!(%error, "the history of events cannot be read");
                None
            }
        },
    };
    let (mut records, held): (Vec<_>, _) = match kept {
        Some((written, found)) => {
            let place = Cursor {
                epoch: feed.epoch(),
                seq: written,
            };
            let rest = feed.history(Some(place), usize::MAX);
            (found.into_iter().map(rows::record).collect(), rest)
        }
        None => (Vec::new(), feed.history(None, usize::MAX)),
    };
    let is_wanted = |record: &Arc<Record>| match &record.body {
        RecordBody::Event { event, .. } => {
            event.kind == EventType::Container
                && *event.id == *container.as_str()
                && event.at >= since
                && !event.is_exec()
        }
        RecordBody::Gap { from, .. } => *from >= since,
    };
    records.extend(held.into_iter().filter(is_wanted));
    records.drain(..records.len().saturating_sub(limit));
    records
}

/// Adds what the feed has and the store has not, up to `limit` in all.
fn extend(records: &mut Vec<Arc<Record>>, feed: &Feed, written: u64, limit: usize) {
    let epoch = feed.epoch();
    let last = records.last().map(|record| record.cursor);
    let place = match last {
        Some(last) if last.epoch == epoch => last,
        _ => Cursor { epoch, seq: written },
    };
    // Of a page that is not the last one, what follows is in the store.
    if place.seq >= written {
        let room = limit.saturating_sub(records.len());
        records.extend(feed.history(Some(place), room));
    }
}

/// That a place cannot be continued from, before the first record kept.
fn told(broken: Broken, first: &EventRow) -> Arc<Record> {
    let record = rows::record(first.clone());
    let to = match &record.body {
        RecordBody::Event { event, .. } => event.at,
        RecordBody::Gap { from, .. } => *from,
    };
    let reason = match broken {
        Broken::Forgotten => GapReason::Forgotten,
        Broken::Beyond { .. } | Broken::Unknown => GapReason::UnknownCursor,
    };
    Arc::new(Record {
        cursor: Cursor {
            epoch: record.cursor.epoch,
            seq: record.cursor.seq.saturating_sub(1),
        },
        body: RecordBody::Gap {
            from: Timestamp::default(),
            to,
            reason,
        },
        line: None,
        unsure: 0,
        received: std::time::SystemTime::now(),
    })
}

/// Where a follow is.
enum At {
    /// After that place, which may be before the ring.
    Kept(Place),
    Live(FeedFollow, Had),
}

/// What happened on a host after `from`, and happens: out of the store as far as need be, then out of the feed. Without
/// `from`, what happens from now on. In chunks of what there is at the time.
pub(crate) fn follow(app: &App, host: &Arc<Host>, from: Option<Place>) -> BoxStream<'static, Vec<Told>> {
    let feed = host.feed();
    let at = match from {
        Some(from) => At::Kept(from),
        None => At::Live(feed.follow(CAPACITY, None), Had::default()),
    };
    let (app, host) = (App::clone(app), Arc::clone(host));
    stream::unfold(at, move |at| step(App::clone(&app), Arc::clone(&host), at)).boxed()
}

async fn step(app: App, host: Arc<Host>, mut at: At) -> Option<(Vec<Told>, At)> {
    loop {
        at = match at {
            At::Live(mut follow, mut had) => {
                let mut next = Some(follow.next().await?);
                let mut items = Vec::new();
                while let Some(item) = next {
                    let was_had = matches!(&item, FollowItem::Record(record) if had.take(record));
                    if !was_had {
                        let had = had.clone();
                        items.push(Told { item, had });
                    }
                    next = (items.len() < CHUNK).then(|| follow.try_next()).flatten();
                }
                return Some((items, At::Live(follow, had)));
            }
            At::Kept(place) => {
                let feed = host.feed();
                if feed.can_continue(place.cursor) {
                    At::Live(feed.follow(CAPACITY, Some(place.cursor)), Had(place.seen))
                } else {
                    let page = after(&app, &host, &place, PAGE).await;
                    let Some((cursor, had)) = page.next else {
                        // The end of an earlier run, and this one has told nothing yet.
                        let epoch = feed.epoch();
                        let follow = feed.follow(CAPACITY, Some(Cursor { epoch, seq: 0 }));
                        at = At::Live(follow, Had(place.seen));
                        continue;
                    };
                    let place = Place {
                        seen: had.0,
                        ..Place::at(cursor)
                    };
                    let items = { page.records }
                        .into_iter()
                        .map(|(record, had)| Told {
                            item: FollowItem::Record(record),
                            had,
                        })
                        .collect();
                    return Some((items, At::Kept(place)));
                }
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use longshore_fleet::runtime::LineId;

    use super::*;

    fn record(seq: u64, line: Option<u8>) -> Arc<Record> {
        Arc::new(Record {
            cursor: Cursor { epoch: 7, seq },
            body: RecordBody::Gap {
                from: Timestamp::default(),
                to: Timestamp::default(),
                reason: GapReason::Unreadable,
            },
            line: line.map(|line| LineId::from_bytes([line; 16])),
            unsure: 0,
            received: SystemTime::UNIX_EPOCH,
        })
    }

    #[test]
    fn what_was_had_comes_no_second_time_and_the_places_before_it_say_so() {
        let had = |lines: &[u8]| {
            let keys = lines
                .iter()
                .map(|line| LineKey::of(LineId::from_bytes([*line; 16])));
            Had(keys.collect())
        };
        let records = [
            (1, Some(1)),
            (2, Some(2)),
            (3, None),
            (4, Some(4)),
            (5, Some(2)),
            (6, Some(6)),
        ];
        let records: Vec<_> = records.map(|(seq, line)| record(seq, line)).into();
        let page = Page::of(records.clone(), had(&[4, 2, 9]));
        let given: Vec<_> = page
            .records
            .iter()
            .map(|(record, had)| (record.cursor.seq, had.0.len()))
            .collect();
        // The second with the same line is another event: it comes.
        assert_eq!(given, [(1, 3), (3, 2), (5, 1), (6, 1)]);
        let (next, left) = page.next.unwrap();
        assert_eq!((next.seq, left.0), (6, had(&[9]).0));
        let page = Page::of(records[..2].to_vec(), had(&[1, 2]));
        assert!(page.records.is_empty());
        assert_eq!(
            page.next.map(|(next, had)| (next.seq, had.is_empty())),
            Some((2, true))
        );
        assert!(Page::of(Vec::new(), had(&[1])).next.is_none());
    }
}
