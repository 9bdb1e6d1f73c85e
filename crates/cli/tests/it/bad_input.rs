//! What goes wrong, and what a person is told: a line that says what, a line that says what to do, a documented code.

use std::os::unix::fs::PermissionsExt as _;

use longshore_testkit::fake::{Fault, SAMPLE_IMAGE, Spec};
use longshore_testkit::{FakeConfig, FakeEngine};

use crate::longshore::longshore;

#[tokio::test]
async fn no_engine() {
    longshore(["ps"])
        .engine("unix:///nowhere/docker.sock")
        .run()
        .await
        .fails(3, "/nowhere/docker.sock", "");
    longshore(["ps"])
        .engine("tcp://127.0.0.1:1")
        .run()
        .await
        .fails(3, "127.0.0.1:1", "");
}

#[tokio::test]
async fn a_wrong_address_is_refused_and_never_repeated() {
    for address in [
        "tcp://user:secret@h:1",
        "ftp://h",
        "docker",
        "unix://relative",
        "tcp://h:99999",
    ] {
        let ran = longshore(["ps"]).engine(address).run().await;
        assert_eq!(ran.code, Some(2), "{address}: {ran:#?}");
        assert!(
            ran.err.starts_with("error: ") && !ran.err.contains("secret"),
            "{ran:#?}"
        );
        let ran = longshore(["ps", "-H", address]).run().await;
        assert_eq!(ran.code, Some(2), "{address}: {ran:#?}");
        assert!(
            ran.err.starts_with("error: ") && !ran.err.contains("secret"),
            "{ran:#?}"
        );
    }
}

#[tokio::test]
async fn an_id_that_would_leave_its_path_is_never_sent() {
    let engine = FakeEngine::start(FakeConfig::default()).await.unwrap();
    for id in ["../images/json", "a%2f..%2fb", "a/b", "", "-x", "a b"] {
        for command in ["logs", "stats"] {
            let ran = longshore([command, "--", id])
                .engine(&engine.endpoint())
                .run()
                .await;
            ran.fails(2, "no id or name", "longshore ps -a");
        }
    }
    assert_eq!(engine.requests(), 0);
}

#[tokio::test]
async fn no_such_container_and_an_ambiguous_one() {
    let engine = FakeEngine::start(FakeConfig::default()).await.unwrap();
    let several = r#"{"message":"Multiple IDs found with provided prefix: ab"}"#;
    engine.faults().answer("GET /containers/ab/json", 500, several);
    longshore(["logs", "ab"])
        .engine(&engine.endpoint())
        .run()
        .await
        .fails(5, "ultiple IDs", "more of the id");
    longshore(["logs", "ghost"])
        .engine(&engine.endpoint())
        .run()
        .await
        .fails(4, "ghost", "longshore ps -a");
    longshore(["stats", "ghost"])
        .engine(&engine.endpoint())
        .run()
        .await
        .fails(4, "ghost", "longshore ps -a");
}

#[tokio::test]
async fn an_engine_that_dies_in_the_middle() {
    let engine = FakeEngine::start(FakeConfig::default()).await.unwrap();
    engine.add_containers(50);
    engine.faults().cut_after("GET /containers/json", 2_000);
    let ran = longshore(["ps"]).engine(&engine.endpoint()).run().await;
    // A list may be asked for again: either the whole of it, or an honest failure.
    match ran.code {
        Some(0) => assert_eq!(ran.out.lines().count(), 51, "{ran:#?}"),
        _ => ran.fails(3, "containers", ""),
    }
}

#[tokio::test]
async fn an_engine_that_answers_rubbish() {
    let engine = FakeEngine::start(FakeConfig::default()).await.unwrap();
    engine
        .faults()
        .answer("GET /containers/json", 200, "{\"not\": \"a list\"}");
    let ran = longshore(["ps"]).engine(&engine.endpoint()).run().await;
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{ran:#?}");
    engine.faults().answer(
        "GET /containers/json",
        500,
        "{\"message\": \"two\\nlines\\u001b[2J\"}",
    );
    let ran = longshore(["ps"]).engine(&engine.endpoint()).run().await;
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert!(ran.err.contains("two␊lines␛[2J"), "{ran:#?}");
}

#[tokio::test]
async fn last_words_act_on_nothing_and_are_bounded() {
    let engine = FakeEngine::start(FakeConfig::default()).await.unwrap();
    let web = engine.create(Spec::new(SAMPLE_IMAGE).name("web")).await.unwrap();
    engine.start_container(&web).await.unwrap();
    for _ in 0..10_000 {
        engine.log(&web, false, "flood\n").unwrap();
    }
    engine
        .log(&web, true, [[0xff; 1 << 20].as_slice(), b"\n"].concat())
        .unwrap();
    engine
        .log(&web, true, "\x1b[2J\x1b]0;title\x07\rforged\u{202e}\n")
        .unwrap();
    engine.exit(&web, 3).await.unwrap();
    let ran = longshore(["deaths", "--lines", "100"])
        .engine(&engine.endpoint())
        .run()
        .await;
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    assert!(ran.out.len() < 32 << 10 && ran.out.lines().count() <= 51);
    let shown = ran.out.lines().last().unwrap();
    assert_eq!(shown, "    | ␛[2J␛]0;title␇␍forged\\u{202e}");
    assert!(
        ran.out.contains(" more bytes)\n") && !ran.out.contains('\x1b'),
        "{}",
        ran.out
    );
    let ran = longshore(["deaths", "--json"])
        .engine(&engine.endpoint())
        .run()
        .await;
    let lines = ran.json()[0]["log"]["lines"].as_array().unwrap().len();
    assert!((2..=50).contains(&lines) && ran.out.len() < 32 << 10, "{lines}");

    // An inspect that says what no engine says leaves the rest of the record.
    for rubbish in ["[]", r#"{"Id": 7, "State": "dead"}"#, "not json", r#"{"Id": ""}"#] {
        let body = rubbish.to_owned();
        let inspect = format!("GET /containers/{web}/json");
        engine
            .faults()
            .always(inspect.as_str(), Fault::Answer { status: 200, body });
        let ran = longshore(["deaths"]).engine(&engine.endpoint()).run().await;
        engine.faults().clear();
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{rubbish}: {ran:#?}");
        let first = ran.out.lines().next().unwrap();
        assert!(
            first.contains("web (") && first.contains("exit code 3"),
            "{rubbish}: {first}"
        );
        assert!(
            ran.out.contains("state not known: failed ("),
            "{rubbish}: {ran:#?}"
        );
    }
}

#[tokio::test]
async fn no_permission_on_the_socket() {
    let engine = FakeEngine::start(FakeConfig::default()).await.unwrap();
    let socket = engine.socket().unwrap();
    std::fs::set_permissions(socket.parent().unwrap(), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600)).unwrap();
    let ran = if rustix::process::geteuid().is_root() {
        longshore(["ps"]).engine(&engine.endpoint()).run_as_nobody().await
    } else {
        std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o000)).unwrap();
        longshore(["ps"]).engine(&engine.endpoint()).run().await
    };
    ran.fails(7, "ermission", "docker");
}

#[tokio::test]
async fn what_was_typed_wrong() {
    for args in [
        &["ps", "--filter", "label"][..],
        &["logs"],
        &["logs", "web", "--since", "yesterday"],
        &["events", "--until", "5x"],
        &["serve", "--listen", "nowhere"],
        &["token", "create", "--name", "x", "--role", "king"],
        &["sail"],
    ] {
        let ran = longshore(args).run().await;
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{args:?}: {ran:#?}");
        assert!(ran.err.starts_with("error: "), "{ran:#?}");
    }
}
