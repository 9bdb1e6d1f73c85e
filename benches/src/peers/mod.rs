//! Who is measured: ours, a hand-written kept connection as the floor, and the peers.

mod bollard;
mod cli;
mod ours;
mod raw;
mod script;

use std::path::Path;

use futures_util::future::LocalBoxFuture;

pub(crate) use self::{bollard::Bollard, cli::Cli, ours::Ours, raw::Raw, script::Script};
pub(crate) use self::{
    bollard::connect as bollard_at,
    script::{node, python, spawn},
};
use crate::{
    Result,
    op::{Op, Run, Subject},
};

/// One client of the engine.
pub(crate) trait Peer {
    /// Its name and version.
    fn name(&self) -> String;

    /// Whether it stays alive between calls; if not, the start of a program is part of every figure.
    fn kept(&self) -> bool {
        true
    }

    /// Does `op` `count` times.
    fn run<'a>(&'a mut self, op: Op, count: usize, subject: &'a Subject) -> LocalBoxFuture<'a, Result<Run>>;
}

/// The clients in Rust by the names that `--be` takes; ours comes first.
const OWN: [&str; 3] = ["longshore", "hand-written", "bollard"];

/// Every peer that this machine has. What is missing is said on stderr, and its column is missing too.
pub(crate) async fn all(host: &str, peers: Option<&Path>) -> Result<Vec<Box<dyn Peer>>> {
    let mut all = Vec::new();
    for client in OWN {
        all.push(Script::own(host, client).await?);
    }
    for found in [
        Cli::find(host).await,
        Script::python(host, peers).await,
        Script::node(host, peers).await,
    ] {
        match found {
            Ok(peer) => all.push(peer),
            Err(error) => eprintln!("left out: {error}"),
        }
    }
    Ok(all)
}

/// Is one of the clients in Rust, for the process that measures.
pub(crate) async fn be(client: &str, host: &str) -> Result<()> {
    let peer: Box<dyn Peer> = match client {
        "longshore" => Box::new(Ours::connect(host).await?),
        "hand-written" => Box::new(Raw::connect(host).await?),
        "bollard" => Box::new(Bollard::connect(host).await?),
        other => return Err(format!("no client is called {other}").into()),
    };
    script::serve(peer).await
}
