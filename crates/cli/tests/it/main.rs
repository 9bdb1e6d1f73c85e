//! The binary `longshore` as a person runs it: what it prints, where, and how it ends.

#![cfg(test)]

mod bad_input;
mod direct;
mod follow;
mod longshore;
mod reach;
mod real;
mod server;
