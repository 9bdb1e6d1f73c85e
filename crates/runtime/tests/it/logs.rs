//! Followed logs: on real engines through rotation, restarts and long lines, on the fake one cut at any byte.

use std::time::Duration;

use futures_util::StreamExt as _;
use longshore_core::ContainerId;
use longshore_engine::{Engine, EngineConfig};
use longshore_runtime::Backoff;
use longshore_runtime::logs::{AfterExit, LogEnd, LogFollow, LogItem, LogQuery, follow};
use longshore_testkit::fake::{FakeConfig, FakeEngine, Restart, SAMPLE_IMAGE, Spec};
use longshore_testkit::lease::{IMAGE, Lease, on_each};
use serde_json::json;
use tokio::time::timeout;

use crate::account::{engine, is_podman};

fn id(text: &str) -> ContainerId {
    ContainerId::new(text).unwrap()
}

fn hasty() -> LogQuery {
    LogQuery::follow().backoff(Backoff {
        first: Duration::from_millis(2),
        longest: Duration::from_millis(20),
        ..Backoff::default()
    })
}

/// An item as a short text.
fn shown(item: LogItem) -> String {
    match item {
        LogItem::Line(line) => {
            assert!(line.at.is_some(), "{line:?}");
            let text = String::from_utf8_lossy(&line.text).into_owned();
            match text.len() {
                0..100 => format!("{} {text}", &line.stream.as_str()[3..]),
                long => format!("{} {long} bytes, {} cut", &line.stream.as_str()[3..], line.cut),
            }
        }
        LogItem::Gap { .. } => "gap".to_owned(),
        LogItem::Ended { exit_code, .. } => format!("ended {exit_code:?}"),
        LogItem::Started { .. } => "started".to_owned(),
        LogItem::Interrupted(_) => "interrupted".to_owned(),
        LogItem::Over(end) => format!("over {end:?}"),
        other => format!("{other:?}"),
    }
}

/// All items to the end.
async fn all(log: LogFollow) -> Vec<String> {
    log.map(|item| shown(item.unwrap())).collect().await
}

/// Checks numbered lines: each once, in order, missing ones behind a gap. How many are missing.
fn account(items: &[String], last: usize) -> usize {
    let (next, missing, _) = walk(items);
    assert_eq!(next, last, "{:?}", items.last());
    missing
}

/// As [`account`], for Podman: it has one file, which it empties when it is full, and stamps of whole seconds. So also the
/// last lines may be in a gap.
fn account_on_podman(items: &[String], last: usize) -> usize {
    let (next, missing, has_gap) = walk(items);
    assert!(
        next == last || has_gap && next < last,
        "{next} of {last}: {:?}",
        items.last()
    );
    missing + last - next
}

/// What follows the last line, how many are missing before it, and whether there is a gap behind it.
fn walk(items: &[String]) -> (usize, usize, bool) {
    // What went before the first line was read is nobody's loss.
    let (mut next, mut missing, mut has_gap) = (0, 0, true);
    for item in items {
        let Some(number) = item.strip_prefix("out line ") else {
            has_gap |= item == "gap";
            continue;
        };
        let number: usize = number.parse().unwrap();
        assert!(number >= next, "{number} after {}", next - 1);
        assert!(
            number == next || has_gap,
            "{next} to {number} went without a word"
        );
        missing += number - next;
        next = number + 1;
        has_gap = false;
    }
    (next, missing, has_gap)
}

async fn start(lease: &Lease, id: &str) {
    let answer = lease
        .call("POST", &format!("/containers/{id}/start"), None)
        .await
        .unwrap();
    assert!(answer.status() < 400, "{}", answer.text());
}

/// A container of a shell script, created and not started.
async fn script(lease: &Lease, suffix: &str, script: &str, more: serde_json::Value) -> String {
    let mut spec =
        json!({ "Cmd": ["sh", "-c", script], "HostConfig": { "Init": true, "NetworkMode": "none" } });
    for (key, value) in more.as_object().into_iter().flatten() {
        match value.as_object() {
            Some(fields) => fields
                .iter()
                .for_each(|(field, value)| spec[key][field] = value.clone()),
            None => spec[key] = value.clone(),
        }
    }
    lease.create(suffix, spec).await.unwrap()
}

