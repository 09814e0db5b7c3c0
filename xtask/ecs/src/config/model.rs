//! What a configuration holds: plain values, validated. Every default is here.

mod images;
mod scan;
mod schedules;
mod services;
mod tasks;
mod workflows;

use crate::text::program;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

pub use images::{Asset, Base, Builder, Cache, Compression, Dockerfile, Image, OwnBuilder, Package, Program};
pub use scan::{
    AcceptedSystem, Evidence, EvidenceKey, Ignore, PLATFORMS, Scan, Severity, TRIVY_URL, TrivyPin, is_malicious,
};
pub use schedules::{Clockwork, Schedule};
pub(crate) use services::{DAEMON, DAEMON_FAMILY, called};
pub use services::{
    Definition, Deploy, DeployGate, Exits, FailFast, Kind, Lock, OnFailure, OnInterrupt, Rollout, Service,
    TaskDefinitionSource, WhenLocked,
};
pub use tasks::{Abandoned, Network, OwnDefinition, Task};
pub use workflows::{Call, Ci, Matrix, Pin, Runner, SlackSecret, Submodules, Workflows};

/// The validated configuration of one workspace. Every path is absolute.
#[derive(Clone, Debug)]
pub struct Config {
    /// The workspace's root folder, where its Cargo.toml is.
    pub root: PathBuf,
    /// Cargo's target folder; everything this tool writes is under `target/xtask`.
    pub target: PathBuf,
    /// Which of the declared environments this is; `None` where none is declared.
    pub environment: Option<String>,
    /// The environment that this one's images are promoted from: the one declared before it, where that has them in
    /// another place.
    pub promoted_from: Option<String>,
    /// The ARN of the role that is assumed; none by default.
    pub role: Option<String>,
    /// Twelve digits.
    pub account: String,
    /// An AWS region's name, such as `ap-northeast-1`.
    pub region: String,
    /// `HOST[:PORT]` of the registry; `ACCOUNT.dkr.ecr.REGION.amazonaws.com` unless `registry` or
    /// `XTASK_REGISTRY` says otherwise.
    pub registry: String,
    /// By their names.
    pub images: BTreeMap<String, Image>,
    /// What refuses an image.
    pub scan: Scan,
    /// What is attached to an image that is released.
    pub evidence: Vec<Evidence>,
    /// What signs that, and whose signatures `deploy.gate` believes; nothing by default.
    pub evidence_key: Option<EvidenceKey>,
    /// By their names.
    pub services: BTreeMap<String, Service>,
    /// By their names.
    pub tasks: BTreeMap<String, Task>,
    /// What starts tasks by the clock.
    pub schedules: Vec<Schedule>,
    /// How services are deployed together.
    pub deploy: Deploy,
    /// Whether deploys lock their services against others.
    pub lock: Lock,
    /// How images get into this environment's registry.
    pub promotion: Promotion,
    /// What Slack is told, where its secrets are set.
    pub slack: SlackConfig,
    /// The GitHub workflows of this repository.
    pub workflows: Workflows,
    /// Where lookups are answered.
    pub lookups: Lookups,
}

impl Config {
    /// A command line for people, of this environment: `cargo xtask -e production deploy app` for `deploy app`.
    pub(crate) fn command(&self, words: &str) -> String {
        command(self.environment.as_deref(), words)
    }
}

/// A command line for people, of this environment.
pub(crate) fn command(environment: Option<&str>, words: &str) -> String {
    let name = program();
    match environment {
        Some(environment) => format!("{name} -e {environment} {words}"),
        None => format!("{name} {words}"),
    }
}

/// `[workspace.metadata.xtask.lookups]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lookups {
    /// What `${tfstate:…}` looks into.
    pub tfstate: Option<State>,
}

/// Where a Terraform state is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// A file of the workspace.
    File(PathBuf),
    /// `s3://BUCKET/KEY`
    Object {
        /// Which may be in another region.
        bucket: String,
        /// Without a slash before it.
        key: String,
    },
    /// `http://…` or `https://…`
    Address(String),
}

/// `[workspace.metadata.xtask.promotion]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promotion {
    /// A copy by default.
    pub by: By,
    /// How long replication is waited for; 30 minutes by default, in which ECR replicates most images.
    pub deadline: Duration,
}

/// What brings an image to an environment's registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// `promote`, which copies it.
    #[default]
    Copy,
    /// A rule of the source's registry.
    Replication,
}

impl Default for Promotion {
    fn default() -> Self {
        Self { by: By::default(), deadline: Duration::from_secs(30 * 60) }
    }
}

/// `[workspace.metadata.xtask.slack]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlackConfig {
    /// No message for a command that changed nothing; false by default.
    pub quiet_when_nothing_to_do: bool,
    /// Who is mentioned on failure: a member id (`U…`), a user group's (`S…`), `here` or `channel`.
    pub mention_on_failure: Option<String>,
}
