//! One pull for all who want the same image.
//!
//! Owns sharing (callers of the same pull get the one that is under way), throttling of its progress, and its end: the
//! last caller who goes takes the pull with him. How an engine pulls and what progress means is `longshore-engine`'s and
//! `longshore-core`'s; `docs/design/pull.md` has the states.

use std::collections::HashMap;
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures_util::StreamExt;
use longshore_core::{ImageName, TransferProgress};
use longshore_engine::{Engine, Error, PullImage, TransferEvent, Transferred};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::tasks::guarded;

/// The least time between two updates: nobody reads faster, and an engine tells hundreds a second.
const THROTTLE: Duration = Duration::from_millis(100);

/// Pulls images from one engine, each once at a time. Cheap to clone; clones share the pulls.
///
/// ```no_run
/// # async fn example(engine: longshore_engine::Engine) -> Result<(), Box<dyn std::error::Error>> {
/// use longshore_engine::PullImage;
/// use longshore_runtime::Puller;
///
/// let puller = Puller::new(engine);
/// let mut pull = puller.pull(&"nginx:1.29".parse()?, &PullImage::default());
/// while let Some(now) = pull.changed().await {
///     println!("{:.0} %", 100.0 * now.fraction.unwrap_or(0.0));
/// }
/// println!("{:?}", pull.finish().await?.digest);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Puller {
    shared: Arc<Shared>,
}

struct Shared {
    engine: Engine,
    flights: Mutex<HashMap<Key, Weak<Flight>>>,
    tasks: TaskTracker,
    closed: CancellationToken,
}

/// What makes two pulls the same. Explicit credentials are part of it: nobody rides on another's.
type Key = (String, PullImage);

/// A pull under way. Dropping it ends its task, and with it the call.
struct Flight {
    state: watch::Receiver<State>,
    _task: AbortOnDropHandle<()>,
}

#[derive(Clone)]
enum State {
    Running(Option<TransferProgress>),
    Ended(Result<Transferred, PullError>),
}

/// Why a pull has failed. All of its callers get the same.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum PullError {
    /// The engine's error.
    Engine(Arc<Error>),
    /// The puller was closed.
    Closed,
    /// Something of ours failed.
    Inside(Arc<str>),
}

impl PullError {
    /// The engine's error, when it is one.
    #[must_use]
    pub fn engine(&self) -> Option<&Error> {
        match self {
            Self::Engine(error) => Some(error),
            Self::Closed | Self::Inside(_) => None,
        }
    }
}

impl fmt::Display for PullError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine(error) => error.fmt(f),
            Self::Closed => f.write_str("the puller was closed"),
            Self::Inside(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for PullError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.engine().and_then(std::error::Error::source)
    }
}

impl Puller {
    /// Nothing is pulled yet. Credentials are those of the engine's handle.
    #[must_use]
    pub fn new(engine: Engine) -> Self {
        Self {
            shared: Arc::new(Shared {
                engine,
                flights: Mutex::default(),
                tasks: TaskTracker::new(),
                closed: CancellationToken::new(),
            }),
        }
    }

    /// Joins the pull of this image that is under way, or begins one. Must be called within a tokio runtime.
    ///
    /// A pull that has ended is not joined: whoever comes after it asks the registry anew.
    #[must_use]
    pub fn pull(&self, image: &ImageName, options: &PullImage) -> Pull {
        let image = image.clone().or_latest();
        let key = (image.canonical(), options.clone());
        let mut flights = self.shared.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(&key).and_then(Weak::upgrade)
            && !matches!(*flight.state.borrow(), State::Ended(_))
        {
            return Pull::of(flight);
        }
        flights.retain(|_, flight| flight.strong_count() > 0);
        let flight = Arc::new(self.begin(image, options.clone()));
        flights.insert(key, Arc::downgrade(&flight));
        Pull::of(flight)
    }

    fn begin(&self, image: ImageName, options: PullImage) -> Flight {
        let (told, state) = watch::channel(State::Running(None));
        let (engine, closed) = (self.shared.engine.clone(), self.shared.closed.clone());
        let task = self.shared.tasks.spawn(async move {
            let run = async {
                let ended = tokio::select! {
                    ended = fly(&engine, &image, &options, &told) => ended.map_err(|error| PullError::Engine(error.into())),
                    () = closed.cancelled() => Err(PullError::Closed),
                };
                told.send_replace(State::Ended(ended));
            };
            if let Err(text) = guarded("a pull", run).await {
                told.send_replace(State::Ended(Err(PullError::Inside(text))));
            }
        });
        Flight {
            state,
            _task: AbortOnDropHandle::new(task),
        }
    }

    /// Ends every pull, and waits until they have ended. Callers get [`PullError::Closed`], also later ones.
    pub async fn close(&self) {
        self.shared.closed.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }
}

/// Pulls, and tells of it no more often than anybody reads.
async fn fly(
    engine: &Engine,
    image: &ImageName,
    options: &PullImage,
    told: &watch::Sender<State>,
) -> Result<Transferred, Error> {
    let mut pull = engine.pull_image(image, options).await?;
    let mut untold = None;
    let mut next = pin!(tokio::time::sleep(Duration::ZERO));
    loop {
        tokio::select! {
            event = pull.next() => match event {
                Some(Ok(TransferEvent::Progress(progress))) => untold = Some(progress),
                Some(Ok(TransferEvent::Done(done))) => return Ok(done),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error),
                // The last item is always one of the two above; finishing says so.
                None => return pull.finish().await,
            },
            () = &mut next, if untold.is_some() => {
                told.send_replace(State::Running(untold.take()));
                next.as_mut().reset(Instant::now() + THROTTLE);
            }
        }
    }
}

impl fmt::Debug for Puller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Puller")
            .field("engine", &self.shared.engine)
            .finish_non_exhaustive()
    }
}

/// One caller's part in a pull. Dropping it leaves the pull to the others; dropping the last one ends it.
pub struct Pull {
    flight: Arc<Flight>,
    state: watch::Receiver<State>,
}

impl Pull {
    fn of(flight: Arc<Flight>) -> Self {
        let mut state = flight.state.clone();
        // What was told before is news to who comes late.
        state.mark_changed();
        Self { flight, state }
    }

    /// How far it is; at most ten times a second. `None` when it has ended. Dropping the future loses nothing.
    pub async fn changed(&mut self) -> Option<TransferProgress> {
        loop {
            self.state.changed().await.ok()?;
            match &*self.state.borrow_and_update() {
                State::Running(Some(progress)) => return Some(progress.clone()),
                State::Running(None) => {}
                State::Ended(_) => return None,
            }
        }
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// [`PullError`], the same for all who share it.
    pub async fn finish(mut self) -> Result<Transferred, PullError> {
        let ended = self
            .state
            .wait_for(|state| matches!(state, State::Ended(_)))
            .await;
        match ended.as_deref() {
            Ok(State::Ended(result)) => result.clone(),
            // Its task says how it ended before it goes; only a runtime that is shut down ends it without a word.
            Ok(State::Running(_)) | Err(_) => Err(PullError::Closed),
        }
    }
}

impl fmt::Debug for Pull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pull")
            .field("shared_by", &Arc::strong_count(&self.flight))
            .finish_non_exhaustive()
    }
}
