//! `[workspace.metadata.xtask]`: found, read with spans, validated into plain values.
//!
//! Everything downstream takes these types; nothing downstream reads TOML. [`load`] collects every fault instead of
//! stopping at the first; no serde derive does that and keeps the spans.
//!
//! A new table is a struct here, a file `config/NAME.rs` with `read(&mut Table) -> Struct` after the example of `scan`,
//! and its line in `load::read`. [`Origins`] and the check for unknown keys follow from the keys it takes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::reference::{Reference, Repository, Tag};

mod diagnostic;
mod duration;
mod images;
mod load;
mod native;
mod origin;
mod path;
mod scan;
mod select;
mod services;
mod slack;
mod table;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may end there")]
mod tests;
mod trivy;
mod value;
mod workflows;
mod workspace;

pub use diagnostic::{ConfigErrors, Diagnostic};
pub use load::{Loaded, load};
pub use origin::{Origin, Origins, Setting, render, to_json};
pub use select::{images_named, services_named};

/// The validated configuration of one workspace. Every path is absolute.
#[derive(Clone, Debug)]
pub struct Config {
    /// The workspace's root folder, where its Cargo.toml is.
    pub root: PathBuf,
    /// Cargo's target folder; everything this tool writes is under `target/xtask`.
    pub target: PathBuf,
    /// Twelve digits.
    pub account: String,
    /// An AWS region's name, such as `ap-northeast-1`.
    pub region: String,
    /// `HOST[:PORT]` of the registry; `ACCOUNT.dkr.ecr.REGION.amazonaws.com` unless `registry` or
    /// `XTASK_REGISTRY` says otherwise.
    pub registry: String,
    pub images: BTreeMap<String, Image>,
    pub scan: Scan,
    pub services: BTreeMap<String, Service>,
    pub slack: crate::reader::slack::SlackConfig,
    pub workflows: crate::workflows::Workflows,
}

/// An entry under `images`.
#[derive(Clone, Debug)]
pub struct Image {
    /// The key under `images`.
    pub name: String,
    pub reference: Reference,
    pub builder: Builder,
    /// Result types (trivy's `Type`, such as `debian` or `rustbinary`) that the scan report must hold;
    /// see [`Image::expected`]. From `expect`.
    pub expect: Option<Vec<String>>,
}

impl Image {
    pub fn repository(&self) -> &Repository {
        &self.reference.repository
    }

    pub fn tag(&self) -> &Tag {
        &self.reference.tag
    }

    /// The result types that the scan report must hold. An image with a cargo package in it is expected to show it,
    /// unless `expect` says otherwise; of others only some result is asked (`None`).
    pub fn expected(&self) -> Option<Vec<&str>> {
        let rust = match &self.builder {
            Builder::Dockerfile(dockerfile) => !dockerfile.binaries.is_empty(),
            Builder::Package(_) => true,
        };
        match &self.expect {
            Some(kinds) => Some(kinds.iter().map(String::as_str).collect()),
            None if rust => Some(vec!["rustbinary"]),
            None => None,
        }
    }

    /// `OS/ARCHITECTURE[/VARIANT]`.
    pub fn platform(&self) -> &str {
        match &self.builder {
            Builder::Dockerfile(dockerfile) => &dockerfile.platform,
            Builder::Package(package) => &package.platform,
        }
    }
}

/// How an image is built. Whatever the way, the result is an OCI layout.
#[derive(Clone, Debug)]
pub enum Builder {
    Dockerfile(Dockerfile),
    Package(Package),
}

/// `dockerfile = "…"`: docker buildx.
#[derive(Clone, Debug)]
pub struct Dockerfile {
    pub file: PathBuf,
    /// The build context folder; the workspace's root by default.
    pub context: PathBuf,
    /// `OS/ARCHITECTURE[/VARIANT]`; `linux/amd64` by default. From `platforms`, which for now takes exactly one.
    pub platform: String,
    pub args: BTreeMap<String, String>,
    /// The stage to build; the last by default.
    pub target: Option<String>,
    /// Named build contexts (`--build-context NAME=VALUE`): a folder (absolute), `oci-layout://…`, `docker-image://…`.
    pub contexts: BTreeMap<String, String>,
    /// Build secrets: id → the environment variable that holds the value. The value never reaches argv.
    pub secrets: BTreeMap<String, String>,
    /// Cargo packages whose binary is compiled first (static, with its dependency list inside) and handed to the
    /// Dockerfile as the named context `binaries`: `COPY --from=binaries app /app`.
    pub binaries: Vec<String>,
}

