//! Making sure that a container runs, whoever calls, however often.

use std::time::Duration;

use longshore_core::{ContainerId, ContainerSpec, ContainerState, ObjectRef, Verb, labels};
use longshore_engine::{Backoff, Engine, Error, spec_digest};

use super::RunError;

/// Others may make, remove and make again under the same name: so often it is looked at afresh, over 2.5 s. Engine 20.10
/// gives a name away some time before it knows the container.
const TRIES: u32 = 8;
const PAUSES: Backoff = Backoff {
    first: Duration::from_millis(20),
    longest: Duration::from_secs(1),
    jitter: 0.5,
    healthy_after: Duration::MAX,
};

/// What is done about a container of the name that was made from another spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Ensure {
    /// It is left alone: [`RunError::Differs`].
    #[default]
    Same,
    /// It is removed, its anonymous volumes with it, and made anew.
    Recreate,
}

/// A container that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ensured {
    /// Its id.
    pub id: ContainerId,
    /// What had to be done.
    pub how: EnsuredHow,
}

/// What had to be done for a container to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EnsuredHow {
    /// Nothing.
    Ran,
    /// It was started, or thawed.
    Started,
    /// It was made and started.
    Created,
    /// Another had its name: that was removed, and it was made and started.
    Recreated,
}

/// Makes sure that a container made from this spec runs under its name. Whether one is the same is told by a label that
/// holds a number of the spec ([`spec_digest`]); one that somebody else made never is.
///
/// Safe to call from several places at once: the engine gives a name to one container only. Dropping the future leaves
/// what was made until then, which the next call finds.
///
/// # Errors
/// [`RunError::Unnamed`] for a spec without a name; [`RunError::Differs`]; [`RunError::Engine`] with what the engine's
/// calls end with. One that was made and could not be started stays, for the next call to start.
pub async fn ensure(engine: &Engine, spec: &ContainerSpec, otherwise: Ensure) -> Result<Ensured, RunError> {
    let name = spec.name.as_deref().ok_or(RunError::Unnamed)?;
    let digest = spec_digest(spec)?;
    // The digest has checked the spec, and its name with it.
    let name = ObjectRef::new(name).map_err(|_| RunError::Unnamed)?;
    let marked = spec.clone().label(labels::SPEC, &digest);
    let mut made = EnsuredHow::Created;
    let mut last: Option<Error> = None;
    for tried in 0..TRIES {
        if tried > 0 {
            tokio::time::sleep(PAUSES.pause(tried)).await;
        }
        match engine.inspect_container(&name).await {
            Ok(found) if found.labels.get(labels::SPEC).is_none_or(|is| *is != digest) => {
                if otherwise == Ensure::Same {
                    return Err(RunError::Differs { name: found.name });
                }
                let remove = Verb::Remove {
                    force: true,
                    volumes: true,
                };
                match engine.act(&ObjectRef::from(&found.id), &remove).await {
                    Ok(_) => made = EnsuredHow::Recreated,
                    Err(error) if error.is_not_found() || error.is_conflict() => last = Some(error),
                    Err(error) => return Err(error.into()),
                }
            }
            Ok(found) => {
                let (verb, how) = match found.state {
                    ContainerState::Running | ContainerState::Restarting => (None, EnsuredHow::Ran),
                    ContainerState::Paused => (Some(Verb::Unpause), EnsuredHow::Started),
                    _ => (Some(Verb::Start), EnsuredHow::Started),
                };
                let Some(verb) = verb else {
                    return Ok(Ensured { id: found.id, how });
                };
                match engine.act(&ObjectRef::from(&found.id), &verb).await {
                    Ok(_) => return Ok(Ensured { id: found.id, how }),
                    // It was removed, or its state changed, between the two calls.
                    Err(error) if error.is_not_found() || error.is_conflict() => last = Some(error),
                    Err(error) => return Err(error.into()),
                }
            }
            Err(error) if error.is_not_found() => match engine.create_container(&marked).await {
                Ok(created) => {
                    engine.act(&ObjectRef::from(&created.id), &Verb::Start).await?;
                    return Ok(Ensured {
                        id: created.id,
                        how: made,
                    });
                }
                // Somebody was faster: it is looked at.
                Err(error) if error.is_conflict() => last = Some(error),
                Err(error) => return Err(error.into()),
            },
            Err(error) => return Err(error.into()),
        }
    }
    match last {
        Some(error) => Err(error.into()),
        None => Err(RunError::Differs {
            name: name.as_str().to_owned(),
        }),
    }
}
