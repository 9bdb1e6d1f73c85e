//! Conditions as data: leaves, and how they are put together.
//!
//! Owns the tree and its four-valued arithmetic. Pure; who finds out what a leaf is worth is [`leaf`](super::leaf).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use longshore_core::Container;
use longshore_engine::{ExecSpec, StdStream};

use super::http::HttpCheck;
use crate::Pattern;

/// What a condition is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value {
    /// Nobody has looked.
    Unknown,
    No,
    Yes,
    /// Not any more.
    Never,
}

/// One thing that can be waited for.
#[derive(Clone)]
pub(crate) enum Leaf {
    State {
        name: Arc<str>,
        holds: Arc<dyn Fn(&Container) -> bool + Send + Sync>,
    },
    Healthy,
    Exited {
        code: Option<i64>,
    },
    Removed,
    Log {
        pattern: Pattern,
        stream: Option<StdStream>,
        times: u32,
    },
    Port(u16),
    Http(HttpCheck),
    Command {
        spec: ExecSpec,
        code: i64,
    },
    File(String),
    Pause(Duration),
}

impl fmt::Display for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State { name, .. } => f.write_str(name),
            Self::Healthy => f.write_str("healthy"),
            Self::Exited { code: None } => f.write_str("exited"),
            Self::Exited { code: Some(code) } => write!(f, "exited with {code}"),
            Self::Removed => f.write_str("removed"),
            Self::Log {
                pattern,
                stream,
                times,
            } => {
                let stream = stream.map_or("log", StdStream::as_str);
                write!(f, "{stream} line {pattern}")?;
                if *times == 1 {
                    Ok(())
                } else {
                    write!(f, " {times} times")
                }
            }
            Self::Port(port) => write!(f, "port {port}"),
            Self::Http(check) => write!(f, "{check}"),
            // Arguments may hold secrets.
            Self::Command { spec, .. } => {
                write!(f, "command {:?}", spec.argv.first().map_or("", String::as_str))
            }
            Self::File(path) => write!(f, "file {path:?}"),
            Self::Pause(time) => write!(f, "a pause of {time:?}"),
        }
    }
}

/// What a container is waited for to be.
///
/// ```
/// use std::time::Duration;
/// use longshore_runtime::wait::Wait;
/// let ready = Wait::port(5432)
///     .and(Wait::log_line("ready to accept connections").times(2))
///     .and(Wait::command(["pg_isready", "-U", "postgres"]));
/// let over = Wait::exited().or(Wait::pause(Duration::from_secs(5))).or(!Wait::running());
/// assert_eq!(over.to_string(), "exited or a pause of 5s or not running");
/// ```
#[derive(Clone)]
pub struct Wait(pub(crate) Node);

#[derive(Clone)]
pub(crate) enum Node {
    Leaf(Leaf),
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
}

impl Node {
    /// The leaves, left to right: their places are what [`value`](Self::value) counts by.
    pub(crate) fn leaves<'a>(&'a self, into: &mut Vec<&'a Leaf>) {
        match self {
            Self::Leaf(leaf) => into.push(leaf),
            Self::All(nodes) | Self::Any(nodes) => nodes.iter().for_each(|node| node.leaves(into)),
            Self::Not(node) => node.leaves(into),
        }
    }

    /// What the tree is worth when its leaves are worth these.
    pub(crate) fn value(&self, leaves: &mut impl Iterator<Item = Value>) -> Value {
        match self {
            Self::Leaf(_) => leaves.next().unwrap_or(Value::Unknown),
            Self::Not(node) => match node.value(leaves) {
                Value::Unknown => Value::Unknown,
                Value::Yes => Value::No,
                Value::No | Value::Never => Value::Yes,
            },
            Self::All(nodes) => fold(nodes, leaves, Value::Yes, Value::Never),
            Self::Any(nodes) => fold(nodes, leaves, Value::Never, Value::Yes),
        }
    }
}

/// `decisive` when one node is; `neutral` when all are; else unknown when one is, else no. Visits every node: the leaves are
/// counted by it.
fn fold(nodes: &[Node], leaves: &mut impl Iterator<Item = Value>, neutral: Value, decisive: Value) -> Value {
    let values: Vec<Value> = nodes.iter().map(|node| node.value(&mut *leaves)).collect();
    if values.contains(&decisive) {
        decisive
    } else if values.iter().all(|value| *value == neutral) {
        neutral
    } else if values.contains(&Value::Unknown) {
        Value::Unknown
    } else {
        Value::No
    }
}

impl Wait {
    fn leaf(leaf: Leaf) -> Self {
        Self(Node::Leaf(leaf))
    }

    /// Something listens at this TCP port of the container: from here, where the port is published, and inside, where one
    /// can look.
    pub fn port(port: u16) -> Self {
        Self::leaf(Leaf::Port(port))
    }

    /// It answers over HTTP, as [`HttpCheck`] says.
    pub fn http(check: HttpCheck) -> Self {
        Self::leaf(Leaf::Http(check))
    }

    /// It has printed a line with this in it, on either stream. See [`Wait::times`] and [`Wait::on`].
    pub fn log_line(pattern: impl Into<Pattern>) -> Self {
        Self::leaf(Leaf::Log {
            pattern: pattern.into(),
            stream: None,
            times: 1,
        })
    }

