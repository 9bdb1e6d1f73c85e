//! The engine's JSON, and the one place where it becomes the vocabulary of `longshore-core`.
//!
//! Everything here is tolerant: each field may be missing, null, or of a kind nobody has seen; what is unknown stays
//! unknown. Nothing outside this module sees these types.

pub(crate) mod container;
pub(crate) mod create;
pub(crate) mod disk;
pub(crate) mod event;
pub(crate) mod exec;
pub(crate) mod image;
pub(crate) mod info;
pub(crate) mod inspect;
pub(crate) mod lenient;
pub(crate) mod list;
pub(crate) mod network;
mod placement;
pub(crate) mod prune;
pub(crate) mod scan;
pub(crate) mod stats;
pub(crate) mod swarm;
pub(crate) mod system;
pub(crate) mod volume;
