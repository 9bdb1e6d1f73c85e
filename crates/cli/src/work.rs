//! What `ps`, `logs`, `events` and `stats` do: ask the engine, and hand what comes to the output.

mod events;

use std::{collections::HashMap, future::Future, time::Duration};

use futures_util::{StreamExt as _, stream};
use longshore_core::{ContainerId, Counters, ObjectRef, Timestamp};
use longshore_engine::{Engine, EngineConfig, Environment, ListContainers, LogOptions, StdStream};

use longshore_runtime::logs::{self, LogItem, LogQuery};

use crate::{
    args,
    exit::Exit,
    failure::Failure,
    output::{Item, Output, Sample, Std},
    when::When,
};

/// How many items are taken from a stream that has them ready before they are flushed.
const BATCH: usize = 256;
/// How many statistics are asked for at once: an engine answers one in 1.5 ms and works on several.
const PARALLEL: usize = 8;
/// Between two measurements.
const ROUND: Duration = Duration::from_secs(1);

/// One command, ready to run.
#[derive(Debug)]
pub(crate) enum Task {
    Ps(args::Ps),
    Logs(args::Logs),
    Events(args::Events),
    Stats(args::Stats),
}

/// Runs a command to its end, or to Ctrl-C.
pub(crate) fn run(environment: &Environment, mut output: Output, task: Task) -> Result<(), Failure> {
    let engine = Engine::new(environment.discover()?.endpoint, EngineConfig::default());
    block_on(async {
        let done = interruptible(async {
            match task {
                Task::Ps(args) => ps(&engine, args, &mut output).await,
                Task::Logs(args) => show_logs(&engine, args, &mut output).await,
                Task::Events(args) => events::show(&engine, args, &mut output).await,
                Task::Stats(args) => stats(&engine, args, &mut output).await,
            }
        })
        .await;
        let finished = output.finish().map_err(Failure::from);
        done.and(finished)
    })?
}

/// On one thread: a command waits for one engine and writes to one place.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Exit::Failure, format!("cannot start: {error}")))?;
    Ok(runtime.block_on(work))
}

async fn interruptible(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    tokio::select! {
        biased;
        Ok(()) = tokio::signal::ctrl_c() => Err(Failure::Quiet(Exit::Interrupted)),
        done = work => done,
    }
}

/// The time by the engine's clock, by which it stamps all that it tells.
async fn engine_now(engine: &Engine) -> Result<Timestamp, Failure> {
    let told = engine.info().await?.system_time;
    Ok(told.unwrap_or_else(|| std::time::SystemTime::now().into()))
}

/// Both ends of a span of time, asking for the engine's clock only where it is needed.
async fn span(engine: &Engine, ends: [Option<When>; 2]) -> Result<[Option<Timestamp>; 2], Failure> {
    let now = if ends.iter().flatten().any(|when| matches!(when, When::Ago(_))) {
        engine_now(engine).await?
    } else {
        Timestamp::default()
    };
    Ok(ends.map(|end| end.map(|when| when.at(now))))
}

async fn ps(engine: &Engine, args: args::Ps, output: &mut Output) -> Result<(), Failure> {
    let mut query = if args.all {
        ListContainers::all()
    } else {
        ListContainers::running()
    };
    for (key, value) in args.filters {
        query = query.filter(key, value);
    }
    let list = engine.list_containers(&query).await?;
    Ok(output.show(&Item::Containers(list))?)
}

async fn show_logs(engine: &Engine, args: args::Logs, output: &mut Output) -> Result<(), Failure> {
    let container = ObjectRef::new(&args.container)?;
    let [since, until] = span(engine, [args.since, args.until]).await?;
    let both = args.stdout == args.stderr;
    if args.follow {
        let query = LogQuery::follow()
            .tail(args.tail)
            .since(since)
            .until(until)
            .streams(args.stdout || both, args.stderr || both);
        let container = engine.inspect_container(&container).await?.id;
        return followed(engine, container, query, args.timestamps || args.json, output).await;
    }
    let options = LogOptions {
        follow: false,
        tail: args.tail,
        since,
        until,
        timestamps: args.timestamps || args.json,
        stdout: args.stdout || both,
        stderr: args.stderr || both,
    };
    let mut frames = engine.logs(&container, &options).await?.ready_chunks(BATCH);
    while let Some(batch) = frames.next().await {
        for frame in batch {
            let frame = frame?;
            let stream = match frame.stream {
                StdStream::Stdout => Std::Out,
                StdStream::Stderr => Std::Err,
            };
            output.show(&Item::Log(stream, frame.bytes.to_vec()))?;
        }
        output.flush()?;
    }
    Ok(())
}

