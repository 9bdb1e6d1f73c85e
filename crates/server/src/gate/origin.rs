//! Which page a request may come from. Browsers attach cookies to what foreign pages send; `Origin` and
//! `Sec-Fetch-Site` tell such requests apart, and no page can forge them.

use http::{HeaderMap, Method, Request, header};
use longshore_api::ErrorCode;

use crate::error::ApiError;

/// Where a request comes from, as far as its headers prove it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provenance {
    /// A page of ours, or of an origin that was allowed.
    OwnPage,
    /// Nothing says that it comes from a page: a program, or the address bar. A cookie alone must not act then.
    Unknown,
}

/// The origins whose pages may call.
#[derive(Debug)]
pub(crate) struct Origins {
    further: Vec<String>,
}

impl Origins {
    /// Further origins, as `https://name` or `https://name:port`.
    pub(crate) fn new(further: &[String]) -> Result<Self, String> {
        let check = |text: &String| {
            let text = text.to_ascii_lowercase();
            let name = text
                .strip_prefix("https://")
                .or_else(|| text.strip_prefix("http://"));
            match name {
                Some(name) if !name.is_empty() && !name.contains(['/', '?', '#', '@', '*']) => Ok(text),
                _ => Err(format!("{text:?} is no origin such as https://ship.example")),
            }
        };
        Ok(Self {
            further: further.iter().map(check).collect::<Result<_, _>>()?,
        })
    }

    /// Refuses what a foreign page sent. `host` is the host that the request is for, already found to be ours.
    pub(crate) fn check<B>(&self, request: &Request<B>, host: &str) -> Result<Provenance, ApiError> {
        let headers = request.headers();
        let mut origins = headers.get_all(header::ORIGIN).iter();
        if let Some(origin) = origins.next() {
            let origin = origin.to_str().unwrap_or_default().to_ascii_lowercase();
            if origins.next().is_none() && (is_same(&origin, host) || self.further.contains(&origin)) {
                return Ok(Provenance::OwnPage);
            }
            return Err(foreign(&origin));
        }
        match text(headers, "sec-fetch-site") {
            "same-origin" => Ok(Provenance::OwnPage),
            "" | "none" => Ok(Provenance::Unknown),
            _ if is_link_to_page(request) => Ok(Provenance::Unknown),
            site => Err(foreign(site)),
        }
    }
}

/// A link on a foreign page that opens ours. It sends no cookie of ours (`SameSite=Strict`), and what it opens is the
/// page without any data.
fn is_link_to_page<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    matches!(*request.method(), Method::GET | Method::HEAD)
        && text(headers, "sec-fetch-mode") == "navigate"
        && text(headers, "sec-fetch-dest") == "document"
        && !crate::routes::is_data(request.uri().path())
}

fn is_same(origin: &str, host: &str) -> bool {
    let (name, default_port) = match (origin.strip_prefix("http://"), origin.strip_prefix("https://")) {
        (Some(name), _) => (name, ":80"),
        (_, Some(name)) => (name, ":443"),
        _ => return false,
    };
    name == host.strip_suffix(default_port).unwrap_or(host)
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers
        .get(name)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default()
}

fn foreign(from: &str) -> ApiError {
    let shown: String = from.chars().take(80).collect();
    ApiError::new(
        ErrorCode::ForeignOrigin,
        format!("a page of another origin ({shown}) may not call this server"),
    )
    .hint("a proxy's origin is added with --allow-origin")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, method: Method, headers: &[(&str, &str)]) -> Result<Provenance, ErrorCode> {
        let origins = Origins::new(&["https://ship.example".to_owned()]).unwrap();
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        origins
            .check(&request.body(()).unwrap(), "localhost:3625")
            .map_err(|e| e.code())
    }

    #[test]
    fn own_pages_pass() {
        for good in [
            "http://localhost:3625",
            "https://localhost:3625",
            "https://ship.example",
        ] {
            let got = check("/api/v1/login", Method::POST, &[("origin", good)]);
            assert_eq!(got, Ok(Provenance::OwnPage), "{good}");
        }
        let got = check("/api/v1/hosts", Method::GET, &[("sec-fetch-site", "same-origin")]);
        assert_eq!(got, Ok(Provenance::OwnPage));
    }

    #[test]
    fn foreign_pages_do_not() {
        for bad in [
            "null",
            "http://evil.example",
            "http://localhost:3626",
            "http://127.0.0.1:3625",
            "",
            "localhost:3625",
            "https://ship.example.evil",
            "http://ship.example",
            "file://",
        ] {
            let got = check("/api/v1/login", Method::POST, &[("origin", bad)]);
            assert_eq!(got, Err(ErrorCode::ForeignOrigin), "{bad}");
        }
        for site in ["cross-site", "same-site"] {
            let got = check("/api/v1/hosts", Method::GET, &[("sec-fetch-site", site)]);
            assert_eq!(got, Err(ErrorCode::ForeignOrigin), "{site}");
        }
    }

    #[test]
    fn a_link_opens_the_page_and_nothing_else() {
        let link = [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ];
        assert_eq!(check("/", Method::GET, &link), Ok(Provenance::Unknown));
        for data in ["/api/v1/containers", "/metrics", "/readyz"] {
            assert_eq!(
                check(data, Method::GET, &link),
                Err(ErrorCode::ForeignOrigin),
                "{data}"
            );
        }
        assert_eq!(check("/", Method::POST, &link), Err(ErrorCode::ForeignOrigin));
    }

    #[test]
    fn programs_send_neither() {
        assert_eq!(check("/api/v1/hosts", Method::GET, &[]), Ok(Provenance::Unknown));
        assert!(is_same("http://localhost", "localhost:80"));
        assert!(is_same("https://x.example", "x.example:443"));
    }

    #[test]
    fn an_origin_that_is_none_is_refused_at_the_start() {
        for bad in [
            "ship.example",
            "https://",
            "https://x/path",
            "*",
            "https://*.example",
        ] {
            assert!(Origins::new(&[bad.to_owned()]).is_err(), "{bad}");
        }
    }
}
