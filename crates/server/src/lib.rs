//! The Longshore server: HTTP, WebSocket, authentication, the embedded page.
//!
//! The only crate that knows the web framework. It shows what `longshore-fleet` watches in the terms of
//! `longshore-api`, asks `longshore-store` who may, and decides nothing about containers itself.
//!
//! A request passes, in this order: the host it is for and the page it comes from (`gate`), the one table of routes with
//! the role that each takes (`routes`), the handler (`rest`, `auth`, `stream`). A route that is not in the table cannot
//! be mounted. There is no raw way through to an engine: every call is a typed one, by a checked id.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use longshore_fleet::FleetConfig;
//! use longshore_server::{DEFAULT_LISTEN, Server, ServerConfig};
//! use tokio_util::sync::CancellationToken;
//!
//! let config = ServerConfig::new(DEFAULT_LISTEN.parse()?, "/var/lib/longshore", FleetConfig::local());
//! let server = Server::bind(config).await?;
//! println!("{}", server.setup_link().unwrap_or_else(|| server.url()));
//! let shutdown = CancellationToken::new();
//! server.serve(shutdown).await;
//! # Ok(()) }
//! ```

#![warn(missing_docs)]

mod app;
mod assets;
mod auth;
mod config;
mod convert;
mod error;
mod failure;
mod gate;
mod health;
mod history;
mod metrics;
mod monitor;
mod openapi;
mod reply;
mod rest;
mod routes;
mod server;
mod stream;

pub use config::{DEFAULT_LISTEN, ServerConfig};
pub use failure::{ServeError, ServeErrorKind};
pub use server::Server;
