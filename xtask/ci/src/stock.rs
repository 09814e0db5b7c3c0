//! The folder the real parts are kept in, target/parts: one folder a part, each with a stamp that says what it holds.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};

use crate::console::say;

const STAMP: &str = "stamp";
const RUNNING: &str = "running";

/// target/parts, locked for this process while it lives: two runs would unpack over each other.
pub struct Stock {
    root: PathBuf,
    fixtures: PathBuf,
    _lock: fs::File,
}

impl Stock {
    pub fn open(workspace: &Path) -> Result<Self> {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from);
        let root = workspace.join(target).join("parts");
        fs::create_dir_all(&root).with_context(|| format!("failed to create {}", root.display()))?;
        let lock = fs::File::create(root.join("lock")).context("failed to create the lock of target/parts")?;
        if lock.try_lock().is_err() {
            say("Blocking", "waiting for another `cargo xtask ci` to let go of target/parts");
            lock.lock().context("failed to lock target/parts")?;
        }
        let running = root.join(RUNNING);
        // Left by a run that was killed. What is still mounted there stays, under names nobody uses again.
        fs::remove_dir_all(&running).ok();
        fs::create_dir_all(&running).with_context(|| format!("failed to create {}", running.display()))?;
        Ok(Self { root, fixtures: workspace.join("xtask/ci/fixtures"), _lock: lock })
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where servers keep their data while they run, and their logs afterwards.
    pub fn running(&self) -> PathBuf {
        self.root.join(RUNNING)
    }

    /// A file of this repository that a part is made from.
    pub fn fixture(&self, name: &str) -> PathBuf {
        self.fixtures.join(name)
    }

    /// The folder of one part, made unless it already holds what the recipe says. `make` fills the empty folder and
    /// returns the version it got. The recipe is any text that changes when the part must be made anew.
    pub fn part(&self, name: &str, recipe: &str, make: impl FnOnce(&Path) -> Result<String>) -> Result<PathBuf> {
        let folder = self.root.join(name);
        // Wrappers hold absolute paths, so a workspace that was moved makes its parts again.
        let recipe = format!("{}\n{recipe}", folder.display());
        if let Some((made_from, version)) = fs::read_to_string(folder.join(STAMP)).ok().as_deref().and_then(split_stamp)
            && made_from == recipe
        {
            say("Prepared", &format!("{name} {version} (cached)"));
            return Ok(folder);
        }
        let began = Instant::now();
        say("Preparing", name);
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("failed to empty {}", folder.display()))?;
        }
        fs::create_dir_all(&folder).with_context(|| format!("failed to create {}", folder.display()))?;
        let version = make(&folder).with_context(|| format!("failed to prepare {name}"))?;
        fs::write(folder.join(STAMP), format!("{version}\n{recipe}"))?;
        say("Prepared", &format!("{name} {version} ({:.1} s)", began.elapsed().as_secs_f32()));
        Ok(folder)
    }
}

fn split_stamp(stamp: &str) -> Option<(&str, &str)> {
    stamp.split_once('\n').map(|(version, recipe)| (recipe, version))
}

/// Writes a program that runs another one with these variables set.
pub fn write_wrapper(path: &Path, program: &str, variables: &[(&str, &Path)]) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let variables: Vec<_> = variables.iter().map(|(name, value)| format!("{name}='{}'", value.display())).collect();
    let script = format!("#!/bin/sh\n{} exec {program} \"$@\"\n", variables.join(" "));
    fs::write(path, script).with_context(|| format!("failed to write {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_made_once_a_recipe() {
        let workspace = tempfile::tempdir().expect("a temporary folder");
        let stock = Stock {
            root: workspace.path().join("parts"),
            fixtures: workspace.path().into(),
            _lock: tempfile::tempfile().expect("a temporary file"),
        };
        let times = std::cell::Cell::new(0);
        let make = |folder: &Path| {
            times.set(times.get() + 1);
            assert!(!folder.join("left-over").exists(), "a part is made in an empty folder");
            fs::write(folder.join("left-over"), "")?;
            Ok("1.0".to_owned())
        };
        stock.part("tool", "recipe one", make).expect("made");
        stock.part("tool", "recipe one", make).expect("cached");
        assert_eq!(times.get(), 1);
        stock.part("tool", "recipe two", make).expect("made anew");
        assert_eq!(times.get(), 2);
    }

    #[test]
    fn a_part_that_failed_is_made_again() {
        let workspace = tempfile::tempdir().expect("a temporary folder");
        let stock = Stock {
            root: workspace.path().join("parts"),
            fixtures: workspace.path().into(),
            _lock: tempfile::tempfile().expect("a temporary file"),
        };
        let error = stock.part("tool", "recipe", |_| anyhow::bail!("no network")).expect_err("fails");
        assert_eq!(format!("{error:#}"), "failed to prepare tool: no network");
        stock.part("tool", "recipe", |_| Ok("1.0".to_owned())).expect("made after the failure");
    }
}
