//! What of the history goes, and what stays so that the lines of an engine are known again.

use longshore_core::Timestamp;
use sqlx::{QueryBuilder, Row};

use crate::{Store, StoreError};

/// Rows deleted by one statement, so that nobody waits long for the file.
const SWEEP: i64 = 2_000;
/// Records of a host among which its newest lines are looked for: what was made up after gaps has none.
const LOOKED_AT: i64 = 16_384;

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Most records, of all hosts.
    pub most: u64,
    /// Those received before then go.
    pub since: Timestamp,
    /// So many of the newest lines of each host stay, whatever their number and age, with what came after them: its engine
    /// may still hold them, and they would be taken for news.
    pub lines: u64,
}

/// A line that was told of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventLine {
    /// What it is known by.
    pub line: [u8; 16],
    /// The engine's stamp; `None` for a gap, and for an event of a Swarm, whose stamp proves nothing.
    pub at: Option<Timestamp>,
    /// [`EventRow::unsure`](super::EventRow::unsure).
    pub unsure: Option<u32>,
}

impl Store {
    /// The newest lines that were told of that host, oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn newest_lines(&self, host: &str, limit: usize) -> Result<Vec<EventLine>, StoreError> {
        let rows = sqlx::query(
            "SELECT e.line, CASE WHEN e.kind IS NOT NULL AND e.scope <> 'swarm' THEN e.at END, e.unsure \
             FROM events e CROSS JOIN event_runs r ON r.id = e.run \
             WHERE r.host = ? AND e.line IS NOT NULL ORDER BY e.id DESC LIMIT ?",
        )
        .bind(host)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(self.pool())
        .await
        .map_err(self.failed("read the newest lines of the events"))?;
        let lines = rows.iter().rev().filter_map(|row| {
            Some(EventLine {
                line: row.get::<&[u8], _>(0).try_into().ok()?,
                at: row.get::<Option<i64>, _>(1).map(Timestamp::from_nanos),
                unsure: row
                    .get::<Option<i64>, _>(2)
                    .and_then(|unsure| u32::try_from(unsure).ok()),
            })
        });
        Ok(lines.collect())
    }

    /// Deletes what is too old or too much, and says how many records that were.
    ///
    /// # Errors
    /// When the database cannot be written; what was deleted until then is.
    pub async fn sweep_events(&self, keep: Retention) -> Result<u64, StoreError> {
        let failed = || self.failed("delete old events");
        let stays = self.what_stays(keep.lines).await.map_err(failed())?;
        let most = i64::try_from(keep.most).unwrap_or(i64::MAX);
        // Numbers have no holes but where rows were deleted, and of each host that is at the beginning.
        let too_many = ["e.id <= (SELECT max(id) FROM events) - ", ""];
        // Up to the first that is young enough: where our clock was once wrong, older ones may stand behind younger, and what
        // is taken out of the middle is missed by nobody who goes on from before it.
        let too_old = [
            "e.id < coalesce((SELECT id FROM events WHERE +received_at >= ",
            " ORDER BY id LIMIT 1), (SELECT max(id) + 1 FROM events))",
        ];
        let mut swept = 0;
        for ([which, rest], bound) in [(too_many, most), (too_old, keep.since.as_nanos())] {
            loop {
                let mut delete = QueryBuilder::new(
                    "DELETE FROM events WHERE id IN (SELECT e.id FROM events e CROSS JOIN event_runs r ON r.id = e.run WHERE ",
                );
                delete.push(which).push_bind(bound).push(rest);
                for (host, first) in &stays {
                    delete.push(" AND (r.host <> ").push_bind(host);
                    delete.push(" OR e.id < ").push_bind(first).push(")");
                }
                delete.push(" LIMIT ").push_bind(SWEEP).push(")");
                let done = delete
                    .build()
                    .persistent(false)
                    .execute(self.pool())
                    .await
                    .map_err(failed())?
                    .rows_affected();
                swept += done;
                if done < SWEEP.unsigned_abs() {
                    break;
                }
            }
        }
        // A run is remembered after its events are gone, so that its places are known to be forgotten; not for ever.
        sqlx::query(
            "DELETE FROM event_runs WHERE id <= (SELECT max(id) FROM event_runs) - 1000 \
             AND id NOT IN (SELECT run FROM events)",
        )
        .execute(self.pool())
        .await
        .map_err(failed())?;
        Ok(swept)
    }

    /// Of each host the first id of what stays whatever its age.
    async fn what_stays(&self, lines: u64) -> Result<Vec<(String, i64)>, sqlx::Error> {
        if lines == 0 {
            return Ok(Vec::new());
        }
        let hosts: Vec<String> = sqlx::query_scalar("SELECT DISTINCT host FROM event_runs")
            .fetch_all(self.pool())
            .await?;
        let mut stays = Vec::with_capacity(hosts.len());
        for host in hosts {
            let first: Option<i64> = sqlx::query_scalar(
                "SELECT min(id) FROM (SELECT id FROM (SELECT e.id, e.line FROM events e \
                 CROSS JOIN event_runs r ON r.id = e.run WHERE r.host = ? ORDER BY e.id DESC LIMIT ?) \
                 WHERE line IS NOT NULL ORDER BY id DESC LIMIT ?)",
            )
            .bind(&host)
            .bind(LOOKED_AT)
            .bind(i64::try_from(lines).unwrap_or(i64::MAX))
            .fetch_one(self.pool())
            .await?;
            stays.extend(first.map(|first| (host, first)));
        }
        Ok(stays)
    }
}
