//! A figure that is too high or too low for a time: a state, and a step.
//!
//! Owns holding and hysteresis. Pure: times are handed in, by a clock that is never set.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Measure;

/// When a figure is to be told of, and when it is well again.
///
/// ```
/// use std::time::Duration;
/// use longshore_core::{Measure, Threshold};
/// // Told after half a minute above 90 %, and well again after as long below 80 %.
/// let busy = Threshold::above(Measure::CpuOfLimit, 90.0).clears_at(80.0).hold(Duration::from_secs(30));
/// assert_eq!(busy.clear, 80.0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// What is looked at, in the unit of [`Measure`].
    pub measure: Measure,
    /// Whether above or below is bad.
    pub above: bool,
    /// Past this it is bad; exactly this is not.
    pub raise: f64,
    /// Not past this it is well. Between the two nothing changes. Default: `raise`.
    pub clear: f64,
    /// For how long without a break it must be bad to be told, and well to be well. Default: none, one sample.
    pub hold: Duration,
}

impl Threshold {
    /// Bad above `raise`.
    pub fn above(measure: Measure, raise: f64) -> Self {
        Self {
            measure,
            above: true,
            raise,
            clear: raise,
            hold: Duration::ZERO,
        }
    }

    /// Bad below `raise`.
    pub fn below(measure: Measure, raise: f64) -> Self {
        Self {
            above: false,
            ..Self::above(measure, raise)
        }
    }

    /// Sets [`Self::clear`]. One on the bad side of [`Self::raise`] would make both true at once and counts as `raise`.
    #[must_use]
    pub fn clears_at(mut self, clear: f64) -> Self {
        self.clear = if self.above {
            clear.min(self.raise)
        } else {
            clear.max(self.raise)
        };
        self
    }

    /// Sets [`Self::hold`].
    #[must_use]
    pub fn hold(mut self, hold: Duration) -> Self {
        self.hold = hold;
        self
    }

    fn is_bad(&self, value: f64) -> bool {
        if self.above {
            value > self.raise
        } else {
            value < self.raise
        }
    }

    fn is_well(&self, value: f64) -> bool {
        // Also where the fields were set so that they cross.
        let is_cleared = if self.above {
            value <= self.clear
        } else {
            value >= self.clear
        };
        is_cleared && !self.is_bad(value)
    }
}

/// That a threshold was crossed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Crossing {
    /// It has been bad for as long as it must be.
    Raised,
    /// It is well again.
    Cleared,
}

/// Where a [`Threshold`] stands for one container.
///
/// | | bad | between | well | unknown |
/// |---|---|---|---|---|
/// | quiet | bad for `hold`: **raised** | starts over | starts over | starts over |
/// | raised | starts over | starts over | well for `hold`: **cleared** | starts over |
///
/// What is unknown never raises and never clears: nobody saw that it held.
///
/// ```
/// use std::time::Duration;
/// use longshore_core::{Crossing, Measure, Threshold, ThresholdState};
/// let threshold = Threshold::above(Measure::Cpu, 90.0).hold(Duration::from_secs(2));
/// let mut state = ThresholdState::default();
/// let mut step = |at, value| state.step(&threshold, Duration::from_secs(at), value);
/// assert_eq!(step(1, Some(95.0)), None);
/// assert_eq!(step(2, Some(95.0)), None);
/// assert_eq!(step(3, Some(95.0)), Some(Crossing::Raised));
/// assert_eq!(step(4, Some(95.0)), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ThresholdState {
    is_raised: bool,
    /// Since when it has been on the other side without a break.
    since: Option<Duration>,
}

impl ThresholdState {
    /// Takes the value of one sample.
    pub fn step(&mut self, threshold: &Threshold, at: Duration, value: Option<f64>) -> Option<Crossing> {
        let is_crossing = value.is_some_and(|value| match self.is_raised {
            false => threshold.is_bad(value),
            true => threshold.is_well(value),
        });
        if !is_crossing {
            self.since = None;
            return None;
        }
        let since = *self.since.get_or_insert(at);
        if at.saturating_sub(since) < threshold.hold {
            return None;
        }
        self.since = None;
        self.is_raised = !self.is_raised;
        Some(match self.is_raised {
            true => Crossing::Raised,
            false => Crossing::Cleared,
        })
    }

    /// Whether it is bad.
    pub fn is_raised(&self) -> bool {
        self.is_raised
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(threshold: Threshold, values: &[Option<f64>]) -> Vec<(usize, Crossing)> {
        let mut state = ThresholdState::default();
        let step = |(at, value): (usize, &Option<f64>)| {
            Some((
                at,
                state.step(&threshold, Duration::from_secs(at as u64), *value)?,
            ))
        };
        values.iter().enumerate().filter_map(step).collect()
    }

    #[test]
    fn it_holds_and_clears_with_hysteresis() {
        let high = Threshold::above(Measure::Cpu, 90.0)
            .clears_at(80.0)
            .hold(Duration::from_secs(2));
        let values = [91, 95, 85, 91, 91, 91, 85, 79, 81, 80, 80, 80, 70].map(|value| Some(f64::from(value)));
        assert_eq!(
            told(high, &values),
            [(5, Crossing::Raised), (11, Crossing::Cleared)]
        );
        let low = Threshold::below(Measure::Cpu, 10.0).clears_at(20.0);
        let values = [15, 10, 9, 15, 19, 20, 5].map(|value| Some(f64::from(value)));
        assert_eq!(
            told(low, &values),
            [
                (2, Crossing::Raised),
                (5, Crossing::Cleared),
                (6, Crossing::Raised)
            ]
        );
    }

    #[test]
    fn unknown_neither_raises_nor_clears() {
        let high = Threshold::above(Measure::Cpu, 90.0).hold(Duration::from_secs(1));
        let bad = Some(99.0);
        assert_eq!(told(high, &[bad, None, bad, None, bad, None]), []);
        let values = [bad, bad, None, Some(0.0), None, Some(0.0), Some(0.0)];
        assert_eq!(
            told(high, &values),
            [(1, Crossing::Raised), (6, Crossing::Cleared)]
        );
        assert_eq!(told(high, &[Some(f64::NAN); 5]), [], "not a number");
    }

    #[test]
    fn levels_that_cross_do_not_flap() {
        assert_eq!(Threshold::above(Measure::Cpu, 50.0).clears_at(70.0).clear, 50.0);
        let crossed = Threshold {
            clear: 70.0,
            ..Threshold::above(Measure::Cpu, 50.0)
        };
        assert_eq!(told(crossed, &[Some(60.0); 9]), [(0, Crossing::Raised)]);
    }

    proptest! {
        #[test]
        fn crossings_alternate_and_are_earned(
            values in prop::collection::vec(prop::option::of(0..100_u8), 0..200), hold in 0..5_u64,
        ) {
            let values: Vec<Option<f64>> = values.into_iter().map(|value| value.map(f64::from)).collect();
            let threshold = Threshold::above(Measure::Cpu, 60.0).clears_at(40.0).hold(Duration::from_secs(hold));
            for (n, (at, crossing)) in told(threshold, &values).into_iter().enumerate() {
                let expected = if n % 2 == 0 { Crossing::Raised } else { Crossing::Cleared };
                prop_assert_eq!(crossing, expected);
                for value in &values[at - hold as usize..=at] {
                    let value = value.unwrap();
                    let is_earned = if n % 2 == 0 { value > 60.0 } else { value <= 40.0 };
                    prop_assert!(is_earned);
                }
            }
        }
    }
}
