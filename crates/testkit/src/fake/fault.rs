//! Faults on the wire, asked for by tests: which request, how often, what goes wrong, after how many bytes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::lock;
use super::request::Request;

/// Which requests a fault is for.
///
/// From text: `"GET /events"` wants that method and a path that contains the rest; `"/events"` takes any
/// method. The path is matched without version prefix and query.
#[derive(Debug, Clone)]
pub struct Matcher {
    method: Option<String>,
    path: String,
}

impl Matcher {
    pub(super) fn matches(&self, request: &Request) -> bool {
        self.method
            .as_ref()
            .is_none_or(|method| *method == request.method)
            && request.path.contains(&self.path)
    }
}

impl From<&str> for Matcher {
    fn from(text: &str) -> Self {
        match text.split_once(' ') {
            Some((method, path)) => Self {
                method: Some(method.to_owned()),
                path: path.to_owned(),
            },
            None => Self {
                method: None,
                path: text.to_owned(),
            },
        }
    }
}

/// What goes wrong.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The request is handled; its answer ends, and the connection with it, after this many bytes counted
    /// from the status line's first. 0: handled, but never answered.
    Cut {
        /// Bytes that still arrive.
        after: usize,
    },
    /// The same, but the connection stays open and silent.
    Stall {
        /// Bytes that still arrive.
        after: usize,
    },
    /// The connection is closed before the request is handled.
    Hangup,
    /// The request is not handled; this is the answer.
    Answer {
        /// Status code.
        status: u16,
        /// Body, told to be JSON.
        body: String,
    },
    /// Handled after a pause.
    Delay(Duration),
    /// The answer is written this many bytes at a time.
    Dribble(usize),
}

#[derive(Debug)]
struct Rule {
    matcher: Matcher,
    fault: Fault,
    left: Option<usize>,
}

/// The faults that a fake engine still has to make. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    rules: Arc<Mutex<Vec<Rule>>>,
}

impl Faults {
    /// Makes `fault` on the next request that matches.
    pub fn once(&self, matcher: impl Into<Matcher>, fault: Fault) {
        self.times(1, matcher, fault);
    }

    /// Makes `fault` on the next `n` requests that match.
    pub fn times(&self, n: usize, matcher: impl Into<Matcher>, fault: Fault) {
        lock(&self.rules).push(Rule {
            matcher: matcher.into(),
            fault,
            left: Some(n),
        });
    }

    /// Makes `fault` on every request that matches, until [`clear`](Self::clear).
    pub fn always(&self, matcher: impl Into<Matcher>, fault: Fault) {
        lock(&self.rules).push(Rule {
            matcher: matcher.into(),
            fault,
            left: None,
        });
    }

    /// Cuts the next matching answer after `after` bytes.
    pub fn cut_after(&self, matcher: impl Into<Matcher>, after: usize) {
        self.once(matcher, Fault::Cut { after });
    }

    /// Stalls the next matching answer after `after` bytes.
    pub fn stall_after(&self, matcher: impl Into<Matcher>, after: usize) {
        self.once(matcher, Fault::Stall { after });
    }

    /// Answers the next matching request with this.
    pub fn answer(&self, matcher: impl Into<Matcher>, status: u16, body: impl Into<String>) {
        self.once(
            matcher,
            Fault::Answer {
                status,
                body: body.into(),
            },
        );
    }

    /// Forgets what is left.
    pub fn clear(&self) {
        lock(&self.rules).clear();
    }

    /// How many rules are left; 0 when every fault was made.
    #[must_use]
    pub fn left(&self) -> usize {
        lock(&self.rules).len()
    }

    pub(super) fn take(&self, request: &Request) -> Option<Fault> {
        let mut rules = lock(&self.rules);
        let at = rules.iter().position(|rule| rule.matcher.matches(request))?;
        let rule = rules.get_mut(at)?;
        let fault = rule.fault.clone();
        match &mut rule.left {
            Some(left) if *left <= 1 => {
                rules.remove(at);
            }
            Some(left) => *left -= 1,
            None => {}
        }
        Some(fault)
    }
}
