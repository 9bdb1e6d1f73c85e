//! One HTTP/1.1 connection, and the body of an answer on it.
//!
//! The connection's own future is polled inside the caller's task together with the request: no task is spawned, so
//! a call costs no task switch, and dropping the caller's future closes the connection unless its answer was read to
//! the end. Only [`Body::finish`] gives a connection back for reuse.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep};

use crate::duplex::Duplex;
use crate::error::TimeoutKind;
use crate::patient::{Frank, Patient};
use crate::upload::{Progress, RequestBody};

type Driver = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// A connection with nothing, or one call, on it.
pub(crate) struct Conn {
    sender: SendRequest<RequestBody>,
    /// `None` once the connection has ended.
    driver: Option<Driver>,
    frank: Frank,
    /// One timer for all calls and limits on this connection. A new one for each call would interrupt the runtime's
    /// sleep (a system call, and a turn of its loop); moving the deadline of an old one further off is an atomic write.
    timer: Pin<Box<Sleep>>,
}

/// Why no head came.
pub(crate) struct SendFailure {
    pub(crate) failure: Failure,
    /// hyper gave the request back: not a byte of it was written.
    pub(crate) unsent: bool,
}

/// Why a connection gave nothing more.
pub(crate) enum Failure {
    Broken(hyper::Error),
    TimedOut(TimeoutKind),
}

/// How long the head of a response may take.
pub(crate) struct HeadLimits {
    /// From the request, or from when the other side last took a piece of it, to the head.
    pub(crate) head: Option<Duration>,
    /// Until when it must have come.
    pub(crate) total: Option<Instant>,
}

/// How long a body may take.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ReadLimits {
    /// From one piece to the next.
    pub(crate) idle: Option<Duration>,
    /// Until when it must be whole.
    pub(crate) total: Option<Instant>,
}

/// The earlier of two limits, and which it is.
fn earlier(
    one: Option<Instant>,
    kind: TimeoutKind,
    total: Option<Instant>,
) -> Option<(Instant, TimeoutKind)> {
    match (one, total) {
        (Some(one), Some(total)) if total < one => Some((total, TimeoutKind::Total)),
        (Some(one), _) => Some((one, kind)),
        (None, Some(total)) => Some((total, TimeoutKind::Total)),
        (None, None) => None,
    }
}

impl Conn {
    pub(crate) async fn handshake<T>(io: T) -> hyper::Result<Self>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let frank = Frank::default();
        let io = TokioIo::new(Patient::new(io, frank.clone()));
        let (sender, connection) = http1::handshake(io).await?;
        let driver: Driver = Box::pin(connection.with_upgrades());
        Ok(Self {
            sender,
            driver: Some(driver),
            frank,
            timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
        })
    }

    fn drive(&mut self, cx: &mut Context<'_>) {
        if let Some(driver) = &mut self.driver
            && driver.as_mut().poll(cx).is_ready()
        {
            // Dropping it resolves whatever still waits on it; its error comes out there.
            self.driver = None;
        }
    }

    /// Whether the next call may use it: looks at the socket once, so that a peer's close that has arrived is seen.
    pub(crate) fn is_usable(&mut self) -> bool {
        // Nobody waits: a wake for an idle connection must not disturb the task that used it last.
        self.drive(&mut Context::from_waker(Waker::noop()));
        self.driver.is_some() && self.sender.is_ready()
    }

    /// Sends a request and waits for the head of its response.
    pub(crate) async fn send(
        mut self,
        request: Request<RequestBody>,
        limits: HeadLimits,
    ) -> Result<(Response<()>, Body), SendFailure> {
        let progress = request.body().progress();
        let mut seen = progress.count();
        let next_limit = || {
            let head = limits.head.and_then(|limit| Instant::now().checked_add(limit));
            earlier(head, TimeoutKind::Head, limits.total)
        };
        let mut limit = next_limit();
        if let Some((at, _)) = limit {
            self.timer.as_mut().reset(at);
        }
        let mut answer = std::pin::pin!(self.sender.try_send_request(request));
        let result = poll_fn(|cx| {
            self.drive(cx);
            if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                return Poll::Ready(Ok(answer));
            }
            while let Some((_, kind)) = limit {
                ready!(self.timer.as_mut().poll(cx));
                let count = progress.count();
                if kind == TimeoutKind::Total || count == seen {
                    return Poll::Ready(Err(kind));
                }
                seen = count;
                limit = next_limit();
                if let Some((at, _)) = limit {
                    self.timer.as_mut().reset(at);
                }
            }
            Poll::Pending
        })
        .await;
        match result {
            Ok(Ok(response)) => {
                let (parts, incoming) = response.into_parts();
                let body = Body {
                    incoming,
                    conn: self,
                    ended: false,
                    waiting: None,
                    sent: seen,
                    upload: progress,
                };
                Ok((Response::from_parts(parts, ()), body))
            }
            Ok(Err(mut failure)) => {
                let unsent = failure.take_message().is_some();
                let failure = Failure::Broken(failure.into_error());
                Err(SendFailure { failure, unsent })
            }
            Err(kind) => Err(SendFailure {
                failure: Failure::TimedOut(kind),
                unsent: false,
            }),
        }
    }
}

