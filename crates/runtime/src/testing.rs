//! An engine from a script: the streams, lists, inspects and readings that a test wants.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use longshore_core::{
    Attributes, Container, ContainerId, ContainerSummary, Counters, Event, EventType, Image, ImageSummary,
    Network, NetworkId, Scope, Timestamp, Volume,
};
use longshore_engine::StdStream;
use tokio::sync::mpsc;

use crate::LineId;
use crate::deaths::{DeathSource, Tail};
use crate::logs::LogLine;
use crate::source::{CounterSource, EventSource, ObjectSource, RawLine, SourceError};

/// What the next subscription gets.
pub(crate) enum Plan {
    Refuse(&'static str),
    /// Accepted and never answered.
    Hang,
    Panic,
    /// These lines, then what is sent.
    Stream(Vec<RawLine>, mpsc::Receiver<RawLine>),
}

#[derive(Default)]
pub(crate) struct Scripted {
    plans: Mutex<VecDeque<Plan>>,
    pub(crate) subscriptions: AtomicUsize,
    pub(crate) inspects: AtomicUsize,
    pub(crate) containers: Mutex<BTreeMap<ContainerId, Container>>,
    pub(crate) images: Mutex<BTreeMap<String, Image>>,
    pub(crate) networks: Mutex<BTreeMap<NetworkId, Network>>,
    pub(crate) volumes: Mutex<BTreeMap<String, Volume>>,
    /// What lists show in place of the containers; lists lag.
    pub(crate) shown: Mutex<Option<Vec<Container>>>,
    pub(crate) is_failing: std::sync::atomic::AtomicBool,
    pub(crate) counters: Mutex<BTreeMap<ContainerId, Counters>>,
    /// Readings of these never come.
    pub(crate) stuck: Mutex<Vec<ContainerId>>,
    /// Last lines: when, in seconds, and what.
    pub(crate) logs: Mutex<BTreeMap<ContainerId, Vec<(i64, &'static str)>>>,
    /// Logs of these never come.
    pub(crate) mute: Mutex<Vec<ContainerId>>,
    pub(crate) log_calls: AtomicUsize,
    /// How long inspects of containers and logs take.
    pub(crate) takes: Mutex<Duration>,
    /// Where the kernel's files are.
    pub(crate) kernel: Mutex<Option<PathBuf>>,
}

impl Scripted {
    pub(crate) fn plan(&self, plan: Plan) {
        self.plans.lock().unwrap().push_back(plan);
    }

    /// The next subscription replays `lines`; what is sent to the sender follows, until it is dropped.
    pub(crate) fn stream(&self, lines: Vec<RawLine>) -> mpsc::Sender<RawLine> {
        let (sender, receiver) = mpsc::channel(2_000);
        self.plan(Plan::Stream(lines, receiver));
        sender
    }

    pub(crate) fn put(&self, container: Container) {
        self.containers
            .lock()
            .unwrap()
            .insert(container.id.clone(), container);
    }

    pub(crate) fn remove(&self, id: &str) {
        self.containers.lock().unwrap().remove(id);
    }

    async fn take_time(&self) {
        let takes = *self.takes.lock().unwrap();
        if !takes.is_zero() {
            tokio::time::sleep(takes).await;
        }
    }

    fn check(&self) -> Result<(), SourceError> {
        match self.is_failing.load(Ordering::Relaxed) {
            true => Err(SourceError::new("the script says no")),
            false => Ok(()),
        }
    }
}

/// An event's line, the `n`-th second's.
pub(crate) fn line(n: i64, action: &str, id: &str) -> RawLine {
    let event = Event {
        kind: EventType::Container,
        action: action.into(),
        id: id.into(),
        attributes: Attributes::default(),
        scope: Scope::Local,
        at: Timestamp::from_secs(n),
    };
    (LineId::of(format!("{n} {action} {id}").as_bytes()), Some(event))
}

impl EventSource for Scripted {
    async fn subscribe(&self) -> Result<BoxStream<'static, Result<RawLine, SourceError>>, SourceError> {
        self.subscriptions.fetch_add(1, Ordering::Relaxed);
        let plan = self.plans.lock().unwrap().pop_front();
        match plan {
            None => Err(SourceError::new("no more in the script")),
            Some(Plan::Refuse(text)) => Err(SourceError::new(text)),
            Some(Plan::Hang) => std::future::pending().await,
            Some(Plan::Panic) => panic!("as the script says"),
            Some(Plan::Stream(lines, receiver)) => {
                let live = futures_util::stream::unfold(receiver, |mut receiver| async move {
                    receiver.recv().await.map(|line| (line, receiver))
                });
                Ok(futures_util::stream::iter(lines).chain(live).map(Ok).boxed())
            }
        }
    }
}

impl ObjectSource<Container> for Scripted {
    async fn list(&self) -> Result<Vec<ContainerSummary>, SourceError> {
        self.check()?;
        let shown = self.shown.lock().unwrap().clone();
        let shown = shown.unwrap_or_else(|| self.containers.lock().unwrap().values().cloned().collect());
        Ok(shown.iter().map(summary).collect())
    }

