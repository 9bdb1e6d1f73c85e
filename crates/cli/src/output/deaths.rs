//! How a container ended: a line and its last words for people, one object for programs.

use std::fmt::Write as _;
use std::time::Duration;

use clap::builder::styling::{AnsiColor, Style};
use longshore_core::{DeathCause, DeathPart, DeathRecord, Health};
use serde::Serialize;

use super::text::neutral;

const QUIET: Style = Style::new().dimmed();
const BAD: Style = AnsiColor::Red.on_default();

/// A record as a line of JSON: its own fields, and what they come to.
#[derive(Serialize)]
pub(super) struct DeathLine<'a> {
    cause: &'static str,
    text: String,
    #[serde(flatten)]
    record: &'a DeathRecord,
}

impl<'a> From<&'a DeathRecord> for DeathLine<'a> {
    fn from(record: &'a DeathRecord) -> Self {
        Self {
            cause: record.cause().as_str(),
            text: record.sentence(),
            record,
        }
    }
}

/// `2026-01-31T12:00:00Z web (0123456789ab) exit code 3, ran for 2m 3s, 3 restarts, image=shop:1`, then at most `lines` last
/// lines, then what is not known.
pub(super) fn lines(record: &DeathRecord, lines: usize, colour: bool) -> Vec<String> {
    let paint = |style: Style, text: &str| {
        let text = neutral(text);
        match colour {
            true => format!("{style}{text}{style:#}"),
            false => text.into_owned(),
        }
    };
    let id = record.container.short();
    let object = match &record.name {
        Some(name) => format!("{name} ({id})"),
        None => id.to_owned(),
    };
    let mut more = String::new();
    if let Some(ran) = record.started.and_then(|started| record.ended.since(started)) {
        let _ = write!(more, ", ran for {}", span(ran));
    }
    match record.restart_count {
        None | Some(0) => {}
        Some(1) => more.push_str(", 1 restart"),
        Some(count) => {
            let _ = write!(more, ", {count} restarts");
        }
    }
    if record.synthetic {
        more.push_str(" (seen, not told)");
    }
    if let Some(image) = &record.image {
        let _ = write!(more, ", image={image}");
    }
    let style = match record.cause() {
        DeathCause::Success => Style::new().bold(),
        _ => BAD.bold(),
    };
    let mut shown = vec![format!(
        "{} {} {}{}",
        paint(QUIET, &record.ended.to_string()),
        paint(Style::new(), &object),
        paint(style, &record.sentence()),
        paint(QUIET, &more)
    )];
    if let Some(error) = record.error.as_deref().filter(|error| !error.is_empty()) {
        shown.push(format!("    {}", neutral(error)));
    }
    if let Some(health) = record.health.as_ref().filter(|h| h.health != Health::None) {
        let said = health.output.trim();
        let said = if said.is_empty() {
            String::new()
        } else {
            format!(": {said}")
        };
        shown.push(format!(
            "    health {}{}",
            neutral(health.health.as_str()),
            neutral(&said)
        ));
    }
    let last = record.log.iter().flat_map(|log| {
        let from = log.lines.len().saturating_sub(lines);
        log.lines.iter().skip(from)
    });
    shown.extend(last.map(|line| {
        let cut = match line.cut {
            0 => String::new(),
            bytes => format!(" ({bytes} more bytes)"),
        };
        format!("    | {}{cut}", neutral(&line.text))
    }));
    for unknown in &record.unknown {
        let detail = match unknown.detail.as_str() {
            "" => String::new(),
            detail => format!(" ({detail})"),
        };
        let what = match unknown.part {
            DeathPart::Log if record.log.is_some() => "in doubt",
            _ => "not known",
        };
        let text = format!("    {} {what}: {}{detail}", unknown.part, unknown.why);
        shown.push(paint(QUIET, &text));
    }
    shown
}

/// `2m 3s`: two units.
fn span(time: Duration) -> String {
    let secs = time.as_secs();
    match secs {
        0 => format!("{}ms", time.as_millis()),
        1..60 => format!("{secs}s"),
        60..3_600 => format!("{}m {}s", secs / 60, secs % 60),
        3_600..86_400 => format!("{}h {}m", secs / 3_600, secs / 60 % 60),
        _ => format!("{}d {}h", secs / 86_400, secs / 3_600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use longshore_core::{ContainerId, LastHealth, LastLine, LastLines, LogSource, Timestamp, WhyUnknown};

    use super::*;

    fn record() -> DeathRecord {
        let id = ContainerId::new(&"ab".repeat(32)).unwrap();
        let mut record = DeathRecord::new(id, Timestamp::from_secs(200));
        record.name = Some("we\x1bb".into());
        record.image = Some("shop:1".into());
        record.started = Some(Timestamp::from_secs(77));
        record.exit_code = Some(3);
        record.restart_count = Some(2);
        let line = |text: &str, cut| LastLine {
            stream: LogSource::Stderr,
            at: None,
            text: text.into(),
            cut,
        };
        record.log = Some(LastLines {
            lines: vec![line("first", 0), line("sec\x1b[2Jond", 0), line("third", 9)],
            earlier: true,
        });
        record.health = Some(LastHealth {
            health: Health::Unhealthy,
            at: None,
            exit_code: Some(1),
            output: "sick\n".into(),
            cut: 0,
        });
        record.is_unknown(DeathPart::State, WhyUnknown::Failed, "no\nroute");
        record
    }

    #[test]
    fn an_end_is_a_line_its_last_words_and_what_is_not_known() {
        assert_eq!(
            lines(&record(), 2, false),
            [
                "1970-01-01T00:03:20Z we␛b (abababababab) exit code 3, ran for 2m 3s, 2 restarts, image=shop:1",
                "    health unhealthy: sick",
                "    | sec␛[2Jond",
                "    | third (9 more bytes)",
                "    state not known: failed (no␊route)",
            ]
        );
        assert!(lines(&record(), 0, true)[0].contains("\x1b[1m\x1b[31m"));
    }

    #[test]
    fn as_json_unknown_is_null() {
        let mut record = record();
        record.log = None;
        let line = serde_json::to_value(DeathLine::from(&record)).unwrap();
        assert_eq!(
            (&line["cause"], &line["text"]),
            (&"failure".into(), &"exit code 3".into())
        );
        assert_eq!(line["ended"], "1970-01-01T00:03:20Z");
        assert!(line["oom"].is_null() && line["log"].is_null());
        assert_eq!(line["unknown"][0]["why"], "failed");
    }

    #[test]
    fn spans_have_two_units() {
        let spans = [0, 59, 61, 3_700, 90_000].map(|secs| span(Duration::from_secs(secs)));
        assert_eq!(spans, ["0ms", "59s", "1m 1s", "1h 1m", "1d 1h"]);
    }
}
