//! The channels that a client may subscribe to, and what each needs.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::ErrorCode;

/// A channel and its parameters, as `channel` and `params` of a subscribe message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "channel", content = "params", rename_all = "snake_case")]
pub enum Channel {
    /// Every container of every host; carries [`ContainersData`](super::ContainersData).
    Containers {},
    /// Events of every host; carries [`EventsData`](super::EventsData).
    Events(EventsParams),
    /// Statistics of every container, once a second; carries [`StatsData`](super::StatsData).
    Stats(StatsParams),
    /// Statistics of one container; carries [`StatsData`](super::StatsData).
    ContainerStats(ContainerStatsParams),
    /// Sums a host, once a second; carries [`HostMetricsData`](super::HostMetricsData).
    HostMetrics {},
    /// Output of one container, followed; carries [`LogsData`](super::LogsData).
    Logs(LogsParams),
    /// How containers end, of every host, one host or one container; carries [`DeathsData`](super::DeathsData).
    Deaths(DeathsParams),
}

/// Parameters of `events`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct EventsParams {
    /// Begin after this cursor.
    pub since: Option<String>,
    /// How much history comes first; 100 when not given.
    pub limit: Option<u32>,
}

/// Parameters of `stats`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct StatsParams {
    /// How many older samples of each container come first; none when not given.
    pub history: Option<u32>,
}

/// Parameters of `container_stats`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContainerStatsParams {
    /// The host.
    pub host: String,
    /// Id, unique prefix or name.
    pub id: String,
    /// How many older samples come first; none when not given.
    #[serde(default)]
    pub history: Option<u32>,
    /// With the steps of the long past: so many of them come first, 360 at most, and each further one when it is over. None
    /// when not given.
    #[serde(default)]
    pub steps: Option<u32>,
}

/// Parameters of `logs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogsParams {
    /// The host.
    pub host: String,
    /// Id, unique prefix or name.
    pub id: String,
    /// How many lines of the past come first; all when not given.
    #[serde(default)]
    pub tail: Option<u64>,
    /// Only what was written at or after this time, RFC 3339.
    #[serde(default)]
    pub since: Option<String>,
    /// With standard output; so when not given.
    #[serde(default)]
    pub stdout: Option<bool>,
    /// With standard error; so when not given.
    #[serde(default)]
    pub stderr: Option<bool>,
}

/// Parameters of `deaths`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct DeathsParams {
    /// Only of this host.
    pub host: Option<String>,
    /// Only of this container of that host: id, unique prefix or name. Also of one that was removed.
    pub id: Option<String>,
    /// Only those that failed (see [`DeathRow::failed`](crate::DeathRow::failed)); all when not given.
    pub failed: Option<bool>,
    /// Rows as in a list, without what the health check and the log said last; whole records when not given.
    pub rows: Option<bool>,
    /// How many of the newest come first: 50 when not given, never more than 200, and of one container 20.
    pub limit: Option<u32>,
}

impl Channel {
    /// The names of all channels.
    pub const NAMES: &'static [&'static str] = &[
        "containers",
        "events",
        "stats",
        "container_stats",
        "host_metrics",
        "logs",
        "deaths",
    ];

    /// Reads a channel from the two fields of a subscribe message.
    ///
    /// # Errors
    /// [`ErrorCode::UnknownChannel`] for a name that is none, [`ErrorCode::InvalidRequest`] for parameters that do not
    /// fit; each with a text for a person.
    pub fn parse(channel: &str, params: serde_json::Value) -> Result<Self, (ErrorCode, String)> {
        if !Self::NAMES.contains(&channel) {
            // What a stranger sent is not repeated at length.
            let shown: String = channel.chars().take(40).collect();
            let names = Self::NAMES.join(", ");
            return Err((
                ErrorCode::UnknownChannel,
                format!("no channel {shown:?}; there are {names}"),
            ));
        }
        let params = if params.is_null() {
            serde_json::json!({})
        } else {
            params
        };
        serde_json::from_value(serde_json::json!({ "channel": channel, "params": params }))
            .map_err(|error| (ErrorCode::InvalidRequest, format!("params of {channel}: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_take_their_parameters() {
        let null = serde_json::Value::Null;
        assert_eq!(
            Channel::parse("containers", null.clone()),
            Ok(Channel::Containers {})
        );
        assert_eq!(
            Channel::parse("events", null.clone()),
            Ok(Channel::Events(EventsParams::default()))
        );
        let Ok(Channel::Logs(logs)) = Channel::parse(
            "logs",
            serde_json::json!({"host":"local","id":"web","tail":5,"x":1}),
        ) else {
            panic!("not a logs channel")
        };
        assert_eq!((logs.id.as_str(), logs.tail), ("web", Some(5)));
        assert_eq!(
            Channel::parse("deaths", serde_json::json!({"failed":true})),
            Ok(Channel::Deaths(DeathsParams {
                failed: Some(true),
                ..DeathsParams::default()
            }))
        );
        assert_eq!(
            Channel::parse("nope", null.clone()).unwrap_err().0,
            ErrorCode::UnknownChannel
        );
        let (code, text) = Channel::parse("logs", null).unwrap_err();
        assert_eq!(code, ErrorCode::InvalidRequest);
        assert!(text.contains("host"), "{text}");
    }
}
