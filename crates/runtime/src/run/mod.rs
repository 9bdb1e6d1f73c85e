//! Containers run as one step: make and start; make, start, collect and remove; make sure that one runs.
//!
//! Owns the order of the engine's calls and what is undone when one of them fails. Each call is the engine crate's.

mod ensure;
mod error;

use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use longshore_core::{ContainerId, ContainerSpec, ObjectRef, RestartPolicy, Verb};
use longshore_engine::{
    AttachOptions, AttachedInput, AttachedOutput, Created, Engine, Error, StdStream, WaitCondition, Waiting,
};
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

pub use ensure::{Ensure, Ensured, EnsuredHow, ensure};
pub use error::RunError;

/// How a container is run to its end.
///
/// ```
/// use longshore_runtime::RunOptions;
/// use std::time::Duration;
/// let options = RunOptions::default().stdin("1 + 1\n").timeout(Duration::from_secs(10));
/// assert!(options.remove);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOptions {
    /// Whether the engine removes it when it ends, also when we are gone by then. Default: true.
    pub remove: bool,
    /// What it reads; its stdin ends behind it. Default: it has no stdin.
    pub stdin: Option<Bytes>,
    /// Bytes kept of each stream; the rest is read and counted, not kept. Default: 1 MiB.
    pub limit: usize,
    /// From its start to its end; then it is killed. Default: none.
    pub timeout: Option<Duration>,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            remove: true,
            stdin: None,
            limit: 1024 * 1024,
            timeout: None,
        }
    }
}

impl RunOptions {
    /// Sets [`Self::remove`].
    #[must_use]
    pub fn remove(mut self, remove: bool) -> Self {
        self.remove = remove;
        self
    }

    /// Sets [`Self::stdin`].
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Bytes>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// Sets [`Self::limit`].
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Sets [`Self::timeout`].
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }
}

/// What a container left.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunOutput {
    /// Its id; gone, when it was to be removed.
    pub id: ContainerId,
    /// Its main process's exit code; 128 and the signal's number when a signal ended it.
    pub exit_code: i64,
    /// The first bytes of its standard output, up to the limit; with a terminal, of all output.
    pub stdout: Bytes,
    /// The first bytes of its standard error, up to the limit.
    pub stderr: Bytes,
    /// Bytes of standard output beyond the limit, which were not kept.
    pub stdout_dropped: u64,
    /// Bytes of standard error beyond the limit, which were not kept.
    pub stderr_dropped: u64,
    /// From the start to the end.
    pub duration: Duration,
}

/// Makes a container and starts it. One that cannot be started is removed again.
///
/// Dropping the future leaves what was made until then; it bears our labels.
///
/// # Errors
/// [`RunError::Engine`] with what [`Engine::create_container`] and the start end with.
pub async fn run(engine: &Engine, spec: &ContainerSpec) -> Result<Created, RunError> {
    let created = engine.create_container(spec).await?;
    let id = ObjectRef::from(&created.id);
    if let Err(error) = engine.act(&id, &Verb::Start).await {
        return Err(undone(engine, &id, error).await);
    }
    Ok(created)
}

/// Runs a container to its end and collects what it prints, from the first byte on: it is attached to before it starts.
///
/// Dropping the future does not end the container; when that ends, the engine removes it, where it was to. Podman does not:
/// there it is removed by this call.
///
/// # Errors
/// [`RunError::Engine`] with what the engine's calls end with, such as an image that is not there;
/// [`RunError::TimedOut`], with the output so far, when it was killed for taking too long. An exit code other than 0 is no
/// error.
pub async fn run_and_wait(
    engine: &Engine,
    spec: &ContainerSpec,
    options: &RunOptions,
) -> Result<RunOutput, RunError> {
    let mut spec = spec.clone();
    let removes = options.remove && spec.restart_policy == RestartPolicy::No || spec.auto_remove;
    // Podman's own removal takes the exit code with it: it says 0 of every container that is gone.
    let by_engine = removes && !engine.ping().await?.podman;
    spec.auto_remove = by_engine;
    if options.stdin.is_some() {
        spec = spec.stdin();
    }
    let created = engine.create_container(&spec).await?;
    let id = ObjectRef::from(&created.id);
    let begun = begin(engine, &id, by_engine, options.stdin.is_some()).await;
    let (input, output, waiting) = match begun {
        Ok(begun) => begun,
        Err(error) => return Err(undone(engine, &id, error).await),
    };
    let began = Instant::now();
    let mut kept = Kept::new(options.limit);
    let stdin = options.stdin.clone().unwrap_or_default();
    let mut timed_out = None;
    let exit_code = {
        let mut end = pin!(follow(input, output, waiting, stdin, &mut kept));
        match options.timeout {
            None => end.await?,
            Some(limit) => match tokio::time::timeout(limit, &mut end).await {
                Ok(result) => result?,
                Err(_) => {
                    timed_out = Some(limit);
                    match engine.act(&id, &Verb::Kill { signal: None }).await {
                        // It has ended by itself at the last moment.
                        Err(error) if error.is_not_found() || error.is_conflict() => {}
                        other => drop(other?),
                    }
                    end.await?
                }
            },
        }
    };
    let output = kept.done(created.id, exit_code, began.elapsed());
    if removes && !by_engine {
        match engine.act(&id, &REMOVE).await {
            Err(error) if !error.is_not_found() => return Err(error.into()),
            _ => {}
        }
    }
    match timed_out {
        None => Ok(output),
        Some(after) => Err(RunError::TimedOut {
            after,
            output: Box::new(output),
        }),
    }
}

