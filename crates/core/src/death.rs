//! What is kept of a container that ended, and what it says in words.
//!
//! Owns the record and its sentence. Where a record comes from is `longshore-runtime`'s business, where it is kept
//! `longshore-store`'s.

#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::names::open_enum;
use crate::signal::signal_name;
use crate::{ContainerId, Health, Timestamp};

/// The signals that ask a program to end.
const SIGINT: u32 = 2;
const SIGTERM: u32 = 15;

open_enum! {
    /// Where a program wrote a line.
    pub enum LogSource {
        /// Standard output; with a terminal, everything.
        Stdout = "stdout",
        /// Standard error.
        Stderr = "stderr",
    }
}

open_enum! {
    /// A part of a record that may be unknown.
    pub enum DeathPart {
        /// What an inspect tells: OOM, error, restart count, health.
        State = "state",
        /// The last lines of the log; where there are some, whether all of them are of this run.
        Log = "log",
        /// The signal that the engine sent.
        Signal = "signal",
        /// How the run ended: its exit code.
        ExitCode = "exit_code",
    }
}

open_enum! {
    /// Why a part of a record is unknown.
    pub enum WhyUnknown {
        /// The engine no longer knew the container.
        Gone = "gone",
        /// The container ran again, or had died again, before it could be asked.
        AnotherRun = "another_run",
        /// Too many died at once; newer ones were looked at instead.
        NotLookedAt = "not_looked_at",
        /// The engine did not answer in time.
        TimedOut = "timed_out",
        /// The engine answered with an error, or the connection broke.
        Failed = "failed",
        /// Events may be missing in this run.
        Gap = "gap",
        /// The watching ended before the answer.
        Stopped = "stopped",
    }
}

/// A part of a record that is unknown, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unknown {
    /// Which part.
    pub part: DeathPart,
    /// Why.
    pub why: WhyUnknown,
    /// The engine's words, where it had some; else empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// A line of the log. Its text may hold secrets of the program: covered in `Debug`, never logged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastLine {
    /// Where it was written.
    pub stream: LogSource,
    /// When, by the engine's clock; `None` where the engine does not tell.
    pub at: Option<Timestamp>,
    /// The line without its end; bytes that are no UTF-8 are replaced.
    pub text: String,
    /// Bytes that were left out at its end.
    #[serde(default)]
    pub cut: u64,
}

impl fmt::Debug for LastLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LastLine")
            .field("stream", &self.stream)
            .field("at", &self.at)
            .field("text", &format_args!("[{} bytes covered]", self.text.len()))
            .finish_non_exhaustive()
    }
}

/// The end of a log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LastLines {
    /// Oldest first.
    pub lines: Vec<LastLine>,
    /// Whether there may be earlier ones, which were not kept.
    #[serde(default)]
    pub earlier: bool,
}

/// What the health check said last.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastHealth {
    /// The health; [`Health::None`] where the container has no check.
    pub health: Health,
    /// When the last probe began; `None` where there was none.
    pub at: Option<Timestamp>,
    /// Its exit code; 0 is healthy. `None` where there was none.
    pub exit_code: Option<i64>,
    /// What it printed. May hold secrets: covered in `Debug`, never logged.
    pub output: String,
    /// Bytes that were left out at the output's end.
    #[serde(default)]
    pub cut: u64,
}

impl fmt::Debug for LastHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LastHealth")
            .field("health", &self.health)
            .field("exit_code", &self.exit_code)
            .field("output", &format_args!("[{} bytes covered]", self.output.len()))
            .finish_non_exhaustive()
    }
}

