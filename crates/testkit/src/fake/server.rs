//! The door of the fake engine: it listens, accepts, and serves each connection in a task of its own.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;

use super::fault::Fault;
use super::http::{Conn, Socket};
use super::request::Request;
use super::{Listen, Shared, lock, route};
use crate::raw::Target;

/// Where an engine listens, and whether it does now.
#[derive(Debug)]
pub(super) struct Door {
    place: Place,
    open: Option<(CancellationToken, tokio::task::JoinHandle<()>)>,
}

#[derive(Debug, Clone)]
enum Place {
    Unix(PathBuf),
    Tcp(String),
}

enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
}

impl Listener {
    async fn accept(&self) -> io::Result<Box<dyn Socket>> {
        Ok(match self {
            Self::Unix(listener) => Box::new(listener.accept().await?.0),
            Self::Tcp(listener) => {
                let socket = listener.accept().await?.0;
                socket.set_nodelay(true)?;
                Box::new(socket)
            }
        })
    }
}

impl Door {
    pub(super) async fn open(shared: &Arc<Shared>, folder: Option<&Path>) -> io::Result<(Self, Target)> {
        let mut place = match (&shared.config.listen, folder) {
            (Listen::Unix(path), _) => Place::Unix(path.clone()),
            (Listen::Temporary, Some(folder)) => Place::Unix(folder.join("docker.sock")),
            (Listen::Temporary, None) => return Err(io::Error::other("no folder for the socket")),
            (Listen::Tcp(address), _) => Place::Tcp(address.to_string()),
        };
        let listener = bind(&place).await?;
        if let Listener::Tcp(tcp) = &listener {
            // Port 0 became a port; a restart takes the same again.
            place = Place::Tcp(tcp.local_addr()?.to_string());
        }
        let target = match &place {
            Place::Unix(path) => Target::Unix(path.clone()),
            Place::Tcp(address) => Target::Tcp(address.clone()),
        };
        let mut door = Self { place, open: None };
        door.serve(shared, listener);
        Ok((door, target))
    }

    pub(super) async fn reopen(&mut self, shared: &Arc<Shared>) -> io::Result<()> {
        if self.open.is_none() {
            let listener = bind(&self.place).await?;
            self.serve(shared, listener);
        }
        Ok(())
    }

    /// Stops listening; connections that are open live on. A unix socket's file stays: connecting to it is
    /// refused, as to one whose engine has crashed.
    pub(super) async fn close(&mut self) {
        if let Some((token, task)) = self.open.take() {
            token.cancel();
            // It ends by the token, not by a panic that somebody would want to know of.
            let _ = task.await;
        }
    }

    fn serve(&mut self, shared: &Arc<Shared>, listener: Listener) {
        let token = shared.stop.child_token();
        let task = shared.tracker.spawn(
            token
                .clone()
                .run_until_cancelled_owned(accept(Arc::clone(shared), listener)),
        );
        let task = shared.tracker.spawn(async move {
            let _ = task.await;
        });
        self.open = Some((token, task));
    }
}

async fn bind(place: &Place) -> io::Result<Listener> {
    match place {
        Place::Unix(path) => {
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            Ok(Listener::Unix(UnixListener::bind(path)?))
        }
        Place::Tcp(address) => Ok(Listener::Tcp(TcpListener::bind(address).await?)),
    }
}

async fn accept(shared: Arc<Shared>, listener: Listener) {
    loop {
        // Out of descriptors, or a client that was gone again: the next one may do better.
        let Ok(socket) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        let token = lock(&shared.connections).clone();
        let task = serve(Arc::clone(&shared), socket);
        let stop = shared.stop.clone();
        shared.tracker.spawn(async move {
            tokio::select! {
                () = token.cancelled() => {}
                () = stop.cancelled() => {}
                () = task => {}
            }
        });
    }
}

async fn serve(shared: Arc<Shared>, socket: Box<dyn Socket>) {
    let config = &shared.config;
    let head = format!(
        "Api-Version: {}.{}\r\nDocker-Experimental: false\r\nOstype: linux\r\nServer: Docker/{} (linux)\r\n",
        config.api_version.0, config.api_version.1, config.server_version
    );
    let mut conn = Conn::new(socket, shared.frozen.subscribe(), head);
    while let Ok(Some(request)) = conn.request().await {
        shared.requests.fetch_add(1, Ordering::Relaxed);
        *lock(&shared.calls).entry(shape(&request)).or_default() += 1;
        let fault = shared.faults.take(&request);
        conn.apply(fault.as_ref());
        let served = match fault {
            Some(Fault::Hangup) => return,
            Some(Fault::Answer { status, body }) => conn
                .answer(status, "application/json", body.as_bytes())
                .await
                .map(|()| true),
            Some(Fault::Delay(time)) => {
                tokio::time::sleep(time).await;
                route::handle(&shared, &mut conn, &request).await
            }
            Some(Fault::Cut { .. } | Fault::Stall { .. } | Fault::Dribble(_)) | None => {
                route::handle(&shared, &mut conn, &request).await
            }
        };
        if !matches!(served, Ok(true)) {
            return;
        }
    }
}

/// The request with ids taken out, for counting: `GET /containers/{id}/json`.
pub(super) fn shape(request: &Request) -> String {
    let mut parts: Vec<&str> = request.path.split('/').collect();
    if let [_, "containers" | "exec" | "images", id, ..] = parts.as_mut_slice()
        && !matches!(*id, "json" | "create" | "prune")
    {
        *id = "{id}";
    }
    format!("{} {}", request.method, parts.join("/"))
}
