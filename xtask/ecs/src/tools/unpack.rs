//! One program out of a release archive.

use std::fs::{File, Permissions};
use std::io::{BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path};

use anyhow::{Context, bail, ensure};
use tar::EntryType;

use crate::gzip;
use crate::partial::PartialFolder;

/// trivy has about 150 MB; what claims more is no archive of it.
const LARGEST: u64 = 1 << 30;

/// Takes the regular file `name` out of a `.tar.gz` and puts it, executable, into `folder`, which appears whole or not
/// at all. Nothing else is written. An archive with a link, an absolute path or a `..` anywhere is refused as a whole.
pub(super) fn program(archive: &Path, name: &str, folder: &Path) -> anyhow::Result<()> {
    let parent = folder.parent().context("the folder has no parent")?;
    let beside = PartialFolder::create_in(parent, ".unpacking-", 0o700)?;
    let found = extract(File::open(archive)?, name, &beside.path().join(name))?;
    ensure!(found, "it has no file `{name}`");
    match beside.persist(folder) {
        Ok(()) => Ok(()),
        // Somebody else was faster, with the same hash.
        Err(_) if folder.join(name).is_file() => Ok(()),
        Err(error) => Err(error).with_context(|| format!("failed to create {}", folder.display())),
    }
}

fn extract(archive: File, name: &str, to: &Path) -> anyhow::Result<bool> {
    let mut found = false;
    let mut archive = tar::Archive::new(gzip::Decoder::new(BufReader::new(archive)));
    for entry in archive.entries().context("it is no tar archive")? {
        let mut entry = entry.context("it is no whole .tar.gz")?;
        let path = entry.path().context("it holds a path that is no path")?.into_owned();
        let shown = path.display();
        match entry.header().entry_type() {
            EntryType::Regular | EntryType::Directory | EntryType::XGlobalHeader => {}
            other => bail!("it holds `{shown}`, which is no regular file but a {other:?}"),
        }
        let inside = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        ensure!(inside, "it holds `{shown}`, which would be written elsewhere");
        if path.strip_prefix(".").unwrap_or(&path) != Path::new(name) || entry.header().entry_type().is_dir() {
            continue;
        }
        ensure!(!found, "it holds `{name}` twice");
        found = true;
        let mut file = File::create_new(to)?;
        let written = std::io::copy(&mut (&mut entry).take(LARGEST + 1), &mut file)
            .with_context(|| format!("`{name}` could not be unpacked"))?;
        ensure!(written <= LARGEST, "`{name}` is larger than a program can be");
        file.set_permissions(Permissions::from_mode(0o755))?;
        file.sync_all()?;
    }
    Ok(found)
}
