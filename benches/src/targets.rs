//! What was to be reached, beside what was: the first table of the page.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::{
    ends::{Endings, Pulls},
    figures::{Figures, shown},
    inner::Inner,
    monitor::Outcome,
    op::Op,
    report::{self, Column},
    transfer::Transfer,
};

/// One target.
pub(crate) struct Target {
    what: Cow<'static, str>,
    limit: Cow<'static, str>,
    measured: String,
    reached: Option<bool>,
}

impl Target {
    fn new(
        what: impl Into<Cow<'static, str>>,
        limit: impl Into<Cow<'static, str>>,
        measured: Option<f64>,
        most: f64,
        text: impl Fn(f64) -> String,
    ) -> Self {
        Self {
            what: what.into(),
            limit: limit.into(),
            measured: measured.map_or_else(|| "not measured".to_owned(), text),
            reached: measured.map(|value| value <= most),
        }
    }
}

/// The targets that an operation's columns decide; ours is the first column.
pub(crate) fn of_operation(op: Op, columns: &[Column]) -> Option<Target> {
    let named = |name: &str| columns.iter().find(|column| column.name.starts_with(name));
    let ours = columns.first()?;
    let over = || Some(difference(ours, named("hand-written")?));
    match op {
        Op::Ping => Some(Target::new(
            "ping, over a hand-written kept connection",
            "25 µs",
            over()?,
            25.0,
            |us| format!("{us:+.1} µs"),
        )),
        Op::Inspect => Some(Target::new(
            "inspect, over a hand-written kept connection",
            "25 µs",
            over()?,
            25.0,
            |us| format!("{us:+.1} µs"),
        )),
        Op::List => {
            let ratio = named("bollard")
                .and_then(report::processor)
                .zip(report::processor(ours))
                .map(|(theirs, ours)| ours / theirs);
            Some(Target::new(
                "list of 200, client processor time against bollard's",
                "0.50",
                ratio,
                0.5,
                |ratio| format!("{ratio:.2}"),
            ))
        }
        Op::Many => Some(Target::new(
            "200 containers through create, start, remove, against a bare loop",
            "1.10",
            ratio(ours, named("hand-written")?),
            1.1,
            |ratio| format!("{ratio:.3}"),
        )),
        Op::Lifecycle | Op::Exec => None,
    }
}

/// The targets of the transfers.
pub(crate) fn of_transfer(bulk: &Transfer) -> [Target; 2] {
    let copies = { bulk.copy_in.1 }.zip(bulk.copy_out.1).map(|(a, b)| a.max(b));
    // A ratio that is to be large, as one that is to be small.
    let slowdown = bulk.output_ratio.median().map(|ratio| 1.0 / ratio);
    [
        Target::new(
            "512 MiB of output, time against bare socket reads",
            "1.18 (85 % of the rate)",
            slowdown,
            1.0 / 0.85,
            |ratio| format!("{ratio:.2} ({:.0} % of the rate)", 100.0 / ratio),
        ),
        Target::new("2 GiB copied in and out, memory", "20 MB", copies, 20.0, |mb| {
            format!("{mb:.1} MB")
        }),
    ]
}

/// The targets of commands under a limit: every one of them counts.
pub(crate) fn of_endings(endings: &Endings) -> [Target; 2] {
    let most = endings
        .trees
        .iter()
        .filter_map(|(_, took)| took.at(1.0))
        .reduce(f64::max);
    [
        Target::new(
            "a tree under a limit of 0.5 s is proven to have ended, at the most",
            "0.65 s",
            most,
            650e3,
            |us| shown(Some(us)),
        ),
        Target::new(
            "the same where only ending the container helps, at the most",
            "1.0 s",
            endings.container.at(1.0),
            1e6,
            |us| shown(Some(us)),
        ),
    ]
}

/// The target of the pulls: the larger difference of medians.
pub(crate) fn of_pulls(pulls: &Pulls) -> Option<Target> {
    let over = |ours: &Figures, theirs: &Figures| Some(ours.median()? - theirs.median()?);
    let most = pulls.0.iter().filter_map(|(_, ours, theirs)| over(ours, theirs));
    Some(Target::new(
        "a pull from a local registry, over `docker pull`",
        "20 ms",
        most.reduce(f64::max),
        20e3,
        |us| format!("{:+.1} ms", us / 1e3),
    ))
}

