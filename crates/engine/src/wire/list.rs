//! Lists of containers and images.
//!
//! The hot path parses the whole array at once, each entry into borrowed text and from there into its final form; only
//! when that fails is each entry tried by itself, and what still cannot be read is left out with a word in the log: one
//! odd entry never hides the others.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use longshore_core::{ContainerId, ContainerState, ContainerSummary, ImageSummary, Port, Timestamp};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::image::{Manifest, named};
use super::lenient::{Integer, Number, Text, nullable, text};
use super::scan::Scan;

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct Summary<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(default, rename = "Names")]
    name: FirstName,
    #[serde(default, borrow)]
    image: Text<'a>,
    #[serde(default, borrow, rename = "ImageID")]
    image_id: Text<'a>,
    #[serde(default, borrow)]
    command: Text<'a>,
    #[serde(default)]
    created: Integer,
    #[serde(default, borrow)]
    state: Text<'a>,
    #[serde(default, borrow)]
    status: Text<'a>,
    #[serde(default, borrow, deserialize_with = "nullable")]
    ports: Vec<WirePort<'a>>,
    #[serde(default, deserialize_with = "nullable")]
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct WirePort<'a> {
    #[serde(default, borrow, rename = "IP")]
    ip: Text<'a>,
    #[serde(default)]
    private_port: Number,
    #[serde(default)]
    public_port: Number,
    #[serde(default, borrow)]
    r#type: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Image<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(default, deserialize_with = "nullable")]
    repo_tags: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    repo_digests: Vec<String>,
    #[serde(default)]
    created: Integer,
    #[serde(default)]
    size: Number,
    #[serde(default, deserialize_with = "nullable")]
    labels: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "nullable")]
    manifests: Vec<Manifest>,
}

/// Reads a list of containers.
pub(crate) fn containers(json: &[u8]) -> Result<Vec<ContainerSummary>, serde_json::Error> {
    let text = text(json);
    match as_engines_write(&text) {
        Some(all) => Ok(all),
        None => entries::<Summary<'_>, _>(&text, Summary::into_core),
    }
}

/// The list, when it has the form in which engines write it; anything else is for [`entries`], which knows more.
fn as_engines_write(json: &str) -> Option<Vec<ContainerSummary>> {
    let mut scan = Scan::new(json);
    let mut all = Vec::new();
    scan.array(|scan| {
        all.extend(Summary::scanned(scan)?.into_core());
        Some(())
    })?;
    scan.end()?;
    Some(all)
}

/// Reads a list of images.
pub(crate) fn images(json: &[u8]) -> Result<Vec<ImageSummary>, serde_json::Error> {
    entries::<Image<'_>, _>(&text(json), |image| Some(image.into_core()))
}

/// Reads a list, each entry by itself where need be.
pub(super) fn entries<'a, W, T>(
    json: &'a str,
    convert: impl Fn(W) -> Option<T>,
) -> Result<Vec<T>, serde_json::Error>
where
    W: Deserialize<'a>,
{
    let mut reader = serde_json::Deserializer::from_str(json);
    let all = reader.deserialize_option(Entries {
        convert: &convert,
        read: PhantomData,
    });
    if let Ok(all) = all.and_then(|all| reader.end().map(|()| all)) {
        return Ok(all);
    }
    let raw: Vec<&'a RawValue> = serde_json::from_str(json)?;
    let read = |entry: &&'a RawValue| match serde_json::from_str(entry.get()) {
        Ok(wire) => convert(wire),
        Err(error) => {
            tracing::warn!(%error, "an entry of the engine's list cannot be read and is left out");
            None
        }
    };
    Ok(raw.iter().filter_map(read).collect())
}

/// An array, or null for an empty one, of which each entry is converted as soon as it is read.
struct Entries<'f, W, F> {
    convert: &'f F,
    read: PhantomData<W>,
}

impl<'de, W, T, F> Visitor<'de> for Entries<'_, W, F>
where
    W: Deserialize<'de>,
    F: Fn(W) -> Option<T>,
{
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_none<E>(self) -> Result<Vec<T>, E> {
        Ok(Vec::new())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<T>, D::Error> {
        deserializer.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let mut all = Vec::new();
        while let Some(entry) = seq.next_element()? {
            all.extend((self.convert)(entry));
        }
        Ok(all)
    }
}

/// The name of a container among its `Names`. Its own has one slash, at the front; links of other containers to it
/// have more.
#[derive(Default)]
struct FirstName(String);

impl<'de> Deserialize<'de> for FirstName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Names)
    }
}

/// The choice among names, as they come.
#[derive(Default)]
struct OwnName {
    own: Option<String>,
    first: Option<String>,
}

