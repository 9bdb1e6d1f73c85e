//! One WebSocket: reads messages, writes what its subscriptions send, and sees to it that the peer lives and may still be
//! here.

use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use longshore_api::{ErrorCode, ServerMessage};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval_at, timeout},
};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use crate::{
    app::App,
    auth::{Principal, still_good},
};

use super::{
    outlet::{QUEUE, encode},
    socket::{self, End, Heard, PING_EVERY, SILENCE, STALL, Socket},
    subscriptions::Subscriptions,
};

/// Serves one WebSocket until it ends.
pub(super) async fn run(app: App, who: Principal, io: TokioIo<Upgraded>) {
    let socket = socket::open(io).await;
    app.metrics.streams.inc();
    let (mut sink, mut source) = socket.split();
    let (queue, mut waiting) = mpsc::channel(QUEUE);
    let mut subscriptions = Subscriptions::new(App::clone(&app), queue);
    let heard = Heard::new();
    let end = tokio::select! {
        end = read(&mut source, &mut subscriptions, &heard) => end,
        end = write(&mut sink, &mut waiting, &heard) => end,
        () = still_good(&app, &who) => End::Revoked,
        () = app.closing.cancelled() => End::Stopping,
    };
    tracing::debug!(name = %who.name, ?end, "a stream ended");
    let open = subscriptions.close().await;
    let words = if end == End::Stopping { open } else { Vec::new() };
    let ended = |id| ServerMessage::<()>::Ended {
        id,
        reason: "server_stopping".to_owned(),
    };
    let words = words.into_iter().map(|id| encode(&ended(id))).collect();
    socket::close(sink, source, end, words).await;
    app.metrics.streams.dec();
}

async fn write(
    sink: &mut SplitSink<Socket, Message>,
    waiting: &mut mpsc::Receiver<Utf8Bytes>,
    heard: &Heard,
) -> End {
    let mut ping = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let first = tokio::select! {
            text = waiting.recv() => match text {
                Some(text) => text,
                None => return End::Gone,
            },
            _ = ping.tick() => {
                if heard.silence() >= SILENCE {
                    return End::Silent;
                }
                encode(&ServerMessage::<()>::Ping)
            }
        };
        let sending = async {
            sink.feed(Message::Text(first)).await?;
            while let Ok(text) = waiting.try_recv() {
                sink.feed(Message::Text(text)).await?;
            }
            sink.flush().await
        };
        match timeout(STALL, sending).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return End::Gone,
            Err(_) => return End::Stalled,
        }
    }
}

async fn read(source: &mut SplitStream<Socket>, subscriptions: &mut Subscriptions, heard: &Heard) -> End {
    loop {
        let message = tokio::select! {
            message = source.next() => message,
            Some(done) = subscriptions.tasks.join_next_with_id() => {
                subscriptions.forget(done).await;
                continue;
            }
        };
        heard.note();
        let told = match message {
            Some(Ok(Message::Text(text))) => subscriptions.handle(&text).await,
            Some(Ok(Message::Binary(_))) => {
                subscriptions
                    .error(
                        None,
                        ErrorCode::InvalidRequest,
                        "messages are JSON in text frames",
                    )
                    .await
            }
            // Pings are answered by the protocol's own layer.
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(()),
            Some(Err(Error::Capacity(_))) => return End::TooLarge,
            Some(Ok(Message::Close(_)) | Err(_)) | None => return End::Gone,
        };
        if told.is_err() {
            return End::Gone;
        }
    }
}
