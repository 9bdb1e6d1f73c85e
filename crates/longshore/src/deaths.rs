//! `client.deaths()`.

use std::fmt;
use std::sync::Arc;

use futures_util::Stream;
use longshore_core::{ContainerId, DeathRecord};
use longshore_runtime::deaths::{self, DeathBook, DeathItem, DeathReader, DeathsConfig};
use longshore_runtime::{Watch, WatchConfig};

use crate::{DockerClient, DockerError};

/// How containers ended, and their last words.
#[derive(Debug, Clone)]
pub struct Deaths(pub(crate) DockerClient);

impl Deaths {
    /// The deaths that the engine still remembers, oldest first: those among its last 256 events. Containers that are still
    /// there give their last lines too.
    ///
    /// ```no_run
    /// # async fn example(client: longshore::DockerClient) -> Result<(), longshore::DockerError> {
    /// for death in client.deaths().remembered().await? {
    ///     println!("{} {}: {}", death.ended, death.name.as_deref().unwrap_or("?"), death.sentence());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When the engine does not tell its events.
    pub async fn remembered(&self) -> Result<Vec<DeathRecord>, DockerError> {
        let config = DeathsConfig::default();
        let remembered = self.0.run(deaths::remembered(self.0.engine(), &config)).await?;
        Ok(remembered.deaths)
    }

    /// Deaths as they come, each with exit code, OOM, the engine's signal, restarts, health and the last lines; begins with
    /// those that the engine remembers. What is not known is empty, and the record says why.
    ///
    /// ```no_run
    /// # async fn example(client: longshore::DockerClient) {
    /// use longshore::prelude::*;
    /// let mut deaths = client.deaths().follow();
    /// while let Some(item) = deaths.next().await {
    ///     let DeathItem::Died(death) = item else { continue };
    ///     println!("{}: {}", death.name.as_deref().unwrap_or("?"), death.sentence());
    ///     for line in death.log.iter().flat_map(|log| &log.lines) {
    ///         println!("    {}", line.text);
    ///     }
    /// }
    /// # }
    /// ```
    ///
    /// Follows the engine for itself, through its restarts; an engine that is not there is waited for. For a watch that
    /// there is already, see [`record`](Self::record).
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn follow(&self) -> FollowedDeaths {
        let watch = Watch::start(self.0.engine().clone(), WatchConfig::default());
        let deaths = self.record(&watch, None);
        FollowedDeaths {
            reader: deaths.subscribe(),
            deaths,
            _watch: watch,
        }
    }

    /// Records the deaths of a watch; a `book` keeps them for longer than memory does.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use = "recording ends when it is dropped"]
    pub fn record(&self, watch: &Watch, book: Option<Arc<dyn DeathBook>>) -> deaths::Deaths {
        deaths::Deaths::start(self.0.engine().clone(), watch, DeathsConfig::default(), book)
    }
}

/// Deaths as they come. Made by [`Deaths::follow`]; dropping it ends the following.
pub struct FollowedDeaths {
    reader: DeathReader,
    deaths: deaths::Deaths,
    _watch: Watch,
}

impl FollowedDeaths {
    /// What comes next; `None` when the following has failed inside. Cancel safe.
    pub async fn next(&mut self) -> Option<DeathItem> {
        self.reader.next().await
    }

    /// The records of a container in memory, newest first: up to 20, also after it was removed.
    pub fn of(&self, id: &ContainerId) -> Vec<Arc<DeathRecord>> {
        self.deaths.of(id)
    }

    /// The same as a [`Stream`], for combinators.
    pub fn into_stream(self) -> impl Stream<Item = DeathItem> + Send {
        futures_util::stream::unfold(self, |mut deaths| async move {
            deaths.next().await.map(|item| (item, deaths))
        })
    }
}

impl fmt::Debug for FollowedDeaths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FollowedDeaths")
            .field("deaths", &self.deaths)
            .finish_non_exhaustive()
    }
}
