//! What a client says to the runner.

use super::fields::{Put as _, Take};
use super::{Frame, WireError, kind, put_frame};

/// A message to the runner, about the command of its frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request<'a> {
    /// Start a command. Answered by [`Reply::Started`](super::Reply::Started) or
    /// [`Reply::SpawnErr`](super::Reply::SpawnErr).
    Spawn(Spawn),
    /// Bytes for the command's stdin, within [`STDIN_WINDOW`](super::STDIN_WINDOW). For a command that is over, or
    /// was started without stdin, they go nowhere.
    Stdin(&'a [u8]),
    /// The command's stdin ends after what was sent.
    Eof,
    /// End the command's tree: TERM, the grace that it was started with, KILL. Nothing happens when it is over.
    End,
}

/// A command: what to run, as whom, and how far it may go.
///
/// `Debug` leaves arguments and environment out: they may hold secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Spawn {
    /// Program and arguments. A program without a slash is looked for along the command's `PATH`.
    pub argv: Vec<Vec<u8>>,
    /// Environment: these are added to what the runner has, or replace it.
    pub env: Vec<(Vec<u8>, Vec<u8>)>,
    /// Whether the environment is `env` alone. Default: no, the runner's own (the exec's) is inherited.
    pub clear_env: bool,
    /// Working folder; the runner's when empty, which is the default.
    pub cwd: Vec<u8>,
    /// User id; the runner's by default.
    pub uid: Option<u32>,
    /// Group id; the runner's by default. With a user or a group given, supplementary groups are dropped.
    pub gid: Option<u32>,
    /// Resource limits, set before the user changes.
    pub rlimits: Vec<Rlimit>,
    /// Bytes of stdout that are handed on; what comes after is read and counted. Default: all.
    pub stdout_limit: u64,
    /// Bytes of stderr that are handed on. Default: all.
    pub stderr_limit: u64,
    /// Milliseconds after which the tree is ended as by [`Request::End`]; `None`, the default, is never.
    pub timeout_ms: Option<u64>,
    /// Milliseconds between TERM and KILL. Default 0: KILL at once.
    pub grace_ms: u64,
    /// Whether stdin is open. Default: no, the command reads its end at once.
    pub stdin: bool,
}

/// One resource limit (`setrlimit`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rlimit {
    /// The number of the resource on the container's platform (`RLIMIT_NOFILE` is 7 on Linux).
    pub resource: u32,
    /// The limit that holds; `u64::MAX` is none.
    pub soft: u64,
    /// What the command may raise it to; `u64::MAX` is none.
    pub hard: u64,
}

impl std::fmt::Debug for Spawn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spawn")
            .field("argv", &format_args!("[{} arguments]", self.argv.len()))
            .field("env", &format_args!("[{} variables]", self.env.len()))
            .field("clear_env", &self.clear_env)
            .field("uid", &self.uid)
            .field("gid", &self.gid)
            .field("rlimits", &self.rlimits)
            .field("stdout_limit", &self.stdout_limit)
            .field("stderr_limit", &self.stderr_limit)
            .field("timeout_ms", &self.timeout_ms)
            .field("grace_ms", &self.grace_ms)
            .field("stdin", &self.stdin)
            .finish_non_exhaustive()
    }
}

