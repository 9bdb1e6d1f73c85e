//! What no peer has: from an event at our socket to many subscribers, and reading the mirror.
//!
//! On the fake engine, in a thread of its own, with more containers and events than a real one gives here.

use std::time::{Duration, Instant, SystemTime};

use longshore_engine::{Engine, EngineConfig};
use longshore_runtime::{FeedItem, FeedReader, RecordBody, Watch, WatchConfig};
use longshore_testkit::fake::{Draft, FakeConfig, FakeEngine};
use tokio::sync::{mpsc, oneshot};

use crate::{Result, figures::Figures};

const CONTAINERS: usize = 10_000;
const SUBSCRIBERS: usize = 10;
/// Between two bursts of events.
const PACE: Duration = Duration::from_millis(1);
/// A thousand events a second, one by one: half of what a real engine peaked at here.
const STEADY: Load = Load {
    events: 5_000,
    burst: 1,
};
/// Eight thousand a second: what an event costs where the sleeps and wakes between events do not count.
const FLOOD: Load = Load {
    events: 40_000,
    burst: 8,
};
/// As they come where a whole project is brought down, or a ring is told again: decoding and fanning out, and no wakes.
const TORRENT: Load = Load {
    events: 64_000,
    burst: 64,
};
/// How far a subscriber may be behind.
const CAPACITY: usize = 4_096;
const READS: u32 = 1_000_000;

/// Events that an engine tells.
#[derive(Debug, Clone, Copy)]
struct Load {
    events: usize,
    /// How many at once, every [`PACE`].
    burst: usize,
}

/// The figures of one run, in microseconds.
pub(crate) struct Inner {
    /// From the engine's stamp to each subscriber.
    pub(crate) latency: Figures,
    /// Our processor time an event at a steady pace, engine excluded, for all subscribers together.
    pub(crate) cpu_per_event: Option<f64>,
    /// The same in a flood.
    pub(crate) cpu_in_flood: Option<f64>,
    /// The same in large bursts.
    pub(crate) cpu_in_torrent: Option<f64>,
    /// One container by id.
    pub(crate) read: f64,
    /// A list of all: a snapshot taken and gone through.
    pub(crate) list: f64,
}

/// A fake engine in a thread of its own, which ends with it.
struct Other {
    endpoint: String,
    emit: mpsc::UnboundedSender<Load>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<Result<()>>>,
}

impl Other {
    async fn start() -> Result<Self> {
        let (told, endpoint) = oneshot::channel();
        let (emit, mut loads) = mpsc::unbounded_channel::<Load>();
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
                    let telling = async {
                        while let Some(load) = loads.recv().await {
                            tell(&engine, load).await;
                        }
                    };
                    tokio::select! {
                        () = telling => {}
                        _ = stopped => {}
                    }
                    engine.stop().await;
                    Ok(())
                })
            })?;
        Ok(Self {
            endpoint: endpoint.await?,
            emit,
            stop: Some(stop),
            thread: Some(thread),
        })
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
    let other = Other::start().await?;
    let engine = Engine::connect(other.endpoint.parse()?, EngineConfig::default()).await?;
    let watch = Watch::start(engine, WatchConfig::default());
    watch.mirror().ready().await;
    let (latency, cpu_per_event) = through(&watch, &other, STEADY, true).await?;
    let (_, cpu_in_flood) = through(&watch, &other, FLOOD, false).await?;
    let (_, cpu_in_torrent) = through(&watch, &other, TORRENT, false).await?;
    let (read, list) = reads(&watch);
    watch.stop().await;
    other.end()?;
    Ok(Inner {
        latency,
        cpu_per_event,
        cpu_in_flood,
        cpu_in_torrent,
        read,
        list,
    })
}

/// Tells the events of a load: such as an exec makes, of a container with a few labels, which cause no inspect.
async fn tell(engine: &FakeEngine, load: Load) {
    let mut ticks = tokio::time::interval(PACE);
    let draft = Draft::new("container", "exec_start: sh -c 'exit 0'", &"4f5a0c1d".repeat(8))
        .with("execID", "0d1c5a4f".repeat(8))
        .with("image", "registry.example.org/shop/web:1.29")
        .with("name", "shop-web-1")
        .with("com.example.project", "shop")
        .with("com.example.service", "web");
    for at in 0..load.events {
        if at % load.burst == 0 {
            ticks.tick().await;
        }
        engine.emit(draft.clone()).await;
    }
}

/// The time of each event to each subscriber, where `timed`, and our processor time an event, which is no time of the
/// bench's own clocks where it is not.
async fn through(watch: &Watch, other: &Other, load: Load, timed: bool) -> Result<(Figures, Option<f64>)> {
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..SUBSCRIBERS {
        readers.spawn(listen(watch.feed().subscribe(CAPACITY, None), load.events, timed));
    }
    tokio::task::yield_now().await;
    let cpu = crate::op::thread_cpu_us();
    other.emit.send(load)?;
    let mut times = Vec::with_capacity(SUBSCRIBERS * load.events);
    while let Some(seen) = readers.join_next().await {
        times.extend(seen??);
    }
    let cpu = crate::op::thread_cpu_us().zip(cpu);
    let each = cpu.map(|(after, before)| (after - before) / load.events as f64);
    Ok((Figures::of(times), each))
}

async fn listen(mut reader: FeedReader, events: usize, timed: bool) -> Result<Vec<f64>> {
    let mut times = Vec::with_capacity(events);
    while times.len() < events {
        match reader.next().await.ok_or("the feed ended")? {
            FeedItem::Record(record) => match &record.body {
                RecordBody::Event { event, .. } if event.verb() == "exec_start" => {
                    let now = if timed { SystemTime::now().into() } else { event.at };
                    times.push((now.as_nanos() - event.at.as_nanos()) as f64 / 1e3);
                }
                RecordBody::Event { .. } => {}
                RecordBody::Gap { reason, .. } => return Err(format!("a gap: {reason}").into()),
            },
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
