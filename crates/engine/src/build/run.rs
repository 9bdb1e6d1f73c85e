//! A build while it goes on: its log read, and its session answered beside that.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;

use futures_util::StreamExt as _;

use super::log::Log;
use super::session::Offer;
use super::{BuildEvent, Built};
use crate::error::ErrorKind;
use crate::messages::Messages;
use crate::{Copied, Error};

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

/// What a build can end with.
pub(super) trait Outcome: Sized {
    /// What is wrong with an engine that ends well, and without it.
    const MISSING: &str;

    fn of(built: Option<Built>, offer: &Offer) -> Option<Result<Self, Error>>;
}

impl Outcome for Built {
    const MISSING: &str = "the engine did not say which image it has built";

    fn of(built: Option<Built>, _: &Offer) -> Option<Result<Self, Error>> {
        built.map(Ok)
    }
}

impl Outcome for Copied {
    const MISSING: &str = "the engine did not send what it has built";

    fn of(_: Option<Built>, offer: &Offer) -> Option<Result<Self, Error>> {
        offer.output()
    }
}

/// A build's log on its way.
pub(super) struct Run<T> {
    messages: Messages,
    serving: Option<Serving>,
    offer: Arc<Offer>,
    log: Log<T>,
    /// How it ended, while events before that are still to be given.
    last: Option<Result<BuildEvent<T>, Error>>,
}

impl<T: Outcome> Run<T> {
    pub(super) fn new(messages: Messages, serving: Option<Serving>, offer: Arc<Offer>) -> Self {
        Self {
            messages,
            serving,
            offer,
            log: Log::new(),
            last: None,
        }
    }

    /// The next event, and whether another one follows.
    pub(super) async fn next(&mut self) -> (Result<BuildEvent<T>, Error>, bool) {
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
                    // When it is our output that failed, the engine can only say that it did.
                    let error = self.offer.output().and_then(Result::err).unwrap_or(error);
                    self.last = Some(Err(error));
                }
                None => {
                    let missing = || Err(self.messages.error(ErrorKind::Protocol).with_message(T::MISSING));
                    let ended = T::of(self.log.finish(), &self.offer).unwrap_or_else(missing);
                    self.last = Some(ended.map(BuildEvent::Done));
                }
            }
        }
    }
}
