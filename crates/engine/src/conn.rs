//! One HTTP/1.1 connection, and the body of an answer on it.
//!
//! The connection's own future is polled inside the caller's task together with the request: no task is spawned, so
//! a call costs no task switch, and dropping the caller's future closes the connection unless its answer was read to
//! the end. Only [`Body::finish`] gives a connection back for reuse.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

pub(crate) type RequestBody = Full<Bytes>;
type Driver = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// A connection with nothing, or one call, on it.
pub(crate) struct Conn {
    sender: SendRequest<RequestBody>,
    /// `None` once the connection has ended.
    driver: Option<Driver>,
}

/// Why no head came.
pub(crate) struct SendFailure {
    pub(crate) error: hyper::Error,
    /// hyper gave the request back: not a byte of it was written.
    pub(crate) unsent: bool,
}

impl Conn {
    pub(crate) async fn handshake<T>(io: T) -> hyper::Result<Self>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = http1::handshake(TokioIo::new(io)).await?;
        Ok(Self {
            sender,
            driver: Some(Box::pin(connection.with_upgrades())),
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
    ) -> Result<(Response<()>, Body), SendFailure> {
        let mut answer = std::pin::pin!(self.sender.try_send_request(request));
        let mut driver = self.driver;
        let result = poll_fn(|cx| {
            if let Some(running) = &mut driver
                && running.as_mut().poll(cx).is_ready()
            {
                driver = None;
            }
            answer.as_mut().poll(cx)
        })
        .await;
        match result {
            Ok(response) => {
                let (parts, incoming) = response.into_parts();
                let conn = Self {
                    sender: self.sender,
                    driver,
                };
                Ok((
                    Response::from_parts(parts, ()),
                    Body {
                        incoming,
                        conn,
                        ended: false,
                    },
                ))
            }
            Err(mut failure) => {
                let unsent = failure.take_message().is_some();
                Err(SendFailure {
                    error: failure.into_error(),
                    unsent,
                })
            }
        }
    }
}

/// The rest of an answer. Dropping it before its end closes the connection.
pub(crate) struct Body {
    incoming: Incoming,
    conn: Conn,
    /// The end was read: nothing of this answer is left on the connection.
    ended: bool,
}

impl Body {
    /// The next piece; `None` after the last.
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<hyper::Result<Bytes>>> {
        loop {
            self.conn.drive(cx);
            match Pin::new(&mut self.incoming).poll_frame(cx) {
                Poll::Pending => return Poll::Pending,
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

    /// The length that the head announced.
    pub(crate) fn announced_len(&self) -> Option<u64> {
        self.incoming.size_hint().exact()
    }

    pub(crate) async fn data(&mut self) -> Option<hyper::Result<Bytes>> {
        poll_fn(|cx| self.poll_data(cx)).await
    }

    /// The connection, after the answer's end was read; `None` when it cannot serve again.
    pub(crate) fn finish(mut self) -> Option<Conn> {
        (self.ended && self.conn.is_usable()).then_some(self.conn)
    }

    /// Waits until the connection, already switched to another protocol, is ours.
    pub(crate) async fn upgraded(
        mut self,
        response: Response<()>,
    ) -> hyper::Result<TokioIo<hyper::upgrade::Upgraded>> {
        let mut upgrade = std::pin::pin!(hyper::upgrade::on(response));
        poll_fn(|cx| {
            self.conn.drive(cx);
            upgrade.as_mut().poll(cx)
        })
        .await
        .map(TokioIo::new)
    }
}
