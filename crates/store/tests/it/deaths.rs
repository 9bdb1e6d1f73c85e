//! Records of deaths: kept, completed, found, and gone when they are too old or too many.

use longshore_core::{ContainerId, DeathPart, DeathRecord, LastLine, LastLines, LogSource, WhyUnknown};
use longshore_store::{
    DEATHS_AGE, DEATHS_AT_ONCE, DEATHS_PER_CONTAINER, DEATHS_PER_HOST, DeathQuery, Store, StoredDeath,
};

use crate::{after, at, fresh};

fn id(text: &str) -> ContainerId {
    ContainerId::new(text).unwrap()
}

fn death(container: &str, secs: i64) -> DeathRecord {
    DeathRecord {
        name: Some(format!("name-{container}")),
        exit_code: Some(3),
        ..DeathRecord::new(id(container), at(secs))
    }
}

async fn all(store: &Store, query: DeathQuery<'_>) -> Vec<StoredDeath> {
    let limit = DEATHS_AT_ONCE;
    store.deaths(DeathQuery { limit, ..query }).await.unwrap()
}

fn secs(found: &[StoredDeath]) -> Vec<i64> {
    found
        .iter()
        .map(|one| one.record.ended.as_secs() - at(0).as_secs())
        .collect()
}

#[tokio::test]
async fn records_come_back_as_they_were_newest_first_and_outlive_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
    let mut first = death("aa", 1);
    first.is_unknown(DeathPart::State, WhyUnknown::Gone, "");
    first.log = Some(LastLines {
        lines: vec![LastLine {
            stream: LogSource::Stderr,
            at: Some(at(0)),
            text: "last \u{1b}[31mwords\0".into(),
            cut: 7,
        }],
        earlier: true,
    });
    let second = death("bb", 2);
    store
        .remember_deaths("local", [&first, &second], at(3))
        .await
        .unwrap();
    store
        .remember_deaths("other", [&death("aa", 9)], at(9))
        .await
        .unwrap();
    store.close().await;
    let store = Store::open(dir.path()).await.unwrap();
    assert_eq!(secs(&all(&store, DeathQuery::default()).await), [9, 2, 1]);
    let host = Some("local");
    let local = all(
        &store,
        DeathQuery {
            host,
            ..DeathQuery::default()
        },
    )
    .await;
    assert_eq!(
        local.iter().map(|one| &one.record).collect::<Vec<_>>(),
        [&second, &first]
    );
    let container = Some(&id("aa"));
    let query = DeathQuery {
        host,
        container,
        ..DeathQuery::default()
    };
    assert_eq!(secs(&all(&store, query).await), [1]);
}

#[tokio::test]
async fn a_record_that_comes_again_is_completed_and_not_doubled() {
    let (_dir, store) = fresh().await;
    let mut rich = death("aa", 1);
    rich.log = Some(LastLines::default());
    let mut removed = death("aa", 1);
    removed.is_unknown(DeathPart::Log, WhyUnknown::Gone, "");
    removed.removed = Some(at(5));
    for record in [&rich, &removed, &removed, &rich] {
        store.remember_deaths("local", [record], at(9)).await.unwrap();
    }
    let found = all(&store, DeathQuery::default()).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].record.removed, Some(at(5)));
    assert_eq!(
        (found[0].record.log.is_some(), found[0].record.unknown.len()),
        (true, 0)
    );
}

#[tokio::test]
async fn the_oldest_go_by_number_and_by_age() {
    let (_dir, store) = fresh().await;
    let many: Vec<_> = (0..30).map(|n| death("aa", n)).collect();
    store.remember_deaths("local", &many, at(30)).await.unwrap();
    let found = secs(&all(&store, DeathQuery::default()).await);
    assert_eq!((found.len() as u32, found[0]), (DEATHS_PER_CONTAINER, 29));
    let crowd: Vec<_> = (0..i64::from(DEATHS_PER_HOST))
        .map(|n| death(&format!("c{n}"), 100 + n))
        .collect();
    for some in crowd.chunks(64) {
        store.remember_deaths("local", some, at(100)).await.unwrap();
    }
    let container = Some(&id("aa"));
    let query = DeathQuery {
        container,
        ..DeathQuery::default()
    };
    assert_eq!(all(&store, query).await.len(), 0, "the oldest of the host");
    store
        .remember_deaths("other", [], after(DEATHS_AGE))
        .await
        .unwrap();
    let oldest = store.find_dead("local", "c0").await.unwrap();
    assert_eq!(oldest, [id("c0")], "as old as it may be");
    let later = longshore_core::Timestamp::from_secs(after(DEATHS_AGE).as_secs() + 101);
    store.remember_deaths("other", [], later).await.unwrap();
    let query = DeathQuery {
        container: Some(&id("c0")),
        ..DeathQuery::default()
    };
    assert_eq!(all(&store, query).await.len(), 0, "too old, of whichever host");
}

