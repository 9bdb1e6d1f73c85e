//! JSON lines: one object a line, snake case, unknown is `null`. The shapes here are what scripts rely on.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    io::{self, Write},
};

use longshore_core::{Attributes, ContainerSummary, Event, Port, Timestamp, Usage};
use serde::Serialize;

use super::deaths::DeathLine;
use super::{Item, Marks, Sample, Std, TokenRow};

/// A line of a log longer than this is shown in pieces.
const MAX_LINE: usize = 1024 * 1024;

/// Renders items as JSON lines. Pieces of logs are put together to lines first.
#[derive(Debug, Default)]
pub(crate) struct Json {
    out: Vec<u8>,
    err: Vec<u8>,
}

impl Json {
    pub(super) fn show(&mut self, item: &Item, to: &mut impl Write) -> io::Result<()> {
        match item {
            Item::Containers(list) => list.iter().try_for_each(|c| line(to, &ContainerLine::from(c))),
            Item::Log(stream, bytes) => self.log(*stream, bytes, to),
            Item::Event(event, marks) => line(to, &EventLine::new(event, *marks)),
            Item::Gap {
                from,
                to: end,
                reason,
            } => line(to, &GapLine::new(*from, *end, reason)),
            Item::Death(record, _) => line(to, &DeathLine::from(&**record)),
            Item::Samples(samples) => samples.iter().try_for_each(|s| line(to, &SampleLine::from(s))),
            Item::Tokens(tokens) => tokens.iter().try_for_each(|t| line(to, &TokenLine::from(t))),
            Item::Text(text) | Item::Warning(text) => writeln!(to, "{text}"),
        }
    }

    pub(super) fn finish(&mut self, to: &mut impl Write) -> io::Result<()> {
        for stream in [Std::Out, Std::Err] {
            let rest = std::mem::take(self.waiting(stream));
            if !rest.is_empty() {
                line(to, &LogLine::new(stream, &rest))?;
            }
        }
        Ok(())
    }

    fn waiting(&mut self, stream: Std) -> &mut Vec<u8> {
        match stream {
            Std::Out => &mut self.out,
            Std::Err => &mut self.err,
        }
    }

    fn log(&mut self, stream: Std, mut bytes: &[u8], to: &mut impl Write) -> io::Result<()> {
        let waiting = self.waiting(stream);
        while let Some(end) = bytes.iter().position(|b| *b == b'\n') {
            waiting.extend_from_slice(&bytes[..end]);
            line(to, &LogLine::new(stream, waiting))?;
            waiting.clear();
            bytes = &bytes[end + 1..];
        }
        waiting.extend_from_slice(bytes);
        if waiting.len() >= MAX_LINE {
            line(to, &LogLine::new(stream, waiting))?;
            waiting.clear();
        }
        Ok(())
    }
}

fn line(to: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *to, value)?;
    to.write_all(b"\n")
}

#[derive(Serialize)]
struct ContainerLine<'a> {
    id: &'a str,
    name: &'a str,
    image: &'a str,
    image_id: &'a str,
    command: &'a str,
    created_at: Timestamp,
    state: &'a str,
    status: &'a str,
    ports: &'a [Port],
    labels: &'a BTreeMap<String, String>,
}

impl<'a> From<&'a ContainerSummary> for ContainerLine<'a> {
    fn from(c: &'a ContainerSummary) -> Self {
        Self {
            id: c.id.as_str(),
            name: &c.name,
            image: &c.image,
            image_id: &c.image_id,
            command: &c.command,
            created_at: c.created,
            state: c.state.as_str(),
            status: &c.status,
            ports: &c.ports,
            labels: &c.labels,
        }
    }
}

#[derive(Serialize)]
struct EventLine<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    action: &'a str,
    id: &'a str,
    name: Option<&'a str>,
    time: Timestamp,
    time_nano: i64,
    scope: &'a str,
    attributes: &'a Attributes,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    synthetic: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    late: bool,
}

/// A line of its own: `{"gap":{"from":…,"to":…,"reason":…}}`.
#[derive(Serialize)]
struct GapLine {
    gap: Gap,
}

#[derive(Serialize)]
struct Gap {
    from: Timestamp,
    to: Timestamp,
    reason: &'static str,
}

impl GapLine {
    fn new(from: Timestamp, to: Timestamp, reason: &'static str) -> Self {
        Self {
            gap: Gap { from, to, reason },
        }
    }
}

impl<'a> EventLine<'a> {
    fn new(event: &'a Event, marks: Marks) -> Self {
        Self {
            kind: event.kind.as_str(),
            action: &event.action,
            id: &event.id,
            name: event.name(),
            time: event.at,
            time_nano: event.at.as_nanos(),
            scope: event.scope.as_str(),
            attributes: &event.attributes,
            synthetic: marks.synthetic,
            late: marks.late,
        }
    }
}

#[derive(Serialize)]
struct LogLine<'a> {
    time: Option<Timestamp>,
    stream: &'static str,
    text: Cow<'a, str>,
}

