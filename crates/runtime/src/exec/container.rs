//! The container of a command as the last resort: whether it still runs, and its end.

use std::time::Duration;

use longshore_core::{ContainerState, ObjectRef, Verb};
use longshore_engine::{Engine, Error, WaitCondition};

/// A container that has died shows it within some milliseconds of its streams' end.
const LOOKS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(25);
/// Killing one takes 50 to 120 ms.
const KILL: Duration = Duration::from_secs(5);

/// Whether it does not run. An engine that does not answer proves nothing.
pub(super) async fn is_over(engine: &Engine, container: &ObjectRef) -> bool {
    for _ in 0..LOOKS {
        match engine.inspect_container(container).await {
            Ok(found) => match found.state {
                ContainerState::Created
                | ContainerState::Restarting
                | ContainerState::Exited
                | ContainerState::Dead => return true,
                _ => {}
            },
            Err(error) => return error.is_not_found(),
        }
        tokio::time::sleep(PAUSE).await;
    }
    false
}

/// Kills it, and says whether that is proven. The wait is there before the kill is sent, so that a policy that starts the
/// container again hides nothing.
pub(super) async fn kill(engine: &Engine, container: &ObjectRef) -> bool {
    let ended = async {
        let waiting = engine.begin_wait(container, WaitCondition::NotRunning).await?;
        let kill = Verb::Kill { signal: None };
        engine.act(container, &kill).await?;
        waiting.end().await.map(drop)
    };
    match tokio::time::timeout(KILL, ended).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => is_gone(&error) || is_over(engine, container).await,
        Err(_) => false,
    }
}

fn is_gone(error: &Error) -> bool {
    tracing::debug!(%error, "a container could not be killed as the last resort");
    error.is_not_found()
}
