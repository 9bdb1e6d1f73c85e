//! The last samples of one container, and what any part of them says: average, peak, percentile.
//!
//! Owns the ring and its bounds. Pure: times are handed in, by a clock that is never set.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Usage;

/// A figure of [`Usage`] that can be averaged and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// [`Usage::cpu_percent`]: percent of one processor.
    Cpu,
    /// [`Usage::cpu_limit_percent`]: percent of the container's own limit.
    CpuOfLimit,
    /// [`Usage::cpu_throttled_percent`]: percent of the time.
    Throttled,
    /// [`Usage::memory_bytes`].
    Memory,
    /// Memory in percent of what is allowed.
    MemoryOfLimit,
    /// [`Usage::net_rx_rate`]: bytes a second.
    NetRx,
    /// [`Usage::net_tx_rate`]: bytes a second.
    NetTx,
    /// [`Usage::block_read_rate`]: bytes a second.
    BlockRead,
    /// [`Usage::block_write_rate`]: bytes a second.
    BlockWrite,
    /// [`Usage::pids`].
    Pids,
}

impl Measure {
    /// The figure; `None` when it is not known.
    ///
    /// ```
    /// use longshore_core::{Measure, Usage};
    /// let usage = Usage { memory_bytes: Some(50), memory_limit_bytes: Some(200), ..Usage::default() };
    /// assert_eq!(Measure::MemoryOfLimit.of(&usage), Some(25.0));
    /// assert_eq!(Measure::Cpu.of(&usage), None);
    /// ```
    pub fn of(self, usage: &Usage) -> Option<f64> {
        match self {
            Self::Cpu => usage.cpu_percent,
            Self::CpuOfLimit => usage.cpu_limit_percent,
            Self::Throttled => usage.cpu_throttled_percent,
            Self::Memory => usage.memory_bytes.map(|bytes| bytes as f64),
            Self::MemoryOfLimit => {
                let limit = usage.memory_limit_bytes.filter(|limit| *limit > 0)?;
                Some(usage.memory_bytes? as f64 / limit as f64 * 100.0)
            }
            Self::NetRx => usage.net_rx_rate,
            Self::NetTx => usage.net_tx_rate,
            Self::BlockRead => usage.block_read_rate,
            Self::BlockWrite => usage.block_write_rate,
            Self::Pids => usage.pids.map(|pids| pids as f64),
        }
    }
}

/// A part of a window, by how long ago: everything since 30 s ago is `Span::last(30 s)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    oldest: Duration,
    newest: Duration,
}

impl Span {
    /// From `ago` until now.
    pub const fn last(ago: Duration) -> Self {
        Self::between(ago, Duration::ZERO)
    }

    /// From `oldest` ago until `newest` ago.
    pub const fn between(oldest: Duration, newest: Duration) -> Self {
        Self { oldest, newest }
    }
}

impl From<Duration> for Span {
    fn from(ago: Duration) -> Self {
        Self::last(ago)
    }
}

/// The last samples of one container, at most as many as its capacity and none older than its length. 280 bytes each.
///
/// A sample speaks for the time since the one before: a rate is the average over it. So an average is weighted by that
/// time, and is exact for what grows steadily however far apart the samples are; a peak and a percentile can only know
/// the samples. What is not known takes no part: an average over a part in which nothing was known is `None`.
///
/// ```
/// use std::time::Duration;
/// use longshore_core::{Measure, Span, Usage, Window};
///
/// let secs = Duration::from_secs;
/// let mut window = Window::new(secs(60), 100);
/// for (at, percent) in [(1, None), (2, Some(10.0)), (3, Some(30.0)), (4, Some(80.0))] {
///     window.push(secs(at), Usage { cpu_percent: percent, ..Usage::default() });
/// }
/// let now = secs(4);
/// assert_eq!(window.average(Measure::Cpu, Span::last(secs(60)), now), Some(40.0));
/// assert_eq!(window.peak(Measure::Cpu, Span::last(secs(60)), now), Some(80.0));
/// assert_eq!(window.average(Measure::Cpu, Span::between(secs(3), secs(1)), now), Some(20.0));
/// assert_eq!(window.average(Measure::NetRx, Span::last(secs(60)), now), None);
/// ```
#[derive(Debug, Clone)]
pub struct Window {
    length: Duration,
    capacity: usize,
    points: VecDeque<Point>,
}