/// The rest of an answer. Dropping it before its end closes the connection.
pub(crate) struct Body {
    incoming: Incoming,
    conn: Conn,
    /// The end was read: nothing of this answer is left on the connection.
    ended: bool,
    /// The limit that the timer is set to while nothing comes.
    waiting: Option<TimeoutKind>,
    /// What is still sent while the answer comes: an engine that takes it is not idle.
    upload: Progress,
    sent: u64,
}

impl Body {
    /// The next piece; `None` after the last. For streams that may be quiet for ever.
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<hyper::Result<Bytes>>> {
        // hyper hands over a piece only after it was asked for one, so the first look at the body is often the
        // asking: a second turn here saves a round through the scheduler for each piece.
        let mut asked = false;
        loop {
            self.conn.drive(cx);
            match Pin::new(&mut self.incoming).poll_frame(cx) {
                Poll::Pending if asked => return Poll::Pending,
                Poll::Pending => asked = true,
                Poll::Ready(None) => {
                    self.ended = true;
                    return Poll::Ready(None);
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(Some(Ok(frame))) => {
                    // Trailers say nothing that we need.
                    if let Ok(data) = frame.into_data() {
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
            }
        }
    }

    /// The next piece within the limits; `None` after the last.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        limits: ReadLimits,
    ) -> Poll<Result<Option<Bytes>, Failure>> {
        if let Poll::Ready(piece) = self.poll_data(cx) {
            self.waiting = None;
            return Poll::Ready(piece.transpose().map_err(Failure::Broken));
        }
        loop {
            let kind = match self.waiting {
                Some(kind) => kind,
                None => {
                    let idle = limits.idle.map(|idle| Instant::now() + idle);
                    let Some((at, kind)) = earlier(idle, TimeoutKind::Idle, limits.total) else {
                        return Poll::Pending;
                    };
                    self.conn.timer.as_mut().reset(at);
                    *self.waiting.insert(kind)
                }
            };
            ready!(self.conn.timer.as_mut().poll(cx));
            let sent = std::mem::replace(&mut self.sent, self.upload.count());
            if kind == TimeoutKind::Total || sent == self.sent {
                return Poll::Ready(Err(Failure::TimedOut(kind)));
            }
            self.waiting = None;
        }
    }

    /// [`Self::poll_read`] as a future. Dropping it loses nothing.
    pub(crate) async fn read(&mut self, limits: ReadLimits) -> Result<Option<Bytes>, Failure> {
        poll_fn(|cx| self.poll_read(cx, limits)).await
    }

    /// The length that the head announced.
    pub(crate) fn announced_len(&self) -> Option<u64> {
        self.incoming.size_hint().exact()
    }

    /// The connection, after the answer's end was read; `None` when it cannot serve again.
    pub(crate) fn finish(mut self) -> Option<Conn> {
        (self.ended && self.conn.is_usable()).then_some(self.conn)
    }

    /// Waits until the connection, already switched to another protocol, is ours.
    pub(crate) async fn upgraded(mut self, response: Response<()>) -> hyper::Result<Duplex> {
        self.conn.frank.set();
        let mut upgrade = std::pin::pin!(hyper::upgrade::on(response));
        poll_fn(|cx| {
            self.conn.drive(cx);
            upgrade.as_mut().poll(cx)
        })
        .await
        .map(Duplex::new)
    }
}
