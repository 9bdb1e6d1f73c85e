//! One line of a container's output, and what is to be known between two of them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One line of output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// When the engine took it; `null` when it does not tell.
    pub time: Option<String>,
    /// `stdout` or `stderr`. A container with a terminal has `stdout` only.
    pub stream: String,
    /// The line without its end. What is not UTF-8 is replaced; control characters are carried: a renderer
    /// must not take them for markup.
    pub text: String,
    /// Bytes of the line beyond the longest one that is sent, which were left out. Not there when the line is whole.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cut: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands in a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What happened to the log at this place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LogNote {
    /// Lines may be missing: they were rotated away, or removed with the container, before they could be read.
    Gap {
        /// When the line before was written; `null` when there is none.
        from: Option<String>,
        /// When the line after was written; `null` when there is none.
        to: Option<String>,
    },
    /// The container's run has ended, and all its lines came before.
    Ended {
        /// Its exit code; `null` when the next run has begun already.
        exit_code: Option<i64>,
        /// When.
        time: Option<String>,
    },
    /// The container was started again.
    Started {
        /// When.
        time: String,
    },
    /// The engine cannot be read for now; it is tried again, and the log goes on where it was.
    Interrupted {
        /// Why.
        message: String,
    },
}

/// One line of the answer in JSON: a line of output, or a note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum LogRecord {
    /// What is to be known at this place; only where the log is followed.
    Note {
        /// What.
        note: LogNote,
    },
    /// A line.
    Line(LogLine),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_notes_have_the_documented_form() {
        let line = LogLine {
            time: None,
            stream: "stderr".into(),
            text: "<b>".into(),
            cut: 0,
        };
        let note = LogNote::Gap {
            from: None,
            to: Some("2026-01-02T03:04:05Z".into()),
        };
        for (record, json) in [
            (
                LogRecord::Line(line),
                r#"{"time":null,"stream":"stderr","text":"<b>"}"#,
            ),
            (
                LogRecord::Note { note },
                r#"{"note":{"kind":"gap","from":null,"to":"2026-01-02T03:04:05Z"}}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&record).unwrap(), json);
            assert_eq!(serde_json::from_str::<LogRecord>(json).unwrap(), record);
        }
    }
}
