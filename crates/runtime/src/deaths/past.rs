//! The deaths that an engine still remembers, asked for once and without following it.

use std::collections::VecDeque;
use std::time::SystemTime;

use futures_util::StreamExt;
use futures_util::stream;
use longshore_core::{DeathRecord, Timestamp, WhyUnknown};
use longshore_engine::{Engine, Error, EventsQuery};

use super::DeathsConfig;
use super::look::look;
use super::record::{Finding, record};
use super::runs::{News, Runs};

/// What an engine remembers of deaths.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Remembered {
    /// Oldest first; of containers that are still there with their last lines.
    pub deaths: Vec<DeathRecord>,
    /// The oldest event that it remembers: of a death before nothing is known. `None` when it remembers no event.
    pub since: Option<Timestamp>,
}

/// The deaths among the last 256 events, which is what an engine remembers. An engine that was restarted has forgotten them.
///
/// ```no_run
/// # async fn example(engine: longshore_engine::Engine) -> Result<(), longshore_engine::Error> {
/// use longshore_runtime::deaths::{DeathsConfig, remembered};
/// for death in remembered(&engine, &DeathsConfig::default()).await?.deaths {
///     println!("{} {}", death.ended, death.sentence());
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// When the engine does not tell its events. What it does not tell of a container is unknown in its record.
pub async fn remembered(engine: &Engine, config: &DeathsConfig) -> Result<Remembered, Error> {
    let now = engine.info().await?.system_time;
    let now = now.unwrap_or_else(|| Timestamp::from(SystemTime::now()));
    let until = format!(
        "{}.{:09}",
        now.as_secs(),
        now.as_nanos().rem_euclid(1_000_000_000)
    );
    let mut events = engine
        .events(&EventsQuery::default().since("0").until(until))
        .await?;
    let mut runs = Runs::new(config.max_runs);
    let (mut all, mut since) = (VecDeque::new(), None);
    while let Some(raw) = events.next().await {
        let Ok(event) = raw?.event else {
            runs.gap();
            continue;
        };
        since = since.or(Some(event.at));
        match runs.take(&event, false) {
            Some(News::Ended(ended)) => {
                // An engine with a longer memory (Podman) is asked about the newest only.
                if all.len() >= config.history.max(1) {
                    all.pop_front();
                }
                all.push_back(ended);
            }
            Some(News::LateOom(id)) => {
                let newest = all.iter_mut().rev().find(|ended| ended.id == id);
                newest.into_iter().for_each(|ended| ended.oom = true);
            }
            Some(News::Removed(id, at)) => {
                let mine = all.iter_mut().filter(|ended| ended.id == id);
                mine.for_each(|ended| ended.removed = Some(at));
            }
            Some(News::Started(_)) | None => {}
        }
    }
    let looks = all.into_iter().map(|ended| async move {
        let finding = match ended.removed {
            Some(_) => Finding::none(WhyUnknown::Gone),
            None => look(engine, config, &ended, None, None).await,
        };
        record(&ended, None, finding)
    });
    let looks = stream::iter(looks).buffered(config.max_looks.max(1));
    Ok(Remembered {
        deaths: looks.collect().await,
        since,
    })
}
