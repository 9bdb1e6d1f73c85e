//! Which events somebody wants.

use std::time::Duration;

use crate::{Event, EventType, Timestamp};

/// Which events somebody wants: of what is said of one thing, any fits; of different things, all must. So
/// `action("start").action("die").label("app=shop")` is whatever starts or dies, of that app. An empty filter is
/// everything.
///
/// Compared is exactly, as engines do it: nothing fits by a part of itself, but an id by its first twelve characters
/// or more, and an action with data (`health_status: healthy`) also by its name alone.
///
/// ```
/// use std::time::Duration;
/// use longshore_core::{EventFilter, EventType};
/// let filter = EventFilter::new()
///     .event_type(EventType::Container)
///     .action("start")
///     .label("app=shop")
///     .since_duration(Duration::from_secs(600));
/// # assert_ne!(filter, EventFilter::new());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventFilter {
    types: Vec<EventType>,
    actions: Vec<Box<str>>,
    objects: Vec<Box<str>>,
    containers: Vec<Box<str>>,
    images: Vec<Box<str>>,
    networks: Vec<Box<str>>,
    volumes: Vec<Box<str>>,
    labels: Vec<(Box<str>, Option<Box<str>>)>,
    since: Option<Timestamp>,
    ago: Option<Duration>,
    until: Option<Timestamp>,
}

/// An id is unique by as many characters as engines show of it.
const SHORT_ID: usize = 12;
/// How Docker Hub's names begin when they are written in full, and those without a user after it.
const HUB: &str = "docker.io/";
const OFFICIAL: &str = "library/";

impl EventFilter {
    /// Everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Events about objects of this kind.
    #[must_use]
    pub fn event_type(mut self, kind: impl Into<EventType>) -> Self {
        self.types.push(kind.into());
        self
    }

    /// Events of this action: `start`, `health_status`, `health_status: healthy`.
    #[must_use]
    pub fn action(mut self, action: &str) -> Self {
        self.actions.push(action.into());
        self
    }

    /// Events about an object of any kind by this name or id, or by twelve or more characters that the id begins with.
    #[must_use]
    pub fn object(mut self, object: &str) -> Self {
        self.objects.push(object.trim_start_matches('/').into());
        self
    }

    /// Events about this container: its name, its id, or twelve or more characters that the id begins with.
    #[must_use]
    pub fn container(mut self, container: &str) -> Self {
        self.containers.push(container.trim_start_matches('/').into());
        self
    }

    /// Events about this image, and about containers made from it: its name as it was used, with or without the tag and
    /// with or without Docker Hub's own parts, or its id.
    #[must_use]
    pub fn image(mut self, image: &str) -> Self {
        self.images.push(image.into());
        self
    }

    /// Events about this network: its name or id.
    #[must_use]
    pub fn network(mut self, network: &str) -> Self {
        self.networks.push(network.into());
        self
    }

    /// Events about this volume: its name.
    #[must_use]
    pub fn volume(mut self, volume: &str) -> Self {
        self.volumes.push(volume.into());
        self
    }

    /// Events about objects with this label: `key`, or `key=value`. More than one must all be there.
    #[must_use]
    pub fn label(mut self, label: &str) -> Self {
        self.labels.push(match label.split_once('=') {
            Some((key, value)) => (key.into(), Some(value.into())),
            None => (label.into(), None),
        });
        self
    }

    /// Events from then on, by the engine's clock. The past reaches as far as the engine remembers: 256 events.
    #[must_use]
    pub fn since(mut self, since: Timestamp) -> Self {
        (self.since, self.ago) = (Some(since), None);
        self
    }

    /// Events from so long ago on, reckoned when the following begins.
    #[must_use]
    pub fn since_duration(mut self, ago: Duration) -> Self {
        (self.since, self.ago) = (None, Some(ago));
        self
    }

    /// Events until then, by the engine's clock; later ones do not fit.
    #[must_use]
    pub fn until(mut self, until: Timestamp) -> Self {
        self.until = Some(until);
        self
    }

