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
        /// `release`, `deploy`, or the name of a command that the repository adds.
        command: String,
        /// The environment that is acted on, where any is declared.
        #[serde(skip_serializing_if = "Option::is_none")]
        environment: Option<String>,
    },
    /// A step of a stage began, such as `Planning`; `subject` is the image or service it is about, or empty.
    StepStarted {
        /// Which step.
        step: Step,
        /// An image, a service or a task by its key; empty where the step is about all of them.
        subject: String,
    },
    /// The step ended, well or not.
    StepFinished {
        /// Which step.
        step: Step,
        /// As the step began with it.
        subject: String,
        /// From its beginning.
        seconds: f64,
    },
    /// Something worth knowing that is no problem; the terminal shows it under `verb`.
    Note {
        /// One word or two, such as `Waiting`.
        verb: String,
        /// What the verb is said of.
        message: String,
    },
    /// Something that went another way than it should, without ending the command.
    Warning {
        /// Readers put `warning: ` and the like before it.
        message: String,
        /// What it is about, where that is written in a file.
        place: Option<Place>,
    },
    /// What the plan says of one image.
    ImagePlanned {
        /// The key under `images`.
        image: String,
        /// `REGISTRY/REPOSITORY:TAG`.
        reference: String,
        /// What is going to be done about it.
        action: ImageAction,
    },
    /// A line that the builder printed.
    BuildOutput {
        /// The key under `images`, with ` (PLATFORM)` behind it where the image has several platforms.
        image: String,
        /// Without its line break.
        line: String,
    },
    /// A layout is complete.
    ImageBuilt {
        /// The key under `images`, with ` (PLATFORM)` behind it where the image has several platforms.
        image: String,
        /// That of the manifest.
        digest: Digest,
        /// From the base up.
        layers: Vec<Layer>,
    },
    /// `sent` of `total` bytes of an image's missing blobs have been taken by the registry.
    UploadProgress {
        /// The key under `images`, with ` (PLATFORM)` behind it where the image has several platforms.
        image: String,
        /// Bytes.
        sent: u64,
        /// Bytes.
        total: u64,
    },
    /// An attempt at a call or an upload failed and is tried again after `seconds`.
    Retrying {
        /// What is tried again, such as `upload blob sha256:…`.
        what: String,
        /// How the attempt failed.
        error: String,
        /// Which attempt that was, from 1.
        attempt: u32,
        /// The pause before the next one.
        seconds: f64,
    },
    /// The verdict on one digest.
    ImageScanned {
        /// The key under `images`, with ` (PLATFORM)` behind it where the image has several platforms.
        image: String,
        /// That of the manifest that was scanned.
        digest: Digest,
        /// Such as `trivy 0.70.0`.
        scanner: String,
        /// Whether the scan gate let it pass.
        passed: bool,
        /// Those that refuse it, the most severe first; none where it passed.
        findings: Vec<Finding>,
        /// How many more would have refused it, and are accepted by `scan.ignore`.
        ignored: usize,
    },
    /// The tag is in ECR; `pinned` is `REGISTRY/REPOSITORY@sha256:…`. `new` is false where it was there before; `from` is
    /// the reference that it was promoted from.
    ImageReleased {
        /// The key under `images`.
        image: String,
        /// `REGISTRY/REPOSITORY:TAG`.
        reference: String,
        /// The same image by its digest.
        pinned: String,
        /// That of the manifest, or of the index of several platforms.
        digest: Digest,
        /// Whether the tag was not there before.
        new: bool,
        /// `REGISTRY/REPOSITORY:TAG`; absent where it was built here.
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<String>,
    },
    /// What the plan says of one service.
    ServicePlanned {
        /// The key under `services`.
        service: String,
        /// A name or an ARN, as the configuration has it.
        cluster: String,
        /// What is going to be done about it.
        action: ServiceAction,
        /// How many tasks it is to have.
        desired_count: DesiredCount,
        /// Whether a rollout is asked for though nothing changes.
        force_new_deployment: bool,
        /// The images whose bytes change.
        versions: Vec<VersionChange>,
        /// Where the images come from that it is to run.
        sources: Vec<ImageSource>,
        /// The tasks, keys under `tasks`, that are run before the update.
        before: Vec<String>,
        /// Those that are run after a rollout that went well.
        after: Vec<String>,
        /// Who keeps others from deploying to it.
        locks: Vec<Lock>,
    },
    /// One member of the task definition differs from the live revision. Values of secrets and of environment
    /// variables are left out.
    TaskDefinitionChange {
        /// The key under `services`.
        service: String,
        /// Such as `containerDefinitions[app].environment[RUST_LOG]`.
        path: String,
        /// Absent where the member is new; both are where its value is not shown.
        before: Option<String>,
        /// Absent where the member is gone.
        after: Option<String>,
    },
    /// A revision was registered, or (`new` false) the live one was found equal.
    RevisionRegistered {
        /// The key under `services`; `tasks.NAME` for a one-off task that has a task definition of its own.
        service: String,
        /// `FAMILY:REVISION`.
        revision: String,
        /// Whether this command registered it.
        new: bool,
    },
    /// UpdateService was taken; the rollout is on.
    RolloutStarted {
        /// The key under `services`.
        service: String,
        /// The id in the service's `deployments`, `ecs-svc/…`.
        deployment: String,
        /// `FAMILY:REVISION`.
        revision: String,
    },
    /// The state of a rollout changed.
    RolloutProgress {
        /// The key under `services`.
        service: String,
        /// All of it, and not only what changed.
        #[serde(flatten)]
        progress: Progress,
    },
    /// ECS's own words about the service.
    ServiceMessage {
        /// The key under `services`.
        service: String,
        /// One entry of the service's `events`.
        message: String,
    },
    /// A task of this rollout stopped.
    TaskStopped {
        /// The key under `services`.
        service: String,
        /// The task's id, which is the last part of its ARN.
        task: String,
        /// ECS's word, such as `EssentialContainerExited`; may be empty.
        stop_code: String,
        /// ECS's `stoppedReason`; may be empty.
        reason: String,
        /// One for each of its containers.
        exit_codes: Vec<ContainerExit>,
    },
    /// What the plan says of a one-off task that is run by itself. `revision` is absent where it is going to be registered.
    TaskPlanned {
        /// The key under `tasks`.
        task: String,
        /// The key under `services`; empty where it has none.
        service: String,
        /// A name or an ARN, as the configuration has it.
        cluster: String,
        /// `FAMILY:REVISION`.
        revision: Option<String>,
        /// The one that is watched, and whose exit code decides.
        container: String,
        /// What that container runs, as the task definition has it.
        image: String,
    },
    /// A one-off task was started, or (`joined`) found under way; `log` is the watched container's group and stream.
    TaskStarted {
        /// The key under `tasks`.
        task: String,
        /// Of the task in ECS; each of several has an event of its own.
        arn: String,
        /// `FAMILY:REVISION`.
        revision: String,
        /// Empty where the log is not in CloudWatch.
        log: String,
        /// Whether another run of the same command had started it.
        joined: bool,
    },
    /// The state of one-off tasks changed; `status` has ECS's words, one for each task.
    TaskProgress {
        /// The key under `tasks`.
        task: String,
        /// Such as `PENDING` or `RUNNING`.
        status: Vec<String>,
    },
    /// A line that the watched container of a one-off task wrote. Known values of its environment are not in it.
    TaskOutput {
        /// The key under `tasks`.
        task: String,
        /// Without its line break.
        line: String,
    },
    /// A one-off task stopped. `exit_code` is the watched container's; `exit_codes` has all of them.
    TaskEnded {
        /// The key under `tasks`.
        task: String,
        /// Of the task in ECS; each of several has an event of its own.
        arn: String,
        /// [`TaskOutcome::Succeeded`] or [`TaskOutcome::Failed`].
        outcome: TaskOutcome,
        /// Absent where that container has none, as one that never ran.
        exit_code: Option<i32>,
        /// ECS's word, such as `EssentialContainerExited`; may be empty.
        stop_code: String,
        /// ECS's `stoppedReason`; may be empty.
        reason: String,
        /// One for each of its containers.
        exit_codes: Vec<ContainerExit>,
        /// From its start to its end; 0 where it never ran.
        seconds: f64,
    },
    /// A rollout came to its end.
    RolloutEnded {
        /// The key under `services`.
        service: String,
        /// How it ended.
        outcome: Outcome,
        /// `FAMILY:REVISION`.
        revision: String,
        /// What the images of the configuration run by now; none unless the outcome is good.
        digests: Vec<Digest>,
        /// From UpdateService on; 0 where there was nothing to do.
        seconds: f64,
    },
    /// Why a rollout failed.
    PostMortem {
        /// The key under `services`.
        service: String,
        /// What was found out.
        post_mortem: PostMortem,
    },
    /// The command's end; nothing follows. `error` says what happened and `hint` what would help, both empty after
    /// success; `said` and `faults` are the parts that they are made from.
    CommandFinished {
        /// As the command began with it.
        command: String,
        /// None after success.
        #[serde(flatten, serialize_with = "End::serialize_failure")]
        failure: Option<Failure>,
        /// From its beginning.
        seconds: f64,
    },
}

