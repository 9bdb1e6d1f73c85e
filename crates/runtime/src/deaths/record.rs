//! A record out of what the events told, what the mirror knew and what the engine answered.
//!
//! Pure. Owns the judgement which answer is about which run.

use longshore_core::{Container, ContainerState, DeathPart, DeathRecord, Health, LastHealth, WhyUnknown};

use super::lines::{RunSpan, Said};
use super::runs::Ended;

/// Bytes of a probe's output that are kept: as much as engines do.
const OUTPUT: usize = 4 * 1024;
/// What is said of lines whose stamps do not tell their run.
const MIXED: &str = "their stamps are whole seconds: lines of another run may be among these";
/// Bytes that are kept of an error's text, and of a name: what an engine says may be a megabyte.
const TEXT: usize = 1024;

/// Why something was not found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Miss {
    pub(super) why: WhyUnknown,
    pub(super) detail: String,
}

impl From<WhyUnknown> for Miss {
    fn from(why: WhyUnknown) -> Self {
        let detail = String::new();
        Self { why, detail }
    }
}

/// What the engine answered.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) state: Result<Box<Container>, Miss>,
    pub(super) log: Result<Said, Miss>,
}

impl Finding {
    pub(super) fn none(why: WhyUnknown) -> Self {
        Self {
            state: Err(why.clone().into()),
            log: Err(why.into()),
        }
    }
}

/// Whether the container, as it was seen, is in the run that ended so, or has just ended it.
pub(super) fn is_this_run(container: &Container, ended: &Ended) -> bool {
    let Some(started) = container.started_at else {
        // One that could not be started.
        return ended.started.is_none();
    };
    started < ended.at && ended.previous.is_none_or(|previous| previous < started)
}

fn has_ended(container: &Container) -> bool {
    match &container.state {
        // One that could not be started.
        ContainerState::Created => !container.error.is_empty(),
        state => !state.has_processes(),
    }
}

/// The record. `known` is what the mirror had, of whichever run.
pub(super) fn record(ended: &Ended, known: Option<&Container>, finding: Finding) -> DeathRecord {
    let asked = finding.state.as_ref().ok().map(|container| &**container);
    let mine = |container: &&Container| is_this_run(container, ended);
    let (asked_mine, known_mine) = (asked.filter(mine), known.filter(mine));
    let after = [asked_mine, known_mine]
        .into_iter()
        .flatten()
        .find(|container| has_ended(container));
    let any = asked_mine.or(known_mine);
    let named = asked.or(known);

    let mut death = DeathRecord::new(ended.id.clone(), ended.at);
    let told = |event: &Option<String>, seen: fn(&Container) -> &str| {
        let text = event.as_deref().or_else(|| named.map(seen))?;
        Some(cut(text, TEXT).0)
    };
    death.name = told(&ended.name, |container| &container.name);
    death.image = told(&ended.image, |container| &container.image);
    death.started = any.and_then(|any| any.started_at).or(ended.started);
    death.exit_code = ended.exit_code.or_else(|| after?.exit_code);
    death.oom = match ended.oom {
        true => Some(true),
        false => after.map(|after| after.oom_killed),
    };
    death.signal = ended.signal;
    death.restart_count = after.and_then(|after| after.restart_count);
    death.restarting = after.map(|after| after.state == ContainerState::Restarting);
    death.error = after.map(|after| cut(&after.error, TEXT).0);
    death.health = after.or(any).map(last_health);
    death.removed = ended.removed;
    death.synthetic = ended.synthetic;

    if after.is_none() {
        let miss = match (&finding.state, asked_mine) {
            (Err(miss), _) => miss.clone(),
            (Ok(_), None) => WhyUnknown::AnotherRun.into(),
            // The engine has told the end and does not show it yet.
            (Ok(_), Some(_)) => WhyUnknown::NotLookedAt.into(),
        };
        death.is_unknown(DeathPart::State, miss.why, cut(&miss.detail, TEXT).0);
    }
    match finding.log {
        Ok(said) => {
            // A next run that has begun, or is about to.
            let has_next = asked_mine.is_none_or(|mine| &*mine.restart_policy != "no");
            if said.before || (said.after && has_next) {
                death.is_unknown(DeathPart::Log, WhyUnknown::AnotherRun, MIXED);
            }
            death.log = Some(said.lines);
        }
        Err(miss) => death.is_unknown(DeathPart::Log, miss.why, cut(&miss.detail, TEXT).0),
    }
    if death.exit_code.is_none() {
        let state = death
            .unknown
            .iter()
            .find(|unknown| unknown.part == DeathPart::State);
        let why = match state {
            _ if ended.synthetic => WhyUnknown::Gap,
            Some(state) => state.why.clone(),
            None => WhyUnknown::Failed,
        };
        death.is_unknown(DeathPart::ExitCode, why, "");
    }
    if ended.gap && death.signal.is_none() {
        death.is_unknown(DeathPart::Signal, WhyUnknown::Gap, "");
    }
    death
}

