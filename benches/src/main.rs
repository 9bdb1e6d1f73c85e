//! `cargo xtask bench`: our client beside its peers, interleaved, on one engine, in one run.
//!
//! Owns what is measured and how it is told. The engine, the image and the folder with the peers in other
//! languages are the caller's (`xtask`).
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for a person at a terminal"
)]

mod ends;
mod events;
mod figures;
mod inner;
mod install;
mod monitor;
mod op;
mod peers;
mod report;
mod sampling;
mod soak;
mod stage;
mod targets;
mod transfer;
mod watchers;

use std::path::{Path, PathBuf};

use clap::Parser;

use crate::{
    op::{Op, Run},
    report::Column,
    stage::Stage,
};

pub(crate) type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// Measures, prints, and writes the page of figures.
#[derive(Debug, Parser)]
struct Args {
    /// The engine, as `unix:///path` or `tcp://host:port`.
    #[arg(long, env = "DOCKER_HOST")]
    host: String,
    /// An image with `sleep` and `true`.
    #[arg(long, default_value = "longshore/sample:latest")]
    image: String,
    /// Folder for the peers in other languages, filled where it is empty. In the cache folder by default.
    #[arg(long)]
    peers: Option<PathBuf>,
    /// Interleaved rounds.
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Only this operation (`ping`, `inspect`, `list`, `lifecycle`, `exec`, `many`), for a quick look.
    #[arg(long)]
    only: Option<Op>,
    /// Only what is measured on the fake engine, for a quick look.
    #[arg(long, conflicts_with = "only")]
    inner: bool,
    /// Only clients whose name begins so, for a quick look.
    #[arg(long)]
    client: Option<String>,
    /// Only what sampling so many running containers costs.
    #[arg(long)]
    sampling: Option<usize>,
    /// Only the event monitor under load, on the fake engine.
    #[arg(long)]
    monitor: bool,
    /// Only the server's memory under the event monitor, for so many minutes, with subscribers that never read.
    #[arg(long, value_name = "MINUTES")]
    soak: Option<u32>,
    /// Be the server that is measured, with this data folder: how this program starts itself.
    #[arg(long, hide = true)]
    serve: Option<PathBuf>,
    /// Be this client, asked over stdin: how this program starts itself.
    #[arg(long, hide = true)]
    be: Option<String>,
    /// The page to write the figures into.
    #[arg(long)]
    out: Option<PathBuf>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let mut builder = match args.serve {
        // As many threads as `longshore serve` has.
        Some(_) => tokio::runtime::Builder::new_multi_thread(),
        None => tokio::runtime::Builder::new_current_thread(),
    };
    let runtime = builder.worker_threads(2).enable_all().build()?;
    runtime.block_on(run(args))
}

async fn run(mut args: Args) -> Result<()> {
    if let Some(data) = &args.serve {
        return monitor::serve(&args.host, data).await;
    }
    if let Some(client) = &args.be {
        return peers::be(client, &args.host).await;
    }
    if args.inner {
        let inner = inner::measure().await?;
        println!(
            "{}\n{}",
            targets::table(&targets::of_inner(&inner)),
            report::inner(&inner)
        );
        return Ok(());
    }
    args.peers = args.peers.or_else(install::folder);
    if args.monitor {
        let outcomes = monitor::measure().await?;
        println!(
            "{}\n\n{}\n{}",
            report::machine(),
            targets::table(&targets::of_monitor(&outcomes)),
            report::monitor(&outcomes)
        );
        return Ok(());
    }
    if let Some(minutes) = args.soak {
        println!("{}\n{}", report::machine(), soak::measure(minutes).await?);
        return Ok(());
    }
    if let Some(count) = args.sampling {
        if let Some(folder) = &args.peers {
            install::watchers(folder).await;
        }
        let watchers = watchers::installed(&args.host, args.peers.as_deref()).await;
        println!("{}", report::machine());
        let table = sampling::measure(&args.host, &args.image, count, args.rounds.min(3), watchers).await?;
        println!("{table}");
        return Ok(());
    }
    if let Some(folder) = &args.peers {
        install::peers(folder).await;
    }
    let machine = report::machine();
    let mut stage = Stage::set(&args.host, &args.image, 200).await?;
    let measured = measure(&args, &mut stage).await;
    let engine = stage.engine().await;
    stage.strike().await?;
    let text = format!(
        "{}, {machine}; {}; {} interleaved rounds.\n\n{}",
        report::today(),
        engine?,
        args.rounds,
        measured?
    );
    println!("{text}");
    if let Some(path) = &args.out {
        write(path, &text)?;
    }
    Ok(())
}

