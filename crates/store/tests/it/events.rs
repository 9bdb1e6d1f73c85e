//! The history of events: what comes back, from where, and what is deleted.

use longshore_core::{Attributes, Event, EventType, Scope, Timestamp};
use longshore_store::{Broken, EventPlace, EventRow, EventRowBody, Retention, Store};

use crate::{at, fresh};

const HOST: &str = "local";

fn place(epoch: u64, seq: u64) -> EventPlace {
    EventPlace { epoch, seq }
}

fn row(epoch: u64, seq: u64) -> EventRow {
    EventRow {
        place: place(epoch, seq),
        received: at(i64::try_from(seq).unwrap()),
        line: Some(u128::from(seq).to_be_bytes()),
        unsure: seq.is_multiple_of(5).then_some(3),
        body: EventRowBody::Event {
            event: Event {
                kind: EventType::from("teapot"),
                action: "health_status: \"boiling\"".into(),
                id: "\u{1f375} \0 x".into(),
                attributes: Attributes::from_iter([("name", "web"), ("", "\u{0}"), ("a=b", "ä")]),
                scope: Scope::from("galactic"),
                at: Timestamp::from_nanos(-1),
            },
            synthetic: seq.is_multiple_of(2),
            late: seq.is_multiple_of(3),
        },
    }
}

fn gap(epoch: u64, seq: u64) -> EventRow {
    EventRow {
        line: None,
        unsure: Some(0),
        body: EventRowBody::Gap {
            from: at(1),
            to: at(2),
            reason: "missed".to_owned(),
        },
        ..row(epoch, seq)
    }
}

fn rows(epoch: u64, seqs: std::ops::RangeInclusive<u64>) -> Vec<EventRow> {
    seqs.map(|seq| row(epoch, seq)).collect()
}

fn seqs(rows: &[EventRow]) -> Vec<(u64, u64)> {
    rows.iter().map(|row| (row.place.epoch, row.place.seq)).collect()
}

async fn after(store: &Store, from: EventPlace) -> (Vec<(u64, u64)>, Option<Broken>) {
    let found = store.events_after(HOST, from, 1_000).await.unwrap();
    (seqs(&found.rows), found.broken)
}

#[tokio::test]
async fn records_come_back_as_they_were_also_from_a_file_that_was_closed() {
    let (dir, store) = fresh().await;
    let kept = [rows(u64::MAX, 1..=99), vec![gap(u64::MAX, 100)], rows(7, 1..=3)].concat();
    store.append_events(HOST, &kept).await.unwrap();
    // Again, as after a commit whose answer was lost.
    store.append_events(HOST, &kept).await.unwrap();
    store.append_events("far", &rows(8, 1..=5)).await.unwrap();
    store.close().await;
    let store = Store::open(dir.path().join("data")).await.unwrap();
    assert_eq!(store.newest_events(HOST, 1_000).await.unwrap(), kept);
    assert_eq!(store.newest_events(HOST, 2).await.unwrap(), kept[101..]);
    assert!(store.newest_events("nowhere", 2).await.unwrap().is_empty());
    let found = store.events_after(HOST, place(u64::MAX, 98), 3).await.unwrap();
    assert_eq!((&found.rows[..], found.broken), (&kept[98..101], None));
}

#[tokio::test]
async fn a_place_leads_on_through_later_runs_and_says_when_it_does_not() {
    let (_dir, store) = fresh().await;
    store.append_events(HOST, &rows(1, 1..=4)).await.unwrap();
    store.append_events("far", &rows(9, 1..=4)).await.unwrap();
    store.append_events(HOST, &rows(2, 1..=3)).await.unwrap();
    let second = [(2, 1), (2, 2), (2, 3)];
    assert_eq!(
        after(&store, place(1, 3)).await,
        ([vec![(1, 4)], second.to_vec()].concat(), None)
    );
    assert_eq!(after(&store, place(1, 4)).await, (second.to_vec(), None));
    assert_eq!(after(&store, place(2, 3)).await, (vec![], None));
    // Given out, and not kept before the end of its run.
    assert_eq!(
        after(&store, place(1, 6)).await,
        (second.to_vec(), Some(Broken::Beyond { last: 4 }))
    );
    // Of a later run its numbers are not those of the rows.
    store.append_events(HOST, &rows(4, 1..=1)).await.unwrap();
    assert_eq!(
        after(&store, place(2, 9)).await,
        (vec![(4, 1)], Some(Broken::Beyond { last: 3 }))
    );
    for unknown in [place(3, 1), place(9, 2), place(u64::MAX, u64::MAX)] {
        let (found, broken) = after(&store, unknown).await;
        assert_eq!((found.len(), broken), (8, Some(Broken::Unknown)), "{unknown:?}");
    }
}

