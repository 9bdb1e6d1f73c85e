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
    pub(crate) fn into_core(mut self) -> Processes {
        // Podman passes lines of `ps` on as they are. Docker parts them at blanks, the last column being the rest.
        if let [line] = &self.titles[..]
            && line.trim().contains(char::is_whitespace)
        {
            let titles: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
            for row in &mut self.processes {
                if let [line] = &row[..] {
                    *row = parted(line, titles.len());
                }
            }
            self.titles = titles;
        }
        Processes {
            titles: self.titles,
            rows: self.processes,
        }
    }
}

/// A line as so many columns, the last with all that is left.
fn parted(line: &str, columns: usize) -> Vec<String> {
    let mut rest = line.trim();
    let mut parts = Vec::new();
    while parts.len() + 1 < columns
        && let Some((part, after)) = rest.split_once(char::is_whitespace)
    {
        parts.push(part.to_owned());
        rest = after.trim_start();
    }
    parts.push(rest.to_owned());
    parts
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

    #[test]
    fn lines_of_podmans_ps_are_parted_into_columns() {
        let top: Top = serde_json::from_str(
            r#"{"Titles":["PID   USER     COMMAND"],"Processes":[["1 root     /run/podman-init -- sleep 600"],["6 root"]]}"#,
        )
        .unwrap();
        let top = top.into_core();
        assert_eq!(top.titles, ["PID", "USER", "COMMAND"]);
        assert_eq!(top.rows[0], ["1", "root", "/run/podman-init -- sleep 600"]);
        assert_eq!(
            top.column("COMMAND").collect::<Vec<_>>(),
            ["/run/podman-init -- sleep 600"]
        );
        let one: Top = serde_json::from_str(r#"{"Titles":["PID"],"Processes":[["7"]]}"#).unwrap();
        assert_eq!(one.into_core().column("PID").collect::<Vec<_>>(), ["7"]);
    }
}
