//! The engine's JSON, and the one place where it becomes the vocabulary of `longshore-core`.
//!
//! Everything here is tolerant: each field may be missing, null, or of a kind nobody has seen; what is unknown stays
//! unknown. Nothing outside this module sees these types.

pub(crate) mod create;
pub(crate) mod event;
pub(crate) mod exec;
pub(crate) mod inspect;
pub(crate) mod lenient;
pub(crate) mod list;
mod placement;
pub(crate) mod scan;
pub(crate) mod stats;
pub(crate) mod system;