impl OwnName {
    fn see(&mut self, name: &str) {
        let bare = name.trim_start_matches('/');
        if self.own.is_none() && !bare.contains('/') {
            self.own = Some(bare.to_owned());
        } else if self.first.is_none() {
            self.first = Some(bare.to_owned());
        }
    }

    fn chosen(self) -> FirstName {
        FirstName(self.own.or(self.first).unwrap_or_default())
    }
}

struct Names;

impl<'de> Visitor<'de> for Names {
    type Value = FirstName;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of names")
    }

    fn visit_unit<E>(self) -> Result<FirstName, E> {
        Ok(FirstName::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<FirstName, A::Error> {
        let mut names = OwnName::default();
        while let Some(name) = seq.next_element::<Text<'de>>()? {
            names.see(&name);
        }
        Ok(names.chosen())
    }
}

impl<'a> Summary<'a> {
    fn scanned(scan: &mut Scan<'a>) -> Option<Self> {
        let mut one = Self::default();
        let mut identified = false;
        scan.object(|scan, key| {
            if scan.null() {
                return Some(());
            }
            let text = match &*key {
                "Id" => {
                    identified = true;
                    one.id = scan.string()?;
                    return Some(());
                }
                "Image" => &mut one.image,
                "ImageID" => &mut one.image_id,
                "Command" => &mut one.command,
                "State" => &mut one.state,
                "Status" => &mut one.status,
                "Created" => {
                    one.created = Integer(Some(scan.integer()?));
                    return Some(());
                }
                "Names" => {
                    let mut names = OwnName::default();
                    scan.array(|scan| {
                        names.see(&scan.string()?);
                        Some(())
                    })?;
                    one.name = names.chosen();
                    return Some(());
                }
                "Ports" => {
                    return scan.array(|scan| {
                        one.ports.push(WirePort::scanned(scan)?);
                        Some(())
                    });
                }
                "Labels" => {
                    return scan.object(|scan, key| {
                        let value = scan.string()?;
                        one.labels.insert(key.into_owned(), value.into_owned());
                        Some(())
                    });
                }
                _ => return scan.skip(),
            };
            *text = Text(scan.string()?);
            Some(())
        })?;
        identified.then_some(one)
    }
}

impl<'a> WirePort<'a> {
    fn scanned(scan: &mut Scan<'a>) -> Option<Self> {
        let mut one = Self::default();
        let number = |scan: &mut Scan<'a>| Some(Number(Some(u64::try_from(scan.integer()?).ok()?)));
        scan.object(|scan, key| {
            if scan.null() {
                return Some(());
            }
            match &*key {
                "IP" => one.ip = Text(scan.string()?),
                "Type" => one.r#type = Text(scan.string()?),
                "PrivatePort" => one.private_port = number(scan)?,
                "PublicPort" => one.public_port = number(scan)?,
                _ => scan.skip()?,
            }
            Some(())
        })?;
        Some(one)
    }
}

impl Summary<'_> {
    fn into_core(self) -> Option<ContainerSummary> {
        let id = ContainerId::new(&self.id).ok()?;
        Some(ContainerSummary {
            id,
            name: self.name.0,
            image: self.image.into_string(),
            image_id: self.image_id.into_string(),
            command: self.command.into_string(),
            created: Timestamp::from_secs(self.created.0.unwrap_or(0)),
            state: ContainerState::from(&*self.state),
            status: self.status.into_string(),
            ports: ports(self.ports),
            labels: self.labels,
        })
    }
}

fn ports(wire: Vec<WirePort<'_>>) -> Vec<Port> {
    let number = |number: Number| number.0.and_then(|number| u16::try_from(number).ok());
    let mut ports: Vec<Port> = wire
        .into_iter()
        .filter_map(|port| {
            Some(Port {
                private: number(port.private_port)?,
                protocol: if port.r#type.is_empty() {
                    "tcp".into()
                } else {
                    (*port.r#type).into()
                },
                ip: (!port.ip.is_empty()).then(|| (*port.ip).into()),
                public: number(port.public_port).filter(|port| *port != 0),
            })
        })
        .collect();
    // Engines give them in any order, and some twice.
    ports.sort_unstable();
    ports.dedup();
    ports
}

