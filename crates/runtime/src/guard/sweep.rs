//! Removing what guards left behind whose processes are gone.

use std::collections::BTreeSet;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use longshore_core::{ContainerId, ContainerSummary, ObjectRef, Timestamp, Verb};
use longshore_engine::{Engine, Error, ListContainers};

use super::owner::{Life, Owner};
use super::{EXPIRES, GUARD, GUARD_KEPT_ON_PANIC};
use longshore_core::labels;

/// Engines that this process has swept already; at most so many are remembered.
static SWEPT: OnceLock<Mutex<BTreeSet<String>>> = OnceLock::new();
const REMEMBERED: usize = 1_000;

/// Removes every container that a guard made whose owner is dead, or unknown and past its expiry. What bears no label of
/// a guard, or belongs to a living process, is never touched.
///
/// # Errors
/// Those of the list. What cannot be removed is logged and left out of the answer.
pub async fn sweep(engine: &Engine) -> Result<Vec<ContainerId>, Error> {
    let list = ListContainers::all().filter("label", GUARD);
    let found = engine.list_containers(&list).await?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let now = engine.info().await?.system_time;
    let now = now.unwrap_or_else(|| SystemTime::now().into());
    let mut swept = Vec::new();
    for container in found.into_iter().filter(|container| is_left(container, now)) {
        let remove = Verb::Remove {
            force: true,
            volumes: true,
        };
        match engine.act(&ObjectRef::from(&container.id), &remove).await {
            Ok(_) => swept.push(container.id),
            // Somebody else sweeps it.
            Err(error) if error.is_not_found() || error.is_conflict() => {}
            Err(error) => tracing::warn!(container = container.id.short(), %error, "cannot be swept"),
        }
    }
    Ok(swept)
}

/// [`sweep`], unless this process has swept this engine before.
pub(super) async fn sweep_once(engine: &Engine) -> Result<(), Error> {
    let is_new = {
        let swept = SWEPT.get_or_init(Mutex::default);
        let mut swept = swept.lock().unwrap_or_else(PoisonError::into_inner);
        swept.len() < REMEMBERED && swept.insert(engine.endpoint().to_string())
    };
    if is_new {
        sweep(engine).await?;
    }
    Ok(())
}

fn is_left(container: &ContainerSummary, now: Timestamp) -> bool {
    let label = |key: &str| container.labels.get(key).map_or("", String::as_str);
    let expires = label(EXPIRES).parse().map(Timestamp::from_secs);
    let is_expired = expires.is_ok_and(|expires| expires < now);
    match Owner::life(label(labels::OWNER)) {
        Life::Alive => false,
        Life::Dead => is_expired || label(GUARD) != GUARD_KEPT_ON_PANIC,
        Life::Unknown => is_expired,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use longshore_core::ContainerState;

    use super::*;

    fn left(guard: &str, owner: &str, expires: i64) -> bool {
        let labels = [
            (GUARD, guard),
            (labels::OWNER, owner),
            (EXPIRES, &expires.to_string()),
        ];
        let container = ContainerSummary {
            id: ContainerId::new("a").unwrap(),
            name: String::new(),
            image: String::new(),
            image_id: String::new(),
            command: String::new(),
            created: Timestamp::default(),
            state: ContainerState::Running,
            status: String::new(),
            ports: Vec::new(),
            labels: labels
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into_iter()
                .collect::<BTreeMap<_, _>>(),
        };
        is_left(&container, Timestamp::from_secs(1_000))
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_living_owner_keeps_its_containers_and_an_unknown_one_until_they_expire() {
        let me = Owner::me();
        let mut parts = me.as_str().splitn(3, '.');
        let dead = format!("{}.1.{}", parts.next().unwrap(), parts.nth(1).unwrap());
        assert!(!left("remove", me.as_str(), 1), "however old");
        assert!(left("remove", &dead, 2_000));
        assert!(!left(GUARD_KEPT_ON_PANIC, &dead, 2_000) && left(GUARD_KEPT_ON_PANIC, &dead, 1));
        assert!(left("remove", "1.1.elsewhere", 1) && !left("remove", "1.1.elsewhere", 2_000));
        assert!(!left("remove", "", i64::MAX / 1_000_000_000));
    }
}
