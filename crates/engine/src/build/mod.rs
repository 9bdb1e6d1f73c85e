//! Builds: a context goes to the engine, a log by steps comes back, and last the image.
//!
//! Owns the call and its options. The folder's tar is `context`'s, what it leaves out `ignore`'s, the log `log`'s.
//!
//! Both builders take the context as the body of one call. BuildKit asks for credentials of base images in a session
//! beside it, which is `session`'s; what else a session could bring is not offered. `docs/design/build.md` says what follows.

mod buildkit;
mod context;
mod dockerfile;
mod ignore;
mod log;
mod options;
mod session;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::poll_fn;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::pin::{Pin, pin};
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt};
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue};

use crate::call::{Call, HeadLimit};
use crate::conn::ReadLimits;
use crate::error::{ErrorKind, Subject};
use crate::messages::Messages;
use crate::path::PathQuery;
use crate::registry::{self, Credentials};
use crate::{Engine, Error, Upload};
use context::Context;
use ignore::Ignore;
use log::Log;
use session::Session;

pub use log::{BuildEvent, BuildStep, Built, StepState};
pub use options::{BuildContext, BuildImage, BuildLimit, Builder, Dockerfile};

const OP: &str = "build the image";
const REGISTRIES: HeaderName = HeaderName::from_static("x-registry-config");
const IGNORE: &str = ".dockerignore";
/// How long an engine may get a context from elsewhere.
const REMOTE: Duration = Duration::from_secs(600);
/// A Dockerfile or an ignore file has some kilobytes.
const MAX_TEXT: u64 = 4 * 1024 * 1024;

/// A build, while it goes on. Nothing happens but when it is polled, or [`Build::finish`] is awaited.
///
/// Items are what happens, and last either [`BuildEvent::Done`] or an `Err`, never both. Dropping it closes the
/// connection, by which the engine ends the step at hand. Under no time limit once the engine has begun to answer: a
/// step may be quiet for as long as it runs.
pub struct Build {
    events: BoxStream<'static, Result<BuildEvent, Error>>,
}

impl Build {
    /// Reads it to its end, for nothing but the end.
    ///
    /// # Errors
    /// The one that it ended with.
    pub async fn finish(mut self) -> Result<Built, Error> {
        while let Some(event) = self.events.next().await {
            if let BuildEvent::Done(built) = event? {
                return Ok(built);
            }
        }
        Err(Error::new(ErrorKind::Protocol, OP).with_message("its end was read already"))
    }
}

impl Stream for Build {
    type Item = Result<BuildEvent, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        self.events.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Build(..)")
    }
}

