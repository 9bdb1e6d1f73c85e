//! The stream of JSON messages that answers a pull, a push, a build, a load and an import.
//!
//! Owns its cutting (several messages in one piece, one in several), and that a failure told inside it is an error and
//! its last item: the engine has answered 200 long before. What the messages mean is each call's.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::{Stream, StreamExt};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Error;
use crate::call::Call;
use crate::conn::{Body, Failure, ReadLimits};
use crate::error::{ErrorKind, Subject};
use crate::lines::{Line, LineDecoder, MAX_LINE};
use crate::path::PathQuery;
use crate::registry;
use crate::wire::lenient::{Number, nullable};

/// One message. Each call fills in what it needs of it.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Message {
    /// What it is about: a layer, the kind of `aux`.
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) id: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) status: Option<String>,
    /// Text of a build or a load.
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) stream: Option<String>,
    #[serde(default, rename = "progressDetail", deserialize_with = "nullable")]
    pub(crate) detail: Detail,
    #[serde(default)]
    pub(crate) aux: Option<Box<RawValue>>,
    #[serde(default, deserialize_with = "nullable")]
    error: Option<String>,
    #[serde(default, rename = "errorDetail", deserialize_with = "nullable")]
    error_detail: Option<ErrorDetail>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Detail {
    #[serde(default)]
    current: Number,
    #[serde(default)]
    total: Number,
    #[serde(default, deserialize_with = "nullable")]
    units: String,
}

impl Detail {
    /// Both numbers, where they count bytes (containerd's store counts seconds of unpacking).
    pub(crate) fn bytes(&self) -> (Option<u64>, Option<u64>) {
        match self.units.as_str() {
            "" => (self.current.0, self.total.0),
            _ => (None, None),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
struct ErrorDetail {
    #[serde(default, deserialize_with = "nullable")]
    message: String,
}

/// Messages as they come. Dropping it closes its connection, by which the engine gives up what it does.
pub(crate) struct Messages {
    body: Body,
    limits: ReadLimits,
    lines: LineDecoder,
    /// More messages of the line that was read last.
    ready: VecDeque<Result<Message, Error>>,
    op: &'static str,
    target: Option<String>,
    ended: bool,
}

impl Messages {
    pub(crate) fn new(call: &Call<'_>, body: Body, limits: ReadLimits) -> Self {
        Self {
            body,
            limits,
            lines: LineDecoder::new(MAX_LINE),
            ready: VecDeque::new(),
            op: call.op,
            target: call.target.map(str::to_owned),
            ended: false,
        }
    }

    pub(crate) fn error(&self, kind: ErrorKind) -> Error {
        let error = Error::new(kind, self.op).with_subject(Subject::Image);
        match &self.target {
            Some(target) => error.with_target(target),
            None => error,
        }
    }

    fn broken(&self, failure: Failure) -> Error {
        let call = Call::get(self.op, PathQuery::new("/images"));
        match &self.target {
            Some(target) => call.on(target).failed(failure),
            None => call.failed(failure),
        }
    }

    fn read(&mut self, line: Line) {
        let line = match line {
            Line::Whole(line) => line,
            // It may have been the one that says why it failed.
            Line::TooLong(_) => {
                let error = self.error(ErrorKind::TooLarge);
                let message = format!("a message has more than {MAX_LINE} bytes");
                self.ready.push_back(Err(error.with_message(message)));
                return;
            }
        };
        for message in serde_json::Deserializer::from_slice(&line).into_iter::<Message>() {
            let message = match message {
                Ok(message) => self.judge(message),
                Err(error) => Err(self
                    .error(ErrorKind::Protocol)
                    .with_message("a message of the answer is no JSON object")
                    .with_source(error)),
            };
            self.ready.push_back(message);
        }
    }

    /// The message, unless it says that all has failed.
    fn judge(&self, message: Message) -> Result<Message, Error> {
        let detail = message
            .error_detail
            .as_ref()
            .map(|detail| detail.message.as_str());
        let text = detail
            .filter(|text| !text.is_empty())
            .or(message.error.as_deref());
        let failed = message.error_detail.is_some() || message.error.is_some();
        if !failed {
            return Ok(message);
        }
        let text = text.unwrap_or_default().trim();
        let error = self.error(registry::kind_of(text).unwrap_or(ErrorKind::Failed));
        Err(match text {
            "" => error,
            text => error.with_message(text.to_owned()),
        })
    }
}

impl Stream for Messages {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(message) = this.ready.pop_front() {
                if message.is_err() {
                    this.ended = true;
                    this.ready.clear();
                    this.lines = LineDecoder::new(MAX_LINE);
                }
                return Poll::Ready(Some(message));
            }
            if let Some(line) = this.lines.next() {
                this.read(line);
                continue;
            }
            if this.ended {
                return Poll::Ready(None);
            }
            match ready!(this.body.poll_read(cx, this.limits)) {
                Ok(Some(piece)) => this.lines.push(piece),
                Ok(None) => {
                    this.ended = true;
                    if let Some(line) = this.lines.finish() {
                        this.read(line);
                    }
                }
                Err(failure) => {
                    this.ended = true;
                    return Poll::Ready(Some(Err(this.broken(failure))));
                }
            }
        }
    }
}

impl Messages {
    /// Reads all of them for what `see` takes out of each.
    pub(crate) async fn each(mut self, mut see: impl FnMut(Message)) -> Result<(), Error> {
        while let Some(message) = self.next().await {
            see(message?);
        }
        Ok(())
    }
}

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messages")
            .field("op", &self.op)
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}
