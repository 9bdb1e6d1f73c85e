//! A runner in a container, spoken to over one exec: opening it, and its messages about one command.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use futures_util::StreamExt as _;
use longshore_core::ObjectRef;
use longshore_engine::{AttachedOutput, Engine, Error, ExecSpec, LogFrame, StdStream};
use longshore_runner::{Decoder, Exit, Reply, Request, Spawn, Stage, VERSION};

use super::bring::is_refusal;
use super::stdin::Framed;
use super::{Command, random};

/// A runner says hello within milliseconds of its start; an engine under load may take a second to start it.
const HELLO: Duration = Duration::from_secs(5);
/// Of what is said instead of a hello, so much is kept.
const SAID: usize = 1024;

/// What a runner tells of its one command.
#[derive(Debug)]
pub(super) enum Message {
    Hello(u16),
    Started,
    SpawnErr(i32, Stage),
    Out(Bytes),
    Err(Bytes),
    Exit(Exit),
}

/// Why a link gives nothing more.
#[derive(Debug)]
pub(super) enum Broken {
    /// The stream ended.
    Ended,
    Engine(Error),
    /// What comes is no runner's.
    Nonsense,
}

pub(super) struct Link {
    pub(super) input: Arc<Framed>,
    output: AttachedOutput,
    decoder: Decoder,
    piece: Bytes,
    id: u64,
    /// What came on stderr: the runner's last words, or the engine's about it.
    said: BytesMut,
}

impl Link {
    /// Starts the runner at `path`. The inner error says why there is none; nothing was run then.
    pub(super) async fn open(
        engine: &Engine,
        container: &ObjectRef,
        path: &str,
        command: &Command,
    ) -> Result<Result<Self, String>, Error> {
        let mut spec = ExecSpec::new([path]).privileged(command.privileged);
        spec.user.clone_from(&command.user);
        let attached = match engine.exec_attached(container, &spec).await {
            Ok((_, attached)) => attached,
            Err(error) if is_refusal(&error) => {
                return Ok(Err(error.message().unwrap_or("the engine refused it").to_owned()));
            }
            Err(error) => return Err(error),
        };
        let (input, output) = attached.split();
        let id = random();
        let mut link = Self {
            input: Arc::new(Framed::new(id, input)),
            output,
            decoder: Decoder::new(),
            piece: Bytes::new(),
            id,
            said: BytesMut::new(),
        };
        match tokio::time::timeout(HELLO, link.message()).await {
            Ok(Ok(Message::Hello(VERSION))) => Ok(Ok(link)),
            Ok(Ok(Message::Hello(version))) => Ok(Err(format!("it speaks version {version}"))),
            Err(_) => Ok(Err(format!("it did not say hello within {HELLO:?}"))),
            Ok(Err(Broken::Engine(error))) if !is_refusal(&error) => Err(error),
            Ok(_) => {
                let said = String::from_utf8_lossy(&link.said);
                Ok(Err(format!("it did not say hello: {}", said.trim())))
            }
        }
    }

    /// Sends the command.
    ///
    /// # Errors
    /// `InvalidInput` when it cannot be sent: too large for a frame, or no command at all.
    pub(super) async fn spawn(&mut self, spawn: Spawn) -> std::io::Result<()> {
        self.input.send(&Request::Spawn(spawn)).await
    }

    /// The next message. Dropping the future loses nothing.
    pub(super) async fn message(&mut self) -> Result<Message, Broken> {
        loop {
            if let Some(message) = self.decode()? {
                return Ok(message);
            }
            match self.output.next().await {
                None => return Err(Broken::Ended),
                Some(Err(error)) => return Err(Broken::Engine(error)),
                Some(Ok(LogFrame {
                    stream: StdStream::Stdout,
                    bytes,
                    ..
                })) => self.piece = bytes,
                Some(Ok(LogFrame { bytes, .. })) => self.keep(&bytes),
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = SAID.saturating_sub(self.said.len()).min(bytes.len());
        self.said.extend_from_slice(bytes.get(..room).unwrap_or_default());
    }

    fn decode(&mut self) -> Result<Option<Message>, Broken> {
        while !self.piece.is_empty() {
            let piece = self.piece.clone();
            let mut rest = &piece[..];
            let frame = self.decoder.next(&mut rest);
            let message = match frame {
                Err(_) => Err(()),
                Ok(None) => Ok(None),
                // What is not about our command is nobody's here.
                Ok(Some(frame)) if frame.id != self.id && frame.id != 0 => Ok(None),
                Ok(Some(frame)) => match Reply::decode(frame) {
                    Err(_) => Err(()),
                    Ok(Reply::Took { bytes }) => {
                        self.input.took(bytes);
                        Ok(None)
                    }
                    Ok(Reply::Hello { version, .. }) => Ok(Some(Message::Hello(version))),
                    Ok(Reply::Started { .. }) => Ok(Some(Message::Started)),
                    Ok(Reply::SpawnErr { errno, stage }) => Ok(Some(Message::SpawnErr(errno, stage))),
                    Ok(Reply::Out(bytes)) => Ok(Some(Message::Out(owned(&piece, bytes)))),
                    Ok(Reply::Err(bytes)) => Ok(Some(Message::Err(owned(&piece, bytes)))),
                    Ok(Reply::Exit(exit)) => Ok(Some(Message::Exit(exit))),
                },
            };
            let used = piece.len() - rest.len();
            match message {
                Err(()) => {
                    // An engine that cannot start a program says so as output.
                    self.keep(&piece);
                    self.piece.clear();
                    return Err(Broken::Nonsense);
                }
                Ok(message) => {
                    self.piece.advance(used);
                    if message.is_some() {
                        return Ok(message);
                    }
                }
            }
        }
        Ok(None)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.input.close();
    }
}

/// `part` as its own, without a copy where it lies in `whole`.
fn owned(whole: &Bytes, part: &[u8]) -> Bytes {
    if part.is_empty() {
        return Bytes::new();
    }
    if whole.as_ptr_range().contains(&part.as_ptr()) {
        whole.slice_ref(part)
    } else {
        Bytes::copy_from_slice(part)
    }
}