/// What is kept of a container's run that has ended. A field that is `None` is unknown, unless its text says what else it
/// means; [`unknown`](Self::unknown) says why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeathRecord {
    /// Which container. Together with [`ended`](Self::ended) it names the record.
    pub container: ContainerId,
    /// Its name then.
    pub name: Option<String>,
    /// The image as it was named at creation.
    pub image: Option<String>,
    /// When the engine told the end, by its clock.
    pub ended: Timestamp,
    /// When the run began.
    pub started: Option<Timestamp>,
    /// What its main process ended with.
    pub exit_code: Option<i64>,
    /// Whether the kernel ended a process of the run for want of memory.
    pub oom: Option<bool>,
    /// The last signal that the engine was asked to send in this run; `None` also when it was asked for none.
    pub signal: Option<u32>,
    /// How often its restart policy has started it again, the start that follows this end included.
    pub restart_count: Option<u32>,
    /// Whether its restart policy was about to start it again.
    pub restarting: Option<bool>,
    /// What the engine says went wrong; empty when nothing did.
    pub error: Option<String>,
    /// What its health check said last.
    pub health: Option<LastHealth>,
    /// The last lines of its log.
    pub log: Option<LastLines>,
    /// When the container was removed; `None` while it is there, and when that is not known.
    pub removed: Option<Timestamp>,
    /// Nobody told the end: it was seen from the difference after a gap in the events.
    #[serde(default)]
    pub synthetic: bool,
    /// What is unknown, and why.
    #[serde(default)]
    pub unknown: Vec<Unknown>,
}

/// What ended a run, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DeathCause {
    /// It ended by itself with exit code 0.
    Success,
    /// It ended by itself with another exit code.
    Failure,
    /// It ended as by a signal: its exit code is above 128. Whether the engine sent one, [`DeathRecord::signal`] tells.
    Signal,
    /// The kernel ended one of its processes for want of memory.
    OutOfMemory,
    /// It could not be started.
    NotStarted,
    /// Nobody knows.
    Unknown,
}

impl DeathCause {
    /// A stable word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Signal => "signal",
            Self::OutOfMemory => "out_of_memory",
            Self::NotStarted => "not_started",
            Self::Unknown => "unknown",
        }
    }
}

impl DeathRecord {
    /// What ended it.
    pub fn cause(&self) -> DeathCause {
        let has_error = self.error.as_ref().is_some_and(|error| !error.is_empty());
        match self.exit_code {
            _ if self.oom == Some(true) => DeathCause::OutOfMemory,
            Some(125..=128) if has_error => DeathCause::NotStarted,
            Some(0) => DeathCause::Success,
            Some(code) if signal_of(code).is_some() => DeathCause::Signal,
            Some(_) => DeathCause::Failure,
            None => DeathCause::Unknown,
        }
    }

    /// Whether a person may want to look: true but for exit code 0, the signal that the engine was asked to send, and SIGINT
    /// and SIGTERM whoever sent them. What is not known may have failed.
    ///
    /// ```
    /// # use longshore_core::{ContainerId, DeathRecord, Timestamp};
    /// let mut death = DeathRecord::new(ContainerId::new("abc")?, Timestamp::from_secs(9));
    /// death.exit_code = Some(137);
    /// assert!(death.is_failure());
    /// death.signal = Some(9);
    /// assert!(!death.is_failure());
    /// # Ok::<(), longshore_core::InvalidRef>(())
    /// ```
    pub fn is_failure(&self) -> bool {
        match self.cause() {
            DeathCause::Success => false,
            DeathCause::Signal => {
                let ended_by = self.exit_code.and_then(signal_of);
                ended_by != self.signal && ![Some(SIGINT), Some(SIGTERM)].contains(&ended_by)
            }
            _ => true,
        }
    }

