//! The runner as its client sees it: the real program at the other end of two pipes, on this machine. How it behaves
//! inside containers is tested by `longshore-runtime` on real engines.
#![cfg(target_os = "linux")]

mod client;
mod commands;
mod endings;
mod load;
mod trust;
