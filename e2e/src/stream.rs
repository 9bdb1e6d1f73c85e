//! The server's WebSocket, from a program's side: subscribe, and read what comes with a time limit.

use std::{io, net::SocketAddr, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{self, Message, client::IntoClientRequest as _},
};

/// One connection.
#[derive(Debug)]
pub struct Stream {
    socket: WebSocketStream<TcpStream>,
}

/// What came instead of an open connection.
#[derive(Debug)]
pub enum Refused {
    /// The server answered the upgrade with this status.
    Status(u16),
    /// Anything else.
    Other(String),
}

impl Stream {
    /// Connects with the given headers (`authorization`, `origin`, …).
    ///
    /// # Errors
    /// [`Refused`] when the server does not upgrade.
    pub async fn open(to: SocketAddr, headers: &[(&'static str, &str)]) -> Result<Self, Refused> {
        Self::open_at(to, "/api/v1/stream", headers).await
    }

    /// Connects to another path: the event monitor's.
    ///
    /// # Errors
    /// As [`Stream::open`].
    pub async fn open_at(
        to: SocketAddr,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Refused> {
        let other = |error: &dyn std::fmt::Display| Refused::Other(error.to_string());
        let url = format!("ws://{to}{path}");
        let mut request = url.into_client_request().map_err(|error| other(&error))?;
        for (name, value) in headers {
            request
                .headers_mut()
                .insert(*name, value.parse().map_err(|error| other(&error))?);
        }
        let tcp = TcpStream::connect(to).await.map_err(|error| other(&error))?;
        match client_async(request, tcp).await {
            Ok((socket, _)) => Ok(Self { socket }),
            Err(tungstenite::Error::Http(answer)) => Err(Refused::Status(answer.status().as_u16())),
            Err(error) => Err(other(&error)),
        }
    }

    /// Connects with an API token.
    ///
    /// # Errors
    /// As [`Stream::open`].
    pub async fn bearer(to: SocketAddr, token: &str) -> Result<Self, Refused> {
        Self::open(to, &[("authorization", &format!("Bearer {token}"))]).await
    }

    /// Sends a text as it is.
    ///
    /// # Errors
    /// When the connection is closed.
    pub async fn send_text(&mut self, text: impl Into<String>) -> io::Result<()> {
        self.socket
            .send(Message::text(text.into()))
            .await
            .map_err(io::Error::other)
    }

    /// Subscribes to a channel under a number.
    ///
    /// # Errors
    /// When the connection is closed.
    pub async fn subscribe(&mut self, id: u64, channel: &str, params: Value) -> io::Result<()> {
        let message = json!({ "type": "subscribe", "id": id, "channel": channel, "params": params });
        self.send_text(message.to_string()).await
    }

    /// The next message that `wanted` takes; others are passed over. `Err` holds what came when the time was up, or the
    /// code with which the server closed.
    ///
    /// # Errors
    /// When the time is up or the connection ends.
    pub async fn wait<T>(
        &mut self,
        limit: Duration,
        mut wanted: impl FnMut(&Value) -> Option<T>,
    ) -> Result<T, String> {
        let mut seen = Vec::new();
        let found = tokio::time::timeout(limit, async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Text(text))) => {
                        let value: Value =
                            serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))?;
                        if let Some(found) = wanted(&value) {
                            return Ok(found);
                        }
                        if seen.len() < 20 {
                            seen.push(text.chars().take(300).collect::<String>());
                        }
                    }
                    Some(Ok(Message::Close(frame))) => {
                        return Err(format!(
                            "closed {}",
                            frame.map_or(0, |frame| u16::from(frame.code))
                        ));
                    }
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(format!("broken: {error}")),
                    None => return Err("ended".to_owned()),
                }
            }
        })
        .await;
        found.unwrap_or_else(|_| Err(format!("nothing of it within {limit:?}; there came {seen:#?}")))
    }
}
