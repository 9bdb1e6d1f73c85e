//! Where `ssh` neither multiplexes nor forwards sockets (Windows), there is no SSH.

use crate::conn::Conn;
use crate::error::{Error, ErrorKind};
use crate::transport::failure;
use crate::{Endpoint, SshAddress};

pub(crate) struct Ssh;

impl Ssh {
    pub(crate) fn new(_: SshAddress) -> Self {
        Self
    }

    pub(crate) async fn dial(&self, endpoint: &Endpoint, _: impl Fn()) -> Result<Conn, Error> {
        Err(failure(endpoint, ErrorKind::Connect)
            .with_message("SSH is not supported on this platform")
            .with_hint("forward a port to the engine's socket (ssh -N -L 2375:/var/run/docker.sock host) and use tcp://127.0.0.1:2375"))
    }

    pub(crate) fn why_it_waits(&self) -> Option<(&'static str, &'static str)> {
        None
    }
}
