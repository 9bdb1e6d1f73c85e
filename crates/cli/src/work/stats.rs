//! `stats`: once, by asking the engine twice; or live, by the sampler, which reads the containers' own files where the engine
//! is on this machine.

use std::collections::HashMap;

use futures_util::{StreamExt as _, stream};
use longshore_core::{ContainerId, Counters, ObjectRef};
use longshore_engine::{Engine, ListContainers};
use longshore_runtime::{Mirror, Round, Sampler, SamplerConfig, Watch, WatchConfig};

use super::tell;
use crate::{
    args,
    exit::Exit,
    failure::Failure,
    output::{Item, Output, Sample},
};

/// How many statistics are asked for at once: an engine answers one in 1.5 ms and works on several.
const PARALLEL: usize = 8;

pub(super) async fn show(engine: &Engine, args: args::Stats, output: &mut Output) -> Result<(), Failure> {
    let named = args.containers.iter().map(|name| ObjectRef::new(name));
    let named: Vec<ObjectRef> = named.collect::<Result<_, _>>()?;
    let mut watched = Vec::new();
    for reference in &named {
        let container = engine.inspect_container(reference).await?;
        watched.push((container.id, container.name));
    }
    if args.no_stream {
        if named.is_empty() {
            let running = engine.list_containers(&ListContainers::running()).await?;
            watched = running.into_iter().map(|c| (c.id, c.name)).collect();
        }
        return once(engine, &watched, output).await;
    }
    let chosen = (!named.is_empty()).then_some(watched);
    live(engine, chosen.as_deref(), output).await
}

/// Processor use is what was used between two measurements: the first alone cannot say it.
async fn once(
    engine: &Engine,
    watched: &[(ContainerId, String)],
    output: &mut Output,
) -> Result<(), Failure> {
    let mut last = HashMap::new();
    let mut samples = measure(engine, watched, &mut last).await?;
    if !samples.is_empty() {
        tokio::time::sleep(SamplerConfig::default().interval).await;
        samples = measure(engine, watched, &mut last).await?;
    }
    Ok(output.show(&Item::Samples(samples))?)
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
    while let Some((id, name, answer)) = answers.next().await {
        let counters = match answer {
            Ok(counters) => counters,
            Err(error) if error.is_not_found() || error.is_conflict() => continue,
            Err(error) => return Err(error.into()),
        };
        let before = last.insert(id.clone(), counters);
        samples.push(Sample {
            id: id.clone(),
            name: name.clone(),
            at: counters.at,
            usage: counters.usage(before.as_ref()),
        });
    }
    Ok(samples)
}

/// Round after round, through restarts of the engine; of those that were chosen, or of all that run.
async fn live(
    engine: &Engine,
    chosen: Option<&[(ContainerId, String)]>,
    output: &mut Output,
) -> Result<(), Failure> {
    // An engine that cannot be reached at all is an error; one that goes later is waited for.
    engine.ping().await?;
    let watch = Watch::start(engine.clone(), WatchConfig::default());
    let mirror = watch.mirror();
    mirror.ready().await;
    let sampler = Sampler::start(engine.clone(), mirror.clone(), SamplerConfig::default());
    let (mut rounds, mut status) = (sampler.subscribe(), watch.status());
    let mut away = false;
    loop {
        let round = tokio::select! {
            round = rounds.next() => round,
            Ok(()) = status.changed() => {
                tell(&status.borrow_and_update(), &mut away, output)?;
                continue;
            }
        };
        let Some(round) = round else {
            return Err(Failure::new(
                Exit::Failure,
                "the sampling of statistics has failed",
            ));
        };
        output.show(&Item::Samples(samples(&round, &mirror, chosen)))?;
        output.flush()?;
    }
}

/// In the order that was asked for, or by name.
fn samples(round: &Round, mirror: &Mirror, chosen: Option<&[(ContainerId, String)]>) -> Vec<Sample> {
    let sample = |id: &ContainerId, name: &str, sample: &longshore_runtime::Sample| Sample {
        id: id.clone(),
        name: name.to_owned(),
        at: sample.at,
        usage: sample.usage,
    };
    if let Some(chosen) = chosen {
        let found = |(id, name): &(ContainerId, String)| {
            let (_, read) = round.iter().find(|(read, _)| read == id)?;
            Some(sample(id, name, read))
        };
        return chosen.iter().filter_map(found).collect();
    }
    let named = |(id, read): &(ContainerId, std::sync::Arc<longshore_runtime::Sample>)| {
        Some(sample(id, &mirror.get(id)?.name, read))
    };
    let mut samples: Vec<Sample> = round.iter().filter_map(named).collect();
    samples.sort_by(|a, b| a.name.cmp(&b.name));
    samples
}
