//! What Longshore is tested with.
//!
//! Owns: [`raw`], a small HTTP/1.1 client that shares no code with the engine client, so that a bug in
//! one cannot hide behind the same bug in the other; [`mod@eventually`], the one way for a test to wait;
//! [`fake`], an engine that imitates what is nasty in the real one; [`lease`], real engines to test on; [`mod@daemon`], the process of one that may
//! be killed; [`netns`] and [`registry`], a registry where such an engine reaches it; [`sshd`] and [`tls`], a real SSH server and TLS in front of
//! what has none; [`mod@recorded`], what kernels and engines said of containers elsewhere; [`ssh_agent`], a real agent; [`mod@relay`], a wire that breaks at any byte; and [`sized`], how much of a proof a run does.
//! Leaves to others: every assertion, and anything that a shipped crate needs at run time. This crate is a
//! dev-dependency, never a dependency.

#[cfg(target_os = "linux")]
pub mod daemon;
pub mod eventually;
pub mod fake;
pub mod lease;
#[cfg(target_os = "linux")]
pub mod netns;
pub mod raw;
#[cfg(unix)]
pub mod recorded;
#[cfg(target_os = "linux")]
pub mod registry;
#[cfg(unix)]
pub mod relay;
pub mod size;
#[cfg(target_os = "linux")]
pub mod ssh_agent;
#[cfg(unix)]
pub mod sshd;
#[cfg(unix)]
pub mod tls;

pub use eventually::{Eventually, eventually};
pub use fake::{FakeConfig, FakeEngine};
#[cfg(unix)]
pub use relay::Relay;
pub use size::sized;
