//! What can be wrong at the start, and what the person who starts it is told; and the end, which has a deadline.

use std::time::{Duration, Instant};

use longshore_fleet::FleetConfig;
use longshore_server::{ServeErrorKind, Server, ServerConfig};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::Site;

fn config(listen: &str, data: &std::path::Path) -> ServerConfig {
    let nowhere = format!("unix://{}", data.join("no.sock").display());
    ServerConfig::new(
        listen.parse().unwrap(),
        data,
        FleetConfig::at(nowhere.parse().unwrap()),
    )
}

async fn refused(config: ServerConfig) -> (ServeErrorKind, String) {
    let error = Server::bind(config).await.unwrap_err();
    (
        error.kind(),
        format!("{error}; {}", error.hint().unwrap_or_default()),
    )
}

#[tokio::test]
async fn a_port_in_use_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (kind, text) = refused(config(&address, dir.path())).await;
    assert_eq!(kind, ServeErrorKind::Listen);
    assert!(text.contains(&address) && text.contains("--listen"), "{text}");
}

#[tokio::test]
async fn an_open_address_needs_to_be_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let (kind, text) = refused(config("0.0.0.0:0", dir.path())).await;
    assert_eq!(kind, ServeErrorKind::Config);
    assert!(text.contains("--insecure-listen"), "{text}");
    let server = Server::bind(config("0.0.0.0:0", dir.path()).insecure_listen(true))
        .await
        .unwrap();
    assert!(server.notices()[0].contains("clear"), "{:?}", server.notices());
    assert!(server.setup_link().unwrap().starts_with("http://127.0.0.1:"));
}

#[tokio::test]
async fn a_damaged_database_and_a_bad_folder_are_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("longshore.db"), "rubbish ".repeat(1000)).unwrap();
    let (kind, text) = refused(config("127.0.0.1:0", dir.path())).await;
    assert_eq!(kind, ServeErrorKind::Data);
    assert!(text.contains("longshore.db"), "{text}");
    let (kind, text) = refused(config("127.0.0.1:0", &dir.path().join("longshore.db"))).await;
    assert_eq!(kind, ServeErrorKind::Data);
    assert!(text.contains("--data"), "{text}");
}

#[tokio::test]
async fn a_name_that_is_none_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let with = config("127.0.0.1:0", dir.path()).allow_hosts(vec!["http://x/".to_owned()]);
    assert_eq!(refused(with).await.0, ServeErrorKind::Config);
    let with = config("127.0.0.1:0", dir.path()).allow_origins(vec!["x".to_owned()]);
    assert_eq!(refused(with).await.0, ServeErrorKind::Config);
}

#[tokio::test]
async fn a_request_that_never_ends_does_not_hold_up_the_shutdown() {
    let site = Site::with(|config| config.drain(Duration::from_millis(50))).await;
    let mut stuck = TcpStream::connect(site.address).await.unwrap();
    let head = format!(
        "POST /api/v1/login HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\
         Expect: 100-continue\r\n\r\n",
        site.address
    );
    stuck.write_all(head.as_bytes()).await.unwrap();
    // The handler waits for the body now.
    let mut answer = [0; 12];
    stuck.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100");
    let begun = Instant::now();
    site.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}