/// A log through everything that breaks one; what cannot be shown is told on stderr.
async fn followed(
    engine: &Engine,
    container: ContainerId,
    query: LogQuery,
    with_times: bool,
    output: &mut Output,
) -> Result<(), Failure> {
    let mut items = logs::follow(engine.clone(), container, query).ready_chunks(BATCH);
    while let Some(batch) = items.next().await {
        for item in batch {
            match item? {
                LogItem::Line(line) => {
                    let stream = match line.stream {
                        StdStream::Stdout => Std::Out,
                        StdStream::Stderr => Std::Err,
                    };
                    let mut bytes = Vec::with_capacity(line.text.len() + 32);
                    if let Some(at) = line.at.filter(|_| with_times) {
                        bytes.extend_from_slice(at.to_string().as_bytes());
                        bytes.push(b' ');
                    }
                    bytes.extend_from_slice(&line.text);
                    bytes.push(b'\n');
                    output.show(&Item::Log(stream, bytes))?;
                    if line.cut > 0 {
                        let text = format!("the line was longer: {} more bytes are not shown", line.cut);
                        output.show(&Item::Warning(text))?;
                    }
                }
                LogItem::Gap { .. } => {
                    let text =
                        "lines are missing here: the log was rotated or removed before they could be read";
                    output.show(&Item::Warning(text.to_owned()))?;
                }
                LogItem::Interrupted(error) => {
                    output.show(&Item::Warning(format!("{error}; trying again")))?;
                }
                LogItem::Started { .. } => {
                    output.show(&Item::Warning("the container was started again".to_owned()))?;
                }
                _ => {}
            }
        }
        output.flush()?;
    }
    Ok(())
}

async fn stats(engine: &Engine, args: args::Stats, output: &mut Output) -> Result<(), Failure> {
    let named = args.containers.iter().map(|name| ObjectRef::new(name));
    let named: Vec<ObjectRef> = named.collect::<Result<_, _>>()?;
    let mut watched = Vec::new();
    for reference in &named {
        let container = engine.inspect_container(reference).await?;
        watched.push((container.id, container.name));
    }
    let mut last: HashMap<ContainerId, Counters> = HashMap::new();
    let mut rounds = tokio::time::interval(ROUND);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        if named.is_empty() {
            let running = engine.list_containers(&ListContainers::running()).await?;
            watched = running.into_iter().map(|c| (c.id, c.name)).collect();
        }
        let first = last.is_empty();
        let samples = measure(engine, &watched, &mut last).await?;
        // Processor use is what was used between two measurements: the first alone cannot say it.
        if args.no_stream && first && !samples.is_empty() {
            continue;
        }
        output.show(&Item::Samples(samples))?;
        output.flush()?;
        if args.no_stream {
            return Ok(());
        }
    }
}

/// One measurement of all that are watched, in their order. What is gone since it was listed is left out.
async fn measure(
    engine: &Engine,
    watched: &[(ContainerId, String)],
    last: &mut HashMap<ContainerId, Counters>,
) -> Result<Vec<Sample>, Failure> {
    let calls = watched.iter().map(|(id, name)| async move {
        let reference = ObjectRef::from(id);
        (id, name, engine.stats_once(&reference).await)
    });
    let mut answers = stream::iter(calls).buffered(PARALLEL);
    let mut samples = Vec::with_capacity(watched.len());
    let mut now = HashMap::with_capacity(watched.len());
    while let Some((id, name, answer)) = answers.next().await {
        let counters = match answer {
            Ok(counters) => counters,
            Err(error) if error.is_not_found() || error.is_conflict() => continue,
            Err(error) => return Err(error.into()),
        };
        let usage = counters.usage(last.get(id));
        now.insert(id.clone(), counters);
        samples.push(Sample {
            id: id.clone(),
            name: name.clone(),
            at: counters.at,
            usage,
        });
    }
    *last = now;
    Ok(samples)
}
