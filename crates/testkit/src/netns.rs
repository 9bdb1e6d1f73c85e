//! The network in which an engine lives: what a test lets an engine reach at 127.0.0.1 must listen there.
//!
//! Owns finding the namespace (the process that listens on the engine's socket is in it) and running a piece of work
//! inside it, on a thread of its own, for a thread cannot be trusted to come back. Making namespaces is xtask's.

use std::fs::File;
use std::io;
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::thread;

use rustix::net::sockopt::socket_peercred;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::raw::Target;

/// A network namespace.
#[derive(Debug)]
pub struct Network {
    file: File,
}

impl Network {
    /// The one in which the engine behind this unix socket lives.
    ///
    /// # Errors
    /// When it is reached otherwise, or its process is not ours to look at.
    pub fn of(engine: &Target) -> io::Result<Self> {
        let Target::Unix(path) = engine else {
            return Err(io::Error::other(
                "only an engine behind a unix socket has a network that can be found",
            ));
        };
        let pid = socket_peercred(UnixStream::connect(path)?)?.pid;
        let file = File::open(format!("/proc/{}/ns/net", pid.as_raw_nonzero()))?;
        Ok(Self { file })
    }

    /// Runs `work` inside.
    ///
    /// # Errors
    /// Those of the work, and when we may not enter (only root may, unless it is our own network).
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        thread::scope(|scope| {
            let run = scope.spawn(|| {
                self.enter()?;
                work()
            });
            run.join()
                .unwrap_or_else(|_| Err(io::Error::other("the work inside an engine's network panicked")))
        })
    }

    /// Moves the calling thread inside, for good.
    pub(crate) fn enter(&self) -> io::Result<()> {
        let own = File::open("/proc/thread-self/ns/net")?;
        let same = rustix::fs::fstat(&own)?.st_ino == rustix::fs::fstat(&self.file)?.st_ino;
        if same {
            return Ok(());
        }
        Ok(move_into_link_name_space(
            self.file.as_fd(),
            Some(LinkNameSpaceType::Network),
        )?)
    }

    /// A listener at a free port of 127.0.0.1 inside, for tokio.
    ///
    /// # Errors
    /// As [`Network::inside`].
    pub fn listen(&self) -> io::Result<TcpListener> {
        self.inside(|| {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        })
    }
}
