//! A wire between a client and an engine, real or fake, that breaks at any byte in either direction.
//!
//! Owns: passing bytes on, and the cut. Leaves to others: what the bytes mean. A fault of the fake engine knows which
//! request it is for; this knows only bytes, and so breaks requests too, and real engines' answers.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::raw::Target;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the client: requests.
    Up,
    /// From the engine: answers.
    Down,
}

/// A relay that runs until it is dropped.
#[derive(Debug)]
pub struct Relay {
    target: Target,
    cut: Arc<Mutex<Option<(Way, usize)>>>,
    stop: CancellationToken,
    tasks: TaskTracker,
    _folder: tempfile::TempDir,
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

impl Relay {
    /// Listens on a socket of its own and passes what comes on to `engine`.
    ///
    /// # Errors
    /// When it cannot listen.
    pub fn start(engine: &Target) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("longshore-relay-").tempdir()?;
        let path = folder.path().join("relay.sock");
        let listener = UnixListener::bind(&path)?;
        let relay = Self {
            target: Target::Unix(path),
            cut: Arc::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            _folder: folder,
        };
        let (engine, cut, tasks) = (engine.clone(), Arc::clone(&relay.cut), relay.tasks.clone());
        let stop = relay.stop.clone();
        relay
            .tasks
            .spawn(relay.stop.clone().run_until_cancelled_owned(async move {
                while let Ok((client, _)) = listener.accept().await {
                    let pass = pass(client, engine.clone(), Arc::clone(&cut));
                    tasks.spawn(stop.clone().run_until_cancelled_owned(pass));
                }
            }));
        Ok(relay)
    }

    /// Where it listens, as `DOCKER_HOST` writes it.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.target.to_string()
    }

    /// Breaks the connection whose bytes are the next but `after` to go this way, before the byte after those passes.
    /// Once.
    pub fn cut(&self, way: Way, after: usize) {
        *self.cut.lock().unwrap_or_else(PoisonError::into_inner) = Some((way, after));
    }

    /// Whether a cut is still to come. Forgets it.
    #[must_use]
    pub fn take_cut(&self) -> bool {
        self.cut
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
            .is_some()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn pass(client: UnixStream, engine: Target, cut: Arc<Mutex<Option<(Way, usize)>>>) {
    let engine: io::Result<Box<dyn Duplex>> = match &engine {
        Target::Unix(path) => UnixStream::connect(path).await.map(|io| Box::new(io) as _),
        Target::Tcp(authority) => TcpStream::connect(authority.as_str())
            .await
            .map(|io| Box::new(io) as _),
    };
    let Ok(engine) = engine else { return };
    let (mut client_read, mut client_write) = tokio::io::split(client);
    let (mut engine_read, mut engine_write) = tokio::io::split(engine);
    let up = one_way(&mut client_read, &mut engine_write, Way::Up, &cut);
    let down = one_way(&mut engine_read, &mut client_write, Way::Down, &cut);
    tokio::pin!(up, down);
    // An end of one way is passed on as one; a break takes both.
    tokio::select! {
        end = &mut up => if end.is_ok() { let _ = down.await; },
        end = &mut down => if end.is_ok() { let _ = up.await; },
    }
}

async fn one_way(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    way: Way,
    cut: &Mutex<Option<(Way, usize)>>,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        let allowed = {
            let mut cut = cut.lock().unwrap_or_else(PoisonError::into_inner);
            match cut.as_mut() {
                Some((which, left)) if *which == way && *left >= read => {
                    *left -= read;
                    read
                }
                Some((which, left)) if *which == way => {
                    let left = *left;
                    *cut = None;
                    left
                }
                _ => read,
            }
        };
        to.write_all(&buffer[..allowed]).await?;
        if allowed < read {
            to.flush().await?;
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
    }
}
