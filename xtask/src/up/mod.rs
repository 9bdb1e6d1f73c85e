//! `cargo xtask up`: from a fresh clone to a live page on a real engine, in one command.
//! This file owns the order and the ending; which engine it is, is in `find`, the sample containers in `samples`.

mod find;
mod samples;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::engine::Kind;
use crate::run::{self, Group};
use crate::tools::Tools;
use crate::{engine, places, runner};
use find::Found;
use samples::Samples;

/// How long the server may drain.
const DRAIN: Duration = Duration::from_secs(20);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Leaves the engine and the sample containers that it started running when it ends.
    #[arg(long)]
    keep: bool,
    /// Where the page is served.
    #[arg(long, default_value = "127.0.0.1:3625")]
    listen: SocketAddr,
    /// Where accounts and tokens are kept; a folder in the cache unless given.
    #[arg(long)]
    data: Option<PathBuf>,
}

/// What was started and has to end.
#[derive(Debug, Default)]
struct Started {
    engine: Option<Kind>,
    samples: Option<Samples>,
}

pub(crate) async fn run(args: &Args) -> Result<()> {
    let cache = places::cache()?;
    let mut started = Started::default();
    let outcome = run::or_interrupted(prepare(&cache, &mut started)).await;
    let outcome = match outcome {
        Ok((found, binary)) => serve(args, &cache, &found, &binary).await,
        Err(error) => Err(error),
    };
    if args.keep {
        tell_kept(&started);
    } else {
        started.end(&cache).await;
    }
    outcome
}

async fn prepare(cache: &Path, started: &mut Started) -> Result<(Found, PathBuf)> {
    std::fs::create_dir_all(cache).with_context(|| format!("cannot make {}", cache.display()))?;
    let tools = Tools::new(cache)?;
    eprintln!("building longshore (the first time takes some minutes)");
    let build = async {
        runner::build(&tools, &runner::Args::default()).await?;
        let server = ["build", "--release", "--locked", "-p", "longshore-cli"];
        tools.cargo(&server).run().await
    };
    let engine = async {
        let found = find::engine(cache, &mut started.engine).await?;
        started.samples = samples::start_if_empty(cache, &found).await?;
        Ok(found)
    };
    let (found, ()) = tokio::try_join!(engine, build)?;
    Ok((found, places::target().join("release/longshore")))
}

async fn serve(args: &Args, cache: &Path, found: &Found, binary: &Path) -> Result<()> {
    let data = args.data.clone().unwrap_or_else(|| cache.join("up"));
    eprintln!("engine: {} at {}", found.version, found.host);
    eprintln!("data:   {} (remove it to begin anew)", data.display());
    eprintln!(
        "try:    DOCKER_HOST={} docker ps, and watch the page; Ctrl-C ends it",
        found.host
    );
    let mut command = Command::new(binary);
    command
        .arg("-H")
        .arg(&found.host)
        .arg("serve")
        .arg("--listen")
        .arg(args.listen.to_string());
    // A group of its own: Ctrl-C is ours to pass on, once.
    command
        .arg("--data")
        .arg(&data)
        .stdin(std::process::Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
    let mut server = command
        .spawn()
        .with_context(|| format!("cannot start {}", binary.display()))?;
    let group = Group::of(server.id());
    let status = tokio::select! {
        status = server.wait() => status.context("the server")?,
        signal = run::interrupted() => {
            eprintln!("{signal}: ending");
            drain(&mut server).await?
        }
    };
    group.forget();
    if !status.success() {
        bail!("the server ended with {status}");
    }
    Ok(())
}

async fn drain(server: &mut Child) -> Result<ExitStatus> {
    if let Some(pid) = server
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .and_then(Pid::from_raw)
    {
        kill_process(pid, Signal::TERM).ok();
    }
    match tokio::time::timeout(DRAIN, server.wait()).await {
        Ok(status) => status.context("the server"),
        Err(_) => bail!(
            "the server did not drain within {} s and was ended",
            DRAIN.as_secs()
        ),
    }
}

fn tell_kept(started: &Started) {
    if let Some(kind) = started.engine {
        eprintln!("the {kind} engine goes on; `cargo xtask engine down {kind}` ends it");
    } else if started.samples.is_some() {
        eprintln!(
            "the sample containers go on; they bear the label {}",
            samples::OWNER
        );
    }
}

impl Started {
    async fn end(&mut self, cache: &Path) {
        if let Some(kind) = self.engine.take() {
            // The containers go with it.
            match engine::down(cache, kind).await {
                Ok(_) => eprintln!("engine {kind}: ended"),
                Err(error) => eprintln!("engine {kind} did not end: {error:#}"),
            }
        } else if let Some(samples) = self.samples.take()
            && let Err(error) = samples.remove().await
        {
            eprintln!("the sample containers did not end: {error:#}");
        }
    }
}
