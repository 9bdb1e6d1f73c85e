//! The store as its users see it: files and their modes, what is refused and how it says so, who wins a race,
//! when a credential ends. Time is handed in, nothing waits.

#![allow(
    clippy::unwrap_used,
    reason = "a test stops at the first thing that is not as it should be"
)]

mod deaths;
mod events;

use std::{os::unix::fs::PermissionsExt, time::Duration};

use longshore_core::Timestamp;
use longshore_store::{ErrorKind, Role, SESSION_IDLE, SESSION_LIFETIME, SETUP_LIFETIME, Store, Subject};

const PASSWORD: &str = "correct horse battery";

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_790_000_000 + secs)
}

fn after(span: Duration) -> Timestamp {
    at(i64::try_from(span.as_secs()).unwrap())
}

async fn fresh() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("data")).await.unwrap();
    (dir, store)
}

async fn with_admin() -> (tempfile::TempDir, Store, longshore_store::Account) {
    let (dir, store) = fresh().await;
    let token = store.create_setup_token(at(0)).await.unwrap().unwrap();
    let account = store
        .complete_setup(token.reveal(), "Ada", PASSWORD, at(1))
        .await
        .unwrap();
    (dir, store, account)
}

#[tokio::test]
async fn folder_and_files_are_private() {
    let (dir, store) = fresh().await;
    store.create_token("t", Role::Viewer, at(0)).await.unwrap();
    let mode = |path: &str| dir.path().join(path).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("data"), 0o700);
    for file in [
        "longshore.db",
        "longshore.db-wal",
        "longshore.db-shm",
        "longshore.lock",
    ] {
        assert_eq!(mode(&format!("data/{file}")), 0o600, "{file}");
    }
}

#[tokio::test]
async fn an_existing_folder_keeps_its_mode_and_a_lax_file_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::write(dir.path().join("longshore.db"), "").unwrap();
    std::fs::set_permissions(dir.path().join("longshore.db"), PermissionsExt::from_mode(0o644)).unwrap();
    Store::open(dir.path()).await.unwrap();
    let mode = |path: std::path::PathBuf| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(dir.path().to_owned()), 0o755);
    assert_eq!(mode(dir.path().join("longshore.db")), 0o600);
}

#[tokio::test]
async fn a_damaged_file_is_named_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("longshore.db");
    std::fs::write(&file, "this is no database, whatever its name says; ".repeat(100)).unwrap();
    let error = Store::open(dir.path()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
    assert!(error.hint().unwrap().contains("move"), "{error:?}");
    assert!(
        std::fs::read_to_string(&file)
            .unwrap()
            .starts_with("this is no database"),
        "it was left alone"
    );
}

#[tokio::test]
async fn damage_inside_is_found_too() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
    store.close().await;
    let file = dir.path().join("longshore.db");
    let mut bytes = std::fs::read(&file).unwrap();
    let half = bytes.len() / 2;
    bytes[100..half].fill(0xa5);
    std::fs::write(&file, bytes).unwrap();
    assert_eq!(
        Store::open(dir.path()).await.unwrap_err().kind(),
        ErrorKind::Corrupt
    );
}

#[tokio::test]
async fn another_programs_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", dir.path().join("longshore.db").display());
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    sqlx::raw_sql("CREATE TABLE theirs (x)")
        .execute(&pool)
        .await
        .unwrap();
    pool.close().await;
    let error = Store::open(dir.path()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Foreign);
    assert!(error.hint().unwrap().contains("--data"));
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "").unwrap();
    for bad in [
        dir.path().join("file"),
        dir.path().join("file/below"),
        "/proc/longshore".into(),
    ] {
        let error = Store::open(&bad).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unwritable, "{error:?}");
        assert!(error.to_string().contains(bad.to_str().unwrap()), "{error}");
        assert!(error.hint().unwrap().contains("--data"));
    }
}

#[tokio::test]
async fn several_may_open_a_new_folder_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let stores = futures_util::future::join_all((0..8).map(|_| Store::open(dir.path()))).await;
    for (n, store) in stores.into_iter().enumerate() {
        store
            .unwrap()
            .create_token(&format!("t{n}"), Role::Viewer, at(0))
            .await
            .unwrap();
    }
    assert_eq!(
        Store::open(dir.path())
            .await
            .unwrap()
            .tokens()
            .await
            .unwrap()
            .len(),
        8
    );
}

