//! The history of events: what the followers of hosts have told, in the order in which they told it.
//!
//! Owns its rows and what a place in them still means; their age and number are `sweep`'s. Leaves to the server who writes and who
//! reads, and when.

mod sweep;
#[cfg(test)]
mod tests;

use longshore_core::{Attributes, ContainerId, Event, EventType, Scope, Timestamp};
use sqlx::{QueryBuilder, Row, SqliteConnection, sqlite::SqliteRow};

use crate::{ErrorKind, Store, StoreError};

pub use sweep::{EventLine, Retention};

/// Rows of one statement: fewer round trips, and well below the parameters that SQLite takes.
const ROWS: usize = 64;
/// How far an engine's clock may be ahead of ours for its events to be found by time, in nanoseconds: a day.
const CLOCKS: i64 = 86_400_000_000_000;
/// Marks of a row.
const SYNTHETIC: i64 = 1;
const LATE: i64 = 2;
/// What a row is read from. Joined by CROSS JOIN, which is SQLite's word for: go through the events in their order, and look
/// up the run of each. The planner would sort all of a host's otherwise.
const COLUMNS: &str = "e.id, r.epoch, e.seq, e.received_at, e.line, e.at, e.kind, e.action, e.object, e.attributes, \
                       e.scope, e.marks, e.reason, e.to_at, e.unsure";

/// A place in the history of a host: the run of its follower, and the number in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventPlace {
    /// Which run.
    pub epoch: u64,
    /// The record's number in it.
    pub seq: u64,
}

/// A record of the history.
#[derive(Debug, Clone, PartialEq)]
pub struct EventRow {
    /// Where it stands.
    pub place: EventPlace,
    /// When we had it, by our clock.
    pub received: Timestamp,
    /// What the engine's line is known by; `None` when it was made of none.
    pub line: Option<[u8; 16]>,
    /// Of how many of the newest lines, its own included, it was not sure when this was told that everything older in the
    /// engine's memory had been told before; `None` where that is not known.
    pub unsure: Option<u32>,
    /// What it says.
    pub body: EventRowBody,
}

/// What a record of the history says.
#[derive(Debug, Clone, PartialEq)]
pub enum EventRowBody {
    /// Something happened.
    Event {
        /// What.
        event: Event,
        /// It was not told by the engine.
        synthetic: bool,
        /// It came after events that happened later.
        late: bool,
    },
    /// Events may be missing.
    Gap {
        /// From then on.
        from: Timestamp,
        /// Until then.
        to: Timestamp,
        /// Why, as a word.
        reason: String,
    },
}

impl EventRowBody {
    fn at(&self) -> Timestamp {
        match self {
            Self::Event { event, .. } => event.at,
            Self::Gap { from, .. } => *from,
        }
    }
}

/// What follows a place.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EventsAfter {
    /// Oldest first.
    pub rows: Vec<EventRow>,
    /// Why something between the place and the rows may be missing; `None` when nothing is.
    pub broken: Option<Broken>,
}

/// Why a place cannot be continued from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// What came after it was deleted.
    Forgotten,
    /// It is later than what is kept of its run, which ends here.
    Beyond {
        /// The number of the last record kept of that run.
        last: u64,
    },
    /// It is of no run of this host.
    Unknown,
}

impl Store {
    /// Adds records of a host, in the order in which they were told. All of them or none.
    ///
    /// # Errors
    /// When the database cannot be written: [`ErrorKind::Unwritable`] with a full disk, [`ErrorKind::Busy`] with another
    /// writer.
    pub async fn append_events(&self, host: &str, rows: &[EventRow]) -> Result<(), StoreError> {
        let failed = || self.failed("keep events");
        let mut transaction = self
            .pool()
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(failed())?;
        for rows in rows.chunk_by(|a, b| a.place.epoch == b.place.epoch) {
            let Some(first) = rows.first() else { continue };
            let run = run_of(&mut transaction, host, first.place.epoch)
                .await
                .map_err(failed())?;
            for rows in rows.chunks(ROWS) {
                insert(&mut transaction, run, rows).await.map_err(failed())?;
            }
        }
        transaction.commit().await.map_err(failed())
    }

