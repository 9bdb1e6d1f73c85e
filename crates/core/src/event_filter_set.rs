//! Which events somebody wants, as people write it: a list of words.
//!
//! Owns the grammar and its limits. What the exact forms mean is [`EventFilter`]'s.

use std::fmt;

use crate::{Event, EventFilter};

/// Filters as people write them. None lets everything through.
///
/// | form | fits |
/// |---|---|
/// | `word` | a part of the type or of the action, in any case |
/// | `type:word` | that type |
/// | `action:word` | that action, also by its verb alone |
/// | `name:word` | an object of that name or id |
/// | `image:word` | events of that image, and of containers made from it |
/// | `label:k`, `label:k=v` | objects with that label |
/// | `host:word` | that host |
///
/// Of one form any fits, different forms must all fit, and every label must be there. A word with a colon that is not
/// followed by a blank must be one of these forms; actions that carry data (`health_status: healthy`) have the blank.
///
/// ```
/// use longshore_core::EventFilterSet;
/// # let event: longshore_core::Event = serde_json::from_str(r#"{"type":"container","action":"die","id":"4f5a",
/// #   "scope":"local","attributes":{"name":"web","app":"shop"},"at":"2026-01-01T00:00:00Z"}"#).unwrap();
/// let wanted = EventFilterSet::parse(["start", "die", "label:app=shop"]).unwrap();
/// assert!(wanted.matches("local", &event));
/// let error = EventFilterSet::parse(["colour:red"]).unwrap_err();
/// assert!(error.to_string().contains("type:, action:"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventFilterSet {
    /// As they were written.
    words: Vec<Box<str>>,
    parts: Vec<Box<str>>,
    hosts: Vec<Box<str>>,
    exact: EventFilter,
}

/// A filter that means nothing, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidEventFilter {
    filter: Box<str>,
    reason: Reason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    Empty,
    Control,
    TooLong,
    TooMany,
    NoSuchForm,
}

/// How much of what a stranger wrote is repeated to him.
const SHOWN: usize = 40;

impl fmt::Display for InvalidEventFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            Reason::TooMany => {
                return write!(f, "more than {} filters", EventFilterSet::MAX);
            }
            Reason::TooLong => write!(f, "a filter has at most {} bytes", EventFilterSet::MAX_LENGTH)?,
            Reason::Empty => write!(f, "a filter is a word, or a form with a word after its colon")?,
            Reason::Control => write!(f, "a filter has no control characters")?,
            Reason::NoSuchForm => write!(
                f,
                "the forms are type:, action:, name:, image:, label:, host:, and a word without a colon, which fits a part \
                 of the type or of the action"
            )?,
        }
        write!(f, ": {:?}", self.filter)
    }
}

impl std::error::Error for InvalidEventFilter {}

impl EventFilterSet {
    /// Most filters of one set.
    pub const MAX: usize = 32;
    /// Most bytes of one filter.
    pub const MAX_LENGTH: usize = 256;

    /// Reads filters.
    ///
    /// # Errors
    /// The first of them that means nothing.
    pub fn parse<T: AsRef<str>>(filters: impl IntoIterator<Item = T>) -> Result<Self, InvalidEventFilter> {
        let mut set = Self::default();
        for filter in filters {
            set.add(filter.as_ref())?;
        }
        Ok(set)
    }

    /// Adds one.
    ///
    /// # Errors
    /// When it means nothing; nothing has changed then.
    pub fn add(&mut self, filter: &str) -> Result<(), InvalidEventFilter> {
        let refused = |reason| InvalidEventFilter {
            filter: filter.chars().take(SHOWN).collect::<String>().into(),
            reason,
        };
        if self.words.len() >= Self::MAX {
            return Err(refused(Reason::TooMany));
        }
        if filter.len() > Self::MAX_LENGTH {
            return Err(refused(Reason::TooLong));
        }
        if filter.chars().any(char::is_control) {
            return Err(refused(Reason::Control));
        }
        if filter.trim().is_empty() {
            return Err(refused(Reason::Empty));
        }
        match form(filter) {
            None => self.parts.push(filter.trim().into()),
            Some((_, word)) if word.is_empty() || word.starts_with('=') => {
                return Err(refused(Reason::Empty));
            }
            Some(("host", word)) => self.hosts.push(word.into()),
            Some((name, word)) => {
                let exact = self.exact.clone();
                self.exact = match name {
                    "type" => exact.event_type(word),
                    "action" => exact.action(word),
                    "name" => exact.object(word),
                    "image" => exact.image(word),
                    "label" => exact.label(word),
                    _ => return Err(refused(Reason::NoSuchForm)),
                };
            }
        }
        self.words.push(filter.into());
        Ok(())
    }

