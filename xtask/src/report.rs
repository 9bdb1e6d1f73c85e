//! What a run of several steps tells: a header and a time for each, and one summary at the end.
//! The steps themselves are with the callers.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Tests counted by the runners, and checks counted as one each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Counts {
    /// A check that is not made of tests.
    pub(crate) const ONE: Self = Self {
        passed: 1,
        failed: 0,
        skipped: 0,
    };

    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// A step that did not pass, with what its runner counted all the same.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) counts: Counts,
    pub(crate) error: anyhow::Error,
}

impl From<anyhow::Error> for Failed {
    fn from(error: anyhow::Error) -> Self {
        Self {
            counts: Counts {
                failed: 1,
                ..Counts::default()
            },
            error,
        }
    }
}

#[derive(Debug)]
enum Outcome {
    Passed(Counts),
    Failed(Counts, String),
    LeftOut(&'static str),
}

#[derive(Debug)]
struct Line {
    name: String,
    took: Duration,
    outcome: Outcome,
}

/// The steps of one run, in order.
#[derive(Debug)]
pub(crate) struct Report {
    begun: Instant,
    lines: Vec<Line>,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self {
            begun: Instant::now(),
            lines: Vec::new(),
        }
    }

    /// Runs a step and notes how it went; a failure does not end the run, so that one run shows everything.
    /// True when it passed.
    pub(crate) async fn step(
        &mut self,
        name: &str,
        work: impl Future<Output = Result<Counts, Failed>>,
    ) -> bool {
        eprintln!("\n=== {name}");
        let begun = Instant::now();
        let outcome = match work.await {
            Ok(counts) => Outcome::Passed(counts),
            Err(failed) => Outcome::Failed(failed.counts, format!("{:#}", failed.error)),
        };
        let took = begun.elapsed();
        let passed = matches!(outcome, Outcome::Passed(_));
        if let Outcome::Failed(_, error) = &outcome {
            eprintln!("{error}");
        }
        eprintln!(
            "=== {name}: {} in {:.1} s",
            if passed { "passed" } else { "FAILED" },
            took.as_secs_f64()
        );
        self.lines.push(Line {
            name: name.to_owned(),
            took,
            outcome,
        });
        passed
    }

    /// Notes a step that this run does not do.
    pub(crate) fn left_out(&mut self, name: &str, why: &'static str) {
        self.lines.push(Line {
            name: name.to_owned(),
            took: Duration::ZERO,
            outcome: Outcome::LeftOut(why),
        });
    }

    /// Prints the summary; its last line, `N passed, N failed`, goes to standard output.
    ///
    /// # Errors
    /// When a step failed.
    pub(crate) fn close(self) -> Result<()> {
        let mut sum = Counts::default();
        let mut failed = Vec::new();
        eprintln!("\n=== summary ({:.0} s)", self.begun.elapsed().as_secs_f64());
        for line in &self.lines {
            let seconds = line.took.as_secs_f64();
            match &line.outcome {
                Outcome::Passed(counts) => {
                    sum.add(*counts);
                    eprintln!("  passed  {seconds:>7.1} s  {} ({})", line.name, counts.passed);
                }
                Outcome::Failed(counts, error) => {
                    sum.add(*counts);
                    failed.push(line.name.as_str());
                    let first = error.lines().next().unwrap_or_default();
                    eprintln!("  FAILED  {seconds:>7.1} s  {}: {first}", line.name);
                }
                Outcome::LeftOut(why) => eprintln!("  left out          {}: {why}", line.name),
            }
        }
        println!("{} passed, {} failed", sum.passed, sum.failed);
        if !failed.is_empty() {
            bail!("failed: {}", failed.join(", "));
        }
        if sum.passed == 0 {
            bail!("no test ran");
        }
        Ok(())
    }
}

/// Reads what a runner counted from what it printed: nextest, rustdoc's tests and vitest.
pub(crate) fn counts_in(output: &str) -> Counts {
    let mut sum = Counts::default();
    for line in output.lines() {
        let line = plain(line);
        let line = line.trim();
        // nextest: "Summary [ 0.4s] 3 tests run: 3 passed (1 slow), 1 failed, 54 skipped"
        // rustdoc: "test result: ok. 3 passed; 0 failed; 0 ignored; …"      vitest: "Tests  2 failed | 31 passed (33)"
        let told =
            line.starts_with("Summary [") || line.starts_with("test result:") || line.starts_with("Tests ");
        if told {
            sum.add(Counts {
                passed: number_before(line, " passed"),
                failed: number_before(line, " failed") + number_before(line, " timed out"),
                skipped: number_before(line, " skipped") + number_before(line, " ignored"),
            });
        }
    }
    sum
}

fn number_before(line: &str, word: &str) -> u64 {
    let Some(end) = line.find(word) else { return 0 };
    let digits = line[..end]
        .rsplit(|c: char| !c.is_ascii_digit())
        .next()
        .unwrap_or_default();
    digits.parse().unwrap_or(0)
}

/// The line without its colours.
fn plain(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            chars.by_ref().find(char::is_ascii_alphabetic);
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runners_lines_are_read() {
        let nextest = "\u{1b}[32m     Summary\u{1b}[0m [   0.472s] 3 tests run: 2 passed (1 slow), 1 timed out, 54 skipped";
        assert_eq!(
            counts_in(nextest),
            Counts {
                passed: 2,
                failed: 1,
                skipped: 54
            }
        );
        let rustdoc =
            "test result: ok. 4 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s";
        assert_eq!(
            counts_in(&format!("{rustdoc}\nnoise 7 passed\n{rustdoc}")),
            Counts {
                passed: 8,
                failed: 0,
                skipped: 2
            }
        );
        let vitest = " Test Files  3 passed (3)\n      Tests  \u{1b}[31m2 failed\u{1b}[39m | 31 passed (33)";
        assert_eq!(
            counts_in(vitest),
            Counts {
                passed: 31,
                failed: 2,
                skipped: 0
            }
        );
        assert_eq!(counts_in(""), Counts::default());
    }
}
