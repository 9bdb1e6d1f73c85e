//! The history of events: beyond the feed's ring, across restarts of the server, and what is told when it is not whole.

use std::time::Duration;

use longshore_server::ServerConfig;
use longshore_store::Role;
use longshore_testkit::{
    eventually,
    fake::{Draft, FakeEngine, Spec},
};
use serde_json::Value;

use crate::{
    monitor::{id, join, site, site_with, tell, until, words},
    support::Site,
};

/// A ring of so few records that the store is needed.
fn small_ring(mut config: ServerConfig) -> ServerConfig {
    config.fleet.watch = config.fleet.watch.feed_bounds(20, 1 << 20);
    config
}

fn same(config: ServerConfig) -> ServerConfig {
    config
}

async fn tell_all(site: &Site, numbers: impl IntoIterator<Item = u32>) {
    for n in numbers {
        tell(site, "container", "start", &n.to_string()).await;
    }
}

async fn emit(engine: &FakeEngine, action: &str, n: u32) {
    engine.emit(Draft::new("container", action, &n.to_string())).await;
}

fn numbers(from: u32, to: u32) -> Vec<String> {
    (from..=to).map(|n| n.to_string()).collect()
}

fn cursor(message: &Value) -> String {
    message["payload"]["cursor"].as_str().unwrap().to_owned()
}

