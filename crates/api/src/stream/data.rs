//! What the channels carry.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::containers::{ContainerRow, ContainersReply};
use crate::deaths::{DeathEntry, DeathRow};
use crate::events::EventRecord;
use crate::hosts::HostRow;
use crate::logs::{LogLine, LogNote};
use crate::stats::{HostMetrics, StatsSample, StatsStep};

/// What `containers` carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContainersData {
    /// Everything; first, and again where changes would be more.
    Snapshot(ContainersReply),
    /// What changed since.
    Changes(ContainerChanges),
    /// The hosts, when one of them changed.
    Hosts(Vec<HostRow>),
}

/// What changed among the containers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContainerChanges {
    /// New ones, and those with new values.
    pub upserted: Vec<ContainerRow>,
    /// Those that are gone.
    pub removed: Vec<ContainerKey>,
}

/// Names one container of the fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContainerKey {
    /// Its host.
    pub host: String,
    /// Its full id.
    pub id: String,
}

/// What `events` carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventsData {
    /// Events and gaps, oldest first.
    Events(Vec<EventRecord>),
    /// This reader was too slow and missed so many.
    Lagged(u64),
}

/// What `stats` and `container_stats` carry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StatsData {
    /// Oldest first.
    pub samples: Vec<StatsSample>,
    /// Steps of the long past that are over, oldest first, each once; where they were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StatsStep>,
}

/// What `host_metrics` carries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HostMetricsData {
    /// One a host.
    pub hosts: Vec<HostMetrics>,
}

/// What `logs` carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogsData {
    /// In the order in which they came.
    pub lines: Vec<LogLine>,
    /// What is to be known after these lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<LogNote>,
}

/// What `deaths` carries. The same end comes again when more becomes known of it: host, container and `ended` name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeathsData {
    /// Whole records, oldest first. The first messages, one at least, bring those that are remembered.
    Deaths(Vec<DeathEntry>),
    /// The same as rows of a list, where those were asked for.
    Rows(Vec<DeathRow>),
    /// This reader was too slow and missed so many: subscribe anew for what they said.
    Lagged(u64),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn container_data_say_what_they_are() {
        let data = ContainersData::Changes(ContainerChanges {
            upserted: vec![],
            removed: vec![ContainerKey {
                host: "local".into(),
                id: "a".into(),
            }],
        });
        assert_eq!(
            serde_json::to_string(&data).unwrap(),
            r#"{"changes":{"upserted":[],"removed":[{"host":"local","id":"a"}]}}"#
        );
    }
}