#[derive(Debug, Clone, Copy)]
struct Point {
    at: Duration,
    /// The time that it speaks for.
    since: Duration,
    usage: Usage,
}

impl Window {
    /// An empty window. At least one sample is kept.
    pub fn new(length: Duration, capacity: usize) -> Self {
        Self {
            length,
            capacity: capacity.max(1),
            points: VecDeque::new(),
        }
    }

    /// Adds a sample, and drops what is too old or too many. A sample that is not later than the last is not taken.
    pub fn push(&mut self, at: Duration, usage: Usage) {
        let last = self.points.back().map(|point| point.at);
        if last.is_some_and(|last| last >= at) {
            return;
        }
        let since = last.map_or(Duration::ZERO, |last| at.saturating_sub(last));
        if self.points.len() >= self.capacity {
            self.points.pop_front();
        }
        self.points.push_back(Point { at, since, usage });
        let oldest = at.saturating_sub(self.length);
        while self.points.front().is_some_and(|point| point.at < oldest) {
            self.points.pop_front();
        }
    }

    /// Samples held.
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// The newest sample, and when it was taken.
    pub fn latest(&self) -> Option<(Duration, &Usage)> {
        self.points.back().map(|point| (point.at, &point.usage))
    }

    /// The average over a part, each sample weighted by the time that it speaks for; sizes (memory, processes) that were
    /// seen once are that.
    pub fn average(&self, measure: Measure, span: impl Into<Span>, now: Duration) -> Option<f64> {
        let (mut sum, mut weight, mut single) = (0.0, 0.0, None);
        for (point, value) in self.known(measure, span.into(), now) {
            let secs = point.since.as_secs_f64();
            sum += value * secs;
            weight += secs;
            single = Some(value);
        }
        if weight > 0.0 { Some(sum / weight) } else { single }
    }

    /// The highest sample of a part.
    pub fn peak(&self, measure: Measure, span: impl Into<Span>, now: Duration) -> Option<f64> {
        self.known(measure, span.into(), now)
            .map(|(_, value)| value)
            .reduce(f64::max)
    }

    /// The smallest sample of a part that at least `percent` percent of its samples do not exceed (nearest rank);
    /// `percent` outside 0 to 100 is the nearer of the two.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use longshore_core::{Measure, Usage, Window};
    /// let mut window = Window::new(Duration::from_secs(60), 100);
    /// for at in 1..=20 {
    ///     window.push(Duration::from_secs(at), Usage { pids: Some(at), ..Usage::default() });
    /// }
    /// let all = Duration::from_secs(60);
    /// assert_eq!(window.percentile(Measure::Pids, 95.0, all, Duration::from_secs(20)), Some(19.0));
    /// assert_eq!(window.percentile(Measure::Pids, 0.0, all, Duration::from_secs(20)), Some(1.0));
    /// ```
    pub fn percentile(
        &self,
        measure: Measure,
        percent: f64,
        span: impl Into<Span>,
        now: Duration,
    ) -> Option<f64> {
        let mut values: Vec<f64> = self
            .known(measure, span.into(), now)
            .map(|(_, value)| value)
            .collect();
        values.sort_by(f64::total_cmp);
        let share = (percent / 100.0).clamp(0.0, 1.0);
        // NaN and what is negative become 0, as a cast does.
        let rank = (share * values.len() as f64).ceil() as usize;
        values.get(rank.saturating_sub(1)).copied()
    }