/// The steps of the stages, in the order they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// What is there is compared with what is wanted; nothing is done.
    Plan,
    /// A layout is written.
    Build,
    /// The scanner reads a layout, and the gate judges its report.
    Scan,
    /// Missing blobs go to the registry.
    Push,
    /// An image comes from another environment's registry.
    Promote,
    /// A revision of a task definition is registered.
    Register,
    /// UpdateService, or CreateService.
    Update,
    /// A rollout is followed.
    Watch,
    /// A one-off task is started, or joined, and followed to its end.
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
    AlreadyReleased {
        /// What has the tag now.
        digest: Digest,
        /// What the image says of where it comes from.
        source: ImageSource,
    },
    /// The tag is in another environment's registry (`from`) and not in this one: copy it.
    Promote {
        /// `REGISTRY/REPOSITORY:TAG` in the other registry.
        from: String,
        /// What has the tag there.
        digest: Digest,
    },
    /// The tag is in both with this digest: nothing to do.
    AlreadyPromoted {
        /// `REGISTRY/REPOSITORY:TAG` in the other registry.
        from: String,
        /// What has the tag in both.
        digest: Digest,
    },
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
    /// The live revision is equal, no setting changes, and its rollout is complete.
    NothingToDo,
}

/// How a rollout ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// What was wanted runs.
    Deployed,
    /// What was wanted runs already.
    NothingToDo,
    /// It failed, and the service is back on the revision before.
    RolledBack,
    /// It failed, and the service is not on its last good revision.
    RollbackFailed,
    /// Another deployment took its place.
    Superseded,
    /// It had not ended when its deadline passed, and goes on in ECS.
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
    /// It ended by itself, and the watched container with 0.
    Succeeded,
    /// It is not run again: ECS remembers that it ended well for this digest.
    RanBefore,
    /// It ran, and did not end well.
    Failed,
    /// It had not ended when its time was over.
    TimedOut,
    /// Ctrl-C or SIGTERM came first.
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
    /// What the service has now.
    pub before: u32,
    /// The same where the configuration has no `desired-count`.
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
    /// The key under `images`.
    pub image: String,
    /// The tag of what runs, or `commit HASH` where ECR has none that can be compared and the image says its commit; absent
    /// where neither is known.
    pub before: Option<String>,
    /// The tag of what is to run, or its digest where it has none.
    pub after: String,
    /// Which of the two is later.
    pub direction: Direction,
    /// Whether the direction is that in which they were pushed to ECR, for neither their tags nor their commits have one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub by_push: bool,
}

