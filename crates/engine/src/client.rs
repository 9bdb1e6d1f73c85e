//! One handle on an engine: where it is, its limits, what it shares with other handles, and how a request looks.
//!
//! Sending is `send`'s.

use std::sync::Arc;
use std::time::Duration;

use http::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderValue, UPGRADE, USER_AGENT};
use http::{Request, Uri};
use tokio::time::Instant;

use crate::call::{Call, HeadLimit};
use crate::config::EngineConfig;
use crate::endpoint::Endpoint;
use crate::error::{Error, ErrorKind};
use crate::negotiate::{Agreed, ApiVersion};
use crate::pool::Pool;
use crate::registry::RegistryAuth;
use crate::retry::Budget;
use crate::transport::Transport;
use crate::upload::RequestBody;

const AGENT: HeaderValue = HeaderValue::from_static(concat!("longshore/", env!("CARGO_PKG_VERSION")));

pub(crate) struct Client {
    pub(crate) endpoint: Endpoint,
    pub(crate) config: EngineConfig,
    /// Whose credentials registries get.
    pub(crate) registry_auth: RegistryAuth,
    host: HeaderValue,
    pub(crate) shared: Arc<Shared>,
}

/// What all handles on one engine share, whatever their limits.
pub(crate) struct Shared {
    pub(crate) transport: Transport,
    pub(crate) pool: Pool,
    pub(crate) agreed: Agreed,
    pub(crate) budget: Budget,
}

impl Client {
    pub(crate) fn new(endpoint: Endpoint, config: EngineConfig) -> Self {
        // An authority has only characters that a header may have.
        let host =
            HeaderValue::from_str(&endpoint.authority()).unwrap_or(HeaderValue::from_static("localhost"));
        let shared = Shared {
            transport: Transport::new(endpoint.clone()),
            pool: Pool::new(config.max_idle_connections),
            agreed: Agreed::default(),
            budget: Budget::default(),
        };
        Self {
            endpoint,
            config,
            registry_auth: RegistryAuth::default(),
            host,
            shared: Arc::new(shared),
        }
    }

    /// The same engine under other limits.
    pub(crate) fn with(&self, config: EngineConfig) -> Self {
        Self {
            endpoint: self.endpoint.clone(),
            config,
            registry_auth: self.registry_auth.clone(),
            host: self.host.clone(),
            shared: Arc::clone(&self.shared),
        }
    }

    /// The same engine with other credentials for registries.
    pub(crate) fn with_registry_auth(&self, auth: RegistryAuth) -> Self {
        Self {
            registry_auth: auth,
            ..self.with(self.config.clone())
        }
    }

    pub(crate) fn request(
        &self,
        call: &Call<'_>,
        version: Option<ApiVersion>,
        body: RequestBody,
    ) -> Result<Request<RequestBody>, Error> {
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
        let mut request = Request::new(body);
        *request.method_mut() = call.method.clone();
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(HOST, self.host.clone());
        headers.insert(USER_AGENT, AGENT);
        if call.body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        for (name, value) in &call.headers {
            headers.append(name, value.clone());
        }
        if call.upgrade {
            headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
            headers.entry(UPGRADE).or_insert(HeaderValue::from_static("tcp"));
        }
        Ok(request)
    }

    pub(crate) fn head_limit(&self, call: &Call<'_>) -> Option<Duration> {
        match call.head_limit {
            HeadLimit::Configured => Some(self.config.head_timeout),
            HeadLimit::After(wait) => Some(self.config.head_timeout.saturating_add(wait)),
            HeadLimit::None => None,
        }
    }

    /// Until when a collected call must be done.
    pub(crate) fn total(&self, call: &Call<'_>) -> Option<Instant> {
        let limit = match call.head_limit {
            HeadLimit::Configured => self.config.total_timeout,
            HeadLimit::After(wait) => self.config.total_timeout.saturating_add(wait),
            HeadLimit::None => return None,
        };
        Instant::now().checked_add(limit)
    }
}
