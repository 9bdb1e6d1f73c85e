//! Builds: a context goes to the engine, a log by steps comes back, and last the image, or files.
//!
//! Owns the call and its options. The folder's tar is `context`'s, what it leaves out `ignore`'s, the log `log`'s.
//!
//! Both builders take the context as the body of one call. BuildKit asks for what else it needs in a session beside it,
//! which is `session`'s. `docs/design/build.md` says what follows.

mod buildkit;
mod context;
mod dockerfile;
mod ignore;
mod log;
mod options;
mod prepare;
mod proto;
mod run;
mod session;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt};
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue};

use self::prepare::prepare;
use self::run::{Outcome, Run, Serving, beside};
use self::session::{Offer, Session};
use crate::call::{Call, HeadLimit};
use crate::conn::ReadLimits;
use crate::error::{ErrorKind, Subject};
use crate::messages::Messages;
use crate::path::PathQuery;
use crate::registry::{self, Credentials};
use crate::{Copied, Engine, Error};

pub use log::{BuildEvent, BuildStep, Built, StepState};
pub use options::{BuildContext, BuildImage, BuildLimit, Builder, Dockerfile};
pub use session::{BuildOutput, SecretSource, SshAgent};

const OP: &str = "build the image";
const REGISTRIES: HeaderName = HeaderName::from_static("x-registry-config");
/// How long an engine may get a context from elsewhere.
const REMOTE: Duration = Duration::from_secs(600);

/// A build, while it goes on. Nothing happens but when it is polled, or [`Build::finish`] is awaited.
///
/// Items are what happens, and last either [`BuildEvent::Done`] or an `Err`, never both. Dropping it closes the
/// connection, by which the engine ends the step at hand. Under no time limit once the engine has begun to answer: a
/// step may be quiet for as long as it runs. One of BuildKit's that needs credentials, secrets, SSH agents or an output has to
/// be polled on: the engine gives it up when it has asked us in vain for half a minute.
///
/// It ends with an image ([`Built`]), or with files that were written ([`Copied`]).
pub struct Build<T = Built> {
    events: BoxStream<'static, Result<BuildEvent<T>, Error>>,
}

impl<T> Build<T> {
    /// Reads it to its end, for nothing but the end.
    ///
    /// # Errors
    /// The one that it ended with.
    pub async fn finish(mut self) -> Result<T, Error> {
        while let Some(event) = self.events.next().await {
            if let BuildEvent::Done(ended) = event? {
                return Ok(ended);
            }
        }
        Err(Error::new(ErrorKind::Protocol, OP).with_message("its end was read already"))
    }
}

impl<T> Stream for Build<T> {
    type Item = Result<BuildEvent<T>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        self.events.as_mut().poll_next(cx)
    }
}

impl<T> fmt::Debug for Build<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Build(..)")
    }
}

impl Engine {
    /// Builds an image. Resolves when the engine has begun to answer; most of a context has been sent by then.
    ///
    /// # Errors
    /// [`ErrorKind::BadInput`] when the context, its Dockerfile, its `.dockerignore`, a secret or an SSH agent cannot be
    /// read, most of it before anything is sent, for secrets and agents with the classic builder, and for a Dockerfile with
    /// a mistake; [`ErrorKind::Version`] for secrets and agents when the engine has no BuildKit; [`ErrorKind::Failed`] as the last item when a step fails;
    /// [`Error::is_not_found`] and [`ErrorKind::Permission`] for base images.
    ///
    /// ```no_run
    /// # async fn example(engine: longshore_engine::Engine) -> Result<(), Box<dyn std::error::Error>> {
    /// use futures_util::TryStreamExt as _;
    /// use longshore_engine::{BuildContext, BuildEvent, BuildImage};
    ///
    /// let options = BuildImage::default().tag("me/app:1".parse()?).arg("VERSION", "1");
    /// let mut build = engine.build_image(BuildContext::folder("."), &options).await?;
    /// while let Some(event) = build.try_next().await? {
    ///     match event {
    ///         BuildEvent::Step(step) => println!("{} {}: {:?}", step.number, step.name, step.state),
    ///         BuildEvent::Output { bytes, .. } => print!("{}", String::from_utf8_lossy(&bytes)),
    ///         BuildEvent::Done(built) => println!("{}", built.id),
    ///         _ => {}
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn build_image(&self, context: BuildContext, options: &BuildImage) -> Result<Build, Error> {
        self.build(context, options, None).await
    }

