//! `serve` and `token`: where the data goes, what is printed, and what stops a start.

use std::os::unix::fs::PermissionsExt as _;

use longshore_testkit::{FakeConfig, FakeEngine};

use crate::longshore::longshore;

#[tokio::test]
async fn a_token_is_printed_once_and_listed_without_its_secret() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let token = |args: &[&str]| longshore(["token"].iter().chain(args)).arg("--data").arg(&data);

    let made = token(&["create", "--name", "ci", "--role", "viewer"]).run().await;
    assert_eq!((made.code, made.err.as_str()), (Some(0), ""), "{made:#?}");
    let secret = made.out.trim();
    assert!(secret.starts_with("lsh_") && secret.len() > 40, "{made:#?}");
    let mode = std::fs::metadata(data.join("longshore.db"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    token(&["create", "--name", "ci", "--role", "admin"])
        .run()
        .await
        .fails(5, "ci", "another name");
    let rows = token(&["list", "--json"]).run().await.json();
    assert_eq!(
        (&rows[0]["name"], &rows[0]["role"]),
        (&"ci".into(), &"viewer".into())
    );
    assert!(!token(&["list"]).run().await.out.contains(secret));

    token(&["revoke", "ci"]).run().await.prints("");
    token(&["revoke", "ci"]).run().await.fails(4, "ci", "token list");
}

#[tokio::test]
async fn the_data_goes_where_the_desktop_says() {
    let command = longshore(["token", "create", "--name", "ci", "--role", "viewer"]);
    let file = command.home.path().join(".local/share/longshore/longshore.db");
    let keep = command.home.path().to_owned();
    let share = keep.join("share");
    let ran = command.env("XDG_DATA_HOME", &share).run().await;
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(!file.exists());
}

#[tokio::test]
async fn a_data_folder_that_cannot_be_used() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    std::fs::write(&file, "x").unwrap();
    // A folder under a file cannot be made, not even by root.
    for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["token", "list"]] {
        let ran = longshore(command)
            .arg("--data")
            .arg(file.join("data"))
            .run()
            .await;
        ran.fails(8, "file", "--data");
    }
    longshore(["token", "list"])
        .env("HOME", "")
        .run()
        .await
        .fails(8, "no place for the data", "--data");
}

#[tokio::test]
async fn a_damaged_database_is_said_and_left_alone() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("longshore.db");
    let damaged = "this is no database".repeat(1_000);
    std::fs::write(&file, &damaged).unwrap();
    for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["token", "list"]] {
        let ran = longshore(command).arg("--data").arg(data.path()).run().await;
        ran.fails(8, "damaged", "copy");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), damaged);
}

#[tokio::test]
async fn a_port_in_use() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = longshore(["serve", "--listen", &address])
        .engine("unix:///nowhere.sock")
        .run()
        .await;
    ran.fails(9, &address, "--listen");
}

#[tokio::test]
async fn a_log_filter_that_is_none() {
    longshore(["serve", "--log", "a=b=c", "--listen", "127.0.0.1:0"])
        .run()
        .await
        .fails(2, "a=b=c", "info");
}

#[tokio::test]
async fn it_says_where_it_listens_gives_the_setup_link_and_drains() {
    let engine = FakeEngine::start(FakeConfig::default()).await.unwrap();
    for signal in ["TERM", "INT"] {
        let mut running = longshore(["serve", "--listen", "127.0.0.1:0"])
            .engine(&engine.endpoint())
            .start();
        let first = running.line().await;
        let url = first
            .strip_prefix("Longshore listens on ")
            .unwrap_or_else(|| panic!("{first}"))
            .to_owned();
        let second = running.line().await;
        assert!(second.contains(&format!("{url}#setup=")), "{second}");
        running.signal(signal).await;
        let (status, err) = running.ended().await.unwrap();
        assert_eq!(status.code(), Some(0), "{err}");
        let token = second
            .split_once("#setup=")
            .unwrap()
            .1
            .split_whitespace()
            .next()
            .unwrap()
            .to_owned();
        assert!(token.len() >= 32 && !err.contains(&token), "{err}");
    }
}

#[tokio::test]
async fn nobody_needs_to_read_what_it_prints() {
    let mut running = longshore(["serve", "--listen", "127.0.0.1:0"])
        .engine("unix:///nowhere/docker.sock")
        .env("LONGSHORE_ALLOW_HOST", "")
        .start();
    running.hang_up();
    // It has no other sign of life: that it listens is in its log.
    assert!(running.said("listening").await.contains("127.0.0.1:"));
    running.signal("TERM").await;
    assert_eq!(running.ended().await.unwrap().0.code(), Some(0));
}

#[tokio::test]
async fn it_listens_without_an_engine() {
    let mut running = longshore(["serve", "--listen", "127.0.0.1:0"])
        .engine("unix:///nowhere/docker.sock")
        .start();
    assert!(
        running
            .line()
            .await
            .starts_with("Longshore listens on http://127.0.0.1:")
    );
    running.signal("TERM").await;
    assert_eq!(running.ended().await.unwrap().0.code(), Some(0));
}
