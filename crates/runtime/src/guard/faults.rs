//! Making a guarded container fail, and well again.

use longshore_core::{EndpointSpec, ObjectRef, Verb};
use longshore_engine::Error;

use super::ContainerGuard;
use crate::wait::{Held, Wait, WaitError};

impl ContainerGuard {
    async fn act(&self, verb: Verb) -> Result<(), Error> {
        self.engine.act(&self.reference(), &verb).await.map(drop)
    }

    /// Freezes its processes: connections stay open, and nobody answers.
    ///
    /// # Errors
    /// Those of the engine, as with every method here.
    pub async fn pause(&self) -> Result<(), Error> {
        self.act(Verb::Pause).await
    }

    /// Thaws them.
    ///
    /// # Errors
    /// As [`pause`](Self::pause).
    pub async fn unpause(&self) -> Result<(), Error> {
        self.act(Verb::Unpause).await
    }

    /// Kills its main process, without any grace.
    ///
    /// # Errors
    /// As [`pause`](Self::pause); a conflict when it does not run.
    pub async fn crash(&self) -> Result<(), Error> {
        self.act(Verb::Kill { signal: None }).await
    }

    /// Asks it to end, and kills it after its grace time.
    ///
    /// # Errors
    /// As [`pause`](Self::pause).
    pub async fn stop(&self) -> Result<(), Error> {
        self.act(Verb::STOP).await
    }

    /// Starts it again after [`crash`](Self::crash) or [`stop`](Self::stop), and waits for `ready`. A port that the engine
    /// chose may be another one then.
    ///
    /// # Errors
    /// [`WaitError`].
    pub async fn start_again(&self, ready: &Wait) -> Result<Held, WaitError> {
        ready.start(&self.engine, &self.id, &self.config.wait).await
    }

    /// Takes it off every network that it is on, and remembers which. It runs on, and nobody reaches it; nor does it reach
    /// anybody. Told twice, the second finds nothing to do.
    ///
    /// # Errors
    /// As [`pause`](Self::pause); what was taken off before the failure is remembered and healed.
    pub async fn partition(&mut self) -> Result<(), Error> {
        let container = self.engine.inspect_container(&self.reference()).await?;
        for network in container.networks {
            let Ok(reference) = ObjectRef::new(&network.name) else {
                continue;
            };
            self.engine
                .disconnect_network(&reference, &self.reference(), true)
                .await?;
            self.off.push(reference);
        }
        Ok(())
    }

    /// Puts it back on the networks that [`partition`](Self::partition) took it off. Its name resolves again; aliases
    /// beyond it, a fixed address, and ports that the engine chose are not as before.
    ///
    /// # Errors
    /// As [`pause`](Self::pause); what is not yet healed is tried again by the next call.
    pub async fn heal(&mut self) -> Result<(), Error> {
        while let Some(network) = self.off.last() {
            let connected = self
                .engine
                .connect_network(network, &self.reference(), &EndpointSpec::default())
                .await;
            match connected {
                Ok(()) => {}
                // It is there already.
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error),
            }
            self.off.pop();
        }
        Ok(())
    }
}
