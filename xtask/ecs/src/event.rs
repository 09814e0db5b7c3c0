//! The typed things that happen while a command runs, and the stream that carries them to their readers.
//!
//! Stages emit; readers (terminal, JSON lines, GitHub, Slack) each have a thread and a queue of their own, so
//! that one that blocks, fails or panics is reported once and changes no outcome.

mod found;
mod lock;
mod planned;
mod stream;

use serde::{Serialize, Serializer};

pub use lock::{Lock, LockKind};
pub use planned::remarks;
pub use stream::{Events, Stream};

use crate::digest::Digest;

use crate::failure::{Failure, Fault, Place};

/// One thing that happened. Serialised with `event` as the discriminant, in kebab-case.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Event {
    /// A command began. `command` is `release`, `deploy`, …
    CommandStarted {
        command: String,
        /// The environment that is acted on, where any is declared.
        #[serde(skip_serializing_if = "Option::is_none")]
        environment: Option<String>,
    },
    /// A step of a stage began, such as `Planning`; `subject` is the image or service it is about, or empty.
    StepStarted {
        step: Step,
        subject: String,
    },
    StepFinished {
        step: Step,
        subject: String,
        seconds: f64,
    },
    /// Something worth knowing that is no problem; the terminal shows it under `verb`.
    Note {
        verb: String,
        message: String,
    },
    /// Something that went another way than it should, without ending the command.
    Warning {
        message: String,
        place: Option<Place>,
    },
    /// What the plan says of one image.
    ImagePlanned {
        image: String,
        reference: String,
        action: ImageAction,
    },
    /// A line that the builder printed.
    BuildOutput {
        image: String,
        line: String,
    },
    /// A layout is complete.
    ImageBuilt {
        image: String,
        digest: Digest,
        layers: Vec<Layer>,
    },
    /// `sent` of `total` bytes of an image's missing blobs have been taken by the registry.
    UploadProgress {
        image: String,
        sent: u64,
        total: u64,
    },
    /// An attempt at a call or an upload failed and is tried again after `seconds`.
    Retrying {
        what: String,
        error: String,
        attempt: u32,
        seconds: f64,
    },
    /// The verdict on one digest.
    ImageScanned {
        image: String,
        digest: Digest,
        scanner: String,
        passed: bool,
        findings: Vec<Finding>,
        ignored: usize,
    },
    /// The tag is in ECR; `pinned` is `REGISTRY/REPOSITORY@sha256:…`. `new` is false where it was there before; `from` is
    /// the reference that it was promoted from.
    ImageReleased {
        image: String,
        reference: String,
        pinned: String,
        digest: Digest,
        new: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<String>,
    },
    /// What the plan says of one service.
    ServicePlanned {
        service: String,
        cluster: String,
        action: ServiceAction,
        /// How many tasks it is to have.
        desired_count: DesiredCount,
        /// Whether a rollout is asked for though nothing changes.
        force_new_deployment: bool,
        /// The images whose bytes change.
        versions: Vec<VersionChange>,
        /// Where the images come from that it is to run.
        sources: Vec<ImageSource>,
        /// The tasks that are run before the update, and after the rollout.
        before: Vec<String>,
        after: Vec<String>,
        /// Who keeps others from deploying to it.
        locks: Vec<Lock>,
    },
    /// One member of the task definition differs from the live revision. Values of secrets and of environment
    /// variables are left out.
    TaskDefinitionChange {
        service: String,
        path: String,
        before: Option<String>,
        after: Option<String>,
    },
    /// A revision was registered, or (`new` false) the live one was found equal.
    RevisionRegistered {
        service: String,
        revision: String,
        new: bool,
    },
    /// UpdateService was taken; the rollout is on.
    RolloutStarted {
        service: String,
        deployment: String,
        revision: String,
    },
    /// The state of a rollout changed.
    RolloutProgress {
        service: String,
        #[serde(flatten)]
        progress: Progress,
    },
    /// ECS's own words about the service.
    ServiceMessage {
        service: String,
        message: String,
    },
    /// A task of this rollout stopped.
    TaskStopped {
        service: String,
        task: String,
        stop_code: String,
        reason: String,
        exit_codes: Vec<ContainerExit>,
    },
    /// What the plan says of a one-off task that is run by itself. `revision` is absent where it is going to be registered.
    TaskPlanned {
        task: String,
        service: String,
        cluster: String,
        revision: Option<String>,
        container: String,
        image: String,
    },
    /// A one-off task was started, or (`joined`) found under way; `log` is the watched container's group and stream.
    TaskStarted {
        task: String,
        arn: String,
        revision: String,
        log: String,
        joined: bool,
    },
    /// The state of one-off tasks changed; `status` has ECS's words, one for each task.
    TaskProgress {
        task: String,
        status: Vec<String>,
    },
    /// A line that the watched container of a one-off task wrote. Known values of its environment are not in it.
    TaskOutput {
        task: String,
        line: String,
    },
    /// A one-off task stopped. `exit_code` is the watched container's; `exit_codes` has all of them.
    TaskEnded {
        task: String,
        arn: String,
        outcome: TaskOutcome,
        exit_code: Option<i32>,
        stop_code: String,
        reason: String,
        exit_codes: Vec<ContainerExit>,
        seconds: f64,
    },
    /// A rollout came to its end.
    RolloutEnded {
        service: String,
        outcome: Outcome,
        revision: String,
        digests: Vec<Digest>,
        seconds: f64,
    },
    /// Why a rollout failed.
    PostMortem {
        service: String,
        post_mortem: PostMortem,
    },
    /// The command's end; nothing follows. `error` says what happened and `hint` what would help, both empty after
    /// success; `said` and `faults` are the parts that they are made from.
    CommandFinished {
        command: String,
        #[serde(flatten, serialize_with = "End::serialize_failure")]
        failure: Option<Failure>,
        seconds: f64,
    },
}

