//! Logs and execs, on real engines.

use std::time::Duration;

use futures_util::StreamExt as _;
use longshore_core::{Timestamp, Verb};
use longshore_engine::{ErrorKind, ExecSpec, LogOptions, StdStream, TimeoutKind};
use longshore_testkit::lease::on_each;

use crate::support::{client, is_podman, read_all, spec, start};

const TALK: &str = "echo out1; echo err1 >&2; echo out2; printf 'no newline'";

#[tokio::test]
async fn both_streams_are_read_apart() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let id = start(&engine, &spec(&lease, "talk", &["sh", "-c", TALK])).await;
        engine.wait_container(&id).await.unwrap();
        let all = LogOptions::default();
        let (out, err) = read_all(engine.logs(&id, &all).await.unwrap()).await.unwrap();
        assert_eq!((out.as_str(), err.as_str()), ("out1\nout2\nno newline", "err1\n"));

        let only = LogOptions {
            stdout: false,
            ..all.clone()
        };
        assert_eq!(
            read_all(engine.logs(&id, &only).await.unwrap()).await.unwrap().0,
            ""
        );
        let neither = LogOptions {
            stderr: false,
            ..only
        };
        assert_eq!(
            engine.logs(&id, &neither).await.unwrap_err().kind(),
            ErrorKind::BadInput
        );
        let last = read_all(engine.logs(&id, &all.clone().tail(1)).await.unwrap())
            .await
            .unwrap();
        assert!(last.0.len() + last.1.len() < 20, "{last:?}");

        let stamped = read_all(engine.logs(&id, &all.clone().timestamps(true)).await.unwrap())
            .await
            .unwrap()
            .0;
        let mut times = stamped
            .lines()
            .map(|line| Timestamp::parse_rfc3339(line.split(' ').next().unwrap()).unwrap());
        let (first, second) = (times.next().unwrap(), times.next().unwrap());
        let after_first = Timestamp::from_nanos(first.as_nanos() + 1);
        let later = read_all(engine.logs(&id, &all.clone().since(after_first)).await.unwrap())
            .await
            .unwrap()
            .0;
        // Podman counts in whole seconds.
        let expected = if is_podman(&lease) {
            "out1\nout2\nno newline"
        } else {
            "out2\nno newline"
        };
        assert_eq!(
            later, expected,
            "since {after_first}; the second line is of {second}"
        );
        let earlier = read_all(engine.logs(&id, &all.until(first)).await.unwrap())
            .await
            .unwrap()
            .0;
        assert!(earlier == "out1\n" || earlier.is_empty(), "{earlier:?}");
    })
    .await;
}

#[tokio::test]
async fn a_terminals_output_is_raw() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        // What a client that looks at the first byte would take for a header.
        let mut spec = spec(
            &lease,
            "tty",
            &[
                "sh",
                "-c",
                "printf '\\001\\000\\000\\000\\000\\000\\000\\003abcdef'; printf '? '",
            ],
        );
        spec.tty = true;
        let id = start(&engine, &spec).await;
        engine.wait_container(&id).await.unwrap();
        let (out, err) = read_all(engine.logs(&id, &LogOptions::default()).await.unwrap())
            .await
            .unwrap();
        assert!(
            out.starts_with('\u{1}') && out.ends_with("\u{3}abcdef? "),
            "{out:?}"
        );
        assert_eq!(err, "");
    })
    .await;
}

#[tokio::test]
async fn a_followed_log_goes_on_until_the_container_ends() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let id = start(
            &engine,
            &spec(
                &lease,
                "follow",
                &["sh", "-c", "echo one; read x < /dev/null; sleep 60 & wait"],
            ),
        )
        .await;
        let mut logs = engine
            .logs(&id, &LogOptions::default().follow(true))
            .await
            .unwrap();
        let first = logs.next().await.unwrap().unwrap();
        assert_eq!((first.stream, &*first.bytes), (StdStream::Stdout, &b"one\n"[..]));
        engine.act(&id, &Verb::Kill { signal: None }).await.unwrap();
        assert!(logs.next().await.is_none(), "a clean end");
    })
    .await;
}

#[tokio::test]
async fn a_command_leaves_its_output_and_its_code() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let id = start(&engine, &spec(&lease, "exec", &["sleep", "60"])).await;
        let shell = |script: &str| ExecSpec::new(["sh", "-c", script]);
        let done = engine
            .exec(&id, &shell("echo out; echo err >&2; exit 3"))
            .await
            .unwrap();
        assert_eq!(
            (done.exit_code, &*done.stdout, &*done.stderr),
            (3, &b"out\n"[..], &b"err\n"[..])
        );
        assert!(done.duration > Duration::ZERO);

        let limited = engine
            .exec(
                &id,
                &shell("head -c 100000 /dev/zero; printf abcdef >&2").limit(4),
            )
            .await
            .unwrap();
        assert_eq!((limited.stdout.len(), limited.stdout_dropped), (4, 99_996));
        assert_eq!(
            (&*limited.stderr, limited.stderr_dropped, limited.exit_code),
            (&b"abcd"[..], 2, 0)
        );

        let spec = shell("echo $WHO; pwd; id -u")
            .env("WHO", "me you")
            .working_dir("/www")
            .user("1000");
        let done = engine.exec(&id, &spec).await.unwrap();
        assert_eq!(&*done.stdout, b"me you\n/www\n1000\n");
        let tty = engine
            .exec(&id, &shell("echo x; echo y >&2").tty(true))
            .await
            .unwrap();
        assert_eq!((&*tty.stdout, &*tty.stderr), (&b"x\r\ny\r\n"[..], &b""[..]));

        let missing = engine.exec(&id, &ExecSpec::new(["/no/such/program"])).await;
        match missing {
            Ok(done) => assert!(done.exit_code == 126 || done.exit_code == 127, "{done:?}"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::BadInput, "{error:?}"),
        }
        let nothing = engine
            .exec(&id, &ExecSpec::new(Vec::<String>::new()))
            .await
            .unwrap_err();
        assert_eq!(nothing.kind(), ErrorKind::BadInput);
    })
    .await;
}

#[tokio::test]
async fn a_command_that_does_not_end_is_said_to_run_on() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let id = start(&engine, &spec(&lease, "slow", &["sleep", "60"])).await;
        let spec = ExecSpec::new(["sleep", "30"]).timeout(Duration::from_millis(300));
        let error = engine.exec(&id, &spec).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout(TimeoutKind::Total));
        assert!(error.to_string().contains("may still run"), "{error}");

        engine
            .act(
                &id,
                &Verb::Stop {
                    timeout: Some(1),
                    signal: None,
                },
            )
            .await
            .unwrap();
        let stopped = engine.exec(&id, &ExecSpec::new(["true"])).await.unwrap_err();
        assert!(stopped.is_conflict(), "{stopped:?}");
    })
    .await;
}

#[tokio::test]
async fn a_command_that_closes_its_output_is_still_waited_for() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let id = start(&engine, &spec(&lease, "quiet", &["sleep", "60"])).await;
        let spec = ExecSpec::new(["sh", "-c", "exec >/dev/null 2>&1; sleep 0.2; exit 9"]);
        assert_eq!(engine.exec(&id, &spec).await.unwrap().exit_code, 9);
    })
    .await;
}
