//! Writing to a command's stdin.

use std::io;
use std::sync::{Arc, Weak};

use longshore_engine::AttachedInput;
use longshore_runner::{Request, STDIN_WINDOW};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::{Mutex, Semaphore};

/// Bytes in one frame: small beside the window, so that credit that comes back is used at once.
const PIECE: usize = 32 * 1024;

/// The stdin of a command that runs. Dropping it leaves stdin open; [`Stdin::end`] ends it.
///
/// Whoever writes much must read the command's output at the same time: one that is not read stands still.
#[derive(Debug)]
pub struct Stdin(Kind);

#[derive(Debug)]
enum Kind {
    Framed(Weak<Framed>),
    Raw(AttachedInput),
}

impl Stdin {
    pub(super) fn framed(framed: &Arc<Framed>) -> Self {
        Self(Kind::Framed(Arc::downgrade(framed)))
    }

    pub(super) fn raw(input: AttachedInput) -> Self {
        Self(Kind::Raw(input))
    }

    /// Hands `bytes` over. Waits while the command does not read. When the future is dropped a part may have been written.
    ///
    /// # Errors
    /// [`io::ErrorKind::BrokenPipe`] when the command is over.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.0 {
            Kind::Raw(input) => input.write_all(bytes).await,
            Kind::Framed(framed) => {
                for piece in bytes.chunks(PIECE) {
                    // Held no longer than a piece: a command that is given up on must not be kept by who writes to it.
                    let framed = framed.upgrade().ok_or(io::ErrorKind::BrokenPipe)?;
                    framed.write(piece).await?;
                }
                Ok(())
            }
        }
    }

    /// Ends stdin, after what was written.
    ///
    /// # Errors
    /// As [`Stdin::write`].
    pub async fn end(mut self) -> io::Result<()> {
        match &mut self.0 {
            Kind::Raw(input) => input.shutdown().await,
            Kind::Framed(framed) => {
                let framed = framed.upgrade().ok_or(io::ErrorKind::BrokenPipe)?;
                framed.send(&Request::Eof).await
            }
        }
    }
}

/// The way to a runner, for one command.
#[derive(Debug)]
pub(super) struct Framed {
    id: u64,
    /// Bytes of stdin that may be under way; closed when the command is over.
    credit: Semaphore,
    writer: Mutex<Writer>,
}

#[derive(Debug)]
struct Writer {
    io: AttachedInput,
    /// Whole frames of which a part may have been written: who was dropped in the middle leaves the rest to the next.
    pending: Vec<u8>,
    written: usize,
}

impl Framed {
    pub(super) fn new(id: u64, io: AttachedInput) -> Self {
        Self {
            id,
            credit: Semaphore::new(STDIN_WINDOW),
            writer: Mutex::new(Writer {
                io,
                pending: Vec::new(),
                written: 0,
            }),
        }
    }

    async fn write(&self, piece: &[u8]) -> io::Result<()> {
        let wanted = u32::try_from(piece.len()).unwrap_or(u32::MAX);
        let credit = self.credit.acquire_many(wanted).await;
        credit.map_err(|_| io::ErrorKind::BrokenPipe)?.forget();
        self.send(&Request::Stdin(piece)).await
    }

    pub(super) async fn send(&self, request: &Request<'_>) -> io::Result<()> {
        let mut writer = self.writer.lock().await;
        request
            .encode(self.id, &mut writer.pending)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        writer.flush().await
    }

    /// The runner has taken so much of stdin.
    pub(super) fn took(&self, bytes: u32) {
        // A runner that takes more than it was sent gains nothing by it.
        let room = STDIN_WINDOW.saturating_sub(self.credit.available_permits());
        self.credit.add_permits(room.min(bytes as usize));
    }

    /// The command is over.
    pub(super) fn close(&self) {
        self.credit.close();
    }
}

impl Writer {
    async fn flush(&mut self) -> io::Result<()> {
        while self.written < self.pending.len() {
            let rest = self.pending.get(self.written..).unwrap_or_default();
            match self.io.write(rest).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => self.written += written,
            }
        }
        self.pending.clear();
        self.written = 0;
        self.io.flush().await
    }
}
