//! The session as an engine sees it: a client of HTTP/2 asks what no real engine can be made to ask.

use bytes::{BufMut as _, BytesMut};
use h2::client::{self, SendRequest};
use http::HeaderMap;
use tokio::task::JoinSet;

use super::super::proto::put_field;
use super::*;
use crate::error::ErrorKind;

/// What the engine is told: the bytes of all messages, framed, and what the call ended with.
#[derive(Debug)]
struct Reply {
    bytes: BytesMut,
    status: String,
    message: String,
}

/// An engine in a session, which ends with it.
struct Asker {
    calls: SendRequest<Bytes>,
    _tasks: JoinSet<()>,
}

impl Asker {
    /// Opens a session with this offer.
    async fn new(offer: Offer) -> Self {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { serve(theirs, Arc::new(offer)).await.unwrap_or(()) });
        let (calls, connection) = client::handshake(ours).await.unwrap();
        tasks.spawn(async move { connection.await.unwrap_or(()) });
        Self { calls, _tasks: tasks }
    }

    /// Calls a method with bytes as they are.
    async fn raw(&self, method: &str, bytes: impl Into<Bytes>) -> Reply {
        let mut calls = self.calls.clone().ready().await.unwrap();
        let request = Request::post(format!("http://localhost{method}"))
            .body(())
            .unwrap();
        let (answer, mut asked) = calls.send_request(request, false).unwrap();
        // It may have refused already.
        let _ = asked.send_data(bytes.into(), true);
        reply(answer.await.unwrap().into_body()).await
    }

    async fn ask(&self, method: &str, message: &[u8]) -> Reply {
        self.raw(method, framed(message)).await
    }
}

async fn reply(mut body: RecvStream) -> Reply {
    let mut bytes = BytesMut::new();
    while let Some(piece) = body.data().await {
        let piece = piece.unwrap();
        body.flow_control().release_capacity(piece.len()).unwrap();
        bytes.extend_from_slice(&piece);
    }
    let trailers = body.trailers().await.unwrap().unwrap();
    let text = |trailers: &HeaderMap, name| {
        let value = trailers.get(name).map(|value| value.to_str().unwrap());
        value.unwrap_or_default().to_owned()
    };
    Reply {
        bytes,
        status: text(&trailers, "grpc-status"),
        message: text(&trailers, "grpc-message"),
    }
}

fn framed(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(message.len() as u32);
    frame.put_slice(message);
    frame.freeze()
}

/// A message with this in field 1.
fn message(bytes: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    put_field(&mut message, 1, bytes);
    message
}

async fn offer(options: &BuildImage) -> Result<Offer, Error> {
    Offer::new(RegistryAuth::default(), options).await
}

#[tokio::test]
async fn a_secret_is_given_by_its_id_and_no_other_is() {
    let large = vec![b'x'; 500 * 1024];
    let options = BuildImage::default()
        .secret("token", SecretSource::bytes("hunter2"))
        .secret("large", SecretSource::bytes(large.clone()));
    let asker = Asker::new(offer(&options).await.unwrap()).await;
    let given = asker.ask(secrets::GET, &message(b"token")).await;
    assert_eq!(
        (&*given.status, &*given.bytes),
        ("0", &*framed(&message(b"hunter2")))
    );
    // More than the engine takes before it reads.
    let given = asker.ask(secrets::GET, &message(b"large")).await;
    assert_eq!((&*given.status, &*given.bytes), ("0", &*framed(&message(&large))));
    for id in ["other", ""] {
        let refused = asker.ask(secrets::GET, &message(id.as_bytes())).await;
        assert_eq!((&*refused.status, refused.bytes.len()), ("5", 0), "{refused:?}");
    }
    assert_eq!(asker.ask(HEALTH, b"").await.status, "0");
}

#[tokio::test]
async fn what_is_no_question_is_refused_and_the_session_goes_on() {
    let options = BuildImage::default().secret("token", SecretSource::bytes("hunter2"));
    let asker = Asker::new(offer(&options).await.unwrap()).await;
    let mut long = message(&[b'x'; 5000]);
    for (method, bytes, status) in [
        // A frame that announces 4 GiB.
        (secrets::GET, Bytes::from_static(b"\0\xff\xff\xff\xff"), "8"),
        (secrets::GET, framed(&std::mem::take(&mut long)), "8"),
        (secrets::GET, Bytes::from_static(b"\x01\0\0\0\0"), "12"),
        (secrets::GET, Bytes::from_static(b"\0\0\0\0\x05ab"), "3"),
        (secrets::GET, Bytes::from_static(b"\0\0"), "3"),
        (secrets::GET, Bytes::new(), "3"),
        (secrets::GET, framed(b"\xff\xff\xff"), "5"),
        (CREDENTIALS, framed(b"\x0a\x05a"), "3"),
        ("/moby.filesync.v1.FileSync/DiffCopy", framed(b""), "12"),
        ("/", framed(b""), "12"),
    ] {
        let refused = asker.raw(method, bytes.clone()).await;
        assert_eq!(refused.status, status, "{method} {bytes:?}: {refused:?}");
        assert!(
            !refused.message.is_empty() && refused.bytes.is_empty(),
            "{refused:?}"
        );
        assert_eq!(asker.ask(HEALTH, b"").await.status, "0");
    }
}

#[tokio::test]
async fn a_secret_that_is_not_there_is_an_error_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let large = folder.path().join("large");
    std::fs::write(&large, vec![b'x'; 500 * 1024 + 1]).unwrap();
    for (id, source, word) in [
        ("a", SecretSource::file(folder.path().join("none")), "none"),
        ("b", SecretSource::file(folder.path()), "cannot be read"),
        ("c", SecretSource::file(&large), "500 KiB"),
        ("d", SecretSource::bytes(vec![0; 500 * 1024 + 1]), "500 KiB"),
        (
            "e",
            SecretSource::environment("LONGSHORE_NO_SUCH_VARIABLE"),
            "LONGSHORE_NO_SUCH_VARIABLE",
        ),
        ("", SecretSource::bytes("x"), "no id"),
    ] {
        let error = offer(&BuildImage::default().secret(id, source))
            .await
            .err()
            .unwrap();
        assert_eq!(error.kind(), ErrorKind::BadInput);
        let text = error.to_string();
        assert!(text.contains(word) && text.contains(id), "{text}");
    }
    let shown = format!(
        "{:?}",
        BuildImage::default().secret("a", SecretSource::bytes("hunter2"))
    );
    assert!(shown.contains("covered") && !shown.contains("hunter2"), "{shown}");
}
