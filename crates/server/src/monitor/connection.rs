//! One subscriber: what it says, and when it ends. What it is told is the [`Speaker`]'s.

use futures_util::{
    FutureExt, StreamExt,
    future::BoxFuture,
    stream::{FuturesUnordered, SplitStream},
};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use longshore_api::MonitorRequest;
use longshore_core::EventFilterSet;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::{
    app::App,
    auth::{Principal, still_good},
    stream::socket::{self, End, Heard, Socket},
};

use super::{query::Asked, speaker::Speaker};

/// What a client said and was not answered yet. When it is full, its socket is not read.
const UNANSWERED: usize = 16;
/// How much of a parser's complaint is repeated: it may quote what was sent.
const COMPLAINT: usize = 200;

/// What a client said: filters, or why it is nonsense.
pub(super) type Said = Result<EventFilterSet, String>;

/// Serves one subscriber until it ends.
pub(super) async fn run(app: App, who: Principal, asked: Asked, io: TokioIo<Upgraded>) {
    let (mut sink, mut source) = socket::open(io).await.split();
    app.metrics.streams.inc();
    let (says, mut said) = mpsc::channel(UNANSWERED);
    let heard = Heard::new();
    let mut speaker = Speaker::new(&app, asked);
    // Each of them is polled when it is woken itself: an event is no reason to look at the others, a thousand times over.
    let mut parts: FuturesUnordered<BoxFuture<'_, End>> = FuturesUnordered::new();
    parts.push(read(&mut source, &says, &heard).boxed());
    parts.push(speaker.run(&mut sink, &mut said, &heard).boxed());
    parts.push(still_good(&app, &who).map(|()| End::Revoked).boxed());
    parts.push(app.closing.cancelled().map(|()| End::Stopping).boxed());
    let end = parts.next().await.unwrap_or(End::Gone);
    drop(parts);
    tracing::debug!(name = %who.name, ?end, "a subscriber of events ended");
    socket::close(sink, source, end, Vec::new()).await;
    app.metrics.streams.dec();
}

async fn read(source: &mut SplitStream<Socket>, says: &mpsc::Sender<Said>, heard: &Heard) -> End {
    loop {
        let message = source.next().await;
        heard.note();
        let said = match message {
            Some(Ok(Message::Text(text))) => understood(&text),
            Some(Ok(Message::Binary(_))) => Err("messages are JSON in text frames".to_owned()),
            // Pings are answered by the protocol's own layer.
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
            Some(Err(Error::Capacity(_))) => return End::TooLarge,
            Some(Ok(Message::Close(_)) | Err(_)) | None => return End::Gone,
        };
        if says.send(said).await.is_err() {
            return End::Gone;
        }
    }
}

fn understood(text: &str) -> Said {
    let request: MonitorRequest = serde_json::from_str(text).map_err(|error| {
        let error: String = error.to_string().chars().take(COMPLAINT).collect();
        format!("say {{\"filters\": [..]}}: {error}")
    })?;
    EventFilterSet::parse(&request.filters).map_err(|error| error.to_string())
}
