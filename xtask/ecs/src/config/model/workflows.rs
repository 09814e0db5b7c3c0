//! What the GitHub workflows can be told.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// `[workspace.metadata.xtask.workflows]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workflows {
    /// Where jobs run; `ubuntu-24.04` by default.
    pub runner: Runner,
    /// Whether each platform or each image is built on a runner of its own; one job builds everything by default.
    pub matrix: Option<Matrix>,
    /// Whether other workflows can call the two stages; none can by default.
    pub call: Option<Call>,
    /// Where such a job builds what is for arm64; `ubuntu-24.04-arm` by default.
    pub arm_runner: Option<Runner>,
    /// The manifest of the package that runs, where that is no member called `xtask`; none by default.
    pub manifest: Option<PathBuf>,
    /// GitHub's environment of the deploy job, whose protection rules hold it back; none by default.
    pub environment: Option<String>,
    /// The ARN of a role that trusts GitHub's OIDC provider. Without it the secrets `AWS_ACCESS_KEY_ID` and
    /// `AWS_SECRET_ACCESS_KEY` are used.
    pub role: Option<String>,
    /// The Rust version to install; the runner's own by default.
    pub toolchain: Option<String>,
    /// Whether files of Git LFS are fetched; false by default.
    pub lfs: bool,
    /// Which submodules are checked out; none by default.
    pub submodules: Submodules,
    /// Which of Slack's secrets the stages get: `webhook` by default.
    pub slack: SlackSecret,
    /// Patterns of tags that start Build Stage; `["v*"]` by default.
    pub tags: Vec<String>,
    /// Whether a release for a git tag whose version no image has is refused; true by default.
    pub tag_must_match: bool,
    /// Shell commands before anything is compiled.
    pub setup: Vec<String>,
    /// Environment variables of the two stages; those that cargo reads are CI's as well.
    pub env: BTreeMap<String, String>,
    /// Names of secrets that both stages get as variables of the same name. Those that an image's `secrets` name reach
    /// Build Stage by themselves, and tokens of cargo's registries every step that runs cargo.
    pub secrets: Vec<String>,
    /// Other pins for the actions used here: `{ "actions/checkout" = { commit = "…", version = "v7.0.1" } }`.
    pub actions: BTreeMap<String, Pin>,
    /// 60 minutes by default.
    pub build_timeout: Duration,
    /// The sum of the services' rollout deadlines and 15 minutes by default.
    pub deploy_timeout: Option<Duration>,
    /// When what is released is scanned again, as cron has it; never by default.
    pub rescan: Option<String>,
    /// What checks each push and pull request.
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
    /// What the job runs; `cargo xtask ci` by default, where this repository's xtask has such a command.
    pub run: Vec<String>,
}

/// Where jobs run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Runner {
    /// A runner that has this label.
    Label(String),
    /// A runner that has all of them.
    Labels(Vec<String>),
    /// One of a group of runners, with these labels.
    Group {
        /// The group's name.
        group: String,
        /// None asks for any runner of the group.
        labels: Vec<String>,
    },
}

/// What has a job of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matrix {
    /// Each platform, with what every image has for it.
    Platform,
    /// Each image, with all its platforms.
    Image,
}

/// What starts the two stages beside whoever does so by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// A workflow that calls them, and what starts them otherwise.
    Also,
    /// A workflow that calls them, and nothing else.
    Only,
}

/// Which submodules are checked out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Submodules {
    /// None.
    No,
    /// Those of this repository.
    Yes,
    /// Those of submodules, too.
    Recursive,
}

/// Which of Slack's secrets the stages get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlackSecret {
    /// None: Slack is told nothing.
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
    /// Such as `v7.0.1`; it stands behind the commit in a comment.
    pub version: String,
}

/// The pins, as the actions' own repositories tag them.
const PINS: [(&str, &str, &str); 5] = [
    ("actions/checkout", "3d3c42e5aac5ba805825da76410c181273ba90b1", "v7.0.1"),
    ("actions/download-artifact", "3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c", "v8.0.1"),
    ("actions/github-script", "ed597411d8f924073f98dfc5c65a23a2325f34cd", "v8.0.0"),
    ("actions/upload-artifact", "043fb46d1a93c77aae656e7c1c64a875d1fc6a0a", "v7.0.1"),
    ("aws-actions/configure-aws-credentials", "e6de054238d6b7531b4efff3b6587d9aade6a06c", "v6.2.3"),
];

impl Default for Workflows {
    fn default() -> Self {
        Self {
            runner: Runner::Label("ubuntu-24.04".to_owned()),
            matrix: None,
            call: None,
            arm_runner: None,
            manifest: None,
            environment: None,
            role: None,
            toolchain: None,
            lfs: false,
            submodules: Submodules::No,
            slack: SlackSecret::Webhook,
            tags: vec!["v*".to_owned()],
            tag_must_match: true,
            setup: Vec::new(),
            env: BTreeMap::new(),
            secrets: Vec::new(),
            actions: BTreeMap::new(),
            build_timeout: Duration::from_secs(3600),
            deploy_timeout: None,
            rescan: None,
            ci: Ci::default(),
        }
    }
}

impl Default for Ci {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(3600), container: None, options: None, setup: Vec::new(), run: Vec::new() }
    }
}

impl Workflows {
    /// The actions that can be pinned otherwise.
    pub fn known_actions() -> impl Iterator<Item = &'static str> {
        PINS.iter().map(|(action, ..)| *action)
    }

    /// `OWNER/NAME@COMMIT # VERSION`
    pub(crate) fn action(&self, name: &str) -> String {
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
