//! The server over real sockets, on the fake engine: what a browser or a program sees of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first thing that is not as it should be"
)]

mod accounts;
mod containers;
mod deaths;
mod history;
mod live;
mod monitor;
mod start;
mod stream;
mod support;
