//! The built binary as its users meet it, on real engines: the newest and the oldest.
#![cfg(test)]

mod browser;
mod harness;
mod hostile;
mod lifecycle;
mod live;
mod monitor;
mod rest;
