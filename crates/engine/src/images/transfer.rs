//! Pull and push: a stream of progress that ends with exactly one item that says how it ended.
//!
//! Owns the two calls, which credentials they carry, and that kept credentials which a registry refuses are renewed
//! once. The arithmetic of progress is `core`'s; callers who want the same pull share it through the runtime crate.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt};
use longshore_core::{ImageName, ImageRef, TransferFold, TransferKind, TransferProgress};
use serde::Deserialize;

use super::{AUTH, PullImage, PushImage, at_registry, platform_json};
use crate::call::Call;
use crate::conn::ReadLimits;
use crate::error::ErrorKind;
use crate::messages::{Message, Messages};
use crate::path::PathQuery;
use crate::registry::{self, CredentialError, Found};
use crate::wire::lenient::nullable;
use crate::{ApiVersion, Engine, Error};

/// One step of a [`Transfer`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum TransferEvent {
    /// It goes on.
    Progress(TransferProgress),
    /// It is done; the last item.
    Done(Transferred),
}

/// What came of a pull or a push.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Transferred {
    /// The name that was meant, with its tag or digest.
    pub image: ImageName,
    /// The manifest's digest at the registry; `None` when the engine does not say.
    pub digest: Option<String>,
    /// Whether a pull brought something new; `None` for a push, and when the engine does not say.
    pub is_new: Option<bool>,
    /// How it stood at the end: its fraction is 1.
    pub progress: TransferProgress,
}

/// A pull or a push, while it goes on. Nothing happens but when it is polled, or [`Transfer::finish`] is awaited.
///
/// Items are progress, and last either [`TransferEvent::Done`] or an `Err`, never both. Dropping it closes the
/// connection, by which the engine gives up; layers that are complete stay. Under the idle limit between two messages.
pub struct Transfer {
    events: BoxStream<'static, Result<TransferEvent, Error>>,
}

impl Transfer {
    /// Reads it to its end, for nothing but the end.
    ///
    /// # Errors
    /// The one that it ended with.
    pub async fn finish(mut self) -> Result<Transferred, Error> {
        while let Some(event) = self.events.next().await {
            if let TransferEvent::Done(done) = event? {
                return Ok(done);
            }
        }
        // The last item is always one of the two; a stream polled past it has none.
        Err(Error::new(ErrorKind::Protocol, "move the image").with_message("its end was read already"))
    }
}

impl Stream for Transfer {
    type Item = Result<TransferEvent, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.events.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transfer(..)")
    }
}

impl Engine {
    /// Pulls an image; without tag and digest, the tag `latest`. Resolves when the engine has found it at the
    /// registry, or has begun to look.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when the registry has no such image or none for the platform,
    /// [`ErrorKind::Permission`] when it wants other credentials, [`ErrorKind::Failed`] for what goes wrong later, as
    /// the last item.
    ///
    /// ```no_run
    /// # async fn example(engine: longshore_engine::Engine) -> Result<(), Box<dyn std::error::Error>> {
    /// use futures_util::TryStreamExt as _;
    /// use longshore_engine::{PullImage, TransferEvent};
    ///
    /// let mut pull = engine.pull_image(&"nginx:1.29".parse()?, &PullImage::default()).await?;
    /// while let Some(event) = pull.try_next().await? {
    ///     match event {
    ///         TransferEvent::Progress(now) => println!("{:.0} %", 100.0 * now.fraction.unwrap_or(0.0)),
    ///         TransferEvent::Done(done) => println!("{} {}", done.image, done.digest.unwrap_or_default()),
    ///         _ => {}
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn pull_image(&self, image: &ImageName, options: &PullImage) -> Result<Transfer, Error> {
        let found = options.credentials.clone().map(Found::given);
        let job = Job {
            kind: TransferKind::Pull,
            image: image.clone().or_latest(),
            platform: options.platform.as_ref().map(ToString::to_string),
        };
        self.transfer(job, found).await
    }

    /// Pushes an image that the engine has under this name; without a tag, the tag `latest`. Resolves when the engine
    /// has begun.
    ///
    /// # Errors
    /// As [`Engine::pull_image`]; most come as the last item, for an engine answers before it asks the registry.
    /// [`ErrorKind::BadInput`] for a name with a digest.
    pub async fn push_image(&self, image: &ImageName, options: &PushImage) -> Result<Transfer, Error> {
        let found = options.credentials.clone().map(Found::given);
        let job = Job {
            kind: TransferKind::Push,
            image: image.clone().or_latest(),
            platform: options.platform.as_ref().map(platform_json),
        };
        self.transfer(job, found).await
    }

    async fn transfer(&self, job: Job, given: Option<Found>) -> Result<Transfer, Error> {
        let mut run = Run {
            engine: self.clone(),
            fold: TransferFold::new(job.kind),
            job,
            found: given,
            lookup: None,
            renewed: false,
            digest: None,
            is_new: None,
        };
        let messages = run.begin().await?;
        let events = stream::unfold(Some((run, messages)), |state| async move {
            let (mut run, mut messages) = state?;
            match run.next(&mut messages).await {
                Ok(event @ TransferEvent::Progress(_)) => Some((Ok(event), Some((run, messages)))),
                last => Some((last, None)),
            }
        });
        Ok(Transfer {
            events: events.fuse().boxed(),
        })
    }
}

/// What is to be done.
struct Job {
    kind: TransferKind,
    image: ImageName,
    /// As the call wants it.
    platform: Option<String>,
}

