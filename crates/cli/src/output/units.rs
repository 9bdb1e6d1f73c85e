//! Figures as people read them. Unknown is a dash, never 0.

/// What stands for a figure that is not known.
pub(crate) const UNKNOWN: &str = "-";

/// Bytes in binary units, three digits: `512 B`, `1.50 KiB`, `23.4 MiB`.
pub(crate) fn bytes(value: Option<u64>) -> String {
    let Some(value) = value else {
        return UNKNOWN.to_owned();
    };
    if value < 1024 {
        return format!("{value} B");
    }
    let mut scaled = value as f64;
    let mut unit = "B";
    for next in ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] {
        if scaled < 1000.0 {
            break;
        }
        scaled /= 1024.0;
        unit = next;
    }
    let digits = if scaled < 9.995 {
        2
    } else if scaled < 99.95 {
        1
    } else {
        0
    };
    format!("{scaled:.digits$} {unit}")
}

/// A percentage with one digit behind the point.
pub(crate) fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), |value| format!("{value:.1}%"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits() {
        let shown = [
            None,
            Some(0),
            Some(1023),
            Some(1024),
            Some(24_536_678),
            Some(1 << 30),
            Some(u64::MAX),
        ]
        .map(bytes);
        assert_eq!(
            shown,
            [
                "-", "0 B", "1023 B", "1.00 KiB", "23.4 MiB", "1.00 GiB", "16.0 EiB"
            ]
        );
        assert_eq!(
            [None, Some(0.04), Some(250.0)].map(percent),
            ["-", "0.0%", "250.0%"]
        );
    }
}
