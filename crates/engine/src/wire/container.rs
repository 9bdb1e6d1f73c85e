//! What calls about one container answer, inspect aside.

use longshore_core::{Change, ChangeKind, Processes};
use serde::Deserialize;

use super::lenient::{Integer, Number, nullable};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Waited {
    pub(crate) status_code: i64,
    #[serde(default)]
    pub(crate) error: Option<WaitError>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct WaitError {
    #[serde(default)]
    pub(crate) message: Option<String>,
}

/// An answer that may carry warnings.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Warned {
    #[serde(deserialize_with = "nullable")]
    pub(crate) warnings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Committed {
    pub(crate) id: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Top {
    #[serde(deserialize_with = "nullable")]
    titles: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    processes: Vec<Vec<String>>,
}

impl Top {
    pub(crate) fn into_core(self) -> Processes {
        Processes {
            titles: self.titles,
            rows: self.processes,
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct WireChange {
    #[serde(deserialize_with = "nullable")]
    path: String,
    kind: Number,
}

/// Reads a list of changes; null for none.
pub(crate) fn changes(json: &[u8]) -> Result<Vec<Change>, serde_json::Error> {
    let all: Option<Vec<WireChange>> = serde_json::from_slice(json)?;
    let read = |change: WireChange| Change {
        path: change.path,
        kind: match change.kind.0 {
            Some(1) => ChangeKind::Added,
            Some(2) => ChangeKind::Deleted,
            _ => ChangeKind::Modified,
        },
    };
    Ok(all.unwrap_or_default().into_iter().map(read).collect())
}

/// Sizes that an inspect tells when it is asked to.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Sizes {
    pub(crate) size_rw: Integer,
    pub(crate) size_root_fs: Integer,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_and_processes_are_read_also_where_there_are_none() {
        assert_eq!(changes(b"null").unwrap(), []);
        let read =
            changes(br#"[{"Path":"/a","Kind":1},{"Path":"/b","Kind":2},{"Path":"/c","Kind":0}]"#).unwrap();
        let kinds: Vec<_> = read.iter().map(|change| change.kind).collect();
        assert_eq!(
            kinds,
            [ChangeKind::Added, ChangeKind::Deleted, ChangeKind::Modified]
        );
        let top: Top =
            serde_json::from_str(r#"{"Titles":["PID","CMD"],"Processes":[["1","init"]]}"#).unwrap();
        let top = top.into_core();
        assert_eq!(top.column("CMD").collect::<Vec<_>>(), ["init"]);
        assert_eq!(
            serde_json::from_str::<Top>(r#"{"Processes":null}"#)
                .unwrap()
                .into_core()
                .rows
                .len(),
            0
        );
    }
}
