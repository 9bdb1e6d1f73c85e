//! The runner as its client sees it: the real program at the other end of two pipes, on this machine. How it behaves
//! inside containers is tested by `longshore-runtime` on real engines.
#![cfg(target_os = "linux")]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "tests stop at the first surprise, and say what they measured"
)]

mod client;
mod commands;
mod endings;
mod load;
mod trust;
