//! The command `serve`: configuration, the server, its signals. What the server does is its own crate's.

use std::{io, time::Duration};

use longshore_engine::{Environment, ErrorKind};
use longshore_fleet::FleetConfig;
use longshore_server::{ServeError, ServeErrorKind, Server, ServerConfig};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::{
    args, data,
    exit::Exit,
    failure::{Failure, chain},
    logging,
    output::{Item, Output},
};

/// Enough for every connection and WebSocket that a server takes, and so many that a quarter of them, which the sampler may
/// keep open, is the files of a thousand containers.
const DESCRIPTORS: u64 = 32_768;
const DAY: Duration = Duration::from_secs(86_400);
/// The server mostly waits, and each thread has a stack and caches of its own.
const WORKERS: usize = 2;

pub(crate) fn run(environment: &Environment, args: args::Serve) -> Result<(), Failure> {
    logging::start(&args.log, args.log_format)?;
    raise_descriptors();
    let mut fleet = fleet(environment)?;
    fleet.deaths = fleet.deaths.follow_auto_removed(args.follow_auto_removed);
    let config = ServerConfig::new(args.listen, data::folder(args.data)?, fleet)
        .allow_hosts(given(args.allow_host))
        .allow_origins(given(args.allow_origin))
        .insecure_listen(args.insecure_listen)
        .history(args.history_events, DAY * args.history_days);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Failure, format!("cannot start: {error}")))?;
    runtime.block_on(serve(config))
}

/// Each connection takes a descriptor, and each container some, and a shell's usual limit of 1,024 is less than a server has
/// places for.
fn raise_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(DESCRIPTORS, |most| most.min(DESCRIPTORS));
    if limit.current.is_some_and(|now| now < wanted) {
        let raised = Rlimit {
            current: Some(wanted),
            maximum: limit.maximum,
        };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!(%error, "few descriptors: many connections will be refused");
        }
    }
}

/// Without the empty word that an empty variable is.
fn given(mut list: Vec<String>) -> Vec<String> {
    list.retain(|text| !text.is_empty());
    list
}

/// Answers until a signal comes, then drains; a second signal ends it at once.
async fn serve(config: ServerConfig) -> Result<(), Failure> {
    // Watched before anything is started: a signal that comes early must drain too.
    let mut signals = Signals::new()
        .map_err(|error| Failure::new(Exit::Failure, format!("cannot watch for signals: {error}")))?;
    let server = Server::bind(config).await?;
    tracing::info!(address = %server.address(), "listening");
    match greet(&server).map_err(Failure::from) {
        // Nobody reads what it prints: no reason for a server to end.
        Ok(()) | Err(Failure::Quiet(_)) => {}
        Err(failure) => return Err(failure),
    }
    let shutdown = CancellationToken::new();
    let serving = server.serve(shutdown.clone());
    tokio::pin!(serving);
    tokio::select! {
        () = &mut serving => return Ok(()),
        () = signals.next() => {}
    }
    tracing::info!("draining; another signal ends it at once");
    shutdown.cancel();
    tokio::select! {
        () = serving => Ok(()),
        () = signals.next() => Err(Failure::Quiet(Exit::Interrupted)),
    }
}

/// The address, and on the first start the one-time link. To stdout alone: the link is a key.
fn greet(server: &Server) -> io::Result<()> {
    let mut output = Output::human();
    for notice in server.notices() {
        output.show(&Item::Warning(notice.clone()))?;
    }
    output.show(&Item::Text(format!("Longshore listens on {}", server.url())))?;
    if let Some(link) = server.setup_link() {
        output.show(&Item::Text(format!(
            "Make the first account within 15 minutes: {link}"
        )))?;
    }
    output.finish()
}

/// The engine that is meant. None at all is no reason not to start: the page says so, and the engine is followed when it
/// comes. An address or a context that makes no sense is: nobody could ever be there.
fn fleet(environment: &Environment) -> Result<FleetConfig, Failure> {
    match environment.discover() {
        Ok(found) => Ok(FleetConfig::at(found.endpoint)),
        Err(error) if error.kind() == ErrorKind::BadInput => Err(error.into()),
        Err(_) => Ok(FleetConfig::local()),
    }
}

/// SIGTERM from a supervisor, SIGINT from a terminal.
struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        let exit = match error.kind() {
            ServeErrorKind::Listen => Exit::Listen,
            ServeErrorKind::Config => Exit::Usage,
            ServeErrorKind::Data => Exit::Data,
            _ => Exit::Failure,
        };
        let failure = Self::new(exit, chain(&error));
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}
