//! What no peer has: from an event at our socket to many subscribers, and reading the mirror.
//!
//! On the fake engine, in a thread of its own, with more containers and events than a real one gives here.

use std::time::{Duration, Instant, SystemTime};

use longshore_core::Timestamp;
use longshore_engine::{Engine, EngineConfig};
use longshore_runtime::{FeedItem, FeedReader, RecordBody, Watch, WatchConfig};
use longshore_testkit::fake::{Draft, FakeConfig, FakeEngine};
use tokio::sync::oneshot;

use crate::{Result, figures::Figures};

const CONTAINERS: usize = 10_000;
const SUBSCRIBERS: usize = 10;
const EVENTS: usize = 5_000;
/// A thousand events a second: half of what a real engine peaked at here.
const PACE: Duration = Duration::from_millis(1);
const READS: u32 = 1_000_000;

/// The figures of one run, in microseconds.
pub(crate) struct Inner {
    /// From the engine's stamp to each subscriber.
    pub(crate) latency: Figures,
    /// Our processor time an event, engine excluded, for all subscribers together.
    pub(crate) cpu_per_event: Option<f64>,
    /// One container by id.
    pub(crate) read: f64,
    /// A list of all: a snapshot taken and gone through.
    pub(crate) list: f64,
}

/// A fake engine in a thread of its own, which ends with it.
struct Other {
    endpoint: String,
    emit: Option<oneshot::Sender<()>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<Result<()>>>,
}

impl Other {
    async fn start() -> Result<Self> {
        let (told, endpoint) = oneshot::channel();
        let (emit, begin) = oneshot::channel::<()>();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new()
            .name("fake-engine".to_owned())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?;
                runtime.block_on(async {
                    let engine = FakeEngine::start(FakeConfig {
                        keep_truth: false,
                        ..FakeConfig::default()
                    })
                    .await?;
                    engine.add_containers(CONTAINERS);
                    let _ = told.send(engine.endpoint());
                    if begin.await.is_ok() {
                        let mut ticks = tokio::time::interval(PACE);
                        for _ in 0..EVENTS {
                            ticks.tick().await;
                            // Not of a container: what is measured is the way of an event, not of an inspect.
                            engine
                                .emit(Draft::new("volume", "mount", "bench").with("driver", "local"))
                                .await;
                        }
                    }
                    let _ = stopped.await;
                    engine.stop().await;
                    Ok(())
                })
            })?;
        Ok(Self {
            endpoint: endpoint.await?,
            emit: Some(emit),
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    fn emit(&mut self) {
        if let Some(emit) = self.emit.take() {
            let _ = emit.send(());
        }
    }

    fn end(mut self) -> Result<()> {
        drop(self.stop.take());
        match self.thread.take().map(std::thread::JoinHandle::join) {
            Some(Ok(ended)) => ended,
            _ => Err("the fake engine's thread failed".into()),
        }
    }
}

pub(crate) async fn measure() -> Result<Inner> {
    let mut other = Other::start().await?;
    let engine = Engine::connect(other.endpoint.parse()?, EngineConfig::default()).await?;
    let watch = Watch::start(engine, WatchConfig::default());
    watch.mirror().ready().await;
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..SUBSCRIBERS {
        readers.spawn(listen(watch.feed().subscribe(4096, None)));
    }
    tokio::task::yield_now().await;
    let cpu = crate::op::thread_cpu_us();
    other.emit();
    let mut times = Vec::with_capacity(SUBSCRIBERS * EVENTS);
    while let Some(seen) = readers.join_next().await {
        times.extend(seen??);
    }
    let cpu_per_event = crate::op::thread_cpu_us()
        .zip(cpu)
        .map(|(after, before)| (after - before) / EVENTS as f64);
    let (read, list) = reads(&watch);
    watch.stop().await;
    other.end()?;
    Ok(Inner {
        latency: Figures::of(times),
        cpu_per_event,
        read,
        list,
    })
}

async fn listen(mut reader: FeedReader) -> Result<Vec<f64>> {
    let mut times = Vec::with_capacity(EVENTS);
    while times.len() < EVENTS {
        match reader.next().await.ok_or("the feed ended")? {
            FeedItem::Record(record) => {
                let now = Timestamp::from(SystemTime::now());
                if let RecordBody::Event { event, .. } = &record.body
                    && event.verb() == "mount"
                {
                    times.push((now.as_nanos() - event.at.as_nanos()) as f64 / 1e3);
                }
            }
            FeedItem::Lagged { missed } => return Err(format!("lagged by {missed}").into()),
        }
    }
    Ok(times)
}

/// Microseconds of one read by id, and of one list of all.
fn reads(watch: &Watch) -> (f64, f64) {
    let mirror = watch.mirror();
    let snapshot = mirror.snapshot();
    let ids: Vec<_> = snapshot
        .containers()
        .iter()
        .map(|container| container.id.clone())
        .collect();
    let begin = Instant::now();
    let mut found = 0_u32;
    for (_, id) in (0..READS).zip(ids.iter().cycle()) {
        found += u32::from(mirror.get(std::hint::black_box(id)).is_some());
    }
    let read = begin.elapsed().as_secs_f64() * 1e6 / f64::from(found.max(1));
    let lists = 100;
    let begin = Instant::now();
    for _ in 0..lists {
        let snapshot = mirror.snapshot();
        let names: usize = snapshot
            .containers()
            .iter()
            .map(|container| container.name.len())
            .sum();
        std::hint::black_box(names);
    }
    (read, begin.elapsed().as_secs_f64() * 1e6 / f64::from(lists))
}
