//! What the end-to-end tests share: the built binary as a process, a plain HTTP and WebSocket client for it, and a
//! wire to the engine that a test can cut. The tests themselves are in `tests/it`, the browser's in `browser/`.

pub mod http;
pub mod server;
pub mod stream;
pub mod wire;

pub use server::Server;
