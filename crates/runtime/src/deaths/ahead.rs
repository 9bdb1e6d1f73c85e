//! Following the logs of containers that remove themselves, for their last lines alone.
//!
//! Owns which are followed, and what came of each. Off unless asked for: it costs a stream a container. Why it is needed at
//! all stands in `docs/design/deaths.md`.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};
use longshore_core::{Container, ContainerId, LastLines};
use tokio::sync::oneshot;

use super::config::DeathsConfig;
use super::lines::EndOfLog;
use super::look::{DeathSource, Tail};

/// The last lines of a log that was followed to its end; nothing comes where it could not be.
pub(super) type Words = oneshot::Receiver<LastLines>;

/// A log that is followed, or was.
enum Followed {
    Still,
    /// It is over, and its container was not told to have ended.
    Over(LastLines),
    /// Its container has ended, and somebody waits for the rest.
    Awaited(oneshot::Sender<LastLines>),
}

/// The logs that are followed, each by a number.
pub(super) struct Ahead {
    max: usize,
    next: u64,
    followed: HashMap<u64, Followed>,
    /// The run that goes on of each container.
    of: HashMap<ContainerId, u64>,
    follows: FuturesUnordered<BoxFuture<'static, (u64, Option<LastLines>)>>,
}

impl Ahead {
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            next: 0,
            followed: HashMap::new(),
            of: HashMap::new(),
            follows: FuturesUnordered::new(),
        }
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.max > 0
    }

    /// A container runs; `known` is what the mirror has. `false` when too many are followed already.
    pub(super) fn begin<S: DeathSource>(
        &mut self,
        source: &Arc<S>,
        config: &Arc<DeathsConfig>,
        id: &ContainerId,
        known: Option<Arc<Container>>,
    ) -> bool {
        let is_other = known.as_ref().is_some_and(|known| !known.auto_remove);
        if !self.is_wanted() || is_other || self.of.contains_key(id) {
            return true;
        }
        if self.follows.len() >= self.max || self.of.len() >= 2 * self.max {
            return false;
        }
        self.next += 1;
        let number = self.next;
        self.of.insert(id.clone(), number);
        self.followed.insert(number, Followed::Still);
        let (source, config, id) = (Arc::clone(source), Arc::clone(config), id.clone());
        let follow = async move { (number, follow(&*source, &config, &id, known).await) };
        self.follows.push(follow.boxed());
        true
    }

    /// What was followed, and may still be, of a container that has ended.
    pub(super) fn take(&mut self, id: &ContainerId) -> Option<Words> {
        let number = self.of.remove(id)?;
        let (sender, words) = oneshot::channel();
        match self.followed.remove(&number)? {
            // Whoever waits for it is handed out just now.
            Followed::Over(lines) => drop(sender.send(lines)),
            Followed::Still | Followed::Awaited(_) => {
                self.followed.insert(number, Followed::Awaited(sender));
            }
        }
        Some(words)
    }

    /// Reads on. Never ends; nothing is lost by dropping it.
    pub(super) async fn read(&mut self) {
        loop {
            match self.follows.next().await {
                None => std::future::pending().await,
                Some((number, lines)) => self.over(number, lines),
            }
        }
    }

    fn over(&mut self, number: u64, lines: Option<LastLines>) {
        match (self.followed.remove(&number), lines) {
            // Who waited may have given up.
            (Some(Followed::Awaited(sender)), Some(lines)) => drop(sender.send(lines)),
            (Some(Followed::Still), Some(lines)) => {
                self.followed.insert(number, Followed::Over(lines));
            }
            (_, _) => self.of.retain(|_, of| *of != number),
        }
    }
}

async fn follow<S: DeathSource>(
    source: &S,
    config: &DeathsConfig,
    id: &ContainerId,
    known: Option<Arc<Container>>,
) -> Option<LastLines> {
    let known = match known {
        Some(known) => known,
        None => Arc::new(source.inspect(id).await.ok()?),
    };
    if !known.auto_remove {
        return None;
    }
    let tail = Tail::of(config, known.tty).followed();
    let mut end = EndOfLog::new((None, None), config.lines, config.bytes);
    match source.last_lines(id, tail, |line| end.push(line)).await {
        Ok(()) => Some(end.finish(tail.lines).lines),
        Err(error) => {
            tracing::debug!(%id, error = %error.text, "a log could not be followed to its end");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;
    use crate::mirror::testing::container;
    use crate::testing::{Scripted, script};

    fn stage(names: &[&str]) -> (Arc<Scripted>, Arc<DeathsConfig>) {
        let script = script();
        for name in names {
            put(&script, name, true);
        }
        (script, Arc::new(DeathsConfig::default()))
    }

    fn put(script: &Scripted, name: &str, auto_remove: bool) {
        let mut container = container(name);
        container.auto_remove = auto_remove;
        let id = container.id.clone();
        script.put(container);
        script.logs.lock().unwrap().insert(id, vec![(1, "words")]);
    }

    fn id(name: &str) -> ContainerId {
        ContainerId::new(name).unwrap()
    }

    async fn a_while(ahead: &mut Ahead) {
        let forever = timeout(Duration::from_secs(1), ahead.read()).await;
        assert!(forever.is_err(), "it never ends");
    }

    #[tokio::test(start_paused = true)]
    async fn words_come_whether_they_are_waited_for_or_not() {
        let (script, config) = stage(&["a", "b"]);
        *script.takes.lock().unwrap() = Duration::from_millis(10);
        let mut ahead = Ahead::new(9);
        assert!(ahead.begin(&script, &config, &id("a"), None));
        let early = ahead.take(&id("a")).unwrap();
        assert!(ahead.begin(&script, &config, &id("b"), None));
        a_while(&mut ahead).await;
        assert_eq!(early.await.unwrap().lines[0].text, "words");
        assert_eq!(
            ahead.take(&id("b")).unwrap().await.unwrap().lines[0].text,
            "words"
        );
        assert!(ahead.take(&id("b")).is_none() && ahead.followed.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_remove_itself_is_not_followed() {
        let (script, config) = stage(&[]);
        put(&script, "a", false);
        let mut ahead = Ahead::new(9);
        ahead.begin(&script, &config, &id("a"), None);
        ahead.begin(&script, &config, &id("gone"), None);
        let words = ahead.take(&id("gone")).unwrap();
        a_while(&mut ahead).await;
        assert!(words.await.is_err());
        assert!(ahead.of.is_empty() && ahead.followed.is_empty());
        let known = Some(Arc::new(container("a")));
        ahead.begin(&script, &config, &id("a"), known);
        assert!(ahead.follows.is_empty(), "known from the mirror");
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_than_was_allowed_are_followed_and_each_once() {
        let (script, config) = stage(&["a", "b", "c"]);
        script.mute.lock().unwrap().extend([id("a"), id("b")]);
        let mut ahead = Ahead::new(2);
        let mut begin = |name: &str| ahead.begin(&script, &config, &id(name), None);
        assert_eq!(
            [begin("a"), begin("a"), begin("b"), begin("c")],
            [true, true, true, false]
        );
        a_while(&mut ahead).await;
        assert_eq!(script.log_calls.load(std::sync::atomic::Ordering::Relaxed), 2);
        let mut off = Ahead::new(0);
        assert!(off.begin(&script, &config, &id("a"), None) && off.follows.is_empty());
    }
}
