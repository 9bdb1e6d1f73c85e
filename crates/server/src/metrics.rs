//! How we are doing, for Prometheus: our own cost, who listens, what the followers counted.

use std::time::Duration;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, Method, StatusCode, header};
use longshore_fleet::{
    Fleet,
    runtime::{GapReason, deaths::DeathCounters},
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, text::encode},
    metrics::{
        MetricType,
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::{ConstGauge, Gauge},
        histogram::{Histogram, exponential_buckets},
        info::Info,
    },
    registry::Registry,
};

use crate::{
    app::App,
    error::{ApiError, ApiResult},
};

/// What is counted as it happens. Everything else is read when it is asked for.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Histogram,
    /// Open WebSockets.
    pub(crate) streams: Gauge,
    /// Their subscriptions.
    pub(crate) subscriptions: Gauge,
    /// Events and ends of containers that slow readers missed.
    pub(crate) missed: Counter,
    /// What is kept of events.
    pub(crate) history: HistoryMetrics,
    /// Messages sent to subscribers of the event monitor.
    pub(crate) monitor_sent: Counter,
    /// Texts of records made for them: one a record, however many they are.
    pub(crate) monitor_encoded: Counter,
    /// What their filters held back.
    pub(crate) monitor_filtered: Counter,
}

/// What the writer of the history counts. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct HistoryMetrics {
    /// Records written.
    pub(crate) written: Counter,
    /// Writes that failed and were tried again.
    pub(crate) failed: Counter,
    /// Records that are not kept: the store was too slow or full for too long, or they were too large.
    pub(crate) not_kept: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: &'static str,
    status: u16,
}

impl Metrics {
    pub(crate) fn new(fleet: Fleet) -> Self {
        let metrics = Self {
            registry: Registry::default(),
            requests: Family::default(),
            durations: Histogram::new(exponential_buckets(0.000_25, 4.0, 9)),
            streams: Gauge::default(),
            subscriptions: Gauge::default(),
            missed: Counter::default(),
            history: HistoryMetrics::default(),
            monitor_sent: Counter::default(),
            monitor_encoded: Counter::default(),
            monitor_filtered: Counter::default(),
        };
        let mut registry = Registry::with_prefix("longshore");
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "This build", build);
        registry.register("http_requests", "Answered requests", metrics.requests.clone());
        registry.register(
            "http_request_duration_seconds",
            "Until the head of the answer",
            metrics.durations.clone(),
        );
        registry.register("streams", "Open WebSockets", metrics.streams.clone());
        registry.register(
            "subscriptions",
            "Their subscriptions",
            metrics.subscriptions.clone(),
        );
        registry.register(
            "events_missed",
            "Events and ends of containers that slow readers missed",
            metrics.missed.clone(),
        );
        let history = &metrics.history;
        registry.register("history_written", "Events kept", history.written.clone());
        registry.register(
            "history_failed_writes",
            "Writes of events that failed and were tried again",
            history.failed.clone(),
        );
        registry.register(
            "history_not_kept",
            "Events that are not kept: the store was too slow or full, or they were too large",
            history.not_kept.clone(),
        );
        registry.register(
            "monitor_sent",
            "Messages sent to subscribers of the event monitor",
            metrics.monitor_sent.clone(),
        );
        registry.register(
            "monitor_encoded",
            "Records encoded for subscribers of the event monitor",
            metrics.monitor_encoded.clone(),
        );
        registry.register(
            "monitor_filtered",
            "Messages that their filters held back",
            metrics.monitor_filtered.clone(),
        );
        registry.register_collector(Box::new(Watched { fleet }));
        Self { registry, ..metrics }
    }

    pub(crate) fn count_request(
        &self,
        method: &Method,
        route: &'static str,
        status: StatusCode,
        took: Duration,
    ) {
        // Any word may come as a method; these are the ones that we answer.
        let method = match *method {
            Method::GET => "GET",
            Method::POST => "POST",
            Method::DELETE => "DELETE",
            Method::HEAD => "HEAD",
            _ => "other",
        };
        self.requests
            .get_or_create(&RequestLabels {
                method,
                route,
                status: status.as_u16(),
            })
            .inc();
        self.durations.observe(took.as_secs_f64());
    }
}