    /// The filters as they were written.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(|word| &**word)
    }

    /// Whether everything gets through.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether an event of that host gets through. Allocates nothing.
    pub fn matches(&self, host: &str, event: &Event) -> bool {
        self.matches_host(host)
            && (self.parts.is_empty()
                || self
                    .parts
                    .iter()
                    .any(|part| has(event.kind.as_str(), part) || has(&event.action, part)))
            && self.exact.matches(event)
    }

    /// Whether anything of that host gets through: for gaps and failures, which are of no type.
    pub fn matches_host(&self, host: &str) -> bool {
        self.hosts.is_empty() || self.hosts.iter().any(|wanted| **wanted == *host)
    }
}

/// The form's name and its word; `None` for a plain word.
fn form(filter: &str) -> Option<(&str, &str)> {
    let (name, word) = filter.split_once(':')?;
    if word.starts_with(' ') || name.contains(' ') {
        return None;
    }
    Some((name, word))
}

/// Whether `text` has `part` in it, in any case.
fn has(text: &str, part: &str) -> bool {
    let (text, part) = (text.as_bytes(), part.as_bytes());
    text.windows(part.len())
        .any(|window| window.eq_ignore_ascii_case(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EventType, Scope, Timestamp};

    fn event(kind: &str, action: &str, attributes: &[(&str, &str)]) -> Event {
        Event {
            kind: EventType::from(kind),
            action: action.into(),
            id: "4f5a0c1d2e3f4f5a".into(),
            attributes: attributes.iter().copied().collect(),
            scope: Scope::Local,
            at: Timestamp::from_secs(100),
        }
    }

    fn web(action: &str) -> Event {
        let attributes = [("name", "web"), ("image", "shop/web:2"), ("app", "shop")];
        event("container", action, &attributes)
    }

    fn fits(filters: &[&str], event: &Event) -> bool {
        EventFilterSet::parse(filters).unwrap().matches("local", event)
    }

    #[test]
    fn none_is_all_and_a_plain_word_fits_a_part() {
        assert!(fits(&[], &web("start")));
        for filters in [
            &["start"][..],
            &["star"],
            &["START"],
            &["contain"],
            &["tainer"],
            &["image", "start"],
        ] {
            assert!(fits(filters, &web("start")), "{filters:?}");
        }
        for filters in [&["stop"][..], &["image"], &["web"], &["start "], &["startt"]] {
            assert_eq!(
                fits(filters, &web("start")),
                *filters == ["start "],
                "{filters:?}"
            );
        }
        assert!(fits(&["health_status: healthy"], &web("health_status: healthy")));
        assert!(!fits(
            &["health_status: healthy"],
            &web("health_status: unhealthy")
        ));
        assert!(fits(&["HEALTHY"], &web("health_status: unhealthy")));
    }

    #[test]
    fn forms_are_exact_and_all_of_them_must_fit() {
        for filters in [
            &["type:container"][..],
            &["action:health_status"],
            &["action:health_status: healthy"],
            &["name:web"],
            &["name:4f5a0c1d2e3f"],
            &["image:shop/web"],
            &["label:app"],
            &["label:app=shop", "host:local", "host:far"],
            &[
                "action:start",
                "action:health_status",
                "type:image",
                "type:container",
            ],
            &["health", "start", "label:app=shop", "image:shop/web:2"],
        ] {
            assert!(fits(filters, &web("health_status: healthy")), "{filters:?}");
        }
        for filters in [
            &["type:contain"][..],
            &["action:health"],
            &["name:we"],
            &["image:web"],
            &["label:app=sho"],
            &["label:app", "label:tier"],
            &["host:far"],
            &["health", "host:far"],
            &["start", "label:app=shop"],
        ] {
            assert!(!fits(filters, &web("health_status: healthy")), "{filters:?}");
        }
    }

    #[test]
    fn rubbish_is_refused_with_the_reason_and_changes_nothing() {
        let long = "x".repeat(257);
        let cases = [
            ("", "is a word"),
            ("   ", "is a word"),
            ("type:", "is a word"),
            ("label:=v", "is a word"),
            ("colour:red", "the forms are type:"),
            (":x", "the forms are type:"),
            ("http://evil", "the forms are type:"),
            ("a\nb", "no control characters"),
            ("\u{0}", "no control characters"),
            (&long, "at most 256 bytes"),
        ];
        let mut set = EventFilterSet::parse(["start"]).unwrap();
        let before = set.clone();
        for (filter, reason) in cases {
            let error = set.add(filter).unwrap_err().to_string();
            assert!(error.contains(reason), "{filter:?}: {error}");
            assert!(error.len() < 300, "{error}");
        }
        assert_eq!(set, before);
        let many = ["start"; 33];
        assert_eq!(
            EventFilterSet::parse(many).unwrap_err().to_string(),
            "more than 32 filters"
        );
        assert_eq!(EventFilterSet::parse(["ä", "ß: x"]).unwrap().words().count(), 2);
    }

    #[test]
    fn gaps_pass_all_but_another_host() {
        let set = EventFilterSet::parse(["start", "host:far"]).unwrap();
        assert!(set.matches_host("far") && !set.matches_host("local"));
        assert!(EventFilterSet::parse(["start"]).unwrap().matches_host("local"));
    }
}
