//! What a service is made of, and how its rollout is followed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// An entry under `services`.
#[derive(Clone, Debug)]
pub struct Service {
    /// The key under `services`.
    pub name: String,
    /// A name or an ARN.
    pub cluster: String,
    /// The ECS service's name; the key by default. From `service`. A daemon's begins with `daemon/`.
    pub service: String,
    /// What ECS calls it.
    pub kind: Kind,
    /// What is registered and rolled out.
    pub task_definition: TaskDefinitionSource,
    /// Container name → image name (a key of `images`).
    pub containers: BTreeMap<String, String>,
    /// Sent only where written.
    pub desired_count: Option<u32>,
    /// Force a new deployment even where nothing changed; false by default.
    pub force_new_deployment: bool,
    /// The service's own settings, where the workspace has them.
    pub definition: Option<Definition>,
    /// The services, keys of `services`, that must have been deployed well before this one begins; none by default.
    pub after: Vec<String>,
    /// Tasks, keys of `tasks`, that are run one after another before the update; none by default.
    pub before_deploy: Vec<String>,
    /// The same after a rollout that went well.
    pub after_deploy: Vec<String>,
    /// How its rollouts are followed.
    pub rollout: Rollout,
}

impl Service {
    /// Whether it is a managed daemon.
    pub fn is_daemon(&self) -> bool {
        self.kind == Kind::Daemon
    }
}

/// `[workspace.metadata.xtask.deploy]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deploy {
    /// What becomes of the other services where one does not end well.
    pub on_failure: OnFailure,
    /// What an image must have attached; nothing by default.
    pub gate: Option<DeployGate>,
    /// Whether ECR must have signed an image; false by default.
    pub signed: bool,
    /// How many days a verdict counts; 30 by default.
    pub verdict_days: u32,
}

/// What is asked of an image before it is deployed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeployGate {
    /// A verdict that lets it pass.
    Verdict,
}

impl Default for Deploy {
    fn default() -> Self {
        Self { on_failure: OnFailure::default(), gate: None, signed: false, verdict_days: 30 }
    }
}

/// `lock = true`, or `lock = { expires = "1h", when-locked = "refuse" }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lock {
    /// Whether a deploy locks the services that it changes; false by default.
    pub deploys: bool,
    /// How long a lock lasts, unless the rollout may take longer; 1 h by default.
    pub expires: Duration,
    /// What a deploy does where somebody else has locked a service; it refuses by default.
    pub when_locked: WhenLocked,
}

/// What a deploy does where somebody else has locked a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenLocked {
    /// It ends with exit code 6.
    #[default]
    Refuse,
    /// It waits until that is over, no longer than a lock lasts.
    Wait,
}

impl Default for Lock {
    fn default() -> Self {
        Self { deploys: false, expires: Duration::from_secs(3600), when_locked: WhenLocked::default() }
    }
}

/// What becomes of the other services where one does not end well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// What has begun is followed to its end, and nothing else is begun.
    #[default]
    Stop,
    /// Only what comes after the one that failed is not begun.
    Continue,
    /// Nothing else is begun, and what this deploy changed goes back to what it was.
    RollBackAll,
}

#[cfg(test)]
impl Service {
    /// A service on a family of the same name, with every default.
    pub(crate) fn of_family(name: &str) -> Self {
        Self {
            name: name.into(),
            cluster: "sample".into(),
            service: name.into(),
            kind: Kind::Service,
            task_definition: TaskDefinitionSource::Family(name.into()),
            containers: BTreeMap::new(),
            desired_count: None,
            force_new_deployment: false,
            definition: None,
            after: Vec::new(),
            before_deploy: Vec::new(),
            after_deploy: Vec::new(),
            rollout: Rollout::default(),
        }
    }
}

/// What ECS calls it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// One that is described by whoever made it.
    #[default]
    Service,
    /// A service of which ECS makes everything around the tasks, load balancer and scaling included.
    Express,
    /// A managed daemon: one task on each instance of its capacity providers, with task definitions and deployments of its
    /// own.
    Daemon,
}

/// What begins a daemon's name where services have theirs, and what begins the family of its task definitions: no name of
/// ECS's has a slash, and a service and a daemon may have one name.
pub(crate) const DAEMON: &str = "daemon/";
/// See [`DAEMON`].
pub(crate) const DAEMON_FAMILY: &str = "daemon-task-definition/";

/// As a sentence names it: `service app`, `daemon agent`.
pub(crate) fn called(service: &str) -> String {
    match service.strip_prefix(DAEMON) {
        Some(daemon) => format!("daemon {daemon}"),
        None => format!("service {service}"),
    }
}

/// A service as a document: a JSON file of the workspace, and one that is laid over it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// As CreateService and UpdateService take it, or of a daemon CreateDaemon and UpdateDaemon.
    pub file: PathBuf,
    /// A merge patch, as that of a task definition.
    pub overlay: Option<PathBuf>,
    /// Whose it is.
    pub kind: Kind,
}

/// Who owns the task definition.
#[derive(Clone, Debug)]
pub enum TaskDefinitionSource {
    /// A JSON file of the workspace, and one that is laid over it.
    File {
        /// As RegisterTaskDefinition takes it, perhaps with lookups.
        file: PathBuf,
        /// A merge patch, in which containers, variables and the like are told apart by their names.
        overlay: Option<PathBuf>,
        /// Whose it is: those of daemons are registered by another call.
        kind: Kind,
    },
    /// Somebody else (IaC): the family's newest active revision, with the named containers' images replaced. A daemon's
    /// begins with `daemon-task-definition/`.
    Family(String),
}

/// How a rollout is followed:
/// `rollout = { deadline = "15m", poll = "1s", on-interrupt = "leave", fail-fast = "decisive", exits = 3 }`.
#[derive(Clone, Debug)]
pub struct Rollout {
    /// 15 minutes by default.
    pub deadline: Duration,
    /// The shortest time between two looks; 1 s by default. Looks become rarer in the middle of a rollout.
    pub poll: Duration,
    /// What Ctrl-C does to it; it is left alone by default.
    pub on_interrupt: OnInterrupt,
    /// Whether a rollout that cannot succeed is stopped; it is by default.
    pub fail_fast: FailFast,
    /// So many tasks that end alike are enough to stop it; 3 by default.
    pub exits: Exits,
    /// How much of a failed container's log a post-mortem shows; 20 by default, and none for 0.
    pub log_lines: u32,
    /// How many times as fast as ECS it goes: 1, but for a rehearsal.
    pub speed: u32,
}

/// What is done about a rollout that cannot succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailFast {
    /// The first cause that no further task can do without ends it with a rollback.
    Decisive,
    /// It goes on until ECS ends it.
    Off,
}

/// Tasks that have to end by themselves with one code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exits(pub Option<u32>);

/// What Ctrl-C does to a rollout under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnInterrupt {
    /// It goes on; the message says what serves now.
    Leave,
    /// It is stopped with a rollback, which is followed to its end.
    Rollback,
}

impl Default for Rollout {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(15 * 60),
            poll: Duration::from_secs(1),
            on_interrupt: OnInterrupt::Leave,
            fail_fast: FailFast::Decisive,
            exits: Exits(Some(3)),
            log_lines: 20,
            speed: 1,
        }
    }
}
