//! A place in a log, and which entries of an answer come after it.
//!
//! Owns the rule of `docs/design/logs.md`: the anchor is found, or shown to be gone. Pure.

use longshore_core::Timestamp;
use longshore_engine::StdStream;
use xxhash_rust::xxh3::xxh3_64;

use super::entry::Entry;

/// The newest entry of one stream.
#[derive(Debug, Clone, Copy)]
struct Mark {
    at: Timestamp,
    /// How many entries with that stamp were delivered.
    count: u64,
    ends_line: bool,
    /// Of the last one's text: tells the pieces of a line apart whose beginning was rotated away.
    hash: u64,
    /// The highest stamp of the stream; above `at` only after the engine's clock was set back.
    peak: Timestamp,
}

/// What was delivered so far.
#[derive(Debug, Default)]
pub(crate) struct Place {
    stdout: Option<Mark>,
    stderr: Option<Mark>,
    /// The stream of the last entry.
    last: Option<StdStream>,
    /// Where the log was not read from its beginning, the stamp of the first entry read: what is older was not wanted.
    first: Option<Timestamp>,
    is_whole: bool,
}

/// How far into an answer we are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Seek {
    /// The anchor has not come. It is the n-th of its kind; so many of them did come.
    Seeking {
        seen: u64,
        /// The answer is only the log's end.
        is_tail: bool,
        is_first: bool,
    },
    /// Everything from here on is new.
    Found,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judged {
    New,
    Old,
    /// The answer begins too late: ask for more.
    TooShort,
    /// New, and the log no longer holds what came before it, back to this stamp.
    Gap(Timestamp),
}

impl Place {
    /// Before the first entry. `is_whole`: the log is read from its beginning.
    pub(crate) fn new(is_whole: bool) -> Self {
        Self {
            is_whole,
            ..Self::default()
        }
    }

    /// The stamp of the last entry delivered.
    pub(crate) fn anchor(&self) -> Option<Timestamp> {
        self.last.and_then(|stream| self.mark(stream)).map(|mark| mark.at)
    }

    /// How to read an answer.
    pub(crate) fn seek(&self, is_tail: bool) -> Seek {
        match self.last {
            None => Seek::Found,
            Some(_) => Seek::Seeking {
                seen: 0,
                is_tail,
                is_first: true,
            },
        }
    }

    /// Judges the next entry of an answer; one that is new has been delivered with this.
    pub(crate) fn judge(&mut self, seek: &mut Seek, entry: &Entry) -> Judged {
        let judged = self.seek_on(seek, entry);
        if matches!(judged, Judged::New | Judged::Gap(_)) {
            *seek = Seek::Found;
            if matches!(judged, Judged::Gap(_)) {
                self.forget_before(entry.at);
            }
            self.deliver(entry);
        }
        judged
    }

    fn seek_on(&self, seek: &mut Seek, entry: &Entry) -> Judged {
        let Seek::Seeking {
            seen,
            is_tail,
            is_first,
        } = seek
        else {
            return Judged::New;
        };
        let was_first = std::mem::replace(is_first, false);
        let Some((stream, anchor)) = self.last.and_then(|stream| Some((stream, self.mark(stream)?))) else {
            return Judged::New;
        };
        let Some(at) = entry.at else {
            // It belongs to what is before it, which is old.
            return Judged::Old;
        };
        if entry.stream == stream && at == anchor.at {
            let is_alone = anchor.count == 1 && anchor.ends_line;
            if was_first && *is_tail && !is_alone {
                return Judged::TooShort;
            }
            *seen += 1;
            if *seen < anchor.count {
                return Judged::Old;
            }
            if xxh3_64(&entry.text) == anchor.hash {
                *seek = Seek::Found;
                return Judged::Old;
            }
            return if *is_tail {
                Judged::TooShort
            } else {
                Judged::Gap(anchor.at)
            };
        }
        let is_old = match self.mark(entry.stream) {
            Some(mark) => at <= mark.peak,
            None => self.first.is_some_and(|first| at < first),
        };
        match (is_old, *is_tail) {
            (true, _) => Judged::Old,
            (false, true) => Judged::TooShort,
            (false, false) => Judged::Gap(anchor.at),
        }
    }

    /// An entry is passed over; so many stand for the place when [`lose`](Self::lose) takes them.
    pub(crate) fn pass(&mut self, entry: &Entry) {
        self.deliver(entry);
    }

    /// The anchor is not in the log any more: the last of what was passed over is it from now on.
    pub(crate) fn lose(&mut self, passed: &Self) {
        for (mark, passed) in [
            (&mut self.stdout, passed.stdout),
            (&mut self.stderr, passed.stderr),
        ] {
            let before = *mark;
            *mark = passed.map(|passed| Mark {
                peak: before.map_or(passed.peak, |before| before.peak.max(passed.peak)),
                ..passed
            });
            *mark = mark.or(before);
        }
        self.last = passed.last.or(self.last);
    }

    /// What is older than the first entry after a gap is lost, whichever stream it is of.
    fn forget_before(&mut self, at: Option<Timestamp>) {
        self.first = self.first.max(at);
        for mark in [&mut self.stdout, &mut self.stderr].into_iter().flatten() {
            mark.peak = at.map_or(mark.peak, |at| mark.peak.max(at));
        }
    }

    fn deliver(&mut self, entry: &Entry) {
        let Some(at) = entry.at else { return };
        let ends_line = entry.ends_line;
        let hash = xxh3_64(&entry.text);
        let first = Mark {
            at,
            count: 1,
            ends_line,
            hash,
            peak: at,
        };
        let mark = match entry.stream {
            StdStream::Stdout => &mut self.stdout,
            StdStream::Stderr => &mut self.stderr,
        };
        *mark = Some(match *mark {
            Some(same) if same.at == at => Mark {
                count: same.count + 1,
                ends_line,
                hash,
                ..same
            },
            Some(before) => Mark {
                peak: before.peak.max(at),
                ..first
            },
            None => first,
        });
        self.last = Some(entry.stream);
        self.first = self.first.or(Some(at).filter(|_| !self.is_whole));
    }

    fn mark(&self, stream: StdStream) -> Option<Mark> {
        match stream {
            StdStream::Stdout => self.stdout,
            StdStream::Stderr => self.stderr,
        }
    }
}
