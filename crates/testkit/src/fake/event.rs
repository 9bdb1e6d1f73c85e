//! One event of the fake engine, and its line on the wire.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use serde::Serialize;

/// An event, as it was published.
#[derive(Debug)]
pub struct FakeEvent {
    /// `container`, `image`, `network`, …
    pub kind: String,
    /// `start`, `die`, `exec_create: sh`, …
    pub action: String,
    /// Id of the object.
    pub actor: String,
    /// Name, image, exit code, labels, …
    pub attributes: BTreeMap<String, String>,
    /// `local` or `swarm`.
    pub scope: &'static str,
    /// The stamp, in nanoseconds since the epoch.
    pub time_nano: i64,
    dropped: AtomicUsize,
    rubbish: Option<Bytes>,
    legacy: OnceLock<Bytes>,
    bare: OnceLock<Bytes>,
}

/// What an event says before it is stamped.
#[derive(Debug, Clone)]
pub struct Draft {
    pub(super) kind: String,
    pub(super) action: String,
    pub(super) actor: String,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) scope: &'static str,
    pub(super) stamp: Option<i64>,
    pub(super) rubbish: Option<Bytes>,
}

impl Draft {
    /// An event of `kind` about `actor`.
    #[must_use]
    pub fn new(kind: &str, action: &str, actor: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            action: action.to_owned(),
            actor: actor.to_owned(),
            attributes: BTreeMap::new(),
            scope: "local",
            stamp: None,
            rubbish: None,
        }
    }

    /// Bytes in place of an event: malformed JSON, an empty line, a megabyte. A line end is added.
    #[must_use]
    pub fn rubbish(line: impl Into<Vec<u8>>) -> Self {
        let mut line = line.into();
        line.push(b'\n');
        Self {
            rubbish: Some(line.into()),
            ..Self::new("rubbish", "rubbish", "")
        }
    }

    /// Adds an attribute.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.attributes.insert(key.to_owned(), value.into());
        self
    }

    /// Stamps it with a time of its own, as Swarm does, in place of now.
    #[must_use]
    pub fn stamped(mut self, time_nano: i64) -> Self {
        self.stamp = Some(time_nano);
        self
    }

    /// Marks it `scope: swarm`.
    #[must_use]
    pub fn swarm(mut self) -> Self {
        self.scope = "swarm";
        self
    }

    pub(super) fn stamp(self, now: i64) -> FakeEvent {
        FakeEvent {
            kind: self.kind,
            action: self.action,
            actor: self.actor,
            attributes: self.attributes,
            scope: self.scope,
            time_nano: self.stamp.unwrap_or(now),
            dropped: AtomicUsize::new(0),
            rubbish: self.rubbish,
            legacy: OnceLock::new(),
            bare: OnceLock::new(),
        }
    }
}

impl FakeEvent {
    /// The line as API 1.51 and older send it, with its line end.
    #[must_use]
    pub fn line(&self) -> Bytes {
        self.line_for(true)
    }

    /// How many subscribers the engine silently dropped this event for, so far.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(super) fn count_drop(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn line_for(&self, legacy: bool) -> Bytes {
        if let Some(rubbish) = &self.rubbish {
            return rubbish.clone();
        }
        let cell = if legacy { &self.legacy } else { &self.bare };
        cell.get_or_init(|| self.render(legacy)).clone()
    }

    fn render(&self, legacy: bool) -> Bytes {
        // `status`, `id` and `from` are only there for containers and images, and went away with 1.52.
        let old = legacy && matches!(self.kind.as_str(), "container" | "image");
        let line = Line {
            status: old.then_some(&self.action),
            id: old.then_some(&self.actor),
            from: if old { self.attributes.get("image") } else { None },
            kind: &self.kind,
            action: &self.action,
            actor: Actor {
                id: &self.actor,
                attributes: &self.attributes,
            },
            scope: self.scope,
            time: self.time_nano.div_euclid(1_000_000_000),
            time_nano: self.time_nano,
        };
        let mut bytes = serde_json::to_vec(&line).unwrap_or_default();
        bytes.push(b'\n');
        bytes.into()
    }
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a String>,
    #[serde(rename = "Type")]
    kind: &'a str,
    #[serde(rename = "Action")]
    action: &'a str,
    #[serde(rename = "Actor")]
    actor: Actor<'a>,
    scope: &'a str,
    time: i64,
    #[serde(rename = "timeNano")]
    time_nano: i64,
}

#[derive(Serialize)]
struct Actor<'a> {
    #[serde(rename = "ID")]
    id: &'a str,
    #[serde(rename = "Attributes")]
    attributes: &'a BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_the_engines() {
        let event = Draft::new("container", "die", "abc")
            .with("image", "x")
            .with("exitCode", "3")
            .stamp(1_500_000_002);
        assert_eq!(
            std::str::from_utf8(&event.line()).unwrap(),
            concat!(
                r#"{"status":"die","id":"abc","from":"x","Type":"container","Action":"die","Actor":{"ID":"abc","#,
                r#""Attributes":{"exitCode":"3","image":"x"}},"scope":"local","time":1,"timeNano":1500000002}"#,
                "\n"
            )
        );
        assert!(!event.line_for(false).starts_with(b"{\"status\""));
    }
}
