//! A build while it goes on: its log read, and its session answered beside that.

use std::future::poll_fn;
use std::pin::{Pin, pin};

use futures_util::StreamExt as _;

use super::BuildEvent;
use super::log::Log;
use crate::Error;
use crate::error::ErrorKind;
use crate::messages::Messages;

/// A session that is answered while a build goes on.
pub(super) type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Does the work, and answers the session beside it.
pub(super) async fn beside<T>(serving: &mut Option<Serving>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|cx| {
        if serving
            .as_mut()
            .is_some_and(|serving| serving.as_mut().poll(cx).is_ready())
        {
            *serving = None;
        }
        work.as_mut().poll(cx)
    })
    .await
}

/// A build's log on its way.
pub(super) struct Run {
    messages: Messages,
    serving: Option<Serving>,
    log: Log,
    /// How it ended, while events before that are still to be given.
    last: Option<Result<BuildEvent, Error>>,
}

impl Run {
    pub(super) fn new(messages: Messages, serving: Option<Serving>) -> Self {
        Self {
            messages,
            serving,
            log: Log::new(),
            last: None,
        }
    }

    /// The next event, and whether another one follows.
    pub(super) async fn next(&mut self) -> (Result<BuildEvent, Error>, bool) {
        loop {
            if let Some(event) = self.log.next() {
                return (Ok(event), true);
            }
            if let Some(last) = self.last.take() {
                return (last, false);
            }
            match beside(&mut self.serving, self.messages.next()).await {
                Some(Ok(message)) => self.log.see(&message),
                Some(Err(error)) => {
                    self.log.fail(error.message().unwrap_or("the build has failed"));
                    self.last = Some(Err(error));
                }
                None => {
                    let error = || {
                        let error = self.messages.error(ErrorKind::Protocol);
                        error.with_message("the engine did not say which image it has built")
                    };
                    self.last = Some(self.log.finish().map(BuildEvent::Done).ok_or_else(error));
                }
            }
        }
    }
}
