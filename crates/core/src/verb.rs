//! What can be done to a container, as data: one path for permission, audit, call and event serves them all.

/// One thing that is done to a container.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verb {
    /// Start it.
    Start,
    /// Ask its main process to end (its stop signal), and kill it after `timeout` seconds.
    /// `None`: what the container says, else the engine's 10 s. `-1` waits for ever.
    Stop {
        /// Seconds of grace.
        timeout: Option<i32>,
    },
    /// Stop it as above, then start it.
    Restart {
        /// Seconds of grace.
        timeout: Option<i32>,
    },
    /// Freeze its processes.
    Pause,
    /// Thaw them.
    Unpause,
    /// Send a signal to its main process; `None` is the engine's SIGKILL.
    Kill {
        /// A name (`SIGTERM`, `TERM`) or a number.
        signal: Option<Box<str>>,
    },
    /// Remove it.
    Remove {
        /// Kill it first when it runs.
        force: bool,
        /// Remove its anonymous volumes too.
        volumes: bool,
    },
}

impl Verb {
    /// The word for it, as it stands in paths, logs and messages.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop { .. } => "stop",
            Self::Restart { .. } => "restart",
            Self::Pause => "pause",
            Self::Unpause => "unpause",
            Self::Kill { .. } => "kill",
            Self::Remove { .. } => "remove",
        }
    }
}

/// What came of a [`Verb`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The engine did it.
    Done,
    /// It was so already (the engine's 304): nothing was done.
    AlreadySo,
}