/// From when to when lines are of this run; `None` where that cannot be known.
pub(super) fn span_of(ended: &Ended, known: Option<&Container>) -> Option<RunSpan> {
    if !ended.synthetic {
        return Some((ended.previous, Some(ended.at)));
    }
    // Its time is that of the end, or of the next start, and lines may be stamped after the end.
    let is_alone = known.is_none_or(|known| is_this_run(known, ended));
    is_alone.then_some((ended.previous, None))
}

fn last_health(container: &Container) -> LastHealth {
    let probe = match container.health {
        Health::None => None,
        _ => container.health_log.last(),
    };
    let (output, cut) = probe.map_or_else(|| (String::new(), 0), |probe| cut(&probe.output, OUTPUT));
    LastHealth {
        health: container.health.clone(),
        at: probe.and_then(|probe| probe.start),
        exit_code: probe.map(|probe| probe.exit_code),
        output,
        cut,
    }
}

/// The beginning of a text, and how many bytes were left out.
fn cut(text: &str, max: usize) -> (String, u64) {
    let end = text.floor_char_boundary(max);
    let kept = text.get(..end).unwrap_or_default();
    (kept.to_owned(), (text.len() - kept.len()) as u64)
}

#[cfg(test)]
mod tests {
    use longshore_core::{ContainerId, HealthProbe, LastLines, Timestamp};

    use super::*;
    use crate::mirror::testing::container;

    fn ended() -> Ended {
        Ended {
            id: ContainerId::new("a").unwrap(),
            name: Some("n".into()),
            image: None,
            at: Timestamp::from_secs(10),
            exit_code: Some(1),
            started: None,
            signal: None,
            oom: false,
            gap: false,
            previous: Some(Timestamp::from_secs(3)),
            removed: None,
            synthetic: false,
        }
    }

    fn seen(started: i64, state: ContainerState) -> Box<Container> {
        let mut container = container("a");
        container.started_at = Some(Timestamp::from_secs(started));
        container.state = state;
        container.restart_count = Some(2);
        container.image = "image".into();
        Box::new(container)
    }

    fn found(state: Box<Container>) -> Finding {
        Finding {
            state: Ok(state),
            log: Ok(Said::default()),
        }
    }

    fn why(death: &DeathRecord) -> Vec<(DeathPart, WhyUnknown)> {
        let unknown = death.unknown.iter();
        unknown
            .map(|unknown| (unknown.part.clone(), unknown.why.clone()))
            .collect()
    }

    #[test]
    fn an_inspect_of_this_run_is_believed() {
        let mut state = seen(5, ContainerState::Restarting);
        state.oom_killed = true;
        state.health = Health::Unhealthy;
        state.health_log.push(HealthProbe {
            start: Some(Timestamp::from_secs(9)),
            end: None,
            exit_code: 1,
            output: "é".repeat(3_000),
        });
        let death = record(&ended(), None, found(state));
        assert_eq!(
            (death.oom, death.restart_count, death.restarting),
            (Some(true), Some(2), Some(true))
        );
        assert_eq!(death.started, Some(Timestamp::from_secs(5)));
        assert_eq!(
            (death.name.as_deref(), death.image.as_deref()),
            (Some("n"), Some("image"))
        );
        let health = death.health.clone().unwrap();
        assert_eq!((health.output.len(), health.cut), (4_096, 1_904));
        assert_eq!(why(&death), []);
    }

