//! What can be mirrored: containers, images, networks, volumes.
//!
//! Owns what the four differ in: how one is known and found, what a list shows of it, what a difference after a gap is
//! told as. Leaves to others all that they have in common ([`keeper`](super::keeper)).

use std::fmt;
use std::hash::Hash;

use longshore_core::{
    Container, ContainerId, ContainerSummary, Health, Image, ImageSummary, Network, NetworkId, Timestamp,
    Volume,
};

use super::unseen::{MadeUp, unseen};

/// An object that a [`Mirror`](super::Mirror) shows: [`Container`], [`Image`], [`Network`] or [`Volume`].
///
/// Sealed: which there are is the engine's to say.
pub trait Mirrored: sealed::Sealed + Clone + fmt::Debug + PartialEq + Send + Sync + 'static {
    /// What it is known by: an id, and of a volume its name.
    type Id: Clone + fmt::Debug + fmt::Display + Ord + Hash + AsRef<str> + Send + Sync + 'static;

    /// What one is called in a sentence, such as `container`.
    const NOUN: &'static str;

    /// What this one is known by.
    fn id(&self) -> &Self::Id;

    /// `text` as what one is known by; `None` for what cannot be that.
    fn id_from(text: &str) -> Option<Self::Id>;

    /// Whether a person means it by this name. Of an image each of its tags is one, and `name` alone means
    /// `name:latest`.
    fn is_named(&self, name: &str) -> bool;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Container {}
    impl Sealed for super::Image {}
    impl Sealed for super::Network {}
    impl Sealed for super::Volume {}
}

/// What the keeper needs to know of a kind.
pub(crate) trait Kept: Mirrored {
    /// What a list says of one.
    type Listed: Send + 'static;

    fn listed_id(listed: &Self::Listed) -> &Self::Id;

    /// Whether a list says something else than what we have.
    fn differs(&self, listed: &Self::Listed) -> bool;

    /// Whether people look at it before the others.
    fn comes_first(_: &Self::Listed) -> bool {
        false
    }

    /// The events that explain a difference after a gap.
    fn unseen(_before: Option<&Self>, _after: Option<&Self>, _now: Timestamp) -> Vec<MadeUp> {
        Vec::new()
    }

    /// The health that it shows, of a kind that has one.
    fn health(&self) -> Option<&Health> {
        None
    }

    /// Whether it shows something of that container.
    fn shows_container(&self, _: &ContainerId) -> bool {
        false
    }
}

impl Mirrored for Container {
    type Id = ContainerId;
    const NOUN: &'static str = "container";

    fn id(&self) -> &ContainerId {
        &self.id
    }

    fn id_from(text: &str) -> Option<ContainerId> {
        ContainerId::new(text).ok()
    }

    fn is_named(&self, name: &str) -> bool {
        self.name == name.strip_prefix('/').unwrap_or(name)
    }
}

impl Kept for Container {
    type Listed = ContainerSummary;

    fn listed_id(listed: &ContainerSummary) -> &ContainerId {
        &listed.id
    }

    fn differs(&self, listed: &ContainerSummary) -> bool {
        listed.state != self.state || listed.name != self.name
    }

    fn comes_first(listed: &ContainerSummary) -> bool {
        listed.state.has_processes()
    }

    fn unseen(before: Option<&Self>, after: Option<&Self>, now: Timestamp) -> Vec<MadeUp> {
        unseen(before, after, now)
    }

    fn health(&self) -> Option<&Health> {
        Some(&self.health)
    }
}

impl Mirrored for Image {
    type Id = String;
    const NOUN: &'static str = "image";

    fn id(&self) -> &String {
        &self.id
    }

    fn id_from(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    fn is_named(&self, name: &str) -> bool {
        let mut names = self.tags.iter().chain(&self.digests);
        names.any(|own| own == name || own.strip_suffix(":latest") == Some(name))
    }
}

impl Kept for Image {
    type Listed = ImageSummary;

    fn listed_id(listed: &ImageSummary) -> &String {
        &listed.id
    }

    fn differs(&self, listed: &ImageSummary) -> bool {
        !(same_set(&self.tags, &listed.tags) && same_set(&self.digests, &listed.digests))
    }
}

/// Engines keep names in maps: their order means nothing.
fn same_set(a: &[String], b: &[String]) -> bool {
    a.len() == b.len() && a.iter().all(|name| b.contains(name))
}

impl Mirrored for Network {
    type Id = NetworkId;
    const NOUN: &'static str = "network";

    fn id(&self) -> &NetworkId {
        &self.id
    }

    fn id_from(text: &str) -> Option<NetworkId> {
        NetworkId::new(text).ok()
    }

    fn is_named(&self, name: &str) -> bool {
        self.name == name
    }
}

impl Kept for Network {
    type Listed = Network;

    fn listed_id(listed: &Network) -> &NetworkId {
        &listed.id
    }

    /// Who is on a network only an inspect tells.
    fn differs(&self, listed: &Network) -> bool {
        self.name != listed.name || self.created != listed.created || self.labels != listed.labels
    }

    fn shows_container(&self, id: &ContainerId) -> bool {
        self.containers
            .iter()
            .any(|member| member.container.as_ref() == Some(id))
    }
}

impl Mirrored for Volume {
    type Id = String;
    const NOUN: &'static str = "volume";

    fn id(&self) -> &String {
        &self.name
    }

    fn id_from(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    fn is_named(&self, name: &str) -> bool {
        self.name == name
    }
}

impl Kept for Volume {
    type Listed = Volume;

    fn listed_id(listed: &Volume) -> &String {
        &listed.name
    }

    /// A volume that was removed and made again has its old name, and another time.
    fn differs(&self, listed: &Volume) -> bool {
        self.created != listed.created || self.driver != listed.driver || self.labels != listed.labels
    }
}