    /// What follows `after` on that host, oldest first, at most `limit`; when that place cannot be continued from, why,
    /// and everything kept from the first that may follow it on.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn events_after(
        &self,
        host: &str,
        after: EventPlace,
        limit: usize,
    ) -> Result<EventsAfter, StoreError> {
        let (id, broken) = self
            .find_place(host, after)
            .await
            .map_err(self.failed("look for a place in the events"))?;
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM events e CROSS JOIN event_runs r ON r.id = e.run \
             WHERE e.id > ? AND r.host = ? ORDER BY e.id LIMIT ?"
        )))
        .bind(id)
        .bind(host)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(self.pool())
        .await
        .map_err(self.failed("read events"))?;
        let rows = rows.iter().map(read).collect::<Result<_, _>>()?;
        Ok(EventsAfter { rows, broken })
    }

    /// The newest records of that host, oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn newest_events(&self, host: &str, limit: usize) -> Result<Vec<EventRow>, StoreError> {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM events e CROSS JOIN event_runs r ON r.id = e.run \
             WHERE r.host = ? ORDER BY e.id DESC LIMIT ?"
        )))
        .bind(host)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(self.pool())
        .await
        .map_err(self.failed("read the newest events"))?;
        rows.iter().rev().map(read).collect()
    }

    /// The newest events of one container, and the gaps among them, that happened at or after `since`: oldest first, at
    /// most `limit`. Those of commands run inside it, which health checks make without end, are left out.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn container_events(
        &self,
        host: &str,
        container: &ContainerId,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<EventRow>, StoreError> {
        // Received no earlier than they happened, but for clocks that differ: that index narrows it down.
        let received = since.as_nanos().saturating_sub(CLOCKS);
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM events e CROSS JOIN event_runs r ON r.id = e.run \
             WHERE e.received_at >= ? AND e.at >= ? AND r.host = ? \
             AND (e.kind IS NULL OR (e.kind = 'container' AND e.object = ? AND e.action NOT LIKE 'exec\\_%' ESCAPE '\\')) \
             ORDER BY e.id DESC LIMIT ?"
        )))
        .bind(received)
        .bind(since.as_nanos())
        .bind(host)
        .bind(container.as_str())
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(self.pool())
        .await
        .map_err(self.failed("read the events of a container"))?;
        rows.iter().rev().map(read).collect()
    }

    /// The id after which to read, and what is broken.
    async fn find_place(&self, host: &str, after: EventPlace) -> Result<(i64, Option<Broken>), sqlx::Error> {
        let run: Option<i64> = sqlx::query_scalar("SELECT id FROM event_runs WHERE host = ? AND epoch = ?")
            .bind(host)
            .bind(after.epoch.cast_signed())
            .fetch_optional(self.pool())
            .await?;
        let Some(run) = run else {
            return Ok((0, Some(Broken::Unknown)));
        };
        // The number and id of the first record after it in its run, its own id, and the last id of its run.
        let row = sqlx::query(
            "SELECT (SELECT min(seq) FROM events WHERE run = ?1 AND seq > ?2), \
                    (SELECT id FROM events WHERE run = ?1 AND seq > ?2 ORDER BY seq LIMIT 1), \
                    (SELECT id FROM events WHERE run = ?1 AND seq = ?2), \
                    (SELECT max(seq) FROM events WHERE run = ?1), \
                    (SELECT id FROM events WHERE run = ?1 ORDER BY seq DESC LIMIT 1)",
        )
        .bind(run)
        .bind(i64::try_from(after.seq).unwrap_or(i64::MAX))
        .fetch_one(self.pool())
        .await?;
        let column = |at: usize| row.get::<Option<i64>, _>(at);
        let next_seq = column(0).and_then(|seq| u64::try_from(seq).ok());
        let last = column(3).and_then(|seq| u64::try_from(seq).ok());
        Ok(match (column(2), column(1), column(4).zip(last)) {
            // It is kept, and so is all after it: only the oldest are ever deleted.
            (Some(id), ..) => (id, None),
            // It is not, but the one after it is.
            (None, Some(next), _) if next_seq == after.seq.checked_add(1) => (next - 1, None),
            (None, Some(next), _) => (next - 1, Some(Broken::Forgotten)),
            // Its run ended before it, as far as is known.
            (None, None, Some((id, last))) => (id, Some(Broken::Beyond { last })),
            (None, None, None) => (0, Some(Broken::Forgotten)),
        })
    }
}

