//! Running other programs: every one has a time limit and a process group of its own that ends with it.
//! What the programs are for is left to the callers.

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

/// A program to run to its end. The limit is five minutes unless [`Cmd::limit`] says otherwise.
#[derive(Debug)]
pub(crate) struct Cmd {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    dir: Option<PathBuf>,
    limit: Duration,
}

impl Cmd {
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            env: Vec::new(),
            dir: None,
            limit: Duration::from_secs(300),
        }
    }

    #[must_use]
    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    #[must_use]
    pub(crate) fn args<I: IntoIterator<Item = A>, A: AsRef<OsStr>>(mut self, args: I) -> Self {
        self.args
            .extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    #[must_use]
    pub(crate) fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env
            .push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    #[must_use]
    pub(crate) fn dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }

    #[must_use]
    pub(crate) fn limit(mut self, seconds: u64) -> Self {
        self.limit = Duration::from_secs(seconds);
        self
    }

    /// Runs it with its output on our standard error.
    ///
    /// # Errors
    /// When it cannot be started, fails, or is not done in time.
    pub(crate) async fn run(self) -> Result<()> {
        self.go(Output::Shown).await.map(drop)
    }

    /// Runs it and gives its standard output; what it said on standard error is part of the error when it fails.
    ///
    /// # Errors
    /// As [`Cmd::run`].
    pub(crate) async fn read(self) -> Result<String> {
        let bytes = self.go(Output::Kept).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// As [`Cmd::read`], for output that is no text.
    ///
    /// # Errors
    /// As [`Cmd::run`].
    pub(crate) async fn read_bytes(self) -> Result<Vec<u8>> {
        self.go(Output::Kept).await
    }

    /// Runs it with its output on our standard error, and gives what it printed on both of its outputs. The second part
    /// tells how it ended: a test runner that failed has counted all the same.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) async fn tee(self) -> Result<(String, Result<()>)> {
        let kept = Kept::default();
        let ended = self.go(Output::Both(&kept)).await.map(drop);
        let text = String::from_utf8_lossy(&kept.0.take()).into_owned();
        Ok((text, ended))
    }

    async fn go(mut self, output: Output<'_>) -> Result<Vec<u8>> {
        let shown = self.to_string();
        let mut command = Command::new(&self.program);
        command
            .args(&self.args)
            .envs(self.env.drain(..))
            .process_group(0)
            .kill_on_drop(true);
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        command.stdin(Stdio::null());
        match &output {
            Output::Shown => command.stdout(std::io::stderr()).stderr(Stdio::inherit()),
            Output::Kept | Output::Both(_) => command.stdout(Stdio::piped()).stderr(Stdio::piped()),
        };
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start `{shown}`"))?;
        let group = Group::of(child.id());
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let done = async {
            let both = match &output {
                Output::Both(kept) => Some(*kept),
                _ => None,
            };
            let (out, err) = tokio::join!(drain(stdout, both), drain(stderr, both));
            child.wait().await.map(|status| (status, out, err))
        };
        let Ok(done) = tokio::time::timeout(self.limit, done).await else {
            drop(group);
            bail!(
                "`{shown}` was not done within {} s and was ended",
                self.limit.as_secs()
            );
        };
        let (status, out, err) = done.with_context(|| format!("cannot wait for `{shown}`"))?;
        group.forget();
        if status.success() {
            return Ok(out);
        }
        let said = String::from_utf8_lossy(&err);
        let said = said.trim();
        if said.is_empty() {
            bail!("`{shown}` failed ({status})");
        }
        Err(anyhow!("{said}").context(format!("`{shown}` failed ({status})")))
    }
}

impl std::fmt::Display for Cmd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.program.to_string_lossy())?;
        for arg in &self.args {
            write!(f, " {}", arg.to_string_lossy())?;
        }
        Ok(())
    }
}

enum Output<'a> {
    Shown,
    Kept,
    Both(&'a Kept),
}

/// Both outputs in the order in which they came; one task fills it.
#[derive(Debug, Default)]
struct Kept(std::cell::RefCell<Vec<u8>>);

/// Reads a pipe to its end: into the result, or onto our standard error and into `both`.
async fn drain(pipe: Option<impl AsyncRead + Unpin>, both: Option<&Kept>) -> Vec<u8> {
    let mut all = Vec::new();
    let Some(mut pipe) = pipe else { return all };
    let Some(kept) = both else {
        // A pipe that breaks is a program that ended; its status tells how.
        pipe.read_to_end(&mut all).await.ok();
        return all;
    };
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
        std::io::stderr().write_all(&buffer[..read]).ok();
        kept.0.borrow_mut().extend_from_slice(&buffer[..read]);
    }
    all
}

/// A process group that is killed when it is dropped: a limit that ends only the leader leaves its children running.
#[derive(Debug)]
pub(crate) struct Group(Option<Pid>);

impl Group {
    /// The group led by the process `id`.
    pub(crate) fn of(id: Option<u32>) -> Self {
        Self(id.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    /// Lets the group be: it has ended by itself.
    pub(crate) fn forget(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Nothing to do about a failure: the group is gone already.
            kill_process_group(group, Signal::KILL).ok();
        }
    }
}

/// Runs `work` to its end, or drops it at the first SIGINT or SIGTERM.
///
/// # Errors
/// Those of the work, and the interruption.
pub(crate) async fn or_interrupted<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        outcome = work => outcome,
        signal = interrupted() => Err(anyhow!("interrupted by {signal}")),
    }
}

/// Waits for the first SIGINT or SIGTERM and names it.
pub(crate) async fn interrupted() -> &'static str {
    let (Ok(mut int), Ok(mut term)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = int.recv() => "SIGINT",
        _ = term.recv() => "SIGTERM",
    }
}
