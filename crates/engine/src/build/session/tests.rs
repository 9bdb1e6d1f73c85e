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
    offer: Arc<Offer>,
    _tasks: JoinSet<()>,
}

impl Asker {
    /// Opens a session with this offer.
    async fn new(offer: Offer) -> Self {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let mut tasks = JoinSet::new();
        let offer = Arc::new(offer);
        let offered = Arc::clone(&offer);
        tasks.spawn(async move { serve(theirs, offered).await.unwrap_or(()) });
        let (calls, connection) = client::handshake(ours).await.unwrap();
        tasks.spawn(async move { connection.await.unwrap_or(()) });
        Self {
            calls,
            offer,
            _tasks: tasks,
        }
    }

    /// Calls a method with bytes as they are.
    async fn raw(&self, method: &str, bytes: impl Into<Bytes>) -> Reply {
        let mut calls = self.calls.clone().ready().await.unwrap();
        let request = Request::post(format!("http://localhost{method}"))
            .header("buildkit.ssh.id", "work")
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
    Offer::new(RegistryAuth::default(), options, None).await
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

#[tokio::test]
async fn an_enormous_head_ends_its_call_and_an_endless_one_the_session() {
    let options = BuildImage::default().secret("token", SecretSource::bytes("hunter2"));
    let asker = Asker::new(offer(&options).await.unwrap()).await;
    let with_head = async |kilobytes: usize| {
        let mut calls = asker.calls.clone().ready().await.unwrap();
        let mut request = Request::post(format!("http://localhost{}", secrets::GET));
        for n in 0..kilobytes {
            request = request.header(format!("x-{n}"), "x".repeat(1_000));
        }
        let (answer, _) = calls.send_request(request.body(()).unwrap(), true).unwrap();
        answer.await
    };
    for _ in 0..3 {
        assert_eq!(with_head(80).await.unwrap().status(), 431);
    }
    assert_eq!(asker.ask(secrets::GET, &message(b"token")).await.status, "0");
    let ended = with_head(1_000).await.unwrap_err();
    assert!(ended.is_go_away(), "{ended:?}");
}

#[cfg(unix)]
mod agents {
    use std::path::Path;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::UnixListener;

    use super::*;

    const LIST: &[u8] = b"\0\0\0\x01\x0b";
    const NO_KEYS: &[u8] = b"\0\0\0\x05\x0c\0\0\0\0";
    const FAILURE: &[u8] = b"\0\0\0\x01\x05";

    /// An agent that answers each list of keys with these bytes, and hangs up after so many. All that it is asked goes
    /// into the set's results.
    fn agent(tasks: &mut JoinSet<Vec<u8>>, socket: &Path, answer: &'static [u8], times: usize) {
        let listener = UnixListener::bind(socket).unwrap();
        tasks.spawn(async move {
            // Whether somebody is there is looked at first.
            drop(listener.accept().await.unwrap());
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut asked = Vec::new();
            for _ in 0..times {
                let mut request = [0; LIST.len()];
                if connection.read_exact(&mut request).await.is_err() {
                    break;
                }
                asked.extend_from_slice(&request);
                connection.write_all(answer).await.unwrap();
            }
            asked
        });
    }

    /// A session with this agent as `work`, and what it answers to these bytes of a step.
    async fn forwarded(answer: &'static [u8], times: usize, bytes: &[u8]) -> (Reply, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("agent");
        let mut tasks = JoinSet::new();
        agent(&mut tasks, &socket, answer, times);
        let options = BuildImage::default().ssh_agent("work", SshAgent::socket(&socket));
        let asker = Asker::new(offer(&options).await.unwrap()).await;
        assert_eq!(asker.ask(ssh::CHECK, &message(b"work")).await.status, "0");
        for other in ["", "default"] {
            assert_eq!(
                asker.ask(ssh::CHECK, &message(other.as_bytes())).await.status,
                "5"
            );
        }
        let reply = asker.raw(ssh::FORWARD, bytes.to_vec()).await;
        (reply, tasks.join_next().await.unwrap().unwrap())
    }

    #[tokio::test]
    async fn an_agent_is_asked_for_keys_and_nothing_that_changes_it() {
        // Add a key, remove all, lock, extension: in one piece with the rest, which is cut in the middle.
        let mut step = Vec::new();
        for kind in [17, 19, 22, 27] {
            step.extend_from_slice(&[0, 0, 0, 2, kind, 0]);
        }
        step.extend_from_slice(&LIST[..2]);
        let bytes = [
            framed(&message(&step)),
            framed(&message(&[&LIST[2..], LIST].concat())),
        ]
        .concat();
        let (reply, asked) = forwarded(NO_KEYS, 9, &bytes).await;
        assert_eq!(reply.status, "0", "{reply:?}");
        let expected = [[FAILURE; 4].as_slice(), [NO_KEYS; 2].as_slice()].concat();
        let expected: Vec<u8> = expected.iter().flat_map(|one| framed(&message(one))).collect();
        assert_eq!(reply.bytes, expected);
        assert_eq!(asked, [LIST, LIST].concat());
    }

    #[tokio::test]
    async fn an_agent_that_fails_ends_the_steps_connection_and_not_the_session() {
        let twice = [framed(&message(LIST)), framed(&message(LIST))].concat();
        for (answer, times) in [
            // Hangs up after an answer, in the middle of one, and without any.
            (NO_KEYS, 1),
            (&NO_KEYS[..6], 1),
            (NO_KEYS, 0),
            // Announces 4 GiB; says more than it was asked for.
            (b"\xff\xff\xff\xff\x0c", 2),
            (b"\0\0\0\x01\x05\0", 2),
        ] {
            let (reply, _) = forwarded(answer, times, &twice).await;
            assert_eq!(reply.status, "14", "{answer:?} {times}: {reply:?}");
        }
        let (reply, asked) = forwarded(NO_KEYS, 1, &framed(&message(b"\xff\xff\xff\xff\x0b"))).await;
        assert_eq!((&*reply.status, asked.len()), ("3", 0));
        let (reply, asked) = forwarded(NO_KEYS, 1, b"\0\xff\xff\xff\xff").await;
        assert_eq!((&*reply.status, asked.len()), ("8", 0));
    }

    #[tokio::test]
    async fn an_agent_that_is_not_there_is_an_error_before_anything_is_sent() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let left = folder.path().join("left");
        drop(UnixListener::bind(&left).unwrap());
        for path in [folder.path().join("none"), file, left] {
            let agent = SshAgent::socket(&path);
            let error = offer(&BuildImage::default().ssh_agent("work", agent)).await;
            let error = error.err().unwrap();
            assert_eq!(error.kind(), ErrorKind::BadInput);
            let text = error.to_string();
            assert!(
                text.contains("work") && text.contains(path.to_str().unwrap()),
                "{text}"
            );
        }
    }
}

mod outputs {
    use std::io;
    use std::path::Path;

