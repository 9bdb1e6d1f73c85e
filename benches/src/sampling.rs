//! What sampling many running containers costs, everything counted: us, the engine, containerd and the shims.
//!
//! Owns who is measured and how: the processor time of every thread, as the kernel counts it, while nobody samples, while
//! the sampler reads files or asks the engine once a second, while each container's stream is followed, and while programs
//! watch that people use. Only on Linux and with an engine behind a unix socket of this machine; what cannot be told is
//! left out.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use bollard::query_parameters::StatsOptionsBuilder;
use futures_util::StreamExt;
use futures_util::stream::{BoxStream, SelectAll};
use longshore_core::{ContainerId, ContainerState, ObjectRef, cgroup};
use longshore_engine::{Engine, EngineConfig, StatsStream};
use longshore_runtime::{CounterFiles, SampleReader, Sampler, SamplerConfig, Watch, WatchConfig};
use tokio::net::UnixStream;
use tokio::time::{Instant, interval, timeout, timeout_at};
use tokio_stream::wrappers::IntervalStream;

use crate::{
    Result, peers,
    stage::Stage,
    watchers::{Running, Watcher},
};

/// For how long each way is measured in a round.
const SPAN: Duration = Duration::from_secs(10);
/// Longer than any first sample takes; it only ends a run that would hang.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long a program has from its start until it is measured.
const WARM_UP: Duration = Duration::from_secs(8);

/// A way to learn what containers use.
#[derive(Debug, Clone)]
enum Way {
    Nobody,
    Files,
    Asked,
    Streams,
    BollardAsked,
    BollardStreams,
    Program(Watcher),
}

fn ways(watchers: Vec<Watcher>) -> Vec<(Way, String)> {
    let ours = [
        (Way::Nobody, "nobody samples"),
        (Way::Files, "longshore, cgroup files"),
        (Way::Asked, "longshore, one call each"),
        (Way::Streams, "longshore, a stream each"),
        (Way::BollardAsked, "bollard, one call each"),
        (Way::BollardStreams, "bollard, a stream each"),
    ];
    let ours = ours.map(|(way, name)| (way, name.to_owned()));
    let programs = watchers.into_iter().map(|watcher| {
        let name = watcher.name.clone();
        (Way::Program(watcher), name)
    });
    ours.into_iter().chain(programs).collect()
}

/// Whose time is counted.
const NAMES: [&str; 4] = ["client", "engine", "containerd", "shims"];

/// The processes of the others.
type Parties = [Vec<u32>; 3];

/// A table of percents of one processor, with `count` containers running.
pub(crate) async fn measure(
    host: &str,
    image: &str,
    count: usize,
    rounds: usize,
    watchers: Vec<Watcher>,
) -> Result<String> {
    let mut stage = Stage::set(host, image, 0).await?;
    let measured = measure_on(host, &mut stage, count, rounds, watchers).await;
    stage.strike().await?;
    measured
}

async fn measure_on(
    host: &str,
    stage: &mut Stage,
    count: usize,
    rounds: usize,
    watchers: Vec<Watcher>,
) -> Result<String> {
    stage.run(count).await?;
    let engine = Engine::connect(host.parse()?, EngineConfig::default()).await?;
    let watch = Watch::start(engine.clone(), WatchConfig::default());
    timeout(PATIENCE, watch.mirror().ready()).await?;
    let parties = parties(&engine, &watch).await?;
    let ways = ways(watchers);
    let mut totals = vec![([0.0; 4], Some(0.0)); ways.len()];
    for _ in 0..rounds {
        for ((way, name), (percents, samples)) in ways.iter().zip(&mut totals) {
            let measured = once(way, &engine, &watch, &parties).await;
            let (times, taken) = measured.map_err(|error| format!("{name}: {error}"))?;
            percents
                .iter_mut()
                .zip(times)
                .for_each(|(sum, time)| *sum += time);
            *samples = samples.zip(taken).map(|(sum, taken)| sum + taken);
        }
    }
    let memory = memory(&engine, &watch).await?;
    watch.stop().await;
    let mut text = format!(
        "{memory}\n\n### what sampling costs: {count} running containers, each once a second\n\n\
         Percent of one processor, {rounds} interleaved rounds of {} s; the last column is what is more than when nobody \
         samples.\n\n\
         | way | samples a second |{}| together | more |\n|---|---|{}---|---|\n",
        SPAN.as_secs(),
        NAMES.map(|name| format!(" {name} ")).join("|"),
        "---|".repeat(NAMES.len()),
    );
    let together = |percents: &[f64; 4]| percents.iter().sum::<f64>() / rounds as f64;
    let idle = together(&totals[0].0);
    for ((_, name), (percents, samples)) in ways.iter().zip(&totals) {
        let cells = percents
            .map(|sum| format!(" {:.2} ", sum / rounds as f64))
            .join("|");
        let rate = samples.map_or("–".to_owned(), |samples| {
            format!("{:.0}", samples / rounds as f64 / SPAN.as_secs_f64())
        });
        let all = together(percents);
        let _ = writeln!(text, "| {name} | {rate} |{cells}| {all:.2} | {:.2} |", all - idle);
    }
    Ok(text)
}

