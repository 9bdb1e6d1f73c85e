//! The session in which BuildKit asks its client for what a build needs: gRPC over a connection that the engine has
//! switched to HTTP/2, with the engine as the one who asks.
//!
//! Owns opening it and who answers what. Nothing of this machine can be asked for but what is in the [`Offer`]. The framing
//! is `grpc`'s, each method has its module.

mod credentials;
mod grpc;
mod output;
mod secrets;
mod ssh;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use h2::RecvStream;
use h2::server::{self, SendResponse};
use http::header::{CONTENT_TYPE, UPGRADE};
use http::{HeaderName, HeaderValue, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};

use self::credentials::CREDENTIALS;
use self::grpc::{Asked, Code, Refusal, Told};
use self::output::Output;
use super::{BuildImage, bad};
use crate::call::Call;
use crate::duplex::Duplex;
use crate::error::ErrorKind;
use crate::path::PathQuery;
use crate::{Copied, Engine, Error, RegistryAuth};

pub use self::output::BuildOutput;
pub use self::secrets::SecretSource;
pub use self::ssh::SshAgent;

/// Asked every five seconds; a session that does not answer is given up.
const HEALTH: &str = "/grpc.health.v1.Health/Check";
/// A registry's name or an id, with what frames it.
const MAX_QUESTION: usize = 4 * 1024;
/// Calls at a time. The engine waits with more.
const MAX_CALLS: u32 = 128;
/// What is held of one call while its method does not read, and of all: one that stands still holds up no other.
const WINDOW: u32 = 512 * 1024;

/// What the engine may ask for.
pub(super) struct Offer {
    auth: RegistryAuth,
    secrets: secrets::Secrets,
    agents: ssh::Agents,
    output: Output,
    sends_output: bool,
    is_needed: bool,
}

impl Offer {
    /// What these options say, and this output, read and checked.
    ///
    /// # Errors
    /// When one of it is not there.
    pub(super) async fn new(
        auth: RegistryAuth,
        options: &BuildImage,
        output: Option<BuildOutput>,
    ) -> Result<Self, Error> {
        let sources = options.secrets.clone();
        let reading = tokio::task::spawn_blocking(move || secrets::read(&sources));
        let secrets = reading
            .await
            .map_err(|error| bad("its secrets could not be read").with_source(error))??;
        let agents = ssh::find(&options.ssh_agents).await?;
        let output = match output {
            Some(output) => Some(output.prepared().await?),
            None => None,
        };
        let sends_output = output.is_some();
        Ok(Self {
            auth,
            secrets,
            agents,
            output: Output::new(output),
            sends_output,
            is_needed: options.needs_session() || sends_output,
        })
    }

    /// Nobody needs a session for it.
    pub(super) fn is_empty(&self) -> bool {
        self.auth.is_empty() && !self.is_needed
    }

    /// A build must not go on without it.
    pub(super) fn is_needed(&self) -> bool {
        self.is_needed
    }

    /// How the output ended; once, and `None` before it has and when none was asked for.
    pub(super) fn output(&self) -> Option<Result<Copied, Error>> {
        self.output.ended()
    }

    fn methods(&self) -> Vec<&'static str> {
        let mut methods = vec![HEALTH, CREDENTIALS];
        if !self.secrets.is_empty() {
            methods.push(secrets::GET);
        }
        if !self.agents.is_empty() {
            methods.extend([ssh::CHECK, ssh::FORWARD]);
        }
        if self.sends_output {
            methods.push(output::SEND);
        }
        methods
    }
}

/// A session that the engine knows by its id.
pub(super) struct Session {
    id: String,
    io: Duplex,
    offer: Arc<Offer>,
}

impl Session {
    /// Opens one.
    ///
    /// # Errors
    /// When the engine has no such call, or does not switch.
    pub(super) async fn open(engine: &Engine, offer: Arc<Offer>) -> Result<Self, Error> {
        let header = |name| HeaderName::from_static(name);
        let call = Call::post("open a session for the build", PathQuery::new("/session"));
        let id = id().map_err(|error| call.error(ErrorKind::Connect).with_source(error))?;
        let value =
            HeaderValue::from_str(&id).map_err(|error| call.error(ErrorKind::BadInput).with_source(error))?;
        let mut call = call
            .header(UPGRADE, HeaderValue::from_static("h2c"))
            .header(header("x-docker-expose-session-uuid"), value)
            .header(
                header("x-docker-expose-session-name"),
                HeaderValue::from_static("longshore"),
            )
            .header(
                header("x-docker-expose-session-sharedkey"),
                HeaderValue::from_static(""),
            );
        for method in offer.methods() {
            call = call.header(
                header("x-docker-expose-session-grpc-method"),
                HeaderValue::from_static(method),
            );
        }
        let io = engine.client.upgrade(&call.upgrade()).await?;
        Ok(Self { id, io, offer })
    }

    /// What a build names it by.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Answers until the engine closes it. Polled beside the build's own answer, in the same task.
    pub(super) async fn serve(self) {
        if let Err(error) = serve(self.io, self.offer).await {
            tracing::debug!(%error, "the session of a build has ended");
        }
    }
}

/// Answers on a connection that speaks HTTP/2 already.
async fn serve(io: impl AsyncRead + AsyncWrite + Unpin, offer: Arc<Offer>) -> Result<(), h2::Error> {
    let mut connection = server::Builder::new()
        .max_concurrent_streams(MAX_CALLS)
        .max_header_list_size(64 * 1024)
        .initial_window_size(WINDOW)
        .initial_connection_window_size(MAX_CALLS * WINDOW)
        .handshake(io)
        .await?;
    let mut answers = FuturesUnordered::new();
    loop {
        tokio::select! {
            asked = connection.accept() => match asked {
                Some(asked) => {
                    let (request, respond) = asked?;
                    answers.push(answer(request, respond, &offer));
                }
                None => return Ok(()),
            },
            Some(answered) = answers.next(), if !answers.is_empty() => {
                if let Err(error) = answered {
                    tracing::debug!(%error, "a question of a build was not answered");
                }
            }
        }
    }
}

async fn answer(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    offer: &Offer,
) -> Result<(), h2::Error> {
    let mut head = Response::new(());
    head.headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    let mut told = Told::new(respond.send_response(head, false)?);
    let ended = called(request, &mut told, offer).await;
    if let Err(refusal) = &ended {
        tracing::debug!(?refusal, "a question of a build is refused");
    }
    told.end(ended)
}

async fn called(request: Request<RecvStream>, told: &mut Told, offer: &Offer) -> Result<(), Refusal> {
    let (head, body) = request.into_parts();
    let mut asked = Asked::new(body);
    let answer = match head.uri.path() {
        HEALTH => {
            asked.only(MAX_QUESTION).await?;
            // SERVING.
            vec![0x08, 1]
        }
        CREDENTIALS => credentials::credentials(&asked.only(MAX_QUESTION).await?, &offer.auth).await?,
        secrets::GET => secrets::get(&asked.only(MAX_QUESTION).await?, &offer.secrets)?,
        ssh::CHECK => ssh::check(&asked.only(MAX_QUESTION).await?, &offer.agents)?,
        ssh::FORWARD => return ssh::forward(&head.headers, &mut asked, told, &offer.agents).await,
        output::SEND => return offer.output.receive(&mut asked).await,
        _ => {
            let message = "nothing is answered but what is offered";
            return Err(Refusal::new(Code::Unimplemented, message));
        }
    };
    told.send(&answer).await
}

/// An id that nobody guesses: who knows it may ask us for credentials through the engine.
fn id() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