#[tokio::test]
async fn the_list_goes_on_where_it_ended() {
    let (_dir, store) = fresh().await;
    // Several at the same moment.
    let many: Vec<_> = (0..10).map(|n| death(&format!("c{n}"), n / 4)).collect();
    store.remember_deaths("local", &many, at(9)).await.unwrap();
    let mut after = None;
    let mut seen = Vec::new();
    loop {
        let page = store
            .deaths(DeathQuery {
                after,
                limit: 3,
                ..DeathQuery::default()
            })
            .await
            .unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.place.to_string().parse().unwrap());
        seen.extend(page.into_iter().map(|one| one.record.container.to_string()));
    }
    assert_eq!(seen, ["c9", "c8", "c7", "c6", "c5", "c4", "c3", "c2", "c1", "c0"]);
    for bad in ["", "1", "1.x", "a.b", "1.2.3"] {
        assert!(bad.parse::<longshore_store::DeathPlace>().is_err(), "{bad}");
    }
}

#[tokio::test]
async fn a_person_finds_what_is_gone_by_id_name_or_prefix() {
    let (_dir, store) = fresh().await;
    let mut again = death("abd", 2);
    again.name = Some("web".into());
    let mut old = death("abc", 1);
    old.name = Some("web".into());
    store
        .remember_deaths("local", [&old, &again], at(9))
        .await
        .unwrap();
    let found = async |text: &str| {
        let found = store.find_dead("local", text).await.unwrap();
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(found("abc").await, ["abc"]);
    assert_eq!(found("web").await, ["abd"], "who had the name last");
    assert_eq!(found("/web").await, ["abd"]);
    assert_eq!(found("abd").await, ["abd"]);
    assert_eq!(found("ab").await.len(), 2, "several");
    assert_eq!(
        found("a%").await.len() + found("_").await.len() + found("").await.len(),
        0
    );
    assert_eq!(store.find_dead("other", "abc").await.unwrap(), []);
}

#[tokio::test]
async fn damaged_records_hide_no_others() {
    let (dir, store) = fresh().await;
    let many: Vec<_> = (0..10).map(|n| death(&format!("c{n}"), n)).collect();
    store.remember_deaths("local", &many, at(9)).await.unwrap();
    let url = format!("sqlite://{}", dir.path().join("data/longshore.db").display());
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    sqlx::raw_sql(
        "UPDATE deaths SET record = x'01ff' WHERE container IN ('c9', 'c6', 'c5', 'c0'); \
         UPDATE deaths SET record = x'' WHERE container = 'c7'",
    )
    .execute(&pool)
    .await
    .unwrap();
    let page = |limit| DeathQuery {
        limit,
        ..DeathQuery::default()
    };
    let found = store.deaths(page(3)).await.unwrap();
    assert_eq!(secs(&found), [8, 4, 3]);
    assert_eq!(secs(&store.deaths(page(0)).await.unwrap()), [0; 0]);
    assert_eq!(secs(&all(&store, page(200)).await), [8, 4, 3, 2, 1]);
    // One that comes again is whole again.
    store.remember_deaths("local", &many[7..8], at(9)).await.unwrap();
    assert_eq!(secs(&store.deaths(page(2)).await.unwrap()), [8, 7]);
}

#[tokio::test]
async fn failures_are_found_behind_any_number_of_successes() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
    let failures = [death("aa", 1), death("bb", 2)];
    let successes: Vec<DeathRecord> = (0..300)
        .map(|n| DeathRecord {
            exit_code: Some(0),
            ..death(&format!("c{n}"), 10 + n)
        })
        .collect();
    let records = failures.iter().chain(&successes);
    store.remember_deaths("local", records, at(400)).await.unwrap();
    let query = DeathQuery {
        failed: true,
        ..DeathQuery::default()
    };
    let found = all(&store, query).await;
    assert_eq!(secs(&found), [2, 1]);
    let query = DeathQuery {
        after: Some(found[0].place),
        ..query
    };
    assert_eq!(secs(&all(&store, query).await), [1], "goes on after a place");
    assert_eq!(
        all(&store, DeathQuery::default()).await.len(),
        DEATHS_AT_ONCE as usize
    );
}