    /// When events are to begin, with `now` for [`since_duration`](Self::since_duration) to reckon from, and for a
    /// filter that says nothing of it.
    #[must_use]
    pub fn from_now(mut self, now: Timestamp) -> Self {
        let ago = self.ago.take().unwrap_or_default();
        let ago = i64::try_from(ago.as_nanos()).unwrap_or(i64::MAX);
        let reckoned = Timestamp::from_nanos(now.as_nanos().saturating_sub(ago));
        self.since.get_or_insert(reckoned);
        self
    }

    /// When the last event is that can fit.
    pub fn ends(&self) -> Option<Timestamp> {
        self.until
    }

    /// Whether the event fits. What [`since_duration`](Self::since_duration) said counts from
    /// [`from_now`](Self::from_now) on.
    pub fn matches(&self, event: &Event) -> bool {
        let about = |kind| event.kind == kind;
        let by_name = |wanted: &str| is_id(&event.id, wanted) || event.name() == Some(wanted);
        any(&self.types, |kind| *kind == event.kind)
            && any(&self.actions, |action| {
                **action == *event.action || **action == *event.verb()
            })
            && any(&self.objects, |wanted| by_name(wanted))
            && any(&self.containers, |wanted| {
                about(EventType::Container) && by_name(wanted)
            })
            && any(&self.networks, |wanted| {
                about(EventType::Network) && by_name(wanted)
            })
            && any(&self.volumes, |wanted| {
                about(EventType::Volume) && event.id == *wanted
            })
            && any(&self.images, |wanted| match event.kind {
                EventType::Image => {
                    is_image(&event.id, wanted) || event.name().is_some_and(|name| is_image(name, wanted))
                }
                EventType::Container => event
                    .attribute("image")
                    .is_some_and(|name| is_image(name, wanted)),
                _ => false,
            })
            && self.labels.iter().all(|(key, value)| {
                let has = event.attributes.get(key);
                has.is_some_and(|has| value.as_ref().is_none_or(|value| **value == *has))
            })
            && self.since.is_none_or(|since| event.at >= since)
            && self.until.is_none_or(|until| event.at <= until)
    }
}

fn any<T>(wanted: &[T], fits: impl Fn(&T) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(fits)
}

fn is_id(id: &str, wanted: &str) -> bool {
    id == wanted || (wanted.len() >= SHORT_ID && id.starts_with(wanted))
}

/// The image's whole name or id, or its name without the tag or digest.
fn is_image(name: &str, wanted: &str) -> bool {
    if let Some(id) = name.strip_prefix("sha256:") {
        return is_id(id, wanted.trim_start_matches("sha256:"));
    }
    let (name, wanted) = (short(name), short(wanted));
    let bare = name.split_once('@').map_or(name, |(bare, _)| bare);
    // A colon before a slash is that of a port.
    let bare = match bare.rsplit_once(':') {
        Some((bare, tag)) if !tag.contains('/') => bare,
        _ => bare,
    };
    name == wanted || bare == wanted
}

