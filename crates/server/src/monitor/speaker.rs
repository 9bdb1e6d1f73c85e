//! What one subscriber is told: its filters, its pace, the form of its frames.

use std::{sync::Arc, time::Duration};

use futures_util::{
    SinkExt, StreamExt,
    future::OptionFuture,
    stream::{BoxStream, SelectAll, SplitSink, select_all},
};
use longshore_api::{
    MessageType, MonitorRequest,
    monitor::{ErrorPayload, LaggedPayload, RestoredPayload},
};
use longshore_core::EventFilterSet;
use longshore_fleet::{
    Host,
    runtime::{FollowItem, RecordBody},
};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout},
};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message, Utf8Bytes};

use crate::{
    app::{App, now},
    convert::{self, monitor_message as message},
    history,
    stream::socket::{End, Heard, PING_EVERY, SILENCE, STALL, Socket},
};

use super::{connection::Said, press::Press, query::Asked};

/// How long records gather after a flush before the next: 200 flushes a second at most.
const GATHER: Duration = Duration::from_millis(5);
/// About how large an array of messages gets.
const BATCH_BYTES: usize = 256 * 1024;

/// Of which host something is, with the texts of its records.
type Told = (Arc<Host>, Arc<Press>, Vec<history::Told>);

/// Tells one subscriber.
pub(super) struct Speaker {
    app: App,
    filters: EventFilterSet,
    batch: bool,
    chunks: SelectAll<BoxStream<'static, Told>>,
}

impl Speaker {
    pub(super) fn new(app: &App, asked: Asked) -> Self {
        let hosts = app.fleet.hosts().iter().zip(app.presses.iter());
        let chunks = hosts.map(|(host, press)| {
            let (host, press) = (Arc::clone(host), Arc::clone(press));
            history::follow(app, &host, asked.resume.get(host.name()))
                .map(move |items| (Arc::clone(&host), Arc::clone(&press), items))
                .boxed()
        });
        Self {
            app: App::clone(app),
            filters: asked.filters,
            batch: asked.batch,
            chunks: select_all(chunks),
        }
    }

    /// Tells what happens, and answers what was said, until there is nobody to tell.
    pub(super) async fn run(
        &mut self,
        sink: &mut SplitSink<Socket, Message>,
        said: &mut mpsc::Receiver<Said>,
        heard: &Heard,
    ) -> End {
        let mut ping = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut gathered = Instant::now();
        loop {
            let gather = (gathered > Instant::now()).then(|| sleep_until(gathered));
            let gather = OptionFuture::from(gather);
            let sending = tokio::select! {
                biased;
                Some(said) = said.recv() => {
                    let answer = self.answer(said);
                    let frame = self.frames(vec![answer]);
                    send(sink, frame).await
                }
                _ = ping.tick() => {
                    if heard.silence() >= SILENCE {
                        return End::Silent;
                    }
                    send(sink, vec![Message::Ping(Bytes::new())]).await
                }
                chunk = async { gather.await; self.chunks.next().await } => {
                    let Some((host, press, items)) = chunk else {
                        // Nothing is watched any more.
                        return End::Stopping;
                    };
                    let texts = self.texts(&host, &press, &items);
                    if texts.is_empty() {
                        continue;
                    }
                    self.app.metrics.monitor_sent.inc_by(texts.len() as u64);
                    let frames = self.frames(texts);
                    let sent = send(sink, frames).await;
                    gathered = Instant::now() + GATHER;
                    sent
                }
            };
            if let Err(end) = sending {
                return end;
            }
        }
    }

    /// The texts of what gets through.
    fn texts(&self, host: &Host, press: &Press, items: &[history::Told]) -> Vec<Utf8Bytes> {
        let mut held_back = 0;
        let texts = items
            .iter()
            .filter_map(|item| {
                let text = self.text(host, press, item);
                held_back += u64::from(text.is_none());
                text
            })
            .collect();
        self.app.metrics.monitor_filtered.inc_by(held_back);
        texts
    }

    fn text(&self, of: &Host, press: &Press, told: &history::Told) -> Option<Utf8Bytes> {
        let (host, item) = (press.host(), &told.item);
        let fits = match item {
            FollowItem::Record(record) => match &record.body {
                RecordBody::Event { event, .. } => self.filters.matches(host, event),
                RecordBody::Gap { .. } => self.filters.matches_host(host),
            },
            _ => self.filters.matches_host(host),
        };
        if !fits {
            return None;
        }
        let host = || host.to_owned();
        Some(match item {
            FollowItem::Record(record) => {
                let place = || history::place(&self.app, of, record.cursor, &told.had);
                if told.had.is_empty() {
                    press.text(record, place)
                } else {
                    // Where this one goes on is not where another does.
                    convert::monitor_record(press.host(), record, &place())
                }
            }
            FollowItem::Lagged { missed } => {
                self.app.metrics.missed.inc_by(*missed);
                let payload = LaggedPayload {
                    n: *missed,
                    host: host(),
                };
                message(MessageType::DockerLagged, payload, now())
            }
            FollowItem::Lost { error, hint, since } => {
                let payload = ErrorPayload {
                    error: error.to_string(),
                    timestamp: longshore_core::Timestamp::from(*since).as_secs(),
                    host: Some(host()),
                    hint: hint.as_deref().map(str::to_owned),
                };
                message(MessageType::DockerError, payload, now())
            }
            FollowItem::Restored { since } => {
                let payload = RestoredPayload {
                    host: host(),
                    timestamp: longshore_core::Timestamp::from(*since).as_secs(),
                };
                message(MessageType::DockerRestored, payload, now())
            }
            // Of a newer runtime: nothing that a client could know.
            _ => return None,
        })
    }

    /// Changes the filters, or says why not.
    fn answer(&mut self, said: Said) -> Utf8Bytes {
        match said {
            Ok(filters) => {
                self.filters = filters;
                let filters = self.filters.words().map(str::to_owned).collect();
                message(MessageType::DockerFilters, MonitorRequest { filters }, now())
            }
            Err(error) => {
                let payload = ErrorPayload {
                    error,
                    timestamp: now().as_secs(),
                    host: None,
                    hint: None,
                };
                message(MessageType::DockerError, payload, now())
            }
        }
    }

    /// As frames: each its own, or arrays.
    fn frames(&self, texts: Vec<Utf8Bytes>) -> Vec<Message> {
        if !self.batch {
            return texts.into_iter().map(Message::Text).collect();
        }
        let mut frames = Vec::new();
        let mut texts = texts.iter().peekable();
        while texts.peek().is_some() {
            let mut frame = String::from(r#"{"message_type":"docker_batch","payload":["#);
            let begin = frame.len();
            while let Some(text) =
                texts.next_if(|text| frame.len() == begin || frame.len() + text.len() < BATCH_BYTES)
            {
                if frame.len() > begin {
                    frame.push(',');
                }
                frame.push_str(text);
            }
            frame.push_str(r#"],"timestamp":"#);
            frame.push_str(&now().as_secs().to_string());
            frame.push('}');
            frames.push(Message::Text(frame.into()));
        }
        frames
    }
}

/// Sends frames, and waits until the kernel has them.
async fn send(sink: &mut SplitSink<Socket, Message>, frames: Vec<Message>) -> Result<(), End> {
    let sending = async {
        for frame in frames {
            sink.feed(frame).await?;
        }
        sink.flush().await
    };
    match timeout(STALL, sending).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err::<(), Error>(_)) => Err(End::Gone),
        Err(_) => Err(End::Stalled),
    }
}