impl Engine {
    /// Builds an image. Resolves when the engine has begun to answer; most of a context has been sent by then.
    ///
    /// # Errors
    /// [`ErrorKind::BadInput`] when the context, its Dockerfile or its `.dockerignore` cannot be read, most of it before
    /// anything is sent, and for a Dockerfile with a mistake; [`ErrorKind::Failed`] as the last item when a step fails;
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
        let buildkit = match options.builder {
            Builder::Classic => false,
            Builder::BuildKit => true,
            Builder::Preferred => self.ping().await?.builder.as_deref() == Some("2"),
        };
        let prepared = prepare(context.0, options, buildkit).await?;
        let path = options::path(
            options,
            buildkit,
            &prepared.dockerfile,
            prepared.remote.as_deref(),
        );
        let (path, mut serving) = self.session(path, buildkit).await;
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
        let events = stream::unfold(Some(Run::new(messages, serving)), |run| async move {
            let mut run = run?;
            let (event, goes_on) = run.next().await;
            Some((event, goes_on.then_some(run)))
        });
        Ok(Build {
            events: events.fuse().boxed(),
        })
    }

    /// The session in which a build may ask for credentials, where there may be some. An engine without one builds too.
    async fn session(&self, path: PathQuery, buildkit: bool) -> (PathQuery, Option<Serving>) {
        if !buildkit || self.client.registry_auth.is_empty() {
            return (path, None);
        }
        match Session::open(self).await {
            Ok(session) => (
                path.query("session", session.id()),
                Some(Box::pin(session.serve())),
            ),
            Err(error) => {
                tracing::warn!(%error, "a build cannot ask for credentials");
                (path, None)
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

/// A session that is answered while a build goes on.
type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Does the work, and answers the session beside it.
async fn beside<T>(serving: &mut Option<Serving>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|cx| {
        if serving
            .as_mut()
            .is_some_and(|serving| serving.as_mut().poll(cx).is_ready())
        {
            *serving = None;
        }
        work.as_mut().poll(cx)
    })
    .await
}

/// A build's log on its way.
struct Run {
    messages: Messages,
    serving: Option<Serving>,
    log: Log,
    /// How it ended, while events before that are still to be given.
    last: Option<Result<BuildEvent, Error>>,
}

impl Run {
    fn new(messages: Messages, serving: Option<Serving>) -> Self {
        Self {
            messages,
            serving,
            log: Log::new(),
            last: None,
        }
    }

    /// The next event, and whether another one follows.
    async fn next(&mut self) -> (Result<BuildEvent, Error>, bool) {
        loop {
            if let Some(event) = self.log.next() {
                return (Ok(event), true);
            }
            if let Some(last) = self.last.take() {
                return (last, false);
            }
            match beside(&mut self.serving, self.messages.next()).await {
                Some(Ok(message)) => self.log.see(&message),
                Some(Err(error)) => {
                    self.log.fail(error.message().unwrap_or("the build has failed"));
                    self.last = Some(Err(error));
                }
                None => {
                    let error = || {
                        let error = self.messages.error(ErrorKind::Protocol);
                        error.with_message("the engine did not say which image it has built")
                    };
                    self.last = Some(self.log.finish().map(BuildEvent::Done).ok_or_else(error));
                }
            }
        }
    }
}

/// What is sent.
struct Prepared {
    upload: Upload,
    /// Its path in the context.
    dockerfile: String,
    remote: Option<String>,
    registries: BTreeSet<String>,
}

async fn prepare(kind: options::Kind, options: &BuildImage, buildkit: bool) -> Result<Prepared, Error> {
    let mut registries: BTreeSet<String> = options.registries.iter().cloned().collect();
    let inside = |options: &BuildImage| match &options.dockerfile {
        Dockerfile::Inside(path) => Ok(path.clone()),
        Dockerfile::Outside(_) | Dockerfile::Text(_) => {
            Err(bad("a Dockerfile from elsewhere can only be added to a folder"))
        }
    };
    match kind {
        options::Kind::Tar(upload) => Ok(Prepared {
            upload,
            dockerfile: inside(options)?,
            remote: None,
            registries,
        }),
        options::Kind::Remote(address) => Ok(Prepared {
            upload: Upload::from(Vec::new()),
            dockerfile: inside(options)?,
            remote: Some(address),
            registries,
        }),
        options::Kind::Folder(root) => {
            let (dockerfile, args) = (options.dockerfile.clone(), options.args.clone());
            let reading = tokio::task::spawn_blocking(move || folder(root, dockerfile, &args, buildkit));
            let (context, dockerfile, named) = reading
                .await
                .map_err(|error| bad("it could not be read").with_source(error))??;
            registries.extend(named);
            Ok(Prepared {
                upload: context.into_upload(),
                dockerfile,
                remote: None,
                registries,
            })
        }
    }
}

fn bad(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::BadInput, OP)
        .with_subject(Subject::Image)
        .with_message(message)
}

/// The folder as a context, where its Dockerfile is in it, and the registries that the Dockerfile names.
fn folder(
    root: PathBuf,
    dockerfile: Dockerfile,
    args: &BTreeMap<String, String>,
    buildkit: bool,
) -> Result<(Context, String, BTreeSet<String>), Error> {
    let unread =
        |what: &Path, error: io::Error| bad(format!("{} cannot be read", what.display())).with_source(error);
    let text = |path: &Path| small(path).map_err(|error| unread(path, error));
    let (name, content, is_inside) = match dockerfile {
        Dockerfile::Text(text) => (None, text.into_bytes(), false),
        Dockerfile::Outside(path) => (None, text(&path)?, false),
        Dockerfile::Inside(name) => {
            if Path::new(&name)
                .components()
                .any(|part| !matches!(part, Component::Normal(_) | Component::CurDir))
            {
                return Err(bad(format!(
                    "the Dockerfile's path {name:?} leads out of the context"
                )));
            }
            let name = name.trim_start_matches("./").to_owned();
            let content = text(&root.join(&name))?;
            (Some(name), content, true)
        }
    };
    // BuildKit prefers the ignore file beside a Dockerfile; the classic builder knows only the context's own.
    let beside = name
        .as_ref()
        .filter(|_| buildkit)
        .map(|name| format!("{name}{IGNORE}"));
    let mut ignored = None;
    for path in beside.iter().map(String::as_str).chain([IGNORE]) {
        let path = root.join(path);
        match small(&path) {
            Ok(text) => {
                ignored = Some((path, text));
                break;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unread(&path, error)),
        }
    }
    let ignore = match &ignored {
        Some((path, text)) => Ignore::read(text)
            .map_err(|error| bad(format!("{} is not valid", path.display())).with_source(error))?,
        None => Ignore::default(),
    };
    let registries = dockerfile::registries(&String::from_utf8_lossy(&content), args);
    let mut context = Context::new(root, ignore);
    let name = match (name, is_inside) {
        (Some(name), true) => name,
        _ => {
            let mut hasher = DefaultHasher::new();
            content.hash(&mut hasher);
            format!(".dockerfile.{:016x}", hasher.finish())
        }
    };
    if is_inside {
        context.always(&name);
    } else {
        context.instead(&name, content);
    }
    if !buildkit {
        // The classic builder takes out of the context what its ignore file names, the Dockerfile too, after it has
        // read them.
        if is_inside {
            context.always(IGNORE);
        } else {
            let mut text = ignored.map(|(_, text)| text).unwrap_or_default();
            text.extend_from_slice(format!("\n{name}\n").as_bytes());
            context.instead(IGNORE, text);
        }
    }
    Ok((context, name, registries))
}

fn small(path: &Path) -> io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut text = Vec::new();
    std::fs::File::open(path)?
        .take(MAX_TEXT + 1)
        .read_to_end(&mut text)?;
    if text.len() as u64 > MAX_TEXT {
        return Err(io::Error::other("it is larger than 4 MiB"));
    }
    Ok(text)
}