#[tokio::test]
async fn a_followed_log_is_whole_through_rotation() {
    on_each(|lease| async move {
        for driver in ["json-file", "local"] {
            if driver == "local" && is_podman(&lease) {
                let config = json!({ "Image": IMAGE, "HostConfig": { "LogConfig": { "Type": driver } } });
                let refused = lease.call("POST", "/containers/create", Some(&config)).await.unwrap();
                assert_eq!(refused.status(), 500, "it has no such driver: {}", refused.text());
                continue;
            }
            let config = json!({ "HostConfig": { "LogConfig": {
                "Type": driver, "Config": { "max-size": "10k", "max-file": "3" } } } });
            let lines = longshore_testkit::sized(600, 20_000);
            let text = format!(
                "i=0; while [ $i -lt {lines} ]; do echo line $i; i=$((i+1)); [ $((i%20)) = 0 ] && sleep 0.05; done"
            );
            let container = script(&lease, &format!("rotated-{driver}"), &text, config).await;
            let log = follow(engine(&lease.docker_host()), id(&container), hasty().after_exit(AfterExit::End));
            let (items, ()) = tokio::join!(all(log), start(&lease, &container));
            if is_podman(&lease) {
                account_on_podman(&items, lines);
            } else {
                // 400 lines a second: three files hold a second of them.
                assert_eq!(account(&items, lines), 0, "{driver}");
            }
            assert_eq!(items[items.len() - 2..], ["ended Some(0)", "over Exited"], "{driver}");
        }
    })
    .await;
}

#[tokio::test]
async fn lines_that_were_rotated_away_are_told_as_a_gap() {
    on_each(|lease| async move {
        let config = json!({ "HostConfig": { "LogConfig": {
            "Type": "json-file", "Config": { "max-size": "10k", "max-file": "2" } } } });
        let account = if is_podman(&lease) { account_on_podman } else { account };
        let text = "echo line 0; sleep 0.3; i=1; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done; sleep 0.2";
        let container = script(&lease, "lost", text, config.clone()).await;
        start(&lease, &container).await;
        let mut log = follow(engine(&lease.docker_host()), id(&container), hasty().after_exit(AfterExit::End));
        let first = log.next().await.unwrap().unwrap();
        assert!(matches!(&first, LogItem::Line(line) if &line.text[..] == b"line 0"), "{first:?}");
        // Nobody reads until the container has ended.
        let ended = lease.call("POST", &format!("/containers/{container}/wait"), None).await.unwrap();
        assert_eq!(ended.status(), 200);
        let mut items = vec!["out line 0".to_owned()];
        items.extend(all(log).await);
        assert!(account(&items, 2_000) > 0);
        // Faster than any follower, but read again and again.
        let text = "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done";
        let container = script(&lease, "fast", text, config).await;
        let query = hasty().after_exit(AfterExit::End).reread(true);
        let log = follow(engine(&lease.docker_host()), id(&container), query);
        let (items, ()) = tokio::join!(all(log), start(&lease, &container));
        account(&items, 20_000);
    })
    .await;
}

#[tokio::test]
async fn a_followed_log_goes_on_through_restarts() {
    on_each(|lease| async move {
        let container = script(
            &lease,
            "again",
            "echo begin; printf 'last words'; sleep 600",
            json!({}),
        )
        .await;
        let query = hasty().after_exit(AfterExit::Linger(Duration::from_secs(20)));
        let mut log = follow(engine(&lease.docker_host()), id(&container), query);
        let mut items = Vec::new();
        for verb in ["start", "restart?t=1", "stop?t=1", "start"] {
            let acted = lease
                .call("POST", &format!("/containers/{container}/{verb}"), None)
                .await
                .unwrap();
            assert!(acted.status() < 400);
            let until = if verb == "stop?t=1" { "ended" } else { "begin" };
            // Stamps of whole seconds do not part what a run ends with from what the next begins with.
            let is_it = |item: &str| match until {
                "begin" if is_podman(&lease) => item.starts_with("out ") && item.ends_with("begin"),
                "begin" => item == "out begin",
                until => item.starts_with(until),
            };
            loop {
                let item = timeout(Duration::from_secs(10), log.next())
                    .await
                    .unwrap()
                    .unwrap()
                    .unwrap();
                items.push(shown(item));
                if is_it(items.last().unwrap()) {
                    break;
                }
            }
        }
        lease.remove(&container).await.unwrap();
        items.extend(all(log).await);
        // Read again and again (the oldest engine), what came last may go with the container, which is told then, and the
        // word that a run has begun may come a line late.
        let podman = is_podman(&lease);
        let count = |text: &str| {
            let is_it = |item: &&String| item.starts_with(text) || podman && item.contains(text);
            items.iter().filter(is_it).count()
        };
        let begin = if podman { "begin" } else { "out begin" };
        assert_eq!(
            (count(begin), count("ended"), count("started")),
            (3, 2, 2),
            "{items:?}"
        );
        let last_words = if podman { "last words" } else { "out last words" };
        assert!(count(last_words) == 3 || count("gap") == 1, "{items:?}");
        if lease.engine_name() == "newest" {
            let run = ["out begin", "out last words"];
            let parts: Vec<&[String]> = items.split(|item| item.starts_with("ended")).collect();
            assert_eq!(parts[0], run, "{items:?}");
            assert_eq!(parts[1], ["started", run[0], run[1]], "{items:?}");
            assert_eq!(parts[2][..2], ["started", "out begin"], "{items:?}");
        }
        assert_eq!(*items.last().unwrap(), "over Removed");
    })
    .await;
}

