//! Sending calls: collected, streamed, with an upload, or to become a raw stream; again where that is safe.
//!
//! Owns the choice of a connection and what happens on its failures. How a request looks, and its limits, is `client`'s;
//! which version it carries `negotiate`'s; whether it is tried again `retry`'s to say.

use bytes::{Bytes, BytesMut};
use http::{Response, StatusCode};
use tokio::time::Instant;

use crate::call::Call;
use crate::client::Client;
use crate::conn::{Body, Conn, Failure, HeadLimits, ReadLimits, SendFailure};
use crate::duplex::Duplex;
use crate::endpoint::Endpoint;
use crate::error::{Error, ErrorKind, TimeoutKind};
use crate::negotiate::ApiVersion;
use crate::upload::{RequestBody, Upload};

/// A refusal's message is never longer than this.
const MAX_REFUSAL: usize = 64 * 1024;

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) head: Response<()>,
    pub(crate) body: Bytes,
}

/// Which connection a call goes over.
#[derive(Clone, Copy, PartialEq)]
enum Use {
    Kept,
    Fresh,
}

impl Client {
    /// Sends a call and collects its answer. A status of failure is an error; 304 is not.
    pub(crate) async fn collect(&self, call: &Call<'_>) -> Result<Answer, Error> {
        let total = self.total(call);
        let mut failures = 0;
        loop {
            match self.collect_once(call, total).await {
                Ok(answer) => {
                    self.shared.budget.deposit();
                    return Ok(answer);
                }
                Err(error) => self.before_next(call, error, &mut failures, total).await?,
            }
        }
    }

    async fn collect_once(&self, call: &Call<'_>, total: Option<Instant>) -> Result<Answer, Error> {
        let version = self.version_before(call, total).await.map_err(Error::unsent)?;
        match self.collect_at(call, Some(version), total).await {
            // Refused before anything was done, so any call may be sent again.
            Err(error) if error.kind() == ErrorKind::Version => {
                let version = until(call, total, self.renegotiate(version, error)).await?;
                self.collect_at(call, Some(version), total).await
            }
            result => result,
        }
    }

    /// Sends a call on a connection of its own and gives the answer's body as it comes.
    pub(crate) async fn stream(&self, call: &Call<'_>) -> Result<(Response<()>, Body), Error> {
        let mut failures = 0;
        loop {
            match self.stream_once(call).await {
                Ok(answer) => {
                    self.shared.budget.deposit();
                    return Ok(answer);
                }
                Err(error) => self.before_next(call, error, &mut failures, None).await?,
            }
        }
    }

    async fn stream_once(&self, call: &Call<'_>) -> Result<(Response<()>, Body), Error> {
        let version = self.version().await.map_err(Error::unsent)?;
        match self.stream_at(call, version).await {
            Err(error) if error.kind() == ErrorKind::Version => {
                let version = self.renegotiate(version, error).await?;
                self.stream_at(call, version).await
            }
            result => result,
        }
    }

    /// Waits until a call that has failed is to be sent again; the error when it is not.
    async fn before_next(
        &self,
        call: &Call<'_>,
        error: Error,
        failures: &mut u32,
        total: Option<Instant>,
    ) -> Result<(), Error> {
        *failures += 1;
        let retry = &self.config.retry;
        let Some(pause) = retry.pause(&error, call.idempotent, *failures, &self.shared.budget) else {
            return Err(error);
        };
        let next = Instant::now() + pause;
        if total.is_some_and(|total| next >= total) {
            return Err(error);
        }
        tracing::debug!(op = call.op, %error, failures, ?pause, "the call is going to be sent again");
        tokio::time::sleep_until(next).await;
        Ok(())
    }

    /// Sends a call that carries an upload, on a connection of its own, and gives the answer's body as it comes. An
    /// upload cannot be sent twice, so a version that was agreed on long ago is not tried.
    pub(crate) async fn upload(
        &self,
        call: &Call<'_>,
        upload: Upload,
    ) -> Result<(Response<()>, Body), Error> {
        self.shared.agreed.forget();
        let version = self.version().await?;
        let conn = self.dial().await?;
        let request = self.request(call, Some(version), upload.into())?;
        let limits = HeadLimits {
            head: self.head_limit(call),
            total: None,
        };
        let (head, body) = conn
            .send(request, limits)
            .await
            .map_err(|failure| call.failed(failure.failure))?;
        self.accepted(call, head, body).await
    }