/// The steps of the stages, in the order they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    Plan,
    Build,
    Scan,
    Push,
    Promote,
    Register,
    Update,
    Watch,
    Run,
}

/// What the JSON document has for a failure, or for none.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct End {
    exit_code: u8,
    error: String,
    hint: String,
    said: Vec<String>,
    faults: Vec<Fault>,
}

impl End {
    #[expect(clippy::ref_option, reason = "serde gives the member as it is")]
    fn serialize_failure<S: Serializer>(failure: &Option<Failure>, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(failure) = failure else {
            let (exit_code, error, hint) = (0, String::new(), String::new());
            return Self { exit_code, error, hint, said: Vec::new(), faults: Vec::new() }.serialize(serializer);
        };
        Self {
            exit_code: failure.exit_code(),
            error: failure.without_help().to_string(),
            hint: failure.hints().join("\n"),
            said: failure.said.clone(),
            faults: failure.faults.clone(),
        }
        .serialize(serializer)
    }
}

/// What a release or a promotion does about one image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageAction {
    /// The tag is not in ECR: build, scan, push.
    Release,
    /// The tag is in ECR with this digest: nothing to do.
    AlreadyReleased { digest: Digest, source: ImageSource },
    /// The tag is in another environment's registry (`from`) and not in this one: copy it.
    Promote { from: String, digest: Digest },
    /// The tag is in both with this digest: nothing to do.
    AlreadyPromoted { from: String, digest: Digest },
}

/// What a deploy does about one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceAction {
    /// Create the service with the first revision: there is nothing that it could go back to.
    Create,
    /// Register a revision and update the service to it.
    Deploy,
    /// A revision that is equal is registered: update the service to it, which starts a rollout.
    Update,
    /// The service is on its way to an equal revision: follow that rollout.
    Follow,
    /// The live revision is equal; only settings of the service change that start no rollout.
    Settings,
    /// The live revision is equal; only the number of tasks changes, which starts no rollout.
    Scale,
    NothingToDo,
}

