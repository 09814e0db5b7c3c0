//! Caches for scans that go on at once: trivy locks the one it works in.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::Context;

use crate::failure::Result;

/// Which caches are in use.
#[derive(Debug, Default)]
pub(crate) struct Slots(Mutex<Vec<bool>>);

/// A cache of one scan's own, until it is dropped. The first is the one that a scan alone has: what is in it is known from
/// one release to the next.
pub(crate) struct Slot<'a> {
    of: &'a Slots,
    number: usize,
}

impl Slots {
    pub(crate) fn take(&self) -> Slot<'_> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = taken.iter().position(|taken| !taken).unwrap_or(taken.len());
        if number == taken.len() {
            taken.push(true);
        }
        taken[number] = true;
        Slot { of: self, number }
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.of.0.lock().unwrap_or_else(PoisonError::into_inner)[self.number] = false;
    }
}

impl Slot<'_> {
    /// The arguments for a scan with this database, beside those of its user; without one the user keeps it, and a
    /// second scan holds what it finds in memory. A database is opened for reading, by as many as want to.
    pub(crate) fn arguments(&self, database: Option<&Path>, own: &[String]) -> Result<Vec<String>> {
        let Some(database) = database else {
            let backend = "--cache-backend";
            let chosen =
                own.iter().any(|arg| arg.starts_with(backend)) || std::env::var_os("TRIVY_CACHE_BACKEND").is_some();
            return Ok(if self.number == 0 || chosen {
                Vec::new()
            } else {
                vec![backend.to_owned(), "memory".to_owned()]
            });
        };
        let folder =
            self.folder(database).with_context(|| format!("failed to make a cache in {}", database.display()))?;
        Ok(vec!["--cache-dir".to_owned(), folder.display().to_string(), "--skip-db-update".to_owned()])
    }

    fn folder(&self, database: &Path) -> std::io::Result<PathBuf> {
        if self.number == 0 {
            return Ok(database.to_owned());
        }
        let folder = database.join(format!("beside-{}", self.number));
        std::fs::create_dir_all(&folder)?;
        match std::os::unix::fs::symlink("../db", folder.join("db")) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(folder),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scans_at_once_have_caches_of_their_own_and_one_database() {
        let day = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(day.path().join("db")).expect("a folder");
        std::fs::write(day.path().join("db/metadata.json"), "{}").expect("it is written");
        let slots = Slots::default();
        let cache = |slot: &Slot<'_>| slot.arguments(Some(day.path()), &[]).expect("a cache")[1].clone();
        let (first, second) = (slots.take(), slots.take());
        assert_eq!(cache(&first), day.path().display().to_string());
        let beside = cache(&second);
        assert_ne!(beside, cache(&first));
        assert_eq!(std::fs::read_to_string(Path::new(&beside).join("db/metadata.json")).expect("the database"), "{}");
        drop(second);
        assert_eq!(cache(&slots.take()), beside, "a cache that is free is taken again");
        drop(first);
        assert_eq!(slots.take().number, 0);
    }

    #[test]
    fn in_a_cache_that_its_user_keeps_a_second_scan_remembers_in_memory() {
        let slots = Slots::default();
        let (first, second) = (slots.take(), slots.take());
        assert!(first.arguments(None, &[]).expect("nothing to do").is_empty());
        assert_eq!(second.arguments(None, &[]).expect("nothing to do"), ["--cache-backend", "memory"]);
        assert!(second.arguments(None, &["--cache-backend=redis://r".to_owned()]).expect("chosen").is_empty());
    }
}
