//! What a fake engine has: containers, images, networks, volumes, execs; and how a reference finds one.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use super::container::Container;
use super::exec::Exec;
use super::networks::{self, Network};

/// An answer that is an error: status and message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Status code.
    pub status: u16,
    /// As the engine words it.
    pub message: String,
}

impl Refusal {
    pub(super) fn new(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    pub(super) fn no_container(reference: &str) -> Self {
        Self::new(404, format!("No such container: {reference}"))
    }

    pub(super) fn body(&self) -> Vec<u8> {
        json!({"message": self.message}).to_string().into_bytes()
    }
}

#[derive(Debug, Clone)]
pub(super) struct Image {
    pub(super) id: String,
    pub(super) tags: Vec<String>,
    pub(super) created: i64,
    pub(super) size: u64,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) containers: BTreeMap<String, Container>,
    pub(super) names: HashMap<String, String>,
    pub(super) images: Vec<Image>,
    pub(super) execs: HashMap<String, Exec>,
    pub(super) networks: BTreeMap<String, Network>,
    /// As the calls show them, by name.
    pub(super) volumes: BTreeMap<String, Value>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            containers: BTreeMap::new(),
            names: HashMap::new(),
            images: Vec::new(),
            execs: HashMap::new(),
            networks: networks::predefined(),
            volumes: BTreeMap::new(),
        }
    }
}

impl World {
    /// By id, name, or a prefix of an id that only one has.
    pub(super) fn resolve(&self, reference: &str) -> Result<String, Refusal> {
        if self.containers.contains_key(reference) {
            return Ok(reference.to_owned());
        }
        let name = reference.strip_prefix('/').unwrap_or(reference);
        if let Some(id) = self.names.get(name) {
            return Ok(id.clone());
        }
        let hex = !reference.is_empty() && reference.bytes().all(|b| b.is_ascii_hexdigit());
        let mut found = self
            .containers
            .range(reference.to_owned()..)
            .map(|(id, _)| id)
            .take_while(|id| hex && id.starts_with(reference));
        match (found.next(), found.next()) {
            (Some(id), None) => Ok(id.clone()),
            (Some(_), Some(_)) => Err(Refusal::new(
                400,
                format!("multiple IDs found with provided prefix: {reference}"),
            )),
            (None, _) => Err(Refusal::no_container(reference)),
        }
    }

    pub(super) fn container(&self, reference: &str) -> Result<&Container, Refusal> {
        let id = self.resolve(reference)?;
        self.containers
            .get(&id)
            .ok_or_else(|| Refusal::no_container(reference))
    }

    pub(super) fn container_mut(&mut self, reference: &str) -> Result<&mut Container, Refusal> {
        let id = self.resolve(reference)?;
        self.containers
            .get_mut(&id)
            .ok_or_else(|| Refusal::no_container(reference))
    }

    pub(super) fn image(&self, reference: &str) -> Option<&Image> {
        let tagged = format!("{reference}:latest");
        self.images.iter().find(|image| {
            image.id == reference
                || image
                    .id
                    .strip_prefix("sha256:")
                    .is_some_and(|id| !reference.is_empty() && id.starts_with(reference))
                || image.tags.iter().any(|tag| tag == reference || *tag == tagged)
        })
    }

    pub(super) fn count(&self, state: &str) -> usize {
        self.containers.values().filter(|c| c.state == state).count()
    }

    pub(super) fn image_list(&self) -> Value {
        self.images
            .iter()
            .map(|image| {
                json!({
                    "Id": image.id, "ParentId": "", "RepoTags": image.tags, "RepoDigests": [],
                    "Created": image.created.div_euclid(1_000_000_000), "Size": image.size,
                    "SharedSize": -1, "Labels": {},
                    "Containers": self.containers.values().filter(|c| c.image_id == image.id).count(),
                })
            })
            .collect()
    }
}

/// The `filters` of a request: a map to lists, or, as old clients send it, a map to maps of flags.
#[derive(Debug, Default, Clone)]
pub(super) struct Filters(HashMap<String, Vec<String>>);

impl Filters {
    pub(super) fn parse(text: Option<&str>) -> Result<Self, Refusal> {
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            return Ok(Self::default());
        };
        let map: HashMap<String, Value> =
            serde_json::from_str(text).map_err(|_| Refusal::new(400, format!("invalid filter {text}")))?;
        let strings = |value: Value| match value {
            Value::Array(items) => items
                .into_iter()
                .filter_map(|item| item.as_str().map(str::to_owned))
                .collect(),
            Value::Object(items) => items.into_iter().map(|(key, _)| key).collect(),
            _ => Vec::new(),
        };
        Ok(Self(
            map.into_iter()
                .map(|(key, value)| (key, strings(value)))
                .collect(),
        ))
    }

    pub(super) fn get(&self, key: &str) -> &[String] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }

    /// Whether one of the values of `key` passes; true when there are none.
    pub(super) fn any(&self, key: &str, pass: impl Fn(&str) -> bool) -> bool {
        let values = self.get(key);
        values.is_empty() || values.iter().any(|value| pass(value))
    }

    /// Whether all of the `label` filters (`key` or `key=value`) pass.
    pub(super) fn labels(&self, labels: &BTreeMap<String, String>) -> bool {
        self.get("label")
            .iter()
            .all(|wanted| match wanted.split_once('=') {
                Some((key, value)) => labels.get(key).is_some_and(|v| v == value),
                None => labels.contains_key(wanted),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::spec::Spec;

    #[test]
    fn references() {
        let mut world = World::default();
        for (id, name) in [("abc1", "one"), ("abd2", "two")] {
            let container = Container::new(id.to_owned(), name.to_owned(), String::new(), Spec::new("x"), 0);
            world.containers.insert(id.to_owned(), container);
            world.names.insert(name.to_owned(), id.to_owned());
        }
        assert_eq!(world.resolve("abc1").unwrap(), "abc1");
        assert_eq!(world.resolve("abc").unwrap(), "abc1");
        assert_eq!(world.resolve("/two").unwrap(), "abd2");
        assert_eq!(world.resolve("ab").unwrap_err().status, 400);
        assert_eq!(world.resolve("zz").unwrap_err().status, 404);
        assert_eq!(world.resolve("").unwrap_err().status, 404);
    }

    #[test]
    fn filters_in_both_spellings() {
        let labels = BTreeMap::from([("a".to_owned(), "1".to_owned())]);
        for text in [r#"{"label":["a=1"]}"#, r#"{"label":{"a":true}}"#, "", "{}"] {
            assert!(Filters::parse(Some(text)).unwrap().labels(&labels), "{text}");
        }
        assert!(
            !Filters::parse(Some(r#"{"label":["a=2"]}"#))
                .unwrap()
                .labels(&labels)
        );
        assert_eq!(Filters::parse(Some("rubbish")).unwrap_err().status, 400);
    }
}