/// Which of two tags is the later version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// What is to run is the later one, or the same.
    Forward,
    /// What is to run is the earlier one.
    Back,
    /// One of the tags is no version, or is not known; nor is the order of the commits or of the pushes.
    Unknown,
}

/// A layer of a built image; `size` in bytes, compressed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Layer {
    /// Of the bytes as they are stored, compressed.
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
    /// Such as `application/vnd.oci.image.layer.v1.tar+gzip`.
    pub media_type: String,
}

/// A vulnerability that the scanner found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Finding {
    /// As its ecosystem names it: `libssl3`, `tokio`.
    pub package: String,
    /// The version in the image.
    pub installed: String,
    /// Empty where there is no fix yet.
    pub fixed: String,
    /// Such as `CVE-2026-12345`.
    pub id: String,
    /// Other ids of the same vulnerability.
    pub aliases: Vec<String>,
    /// `CRITICAL`, `HIGH`, …
    pub severity: String,
    /// What was scanned, in trivy's words: a file in the image, or the image's operating system.
    pub target: String,
    /// The advisory's own headline; may be empty.
    pub title: String,
}

/// Where a rollout stands. The numbers are those of the revision that is rolled out; once ECS goes back, of the one that it
/// goes back to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Progress {
    /// ECS's word, such as `IN_PROGRESS`.
    pub status: String,
    /// How many tasks it is to have.
    pub desired: u32,
    /// Tasks that have been placed and do not run yet.
    pub pending: u32,
    /// Tasks that run.
    pub running: u32,
    /// Tasks that did not start, in a row, or what the circuit breaker has counted, whichever is more.
    pub failed: u32,
    /// ECS's word, such as `BAKE_TIME`; empty in a rolling rollout.
    pub stage: String,
    /// The revision that is rolled out first, then those before it; none where ECS does not name them.
    pub revisions: Vec<RevisionProgress>,
    /// Those that ECS tells of.
    pub hooks: Vec<Hook>,
    /// The names of the alarms that are watched.
    pub alarms: Vec<String>,
    /// Those of them that went off.
    pub triggered: Vec<String>,
    /// None where it is off, or ECS does not say.
    pub breaker: Option<Breaker>,
    /// What is left of the bake at most, in whole minutes; only in the stage `BAKE_TIME`.
    pub bake_minutes: Option<u32>,
    /// None where that is not enabled.
    pub early_success: Option<EarlySuccess>,
}