/// A name of an image without what names at Docker Hub may begin with: Podman writes it, Docker does not.
fn short(name: &str) -> &str {
    name.strip_prefix(HUB)
        .map_or(name, |rest| rest.strip_prefix(OFFICIAL).unwrap_or(rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scope;

    const ID: &str = "4f5a0c1d2e3f4f5a0c1d2e3f4f5a0c1d2e3f4f5a0c1d2e3f4f5a0c1d2e3f0000";

    fn event(kind: &str, action: &str, id: &str, attributes: &[(&str, &str)]) -> Event {
        Event {
            kind: EventType::from(kind),
            action: action.into(),
            id: id.into(),
            attributes: attributes.iter().copied().collect(),
            scope: Scope::Local,
            at: Timestamp::from_secs(100),
        }
    }

    fn web() -> Event {
        let attributes = [
            ("name", "web"),
            ("image", "reg:5000/shop/web:2"),
            ("app", "shop"),
            ("tier", ""),
        ];
        event("container", "health_status: healthy", ID, &attributes)
    }

    #[test]
    fn what_fits_and_what_does_not() {
        let all = EventFilter::new;
        let fits = [
            all(),
            all().event_type("container"),
            all()
                .event_type(EventType::Image)
                .event_type(EventType::Container),
            all().action("health_status"),
            all().action("health_status: healthy"),
            all().action("start").action("health_status"),
            all().object("web"),
            all().object(&ID[..12]),
            all().container("web"),
            all().container("/web"),
            all().container(ID),
            all().container(&ID[..12]),
            all().image("reg:5000/shop/web:2"),
            all().image("reg:5000/shop/web"),
            all().label("app"),
            all().label("app=shop").label("tier"),
            all().label("tier="),
            all()
                .since(Timestamp::from_secs(100))
                .until(Timestamp::from_secs(100)),
            all()
                .since_duration(Duration::from_secs(5))
                .from_now(Timestamp::from_secs(105)),
            all()
                .event_type("container")
                .action("health_status")
                .container("web")
                .label("app=shop"),
        ];
        for filter in fits {
            assert!(filter.matches(&web()), "{filter:?}");
        }
        let others = [
            all().event_type("contain"),
            all().event_type("image"),
            all().action("health"),
            all().action("health_status: unhealthy"),
            all().action("health_status:"),
            all().action(""),
            all().object("we"),
            all().container("we"),
            all().container(""),
            all().container(&ID[..11]),
            all().container("WEB"),
            all().image("shop/web"),
            all().image("reg"),
            all().network("web"),
            all().volume(ID),
            all().label("app=sho"),
            all().label("ap"),
            all().label("app=shop").label("missing"),
            all().since(Timestamp::from_secs(101)),
            all().until(Timestamp::from_secs(99)),
            all().from_now(Timestamp::from_secs(101)),
            all()
                .since_duration(Duration::from_secs(5))
                .from_now(Timestamp::from_secs(106)),
            all().action("health_status").container("other"),
        ];
        for filter in others {
            assert!(!filter.matches(&web()), "{filter:?}");
        }
    }

    #[test]
    fn images_networks_and_volumes_are_meant_by_name_or_id() {
        let all = EventFilter::new;
        let pulled = event("image", "pull", "alpine:3", &[("name", "alpine")]);
        assert!(all().image("alpine:3").matches(&pulled) && all().image("alpine").matches(&pulled));
        let digest = format!("sha256:{ID}");
        let removed = event("image", "delete", &digest, &[]);
        assert!(all().image(&digest).matches(&removed) && all().image(&ID[..12]).matches(&removed));
        assert!(
            !all().image("sha256").matches(&removed),
            "an id is no name with a tag"
        );
        let on_podman = event("image", "pull", "docker.io/library/alpine:3", &[]);
        for wanted in ["alpine", "alpine:3", "docker.io/library/alpine"] {
            assert!(all().image(wanted).matches(&on_podman), "{wanted}");
        }
        assert!(all().image("docker.io/library/alpine").matches(&pulled));
        assert!(!all().image("library/alpine").matches(&on_podman));
        let by_digest = event("image", "pull", &format!("alpine@{digest}"), &[]);
        assert!(all().image("alpine").matches(&by_digest));
        let joined = event(
            "network",
            "connect",
            ID,
            &[("name", "front"), ("container", "c1")],
        );
        assert!(all().network("front").matches(&joined) && all().network(ID).matches(&joined));
        assert!(!all().container("c1").matches(&joined), "it is about the network");
        let mounted = event("volume", "mount", "data", &[]);
        assert!(all().volume("data").matches(&mounted) && !all().volume("dat").matches(&mounted));
    }

    #[test]
    fn a_time_that_was_given_is_kept() {
        let given = EventFilter::new().since(Timestamp::from_secs(7));
        assert_eq!(given.clone().from_now(Timestamp::from_secs(9)), given);
        let ever = EventFilter::new()
            .since_duration(Duration::MAX)
            .from_now(Timestamp::from_secs(0));
        assert!(ever.matches(&web()), "longer ago than there is time");
    }
}
