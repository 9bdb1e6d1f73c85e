//! The page, embedded. The build names its scripts and styles after their content, so those may be kept for ever; the
//! document itself is asked for anew each time.

use axum::{
    body::Body,
    extract::Request,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::error::ApiError;

#[derive(RustEmbed)]
#[folder = "assets/"]
#[allow_missing = true]
struct Page;

/// The document that every address of the page begins with.
const DOCUMENT: &str = "index.html";

/// Answers a request for a file of the page.
pub(crate) fn answer(request: &Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return ApiError::not_found("there is nothing to do here").into_response();
    }
    let path = request.uri().path().trim_start_matches('/');
    if let Some(file) = Page::get(path).filter(|_| !path.is_empty()) {
        return serve(path, file, request);
    }
    // Any other address that a browser opens is a place inside the page.
    let accepts = request
        .headers()
        .get(header::ACCEPT)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    if path.is_empty() || path == DOCUMENT || accepts.contains("text/html") {
        return match Page::get(DOCUMENT) {
            Some(file) => serve(DOCUMENT, file, request),
            None => ApiError::not_found("this build has no page")
                .hint("build it with cargo xtask ui")
                .into_response(),
        };
    }
    ApiError::not_found("there is no such file").into_response()
}

fn serve(path: &str, file: EmbeddedFile, request: &Request) -> Response {
    let hash = file.metadata.sha256_hash();
    let tag = hash[..8]
        .iter()
        .fold(String::from("\""), |tag, byte| format!("{tag}{byte:02x}"))
        + "\"";
    let cache = if is_named_after_content(path) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let known = request
        .headers()
        .get(header::IF_NONE_MATCH)
        .and_then(|v| v.to_str().ok());
    let fresh = known.is_some_and(|known| known.split(',').any(|k| k.trim().trim_start_matches("W/") == tag));
    let mut response = if fresh {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let bytes = match file.data {
            std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            std::borrow::Cow::Owned(bytes) => Bytes::from(bytes),
        };
        Response::new(Body::from(bytes))
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(path)));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

/// `assets/name-<hash>.ext`, as the page's build writes them.
fn is_named_after_content(path: &str) -> bool {
    let stem = path
        .rsplit('/')
        .next()
        .and_then(|name| name.rsplit_once('.'))
        .map_or("", |(stem, _)| stem);
    path.starts_with("assets/") && stem.rsplit_once('-').is_some_and(|(_, hash)| hash.len() >= 8)
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_named_after_its_content_is_kept_for_ever() {
        assert!(is_named_after_content("assets/index-BxY12_3z.js"));
        assert!(!is_named_after_content("index.html"));
        assert!(!is_named_after_content("assets/logo.svg"));
        assert!(!is_named_after_content("favicon-32.svg"));
    }
}
