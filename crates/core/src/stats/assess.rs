//! How well a container is, and why: from its inspection and what it uses.
//!
//! Owns the judgement and its reasons. Pure; what is not known is no reason.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Measure, Usage};
use crate::{Container, ContainerState, Health};

/// How well a container is; the worst of its reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// It runs, or has ended as it should, and nothing speaks against it.
    Healthy,
    /// Nothing says that it is well or not: it was never started, or its health check has not had its say.
    Unknown,
    /// It works, and somebody should look.
    Degraded,
    /// It does not do what it is for.
    Unhealthy,
}

/// What a [`Reason`] is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Concern {
    /// It ended with this exit code.
    Exit(i64),
    /// The kernel ended its last run, or a process of it, for want of memory.
    OutOfMemory,
    /// Its state is not one to stay in (`dead`, `restarting`, `paused`, one that is not known).
    State(String),
    /// What the engine says went wrong.
    Engine(String),
    /// Its health check fails; what it printed last.
    HealthCheck(String),
    /// Its health check has not had its say.
    Starting,
    /// It was never started.
    NeverStarted,
    /// Its restart policy has started it again so often.
    Restarts(u32),
    /// It uses so many percent of the memory that it may use.
    Memory(f64),
    /// Its processor limit held it back for so many percent of the time.
    Throttled(f64),
}

/// One thing that speaks against a container.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// How bad it is.
    pub condition: Condition,
    /// What it is.
    pub concern: Concern,
}

/// How well a container is, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    /// The worst of the reasons.
    pub condition: Condition,
    /// The worst first; none for a healthy one.
    pub reasons: Vec<Reason>,
}

/// From here on a restart policy has more to do than to bridge an accident.
const RESTARTS: u32 = 3;
/// Percent of the memory limit from which the next burst may end the container.
const MEMORY: f64 = 90.0;
/// Percent of the time held back from which it is felt.
const THROTTLED: f64 = 25.0;

/// Judges a container by its inspection, and by what it uses where that is known.
///
/// | | condition |
/// |---|---|
/// | ended for want of memory; ended with another code than 0; `dead`; an error of the engine; a failing health check | unhealthy |
/// | a process of it ended for want of memory and it runs on; `restarting`, `paused`, an unknown state; 3 or more restarts; 90 % or more of its memory; held back 25 % of the time or more | degraded |
/// | never started; its health check has not had its say | unknown |
///
/// Exit codes 137 and 143 (ended by a stop) are not held against one that the engine itself holds no error for and that
/// nothing killed for want of memory: that is how a stop ends most programs.
///
/// ```no_run
/// # fn example(container: &longshore_core::Container, usage: &longshore_core::Usage) {
/// let judged = longshore_core::assess(container, Some(usage));
/// for reason in &judged.reasons {
///     println!("{:?}: {}", reason.condition, reason.concern);
/// }
/// # }
/// ```
pub fn assess(container: &Container, usage: Option<&Usage>) -> Assessment {
    let mut reasons = Vec::new();
    let mut add = |condition, concern| reasons.push(Reason { condition, concern });
    let runs = container.state.has_processes();
    if container.oom_killed && runs {
        add(Condition::Degraded, Concern::OutOfMemory);
    } else if container.oom_killed {
        add(Condition::Unhealthy, Concern::OutOfMemory);
    } else if let Some(code) = container.exit_code.filter(|code| ![0, 137, 143].contains(code)) {
        add(Condition::Unhealthy, Concern::Exit(code));
    }
    if !container.error.is_empty() {
        add(Condition::Unhealthy, Concern::Engine(container.error.clone()));
    }
    match &container.state {
        ContainerState::Running
        | ContainerState::Exited
        | ContainerState::Stopping
        | ContainerState::Removing => {}
        ContainerState::Created => add(Condition::Unknown, Concern::NeverStarted),
        ContainerState::Dead => add(Condition::Unhealthy, Concern::State("dead".to_owned())),
        other => add(Condition::Degraded, Concern::State(other.to_string())),
    }
    match &container.health {
        Health::Unhealthy if runs => {
            let last = container.health_log.last();
            let output = last.map(|probe| probe.output.trim().to_owned());
            add(
                Condition::Unhealthy,
                Concern::HealthCheck(output.unwrap_or_default()),
            );
        }
        Health::Starting if runs => add(Condition::Unknown, Concern::Starting),
        _ => {}
    }
    if let Some(count) = container.restart_count.filter(|count| *count >= RESTARTS) {
        add(Condition::Degraded, Concern::Restarts(count));
    }
    if let Some(usage) = usage.filter(|_| runs) {
        let past = |measure: Measure, bound| measure.of(usage).filter(|percent| *percent >= bound);
        if let Some(percent) = past(Measure::MemoryOfLimit, MEMORY) {
            add(Condition::Degraded, Concern::Memory(percent));
        }
        if let Some(percent) = past(Measure::Throttled, THROTTLED) {
            add(Condition::Degraded, Concern::Throttled(percent));
        }
    }
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.condition));
    Assessment {
        condition: reasons
            .first()
            .map_or(Condition::Healthy, |worst| worst.condition),
        reasons,
    }
}

