//! Records of containers that ended: kept by age and number, completed when they come again.

use std::{fmt, str::FromStr, time::Duration};

use futures_util::TryStreamExt;
use longshore_core::{ContainerId, DeathRecord, Timestamp};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use crate::{Store, StoreError, before};

/// How long a record is kept.
pub const DEATHS_AGE: Duration = Duration::from_secs(30 * 24 * 3600);
/// Records of one container that are kept; the oldest go.
pub const DEATHS_PER_CONTAINER: u32 = 20;
/// Records of one host that are kept; the oldest go.
pub const DEATHS_PER_HOST: u32 = 2_000;
/// Records in one answer at most.
pub const DEATHS_AT_ONCE: u32 = 200;

/// The first byte of a stored record.
const FORM: u8 = 1;

/// A place in the list of records, for what comes after it. Opaque: give back one that was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeathPlace {
    ended: i64,
    id: i64,
}

impl fmt::Display for DeathPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.ended, self.id)
    }
}

/// Text that is no [`DeathPlace`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidPlace;

impl FromStr for DeathPlace {
    type Err = InvalidPlace;

    fn from_str(text: &str) -> Result<Self, InvalidPlace> {
        let (ended, id) = text.split_once('.').ok_or(InvalidPlace)?;
        match (ended.parse(), id.parse()) {
            (Ok(ended), Ok(id)) => Ok(Self { ended, id }),
            _ => Err(InvalidPlace),
        }
    }
}

/// Which records are wanted, newest first.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeathQuery<'a> {
    /// Only of this host.
    pub host: Option<&'a str>,
    /// Only of this container.
    pub container: Option<&'a ContainerId>,
    /// Only those that failed ([`DeathRecord::is_failure`]).
    pub failed: bool,
    /// Only those that come after this place.
    pub after: Option<DeathPlace>,
    /// At most so many, and never more than [`DEATHS_AT_ONCE`].
    pub limit: u32,
}

/// A record as it was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDeath {
    /// The host.
    pub host: String,
    /// What is known.
    pub record: DeathRecord,
    /// Where it stands in the list.
    pub place: DeathPlace,
}