    /// Sends a call whose connection becomes one of raw bytes.
    pub(crate) async fn upgrade(&self, call: &Call<'_>) -> Result<Duplex, Error> {
        let (head, body) = self.stream(call).await?;
        if head.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(call
                .error(ErrorKind::Protocol)
                .with_message("the engine did not switch to a raw stream")
                .with_hint("a proxy in between may not pass the Upgrade header on"));
        }
        let duplex = body.upgraded(head).await.map_err(|error| call.broken(error))?;
        Ok(duplex.over(matches!(self.endpoint, Endpoint::Unix(_))))
    }

    pub(crate) async fn collect_at(
        &self,
        call: &Call<'_>,
        version: Option<ApiVersion>,
        total: Option<Instant>,
    ) -> Result<Answer, Error> {
        let (head, body) = self.head(call, version, Use::Kept, total).await?;
        let failed = is_failure(head.status());
        let limit = if failed { MAX_REFUSAL } else { self.config.max_body };
        let body = self.read(call, body, limit, total).await?;
        if failed {
            Err(call.refused(head.status(), &body))
        } else {
            Ok(Answer { head, body })
        }
    }

    async fn stream_at(&self, call: &Call<'_>, version: ApiVersion) -> Result<(Response<()>, Body), Error> {
        let (head, body) = self.head(call, Some(version), Use::Fresh, None).await?;
        self.accepted(call, head, body).await
    }

    /// The answer, unless its status is one of failure.
    async fn accepted(
        &self,
        call: &Call<'_>,
        head: Response<()>,
        body: Body,
    ) -> Result<(Response<()>, Body), Error> {
        if is_failure(head.status()) {
            let total = Instant::now().checked_add(self.config.total_timeout);
            let body = self.read(call, body, MAX_REFUSAL, total).await?;
            return Err(call.refused(head.status(), &body));
        }
        Ok((head, body))
    }

    /// Sends the request and waits for the head of its response.
    async fn head(
        &self,
        call: &Call<'_>,
        version: Option<ApiVersion>,
        connection: Use,
        total: Option<Instant>,
    ) -> Result<(Response<()>, Body), Error> {
        let mut kept = match connection {
            Use::Kept => {
                let taken = self.shared.pool.take();
                if taken.lost {
                    self.shared.agreed.forget();
                }
                taken.conn
            }
            Use::Fresh => None,
        };
        loop {
            let was_kept = kept.is_some();
            let conn = match kept.take() {
                Some(conn) => conn,
                None => until(call, total, self.dial()).await.map_err(Error::unsent)?,
            };
            let body = RequestBody::new(call.body.clone().unwrap_or_default());
            let request = self.request(call, version, body)?;
            let limits = HeadLimits {
                head: self.head_limit(call),
                total,
            };
            let SendFailure { failure, unsent } = match conn.send(request, limits).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let Failure::Broken(error) = failure else {
                return Err(call.failed(failure));
            };
            // The engine may have been restarted, and exchanged for another: no other kept connection is better.
            self.shared.agreed.forget();
            self.shared.pool.clear();
            let lost = !error.is_parse();
            if !(was_kept && (unsent || call.idempotent && lost)) {
                let error = call.broken(error);
                return Err(if unsent { error.unsent() } else { error });
            }
            tracing::debug!(
                op = call.op,
                "a kept connection had been closed; sending again on a new one"
            );
        }
    }

    async fn dial(&self) -> Result<Conn, Error> {
        let make_room = || self.shared.pool.clear();
        let limit = self.config.connect_timeout;
        // On the heap: with TLS and SSH in it it would make the future of every call as large as itself.
        let result = Box::pin(self.shared.transport.dial(limit, make_room)).await;
        if result.is_err() {
            self.shared.agreed.forget();
        }
        result
    }

    /// Reads a body to its end for nothing but its end.
    pub(crate) async fn discard(&self, call: &Call<'_>, body: Body) -> Result<(), Error> {
        self.read(call, body, self.config.max_body, None).await.map(drop)
    }

    /// Reads a body to its end and keeps the connection for the next call.
    async fn read(
        &self,
        call: &Call<'_>,
        mut body: Body,
        limit: usize,
        total: Option<Instant>,
    ) -> Result<Bytes, Error> {
        let too_large = || {
            call.error(ErrorKind::TooLarge)
                .with_message(format!("the answer has more than {limit} bytes"))
        };
        let announced = usize::try_from(body.announced_len().unwrap_or(0)).unwrap_or(usize::MAX);
        if announced > limit {
            return Err(too_large());
        }
        let limits = ReadLimits {
            idle: self.config.idle_timeout,
            total,
        };
        // Most answers come in one piece: that is not copied.
        let mut first = Bytes::new();
        let mut rest = BytesMut::new();
        loop {
            let piece = match body.read(limits).await {
                Ok(Some(piece)) => piece,
                Ok(None) => break,
                Err(failure) => {
                    if matches!(failure, Failure::Broken(_)) {
                        self.shared.agreed.forget();
                    }
                    return Err(call.failed(failure));
                }
            };
            if first.len() + rest.len() + piece.len() > limit {
                return Err(too_large());
            }
            if first.is_empty() && rest.is_empty() {
                first = piece;
                continue;
            }
            if rest.is_empty() {
                rest.reserve(announced.max(2 * (first.len() + piece.len())));
                rest.extend_from_slice(&std::mem::take(&mut first));
            }
            rest.extend_from_slice(&piece);
        }
        if let Some(conn) = body.finish() {
            self.shared.pool.put(conn);
        }
        Ok(if rest.is_empty() { first } else { rest.freeze() })
    }
}

/// Does what is off the path of most calls, under the call's total limit.
pub(crate) async fn until<T>(
    call: &Call<'_>,
    total: Option<Instant>,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match total {
        None => work.await,
        Some(total) => tokio::time::timeout_at(total, work)
            .await
            .unwrap_or_else(|_| Err(call.timed_out(TimeoutKind::Total))),
    }
}

/// 304 is an answer (it was so already), 101 is what an upgrade wants.
fn is_failure(status: StatusCode) -> bool {
    !(status.is_success() || status == StatusCode::NOT_MODIFIED || status == StatusCode::SWITCHING_PROTOCOLS)
}