impl fmt::Display for Concern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(code) => write!(f, "ended with exit code {code}"),
            Self::OutOfMemory => f.write_str("the kernel ended a process of it for want of memory"),
            Self::State(state) => write!(f, "is {state}"),
            Self::Engine(text) => write!(f, "the engine says: {text}"),
            Self::HealthCheck(output) if output.is_empty() => f.write_str("its health check fails"),
            Self::HealthCheck(output) => write!(f, "its health check fails: {output}"),
            Self::Starting => f.write_str("its health check has not had its say"),
            Self::NeverStarted => f.write_str("was never started"),
            Self::Restarts(count) => write!(f, "was started again {count} times"),
            Self::Memory(percent) => write!(f, "uses {percent:.0} % of its memory"),
            Self::Throttled(percent) => write!(f, "is held back {percent:.0} % of the time"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HealthProbe, Secrets, Timestamp};

    fn container(state: ContainerState) -> Container {
        Container {
            id: "c".parse().unwrap(),
            name: "c".to_owned(),
            image: String::new(),
            image_id: String::new(),
            created: Timestamp::from_secs(1),
            state,
            health: Health::None,
            health_log: Vec::new(),
            exit_code: None,
            oom_killed: false,
            error: String::new(),
            pid: None,
            started_at: None,
            finished_at: None,
            restart_count: Some(0),
            entrypoint: Vec::new(),
            cmd: Vec::new(),
            env: Secrets::default(),
            working_dir: String::new(),
            user: String::new(),
            hostname: String::new(),
            tty: false,
            restart_policy: "no".into(),
            auto_remove: false,
            memory_limit: None,
            nano_cpus: None,
            ports: Vec::new(),
            mounts: Vec::new(),
            networks: Vec::new(),
            labels: std::collections::BTreeMap::new(),
        }
    }

    fn judged(change: impl FnOnce(&mut Container), state: ContainerState) -> (Condition, Vec<Concern>) {
        let mut container = container(state);
        change(&mut container);
        let judged = assess(&container, None);
        let concerns = judged.reasons.into_iter().map(|reason| reason.concern);
        (judged.condition, concerns.collect())
    }

    #[test]
    fn what_runs_or_ended_well_is_healthy() {
        let healthy = (Condition::Healthy, vec![]);
        assert_eq!(judged(|_| {}, ContainerState::Running), healthy);
        for code in [0, 137, 143] {
            assert_eq!(
                judged(|c| c.exit_code = Some(code), ContainerState::Exited),
                healthy
            );
        }
        let stale = |c: &mut Container| c.health = Health::Unhealthy;
        assert_eq!(
            judged(stale, ContainerState::Exited),
            healthy,
            "of a run that is over"
        );
    }

    #[test]
    fn every_reason_is_given_and_the_worst_decides() {
        let ended = judged(
            |c| {
                c.exit_code = Some(137);
                c.oom_killed = true;
                c.restart_count = Some(7);
            },
            ContainerState::Restarting,
        );
        let state = Concern::State("restarting".to_owned());
        let reasons = vec![Concern::OutOfMemory, state, Concern::Restarts(7)];
        assert_eq!(ended, (Condition::Unhealthy, reasons));
        let failing = judged(
            |c| {
                c.health = Health::Unhealthy;
                c.health_log = vec![HealthProbe {
                    start: None,
                    end: None,
                    exit_code: 1,
                    output: "refused\n".to_owned(),
                }];
            },
            ContainerState::Running,
        );
        let reason = Concern::HealthCheck("refused".to_owned());
        assert_eq!(failing, (Condition::Unhealthy, vec![reason]));
        let odd = judged(|_| {}, ContainerState::from("hibernating"));
        assert_eq!(odd.0, Condition::Degraded);
        let new = judged(|_| {}, ContainerState::Created);
        assert_eq!(new, (Condition::Unknown, vec![Concern::NeverStarted]));
        let crashed = judged(|c| c.exit_code = Some(2), ContainerState::Exited);
        assert_eq!(crashed, (Condition::Unhealthy, vec![Concern::Exit(2)]));
    }

    #[test]
    fn use_counts_where_it_is_known() {
        let running = container(ContainerState::Running);
        let mut usage = Usage {
            memory_bytes: Some(95),
            memory_limit_bytes: None,
            cpu_throttled_percent: Some(24.9),
            ..Usage::default()
        };
        assert_eq!(assess(&running, Some(&usage)).condition, Condition::Healthy);
        usage.memory_limit_bytes = Some(100);
        usage.cpu_throttled_percent = Some(40.0);
        let judged = assess(&running, Some(&usage));
        assert_eq!(judged.condition, Condition::Degraded);
        let told: Vec<String> = judged
            .reasons
            .iter()
            .map(|reason| reason.concern.to_string())
            .collect();
        assert_eq!(told, ["uses 95 % of its memory", "is held back 40 % of the time"]);
    }
}
