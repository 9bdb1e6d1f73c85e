//! Making a container, so that exactly one comes of it, also where an answer is lost.
//!
//! Every create bears a name (ours where the spec has none) and a label with a random number. An engine gives a name to
//! one container only, so a create that may have arrived can be sent again, and what has the name afterwards tells by its
//! label whose it is.

use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use longshore_core::{ContainerId, ContainerSpec, NetworkUse, ObjectRef, Verb, labels};

use crate::call::Call;
use crate::error::{Delivery, ErrorKind, Subject};
use crate::negotiate::too_old;
use crate::path::PathQuery;
use crate::wire::create::{Body, Networks, gates};
use crate::{ApiVersion, Engine, Error, wire};

/// An engine that has taken a create finishes it within some milliseconds, though nobody waits for the answer: how often
/// its name is looked up, with pauses of 20 ms that double, 620 ms in all.
const LOOKS: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// A container that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Created {
    /// Its id.
    pub id: ContainerId,
    /// What the engine found odd about the spec. Lost with an answer that was lost.
    pub warnings: Vec<String>,
}

/// Whose the name of a create is.
enum Owner {
    /// This call's.
    Ours(ContainerId),
    /// Another's.
    Other,
    /// Nobody's, or nobody could be asked.
    Nobody,
}

impl Engine {
    /// Makes a container, without starting it.
    ///
    /// Exactly one comes of it: when the answer is lost, the engine is asked whether the container is there, and only
    /// where it is not, and [`Retry`](crate::Retry) says so, the create is sent again. Name and labels are in the
    /// request, so that one whose future was dropped can be found by them.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is no such image, [`Error::is_conflict`] when the name is taken,
    /// [`ErrorKind::BadInput`] when the spec cannot be sent, [`ErrorKind::Version`] when the engine is too old for
    /// something in it. With [`Delivery::Unknown`] it could not be found out whether the container was made.
    pub async fn create_container(&self, spec: &ContainerSpec) -> Result<Created, Error> {
        const OP: &str = "create the container";
        let request = request_id();
        let named = spec.name.as_deref();
        let name = named.map_or_else(
            || Cow::Owned(format!("longshore-{}", &request[..16])),
            Cow::Borrowed,
        );
        let path = PathQuery::new("/containers/create")
            .query("name", &name)
            .query_opt("platform", spec.platform.as_deref());
        let call = Call::post(OP, path).on(named.unwrap_or(&spec.image));
        let invalid = |error: Box<dyn std::error::Error + Send + Sync>| {
            call.error(ErrorKind::BadInput)
                .with_message("the spec is not valid")
                .with_source(error)
        };
        spec.check().map_err(|error| invalid(error.into()))?;
        let name = ObjectRef::new(&name).map_err(|error| invalid(error.into()))?;
        let spoken = self.client.version().await?;
        if let Some((needed, what)) = gates::missing(spec, spoken) {
            return Err(too_old(&call, needed, spoken, what));
        }
        let networks = if spoken >= ApiVersion::SEVERAL_NETWORKS {
            Networks::All
        } else {
            Networks::First
        };
        let call = call.json(&Body::new(spec, networks, Some(&request)))?;
        let created = self.make(&call, &name, &request).await?;
        if networks == Networks::First {
            self.connect_others(&created.id, spec.networks.get(1..).unwrap_or_default())
                .await?;
        }
        Ok(created)
    }

    /// Sends a create until it is known what came of it, or the retry policy ends.
    async fn make(&self, call: &Call<'_>, name: &ObjectRef, request: &str) -> Result<Created, Error> {
        // The first failure after which the engine may have made it.
        let mut unknown: Option<Error> = None;
        let mut failures = 0;
        loop {
            let error = match self.client.collect(call).await {
                Ok(answer) => match read(call, &answer.body) {
                    Ok(created) => return Ok(created),
                    Err(error) => error,
                },
                Err(error) => error,
            };
            let is_unknown = is_unknown(&error);
            if !(is_unknown || unknown.is_some()) {
                return Err(explained(error));
            }
            failures += 1;
            let answered = error.delivery() == Delivery::Answered && !is_unknown;
            let retry = &self.config().retry;
            let pause = retry.pause(&error, true, failures, &self.client.shared.budget);
            // One that is sent again meets the first by its name: then there is no need to wait for the first.
            let looks = if pause.is_some() { 1 } else { LOOKS };
            match self.owner_of(name, request, looks).await {
                Owner::Ours(id) => {
                    tracing::debug!(%id, "the answer to a create was lost; the container is there");
                    return Ok(Created {
                        id,
                        warnings: Vec::new(),
                    });
                }
                Owner::Other => {
                    return Err(call
                        .error(ErrorKind::Conflict)
                        .with_message(format!("the name {name} is another container's")));
                }
                Owner::Nobody => {}
            }
            if answered {
                return Err(explained(error));
            }
            // What was not sent now says nothing of what was sent before.
            let first = unknown.get_or_insert(error);
            let Some(pause) = pause else {
                let hint = format!("it may still come to be: look for a container with the name {name}");
                return Err(std::mem::replace(first, call.error(ErrorKind::Interrupted)).with_hint(hint));
            };
            tokio::time::sleep(pause).await;
        }
    }

