//! What an engine adds to an event, in as few allocations as an event of a busy engine can afford: two.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Names, labels, exit codes: texts by key, in the order of the keys, and not changed any more. Of a key that was given
/// twice, the last value holds.
///
/// ```
/// use longshore_core::Attributes;
/// let attributes = Attributes::from_iter([("name", "web"), ("exitCode", "137")]);
/// assert_eq!(attributes.get("exitCode"), Some("137"));
/// assert_eq!(attributes.get("signal"), None);
/// assert!(attributes.iter().eq([("exitCode", "137"), ("name", "web")]));
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Attributes {
    /// Key, value, key, value, without anything between them.
    text: Box<str>,
    /// Where each of them ends.
    ends: Box<[Ends]>,
}

/// Where a key and its value end in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ends {
    key: usize,
    value: usize,
}

impl Attributes {
    /// The value of that key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter()
            .find_map(|(known, value)| (known == key).then_some(value))
    }

    /// All of them, in the order of their keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        let mut from = 0;
        self.ends.iter().map(move |ends| {
            let key = self.text.get(from..ends.key).unwrap_or_default();
            let value = self.text.get(ends.key..ends.value).unwrap_or_default();
            from = ends.value;
            (key, value)
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// What they take in memory beside the value itself, in bytes.
    pub fn weight(&self) -> usize {
        self.text.len() + size_of_val(&*self.ends)
    }

    fn of<K: AsRef<str>, V: AsRef<str>>(mut pairs: Vec<(K, V)>) -> Self {
        // An engine tells them in the order of their keys.
        if !pairs.is_sorted_by(|(a, _), (b, _)| a.as_ref() < b.as_ref()) {
            pairs.sort_by(|(a, _), (b, _)| a.as_ref().cmp(b.as_ref()));
            // The sort is stable: of those of one key the last given is the last.
            pairs.dedup_by(|later, kept| {
                let same = later.0.as_ref() == kept.0.as_ref();
                if same {
                    std::mem::swap(later, kept);
                }
                same
            });
        }
        let len = pairs
            .iter()
            .map(|(key, value)| key.as_ref().len() + value.as_ref().len())
            .sum();
        let mut text = String::with_capacity(len);
        let ends = pairs.iter().map(|(key, value)| {
            text.push_str(key.as_ref());
            let key = text.len();
            text.push_str(value.as_ref());
            Ends {
                key,
                value: text.len(),
            }
        });
        Self {
            ends: ends.collect(),
            text: text.into_boxed_str(),
        }
    }
}

impl<K: AsRef<str>, V: AsRef<str>> FromIterator<(K, V)> for Attributes {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self::of(pairs.into_iter().collect())
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'de> Visitor<'de> for Pairs {
            type Value = Attributes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("texts by key")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Attributes, M::Error> {
                let mut pairs: Vec<(Cow<'de, str>, Cow<'de, str>)> = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Attributes::of(pairs))
            }
        }

        deserializer.deserialize_map(Pairs)
    }
}

impl From<&Attributes> for BTreeMap<String, String> {
    fn from(attributes: &Attributes) -> Self {
        let pairs = attributes.iter();
        pairs
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn they_are_what_a_map_is(pairs in prop::collection::vec(("[a-cé]{0,2}", "\\PC{0,3}"), 0..12)) {
            let map: BTreeMap<String, String> = pairs.iter().cloned().collect();
            let attributes = Attributes::from_iter(pairs);
            prop_assert_eq!(BTreeMap::from(&attributes), map.clone());
            prop_assert_eq!((attributes.len(), attributes.is_empty()), (map.len(), map.is_empty()));
            for (key, value) in &map {
                prop_assert_eq!(attributes.get(key), Some(&**value));
            }
            prop_assert_eq!(attributes.get("not there"), None);
            let json = serde_json::to_string(&attributes).unwrap();
            prop_assert_eq!(&json, &serde_json::to_string(&map).unwrap());
            prop_assert_eq!(serde_json::from_str::<Attributes>(&json).unwrap(), attributes);
        }
    }
}
