//! `moby.filesync.v1.FileSend/DiffCopy`: what a build has made, as files of this machine.
//!
//! The engine sends one tar, whichever output is meant. A folder gets it through `copy`'s own unpacker, which trusts no
//! archive: so there is one way in for files, and nothing leads out of the folder.

use std::fmt;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use super::super::proto::bytes_field;
use super::super::{bad, failed};
use super::grpc::{Asked, Code, Refusal};
use crate::copy::Unpack;
use crate::error::ErrorKind;
use crate::{Copied, Error};

pub(super) const SEND: &str = "/moby.filesync.v1.FileSend/DiffCopy";
/// gRPC's own default for a message. Engines send 3 MiB at most.
const MAX_PIECE: usize = 4 * 1024 * 1024;

/// Where the files of the last stage go, instead of an image.
pub struct BuildOutput(Kind);

enum Kind {
    Folder(PathBuf),
    Tar(Pin<Box<dyn AsyncWrite + Send>>),
}

impl BuildOutput {
    /// Into a folder, which is made when it is not there. Files that are there are replaced, others stay. Permissions, times
    /// and links are kept; what is written is ours, and devices, pipes and setuid bits are left out.
    #[must_use]
    pub fn folder(path: impl Into<PathBuf>) -> Self {
        Self(Kind::Folder(path.into()))
    }

    /// As a tar, written as it comes and shut down at the end.
    #[must_use]
    pub fn tar(writer: impl AsyncWrite + Send + 'static) -> Self {
        Self(Kind::Tar(Box::pin(writer)))
    }

    /// Makes the folder, and finds out where it really is: a link to it is the caller's, and not to be replaced.
    pub(super) async fn prepared(self) -> Result<Self, Error> {
        let Self(Kind::Folder(path)) = self else {
            return Ok(self);
        };
        let unwritable = |error| {
            let path = path.display();
            bad(format!(
                "{path} cannot be written: it is no folder, and none can be made"
            ))
            .with_source(error)
        };
        tokio::fs::create_dir_all(&path).await.map_err(unwritable)?;
        let real = tokio::fs::canonicalize(&path).await.map_err(unwritable)?;
        Ok(Self::folder(real))
    }

    async fn write(self, pieces: impl Stream<Item = Result<Bytes, Error>>) -> Result<Copied, Error> {
        let mut pieces = pin!(pieces);
        let mut writer = match self.0 {
            Kind::Folder(root) => {
                let unpack = Unpack {
                    root: &root,
                    strip: 0,
                    folder: None,
                    limit: None,
                };
                return unpack.run(pieces).await.map_err(|bad| bad.into_error(failed));
            }
            Kind::Tar(writer) => writer,
        };
        let unwritable = |error| {
            failed(ErrorKind::BadInput)
                .with_message("its tar cannot be written")
                .with_source(error)
        };
        let mut copied = Copied::default();
        while let Some(piece) = pieces.next().await {
            let piece = piece?;
            writer.write_all(&piece).await.map_err(unwritable)?;
            copied.bytes += piece.len() as u64;
        }
        writer.shutdown().await.map_err(unwritable)?;
        Ok(copied)
    }
}

impl fmt::Debug for BuildOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Folder(path) => write!(f, "BuildOutput(folder {path:?})"),
            Kind::Tar(_) => f.write_str("BuildOutput(tar)"),
        }
    }
}

/// The output of a build: asked for, then on its way, then written or failed.
#[derive(Debug, Default)]
pub(super) struct Output {
    asked: Mutex<Option<BuildOutput>>,
    ended: Mutex<Option<Result<Copied, Error>>>,
}

impl Output {
    pub(super) fn new(output: Option<BuildOutput>) -> Self {
        Self {
            asked: Mutex::new(output),
            ended: Mutex::default(),
        }
    }

    /// How it ended; once.
    pub(super) fn ended(&self) -> Option<Result<Copied, Error>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Takes what the engine sends: pieces of the tar in field 1 of `BytesMessage`s. It waits for our end of the call.
    pub(super) async fn receive(&self, asked: &mut Asked) -> Result<(), Refusal> {
        let output = self.asked.lock().unwrap_or_else(PoisonError::into_inner).take();
        let output =
            output.ok_or_else(|| Refusal::new(Code::FailedPrecondition, "there is one output, once"))?;
        let pieces = stream::unfold(asked, |asked| async {
            let piece = asked.next(MAX_PIECE).await.map_err(Error::from).transpose()?;
            Some((piece.and_then(|piece| content(&piece)), asked))
        });
        let ended = output.write(pieces).await;
        // Why stays here: the engine need not know our paths.
        let refusal = || Refusal::new(Code::Aborted, "the output could not be written");
        let answer = ended.as_ref().map(|_| ()).map_err(|_| refusal());
        // One that the engine has broken off says less than what the engine itself says.
        if !matches!(&ended, Err(error) if error.kind() == ErrorKind::Interrupted) {
            *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(ended);
        }
        answer
    }
}

fn content(message: &Bytes) -> Result<Bytes, Error> {
    let none = || failed(ErrorKind::Protocol).with_message("a piece of the output is none");
    bytes_field(message, 1)
        .map(|bytes| message.slice_ref(bytes))
        .ok_or_else(none)
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let kind = match refusal.code() {
            Code::Cancelled => ErrorKind::Interrupted,
            _ => ErrorKind::Protocol,
        };
        failed(kind).with_message(format!("its output came to no end: {}", refusal.message()))
    }
}
