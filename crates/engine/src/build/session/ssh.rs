//! `moby.sshforward.v1.SSH`: agents of this machine for `RUN --mount=type=ssh`.
//!
//! A step may list an agent's keys and have it sign. Everything else of the agent's protocol (adding and removing keys,
//! locking, extensions) is answered here with its failure, and never reaches the agent: `docker buildx` does the same.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::BytesMut;
use http::HeaderMap;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::super::bad;
use super::super::proto::{bytes_field, put_field, text_field};
use super::grpc::{Asked, Code, Refusal, Told};
use crate::Error;

pub(super) const CHECK: &str = "/moby.sshforward.v1.SSH/CheckAgent";
pub(super) const FORWARD: &str = "/moby.sshforward.v1.SSH/ForwardAgent";
/// Where a call says which agent it means.
const ID: &str = "buildkit.ssh.id";
/// What a mount without an id asks for.
const DEFAULT: &str = "default";
/// The longest message that OpenSSH's agent takes or sends.
const MAX_MESSAGE: usize = 256 * 1024;
const CONNECT: Duration = Duration::from_secs(2);

/// Messages of the agent's protocol (`draft-ietf-sshm-ssh-agent`): what may be asked, and the answer to all else.
const REQUEST_IDENTITIES: u8 = 11;
const SIGN_REQUEST: u8 = 13;
const FAILURE: [u8; 5] = [0, 0, 0, 1, 5];

/// An SSH agent of this machine, whose keys the steps of a build may list and use. They may not add, remove or lock any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshAgent(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Environment,
    Socket(PathBuf),
}

impl SshAgent {
    /// The one that `SSH_AUTH_SOCK` names when the build begins.
    #[must_use]
    pub fn environment() -> Self {
        Self(Kind::Environment)
    }

    /// The one that listens on this socket.
    #[must_use]
    pub fn socket(path: impl Into<PathBuf>) -> Self {
        Self(Kind::Socket(path.into()))
    }
}

/// Sockets of agents by their ids.
pub(super) type Agents = BTreeMap<String, PathBuf>;

/// Finds all of them, and sees whether somebody listens there.
pub(super) async fn find(wanted: &BTreeMap<String, SshAgent>) -> Result<Agents, Error> {
    let mut agents = Agents::new();
    for (id, agent) in wanted {
        let path = match &agent.0 {
            Kind::Socket(path) => path.clone(),
            Kind::Environment => match std::env::var_os("SSH_AUTH_SOCK").filter(|path| !path.is_empty()) {
                Some(path) => path.into(),
                None => return Err(bad(format!("the SSH agent {id:?}: SSH_AUTH_SOCK is not set"))),
            },
        };
        if id.is_empty() {
            return Err(bad("an SSH agent has no id"));
        }
        connect(&path).await.map_err(|error| {
            let path = path.display();
            bad(format!("the SSH agent {id:?} does not answer at {path}")).with_source(error)
        })?;
        agents.insert(id.clone(), path);
    }
    Ok(agents)
}

/// An empty `CheckAgentResponse` for a `CheckAgentRequest` with an id in field 1.
pub(super) fn check(question: &[u8], agents: &Agents) -> Result<Vec<u8>, Refusal> {
    let id = text_field(question, 1).unwrap_or_default();
    named(agents, &id).map(|_| Vec::new())
}

fn named<'a>(agents: &'a Agents, id: &str) -> Result<&'a PathBuf, Refusal> {
    let id = if id.is_empty() { DEFAULT } else { id };
    let none = || Refusal::new(Code::NotFound, format!("no SSH agent {id:?} was given"));
    agents.get(id).ok_or_else(none)
}

/// Carries the messages of one connection in a step, one at a time, each answered before the next is looked at. Both ways
/// they are in field 1 of `BytesMessage`s, cut anywhere.
pub(super) async fn forward(
    head: &HeaderMap,
    asked: &mut Asked,
    told: &mut Told,
    agents: &Agents,
) -> Result<(), Refusal> {
    let id = head.get(ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
    let path = named(agents, id)?;
    let away = |error: io::Error| {
        tracing::warn!(id, %error, "a step of a build has lost its SSH agent");
        Refusal::new(Code::Unavailable, "the SSH agent is away")
    };
    let mut agent = connect(path).await.map_err(away)?;
    let mut held = BytesMut::new();
    loop {
        while let Some(length) = whole(&held).map_err(|error| Refusal::new(Code::InvalidArgument, error))? {
            let request = held.split_to(length);
            let reply = match request.get(4) {
                Some(&(REQUEST_IDENTITIES | SIGN_REQUEST)) => tokio::select! {
                    // It may ask a person first, and take its time.
                    reply = exchange(&mut agent, &request) => reply.map_err(away)?,
                    () = told.gone() => return Err(Refusal::new(Code::Cancelled, "the step has hung up")),
                },
                _ => FAILURE.to_vec(),
            };
            let mut message = Vec::with_capacity(reply.len() + 5);
            put_field(&mut message, 1, &reply);
            told.send(&message).await?;
        }
        let Some(message) = asked.next(MAX_MESSAGE).await? else {
            return Ok(());
        };
        let none = || Refusal::new(Code::InvalidArgument, "a message that is none");
        held.extend_from_slice(bytes_field(&message, 1).ok_or_else(none)?);
    }
}

/// How long the message is that `held` begins with, its length's own bytes among them; `None` before it is whole.
fn whole(held: &[u8]) -> Result<Option<usize>, &'static str> {
    let Some(length) = held.first_chunk::<4>() else {
        return Ok(None);
    };
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    if length > MAX_MESSAGE {
        return Err("a message to or of an SSH agent has more than 256 KiB");
    }
    Ok(Some(4 + length).filter(|length| held.len() >= *length))
}

async fn exchange(agent: &mut (impl AsyncRead + AsyncWrite + Unpin), request: &[u8]) -> io::Result<Vec<u8>> {
    agent.write_all(request).await?;
    let mut reply = Vec::new();
    loop {
        match whole(&reply).map_err(io::Error::other)? {
            Some(length) if length == reply.len() => return Ok(reply),
            Some(_) => return Err(io::Error::other("it says more than it was asked for")),
            None if agent.read_buf(&mut reply).await? == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            None => {}
        }
    }
}

#[cfg(unix)]
async fn connect(path: &Path) -> io::Result<tokio::net::UnixStream> {
    tokio::time::timeout(CONNECT, tokio::net::UnixStream::connect(path)).await?
}

#[cfg(not(unix))]
async fn connect(_: &Path) -> io::Result<tokio::io::DuplexStream> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "SSH agents are reached over unix sockets only",
    ))
}
