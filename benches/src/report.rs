//! The page of figures: tables in Markdown, with the machine that made them.

use std::fmt::Write as _;

use crate::{
    ends::{Endings, Pulls},
    figures::{Figures, shown},
    inner::Inner,
    monitor::Outcome,
    op::{Op, Run},
    transfer::Transfer,
};

/// Every round of one peer at one operation.
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) rounds: Vec<Run>,
}

/// One operation: a row a peer, ours first, with the ratio of medians to ours.
pub(crate) fn operation(op: Op, columns: &[Column]) -> String {
    let mut text = format!("### {}\n\n", op.title());
    text.push_str("| client | median | rounds' medians, least to most | p90 | p99 | × ours | client processor time a call |\n");
    text.push_str("|---|---|---|---|---|---|---|\n");
    let ours = columns.first().and_then(|column| medians(column).median());
    for column in columns {
        let medians = medians(column);
        let all = Figures::of(
            column
                .rounds
                .iter()
                .flat_map(|run| run.us.iter().copied())
                .collect(),
        );
        let ratio = medians
            .median()
            .zip(ours)
            .map_or("–".to_owned(), |(one, ours)| format!("{:.2}", one / ours));
        let _ = writeln!(
            text,
            "| {} | {} | {} – {} | {} | {} | {ratio} | {} |",
            column.name,
            shown(medians.median()),
            shown(medians.at(0.0)),
            shown(medians.at(1.0)),
            shown(all.at(0.9)),
            shown(all.at(0.99)),
            shown(processor(column)),
        );
    }
    text
}

/// One table of event latencies.
pub(crate) fn events(listeners: &[(String, Vec<f64>)]) -> String {
    let mut text = "### an event, from the call that causes it to the subscriber\n\n".to_owned();
    text.push_str("| subscriber | median | p90 | p99 | most |\n|---|---|---|---|---|\n");
    for (name, times) in listeners {
        let figures = Figures::of(times.clone());
        let at = |part| shown(figures.at(part));
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} | {} |",
            at(0.5),
            at(0.9),
            at(0.99),
            at(1.0)
        );
    }
    text
}

/// Bytes in bulk.
pub(crate) fn transfer(bulk: &Transfer) -> String {
    let rate = |figures: &Figures| match (figures.median(), figures.at(0.0), figures.at(1.0)) {
        (Some(median), Some(least), Some(most)) => format!("{median:.0} ({least:.0} – {most:.0}) MB/s"),
        _ => "–".to_owned(),
    };
    let memory = |grown: Option<f64>| grown.map_or("–".to_owned(), |mb| format!("{mb:.1} MB"));
    let mut text =
        "### bytes in bulk\n\n| what | rate | memory more at the most |\n|---|---|---|\n".to_owned();
    let (ours, bare) = &bulk.output_rate;
    let rows = [
        (
            "512 MiB of a command's output, framed",
            rate(ours),
            memory(bulk.output_memory),
        ),
        ("the same by bare socket reads", rate(bare), "–".to_owned()),
        (
            "2 GiB copied in",
            format!("{:.0} MB/s", bulk.copy_in.0),
            memory(bulk.copy_in.1),
        ),
        (
            "2 GiB copied out",
            format!("{:.0} MB/s", bulk.copy_out.0),
            memory(bulk.copy_out.1),
        ),
    ];
    for (what, rate, memory) in rows {
        let _ = writeln!(text, "| {what} | {rate} | {memory} |");
    }
    text
}

/// Commands under a limit.
pub(crate) fn endings(endings: &Endings) -> String {
    let mut text =
        "### a command that does not want to end, with a limit of 0.5 s: until it is proven to have ended\n\n\
         | what it does | median | least to most |\n|---|---|---|\n"
            .to_owned();
    let container = ("no runner, no shell: the container is ended", &endings.container);
    let trees = endings.trees.iter().map(|(name, took)| (*name, took));
    for (name, took) in trees.chain([container]) {
        let at = |part| shown(took.at(part));
        let _ = writeln!(text, "| {name} | {} | {} – {} |", at(0.5), at(0.0), at(1.0));
    }
    text
}

/// Pulls from a registry on this machine.
pub(crate) fn pulls(pulls: &Pulls) -> String {
    let mut text = "### pull from a registry on this machine\n\n\
         | image | longshore | `docker pull` |\n|---|---|---|\n"
        .to_owned();
    for (what, ours, theirs) in &pulls.0 {
        let row = |took: &Figures| {
            let at = |part| shown(took.at(part));
            format!("{} ({} – {})", at(0.5), at(0.0), at(1.0))
        };
        let _ = writeln!(text, "| {what} | {} | {} |", row(ours), row(theirs));
    }
    text
}

