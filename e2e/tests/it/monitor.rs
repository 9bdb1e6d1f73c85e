//! The event monitor of the built binary: plain messages, the engine lost and regained, and a server that is ended, or
//! killed, and comes back with its history.

use std::time::Duration;

use longshore_e2e::{Server, stream::Stream, wire::Wire};
use serde_json::Value;

use crate::harness::{Rig, on_real_engines};

const LIMIT: Duration = Duration::from_secs(20);
const LINE: &str = "while :; do sleep 1; done";

on_real_engines!(a_containers_life_is_told_in_plain_messages, told_plainly);
on_real_engines!(the_engine_lost_is_told_and_nothing_of_meanwhile_is_missing, lost);
on_real_engines!(a_cursor_outlives_the_server, outlived);
on_real_engines!(a_server_that_is_killed_at_once_is_gone_on_from_exactly, killed);

async fn join(server: &Server, token: &str, query: &str) -> Stream {
    let bearer = format!("Bearer {token}");
    let path = format!("/api/v1/events/ws{query}");
    let stream = Stream::open_at(server.address, &path, &[("authorization", &bearer)]).await;
    stream.unwrap()
}

/// The action of an event about the container, and its cursor.
fn of(message: &Value, id: &str) -> Option<(String, String)> {
    let payload = &message["payload"];
    if message["message_type"] != "container_event" || payload["actor"]["id"] != id {
        return None;
    }
    let text = |field: &str| payload[field].as_str().unwrap_or_default().to_owned();
    Some((text("action"), text("cursor")))
}

/// Reads up to an action of the container; gives all of its actions until then, and the last cursor. Others use the engine
/// too: what they do may overflow its memory, and is then told as missing.
async fn until(stream: &mut Stream, id: &str, last: &str) -> (Vec<String>, String) {
    let mut actions = Vec::new();
    let read = |message: &Value| {
        let (action, cursor) = of(message, id)?;
        actions.push(action.clone());
        (action == last).then(|| (actions.clone(), cursor))
    };
    stream.wait(LIMIT, read).await.unwrap()
}

