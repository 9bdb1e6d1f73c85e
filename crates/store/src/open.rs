//! Opening the file: folder and modes, the lock that keeps two first starts apart, the pool, the checks.

use std::{
    fs::{DirBuilder, File, OpenOptions, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use tokio::sync::watch;

use crate::{ErrorKind, Inner, Store, StoreError, password, schema};

/// The database file in the data folder.
const FILE: &str = "longshore.db";
/// Held while the file is opened and migrated. Two processes that turn a new file to WAL at once get
/// `SQLITE_BUSY` without the busy handler being asked, so SQLite's own lock is not enough.
const LOCK: &str = "longshore.lock";
/// How long a statement waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// One writes, one reads beside it. Each has a thread and a page cache.
const CONNECTIONS: u32 = 2;

impl Store {
    /// Opens (or makes) the database in `dir`, bringing its schema up to date. A copy of an older file is kept beside
    /// it. A folder that is made gets mode 0700; the file always 0600.
    ///
    /// # Errors
    /// [`ErrorKind::Unwritable`], [`ErrorKind::Corrupt`] or [`ErrorKind::Foreign`], each with a hint.
    pub async fn open(dir: impl AsRef<Path>) -> Result<Self, StoreError> {
        let dir = dir.as_ref().to_owned();
        let (path, lock) = tokio::task::spawn_blocking(move || prepare(&dir))
            .await
            .map_err(|e| StoreError::new(ErrorKind::Internal, "prepare the data folder").with_source(e))??;
        let pool = connect(&path).await?;
        schema::bring_up_to_date(&pool, &path, schema::MIGRATIONS).await?;
        drop(lock);
        let (revoked, _) = watch::channel(0);
        let passwords = password::Hasher::new()?;
        Ok(Self {
            inner: Arc::new(Inner {
                pool,
                path,
                passwords,
                revoked,
            }),
        })
    }
}

async fn connect(path: &Path) -> Result<sqlx::SqlitePool, StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY_TIMEOUT)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(true)
        .statement_cache_capacity(24)
        // Half a MiB of pages a connection: the tables are small.
        .pragma("cache_size", "-512");
    SqlitePoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(BUSY_TIMEOUT + Duration::from_secs(5))
        .connect_with(options)
        .await
        .map_err(|e| StoreError::from_sql("open the database", path, e))
}

fn prepare(dir: &Path) -> Result<(PathBuf, File), StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|e| unwritable("make the folder", dir, e))?;
    let lock = private_file(&dir.join(LOCK))?;
    lock.lock().map_err(|e| unwritable("lock", &dir.join(LOCK), e))?;
    let path = dir.join(FILE);
    // SQLite gives its -wal and -shm files the mode of this one.
    drop(private_file(&path)?);
    Ok((path, lock))
}

/// Opens or makes a file that only its owner may read, also where an older one was laxer.
pub(crate) fn private_file(path: &Path) -> Result<File, StoreError> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|e| unwritable("open", path, e))?;
    let mode = file
        .metadata()
        .map_err(|e| unwritable("read the mode of", path, e))?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600))
            .map_err(|e| unwritable("set the mode of", path, e))?;
    }
    Ok(file)
}

fn unwritable(doing: &str, path: &Path, source: io::Error) -> StoreError {
    StoreError::new(
        ErrorKind::Unwritable,
        format!("cannot {doing} {}", path.display()),
    )
    .with_hint("give a folder that this user may write with --data DIR, or change who owns this one")
    .with_source(source)
}