impl Spawn {
    /// A program and its arguments, with every default.
    pub fn new<A: Into<Vec<u8>>>(argv: impl IntoIterator<Item = A>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            env: Vec::new(),
            clear_env: false,
            cwd: Vec::new(),
            uid: None,
            gid: None,
            rlimits: Vec::new(),
            stdout_limit: u64::MAX,
            stderr_limit: u64::MAX,
            timeout_ms: None,
            grace_ms: 0,
            stdin: false,
        }
    }

    /// Opens or closes stdin.
    #[must_use]
    pub fn stdin(mut self, open: bool) -> Self {
        self.stdin = open;
        self
    }

    /// Adds a variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Ends the tree after `timeout` milliseconds, with `grace` milliseconds between TERM and KILL.
    #[must_use]
    pub fn timeout(mut self, timeout_ms: u64, grace_ms: u64) -> Self {
        self.timeout_ms = Some(timeout_ms);
        self.grace_ms = grace_ms;
        self
    }

    /// Hands on so many bytes of stdout and of stderr.
    #[must_use]
    pub fn limits(mut self, stdout: u64, stderr: u64) -> Self {
        self.stdout_limit = stdout;
        self.stderr_limit = stderr;
        self
    }

    /// What the system's calls could not carry is refused before it is sent, or run.
    fn check(&self) -> Result<(), WireError> {
        let wrong = |field| Err(WireError::NotACommand { field });
        if self.argv.first().is_none_or(Vec::is_empty)
            || self.argv.iter().any(|argument| argument.contains(&0))
        {
            return wrong("argv");
        }
        let named = |name: &[u8]| !name.is_empty() && !name.contains(&b'=') && !name.contains(&0);
        if !self
            .env
            .iter()
            .all(|(name, value)| named(name) && !value.contains(&0))
        {
            return wrong("env");
        }
        if self.cwd.contains(&0) {
            return wrong("cwd");
        }
        Ok(())
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        for number in [
            self.timeout_ms.unwrap_or(u64::MAX),
            self.grace_ms,
            self.stdout_limit,
            self.stderr_limit,
        ] {
            out.put_u64(number);
        }
        out.put_u8(u8::from(self.stdin));
        out.put_u8(u8::from(self.clear_env));
        for id in [self.uid, self.gid] {
            out.put_u8(u8::from(id.is_some()));
            out.put_u32(id.unwrap_or_default());
        }
        out.put_len(self.rlimits.len());
        for rlimit in &self.rlimits {
            out.put_u32(rlimit.resource);
            out.put_u64(rlimit.soft);
            out.put_u64(rlimit.hard);
        }
        out.put_bytes(&self.cwd);
        out.put_len(self.argv.len());
        for argument in &self.argv {
            out.put_bytes(argument);
        }
        out.put_len(self.env.len());
        for (name, value) in &self.env {
            out.put_bytes(name);
            out.put_bytes(value);
        }
    }

    fn take(mut payload: Take<'_>) -> Result<Self, WireError> {
        let from = &mut payload;
        let timeout_ms = from.u64("timeout")?;
        let grace_ms = from.u64("grace")?;
        let stdout_limit = from.u64("limit of stdout")?;
        let stderr_limit = from.u64("limit of stderr")?;
        let stdin = from.bool("stdin")?;
        let clear_env = from.bool("clear_env")?;
        let uid = optional_id(from, "uid")?;
        let gid = optional_id(from, "gid")?;
        let rlimits = from.list("rlimits", |from| {
            Ok(Rlimit {
                resource: from.u32("rlimit")?,
                soft: from.u64("rlimit")?,
                hard: from.u64("rlimit")?,
            })
        })?;
        let cwd = from.bytes("cwd")?.to_vec();
        let argv = from.list("argv", |from| from.bytes("argument").map(<[u8]>::to_vec))?;
        let env = from.list("env", |from| {
            Ok((from.bytes("name")?.to_vec(), from.bytes("value")?.to_vec()))
        })?;
        let spawn = Self {
            argv,
            env,
            clear_env,
            cwd,
            uid,
            gid,
            rlimits,
            stdout_limit,
            stderr_limit,
            timeout_ms: (timeout_ms != u64::MAX).then_some(timeout_ms),
            grace_ms,
            stdin,
        };
        payload.end()?;
        spawn.check()?;
        Ok(spawn)
    }
}

fn optional_id(from: &mut Take<'_>, field: &'static str) -> Result<Option<u32>, WireError> {
    let there = from.bool(field)?;
    let id = from.u32(field)?;
    Ok(there.then_some(id))
}

impl<'a> Request<'a> {
    /// Writes this as a frame of command `id` after what is in `out`.
    ///
    /// # Errors
    /// [`WireError::TooLarge`] when it does not fit one frame, [`WireError::NotACommand`] for what no system could
    /// run. `out` is as before.
    pub fn encode(&self, id: u64, out: &mut Vec<u8>) -> Result<(), WireError> {
        match self {
            Self::Spawn(spawn) => {
                spawn.check()?;
                put_frame(out, kind::SPAWN, id, |out| spawn.put(out))
            }
            Self::Stdin(bytes) => put_frame(out, kind::STDIN, id, |out| out.extend_from_slice(bytes)),
            Self::Eof => put_frame(out, kind::EOF, id, |_| ()),
            Self::End => put_frame(out, kind::END, id, |_| ()),
        }
    }

    /// Reads a frame that came to the runner.
    ///
    /// # Errors
    /// When it is none of these messages.
    pub fn decode(frame: Frame<'a>) -> Result<Self, WireError> {
        let payload = Take::from(frame.payload);
        match frame.kind {
            kind::SPAWN => Spawn::take(payload).map(Self::Spawn),
            kind::STDIN => Ok(Self::Stdin(frame.payload)),
            kind::EOF => payload.end().map(|()| Self::Eof),
            kind::END => payload.end().map(|()| Self::End),
            other => Err(WireError::UnknownKind(other)),
        }
    }
}
