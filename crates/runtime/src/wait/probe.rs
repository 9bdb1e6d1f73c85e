//! What has no event and must be tried: ports, HTTP, commands, files, and the passing of time.
//!
//! Owns the rhythm of the tries and the limit of each. A try begins only while the container runs (a file: whenever it is
//! there), one at a time a leaf.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};
use longshore_core::{Container, ObjectRef};
use longshore_engine::{Engine, ExecSpec};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::condition::{Leaf, Value};
use super::{WaitConfig, port};
use crate::source::SourceError;

/// For one try.
const TRY: Duration = Duration::from_secs(5);
/// Of a command's output.
const OUTPUT: usize = 4 * 1024;

/// What the tries need to know of the container.
#[derive(Debug, Clone, Default)]
pub(super) struct Now {
    pub(super) container: Option<Arc<Container>>,
    /// It has ended for good.
    pub(super) is_over: bool,
}

impl Now {
    fn is_up(&self) -> bool {
        self.container
            .as_ref()
            .is_some_and(|container| container.state.has_processes())
    }
}

/// What a leaf is worth, and what was seen.
pub(super) type Update = (usize, Value, String);

struct Probe {
    leaf: Leaf,
    place: usize,
    engine: Engine,
    config: WaitConfig,
    now: watch::Receiver<Now>,
    tries: u32,
}

/// Tries `leaf` again and again; `None` for one that needs no tries.
pub(super) fn probe(
    leaf: &Leaf,
    place: usize,
    engine: &Engine,
    config: &WaitConfig,
    now: watch::Receiver<Now>,
) -> Option<BoxStream<'static, Update>> {
    if let Leaf::Pause(time) = *leaf {
        let passed = async move {
            sleep(time).await;
            (place, Value::Yes, "it has passed".to_owned())
        };
        return Some(stream::once(passed).boxed());
    }
    if !matches!(
        leaf,
        Leaf::Port(_) | Leaf::Http(_) | Leaf::Command { .. } | Leaf::File(_)
    ) {
        return None;
    }
    let probe = Probe {
        leaf: leaf.clone(),
        place,
        engine: engine.clone(),
        config: config.clone(),
        now,
        tries: 0,
    };
    let tries = stream::unfold(probe, |mut probe| async {
        let update = probe.next().await?;
        Some((update, probe))
    });
    Some(tries.boxed())
}

impl Probe {
    /// The outcome of the next try; `None` when there will be none.
    async fn next(&mut self) -> Option<Update> {
        if self.tries > 0 {
            sleep(self.config.tries.pause(self.tries)).await;
        }
        let is_file = matches!(self.leaf, Leaf::File(_));
        let ready = self
            .now
            .wait_for(|now| now.is_up() || (is_file && now.container.is_some()));
        let now = ready.await.ok()?.clone();
        let container = now.container?;
        self.tries = self.tries.saturating_add(1);
        let (holds, seen) = timeout(TRY, self.attempt(&container))
            .await
            .unwrap_or_else(|_| (false, format!("no answer within {TRY:?}")));
        let value = match holds {
            true => Value::Yes,
            false if is_file && now.is_over => Value::Never,
            false => Value::No,
        };
        Some((self.place, value, seen))
    }

    async fn attempt(&self, container: &Container) -> (bool, String) {
        let (engine, host) = (&self.engine, self.config.host.as_deref());
        let reference = ObjectRef::from(&container.id);
        match &self.leaf {
            Leaf::Port(port) => port::look(engine, host, container, *port).await,
            Leaf::Http(check) => match port::published(engine, host, container, check.port) {
                Ok((host, public)) => check.ask(&host, public).await,
                Err(text) => (false, text),
            },
            Leaf::Command { spec, code } => self.command(&reference, spec, *code).await,
            Leaf::File(path) => match engine.stat_path(&reference, path).await {
                Ok(_) => (true, "it is there".to_owned()),
                Err(error) if error.is_not_found() => (false, "it is not there".to_owned()),
                Err(error) => (false, SourceError::from(error).text.to_string()),
            },
            _ => (false, String::new()),
        }
    }

    async fn command(&self, container: &ObjectRef, spec: &ExecSpec, code: i64) -> (bool, String) {
        let mut spec = spec.clone();
        spec.limit = spec.limit.min(OUTPUT);
        spec.timeout = Some(spec.timeout.unwrap_or(TRY).min(TRY));
        match self.engine.exec(container, &spec).await {
            Ok(output) => {
                let said = [&output.stderr, &output.stdout]
                    .into_iter()
                    .find(|said| !said.is_empty());
                let said = said.map(|said| format!(": {}", String::from_utf8_lossy(said).trim()));
                let text = format!("it ended with {}{}", output.exit_code, said.unwrap_or_default());
                (output.exit_code == code, text)
            }
            Err(error) => (false, SourceError::from(error).text.to_string()),
        }
    }
}

/// The moment at which a wait is given up.
pub(super) fn deadline(config: &WaitConfig) -> Option<Instant> {
    Instant::now().checked_add(config.deadline)
}
