//! One line of a container's output.

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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_documented_form() {
        let line = LogLine {
            time: None,
            stream: "stderr".into(),
            text: "<b>".into(),
        };
        assert_eq!(
            serde_json::to_string(&line).unwrap(),
            r#"{"time":null,"stream":"stderr","text":"<b>"}"#
        );
    }
}
