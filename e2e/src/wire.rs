//! A unix socket in front of an engine's, which a test can cut and mend: the engine is then lost and regained without
//! being touched.

use std::{
    io,
    path::{Path, PathBuf},
};

use tokio::{
    net::{UnixListener, UnixStream},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

/// The socket, passing on to the engine while it is whole.
#[derive(Debug)]
pub struct Wire {
    socket: PathBuf,
    engine: PathBuf,
    tasks: JoinSet<()>,
    cancel: CancellationToken,
}

impl Wire {
    /// A wire at `socket` to the engine's own socket.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn new(socket: impl Into<PathBuf>, engine: impl Into<PathBuf>) -> io::Result<Self> {
        let mut wire = Self {
            socket: socket.into(),
            engine: engine.into(),
            tasks: JoinSet::new(),
            cancel: CancellationToken::new(),
        };
        wire.mend()?;
        Ok(wire)
    }

    /// What `DOCKER_HOST` is to be.
    #[must_use]
    pub fn address(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// Breaks every connection and answers no new one, as when the engine is stopped.
    pub async fn cut(&mut self) {
        self.cancel.cancel();
        while self.tasks.join_next().await.is_some() {}
        // Already gone when the folder is being removed.
        let _ = std::fs::remove_file(&self.socket);
    }

    /// Passes on again.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn mend(&mut self) -> io::Result<()> {
        self.cancel = CancellationToken::new();
        let listener = UnixListener::bind(&self.socket)?;
        self.tasks
            .spawn(pass_on(listener, self.engine.clone(), self.cancel.clone()));
        Ok(())
    }
}

async fn pass_on(listener: UnixListener, engine: PathBuf, cancel: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = cancel.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((client, _)) = accepted else { break };
        while connections.try_join_next().is_some() {}
        connections.spawn(copy(client, engine.clone()));
    }
    connections.shutdown().await;
}

async fn copy(mut client: UnixStream, engine: impl AsRef<Path>) {
    let Ok(mut engine) = UnixStream::connect(engine).await else {
        return;
    };
    // Either side may hang up in the middle: that is what the wire is for.
    let _ = tokio::io::copy_bidirectional(&mut client, &mut engine).await;
}
