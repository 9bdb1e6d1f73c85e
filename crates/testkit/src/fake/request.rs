//! A request as the fake engine understands it: version, path, query, body.

use bytes::Bytes;
use serde_json::Value;

/// A request, its path split from version and query.
#[derive(Debug, Clone, Default)]
pub(super) struct Request {
    pub(super) method: String,
    /// Without the version prefix and the query; still percent-encoded.
    pub(super) path: String,
    pub(super) version: Option<(u16, u16)>,
    pub(super) query: Vec<(String, String)>,
    pub(super) upgrade: bool,
    pub(super) body: Bytes,
}

impl Request {
    pub(super) fn query(&self, key: &str) -> Option<&str> {
        self.query.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    /// As the engine reads a flag: anything but these is true.
    pub(super) fn flag(&self, key: &str) -> bool {
        self.query(key).is_some_and(|v| {
            !matches!(
                v.to_ascii_lowercase().as_str(),
                "" | "0" | "no" | "false" | "none"
            )
        })
    }

    pub(super) fn json(&self) -> Result<Value, String> {
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body).map_err(|error| format!("invalid JSON: {error}"))
    }
}

pub(super) fn parse_target(target: &str) -> Request {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (version, path) = split_version(path);
    let query = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        })
        .collect();
    Request {
        path: path.to_owned(),
        version,
        query,
        ..Request::default()
    }
}

fn split_version(path: &str) -> (Option<(u16, u16)>, &str) {
    let Some(rest) = path.strip_prefix("/v") else {
        return (None, path);
    };
    let end = rest.find('/').unwrap_or(rest.len());
    let (version, tail) = rest.split_at(end);
    match version.split_once('.').map(|(a, b)| (a.parse(), b.parse())) {
        Some((Ok(major), Ok(minor))) => (Some((major, minor)), tail),
        _ => (None, path),
    }
}

/// Percent-decodes; `+` is a space, as in a query.
pub(super) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = (byte == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        at += if escaped.is_some() { 3 } else { 1 };
        out.push(escaped.unwrap_or(if byte == b'+' { b' ' } else { byte }));
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_split() {
        let request = parse_target("/v1.47/containers/a%2fb/json?all=1&filters=%7B%22a%22%3A1%7D&x");
        assert_eq!(request.version, Some((1, 47)));
        assert_eq!(request.path, "/containers/a%2fb/json");
        assert_eq!(request.query("filters"), Some(r#"{"a":1}"#));
        assert!(request.flag("all") && !request.flag("x") && !request.flag("y"));
        assert_eq!(parse_target("/version").path, "/version");
        assert_eq!(decode("100%"), "100%");
    }
}