/// The targets of the fake engine's run.
pub(crate) fn of_inner(inner: &Inner) -> [Target; 4] {
    let us = |us| shown(Some(us));
    [
        Target::new(
            "event at our socket to subscriber, p99",
            "1 ms",
            inner.latency.at(0.99),
            1e3,
            us,
        ),
        Target::new(
            "event decoded and fanned out to 10, processor time in a flood",
            "5 µs",
            inner.cpu_in_flood,
            5.0,
            us,
        ),
        Target::new(
            "mirror, one container by id",
            "1 µs",
            Some(inner.read),
            1.0,
            |us| format!("{:.0} ns", us * 1e3),
        ),
        Target::new("mirror, list of 10,000", "1 ms", Some(inner.list), 1e3, us),
    ]
}

pub(crate) fn of_monitor(outcomes: &[Outcome]) -> Vec<Target> {
    let mut targets = Vec::new();
    for outcome in outcomes {
        let load = outcome.load;
        let what = format!(
            "{} subscribers at {} events a second",
            load.subscribers, load.rate
        );
        let whole = outcome.came == outcome.due;
        targets.push(Target::new(
            format!("event monitor, {what}, p99"),
            shown(Some(load.limit)),
            outcome.latency.at(0.99).filter(|_| whole),
            load.limit,
            |us| shown(Some(us)),
        ));
        targets.push(Target::new(
            format!("event monitor, {what}, the server's processor time"),
            "30 %",
            Some(outcome.percent),
            30.0,
            |percent| format!("{percent:.1} %"),
        ));
    }
    targets
}

/// The median over rounds of the difference between two columns' medians in the same round.
fn difference(ours: &Column, theirs: &Column) -> Option<f64> {
    let median = |run: &crate::op::Run| Figures::of(run.us.clone()).median();
    let pairs = ours.rounds.iter().zip(&theirs.rounds);
    Figures::of(pairs.filter_map(|(a, b)| Some(median(a)? - median(b)?)).collect()).median()
}

/// The median over rounds of the ratio of two columns' medians in the same round.
fn ratio(ours: &Column, theirs: &Column) -> Option<f64> {
    let median = |run: &crate::op::Run| Figures::of(run.us.clone()).median();
    let pairs = ours.rounds.iter().zip(&theirs.rounds);
    Figures::of(pairs.filter_map(|(a, b)| Some(median(a)? / median(b)?)).collect()).median()
}

/// The table.
pub(crate) fn table(targets: &[Target]) -> String {
    let mut text = "| target | at most | measured | |\n|---|---|---|---|\n".to_owned();
    for target in targets {
        let reached = match target.reached {
            Some(true) => "reached",
            Some(false) => "**missed**",
            None => "",
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {reached} |",
            target.what, target.limit, target.measured
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::Run;

    #[test]
    fn rounds_are_compared_pairwise() {
        let column = |name: &str, medians: &[f64]| Column {
            name: name.to_owned(),
            rounds: medians
                .iter()
                .map(|us| Run {
                    us: vec![*us],
                    cpu_us: Some(*us),
                })
                .collect(),
        };
        // The machine slows down in the middle; the difference does not care.
        let columns = [
            column("ours", &[50.0, 90.0, 52.0]),
            column("hand-written, kept", &[40.0, 81.0, 40.0]),
        ];
        let target = of_operation(Op::Ping, &columns).unwrap();
        assert_eq!(
            (target.measured.as_str(), target.reached),
            ("+10.0 µs", Some(true))
        );
        let columns = [column("ours", &[60.0]), column("bollard 0", &[100.0])];
        let target = of_operation(Op::List, &columns).unwrap();
        assert_eq!((target.measured.as_str(), target.reached), ("0.60", Some(false)));
        assert!(table(&[target]).contains("**missed**"));
    }
}
