//! The log of a build, by step: from either builder's messages to one kind of event.

use std::collections::VecDeque;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use longshore_core::{TransferFold, TransferKind, TransferProgress};
use serde::Deserialize;

use super::buildkit::{Status, Vertex};
use crate::StdStream;
use crate::messages::Message;

/// More steps than any build has: a bound for a log that does not end.
const MAX_STEPS: usize = 10_000;
/// How BuildKit's messages are called.
const TRACE: &str = "moby.buildkit.trace";
/// What the classic builder puts around what a command writes to its standard error.
const RED: &str = "\u{1b}[91m";
const PLAIN: &str = "\u{1b}[0m";

/// One event of a build. It ends with a `T`: an image, or where the files went.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum BuildEvent<T = Built> {
    /// A step has begun or ended.
    Step(BuildStep),
    /// A step has written something: pieces as they come, which need not be lines.
    Output {
        /// The step's number.
        step: usize,
        /// Where.
        stream: StdStream,
        /// What.
        bytes: Bytes,
    },
    /// Something inside a step goes on (BuildKit).
    Progress {
        /// The step's number.
        step: usize,
        /// What goes on, such as a layer's digest or `exporting layers`.
        what: String,
        /// How far it is; bytes, where it is about bytes.
        current: u64,
        /// How far it goes; `None` when nobody knows.
        total: Option<u64>,
    },
    /// A base image is pulled (the classic builder).
    Pull(TransferProgress),
    /// The builder finds something odd.
    Warning(String),
    /// It is done; the last item.
    Done(T),
}

/// A step of a build: an instruction, or BuildKit's own work around them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuildStep {
    /// Its number, from 1. The classic builder's own; with BuildKit, in the order in which they began.
    pub number: usize,
    /// The instruction, with BuildKit's place in front of it: `[2/3] COPY a /a`.
    pub name: String,
    /// What has become of it.
    pub state: StepState,
}

/// What has become of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StepState {
    /// It has begun.
    Started,
    /// It is done.
    Done,
    /// There was nothing to do: its result was known.
    Cached,
    /// It has failed, for this reason. The build's own error follows.
    Failed(String),
}

/// What came of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Built {
    /// The image's id (`sha256:…`; twelve digits of it from engines that say no more).
    pub id: String,
}

/// Messages in, events out.
#[derive(Debug)]
pub(super) struct Log<T> {
    ready: VecDeque<BuildEvent<T>>,
    /// Steps by their number; the classic builder's have no digest.
    steps: Vec<Step>,
    /// How many steps the classic builder has announced.
    announced: usize,
    just_announced: bool,
    /// What the classic builder's step will be at its end.
    is_cached: bool,
    /// Its words are Podman's.
    is_podman: bool,
    /// Podman has begun to write the image: no command prints anything more.
    is_committed: bool,
    fold: TransferFold,
    id: Option<String>,
}

#[derive(Debug)]
struct Step {
    digest: Box<[u8]>,
    name: String,
    ended: bool,
}

#[derive(Deserialize)]
struct Result {
    #[serde(rename = "ID")]
    id: String,
}

impl<T> Log<T> {
    pub(super) fn new() -> Self {
        Self {
            ready: VecDeque::new(),
            steps: Vec::new(),
            announced: 0,
            just_announced: false,
            is_cached: false,
            is_podman: false,
            is_committed: false,
            fold: TransferFold::new(TransferKind::Pull),
            id: None,
        }
    }

    pub(super) fn next(&mut self) -> Option<BuildEvent<T>> {
        self.ready.pop_front()
    }

    /// The stream has ended well. `None` when no image was named.
    pub(super) fn finish(&mut self) -> Option<Built> {
        self.end_classic();
        self.id.take().map(|id| Built { id })
    }

    /// The build has failed: the step that was at it has failed with it.
    pub(super) fn fail(&mut self, why: &str) {
        // BuildKit says itself which.
        if self.announced > 0 {
            self.end(self.steps.len(), StepState::Failed(why.to_owned()));
        }
    }

    pub(super) fn see(&mut self, message: &Message) {
        if message.id.as_deref() == Some(TRACE) {
            if let Some(aux) = &message.aux {
                self.see_trace(aux.get());
            }
        } else if let Some(result) = message
            .aux
            .as_ref()
            .and_then(|aux| serde_json::from_str(aux.get()).ok())
        {
            let Result { id } = result;
            self.id = Some(id);
        } else if let Some(text) = &message.stream {
            self.see_text(text);
        } else if let Some(status) = &message.status {
            let (current, total) = message.detail.bytes();
            let progress = self.fold.apply(message.id.as_deref(), status, current, total);
            self.ready.push_back(BuildEvent::Pull(progress));
        }
    }

