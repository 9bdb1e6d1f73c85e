//! What it costs and how long it takes, on the fake engine. The bounds here are loose, so that they hold on a busy
//! machine in a debug build; the figures are printed, and published from a release build.

use std::time::{Duration, Instant};

use longshore_core::ContainerId;
use longshore_runtime::{FeedItem, Sampler, SamplerConfig, Watch, WatchConfig};
use longshore_testkit::fake::{Draft, FakeConfig, FakeEngine};

use crate::account::engine;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_with_its_subscriber_in_milliseconds() {
    let fake = FakeEngine::start(FakeConfig::default()).await.unwrap();
    let watch = Watch::start(engine(&fake.endpoint()), WatchConfig::default());
    watch.mirror().ready().await;
    let mut reader = watch.feed().subscribe(1_000, None);
    let mut took = Vec::new();
    for n in 0..500 {
        let before = Instant::now();
        fake.emit(Draft::new("container", "exec_die", &format!("c{n}")))
            .await;
        let item = reader.next().await;
        assert!(matches!(item, Some(FeedItem::Record(_))));
        took.push(before.elapsed());
    }
    took.sort();
    println!(
        "event to subscriber: median {:?}, p99 {:?}, most {:?}",
        took[250], took[495], took[499]
    );
    // The median: what else the machine does is in the others.
    assert!(took[250] < Duration::from_millis(50), "{:?}", took[250]);
    watch.stop().await;
    fake.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_containers_are_mirrored_and_read_in_no_time() {
    let fake = FakeEngine::start(FakeConfig::default()).await.unwrap();
    let ids: Vec<ContainerId> = fake
        .add_containers(1_000)
        .iter()
        .map(|id| id.parse().unwrap())
        .collect();
    let before = Instant::now();
    let watch = Watch::start(engine(&fake.endpoint()), WatchConfig::default());
    watch.mirror().ready().await;
    println!("ready with 1,000 containers after {:?}", before.elapsed());
    let mirror = watch.mirror();
    assert_eq!(mirror.snapshot().len(), 1_000);

    let rounds = 20;
    let before = Instant::now();
    for _ in 0..rounds {
        for id in &ids {
            assert!(std::hint::black_box(mirror.get(id)).is_some());
        }
    }
    let each = before.elapsed() / (rounds * 1_000);
    println!("a read by id takes {each:?}");
    assert!(each < Duration::from_micros(50), "{each:?}");

    let mut updates = mirror.subscribe();
    let before = Instant::now();
    fake.stop_container(ids[500].as_str()).await.unwrap();
    let update = updates.next().await.unwrap();
    println!("a stopped container shows after {:?}", before.elapsed());
    assert_eq!(update.upserted[0].id, ids[500]);

    let sampler = Sampler::start(engine(&fake.endpoint()), mirror, SamplerConfig::default());
    let mut rounds = sampler.subscribe();
    let before = Instant::now();
    let first = rounds.next().await.unwrap();
    println!(
        "{} samples in the first round, after {:?}",
        first.len(),
        before.elapsed()
    );
    assert!(!first.is_empty() && first.iter().all(|(_, sample)| sample.usage.cpu_percent.is_none()));
    sampler.stop().await;
    watch.stop().await;
    fake.stop().await;
}
