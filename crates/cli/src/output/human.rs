//! For people: tables, one line an event, logs as they were written.

use std::io::{self, Write};

use clap::builder::styling::Style;
use longshore_core::Event;

use super::{
    Face, Item, Sample, Std, deaths, lists,
    text::{LogFilter, neutral},
};

const QUIET: Style = Style::new().dimmed();

/// Renders items for people, on a terminal or in a file.
#[derive(Debug)]
pub(crate) struct Human {
    out: Face,
    err: Face,
    out_log: LogFilter,
    err_log: LogFilter,
    redraw: bool,
}

impl Human {
    pub(super) fn new(out: Face, err: Face) -> Self {
        Self {
            out,
            err,
            out_log: LogFilter::new(out.colour),
            err_log: LogFilter::new(err.colour),
            redraw: false,
        }
    }

    pub(super) fn show(&mut self, item: &Item, out: &mut impl Write, err: &mut impl Write) -> io::Result<()> {
        let colour = self.out.colour;
        match item {
            Item::Containers(list) => lines(out, &lists::containers(list, colour)),
            Item::Log(Std::Out, bytes) => log(out, self.out.terminal.then_some(&mut self.out_log), bytes),
            Item::Log(Std::Err, bytes) => {
                // The two streams in the order in which they came.
                out.flush()?;
                log(err, self.err.terminal.then_some(&mut self.err_log), bytes)
            }
            Item::Event(event, marks) => {
                let synthetic = if marks.synthetic { " (seen, not told)" } else { "" };
                let late = if marks.late { " (late)" } else { "" };
                writeln!(out, "{}{synthetic}{late}", event_line(event, colour))
            }
            Item::Gap { from, to, reason } => {
                writeln!(out, "-- from {from} to {to} events may be missing: {reason}")
            }
            Item::Death(record, last) => lines(out, &deaths::lines(record, *last, colour)),
            Item::Samples(list) => self.samples(list, out),
            Item::Tokens(list) => lines(out, &lists::tokens(list, colour)),
            Item::Text(text) | Item::Warning(text) => writeln!(out, "{text}"),
        }
    }

    pub(super) fn finish(&mut self, out: &mut impl Write, err: &mut impl Write) -> io::Result<()> {
        let mut rest = String::new();
        self.out_log.finish(&mut rest);
        out.write_all(rest.as_bytes())?;
        rest.clear();
        self.err_log.finish(&mut rest);
        err.write_all(rest.as_bytes())
    }

    /// On a terminal each measurement takes the place of the one before; in a file it follows it.
    fn samples(&mut self, list: &[Sample], out: &mut impl Write) -> io::Result<()> {
        let table = lists::samples(list, self.out.colour);
        if !self.out.terminal {
            return lines(out, &table);
        }
        let (start, end) = if std::mem::replace(&mut self.redraw, true) {
            ("\x1b[H", "\x1b[K\n")
        } else {
            ("\x1b[H\x1b[2J", "\n")
        };
        write!(out, "{start}{}{end}\x1b[J", table.join(end))
    }
}

fn lines(out: &mut impl Write, lines: &[String]) -> io::Result<()> {
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))
}

/// Bytes as they came where nothing can act on them, else what the filter lets through.
fn log(to: &mut impl Write, filter: Option<&mut LogFilter>, bytes: &[u8]) -> io::Result<()> {
    let Some(filter) = filter else {
        return to.write_all(bytes);
    };
    let mut text = String::with_capacity(bytes.len());
    filter.push(bytes, &mut text);
    to.write_all(text.as_bytes())
}

/// `2026-01-31T12:00:00.000000001Z container start web (0123456789ab) image=shop:1`
fn event_line(event: &Event, colour: bool) -> String {
    let id = event.id.get(..12).unwrap_or(&event.id);
    let object = match event.name() {
        Some(name) if *name != *event.id => format!("{name} ({id})"),
        _ => id.to_owned(),
    };
    // The labels among the attributes are the container's, and many: what engines add about the event itself is short.
    let said = [
        "image",
        "exitCode",
        "signal",
        "container",
        "execDuration",
        "oldName",
        "driver",
    ];
    let more: String = said
        .iter()
        .filter_map(|key| Some(format!(" {key}={}", event.attributes.get(key)?)))
        .collect();
    let paint = |style: Style, text: &str| {
        let text = neutral(text);
        if colour {
            format!("{style}{text}{style:#}")
        } else {
            text.into_owned()
        }
    };
    format!(
        "{} {} {} {}{}",
        paint(QUIET, &event.at.to_string()),
        paint(Style::new(), event.kind.as_str()),
        paint(Style::new().bold(), &event.action),
        paint(Style::new(), &object),
        paint(QUIET, &more)
    )
}

#[cfg(test)]
mod tests {
    use longshore_core::{ContainerId, EventType, Scope, Timestamp, Usage};

    use super::*;
    use crate::output::Marks;

    const FILE: Face = Face {
        terminal: false,
        colour: false,
    };
    const TERMINAL: Face = Face {
        terminal: true,
        colour: true,
    };

    fn shown(face: Face, items: &[Item]) -> (String, String) {
        let mut human = Human::new(face, face);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        for item in items {
            human.show(item, &mut out, &mut err).unwrap();
        }
        human.finish(&mut out, &mut err).unwrap();
        (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[test]
    fn an_event_is_one_line_that_acts_on_nothing() {
        let attributes = [("name", "we\x1bb"), ("image", "shop:1"), ("label", "x")];
        let event = Event {
            kind: EventType::Container,
            action: "exec_start: a\nb".into(),
            id: "0123456789abcdef".into(),
            attributes: attributes.into_iter().collect(),
            scope: Scope::Local,
            at: Timestamp::from_secs(0),
        };
        let (out, _) = shown(FILE, &[Item::Event(event, Marks::default())]);
        assert_eq!(
            out,
            "1970-01-01T00:00:00Z container exec_start: a␊b we␛b (0123456789ab) image=shop:1\n"
        );
    }

    #[test]
    fn logs_go_to_their_own_stream_as_they_came() {
        let items = [
            Item::Log(Std::Out, b"\x1b[2Jout \xff".to_vec()),
            Item::Log(Std::Err, b"err\n".to_vec()),
        ];
        let mut human = Human::new(FILE, FILE);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        for item in &items {
            human.show(item, &mut out, &mut err).unwrap();
        }
        assert_eq!(
            (out.as_slice(), err.as_slice()),
            (&b"\x1b[2Jout \xff"[..], &b"err\n"[..])
        );
        assert_eq!(
            shown(TERMINAL, &items),
            ("␛[2Jout \u{fffd}".to_owned(), "err\n".to_owned())
        );
    }

    #[test]
    fn what_is_not_known_is_a_dash() {
        let sample = Sample {
            id: ContainerId::new(&"ab".repeat(32)).unwrap(),
            name: "web".to_owned(),
            at: Timestamp::from_secs(1),
            usage: Usage {
                memory_bytes: Some(1 << 20),
                memory_limit_bytes: Some(4 << 20),
                pids: Some(3),
                ..Usage::default()
            },
        };
        let (out, _) = shown(FILE, &[Item::Samples(vec![sample])]);
        assert_eq!(
            out,
            "\
ID            NAME  CPU       MEMORY / LIMIT    MEM  NET IN / OUT  DISK READ / WRITTEN  PIDS
abababababab  web     -  1.00 MiB / 4.00 MiB  25.0%         - / -                - / -     3
"
        );
    }
}
