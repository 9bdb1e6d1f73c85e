//! What the server says about itself, on stderr: stdout is for the address and the setup link.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::{args::LogFormat, exit::Exit, failure::Failure};

/// Begins to log. To be called once.
pub(crate) fn start(filter: &str, format: LogFormat) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        Failure::new(
            Exit::Usage,
            format!("cannot read the log filter {filter:?}: {error}"),
        )
        .hint("such as info, or warn,longshore_engine=debug")
    })?;
    let colour = anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never
        && io::stderr().is_terminal();
    let layer = fmt::layer().with_writer(io::stderr);
    let registry = tracing_subscriber::registry().with(filter);
    let started = match format {
        LogFormat::Text => registry
            .with(layer.with_ansi(colour).with_target(false))
            .try_init(),
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).try_init(),
    };
    started.map_err(|error| Failure::new(Exit::Failure, format!("cannot start logging: {error}")))
}
