//! What was typed. Only shapes and words are decided here; what they mean is each command's business.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::when::When;

/// See and run the containers of Docker and Podman engines.
///
/// `ps`, `logs`, `events`, `deaths` and `stats` talk to an engine directly. `serve` watches it and shows a live page.
#[derive(Debug, Parser)]
#[command(name = "longshore", version, max_term_width = 100, after_long_help = exit_codes())]
pub(crate) struct Cli {
    /// The engine's address: unix:///path/to/docker.sock, tcp://host:2375, https://host:2376 or ssh://user@host
    ///
    /// Without it and --context, it is looked for as docker does: DOCKER_HOST, DOCKER_CONTEXT, the current context of
    /// Docker's config.json, then the usual places of a socket. With DOCKER_TLS_VERIFY, tcp:// is TLS with the material in
    /// DOCKER_CERT_PATH. Through SSH, ssh must be able to log in without asking.
    // Text, so that a refused address is never printed: it may hold a password.
    #[arg(short = 'H', long, global = true, value_name = "ADDRESS")]
    pub(crate) host: Option<String>,

    /// The Docker context that leads to the engine, as `docker context ls` names it
    #[arg(short, long, global = true, value_name = "NAME", conflicts_with = "host")]
    pub(crate) context: Option<String>,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List containers
    Ps(Ps),
    /// Print what a container writes
    Logs(Logs),
    /// Print what happens on the engine
    ///
    /// Without --follow: what the engine still remembers (about 256 events), up to now.
    Events(Events),
    /// Print how containers ended, with their last words
    ///
    /// Without --follow: the ends among what the engine still remembers (its last 256 events). It is asked for the last lines
    /// of each log; of a container that is gone they are not known. `serve` keeps all of it, also after a removal.
    ///
    /// Where no end of a named container is known, that is said on stderr, with how far back the engine remembers; when there
    /// is no such container either, the exit code is 4.
    Deaths(Deaths),
    /// Show what containers use
    Stats(Stats),
    /// Run the server with its live page
    Serve(Serve),
    /// Manage the API tokens of a server's data folder
    #[command(subcommand)]
    Token(Token),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Ps {
    /// All containers, not only those that run
    #[arg(short, long)]
    pub(crate) all: bool,
    /// Only what matches, such as label=app=shop, name=web, status=exited; may be repeated
    #[arg(short, long = "filter", value_name = "KEY=VALUE", value_parser = filter)]
    pub(crate) filters: Vec<(String, String)>,
    /// One JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// The container's name, id, or the beginning of its id
    pub(crate) container: String,
    /// Go on with what it writes from now on; Ctrl-C ends it
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only so many lines from the end
    #[arg(short = 'n', long, value_name = "LINES")]
    pub(crate) tail: Option<u64>,
    /// Only from then on: how long ago (10m), a time (RFC 3339), or seconds since 1970
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<When>,
    /// Only up to then
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<When>,
    /// The time before each line
    #[arg(short, long)]
    pub(crate) timestamps: bool,
    /// Only what it writes to its standard output
    #[arg(long)]
    pub(crate) stdout: bool,
    /// Only what it writes to its standard error
    #[arg(long)]
    pub(crate) stderr: bool,
    /// One JSON object a line: time, stream, text
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Events {
    /// Go on with what happens from now on, through restarts of the engine; Ctrl-C ends it
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only from then on: how long ago (10m), a time (RFC 3339), or seconds since 1970
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<When>,
    /// Only up to then
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<When>,
    /// Only what matches: type=…, action=…, container=…, image=…, network=…, volume=…, label=…; may be repeated: one value
    /// of each key must fit, and every label
    #[arg(long = "filter", value_name = "KEY=VALUE", value_parser = filter)]
    pub(crate) filters: Vec<(String, String)>,
    /// One JSON object a line: type, action, id, name, time, time_nano, scope, attributes
    ///
    /// Followed, an event that was not told but seen afterwards has "synthetic": true, one older than those before it
    /// "late": true, and where some may be missing a line of its own says it: {"gap": {"from", "to", "reason"}}.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Deaths {
    /// Names, ids or beginnings of ids; all when there are none
    pub(crate) containers: Vec<String>,
    /// Go on with those that end from now on, through restarts of the engine; Ctrl-C ends it
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// How many of the last lines of the log to show, of 50 at most; with --json all
    #[arg(short = 'n', long, value_name = "LINES", default_value_t = 10)]
    pub(crate) lines: usize,
    /// With --follow: follow the logs of at most so many running containers that remove themselves (--rm), so that their last
    /// lines are known; newer engines refuse them once such a container has ended. Costs a stream a container
    #[arg(long, value_name = "CONTAINERS", default_value_t = 0, requires = "follow")]
    pub(crate) follow_auto_removed: usize,
    /// One JSON object a line
    ///
    /// With cause (success, failure, signal, out_of_memory, not_started, unknown), text, container, name, image, started,
    /// ended, exit_code, oom, signal, restart_count, restarting, error, health, log, removed, synthetic and unknown. What is
    /// not known is null, and "unknown" says why.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Stats {
    /// Names, ids or beginnings of ids; all that run when there are none
    pub(crate) containers: Vec<String>,
    /// Print one measurement and end
    #[arg(long)]
    pub(crate) no_stream: bool,
    /// One JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where to listen
    #[arg(
        long,
        env = "LONGSHORE_LISTEN",
        hide_env_values = true,
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:3625"
    )]
    pub(crate) listen: SocketAddr,
    /// Listen on an address that other machines reach, although this server speaks plain HTTP: passwords and tokens
    /// then cross the network in the clear
    #[arg(long)]
    pub(crate) insecure_listen: bool,
    #[command(flatten)]
    pub(crate) data: Data,
    /// Most events that are kept; 0 keeps none. A hundred thousand take some 70 MB
    #[arg(
        long,
        env = "LONGSHORE_HISTORY_EVENTS",
        hide_env_values = true,
        value_name = "COUNT",
        default_value_t = 100_000
    )]
    pub(crate) history_events: u64,
    /// How many days they are kept at most
    #[arg(
        long,
        env = "LONGSHORE_HISTORY_DAYS",
        hide_env_values = true,
        value_name = "DAYS",
        default_value_t = 7
    )]
    pub(crate) history_days: u32,
    /// Follow the logs of at most so many running containers that remove themselves (--rm), so that their last lines are
    /// kept; newer engines refuse them once such a container has ended. Costs a stream a container
    #[arg(
        long,
        env = "LONGSHORE_FOLLOW_AUTO_REMOVED",
        hide_env_values = true,
        value_name = "CONTAINERS",
        default_value_t = 0
    )]
    pub(crate) follow_auto_removed: usize,
    /// How much to log: error, warn, info, debug, trace, or a filter such as info,longshore_engine=debug
    #[arg(
        long,
        env = "LONGSHORE_LOG",
        hide_env_values = true,
        value_name = "FILTER",
        default_value = "info"
    )]
    pub(crate) log: String,
    /// How log lines look
    #[arg(long, env = "LONGSHORE_LOG_FORMAT", hide_env_values = true, value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
    /// A further host name that the page may be asked for by (behind a proxy); may be repeated
    #[arg(
        long,
        env = "LONGSHORE_ALLOW_HOST",
        hide_env_values = true,
        value_delimiter = ',',
        value_name = "HOST"
    )]
    pub(crate) allow_host: Vec<String>,
    // As an attribute: in a comment the address would want to be a link.
    #[arg(
        help = "A further origin that a page may come from, such as https://ships.example; may be repeated",
        long,
        env = "LONGSHORE_ALLOW_ORIGIN",
        hide_env_values = true,
        value_delimiter = ',',
        value_name = "ORIGIN"
    )]
    pub(crate) allow_origin: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Data {
    /// The server's data folder [default: $XDG_DATA_HOME/longshore, else ~/.local/share/longshore]
    #[arg(long, env = "LONGSHORE_DATA", hide_env_values = true, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make a token and print it; it is stored hashed and cannot be shown again
    Create {
        /// What it is for
        #[arg(long)]
        name: String,
        /// What it may do
        #[arg(long, value_enum)]
        role: Role,
        #[command(flatten)]
        data: Data,
    },
    /// List the tokens, without their secrets
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: Data,
    },
    /// End a token
    Revoke {
        /// The name it was made with
        name: String,
        #[command(flatten)]
        data: Data,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Reads, without environment values
    Viewer,
    /// Also starts, stops, restarts and removes
    Operator,
    /// Everything
    Admin,
}

fn filter(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() && !value.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write key=value, such as label=app=shop"),
    }
}

fn exit_codes() -> String {
    format!("Exit codes:\n{}", crate::exit::table())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_filter_keeps_what_follows_its_first_sign() {
        assert_eq!(
            filter("label=app=shop"),
            Ok(("label".to_owned(), "app=shop".to_owned()))
        );
        assert!(filter("label").is_err() && filter("=x").is_err() && filter("a=").is_err());
    }
}