async fn measure(args: &Args, stage: &mut Stage) -> Result<String> {
    let mut peers = peers::all(&args.host, args.peers.as_deref()).await?;
    let (mut tables, mut targets) = (Vec::new(), Vec::new());
    if let Some(client) = &args.client {
        peers.retain(|peer| peer.name().starts_with(client));
    }
    for op in Op::ALL
        .into_iter()
        .filter(|op| args.only.is_none_or(|only| only == *op))
    {
        let mut columns: Vec<Column> = peers
            .iter()
            .map(|peer| Column {
                name: peer.name(),
                rounds: Vec::new(),
            })
            .collect();
        for round in 0..=args.rounds {
            let mut runs = vec![Run::default(); peers.len()];
            for turn in 0..op.turns() {
                // There and back, so that nobody always comes after the same one, or after a pause.
                let mut order: Vec<usize> = (0..peers.len()).collect();
                if turn % 2 == 1 {
                    order.reverse();
                }
                for at in order {
                    let (peer, run) = (&mut peers[at], &mut runs[at]);
                    let count = op.count_in(turn, peer.kept());
                    if count > 0 && round <= op::rounds(op, &columns[at].name, args.rounds) {
                        run.add(peer.run(op, count, &stage.subject).await?);
                    }
                }
            }
            // The first round warms everybody up and is not counted.
            if round > 0 {
                let with_calls = columns.iter_mut().zip(runs).filter(|(_, run)| !run.us.is_empty());
                with_calls.for_each(|(column, run)| column.rounds.push(run));
            }
        }
        eprintln!("measured: {}", op.title());
        targets.extend(targets::of_operation(op, &columns));
        tables.push(report::operation(op, &columns));
    }
    if args.only.is_some() {
        return Ok(tables.join("\n"));
    }
    let listeners = events::measure(&args.host, args.peers.as_deref(), stage, 200).await?;
    tables.push(report::events(&listeners));
    eprintln!("measured: events");
    let bulk = transfer::measure(&args.host, &stage.subject).await?;
    eprintln!("measured: transfers");
    tables.push(report::transfer(&bulk));
    targets.extend(targets::of_transfer(&bulk));
    let endings = ends::commands(&args.host, &stage.subject).await?;
    eprintln!("measured: commands under a limit");
    tables.push(report::endings(&endings));
    targets.extend(targets::of_endings(&endings));
    if let Some(pulls) = ends::pulls(&args.host, &stage.subject).await? {
        eprintln!("measured: pulls");
        tables.push(report::pulls(&pulls));
        targets.extend(targets::of_pulls(&pulls));
    }
    let inner = inner::measure().await?;
    tables.push(report::inner(&inner));
    targets.extend(targets::of_inner(&inner));
    let monitored = monitor::measure().await?;
    eprintln!("measured: the event monitor");
    tables.push(report::monitor(&monitored));
    targets.extend(targets::of_monitor(&monitored));
    Ok(format!("{}\n{}", targets::table(&targets), tables.join("\n")))
}

fn write(path: &Path, text: &str) -> Result<()> {
    let page = std::fs::read_to_string(path).unwrap_or_else(|_| "# Benchmarks\n".to_owned());
    std::fs::write(path, report::placed(&page, text))?;
    Ok(())
}
