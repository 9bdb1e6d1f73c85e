//! `longshore serve` as a process: started, spoken to, drained, and never left behind.

use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    process::{ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use crate::http::{Answer, Call};

/// For a server to say where it listens. It takes some milliseconds; a machine that is busy building may be slow.
const START: Duration = Duration::from_secs(20);
/// For a server to drain.
const STOP: Duration = Duration::from_secs(20);

/// The built binary: `LONGSHORE_BIN`, else the one beside this test's own target folder.
#[must_use]
pub fn binary() -> PathBuf {
    if let Some(named) = std::env::var_os("LONGSHORE_BIN") {
        return named.into();
    }
    let test = std::env::current_exe().unwrap_or_default();
    test.ancestors().nth(2).unwrap_or(&test).join("longshore")
}

/// Runs the binary to its end and gives what it wrote.
///
/// # Errors
/// When it cannot be run: it is then not built.
pub async fn run(args: &[&str]) -> io::Result<Output> {
    Command::new(binary())
        .args(args)
        .env_remove("DOCKER_HOST")
        .kill_on_drop(true)
        .output()
        .await
}

/// A running server. Dropped, it is killed; [`Server::stop`] ends it in peace.
#[derive(Debug)]
pub struct Server {
    child: Child,
    data: std::sync::Arc<tempfile::TempDir>,
    lines: Lines<BufReader<ChildStdout>>,
    /// Where it listens.
    pub address: SocketAddr,
    /// From before its start to the line that says that it listens.
    pub started_in: Duration,
    /// The one-time link for the first account.
    pub setup_link: Option<String>,
}

impl Server {
    /// Starts one on a free port of the loopback with a fresh data folder, watching the engine at `docker_host`.
    ///
    /// # Errors
    /// When it does not say where it listens; what it said instead is in the error.
    pub async fn start(docker_host: &str, args: &[&str]) -> io::Result<Self> {
        Self::start_with(tempfile::tempdir()?.into(), docker_host, args).await
    }

    /// The same with a data folder that another has left.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub async fn start_with(
        data: std::sync::Arc<tempfile::TempDir>,
        docker_host: &str,
        args: &[&str],
    ) -> io::Result<Self> {
        let begun = Instant::now();
        let mut child = Command::new(binary())
            .args([
                "-H",
                docker_host,
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--log",
                "warn",
                "--data",
            ])
            .arg(data.path())
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| {
                io::Error::other(format!(
                    "{}: {error}; build it: cargo build -p longshore-cli",
                    binary().display()
                ))
            })?;
        let stdout = child.stdout.take().ok_or_else(|| io::Error::other("no stdout"))?;
        let mut lines = BufReader::new(stdout).lines();
        let first = tokio::time::timeout(START, lines.next_line())
            .await
            .ok()
            .transpose()?
            .flatten();
        let started_in = begun.elapsed();
        let address = first
            .as_deref()
            .and_then(|line| line.split_once("http://"))
            .map(|(_, rest)| rest.trim());
        let Some(address) = address.and_then(|text| text.trim_end_matches('/').parse().ok()) else {
            let mut said = String::new();
            if let Some(stderr) = child.stderr.as_mut() {
                let _ = tokio::time::timeout(Duration::from_secs(1), stderr.read_to_string(&mut said)).await;
            }
            return Err(io::Error::other(format!(
                "it does not listen; it said {first:?} {said:?}"
            )));
        };
        let mut setup_link = None;
        if let Ok(Ok(Some(line))) = tokio::time::timeout(START, lines.next_line()).await {
            setup_link = line
                .split_whitespace()
                .find(|word| word.contains("#setup="))
                .map(str::to_owned);
        }
        Ok(Self {
            child,
            data,
            lines,
            address,
            started_in,
            setup_link,
        })
    }

    /// Its data folder, which lasts as long as anybody holds it.
    #[must_use]
    pub fn data(&self) -> std::sync::Arc<tempfile::TempDir> {
        std::sync::Arc::clone(&self.data)
    }

    /// A new API token of that role.
    ///
    /// # Errors
    /// When `longshore token create` fails.
    pub async fn token(&self, role: &str) -> io::Result<String> {
        let data = self.data.path().display().to_string();
        let out = run(&[
            "token",
            "create",
            "--name",
            &format!("{role}-test"),
            "--role",
            role,
            "--data",
            &data,
        ])
        .await?;
        if !out.status.success() {
            return Err(io::Error::other(
                String::from_utf8_lossy(&out.stderr).into_owned(),
            ));
        }
        Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
    }

    /// Calls it.
    ///
    /// # Errors
    /// As [`Call::send`].
    pub async fn send(&self, call: Call) -> io::Result<Answer> {
        call.send(self.address).await
    }

    /// Its resident memory in bytes.
    ///
    /// # Errors
    /// When it does not run any more.
    pub fn resident(&self) -> io::Result<u64> {
        let id = self.child.id().ok_or_else(|| io::Error::other("it has ended"))?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line
            .and_then(|rest| rest.trim().strip_suffix(" kB"))
            .and_then(|text| text.trim().parse::<u64>().ok());
        kib.map(|kib| kib * 1024)
            .ok_or_else(|| io::Error::other("no VmRSS"))
    }

    /// Sends a signal to it.
    ///
    /// # Errors
    /// When it does not run any more.
    pub async fn signal(&self, name: &str) -> io::Result<()> {
        let id = self.child.id().ok_or_else(|| io::Error::other("it has ended"))?;
        Command::new("kill")
            .arg(format!("-{name}"))
            .arg(id.to_string())
            .status()
            .await?;
        Ok(())
    }

    /// Waits until it has ended, and gives how, and what it wrote to stderr.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn ended(&mut self) -> io::Result<(ExitStatus, String)> {
        let mut said = String::new();
        let wait = async {
            // Both pipes are emptied: a full one would keep it from ending.
            if let Some(stderr) = self.child.stderr.as_mut() {
                stderr.read_to_string(&mut said).await?;
            }
            while self.lines.next_line().await?.is_some() {}
            self.child.wait().await
        };
        let status = tokio::time::timeout(STOP, wait)
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "it did not end within 20 s"))??;
        Ok((status, said))
    }

    /// Ends it with SIGTERM.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn stop(mut self) -> io::Result<(ExitStatus, String)> {
        self.signal("TERM").await?;
        self.ended().await
    }
}
