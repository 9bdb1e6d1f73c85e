//! One WebSocket: reads messages, writes what its subscriptions send, and sees to it that the peer lives and may still be
//! here.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use longshore_api::{ErrorCode, ServerMessage, stream::MAX_CLIENT_MESSAGE};
use tokio::{
    io::AsyncReadExt,
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval_at, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message, Utf8Bytes,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

use crate::{
    app::App,
    auth::{Principal, still_good},
};

use super::{
    outlet::{QUEUE, encode},
    subscriptions::Subscriptions,
};

/// How often we ask whether the peer lives.
const PING_EVERY: Duration = Duration::from_secs(20);
/// A peer that says nothing for so long is gone.
const SILENCE: Duration = Duration::from_secs(60);
/// A peer that takes nothing for so long is gone.
const STALL: Duration = Duration::from_secs(30);
/// How long a peer may take to close after it was told why.
const FAREWELL: Duration = Duration::from_secs(1);
/// The same for one that is still sending what is too large, as long as it goes on.
const FAREWELL_TOO_LARGE: Duration = Duration::from_secs(10);

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The peer closed it, or it broke.
    Gone,
    TooLarge,
    Silent,
    Stalled,
    Revoked,
    Stopping,
}

impl End {
    fn close_frame(self) -> Option<CloseFrame> {
        let (code, reason) = match self {
            Self::Gone => return None,
            Self::TooLarge => (CloseCode::Size, "a message has at most 65536 bytes"),
            Self::Silent => (CloseCode::Policy, "no pong"),
            Self::Stalled => (CloseCode::Policy, "reads too slowly"),
            Self::Revoked => (CloseCode::Policy, "the credential is no longer good"),
            Self::Stopping => (CloseCode::Away, "the server is stopping"),
        };
        Some(CloseFrame {
            code,
            reason: Utf8Bytes::from_static(reason),
        })
    }
}

/// Serves one WebSocket until it ends.
pub(super) async fn run(app: App, who: Principal, io: TokioIo<Upgraded>) {
    let limits = WebSocketConfig::default()
        .read_buffer_size(4 * 1024)
        .write_buffer_size(16 * 1024)
        .max_message_size(Some(MAX_CLIENT_MESSAGE))
        .max_frame_size(Some(MAX_CLIENT_MESSAGE));
    let socket: Socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(limits)).await;
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
    if let (Ok(socket), Some(frame)) = (source.reunite(sink), end.close_frame()) {
        // A peer that does not take it is left behind.
        let patience = if end == End::TooLarge {
            FAREWELL_TOO_LARGE
        } else {
            FAREWELL
        };
        let _ = timeout(patience, farewell(socket, end, frame, open)).await;
    }
    app.metrics.streams.dec();
}

/// Tells the peer why, then reads what it still sends: closing with unread bytes would cut off our last words.
async fn farewell(mut socket: Socket, end: End, frame: CloseFrame, open: Vec<u64>) -> Result<(), Error> {
    if end == End::Stopping {
        for id in open {
            let ended = ServerMessage::<()>::Ended {
                id,
                reason: "server_stopping".to_owned(),
            };
            socket.feed(Message::Text(encode(&ended))).await?;
        }
    }
    let _ = socket.close(Some(frame)).await;
    let io = socket.get_mut();
    let mut scrap = [0; 4096];
    while let Ok(more) = timeout(FAREWELL, io.read(&mut scrap)).await {
        if more? == 0 {
            break;
        }
    }
    Ok(())
}

/// When the peer was last heard.
struct Heard {
    start: Instant,
    at_ms: AtomicU64,
}

impl Heard {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            at_ms: AtomicU64::new(0),
        }
    }

    fn note(&self) {
        let ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.at_ms.store(ms, Ordering::Relaxed);
    }

    fn silence(&self) -> Duration {
        self.start
            .elapsed()
            .saturating_sub(Duration::from_millis(self.at_ms.load(Ordering::Relaxed)))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn silence_is_counted_from_the_last_word() {
        let heard = Heard::new();
        tokio::time::advance(SILENCE).await;
        assert_eq!(heard.silence(), SILENCE);
        heard.note();
        assert_eq!(heard.silence(), Duration::ZERO);
        tokio::time::advance(PING_EVERY).await;
        assert_eq!(heard.silence(), PING_EVERY);
    }
}
