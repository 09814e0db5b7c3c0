//! The real scanner.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::cause;
use crate::config::{Image, Scan, is_malicious};
use crate::failure::{Ending, Failure, Result};
use crate::gate::{Report, Scanner};
use crate::gather::Gather;
use crate::interrupt::Interrupt;
use crate::process::{Ended, ToolError, cmd, shell};
use crate::text::quantity;
use crate::time::{now, today};
use crate::tools::{Database, SETTINGS, Slots, staleness, trivy, updated};

/// Settings that change what people see of a run, and nothing of what it finds.
const COSMETIC: [&str; 8] = [
    "TRIVY_QUIET",
    "TRIVY_DEBUG",
    "TRIVY_NO_PROGRESS",
    "TRIVY_FORMAT",
    "TRIVY_OUTPUT",
    "TRIVY_DISABLE_TELEMETRY",
    "TRIVY_SKIP_VERSION_CHECK",
    "TRIVY_DISABLE_VEX_NOTICE",
];

/// What the environment sets for trivy and this scan goes without, with the key that is there for it.
pub(super) fn withheld(set: impl Iterator<Item = String>) -> Option<String> {
    let key = |name: &str| match name {
        "TRIVY_TIMEOUT" => Some("timeout"),
        "TRIVY_SEVERITY" => Some("severity"),
        "TRIVY_IGNORE_UNFIXED" => Some("ignore-unfixed"),
        "TRIVY_IGNOREFILE" | "TRIVY_IGNORE_POLICY" => Some("ignore"),
        _ => None,
    };
    let known = |name: &str| SETTINGS.contains(&name) || COSMETIC.contains(&name);
    let mut names: Vec<String> = set.filter(|name| name.starts_with("TRIVY_") && !known(name)).gather();
    names.sort();
    let told = names.iter().map(|name| match key(name) {
        Some(key) => format!("{name} (`{key}` stands for it)"),
        None => name.clone(),
    });
    let told: Vec<String> = told.gather();
    (!told.is_empty()).then(|| {
        format!(
            "set in the environment and not handed to trivy: {}; what a scan does is for [workspace.metadata.xtask.scan] \
             to say",
            told.join(", ")
        )
    })
}

/// The report of a scan, beside the layout.
const REPORT: &str = "report.json";

/// How much longer than trivy's own deadline it is waited for.
const GRACE: Duration = Duration::from_secs(15);

/// What trivy says where it has no database. Source: trivy, pkg/db/db.go and pkg/commands/artifact/run.go.
const NO_DATABASE: [&str; 5] = [
    "DB error",
    "database error",
    "failed to download vulnerability DB",
    "--skip-db-update cannot be specified on the first run",
    "… The first run cannot skip downloading DB",
];

/// A trivy whose version was asked and found good.
#[derive(Clone, Debug)]
pub(crate) struct Trivy {
    program: PathBuf,
    version: String,
    timeout: Duration,
    args: Vec<String>,
    /// `None` where trivy or its user sees to that.
    database: Option<Arc<Database>>,
    slots: Arc<Slots>,
}

/// What people know it by.
pub(super) fn named(version: &str) -> String {
    format!("trivy {version}")
}

impl Trivy {
    /// Asks the program for its version. `program` is an absolute path, or a name looked up in PATH.
    pub(crate) fn probe(program: &Path, scan: &Scan, interrupt: &Interrupt) -> Result<Self> {
        let name = program.display();
        let sh = shell()?;
        let asked = trivy(cmd!(sh, "{program} --version"), Duration::from_secs(30)).run(interrupt, |_| {});
        let ended = match asked {
            Ok(ended) => ended,
            Err(ToolError::Missing { .. }) => {
                return Err(Failure::world(
                    "trivy was not found in PATH, and an image is not released unscanned",
                )
                .help(
                    "install it (https://trivy.dev/latest/getting-started/installation/), or pin one in the configuration",
                ));
            }
            Err(ToolError::Interrupted { .. }) => {
                return Err(Failure::interrupted("interrupted while planning; nothing was done"));
            }
            Err(error) => {
                return Err(Failure::from(error).during("could not ask trivy for its version"));
            }
        };
        let text = String::from_utf8_lossy(&ended.stdout);
        let version = text.lines().find_map(|line| line.trim().strip_prefix("Version:")).map(str::trim);
        let Some(version) = version.filter(|_| ended.status.success()) else {
            return Err(Failure::world(format_args!(
                "`{name} --version` did not answer as trivy does ({})",
                ended.status
            ))
            .said(last_words(&ended.tail))
            .help("is it trivy?"));
        };
        if let Some(problem) = version_problem(version) {
            return Err(problem);
        }
        Ok(Self {
            program: program.to_owned(),
            version: version.to_owned(),
            timeout: scan.timeout,
            args: scan.args.clone(),
            database: None,
            slots: Arc::default(),
        })
    }