#[tokio::test]
async fn long_lines_are_joined_with_and_without_a_terminal() {
    on_each(|lease| async move {
        for tty in [false, true] {
            let text = "head -c 40000 /dev/zero | tr '\\0' a; echo; echo hi; head -c 16384 /dev/zero | tr '\\0' b; echo; \
                        head -c 1500000 /dev/zero | tr '\\0' c; echo; printf end";
            let container = script(&lease, &format!("long-{tty}"), text, json!({ "Tty": tty })).await;
            let log = follow(engine(&lease.docker_host()), id(&container), hasty().after_exit(AfterExit::End));
            if tty && is_podman(&lease) {
                // Each piece of a line has a stamp, at no fixed length: nobody can tell it from text. Read while it is
                // written, it may come twice; here it is read at its end.
                start(&lease, &container).await;
                let wait = format!("/containers/{container}/wait");
                assert_eq!(lease.call("POST", &wait, None).await.unwrap().status(), 200);
                let items = all(log).await;
                assert!(items[0].starts_with("out 40") && items[1] == "out hi", "{items:?}");
                assert_eq!(items[items.len() - 3..], ["out end", "ended Some(0)", "over Exited"]);
                continue;
            }
            let (items, ()) = tokio::join!(all(log), start(&lease, &container));
            assert_eq!(
                items,
                [
                    "out 40000 bytes, 0 cut",
                    "out hi",
                    "out 16384 bytes, 0 cut",
                    "out 1048576 bytes, 451424 cut",
                    "out end",
                    "ended Some(0)",
                    "over Exited"
                ],
                "tty {tty}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_log_is_read_as_it_was_asked_for() {
    on_each(|lease| async move {
        let client = engine(&lease.docker_host());
        let text = "echo one; echo two >&2; echo three; sleep 600";
        let container = id(&script(&lease, "asked", text, json!({})).await);
        start(&lease, container.as_str()).await;
        let read = |query: LogQuery| all(follow(client.clone(), container.clone(), query));
        // From before the first line to the line looked for, though the container runs on.
        assert_eq!(
            *read(hasty().until_line("three")).await.last().unwrap(),
            "over Matched"
        );
        assert_eq!(
            read(LogQuery::read().streams(false, true)).await,
            ["err two", "over Read"]
        );
        assert_eq!(
            read(LogQuery::read().streams(true, false)).await,
            ["out one", "out three", "over Read"]
        );
        assert_eq!(read(LogQuery::read().tail(1)).await.len(), 2);
        let tail = follow(
            client.clone(),
            container.clone(),
            hasty().tail(0).until_line("four"),
        );
        // What is written after the log was asked for is all that is wanted. When that is, the engine's clock says, which
        // Podman takes half a second to tell: it is written until it is seen.
        let exec = longshore_engine::ExecSpec::new(["sh", "-c", "echo four >/proc/1/fd/1"]);
        let reference = (&container).into();
        let writing = async {
            loop {
                client.exec(&reference, &exec).await.unwrap();
            }
        };
        let items = tokio::select! {
            items = all(tail) => items,
            () = writing => Vec::new(),
        };
        assert_eq!(items, ["out four", "over Matched"]);
        let unread = script(
            &lease,
            "unread",
            "true",
            json!({ "HostConfig": { "LogConfig": { "Type": "none" } } }),
        )
        .await;
        start(&lease, &unread).await;
        let error = follow(client.clone(), id(&unread), hasty())
            .next()
            .await
            .unwrap()
            .unwrap_err();
        let why = if is_podman(&lease) {
            "not logging output"
        } else {
            "does not support reading"
        };
        assert!(error.to_string().contains(why), "{error}");
        let error = follow(client, id("nobody"), hasty())
            .next()
            .await
            .unwrap()
            .unwrap_err();
        assert!(error.is_not_found(), "{error}");
    })
    .await;
}

const PATIENCE: Duration = Duration::from_millis(100);

/// Numbered lines on both streams while `trouble` happens.
async fn logged_through(
    config: FakeConfig,
    lines: usize,
    trouble: impl AsyncFn(&FakeEngine, usize),
) -> Vec<String> {
    let fake = FakeEngine::start(config).await.unwrap();
    let container = fake.create(Spec::new(SAMPLE_IMAGE)).await.unwrap();
    fake.start_container(&container).await.unwrap();
    let query = hasty()
        .after_exit(AfterExit::End)
        .renew_after(Duration::from_millis(200));
    let patience = EngineConfig::default()
        .head_timeout(PATIENCE)
        .idle_timeout(PATIENCE);
    let client = Engine::new(fake.endpoint().parse().unwrap(), patience);
    let log = follow(client, id(&container), query);
    let (items, ()) = tokio::join!(all(log), async {
        for number in 0..lines {
            trouble(&fake, number).await;
            fake.log(&container, false, format!("line {number}\n")).unwrap();
            if number % 3 == 0 {
                fake.log(&container, true, "oops\n").unwrap();
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        fake.faults().clear();
        fake.exit(&container, 3).await.unwrap();
    });
    assert_eq!(account(&items, lines), 0, "nothing was rotated away");
    assert_eq!(
        items.iter().filter(|item| *item == "err oops").count(),
        lines.div_ceil(3)
    );
    assert_eq!(items[items.len() - 2..], ["ended Some(3)", "over Exited"]);
    fake.stop().await;
    items
}

#[tokio::test]
async fn a_log_cut_at_any_byte_is_whole() {
    for version in [(1, 51), (1, 41)] {
        let config = FakeConfig::default().versions((1, 24), version);
        let items = logged_through(
            config,
            longshore_testkit::sized(600, 5_000),
            async |fake, number| {
                // Inside the head, inside a frame's header, inside a stamp, inside a text; sometimes silent instead.
                match number % 4 {
                    0 => fake.faults().cut_after("/logs", number * 37 % 3_000),
                    1 if number % 40 == 1 => fake.faults().stall_after("/logs", number * 53 % 3_000),
                    _ => {}
                }
            },
        )
        .await;
        assert!(items.iter().any(|item| item == "interrupted"), "{version:?}");
    }
}

#[tokio::test]
async fn a_log_goes_on_when_the_engine_was_away() {
    let items = logged_through(FakeConfig::default(), 300, async |fake, number| {
        if number % 100 == 50 {
            fake.restart(Restart::Crash).await.unwrap();
        }
    })
    .await;
    assert!(items.iter().any(|item| item == "interrupted"), "{items:?}");
}

#[tokio::test]
async fn a_log_that_nobody_reads_costs_nothing_and_a_dropped_wait_loses_nothing() {
    let fake = FakeEngine::start(FakeConfig::default()).await.unwrap();
    let container = fake.create(Spec::new(SAMPLE_IMAGE)).await.unwrap();
    fake.start_container(&container).await.unwrap();
    let mut log = follow(engine(&fake.endpoint()), id(&container), hasty());
    for number in 0..50 {
        // Given up at every stage of its work.
        for micros in [0, 50, 200, 700] {
            assert!(timeout(Duration::from_micros(micros), log.next()).await.is_err());
        }
        fake.log(&container, false, format!("{number}\n")).unwrap();
        let item = timeout(Duration::from_secs(5), log.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        assert!(
            matches!(&item, LogItem::Line(line) if line.text == number.to_string()),
            "{item:?}"
        );
    }
    fake.remove(&container, true).await.unwrap();
    let item = timeout(Duration::from_secs(5), log.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(item, LogItem::Over(LogEnd::Removed));
    fake.stop().await;
}
