//! Behaviour over one engine: what happens there without silent loss, what is there now, and what it uses.
//!
//! | to know | ask | cost |
//! |---|---|---|
//! | what happens | [`Feed`], from [`Watch::feed`] | one subscription an engine, however many read |
//! | what is there now | [`Mirror`], from [`Watch::mirror`], [`images`](Watch::images), [`networks`](Watch::networks), [`volumes`](Watch::volumes) | an inspect for each change; reads are free |
//! | what happens, handed over | [`EventMonitor`] | a watch of its own; a task and a place in the feed a sink |
//! | what it uses | [`Sampler`] | while somebody reads: a second's look at each running container's cgroup files, or a call |
//! | how far a pull is | [`Pull`], from [`Puller`] | one pull, however many want it |
//! | whether all that is current | [`Watch::status`] | nothing |
//! | how a container ended, and its last words | [`deaths::Deaths`] | two calls a death |
//! | what a container prints | [`logs::follow`] | one followed log; nothing while nobody reads |
//! | that it goes with its test | [`guard::ContainerGuard`] | labels, and a sweep before the first |
//! | when it is as it should be | [`wait::Wait`] | its events, its log, and tries where there is no event |
//! | a database, a broker, a web server | [`services`] | a container under a guard |
//! | what came of each of many | [`Bulk`] | their calls, four at a time |
//!
//! And as one step each: [`run()`], [`run_and_wait`], [`ensure()`]; [`metrics()`] and [`resource_status`] ask once.
//!
//! Speaking to the engine is `longshore-engine`'s business, many engines `longshore-fleet`'s, keeping what happened
//! `longshore-store`'s.
#![warn(missing_docs)]

mod bulk;
pub mod deaths;
pub mod exec;
mod feed;
pub mod guard;
pub mod logs;
mod metrics;
mod mirror;
mod monitor;
mod pattern;
mod progress;
mod pull;
mod run;
#[cfg(feature = "runner")]
mod runner;
pub mod services;
mod sight;
mod source;
mod stats;
mod tasks;
#[cfg(test)]
mod testing;
pub mod wait;
mod watch;

pub use bulk::{Batch, BatchError, Bulk};
pub use feed::{
    Cursor, EventStats, Feed, FeedFollow, FeedItem, FeedReader, FollowItem, GapReason, InvalidCursor, Policy,
    Record, RecordBody, UnknownReason,
};
pub use longshore_engine::Backoff;
pub use longshore_engine::StdStream;
pub use metrics::{metrics, resource_status};
pub use mirror::{FindError, Mirror, MirrorUpdates, Mirrored, Snapshot, Update};
pub use monitor::{EventMonitor, EventSink, MonitorCounts};
pub use pattern::{InvalidPattern, Pattern};
pub use progress::{ProgressClosed, ProgressReceiver, ProgressReporter};
pub use pull::{Pull, PullError, Puller};
pub use run::{Ensure, Ensured, EnsuredHow, RunError, RunOptions, RunOutput, ensure, run, run_and_wait};
#[cfg(feature = "runner")]
pub use runner::{RunnerProgram, runner_program};
pub use stats::{
    CounterFiles, Monitor, Round, Sample, SampleReader, SampleSource, Sampler, SamplerConfig, ThresholdEvent,
    ThresholdEvents,
};
pub use watch::{KnownLine, LineId, Status, Watch, WatchConfig, WatchCounters};
