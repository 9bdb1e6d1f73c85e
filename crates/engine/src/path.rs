//! The one place where text becomes part of a request's path or query.
//!
//! Every segment is percent-encoded but for the unreserved characters, and a segment that a server would resolve
//! (`.`, `..`, nothing) cannot be written at all. Nobody else may put a path together.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use longshore_core::{ImageRef, ObjectRef};

/// Filters of a list or of a stream of events: a key and the values of which one must fit, all keys together.
pub type Filters = BTreeMap<String, Vec<String>>;

/// A path with its query, without the version in front.
#[derive(Debug, Clone)]
pub(crate) struct PathQuery {
    text: String,
    has_query: bool,
}

impl PathQuery {
    /// Starts from a literal of ours, such as `/containers/json`.
    pub(crate) fn new(literal: &'static str) -> Self {
        let mut text = String::with_capacity(literal.len() + 160);
        text.push_str(literal);
        Self {
            text,
            has_query: false,
        }
    }

    /// `/{collection}/{object}/{tail}`; an empty tail is left out.
    pub(crate) fn object(collection: &'static str, object: &ObjectRef, tail: &'static str) -> Self {
        let mut path = Self::new(collection);
        path.text.push('/');
        encode(object.as_str(), &mut path.text);
        if !tail.is_empty() {
            path.text.push('/');
            path.text.push_str(tail);
        }
        path
    }

    /// `/images/{image}/{tail}`; an empty tail is left out. A name's slashes stay: its parts are checked ones.
    pub(crate) fn image(image: &ImageRef, tail: &'static str) -> Self {
        let mut path = Self::new("/images");
        for part in image.as_str().split('/') {
            path.text.push('/');
            encode(part, &mut path.text);
        }
        if !tail.is_empty() {
            path.text.push('/');
            path.text.push_str(tail);
        }
        path
    }

    /// Adds `key=value`.
    pub(crate) fn query(mut self, key: &'static str, value: &str) -> Self {
        self.text.push(if self.has_query { '&' } else { '?' });
        self.has_query = true;
        self.text.push_str(key);
        self.text.push('=');
        encode(value, &mut self.text);
        self
    }

    /// Adds `key=value` when there is a value.
    pub(crate) fn query_opt(self, key: &'static str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.query(key, value),
            None => self,
        }
    }

    /// Adds `key=1` when it is set: engines take a missing flag as false.
    pub(crate) fn flag(self, key: &'static str, set: bool) -> Self {
        if set { self.query(key, "1") } else { self }
    }

    /// Adds the filters as the engine wants them, JSON in one parameter.
    pub(crate) fn filters(self, filters: &Filters) -> Self {
        if filters.is_empty() {
            return self;
        }
        // A map of strings always has a JSON form.
        match serde_json::to_string(filters) {
            Ok(json) => self.query("filters", &json),
            Err(_) => self,
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing into a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_leave_its_place() {
        let path = PathQuery::object("/containers", &ObjectRef::new("web-1").unwrap(), "kill")
            .query("signal", "TERM&x=/../a%2fb\r\n é");
        assert_eq!(
            path.as_str(),
            "/containers/web-1/kill?signal=TERM%26x%3D%2F..%2Fa%252fb%0D%0A%20%C3%A9"
        );
    }

    #[test]
    fn an_image_keeps_its_slashes_and_nothing_else() {
        let path = |text: &str| {
            PathQuery::image(&ImageRef::new(text).unwrap(), "json")
                .as_str()
                .to_owned()
        };
        assert_eq!(
            path("[::1]:5000/a/b:t"),
            "/images/%5B%3A%3A1%5D%3A5000/a/b%3At/json"
        );
        assert_eq!(path("sha256:00ff"), "/images/sha256%3A00ff/json");
    }

    #[test]
    fn flags_and_filters_appear_only_when_set() {
        let filters = Filters::from([("label".to_owned(), vec!["a=b".to_owned()])]);
        let path = PathQuery::new("/containers/json")
            .flag("all", true)
            .flag("size", false)
            .filters(&filters);
        assert_eq!(
            path.as_str(),
            "/containers/json?all=1&filters=%7B%22label%22%3A%5B%22a%3Db%22%5D%7D"
        );
        assert_eq!(
            PathQuery::new("/info")
                .filters(&Filters::new())
                .query_opt("x", None)
                .as_str(),
            "/info"
        );
    }

    proptest::proptest! {
        #[test]
        fn every_value_stays_one_value(value in "\\PC*") {
            let path = PathQuery::new("/x").query("k", &value);
            let encoded = path.as_str().strip_prefix("/x?k=").unwrap();
            proptest::prop_assert!(encoded.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~%".contains(&b)));
        }
    }
}
