//! The tar format as engines speak it: entries written one by one, and read from pieces cut anywhere.
//!
//! Owns headers (through the `tar` crate, whose own reading and writing of files blocks), long names, padding and the end.
//! Nothing is held but a header and the piece at hand. What is done with an entry is left to others.

mod read;
mod write;

pub(crate) use read::{BadTar, Entry, EntryKind, TarReader};
pub(crate) use write::{END, Head, HeadKind, head, padding};

/// Everything in a tar stands in blocks of this size.
const BLOCK: usize = 512;
