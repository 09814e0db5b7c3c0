//! Files and folders that appear whole or not at all: written beside their place under a name of their own, moved there
//! when they are complete, and removed where that does not come.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A file being written. Dropped before [`PartialFile::persist`], it is gone.
#[derive(Debug)]
pub(crate) struct PartialFile {
    file: File,
    place: Place,
}

/// A folder being filled. Dropped before [`PartialFolder::persist`], it is gone with all that is in it.
#[derive(Debug)]
pub(crate) struct PartialFolder {
    place: Place,
}

/// Where something partial stands; removed with this.
#[derive(Debug)]
struct Place(PathBuf);

impl PartialFile {
    /// `prefix` begins the file's name for as long as it is partial; `mode` is that of the finished file.
    pub(crate) fn create_in(folder: &Path, prefix: &str, mode: u32) -> io::Result<Self> {
        let create = |path: &Path| OpenOptions::new().read(true).write(true).create_new(true).mode(mode).open(path);
        let (file, place) = unused(folder, prefix, create)?;
        Ok(Self { file, place })
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn path(&self) -> &Path {
        &self.place.0
    }

    /// Moves the file to its place, over what is there.
    pub(crate) fn persist(self, to: &Path) -> io::Result<()> {
        fs::rename(&self.place.0, to)
    }
}

impl Write for PartialFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl PartialFolder {
    /// `prefix` begins the folder's name for as long as it is partial; `mode` is that of the finished folder.
    pub(crate) fn create_in(parent: &Path, prefix: &str, mode: u32) -> io::Result<Self> {
        let ((), place) = unused(parent, prefix, |path| DirBuilder::new().mode(mode).create(path))?;
        Ok(Self { place })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.place.0
    }

    /// Moves the folder to its place, where nothing, or an empty folder, may be.
    pub(crate) fn persist(&self, to: &Path) -> io::Result<()> {
        fs::rename(&self.place.0, to)
    }
}

impl Drop for Place {
    /// What was moved away is not there any more. An error here has nobody to go to, and leaves a name that says what
    /// it is.
    fn drop(&mut self) {
        if fs::remove_file(&self.0).is_err() {
            drop(fs::remove_dir_all(&self.0));
        }
    }
}

/// Makes something under a name that nobody else has.
fn unused<T>(folder: &Path, prefix: &str, make: impl Fn(&Path) -> io::Result<T>) -> io::Result<(T, Place)> {
    loop {
        // Each RandomState has keys of its own.
        let path = folder.join(format!("{prefix}{:016x}", RandomState::new().hash_one(prefix)));
        match make(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            done => return Ok((done?, Place(path))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder");
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_file_appears_when_it_is_complete_and_takes_the_place_of_an_older_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let to = folder.path().join("it");
        fs::write(&to, "old").expect("a file");
        let mut partial = PartialFile::create_in(folder.path(), ".new-", 0o644).expect("a file");
        partial.write_all(b"new").expect("written");
        assert_eq!(fs::read(&to).expect("a file"), b"old");
        assert!(partial.path().file_name().expect("a name").to_string_lossy().starts_with(".new-"));
        partial.persist(&to).expect("moved");
        assert_eq!(fs::read(&to).expect("a file"), b"new");
        assert_eq!(names(folder.path()), ["it"]);
    }

    #[test]
    fn what_is_not_completed_is_gone_with_all_that_was_in_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = PartialFile::create_in(folder.path(), ".", 0o600).expect("a file");
        let filled = PartialFolder::create_in(folder.path(), ".", 0o755).expect("a folder");
        fs::create_dir(filled.path().join("deep")).expect("a folder");
        fs::write(filled.path().join("deep/file"), "x").expect("a file");
        assert_eq!(names(folder.path()).len(), 2);
        drop((file, filled));
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn a_folder_moves_as_a_whole_and_never_over_a_full_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let to = folder.path().join("it");
        let first = PartialFolder::create_in(folder.path(), ".", 0o700).expect("a folder");
        fs::write(first.path().join("file"), "first").expect("a file");
        first.persist(&to).expect("moved");
        drop(first);
        let second = PartialFolder::create_in(folder.path(), ".", 0o700).expect("a folder");
        second.persist(&to).expect_err("it is full");
        drop(second);
        assert_eq!(fs::read(to.join("file")).expect("a file"), b"first");
        assert_eq!(fs::metadata(&to).expect("a folder").permissions().mode() & 0o777, 0o700);
    }
}