/// One transfer with all that it needs to be begun again.
struct Run {
    engine: Engine,
    job: Job,
    fold: TransferFold,
    found: Option<Found>,
    /// Why there are no credentials, when looking for them failed.
    lookup: Option<CredentialError>,
    /// Refused credentials were renewed once already.
    renewed: bool,
    digest: Option<String>,
    is_new: Option<bool>,
}

/// What a push says of its end.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Aux {
    #[serde(default, deserialize_with = "nullable")]
    digest: String,
}

impl Run {
    /// Sends the call, with other credentials when those that were kept are refused.
    async fn begin(&mut self) -> Result<Messages, Error> {
        if self.found.is_none() {
            self.look_up().await;
        }
        loop {
            match self.send().await.map_err(at_registry) {
                Err(error) if self.renew(&error).await => {}
                Err(error) => return Err(self.explained(error)),
                Ok(messages) => return Ok(messages),
            }
        }
    }

    async fn look_up(&mut self) {
        let registry = self.job.image.registry();
        match self.engine.client.registry_auth.find(registry).await {
            Ok(found) => self.found = found,
            // Many a configuration names a helper that is not there, and most images need no credentials.
            Err(error) => {
                tracing::warn!(registry, %error, "no credentials for a registry; it is asked without");
                self.lookup = Some(error);
            }
        }
    }

    async fn send(&self) -> Result<Messages, Error> {
        let Job {
            kind,
            image,
            platform,
        } = &self.job;
        let text = image.to_string();
        let version_or_tag = image.digest().or(image.tag());
        let (call, needed) = if *kind == TransferKind::Pull {
            let path = PathQuery::new("/images/create")
                .query("fromImage", &image.familiar())
                .query_opt("tag", version_or_tag)
                .query_opt("platform", platform.as_deref());
            (Call::post("pull the image", path), ApiVersion::new(1, 32))
        } else {
            let path = PathQuery::image(&ImageRef::from(&image.bare()), "push")
                .query_opt("tag", image.tag())
                .query_opt("platform", platform.as_deref());
            (Call::post("push the image", path), ApiVersion::new(1, 46))
        };
        let credentials = self.found.as_ref().map(|found| &found.credentials);
        let call = call
            .on(&text)
            .header(AUTH, registry::header(image.registry(), credentials));
        if *kind == TransferKind::Push && image.digest().is_some() {
            return Err(call
                .error(ErrorKind::BadInput)
                .with_message("a digest cannot be pushed, only a tag"));
        }
        if platform.is_some() {
            self.engine
                .client
                .needs(&call, needed, "a transfer for one platform")
                .await?;
        }
        let (_, body) = self.engine.client.stream(&call).await?;
        let limits = ReadLimits {
            idle: self.engine.config().idle_timeout,
            total: None,
        };
        Ok(Messages::new(&call, body, limits))
    }

    async fn next(&mut self, messages: &mut Messages) -> Result<TransferEvent, Error> {
        loop {
            match messages.next().await {
                Some(Ok(message)) => {
                    if let Some(progress) = self.see(&message) {
                        return Ok(TransferEvent::Progress(progress));
                    }
                }
                // A push is refused inside its stream, before any layer has moved.
                Some(Err(error)) if self.renew(&error).await => *messages = self.begin().await?,
                Some(Err(error)) => return Err(self.explained(error)),
                None => {
                    return Ok(TransferEvent::Done(Transferred {
                        image: self.job.image.clone(),
                        digest: self.digest.take(),
                        is_new: self.is_new,
                        progress: self.fold.finish(),
                    }));
                }
            }
        }
    }

    fn see(&mut self, message: &Message) -> Option<TransferProgress> {
        if let Some(aux) = &message.aux
            && let Ok(Aux { digest }) = serde_json::from_str(aux.get())
            && !digest.is_empty()
        {
            self.digest = Some(digest);
        }
        let status = message.status.as_deref()?;
        if let Some(digest) = status.strip_prefix("Digest: ") {
            self.digest = Some(digest.trim().to_owned());
        } else if self.job.kind == TransferKind::Push && self.digest.is_none() {
            // Podman says it in words alone: `1: digest: sha256:… size: 528`.
            let told = status
                .split_once(": digest: ")
                .and_then(|(_, rest)| rest.split(' ').next());
            self.digest = told.map(str::to_owned);
        }
        if let Some(end) = status.strip_prefix("Status: ") {
            self.is_new = Some(!end.starts_with("Image is up to date"));
        }
        let (current, total) = message.detail.bytes();
        Some(self.fold.apply(message.id.as_deref(), status, current, total))
    }

    /// Whether it is to be begun again with new credentials, which then stand ready.
    async fn renew(&mut self, error: &Error) -> bool {
        if self.renewed || error.kind() != ErrorKind::Permission {
            return false;
        }
        let Some(found) = self.found.take() else {
            return false;
        };
        if !found.refused(self.job.image.registry()).await {
            self.found = Some(found);
            return false;
        }
        self.renewed = true;
        self.look_up().await;
        true
    }

    /// What a person can do about a refusal.
    fn explained(&self, error: Error) -> Error {
        let registry = self.job.image.registry();
        let refused = error.kind() == ErrorKind::Permission
            || error.message().is_some_and(|text| text.contains("access denied"));
        match (&self.lookup, &self.found) {
            _ if !refused => error,
            (Some(lookup), _) => error.with_hint(format!("no credentials could be got: {lookup}")),
            (None, None) => error.with_hint(format!(
                "{registry} was asked without credentials: log in, or give some"
            )),
            (None, Some(_)) => error.with_hint(format!(
                "{registry} did not take the credentials that it was shown"
            )),
        }
    }
}
