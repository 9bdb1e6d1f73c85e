//! The session in which BuildKit asks its client for credentials: gRPC over a connection that the engine has switched
//! to HTTP/2, with the engine as the one who asks.
//!
//! Owns the few messages that are answered: credentials for a registry, and whether we are there. Nothing of this
//! machine but those credentials can be asked for. Whose they are is `registry`'s.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use h2::server::{self, SendResponse};
use h2::{Reason, RecvStream};
use http::header::{CONTENT_TYPE, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};

use super::buildkit::text_field;
use crate::call::Call;
use crate::duplex::Duplex;
use crate::error::ErrorKind;
use crate::path::PathQuery;
use crate::{Engine, Error, RegistryAuth};

const CREDENTIALS: &str = "/moby.filesync.v1.Auth/Credentials";
/// Asked every five seconds; a session that does not answer is given up.
const HEALTH: &str = "/grpc.health.v1.Health/Check";
/// A registry's name, with what frames it.
const MAX_QUESTION: usize = 4 * 1024;

/// gRPC's codes that we give.
const OK: &str = "0";
const NOT_FOUND: &str = "5";
const UNIMPLEMENTED: &str = "12";

/// A session that the engine knows by its id.
pub(super) struct Session {
    id: String,
    io: Duplex,
    auth: RegistryAuth,
}

impl Session {
    /// Opens one.
    ///
    /// # Errors
    /// When the engine has no such call, or does not switch.
    pub(super) async fn open(engine: &Engine) -> Result<Self, Error> {
        let header = |name| HeaderName::from_static(name);
        let call = Call::post("open a session for the build", PathQuery::new("/session"));
        let id = id().map_err(|error| call.error(ErrorKind::Connect).with_source(error))?;
        let call = call
            .header(UPGRADE, HeaderValue::from_static("h2c"))
            .header(header("x-docker-expose-session-uuid"), value(&id))
            .header(
                header("x-docker-expose-session-name"),
                HeaderValue::from_static("longshore"),
            )
            .header(
                header("x-docker-expose-session-sharedkey"),
                HeaderValue::from_static(""),
            )
            .header(
                header("x-docker-expose-session-grpc-method"),
                HeaderValue::from_static(CREDENTIALS),
            )
            .header(
                header("x-docker-expose-session-grpc-method"),
                HeaderValue::from_static(HEALTH),
            )
            .upgrade();
        let io = engine.client.upgrade(&call).await?;
        Ok(Self {
            id,
            io,
            auth: engine.client.registry_auth.clone(),
        })
    }

    /// What a build names it by.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Answers until the engine closes it. Polled beside the build's own answer, in the same task.
    pub(super) async fn serve(self) {
        if let Err(error) = self.answer().await {
            tracing::debug!(%error, "the session of a build has ended");
        }
    }

    async fn answer(self) -> Result<(), h2::Error> {
        let mut connection = server::handshake(self.io).await?;
        let mut answers = FuturesUnordered::new();
        loop {
            tokio::select! {
                asked = connection.accept() => match asked {
                    Some(asked) => {
                        let (request, respond) = asked?;
                        answers.push(answer(request, respond, &self.auth));
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
}

async fn answer(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    auth: &RegistryAuth,
) -> Result<(), h2::Error> {
    let path = request.uri().path().to_owned();
    let Some(question) = read(request.into_body()).await? else {
        respond.send_reset(Reason::ENHANCE_YOUR_CALM);
        return Ok(());
    };
    let (status, message) = match path.as_str() {
        // SERVING.
        HEALTH => (OK, Some(vec![0x08, 1])),
        CREDENTIALS => match credentials(&question, auth).await {
            Some(message) => (OK, Some(message)),
            None => (NOT_FOUND, None),
        },
        _ => (UNIMPLEMENTED, None),
    };
    let mut head = Response::new(());
    head.headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    let mut stream = respond.send_response(head, false)?;
    if let Some(message) = message {
        stream.send_data(framed(&message), false)?;
    }
    let mut trailers = HeaderMap::new();
    trailers.insert(HeaderName::from_static("grpc-status"), value(status));
    stream.send_trailers(trailers)
}

/// The question without its frame; `None` when it is longer than any that we answer.
async fn read(mut body: RecvStream) -> Result<Option<BytesMut>, h2::Error> {
    let mut all = BytesMut::new();
    while let Some(piece) = body.data().await {
        let piece = piece?;
        if all.len() + piece.len() > MAX_QUESTION {
            return Ok(None);
        }
        all.extend_from_slice(&piece);
        body.flow_control().release_capacity(piece.len())?;
    }
    // One byte for compression, which we do not offer, and four for the length.
    let frame = 5.min(all.len());
    Ok(Some(all.split_off(frame)))
}

/// `CredentialsResponse` for a `CredentialsRequest`: a host in field 1; a name and a secret in fields 1 and 2. Nobody's is
/// an empty answer, by which the engine goes on without.
async fn credentials(question: &[u8], auth: &RegistryAuth) -> Option<Vec<u8>> {
    let registry = text_field(question, 1)?;
    let found = match auth.credentials(&registry).await {
        Ok(found) => found,
        Err(error) => {
            tracing::warn!(registry, %error, "no credentials for a registry of a build");
            None
        }
    };
    let mut message = Vec::new();
    if let Some(found) = found {
        let (user, secret) = found.for_session()?;
        for (field, text) in [(1_u8, user), (2, secret)] {
            message.push(field << 3 | 2);
            let mut length = text.len();
            while length >= 0x80 {
                message.push(u8::try_from(length & 0x7f).unwrap_or(0) | 0x80);
                length >>= 7;
            }
            message.push(u8::try_from(length).unwrap_or(0));
            message.extend_from_slice(text.as_bytes());
        }
    }
    Some(message)
}

fn framed(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(5 + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(message);
    frame.freeze()
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}

/// An id that nobody guesses: who knows it may ask us for credentials through the engine.
fn id() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
