//! What comes by itself over the WebSocket, and how soon; the engine lost and regained.

use std::time::{Duration, Instant};

use longshore_e2e::{Server, stream::Stream, wire::Wire};
use longshore_testkit::{Eventually, eventually};
use serde_json::{Value, json};

use crate::harness::{Rig, on_real_engines};

const LIMIT: Duration = Duration::from_secs(15);

on_real_engines!(a_container_started_outside_is_told_at_once, told_at_once);
on_real_engines!(logs_and_statistics_are_followed, followed);
on_real_engines!(
    an_end_is_told_when_it_happens_and_when_it_is_amended,
    ends_are_told
);
on_real_engines!(the_engine_is_lost_and_regained, lost_and_regained);

fn upserted<'a>(message: &'a Value, id: &str) -> Option<&'a Value> {
    let rows = message["data"]["changes"]["upserted"].as_array()?;
    rows.iter().find(|row| row["id"] == id)
}

async fn told_at_once(rig: &Rig) {
    let mut stream = Stream::bearer(rig.server.address, &rig.viewer).await.unwrap();
    stream.subscribe(1, "containers", json!({})).await.unwrap();
    let snapshot = |message: &Value| message["data"]["snapshot"]["hosts"].is_array().then_some(());
    stream.wait(LIMIT, snapshot).await.unwrap();
    stream
        .subscribe(2, "events", json!({ "limit": 0 }))
        .await
        .unwrap();
    stream
        .wait(LIMIT, |message| {
            (message["type"] == "subscribed" && message["id"] == 2).then_some(())
        })
        .await
        .unwrap();

    let mut took = Vec::new();
    for number in 0..5 {
        let id = rig
            .create(&format!("fast-{number}"), "while :; do sleep 1; done")
            .await;
        rig.begin(&id).await;
        let begun = Instant::now();
        let running = |message: &Value| {
            upserted(message, &id)
                .filter(|row| row["state"] == "running")
                .map(|_| ())
        };
        stream.wait(LIMIT, running).await.unwrap();
        took.push(begun.elapsed());
    }
    took.sort();
    println!("from the engine's answer to the message: {took:?}");
    assert!(took[2] < Duration::from_millis(250), "{took:?}");
}

async fn followed(rig: &Rig) {
    let line = "i=0; while :; do i=$((i+1)); echo line-$i; sleep 0.2 2>/dev/null || sleep 1; done";
    let id = rig.run("talker", line).await;
    let known = |message: &Value| {
        let snapshot = message["data"]["snapshot"]["containers"].as_array();
        let there = snapshot.is_some_and(|rows| rows.iter().any(|row| row["id"] == id.as_str()));
        (there || upserted(message, &id).is_some()).then_some(())
    };
    let mut stream = Stream::bearer(rig.server.address, &rig.viewer).await.unwrap();
    stream.subscribe(1, "containers", json!({})).await.unwrap();
    stream.wait(LIMIT, known).await.unwrap();

    let of = |message: &Value, id: u64| message["type"] == "data" && message["id"] == id;
    stream
        .subscribe(2, "logs", json!({ "host": "local", "id": id, "tail": 10 }))
        .await
        .unwrap();
    let mut lines: Vec<String> = Vec::new();
    let three = |message: &Value| {
        if of(message, 2) {
            let new = message["data"]["lines"].as_array().into_iter().flatten();
            lines.extend(new.filter_map(|line| line["text"].as_str().map(str::to_owned)));
        }
        (lines.len() >= 3).then(|| lines.clone())
    };
    let lines = stream.wait(LIMIT, three).await.unwrap();
    assert!(lines.iter().all(|line| line.starts_with("line-")), "{lines:?}");

    stream
        .subscribe(3, "container_stats", json!({ "host": "local", "id": id }))
        .await
        .unwrap();
    let mut rounds = 0;
    let sample = |message: &Value| {
        let samples = message["data"]["samples"].as_array().filter(|_| of(message, 3))?;
        rounds += 1;
        samples
            .iter()
            .find(|sample| sample["cpu_percent"].is_f64() && sample["memory_bytes"].is_u64())
            .cloned()
    };
    stream.wait(LIMIT, sample).await.unwrap();

    rig.lease.remove(&id).await.unwrap();
    // In either order: what the container wrote last is waited for.
    let (mut ended, mut removed) = (None, false);
    let both = |message: &Value| {
        if message["type"] == "ended" && message["id"] == 2 {
            ended = Some(message["reason"].clone());
        }
        let gone = message["data"]["changes"]["removed"].as_array();
        removed |= gone.is_some_and(|gone| gone.iter().any(|gone| gone["id"] == id.as_str()));
        ended.clone().filter(|_| removed)
    };
    let reason = stream.wait(LIMIT, both).await.unwrap();
    assert_eq!(reason, "container_removed");
}

