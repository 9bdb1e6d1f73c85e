//! Medians, percentiles and spreads.

/// Sorted samples.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures(Vec<f64>);

impl Figures {
    pub(crate) fn of(mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        Self(samples)
    }

    /// The value below which a part of the samples lies (nearest rank); `None` without samples.
    pub(crate) fn at(&self, part: f64) -> Option<f64> {
        let last = self.0.len().checked_sub(1)?;
        let rank = (part * last as f64).round() as usize;
        self.0.get(rank.min(last)).copied()
    }

    pub(crate) fn median(&self) -> Option<f64> {
        self.at(0.5)
    }
}

/// Microseconds for people: three digits and a unit.
pub(crate) fn shown(us: Option<f64>) -> String {
    match us {
        None => "–".to_owned(),
        Some(us) if us >= 1e6 => format!("{:.2} s", us / 1e6),
        Some(us) if us >= 100_000.0 => format!("{:.0} ms", us / 1e3),
        Some(us) if us >= 10_000.0 => format!("{:.1} ms", us / 1e3),
        Some(us) if us >= 1_000.0 => format!("{:.2} ms", us / 1e3),
        Some(us) if us >= 100.0 => format!("{us:.0} µs"),
        Some(us) => format!("{us:.1} µs"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples_that_were_taken() {
        let figures = Figures::of(vec![3.0, 1.0, 2.0, 5.0, 4.0]);
        assert_eq!(
            (figures.median(), figures.at(0.0), figures.at(1.0)),
            (Some(3.0), Some(1.0), Some(5.0))
        );
        assert_eq!(Figures::default().median(), None);
    }

    #[test]
    fn units_follow_the_size() {
        assert_eq!(shown(Some(42.26)), "42.3 µs");
        assert_eq!(shown(Some(1_234.0)), "1.23 ms");
        assert_eq!(shown(Some(143_000.0)), "143 ms");
        assert_eq!(shown(None), "–");
    }
}