    fn see_text(&mut self, text: &str) {
        if let Some((number, of, name)) = step(text)
            && number == self.steps.len() + 1
            && (self.announced == 0 || self.announced == of)
            && number <= MAX_STEPS
        {
            self.end_classic();
            self.announced = of;
            self.just_announced = true;
            self.is_podman = text.starts_with("STEP ");
            self.begin(b"", name.to_owned());
        } else if self.is_podman && (text.starts_with("--> ") || text.starts_with("COMMIT")) {
            self.is_cached |= text.starts_with("--> Using cache ");
            self.is_committed |= text.starts_with("COMMIT");
        } else if self.is_committed && is_id(text.trim_end()) {
            // The image's, which is told once more behind it.
        } else if let Some(note) = text.strip_prefix(" ---> ") {
            if let Some(warning) = note.strip_prefix("[Warning] ") {
                self.ready
                    .push_back(BuildEvent::Warning(warning.trim().to_owned()));
            }
            self.is_cached |= note.trim() == "Using cache";
        } else if let Some(warning) = text.strip_prefix("[Warning] ") {
            self.ready
                .push_back(BuildEvent::Warning(warning.trim().to_owned()));
        } else if let Some(id) = text.strip_prefix("Successfully built ") {
            // 1.41 and later have said the whole id before.
            self.id.get_or_insert_with(|| id.trim().to_owned());
        } else if !is_note(text) && !self.steps.is_empty() {
            let (stream, text) = match text.strip_prefix(RED) {
                Some(text) => (StdStream::Stderr, text.strip_suffix(PLAIN).unwrap_or(text)),
                None => (StdStream::Stdout, text),
            };
            // The line end of a step's announcement comes by itself.
            if !(std::mem::take(&mut self.just_announced) && text == "\n") {
                self.output(self.steps.len(), stream, text.as_bytes());
            }
        }
    }

    fn see_trace(&mut self, json: &str) {
        let message = serde_json::from_str::<&str>(json)
            .ok()
            .and_then(|text| STANDARD.decode(text).ok());
        let Some(message) = message else { return };
        let Some(status) = Status::read(&message) else {
            tracing::warn!("a status message of a build cannot be read and is left out");
            return;
        };
        for vertex in &status.vertexes {
            self.see_vertex(vertex);
        }
        for status in &status.statuses {
            if let Some(step) = self.number(status.vertex) {
                self.ready.push_back(BuildEvent::Progress {
                    step,
                    what: text(status.id),
                    current: u64::try_from(status.current).unwrap_or(0),
                    total: u64::try_from(status.total).ok().filter(|total| *total > 0),
                });
            }
        }
        for log in &status.logs {
            if let Some(step) = self.number(log.vertex) {
                let stream = if log.stream == 2 {
                    StdStream::Stderr
                } else {
                    StdStream::Stdout
                };
                self.output(step, stream, log.bytes);
            }
        }
        for warning in &status.warnings {
            self.ready.push_back(BuildEvent::Warning(text(warning.short)));
        }
    }

    /// A vertex is told again and again; each of its changes counts once.
    fn see_vertex(&mut self, vertex: &Vertex<'_>) {
        if !vertex.started {
            return;
        }
        let number = match self.number(vertex.digest) {
            Some(number) => number,
            None if self.steps.len() < MAX_STEPS => self.begin(vertex.digest, text(vertex.name)),
            None => return,
        };
        if vertex.completed {
            self.end(
                number,
                match (vertex.error, vertex.cached) {
                    ([], true) => StepState::Cached,
                    ([], false) => StepState::Done,
                    (error, _) => StepState::Failed(text(error)),
                },
            );
        }
    }

    fn number(&self, digest: &[u8]) -> Option<usize> {
        self.steps
            .iter()
            .position(|step| &*step.digest == digest)
            .map(|index| index + 1)
    }

    fn begin(&mut self, digest: &[u8], name: String) -> usize {
        self.steps.push(Step {
            digest: digest.into(),
            name: name.clone(),
            ended: false,
        });
        let number = self.steps.len();
        self.ready.push_back(BuildEvent::Step(BuildStep {
            number,
            name,
            state: StepState::Started,
        }));
        number
    }

    fn end(&mut self, number: usize, state: StepState) {
        let step = number.checked_sub(1).and_then(|index| self.steps.get_mut(index));
        if let Some(step) = step.filter(|step| !step.ended) {
            step.ended = true;
            self.ready.push_back(BuildEvent::Step(BuildStep {
                number,
                name: step.name.clone(),
                state,
            }));
        }
    }

    fn end_classic(&mut self) {
        if self.announced > 0 {
            let cached = std::mem::take(&mut self.is_cached);
            let state = if cached {
                StepState::Cached
            } else {
                StepState::Done
            };
            self.end(self.steps.len(), state);
        }
    }

    fn output(&mut self, step: usize, stream: StdStream, bytes: &[u8]) {
        self.ready.push_back(BuildEvent::Output {
            step,
            stream,
            bytes: Bytes::copy_from_slice(bytes),
        });
    }
}

/// `Step 2/4 : COPY a /a`, which the classic builder writes as one piece; Podman's is `STEP 2/4: COPY a /a`. (Of several
/// stages Podman counts each by itself, with the stage in front: those are not told as steps.)
fn step(text: &str) -> Option<(usize, usize, &str)> {
    let (counts, name) = match text.strip_prefix("STEP ") {
        Some(podmans) => podmans.split_once(": ")?,
        None => text.strip_prefix("Step ")?.split_once(" : ")?,
    };
    let (number, of) = counts.split_once('/')?;
    Some((number.parse().ok()?, of.parse().ok()?, name.trim_end()))
}

/// 64 hexadecimal digits.
fn is_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What the classic builder says of itself.
fn is_note(text: &str) -> bool {
    [
        "Removing intermediate container ",
        "Removed intermediate container ",
        "Successfully tagged ",
    ]
    .iter()
    .any(|note| text.starts_with(note))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