    /// [`build_image`](Self::build_image), but the files of its last stage are written here instead of an image there. Only
    /// BuildKit does that. Tags are an image's and do not count.
    ///
    /// It ends with what was written; of a tar only the bytes are counted. When it fails or is dropped, what was written so
    /// far stays: of a folder whole files, and one that may be cut; of a tar its beginning.
    ///
    /// The engine is not trusted: nothing is written outside of the folder, and no link in it is followed.
    ///
    /// # Errors
    /// As `build_image`; [`ErrorKind::BadInput`] when the output cannot be written, a folder that is none before anything
    /// is sent, or the classic builder is to build; [`ErrorKind::Protocol`] when a file would lie outside of the folder.
    ///
    /// ```no_run
    /// # async fn example(engine: longshore_engine::Engine) -> Result<(), Box<dyn std::error::Error>> {
    /// use longshore_engine::{BuildContext, BuildImage, BuildOutput, Builder};
    /// // FROM scratch
    /// // COPY --from=builder /app/target/release/app /
    /// let options = BuildImage::default().builder(Builder::BuildKit);
    /// let output = BuildOutput::folder("dist");
    /// let build = engine.build_to(BuildContext::folder("."), &options, output).await?;
    /// println!("{} bytes", build.finish().await?.bytes);
    /// # Ok(()) }
    /// ```
    pub async fn build_to(
        &self,
        context: BuildContext,
        options: &BuildImage,
        output: BuildOutput,
    ) -> Result<Build<Copied>, Error> {
        self.build(context, options, Some(output)).await
    }

    async fn build<T: Outcome + Send + 'static>(
        &self,
        context: BuildContext,
        options: &BuildImage,
        output: Option<BuildOutput>,
    ) -> Result<Build<T>, Error> {
        let buildkit = match options.builder {
            Builder::Classic => false,
            Builder::BuildKit => true,
            Builder::Preferred => self.ping().await?.builder.as_deref() == Some("2"),
        };
        let is_output = output.is_some();
        if !buildkit && (is_output || options.needs_session()) {
            let message = "the classic builder has no secrets, SSH agents and other outputs than an image: they need BuildKit";
            return Err(bad(message).with_hint("ask for Builder::BuildKit"));
        }
        let auth = self.client.registry_auth.clone();
        let offer = Arc::new(Offer::new(auth, options, output).await?);
        let prepared = prepare(context.0, options, buildkit).await?;
        let path = options::path(
            options,
            buildkit,
            is_output,
            &prepared.dockerfile,
            prepared.remote.as_deref(),
        );
        let (path, mut serving) = self.session(path, buildkit, &offer).await?;
        let mut call = Call::post(OP, path)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/x-tar"))
            .head_limit(match &prepared.remote {
                // The engine gets it before it says a word.
                Some(_) => HeadLimit::After(REMOTE),
                None => HeadLimit::Configured,
            });
        let shown = options.tags.first().map(ToString::to_string);
        if let Some(shown) = &shown {
            call = call.on(shown);
        }
        // BuildKit asks when it needs one.
        if !buildkit {
            let credentials = self.credentials_for(prepared.registries).await;
            if !credentials.is_empty() {
                call = call.header(REGISTRIES, registry::config_header(&credentials));
            }
        }
        let (_, body) = beside(&mut serving, self.client.upload(&call, prepared.upload)).await?;
        let messages = Messages::new(&call, body, ReadLimits::default());
        let events = stream::unfold(Some(Run::new(messages, serving, offer)), |run| async move {
            let mut run = run?;
            let (event, goes_on) = run.next().await;
            Some((event, goes_on.then_some(run)))
        });
        Ok(Build {
            events: events.fuse().boxed(),
        })
    }

    /// The session in which a build may ask for what is offered. An engine without one builds too, as nobody, unless more
    /// than credentials is offered.
    async fn session(
        &self,
        path: PathQuery,
        buildkit: bool,
        offer: &Arc<Offer>,
    ) -> Result<(PathQuery, Option<Serving>), Error> {
        if !buildkit || offer.is_empty() {
            return Ok((path, None));
        }
        match Session::open(self, Arc::clone(offer)).await {
            Ok(session) => Ok((
                path.query("session", session.id()),
                Some(Box::pin(session.serve())),
            )),
            // It has no such call: Podman, and what is older than BuildKit.
            Err(error) if offer.is_needed() && error.status() == Some(404) => Err(failed(ErrorKind::Version)
                .with_message("the engine has no BuildKit, which secrets, SSH agents and other outputs than an image need")
                .with_source(error)),
            Err(error) if offer.is_needed() => Err(error),
            Err(error) => {
                tracing::warn!(%error, "a build cannot ask for credentials");
                Ok((path, None))
            }
        }
    }

    /// What there is for these registries. One that cannot be asked is left out: its image may need none.
    async fn credentials_for(&self, registries: BTreeSet<String>) -> BTreeMap<String, Credentials> {
        let mut all = BTreeMap::new();
        for name in registries {
            match self.client.registry_auth.credentials(&name).await {
                Ok(found) => all.extend(found.map(|credentials| (name, credentials))),
                Err(error) => {
                    tracing::warn!(registry = name, %error, "no credentials for a registry of a build");
                }
            }
        }
        all
    }
}

fn failed(kind: ErrorKind) -> Error {
    Error::new(kind, OP).with_subject(Subject::Image)
}

fn bad(message: impl Into<Cow<'static, str>>) -> Error {
    failed(ErrorKind::BadInput).with_message(message)
}
