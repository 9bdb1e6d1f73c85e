//! Behaviour over one engine: what happens there without silent loss, what is there now, and what it uses.
//!
//! | to know | ask | cost |
//! |---|---|---|
//! | what happens | [`Feed`], from [`Watch::feed`] | one subscription an engine, however many read |
//! | what is there now | [`Mirror`], from [`Watch::mirror`] | an inspect for each change; reads are free |
//! | what it uses | [`Sampler`] | a call a second for each running container, while somebody reads |
//! | whether all that is current | [`Watch::status`] | nothing |
//!
//! And as one step each: [`run()`], [`run_and_wait`], [`ensure()`]; [`metrics()`] and [`resource_status`] ask once.
//!
//! Speaking to the engine is `longshore-engine`'s business, many engines `longshore-fleet`'s, keeping what happened
//! `longshore-store`'s.
#![warn(missing_docs)]

mod feed;
mod metrics;
mod mirror;
mod run;
mod source;
mod stats;
mod tasks;
#[cfg(test)]
mod testing;
mod watch;

pub use feed::{Cursor, Feed, FeedItem, FeedReader, GapReason, InvalidCursor, Record, RecordBody};
pub use longshore_engine::Backoff;
pub use metrics::{metrics, resource_status};
pub use mirror::{FindError, Mirror, MirrorUpdates, Snapshot, Update};
pub use run::{Ensure, Ensured, EnsuredHow, RunError, RunOptions, RunOutput, ensure, run, run_and_wait};
pub use stats::{Round, Sample, SampleReader, Sampler, SamplerConfig};
pub use watch::{Status, Watch, WatchConfig, WatchCounters};