impl Store {
    /// Keeps records of one host. One that is there (the same container and end) is completed. What is too old or too many
    /// goes.
    ///
    /// # Errors
    /// When the database cannot be written; then none of them is kept.
    pub async fn remember_deaths<'a>(
        &self,
        host: &str,
        records: impl IntoIterator<Item = &'a DeathRecord>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        const DOING: &str = "keep records of deaths";
        let mut transaction = self
            .pool()
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(self.failed(DOING))?;
        let mut touched: Vec<&ContainerId> = Vec::new();
        for record in records {
            self.remember(&mut transaction, host, record).await?;
            if !touched.contains(&&record.container) {
                touched.push(&record.container);
            }
        }
        for container in touched {
            sqlx::query(
                "DELETE FROM deaths WHERE host = ?1 AND container = ?2 AND id NOT IN (SELECT id FROM deaths \
                 WHERE host = ?1 AND container = ?2 ORDER BY ended DESC, id DESC LIMIT ?3)",
            )
            .bind(host)
            .bind(container.as_str())
            .bind(DEATHS_PER_CONTAINER)
            .execute(&mut *transaction)
            .await
            .map_err(self.failed(DOING))?;
        }
        sqlx::query("DELETE FROM deaths WHERE ended < ?")
            .bind(before(now, DEATHS_AGE))
            .execute(&mut *transaction)
            .await
            .map_err(self.failed(DOING))?;
        sqlx::query(
            "DELETE FROM deaths WHERE id IN (SELECT id FROM deaths WHERE host = ? \
             ORDER BY ended DESC, id DESC LIMIT -1 OFFSET ?)",
        )
        .bind(host)
        .bind(DEATHS_PER_HOST)
        .execute(&mut *transaction)
        .await
        .map_err(self.failed(DOING))?;
        transaction.commit().await.map_err(self.failed(DOING))
    }

    async fn remember(
        &self,
        connection: &mut SqliteConnection,
        host: &str,
        record: &DeathRecord,
    ) -> Result<(), StoreError> {
        const DOING: &str = "keep a record of a death";
        let kept =
            sqlx::query("SELECT id, record FROM deaths WHERE host = ? AND container = ? AND ended = ?")
                .bind(host)
                .bind(record.container.as_str())
                .bind(record.ended.as_nanos())
                .fetch_optional(&mut *connection)
                .await
                .map_err(self.failed(DOING))?;
        let mut whole = record.clone();
        let before = kept.as_ref().and_then(|row| read(row.get("record")));
        if let Some(before) = before {
            if before == whole {
                return Ok(());
            }
            whole.complete(before);
        }
        let written = write(&whole);
        let done = match kept.map(|row| row.get::<i64, _>("id")) {
            Some(id) => {
                sqlx::query("UPDATE deaths SET name = ?, record = ? WHERE id = ?")
                    .bind(&whole.name)
                    .bind(written)
                    .bind(id)
                    .execute(connection)
                    .await
            }
            None => {
                sqlx::query(
                    "INSERT INTO deaths (host, container, ended, name, record) VALUES (?, ?, ?, ?, ?)",
                )
                .bind(host)
                .bind(whole.container.as_str())
                .bind(whole.ended.as_nanos())
                .bind(&whole.name)
                .bind(written)
                .execute(connection)
                .await
            }
        };
        done.map(drop).map_err(self.failed(DOING))
    }

    /// Records, newest first; fewer than asked for only at the end of the list.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn deaths(&self, query: DeathQuery<'_>) -> Result<Vec<StoredDeath>, StoreError> {
        let mut sql = sqlx::QueryBuilder::new("SELECT id, host, ended, record FROM deaths WHERE 1 = 1");
        if let Some(host) = query.host {
            sql.push(" AND host = ").push_bind(host);
        }
        if let Some(container) = query.container {
            sql.push(" AND container = ").push_bind(container.as_str());
        }
        if let Some(after) = query.after {
            sql.push(" AND (ended, id) < (").push_bind(after.ended);
            sql.push(", ").push_bind(after.id).push(")");
        }
        sql.push(" ORDER BY ended DESC, id DESC");
        // Read until there are enough: what a record says of its end is not in the columns, and one that is damaged is left
        // out and hides no others.
        let wanted = query.limit.min(DEATHS_AT_ONCE) as usize;
        let mut rows = sql.build().fetch(self.pool());
        let mut found = Vec::new();
        while found.len() < wanted
            && let Some(row) = rows
                .try_next()
                .await
                .map_err(self.failed("read records of deaths"))?
        {
            found.extend(stored(&row).filter(|one| !query.failed || one.record.is_failure()));
        }
        Ok(found)
    }

    /// The containers with records that a person may mean: the one of that id, else the one that had that name last, else all
    /// whose id begins so (two at most: enough to see that there are several).
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn find_dead(&self, host: &str, text: &str) -> Result<Vec<ContainerId>, StoreError> {
        let failed = || self.failed("look for records of deaths");
        let named: Option<String> = sqlx::query_scalar(
            "SELECT container FROM deaths WHERE host = ?1 AND (container = ?2 OR name = ?2) \
             ORDER BY container = ?2 DESC, ended DESC LIMIT 1",
        )
        .bind(host)
        .bind(text.trim_start_matches('/'))
        .fetch_optional(self.pool())
        .await
        .map_err(failed())?;
        let found = match named {
            Some(one) => vec![one],
            None if text.is_empty() => Vec::new(),
            None => sqlx::query_scalar(
                "SELECT DISTINCT container FROM deaths WHERE host = ? AND substr(container, 1, ?) = ? LIMIT 2",
            )
            .bind(host)
            .bind(i64::try_from(text.len()).unwrap_or(i64::MAX))
            .bind(text)
            .fetch_all(self.pool())
            .await
            .map_err(failed())?,
        };
        Ok(found.iter().filter_map(|id| ContainerId::new(id).ok()).collect())
    }
}

fn stored(row: &SqliteRow) -> Option<StoredDeath> {
    let record = read(row.get("record"))?;
    Some(StoredDeath {
        host: row.get("host"),
        record,
        place: DeathPlace {
            ended: row.get("ended"),
            id: row.get("id"),
        },
    })
}

fn write(record: &DeathRecord) -> Vec<u8> {
    let mut bytes = vec![FORM];
    // A type of texts and numbers alone is always written.
    let _ = serde_json::to_writer(&mut bytes, record);
    bytes
}

/// `None`, and a word in the log, when it cannot be read.
fn read(bytes: &[u8]) -> Option<DeathRecord> {
    let (form, json) = bytes.split_first()?;
    let record = (*form == FORM)
        .then(|| serde_json::from_slice(json).ok())
        .flatten();
    if record.is_none() {
        tracing::warn!(form, "a record of a death cannot be read and is left out");
    }
    record
}
