//! Events.

use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
use longshore_core::{Event, EventType, Scope, Timestamp};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::StreamDeserializer;

use super::lenient::{Integer, Text, nullable};
use crate::events::{BadEvent, RawEvent};

/// Attributes of most events.
const FEW: usize = 16;

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(rename = "Type", default, borrow)]
    kind: Text<'a>,
    #[serde(rename = "Action", default, borrow)]
    action: Text<'a>,
    #[serde(rename = "Actor", default, borrow, deserialize_with = "nullable")]
    actor: Actor<'a>,
    /// Older engines, and Podman, have the next two beside or instead of the above.
    #[serde(default, borrow)]
    status: Text<'a>,
    #[serde(default, borrow)]
    id: Text<'a>,
    #[serde(default, borrow)]
    scope: Text<'a>,
    #[serde(default)]
    time: Integer,
    #[serde(rename = "timeNano", default)]
    time_nano: Integer,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Actor<'a> {
    #[serde(rename = "ID", borrow)]
    id: Text<'a>,
    #[serde(rename = "Attributes", borrow, deserialize_with = "nullable")]
    attributes: Pairs<'a>,
}

/// As they come: what is kept of them is made once it is known how much that is.
#[derive(Default)]
struct Pairs<'a>(Vec<(Text<'a>, Text<'a>)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit<'a>(PhantomData<&'a str>);

        impl<'de: 'a, 'a> Visitor<'de> for Visit<'a> {
            type Value = Pairs<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("attributes")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Pairs<'a>, M::Error> {
                let mut pairs = Vec::with_capacity(FEW);
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(Visit(PhantomData))
    }
}

impl Wire<'_> {
    fn into_core(self) -> Result<Event, serde_json::Error> {
        let action = if self.action.is_empty() {
            &self.status
        } else {
            &self.action
        };
        if action.is_empty() && self.kind.is_empty() {
            return Err(serde::de::Error::custom("neither a type nor an action"));
        }
        let id = if self.actor.id.is_empty() {
            &self.id
        } else {
            &self.actor.id
        };
        let at = match (self.time_nano.0, self.time.0) {
            (Some(nanos), _) if nanos != 0 => Timestamp::from_nanos(nanos),
            (_, secs) => Timestamp::from_secs(secs.unwrap_or(0)),
        };
        let kind = EventType::from(if self.kind.is_empty() {
            "container"
        } else {
            &*self.kind
        });
        // Podman's words for what happens to a container; of images and volumes Docker says `remove` too.
        let action = match (&kind, &**action) {
            (EventType::Container, "died") => "die",
            (EventType::Container, "remove") => "destroy",
            (_, action) => action,
        };
        Ok(Event {
            kind,
            action: action.into(),
            id: (**id).into(),
            attributes: self.actor.attributes.0.into_iter().collect(),
            scope: Scope::from(&*self.scope),
            at,
        })
    }
}

/// Reads all events of a line: engines may put several objects on one.
pub(crate) fn read_line(line: &Bytes, out: &mut VecDeque<RawEvent>) {
    // Text is checked once as a whole where it is text, else string by string.
    match std::str::from_utf8(line) {
        Ok(text) => read_objects(serde_json::Deserializer::from_str(text).into_iter(), line, out),
        Err(_) => read_objects(serde_json::Deserializer::from_slice(line).into_iter(), line, out),
    }
}

fn read_objects<'a, R: serde_json::de::Read<'a>>(
    mut objects: StreamDeserializer<'a, R, Wire<'a>>,
    line: &Bytes,
    out: &mut VecDeque<RawEvent>,
) {
    let mut start = 0;
    while let Some(object) = objects.next() {
        let malformed = object.is_err();
        // Where the JSON breaks off, the rest of the line is one piece.
        let end = if malformed {
            line.len()
        } else {
            objects.byte_offset()
        };
        let text = line.slice(start..end);
        let text = text.slice_ref(text.trim_ascii());
        let event = object.and_then(Wire::into_core).map_err(BadEvent::Malformed);
        out.push_back(RawEvent { line: text, event });
        if malformed {
            break;
        }
        start = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str) -> Vec<RawEvent> {
        let mut out = VecDeque::new();
        read_line(&Bytes::from_static(text.as_bytes()), &mut out);
        out.into()
    }

    #[test]
    fn an_event_keeps_all_that_it_said() {
        let line = r#"{"status":"die","id":"abc","from":"img","Type":"container","Action":"die","Actor":{"ID":"abc","Attributes":{"exitCode":"137","name":"web"}},"scope":"local","time":1790000000,"timeNano":1790000000000000001}"#;
        let raw = read(line);
        let event = raw[0].event.as_ref().unwrap();
        assert_eq!(raw[0].line, line);
        assert_eq!(
            (event.kind.clone(), &*event.action, &*event.id),
            (EventType::Container, "die", "abc")
        );
        assert_eq!(
            (event.attribute("exitCode"), event.at.as_nanos()),
            (Some("137"), 1_790_000_000_000_000_001)
        );
    }

    #[test]
    fn what_podman_calls_otherwise_has_dockers_words() {
        let action = |kind: &str, action: &str| {
            let line = format!(r#"{{"Type":"{kind}","Action":"{action}","Actor":{{"ID":"x"}},"time":5}}"#);
            let mut out = VecDeque::new();
            read_line(&Bytes::from(line), &mut out);
            out.pop_front().unwrap().event.unwrap().action
        };
        assert_eq!(&*action("container", "remove"), "destroy");
        assert_eq!(&*action("container", "died"), "die");
        assert_eq!(&*action("image", "remove"), "remove");
        assert_eq!(&*action("container", "removed: by hand"), "removed: by hand");
    }

    #[test]
    fn unknown_types_and_old_forms_are_carried() {
        let raw = read(
            r#"{"Type":"wormhole","Action":"open","Actor":{"ID":"x","Attributes":null},"scope":"galaxy","time":5}"#,
        );
        let event = raw[0].event.as_ref().unwrap();
        assert_eq!(
            (event.kind.as_str(), event.scope.as_str(), event.at),
            ("wormhole", "galaxy", Timestamp::from_secs(5))
        );
        let raw = read(r#"{"status":"start","id":"abc","from":"img","time":5}"#);
        let event = raw[0].event.as_ref().unwrap();
        assert_eq!(
            (event.kind.clone(), &*event.action, &*event.id),
            (EventType::Container, "start", "abc")
        );
    }

    #[test]
    fn several_objects_on_one_line_are_several_events() {
        let raw =
            read(r#"{"Type":"a","Action":"1"}{"Type":"b","Action":"2"} {"Type":"c","Action":"3"}{"Type":"#);
        let lines: Vec<_> = raw
            .iter()
            .map(|raw| std::str::from_utf8(&raw.line).unwrap())
            .collect();
        assert_eq!(
            lines[..3],
            [
                r#"{"Type":"a","Action":"1"}"#,
                r#"{"Type":"b","Action":"2"}"#,
                r#"{"Type":"c","Action":"3"}"#
            ]
        );
        assert!(raw[..3].iter().all(|raw| raw.event.is_ok()));
        assert!(raw.len() == 4 && raw[3].event.is_err() && raw[3].line == r#"{"Type":"#);
    }

    #[test]
    fn what_is_no_event_is_told() {
        for text in ["rubbish", "[1]", "{}", "\"x\"", "{\"Type\":", "7"] {
            let raw = read(text);
            assert!(raw.len() == 1 && raw[0].event.is_err(), "{text}: {raw:?}");
        }
    }
}