impl Image<'_> {
    fn into_core(self) -> ImageSummary {
        ImageSummary {
            id: self.id.into_owned(),
            tags: named(self.repo_tags),
            digests: named(self.repo_digests),
            created: self.created.0.filter(|secs| *secs > 0).map(Timestamp::from_secs),
            size: self.size.0.unwrap_or(0),
            labels: self.labels,
            manifests: self.manifests.into_iter().map(Manifest::into_core).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_entry_becomes_a_summary() {
        let json = br#"[{"Id":"abc","Names":["/other/alias","/web"],"Image":"nginx:1","ImageID":"sha256:1","Command":"sh -c \"x\"",
            "Created":1700000000,"State":"running","Status":"Up","Ports":[{"IP":"::","PrivatePort":80,"PublicPort":8080,"Type":"tcp"},
            {"PrivatePort":53,"Type":"udp"}],"Labels":{"a":"b"},"Mounts":[],"Nonsense":{"x":[1]}}]"#;
        let all = containers(json).unwrap();
        let one = &all[0];
        assert_eq!((one.name.as_str(), one.command.as_str()), ("web", "sh -c \"x\""));
        assert_eq!(
            (one.state.clone(), one.created.as_secs()),
            (ContainerState::Running, 1_700_000_000)
        );
        assert_eq!(one.ports.len(), 2);
        assert_eq!(
            (one.ports[1].public, one.ports[1].ip.as_deref()),
            (Some(8080), Some("::"))
        );
        assert_eq!(one.labels["a"], "b");
    }

    #[test]
    fn nulls_unknown_states_and_odd_entries_break_nothing() {
        let json =
            br#"[{"Id":"a","Names":null,"Ports":null,"Labels":null,"State":"hibernating","Created":"x"},
            {"Id":"b","Labels":{"x":1}}, 7, {"Names":["/no-id"]}, {"Id":"../x"}, {"Id":"c"}]"#;
        let all = containers(json).unwrap();
        let ids: Vec<_> = all.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(ids, ["a", "c"]);
        assert_eq!(all[0].state.as_str(), "hibernating");
        assert!(containers(b"null").unwrap().is_empty());
        assert!(containers(b"{\"message\":\"x\"}").is_err());
    }

    #[test]
    fn images_without_names_have_none() {
        let json = br#"[{"Id":"sha256:a","RepoTags":["<none>:<none>"],"RepoDigests":null,"Created":1,"Size":5,"Labels":null}]"#;
        let all = images(json).unwrap();
        assert!(all[0].tags.is_empty() && all[0].digests.is_empty());
        assert_eq!(all[0].size, 5);
    }

    /// A value in the right or a wrong place, escaped text, nulls.
    fn value() -> impl Strategy<Value = serde_json::Value> {
        let text = prop_oneof![".{0,12}", "[a-f0-9]{12}", "/[a-z]{1,5}(/[a-z]{1,5})?"];
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            text.prop_map(serde_json::Value::from),
            (-5_i64..100_000).prop_map(serde_json::Value::from),
            Just(serde_json::json!(7.5)),
            Just(serde_json::json!(true)),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            let key = prop_oneof![
                "[A-Za-z]{1,8}",
                Just("PrivatePort".to_owned()),
                Just("IP".to_owned())
            ];
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
                proptest::collection::btree_map(key, inner, 0..4)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_quick_reader_reads_what_serde_reads(
            entries in proptest::collection::vec(
                proptest::collection::btree_map(
                    proptest::sample::select(vec![
                        "Id", "Names", "Image", "ImageID", "Command", "Created", "State", "Status", "Ports", "Labels",
                        "Mounts", "NetworkSettings",
                    ]),
                    value(),
                    0..12,
                ),
                0..4,
            ),
            pretty: bool,
        ) {
            let json = if pretty { serde_json::to_string_pretty(&entries) } else { serde_json::to_string(&entries) }.unwrap();
            if let Some(quick) = as_engines_write(&json) {
                let slow = super::entries::<Summary<'_>, _>(&json, Summary::into_core).unwrap();
                prop_assert_eq!(quick, slow);
            }
        }

        #[test]
        fn no_text_breaks_the_quick_reader(text in ".{0,200}", cut in 0_usize..300) {
            let _ = as_engines_write(&text);
            let json = r#"[{"Id":"ab","Names":["/a\u00e9"],"Ports":[{"PrivatePort":80}],"Labels":{"a":"b"},"X":[{}]}]"#;
            prop_assert_eq!(as_engines_write(json.get(..cut).unwrap_or("[")).is_some(), cut == json.len());
        }
    }

    #[test]
    fn what_engines_write_needs_no_second_reading() {
        let json = r#"[{"Id":"abc","Names":["/web"],"Image":"nginx:1","ImageID":"sha256:1","Command":"sh -c \"x\"",
            "Created":1700000000,"State":"running","Status":"Up","Ports":[{"IP":"::","PrivatePort":80,"PublicPort":8080,
            "Type":"tcp"}],"Labels":{"a":"b"},"NetworkSettings":{"Networks":{"none":{"Links":null,"GwPriority":0}}},
            "Mounts":[]},{"Id":"abd","Names":null,"Ports":null,"Labels":null}]"#;
        assert_eq!(as_engines_write(json).map(|all| all.len()), Some(2));
    }
}