#[tokio::test]
async fn what_is_too_much_or_too_old_is_deleted_and_its_places_are_forgotten() {
    let (_dir, store) = fresh().await;
    store.append_events(HOST, &rows(1, 1..=5_000)).await.unwrap();
    store.append_events(HOST, &rows(2, 5_001..=5_010)).await.unwrap();
    let keep = |most, since| Retention {
        most,
        since: at(since),
        lines: 0,
    };
    assert_eq!(store.sweep_events(keep(1_000_000, 0)).await.unwrap(), 0);
    assert_eq!(store.sweep_events(keep(100, 0)).await.unwrap(), 4_910);
    assert_eq!(after(&store, place(1, 4_910)).await.1, None, "the next is kept");
    let (found, broken) = after(&store, place(1, 4_000)).await;
    assert_eq!(
        (found.len(), found[0], broken),
        (100, (1, 4_911), Some(Broken::Forgotten))
    );
    assert_eq!(store.sweep_events(keep(100, 5_005)).await.unwrap(), 94);
    let (found, broken) = after(&store, place(1, 4_950)).await;
    assert_eq!(
        (found[0], broken),
        ((2, 5_005), Some(Broken::Forgotten)),
        "its run is remembered"
    );
    assert_eq!(store.sweep_events(keep(0, 0)).await.unwrap(), 6);
    assert_eq!(
        after(&store, place(2, 5_010)).await,
        (vec![], Some(Broken::Forgotten))
    );
    store.append_events(HOST, &rows(2, 5_011..=5_011)).await.unwrap();
    assert_eq!(after(&store, place(2, 5_010)).await, (vec![(2, 5_011)], None));
}

/// A machine without a clock of its own starts in 1970 each time, until it is told.
#[tokio::test]
async fn what_was_received_by_a_wrong_clock_goes_with_what_stands_beside_it() {
    let (_dir, store) = fresh().await;
    let mut all = rows(1, 1..=6);
    for wrong in &mut all[2..4] {
        wrong.received = Timestamp::from_secs(60);
    }
    store.append_events(HOST, &all).await.unwrap();
    let keep = |since| Retention {
        most: 1_000,
        since: at(since),
        lines: 0,
    };
    assert_eq!(store.sweep_events(keep(1)).await.unwrap(), 0);
    let whole = after(&store, place(1, 2)).await;
    assert_eq!(whole, (vec![(1, 3), (1, 4), (1, 5), (1, 6)], None));
    assert_eq!(store.sweep_events(keep(6)).await.unwrap(), 5);
    assert_eq!(store.sweep_events(keep(7)).await.unwrap(), 1);
}

#[tokio::test]
async fn the_newest_lines_of_each_host_stay_however_old_and_however_many_others_there_are() {
    let (_dir, store) = fresh().await;
    // What was made up after a gap stands between, and has no line.
    let quiet = [rows(1, 1..=10), (11..=2_000).map(|seq| gap(1, seq)).collect()].concat();
    store.append_events(HOST, &quiet).await.unwrap();
    store.append_events("far", &rows(2, 1..=5_000)).await.unwrap();
    let keep = Retention {
        most: 100,
        since: at(1_000_000),
        lines: 4,
    };
    store.sweep_events(keep).await.unwrap();
    let lines = async |host| {
        let lines = store.newest_lines(host, 1_000).await.unwrap();
        { lines }
            .iter()
            .map(|line| (u128::from_be_bytes(line.line), line.unsure, line.at))
            .collect::<Vec<_>>()
    };
    let at = Some(Timestamp::from_nanos(-1));
    let expected = [(7, None, at), (8, None, at), (9, None, at), (10, Some(3), at)];
    assert_eq!(lines(HOST).await, expected);
    let expected = [
        (4_997, None, at),
        (4_998, None, at),
        (4_999, None, at),
        (5_000, Some(3), at),
    ];
    assert_eq!(lines("far").await, expected);
    assert!(lines("nowhere").await.is_empty());
    let (found, broken) = after(&store, place(1, 3)).await;
    assert_eq!(
        (found[0], found.len(), broken),
        ((1, 7), 1_000, Some(Broken::Forgotten))
    );
    assert_eq!(
        after(&store, place(1, 6)).await.1,
        None,
        "and what came after them too"
    );
    // A Swarm's stamp proves nothing, nor does a gap's.
    let mut swarm = row(3, 1);
    if let EventRowBody::Event { event, .. } = &mut swarm.body {
        event.scope = Scope::Swarm;
    }
    let unreadable = EventRow {
        line: row(3, 2).line,
        ..gap(3, 2)
    };
    store.append_events("swarm", &[swarm, unreadable]).await.unwrap();
    assert_eq!(lines("swarm").await, [(1, None, None), (2, Some(0), None)]);
}
