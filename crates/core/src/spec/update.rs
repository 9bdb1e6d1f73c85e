//! What is changed of a container that is there.

use super::{InvalidSpec, Resources, RestartPolicy, check_resources};

/// What an update changes; the rest stays.
///
/// ```
/// use longshore_core::{Resources, UpdateSpec};
/// let update = UpdateSpec::default().resources(Resources::default().memory("1g").cpus(2.0));
/// assert!(update.check().is_ok());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UpdateSpec {
    /// Limits that are changed, at once where the container runs. Those of each process and devices cannot be.
    pub resources: Resources,
    /// From the container's next end on.
    pub restart_policy: Option<RestartPolicy>,
}

impl UpdateSpec {
    /// Sets [`Self::resources`].
    #[must_use]
    pub fn resources(mut self, resources: Resources) -> Self {
        self.resources = resources;
        self
    }

    /// Sets [`Self::restart_policy`].
    #[must_use]
    pub fn restart_policy(mut self, policy: RestartPolicy) -> Self {
        self.restart_policy = Some(policy);
        self
    }

    /// Finds what an engine would refuse or ignore, before anything is sent.
    ///
    /// # Errors
    /// [`InvalidSpec`] says which field, and why.
    pub fn check(&self) -> Result<(), InvalidSpec> {
        let Resources {
            ulimits,
            devices,
            device_cgroup_rules,
            device_requests,
            oom_kill_disable,
            memory_swappiness,
            ..
        } = &self.resources;
        let fixed = [
            ("ulimits", !ulimits.is_empty()),
            ("devices", !devices.is_empty()),
            ("device_cgroup_rules", !device_cgroup_rules.is_empty()),
            ("device_requests", !device_requests.is_empty()),
            ("oom_kill_disable", *oom_kill_disable),
            ("memory_swappiness", memory_swappiness.is_some()),
        ];
        if let Some((field, _)) = fixed.iter().find(|(_, set)| *set) {
            return Err(InvalidSpec::new(format!(
                "{field}: it is fixed when a container is made"
            )));
        }
        if *self == Self::default() {
            return Err(InvalidSpec::new("update: it changes nothing"));
        }
        check_resources::limits(&self.resources, true)
    }
}