    async fn owner_of(&self, name: &ObjectRef, request: &str, looks: u32) -> Owner {
        let mut pause = FIRST_PAUSE;
        for look in 0..looks {
            if look > 0 {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            match self.inspect_container(name).await {
                Ok(found) if found.labels.get(labels::CREATE).is_some_and(|is| is == request) => {
                    return Owner::Ours(found.id);
                }
                Ok(_) => return Owner::Other,
                Err(error) => tracing::debug!(%error, look, "a create whose answer was lost is looked for"),
            }
        }
        Owner::Nobody
    }

    /// Connects a container that does not run yet to further networks; takes it away again when that fails.
    async fn connect_others(&self, id: &ContainerId, networks: &[NetworkUse]) -> Result<(), Error> {
        let id = ObjectRef::from(id);
        for one in networks {
            let connected = match ObjectRef::new(&one.network) {
                Ok(network) => self.connect_network(&network, &id, &one.endpoint).await,
                Err(error) => Err(
                    Error::new(ErrorKind::BadInput, "connect the container to the network")
                        .with_target(&one.network)
                        .with_source(error),
                ),
            };
            let Err(error) = connected else {
                continue;
            };
            let undo = Verb::Remove {
                force: true,
                volumes: true,
            };
            return Err(match self.act(&id, &undo).await {
                Ok(_) => error,
                Err(_) => error.with_hint(format!("the container {id} was made and could not be removed")),
            });
        }
        Ok(())
    }
}

/// The engine may have made it: no answer came, or one that says nothing.
fn is_unknown(error: &Error) -> bool {
    match error.status() {
        Some(_) => error.is_transient(),
        None => {
            error.delivery() == Delivery::Unknown
                || matches!(error.kind(), ErrorKind::Protocol | ErrorKind::TooLarge)
        }
    }
}

fn explained(error: Error) -> Error {
    if error.is_not_found() {
        return error
            .with_subject(Subject::Image)
            .with_hint("pull the image first");
    }
    error
}

fn read(call: &Call<'_>, body: &[u8]) -> Result<Created, Error> {
    let created: wire::create::Created =
        serde_json::from_slice(body).map_err(|error| call.malformed(error))?;
    let id = ContainerId::new(&created.id).map_err(|error| {
        call.error(ErrorKind::Protocol)
            .with_message("the engine gave no id")
            .with_source(error)
    })?;
    Ok(Created {
        id,
        warnings: created.warnings,
    })
}

/// A number that no other create has: 128 bits hashed under keys that the system made at random.
fn request_id() -> String {
    let keys = RandomState::new();
    format!("{:016x}{:016x}", keys.hash_one(0), keys.hash_one(1))
}

/// What a spec asks for, as one number: equal specs have equal ones, in this version of the library. Also a secret in
/// the environment changes it, so it says no more of one than whether it is the same.
///
/// # Errors
/// [`ErrorKind::BadInput`] when the spec is not valid.
pub fn spec_digest(spec: &ContainerSpec) -> Result<String, Error> {
    use sha2::Digest as _;
    use std::fmt::Write as _;

    let bad = |source: Box<dyn std::error::Error + Send + Sync>| {
        Error::new(ErrorKind::BadInput, "read the container's spec")
            .with_target(&spec.image)
            .with_source(source)
    };
    spec.check().map_err(|error| bad(error.into()))?;
    let json = serde_json::to_vec(&(spec.platform.as_deref(), Body::new(spec, Networks::All, None)));
    let json = json.map_err(|error| bad(error.into()))?;
    let mut text = String::from("1:");
    for byte in sha2::Sha256::digest(&json) {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_create_has_a_number_of_its_own() {
        let all: std::collections::BTreeSet<_> = (0..1000).map(|_| request_id()).collect();
        assert_eq!(all.len(), 1000);
        assert!(all.iter().all(|one| one.len() == 32));
    }

    #[test]
    fn a_spec_has_one_digest_and_each_change_another() {
        let spec = ContainerSpec::new("img").env("A", "b");
        let digest = spec_digest(&spec).unwrap();
        assert_eq!(digest, spec_digest(&spec.clone()).unwrap());
        for other in [
            spec.clone().env("C", "d"),
            spec.clone().memory_limit("64m"),
            spec.clone().platform("linux/arm64"),
        ] {
            assert_ne!(digest, spec_digest(&other).unwrap());
        }
        assert_eq!(
            spec_digest(&spec.clone().memory_limit("64m")).unwrap(),
            spec_digest(&spec.memory_limit(64 << 20)).unwrap()
        );
    }
}
