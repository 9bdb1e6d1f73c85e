//! The subscriptions of one connection: which there are, the tasks that run them, and what the client says about them.

use std::collections::HashMap;

use longshore_api::{ClientMessage, ErrorCode, ServerMessage, stream::MAX_SUBSCRIPTIONS};
use tokio::{
    sync::mpsc,
    task::{AbortHandle, Id, JoinError, JoinSet},
};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::app::App;

use super::{
    channels,
    outlet::{Outlet, Stop, encode},
};

/// The queue is closed: the connection is over.
#[derive(Debug)]
pub(super) struct Over;

/// The subscriptions of one connection: owns their tasks.
pub(super) struct Subscriptions {
    app: App,
    queue: mpsc::Sender<Utf8Bytes>,
    open: HashMap<u64, AbortHandle>,
    ids: HashMap<Id, u64>,
    pub(super) tasks: JoinSet<()>,
}

impl Subscriptions {
    pub(super) fn new(app: App, queue: mpsc::Sender<Utf8Bytes>) -> Self {
        Self {
            app,
            queue,
            open: HashMap::new(),
            ids: HashMap::new(),
            tasks: JoinSet::new(),
        }
    }

    pub(super) async fn handle(&mut self, text: &str) -> Result<(), Over> {
        match serde_json::from_str(text) {
            Ok(ClientMessage::Subscribe { id, channel, params }) => {
                self.subscribe(id, &channel, params).await
            }
            Ok(ClientMessage::Unsubscribe { id }) => self.unsubscribe(id).await,
            Ok(ClientMessage::Ping) => self.send(&ServerMessage::Pong).await,
            Ok(ClientMessage::Pong) => Ok(()),
            Err(error) => {
                let text = format!("this is no message: {error}");
                self.error(None, ErrorCode::InvalidRequest, &text).await
            }
        }
    }

    async fn subscribe(&mut self, id: u64, channel: &str, params: serde_json::Value) -> Result<(), Over> {
        if self.open.contains_key(&id) {
            let text = format!("the id {id} is in use: end that subscription first, or take another id");
            return self.error(Some(id), ErrorCode::InvalidRequest, &text).await;
        }
        if self.open.len() >= MAX_SUBSCRIPTIONS {
            let text = format!("a connection has at most {MAX_SUBSCRIPTIONS} subscriptions");
            return self.error(Some(id), ErrorCode::TooManyRequests, &text).await;
        }
        let channel = match longshore_api::Channel::parse(channel, params) {
            Ok(channel) => channel,
            Err((code, text)) => return self.error(Some(id), code, &text).await,
        };
        let (app, outlet) = (
            App::clone(&self.app),
            Outlet {
                id,
                queue: self.queue.clone(),
            },
        );
        let handle = self.tasks.spawn(async move {
            let farewell = match channels::run(&app, &outlet, channel).await {
                Ok(reason) => ServerMessage::<()>::Ended {
                    id,
                    reason: reason.to_owned(),
                },
                Err(Stop::Failed(error)) => ServerMessage::error(Some(id), error.code(), error.text()),
                Err(Stop::Closed) => return,
            };
            let _ = outlet.queue.send(encode(&farewell)).await;
        });
        self.ids.insert(handle.id(), id);
        self.open.insert(id, handle);
        self.app.metrics.subscriptions.inc();
        Ok(())
    }

    async fn unsubscribe(&mut self, id: u64) -> Result<(), Over> {
        let Some(handle) = self.open.remove(&id) else {
            return self
                .error(
                    Some(id),
                    ErrorCode::InvalidRequest,
                    "there is no subscription of that id",
                )
                .await;
        };
        handle.abort();
        self.ids.remove(&handle.id());
        self.app.metrics.subscriptions.dec();
        self.send(&ServerMessage::Ended {
            id,
            reason: "unsubscribed".to_owned(),
        })
        .await
    }

    /// A task has ended: by itself, by an abort, or by a panic, of which the client is told.
    pub(super) async fn forget(&mut self, done: Result<(Id, ()), JoinError>) {
        let (task, panicked) = match &done {
            Ok((task, ())) => (*task, false),
            Err(error) => (error.id(), error.is_panic()),
        };
        let Some(id) = self.ids.remove(&task) else { return };
        self.open.remove(&id);
        self.app.metrics.subscriptions.dec();
        if panicked {
            tracing::error!(?done, "a subscription panicked");
            let _ = self
                .error(
                    Some(id),
                    ErrorCode::Internal,
                    "the server failed; its log says more",
                )
                .await;
        }
    }

    /// Ends all tasks and says which subscriptions were open.
    pub(super) async fn close(mut self) -> Vec<u64> {
        self.tasks.shutdown().await;
        let open: Vec<u64> = self.open.into_keys().collect();
        self.app
            .metrics
            .subscriptions
            .dec_by(i64::try_from(open.len()).unwrap_or(0));
        open
    }

    pub(super) async fn error(&self, id: Option<u64>, code: ErrorCode, message: &str) -> Result<(), Over> {
        self.send(&ServerMessage::error(id, code, message)).await
    }

    async fn send(&self, message: &ServerMessage<()>) -> Result<(), Over> {
        self.queue.send(encode(message)).await.map_err(|_| Over)
    }
}
