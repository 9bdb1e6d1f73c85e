//! A fake engine as a process of its own, so that the page can be looked at with a thousand containers.
//!
//! `longshore-fake-engine --listen unix:///path/to.sock --containers 1000 --churn 20`, ended by SIGTERM or
//! SIGINT. Owns the arguments; everything else is in the library.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program's own words")]

use std::io;
use std::process::ExitCode;

use longshore_testkit::fake::{FakeConfig, FakeEngine, Listen};
use longshore_testkit::raw::Target;
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "longshore-fake-engine [--listen unix:///path|tcp://address:port] [--containers N] \
                     [--churn PER_SECOND] [--seed N]";

struct Asked {
    listen: Listen,
    containers: usize,
    churn: u32,
    seed: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let asked = match parse(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(why) => {
            eprintln!("{why}\nusage: {USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(asked).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("longshore-fake-engine: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(asked: Asked) -> io::Result<()> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut config = FakeConfig::default().listen(asked.listen).seed(asked.seed);
    config.keep_truth = false;
    let engine = FakeEngine::start(config).await?;
    engine.add_containers(asked.containers);
    println!("DOCKER_HOST={}", engine.endpoint());
    let churn = async {
        match asked.churn {
            0 => std::future::pending().await,
            rate => engine.churn(rate).await,
        }
    };
    tokio::select! {
        () = churn => {}
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    if let Some(socket) = engine.socket() {
        let _ = std::fs::remove_file(socket);
    }
    engine.stop().await;
    Ok(())
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Asked, String> {
    let mut asked = Asked {
        listen: Listen::Temporary,
        containers: 20,
        churn: 0,
        seed: 1,
    };
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word} wants a value"))?;
        let bad = |what: &str| format!("{word} {value:?} is not {what}");
        match word.as_str() {
            "--listen" => {
                asked.listen = match value.parse().map_err(|error: io::Error| error.to_string())? {
                    Target::Unix(path) => Listen::Unix(path),
                    Target::Tcp(address) => {
                        Listen::Tcp(address.parse().map_err(|_| bad("an address and port"))?)
                    }
                }
            }
            "--containers" => asked.containers = value.parse().map_err(|_| bad("a number"))?,
            "--churn" => asked.churn = value.parse().map_err(|_| bad("a number"))?,
            "--seed" => asked.seed = value.parse().map_err(|_| bad("a number"))?,
            _ => return Err(format!("unknown argument {word}")),
        }
    }
    Ok(asked)
}
