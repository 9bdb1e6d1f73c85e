//! Events of an engine, as they came: unknown types and actions survive.

use serde::{Deserialize, Serialize};

use crate::{Attributes, Timestamp, names::open_enum};

open_enum! {
    /// What kind of object an event is about.
    pub enum EventType {
        /// A container.
        Container = "container",
        /// An image.
        Image = "image",
        /// A network.
        Network = "network",
        /// A volume.
        Volume = "volume",
        /// A plugin.
        Plugin = "plugin",
        /// A Swarm service.
        Service = "service",
        /// A Swarm node.
        Node = "node",
        /// A Swarm secret.
        Secret = "secret",
        /// A Swarm config.
        Config = "config",
        /// The engine itself.
        Daemon = "daemon",
        /// The build cache.
        Builder = "builder",
    }
}

open_enum! {
    /// Where an event happened. Swarm events carry their object's time, so they prove nothing about order.
    pub enum Scope {
        /// On this engine.
        Local = "local" | "",
        /// In the Swarm that the engine is part of.
        Swarm = "swarm",
    }
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What kind of object it is about.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// What happened, as the engine said it, but in Docker's words where Podman has its own; may carry data after a
    /// colon (`exec_start: ls -l`, `health_status: healthy`). See [`Event::verb`] and [`Event::detail`].
    pub action: Box<str>,
    /// The object's id (a container's or image's), or its name (a volume's).
    pub id: Box<str>,
    /// What the engine adds: names, labels, exit codes.
    pub attributes: Attributes,
    /// Where it happened.
    pub scope: Scope,
    /// When, by the engine's clock, stamped before it was published: no cursor, and not the order of delivery.
    pub at: Timestamp,
}

impl Event {
    /// The action without its data: `exec_start` for `exec_start: ls -l`.
    pub fn verb(&self) -> &str {
        self.action
            .split_once(':')
            .map_or(&*self.action, |(verb, _)| verb)
    }

    /// The data in the action, after the colon: `ls -l` for `exec_start: ls -l`.
    pub fn detail(&self) -> Option<&str> {
        self.action.split_once(':').map(|(_, detail)| detail.trim_start())
    }

    /// The object's name, where the engine gave one.
    pub fn name(&self) -> Option<&str> {
        self.attribute("name")
    }

    /// One of its attributes.
    pub fn attribute(&self, key: &str) -> Option<&str> {
        self.attributes.get(key)
    }

    /// Whether it is the trace of an exec, which changes nothing about the container.
    pub fn is_exec(&self) -> bool {
        self.verb().starts_with("exec_")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(action: &str) -> Event {
        Event {
            kind: EventType::Container,
            action: action.into(),
            id: "abc".into(),
            attributes: Attributes::default(),
            scope: Scope::Local,
            at: Timestamp::from_secs(0),
        }
    }

    #[test]
    fn data_inside_the_action_is_told_from_the_action() {
        let exec = event("exec_create: sh -c 'echo a:b'");
        assert_eq!(
            (exec.verb(), exec.detail()),
            ("exec_create", Some("sh -c 'echo a:b'"))
        );
        assert!(exec.is_exec());
        let health = event("health_status: healthy");
        assert_eq!(
            (health.verb(), health.detail()),
            ("health_status", Some("healthy"))
        );
        assert!(!health.is_exec());
        assert_eq!((event("start").verb(), event("start").detail()), ("start", None));
    }
}