    use super::*;

    /// A tar of files with these names, which need not be good ones, and of links.
    fn tar(entries: &[(&str, Result<&str, &str>)]) -> Vec<u8> {
        let mut tar = ::tar::Builder::new(Vec::new());
        for (name, what) in entries {
            let mut header = ::tar::Header::new_gnu();
            header.set_mode(0o644);
            header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            let content = what.unwrap_or_default();
            if let Err(target) = what {
                header.set_entry_type(::tar::EntryType::Symlink);
                header.set_link_name_literal(target).unwrap();
            }
            header.set_size(content.len() as u64);
            header.set_cksum();
            tar.append(&header, content.as_bytes()).unwrap();
        }
        tar.into_inner().unwrap()
    }

    /// The tar in pieces of this size, as an engine sends it.
    fn pieces(tar: &[u8], size: usize) -> Vec<u8> {
        tar.chunks(size)
            .flat_map(|piece| framed(&message(piece)))
            .collect()
    }

    async fn to_folder(path: &Path) -> Result<Asker, Error> {
        let output = Some(BuildOutput::folder(path));
        let offer = Offer::new(RegistryAuth::default(), &BuildImage::default(), output).await?;
        Ok(Asker::new(offer).await)
    }

    #[tokio::test]
    async fn files_come_into_the_folder_and_only_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made/by/the/build");
        let asker = to_folder(&path).await.unwrap();
        let tar = tar(&[
            ("a", Ok("one")),
            ("sub/b", Ok("two")),
            ("link", Err("/etc/passwd")),
        ]);
        let done = asker.raw(output::SEND, pieces(&tar, 100)).await;
        assert_eq!(done.status, "0", "{done:?}");
        let copied = asker.offer.output().unwrap().unwrap();
        assert_eq!((copied.entries, copied.bytes), (3, 6));
        assert_eq!(std::fs::read_to_string(path.join("sub/b")).unwrap(), "two");
        assert_eq!(
            std::fs::read_link(path.join("link")).unwrap(),
            Path::new("/etc/passwd")
        );
        let again = asker.raw(output::SEND, pieces(&tar, 100)).await;
        assert_eq!(again.status, "9", "{again:?}");
        assert!(asker.offer.output().is_none());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn nothing_is_written_outside_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("inside");
        let outside = folder.path().join("outside");
        std::fs::create_dir(&outside).unwrap();
        let above = outside.to_str().unwrap();
        // A link of the caller's own leads to the folder: it stays.
        std::fs::create_dir(folder.path().join("real")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("real"), &inside).unwrap();
        for entries in [
            &[("../outside/x", Ok("x"))][..],
            &[("a/../../outside/x", Ok("x"))],
            &[("out", Err(above)), ("out/x", Ok("x"))],
            &[("out", Err("../outside")), ("out/x", Ok("x"))],
            &[("./", Err(above)), ("x", Ok("x"))],
        ] {
            let asker = to_folder(&inside).await.unwrap();
            let refused = asker.raw(output::SEND, pieces(&tar(entries), 4096)).await;
            assert_eq!(refused.status, "10", "{entries:?}: {refused:?}");
            assert!(!refused.message.contains(above), "{refused:?}");
            let error = asker.offer.output().unwrap().unwrap_err();
            assert!(
                matches!(error.kind(), ErrorKind::Protocol | ErrorKind::BadInput),
                "{error:?}"
            );
            assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0, "{entries:?}");
            assert!(std::fs::symlink_metadata(&inside).unwrap().is_symlink());
        }
        // An absolute name is one below the folder.
        let asker = to_folder(&inside).await.unwrap();
        let absolute = tar(&[("/etc/x", Ok("x"))]);
        assert_eq!(asker.raw(output::SEND, pieces(&absolute, 4096)).await.status, "0");
        assert!(inside.join("etc/x").is_file());
    }

    #[tokio::test]
    async fn what_cannot_be_an_output_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "mine").unwrap();
        for path in [file.clone(), file.join("below")] {
            let error = to_folder(&path).await.err().unwrap();
            assert_eq!(error.kind(), ErrorKind::BadInput);
            assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        }
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");

        let whole = tar(&[("a", Ok("one"))]);
        for (bytes, kind) in [
            // 4 GiB, more than a message may have, no message, no tar.
            (b"\0\xff\xff\xff\xff".to_vec(), Some(ErrorKind::Protocol)),
            (b"\0\x00\x40\x00\x01".to_vec(), Some(ErrorKind::Protocol)),
            (framed(b"\xff\xff").to_vec(), Some(ErrorKind::Protocol)),
            (pieces(&[b'x'; 600], 100), Some(ErrorKind::Protocol)),
            // It ends in the middle: what the engine says is the reason.
            (pieces(&whole[..514], 100), None),
        ] {
            let asker = to_folder(&folder.path().join("out")).await.unwrap();
            let refused = asker.raw(output::SEND, bytes.clone()).await;
            assert_eq!(refused.status, "10", "{bytes:?}: {refused:?}");
            let error = asker.offer.output().map(|ended| ended.unwrap_err().kind());
            assert_eq!(error, kind, "{bytes:?}");
        }
    }

    #[tokio::test]
    async fn a_tar_goes_to_the_writer_and_a_writer_that_fails_is_the_error() {
        let tar = tar(&[("a", Ok("one"))]);
        let (writer, mut reader) = tokio::io::duplex(100);
        let to = |writer| async {
            let output = Some(BuildOutput::tar(writer));
            let options = BuildImage::default();
            let offer = Offer::new(RegistryAuth::default(), &options, output).await;
            Asker::new(offer.unwrap()).await
        };
        let asker = to(writer).await;
        let mut bytes = Vec::new();
        let read = tokio::io::AsyncReadExt::read_to_end(&mut reader, &mut bytes);
        let (done, read) = tokio::join!(asker.raw(output::SEND, pieces(&tar, 333)), read);
        assert_eq!((&*done.status, read.unwrap()), ("0", tar.len()));
        assert_eq!(bytes, tar);
        let copied = asker.offer.output().unwrap().unwrap();
        assert_eq!((copied.entries, copied.bytes), (0, tar.len() as u64));

        let (writer, reader) = tokio::io::duplex(100);
        drop(reader);
        let asker = to(writer).await;
        assert_eq!(asker.raw(output::SEND, pieces(&tar, 333)).await.status, "10");
        let error = asker.offer.output().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadInput);
        let source = std::error::Error::source(&error).unwrap();
        assert_eq!(
            source.downcast_ref::<io::Error>().unwrap().kind(),
            io::ErrorKind::BrokenPipe
        );
    }

    #[tokio::test]
    async fn what_was_written_before_the_session_ended_stays() {
        let folder = tempfile::tempdir().unwrap();
        let asker = to_folder(folder.path()).await.unwrap();
        let long = "x".repeat(300_000);
        let tar = tar(&[("first", Ok("whole")), ("second", Ok(&long))]);
        let mut calls = asker.calls.clone().ready().await.unwrap();
        let request = Request::post(format!("http://localhost{}", output::SEND))
            .body(())
            .unwrap();
        let (answer, mut asked) = calls.send_request(request, false).unwrap();
        asked
            .send_data(pieces(&tar[..100_000], 1000).into(), false)
            .unwrap();
        answer.await.unwrap();
        let path = folder.path().join("second");
        while std::fs::metadata(&path).map_or(0, |meta| meta.len()) < 90_000 {
            tokio::task::yield_now().await;
        }
        drop(asker);
        assert_eq!(
            std::fs::read_to_string(folder.path().join("first")).unwrap(),
            "whole"
        );
        let length = std::fs::metadata(&path).unwrap().len();
        assert!((90_000..100_000).contains(&length), "{length}");
    }

    #[tokio::test]
    async fn a_call_that_stands_still_holds_up_no_other() {
        let (writer, _nobody_reads) = tokio::io::duplex(10);
        let output = Some(BuildOutput::tar(writer));
        let offer = Offer::new(RegistryAuth::default(), &BuildImage::default(), output).await;
        let asker = Asker::new(offer.unwrap()).await;
        let mut calls = asker.calls.clone().ready().await.unwrap();
        let request = Request::post(format!("http://localhost{}", output::SEND))
            .body(())
            .unwrap();
        let (answer, mut asked) = calls.send_request(request, false).unwrap();
        // More than is held of it.
        asked
            .send_data(pieces(&vec![0; 2 << 20], 1000).into(), false)
            .unwrap();
        answer.await.unwrap();
        for _ in 0..10 {
            let asking = asker.ask(HEALTH, b"");
            let answered = tokio::time::timeout(std::time::Duration::from_secs(20), asking).await;
            assert_eq!(answered.unwrap().status, "0");
        }
    }
}
