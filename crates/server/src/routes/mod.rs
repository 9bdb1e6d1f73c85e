//! The one table of routes: what there is and what role it takes. Nothing is mounted but through it, so a route
//! without an access rule cannot exist; the tests go through the same table.

#[cfg(test)]
mod tests;

use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{MethodRouter, delete, get, post},
};
use http::Method;
use longshore_api::ErrorCode;
use longshore_store::Role;

use crate::{
    app::App,
    assets, auth,
    error::{ApiError, ApiResult},
    gate::{self, Provenance},
    health, metrics, monitor, openapi, rest, stream,
};

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anybody whose host and origin pass the gate.
    Open,
    /// Who has this role or a higher one.
    Role(Role),
}

/// One row of the table.
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    handler: MethodRouter<App>,
}

/// The path of the route that answered, for the metrics: paths themselves would be without bound.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Template(pub(crate) &'static str);

/// Every route.
pub(crate) fn table() -> Vec<Route> {
    use Access::Open;
    const VIEWER: Access = Access::Role(Role::Viewer);
    const OPERATOR: Access = Access::Role(Role::Operator);
    const GET: Method = Method::GET;
    const POST: Method = Method::POST;
    let route = |method, path, access, handler| Route {
        method,
        path,
        access,
        handler,
    };
    vec![
        route(GET, "/healthz", Open, get(health::healthz)),
        route(GET, "/readyz", VIEWER, get(health::readyz)),
        route(GET, "/metrics", VIEWER, get(metrics::show)),
        route(GET, "/api/v1/openapi.json", VIEWER, get(openapi::show)),
        route(POST, "/api/v1/login", Open, post(auth::login)),
        route(POST, "/api/v1/setup", Open, post(auth::setup)),
        route(GET, "/api/v1/session", VIEWER, get(auth::session)),
        route(POST, "/api/v1/logout", VIEWER, post(auth::logout)),
        route(GET, "/api/v1/containers", VIEWER, get(rest::list_containers)),
        route(GET, "/api/v1/hosts", VIEWER, get(rest::list_hosts)),
        route(
            GET,
            "/api/v1/hosts/{host}/containers/{id}",
            VIEWER,
            get(rest::show_container),
        ),
        route(
            POST,
            "/api/v1/hosts/{host}/containers/{id}/{verb}",
            OPERATOR,
            post(rest::act),
        ),
        route(
            Method::DELETE,
            "/api/v1/hosts/{host}/containers/{id}",
            OPERATOR,
            delete(rest::remove),
        ),
        route(
            GET,
            "/api/v1/hosts/{host}/containers/{id}/logs",
            VIEWER,
            get(rest::logs),
        ),
        route(
            GET,
            "/api/v1/hosts/{host}/containers/{id}/stats",
            VIEWER,
            get(rest::stats),
        ),
        route(
            GET,
            "/api/v1/hosts/{host}/containers/{id}/deaths",
            VIEWER,
            get(rest::container_deaths),
        ),
        route(
            GET,
            "/api/v1/hosts/{host}/containers/{id}/events",
            VIEWER,
            get(rest::container_events),
        ),
        route(GET, "/api/v1/deaths", VIEWER, get(rest::list_deaths)),
        route(GET, "/api/v1/hosts/{host}/images", VIEWER, get(rest::list_images)),
        route(GET, "/api/v1/hosts/{host}/system", VIEWER, get(rest::system)),
        route(GET, "/api/v1/events", VIEWER, get(rest::list_events)),
        route(GET, "/api/v1/events/ws", VIEWER, get(monitor::open)),
        route(GET, "/api/v1/stream", VIEWER, get(stream::open)),
    ]
}

/// Whether a path leads to data: everything that is not the page and its assets.
pub(crate) fn is_data(path: &str) -> bool {
    ["/api", "/metrics", "/readyz"]
        .iter()
        .any(|start| path.starts_with(start))
}

/// The table, mounted.
pub(crate) fn router(app: &App) -> Router {
    table()
        .into_iter()
        .fold(Router::new(), |router, route| {
            let guard = from_fn_with_state(
                (App::clone(app), route.method, route.access, Template(route.path)),
                guard,
            );
            router.route(route.path, route.handler.route_layer(guard))
        })
        .method_not_allowed_fallback(wrong_method)
        .fallback(fallback)
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(App::clone(app), gate::pass))
        .with_state(App::clone(app))
}

type Guard = (App, Method, Access, Template);

/// The one place that decides whether a request may go on.
async fn guard(
    State((app, method, access, template)): State<Guard>,
    mut request: Request,
    next: Next,
) -> Response {
    let mut response = match admit(&app, &method, access, &mut request).await {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    response.extensions_mut().insert(template);
    response
}

async fn admit(app: &App, method: &Method, access: Access, request: &mut Request) -> ApiResult<()> {
    let Access::Role(needed) = access else {
        return Ok(());
    };
    let who = auth::identify(app, request.headers()).await?;
    let acts = *method != Method::GET || stream::is_upgrade(request.headers());
    let from_own_page = request.extensions().get() == Some(&Provenance::OwnPage);
    if acts && who.credential.is_cookie() && !from_own_page {
        return Err(ApiError::new(
            ErrorCode::ForeignOrigin,
            "a cookie alone may not act: the request has no Origin",
        )
        .hint("programs send an API token as Authorization: Bearer"));
    }
    if who.role < needed {
        return Err(ApiError::new(
            ErrorCode::Forbidden,
            format!("this takes the role {needed}; {} is {}", who.name, who.role),
        )
        .hint("ask an admin for a higher role"));
    }
    request.extensions_mut().insert(who);
    Ok(())
}

async fn wrong_method() -> ApiError {
    ApiError::new(ErrorCode::MethodNotAllowed, "this path does not have that method")
}

/// What is not in the table: the page's files, or nothing.
async fn fallback(state: State<App>, request: Request) -> Response {
    let path = request.uri().path();
    if !is_data(path) {
        return assets::answer(&state, &request);
    }
    if path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return ApiError::invalid("a path may not hold . or .. as a segment").into_response();
    }
    ApiError::not_found("there is no such path; /api/v1/openapi.json lists them").into_response()
}

#[expect(clippy::needless_pass_by_value, reason = "the signature is tower-http's")]
fn panicked(reason: Box<dyn std::any::Any + Send>) -> Response {
    let text = reason
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| reason.downcast_ref::<&str>().copied())
        .unwrap_or("no text");
    ApiError::internal(format!("a handler panicked: {text}")).into_response()
}