#[tokio::test]
async fn of_several_who_set_up_at_once_one_wins() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (
        Store::open(dir.path()).await.unwrap(),
        Store::open(dir.path()).await.unwrap(),
    );
    let token = one.create_setup_token(at(0)).await.unwrap().unwrap();
    let tries = (0..6).map(|n| {
        let (store, token) = (if n % 2 == 0 { one.clone() } else { two.clone() }, token.clone());
        async move {
            store
                .complete_setup(token.reveal(), &format!("racer{n}"), PASSWORD, at(1))
                .await
        }
    });
    let results = futures_util::future::join_all(tries).await;
    assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 1, "{results:?}");
    for error in results.into_iter().filter_map(Result::err) {
        assert_eq!(error.kind(), ErrorKind::Exists, "{error:?}");
    }
}

#[tokio::test]
async fn a_setup_token_is_good_once_and_for_a_while() {
    let (_dir, store) = fresh().await;
    let first = store.create_setup_token(at(0)).await.unwrap().unwrap();
    let token = store.create_setup_token(at(0)).await.unwrap().unwrap();
    let refused = |token: String, now| {
        let store = store.clone();
        async move {
            store
                .complete_setup(&token, "ada", PASSWORD, now)
                .await
                .unwrap_err()
                .kind()
        }
    };
    assert_eq!(
        refused(first.reveal().into(), at(1)).await,
        ErrorKind::Invalid,
        "voided by the second"
    );
    assert_eq!(refused("wrong".into(), at(1)).await, ErrorKind::Invalid);
    assert_eq!(
        refused(token.reveal().into(), after(SETUP_LIFETIME)).await,
        ErrorKind::Invalid,
        "too late"
    );
    let short = store
        .complete_setup(token.reveal(), "ada", "short", at(1))
        .await
        .unwrap_err();
    assert!(short.to_string().contains("10 characters"), "{short}");
    assert!(!store.has_account().await.unwrap());
    store
        .complete_setup(token.reveal(), "ada", PASSWORD, at(1))
        .await
        .unwrap();
    assert!(store.has_account().await.unwrap());
    assert_eq!(refused(token.reveal().into(), at(2)).await, ErrorKind::Exists);
    assert_eq!(store.create_setup_token(at(3)).await.unwrap(), None);
}

#[tokio::test]
async fn a_name_and_its_password_log_in_and_nothing_else_does() {
    let (_dir, store, account) = with_admin().await;
    assert_eq!(
        store.login("ada", PASSWORD).await.unwrap(),
        Some(account),
        "names do not mind case"
    );
    assert_eq!(store.login("ada", "another password").await.unwrap(), None);
    assert_eq!(store.login("nobody", PASSWORD).await.unwrap(), None);
    assert_eq!(store.login("ada", &"x".repeat(1_000_000)).await.unwrap(), None);
    let again = store
        .create_account("ADA", PASSWORD, Role::Viewer, at(2))
        .await
        .unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Exists);
}

#[tokio::test]
async fn a_session_ends_by_age_by_idleness_and_by_word() {
    let (_dir, store, account) = with_admin().await;
    let secret = store.open_session(account.id, at(0)).await.unwrap();
    let who = store.session(secret.reveal(), at(1)).await.unwrap().unwrap();
    assert_eq!(
        (who.name.as_str(), who.role, who.subject),
        ("Ada", Role::Admin, Subject::Account(account.id))
    );
    assert_eq!(store.session("wrong", at(1)).await.unwrap(), None);
    assert_eq!(
        store.session(secret.reveal(), after(SESSION_IDLE)).await.unwrap(),
        None,
        "idle"
    );
    // Used every six days it lives, until its age ends it.
    let step = Duration::from_secs(6 * 24 * 3600);
    for n in 1..5 {
        assert!(
            store
                .session(secret.reveal(), after(step * n))
                .await
                .unwrap()
                .is_some(),
            "step {n}"
        );
    }
    assert_eq!(
        store
            .session(secret.reveal(), after(SESSION_LIFETIME))
            .await
            .unwrap(),
        None,
        "old"
    );

    let mut revoked = store.revocations();
    let secret = store.open_session(account.id, at(0)).await.unwrap();
    assert!(store.close_session(secret.reveal()).await.unwrap());
    assert!(revoked.has_changed().unwrap());
    revoked.mark_unchanged();
    assert_eq!(store.session(secret.reveal(), at(1)).await.unwrap(), None);
    assert!(!store.close_session(secret.reveal()).await.unwrap());
}

