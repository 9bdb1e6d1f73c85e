//! What only the crate itself can bring about: a full disk.

use super::*;

fn row(seq: u64) -> EventRow {
    let at = Timestamp::from_secs(i64::try_from(seq).unwrap());
    EventRow {
        place: EventPlace { epoch: u64::MAX, seq },
        received: at,
        line: Some(u128::from(seq).to_be_bytes()),
        unsure: None,
        body: EventRowBody::Event {
            event: Event {
                kind: EventType::Container,
                action: "start".into(),
                id: "x".repeat(4_000).into(),
                attributes: Attributes::default(),
                scope: Scope::Local,
                at,
            },
            synthetic: false,
            late: false,
        },
    }
}

/// Sets it on every connection of the pool.
async fn most_pages(store: &Store, pages: &'static str) {
    let mut held = Vec::new();
    for _ in 0..store.pool().options().get_max_connections() {
        let mut connection = store.pool().acquire().await.unwrap();
        sqlx::raw_sql(pages).execute(&mut *connection).await.unwrap();
        held.push(connection);
    }
}

#[tokio::test]
async fn a_full_disk_is_named_and_keeps_nothing_half() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
    store.append_events("local", &[row(1)]).await.unwrap();
    most_pages(&store, "PRAGMA max_page_count = 40").await;
    let rows: Vec<_> = (2..=200).map(row).collect();
    let error = store.append_events("local", &rows).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unwritable);
    assert!(error.to_string().contains("no space left"), "{error}");
    assert!(error.hint().is_some());
    assert_eq!(store.newest_events("local", 1_000).await.unwrap(), [row(1)]);
    most_pages(&store, "PRAGMA max_page_count = 4294967294").await;
    store.append_events("local", &rows).await.unwrap();
    assert_eq!(store.newest_events("local", 1_000).await.unwrap().len(), 200);
}
