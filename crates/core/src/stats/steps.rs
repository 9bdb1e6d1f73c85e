//! A long past in little memory: what a container used, ten seconds (or so) at a time.
//!
//! Owns the fold of samples to steps and the bound on them. Pure: times are handed in.

use std::collections::VecDeque;
use std::time::Duration;

use crate::{Measure, Timestamp, Usage};

/// What is kept of a step, each as its mean and its highest value.
const KEPT: [Measure; 7] = [
    Measure::Cpu,
    Measure::Memory,
    Measure::NetRx,
    Measure::NetTx,
    Measure::BlockRead,
    Measure::BlockWrite,
    Measure::Pids,
];

/// Room for so many is taken at once, an hour of ten seconds each.
const AT_ONCE: usize = 360;

/// What a container used over a while: 72 bytes. Figures are kept to seven digits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// When its last sample was read, by the clock of who read it.
    pub at: Timestamp,
    /// How many seconds its samples speak for.
    seconds: f32,
    /// Of each that is kept; not a number where it is not known.
    means: [f32; KEPT.len()],
    peaks: [f32; KEPT.len()],
}

impl Step {
    /// For how long its samples speak.
    pub fn span(&self) -> Duration {
        Duration::try_from_secs_f32(self.seconds).unwrap_or_default()
    }

    /// The mean over its time; `None` where nothing is known, and for what is not kept (shares of a limit, time held back).
    pub fn average(&self, measure: Measure) -> Option<f64> {
        known(&self.means, measure)
    }

    /// The highest of its samples; `None` as above.
    pub fn peak(&self, measure: Measure) -> Option<f64> {
        known(&self.peaks, measure)
    }
}

fn known(figures: &[f32; KEPT.len()], measure: Measure) -> Option<f64> {
    let at = KEPT.iter().position(|kept| *kept == measure)?;
    figures
        .get(at)
        .filter(|figure| !figure.is_nan())
        .copied()
        .map(f64::from)
}

/// The steps of one container, the last ones of many.
///
/// A sample speaks for the time since the one before. A step is over with the first sample of another: one that is more
/// than `length` after its beginning. What is not known takes no part in a mean.
///
/// ```
/// use std::time::Duration;
/// use longshore_core::{Measure, Steps, Timestamp, Usage};
/// let mut steps = Steps::default();
/// for second in 0..25 {
///     let usage = Usage { cpu_percent: (second > 0).then(|| f64::from(second)), ..Usage::default() };
///     let since = Duration::from_secs(u64::from(second > 0));
///     steps.push(Timestamp::from_secs(second.into()), since, &usage, Duration::from_secs(10), 360);
/// }
/// let averages: Vec<_> = steps.iter().map(|step| step.average(Measure::Cpu)).collect();
/// assert_eq!(averages, [Some(5.5), Some(15.5)]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Steps {
    done: VecDeque<Step>,
    open: Option<Open>,
}

/// A step that goes on.
#[derive(Debug, Clone)]
struct Open {
    at: Timestamp,
    seconds: f64,
    /// Sums of figure times seconds, and the seconds in which it was known.
    sums: [(f64, f64); KEPT.len()],
    peaks: [f32; KEPT.len()],
}

impl Steps {
    /// Takes in a sample that speaks for the time `since`: zero for the first, and where nobody knows what was before it.
    /// Keeps `kept` steps of `length` each.
    pub fn push(&mut self, at: Timestamp, since: Duration, usage: &Usage, length: Duration, kept: usize) {
        let seconds = since.as_secs_f64();
        // A millisecond more or less is no reason to begin another.
        let longest = length.as_secs_f64() + 1e-3;
        if self
            .open
            .as_ref()
            .is_some_and(|open| open.seconds + seconds > longest)
        {
            self.close(kept);
        }
        let open = self.open.get_or_insert(Open {
            at,
            seconds: 0.0,
            sums: [(0.0, 0.0); KEPT.len()],
            peaks: [f32::NAN; KEPT.len()],
        });
        open.at = at;
        open.seconds += seconds;
        // The first of all speaks for no time; its figures count all the same.
        let weight = seconds.max(1e-9);
        for ((measure, (sum, weights)), peak) in KEPT.iter().zip(&mut open.sums).zip(&mut open.peaks) {
            if let Some(figure) = measure.of(usage) {
                *sum += figure * weight;
                *weights += weight;
                // The other of the two where one is not a number.
                *peak = peak.max(short(figure));
            }
        }
    }