/// How a rollout ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Deployed,
    NothingToDo,
    RolledBack,
    RollbackFailed,
    Superseded,
    TimedOut,
    /// It was to be followed up to a stage, which it has reached, and goes on.
    Reached,
    /// It was to be followed up to a pause, and waits for a decision.
    Paused,
}

/// What became of a one-off task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskOutcome {
    /// Only a plan was asked for, or nothing was begun.
    #[default]
    Planned,
    Succeeded,
    /// It is not run again: ECS remembers that it ended well for this digest.
    RanBefore,
    Failed,
    TimedOut,
    Interrupted,
    /// ECS could not start it, or was not able to say how it ended.
    Unknown,
}

impl Outcome {
    /// As JSON has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Deployed => "deployed",
            Self::NothingToDo => "nothing-to-do",
            Self::RolledBack => "rolled-back",
            Self::RollbackFailed => "rollback-failed",
            Self::Superseded => "superseded",
            Self::TimedOut => "timed-out",
            Self::Reached => "reached",
            Self::Paused => "paused",
        }
    }

    /// Whether what was wanted runs.
    pub fn is_good(self) -> bool {
        matches!(self, Self::Deployed | Self::NothingToDo)
    }

    /// Whether something else than what was wanted happened.
    pub fn is_bad(self) -> bool {
        !self.is_good() && !matches!(self, Self::Reached | Self::Paused)
    }
}

/// How many tasks a service is to have: now, and then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DesiredCount {
    pub before: u32,
    pub after: u32,
}

/// Where an image that is in ECR comes from, by its own word.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ImageSource {
    /// The key under `images`.
    pub image: String,
    /// The tag of the configuration; of bytes that `--digest` names, one that they have, or the digest.
    pub tag: String,
    /// What `--digest` names in the place of the tag; absent where it names nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Whether a release of this tool made it. Where it does not say so, it may be older than that, or pushed by
    /// other means.
    pub released: bool,
    /// The commit that it was built of, with `-dirty` where files differed from it; absent where it does not say.
    pub commit: Option<String>,
    /// The commit that is checked out here; absent outside git.
    pub here: Option<String>,
}

/// An image whose bytes are to change, by its tags.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct VersionChange {
    pub image: String,
    /// The tag of what runs; absent where ECR has none for it.
    pub before: Option<String>,
    pub after: String,
    pub direction: Direction,
    /// Whether the direction is that in which they were pushed to ECR, for neither their tags nor their commits have one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub by_push: bool,
}

/// Which of two tags is the later version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    Forward,
    Back,
    /// One of the tags is no version, or is not known; nor is the order of the commits or of the pushes.
    Unknown,
}

/// A layer of a built image; `size` in bytes, compressed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Layer {
    pub digest: Digest,
    pub size: u64,
    pub media_type: String,
}

/// A vulnerability that the scanner found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Finding {
    pub package: String,
    pub installed: String,
    /// Empty where there is no fix yet.
    pub fixed: String,
    pub id: String,
    /// Other ids of the same vulnerability.
    pub aliases: Vec<String>,
    /// `CRITICAL`, `HIGH`, …
    pub severity: String,
    /// What was scanned, in trivy's words: a file in the image, or the image's operating system.
    pub target: String,
    pub title: String,
}

/// Where a rollout stands. The numbers are those of the revision that is rolled out; once ECS goes back, of the one that it
/// goes back to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Progress {
    /// ECS's word, such as `IN_PROGRESS`.
    pub status: String,
    pub desired: u32,
    pub pending: u32,
    pub running: u32,
    pub failed: u32,
    /// ECS's word, such as `BAKE_TIME`; empty in a rolling rollout.
    pub stage: String,
    /// The revision that is rolled out first, then those before it; none where ECS does not name them.
    pub revisions: Vec<RevisionProgress>,
    pub hooks: Vec<Hook>,
    /// The names of the alarms that are configured, and of those that went off.
    pub alarms: Vec<String>,
    pub triggered: Vec<String>,
    pub breaker: Option<Breaker>,
    /// What is left of the bake at most, in whole minutes; only in the stage `BAKE_TIME`.
    pub bake_minutes: Option<u32>,
    pub early_success: Option<EarlySuccess>,
}

