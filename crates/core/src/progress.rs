//! What is told of work under way, for whoever shows it. Who tells it, and how it travels, is others'.

use std::fmt;
use std::sync::Arc;

use crate::{LayerPhase, LayerProgress, TransferProgress};

/// Something got further.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ProgressEvent {
    /// An image on its way from its registry.
    ImageDownload {
        /// The name that was asked for.
        image_name: Arc<str>,
        /// Where it stands.
        status: ProgressStatus,
        /// How far the whole is; never falls. `None` while nothing is known, and with the first and the last status.
        progress: Option<Progress>,
        /// The layer that the engine's words are about, when they are about one.
        layer: Option<LayerProgress>,
    },
    /// A container is made.
    ContainerCreate {
        /// Its name, where the caller gave one.
        name: Option<Arc<str>>,
        /// What it is made from.
        image: Arc<str>,
        /// Where it stands.
        status: ProgressStatus,
    },
    /// Something is done to a container.
    ContainerLifecycle {
        /// As the caller named it.
        container: Arc<str>,
        /// What: `start`, `stop`, `remove`…
        action: &'static str,
        /// Where it stands.
        status: ProgressStatus,
    },
    /// Anything else.
    Operation {
        /// In words.
        message: Arc<str>,
        /// How much it matters.
        level: Level,
    },
    /// So many events came faster than this receiver took them, and will not come again.
    Lagged {
        /// How many, exactly.
        missed: u64,
    },
}

/// Where a piece of work stands. Each begins with `Started` and ends with exactly one of the last three.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProgressStatus {
    /// It has begun.
    Started,
    /// It goes on; in the engine's words.
    Running(Arc<str>),
    /// It succeeded.
    Done,
    /// It failed; why, in words.
    Failed(Arc<str>),
    /// It was cancelled, or its future was dropped: the engine may do it all the same.
    Cancelled,
}

impl ProgressStatus {
    /// Whether nothing more comes of this work.
    ///
    /// ```
    /// use longshore_core::ProgressStatus;
    /// assert!(ProgressStatus::Done.is_end() && !ProgressStatus::Started.is_end());
    /// ```
    pub fn is_end(&self) -> bool {
        matches!(self, Self::Done | Self::Failed(_) | Self::Cancelled)
    }
}

/// How far something is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// 0 to 100.
    pub percentage: f64,
    /// Bytes that have moved.
    pub current: u64,
    /// Bytes in all, as far as sizes are known; `None` while none is.
    pub total: Option<u64>,
}

impl Progress {
    /// What an engine's message says of the whole; `None` while no layer is known.
    pub fn of(transfer: &TransferProgress) -> Option<Self> {
        Some(Self {
            percentage: transfer.fraction? * 100.0,
            current: transfer.current,
            total: transfer.total,
        })
    }
}

/// How much a message matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// For whoever looks for a fault.
    Debug,
    /// For everybody.
    Info,
    /// Something is odd, and the work goes on.
    Warning,
    /// Something failed.
    Error,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

impl TransferProgress {
    /// Whether this is a step of its own, and not one of the hundreds a second that tell of moving bytes.
    pub fn is_step(&self) -> bool {
        match &self.layer {
            Some(layer) => !matches!(layer.phase, LayerPhase::Moving | LayerPhase::Extracting),
            None => true,
        }
    }
}