/// What the fake engine's run gave.
pub(crate) fn inner(inner: &Inner) -> String {
    let at = |part| shown(inner.latency.at(part));
    format!(
        "### inside, on the fake engine: 10,000 containers, 10 subscribers, 1,000 events a second\n\n\
         | figure | |\n|---|---|\n\
         | event at our socket to subscriber, median / p90 / p99 / most | {} / {} / {} / {} |\n\
         | our processor time an event, ten subscribers included | {} |\n\
         | the same at 8,000 events a second, in bursts of 8 | {} |\n\
         | the same in bursts of 64 | {} |\n\
         | mirror: one container by id | {:.0} ns |\n\
         | mirror: list of 10,000, gone through | {} |\n",
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0),
        shown(inner.cpu_per_event),
        shown(inner.cpu_in_flood),
        shown(inner.cpu_in_torrent),
        inner.read * 1e3,
        shown(Some(inner.list)),
    )
}

/// The event monitor under load.
pub(crate) fn monitor(outcomes: &[Outcome]) -> String {
    let mut text = String::from(
        "### the event monitor over WebSockets, on the fake engine\n\n\
         From an event at the engine's socket to the message at each subscriber; the server is a process of its own, the \
         subscribers share the machine with it.\n\n\
         | subscribers | events a second | frames | median | p90 | p99 | most | messages that came | of a processor |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for outcome in outcomes {
        let at = |part| shown(outcome.latency.at(part));
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} of {} | {:.1} % |",
            outcome.load.subscribers,
            outcome.load.rate,
            if outcome.load.batch {
                "arrays"
            } else {
                "one a message"
            },
            at(0.5),
            at(0.9),
            at(0.99),
            at(1.0),
            outcome.came,
            outcome.due,
            outcome.percent,
        );
    }
    text
}

/// The date, in UTC.
pub(crate) fn today() -> String {
    let now = longshore_core::Timestamp::from(std::time::SystemTime::now()).to_string();
    now.split('T').next().unwrap_or_default().to_owned()
}

/// The medians of the rounds: a round is one interleaved turn, so these are comparable across peers.
pub(crate) fn medians(column: &Column) -> Figures {
    Figures::of(
        column
            .rounds
            .iter()
            .filter_map(|run| Figures::of(run.us.clone()).median())
            .collect(),
    )
}

/// The median over rounds of the client's processor time a call, in microseconds.
pub(crate) fn processor(column: &Column) -> Option<f64> {
    let each = |run: &Run| {
        run.cpu_us
            .filter(|_| !run.us.is_empty())
            .map(|cpu| cpu / run.us.len() as f64)
    };
    Figures::of(column.rounds.iter().filter_map(each).collect()).median()
}

/// Processor, cores, memory, kernel and how busy it was, without a name or a path of it.
pub(crate) fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, key: &str| {
        let line = text.lines().find(|line| line.starts_with(key))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let cpu = field(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| "unknown processor".to_owned());
    let memory = field(&read("/proc/meminfo"), "MemTotal")
        .and_then(|text| text.split(' ').next()?.parse::<f64>().ok())
        .map_or_else(
            || "?".to_owned(),
            |kib| format!("{:.0} GiB", kib / 1024.0 / 1024.0),
        );
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease")
        .trim()
        .split('-')
        .next()
        .unwrap_or("?")
        .to_owned();
    let load = read("/proc/loadavg").split(' ').next().unwrap_or("?").to_owned();
    format!("{cpu}, {cores} cores, {memory}, Linux {kernel}, load {load} at the start")
}

/// Puts `text` between the markers of `page`, or at its end when it has none.
pub(crate) fn placed(page: &str, text: &str) -> String {
    const BEGIN: &str = "<!-- figures: written by cargo xtask bench -->";
    const END: &str = "<!-- end of figures -->";
    let block = format!("{BEGIN}\n\n{}\n\n{END}", text.trim());
    match (page.find(BEGIN), page.find(END)) {
        (Some(begin), Some(end)) if begin < end => {
            format!("{}{block}{}", &page[..begin], &page[end + END.len()..])
        }
        _ => format!("{}\n\n{block}\n", page.trim_end()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_replace_the_last_ones_and_leave_the_words() {
        let first = placed("# Title\n\nWords.", "one");
        let second = placed(&format!("{first}After.\n"), "two");
        assert!(second.starts_with("# Title\n\nWords.\n\n<!--") && second.ends_with("-->\nAfter.\n"));
        assert!(second.contains("two") && !second.contains("one"));
    }

    #[test]
    fn a_ratio_is_to_the_first_column() {
        let run = |us: f64| Run {
            us: vec![us; 3],
            cpu_us: Some(30.0),
        };
        let column = |name: &str, us| Column {
            name: name.to_owned(),
            rounds: vec![run(us), run(us)],
        };
        let table = operation(Op::Ping, &[column("ours", 50.0), column("theirs", 100.0)]);
        assert!(
            table.contains("| theirs | 100 µs | 100 µs – 100 µs | 100 µs | 100 µs | 2.00 | 10.0 µs |"),
            "{table}"
        );
    }
}
