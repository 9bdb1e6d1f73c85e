//! What a followed log tells, as it goes over the wire.

use longshore_api::{LogLine, LogNote, LogRecord};
use longshore_core::Timestamp;
use longshore_fleet::runtime::logs::{self, LogItem};

/// An item of a log; `None` for its end.
pub(crate) fn log_record(item: LogItem) -> Option<LogRecord> {
    let note = match item {
        LogItem::Line(line) => return Some(LogRecord::Line(log_line(&line))),
        LogItem::Gap { from, to } => LogNote::Gap {
            from: from.map(stamp),
            to: to.map(stamp),
        },
        LogItem::Ended { exit_code, at } => LogNote::Ended {
            exit_code,
            time: at.map(stamp),
        },
        LogItem::Started { at } => LogNote::Started { time: stamp(at) },
        LogItem::Interrupted(message) => LogNote::Interrupted {
            message: message.to_string(),
        },
        _ => return None,
    };
    Some(LogRecord::Note { note })
}

fn log_line(line: &logs::LogLine) -> LogLine {
    LogLine {
        time: line.at.map(stamp),
        stream: line.stream.as_str().to_owned(),
        text: String::from_utf8_lossy(&line.text).into_owned(),
        cut: line.cut,
    }
}

/// Always nine digits, as engines write them: so their order as texts is their order.
pub(crate) fn stamp(at: Timestamp) -> String {
    format!("{at:.9}")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use longshore_fleet::engine::StdStream;

    use super::*;

    #[test]
    fn what_is_no_text_is_replaced_and_stamps_keep_their_order() {
        let at = Timestamp::from_nanos(1_790_000_000_120_000_000);
        let line = logs::LogLine {
            stream: StdStream::Stderr,
            at: Some(at),
            text: Bytes::from_static(b"\xff\xfe"),
            cut: 3,
        };
        let Some(LogRecord::Line(line)) = log_record(LogItem::Line(line)) else {
            panic!("not a line");
        };
        assert_eq!(
            (&*line.text, &*line.stream, line.cut),
            ("\u{fffd}\u{fffd}", "stderr", 3)
        );
        assert_eq!(line.time.as_deref(), Some("2026-09-21T14:13:20.120000000Z"));
        assert!(stamp(at) < stamp(Timestamp::from_nanos(at.as_nanos() + 3_000_000)));
    }
}
