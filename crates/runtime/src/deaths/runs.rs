//! What the events tell of each container's run: when it began, what was done to it, how it ended.
//!
//! Pure. Leaves to others what only the engine can be asked for.

use std::collections::{HashMap, VecDeque};

use longshore_core::{ContainerEvent, ContainerId, DockerEvent, Event, Timestamp};

/// Removals that are remembered, for a `die` that is told after its `destroy`.
const REMOVED: usize = 256;

#[derive(Debug, Default)]
struct Run {
    started: Option<Timestamp>,
    signal: Option<u32>,
    oom: bool,
    /// Events may be missing in it.
    gap: bool,
    /// When the run before it ended.
    previous: Option<Timestamp>,
}

impl Run {
    /// Whether it began after that moment, at which another one went on: an engine's order is not that of time.
    fn is_after(&self, at: Timestamp) -> bool {
        self.previous.is_some() && self.started.is_some_and(|started| at < started)
    }
}

/// A run has ended: all that its events told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) id: ContainerId,
    pub(super) name: Option<String>,
    pub(super) image: Option<String>,
    pub(super) at: Timestamp,
    pub(super) exit_code: Option<i64>,
    pub(super) started: Option<Timestamp>,
    pub(super) signal: Option<u32>,
    pub(super) oom: bool,
    pub(super) gap: bool,
    pub(super) previous: Option<Timestamp>,
    pub(super) removed: Option<Timestamp>,
    pub(super) synthetic: bool,
}

/// What an event means for the records.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    Started(ContainerId),
    Ended(Box<Ended>),
    /// The kernel ended a process of a run that was told to have ended already.
    LateOom(ContainerId),
    Removed(ContainerId, Timestamp),
}

#[derive(Debug)]
pub(super) struct Runs {
    runs: HashMap<ContainerId, Run>,
    removed: VecDeque<(ContainerId, Timestamp)>,
    /// Runs of which nothing was heard may lack events.
    had_gap: bool,
    max: usize,
}

impl Runs {
    pub(super) fn new(max: usize) -> Self {
        Self {
            runs: HashMap::new(),
            removed: VecDeque::new(),
            had_gap: false,
            max: max.max(1),
        }
    }

    /// Events may be missing here.
    pub(super) fn gap(&mut self) {
        self.had_gap = true;
        self.runs.values_mut().for_each(|run| run.gap = true);
    }

    pub(super) fn take(&mut self, event: &Event, synthetic: bool) -> Option<News> {
        let DockerEvent::Container(event) = DockerEvent::from(event.clone()) else {
            return None;
        };
        let id = ContainerId::new(&event.id).ok()?;
        let at = event.at;
        match event.verb() {
            "start" => {
                let run = self.run(&id);
                let previous = run.previous;
                if previous.is_some_and(|previous| previous >= at) {
                    // It is told late, and of a run that has ended.
                    return None;
                }
                *run = Run {
                    started: Some(at),
                    previous,
                    ..Run::default()
                };
                Some(News::Started(id))
            }
            "kill" => {
                let signal = event.signal();
                let run = self.run(&id);
                if !run.is_after(at) {
                    run.signal = signal.or(run.signal);
                }
                None
            }
            "oom" => {
                let run = self.run(&id);
                let is_between = run.started.is_none() && run.previous.is_some();
                if is_between || run.is_after(at) {
                    return Some(News::LateOom(id));
                }
                run.oom = true;
                None
            }
            "die" => Some(News::Ended(Box::new(self.died(id, &event, synthetic)))),
            "destroy" => {
                self.runs.remove(&id);
                if self.removed.len() == REMOVED {
                    self.removed.pop_front();
                }
                self.removed.push_back((id.clone(), at));
                Some(News::Removed(id, at))
            }
            _ => None,
        }
    }

    fn died(&mut self, id: ContainerId, event: &ContainerEvent, synthetic: bool) -> Ended {
        let at = event.at;
        let removed = self.removed.iter().find(|(gone, _)| *gone == id);
        let removed = removed.map(|(_, at)| *at);
        let run = self.run(&id);
        let next = Run {
            previous: Some(at),
            ..Run::default()
        };
        let run = std::mem::replace(run, next);
        if removed.is_some() {
            self.runs.remove(&id);
        }
        Ended {
            name: event.container_name().map(str::to_owned),
            image: event.image().map(str::to_owned),
            at,
            exit_code: event.exit_code(),
            started: run.started.filter(|started| *started < at),
            signal: run.signal,
            oom: run.oom,
            gap: run.gap || synthetic,
            previous: run.previous.filter(|previous| *previous < at),
            removed,
            synthetic,
            id,
        }
    }