    /// Has the scans of this run share one database under `target`, unless the user keeps one.
    #[must_use]
    pub(crate) fn with_database(mut self, target: &Path) -> Self {
        let variable = |name: &str| std::env::var(name).ok();
        self.database = Database::unless_kept(&self.args, variable, target).map(Arc::new);
        self
    }
}

impl Scanner for Trivy {
    fn name(&self) -> String {
        named(&self.version)
    }

    fn prepare(&self, interrupt: &Interrupt) -> anyhow::Result<()> {
        Ok(self.database(interrupt).map(drop)?)
    }

    fn at_once(&self, limit: usize) -> usize {
        limit
    }

    fn sbom(&self, folder: &Path, interrupt: &Interrupt) -> anyhow::Result<Option<Vec<u8>>> {
        Ok(Some(self.convert(folder, interrupt)?))
    }

    fn scan(&self, image: &Image, folder: &Path, interrupt: &Interrupt) -> anyhow::Result<Report> {
        Ok(self.report(image, folder, interrupt)?)
    }
}

impl Trivy {
    /// The folder of the database that this run shares; `None` where trivy or its user sees to that.
    fn database(&self, interrupt: &Interrupt) -> Result<Option<PathBuf>> {
        self.database.as_ref().map(|database| database.folder(&self.program, &today(), interrupt)).transpose()
    }

    fn report(&self, image: &Image, folder: &Path, interrupt: &Interrupt) -> Result<Report> {
        let database = self.database(interrupt)?;
        let slot = self.slots.take();
        let database = slot.arguments(database.as_deref(), &self.args)?;
        // Run beside the layout, where no .trivyignore and no trivy.yaml can lie, and with a relative path: trivy
        // takes `:` in a path for the beginning of a tag.
        let sh = shell()?;
        let (program, args, database) = (&self.program, &self.args, &database);
        // Its own limit is 5 minutes.
        let limit = format!("{}s", self.timeout.as_secs());
        let json = ["--format", "json", "--list-all-pkgs", "--no-progress"];
        let line = cmd!(sh, "{program} image --input layout --scanners vuln {json...} --exit-code 0 --timeout {limit}");
        let line = line.args(args).args(database);
        let tool = trivy(line, self.timeout + GRACE).dir(folder);
        let mut said = Vec::new();
        let ended = tool.run(interrupt, |line| said.push(line.to_owned())).map_err(|error| match error {
            ToolError::Interrupted { .. } => Failure::interrupted(format_args!(
                "interrupted while image `{}` was scanned; no tag was put, and a re-run continues from here",
                image.name
            )),
            ToolError::TimedOut { .. } => too_long(&image.name, self.timeout),
            error => Failure::from(error).during(format_args!("could not scan image `{}`", image.name)),
        })?;
        let deadline = ["context deadline exceeded", "… context deadline exceeded"];
        let failed = |clauses: &[&str]| !ended.status.success() && cause::printed(&ended.tail, clauses);
        if failed(&deadline) && !failed(&NO_DATABASE) {
            return Err(too_long(&image.name, self.timeout));
        }
        let mut report = read(&ended, &image.name)?;
        for line in &said {
            report.hear(line);
        }
        let arguments: Vec<String> = database.iter().chain(args).cloned().gather();
        let cache = cache_folder(&arguments).map(|cache| folder.join(cache));
        report.database = cache.as_deref().and_then(updated).unwrap_or_default();
        report.warnings.extend(cache.and_then(|cache| staleness(&cache, now())));
        std::fs::write(folder.join(REPORT), &ended.stdout)
            .map_err(|error| Failure::world(format_args!("could not keep trivy's report: {error}")))?;
        Ok(report)
    }

    /// The list of contents out of the report that was kept: the packages of one scan, and not of a second one.
    fn convert(&self, folder: &Path, interrupt: &Interrupt) -> Result<Vec<u8>> {
        let (sh, program) = (shell()?, &self.program);
        let line = cmd!(sh, "{program} convert --format cyclonedx {REPORT}");
        let ended = trivy(line, self.timeout).dir(folder).run(interrupt, |_| {})?;
        if ended.status.success() && !ended.stdout.iter().all(u8::is_ascii_whitespace) {
            return Ok(ended.stdout);
        }
        Err(Failure::world(format_args!("trivy made no list of contents of its report ({})", ended.status))
            .said(last_words(&ended.tail))
            .help("take a newer trivy, or leave `sbom` out of `evidence`"))
    }
}

fn too_long(image: &str, timeout: Duration) -> Failure {
    let took = quantity::duration(timeout.as_secs_f64());
    Failure::new(
        Ending::World,
        format_args!("trivy did not finish scanning image `{image}` within {took}: no verdict, no tag"),
    )
    .help("allow it more with `timeout = \"20m\"` under [workspace.metadata.xtask.scan]")
}

