//! The typed things that happen while a command runs, and the stream that carries them to their readers.
//!
//! Stages emit; readers (terminal, JSON lines, GitHub, Slack) each have a thread and a queue of their own, so
//! that one that blocks, fails or panics is reported once and changes no outcome.

mod action;
mod found;
mod image;
mod lock;
mod planned;
mod post_mortem;
mod rollout;
mod stream;

use serde::{Serialize, Serializer};

pub use action::{DesiredCount, Direction, ImageAction, ImageSource, ServiceAction, VersionChange};
pub use image::{Finding, Layer};
pub use lock::{Lock, LockKind};
pub use planned::remarks;
pub use post_mortem::{Cause, LogTail, PostMortem, TargetGroup, TargetHealth};
pub use rollout::{
    Breaker, ContainerExit, EarlySuccess, Hook, Outcome, Progress, RevisionProgress, TaskOutcome, Usual,
};
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
    /// What passed is in its repository under no tag; `release --assemble` puts the tag by the file.
    ImageLeft {
        /// The key under `images`, with ` (PLATFORM)` behind it where the image has several platforms.
        image: String,
        /// `REGISTRY/REPOSITORY:TAG`, as it is going to be.
        reference: String,
        /// That of the manifest.
        digest: Digest,
        /// Where it is written down what was made.
        file: String,
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
    /// `status` has shown these services.
    StatusShown {
        /// How many.
        services: usize,
        /// Of them, those that a rollout is under way of.
        under_way: usize,
    },
    /// `verify` has looked at everything.
    Verified {
        /// How many things.
        things: usize,
        /// Of them, those that a deploy would fail by.
        problems: usize,
        /// Of them, those that this identity may not look at.
        untold: usize,
        /// Of them, those that had no answer.
        unanswered: usize,
    },
    /// `logs` has read to the end, or until nobody wanted more.
    LogsRead {
        /// How many events were shown.
        lines: usize,
        /// Of how many tasks.
        tasks: usize,
    },
    /// `exec` or `forward` hands over to the Session Manager plugin.
    SessionStarted {
        /// By its name in the configuration.
        service: String,
        /// The task's id.
        task: String,
        /// The container's name.
        container: String,
        /// The command line that is executed; empty where a port is forwarded.
        command: String,
        /// `127.0.0.1:LOCAL to port REMOTE`, and ` of HOST` where it leads further; empty where a command is executed.
        forwards: String,
    },
    /// `scale` has set how many tasks a service has, or the bounds for Auto Scaling.
    ServiceScaled {
        /// By its name in the configuration.
        service: String,
        /// A count, or `MIN..MAX`.
        before: String,
        /// The same in numbers as before where nothing had to change.
        after: String,
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

/// Something that wants to know what happens. Called from a thread of its own, in order.
pub trait Reader: Send {
    /// Its name in a warning, such as `slack`.
    fn name(&self) -> &'static str;
    /// Takes in one event. An error is told once, as a warning, and ends the reader: it gets no further events.
    fn read(&mut self, event: &Event) -> anyhow::Result<()>;
}