#[tokio::test]
async fn an_account_has_a_bounded_number_of_sessions() {
    let (_dir, store, account) = with_admin().await;
    let first = store.open_session(account.id, at(0)).await.unwrap();
    for n in 1..=50 {
        store.open_session(account.id, at(n)).await.unwrap();
    }
    assert_eq!(store.session(first.reveal(), at(60)).await.unwrap(), None);
    assert_eq!(store.close_sessions_of(account.id).await.unwrap(), 50);
}

#[tokio::test]
async fn a_token_is_shown_once_and_revoked_by_name() {
    let (dir, store) = fresh().await;
    let token = store.create_token("ci", Role::Operator, at(0)).await.unwrap();
    assert!(token.reveal().starts_with("lsh_"));
    // Another process sees it.
    let other = Store::open(dir.path().join("data")).await.unwrap();
    let who = other.token(token.reveal(), at(5)).await.unwrap().unwrap();
    assert_eq!((who.name.as_str(), who.role), ("ci", Role::Operator));
    let mut forged = token.reveal().to_owned();
    forged.replace_range(forged.len() - 1.., if forged.ends_with('0') { "1" } else { "0" });
    for wrong in [forged.as_str(), "lsh_", "lsh__", "", "lsh_x_y", "Bearer"] {
        assert_eq!(store.token(wrong, at(5)).await.unwrap(), None, "{wrong}");
    }
    let listed = store.tokens().await.unwrap();
    assert_eq!((listed[0].name.as_str(), listed[0].used_at), ("ci", Some(at(5))));
    assert_eq!(
        store
            .create_token("CI", Role::Viewer, at(6))
            .await
            .unwrap_err()
            .kind(),
        ErrorKind::Exists
    );
    assert!(other.revoke_token("ci").await.unwrap());
    assert_eq!(store.token(token.reveal(), at(7)).await.unwrap(), None);
    let file = std::fs::read(dir.path().join("data/longshore.db-wal")).unwrap();
    let secret = token.reveal().rsplit('_').next().unwrap().as_bytes();
    assert!(
        !file.windows(secret.len()).any(|w| w == secret),
        "the secret itself is nowhere in the file"
    );
}

#[tokio::test]
async fn who_may_come_in_does_so_while_nothing_can_be_written() {
    let (dir, store, account) = with_admin().await;
    let session = store.open_session(account.id, at(0)).await.unwrap();
    let token = store.create_token("ci", Role::Viewer, at(0)).await.unwrap();
    let file = dir.path().join("data/longshore.db");
    let url = format!("sqlite://{}", file.display());
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    sqlx::raw_sql(
        "CREATE TRIGGER full1 BEFORE UPDATE ON sessions BEGIN SELECT RAISE(FAIL, 'full'); END; \
         CREATE TRIGGER full2 BEFORE UPDATE ON tokens BEGIN SELECT RAISE(FAIL, 'full'); END",
    )
    .execute(&pool)
    .await
    .unwrap();
    // Late enough for a note of the use.
    let who = store.session(session.reveal(), at(600)).await.unwrap();
    assert_eq!(who.unwrap().name, "Ada");
    let who = store.token(token.reveal(), at(600)).await.unwrap();
    assert_eq!(who.unwrap().name, "ci");
    assert_eq!(store.tokens().await.unwrap()[0].used_at, None);
}

#[tokio::test]
async fn a_role_change_counts_at_once() {
    let (_dir, store, account) = with_admin().await;
    let secret = store.open_session(account.id, at(0)).await.unwrap();
    assert!(store.set_role(account.id, Role::Viewer).await.unwrap());
    assert_eq!(
        store.session(secret.reveal(), at(1)).await.unwrap().unwrap().role,
        Role::Viewer
    );
}