async fn ends_are_told(rig: &Rig) {
    let mut stream = Stream::bearer(rig.server.address, &rig.viewer).await.unwrap();
    let failed = json!({ "failed": true, "rows": true, "limit": 0 });
    stream.subscribe(1, "deaths", failed).await.unwrap();
    let stands = |message: &Value| (message["type"] == "data" && message["id"] == 1).then_some(());
    stream.wait(LIMIT, stands).await.unwrap();
    let told = |message: &Value, id: u64, what: &str, container: &str| {
        let of = message["data"][what].as_array().filter(|_| message["id"] == id)?;
        of.iter().find(|end| end["container"] == container).cloned()
    };

    let fine = rig.run("fine", "exit 0").await;
    let id = rig.run("fails", "echo no more boxes >&2; exit 3").await;
    let begun = Instant::now();
    let mut others = Vec::new();
    let row = stream
        .wait(LIMIT, |message| {
            others.extend(told(message, 1, "rows", &fine));
            told(message, 1, "rows", &id)
        })
        .await
        .unwrap();
    println!("from the engine's answer to the record: {:?}", begun.elapsed());
    assert_eq!(
        (&row["exit_code"], &row["text"]),
        (&3.into(), &"exit code 3".into())
    );
    assert!(others.is_empty(), "{others:?}");

    stream
        .subscribe(2, "deaths", json!({ "host": "local", "id": id }))
        .await
        .unwrap();
    let whole = |message: &Value| told(message, 2, "deaths", &id);
    let death = stream.wait(LIMIT, whole).await.unwrap();
    assert_eq!(death["log"]["lines"][0]["text"], "no more boxes", "{death}");
    assert!(death["removed"].is_null(), "{death}");
    rig.lease.remove(&id).await.unwrap();
    let amended = stream.wait(LIMIT, whole).await.unwrap();
    assert!(amended["removed"].is_string(), "{amended}");
    assert_eq!(amended["ended"], death["ended"]);
}

async fn lost_and_regained(rig: &Rig) {
    let folder = tempfile::tempdir().unwrap();
    let mut wire = Wire::new(folder.path().join("wire.sock"), rig.socket()).unwrap();
    let kept = rig.run("kept", "while :; do sleep 1; done").await;
    let server = Server::start(&wire.address(), &[]).await.unwrap();
    let token = server.token("viewer").await.unwrap();
    let mut stream = Stream::bearer(server.address, &token).await.unwrap();
    stream.subscribe(1, "containers", json!({})).await.unwrap();
    let host = |message: &Value| {
        let hosts = message["data"]["hosts"]
            .as_array()
            .or(message["data"]["snapshot"]["hosts"].as_array())?;
        Some(hosts[0]["state"].as_str()?.to_owned())
    };
    stream
        .wait(LIMIT, |message| host(message).filter(|state| state == "live"))
        .await
        .unwrap();
    let row = |rows: &Value, id: &str, stale: bool| {
        rows.as_array()
            .is_some_and(|rows| rows.iter().any(|row| row["id"] == id && row["stale"] == stale))
    };
    let known = |message: &Value| {
        let (all, changed) = (
            &message["data"]["snapshot"]["containers"],
            &message["data"]["changes"]["upserted"],
        );
        (row(all, &kept, false) || row(changed, &kept, false)).then_some(())
    };
    stream.subscribe(2, "containers", json!({})).await.unwrap();
    stream.wait(LIMIT, known).await.unwrap();
    wire.cut().await;
    stream
        .wait(LIMIT, |message| host(message).filter(|state| state == "lost"))
        .await
        .unwrap();

    // Its rows stay, marked; what happens meanwhile is found afterwards.
    let get = async |path: &str| {
        server
            .send(longshore_e2e::http::Call::new("GET", path).bearer(&token))
            .await
            .unwrap()
            .json()
    };
    let list = eventually("its rows are stale", async || {
        let list = get("/api/v1/containers").await;
        if row(&list["containers"], &kept, true) {
            Ok(list)
        } else {
            Err(list)
        }
    })
    .await;
    assert!(list["hosts"][0]["error"].is_string(), "{}", list["hosts"]);
    rig.lease.remove(&kept).await.unwrap();
    let new = rig.run("new", "while :; do sleep 1; done").await;
    wire.mend().unwrap();
    Eventually::within(Duration::from_secs(40))
        .holds("it shows the engine as it is", async || {
            let list = get("/api/v1/containers").await;
            let there = |id: &str| row(&list["containers"], id, false);
            if list["hosts"][0]["state"] == "live" && there(&new) && !there(&kept) {
                Ok(())
            } else {
                Err(list)
            }
        })
        .await;
    let (status, said) = server.stop().await.unwrap();
    assert!(status.success(), "{said}");
}
