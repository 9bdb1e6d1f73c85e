//! The client against real engines, against the fake one with faults at any byte, and against sockets that misbehave
//! in ways that no engine does.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod attaching;
mod build;
mod build_output;
mod build_session;
mod calls;
mod copying;
mod creating;
mod errors;
mod exec;
mod faults;
mod images;
mod limits;
mod negotiation;
mod networks;
mod output;
#[cfg(target_os = "linux")]
mod registry;
mod retries;
mod same_as_docker;
mod sizes;
mod ssh;
mod support;
mod swarm;
mod tls;
mod verbs;
mod volumes;
mod watching;
