//! Between work and display: commands say *what* there is to show as an [`Item`]; how it looks (for people or as JSON
//! lines, on a terminal or in a file, coloured or not) is decided here and nowhere else.

mod deaths;
mod human;
mod json;
mod lists;
mod table;
pub(crate) mod text;
mod units;

use std::io::{self, BufWriter, IsTerminal as _, Write};

use longshore_core::{ContainerId, ContainerSummary, DeathRecord, Event, Timestamp, Usage};

/// Which of a container's two streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Std {
    Out,
    Err,
}

/// What one container uses.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    pub(crate) id: ContainerId,
    pub(crate) name: String,
    pub(crate) at: Timestamp,
    pub(crate) usage: Usage,
}

/// An API token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TokenRow {
    pub(crate) name: String,
    pub(crate) role: String,
    pub(crate) created: Timestamp,
    pub(crate) last_used: Option<Timestamp>,
}

/// Everything that a command can have to show.
#[derive(Debug)]
pub(crate) enum Item {
    /// A whole list of containers.
    Containers(Vec<ContainerSummary>),
    /// A piece of a container's output, cut anywhere.
    Log(Std, Vec<u8>),
    /// Something that happened.
    Event(Event, Marks),
    /// Events may be missing from then to then.
    Gap {
        from: Timestamp,
        to: Timestamp,
        reason: &'static str,
    },
    /// How a container ended, with at most so many of its last lines where people read.
    Death(Box<DeathRecord>, usize),
    /// One measurement of every container that is watched.
    Samples(Vec<Sample>),
    /// A whole list of tokens.
    Tokens(Vec<TokenRow>),
    /// A text of ours that stands for itself, such as a new token.
    Text(String),
    /// Something that a person should know and that stops nothing; goes to stderr.
    Warning(String),
}

/// What is to be known of an event beside itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Marks {
    /// Not told by the engine, but seen from the difference after a gap.
    pub(crate) synthetic: bool,
    /// Its stamp is older than that of one before it.
    pub(crate) late: bool,
}

/// How a stream of ours is to be written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Face {
    /// It is a terminal: nothing that acts on one may pass.
    pub(crate) terminal: bool,
    /// Colours are wanted (a terminal, and neither NO_COLOR nor TERM=dumb).
    pub(crate) colour: bool,
}

/// Where items are shown. What is shown may wait in a buffer until [`Output::flush`].
#[derive(Debug)]
pub(crate) struct Output {
    out: BufWriter<io::Stdout>,
    err: io::Stderr,
    format: Format,
}

#[derive(Debug)]
enum Format {
    Human(human::Human),
    Json(json::Json),
}

impl Output {
    pub(crate) fn human() -> Self {
        let face = |terminal, choice| Face {
            terminal,
            colour: choice != anstream::ColorChoice::Never,
        };
        let (out, err) = (io::stdout(), io::stderr());
        let faces = human::Human::new(
            face(out.is_terminal(), anstream::AutoStream::choice(&out)),
            face(err.is_terminal(), anstream::AutoStream::choice(&err)),
        );
        Self::with(Format::Human(faces))
    }

    pub(crate) fn json() -> Self {
        Self::with(Format::Json(json::Json::default()))
    }

    /// JSON lines when asked for, else for people.
    pub(crate) fn choose(json: bool) -> Self {
        if json { Self::json() } else { Self::human() }
    }

    fn with(format: Format) -> Self {
        Self {
            out: BufWriter::with_capacity(64 * 1024, io::stdout()),
            err: io::stderr(),
            format,
        }
    }

    /// Shows one item.
    pub(crate) fn show(&mut self, item: &Item) -> io::Result<()> {
        if let Item::Warning(text) = item {
            return writeln!(self.err, "warning: {}", text::neutral(text));
        }
        match &mut self.format {
            Format::Human(human) => human.show(item, &mut self.out, &mut self.err),
            Format::Json(json) => json.show(item, &mut self.out),
        }
    }

    /// Lets the reader see all that was shown so far.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Shows what waited for more to come, at the end of a stream.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        match &mut self.format {
            Format::Human(human) => human.finish(&mut self.out, &mut self.err)?,
            Format::Json(json) => json.finish(&mut self.out)?,
        }
        self.out.flush()
    }
}