async fn standing(stream: &mut Stream) {
    stream.send_text(r#"{"filters": []}"#).await.unwrap();
    let stands = |message: &Value| (message["message_type"] == "docker_filters").then_some(());
    stream.wait(LIMIT, stands).await.unwrap();
}

async fn live(server: &Server, token: &str) {
    longshore_testkit::eventually("the engine is followed", async || {
        let call = longshore_e2e::http::Call::new("GET", "/readyz").bearer(token);
        match server.send(call).await.unwrap().status.as_u16() {
            200 => Ok(()),
            status => Err(status),
        }
    })
    .await;
}

async fn told_plainly(rig: &Rig) {
    live(&rig.server, &rig.viewer).await;
    let mut all = join(&rig.server, &rig.viewer, "").await;
    standing(&mut all).await;
    let mut some = join(
        &rig.server,
        &rig.viewer,
        "?filter=die&filter=start&filter=type:container",
    )
    .await;
    let id = rig.run("plain", LINE).await;
    rig.lease.remove(&id).await.unwrap();
    let (actions, _) = until(&mut all, &id, "destroy").await;
    for action in ["create", "start", "die", "destroy"] {
        assert_eq!(
            actions.iter().filter(|seen| *seen == action).count(),
            1,
            "{actions:?}"
        );
    }
    let (actions, _) = until(&mut some, &id, "die").await;
    assert_eq!(actions, ["start", "die"]);
}

async fn lost(rig: &Rig) {
    let folder = tempfile::tempdir().unwrap();
    let mut wire = Wire::new(folder.path().join("wire.sock"), rig.socket()).unwrap();
    let server = Server::start(&wire.address(), &[]).await.unwrap();
    let token = server.token("viewer").await.unwrap();
    live(&server, &token).await;
    let mut stream = join(&server, &token, "").await;
    standing(&mut stream).await;
    let id = rig.run("through", LINE).await;
    until(&mut stream, &id, "start").await;
    wire.cut().await;
    let lost = |message: &Value| (message["message_type"] == "docker_error").then(|| message.clone());
    let error = stream.wait(LIMIT, lost).await.unwrap();
    assert!(error["payload"]["error"].is_string() && error["payload"]["timestamp"].is_i64());
    rig.lease.remove(&id).await.unwrap();
    wire.mend().unwrap();
    let back = |message: &Value| (message["message_type"] == "docker_restored").then_some(());
    stream.wait(LIMIT, back).await.unwrap();
    until(&mut stream, &id, "destroy").await;
    let (status, said) = server.stop().await.unwrap();
    assert!(status.success(), "{said}");
}

async fn outlived(rig: &Rig) {
    let host = rig.lease.docker_host();
    let server = Server::start(&host, &[]).await.unwrap();
    let (token, data) = (server.token("viewer").await.unwrap(), server.data());
    live(&server, &token).await;
    let mut stream = join(&server, &token, "").await;
    standing(&mut stream).await;
    let id = rig.run("outlives", LINE).await;
    let (_, cursor) = until(&mut stream, &id, "create").await;
    until(&mut stream, &id, "start").await;
    // It ends in peace; something happens; the next one tells both.
    let (status, said) = server.stop().await.unwrap();
    assert!(status.success(), "{said}");
    pause(rig, &id, "pause").await;
    let mut server = Server::start_with(data.clone(), &host, &[]).await.unwrap();
    let mut stream = join(&server, &token, &format!("?resume={cursor}")).await;
    let (actions, _) = until(&mut stream, &id, "pause").await;
    assert_eq!(actions.last().map(String::as_str), Some("pause"));
    assert_eq!(
        actions.iter().filter(|seen| *seen == "start").count(),
        1,
        "{actions:?}"
    );
    // It is killed once its history is written, which a reader of it has waited for.
    let call = longshore_e2e::http::Call::new("GET", "/api/v1/events").bearer(&token);
    assert_eq!(server.send(call).await.unwrap().status.as_u16(), 200);
    server.signal("KILL").await.unwrap();
    server.ended().await.unwrap();
    pause(rig, &id, "unpause").await;
    let server = Server::start_with(data, &host, &[]).await.unwrap();
    let mut stream = join(&server, &token, &format!("?resume={cursor}")).await;
    let (actions, _) = until(&mut stream, &id, "unpause").await;
    for action in ["start", "pause", "unpause"] {
        assert_eq!(
            actions.iter().filter(|seen| *seen == action).count(),
            1,
            "{actions:?}"
        );
    }
    let (status, said) = server.stop().await.unwrap();
    assert!(status.success(), "{said}");
}

async fn killed(rig: &Rig) {
    let host = rig.lease.docker_host();
    let mut server = Server::start(&host, &[]).await.unwrap();
    let (token, data) = (server.token("viewer").await.unwrap(), server.data());
    live(&server, &token).await;
    let mut stream = join(&server, &token, "").await;
    standing(&mut stream).await;
    let id = rig.run("killed", LINE).await;
    let (_, mut cursor) = until(&mut stream, &id, "start").await;
    for round in 0..3 {
        if round > 0 {
            pause(rig, &id, "pause").await;
            until(&mut stream, &id, "pause").await;
            pause(rig, &id, "unpause").await;
            (_, cursor) = until(&mut stream, &id, "unpause").await;
        }
        // Nothing of this need be written.
        server.signal("KILL").await.unwrap();
        server.ended().await.unwrap();
        pause(rig, &id, "pause").await;
        pause(rig, &id, "unpause").await;
        server = Server::start_with(data.clone(), &host, &[]).await.unwrap();
        stream = join(&server, &token, &format!("?resume={cursor}")).await;
        let (actions, _) = until(&mut stream, &id, "unpause").await;
        assert_eq!(actions, ["pause", "unpause"], "after {cursor}");
    }
    let (status, said) = server.stop().await.unwrap();
    assert!(status.success(), "{said}");
}

async fn pause(rig: &Rig, id: &str, verb: &str) {
    let path = format!("/containers/{id}/{verb}");
    let answer = rig.lease.call("POST", &path, None).await.unwrap();
    assert!(answer.status() < 400, "{}", answer.text());
}
