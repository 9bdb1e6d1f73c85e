//! The page, embedded. The build names its scripts and styles after their content, so those may be kept for ever; the
//! document itself is asked for anew each time.

use std::{
    borrow::Cow,
    collections::HashMap,
    io::Write,
    sync::{Mutex, PoisonError},
};

use axum::{
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::{app::App, error::ApiError};

#[derive(RustEmbed)]
#[folder = "assets/"]
#[allow_missing = true]
struct Page;

/// The document that every address of the page begins with.
const DOCUMENT: &str = "index.html";
/// Smaller files gain nothing by being compressed.
const WORTH_COMPRESSING: usize = 1024;
/// The page has a dozen files; a development build reads new ones again and again.
const KEPT: usize = 64;

/// Files of the page, compressed when first asked for. Kept by content.
#[derive(Debug, Default)]
pub(crate) struct Compressed(Mutex<HashMap<[u8; 32], Bytes>>);

impl Compressed {
    fn get(&self, hash: [u8; 32], plain: &[u8]) -> Option<Bytes> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = kept.get(&hash) {
            return Some(found.clone());
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(plain).ok()?;
        let made = Bytes::from(encoder.finish().ok()?);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(hash, made.clone());
        Some(made)
    }
}

/// Answers a request for a file of the page.
pub(crate) fn answer(State(app): &State<App>, request: &Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return ApiError::not_found("there is nothing to do here").into_response();
    }
    let (path, headers) = (request.uri().path().trim_start_matches('/'), request.headers());
    if let Some(file) = Page::get(path).filter(|_| !path.is_empty()) {
        return serve(path, file, headers, &app.compressed);
    }
    // Any other address that a browser opens is a place inside the page.
    if path.is_empty() || path == DOCUMENT || text(headers, header::ACCEPT).contains("text/html") {
        return match Page::get(DOCUMENT) {
            Some(file) => serve(DOCUMENT, file, headers, &app.compressed),
            None => ApiError::not_found("this build has no page")
                .hint("build it with cargo xtask ui")
                .into_response(),
        };
    }
    ApiError::not_found("there is no such file").into_response()
}

fn serve(path: &str, file: EmbeddedFile, request: &HeaderMap, compressed: &Compressed) -> Response {
    let (hash, media) = (file.metadata.sha256_hash(), media_type(path));
    let compressible = !matches!(media, "image/png" | "font/woff2") && file.data.len() >= WORTH_COMPRESSING;
    let accepted = text(request, header::ACCEPT_ENCODING);
    let encoded = compressible
        .then(|| encoded(path, &file, accepted, compressed))
        .flatten();
    let (coding, data) = match encoded {
        Some((coding, data)) => (Some(coding), data),
        None => (None, bytes_of(file.data)),
    };
    let form = coding.map_or(String::new(), |coding| format!("-{coding}"));
    let digits = hash[..8]
        .iter()
        .fold(String::new(), |digits, byte| format!("{digits}{byte:02x}"));
    let tag = format!("\"{digits}{form}\"");
    let cache = if is_named_after_content(path) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let known = text(request, header::IF_NONE_MATCH);
    let mut response = if known.split(',').any(|k| k.trim().trim_start_matches("W/") == tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Response::new(Body::from(data))
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    if compressible {
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    if let Some(coding) = coding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

/// The file in the smallest coding that is accepted: brotli where the page's build left it, else gzip made here.
fn encoded(
    path: &str,
    file: &EmbeddedFile,
    accepted: &str,
    compressed: &Compressed,
) -> Option<(&'static str, Bytes)> {
    if accepts("br", accepted)
        && let Some(brotli) = Page::get(&format!("{path}.br"))
    {
        return Some(("br", bytes_of(brotli.data)));
    }
    if !accepts("gzip", accepted) {
        return None;
    }
    compressed
        .get(file.metadata.sha256_hash(), &file.data)
        .map(|gzip| ("gzip", gzip))
}

/// The embedded bytes as they are; a copy only in a development build, which reads files.
fn bytes_of(data: Cow<'static, [u8]>) -> Bytes {
    match data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> &str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// Whether `wanted` is among the codings that are accepted, and not by a weight of nothing.
fn accepts(wanted: &str, accepted: &str) -> bool {
    accepted.split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(wanted));
        let refused = parts.any(|part| {
            matches!(
                part.strip_prefix("q="),
                Some("0" | "0." | "0.0" | "0.00" | "0.000")
            )
        });
        named && !refused
    })
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

    #[test]
    fn the_smallest_coding_is_sent_to_who_takes_it() {
        let document = Page::get(DOCUMENT).expect("there is a page");
        let document = String::from_utf8_lossy(&document.data).into_owned();
        let scripts = || Page::iter().filter(|name| name.ends_with(".js"));
        let name = scripts()
            .find(|name| document.contains(&**name))
            .expect("the page has a script");
        let script = Page::get(&name).expect("it is there");
        let compressed = Compressed::default();
        let coding = |accepted| encoded(&name, &script, accepted, &compressed).map(|(coding, _)| coding);
        assert_eq!(coding("gzip, deflate, br, zstd"), Some("br"));
        assert_eq!(coding("gzip, br;q=0"), Some("gzip"));
        assert_eq!(coding("identity"), None);
        let weight = |name: &str| {
            let file = Page::get(name).expect("it is there");
            let (_, data) = encoded(name, &file, "br", &compressed).expect("brotli");
            data.len()
        };
        let first: usize = scripts()
            .filter(|name| document.contains(&**name))
            .map(|name| weight(&name))
            .sum();
        assert!(
            first < 60_000,
            "what is loaded first weighs {first} bytes compressed"
        );
        let all: usize = scripts().map(|name| weight(&name)).sum();
        assert!(all < 90_000, "the script weighs {all} bytes compressed");
    }

    #[test]
    fn gzip_is_asked_for_by_name() {
        for yes in ["gzip", "br, gzip", "deflate, GZIP;q=0.5"] {
            assert!(accepts("gzip", yes), "{yes}");
        }
        for no in ["", "identity", "gzip;q=0", "x-gzip", "br"] {
            assert!(!accepts("gzip", no), "{no}");
        }
        let compressed = Compressed::default();
        let made = compressed.get([1; 32], &[b'x'; 10_000]).unwrap();
        assert!(made.len() < 200 && made.starts_with(&[0x1f, 0x8b]));
        assert_eq!(compressed.get([1; 32], b"").unwrap(), made, "kept by content");
    }
}
