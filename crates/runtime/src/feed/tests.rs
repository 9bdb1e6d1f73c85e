//! The feed's readers and history: order, bounds, and exact counts of what was lost.

use std::collections::BTreeMap;

use longshore_core::{EventType, Scope};
use proptest::prelude::*;

use super::*;

fn event(n: u64) -> Event {
    Event {
        kind: EventType::Container,
        action: "start".into(),
        id: n.to_string().into(),
        attributes: BTreeMap::new(),
        scope: Scope::Local,
        at: Timestamp::from_secs(n.cast_signed()),
    }
}

fn tell(feed: &Feed, event: Event) {
    feed.put(event, false);
    feed.announce();
}

fn feed(held: usize, events: u64) -> Feed {
    let feed = Feed::new(9, held, usize::MAX);
    for n in 1..=events {
        tell(&feed, event(n));
    }
    feed
}

fn seqs(records: &[Arc<Record>]) -> Vec<u64> {
    records.iter().map(|record| record.cursor.seq).collect()
}

fn at(seq: u64) -> Option<Cursor> {
    Some(Cursor { epoch: 9, seq })
}

fn reason(record: &Record) -> Option<GapReason> {
    match record.body {
        RecordBody::Gap { reason, .. } => Some(reason),
        RecordBody::Event { .. } => None,
    }
}

#[test]
fn history_goes_on_after_a_cursor() {
    let feed = feed(10, 6);
    assert_eq!(seqs(&feed.history(None, 3)), [4, 5, 6]);
    assert_eq!(seqs(&feed.history(at(2), 3)), [3, 4, 5]);
    assert_eq!(seqs(&feed.history(at(0), 100)), [1, 2, 3, 4, 5, 6]);
    assert!(feed.history(at(6), 100).is_empty());
    assert!(feed.history(None, 0).is_empty());
}

#[test]
fn a_cursor_that_cannot_be_continued_is_told_so() {
    let feed = feed(3, 6);
    let forgotten = feed.history(at(1), 100);
    assert_eq!(
        (reason(&forgotten[0]), seqs(&forgotten)),
        (Some(GapReason::Forgotten), vec![3, 4, 5, 6])
    );
    for foreign in [Cursor { epoch: 8, seq: 5 }, Cursor { epoch: 9, seq: 7 }] {
        let unknown = feed.history(Some(foreign), 100);
        assert_eq!(
            (reason(&unknown[0]), seqs(&unknown)),
            (Some(GapReason::UnknownCursor), vec![3, 4, 5, 6])
        );
        let mut reader = feed.subscribe(100, Some(foreign));
        assert!(
            matches!(reader.try_next(), Some(FeedItem::Record(r)) if reason(&r) == Some(GapReason::UnknownCursor))
        );
        assert!(matches!(reader.try_next(), Some(FeedItem::Record(r)) if r.cursor.seq == 4));
    }
}

#[tokio::test]
async fn a_reader_that_falls_behind_is_told_exactly() {
    let feed = feed(1_000, 5);
    let mut reader = feed.subscribe(10, None);
    for n in 6..=40 {
        tell(&feed, event(n));
    }
    assert_eq!(reader.next().await, Some(FeedItem::Lagged { missed: 25 }));
    for seq in 31..=40 {
        assert!(matches!(reader.next().await, Some(FeedItem::Record(r)) if r.cursor.seq == seq));
    }
    feed.close();
    assert_eq!(reader.next().await, None);
}

#[tokio::test]
async fn what_came_before_the_end_is_still_read() {
    let feed = feed(10, 0);
    let mut reader = feed.subscribe(10, None);
    tell(&feed, event(1));
    feed.close();
    assert!(matches!(reader.next().await, Some(FeedItem::Record(_))));
    assert_eq!(reader.next().await, None);
}

#[test]
fn weight_bounds_the_ring_and_the_newest_stays() {
    let feed = Feed::new(9, 1_000, 10_000);
    for n in 1..=100 {
        let mut heavy = event(n);
        heavy.attributes.insert(
            "x".into(),
            "y".repeat(if n == 100 { 1 << 20 } else { 1_000 }).into(),
        );
        tell(&feed, heavy);
        let held = feed.history(None, usize::MAX);
        assert!(held.len() <= 10, "{}", held.len());
        assert_eq!(held.last().unwrap().cursor.seq, n);
    }
    assert_eq!(feed.history(None, 10).len(), 1, "a megabyte stands alone");
}

#[derive(Debug, Clone)]
enum Step {
    Publish(u8),
    Read(u8),
}

proptest! {
    /// Whatever the pace: records come in order, and records and losses add up to what was published.
    #[test]
    fn nothing_is_lost_without_being_counted(
        held in 1usize..40,
        capacity in 1usize..40,
        steps in prop::collection::vec(prop_oneof![
            (0u8..30).prop_map(Step::Publish),
            (0u8..30).prop_map(Step::Read),
        ], 0..60),
    ) {
        let feed = Feed::new(9, held, usize::MAX);
        let mut reader = feed.subscribe(capacity, None);
        let (mut published, mut accounted) = (0u64, 0u64);
        for step in steps.into_iter().chain([Step::Read(255)]) {
            match step {
                Step::Publish(n) => for _ in 0..n {
                    published += 1;
                    tell(&feed, event(published));
                },
                Step::Read(n) => for _ in 0..n {
                    match reader.try_next() {
                        None => break,
                        Some(FeedItem::Lagged { missed }) => accounted += missed,
                        Some(FeedItem::Record(record)) => {
                            accounted += 1;
                            prop_assert_eq!(record.cursor.seq, accounted);
                        }
                    }
                },
            }
        }
        prop_assert_eq!(accounted, published);
    }
}