const REMOVE: Verb = Verb::Remove {
    force: true,
    volumes: true,
};

/// Attaches, begins to wait, starts: in this order nothing is missed.
async fn begin(
    engine: &Engine,
    id: &ObjectRef,
    removed_by_engine: bool,
    stdin: bool,
) -> Result<(AttachedInput, AttachedOutput, Waiting), Error> {
    let attached = engine.attach(id, &AttachOptions::default().stdin(stdin)).await?;
    let condition = if removed_by_engine {
        WaitCondition::Removed
    } else {
        WaitCondition::NextExit
    };
    let waiting = engine.begin_wait(id, condition).await?;
    engine.act(id, &Verb::Start).await?;
    let (input, output) = attached.split();
    Ok((input, output, waiting))
}

/// Removes what was made in vain; the error that made it vain stays the reason.
async fn undone(engine: &Engine, id: &ObjectRef, error: Error) -> RunError {
    match engine.act(id, &REMOVE).await {
        Ok(_) => {}
        // The engine removes one that was to be removed at its end also when it does not start.
        Err(gone) if gone.is_not_found() || gone.is_conflict() => {}
        Err(left) => tracing::warn!(%id, %left, "a container that did not start is left behind"),
    }
    RunError::Engine(error)
}

/// Writes, reads and waits until all of it has ended.
async fn follow(
    mut input: AttachedInput,
    mut output: AttachedOutput,
    waiting: Waiting,
    stdin: Bytes,
    kept: &mut Kept,
) -> Result<i64, Error> {
    let write = async {
        // A program may end before it has read all: that is its business, and no failure.
        if input.write_all(&stdin).await.is_ok() {
            let _ = input.shutdown().await;
        }
        // What is still to be read needs the connection, of which this is one half.
        input
    };
    let read = async {
        while let Some(frame) = output.next().await {
            let frame = frame?;
            kept.take(frame.stream, &frame.bytes);
        }
        Ok::<(), Error>(())
    };
    // The end of the output does not wait for a stdin that nobody reads.
    let mut read = pin!(read);
    tokio::select! {
        done = &mut read => done?,
        _input = write => read.await?,
    }
    Ok(waiting.end().await?.code)
}

/// Output up to the limit of each stream.
struct Kept {
    limit: usize,
    streams: [(BytesMut, u64); 2],
}

impl Kept {
    fn new(limit: usize) -> Self {
        Self {
            limit,
            streams: Default::default(),
        }
    }

    fn take(&mut self, stream: StdStream, bytes: &[u8]) {
        let [out, err] = &mut self.streams;
        let (kept, dropped) = match stream {
            StdStream::Stdout => out,
            StdStream::Stderr => err,
        };
        let room = self.limit.saturating_sub(kept.len()).min(bytes.len());
        kept.extend_from_slice(&bytes[..room]);
        *dropped += (bytes.len() - room) as u64;
    }

    fn done(self, id: ContainerId, exit_code: i64, duration: Duration) -> RunOutput {
        let [(stdout, stdout_dropped), (stderr, stderr_dropped)] = self.streams;
        RunOutput {
            id,
            exit_code,
            stdout: stdout.freeze(),
            stderr: stderr.freeze(),
            stdout_dropped,
            stderr_dropped,
            duration,
        }
    }
}
