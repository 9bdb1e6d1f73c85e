//! Logs, wait, exec and statistics.

use std::time::Duration;

use longshore_testkit::fake::{Run, Script, Spec};
use longshore_testkit::raw::Connection;
use serde_json::{Value, json};

use super::{connect, engine, get, post};

#[tokio::test]
async fn logs_are_framed_or_raw() {
    let engine = engine().await;
    engine.create(Spec::new("sample").name("plain")).await.unwrap();
    engine
        .create(Spec::new("sample").name("term").tty())
        .await
        .unwrap();
    for name in ["plain", "term"] {
        engine.log(name, false, "one\n").unwrap();
        engine.log(name, true, "two\n").unwrap();
    }
    let plain = get(&engine, "/containers/plain/logs?stdout=1&stderr=1").await;
    assert_eq!(
        plain.body,
        &b"\x01\0\0\0\0\0\0\x04one\n\x02\0\0\0\0\0\0\x04two\n"[..]
    );
    assert_eq!(
        plain.head.header("content-type"),
        Some("application/vnd.docker.multiplexed-stream")
    );
    let old = get(&engine, "/v1.41/containers/plain/logs?stdout=1&tail=1").await;
    assert_eq!(
        old.head.header("content-type"),
        Some("application/vnd.docker.raw-stream")
    );
    assert!(old.body.is_empty());
    let term = get(&engine, "/containers/term/logs?stdout=1").await;
    assert_eq!(term.body, "one\ntwo\n");
    let stamped = get(&engine, "/containers/term/logs?stdout=1&timestamps=1&tail=1").await;
    assert!(stamped.text().ends_with("Z two\n"), "{}", stamped.text());
    assert_eq!(get(&engine, "/containers/term/logs").await.status(), 400);
}

#[tokio::test]
async fn a_followed_log_ends_with_its_container() {
    let engine = engine().await;
    let id = engine.create(Spec::new("sample").tty()).await.unwrap();
    engine.start_container(&id).await.unwrap();
    let mut connection = connect(&engine).await;
    connection
        .open("GET", &format!("/containers/{id}/logs?stdout=1&follow=1"), None)
        .await
        .unwrap();
    engine.log(&id, false, "hello\n").unwrap();
    assert_eq!(connection.chunk().await.unwrap().unwrap(), "hello\n");
    engine.exit(&id, 0).await.unwrap();
    assert_eq!(connection.chunk().await.unwrap(), None);
}

#[tokio::test]
async fn wait_answers_at_the_exit() {
    let engine = engine().await;
    let id = engine
        .create(Spec::new("sample").run(Run::Exits { after_ms: 5, code: 7 }))
        .await
        .unwrap();
    let mut connection = connect(&engine).await;
    let path = format!("/containers/{id}/wait?condition=next-exit");
    assert_eq!(connection.open("POST", &path, None).await.unwrap().status(), 200);
    engine.start_container(&id).await.unwrap();
    let line = connection.chunk().await.unwrap().unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&line).unwrap()["StatusCode"], 7);
    let after: Value = post(&engine, &format!("/containers/{id}/wait"), None)
        .await
        .json()
        .unwrap();
    assert_eq!(after["StatusCode"], 7);
}

async fn exec(connection: &mut Connection, id: &str, argv: &[&str], tty: bool) -> (String, u16) {
    let body = json!({"Cmd": argv, "AttachStdout": true, "Tty": tty}).to_string();
    let created = connection
        .call("POST", &format!("/containers/{id}/exec"), Some(body.as_bytes()))
        .await
        .unwrap();
    let exec = created.json::<Value>().unwrap()["Id"]
        .as_str()
        .unwrap()
        .to_owned();
    let head = connection
        .upgrade(
            "POST",
            &format!("/exec/{exec}/start"),
            Some(br#"{"Detach":false}"#),
        )
        .await
        .unwrap();
    (exec, head.status())
}

async fn read_all(connection: &mut Connection) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let bytes = connection.read_raw().await.unwrap();
        if bytes.is_empty() {
            return all;
        }
        all.extend_from_slice(&bytes);
    }
}

#[tokio::test]
async fn exec_plays_its_script() {
    let engine = engine().await;
    let id = engine.add_containers(1).remove(0);
    engine.on_exec(
        &["greet"],
        Script::exits(4)
            .out("hi")
            .err("ho")
            .pause(Duration::from_millis(1)),
    );
    let mut connection = connect(&engine).await;
    let (exec_id, status) = exec(&mut connection, &id, &["greet", "me"], false).await;
    assert_eq!(status, 101);
    assert_eq!(
        read_all(&mut connection).await,
        b"\x01\0\0\0\0\0\0\x02hi\x02\0\0\0\0\0\0\x02ho"
    );
    let done: Value = get(&engine, &format!("/exec/{exec_id}/json"))
        .await
        .json()
        .unwrap();
    assert_eq!((&done["Running"], &done["ExitCode"]), (&json!(false), &json!(4)));
    let actions: Vec<String> = engine.truth().iter().map(|event| event.action.clone()).collect();
    assert_eq!(
        actions,
        ["exec_create: greet me", "exec_start: greet me", "exec_die"]
    );
}

#[tokio::test]
async fn stdin_ends_by_closing_our_half() {
    let engine = engine().await;
    let id = engine.add_containers(1).remove(0);
    let mut connection = connect(&engine).await;
    exec(&mut connection, &id, &["cat"], true).await;
    connection.write_raw(b"ping").await.unwrap();
    assert_eq!(connection.read_raw().await.unwrap(), "ping");
    connection.finish().await.unwrap();
    assert!(read_all(&mut connection).await.is_empty());
}

#[tokio::test]
async fn exec_wants_a_running_container() {
    let engine = engine().await;
    let id = engine.create(Spec::new("sample")).await.unwrap();
    assert_eq!(
        post(
            &engine,
            &format!("/containers/{id}/exec"),
            Some(r#"{"Cmd":["true"]}"#)
        )
        .await
        .status(),
        409
    );
}

#[tokio::test]
async fn one_shot_statistics() {
    let engine = engine().await;
    let id = engine.add_containers(1).remove(0);
    let path = format!("/containers/{id}/stats?stream=false&one-shot=true");
    let first: Value = get(&engine, &path).await.json().unwrap();
    let second: Value = get(&engine, &path).await.json().unwrap();
    let cpu = |frame: &Value| frame["cpu_stats"]["cpu_usage"]["total_usage"].as_u64().unwrap();
    assert!(cpu(&second) >= cpu(&first));
    assert_eq!(first["precpu_stats"]["cpu_usage"]["total_usage"], 0);
    engine.exit(&id, 0).await.unwrap();
    let stopped: Value = get(&engine, &path).await.json().unwrap();
    assert_eq!(stopped["read"], "0001-01-01T00:00:00Z");
    let mut connection = connect(&engine).await;
    connection
        .open("GET", &format!("/containers/{id}/stats"), None)
        .await
        .unwrap();
    assert!(connection.chunk().await.unwrap().unwrap().ends_with(b"}\n"));
}
