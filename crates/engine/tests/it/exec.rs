//! Commands with live streams, on real engines.

use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _};
use longshore_engine::{Attached, Error, ExecSpec, StdStream};
use longshore_testkit::lease::on_each;
use tokio::io::AsyncWriteExt as _;

use crate::support::{client, comes_true, is_podman, nobody, spec, start};

/// All of the output, by stream.
async fn read(
    output: impl futures_util::Stream<Item = Result<longshore_engine::LogFrame, Error>>,
) -> (String, String) {
    let frames: Vec<_> = output.try_collect().await.unwrap();
    let of = |wanted: StdStream| {
        let bytes: Vec<u8> = { frames.iter() }
            .filter(|frame| frame.stream == wanted)
            .flat_map(|frame| frame.bytes.to_vec())
            .collect();
        String::from_utf8(bytes).unwrap()
    };
    (of(StdStream::Stdout), of(StdStream::Stderr))
}

#[tokio::test]
async fn stdin_is_written_and_its_end_is_seen() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let id = start(&engine, &spec(&lease, "stdin", &["sleep", "60"])).await;
        let command = ExecSpec::new(["sh", "-c", "wc -c; echo done >&2; exit 7"]);
        let (exec, streams) = engine.exec_attached(&id, &command).await.unwrap();
        // Docker answers with the stream before the program has begun.
        let begun = exec.clone();
        comes_true("the command runs", async move || {
            let state = begun.state().await.unwrap();
            assert_eq!(state.exit_code, None, "its input is open");
            if state.running { Ok(()) } else { Err(state) }
        })
        .await;
        let (mut input, output) = streams.split();
        let writing = async move {
            for _ in 0..100 {
                input.write_all(&[b'x'; 10_000]).await.unwrap();
            }
            input.shutdown().await.unwrap();
            // Held open: only the half-close may be what ends the command's stdin.
            input
        };
        let (_input, (stdout, stderr)) = tokio::join!(writing, read(output));
        assert_eq!((stdout.trim(), stderr.as_str()), ("1000000", "done\n"));
        assert_eq!(exec.exit_code().await.unwrap(), 7);
        let state = exec.state().await.unwrap();
        assert_eq!((state.running, state.exit_code), (false, Some(7)));
    })
    .await;
}

#[tokio::test]
async fn collected_input_is_read_or_left_and_neither_hangs() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let id = start(&engine, &spec(&lease, "input", &["sleep", "60"])).await;
        let counted = engine
            .exec(&id, &ExecSpec::new(["wc", "-c"]).input(vec![b'x'; 3_000_000]))
            .await
            .unwrap();
        assert_eq!((&counted.stdout[..], counted.exit_code), (&b"3000000\n"[..], 0));
        let left = engine
            .exec(&id, &ExecSpec::new(["true"]).input(vec![b'x'; 3_000_000]))
            .await
            .unwrap();
        assert_eq!(left.exit_code, 0);
        let nothing = engine.exec(&id, &ExecSpec::new(["cat"]).input("")).await.unwrap();
        assert_eq!((nothing.stdout.len(), nothing.exit_code), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn a_terminal_is_raw_prompt_and_can_be_resized() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let id = start(&engine, &spec(&lease, "terminal", &["sleep", "60"])).await;
        let shell = ExecSpec::new(["sh"]).tty(true).env("PS1", "ready> ");
        let (exec, mut streams) = engine.exec_attached(&id, &shell).await.unwrap();
        assert!(streams.is_tty());
        // A prompt has no end of line, and comes all the same.
        until(&mut streams, "ready> ").await;
        exec.resize(123, 45).await.unwrap();
        streams
            .write_all(b"stty size; printf '\\1\\0\\0\\0\\0\\0\\0\\4abcd|'\n")
            .await
            .unwrap();
        let text = until(&mut streams, "abcd|").await;
        assert!(text.contains("45 123"), "{text:?}");
        assert!(
            text.contains("\u{1}\0\0\0\0\0\0\u{4}abcd|"),
            "it looks like a frame and is none: {text:?}"
        );
        streams.write_all(b"exit 3\n").await.unwrap();
        while streams.next().await.transpose().unwrap().is_some() {}
        assert_eq!(exec.exit_code().await.unwrap(), 3);
    })
    .await;
}

async fn until(streams: &mut Attached, last: &str) -> String {
    let mut text = String::new();
    let reading = async {
        while !text.contains(last) || text.matches(last).count() < usize::from(last == "abcd|") * 2 {
            let frame = streams.next().await.expect("it goes on").unwrap();
            assert_eq!(frame.stream, StdStream::Stdout);
            text.push_str(&String::from_utf8_lossy(&frame.bytes));
        }
    };
    let read = tokio::time::timeout(Duration::from_secs(10), reading).await;
    read.unwrap_or_else(|_| panic!("no {last:?} in {text:?}"));
    text
}

#[tokio::test]
async fn a_detached_command_goes_on_by_itself() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let id = start(&engine, &spec(&lease, "detached", &["sleep", "60"])).await;
        let command = ExecSpec::new(["sh", "-c", "echo here > /tmp/mark; exit 5"]);
        let exec = engine.exec_detached(&id, &command).await.unwrap();
        if is_podman(&lease) {
            // It looks after what nobody is attached to five minutes later (its `exit_command_delay`).
            let (engine, id) = (engine.clone(), id.clone());
            comes_true("the command has ended", async move || {
                let shell = ExecSpec::new(["sh", "-c", "cat /tmp/mark; ps | grep -c '[>] /tmp/mark'"]);
                let seen = engine.exec(&id, &shell).await.unwrap().stdout;
                if &seen[..] == b"here\n0\n" {
                    Ok(())
                } else {
                    Err(seen)
                }
            })
            .await;
            let state = exec.state().await.unwrap();
            assert_eq!((state.running, state.exit_code), (true, None));
        } else {
            assert_eq!(exec.exit_code().await.unwrap(), 5);
            assert!(!engine.inspect_exec(exec.id()).await.unwrap().running);
            let mark = engine
                .exec(&id, &ExecSpec::new(["cat", "/tmp/mark"]))
                .await
                .unwrap();
            assert_eq!(&mark.stdout[..], b"here\n");
        }
        let error = engine.exec_detached(&nobody(), &command).await.unwrap_err();
        assert!(error.is_not_found());
    })
    .await;
}
