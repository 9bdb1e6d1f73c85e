//! What is inside a container: its processes, and how its files differ from its image's; and how much it takes.

/// The processes of a container, as the engine's `ps` shows them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Processes {
    /// The columns.
    pub titles: Vec<String>,
    /// One row a process.
    pub rows: Vec<Vec<String>>,
}

impl Processes {
    /// The values of one column, such as `PID`; nothing when there is no such column.
    pub fn column<'a>(&'a self, title: &'a str) -> impl Iterator<Item = &'a str> {
        let at = self.titles.iter().position(|one| one == title);
        self.rows
            .iter()
            .filter_map(move |row| row.get(at?).map(String::as_str))
    }
}

/// A file or folder that is not as in the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its path in the container.
    pub path: String,
    /// How it differs.
    pub kind: ChangeKind,
}

/// How a file or folder differs from the image's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// It is another; of a folder, something in it is.
    Modified,
    /// The image has it not.
    Added,
    /// The image has it, the container not.
    Deleted,
}

/// How much of the disk a container takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ContainerSize {
    /// Bytes that it has written on top of its image; unknown where the engine does not tell.
    pub written: Option<u64>,
    /// Bytes of all its files, those of its image included.
    pub root: Option<u64>,
}