    #[test]
    fn no_text_of_an_engine_is_kept_whole_where_it_is_huge() {
        let huge = "é".repeat(1 << 20);
        let told = Ended {
            name: Some(huge.clone()),
            ..ended()
        };
        let mut state = seen(5, ContainerState::Exited);
        state.image.clone_from(&huge);
        state.error.clone_from(&huge);
        let mut finding = found(state);
        finding.log = Err(Miss {
            why: WhyUnknown::Failed,
            detail: huge,
        });
        let death = record(&told, None, finding);
        let texts = [&death.name, &death.image, &death.error].map(|text| text.as_ref().unwrap().len());
        assert_eq!((texts, death.unknown[0].detail.len()), ([1_024; 3], 1_024));
    }

    #[test]
    fn nothing_is_taken_from_another_run() {
        for state in [
            seen(11, ContainerState::Running),
            seen(11, ContainerState::Exited),
            seen(2, ContainerState::Exited),
        ] {
            let death = record(&ended(), None, found(state));
            assert_eq!(
                (death.oom, death.restart_count, death.started, &death.health),
                (None, None, None, &None)
            );
            assert_eq!(why(&death), [(DeathPart::State, WhyUnknown::AnotherRun)]);
        }
    }

    #[test]
    fn what_the_mirror_knew_of_the_same_run_counts_when_it_is_gone() {
        let gone = || Finding::none(WhyUnknown::Gone);
        let mut running = seen(5, ContainerState::Running);
        running.health = Health::Healthy;
        let death = record(&ended(), Some(&running), gone());
        assert_eq!(death.started, Some(Timestamp::from_secs(5)));
        assert_eq!(death.health.as_ref().unwrap().health, Health::Healthy);
        assert_eq!((death.oom, death.restart_count), (None, None), "not zero");
        assert_eq!(
            why(&death),
            [
                (DeathPart::State, WhyUnknown::Gone),
                (DeathPart::Log, WhyUnknown::Gone)
            ]
        );
        let exited = seen(5, ContainerState::Exited);
        let death = record(&ended(), Some(&exited), gone());
        assert_eq!((death.oom, death.restart_count), (Some(false), Some(2)));
        assert_eq!(why(&death), [(DeathPart::Log, WhyUnknown::Gone)]);
    }

    #[test]
    fn lines_that_may_be_of_another_run_are_said_to_be() {
        let said = |before, after| Finding {
            state: Ok(seen(5, ContainerState::Exited)),
            log: Ok(Said {
                lines: LastLines::default(),
                before,
                after,
            }),
        };
        let mixed = [(DeathPart::Log, WhyUnknown::AnotherRun)];
        assert_eq!(why(&record(&ended(), None, said(true, false))), mixed);
        assert_eq!(
            why(&record(&ended(), None, said(false, true))),
            [],
            "nothing starts it again"
        );
        let mut again = said(false, true);
        again.state.as_mut().unwrap().restart_policy = "always".into();
        let death = record(&ended(), None, again);
        assert!(death.log.is_some());
        assert_eq!(why(&death), mixed);
    }

    #[test]
    fn a_death_that_nobody_saw_says_what_is_not_known() {
        let unseen = Ended {
            synthetic: true,
            gap: true,
            exit_code: None,
            ..ended()
        };
        let again = seen(10, ContainerState::Running);
        assert_eq!(span_of(&unseen, Some(&again)), None);
        let death = record(&unseen, Some(&again), found(again.clone()));
        assert!(death.synthetic && death.exit_code.is_none());
        assert_eq!(
            why(&death),
            [
                (DeathPart::State, WhyUnknown::AnotherRun),
                (DeathPart::ExitCode, WhyUnknown::Gap),
                (DeathPart::Signal, WhyUnknown::Gap)
            ]
        );
        let mut same = seen(5, ContainerState::Exited);
        same.exit_code = Some(7);
        assert_eq!(span_of(&unseen, Some(&same)), Some((unseen.previous, None)));
        assert_eq!(record(&unseen, None, found(same)).exit_code, Some(7));
    }
}
