//! trivy's vulnerability database: fetched by trivy itself, once a run and once a day.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;

use super::trivy;
use crate::digest::Digest;
use crate::failure::{Failure, Result};
use crate::gather::Gather;
use crate::interrupt::Interrupt;
use crate::partial::PartialFolder;
use crate::process::{ToolError, cmd, shell};
use crate::time::timestamp;

/// Where the database is published; trivy asks the next one where one answers 429 or 5xx.
const MIRRORS: [&str; 3] =
    ["mirror.gcr.io/aquasec/trivy-db:2", "ghcr.io/aquasecurity/trivy-db:2", "public.ecr.aws/aquasecurity/trivy-db:2"];

/// A database has a successor within a day; one that has had one for so many seconds is not kept up to date.
const STALE: u64 = 7 * 86_400;

const TIMEOUT: Duration = Duration::from_secs(600);

/// Arguments of trivy that say that the user keeps the database.
const KEPT_BY_ARGUMENT: [&str; 4] = ["--cache-dir", "--skip-db-update", "--offline-scan", "--server"];
/// Variables that say so.
const KEPT_BY_VARIABLE: [&str; 3] = ["TRIVY_CACHE_DIR", "TRIVY_SKIP_DB_UPDATE", "TRIVY_OFFLINE_SCAN"];

/// The database of a run, under `TARGET/xtask/trivy-db/DAY`, or `TARGET/xtask/trivy-db/OF/DAY` of a mirror of the user's.
#[derive(Debug)]
pub(crate) struct Database {
    folder: PathBuf,
    /// Where it is fetched from, as trivy takes it: with commas between.
    mirrors: String,
    /// The scans of a run share one fetch.
    ready: Mutex<Option<PathBuf>>,
}

impl Database {
    /// `None` where trivy's own arguments or variables say where the database is: then it is the user's to keep. One
    /// that only says where to get it is asked instead of the public mirrors.
    pub(crate) fn unless_kept(
        args: &[String],
        variable: impl Fn(&str) -> Option<String>,
        target: &Path,
    ) -> Option<Self> {
        let names_it = |arg: &String| KEPT_BY_ARGUMENT.iter().any(|kept| arg.starts_with(kept));
        if args.iter().any(names_it) || KEPT_BY_VARIABLE.iter().any(|name| variable(name).is_some()) {
            return None;
        }
        let folder = target.join("xtask/trivy-db");
        let ready = Mutex::default();
        Some(match own_mirror(args).or_else(|| variable("TRIVY_DB_REPOSITORY").filter(|own| !own.is_empty())) {
            Some(own) => Self { folder: folder.join(Digest::of(own.as_bytes()).short()), mirrors: own, ready },
            None => Self { folder, mirrors: MIRRORS.join(","), ready },
        })
    }

    /// Has `program` (a trivy) fetch the database of `today` (`YYYY-MM-DD`), unless it is there, and returns the
    /// cache folder that it is in. Those of other days are removed.
    ///
    /// A fetch that fails is a failure of its own, exit code 1: an old database does not stand in for today's.
    pub(crate) fn folder(&self, program: &Path, today: &str, interrupt: &Interrupt) -> Result<PathBuf> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = ready.as_ref() {
            return Ok(folder.clone());
        }
        let day = self.folder.join(today);
        if !is_database(&day) {
            let failed = || format!("failed to make a folder for trivy's database in {}", self.folder.display());
            std::fs::create_dir_all(&self.folder).with_context(failed)?;
            // Appears whole or not at all: an interrupted fetch leaves nothing that looks like a database.
            let beside = PartialFolder::create_in(&self.folder, ".fetching-", 0o700).with_context(failed)?;
            self.fetch(program, beside.path(), interrupt)?;
            match beside.persist(&day) {
                Ok(()) => {}
                Err(_) if is_database(&day) => {}
                Err(error) => return Err(anyhow::Error::new(error).context("failed to keep trivy's database").into()),
            }
        }
        remove_others(&self.folder, today);
        Ok(ready.insert(day).clone())
    }

    fn fetch(&self, program: &Path, cache: &Path, interrupt: &Interrupt) -> Result<()> {
        let (sh, mirrors) = (shell()?, &self.mirrors);
        let line = cmd!(sh, "{program} image --download-db-only --quiet --db-repository {mirrors} --cache-dir {cache}");
        let ended = trivy(line, TIMEOUT).run(interrupt, |_| {}).map_err(|error| match error {
            ToolError::Interrupted { .. } => {
                Failure::interrupted("interrupted while trivy fetched its database; nothing was done")
            }
            error => Failure::from(error).during("trivy could not fetch its database"),
        })?;
        if ended.status.success() && is_database(cache) {
            return Ok(());
        }
        Err(Failure::world(format_args!(
            "trivy did not fetch its vulnerability database ({}), so nothing was scanned",
            ended.status
        ))
        .said(&ended.tail)
        .help(format!("asked were {}; a rate limit passes after a few minutes", mirrors.replace(',', ", "))))
    }
}

/// `--db-repository MIRROR` or `--db-repository=MIRROR`, the last of them.
fn own_mirror(args: &[String]) -> Option<String> {
    const NAME: &str = "--db-repository";
    let after = |(place, arg): (usize, &String)| match arg.strip_prefix(NAME)?.strip_prefix('=') {
        Some(value) => Some(value.to_owned()),
        None => args.get(place + 1).cloned(),
    };
    args.iter().enumerate().filter_map(after).next_back()
}

fn is_database(cache: &Path) -> bool {
    cache.join("db/metadata.json").is_file()
        && std::fs::metadata(cache.join("db/trivy.db")).is_ok_and(|data| data.len() > 0)
}

/// The moment that the database in this cache folder is of, as it says itself.
pub(crate) fn updated(cache: &Path) -> Option<String> {
    let metadata = std::fs::read(cache.join("db/metadata.json")).ok()?;
    let metadata: serde_json::Value = serde_json::from_slice(&metadata).ok()?;
    Some(metadata["UpdatedAt"].as_str()?.to_owned())
}

/// A sentence about the database in this cache folder, where a newer one has been out for a week at this time (seconds
/// since the Unix epoch). Nothing of one that does not say.
pub(crate) fn staleness(cache: &Path, now: u64) -> Option<String> {
    let metadata = std::fs::read(cache.join("db/metadata.json")).ok()?;
    let metadata: serde_json::Value = serde_json::from_slice(&metadata).ok()?;
    let day = |name: &str| metadata[name].as_str()?.get(..10);
    // Days as YYYY-MM-DD sort as text.
    (day("NextUpdate")? < &timestamp(now.saturating_sub(STALE))[..10]).then(|| {
        format!(
            "trivy's vulnerability database in {} is of {}: what became known since is not found; let trivy update it",
            cache.display(),
            day("UpdatedAt").unwrap_or("an unknown day")
        )
    })
}

/// What cannot be removed is in nobody's way.
fn remove_others(databases: &Path, today: &str) {
    let is_day = |name: &str| name.len() == 10 && name.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let entries = std::fs::read_dir(databases).into_iter().flatten().flatten();
    let others: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_str().is_some_and(|name| is_day(name) && name != today))
        .map(|entry| entry.path())
        .gather();
    for other in others {
        drop(std::fs::remove_dir_all(other));
    }
}
