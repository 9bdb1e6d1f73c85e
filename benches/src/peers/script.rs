//! A client in a process of its own: a program that stays alive, takes an operation a line and answers with its times.
//!
//! Also for the clients in Rust, which are this program again: in one process they would share an allocator, and what
//! one leaves there changes the figures of the next by a third.

use std::{path::Path, process::Stdio};

use futures_util::future::{FutureExt, LocalBoxFuture};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use super::Peer;
use crate::{
    Result,
    op::{Op, Run, Subject},
};

const PYTHON: &str = include_str!("../../peers/peer.py");
const NODE: &str = include_str!("../../peers/peer.cjs");

pub(crate) struct Script {
    name: String,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

#[derive(Serialize, Deserialize)]
struct Ask {
    op: Op,
    count: usize,
    subject: Subject,
}

#[derive(Serialize, Deserialize)]
struct Hello {
    name: String,
}

/// The other side, for a client in Rust: says hello, then does what is asked until stdin ends.
pub(crate) async fn serve(mut peer: Box<dyn Peer>) -> Result<()> {
    say(&Hello { name: peer.name() })?;
    let mut asks = BufReader::new(tokio::io::stdin()).lines();
    while let Some(ask) = asks.next_line().await? {
        let ask: Ask = serde_json::from_str(&ask)?;
        say(&peer.run(ask.op, ask.count, &ask.subject).await?)?;
    }
    Ok(())
}

fn say(value: &impl Serialize) -> Result<()> {
    println!("{}", serde_json::to_string(value)?);
    Ok(())
}

impl Script {
    /// A client in Rust: this program, told to be that client.
    pub(crate) async fn own(host: &str, client: &str) -> Result<Box<dyn Peer>> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--host", host, "--be", client]);
        Self::spawn(command).await
    }

    /// docker-py, from the virtual environment in `peers`.
    pub(crate) async fn python(host: &str, peers: Option<&Path>) -> Result<Box<dyn Peer>> {
        let mut command = python(peers)?;
        command.args([host, "calls"]);
        Self::spawn(command).await
    }

    /// dockerode, from the node folder in `peers`.
    pub(crate) async fn node(host: &str, peers: Option<&Path>) -> Result<Box<dyn Peer>> {
        let mut command = node(peers)?;
        command.args([host, "calls"]);
        Self::spawn(command).await
    }

    async fn spawn(mut command: Command) -> Result<Box<dyn Peer>> {
        let (child, stdin, mut lines) = spawn(&mut command)?;
        let hello = lines.next_line().await?.ok_or("a peer's program ended at once")?;
        let Hello { name } = serde_json::from_str(&hello)?;
        Ok(Box::new(Self {
            name,
            stdin,
            lines,
            _child: child,
        }))
    }
}

impl Peer for Script {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn run<'a>(&'a mut self, op: Op, count: usize, subject: &'a Subject) -> LocalBoxFuture<'a, Result<Run>> {
        async move {
            let mut ask = serde_json::to_vec(&Ask {
                op,
                count,
                subject: subject.clone(),
            })?;
            ask.push(b'\n');
            self.stdin.write_all(&ask).await?;
            let line = self
                .lines
                .next_line()
                .await?
                .ok_or_else(|| format!("{} ended", self.name))?;
            Ok(serde_json::from_str(&line)?)
        }
        .boxed_local()
    }
}

/// The program of docker-py, its arguments still to come.
pub(crate) fn python(peers: Option<&Path>) -> Result<Command> {
    let peers = peers.ok_or("docker-py: no --peers folder")?;
    let mut command = Command::new(peers.join("venv/bin/python"));
    command.arg("-c").arg(PYTHON);
    Ok(command)
}

/// The program of dockerode, its arguments still to come.
pub(crate) fn node(peers: Option<&Path>) -> Result<Command> {
    let peers = peers.ok_or("dockerode: no --peers folder")?;
    let mut command = Command::new("node");
    command.current_dir(peers).arg("-e").arg(NODE).arg("--");
    Ok(command)
}

pub(crate) type Spawned = (Child, ChildStdin, Lines<BufReader<ChildStdout>>);

/// Starts a peer's program with both pipes held; it ends with its handle.
pub(crate) fn spawn(command: &mut Command) -> Result<Spawned> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let stdin = child.stdin.take().ok_or("no stdin")?;
    let stdout = child.stdout.take().ok_or("no stdout")?;
    Ok((child, stdin, BufReader::new(stdout).lines()))
}