/// What `GET /api/v1/events` says: ids, and reasons of gaps; and where to go on.
async fn listed(site: &Site, query: &str) -> (Vec<String>, String) {
    let auth = site.token(Role::Viewer).await;
    let answer = site
        .get(&format!("/api/v1/events{query}"), &[("authorization", &auth)])
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let reply = answer.json();
    let word = |event: &Value| match event["gap"]["reason"].as_str() {
        Some(reason) => format!("gap {reason}"),
        None => event["id"].as_str().unwrap().to_owned(),
    };
    let words = reply["events"].as_array().unwrap().iter().map(word).collect();
    (words, reply["next"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn what_the_ring_no_longer_holds_comes_from_the_store() {
    let site = site_with(small_ring).await;
    let mut live = join(&site, "").await;
    tell_all(&site, 1..=1).await;
    let first = cursor(until(&mut live, "1").await.last().unwrap());
    for n in 2..=1_200 {
        tell_all(&site, [n]).await;
        // Read at once, or it would lag.
        until(&mut live, &n.to_string()).await;
    }
    let mut back = join(&site, &format!("?resume={first}")).await;
    assert_eq!(words(&until(&mut back, "1200").await), numbers(2, 1_200));
    // And goes on.
    tell_all(&site, [1_201]).await;
    assert_eq!(words(&until(&mut back, "1201").await), ["1201"]);
    let (mut all, mut since) = (Vec::new(), first);
    loop {
        let (page, next) = listed(&site, &format!("?since={since}&limit=500")).await;
        if page.is_empty() {
            break;
        }
        all.extend(page);
        since = next;
    }
    assert_eq!(all, numbers(2, 1_201));
    let (newest, _) = listed(&site, "?limit=100").await;
    assert_eq!(newest, numbers(1_102, 1_201));
    let mut page = site.live().await;
    page.subscribe(1, "events", serde_json::json!({"limit": 300}))
        .await;
    let events = page.data(1).await["events"].as_array().unwrap().len();
    assert_eq!(events, 300);
    site.stop().await;
}

#[tokio::test]
async fn a_cursor_leads_on_through_a_restart_of_the_server() {
    let site = site().await;
    let mut live = join(&site, "").await;
    tell_all(&site, 1..=5).await;
    let heard = until(&mut live, "5").await;
    let third = cursor(&heard[2]);
    let meanwhile = async |engine: &FakeEngine| {
        for n in 6..=8 {
            emit(engine, "start", n).await;
        }
    };
    let site = site.again(meanwhile, same).await;
    let mut back = join(&site, &format!("?resume={third}")).await;
    // What it had before, what happened while there was no server, and what happens now: each once, and no gap.
    let heard = until(&mut back, "8").await;
    assert_eq!(words(&heard), numbers(4, 8));
    tell_all(&site, [9]).await;
    assert_eq!(words(&until(&mut back, "9").await), ["9"]);
    let (all, _) = listed(&site, "").await;
    assert_eq!(all, [vec!["before".to_owned()], numbers(1, 9)].concat());
    // Twice over, with a cursor of each run.
    let (old, new) = (third, cursor(&heard[3]));
    let site = site.again(async |_: &FakeEngine| {}, same).await;
    tell_all(&site, [10]).await;
    for (from, first) in [(old, 4), (new, 8)] {
        let mut back = join(&site, &format!("?resume={from}")).await;
        assert_eq!(words(&until(&mut back, "10").await), numbers(first, 10));
    }
    site.stop().await;
}

#[tokio::test]
async fn what_the_engine_forgot_while_there_was_no_server_is_a_gap() {
    let site = site().await;
    let mut live = join(&site, "").await;
    tell_all(&site, 1..=2).await;
    let second = cursor(until(&mut live, "2").await.last().unwrap());
    let meanwhile = async |engine: &FakeEngine| {
        for n in 3..=400 {
            emit(engine, "start", n).await;
        }
    };
    let site = site.again(meanwhile, same).await;
    let mut back = join(&site, &format!("?resume={second}")).await;
    let told = words(&until(&mut back, "400").await);
    assert_eq!(told[0], "gap missed", "{told:?}");
    assert_eq!(told[1..], numbers(145, 400), "the 256 that it still held");
    site.stop().await;
}

#[tokio::test]
async fn a_place_that_is_deleted_or_unknown_is_told_first() {
    let keep =
        |most| move |config: ServerConfig| small_ring(config).history(most, Duration::from_secs(86_400));
    let site = site_with(keep(1_000_000)).await;
    let mut live = join(&site, "").await;
    tell_all(&site, 1..=1).await;
    let first = cursor(until(&mut live, "1").await.last().unwrap());
    for n in 2..=1_100 {
        tell_all(&site, [n]).await;
        until(&mut live, &n.to_string()).await;
    }
    // The next server keeps less: the 1,024 lines that its engine may still hold, and no more.
    let site = site.again(async |_: &FakeEngine| {}, keep(30)).await;
    tell_all(&site, [1_101]).await;
    eventually("the oldest are deleted", async || {
        let (told, _) = listed(&site, &format!("?since={first}&limit=1")).await;
        if told == ["gap forgotten"] {
            Ok(())
        } else {
            Err(told)
        }
    })
    .await;
    let mut back = join(&site, &format!("?resume={first}")).await;
    let heard = until(&mut back, "1101").await;
    let told = words(&heard);
    assert_eq!(told[0], "gap forgotten", "{told:?}");
    assert!((1_024..1_030).contains(&told.len()), "{}", told.len());
    assert_eq!(told[told.len() - 20..], numbers(1_082, 1_101), "{told:?}");
    // The gap has a place too.
    let place = cursor(&heard[0]);
    let mut back = join(&site, &format!("?resume={place}")).await;
    assert_eq!(words(&until(&mut back, "1101").await), told[1..]);
    let (page, _) = listed(&site, &format!("?since={first}&limit=3")).await;
    assert_eq!((page.len(), page[0].as_str()), (3, "gap forgotten"));
    let mut stranger = join(&site, "?resume=local=1.abc.5").await;
    let told = words(&until(&mut stranger, "1101").await);
    assert_eq!(told[0], "gap unknown_cursor", "{told:?}");
    let (page, _) = listed(&site, "?since=local=1.abc.5&limit=3").await;
    assert_eq!(page[0], "gap unknown_cursor", "{page:?}");
    site.stop().await;
}

#[tokio::test]
async fn an_event_too_large_to_keep_is_a_gap_in_the_history_alone() {
    let site = site_with(small_ring).await;
    let mut live = join(&site, "").await;
    tell_all(&site, [1]).await;
    let first = cursor(until(&mut live, "1").await.last().unwrap());
    let large = Draft::new("container", "start", "large").with("large", "x".repeat(100_000));
    site.engine.emit(large).await;
    until(&mut live, "large").await;
    for n in 2..=50 {
        tell_all(&site, [n]).await;
        until(&mut live, &n.to_string()).await;
    }
    let mut back = join(&site, &format!("?resume={first}")).await;
    let told = words(&until(&mut back, "50").await);
    assert_eq!(told, [vec!["gap not_kept".to_owned()], numbers(2, 50)].concat());
    // The next server knows it all the same.
    let site = site.again(async |_: &FakeEngine| {}, small_ring).await;
    tell_all(&site, [51]).await;
    let mut back = join(&site, &format!("?resume={first}")).await;
    let heard = until(&mut back, "51").await;
    assert!(heard.iter().all(|message| id(message) != "large"));
    assert_eq!(heard.len(), 51);
    site.stop().await;
}

#[tokio::test]
async fn without_a_history_the_ring_is_all_there_is() {
    let site = site_with(|config| small_ring(config).history(0, Duration::ZERO)).await;
    let mut live = join(&site, "").await;
    tell_all(&site, [1]).await;
    let first = cursor(until(&mut live, "1").await.last().unwrap());
    for n in 2..=50 {
        tell_all(&site, [n]).await;
        until(&mut live, &n.to_string()).await;
    }
    let mut back = join(&site, &format!("?resume={first}")).await;
    let told = words(&until(&mut back, "50").await);
    assert_eq!(told, [vec!["gap forgotten".to_owned()], numbers(31, 50)].concat());
    site.stop().await;
}

/// What happened to a container, as its events say: actions, and reasons of gaps.
async fn of_one(site: &Site, id: &str, query: &str) -> Vec<String> {
    let auth = site.token(Role::Viewer).await;
    let path = format!("/api/v1/hosts/local/containers/{id}/events{query}");
    let answer = site.get(&path, &[("authorization", &auth)]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let reply = answer.json();
    assert!(reply["container"].as_str().unwrap().starts_with(id), "{reply}");
    let word = |event: &Value| match event["gap"]["reason"].as_str() {
        Some(reason) => format!("gap {reason}"),
        None => event["action"].as_str().unwrap().to_owned(),
    };
    reply["events"].as_array().unwrap().iter().map(word).collect()
}

#[tokio::test]
async fn the_events_of_one_container_are_found_among_any_number_of_others() {
    let site = site_with(same).await;
    let web = site.engine.create(Spec::new("sample").name("web")).await.unwrap();
    site.engine.start_container(&web).await.unwrap();
    let mut live = join(&site, "").await;
    for n in 0..3_u32 {
        for action in ["exec_create: true", "exec_start: true", "exec_die"] {
            site.engine.emit(Draft::new("container", action, &web)).await;
        }
        tell_all(&site, (0..30).map(|other| 1_000 + n * 30 + other)).await;
    }
    until(&mut live, "1089").await;
    site.engine.pause(&web, true).await.unwrap();
    assert_eq!(of_one(&site, &web, "").await, ["create", "start", "pause"]);
    assert_eq!(
        of_one(&site, &web[..10], "?limit=1").await,
        ["pause"],
        "the newest"
    );
    assert_eq!(
        of_one(&site, &web, "?since=2100-01-01T00:00:00Z").await,
        Vec::<String>::new()
    );
    let site = site.again(async |_: &FakeEngine| {}, same).await;
    site.engine.pause(&web, false).await.unwrap();
    let auth = site.token(Role::Viewer).await;
    site.ready(&auth).await;
    let all = eventually("the last one is told", async || {
        let all = of_one(&site, &web, "").await;
        if all.last().is_some_and(|last| last == "unpause") {
            Ok(all)
        } else {
            Err(all)
        }
    })
    .await;
    let events: Vec<&String> = all.iter().filter(|word| !word.starts_with("gap")).collect();
    assert_eq!(events, ["create", "start", "pause", "unpause"]);
    for (path, code) in [
        ("containers/nobody/events", "not_found"),
        ("containers/web/events?since=yesterday", "invalid_request"),
    ] {
        let answer = site
            .get(
                &format!("/api/v1/hosts/local/{path}"),
                &[("authorization", &auth)],
            )
            .await;
        assert_eq!(answer.code(), code, "{path}");
    }
    site.stop().await;
}

#[tokio::test]
async fn a_restart_of_the_server_on_a_busy_engine_makes_no_gap() {
    let site = site().await;
    let mut live = join(&site, "").await;
    tell_all(&site, [1]).await;
    let first = cursor(until(&mut live, "1").await.last().unwrap());
    // A full ring of less than a second: what is sure is what the run itself was sure of, all but the last 50 ms.
    let mut ticks = tokio::time::interval(Duration::from_millis(1));
    for n in 2..=500 {
        ticks.tick().await;
        tell_all(&site, [n]).await;
    }
    until(&mut live, "500").await;
    let meanwhile = async |engine: &FakeEngine| {
        for n in 501..=510 {
            emit(engine, "start", n).await;
        }
    };
    let site = site.again(meanwhile, same).await;
    let mut back = join(&site, &format!("?resume={first}")).await;
    assert_eq!(words(&until(&mut back, "510").await), numbers(2, 510));
    site.stop().await;
}

#[tokio::test]
async fn what_is_older_than_is_kept_and_still_held_by_the_engine_is_no_news() {
    let brief = |config: ServerConfig| config.history(100_000, Duration::ZERO);
    let site = site_with(brief).await;
    for round in 1..=3 {
        let mut live = join(&site, "").await;
        tell_all(&site, [round]).await;
        until(&mut live, &round.to_string()).await;
    }
    let (mut site, mut told) = (site, 3);
    for _ in 0..2 {
        site = site.again(async |_: &FakeEngine| {}, brief).await;
        told += 1;
        let mut live = join(&site, "").await;
        tell_all(&site, [told]).await;
        until(&mut live, &told.to_string()).await;
    }
    let (all, _) = listed(&site, "").await;
    assert_eq!(all, [vec!["before".to_owned()], numbers(1, told)].concat());
    site.stop().await;
}

#[tokio::test]
async fn after_a_kill_what_was_not_written_is_found_again_in_what_the_engine_holds() {
    let site = site().await;
    let mut live = join(&site, "").await;
    tell_all(&site, [1]).await;
    let written = cursor(until(&mut live, "1").await.last().unwrap());
    let mut n = 1;
    let (disk, places) = loop {
        // Waits until all is written.
        listed(&site, "?limit=1").await;
        let disk = site.on_disk();
        tell_all(&site, n + 1..=n + 3).await;
        n += 3;
        let heard = until(&mut live, &n.to_string()).await;
        let places: Vec<_> = heard.iter().map(cursor).collect();
        // Unless the writer was faster than we: then that was no kill in time.
        let is_in_time = |(at, place): (usize, &String)| {
            place.starts_with("local=2.") && place.split('.').nth(3) == Some(&(at + 1).to_string())
        };
        if places.iter().enumerate().all(is_in_time) {
            break (disk, places);
        }
    };
    let site = site.again_with(disk).await;
    tell_all(&site, [n + 1]).await;
    let last = (n + 1).to_string();
    let mut from = vec![(written.clone(), 2)];
    from.extend(places.iter().cloned().zip(n - 1..));
    for (place, first) in from {
        let mut back = join(&site, &format!("?resume={place}")).await;
        let heard = until(&mut back, &last).await;
        assert_eq!(words(&heard), numbers(first, n + 1), "{place}");
        let (page, next) = listed(&site, &format!("?since={place}&limit=1000")).await;
        assert_eq!(page, numbers(first, n + 1));
        assert_eq!(
            listed(&site, &format!("?since={next}")).await.0,
            Vec::<String>::new()
        );
        // Page by page too, and after another restart.
        let (page, next) = listed(&site, &format!("?since={place}&limit=1")).await;
        assert_eq!(page, numbers(first, first));
        assert_eq!(
            listed(&site, &format!("?since={next}")).await.0,
            numbers(first + 1, n + 1)
        );
    }
    let site = site.again(async |_: &FakeEngine| {}, same).await;
    tell_all(&site, [n + 2]).await;
    let mut back = join(&site, &format!("?resume={}", places[0])).await;
    let heard = until(&mut back, &(n + 2).to_string()).await;
    assert_eq!(words(&heard), numbers(n - 1, n + 2));
    // A place that does not say what it saw is told what may be missing.
    let plain = places[1].replace("local=2.", "local=1.");
    let plain: Vec<_> = plain.split('.').take(3).collect();
    let mut back = join(&site, &format!("?resume={}", plain.join("."))).await;
    let told = words(&until(&mut back, &(n + 2).to_string()).await);
    assert_eq!(
        told,
        [vec!["gap unknown_cursor".to_owned()], numbers(n - 2, n + 2)].concat()
    );
    site.stop().await;
}
