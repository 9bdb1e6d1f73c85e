//! One file of the kernel, read again and again, with its descriptor kept as far as the bound allows.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// Files of the kernel are small; one that is larger than this is none that we know.
const LONGEST: usize = 1024 * 1024;
/// Enough for every file of a cgroup on machines with few devices; it grows.
const FIRST: usize = 8 * 1024;

/// Too many open files, in this process or on the machine (`EMFILE`, `ENFILE`).
const NO_DESCRIPTORS: [i32; 2] = [24, 23];

/// How many descriptors are kept.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) open: usize,
    pub(super) most: usize,
    /// There were no more to be had.
    pub(super) is_exhausted: bool,
}

/// Where a file is read into.
#[derive(Debug, Default)]
pub(super) struct Buffer(Vec<u8>);

/// How a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// Its descriptor may be kept. The kernel gives it whole when there is room.
    Kept,
    /// Opened, read and closed, in as many pieces as it takes.
    Closed,
}

#[derive(Debug)]
pub(super) struct KernelFile {
    path: PathBuf,
    reading: Reading,
    file: Option<File>,
    is_absent: bool,
}

impl KernelFile {
    pub(super) fn new(path: PathBuf, reading: Reading) -> Self {
        Self {
            path,
            reading,
            file: None,
            is_absent: false,
        }
    }

    /// The text of the file now. One that was not there is not looked for again: the controller is off.
    pub(super) fn read<'b>(&mut self, buffer: &'b mut Buffer, kept: &mut Kept) -> io::Result<&'b str> {
        if self.is_absent {
            return Err(io::ErrorKind::NotFound.into());
        }
        if let Some(file) = &self.file {
            let read = buffer.fill(file, self.reading);
            if read.is_err() {
                self.close(kept);
            }
            return buffer.text(read?);
        }
        let file = File::open(&self.path).inspect_err(|error| {
            self.is_absent = error.kind() == io::ErrorKind::NotFound;
            kept.is_exhausted |= error
                .raw_os_error()
                .is_some_and(|code| NO_DESCRIPTORS.contains(&code));
        })?;
        let read = buffer.fill(&file, self.reading)?;
        if self.reading == Reading::Kept && kept.open < kept.most {
            kept.open += 1;
            self.file = Some(file);
        }
        buffer.text(read)
    }

    /// Gives its descriptor back.
    pub(super) fn close(&mut self, kept: &mut Kept) {
        if self.file.take().is_some() {
            kept.open = kept.open.saturating_sub(1);
        }
    }
}

impl Buffer {
    fn fill(&mut self, file: &File, reading: Reading) -> io::Result<usize> {
        let mut filled = 0;
        loop {
            if filled == self.0.len() {
                if filled >= LONGEST {
                    return Err(io::ErrorKind::FileTooLarge.into());
                }
                self.0.resize((filled * 2).clamp(FIRST, LONGEST), 0);
            }
            let rest = self.0.get_mut(filled..).unwrap_or_default();
            let room = rest.len();
            match file.read_at(rest, filled as u64) {
                Ok(0) => return Ok(filled),
                Ok(read) => {
                    filled += read;
                    if reading == Reading::Kept && read < room {
                        return Ok(filled);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn text(&self, length: usize) -> io::Result<&str> {
        let bytes = self.0.get(..length).unwrap_or_default();
        std::str::from_utf8(bytes).map_err(|_| io::ErrorKind::InvalidData.into())
    }
}

/// The whole of a file that is read seldom.
pub(super) fn once(path: PathBuf, buffer: &mut Buffer) -> io::Result<&str> {
    KernelFile::new(path, Reading::Closed).read(buffer, &mut Kept::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_file_is_read_anew_and_the_bound_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("a"), "1\n").unwrap();
        std::fs::write(path("b"), "2\n").unwrap();
        let mut kept = Kept {
            most: 1,
            ..Kept::default()
        };
        let mut buffer = Buffer::default();
        let (mut a, mut b) = (
            KernelFile::new(path("a"), Reading::Kept),
            KernelFile::new(path("b"), Reading::Kept),
        );
        assert_eq!(a.read(&mut buffer, &mut kept).unwrap(), "1\n");
        assert_eq!(b.read(&mut buffer, &mut kept).unwrap(), "2\n");
        assert!(a.file.is_some() && b.file.is_none() && kept.open == 1);
        std::fs::write(path("a"), "10\n").unwrap();
        std::fs::write(path("b"), "20\n").unwrap();
        assert_eq!(a.read(&mut buffer, &mut kept).unwrap(), "10\n");
        assert_eq!(b.read(&mut buffer, &mut kept).unwrap(), "20\n");
        a.close(&mut kept);
        assert_eq!(kept.open, 0);
    }

    #[test]
    fn long_files_are_whole_and_longer_ones_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("long");
        let mut buffer = Buffer::default();
        for reading in [Reading::Kept, Reading::Closed] {
            std::fs::write(&path, "x".repeat(100_000)).unwrap();
            let mut file = KernelFile::new(path.clone(), reading);
            let text = file.read(&mut buffer, &mut Kept::default()).unwrap();
            assert_eq!(text.len(), 100_000);
            std::fs::write(&path, "x".repeat(LONGEST + 1)).unwrap();
            assert!(file.read(&mut buffer, &mut Kept::default()).is_err());
        }
        std::fs::write(&path, b"\xff").unwrap();
        assert!(once(path, &mut buffer).is_err(), "no text");
    }

    #[test]
    fn what_is_not_there_is_not_looked_for_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("later");
        let mut file = KernelFile::new(path.clone(), Reading::Kept);
        let (mut buffer, mut kept) = (Buffer::default(), Kept::default());
        assert!(file.read(&mut buffer, &mut kept).is_err());
        std::fs::write(path, "1").unwrap();
        assert!(file.read(&mut buffer, &mut kept).is_err() && !kept.is_exhausted);
    }
}
