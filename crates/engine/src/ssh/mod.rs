//! An engine on another machine, through the system's `ssh`: one login an engine, shared by all its connections.
//!
//! How it behaves is in `docs/design/ssh.md`, why it runs the system's `ssh` in `docs/adr/0002-the-systems-ssh.md`.
//! [`address`] is what may be written, `slot` holds the login, `login` is one, `session` is the other way through it,
//! `words` knows what `ssh` means.

mod address;

#[cfg(unix)]
mod login;
#[cfg(unix)]
mod session;
#[cfg(unix)]
mod slot;
#[cfg(unix)]
mod words;

#[cfg(not(unix))]
mod absent;

pub use address::SshAddress;

#[cfg(not(unix))]
pub(crate) use absent::Ssh;
#[cfg(unix)]
pub(crate) use slot::Ssh;
