//! trivy's vulnerability database: fetched by trivy itself, once a run and once a day.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

use super::HIDDEN;
use crate::failure::{Failure, Result};
use crate::interrupt::Interrupt;
use crate::process::{Tool, ToolError, quote};

/// Where the database is published; trivy asks the next one where one answers 429 or 5xx.
pub const MIRRORS: [&str; 3] =
    ["mirror.gcr.io/aquasec/trivy-db:2", "ghcr.io/aquasecurity/trivy-db:2", "public.ecr.aws/aquasecurity/trivy-db:2"];

const TIMEOUT: Duration = Duration::from_secs(600);

/// Has `program` (a trivy) fetch the database of `today` (`YYYY-MM-DD`) into `TARGET/xtask/trivy-db`, unless it is there,
/// and returns the arguments with which scans use it without asking the network again. Those of other days are removed.
///
/// A fetch that fails is a failure of its own, exit code 1: an old database does not stand in for today's.
pub fn database(program: &Path, target: &Path, today: &str, interrupt: &Interrupt) -> Result<Vec<String>> {
    let databases = target.join("xtask/trivy-db");
    let folder = databases.join(today);
    if !folder.join("db/metadata.json").is_file() {
        std::fs::create_dir_all(&databases).with_context(|| format!("failed to create {}", databases.display()))?;
        // Appears whole or not at all: an interrupted fetch leaves nothing that looks like a database.
        let beside = tempfile::Builder::new().prefix(".fetching-").tempdir_in(&databases);
        let beside = beside.with_context(|| format!("failed to create a folder in {}", databases.display()))?;
        fetch(program, beside.path(), interrupt)?;
        match std::fs::rename(beside.path(), &folder) {
            Ok(()) => drop(beside.keep()),
            Err(_) if folder.join("db/metadata.json").is_file() => {}
            Err(error) => return Err(anyhow::Error::new(error).context("failed to keep the database").into()),
        }
    }
    remove_others(&databases, today);
    Ok(vec!["--cache-dir".to_owned(), folder.display().to_string(), "--skip-db-update".to_owned()])
}

fn fetch(program: &Path, cache: &Path, interrupt: &Interrupt) -> Result<()> {
    let ended = Tool::new(program, TIMEOUT)
        .args(["image", "--download-db-only", "--quiet", "--db-repository", &MIRRORS.join(",")])
        .arg("--cache-dir")
        .arg(cache)
        .env("TRIVY_DISABLE_TELEMETRY", "true")
        .env("TRIVY_SKIP_VERSION_CHECK", "true")
        .hide(&HIDDEN)
        .run(interrupt, |_| {})
        .map_err(|error| match error {
            ToolError::Interrupted { .. } => {
                Failure::Interrupted("interrupted while trivy fetched its database; nothing was done".to_owned())
            }
            error => Failure::World(anyhow::Error::new(error).context("trivy could not fetch its database")),
        })?;
    if ended.status.success() && cache.join("db/metadata.json").is_file() {
        return Ok(());
    }
    Err(Failure::world(format_args!(
        "trivy did not fetch its vulnerability database ({}), so nothing was scanned{}\n\
         asked were {}; a rate limit passes after a few minutes",
        ended.status,
        quote(&ended.tail),
        MIRRORS.join(", ")
    )))
}

/// What cannot be removed is in nobody's way.
fn remove_others(databases: &Path, today: &str) {
    let is_day = |name: &str| name.len() == 10 && name.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let entries = std::fs::read_dir(databases).into_iter().flatten().flatten();
    let others: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_str().is_some_and(|name| is_day(name) && name != today))
        .map(|entry| entry.path())
        .collect();
    for other in others {
        drop(std::fs::remove_dir_all(other));
    }
}