    fn known(&self, measure: Measure, span: Span, now: Duration) -> impl Iterator<Item = (&Point, f64)> {
        let oldest = now.saturating_sub(span.oldest.min(self.length));
        let newest = now.saturating_sub(span.newest);
        // The first moment of a part belongs to the sample before it.
        let is_in = move |at: Duration| at <= newest && (at > oldest || (oldest.is_zero() && at.is_zero()));
        self.points
            .iter()
            .filter(move |point| is_in(point.at))
            .filter_map(move |point| Some((point, measure.of(&point.usage)?)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn cpu(percent: Option<f64>) -> Usage {
        Usage {
            cpu_percent: percent,
            ..Usage::default()
        }
    }

    #[test]
    fn an_average_is_weighted_by_time_and_leaves_out_what_is_unknown() {
        let mut window = Window::new(secs(100), 10);
        window.push(secs(10), cpu(None));
        window.push(secs(11), cpu(Some(100.0)));
        window.push(secs(20), cpu(Some(0.0)));
        window.push(secs(30), cpu(None));
        assert_eq!(window.average(Measure::Cpu, secs(60), secs(30)), Some(10.0));
        assert_eq!(
            window.average(Measure::Cpu, secs(5), secs(30)),
            None,
            "only an unknown one"
        );
        assert_eq!(
            window.average(Measure::Cpu, secs(60), secs(200)),
            None,
            "nothing so late"
        );
    }

    #[test]
    fn a_size_that_was_seen_once_is_known() {
        let mut window = Window::new(secs(100), 10);
        let usage = Usage {
            memory_bytes: Some(7),
            ..Usage::default()
        };
        window.push(secs(1), usage);
        assert_eq!(window.average(Measure::Memory, secs(60), secs(1)), Some(7.0));
    }

    #[test]
    fn it_is_bounded_by_number_and_by_age() {
        let mut window = Window::new(secs(10), 1_000_000);
        (1..=100).for_each(|at| window.push(secs(at), cpu(Some(1.0))));
        assert_eq!(window.len(), 11);
        window.push(secs(100), cpu(Some(9.0)));
        window.push(secs(5), cpu(Some(9.0)));
        assert_eq!(
            window.peak(Measure::Cpu, secs(60), secs(100)),
            Some(1.0),
            "not later than the last"
        );
        let mut window = Window::new(secs(1_000), 3);
        (1..=100).for_each(|at| window.push(secs(at), cpu(Some(at as f64))));
        assert_eq!(
            (window.len(), window.peak(Measure::Cpu, secs(99), secs(100))),
            (3, Some(100.0))
        );
        assert!(size_of::<Point>() <= 280, "{}", size_of::<Point>());
    }

    proptest! {
        #[test]
        fn average_and_percentiles_lie_between_the_extremes(
            values in prop::collection::vec(prop::option::of(0.0..1e9_f64), 1..60),
            percent in -10.0..110.0_f64, oldest in 0..70_u64, newest in 0..70_u64,
        ) {
            let mut window = Window::new(secs(50), 40);
            for (at, value) in values.iter().enumerate() {
                window.push(secs(at as u64 + 1), cpu(*value));
            }
            let (now, span) = (secs(values.len() as u64), Span::between(secs(oldest), secs(newest)));
            let of = |percent| window.percentile(Measure::Cpu, percent, span, now);
            let (low, high) = (of(0.0), window.peak(Measure::Cpu, span, now));
            prop_assert_eq!(of(100.0), high);
            prop_assert_eq!(low.is_some(), high.is_some());
            let average = window.average(Measure::Cpu, span, now);
            prop_assert_eq!(average.is_some(), high.is_some());
            for value in [of(percent), average].into_iter().flatten() {
                let (low, high) = (low.unwrap(), high.unwrap());
                prop_assert!(value >= low * 0.999_999 && value <= high * 1.000_001, "{} {} {}", low, value, high);
            }
        }
    }
}