    /// This command ends in it with exit code 0. Begun again until it does; two runs never overlap.
    pub fn command<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self::command_with(ExecSpec::new(argv), 0)
    }

    /// A command with everything that it needs, and the exit code that is waited for.
    pub fn command_with(spec: ExecSpec, code: i64) -> Self {
        Self::leaf(Leaf::Command { spec, code })
    }

    /// Its health check says that it is healthy. Never, where it has none.
    pub fn healthy() -> Self {
        Self::leaf(Leaf::Healthy)
    }

    /// It runs, and is not paused.
    pub fn running() -> Self {
        Self::state("running", |container| {
            container.state == longshore_core::ContainerState::Running
        })
    }

    /// A run of it has ended, with whatever exit code.
    pub fn exited() -> Self {
        Self::leaf(Leaf::Exited { code: None })
    }

    /// A run of it has ended with this exit code.
    pub fn exited_with(code: i64) -> Self {
        Self::leaf(Leaf::Exited { code: Some(code) })
    }

    /// It is removed.
    pub fn removed() -> Self {
        Self::leaf(Leaf::Removed)
    }

    /// There is a file or a folder at this path, as the engine sees it: what is mounted over it (a tmpfs, a volume of a
    /// container that does not run) is not looked into.
    pub fn file(path: impl Into<String>) -> Self {
        Self::leaf(Leaf::File(path.into()))
    }

    /// So much time has passed since the waiting began.
    pub fn pause(time: Duration) -> Self {
        Self::leaf(Leaf::Pause(time))
    }

    /// Whatever can be said of a container by looking at it. `name` is for errors; `holds` is asked after every change.
    pub fn state(
        name: impl Into<Arc<str>>,
        holds: impl Fn(&Container) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self::leaf(Leaf::State {
            name: name.into(),
            holds: Arc::new(holds),
        })
    }

    /// So many lines with it; changes nothing but [`Wait::log_line`]. Lines are counted, not how often it is in one.
    #[must_use]
    pub fn times(mut self, lines: u32) -> Self {
        if let Node::Leaf(Leaf::Log { times, .. }) = &mut self.0 {
            *times = lines;
        }
        self
    }

    /// Lines of this stream alone; changes nothing but [`Wait::log_line`].
    #[must_use]
    pub fn on(mut self, only: StdStream) -> Self {
        if let Node::Leaf(Leaf::Log { stream, .. }) = &mut self.0 {
            *stream = Some(only);
        }
        self
    }

    /// Both, at one moment.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let mut nodes = match self.0 {
            Node::All(nodes) => nodes,
            node => vec![node],
        };
        nodes.push(other.0);
        Self(Node::All(nodes))
    }

    /// One of them.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let mut nodes = match self.0 {
            Node::Any(nodes) => nodes,
            node => vec![node],
        };
        nodes.push(other.0);
        Self(Node::Any(nodes))
    }

    /// All of them, at one moment. None at all holds at once.
    pub fn all(waits: impl IntoIterator<Item = Self>) -> Self {
        Self(Node::All(waits.into_iter().map(|wait| wait.0).collect()))
    }

    /// One of them. None at all never holds.
    pub fn any(waits: impl IntoIterator<Item = Self>) -> Self {
        Self(Node::Any(waits.into_iter().map(|wait| wait.0).collect()))
    }
}

impl std::ops::Not for Wait {
    type Output = Self;

    /// It does not hold, at a moment when it was looked at.
    fn not(self) -> Self {
        Self(Node::Not(Box::new(self.0)))
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |f: &mut fmt::Formatter<'_>, nodes: &[Self], word| {
            for (at, node) in nodes.iter().enumerate() {
                let between = if at == 0 { "" } else { word };
                match node {
                    Self::All(_) | Self::Any(_) => write!(f, "{between}({node})")?,
                    _ => write!(f, "{between}{node}")?,
                }
            }
            Ok(())
        };
        match self {
            Self::Leaf(leaf) => write!(f, "{leaf}"),
            Self::All(nodes) => joined(f, nodes, " and "),
            Self::Any(nodes) => joined(f, nodes, " or "),
            Self::Not(node) => match **node {
                Self::Leaf(_) => write!(f, "not {node}"),
                _ => write!(f, "not ({node})"),
            },
        }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wait({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Value::{Never, No, Unknown, Yes};

    fn two(make: impl Fn(Wait, Wait) -> Wait, values: [Value; 2]) -> Value {
        make(Wait::running(), Wait::removed())
            .0
            .value(&mut values.into_iter())
    }

    #[test]
    fn what_can_never_be_is_known() {
        assert_eq!(two(Wait::and, [Yes, Yes]), Yes);
        assert_eq!(two(Wait::and, [Unknown, Never]), Never);
        assert_eq!(two(Wait::and, [Yes, No]), No);
        assert_eq!(two(Wait::and, [Yes, Unknown]), Unknown);
        assert_eq!(two(Wait::or, [Unknown, Yes]), Yes);
        assert_eq!(two(Wait::or, [Never, Never]), Never);
        assert_eq!(two(Wait::or, [Never, No]), No);
        assert_eq!(two(|a, b| (!a).and(b), [Never, Yes]), Yes);
        assert_eq!(two(|a, b| (!a).and(b), [Unknown, Yes]), Unknown);
        assert_eq!(Wait::all([]).0.value(&mut std::iter::empty()), Yes);
        assert_eq!(Wait::any([]).0.value(&mut std::iter::empty()), Never);
    }

    #[test]
    fn a_condition_reads_as_it_was_written() {
        let wait = Wait::port(80).and(Wait::healthy().or(!Wait::log_line("x").times(2)));
        assert_eq!(
            wait.to_string(),
            "port 80 and (healthy or not log line \"x\" 2 times)"
        );
    }
}
