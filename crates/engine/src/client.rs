//! Sending calls: chooses a connection, applies the limits, agrees on the version, sends once more where that is safe.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderValue, UPGRADE, USER_AGENT};
use http::{Request, Response, StatusCode, Uri};

use crate::call::{Call, HeadLimit};
use crate::config::EngineConfig;
use crate::conn::{Body, Conn, RequestBody};
use crate::endpoint::Endpoint;
use crate::error::{Error, ErrorKind, TimeoutKind};
use crate::negotiate::{Agreed, ApiVersion};
use crate::path::PathQuery;
use crate::pool::Pool;
use crate::system::Ping;
use crate::transport;

/// A refusal's message is never longer than this.
const MAX_REFUSAL: usize = 64 * 1024;

const AGENT: HeaderValue = HeaderValue::from_static(concat!("longshore/", env!("CARGO_PKG_VERSION")));

pub(crate) struct Client {
    pub(crate) endpoint: Endpoint,
    pub(crate) config: EngineConfig,
    host: HeaderValue,
    pool: Pool,
    agreed: Agreed,
    /// One ping agrees for all calls that wait for it.
    agreeing: tokio::sync::Mutex<()>,
}

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
    pub(crate) fn new(endpoint: Endpoint, config: EngineConfig) -> Self {
        // An authority has only characters that a header may have.
        let host =
            HeaderValue::from_str(&endpoint.authority()).unwrap_or(HeaderValue::from_static("localhost"));
        let pool = Pool::new(config.max_idle_connections);
        Self {
            endpoint,
            config,
            host,
            pool,
            agreed: Agreed::default(),
            agreeing: tokio::sync::Mutex::default(),
        }
    }

    /// Sends a call and collects its answer. A status of failure is an error; 304 is not.
    pub(crate) async fn collect(&self, call: &Call<'_>) -> Result<Answer, Error> {
        self.within(call, self.total(call), self.collect_once_agreed(call))
            .await
    }

    /// Sends a call on a connection of its own and gives the answer's body as it comes.
    pub(crate) async fn stream(&self, call: &Call<'_>) -> Result<(Response<()>, Body), Error> {
        let version = self.version().await?;
        match self.stream_at(call, version).await {
            Err(error) if error.kind() == ErrorKind::Version => {
                let version = self.renegotiate(version, error).await?;
                self.stream_at(call, version).await
            }
            result => result,
        }
    }

    /// An unversioned ping, whose answer is also what the version is agreed on by.
    pub(crate) async fn ping(&self) -> Result<Ping, Error> {
        let call = Call::get("ping the engine", PathQuery::new("/_ping"));
        let answer = self
            .within(
                &call,
                Some(self.config.total_timeout),
                self.collect_at(&call, None),
            )
            .await?;
        let ping = Ping::from_head(&answer.head);
        let version = crate::negotiate::choose(ping.api_version).ok_or_else(|| {
            call.error(ErrorKind::Version)
                .with_message("the engine's API is older than 1.24")
                .with_hint("upgrade the engine: Docker 1.12 of 2016 is the oldest that can be spoken to")
        })?;
        self.agreed.set(version);
        Ok(ping)
    }

    /// The version that calls carry, agreed on when there is none.
    pub(crate) async fn version(&self) -> Result<ApiVersion, Error> {
        if let Some(version) = self.agreed.get() {
            return Ok(version);
        }
        let _one = self.agreeing.lock().await;
        if let Some(version) = self.agreed.get() {
            return Ok(version);
        }
        self.ping().await?;
        Ok(self.agreed.get().unwrap_or(ApiVersion::OLDEST))
    }

    pub(crate) fn agreed(&self) -> Option<ApiVersion> {
        self.agreed.get()
    }

    async fn renegotiate(&self, refused: ApiVersion, error: Error) -> Result<ApiVersion, Error> {
        self.agreed.forget();
        let version = self.version().await?;
        if version == refused {
            return Err(error
                .with_hint("engine and client share no version of the API: upgrade the older of the two"));
        }
        Ok(version)
    }

    async fn collect_once_agreed(&self, call: &Call<'_>) -> Result<Answer, Error> {
        let version = self.version().await?;
        match self.collect_at(call, Some(version)).await {
            // Refused before anything was done, so any call may be sent again.
            Err(error) if error.kind() == ErrorKind::Version => {
                let version = self.renegotiate(version, error).await?;
                self.collect_at(call, Some(version)).await
            }
            result => result,
        }
    }

    async fn collect_at(&self, call: &Call<'_>, version: Option<ApiVersion>) -> Result<Answer, Error> {
        let (head, body) = self.head(call, version, Use::Kept).await?;
        let failed = is_failure(head.status());
        let limit = if failed { MAX_REFUSAL } else { self.config.max_body };
        let body = self.read(call, body, limit).await?;
        if failed {
            Err(call.refused(head.status(), &body))
        } else {
            Ok(Answer { head, body })
        }
    }

    async fn stream_at(&self, call: &Call<'_>, version: ApiVersion) -> Result<(Response<()>, Body), Error> {
        let (head, body) = self.head(call, Some(version), Use::Fresh).await?;
        if is_failure(head.status()) {
            let body = self
                .within(
                    call,
                    Some(self.config.total_timeout),
                    self.read(call, body, MAX_REFUSAL),
                )
                .await?;
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
    ) -> Result<(Response<()>, Body), Error> {
        let mut kept = match connection {
            Use::Kept => {
                let taken = self.pool.take();
                if taken.lost {
                    self.agreed.forget();
                }
                taken.conn
            }
            Use::Fresh => None,
        };
        loop {
            let was_kept = kept.is_some();
            let conn = match kept.take() {
                Some(conn) => conn,
                None => self.dial().await?,
            };
            let request = self.request(call, version)?;
            let Ok(result) = limited(self.head_limit(call), conn.send(request)).await else {
                return Err(call.timed_out(TimeoutKind::Head));
            };
            match result {
                Ok((head, body)) => return Ok((head, body)),
                Err(failure) => {
                    self.agreed.forget();
                    self.pool.clear();
                    let lost = !failure.error.is_parse();
                    if !(was_kept && (failure.unsent || call.idempotent && lost)) {
                        return Err(call.broken(failure.error));
                    }
                    tracing::debug!(
                        op = call.op,
                        "a kept connection had been closed; sending again on a new one"
                    );
                }
            }
        }
    }

    async fn dial(&self) -> Result<Conn, Error> {
        let result = transport::dial(&self.endpoint, self.config.connect_timeout).await;
        if result.is_err() {
            self.agreed.forget();
        }
        result
    }

    /// Reads a body to its end and keeps the connection for the next call.
    async fn read(&self, call: &Call<'_>, mut body: Body, limit: usize) -> Result<Bytes, Error> {
        let too_large = || {
            call.error(ErrorKind::TooLarge)
                .with_message(format!("the answer has more than {limit} bytes"))
        };
        let announced = usize::try_from(body.announced_len().unwrap_or(0)).unwrap_or(usize::MAX);
        if announced > limit {
            return Err(too_large());
        }
        // Most answers come in one piece: that is not copied.
        let mut first = Bytes::new();
        let mut rest = BytesMut::new();
        loop {
            let piece = match self.config.idle_timeout {
                Some(limit) => tokio::time::timeout(limit, body.data())
                    .await
                    .map_err(|_| call.timed_out(TimeoutKind::Idle))?,
                None => body.data().await,
            };
            let piece = match piece {
                None => break,
                Some(Ok(piece)) => piece,
                Some(Err(error)) => {
                    self.agreed.forget();
                    return Err(call.broken(error));
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
            self.pool.put(conn);
        }
        Ok(if rest.is_empty() { first } else { rest.freeze() })
    }

    fn request(&self, call: &Call<'_>, version: Option<ApiVersion>) -> Result<Request<RequestBody>, Error> {
        let path = call.path.as_str();
        let uri = match version {
            Some(version) => Uri::try_from(format!("/v{version}{path}")),
            None => Uri::try_from(path),
        };
        let uri = uri.map_err(|error| {
            call.error(ErrorKind::BadInput)
                .with_message("its path is too long")
                .with_source(error)
        })?;
        let mut request = Request::new(RequestBody::new(call.body.clone().unwrap_or_default()));
        *request.method_mut() = call.method.clone();
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(HOST, self.host.clone());
        headers.insert(USER_AGENT, AGENT);
        if call.body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if call.upgrade {
            headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
            headers.insert(UPGRADE, HeaderValue::from_static("tcp"));
        }
        Ok(request)
    }

    fn head_limit(&self, call: &Call<'_>) -> Option<Duration> {
        match call.head_limit {
            HeadLimit::Configured => Some(self.config.head_timeout),
            HeadLimit::After(wait) => Some(self.config.head_timeout.saturating_add(wait)),
            HeadLimit::None => None,
        }
    }

    fn total(&self, call: &Call<'_>) -> Option<Duration> {
        match call.head_limit {
            HeadLimit::Configured => Some(self.config.total_timeout),
            HeadLimit::After(wait) => Some(self.config.total_timeout.saturating_add(wait)),
            HeadLimit::None => None,
        }
    }

    async fn within<T>(
        &self,
        call: &Call<'_>,
        limit: Option<Duration>,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        limited(limit, work)
            .await
            .unwrap_or_else(|Elapsed| Err(call.timed_out(TimeoutKind::Total)))
    }
}

struct Elapsed;

async fn limited<T>(limit: Option<Duration>, work: impl Future<Output = T>) -> Result<T, Elapsed> {
    match limit {
        Some(limit) => tokio::time::timeout(limit, work).await.map_err(|_| Elapsed),
        None => Ok(work.await),
    }
}

/// 304 is an answer (it was so already), 101 is what an upgrade wants.
fn is_failure(status: StatusCode) -> bool {
    !(status.is_success() || status == StatusCode::NOT_MODIFIED || status == StatusCode::SWITCHING_PROTOCOLS)
}