    fn run(&mut self, id: &ContainerId) -> &mut Run {
        if self.runs.len() >= self.max && !self.runs.contains_key(id) {
            self.runs.clear();
            self.had_gap = true;
        }
        let gap = self.had_gap;
        self.runs.entry(id.clone()).or_insert_with(|| Run {
            gap,
            ..Run::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use longshore_core::{EventType, Scope};

    use super::*;

    fn tell(runs: &mut Runs, secs: i64, action: &str, attributes: &[(&str, &str)]) -> Option<News> {
        let attributes = attributes.iter().map(|(k, v)| (Box::from(*k), Box::from(*v)));
        let event = Event {
            kind: EventType::Container,
            action: action.into(),
            id: "a".into(),
            attributes: attributes.collect(),
            scope: Scope::Local,
            at: Timestamp::from_secs(secs),
        };
        runs.take(&event, false)
    }

    fn ended(news: Option<News>) -> Ended {
        match news {
            Some(News::Ended(ended)) => *ended,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_run_is_told_by_its_own_events() {
        let mut runs = Runs::new(10);
        tell(&mut runs, 1, "start", &[]);
        tell(&mut runs, 2, "kill", &[("signal", "15")]);
        tell(&mut runs, 3, "kill", &[("signal", "9")]);
        tell(&mut runs, 3, "oom", &[]);
        let first = ended(tell(
            &mut runs,
            4,
            "die",
            &[("exitCode", "137"), ("name", "n"), ("image", "i")],
        ));
        assert_eq!(
            (first.exit_code, first.signal, first.oom),
            (Some(137), Some(9), true)
        );
        assert_eq!(
            (first.name.as_deref(), first.image.as_deref()),
            (Some("n"), Some("i"))
        );
        assert_eq!(
            (first.started, first.previous),
            (Some(Timestamp::from_secs(1)), None)
        );
        tell(&mut runs, 5, "start", &[]);
        let second = ended(tell(&mut runs, 6, "die", &[("exitCode", "3")]));
        assert_eq!(
            (second.signal, second.oom, second.gap),
            (None, false, false),
            "of this run alone"
        );
        assert_eq!(second.previous, Some(Timestamp::from_secs(4)));
    }

    #[test]
    fn what_comes_after_the_end_is_told_as_late() {
        let mut runs = Runs::new(10);
        tell(&mut runs, 1, "start", &[]);
        tell(&mut runs, 4, "die", &[]);
        assert_eq!(tell(&mut runs, 3, "start", &[]), None);
        let id = ContainerId::new("a").unwrap();
        assert_eq!(tell(&mut runs, 4, "oom", &[]), Some(News::LateOom(id.clone())));
        // Also where the next run was told to have begun.
        tell(&mut runs, 5, "start", &[]);
        tell(&mut runs, 4, "kill", &[("signal", "9")]);
        assert_eq!(tell(&mut runs, 4, "oom", &[]), Some(News::LateOom(id.clone())));
        let next = ended(tell(&mut runs, 5, "die", &[]));
        assert_eq!((next.oom, next.signal), (false, None));
        let removed = Timestamp::from_secs(5);
        assert_eq!(
            tell(&mut runs, 5, "destroy", &[]),
            Some(News::Removed(id, removed))
        );
        let late = ended(tell(&mut runs, 4, "die", &[]));
        assert_eq!(
            late.removed,
            Some(removed),
            "the order of an engine is not that of time"
        );
        assert!(runs.runs.is_empty());
    }

    #[test]
    fn a_gap_is_remembered_until_the_run_is_over() {
        let mut runs = Runs::new(10);
        tell(&mut runs, 1, "start", &[]);
        runs.gap();
        assert!(ended(tell(&mut runs, 2, "die", &[])).gap);
        tell(&mut runs, 3, "start", &[]);
        assert!(!ended(tell(&mut runs, 4, "die", &[])).gap);
        let mut silent = Runs::new(10);
        silent.gap();
        assert!(
            ended(tell(&mut silent, 2, "die", &[])).gap,
            "nothing was heard of it before"
        );
    }

    #[test]
    fn more_containers_than_are_followed_are_a_gap() {
        let mut runs = Runs::new(1);
        tell(&mut runs, 1, "start", &[]);
        runs.run(&ContainerId::new("b").unwrap());
        let death = ended(tell(&mut runs, 4, "die", &[]));
        assert_eq!((death.started, death.gap), (None, true));
    }
}
