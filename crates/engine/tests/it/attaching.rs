//! A container's own stdin and output, live, on real engines.

use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _};
use longshore_core::{ObjectRef, Verb};
use longshore_engine::{AttachOptions, ErrorKind, StdStream};
use longshore_testkit::lease::on_each;
use tokio::io::AsyncWriteExt as _;

use crate::support::{client, is_podman, nobody, spec};

#[tokio::test]
async fn not_a_byte_is_missed_by_who_attaches_before_the_start() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        for round in 0..5 {
            let script = "echo first; echo second >&2; seq 1 20000";
            let created = engine
                .create_container(&spec(&lease, &format!("early{round}"), &["sh", "-c", script]))
                .await
                .unwrap();
            let id = ObjectRef::from(&created.id);
            let attached = engine.attach(&id, &AttachOptions::default()).await.unwrap();
            assert!(!attached.is_tty());
            engine.act(&id, &Verb::Start).await.unwrap();
            let frames: Vec<_> = attached.try_collect().await.unwrap();
            let of = |stream| -> Vec<u8> {
                frames
                    .iter()
                    .filter(|frame| frame.stream == stream)
                    .flat_map(|frame| frame.bytes.to_vec())
                    .collect()
            };
            let expected =
                (1..=20_000).fold("first\n".to_owned(), |text, number| format!("{text}{number}\n"));
            assert!(of(StdStream::Stdout) == expected.as_bytes(), "round {round}");
            assert_eq!(of(StdStream::Stderr), b"second\n");
        }
    })
    .await;
}

#[tokio::test]
async fn stdin_is_written_and_ended_while_output_is_read() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let created = engine
            .create_container(&spec(&lease, "cat", &["sh", "-c", "cat; echo ended >&2"]).stdin())
            .await
            .unwrap();
        let id = ObjectRef::from(&created.id);
        let options = AttachOptions::default().stdin(true);
        let (mut input, output) = engine.attach(&id, &options).await.unwrap().split();
        engine.act(&id, &Verb::Start).await.unwrap();
        // More than any buffer on the way.
        let sent: Vec<u8> = (0..2_000_000_u32).flat_map(u32::to_le_bytes).collect();
        let write = async {
            input.write_all(&sent).await.unwrap();
            input.shutdown().await.unwrap();
        };
        let read = output.try_fold((Vec::new(), Vec::new()), async |(mut out, mut err), frame| {
            match frame.stream {
                StdStream::Stdout => out.extend_from_slice(&frame.bytes),
                StdStream::Stderr => err.extend_from_slice(&frame.bytes),
            }
            Ok((out, err))
        });
        let ((), read) = tokio::join!(write, read);
        let (out, err) = read.unwrap();
        assert!(out == sent, "{} of {} bytes", out.len(), sent.len());
        assert_eq!(err, b"ended\n");
        assert_eq!(engine.wait_container(&id).await.unwrap().code, 0);
    })
    .await;
}

#[tokio::test]
async fn a_terminal_is_raw_and_has_the_size_that_it_is_given() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let script = "read word; stty size; printf '\\001\\000\\000\\000 raw'; read word";
        let created = engine
            .create_container(&spec(&lease, "tty", &["sh", "-c", script]).tty(true).stdin())
            .await
            .unwrap();
        let id = ObjectRef::from(&created.id);
        let early = engine.resize(&id, 80, 24).await;
        assert!(early.is_err(), "it does not run yet");
        let options = AttachOptions::default().stdin(true).detach_keys("ctrl-x");
        let mut attached = engine.attach(&id, &options).await.unwrap();
        assert!(attached.is_tty());
        engine.act(&id, &Verb::Start).await.unwrap();
        engine.resize(&id, 123, 45).await.unwrap();
        attached.write_all(b"go\n").await.unwrap();
        let mut seen = Vec::new();
        let wanted = b"\x01\x00\x00\x00 raw";
        while !seen.windows(wanted.len()).any(|bytes| bytes == wanted) {
            let frame = attached.next().await.unwrap().unwrap();
            assert_eq!(frame.stream, StdStream::Stdout);
            seen.extend_from_slice(&frame.bytes);
        }
        assert!(
            seen.windows(6).any(|bytes| bytes == b"45 123"),
            "{:?}",
            String::from_utf8_lossy(&seen)
        );
        // The keys detach; the container lives on.
        attached.write_all(b"\x18").await.unwrap();
        let rest: Vec<_> = attached.try_collect().await.unwrap();
        assert!(rest.iter().map(|frame| frame.bytes.len()).sum::<usize>() < 50);
        assert!(engine.inspect_container(&id).await.unwrap().state.has_processes());
        engine.act(&id, &Verb::Kill { signal: None }).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn one_that_dies_or_is_dropped_ends_the_stream_and_nothing_hangs() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let created = engine
            .create_container(&spec(
                &lease,
                "dies",
                &["sh", "-c", "while echo tick; do sleep 0.01; done"],
            ))
            .await
            .unwrap();
        let id = ObjectRef::from(&created.id);
        let mut attached = engine.attach(&id, &AttachOptions::default()).await.unwrap();
        engine.act(&id, &Verb::Start).await.unwrap();
        // On a busy machine several come at once.
        let first = attached.next().await.unwrap().unwrap();
        assert!(first.bytes.starts_with(b"tick\n"), "{first:?}");
        drop(attached);
        assert!(engine.inspect_container(&id).await.unwrap().state.has_processes());
        let mut attached = engine
            .attach(&id, &AttachOptions::default().logs(true))
            .await
            .unwrap();
        let logged = attached.next().await.unwrap().unwrap();
        if is_podman(&lease) {
            // It writes a line's end behind the frame that the line is in: nobody can tell where the next begins.
            assert_eq!(&logged.bytes[..], b"tick");
            let broken = attached.next().await.unwrap().unwrap_err();
            assert_eq!(broken.kind(), ErrorKind::Protocol, "{broken:?}");
            attached = engine.attach(&id, &AttachOptions::default()).await.unwrap();
        } else {
            assert!(logged.bytes.starts_with(b"tick\n"), "{logged:?}");
        }
        let kill = async {
            engine.act(&id, &Verb::Kill { signal: None }).await.unwrap();
        };
        let collect = tokio::time::timeout(Duration::from_secs(20), attached.try_collect::<Vec<_>>());
        let (frames, ()) = tokio::join!(collect, kill);
        frames.unwrap().unwrap();

        let nothing = AttachOptions {
            stdout: false,
            stderr: false,
            ..AttachOptions::default()
        };
        assert_eq!(
            engine.attach(&id, &nothing).await.unwrap_err().kind(),
            ErrorKind::BadInput
        );
        let gone = engine
            .attach(&nobody(), &AttachOptions::default())
            .await
            .unwrap_err();
        assert!(gone.is_not_found());
    })
    .await;
}