/// One service revision in a rollout. Weights are percentages of the traffic, null where none is shifted.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RevisionProgress {
    /// The ARN of the service revision.
    pub arn: String,
    pub desired: u32,
    pub pending: u32,
    pub running: u32,
    pub production_weight: Option<f64>,
    pub test_weight: Option<f64>,
    /// The ARNs of the target groups that ECS uses for it, where they are not those of the service.
    pub target_groups: Vec<String>,
}

/// A hook that ECS has called, or that waits for a decision.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Hook {
    pub id: String,
    /// `PAUSE` or `AWS_LAMBDA`.
    pub kind: String,
    /// The ARN of the Lambda function; empty for a pause.
    pub target: String,
    /// ECS's word: `AWAITING_ACTION`, `IN_PROGRESS`, `SUCCEEDED`, `FAILED` or `TIMED_OUT`.
    pub status: String,
    /// Seconds since 1970.
    pub expires: Option<f64>,
    /// What ECS does then: `ROLLBACK` or `CONTINUE`.
    pub on_timeout: String,
}

/// The circuit breaker of a rollout; `resets` says whether one healthy task sets its count back to 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Breaker {
    pub count: u32,
    pub threshold: u32,
    pub resets: bool,
}

/// A rollout that is called a success before its last task runs; with `cleanup` `DEFERRED` old tasks serve on for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct EarlySuccess {
    pub healthy_percent: Option<u32>,
    pub cleanup: String,
}

/// How one container of a stopped task ended. `exit_code` is absent where it never ran.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ContainerExit {
    pub container: String,
    pub exit_code: Option<i32>,
    pub reason: String,
}

/// Why a rollout failed, from what was observed of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PostMortem {
    /// Stopped tasks grouped by cause, the most frequent first.
    pub causes: Vec<Cause>,
    /// The ends of the logs of those that are to blame, of at most two tasks a cause.
    pub logs: Vec<LogTail>,
    /// The target groups in use, and what they find.
    pub targets: Vec<TargetGroup>,
    /// The circuit breaker's count and threshold.
    pub breaker: Option<(u32, u32)>,
    /// What serves now, as `FAMILY:REVISION`.
    pub serving: String,
    /// One sentence, without a line break.
    pub likely_cause: String,
    /// What to do about it; may be empty.
    pub fix: String,
    /// The command to run next.
    pub next: String,
}

/// One group of stopped tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Cause {
    pub tasks: usize,
    pub stop_code: String,
    pub reason: String,
    pub containers: Vec<ContainerExit>,
}

/// The end of one container's log. Known values of the environment, and what follows a secret's name, are not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LogTail {
    pub container: String,
    /// The task's id.
    pub task: String,
    /// Log group and stream; empty where the log is not in CloudWatch.
    pub source: String,
    /// The oldest first.
    pub lines: Vec<String>,
    /// Why there are none, or why some may be missing; may be empty.
    pub note: String,
}

/// A target group, how it checks, and its targets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct TargetGroup {
    pub name: String,
    /// Such as `HTTP`.
    pub protocol: String,
    /// Empty where the protocol has none.
    pub path: String,
    /// `traffic-port` or a number.
    pub port: String,
    /// The codes that count as healthy.
    pub matcher: String,
    pub targets: Vec<TargetHealth>,
}

/// What a load balancer says of one target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct TargetHealth {
    /// An address or an instance.
    pub target: String,
    /// The port of the container that traffic goes to.
    pub port: Option<u16>,
    /// Such as `unhealthy`.
    pub state: String,
    /// Such as `Target.ResponseCodeMismatch`.
    pub reason: String,
    pub description: String,
}

/// Something that wants to know what happens. Called from a thread of its own, in order.
pub trait Reader: Send {
    /// Its name in a warning, such as `slack`.
    fn name(&self) -> &'static str;
    fn read(&mut self, event: &Event) -> anyhow::Result<()>;
}