    /// Something else begins (another run, a time after a pause): what comes next is a step of its own, however soon.
    pub fn close(&mut self, kept: usize) {
        let Some(open) = self.open.take() else { return };
        if kept == 0 {
            return self.done.clear();
        }
        while self.done.len() >= kept {
            self.done.pop_front();
        }
        if self.done.len() == self.done.capacity() {
            // At once and no more than is kept: what grows by doubling leaves holes, which took as much again.
            let room = kept.saturating_sub(self.done.len());
            self.done.reserve_exact(room.min(self.done.len().max(AT_ONCE)));
        }
        self.done.push_back(Step {
            at: open.at,
            seconds: short(open.seconds),
            // Nothing known in no time is not a number.
            means: open.sums.map(|(sum, weights)| short(sum / weights)),
            peaks: open.peaks,
        });
    }

    /// Those that are over, oldest first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Step> {
        self.done.iter()
    }
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "seven digits are enough for a chart"
)]
fn short(figure: f64) -> f32 {
    figure as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: Duration = Duration::from_secs(10);

    fn push(steps: &mut Steps, second: i64, since: u64, cpu: Option<f64>) {
        let usage = Usage {
            cpu_percent: cpu,
            ..Usage::default()
        };
        let (at, since) = (Timestamp::from_secs(second), Duration::from_secs(since));
        steps.push(at, since, &usage, LENGTH, 5);
    }

    fn told(steps: &Steps) -> Vec<(i64, f32, Option<f64>, Option<f64>)> {
        let cpu = Measure::Cpu;
        steps
            .iter()
            .map(|step| {
                (
                    step.at.as_secs(),
                    step.span().as_secs_f32(),
                    step.average(cpu),
                    step.peak(cpu),
                )
            })
            .collect()
    }

    #[test]
    fn means_are_weighted_by_time_and_unknown_takes_no_part() {
        let mut steps = Steps::default();
        push(&mut steps, 0, 0, None);
        push(&mut steps, 1, 1, Some(100.0));
        push(&mut steps, 5, 4, Some(10.0));
        push(&mut steps, 6, 1, None);
        push(&mut steps, 11, 5, Some(7.0));
        assert_eq!(told(&steps), [(6, 6.0, Some(28.0), Some(100.0))]);
        let step = steps.iter().next().unwrap();
        assert_eq!(
            (step.average(Measure::Memory), step.peak(Measure::Throttled)),
            (None, None)
        );
    }

    #[test]
    fn a_pause_and_a_new_run_begin_a_step() {
        let mut steps = Steps::default();
        push(&mut steps, 0, 0, Some(50.0));
        push(&mut steps, 60, 60, Some(30.0));
        push(&mut steps, 61, 1, Some(90.0));
        steps.close(5);
        steps.close(5);
        assert_eq!(
            told(&steps),
            [
                (0, 0.0, Some(50.0), Some(50.0)),
                (60, 60.0, Some(30.0), Some(30.0)),
                (61, 1.0, Some(90.0), Some(90.0))
            ]
        );
    }

    #[test]
    fn the_oldest_go_and_an_hour_of_a_thousand_is_small() {
        let mut steps = Steps::default();
        for second in 0..200 {
            push(&mut steps, second, 1, Some(1.0));
        }
        let ends: Vec<_> = told(&steps).into_iter().map(|(at, ..)| at).collect();
        assert_eq!(ends, [149, 159, 169, 179, 189]);
        assert!(
            size_of::<Step>() * 360 * 1_000 < 26_000_000,
            "{}",
            size_of::<Step>()
        );
    }
}
