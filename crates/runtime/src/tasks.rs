//! Tasks that do not die unheard.
//!
//! Owns turning a panic into a text. Who spawns, stops and waits is each owner's business.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;

/// Runs `task`; a panic in it is logged and handed back as a text.
///
/// Nothing of the task is used after its panic, so no broken invariant of its own is seen.
pub(crate) async fn guarded(name: &'static str, task: impl Future<Output = ()>) -> Result<(), Arc<str>> {
    AssertUnwindSafe(task).catch_unwind().await.map_err(|panic| {
        let text = format!("{name} has failed inside: {}", text_of(&*panic));
        tracing::error!("{text}");
        text.into()
    })
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&'static str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_becomes_a_text() {
        let failed = guarded("a task", async { panic!("no {}", "way") }).await;
        assert_eq!(failed.unwrap_err().as_ref(), "a task has failed inside: no way");
        assert_eq!(guarded("a task", async {}).await, Ok(()));
    }
}