    async fn inspect(&self, id: &ContainerId) -> Result<Container, SourceError> {
        self.inspects.fetch_add(1, Ordering::Relaxed);
        self.take_time().await;
        self.check()?;
        let found = self.containers.lock().unwrap().get(id).cloned();
        found.ok_or_else(|| SourceError {
            not_found: true,
            ..SourceError::new("no such container")
        })
    }
}

macro_rules! scripted {
    ($($kind:ty, $listed:ty, $id:ty, $field:ident, $list:expr;)+) => {
        $(impl ObjectSource<$kind> for Scripted {
            async fn list(&self) -> Result<Vec<$listed>, SourceError> {
                self.check()?;
                Ok(self.$field.lock().unwrap().values().map($list).collect())
            }

            async fn inspect(&self, id: &$id) -> Result<$kind, SourceError> {
                self.check()?;
                let found = self.$field.lock().unwrap().get(id).cloned();
                found.ok_or_else(|| SourceError {
                    not_found: true,
                    ..SourceError::new("no such thing")
                })
            }
        })+
    };
}

scripted! {
    Image, ImageSummary, String, images, image_summary;
    Network, Network, NetworkId, networks, Network::clone;
    Volume, Volume, String, volumes, Volume::clone;
}

fn image_summary(image: &Image) -> ImageSummary {
    ImageSummary {
        id: image.id.clone(),
        tags: image.tags.clone(),
        digests: image.digests.clone(),
        created: image.created,
        size: image.size,
        labels: BTreeMap::new(),
        manifests: Vec::new(),
    }
}

impl CounterSource for Scripted {
    async fn read(&self, id: &ContainerId) -> Result<Counters, SourceError> {
        if self.stuck.lock().unwrap().contains(id) {
            std::future::pending::<()>().await;
        }
        let mut counters = self.counters.lock().unwrap();
        let counters = counters
            .get_mut(id)
            .ok_or_else(|| SourceError::new("no counters"))?;
        // Every reading is a second later than the one before, with half a second of processor time more.
        counters.at = Timestamp::from_secs(counters.at.as_secs() + 1);
        counters.cpu.total_ns = counters.cpu.total_ns.map(|total| total + 500_000_000);
        Ok(*counters)
    }

    fn kernel(&self) -> Option<PathBuf> {
        self.kernel.lock().unwrap().clone()
    }
}

impl DeathSource for Scripted {
    async fn last_lines(
        &self,
        id: &ContainerId,
        wanted: Tail,
        mut line: impl FnMut(&LogLine) + Send,
    ) -> Result<(), SourceError> {
        self.log_calls.fetch_add(1, Ordering::Relaxed);
        self.take_time().await;
        self.check()?;
        if self.mute.lock().unwrap().contains(id) {
            std::future::pending::<()>().await;
        }
        let lines = self.logs.lock().unwrap().get(id).cloned();
        let lines = lines.ok_or_else(|| SourceError {
            not_found: true,
            ..SourceError::new("no such container")
        })?;
        let skipped = lines.len().saturating_sub(wanted.lines as usize);
        for (secs, text) in &lines[skipped..] {
            line(&LogLine {
                stream: StdStream::Stderr,
                // Not a whole second, which would stand for all of it.
                at: Some(Timestamp::from_nanos(*secs * 1_000_000_000 - 7)),
                text: Bytes::from_static(text.as_bytes()),
                cut: 0,
            });
        }
        Ok(())
    }
}

fn summary(container: &Container) -> ContainerSummary {
    ContainerSummary {
        id: container.id.clone(),
        name: container.name.clone(),
        image: container.image.clone(),
        image_id: container.image_id.clone(),
        command: String::new(),
        created: container.created,
        state: container.state.clone(),
        status: String::new(),
        ports: Vec::new(),
        labels: container.labels.clone(),
    }
}

/// For the traits' bounds: a script is shared with the watch that reads it.
pub(crate) fn script() -> Arc<Scripted> {
    Arc::default()
}
