//! The feed's readers and history: order, bounds, and exact counts of what was lost.

use std::collections::BTreeMap;

use futures_util::FutureExt as _;
use longshore_core::{Attributes, EventType, Scope};
use proptest::prelude::*;

use super::*;

fn event(n: u64) -> Event {
    Event {
        kind: EventType::Container,
        action: "start".into(),
        id: n.to_string().into(),
        attributes: Attributes::default(),
        scope: Scope::Local,
        at: Timestamp::from_secs(n.cast_signed()),
    }
}

fn tell(feed: &Feed, event: Event) {
    feed.put(event, false, (LineId::of(b""), 0), Moment::now());
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
        let text = "y".repeat(if n == 100 { 1 << 20 } else { 1_000 });
        heavy.attributes = Attributes::from_iter([("x", text)]);
        tell(&feed, heavy);
        let held = feed.history(None, usize::MAX);
        assert!(held.len() <= 10, "{}", held.len());
        assert_eq!(held.last().unwrap().cursor.seq, n);
    }
    assert_eq!(feed.history(None, 10).len(), 1, "a megabyte stands alone");
}

#[tokio::test]
async fn a_reader_that_blocks_holds_up_the_feed_until_it_reads_or_ends() {
    let feed = feed(1_000, 0);
    let mut slow = feed.subscribe_with(Policy::Block { capacity: 2 }, None);
    let mut other = feed.subscribe(10, None);
    assert_eq!(feed.room().now_or_never(), Some(()));
    tell(&feed, event(1));
    assert_eq!(feed.room().now_or_never(), Some(()));
    tell(&feed, event(2));
    assert_eq!(feed.room().now_or_never(), None);
    let (_, read) = tokio::join!(feed.room(), slow.next());
    assert!(matches!(read, Some(FeedItem::Record(r)) if r.cursor.seq == 1));
    tell(&feed, event(3));
    let gone = async { drop(slow) };
    let ((), ()) = tokio::join!(feed.room(), gone);
    for seq in 1..=3 {
        assert!(matches!(other.try_next(), Some(FeedItem::Record(r)) if r.cursor.seq == seq));
    }
    let _blocking = feed.subscribe_with(Policy::Block { capacity: 1 }, None);
    tell(&feed, event(4));
    let closing = async { feed.close() };
    let ((), ()) = tokio::join!(feed.room(), closing);
}

proptest! {
    /// Who reads late reads each object's last event, in order, and every gap; the rest is counted.
    #[test]
    fn what_is_coalesced_is_superseded_and_counted(
        held in 1usize..100,
        steps in prop::collection::vec((0u64..6, prop::bool::weighted(0.1), prop::bool::weighted(0.3)), 1..80),
    ) {
        let feed = Feed::new(9, held, usize::MAX);
        let mut reader = feed.subscribe_with(Policy::Coalesce, None);
        let (mut read, mut lagged, mut published, mut gaps) = (Vec::new(), 0, 0, 0);
        let mut last = BTreeMap::new();
        let drain = |reader: &mut FeedReader, read: &mut Vec<_>, lagged: &mut u64| {
            let mut of_this_turn = std::collections::BTreeSet::new();
            while let Some(item) = reader.try_next() {
                match item {
                    FeedItem::Lagged { missed } => *lagged += missed,
                    FeedItem::Record(record) => {
                        let object = record.event().map(|event| event.id.clone());
                        assert!(object.is_none_or(|object| of_this_turn.insert(object)), "an older one was read");
                        read.push(record);
                    }
                }
            }
        };
        for (object, is_gap, is_read) in steps {
            published += 1;
            if is_gap {
                gaps += 1;
                feed.gap(None, None, GapReason::Missed, None);
            } else {
                tell(&feed, event(object));
                last.insert(event(object).id, published);
            }
            if is_read {
                drain(&mut reader, &mut read, &mut lagged);
            }
        }
        drain(&mut reader, &mut read, &mut lagged);
        prop_assert_eq!(read.len() as u64 + lagged + reader.coalesced(), published);
        prop_assert!(read.is_sorted_by_key(|record| record.cursor.seq));
        let told = read.iter().filter(|record| record.event().is_none()).count() as u64;
        prop_assert!(told <= gaps && (lagged > 0 || told == gaps));
        let newest: BTreeMap<_, _> = read.iter().filter_map(|r| Some((r.event()?.id.clone(), r.cursor.seq))).collect();
        prop_assert!(lagged > 0 || newest == last, "{newest:?} of {last:?}");
    }
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

/// What a follow is told, in a word each, as far as there is anything.
fn followed(follow: &mut FeedFollow) -> Vec<String> {
    let words = std::iter::from_fn(|| follow.try_next()).map(|item| match item {
        FollowItem::Record(record) => record.cursor.seq.to_string(),
        FollowItem::Lagged { missed } => format!("lagged {missed}"),
        FollowItem::Lost { error, .. } => format!("lost: {error}"),
        FollowItem::Restored { .. } => "restored".to_owned(),
    });
    words.collect()
}

#[test]
fn the_engines_going_and_coming_stand_between_the_right_records() {
    let feed = feed(10, 2);
    let mut late = feed.follow(4, at(0));
    let mut follow = feed.follow(10, at(0));
    feed.lost("gone".into(), None);
    let mut joined = feed.follow(10, None);
    assert_eq!(followed(&mut joined), ["lost: gone"], "it is gone now");
    feed.restored();
    for n in 3..=4 {
        tell(&feed, event(n));
    }
    assert_eq!(
        followed(&mut follow),
        ["1", "2", "lost: gone", "restored", "3", "4"]
    );
    assert_eq!(followed(&mut joined), ["restored", "3", "4"]);
    assert!(followed(&mut feed.follow(10, None)).is_empty());
    // A reader that was too slow for the records about it is told all the same.
    for n in 5..=8 {
        tell(&feed, event(n));
    }
    assert_eq!(late.behind(), 8);
    assert_eq!(
        followed(&mut late),
        ["lagged 4", "lost: gone", "restored", "5", "6", "7", "8"]
    );
    assert_eq!(late.behind(), 0);
}

#[test]
fn of_many_turns_the_newest_are_told() {
    let feed = feed(10, 1);
    let mut follow = feed.follow(10, None);
    for n in 0..200 {
        feed.lost(format!("{n}").into(), None);
        feed.restored();
    }
    let told = followed(&mut follow);
    assert_eq!(
        (told.len(), told.last().map(String::as_str)),
        (256, Some("restored"))
    );
}

#[test]
fn every_reason_reads_back() {
    for reason in GapReason::COUNTED.into_iter().chain([
        GapReason::Forgotten,
        GapReason::UnknownCursor,
        GapReason::NotKept,
    ]) {
        assert_eq!(reason.as_str().parse(), Ok(reason));
    }
    assert_eq!("".parse::<GapReason>(), Err(UnknownReason));
}
