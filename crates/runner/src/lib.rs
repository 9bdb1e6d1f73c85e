//! The wire between a client and the runner: a small static program that runs commands inside a container and ends their
//! whole process trees (`docs/design/runner.md`).
//!
//! This library owns the frames and what they mean. It is `std` alone and does no input or output: bytes in, messages
//! out, and the other way. The program of the same name is `src/bin/longshore-runner`; how it comes into a container,
//! and what its answers are worth, is `longshore-runtime`'s.
//!
//! ```
//! use longshore_runner::{Decoder, Reply, Request, Spawn};
//!
//! // The client's side: a command, and its input at once.
//! let mut bytes = Vec::new();
//! let id = 0x5eed;
//! Request::Spawn(Spawn::new(["cat"]).stdin(true)).encode(id, &mut bytes)?;
//! Request::Stdin(b"hello").encode(id, &mut bytes)?;
//! Request::Eof.encode(id, &mut bytes)?;
//!
//! // The runner's side: pieces of any size.
//! let mut decoder = Decoder::new();
//! let mut input = &bytes[..];
//! while let Some(frame) = decoder.next(&mut input)? {
//!     assert_eq!(frame.id, id);
//!     let request = Request::decode(frame)?;
//!     println!("{request:?}");
//! }
//!
//! // And back.
//! let mut answer = Vec::new();
//! Reply::Out(b"hello").encode(id, &mut answer)?;
//! # Ok::<(), longshore_runner::WireError>(())
//! ```
#![warn(missing_docs)]

mod wire;

pub use wire::{
    Decoder, Exit, Frame, HEADER_LEN, Header, MAX_COMMANDS, MAX_PAYLOAD, Reply, Request, Rlimit,
    STDIN_WINDOW, Spawn, Stage, Status, Total, VERSION, WireError, kind,
};
