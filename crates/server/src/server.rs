//! The running server: bind, accept, drain.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use longshore_fleet::Fleet;
use longshore_store::{Secret, Store};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::{
    ServeError, ServerConfig,
    app::{App, Shared, Sizes, now},
    auth::Peer,
    gate::{Hosts, Origins},
    history, routes,
};

/// How long the head of a request may take, the wait for it on a kept connection included.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Most headers of a request.
const MAX_HEADERS: usize = 64;
/// Largest head of a request.
const MAX_HEAD: usize = 32 * 1024;
/// Pause after a failed accept (no descriptors left), so that it does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A server that listens, and does not answer before [`Server::serve`].
#[derive(Debug)]
pub struct Server {
    app: App,
    listener: TcpListener,
    address: SocketAddr,
    setup: Option<Secret>,
    notices: Vec<String>,
    max_connections: usize,
    drain: Duration,
}

impl Server {
    /// Checks the configuration, takes the address, opens the database, and begins to watch the engines in the background.
    ///
    /// # Errors
    /// [`ServeError`], with a hint for the person who started it. Not for an engine that cannot be reached: the page shows
    /// that, and it is tried again.
    pub async fn bind(config: ServerConfig) -> Result<Self, ServeError> {
        let notices = check_exposure(&config)?;
        let bad = |message: String| {
            ServeError::config(
                message,
                "see --allow-host and --allow-origin in longshore serve --help",
            )
        };
        let origins = Origins::new(&config.allow_origins).map_err(bad)?;
        let failed = |error| ServeError::listen(config.listen, error);
        let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let hosts = Hosts::new(address, &config.allow_hosts).map_err(bad)?;
        let store = Store::open(&config.data).await?;
        let setup = store.create_setup_token(now()).await?;
        let mut fleet = config.fleet;
        for host in fleet.hosts() {
            let known = history::known(&store, host).await;
            fleet.known.insert(host.to_owned(), known.into());
        }
        let fleet = Fleet::remembering(fleet, store.clone());
        let sizes = Sizes {
            recheck: config.recheck,
            max_streams: config.max_streams,
            history: (config.history_events, config.history_age),
        };
        let app = Shared::new(fleet, store, (hosts, origins), sizes);
        let (max_connections, drain) = (config.max_connections, config.drain);
        Ok(Self {
            app,
            listener,
            address,
            setup,
            notices,
            max_connections,
            drain,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of the page.
    #[must_use]
    pub fn url(&self) -> String {
        let mut shown = self.address;
        if shown.ip().is_unspecified() {
            shown.set_ip(if shown.is_ipv4() {
                std::net::Ipv4Addr::LOCALHOST.into()
            } else {
                std::net::Ipv6Addr::LOCALHOST.into()
            });
        }
        format!("http://{shown}/")
    }

    /// The link that makes the first account; `None` when there is one. Good for 15 minutes. For the terminal only:
    /// whoever has it owns the server.
    #[must_use]
    pub fn setup_link(&self) -> Option<String> {
        self.setup
            .as_ref()
            .map(|token| format!("{}#setup={}", self.url(), token.reveal()))
    }

    /// What the person who started it should know.
    #[must_use]
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// Answers until `shutdown` is cancelled, then lets requests finish, says goodbye to streams, stops watching and closes
    /// the database.
    pub async fn serve(self, shutdown: CancellationToken) {
        let router = routes::router(&self.app);
        let places = Arc::new(Semaphore::new(self.max_connections));
        tokio::select! {
            () = accept(&self.app, &self.listener, &router, &places) => {}
            () = shutdown.cancelled() => {}
        }
        drop(self.listener);
        let app = self.app;
        app.closing.cancel();
        app.tasks.close();
        if timeout(self.drain, app.tasks.wait()).await.is_err() {
            tracing::warn!(left = app.tasks.len(), "connections were cut off at the deadline");
            app.abandon.cancel();
            app.tasks.wait().await;
        }
        app.fleet.stop().await;
        app.history.finish().await;
        app.store.close().await;
    }
}

/// Refuses to put passwords on a network in the clear unless told to.
fn check_exposure(config: &ServerConfig) -> Result<Vec<String>, ServeError> {
    if config.listen.ip().is_loopback() {
        return Ok(Vec::new());
    }
    if !config.insecure_listen {
        return Err(ServeError::config(
            format!(
                "{} can be reached from other machines, and this server speaks plain HTTP",
                config.listen
            ),
            "listen on 127.0.0.1 behind a TLS proxy (--allow-host, --allow-origin), or accept with --insecure-listen \
             that passwords and tokens cross the network in the clear",
        ));
    }
    Ok(vec![format!(
        "listening on {} without TLS: passwords and tokens cross the network in the clear",
        config.listen
    )])
}

/// Never ends: what fails is one connection, not the server.
async fn accept(app: &App, listener: &TcpListener, router: &Router, places: &Arc<Semaphore>) {
    loop {
        // With no place free, waiting ones stay in the kernel's queue.
        let Ok(place) = Arc::clone(places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, peer)) => {
                let (shared, router) = (App::clone(app), router.clone());
                app.spawn(async move { connection(&shared, stream, peer, router, place).await });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(
    app: &Shared,
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    place: OwnedSemaphorePermit,
) {
    // Small messages of a live stream must not wait for each other.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        let router = router.clone();
        request.extensions_mut().insert(Peer(peer));
        async move { Ok::<_, Infallible>(answer(router, request).await) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(MAX_HEADERS)
        .max_header_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(serving);
    let result = tokio::select! {
        result = serving.as_mut() => result,
        () = app.closing.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%peer, %error, "a connection ended");
    }
    drop(place);
}

async fn answer(router: Router, request: hyper::Request<Incoming>) -> axum::response::Response {
    match router.oneshot(request.map(axum::body::Body::new)).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
