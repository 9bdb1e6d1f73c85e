//! Peers in other languages: a program that stays alive, takes an operation a line and answers with its times.

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

#[derive(Serialize)]
struct Ask<'a> {
    op: Op,
    count: usize,
    subject: &'a Subject,
}

#[derive(Deserialize)]
struct Hello {
    name: String,
}

impl Script {
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
            let mut ask = serde_json::to_vec(&Ask { op, count, subject })?;
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
