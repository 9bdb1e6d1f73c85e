//! What every WebSocket of ours has in common: its limits, why it ends, and how it is told so.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use futures_util::{
    SinkExt,
    stream::{SplitSink, SplitStream},
};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use longshore_api::stream::MAX_CLIENT_MESSAGE;
use tokio::{
    io::AsyncReadExt,
    time::{Instant, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message, Utf8Bytes,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

/// How often we ask whether the peer lives.
pub(crate) const PING_EVERY: Duration = Duration::from_secs(20);
/// A peer that says nothing for so long is gone.
pub(crate) const SILENCE: Duration = Duration::from_secs(60);
/// A peer that takes nothing for so long is gone.
pub(crate) const STALL: Duration = Duration::from_secs(30);
/// How long a peer may take to close after it was told why.
const FAREWELL: Duration = Duration::from_secs(1);
/// The same for one that is still sending what is too large, as long as it goes on.
const FAREWELL_TOO_LARGE: Duration = Duration::from_secs(10);

pub(crate) type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
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

/// A WebSocket on an upgraded connection, with small buffers.
pub(crate) async fn open(io: TokioIo<Upgraded>) -> Socket {
    let limits = WebSocketConfig::default()
        .read_buffer_size(4 * 1024)
        .write_buffer_size(16 * 1024)
        .max_message_size(Some(MAX_CLIENT_MESSAGE))
        .max_frame_size(Some(MAX_CLIENT_MESSAGE));
    WebSocketStream::from_raw_socket(io, Role::Server, Some(limits)).await
}

/// Says last words and why it ends, and waits a little until the peer has them. One that does not take them is left behind.
pub(crate) async fn close(
    sink: SplitSink<Socket, Message>,
    source: SplitStream<Socket>,
    end: End,
    words: Vec<Utf8Bytes>,
) {
    let (Ok(socket), Some(frame)) = (source.reunite(sink), end.close_frame()) else {
        return;
    };
    let patience = if end == End::TooLarge {
        FAREWELL_TOO_LARGE
    } else {
        FAREWELL
    };
    let _ = timeout(patience, farewell(socket, frame, words)).await;
}

/// Tells the peer why, then reads what it still sends: closing with unread bytes would cut off our last words.
async fn farewell(mut socket: Socket, frame: CloseFrame, words: Vec<Utf8Bytes>) -> Result<(), Error> {
    for text in words {
        socket.feed(Message::Text(text)).await?;
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
pub(crate) struct Heard {
    start: Instant,
    at_ms: AtomicU64,
}

impl Heard {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            at_ms: AtomicU64::new(0),
        }
    }

    pub(crate) fn note(&self) {
        let ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.at_ms.store(ms, Ordering::Relaxed);
    }

    pub(crate) fn silence(&self) -> Duration {
        self.start
            .elapsed()
            .saturating_sub(Duration::from_millis(self.at_ms.load(Ordering::Relaxed)))
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
