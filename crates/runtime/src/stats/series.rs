//! What is kept of one container's samples.
//!
//! Owns the last reading, from which the next sample is reckoned, and a bounded history. Pure.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use longshore_core::{Counters, Step, Steps, Timestamp, Usage};

/// Who read a container's counters. With Docker the figures do not depend on it; some of Podman's are better from files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SampleSource {
    /// The engine, asked through its API.
    Engine,
    /// We, from the files of its cgroup.
    Cgroup,
}

/// What a container used at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// When its counters were read, by the clock of who read them: the engine's, or with files ours.
    pub at: Timestamp,
    /// The same by a clock that is never set, since the sampler began.
    pub elapsed: Duration,
    /// Who read them.
    pub source: SampleSource,
    /// What they say. What needs two readings is unknown in a container's first sample.
    pub usage: Usage,
}

#[derive(Debug, Default)]
pub(super) struct Series {
    previous: Option<Counters>,
    /// When the run began that it was read in.
    run: Option<Timestamp>,
    samples: VecDeque<Arc<Sample>>,
    steps: Steps,
}

/// How much of a series is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kept {
    pub(super) samples: usize,
    pub(super) steps: usize,
    /// How long a step is.
    pub(super) step: Duration,
}

impl Kept {
    /// The last sample, and no past.
    pub(super) const LAST: Self = Self {
        samples: 1,
        steps: 0,
        step: Duration::ZERO,
    };
}

impl Series {
    /// Makes a sample of a reading in the run that began at `run` and keeps it, as far as `kept` says. `None` when the
    /// reading is none: the engine gives no time for one of a container that has just ended, and the same time twice for
    /// no new one.
    pub(super) fn add(
        &mut self,
        reading: Counters,
        run: Option<Timestamp>,
        (source, elapsed): (SampleSource, Duration),
        kept: Kept,
    ) -> Option<Arc<Sample>> {
        let is_same = self.previous.is_some_and(|previous| previous.at == reading.at);
        if is_same || reading.at == Timestamp::default() {
            return None;
        }
        // The counters of another run are others, also when they are higher.
        let previous = self.previous.filter(|_| self.run == run);
        let sample = Arc::new(Sample {
            at: reading.at,
            elapsed,
            source,
            usage: reading.usage(previous.as_ref()),
        });
        // The same is known of what the sample speaks for.
        let since = previous
            .and(self.latest())
            .map(|latest| elapsed.saturating_sub(latest.elapsed));
        if since.is_none() {
            self.steps.close(kept.steps);
        }
        let since = since.unwrap_or_default();
        self.steps
            .push(sample.at, since, &sample.usage, kept.step, kept.steps);
        (self.previous, self.run) = (Some(reading), run);
        self.samples.push_back(Arc::clone(&sample));
        while self.samples.len() > kept.samples.max(1) {
            self.samples.pop_front();
        }
        Some(sample)
    }

    /// Forgets the last reading: what comes next is so much later that a rate since then says nothing about now.
    pub(super) fn pause(&mut self) {
        self.previous = None;
    }

    pub(super) fn latest(&self) -> Option<&Arc<Sample>> {
        self.samples.back()
    }

    pub(super) fn steps(&self) -> Vec<Step> {
        self.steps.iter().copied().collect()
    }

