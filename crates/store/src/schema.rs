//! The schema and its versions. `user_version` counts the migrations that were applied, `application_id` says that
//! the file is ours.

use std::path::{Path, PathBuf};

use sqlx::{Connection, Row, SqliteConnection, SqlitePool};

use crate::{ErrorKind, StoreError, open::private_file};

/// "LSHR": tells our file from another program's SQLite file.
const APPLICATION_ID: i64 = 0x4c53_4852;

/// Applied in order; never changed once released, only appended to.
pub(crate) const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_accounts.sql"),
    include_str!("../migrations/0002_events.sql"),
    include_str!("../migrations/0003_deaths.sql"),
    include_str!("../migrations/0004_event_lines.sql"),
];

/// Checks the file and applies what it lacks, keeping a copy first when it holds something.
pub(crate) async fn bring_up_to_date(
    pool: &SqlitePool,
    path: &Path,
    migrations: &'static [&'static str],
) -> Result<(), StoreError> {
    let failed = |e| StoreError::from_sql("check the schema", path, e);
    let mut connection = pool.acquire().await.map_err(failed)?;
    let damage: String = sqlx::query_scalar("PRAGMA quick_check(1)")
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    if damage != "ok" {
        return Err(StoreError::corrupt(path).with_source(damage));
    }
    let version = check_version(&mut connection, path, migrations.len()).await?;
    if version == migrations.len() {
        return Ok(());
    }
    if version > 0 {
        keep_copy(&mut connection, path, version).await?;
    }
    let failed = |e| StoreError::from_sql("bring the schema up to date", path, e);
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    for sql in migrations.iter().skip(version) {
        sqlx::raw_sql(*sql)
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
    }
    // A pragma takes no parameters; both are numbers of ours.
    let stamp = format!(
        "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {}",
        migrations.len()
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(stamp))
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
    transaction.commit().await.map_err(failed)?;
    tracing::info!(
        from = version,
        to = migrations.len(),
        "database schema brought up to date"
    );
    Ok(())
}

/// The version of the file: 0 for a new one. Refuses what is not ours and what is newer than we know.
async fn check_version(
    connection: &mut SqliteConnection,
    path: &Path,
    known: usize,
) -> Result<usize, StoreError> {
    let failed = |e| StoreError::from_sql("read the schema version", path, e);
    let row = sqlx::query(
        "SELECT (SELECT user_version FROM pragma_user_version), \
                (SELECT application_id FROM pragma_application_id), \
                (SELECT count(*) FROM sqlite_schema)",
    )
    .fetch_one(connection)
    .await
    .map_err(failed)?;
    let (version, application, objects) = (row.get::<i64, _>(0), row.get::<i64, _>(1), row.get::<i64, _>(2));
    let file = path.display();
    if application != APPLICATION_ID && (objects > 0 || application != 0) {
        return Err(
            StoreError::new(ErrorKind::Foreign, format!("{file} belongs to another program"))
                .with_hint("give another folder with --data DIR"),
        );
    }
    let version = usize::try_from(version).map_err(|_| StoreError::corrupt(path))?;
    if version > known {
        return Err(StoreError::new(
            ErrorKind::Foreign,
            format!("{file} has schema version {version}; this build knows {known}"),
        )
        .with_hint(
            "it was written by a newer Longshore: run that one, or give another folder with --data DIR",
        ));
    }
    Ok(version)
}

/// Keeps the file as it is now under a name that is still free.
async fn keep_copy(
    connection: &mut SqliteConnection,
    path: &Path,
    version: usize,
) -> Result<PathBuf, StoreError> {
    let free = (0..1000)
        .map(|n| {
            let tail = if n == 0 { String::new() } else { format!("-{n}") };
            path.with_file_name(format!("longshore-schema-{version}{tail}.db"))
        })
        .find(|copy| !copy.exists())
        .ok_or_else(|| {
            StoreError::new(
                ErrorKind::Unwritable,
                "a thousand copies of the database are kept already",
            )
        })?;
    // VACUUM INTO takes a file that is there when it is empty, so it is made with our mode first.
    drop(private_file(&free)?);
    let done = sqlx::query("VACUUM INTO ?")
        .bind(free.to_string_lossy().into_owned())
        .execute(connection)
        .await;
    if let Err(error) = done {
        // Half a copy is none, and with a full disk there would be one more at every start.
        let _ = std::fs::remove_file(&free);
        return Err(StoreError::from_sql("keep a copy of the database", path, error));
    }
    tracing::info!(copy = %free.display(), "kept a copy of the database before changing its schema");
    Ok(free)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::Store;

    /// All that there are, and one more.
    fn with(last: &'static str) -> &'static [&'static str] {
        [MIGRATIONS, &[last]].concat().leak()
    }

    fn next() -> &'static [&'static str] {
        with("CREATE TABLE later (x INTEGER) STRICT")
    }

    async fn fixture() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).await.unwrap();
        (dir, store)
    }

    #[tokio::test]
    async fn an_older_file_is_copied_then_migrated() {
        let (dir, store) = fixture().await;
        bring_up_to_date(store.pool(), store.path(), next())
            .await
            .unwrap();
        let now = MIGRATIONS.len();
        let copy = dir.path().join(format!("longshore-schema-{now}.db"));
        assert_eq!(copy.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        sqlx::query("SELECT x FROM later")
            .fetch_optional(store.pool())
            .await
            .unwrap();
        // Again: nothing to do, no second copy.
        bring_up_to_date(store.pool(), store.path(), next())
            .await
            .unwrap();
        assert!(!dir.path().join(format!("longshore-schema-{now}-1.db")).exists());
    }

    #[tokio::test]
    async fn a_copy_that_fails_leaves_none() {
        let (dir, store) = fixture().await;
        let mut connection = store.pool().acquire().await.unwrap();
        // No copy can be made inside of a transaction.
        let mut busy = connection.begin().await.unwrap();
        let failed = keep_copy(&mut busy, store.path(), 1).await;
        assert!(failed.unwrap_err().to_string().contains("keep a copy"));
        assert!(!dir.path().join("longshore-schema-1.db").exists());
    }

    #[tokio::test]
    async fn a_migration_that_fails_changes_nothing() {
        let (_dir, store) = fixture().await;
        let broken = with("CREATE TABLE half (x INTEGER); CREATE NONSENSE");
        assert!(
            bring_up_to_date(store.pool(), store.path(), broken)
                .await
                .is_err()
        );
        assert!(
            sqlx::query("SELECT x FROM half")
                .fetch_optional(store.pool())
                .await
                .is_err()
        );
        bring_up_to_date(store.pool(), store.path(), MIGRATIONS)
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn a_newer_file_is_refused_with_what_to_do() {
        let (dir, store) = fixture().await;
        bring_up_to_date(store.pool(), store.path(), next())
            .await
            .unwrap();
        store.close().await;
        let error = Store::open(dir.path()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Foreign);
        assert!(
            error
                .to_string()
                .contains(&format!("schema version {}", MIGRATIONS.len() + 1)),
            "{error}"
        );
        assert!(error.hint().unwrap().contains("newer"));
    }
}
