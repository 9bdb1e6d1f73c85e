//! Event latency: from just before the call that causes an event to the subscriber that has it.
//!
//! The cause is the same for all, a rename over the raw connection; what differs is who listens.

use std::{path::Path, pin::Pin, time::Duration};

use futures_util::{Stream, StreamExt, stream};
use longshore_engine::{Engine, EngineConfig, EventsQuery};
use longshore_runtime::{FeedItem, RecordBody, Watch, WatchConfig};
use tokio::time::timeout;

use crate::{Result, op::monotonic_ns, peers, stage::Stage};

/// The new name of a rename, and when it was seen.
type Sightings = Pin<Box<dyn Stream<Item = Result<(String, i64)>>>>;

/// Longer than any event takes; it only ends a run that would hang.
const PATIENCE: Duration = Duration::from_secs(10);

/// Microseconds from cause to subscriber, for each who listens.
pub(crate) async fn measure(
    host: &str,
    peers: Option<&Path>,
    stage: &mut Stage,
    rounds: usize,
) -> Result<Vec<(String, Vec<f64>)>> {
    let engine = Engine::connect(host.parse()?, EngineConfig::default()).await?;
    let watch = Watch::start(engine.clone(), WatchConfig::default());
    watch.mirror().ready().await;
    let mut listeners: Vec<(String, Sightings)> = vec![
        ("longshore, follower and feed".to_owned(), followed(&watch)),
        ("longshore, bare stream".to_owned(), bare(&engine).await?),
        ("bollard".to_owned(), bollard(host).await?),
    ];
    for (name, program) in [
        ("docker-py", peers::python(peers)),
        ("dockerode", peers::node(peers)),
    ] {
        match program {
            Ok(command) => listeners.push((name.to_owned(), script(command, host).await?)),
            Err(error) => eprintln!("left out: {error}"),
        }
    }
    let mut times = vec![Vec::new(); listeners.len()];
    for round in 0..rounds {
        let name = format!("bench-{}-{round}", std::process::id());
        let begin = monotonic_ns();
        stage.rename(&name).await?;
        for ((who, sightings), times) in listeners.iter_mut().zip(&mut times) {
            let seen = timeout(PATIENCE, until(sightings, &name))
                .await
                .map_err(|_| format!("{who}: no event"))??;
            times.push((seen - begin) as f64 / 1e3);
        }
    }
    watch.stop().await;
    Ok(listeners.into_iter().map(|(name, _)| name).zip(times).collect())
}

async fn until(sightings: &mut Sightings, name: &str) -> Result<i64> {
    while let Some(seen) = sightings.next().await {
        let (seen, at) = seen?;
        if seen == name {
            return Ok(at);
        }
    }
    Err("the stream ended".into())
}

/// Reads on in a task of its own, so that each sighting is stamped when it comes and not when we look.
fn stamped(mut names: impl Stream<Item = Result<String>> + Send + Unpin + 'static) -> Sightings {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(1024);
    let mut reader = tokio::task::JoinSet::new();
    reader.spawn(async move {
        while let Some(name) = names.next().await {
            let at = monotonic_ns();
            if sender.send(name.map(|name| (name, at))).await.is_err() {
                return;
            }
        }
    });
    Box::pin(stream::poll_fn(move |cx| {
        let _owned = &reader;
        receiver.poll_recv(cx)
    }))
}

fn followed(watch: &Watch) -> Sightings {
    let reader = watch.feed().subscribe(4096, None);
    let names = stream::unfold(reader, |mut reader| async move {
        loop {
            let FeedItem::Record(record) = reader.next().await? else {
                continue;
            };
            if let RecordBody::Event { event, .. } = &record.body
                && event.verb() == "rename"
            {
                return Some((Ok(event.name().unwrap_or_default().to_owned()), reader));
            }
        }
    });
    stamped(names.boxed())
}

async fn bare(engine: &Engine) -> Result<Sightings> {
    let events = engine.events(&EventsQuery::default()).await?;
    let names = events.filter_map(|raw| async move {
        match raw.map(|raw| raw.event) {
            Ok(Ok(event)) if event.verb() == "rename" => {
                Some(Ok(event.name().unwrap_or_default().to_owned()))
            }
            Ok(_) => None,
            Err(error) => Some(Err(error.into())),
        }
    });
    Ok(stamped(names.boxed()))
}

async fn bollard(host: &str) -> Result<Sightings> {
    let docker = peers::bollard_at(host).await?;
    let events = docker.events(None).boxed();
    let names = events.filter_map(|event| async move {
        match event {
            Ok(event) if event.action.as_deref() == Some("rename") => {
                let name = event.actor?.attributes?.remove("name")?;
                Some(Ok(name))
            }
            Ok(_) => None,
            Err(error) => Some(Err(error.into())),
        }
    });
    Ok(stamped(names.boxed()))
}

async fn script(mut command: tokio::process::Command, host: &str) -> Result<Sightings> {
    #[derive(serde::Deserialize)]
    struct Seen {
        name: String,
        ns: i64,
    }
    let (child, stdin, mut lines) = peers::spawn(command.args([host, "events"]))?;
    lines.next_line().await?.ok_or("a peer's program ended at once")?;
    let state = (child, stdin, lines);
    Ok(Box::pin(stream::unfold(
        state,
        |(child, stdin, mut lines)| async move {
            let line = lines.next_line().await.transpose()?;
            let seen = line
                .map_err(Into::into)
                .and_then(|line| Ok(serde_json::from_str::<Seen>(&line)?))
                .map(|seen| (seen.name, seen.ns));
            Some((seen, (child, stdin, lines)))
        },
    )))
}