/// What the fleet and the kernel know.
#[derive(Debug)]
struct Watched {
    fleet: Fleet,
}

impl Collector for Watched {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        if let Some(bytes) = resident_bytes() {
            let (name, help) = ("process_resident_bytes", "Resident memory");
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(i64::try_from(bytes).unwrap_or(i64::MAX)).encode(metric)?;
        }
        let of = |read: fn(&longshore_fleet::runtime::WatchCounters) -> u64| {
            let host = |host: &std::sync::Arc<longshore_fleet::Host>| {
                ([("host", host.name().to_owned())], read(&host.counters()))
            };
            self.fleet.hosts().iter().map(host).collect::<Vec<_>>()
        };
        let live = |host: &std::sync::Arc<longshore_fleet::Host>| {
            (
                [("host", host.name().to_owned())],
                u64::from(host.state().status.is_live()),
            )
        };
        let live: Vec<_> = self.fleet.hosts().iter().map(live).collect();
        gauge(&mut encoder, "host_live", "Whether the host is followed", &live)?;
        counter(&mut encoder, "events", "Events delivered", &of(|c| c.events))?;
        counter(
            &mut encoder,
            "events_late",
            "Events that came out of order",
            &of(|c| c.late),
        )?;
        counter(
            &mut encoder,
            "events_synthetic",
            "Events concluded after a gap",
            &of(|c| c.synthetic),
        )?;
        counter(
            &mut encoder,
            "stream_losses",
            "Times that the event stream was lost",
            &of(|c| c.losses),
        )?;
        counter(
            &mut encoder,
            "stream_rotations",
            "Event streams renewed",
            &of(|c| c.rotations),
        )?;
        counter(
            &mut encoder,
            "engine_failed_calls",
            "Lists and inspects that failed",
            &of(|c| c.failed_calls),
        )?;
        self.deaths(&mut encoder)?;
        let mut gaps = Vec::new();
        for host in self.fleet.hosts() {
            let counted = host.counters();
            for reason in GapReason::COUNTED {
                let labels = [
                    ("host", host.name().to_owned()),
                    ("reason", reason.as_str().to_owned()),
                ];
                gaps.push((labels, counted.gaps_for(reason)));
            }
        }
        counter(
            &mut encoder,
            "event_gaps",
            "Places where events may be missing",
            &gaps,
        )
    }
}

impl Watched {
    fn deaths(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let of = |read: fn(&DeathCounters) -> u64| {
            let host = |host: &std::sync::Arc<longshore_fleet::Host>| {
                (
                    [("host", host.name().to_owned())],
                    read(&host.deaths().counters()),
                )
            };
            self.fleet.hosts().iter().map(host).collect::<Vec<_>>()
        };
        counter(encoder, "deaths", "Ends of containers", &of(|c| c.deaths))?;
        counter(
            encoder,
            "deaths_partial",
            "Of those, the ones of which something is unknown",
            &of(|c| c.partial),
        )
    }
}

fn counter<L: EncodeLabelSet>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    values: &[(L, u64)],
) -> Result<(), std::fmt::Error> {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    values
        .iter()
        .try_for_each(|(labels, value)| ConstCounter::new(*value).encode(metric.encode_family(labels)?))
}

fn gauge<L: EncodeLabelSet>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    values: &[(L, u64)],
) -> Result<(), std::fmt::Error> {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    values.iter().try_for_each(|(labels, value)| {
        let value = i64::try_from(*value).unwrap_or(i64::MAX);
        ConstGauge::new(value).encode(metric.encode_family(labels)?)
    })
}

/// Resident memory of this process; unknown where there is no `/proc`.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim()
        .strip_suffix(" kB")?
        .trim()
        .parse::<u64>()
        .ok()
        .map(|kib| kib * 1024)
}

/// Everything, in the text form of OpenMetrics.
#[utoipa::path(get, path = "/metrics", tag = "server", responses((status = 200, body = str)))]
pub(crate) async fn show(State(app): State<App>) -> ApiResult<Response> {
    let mut text = String::new();
    encode(&mut text, &app.metrics.registry).map_err(|e| ApiError::internal(format!("metrics: {e}")))?;
    let mut response = text.into_response();
    let media = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    Ok(response)
}
