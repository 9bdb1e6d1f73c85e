//! The event monitor on real engines.

use std::time::Duration;

use longshore::prelude::*;
use longshore_testkit::lease::on_each;
use tokio::time::timeout;

use crate::{builder, client};

#[tokio::test]
async fn a_monitor_tells_a_containers_life_and_nothing_else() {
    on_each(|lease| async move {
        let client = client(&lease).await;
        let name = lease.name("monitored");
        let (sender, mut told) = tokio::sync::mpsc::unbounded_channel();
        let mut monitor = EventMonitor::new(client.clone()).sink(move |item: &FollowItem| {
            if let FollowItem::Record(record) = item
                && let RecordBody::Event { event, .. } = &record.body
            {
                sender.send(event.verb().to_owned()).unwrap();
            }
        });
        monitor.add_event_filter("type:container").unwrap();
        monitor.add_event_filter(&format!("name:{name}")).unwrap();
        monitor.start().await;
        let spec = builder(&lease, "monitored", &["sleep", "60"]);
        client.containers().ensure(&spec, Ensure::Same).await.unwrap();
        client.containers().pause(&name).await.unwrap();
        client.containers().unpause(&name).await.unwrap();
        client.containers().remove(&name, true).await.unwrap();
        // Engines differ in what they tell beside these; Podman tells of no signal.
        let is_podman = lease.engine_name() == "podman";
        let mut known = vec!["create", "start", "pause", "unpause", "kill", "die", "destroy"];
        known.retain(|verb| *verb != "kill" || !is_podman);
        let mut seen: Vec<String> = Vec::new();
        while seen.last().is_none_or(|verb| verb != "destroy") {
            let verb = timeout(Duration::from_secs(20), told.recv())
                .await
                .unwrap()
                .unwrap();
            seen.extend(known.contains(&&*verb).then_some(verb));
        }
        // An engine's notice of a pause may come after the unpause, and then it tells both again.
        seen.sort_unstable();
        seen.dedup();
        known.sort_unstable();
        assert_eq!(seen, known);
        monitor.stop().await;
        assert_eq!(monitor.counts().dropped, 0);
    })
    .await;
}