impl<'a> LogLine<'a> {
    /// From a line that the engine put its time before.
    fn new(stream: Std, bytes: &'a [u8]) -> Self {
        let mark = bytes.iter().position(|b| *b == b' ').unwrap_or(bytes.len());
        let time = std::str::from_utf8(&bytes[..mark])
            .ok()
            .and_then(|text| Timestamp::parse_rfc3339(text).ok());
        let text = if time.is_some() {
            bytes.get(mark + 1..).unwrap_or_default()
        } else {
            bytes
        };
        Self {
            time,
            stream: match stream {
                Std::Out => "stdout",
                Std::Err => "stderr",
            },
            text: String::from_utf8_lossy(text.strip_suffix(b"\r").unwrap_or(text)),
        }
    }
}

#[derive(Serialize)]
struct SampleLine<'a> {
    id: &'a str,
    name: &'a str,
    at: Timestamp,
    #[serde(flatten)]
    usage: Usage,
}

impl<'a> From<&'a Sample> for SampleLine<'a> {
    fn from(sample: &'a Sample) -> Self {
        Self {
            id: sample.id.as_str(),
            name: &sample.name,
            at: sample.at,
            usage: sample.usage,
        }
    }
}

#[derive(Serialize)]
struct TokenLine<'a> {
    name: &'a str,
    role: &'a str,
    created_at: Timestamp,
    last_used_at: Option<Timestamp>,
}

impl<'a> From<&'a TokenRow> for TokenLine<'a> {
    fn from(token: &'a TokenRow) -> Self {
        Self {
            name: &token.name,
            role: &token.role,
            created_at: token.created,
            last_used_at: token.last_used,
        }
    }
}

#[cfg(test)]
mod tests {
    use longshore_core::{EventType, Scope};

    use super::*;

    fn shown(items: &[Item]) -> String {
        let mut json = Json::default();
        let mut out = Vec::new();
        for item in items {
            json.show(item, &mut out).unwrap();
        }
        json.finish(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_event_keeps_its_nanoseconds() {
        let event = Event {
            kind: EventType::Container,
            action: "exec_start: ls".into(),
            id: "ab".into(),
            attributes: Attributes::from_iter([("name", "web")]),
            scope: Scope::Local,
            at: Timestamp::from_nanos(1_790_000_000_000_000_001),
        };
        assert_eq!(
            shown(&[
                Item::Event(event.clone(), Marks::default()),
                Item::Gap {
                    from: Timestamp::from_secs(1),
                    to: Timestamp::from_secs(2),
                    reason: "restarted",
                },
                Item::Event(
                    event,
                    Marks {
                        synthetic: true,
                        late: false,
                    },
                ),
            ]),
            concat!(
                r#"{"type":"container","action":"exec_start: ls","id":"ab","name":"web","#,
                r#""time":"2026-09-21T14:13:20.000000001Z","time_nano":1790000000000000001,"scope":"local","#,
                r#""attributes":{"name":"web"}}"#,
                "\n",
                r#"{"gap":{"from":"1970-01-01T00:00:01Z","to":"1970-01-01T00:00:02Z","reason":"restarted"}}"#,
                "\n",
                r#"{"type":"container","action":"exec_start: ls","id":"ab","name":"web","#,
                r#""time":"2026-09-21T14:13:20.000000001Z","time_nano":1790000000000000001,"scope":"local","#,
                r#""attributes":{"name":"web"},"synthetic":true}"#,
                "\n"
            )
        );
    }

    #[test]
    fn pieces_of_a_log_become_lines() {
        let piece = |stream, text: &str| Item::Log(stream, text.as_bytes().to_vec());
        let items = [
            piece(Std::Out, "1970-01-01T00:00:01Z he"),
            piece(Std::Err, "1970-01-01T00:00:02Z oops\r\n"),
            piece(Std::Out, "llo\n\n1970-01-01T00:00:03Z "),
        ];
        assert_eq!(
            shown(&items),
            "{\"time\":\"1970-01-01T00:00:02Z\",\"stream\":\"stderr\",\"text\":\"oops\"}\n\
             {\"time\":\"1970-01-01T00:00:01Z\",\"stream\":\"stdout\",\"text\":\"hello\"}\n\
             {\"time\":null,\"stream\":\"stdout\",\"text\":\"\"}\n\
             {\"time\":\"1970-01-01T00:00:03Z\",\"stream\":\"stdout\",\"text\":\"\"}\n"
        );
    }

    #[test]
    fn a_line_without_end_does_not_grow_for_ever() {
        let mut json = Json::default();
        let mut out = Vec::new();
        for _ in 0..5 {
            json.show(&Item::Log(Std::Out, vec![b'x'; MAX_LINE / 2]), &mut out)
                .unwrap();
        }
        assert!(json.out.len() < MAX_LINE);
        assert_eq!(out.iter().filter(|b| **b == b'\n').count(), 2);
    }
}
