//! The process of an engine that a test has for itself: killed, frozen, ended and started again as it was.
//!
//! Owns the process. Leaves to others: what was labelled on the engine (`lease`), and that nobody else uses it
//! (`on_each_swarm`).

use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::net::sockopt::socket_peercred;
pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};
use tokio::time::{Instant, sleep};

use crate::raw::{Connection, Target};

/// How long an engine may take to end, or to begin.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// A Docker engine behind a unix socket, as a process that we may end. However the test ends, it runs again afterwards.
#[derive(Debug)]
pub struct Daemon {
    target: Target,
    pid: Pid,
    program: PathBuf,
    argv: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    log: PathBuf,
    /// It was told to end, and does not answer again yet.
    ended: bool,
    /// A process in the engine's network and mounts, which lives as long as this does: it keeps them.
    keeper: Child,
}

impl Daemon {
    /// The process that listens on the engine's socket.
    ///
    /// # Errors
    /// When the engine is reached otherwise, or its process is not ours to look at.
    pub fn of(engine: &Target) -> io::Result<Self> {
        let pid = listener(engine)?;
        let about = PathBuf::from(format!("/proc/{}", pid.as_raw_nonzero()));
        let read = |name: &str| -> io::Result<Vec<OsString>> {
            let text = fs::read(about.join(name))?;
            let parts = text.split(|byte| *byte == 0).filter(|part| !part.is_empty());
            Ok(parts.map(|part| OsStr::from_bytes(part).to_owned()).collect())
        };
        let environment = read("environ")?.into_iter().filter_map(|line| {
            let line = line.as_bytes();
            let at = line.iter().position(|byte| *byte == b'=')?;
            let (name, value) = (&line[..at], &line[at + 1..]);
            Some((
                OsStr::from_bytes(name).to_owned(),
                OsStr::from_bytes(value).to_owned(),
            ))
        });
        Ok(Self {
            target: engine.clone(),
            pid,
            program: fs::read_link(about.join("exe"))?,
            argv: read("cmdline")?,
            environment: environment.collect(),
            log: fs::read_link(about.join("fd/1"))?,
            ended: false,
            // Ends when its input does, also when we are killed.
            keeper: inside(pid.as_raw_nonzero().get().cast_unsigned(), OsStr::new("cat"))
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()?,
        })
    }

    /// Takes the processor away from it: it answers nobody, and its connections stay open.
    ///
    /// # Errors
    /// Those of the signal.
    pub fn freeze(&self) -> io::Result<()> {
        Ok(kill_process(self.pid, Signal::STOP)?)
    }

    /// Gives it back.
    ///
    /// # Errors
    /// Those of the signal.
    pub fn thaw(&self) -> io::Result<()> {
        Ok(kill_process(self.pid, Signal::CONT)?)
    }

    /// Ends it: by its own doing (`SIGTERM`, which ends the containers first), or at once. Returns when it is gone.
    ///
    /// # Errors
    /// Those of the signal, and when it does not end.
    pub async fn end(&mut self, how: Signal) -> io::Result<()> {
        self.ended = true;
        kill_process(self.pid, how)?;
        let end = Instant::now() + PATIENCE;
        while self.lives() {
            if Instant::now() > end {
                return Err(io::Error::other("the engine does not end"));
            }
            sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Starts it again with what it was started with, and returns when it answers.
    ///
    /// # Errors
    /// When it cannot be started, or does not answer.
    pub async fn start(&mut self) -> io::Result<()> {
        self.spawn()?;
        let end = Instant::now() + PATIENCE;
        while let Err(error) = ping(&self.target).await {
            if Instant::now() > end {
                return Err(error);
            }
            sleep(PAUSE).await;
        }
        self.pid = listener(&self.target)?;
        self.ended = false;
        Ok(())
    }

    fn spawn(&self) -> io::Result<()> {
        // What was killed has left its process ids behind, its containerd too, and a zombie counts as alive to an old
        // engine.
        let value = |flag: &str| self.argv.iter().skip_while(|part| *part != flag).nth(1);
        let containerd = value("--exec-root").map(|root| Path::new(root).join("containerd/containerd.pid"));
        for path in value("-p").map(PathBuf::from).into_iter().chain(containerd) {
            fs::remove_file(path).or_else(|error| match error.kind() {
                io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            })?;
        }
        let log = OpenOptions::new().append(true).open(&self.log)?;
        let mut command = inside(self.keeper.id(), self.program.as_os_str());
        command
            .args(self.argv.iter().skip(1))
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        // It outlives the test, as it was before: whoever started it ends it.
        command.spawn().map(drop)
    }

    fn lives(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid.as_raw_nonzero()));
        // A zombie only waits for its parent.
        stat.is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().starts_with(" Z"))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.thaw();
        if self.ended {
            let _ = kill_process(self.pid, Signal::KILL);
            let _ = self.spawn();
        }
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// A program in the network and the mounts of a process, in a session of its own.
fn inside(pid: u32, program: &OsStr) -> Command {
    let mut command = Command::new("setsid");
    command
        .arg("nsenter")
        .arg(format!("--target={pid}"))
        .args(["--net", "--mount", "--"])
        .arg(program);
    command
}

async fn ping(engine: &Target) -> io::Result<()> {
    let answer = Connection::connect(engine)
        .await?
        .call("GET", "/_ping", None)
        .await?;
    match answer.status() {
        200 => Ok(()),
        _ => Err(io::Error::other(answer.text())),
    }
}

fn listener(engine: &Target) -> io::Result<Pid> {
    let Target::Unix(path) = engine else {
        return Err(io::Error::other(
            "only behind a unix socket a process can be found",
        ));
    };
    Ok(socket_peercred(UnixStream::connect(path)?)?.pid)
}