/// One service revision in a rollout. Weights are percentages of the traffic, null where none is shifted.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RevisionProgress {
    /// The ARN of the service revision.
    pub arn: String,
    /// How many tasks it is to have.
    pub desired: u32,
    /// Tasks that have been placed and do not run yet.
    pub pending: u32,
    /// Tasks that run.
    pub running: u32,
    /// 0 to 100.
    pub production_weight: Option<f64>,
    /// 0 to 100, of the test traffic.
    pub test_weight: Option<f64>,
    /// The ARNs of the target groups that ECS uses for it, where they are not those of the service.
    pub target_groups: Vec<String>,
}

/// A hook that ECS has called, or that waits for a decision.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Hook {
    /// By which a decision names it; each step of a linear or canary rollout has its own.
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
    /// Failed tasks that count so far.
    pub count: u32,
    /// At how many it ends the rollout.
    pub threshold: u32,
    /// `resetOnHealthyTask` of the service's deployment configuration.
    pub resets: bool,
}

/// A rollout that is called a success before its last task runs; with `cleanup` `DEFERRED` old tasks serve on for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct EarlySuccess {
    /// At how many percent of its tasks healthy it is a success; absent where ECS does not say.
    pub healthy_percent: Option<u32>,
    /// ECS's word; empty where it says none.
    pub cleanup: String,
}

/// How one container of a stopped task ended. `exit_code` is absent where it never ran.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ContainerExit {
    /// Its name in the task definition.
    pub container: String,
    /// Above 128 where a signal ended it: 137 is SIGKILL.
    pub exit_code: Option<i32>,
    /// ECS's words, such as `OutOfMemoryError: …`; may be empty.
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
    /// How many they are.
    pub tasks: usize,
    /// ECS's word, such as `EssentialContainerExited`; may be empty.
    pub stop_code: String,
    /// ECS's `stoppedReason`, with `…` for what differs from task to task.
    pub reason: String,
    /// How the containers of each of them ended.
    pub containers: Vec<ContainerExit>,
}

/// The end of one container's log. Known values of the environment, and what follows a secret's name, are not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LogTail {
    /// Its name in the task definition.
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
    /// As Elastic Load Balancing has it, without the ARN around it.
    pub name: String,
    /// Such as `HTTP`.
    pub protocol: String,
    /// Empty where the protocol has none.
    pub path: String,
    /// `traffic-port` or a number.
    pub port: String,
    /// The codes that count as healthy.
    pub matcher: String,
    /// What is registered there; may be none.
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
    /// Elastic Load Balancing's own words; may be empty.
    pub description: String,
}

/// Something that wants to know what happens. Called from a thread of its own, in order.
pub trait Reader: Send {
    /// Its name in a warning, such as `slack`.
    fn name(&self) -> &'static str;
    /// Takes in one event. An error is told once, as a warning, and ends the reader: it gets no further events.
    fn read(&mut self, event: &Event) -> anyhow::Result<()>;
}
