//! The GitHub workflows, rendered from the configuration: Build Stage, Deploy Stage, CI.
//!
//! The files are output: what a team wants otherwise goes into `[workspace.metadata.xtask.workflows]`, and
//! [`check`] tells when a file is not what the configuration says.

mod build;
mod ci;
mod deploy;
mod diff;
mod yaml;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;

use crate::config::{Builder, Config};
use crate::failure::{Failure, Result};

/// `[workspace.metadata.xtask.workflows]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workflows {
    /// Where jobs run; `ubuntu-24.04` by default.
    pub runner: String,
    /// GitHub's environment of the deploy job, whose protection rules hold it back; none by default.
    pub environment: Option<String>,
    /// The ARN of a role that trusts GitHub's OIDC provider. Without it the secrets `AWS_ACCESS_KEY_ID` and
    /// `AWS_SECRET_ACCESS_KEY` are used.
    pub role: Option<String>,
    /// The Rust version to install; the runner's own by default.
    pub toolchain: Option<String>,
    /// Which of Slack's secrets the stages get: `webhook` by default.
    pub slack: SlackSecret,
    /// Patterns of tags that start Build Stage; `["v*"]` by default.
    pub tags: Vec<String>,
    /// Shell commands before anything is compiled.
    pub setup: Vec<String>,
    /// Environment variables of the two stages.
    pub env: BTreeMap<String, String>,
    /// Names of secrets that both stages get as variables of the same name. Those that an image's `secrets` name reach
    /// Build Stage by themselves.
    pub secrets: Vec<String>,
    /// Other pins for the actions used here: `{ "actions/checkout" = { commit = "…", version = "v7.0.1" } }`.
    pub actions: BTreeMap<String, Pin>,
    /// 60 minutes by default.
    pub build_timeout: Duration,
    /// The sum of the services' rollout deadlines and 15 minutes by default.
    pub deploy_timeout: Option<Duration>,
    pub ci: Ci,
}

/// `ci = { … }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ci {
    /// 60 minutes by default.
    pub timeout: Duration,
    /// The image the job runs in, by digest; the runner itself by default.
    pub container: Option<String>,
    /// `docker create` options for that container.
    pub options: Option<String>,
    /// Further shell commands, after those of [`Workflows::setup`].
    pub setup: Vec<String>,
}

/// Which of Slack's secrets the stages get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlackSecret {
    None,
    /// `SLACK_WEBHOOK_URL`.
    Webhook,
    /// `SLACK_BOT_TOKEN`, and the variable `SLACK_CHANNEL`.
    Bot,
}

/// An action's commit, and the version that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// 40 hexadecimal digits.
    pub commit: String,
    pub version: String,
}

/// The pins, as the actions' own repositories tag them.
const PINS: [(&str, &str, &str); 4] = [
    ("actions/checkout", "3d3c42e5aac5ba805825da76410c181273ba90b1", "v7.0.1"),
    ("actions/download-artifact", "3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c", "v8.0.1"),
    ("actions/upload-artifact", "043fb46d1a93c77aae656e7c1c64a875d1fc6a0a", "v7.0.1"),
    ("aws-actions/configure-aws-credentials", "e6de054238d6b7531b4efff3b6587d9aade6a06c", "v6.2.3"),
];

impl Default for Workflows {
    fn default() -> Self {
        Self {
            runner: "ubuntu-24.04".to_owned(),
            environment: None,
            role: None,
            toolchain: None,
            slack: SlackSecret::Webhook,
            tags: vec!["v*".to_owned()],
            setup: Vec::new(),
            env: BTreeMap::new(),
            secrets: Vec::new(),
            actions: BTreeMap::new(),
            build_timeout: Duration::from_secs(3600),
            deploy_timeout: None,
            ci: Ci::default(),
        }
    }
}

impl Default for Ci {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(3600), container: None, options: None, setup: Vec::new() }
    }
}

impl Workflows {
    /// The actions that can be pinned otherwise.
    pub fn known_actions() -> impl Iterator<Item = &'static str> {
        PINS.iter().map(|(action, ..)| *action)
    }

    /// `OWNER/NAME@COMMIT # VERSION`
    fn action(&self, name: &str) -> String {
        let (commit, version) = match self.actions.get(name) {
            Some(pin) => (pin.commit.as_str(), pin.version.as_str()),
            None => PINS
                .iter()
                .find(|(action, ..)| *action == name)
                .map_or(("", ""), |(_, commit, version)| (*commit, *version)),
        };
        format!("{name}@{commit} # {version}")
    }
}

/// The three files: path relative to the workspace's root, with `/`, and content.
pub fn render(config: &Config) -> Vec<(&'static str, String)> {
    vec![
        (".github/workflows/build.yml", build::render(config)),
        (".github/workflows/deploy.yml", deploy::render(config)),
        (".github/workflows/ci.yml", ci::render(config)),
    ]
}

/// Writes those of the files that differ, and returns their paths.
pub fn write(config: &Config) -> Result<Vec<&'static str>> {
    let mut written = Vec::new();
    for (path, text) in render(config) {
        let file = config.root.join(path);
        if read(&file)?.is_some_and(|found| found == text) {
            continue;
        }
        let folder = file.parent().unwrap_or(&config.root);
        std::fs::create_dir_all(folder).with_context(|| format!("failed to create {}", folder.display()))?;
        std::fs::write(&file, text).with_context(|| format!("failed to write {}", file.display()))?;
        written.push(path);
    }
    Ok(written)
}

/// Whether the files are what [`render`] gives. Fails with [`Failure::Usage`] and the differences: `-` is what a file
/// has, `+` what it should have. Line endings are no difference.
pub fn check(config: &Config) -> Result<()> {
    let mut differences = String::new();
    for (path, wanted) in render(config) {
        match read(&config.root.join(path))? {
            None => write!(differences, "\n{path} is missing\n").expect("writing to a String cannot fail"),
            Some(found) => {
                let found = found.replace("\r\n", "\n");
                if found != wanted {
                    let diff = diff::diff(&found, &wanted);
                    write!(differences, "\n{path}\n{diff}").expect("writing to a String cannot fail");
                }
            }
        }
    }
    if differences.is_empty() {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "the workflows are not what the configuration says; `cargo xtask workflows` writes them, and what they should \
         say otherwise goes into [workspace.metadata.xtask.workflows]\n{differences}"
    )))
}

fn read(path: &Path) -> Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            Err(Failure::World(anyhow::Error::new(error).context(format!("failed to read {}", path.display()))))
        }
    }
}

/// Where the compiled xtask lies between the stages, relative to the workspace's root.
fn stage_folder(config: &Config) -> String {
    format!("{}/xtask/stage", target_folder(config))
}

/// Cargo's target folder relative to the root; on the runner nothing moves it out of the workspace.
fn target_folder(config: &Config) -> String {
    let relative = config.target.strip_prefix(&config.root).ok().and_then(Path::to_str);
    relative.filter(|path| !path.is_empty()).unwrap_or("target").to_owned()
}

/// `app, worker and 3 more`
fn names<'a>(names: impl ExactSizeIterator<Item = &'a String>) -> String {
    let count = names.len();
    let shown: Vec<&str> = names.take(5).map(String::as_str).collect();
    let more = count.saturating_sub(shown.len());
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

/// The names of the secrets that builds need.
fn build_secrets(config: &Config) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for image in config.images.values() {
        if let Builder::Dockerfile(dockerfile) = &image.builder {
            names.extend(dockerfile.secrets.values().cloned());
        }
    }
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests;
