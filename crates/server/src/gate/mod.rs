//! The gate that every request passes first: which host it is for, which page it comes from, and the headers that
//! every answer bears. Who it is and what it may do comes after, in `auth` and `routes`.

mod headers;
mod host;
mod origin;

use std::time::Instant;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};

pub(crate) use host::Hosts;
pub(crate) use origin::{Origins, Provenance};

use crate::{app::App, routes::Template};

/// Host, then origin, then the rest; the headers on whatever comes back.
pub(crate) async fn pass(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let (method, begun) = (request.method().clone(), Instant::now());
    let mut response = match app
        .hosts
        .check(&request)
        .and_then(|host| app.origins.check(&request, &host))
    {
        Ok(provenance) => {
            request.extensions_mut().insert(provenance);
            next.run(request).await
        }
        Err(error) => error.into_response(),
    };
    headers::add(response.headers_mut());
    let template = response
        .extensions()
        .get::<Template>()
        .map_or("other", |template| template.0);
    app.metrics
        .count_request(&method, template, response.status(), begun.elapsed());
    response
}
