//! The runtime against a fake engine with faults, and against real engines.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests stop at the first surprise"
)]

mod account;
#[cfg(target_os = "linux")]
mod cgroup;
mod churn;
mod deaths;
mod exec;
mod faults;
mod figures;
mod guard;
mod kinds;
mod logs;
mod monitor;
mod pulls;
mod real;
mod run;
mod services;
mod wait;
