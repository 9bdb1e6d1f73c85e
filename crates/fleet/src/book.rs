//! What a host remembers for longer than memory does, in the store.

use std::error::Error;
use std::sync::Arc;
use std::time::SystemTime;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use longshore_core::DeathRecord;
use longshore_runtime::deaths::DeathBook;
use longshore_store::Store;

/// The store as one host's book of deaths.
pub(crate) struct StoreBook {
    pub(crate) store: Store,
    pub(crate) host: &'static str,
}

impl DeathBook for StoreBook {
    fn remember<'a>(
        &'a self,
        deaths: &'a [Arc<DeathRecord>],
    ) -> BoxFuture<'a, Result<(), Box<dyn Error + Send + Sync>>> {
        async move {
            let records: Vec<&DeathRecord> = deaths.iter().map(|death| &**death).collect();
            let now = SystemTime::now().into();
            self.store.remember_deaths(self.host, records, now).await?;
            Ok(())
        }
        .boxed()
    }
}
