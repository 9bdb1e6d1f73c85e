//! Handing records to who keeps them.
//!
//! Owns the trait and the task that writes. Leaves the keeping to others.

use std::error::Error;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use longshore_core::DeathRecord;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{DeathItem, DeathReader, Shared};
use crate::Backoff;

/// Records handed over at once.
const BATCH: usize = 64;

/// Who keeps records of deaths for longer than memory does.
///
/// ```
/// use std::{error::Error, pin::Pin, sync::Arc};
/// use longshore_core::DeathRecord;
/// use longshore_runtime::deaths::DeathBook;
///
/// struct Printed;
///
/// impl DeathBook for Printed {
///     fn remember<'a>(
///         &'a self,
///         deaths: &'a [Arc<DeathRecord>],
///     ) -> Pin<Box<dyn Future<Output = Result<(), Box<dyn Error + Send + Sync>>> + Send + 'a>> {
///         Box::pin(async move {
///             for death in deaths {
///                 println!("{} {}: {}", death.ended, death.container, death.sentence());
///             }
///             Ok(())
///         })
///     }
/// }
/// ```
pub trait DeathBook: Send + Sync + 'static {
    /// Keeps these records, oldest first. A record may come again, as it was or with more in it: the same container and
    /// the same [`ended`](DeathRecord::ended) are the same record, which must then be completed
    /// ([`DeathRecord::complete`]) and not doubled.
    ///
    /// # Errors
    /// When they could not be kept: they come again.
    fn remember<'a>(
        &'a self,
        deaths: &'a [Arc<DeathRecord>],
    ) -> BoxFuture<'a, Result<(), Box<dyn Error + Send + Sync>>>;
}

/// Writes until the records end; what is left then is written once more.
pub(super) async fn write(
    book: Arc<dyn DeathBook>,
    mut reader: DeathReader,
    shared: Arc<Shared>,
    backoff: Backoff,
    stop: CancellationToken,
) {
    let mut failures = 0;
    while let Some(first) = reader.next().await {
        let mut batch = Vec::new();
        let mut item = Some(first);
        while let Some(it) = item {
            match it {
                DeathItem::Died(record) | DeathItem::Amended(record) => batch.push(record),
                // What was missed is in memory, but for what is forgotten there.
                DeathItem::Lagged { .. } => {
                    batch = shared.all();
                    break;
                }
            }
            item = if batch.len() < BATCH {
                reader.try_next()
            } else {
                None
            };
        }
        for batch in batch.chunks(BATCH) {
            while let Err(error) = book.remember(batch).await {
                failures += 1;
                shared.meters.unkept_tries.count();
                tracing::warn!(%error, records = batch.len(), "records of deaths could not be kept");
                if stop.is_cancelled() {
                    break;
                }
                let pause = sleep(backoff.pause(failures));
                // At the end the pause is cut short, and one more try is made.
                stop.run_until_cancelled(pause).await;
            }
            failures = 0;
        }
    }
}
