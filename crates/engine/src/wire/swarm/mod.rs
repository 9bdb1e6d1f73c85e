//! Swarm mode: what is sent and what comes back.
//!
//! An update replaces a whole spec. So that it loses nothing that this version does not know, only what has changed
//! between two specs is written into the spec as it came ([`patched`]).

pub(crate) mod cluster;
pub(crate) mod node;
pub(crate) mod secret;
pub(crate) mod service;
mod service_parts;
pub(crate) mod service_read;
pub(crate) mod task;

use std::time::Duration;

use longshore_core::{ObjectRef, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::lenient::{Number, nullable};

/// What every object of a Swarm has.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    #[serde(rename = "ID")]
    id: String,
    #[serde(default, deserialize_with = "nullable")]
    version: Version,
    #[serde(default, deserialize_with = "nullable")]
    created_at: String,
    #[serde(default, deserialize_with = "nullable")]
    updated_at: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Version {
    index: Number,
}

impl Meta {
    fn id(&self) -> Option<ObjectRef> {
        ObjectRef::new(&self.id).ok()
    }

    fn version(&self) -> u64 {
        self.version.index.0.unwrap_or(0)
    }

    fn created(&self) -> Option<Timestamp> {
        Timestamp::parse_engine(&self.created_at)
    }

    fn updated(&self) -> Option<Timestamp> {
        Timestamp::parse_engine(&self.updated_at)
    }
}

/// What a create answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Created {
    /// Engines spell it in both ways.
    #[serde(rename = "ID", alias = "Id")]
    pub(crate) id: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) warnings: Vec<String>,
}

/// Whole nanoseconds; what does not fit is the longest that does.
fn nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}

/// A span of nanoseconds, where 0 is one too.
fn span(nanos: Number) -> Option<Duration> {
    nanos.0.map(Duration::from_nanos)
}

fn known(number: Number) -> Option<u64> {
    number.0.filter(|number| *number != 0)
}

/// For `#[serde(skip_serializing_if)]`.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The spec as it came, with what differs between two forms of it changed.
pub(crate) fn patched<T: Serialize>(raw: &str, was: &T, wanted: &T) -> Result<Value, serde_json::Error> {
    let (was, wanted) = (serde_json::to_value(was)?, serde_json::to_value(wanted)?);
    if raw.is_empty() {
        return Ok(wanted);
    }
    let mut spec = serde_json::from_str(raw)?;
    patch(&mut spec, &was, &wanted);
    Ok(spec)
}

fn patch(spec: &mut Value, was: &Value, wanted: &Value) {
    if was == wanted {
        return;
    }
    let (Value::Object(was), Value::Object(wanted)) = (was, wanted) else {
        *spec = wanted.clone();
        return;
    };
    if !spec.is_object() {
        *spec = Value::Object(Map::new());
    }
    let Value::Object(spec) = spec else { return };
    for key in was.keys().filter(|key| !wanted.contains_key(*key)) {
        spec.remove(key);
    }
    for (key, wanted) in wanted {
        let was = was.get(key).unwrap_or(&Value::Null);
        patch(spec.entry(key.clone()).or_insert(Value::Null), was, wanted);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_has_changed_is_written() {
        let mut spec = json!({"Name": "web", "Future": {"x": 1}, "Task": {"Image": "a", "New": [1], "Env": ["A=b"]},
            "Mode": {"Global": {}}, "Same": null});
        let was = json!({"Name": "web", "Task": {"Image": "a", "Env": ["A=b"]}, "Mode": {"Global": {}}});
        let wanted = json!({"Name": "web", "Task": {"Image": "b", "Env": ["A=b"], "User": "x"},
            "Mode": {"Replicated": {"Replicas": 2}}});
        patch(&mut spec, &was, &wanted);
        assert_eq!(
            spec,
            json!({"Name": "web", "Future": {"x": 1}, "Task": {"Image": "b", "New": [1], "Env": ["A=b"], "User": "x"},
                "Mode": {"Replicated": {"Replicas": 2}}, "Same": null})
        );
    }

    proptest::proptest! {
        #[test]
        fn what_is_wanted_is_what_is_read_afterwards(
            was in proptest::collection::btree_map("[a-c]", 0..3_u8, 0..3),
            wanted in proptest::collection::btree_map("[a-c]", 0..3_u8, 0..3),
        ) {
            let (was, wanted) = (json!(was), json!(wanted));
            let mut spec = was.clone();
            spec["future"] = json!([1]);
            patch(&mut spec, &was, &wanted);
            proptest::prop_assert_eq!(spec.as_object_mut().unwrap().remove("future"), Some(json!([1])));
            proptest::prop_assert_eq!(spec, wanted);
        }
    }
}
