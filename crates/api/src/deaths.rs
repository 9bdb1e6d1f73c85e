//! How containers ended: exit code, memory, signal, restarts, the last words of the health check and of the log.
//!
//! Records stay after their container is removed. What is `null` is unknown, and `unknown` says why.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The end of a container's run, as in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeathRow {
    /// The host that it was on.
    pub host: String,
    /// Its full id.
    pub container: String,
    /// Its name then.
    pub name: Option<String>,
    /// The image as it was asked for.
    pub image: Option<String>,
    /// When the run began.
    pub started: Option<String>,
    /// When the engine told the end, by its clock.
    pub ended: String,
    /// `success`, `failure`, `signal`, `out_of_memory`, `not_started`, `unknown`, or a newer word.
    pub cause: String,
    /// The same in a few words for people.
    pub text: String,
    /// Whether a person may want to look: not for exit code 0, for the signal that the engine was asked to send, and for
    /// SIGINT and SIGTERM whoever sent them. What is not known may have failed.
    pub failed: bool,
    /// What its main process ended with.
    pub exit_code: Option<i64>,
    /// Whether the kernel ended a process of the run for want of memory.
    pub oom: Option<bool>,
    /// Number of the last signal that the engine was asked to send in this run; `null` also when it was asked for none.
    pub signal: Option<u32>,
    /// How often its restart policy has started it again, the start that follows this end included.
    pub restart_count: Option<u32>,
    /// Whether its restart policy was about to start it again.
    pub restarting: Option<bool>,
    /// What the engine says went wrong; empty when nothing did.
    pub error: Option<String>,
    /// When the container was removed; `null` while it is there, and when that is not known.
    pub removed: Option<String>,
    /// Nobody told the end: it was seen from the difference after a gap in the events.
    pub synthetic: bool,
    /// What is unknown, and why.
    pub unknown: Vec<DeathUnknown>,
}

/// A part of a record that is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeathUnknown {
    /// `state` (memory, error, restarts, health), `log` (where there is one: whether all of it is of this run), `signal`,
    /// `exit_code`, or a newer word.
    pub part: String,
    /// `gone`, `another_run`, `not_looked_at`, `timed_out`, `failed`, `gap`, `stopped`, or a newer word.
    pub why: String,
    /// The engine's words, where it had some; else empty.
    pub detail: String,
}

/// The end of a container's run with its last words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeathEntry {
    /// What is in the list too.
    #[serde(flatten)]
    pub row: DeathRow,
    /// What its health check said last.
    pub health: Option<DeathHealth>,
    /// The last lines of its log.
    pub log: Option<DeathLog>,
}

/// The last words of a health check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeathHealth {
    /// `none` (it has no check), `starting`, `healthy`, `unhealthy`, or a newer engine's word.
    pub health: String,
    /// When the last probe began; `null` where there was none.
    pub time: Option<String>,
    /// Its exit code; `null` where there was none.
    pub exit_code: Option<i64>,
    /// What it printed.
    pub output: String,
    /// Bytes that were left out at its end.
    pub cut: u64,
}

/// The end of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeathLog {
    /// Oldest first.
    pub lines: Vec<DeathLine>,
    /// Whether there may have been earlier ones, which were not kept.
    pub earlier: bool,
}

/// One line of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeathLine {
    /// When the engine took it; `null` when it does not tell.
    pub time: Option<String>,
    /// `stdout` or `stderr`.
    pub stream: String,
    /// The line without its end. Control characters are carried: a renderer must not take them for markup.
    pub text: String,
    /// Bytes that were left out at its end.
    pub cut: u64,
}

/// Answer of `GET /deaths`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeathsReply {
    /// Newest first.
    pub deaths: Vec<DeathRow>,
    /// Hand this in as `after` to get older ones; `null` when there are none.
    pub next: Option<String>,
}

/// Answer of `GET /hosts/{host}/containers/{id}/deaths`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContainerDeathsReply {
    /// The container that was meant.
    pub container: String,
    /// Newest first; empty when none is known.
    pub deaths: Vec<DeathEntry>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_the_documented_form() {
        let text = r#"{"host":"local","container":"aa","name":null,"image":null,"started":null,
            "ended":"2026-01-02T03:04:05Z","cause":"unknown","text":"ended; how is not known","failed":true,"exit_code":null,
            "oom":null,"signal":null,"restart_count":null,"restarting":null,"error":null,"removed":null,
            "synthetic":true,"unknown":[{"part":"log","why":"gone","detail":""}],"health":null,"log":null,"newer":1}"#;
        let parsed: DeathEntry = serde_json::from_str(text).unwrap();
        assert_eq!((parsed.row.exit_code, parsed.row.unknown.len()), (None, 1));
        let again = serde_json::to_value(&parsed).unwrap();
        assert!(
            again["oom"].is_null() && again["log"].is_null(),
            "said to be unknown, not left out"
        );
    }
}
