//! How far an image and a container of it have come, and how a container is doing.

use std::time::Duration;

use crate::{Container, ContainerState, Health, ImageSummary, Timestamp, Usage};

/// How far an image and a container of it have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ResourceStatus {
    /// Neither is there.
    Missing,
    /// The image is there.
    Downloaded,
    /// The container is there and does not run.
    Built,
    /// The container runs; paused, and between two tries of its restart policy, counts too.
    Running,
}

impl ResourceStatus {
    /// Of what is there. A container tells more than its image, which may have been removed since.
    ///
    /// ```
    /// use longshore_core::{ContainerState, ResourceStatus};
    /// assert_eq!(ResourceStatus::of(true, None), ResourceStatus::Downloaded);
    /// assert_eq!(ResourceStatus::of(true, Some(&ContainerState::Exited)), ResourceStatus::Built);
    /// ```
    pub fn of(has_image: bool, container: Option<&ContainerState>) -> Self {
        match container {
            Some(state) if state.has_processes() || *state == ContainerState::Restarting => Self::Running,
            Some(_) => Self::Built,
            None if has_image => Self::Downloaded,
            None => Self::Missing,
        }
    }
}

/// How a container is doing: what it uses, and how it has lived.
#[derive(Debug, Clone, PartialEq)]
pub struct ContainerMetrics {
    /// Its state.
    pub state: ContainerState,
    /// Processor, memory, network, block devices, processes; all unknown while it does not run.
    pub usage: Usage,
    /// Since its last start, by the engine's clock; `None` while it does not run.
    pub uptime: Option<Duration>,
    /// How often its restart policy has started it again.
    pub restart_count: Option<u32>,
    /// How its last run ended; `None` while it runs, or when it never ran.
    pub last_exit_code: Option<i64>,
    /// Whether the kernel ended its last run for want of memory.
    pub oom_killed: bool,
    /// What its health check says.
    pub health: Health,
}

impl ContainerMetrics {
    /// From an inspect, and what it uses. `now` is by the engine's clock.
    pub fn new(container: &Container, usage: Usage, now: Timestamp) -> Self {
        let runs = container.state.has_processes();
        Self {
            state: container.state.clone(),
            usage,
            uptime: container
                .started_at
                .filter(|_| runs)
                .and_then(|start| now.since(start)),
            restart_count: container.restart_count,
            last_exit_code: container.exit_code,
            oom_killed: container.oom_killed,
            health: container.health.clone(),
        }
    }
}

impl ImageSummary {
    /// Whether this is the image that `name` names: by a name as people write it (`nginx` is
    /// `docker.io/library/nginx:latest`), a name with a digest, an id, or the beginning of one.
    ///
    /// ```
    /// # use longshore_core::ImageSummary;
    /// # let image = ImageSummary { id: "sha256:0123456789abcdef".into(), tags: vec!["nginx:latest".into()], digests: vec![], created: None, size: 0, labels: Default::default() };
    /// assert!(image.is_called("nginx") && image.is_called("docker.io/library/nginx:latest") && image.is_called("0123456789ab"));
    /// assert!(!image.is_called("nginx:1") && !image.is_called(""));
    /// ```
    pub fn is_called(&self, name: &str) -> bool {
        let wanted = whole(name);
        if self
            .tags
            .iter()
            .chain(&self.digests)
            .any(|tag| whole(tag) == wanted)
        {
            return true;
        }
        let digits = name.strip_prefix("sha256:").unwrap_or(name);
        let id = self.id.strip_prefix("sha256:").unwrap_or(&self.id);
        // Docker takes shorter ones too; a word of few letters is more likely a name.
        digits.len() >= 12 && id.starts_with(digits)
    }
}

/// A name with its tag, and without what is left out as a rule.
fn whole(name: &str) -> String {
    let name = name.strip_prefix("docker.io/").unwrap_or(name);
    let name = name.strip_prefix("library/").unwrap_or(name);
    let last = name.rsplit_once('/').map_or(name, |(_, last)| last);
    if last.contains([':', '@']) {
        name.to_owned()
    } else {
        format!("{name}:latest")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_the_furthest_that_was_reached() {
        let of = ResourceStatus::of;
        assert_eq!(of(false, None), ResourceStatus::Missing);
        assert_eq!(of(false, Some(&ContainerState::Created)), ResourceStatus::Built);
        for state in [
            ContainerState::Running,
            ContainerState::Paused,
            ContainerState::Restarting,
        ] {
            assert_eq!(of(true, Some(&state)), ResourceStatus::Running);
        }
        assert_eq!(of(true, Some(&"odd".into())), ResourceStatus::Built);
        assert!(
            ResourceStatus::Missing < ResourceStatus::Downloaded
                && ResourceStatus::Built < ResourceStatus::Running
        );
    }

    #[test]
    fn an_image_answers_to_each_of_its_names() {
        let image = ImageSummary {
            id: "sha256:0123456789abcdef".to_owned(),
            tags: vec!["registry:5000/a/b:2".to_owned(), "busybox:latest".to_owned()],
            digests: vec!["busybox@sha256:ff".to_owned()],
            created: None,
            size: 0,
            labels: std::collections::BTreeMap::new(),
            manifests: Vec::new(),
        };
        for name in [
            "registry:5000/a/b:2",
            "busybox",
            "library/busybox:latest",
            "busybox@sha256:ff",
            "sha256:0123456789abcdef",
        ] {
            assert!(image.is_called(name), "{name}");
        }
        for name in ["registry:5000/a/b", "a/b:2", "busybox:1", "0123", "sha256:", ""] {
            assert!(!image.is_called(name), "{name}");
        }
    }
}
