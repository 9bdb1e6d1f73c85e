//! Waiting for the end of a container.

use std::fmt;

use longshore_core::ObjectRef;

use crate::call::{Call, HeadLimit};
use crate::conn::{Body, ReadLimits};
use crate::error::ErrorKind;
use crate::path::PathQuery;
use crate::{ApiVersion, Engine, Error, wire};

const OP: &str = "wait for the container";
/// An answer to a wait is one line.
const MAX_ANSWER: usize = 64 * 1024;

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum WaitCondition {
    /// It does not run: at once when it does not now.
    #[default]
    NotRunning,
    /// It ends the next time, also when it does not run now. Needs API 1.30.
    NextExit,
    /// It is gone. Needs API 1.30.
    Removed,
}

impl WaitCondition {
    fn as_str(self) -> &'static str {
        match self {
            Self::NotRunning => "not-running",
            Self::NextExit => "next-exit",
            Self::Removed => "removed",
        }
    }
}

/// How a container's run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExitStatus {
    /// The main process's exit code; 128 and the signal's number when a signal ended it.
    pub code: i64,
    /// What the engine says went wrong with waiting.
    pub error: Option<String>,
}

impl Engine {
    /// Waits until the container does not run. Under no time limit but the connection's: wrap it in one where needed.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is no such container, [`ErrorKind::Interrupted`] when the engine goes.
    pub async fn wait_container(&self, container: &ObjectRef) -> Result<ExitStatus, Error> {
        self.begin_wait(container, WaitCondition::NotRunning)
            .await?
            .end()
            .await
    }

    /// Begins to wait: when this returns, the engine watches the container, so that an end after it is not missed,
    /// however soon it comes. Begin to wait for [`WaitCondition::NextExit`], then start the container.
    ///
    /// Engines before API 1.30 answer only at the end: there it returns when the container has ended.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is no such container; [`ErrorKind::Version`] for a condition that the engine
    /// is too old for.
    pub async fn begin_wait(
        &self,
        container: &ObjectRef,
        condition: WaitCondition,
    ) -> Result<Waiting, Error> {
        let path = PathQuery::object("/containers", container, "wait");
        let conditional = Call::post(OP, path.clone()).on(container.as_str());
        let path = match condition {
            // What an engine waits for when it is not told.
            WaitCondition::NotRunning => path,
            other => {
                let what = "a condition to wait for";
                self.client
                    .needs(&conditional, ApiVersion::WAIT_CONDITIONS, what)
                    .await?;
                path.query("condition", other.as_str())
            }
        };
        let call = Call::post(OP, path)
            .on(container.as_str())
            .head_limit(HeadLimit::None);
        let (_, body) = self.client.stream(&call).await?;
        Ok(Waiting {
            body,
            container: container.clone(),
        })
    }
}

/// A wait that the engine knows of. Dropping it gives it up. See [`Engine::begin_wait`].
pub struct Waiting {
    body: Body,
    container: ObjectRef,
}

impl Waiting {
    /// Waits until what was waited for is so. Under no time limit.
    ///
    /// # Errors
    /// [`ErrorKind::Interrupted`] when the engine goes.
    pub async fn end(mut self) -> Result<ExitStatus, Error> {
        let call = Call::post(OP, PathQuery::new("/")).on(self.container.as_str());
        let mut text = Vec::new();
        let limits = ReadLimits::default();
        while let Some(piece) = self
            .body
            .read(limits)
            .await
            .map_err(|failure| call.failed(failure))?
        {
            text.extend_from_slice(&piece);
            if text.len() > MAX_ANSWER {
                return Err(call.error(ErrorKind::TooLarge));
            }
        }
        if text.is_empty() {
            // An engine that shuts down ends its answer without a word.
            return Err(call.error(ErrorKind::Interrupted));
        }
        let exit: wire::container::Waited =
            serde_json::from_slice(&text).map_err(|error| call.malformed(error))?;
        Ok(ExitStatus {
            code: exit.status_code,
            error: exit.error.and_then(|error| error.message),
        })
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting")
            .field("container", &self.container)
            .finish_non_exhaustive()
    }
}