/// What this process holds with a whole hour of steps, and the last samples, of all containers: ten times as fast as usual, in
/// steps a hundredth as long.
async fn memory(engine: &Engine, watch: &Watch) -> Result<String> {
    let usual = SamplerConfig::default();
    let mut config = SamplerConfig::default().interval(usual.interval / 10);
    config.step = usual.step / 100;
    let before = resident(std::process::id())?;
    let sampler = Sampler::start(engine.clone(), watch.mirror(), config);
    let mut rounds = sampler.subscribe();
    let ids = running(watch);
    let are_full = || ids.iter().all(|id| sampler.steps(id).len() >= usual.steps);
    let filled = async {
        while !are_full() {
            rounds.next().await.ok_or("the sampler has ended")?;
        }
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
    };
    timeout(PATIENCE, filled).await??;
    let after = resident(std::process::id())?;
    sampler.stop().await;
    Ok(format!(
        "An hour of steps ({} each) and the last samples of {} containers: this process, with its mirror of them, holds {:.1} MB; \
         {:.1} MB before.",
        usual.steps,
        ids.len(),
        after as f64 / 1e6,
        before as f64 / 1e6
    ))
}

/// What samples come from.
enum Source {
    Nobody,
    Rounds(Sampler, SampleReader),
    Streams(SelectAll<StatsStream>),
    /// Of bollard: whether each is a sample.
    Foreign(SelectAll<BoxStream<'static, bool>>),
    Program(Running),
}

impl Source {
    async fn open(way: &Way, engine: &Engine, watch: &Watch) -> Result<Self> {
        let sampled = |source| {
            let config = SamplerConfig::default().source(source);
            let sampler = Sampler::start(engine.clone(), watch.mirror(), config);
            let rounds = sampler.subscribe();
            Self::Rounds(sampler, rounds)
        };
        Ok(match way {
            Way::Nobody => Self::Nobody,
            Way::Files => sampled(CounterFiles::WherePossible),
            Way::Asked => sampled(CounterFiles::Never),
            Way::Streams => {
                let mut all = SelectAll::new();
                for id in running(watch) {
                    all.push(engine.stats_stream(&ObjectRef::from(&id)).await?);
                }
                Self::Streams(all)
            }
            Way::BollardAsked => {
                let docker = peers::bollard_at(&engine.endpoint().to_string()).await?;
                let mut all = SelectAll::new();
                all.push(asked(docker, running(watch)));
                Self::Foreign(all)
            }
            Way::BollardStreams => {
                let docker = peers::bollard_at(&engine.endpoint().to_string()).await?;
                let mut all = SelectAll::new();
                for id in running(watch) {
                    let samples =
                        docker.stats(id.as_str(), Some(StatsOptionsBuilder::new().stream(true).build()));
                    all.push(samples.map(|sample| sample.is_ok()).boxed());
                }
                Self::Foreign(all)
            }
            Way::Program(watcher) => {
                let running = Running::start(watcher, &engine.endpoint().to_string())?;
                tokio::time::sleep(WARM_UP).await;
                Self::Program(running)
            }
        })
    }

    /// Waits for samples, and says how many came.
    async fn taken(&mut self) -> usize {
        match self {
            Self::Nobody | Self::Program(_) => std::future::pending().await,
            Self::Rounds(_, rounds) => rounds.next().await.map_or(0, |round| round.len()),
            Self::Streams(all) => usize::from(all.next().await.is_some()),
            Self::Foreign(all) => usize::from(all.next().await == Some(true)),
        }
    }
}

/// Each container once a second by bollard, with as many calls in flight as our sampler has.
fn asked(docker: bollard::Docker, ids: Vec<ContainerId>) -> BoxStream<'static, bool> {
    let ticks = IntervalStream::new(interval(SamplerConfig::default().interval));
    let due = ticks.flat_map(move |_| futures_util::stream::iter(ids.clone()));
    let calls = due.map(move |id| {
        let options = StatsOptionsBuilder::new().stream(false).one_shot(true).build();
        let mut once = docker.stats(id.as_str(), Some(options));
        async move { matches!(once.next().await, Some(Ok(_))) }
    });
    calls.buffer_unordered(SamplerConfig::default().max_calls).boxed()
}