/// `package = "…"`: the native builder, without docker.
#[derive(Clone, Debug)]
pub struct Package {
    /// The cargo package.
    pub package: String,
    /// Which of its binaries, where it has several. From `bin`.
    pub bin: Option<String>,
    /// `OS/ARCHITECTURE`; `linux/amd64` by default.
    pub platform: String,
    /// A Rust target triple; chosen from the platform and what is installed by default.
    pub target: Option<String>,
    /// A cargo profile; `release` by default.
    pub profile: String,
    pub base: Option<Base>,
    /// Files and folders added under the binary, in the order written.
    pub assets: Vec<Asset>,
    /// `UID[:GID]`; `65532:65532` by default.
    pub user: String,
    /// `/` by default.
    pub workdir: String,
    pub env: BTreeMap<String, String>,
    /// `PORT/tcp` or `PORT/udp`.
    pub ports: Vec<String>,
    pub labels: BTreeMap<String, String>,
    /// Arguments after the binary in the entrypoint.
    pub args: Vec<String>,
    pub compression: Compression,
}

impl Package {
    /// The package's only binary, on nothing, with every default.
    pub fn new(package: &str, platform: &str) -> Self {
        Self {
            package: package.to_owned(),
            bin: None,
            platform: platform.to_owned(),
            target: None,
            profile: "release".to_owned(),
            base: None,
            assets: Vec::new(),
            user: "65532:65532".to_owned(),
            workdir: "/".to_owned(),
            env: BTreeMap::new(),
            ports: Vec::new(),
            labels: BTreeMap::new(),
            args: Vec::new(),
            compression: Compression::Gzip,
        }
    }
}

/// What the native builder starts from.
#[derive(Clone, Debug)]
pub enum Base {
    /// An OCI layout folder in the workspace.
    Layout(PathBuf),
    /// A pinned reference, fetched by digest.
    Reference(String),
}

/// A file or folder that goes into an image.
#[derive(Clone, Debug)]
pub struct Asset {
    pub source: PathBuf,
    /// An absolute path in the image.
    pub path: String,
    /// Octal permission bits; 0644 for files (0755 where executable) and 0755 for folders by default.
    pub mode: Option<u32>,
    /// `UID[:GID]`; `0:0` by default.
    pub owner: String,
}

/// How the native builder compresses layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    Gzip,
    Zstd,
}

/// `[workspace.metadata.xtask.scan]`.
#[derive(Clone, Debug)]
pub struct Scan {
    /// The severities that refuse an image; HIGH and CRITICAL by default.
    pub severity: Vec<Severity>,
    /// Whether findings without a fixed version are passed over; true by default.
    pub ignore_unfixed: bool,
    pub ignore: Vec<Ignore>,
    /// How long one scan may take; 10 minutes by default.
    pub timeout: Duration,
    /// Further arguments for `trivy image`, such as `--cache-dir DIR --skip-db-update`; none that could hide a finding.
    pub args: Vec<String>,
    /// The trivy to fetch where no trivy of that version is in PATH; none by default.
    pub trivy: Option<crate::tools::TrivyPin>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Unknown,
    Low,
    Medium,
    High,
    Critical,
}

/// `ignore = [{ id = "CVE-…", reason = "…", until = "2027-01-31" }]`: a finding accepted until a day.
#[derive(Clone, Debug)]
pub struct Ignore {
    pub id: String,
    pub reason: String,
    /// The last day it holds, `YYYY-MM-DD`, UTC.
    pub until: String,
}

/// An entry under `services`.
#[derive(Clone, Debug)]
pub struct Service {
    /// The key under `services`.
    pub name: String,
    pub cluster: String,
    /// The ECS service's name; the key by default. From `service`.
    pub service: String,
    pub task_definition: TaskDefinitionSource,
    /// Container name → image name (a key of `images`).
    pub containers: BTreeMap<String, String>,
    /// Sent only where written.
    pub desired_count: Option<u32>,
    /// Force a new deployment even where nothing changed; false by default.
    pub force_new_deployment: bool,
    pub rollout: Rollout,
}

/// Who owns the task definition.
#[derive(Clone, Debug)]
pub enum TaskDefinitionSource {
    /// A JSON file of the workspace.
    File(PathBuf),
    /// Somebody else (IaC): the family's newest active revision, with the named containers' images replaced.
    Family(String),
}

/// How a rollout is followed: `rollout = { deadline = "15m", poll = "1s", on-interrupt = "leave" }`.
#[derive(Clone, Debug)]
pub struct Rollout {
    /// 15 minutes by default.
    pub deadline: Duration,
    /// The shortest time between two looks; 1 s by default. Looks become rarer in the middle of a rollout.
    pub poll: Duration,
    pub on_interrupt: OnInterrupt,
}

/// What Ctrl-C does to a rollout under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnInterrupt {
    /// It goes on; the message says what serves now.
    Leave,
    /// It is stopped with a rollback, which is followed to its end.
    Rollback,
}
