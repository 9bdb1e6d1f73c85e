//! What can be done to a container, as data: one path for permission, audit, call and event serves them all.

/// One thing that is done to a container.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verb {
    /// Start it.
    Start,
    /// Ask its main process to end by a signal, and kill it after `timeout` seconds.
    Stop {
        /// Seconds of grace. `None`: what the container says, else the engine's 10 s. `-1` waits for ever.
        timeout: Option<i32>,
        /// A name (`SIGQUIT`, `QUIT`) or a number; `None` is the container's own stop signal. Others need API 1.42: older
        /// engines would ignore it, and are not asked.
        signal: Option<Box<str>>,
    },
    /// Stop it as above, then start it.
    Restart {
        /// Seconds of grace, as of a stop.
        timeout: Option<i32>,
        /// The signal, as of a stop.
        signal: Option<Box<str>>,
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
    /// A stop by the container's own signal and grace time.
    pub const STOP: Self = Self::Stop {
        timeout: None,
        signal: None,
    };
    /// A restart by the container's own signal and grace time.
    pub const RESTART: Self = Self::Restart {
        timeout: None,
        signal: None,
    };

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