/// Percents of a processor by party, and samples taken, as far as they are seen.
async fn once(
    way: &Way,
    engine: &Engine,
    watch: &Watch,
    parties: &Parties,
) -> Result<([f64; 4], Option<f64>)> {
    let mut source = Source::open(way, engine, watch).await?;
    if matches!(
        source,
        Source::Rounds(..) | Source::Streams(_) | Source::Foreign(_)
    ) {
        // The first finds the files, or waits, which is not what a second costs.
        timeout(PATIENCE, source.taken()).await?;
    }
    let client = match &mut source {
        Source::Program(running) => running.processes()?,
        _ => Vec::new(),
    };
    let (before, begin) = (times(&client, parties), Instant::now());
    let mut taken = 0;
    while let Ok(more) = timeout_at(begin + SPAN, source.taken()).await {
        taken += more;
    }
    let (after, span) = (times(&client, parties), begin.elapsed());
    let mut percents = [0.0; 4];
    for (percent, (after, before)) in percents.iter_mut().zip(after.iter().zip(before)) {
        *percent = after.saturating_sub(before) as f64 / span.as_nanos() as f64 * 100.0;
    }
    match source {
        Source::Rounds(sampler, _) => sampler.stop().await,
        Source::Program(mut running) => {
            // Of one that has ended meanwhile nothing was measured.
            running.processes()?;
            running.stop().await?;
            return Ok((percents, None));
        }
        Source::Nobody | Source::Streams(_) | Source::Foreign(_) => {}
    }
    Ok((percents, Some(taken as f64)))
}

/// Bytes of memory that a process holds.
pub(crate) fn resident(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kib.ok_or("the kernel does not tell")? * 1024)
}

fn running(watch: &Watch) -> Vec<ContainerId> {
    let snapshot = watch.mirror().snapshot();
    let running = snapshot
        .containers()
        .iter()
        .filter(|container| container.state == ContainerState::Running);
    running.map(|container| container.id.clone()).collect()
}

/// Who works for a sample. The engine is who listens on the socket, containerd is its child, and a shim is the parent of a
/// container's main process.
async fn parties(engine: &Engine, watch: &Watch) -> Result<Parties> {
    let socket = engine
        .endpoint()
        .socket_path()
        .ok_or("the engine has no socket here")?;
    let daemon = UnixStream::connect(socket).await?.peer_cred()?.pid();
    let daemon = u32::try_from(daemon.ok_or("nobody listens")?)?;
    let containerd = processes().filter(|pid| parent(*pid) == Some(daemon)).collect();
    let snapshot = watch.mirror().snapshot();
    let mains = snapshot.containers().iter().filter_map(|container| container.pid);
    let shims: Vec<u32> = mains.filter_map(parent).collect();
    if shims.is_empty() {
        return Err("no container's main process is seen here: the engine is on another machine".into());
    }
    Ok([vec![daemon], containerd, shims])
}

pub(crate) fn processes() -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

pub(crate) fn parent(pid: u32) -> Option<u32> {
    cgroup::parent(&std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
}

/// Nanoseconds on a processor of each party: of us with the threads that have ended, of the others those that live. The
/// client is these processes, or we where there are none.
fn times(client: &[u32], parties: &Parties) -> [u64; 4] {
    let ours = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let ours = match client {
        [] => u64::try_from(ours.tv_sec * 1_000_000_000 + ours.tv_nsec).unwrap_or(0),
        pids => pids.iter().map(|pid| threads(*pid)).sum(),
    };
    let times = parties
        .each_ref()
        .map(|pids| pids.iter().map(|pid| threads(*pid)).sum());
    let [engine, containerd, shims] = times;
    [ours, engine, containerd, shims]
}

pub(crate) fn threads(pid: u32) -> u64 {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten();
    let time = |path: &Path| {
        let text = std::fs::read_to_string(path.join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    };
    threads.filter_map(|thread| time(&thread.path())).sum()
}
