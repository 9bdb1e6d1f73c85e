//! Every route of the server against a real engine, by an API token.

use longshore_e2e::http::Call;
use longshore_testkit::eventually;
use serde_json::Value;

use crate::harness::{Rig, on_real_engines};

const CONTAINERS: &str = "/api/v1/hosts/local/containers";

on_real_engines!(a_container_is_read_in_every_way, reads);
on_real_engines!(a_container_is_acted_on_by_every_verb, acts);
on_real_engines!(roles_are_kept, roles);

async fn get(rig: &Rig, path: &str) -> Value {
    let answer = rig
        .server
        .send(Call::new("GET", path).bearer(&rig.admin))
        .await
        .unwrap();
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

/// The row of a container, once the server has it in a state.
async fn row(rig: &Rig, id: &str, state: &str) -> Value {
    eventually("the server shows it", async || {
        let list = get(rig, "/api/v1/containers").await;
        let row = list["containers"]
            .as_array()
            .and_then(|rows| rows.iter().find(|row| row["id"] == id))
            .cloned();
        row.filter(|row| row["state"] == state).ok_or(list)
    })
    .await
}

async fn reads(rig: &Rig) {
    let line = "echo to-out; echo to-err >&2; while :; do sleep 1; done";
    let id = rig.run("web", line).await;
    let name = rig.lease.name("web");
    let shown = row(rig, &id, "running").await;
    assert_eq!(
        (&shown["host"], &shown["name"], &shown["stale"]),
        (&"local".into(), &name.as_str().into(), &false.into())
    );
    assert_eq!(
        (&shown["exit_code"], &shown["finished_at"]),
        (&Value::Null, &Value::Null),
        "unknown is null"
    );
    assert!(shown["started_at"].is_string(), "{shown}");

    for reference in [&id, &id[..12], &name] {
        let detail = get(rig, &format!("{CONTAINERS}/{reference}")).await;
        assert_eq!(detail["id"], id.as_str(), "{reference}");
        assert!(
            detail["env"]
                .as_array()
                .is_some_and(|env| env.contains(&"SECRET=hunter2".into())),
            "{detail}"
        );
    }

    let logs = rig
        .server
        .send(Call::new("GET", format!("{CONTAINERS}/{id}/logs")).bearer(&rig.admin))
        .await
        .unwrap();
    assert!(
        logs.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/plain")
    );
    assert!(
        logs.text().contains("to-out\n") && logs.text().contains("to-err\n"),
        "{:?}",
        logs.text()
    );
    let only = format!("{CONTAINERS}/{id}/logs?stdout=false");
    let lines = Call::new("GET", only)
        .bearer(&rig.admin)
        .header("accept", "application/x-ndjson");
    let lines = rig.server.send(lines).await.unwrap().text();
    let line: Value = serde_json::from_str(lines.lines().last().unwrap_or_default()).unwrap();
    assert_eq!(
        (&line["stream"], &line["text"]),
        (&"stderr".into(), &"to-err".into())
    );

    let stats = get(rig, &format!("{CONTAINERS}/{id}/stats")).await;
    let sample = stats["samples"]
        .as_array()
        .and_then(|samples| samples.last())
        .unwrap();
    assert!(
        sample["memory_bytes"].is_u64() && sample["id"] == id.as_str(),
        "{sample}"
    );

    let images = get(rig, "/api/v1/hosts/local/images").await;
    let image = images["images"]
        .as_array()
        .unwrap()
        .iter()
        .find(|image| image["tags"][0] == longshore_testkit::lease::IMAGE);
    assert!(
        image.is_some_and(|image| image["used_by"].as_u64() > Some(0)),
        "{images}"
    );
    let system = get(rig, "/api/v1/hosts/local/system").await;
    assert!(
        system["containers"]["running"].as_u64() > Some(0) && system["id"].is_string(),
        "{system}"
    );
    let hosts = get(rig, "/api/v1/hosts").await;
    assert_eq!(
        (&hosts["hosts"][0]["name"], &hosts["hosts"][0]["state"]),
        (&"local".into(), &"live".into())
    );

    let events = eventually("its start is in the history", async || {
        let events = get(rig, "/api/v1/events?limit=1000").await;
        let told = |action: &str| {
            events["events"].as_array().is_some_and(|list| {
                list.iter()
                    .any(|e| e["id"] == id.as_str() && e["action"] == action)
            })
        };
        if told("create") && told("start") {
            Ok(events)
        } else {
            Err(events)
        }
    })
    .await;
    let next = events["next"].as_str().unwrap();
    let after = get(rig, &format!("/api/v1/events?since={next}")).await;
    let again = |event: &Value| event["id"] == id.as_str() && event["action"] == "start";
    assert!(
        !after["events"].as_array().unwrap().iter().any(again),
        "told twice: {after}"
    );

    for (path, expected) in [
        ("/metrics", "longshore_"),
        ("/api/v1/openapi.json", "\"/api/v1/containers\""),
    ] {
        let answer = rig
            .server
            .send(Call::new("GET", path).bearer(&rig.admin))
            .await
            .unwrap();
        assert!(
            answer.status == 200 && answer.text().contains(expected),
            "{path}: {}",
            answer.text()
        );
    }
    for path in ["/healthz", "/"] {
        assert_eq!(
            rig.server.send(Call::new("GET", path)).await.unwrap().status,
            200,
            "{path}"
        );
    }
}

async fn acts(rig: &Rig) {
    let id = rig.create("job", "while :; do sleep 1; done").await;
    let act = async |method: &'static str, verb: &str| {
        let call = Call::new(method, format!("{CONTAINERS}/{id}{verb}")).bearer(&rig.operator);
        let answer = rig.server.send(call).await.unwrap();
        (
            answer.status.as_u16(),
            answer.json()["outcome"].as_str().map(str::to_owned),
            answer.code(),
        )
    };
    let done = || (200, Some("done".to_owned()), String::new());
    let already = || (200, Some("already".to_owned()), String::new());
    row(rig, &id, "created").await;
    for (verb, outcome, state) in [
        ("/start", done(), "running"),
        ("/start", already(), "running"),
        ("/pause", done(), "paused"),
        ("/unpause", done(), "running"),
        ("/restart?timeout=0", done(), "running"),
        ("/stop?timeout=0", done(), "exited"),
        ("/stop", already(), "exited"),
        ("/start", done(), "running"),
        ("/kill?signal=SIGKILL", done(), "exited"),
    ] {
        assert_eq!(act("POST", verb).await, outcome, "{verb}");
        row(rig, &id, state).await;
    }
    assert_eq!(
        act("POST", "/pause").await,
        (409, None, "conflict".to_owned()),
        "what does not run"
    );
    assert_eq!(act("POST", "/start").await, done());
    assert_eq!(
        act("DELETE", "").await,
        (409, None, "conflict".to_owned()),
        "what runs"
    );
    assert_eq!(act("DELETE", "?force=true&volumes=true").await, done());
    eventually("it is gone", async || {
        let list = get(rig, "/api/v1/containers").await;
        let gone = list["containers"]
            .as_array()
            .is_some_and(|rows| rows.iter().all(|row| row["id"] != id.as_str()));
        if gone { Ok(()) } else { Err(list) }
    })
    .await;
    assert_eq!(act("POST", "/start").await, (404, None, "not_found".to_owned()));
}

async fn roles(rig: &Rig) {
    let id = rig.run("kept", "while :; do sleep 1; done").await;
    row(rig, &id, "running").await;
    let detail = Call::new("GET", format!("{CONTAINERS}/{id}")).bearer(&rig.viewer);
    let detail = rig.server.send(detail).await.unwrap();
    assert!(
        detail.status == 200 && detail.json()["env"].is_null(),
        "{}",
        detail.text()
    );
    assert!(!detail.text().contains("hunter2"));
    let stop = Call::new("POST", format!("{CONTAINERS}/{id}/stop?timeout=0")).bearer(&rig.viewer);
    let stop = rig.server.send(stop).await.unwrap();
    assert_eq!((stop.status.as_u16(), stop.code().as_str()), (403, "forbidden"));
    row(rig, &id, "running").await;
}
