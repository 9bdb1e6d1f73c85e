//! How containers ended.

use longshore_api::{DeathEntry, DeathHealth, DeathLine, DeathLog, DeathRow, DeathUnknown};
use longshore_core::{DeathRecord, LastHealth, LastLines};

use super::time;

/// A record without its last words.
pub(crate) fn death_row(host: &str, record: &DeathRecord) -> DeathRow {
    DeathRow {
        host: host.to_owned(),
        container: record.container.to_string(),
        name: record.name.clone(),
        image: record.image.clone(),
        started: record.started.map(time),
        ended: time(record.ended),
        cause: record.cause().as_str().to_owned(),
        text: record.sentence(),
        failed: record.is_failure(),
        exit_code: record.exit_code,
        oom: record.oom,
        signal: record.signal,
        restart_count: record.restart_count,
        restarting: record.restarting,
        error: record.error.clone(),
        removed: record.removed.map(time),
        synthetic: record.synthetic,
        unknown: record
            .unknown
            .iter()
            .map(|unknown| DeathUnknown {
                part: unknown.part.to_string(),
                why: unknown.why.to_string(),
                detail: unknown.detail.clone(),
            })
            .collect(),
    }
}

/// The whole of a record.
pub(crate) fn death_entry(host: &str, record: &DeathRecord) -> DeathEntry {
    DeathEntry {
        row: death_row(host, record),
        health: record.health.as_ref().map(health),
        log: record.log.as_ref().map(log),
    }
}

fn health(health: &LastHealth) -> DeathHealth {
    DeathHealth {
        health: health.health.to_string(),
        time: health.at.map(time),
        exit_code: health.exit_code,
        output: health.output.clone(),
        cut: health.cut,
    }
}

fn log(log: &LastLines) -> DeathLog {
    DeathLog {
        lines: log
            .lines
            .iter()
            .map(|line| DeathLine {
                time: line.at.map(time),
                stream: line.stream.to_string(),
                text: line.text.clone(),
                cut: line.cut,
            })
            .collect(),
        earlier: log.earlier,
    }
}
