//! Records, and between them that the engine went and that it came back.
//!
//! Owns that order. Leaves the place in the ring to [`FeedReader`] and what a failure is to the follower.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::SystemTime;

use futures_util::Stream;

use super::notices::{Notices, Turn};
use super::{FeedItem, FeedReader, Record, Shared};

/// What a follow is told.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum FollowItem {
    /// The next record.
    Record(Arc<Record>),
    /// So many records came while nobody read, and will not come again.
    Lagged {
        /// How many, exactly.
        missed: u64,
    },
    /// The engine is gone; it is tried again until it is back.
    Lost {
        /// What failed, for people.
        error: Arc<str>,
        /// What a person can do about it.
        hint: Option<Arc<str>>,
        /// Since when, by our clock.
        since: SystemTime,
    },
    /// The engine is back. What happened meanwhile follows, or a gap.
    Restored {
        /// Since when, by our clock.
        since: SystemTime,
    },
}

/// Reads a feed and the engine's going and coming, in one order: what was told before the engine went comes before
/// [`Lost`](FollowItem::Lost), what is told after it came back after [`Restored`](FollowItem::Restored). Made by
/// [`Feed::follow`](super::Feed::follow). Of who is so slow that more than 256 turns passed, the oldest are not told.
///
/// ```
/// # async fn example(feed: longshore_runtime::Feed) {
/// use longshore_runtime::FollowItem;
/// let mut follow = feed.follow(1_000, None);
/// while let Some(item) = follow.next().await {
///     match item {
///         FollowItem::Record(record) => println!("{}", record.cursor),
///         FollowItem::Lost { error, .. } => println!("gone: {error}"),
///         FollowItem::Restored { .. } => println!("back"),
///         other => println!("{other:?}"),
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct FeedFollow {
    reader: FeedReader,
    /// The number of the notice that comes next.
    notice: u64,
}

impl FeedFollow {
    pub(super) fn new(reader: FeedReader, notices: &Notices) -> Self {
        Self {
            reader,
            notice: notices.begin(),
        }
    }

    /// What comes next; `None` when the watch was stopped and everything was read. Cancel safe.
    pub async fn next(&mut self) -> Option<FollowItem> {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<FollowItem>> {
        let feed = self.reader.feed.clone();
        feed.poll_item(self.reader.place, cx, |shared| self.take(shared))
    }

    /// What comes next if it is there now.
    pub fn try_next(&mut self) -> Option<FollowItem> {
        let feed = self.reader.feed.clone();
        let (item, held_up) = self.take(&mut feed.lock());
        held_up.into_iter().for_each(Waker::wake);
        item
    }

    /// How many records there are that it has not read, those included that it is too late for.
    pub fn behind(&self) -> u64 {
        self.reader.behind()
    }

    /// The same as a [`Stream`], for combinators.
    pub fn into_stream(self) -> impl Stream<Item = FollowItem> + Send {
        futures_util::stream::unfold(self, |mut follow| async move {
            follow.next().await.map(|item| (item, follow))
        })
    }

    fn take(&mut self, shared: &mut Shared) -> (Option<FollowItem>, Option<Waker>) {
        if let Some((number, notice)) = shared.notices.from(self.notice)
            && notice.after < self.reader.at.next
        {
            self.notice = number + 1;
            let since = notice.at;
            let item = match &notice.turn {
                Turn::Lost { error, hint } => FollowItem::Lost {
                    error: Arc::clone(error),
                    hint: hint.clone(),
                    since,
                },
                Turn::Restored => FollowItem::Restored { since },
            };
            return (Some(item), None);
        }
        let (item, held_up) = self.reader.at.take(shared, self.reader.place);
        let item = item.map(|item| match item {
            FeedItem::Record(record) => FollowItem::Record(record),
            FeedItem::Lagged { missed } => FollowItem::Lagged { missed },
        });
        (item, held_up)
    }
}
