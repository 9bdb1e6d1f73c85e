//! A client of the live stream.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{Message, protocol::CloseFrame},
};

use crate::support::PATIENCE;

/// A live stream, as a client has it.
pub(crate) struct Live {
    pub(crate) socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Live {
    pub(crate) async fn say(&mut self, message: Value) {
        self.raw(Message::text(message.to_string())).await;
    }

    pub(crate) async fn raw(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    pub(crate) async fn subscribe(&mut self, id: u64, channel: &str, params: Value) {
        self.say(json!({"type": "subscribe", "id": id, "channel": channel, "params": params}))
            .await;
        let answer = self.hear().await;
        assert_eq!(answer, json!({"type": "subscribed", "id": id}));
    }

    /// The next message.
    pub(crate) async fn hear(&mut self) -> Value {
        loop {
            match timeout(PATIENCE, self.socket.next())
                .await
                .expect("a message comes")
            {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).unwrap(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The data of the next message of a subscription.
    pub(crate) async fn data(&mut self, id: u64) -> Value {
        let mut message = self.hear().await;
        assert_eq!(
            (&message["type"], &message["id"]),
            (&json!("data"), &json!(id)),
            "{message}"
        );
        message["data"].take()
    }

    /// Reads until the data of a subscription are as wanted.
    pub(crate) async fn until(&mut self, id: u64, mut wanted: impl FnMut(&Value) -> bool) -> Value {
        loop {
            let data = self.data(id).await;
            if wanted(&data) {
                return data;
            }
        }
    }

    /// Reads until the server closes.
    pub(crate) async fn closed(&mut self) -> (Vec<Value>, Option<CloseFrame>) {
        let mut heard = Vec::new();
        loop {
            match timeout(PATIENCE, self.socket.next())
                .await
                .expect("the server closes")
            {
                Some(Ok(Message::Text(text))) => heard.push(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return (heard, frame),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return (heard, None),
            }
        }
    }
}
