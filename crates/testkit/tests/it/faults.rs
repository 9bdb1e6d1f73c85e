//! Faults: cuts at every byte, stalls, scripted answers, freezes, refusals.

use std::io::ErrorKind;
use std::time::Duration;

use longshore_testkit::fake::Fault;
use longshore_testkit::raw::Connection;

use super::{connect, engine, get};

#[tokio::test]
async fn a_cut_at_every_byte_is_never_an_answer() {
    let engine = engine().await;
    let whole = b"HTTP/1.1 200 OK\r\n".len();
    let mut cuts = 0;
    for after in 0.. {
        engine.faults().cut_after("GET /_ping", after);
        let answer = connect(&engine).await.call("GET", "/_ping", None).await;
        engine.faults().clear();
        match answer {
            Err(error) => assert!(
                matches!(
                    error.kind(),
                    ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset
                ),
                "{error}"
            ),
            Ok(answer) => {
                assert_eq!(answer.text(), "OK");
                break;
            }
        }
        cuts += 1;
    }
    assert!(cuts > whole, "{cuts}");
    assert_eq!(engine.faults().left(), 0);
}

#[tokio::test]
async fn dribbled_answers_are_whole() {
    let engine = engine().await;
    engine.add_containers(3);
    let plain = get(&engine, "/images/json").await;
    engine.faults().always("/images", Fault::Dribble(1));
    assert_eq!(get(&engine, "/images/json").await.body, plain.body);
}

#[tokio::test]
async fn answers_can_be_scripted() {
    let engine = engine().await;
    engine.faults().answer("GET /info", 503, r#"{"message":"later"}"#);
    let mut connection = connect(&engine).await;
    assert_eq!(connection.call("GET", "/info", None).await.unwrap().status(), 503);
    assert_eq!(connection.call("GET", "/info", None).await.unwrap().status(), 200);
    engine.faults().once("/info", Fault::Hangup);
    assert!(connection.call("GET", "/info", None).await.is_err());
}

#[tokio::test]
async fn a_stall_is_silent_and_open() {
    let engine = engine().await;
    engine.faults().stall_after("/_ping", 20);
    let mut connection = connect(&engine).await;
    let waited =
        tokio::time::timeout(Duration::from_millis(30), connection.call("GET", "/_ping", None)).await;
    assert!(waited.is_err());
}

#[tokio::test]
async fn a_frozen_engine_accepts_and_says_nothing() {
    let engine = engine().await;
    engine.freeze(true);
    let mut connection = connect(&engine).await;
    let mut call = std::pin::pin!(connection.call("GET", "/_ping", None));
    assert!(
        tokio::time::timeout(Duration::from_millis(30), &mut call)
            .await
            .is_err()
    );
    engine.freeze(false);
    assert_eq!(call.await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_refusal_spares_what_is_open() {
    let engine = engine().await;
    let mut open = connect(&engine).await;
    open.call("GET", "/_ping", None).await.unwrap();
    engine.refuse(true).await.unwrap();
    assert_eq!(
        Connection::connect(&engine.target()).await.unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
    assert_eq!(open.call("GET", "/_ping", None).await.unwrap().status(), 200);
    engine.refuse(false).await.unwrap();
    assert_eq!(get(&engine, "/_ping").await.status(), 200);

    engine.go_down().await;
    assert!(open.call("GET", "/_ping", None).await.is_err());
    engine.come_up().await.unwrap();
    assert_eq!(get(&engine, "/_ping").await.status(), 200);
}
