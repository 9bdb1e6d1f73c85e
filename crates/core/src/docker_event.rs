//! Events by the kind of object that they are about, with what each kind has to say.

use std::ops::Deref;

use crate::{Event, EventType, Health};

macro_rules! kinds {
    ($($(#[$meta:meta])* $variant:ident($view:ident)),+ $(,)?) => {
        /// An event by its kind. Whatever its variant, [`event`](Self::event) is the event as it came.
        ///
        /// ```
        /// use longshore_core::{DockerEvent, Event};
        /// # let event: Event = serde_json::from_str(r#"{"type":"container","action":"die","id":"4f5a","scope":"local",
        /// #   "attributes":{"name":"web","exitCode":"137"},"at":"2026-01-01T00:00:00Z"}"#).unwrap();
        /// if let DockerEvent::Container(container) = DockerEvent::from(event) {
        ///     assert_eq!(container.container_name(), Some("web"));
        ///     assert_eq!((container.verb(), container.exit_code()), ("die", Some(137)));
        /// }
        /// ```
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum DockerEvent {
            $($(#[$meta])* $variant($view),)+
            /// A kind that this version does not know.
            Other(Event),
        }

        impl DockerEvent {
            /// The event as it came.
            pub fn event(&self) -> &Event {
                match self { $(Self::$variant(view) => view,)+ Self::Other(event) => event }
            }

            /// The event as it came.
            pub fn into_event(self) -> Event {
                match self { $(Self::$variant(view) => view.0,)+ Self::Other(event) => event }
            }
        }

        impl From<Event> for DockerEvent {
            fn from(event: Event) -> Self {
                match event.kind {
                    $(EventType::$variant => Self::$variant($view(event)),)+
                    EventType::Other(_) => Self::Other(event),
                }
            }
        }
    };
}

macro_rules! views {
    ($($name:ident = $about:literal),+ $(,)?) => {
        $(
            #[doc = concat!("An event about ", $about, ". Everything of [`Event`] is there too.")]
            #[derive(Debug, Clone, PartialEq, Eq)]
            pub struct $name(Event);

            impl Deref for $name {
                type Target = Event;

                fn deref(&self) -> &Event {
                    &self.0
                }
            }
        )+
    };
}

kinds! {
    /// A container.
    Container(ContainerEvent),
    /// An image.
    Image(ImageEvent),
    /// A network.
    Network(NetworkEvent),
    /// A volume.
    Volume(VolumeEvent),
    /// A plugin.
    Plugin(ObjectEvent),
    /// A Swarm service.
    Service(ObjectEvent),
    /// A Swarm node.
    Node(ObjectEvent),
    /// A Swarm secret.
    Secret(ObjectEvent),
    /// A Swarm config.
    Config(ObjectEvent),
    /// The engine itself.
    Daemon(ObjectEvent),
    /// The build cache.
    Builder(ObjectEvent),
}

views! {
    ContainerEvent = "a container",
    ImageEvent = "an image",
    NetworkEvent = "a network",
    VolumeEvent = "a volume",
    ObjectEvent = "any other object: a plugin, one of a Swarm, the engine, the build cache",
}

impl ContainerEvent {
    /// The container's name, where the engine gave it.
    pub fn container_name(&self) -> Option<&str> {
        self.name()
    }

    /// The image's name that it was made from, as its maker wrote it.
    pub fn image(&self) -> Option<&str> {
        self.attribute("image")
    }

    /// With `die`, what the container's first process ended with, and with `exec_die`, the command.
    pub fn exit_code(&self) -> Option<i64> {
        // Podman gives one with every event of a container, also before there is one.
        if !matches!(self.verb(), "die" | "exec_die") {
            return None;
        }
        let code = self
            .attribute("exitCode")
            .or_else(|| self.attribute("containerExitCode"))?;
        code.parse().ok()
    }

    /// With `kill`, the number of the signal.
    pub fn signal(&self) -> Option<u32> {
        self.attribute("signal")?.parse().ok()
    }

    /// With `health_status`, the health that the container has now.
    pub fn health(&self) -> Option<Health> {
        if self.verb() != "health_status" {
            return None;
        }
        // Podman has it in an attribute.
        let said = self.detail().or_else(|| self.attribute("health_status"))?;
        Some(Health::from(said))
    }

    /// With `exec_create` and `exec_start`, the command as the engine wrote it: words and blanks, not quoted.
    pub fn exec_command(&self) -> Option<&str> {
        self.is_exec().then(|| self.detail()).flatten()
    }

    /// With `exec_create`, `exec_start` and `exec_die`, the command's id.
    pub fn exec_id(&self) -> Option<&str> {
        self.attribute("execID")
    }
}

impl NetworkEvent {
    /// What kind of network it is: `bridge`, `overlay`.
    pub fn driver(&self) -> Option<&str> {
        self.attribute("type")
    }

    /// With `connect` and `disconnect`, the id of the container.
    pub fn container(&self) -> Option<&str> {
        self.attribute("container")
    }
}

impl VolumeEvent {
    /// The volume's name.
    pub fn volume_name(&self) -> &str {
        &self.id
    }

    /// The driver that keeps it.
    pub fn driver(&self) -> Option<&str> {
        self.attribute("driver")
    }

    /// With `mount` and `unmount`, the id of the container.
    pub fn container(&self) -> Option<&str> {
        self.attribute("container")
    }

    /// With `mount`, the place in the container.
    pub fn destination(&self) -> Option<&str> {
        self.attribute("destination")
    }
}

impl ImageEvent {
    /// The image's name at that time; with `pull`, the name that was asked for. Its id where it has none.
    pub fn image_name(&self) -> &str {
        self.name().unwrap_or(&self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Scope, Timestamp};

    fn event(kind: &str, action: &str, attributes: &[(&str, &str)]) -> Event {
        Event {
            kind: EventType::from(kind),
            action: action.into(),
            id: "4f5a".into(),
            attributes: attributes.iter().copied().collect(),
            scope: Scope::Local,
            at: Timestamp::from_secs(1),
        }
    }

    fn container(action: &str, attributes: &[(&str, &str)]) -> ContainerEvent {
        match DockerEvent::from(event("container", action, attributes)) {
            DockerEvent::Container(event) => event,
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn every_kind_has_its_variant_and_nothing_is_lost() {
        let known = [
            "container",
            "image",
            "network",
            "volume",
            "plugin",
            "service",
            "node",
            "secret",
            "config",
            "daemon",
            "builder",
        ];
        for kind in known {
            let was = event(kind, "something new", &[("a", "b")]);
            let typed = DockerEvent::from(was.clone());
            assert!(!matches!(typed, DockerEvent::Other(_)), "{kind}");
            assert_eq!(typed.event(), &was);
            assert_eq!(typed.into_event(), was);
        }
        let strange = event("teapot", "boil", &[]);
        assert_eq!(DockerEvent::from(strange.clone()), DockerEvent::Other(strange));
    }

    #[test]
    fn a_containers_event_says_what_its_action_has_to_say() {
        let died = container(
            "die",
            &[("name", "web"), ("image", "nginx:1"), ("exitCode", "137")],
        );
        assert_eq!(
            (died.container_name(), died.image(), died.exit_code()),
            (Some("web"), Some("nginx:1"), Some(137))
        );
        assert_eq!(
            (died.signal(), died.health(), died.exec_command()),
            (None, None, None)
        );
        assert_eq!(
            container("die", &[("containerExitCode", "3")]).exit_code(),
            Some(3)
        );
        assert_eq!(container("die", &[("exitCode", "lots")]).exit_code(), None);
        assert_eq!(container("exec_die", &[("exitCode", "1")]).exit_code(), Some(1));
        assert_eq!(
            container("start", &[("containerExitCode", "0")]).exit_code(),
            None
        );
        assert_eq!(container("kill", &[("signal", "15")]).signal(), Some(15));
        assert_eq!(
            container("health_status: healthy", &[]).health(),
            Some(Health::Healthy)
        );
        let podmans = container("health_status", &[("health_status", "unhealthy")]);
        assert_eq!(podmans.health(), Some(Health::Unhealthy));
        let exec = container("exec_start: sh -c 'a: b'", &[("execID", "9")]);
        assert_eq!(
            (exec.exec_command(), exec.exec_id()),
            (Some("sh -c 'a: b'"), Some("9"))
        );
    }

    #[test]
    fn networks_volumes_and_images_name_who_is_concerned() {
        let DockerEvent::Network(network) = DockerEvent::from(event(
            "network",
            "connect",
            &[("container", "c1"), ("type", "bridge")],
        )) else {
            unreachable!()
        };
        assert_eq!(
            (network.container(), network.driver()),
            (Some("c1"), Some("bridge"))
        );
        let mount = [("container", "c1"), ("destination", "/data"), ("driver", "local")];
        let DockerEvent::Volume(volume) = DockerEvent::from(event("volume", "mount", &mount)) else {
            unreachable!()
        };
        assert_eq!(
            (
                volume.volume_name(),
                volume.container(),
                volume.destination(),
                volume.driver()
            ),
            ("4f5a", Some("c1"), Some("/data"), Some("local"))
        );
        let DockerEvent::Image(image) = DockerEvent::from(event("image", "tag", &[("name", "a:1")])) else {
            unreachable!()
        };
        assert_eq!(image.image_name(), "a:1");
    }
}
