//! What must have happened to a container between two looks, when its events may have been missed.
//!
//! Owns the difference of two inspects as events in the engine's own grammar. Pure. Leaves to others when to ask and
//! which of the answers a real event has told already.

use longshore_core::{Container, ContainerState, Event, EventType, Health, Scope, Timestamp};

/// An event that must have happened.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MadeUp {
    pub(super) event: Event,
    /// Its time is the engine's own word: a real event of it is not older. Otherwise it is the latest that it can be.
    pub(super) is_timed: bool,
}

/// The events that explain how `before` became `after`, in order. `now` stands in where nothing tells the time.
pub(super) fn unseen(before: Option<&Container>, after: Option<&Container>, now: Timestamp) -> Vec<MadeUp> {
    let Some(about) = after.or(before) else {
        return Vec::new();
    };
    let mut tale = Tale {
        about,
        now,
        events: Vec::new(),
    };
    match (before, after) {
        (None, Some(after)) => {
            tale.tell("create", Some(after.created), &[]);
            if after.started_at.is_some() {
                tale.run(after);
            }
        }
        (Some(before), None) => {
            if before.state.has_processes() {
                tale.tell("die", None, &[]);
            }
            tale.tell("destroy", None, &[]);
        }
        (Some(before), Some(after)) => {
            if before.name != after.name {
                tale.tell("rename", None, &[("oldName", format!("/{}", before.name))]);
            }
            if before.started_at == after.started_at {
                tale.same_run(before, after);
            } else {
                if before.state.has_processes() {
                    // How that run ended, nobody knows any more; it had ended when the next began.
                    tale.tell("die", after.started_at, &[]);
                    tale.events.iter_mut().for_each(|told| told.is_timed = false);
                }
                tale.run(after);
            }
        }
        (None, None) => {}
    }
    tale.events
}

struct Tale<'a> {
    about: &'a Container,
    now: Timestamp,
    events: Vec<MadeUp>,
}

impl Tale<'_> {
    fn tell(&mut self, action: &str, at: Option<Timestamp>, more: &[(&str, String)]) {
        let about = self.about;
        let labels = about.labels.iter().map(|(key, value)| (&**key, &**value));
        let own = [("name", &*about.name), ("image", &*about.image)];
        let more = more.iter().map(|(key, value)| (*key, &**value));
        let event = Event {
            kind: EventType::Container,
            action: action.into(),
            id: about.id.as_str().into(),
            attributes: labels.chain(own).chain(more).collect(),
            scope: Scope::Local,
            at: at.unwrap_or(self.now),
        };
        let is_timed = at.is_some();
        self.events.push(MadeUp { event, is_timed });
    }

    /// The whole of a run that nobody saw begin.
    fn run(&mut self, after: &Container) {
        self.tell("start", after.started_at, &[]);
        if after.state == ContainerState::Paused {
            self.tell("pause", None, &[]);
        }
        if after.state.has_processes() {
            self.health(&Health::Starting, &after.health);
        } else {
            self.died(after);
        }
    }

    /// What changed within a run whose beginning is known.
    fn same_run(&mut self, before: &Container, after: &Container) {
        if !before.state.has_processes() {
            return;
        }
        if !after.state.has_processes() {
            self.died(after);
            return;
        }
        match (
            before.state == ContainerState::Paused,
            after.state == ContainerState::Paused,
        ) {
            (false, true) => self.tell("pause", None, &[]),
            (true, false) => self.tell("unpause", None, &[]),
            _ => {}
        }
        self.health(&before.health, &after.health);
    }

    fn died(&mut self, after: &Container) {
        let code = after.exit_code.map(|code| ("exitCode", code.to_string()));
        self.tell("die", after.finished_at, code.as_slice());
    }

    fn health(&mut self, before: &Health, after: &Health) {
        if before != after && !matches!(after, Health::None | Health::Starting) {
            self.tell(&format!("health_status: {after}"), None, &[]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::testing::container;

    const NOW: Timestamp = Timestamp::from_secs(99);

    fn tale(before: Option<&Container>, after: Option<&Container>) -> Vec<String> {
        unseen(before, after, NOW)
            .into_iter()
            .map(|told| {
                let about = if told.is_timed { "at" } else { "by" };
                format!("{} {about} {}", told.event.action, told.event.at.as_secs())
            })
            .collect()
    }

    fn with(change: impl FnOnce(&mut Container)) -> Container {
        let mut container = container("a");
        container.created = Timestamp::from_secs(1);
        container.started_at = Some(Timestamp::from_secs(2));
        container.state = ContainerState::Running;
        change(&mut container);
        container
    }

    fn exited(c: &mut Container) {
        c.state = ContainerState::Exited;
        c.exit_code = Some(3);
        c.finished_at = Some(Timestamp::from_secs(9));
    }

    #[test]
    fn what_came_and_what_went() {
        let running = with(|_| {});
        assert_eq!(tale(None, Some(&running)), ["create at 1", "start at 2"]);
        assert_eq!(
            tale(None, Some(&with(exited))),
            ["create at 1", "start at 2", "die at 9"]
        );
        assert_eq!(tale(Some(&running), None), ["die by 99", "destroy by 99"]);
        assert_eq!(tale(Some(&with(exited)), None), ["destroy by 99"]);
        assert_eq!(tale(Some(&running), Some(&running)), [""; 0]);
    }

    #[test]
    fn an_end_carries_its_exit_code() {
        let events = unseen(Some(&with(|_| {})), Some(&with(exited)), NOW);
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].event.attribute("exitCode"), Some("3"));
        assert_eq!(events[0].event.name(), Some("a"));
    }

    #[test]
    fn another_run_ended_the_one_before() {
        let again = with(|c| c.started_at = Some(Timestamp::from_secs(7)));
        assert_eq!(
            tale(Some(&with(|_| {})), Some(&again)),
            ["die by 7", "start at 7"]
        );
        assert_eq!(tale(Some(&with(exited)), Some(&again)), ["start at 7"]);
    }

    #[test]
    fn names_pauses_and_health() {
        let after = with(|c| {
            c.name = "b".into();
            c.state = ContainerState::Paused;
            c.health = Health::Unhealthy;
        });
        let before = with(|c| c.health = Health::Healthy);
        assert_eq!(
            tale(Some(&before), Some(&after)),
            ["rename by 99", "pause by 99", "health_status: unhealthy by 99"]
        );
    }
}
