//! Tells what happens on the engine, through its restarts, until so many events have come.
//!
//! `cargo run -p longshore-examples --bin watch_events COUNT [FILTER]…`, for instance `watch_events 2 type:container die`
#![expect(clippy::print_stdout, reason = "a program that prints")]

use longshore::prelude::*;
use tokio::sync::mpsc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let mut left: usize = args.next().unwrap_or_else(|| "10".to_owned()).parse()?;

    let (sender, mut told) = mpsc::unbounded_channel();
    let client = DockerClient::new().await?;
    let mut monitor = EventMonitor::new(client).sink(move |item: &FollowItem| {
        // Nobody reads any more: the program is about to end.
        let _ = sender.send(item.clone());
    });
    for filter in args {
        monitor.add_event_filter(&filter)?;
    }
    monitor.start().await;
    println!("listening");

    while left > 0 {
        match told.recv().await {
            Some(FollowItem::Record(record)) => match &record.body {
                RecordBody::Event { event, .. } => {
                    let name = event.name().unwrap_or(&event.id);
                    println!("{} {} {name}", event.kind, event.action);
                    left -= 1;
                }
                RecordBody::Gap { from, to, reason } => {
                    println!("events may be missing from {from} to {to}: {reason}");
                }
            },
            Some(FollowItem::Lost { error, .. }) => println!("the engine is gone: {error}"),
            Some(FollowItem::Restored { .. }) => println!("the engine is back"),
            Some(other) => println!("{other:?}"),
            None => break,
        }
    }
    monitor.stop().await;
    Ok(())
}