    pub(super) fn history(&self) -> Vec<Arc<Sample>> {
        self.samples.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use longshore_core::CpuCounters;

    use super::*;

    const FIVE: Kept = Kept {
        samples: 5,
        steps: 5,
        step: Duration::from_secs(10),
    };
    const ENGINE: (SampleSource, Duration) = (SampleSource::Engine, Duration::ZERO);

    fn reading(secs: i64, cpu_ms: u64) -> Counters {
        Counters {
            at: Timestamp::from_secs(secs),
            cpu: CpuCounters {
                total_ns: Some(cpu_ms * 1_000_000),
                ..CpuCounters::default()
            },
            ..Counters::default()
        }
    }

    #[test]
    fn the_first_is_unknown_and_so_is_the_first_after_a_pause() {
        let mut series = Series::default();
        let percents = [reading(1, 0), reading(2, 500), reading(3, 100)].map(|reading| {
            series
                .add(reading, None, ENGINE, FIVE)
                .and_then(|sample| sample.usage.cpu_percent)
        });
        assert_eq!(
            percents,
            [None, Some(50.0), None],
            "first, half a processor, counter went back"
        );
        series.pause();
        assert_eq!(
            series
                .add(reading(9, 900), None, ENGINE, FIVE)
                .map(|sample| sample.usage.cpu_percent),
            Some(None)
        );
    }

    #[test]
    fn another_runs_counters_are_no_growth_even_when_they_are_higher() {
        let mut series = Series::default();
        let runs = [(1, 100, 1), (2, 600, 1), (3, 900, 2), (4, 1_400, 2)];
        let percents = runs.map(|(at, cpu, run)| {
            let run = Some(Timestamp::from_secs(run));
            let sample = series.add(reading(at, cpu), run, ENGINE, FIVE);
            sample.and_then(|sample| sample.usage.cpu_percent)
        });
        assert_eq!(percents, [None, Some(50.0), None, Some(50.0)]);
    }

    #[test]
    fn no_reading_makes_no_sample() {
        let mut series = Series::default();
        assert_eq!(series.add(reading(0, 0), None, ENGINE, FIVE), None);
        assert!(series.add(reading(1, 0), None, ENGINE, FIVE).is_some());
        assert_eq!(series.add(reading(1, 0), None, ENGINE, FIVE), None);
        assert_eq!(series.history().len(), 1);
    }

    #[test]
    fn history_is_bounded() {
        let mut series = Series::default();
        for n in 1..=20 {
            series.add(reading(n, 0), None, ENGINE, FIVE);
        }
        let held: Vec<i64> = series
            .history()
            .iter()
            .map(|sample| sample.at.as_secs())
            .collect();
        assert_eq!(held, [16, 17, 18, 19, 20]);
    }

    /// Bytes of memory that this process has.
    #[cfg(target_os = "linux")]
    fn resident() -> usize {
        let text = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let kilobytes: usize = line.trim().trim_end_matches(" kB").parse().unwrap();
        kilobytes * 1024
    }

    /// Measured and not reckoned: with what the allocator takes, and grown as it grows.
    #[cfg(target_os = "linux")]
    #[test]
    fn an_hour_of_a_thousand_containers_takes_less_than_sixty_megabytes() {
        // In a process of its own: what other tests of this one take meanwhile is not ours.
        const ALONE: &str = "LONGSHORE_MEASURED_ALONE";
        if std::env::var_os(ALONE).is_none() {
            let name =
                "stats::series::tests::an_hour_of_a_thousand_containers_takes_less_than_sixty_megabytes";
            let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
            let told = alone.args(["--exact", name]).env(ALONE, "1").output().unwrap();
            let text = String::from_utf8_lossy(&told.stdout);
            assert!(told.status.success() && text.contains("1 passed"), "{text}");
            return;
        }
        let config = crate::SamplerConfig::default();
        let kept = Kept {
            samples: config.history.min(config.history_total / 1_000),
            steps: config.steps.min(config.steps_total / 1_000),
            step: config.step,
        };
        let before = resident();
        let mut all: Vec<Series> = (0..1_000).map(|_| Series::default()).collect();
        // A minute more, so that the oldest steps have gone.
        for second in 1..=3_660_u32 {
            let elapsed = Duration::from_secs(second.into());
            for series in &mut all {
                let reading = reading(second.into(), u64::from(second) * 10);
                series.add(reading, None, (SampleSource::Cgroup, elapsed), kept);
            }
        }
        let took = resident() - before;
        assert!(all.iter().all(|series| series.steps.iter().len() == 360));
        let hour = all[0].steps.iter().map(Step::span).sum::<Duration>();
        assert_eq!(hour, Duration::from_secs(3_600));
        assert!(took < 60_000_000, "{took}");
    }
}
