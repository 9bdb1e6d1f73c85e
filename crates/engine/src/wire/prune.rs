//! What a prune has removed.

use serde::Deserialize;

use super::lenient::{Number, nullable};
use crate::prune;

/// Each kind of object has its own name for the list; an answer has one of them.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Pruned {
    #[serde(
        alias = "NetworksDeleted",
        alias = "VolumesDeleted",
        alias = "ContainersDeleted",
        alias = "CachesDeleted",
        rename = "Deleted",
        deserialize_with = "nullable"
    )]
    deleted: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    images_deleted: Vec<Image>,
    space_reclaimed: Number,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Image {
    #[serde(deserialize_with = "nullable")]
    untagged: String,
    #[serde(deserialize_with = "nullable")]
    deleted: String,
}

impl Pruned {
    pub(crate) fn into_core(self) -> prune::Pruned {
        let mut removed = self.deleted;
        for image in self.images_deleted {
            removed.extend(
                [image.untagged, image.deleted]
                    .into_iter()
                    .filter(|id| !id.is_empty()),
            );
        }
        prune::Pruned {
            removed,
            reclaimed: self.space_reclaimed.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_answer_is_read() {
        let read = |json: &str| serde_json::from_str::<Pruned>(json).unwrap().into_core();
        let networks = read(r#"{"NetworksDeleted":["a","b"]}"#);
        assert_eq!((networks.removed.len(), networks.reclaimed), (2, None));
        let nothing = read(r#"{"VolumesDeleted":null,"SpaceReclaimed":0}"#);
        assert_eq!((nothing.removed.len(), nothing.reclaimed), (0, Some(0)));
        let images =
            read(r#"{"ImagesDeleted":[{"Untagged":"x:1"},{"Deleted":"sha256:a"}],"SpaceReclaimed":7}"#);
        assert_eq!(images.removed, ["x:1", "sha256:a"]);
        assert_eq!(read("{}").removed.len(), 0);
    }
}