async fn run_of(connection: &mut SqliteConnection, host: &str, epoch: u64) -> Result<i64, sqlx::Error> {
    sqlx::query("INSERT OR IGNORE INTO event_runs (host, epoch) VALUES (?, ?)")
        .bind(host)
        .bind(epoch.cast_signed())
        .execute(&mut *connection)
        .await?;
    sqlx::query_scalar("SELECT id FROM event_runs WHERE host = ? AND epoch = ?")
        .bind(host)
        .bind(epoch.cast_signed())
        .fetch_one(connection)
        .await
}

async fn insert(connection: &mut SqliteConnection, run: i64, rows: &[EventRow]) -> Result<(), sqlx::Error> {
    let mut query = QueryBuilder::new(
        "INSERT OR IGNORE INTO events (run, seq, received_at, line, unsure, at, kind, action, object, attributes, scope, marks, \
         reason, to_at) ",
    );
    query.push_values(rows, |mut row, kept| {
        row.push_bind(run)
            .push_bind(i64::try_from(kept.place.seq).unwrap_or(i64::MAX))
            .push_bind(kept.received.as_nanos())
            .push_bind(kept.line.map(Vec::from))
            .push_bind(kept.unsure)
            .push_bind(kept.body.at().as_nanos());
        match &kept.body {
            EventRowBody::Event {
                event,
                synthetic,
                late,
            } => {
                let marks = if *synthetic { SYNTHETIC } else { 0 } | if *late { LATE } else { 0 };
                row.push_bind(event.kind.as_str().to_owned())
                    .push_bind(event.action.to_string())
                    .push_bind(event.id.to_string())
                    // Texts by text: this does not fail.
                    .push_bind(serde_json::to_string(&event.attributes).unwrap_or_default())
                    .push_bind(event.scope.as_str().to_owned())
                    .push_bind(marks)
                    .push_bind(None::<String>)
                    .push_bind(None::<i64>);
            }
            EventRowBody::Gap { to, reason, .. } => {
                for _ in 0..5 {
                    row.push_bind(None::<String>);
                }
                row.push_bind(0_i64)
                    .push_bind(reason.clone())
                    .push_bind(to.as_nanos());
            }
        }
    });
    // The statement is as long as there are rows: only the full ones are worth keeping prepared.
    let keep = rows.len() == ROWS;
    query.build().persistent(keep).execute(connection).await?;
    Ok(())
}

fn read(row: &SqliteRow) -> Result<EventRow, StoreError> {
    let damaged = |what: &str| {
        StoreError::new(
            ErrorKind::Corrupt,
            format!("the database holds an event with {what}"),
        )
    };
    let at = |column: usize| Timestamp::from_nanos(row.get(column));
    let text = |column: usize| {
        row.get::<Option<&str>, _>(column)
            .ok_or_else(|| damaged("a field missing"))
    };
    let body = match row.get::<Option<&str>, _>(6) {
        Some(kind) => {
            let marks: i64 = row.get(11);
            let attributes: Attributes = serde_json::from_str(text(9)?)
                .map_err(|error| damaged("attributes that are none").with_source(error))?;
            EventRowBody::Event {
                event: Event {
                    kind: EventType::from(kind),
                    action: text(7)?.into(),
                    id: text(8)?.into(),
                    attributes,
                    scope: Scope::from(text(10)?),
                    at: at(5),
                },
                synthetic: marks & SYNTHETIC != 0,
                late: marks & LATE != 0,
            }
        }
        None => EventRowBody::Gap {
            from: at(5),
            to: Timestamp::from_nanos(row.get::<Option<i64>, _>(13).ok_or_else(|| damaged("no end"))?),
            reason: text(12)?.to_owned(),
        },
    };
    Ok(EventRow {
        place: EventPlace {
            epoch: row.get::<i64, _>(1).cast_unsigned(),
            seq: u64::try_from(row.get::<i64, _>(2)).unwrap_or(0),
        },
        received: at(3),
        line: row
            .get::<Option<&[u8]>, _>(4)
            .and_then(|line| line.try_into().ok()),
        unsure: row
            .get::<Option<i64>, _>(14)
            .and_then(|unsure| u32::try_from(unsure).ok()),
        body,
    })
}
