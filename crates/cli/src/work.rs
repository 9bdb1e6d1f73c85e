//! What `ps`, `logs`, `events`, `deaths` and `stats` do: ask the engine, and hand what comes to the output.

mod deaths;
mod events;
mod stats;

use std::future::Future;

use futures_util::StreamExt as _;
use longshore_core::{ContainerId, ObjectRef, Timestamp};
use longshore_engine::{Engine, EngineConfig, Environment, ListContainers, LogOptions, StdStream};
use longshore_runtime::Status;
use longshore_runtime::logs::{self, LogItem, LogQuery};

use crate::{
    args,
    exit::Exit,
    failure::Failure,
    output::{Item, Output, Std},
    when::When,
};

/// How many items are taken from a stream that has them ready before they are flushed.
const BATCH: usize = 256;

/// One command, ready to run.
#[derive(Debug)]
pub(crate) enum Task {
    Ps(args::Ps),
    Logs(args::Logs),
    Events(args::Events),
    Deaths(args::Deaths),
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
                Task::Deaths(args) => deaths::show(&engine, args, &mut output).await,
                Task::Stats(args) => stats::show(&engine, args, &mut output).await,
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

/// Says once that the engine is away, and once that it is back.
fn tell(status: &Status, away: &mut bool, output: &mut Output) -> Result<(), Failure> {
    match status {
        Status::Lost { error, .. } if !*away => {
            *away = true;
            output.show(&Item::Warning(format!("{error}; trying again")))?;
        }
        Status::Live { .. } if *away => {
            *away = false;
            output.show(&Item::Warning("the engine is back".to_owned()))?;
        }
        _ => {}
    }
    Ok(output.flush()?)
}