fn read(ended: &Ended, image: &str) -> Result<Report> {
    if !ended.status.success() {
        return Err(complaint(ended, image));
    }
    if ended.stdout.iter().all(u8::is_ascii_whitespace) {
        return Err(Failure::world(format_args!(
            "trivy ended well but reported nothing for image `{image}`, which is no verdict"
        ))
        .said(last_words(&ended.tail))
        .help(format!("run it by hand on the layout under target/xtask/images/{image}")));
    }
    Report::parse(&ended.stdout).map_err(|error| {
        Failure::world(format_args!("trivy's report for image `{image}` could not be read: {error}"))
            .help("is it trivy, of a version since 0.40?")
    })
}

fn complaint(ended: &Ended, image: &str) -> Failure {
    if cause::printed(&ended.tail, &NO_DATABASE) {
        return Failure::world(format_args!("trivy has no vulnerability database, so image `{image}` was not scanned"))
            .said(last_words(&ended.tail))
            .help(
                "check the network, or name a mirror in TRIVY_DB_REPOSITORY (a rate limit passes after a few minutes)",
            );
    }
    Failure::world(format_args!("trivy crashed on image `{image}` ({}): no verdict, no tag", ended.status))
        .said(last_words(&ended.tail))
}

fn last_words(tail: &[String]) -> &[String] {
    &tail[tail.len().saturating_sub(8)..]
}

/// Where this trivy keeps its database, as far as its arguments and the environment say.
fn cache_folder(arguments: &[String]) -> Option<PathBuf> {
    let (name, variable) = ("--cache-dir", |name| std::env::var_os(name).map(PathBuf::from));
    let joined = arguments.iter().find_map(|arg| arg.strip_prefix(name)?.strip_prefix('='));
    let apart = || Some(arguments.iter().skip_while(|arg| *arg != name).nth(1)?.as_str());
    joined
        .or_else(apart)
        .map(PathBuf::from)
        .or_else(|| variable("TRIVY_CACHE_DIR"))
        .or_else(|| Some(variable("XDG_CACHE_HOME")?.join("trivy")))
        .or_else(|| Some(variable("HOME")?.join(".cache/trivy")))
}

/// Why this version of trivy must not run, if it must not.
///
/// Source: the compromise of March 2026, in which the releases 0.69.4 to 0.69.6 were replaced by malicious ones.
pub(super) fn version_problem(version: &str) -> Option<Failure> {
    is_malicious(version).then(|| {
        Failure::world(format_args!(
            "trivy {version} is one of the releases that were replaced by malicious ones in March 2026 (0.69.4 to 0.69.6)"
        ))
        .help("remove it, rotate what it could read, and install another version")
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::*;

    fn ended(code: i32, stdout: &str, tail: &[&str]) -> Ended {
        Ended {
            status: ExitStatus::from_raw(code << 8),
            stdout: stdout.as_bytes().to_vec(),
            tail: tail.iter().map(|&line| line.to_owned()).collect(),
        }
    }

    fn message(ended: &Ended) -> String {
        read(ended, "app").expect_err("is no report").to_string()
    }

    #[test]
    fn a_crash_a_missing_database_and_silence_each_have_their_own_message() {
        let crash = message(&ended(2, "", &["panic: runtime error"]));
        assert!(crash.contains("crashed") && crash.contains("panic: runtime error"), "{crash}");
        let database =
            message(&ended(1, "", &["FATAL Fatal error init error: DB error: failed to download vulnerability DB"]));
        assert!(database.contains("no vulnerability database"), "{database}");
        let first = message(&ended(
            1,
            "",
            &[
                "FATAL\tFatal error\trun error: init error: DB error: database error: --skip-db-update cannot be specified on \
               the first run",
            ],
        ));
        assert!(first.contains("no vulnerability database"), "{first}");
        let named = message(&ended(2, "", &["panic: open /images/trivy-db/vulnerability DB/DB error.json: EOF"]));
        assert!(named.contains("crashed"), "{named}");
        let silence = message(&ended(0, " \n", &[]));
        assert!(silence.contains("reported nothing"), "{silence}");
        let chatter = message(&ended(0, "all good!", &[]));
        assert!(chatter.contains("could not be read"), "{chatter}");
    }

    #[test]
    fn the_malicious_releases_and_only_they_are_refused() {
        for bad in ["0.69.4", "0.69.5", "v0.69.6"] {
            assert!(version_problem(bad).is_some(), "{bad}");
        }
        for good in ["0.69.3", "0.69.7", "0.76.0", "1.69.4"] {
            assert!(version_problem(good).is_none(), "{good}");
        }
    }
}
