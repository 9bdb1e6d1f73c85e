//! The process itself: how soon it listens, how it ends, what it weighs.

use std::time::Duration;

use longshore_e2e::{Server, http::Call, stream::Stream};
use longshore_testkit::eventually;
use serde_json::json;

use crate::harness::{Rig, is_release, on_real_engines};

on_real_engines!(it_listens_at_once, listens_at_once);
on_real_engines!(it_drains_on_sigterm, drains);
on_real_engines!(it_stays_small, stays_small);

async fn listens_at_once(rig: &Rig) {
    let mut best = Duration::MAX;
    for _ in 0..3 {
        let server = Server::start(&rig.lease.docker_host(), &[]).await.unwrap();
        best = best.min(server.started_in);
        assert!(
            server
                .setup_link
                .as_deref()
                .is_some_and(|link| link.contains(&server.address.to_string()))
        );
        server.stop().await.unwrap();
    }
    println!("listening after {best:?}");
    let limit = if is_release() {
        Duration::from_millis(100)
    } else {
        Duration::from_secs(2)
    };
    assert!(best < limit, "{best:?}");
}

async fn drains(rig: &Rig) {
    let id = rig.run("talker", "while :; do echo line; sleep 1; done").await;
    let server = Server::start(&rig.lease.docker_host(), &[]).await.unwrap();
    let token = server.token("viewer").await.unwrap();
    let mut stream = Stream::bearer(server.address, &token).await.unwrap();
    stream.subscribe(1, "containers", json!({})).await.unwrap();
    let path = format!("/api/v1/hosts/local/containers/{id}/logs?follow=true");
    let ((status, _), mut logs) = eventually("the log is followed", async || {
        let opened = Call::new("GET", path.as_str())
            .bearer(&token)
            .open(server.address)
            .await
            .unwrap();
        if opened.0.0 == 200 {
            Ok(opened)
        } else {
            Err(opened.0.0)
        }
    })
    .await;
    assert_eq!(status, 200);
    assert!(
        logs.next()
            .await
            .unwrap()
            .is_some_and(|piece| piece.starts_with(b"line"))
    );

    let begun = std::time::Instant::now();
    let (status, said) = server.stop().await.unwrap();
    assert!(status.success(), "{said}");
    assert!(
        begun.elapsed() < Duration::from_secs(11),
        "it took {:?}",
        begun.elapsed()
    );
    let closed = stream
        .wait::<()>(Duration::from_secs(5), |_| None)
        .await
        .unwrap_err();
    assert!(closed.starts_with("closed 100") || closed == "ended", "{closed}");
}

async fn stays_small(rig: &Rig) {
    let token = &rig.viewer;
    let mut stream = Stream::bearer(rig.server.address, token).await.unwrap();
    for (id, channel) in ["containers", "events", "stats", "host_metrics"]
        .into_iter()
        .enumerate()
    {
        stream.subscribe(id as u64, channel, json!({})).await.unwrap();
    }
    for number in 0..5 {
        rig.run(&format!("small-{number}"), "while :; do sleep 1; done")
            .await;
    }
    let mut rounds = 0;
    stream
        .wait(Duration::from_secs(20), |message| {
            rounds += u32::from(message["data"]["samples"].is_array());
            (rounds == 5).then_some(())
        })
        .await
        .unwrap();
    let resident = rig.server.resident().unwrap();
    println!("resident: {:.1} MB", resident as f64 / 1e6);
    let limit = if is_release() { 25_000_000 } else { 60_000_000 };
    assert!(resident < limit, "{resident}");
}