    /// What ended it, in a few words for people.
    ///
    /// ```
    /// # use longshore_core::{ContainerId, DeathRecord, Timestamp};
    /// let mut death = DeathRecord::new(ContainerId::new("abc")?, Timestamp::from_secs(9));
    /// assert_eq!(death.sentence(), "ended; how is not known");
    /// death.exit_code = Some(137);
    /// assert_eq!(death.sentence(), "exit code 137, as by SIGKILL");
    /// death.signal = Some(9);
    /// assert_eq!(death.sentence(), "exit code 137, by SIGKILL through the engine");
    /// death.oom = Some(true);
    /// assert_eq!(death.sentence(), "out of memory, exit code 137");
    /// # Ok::<(), longshore_core::InvalidRef>(())
    /// ```
    pub fn sentence(&self) -> String {
        let Some(code) = self.exit_code else {
            return match self.oom {
                Some(true) => "out of memory; its exit code is not known".to_owned(),
                _ => "ended; how is not known".to_owned(),
            };
        };
        match (self.cause(), signal_of(code)) {
            (DeathCause::OutOfMemory, _) => format!("out of memory, exit code {code}"),
            (DeathCause::NotStarted, _) => format!("could not be started, exit code {code}"),
            (DeathCause::Success, _) => match self.signal {
                Some(sent) => format!("exit code 0, after {} through the engine", named(sent)),
                None => "exit code 0".to_owned(),
            },
            (_, Some(signal)) if self.signal == Some(signal) => {
                format!("exit code {code}, by {} through the engine", named(signal))
            }
            (_, Some(signal)) => format!("exit code {code}, as by {}", named(signal)),
            (_, None) => format!("exit code {code}"),
        }
    }

    /// A record of which only the end is known.
    pub fn new(container: ContainerId, ended: Timestamp) -> Self {
        Self {
            container,
            name: None,
            image: None,
            ended,
            started: None,
            exit_code: None,
            oom: None,
            signal: None,
            restart_count: None,
            restarting: None,
            error: None,
            health: None,
            log: None,
            removed: None,
            synthetic: false,
            unknown: Vec::new(),
        }
    }

    /// Says why a part is unknown.
    pub fn is_unknown(&mut self, part: DeathPart, why: WhyUnknown, detail: impl Into<String>) {
        let detail = detail.into();
        self.unknown.push(Unknown { part, why, detail });
    }

    /// Adds what another record of the same end knows and this one does not; of a log, the one with more lines is kept.
    /// What is unknown of a part is said no more once it is known.
    pub fn complete(&mut self, other: Self) {
        let had_state = self.has_state();
        let had_code = self.exit_code.is_some();
        fn fill<T>(mine: &mut Option<T>, theirs: Option<T>) {
            if mine.is_none() {
                *mine = theirs;
            }
        }
        fill(&mut self.name, other.name);
        fill(&mut self.image, other.image);
        fill(&mut self.started, other.started);
        fill(&mut self.exit_code, other.exit_code);
        if other.oom == Some(true) {
            self.oom = other.oom;
        }
        fill(&mut self.oom, other.oom);
        fill(&mut self.signal, other.signal);
        fill(&mut self.restart_count, other.restart_count);
        fill(&mut self.restarting, other.restarting);
        fill(&mut self.error, other.error);
        fill(&mut self.health, other.health);
        fill(&mut self.removed, other.removed);
        let lines = |log: &Option<LastLines>| log.as_ref().map(|log| log.lines.len());
        if lines(&other.log) > lines(&self.log) {
            self.log = other.log;
            // And what is in doubt of it.
            self.unknown.retain(|unknown| unknown.part != DeathPart::Log);
            let doubts = other.unknown.into_iter();
            self.unknown
                .extend(doubts.filter(|unknown| unknown.part == DeathPart::Log));
        }
        let now_known = [
            (DeathPart::State, !had_state && self.has_state()),
            (DeathPart::ExitCode, !had_code && self.exit_code.is_some()),
            (DeathPart::Signal, self.signal.is_some()),
        ];
        self.unknown
            .retain(|unknown| !now_known.contains(&(unknown.part.clone(), true)));
    }

    fn has_state(&self) -> bool {
        self.error.is_some() && self.restart_count.is_some()
    }
}

/// The signal that an exit code above 128 stands for, by the convention of shells and engines.
fn signal_of(code: i64) -> Option<u32> {
    let number = u32::try_from(code.checked_sub(128)?).ok()?;
    (1..=64).contains(&number).then_some(number)
}

fn named(signal: u32) -> String {
    signal_name(signal).map_or_else(|| format!("signal {signal}"), str::to_owned)
}
