//! Login, logout, setup, and who one is.

use std::{net::SocketAddr, time::Instant};

use axum::{
    Extension,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use longshore_api::{Account, ErrorBody, ErrorCode, LoginRequest, ServerInfo, SessionInfo, SetupRequest};
use longshore_store::{Role, SESSION_LIFETIME};

use crate::{
    app::{App, Shared, now},
    auth::{Credential, Principal, api_role, setup_required},
    error::{ApiError, ApiResult},
    reply::{Json, JsonBody, json},
};

/// The address that a connection comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Who one is logged in as.
#[utoipa::path(get, path = "/api/v1/session", tag = "session",
    responses((status = 200, body = SessionInfo), (status = 401, body = ErrorBody)))]
pub(crate) async fn session(
    State(app): State<App>,
    Extension(who): Extension<Principal>,
) -> Json<SessionInfo> {
    Json(info(&app, who.name, who.role))
}

/// Begins a session; the answer sets its cookie.
#[utoipa::path(post, path = "/api/v1/login", tag = "session", request_body = LoginRequest, security(()),
    responses((status = 200, body = SessionInfo), (status = 401, body = ErrorBody), (status = 429, body = ErrorBody)))]
pub(crate) async fn login(
    State(app): State<App>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    JsonBody(request): JsonBody<LoginRequest>,
) -> ApiResult<Response> {
    limit(&app, peer, &request.name)?;
    let Some(account) = app.store.login(&request.name, &request.password).await? else {
        if !app.store.has_account().await? {
            return Err(setup_required());
        }
        tracing::warn!(%peer, "a login failed");
        return Err(ApiError::new(
            ErrorCode::Unauthorized,
            "this name and password do not belong together",
        ));
    };
    app.logins.forgive(peer.ip(), &request.name);
    tracing::info!(account = %account.name, %peer, "logged in");
    begin(&app, &headers, account).await
}

/// Makes the first account and begins a session of it.
#[utoipa::path(post, path = "/api/v1/setup", tag = "session", request_body = SetupRequest, security(()),
    responses((status = 200, body = SessionInfo), (status = 400, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub(crate) async fn setup(
    State(app): State<App>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    JsonBody(request): JsonBody<SetupRequest>,
) -> ApiResult<Response> {
    limit(&app, peer, "")?;
    let account = app
        .store
        .complete_setup(&request.token, &request.name, &request.password, now())
        .await?;
    app.logins.forgive(peer.ip(), "");
    tracing::info!(account = %account.name, %peer, "the first account was made");
    begin(&app, &headers, account).await
}

/// Ends the session and clears its cookie. Without one it does nothing.
#[utoipa::path(post, path = "/api/v1/logout", tag = "session", responses((status = 204)))]
pub(crate) async fn logout(
    State(app): State<App>,
    Extension(who): Extension<Principal>,
) -> ApiResult<Response> {
    if let Credential::Session(secret) = &who.credential {
        app.store.close_session(secret).await?;
        tracing::info!(account = %who.name, "logged out");
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    set_cookie(
        &mut response,
        &format!("{}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0", app.cookie),
    );
    Ok(response)
}

fn limit(app: &Shared, peer: SocketAddr, account: &str) -> ApiResult<()> {
    app.logins
        .attempt(peer.ip(), account, Instant::now())
        .map_err(|wait| {
            tracing::warn!(%peer, "too many logins failed");
            ApiError::new(ErrorCode::TooManyRequests, "too many attempts failed")
                .hint(format!("try again in {} s", wait.as_secs().max(1)))
                .retry_after(wait)
        })
}

async fn begin(app: &Shared, headers: &HeaderMap, account: longshore_store::Account) -> ApiResult<Response> {
    let secret = app.store.open_session(account.id, now()).await?;
    let mut response = json(&info(app, account.name, account.role));
    // Behind a TLS proxy the page's own origin says so; the cookie is then kept off plain connections.
    let over_tls = headers
        .get(header::ORIGIN)
        .is_some_and(|o| o.as_bytes().starts_with(b"https://"));
    let cookie = format!(
        "{}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{}",
        app.cookie,
        secret.reveal(),
        SESSION_LIFETIME.as_secs(),
        if over_tls { "; Secure" } else { "" },
    );
    set_cookie(&mut response, &cookie);
    Ok(response)
}

fn set_cookie(response: &mut Response, cookie: &str) {
    // Ours are hexadecimal digits and plain words: always a valid header.
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
}

fn info(app: &Shared, name: String, role: Role) -> SessionInfo {
    SessionInfo {
        account: Account {
            name,
            role: api_role(role),
        },
        server: ServerInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: app.started_at.to_string(),
        },
    }
}
