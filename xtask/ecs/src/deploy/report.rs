//! The result of a deploy as data, for `--format json`.

use serde::Serialize;

use super::diff::Change;
use super::plan::Plan;
use super::schedules::ScheduleReport;
use super::tasks::TaskReport;
use crate::digest::Digest;
use crate::event::{DesiredCount, ImageSource, Lock, Outcome, PostMortem, ServiceAction, VersionChange};
use crate::gather::Gather;

/// What became of each service, in the order of their names.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// Those that were asked for, each once.
    pub services: Vec<ServiceReport>,
    /// What starts tasks by the clock, as far as it moves with them.
    pub schedules: Vec<ScheduleReport>,
}

/// What became of one service, or is going to where only a plan was asked for.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ServiceReport {
    /// The key under `services`.
    pub service: String,
    /// A name or an ARN, as the configuration has it.
    pub cluster: String,
    /// What the plan says is to be done.
    pub action: ServiceAction,
    /// What became of it.
    pub outcome: Became,
    /// The ARN of the revision; absent in a plan that is going to register it.
    pub revision: Option<String>,
    /// One for each container that runs an image of the configuration.
    pub images: Vec<ImageReport>,
    /// The ARN of the service deployment, or the id in `deployments` where that is all there is; empty without a rollout.
    pub deployment: String,
    /// From UpdateService to the end of the rollout.
    pub seconds: f64,
    /// How many tasks it had, and is to have.
    pub desired_count: DesiredCount,
    /// Where people reach it, of an Express service that was deployed.
    pub endpoints: Vec<String>,
    /// The images whose bytes change, by their tags.
    pub versions: Vec<VersionChange>,
    /// Where the images come from that it is to run.
    pub sources: Vec<ImageSource>,
    /// Who kept others from deploying to it, as the plan found it.
    pub locks: Vec<Lock>,
    /// What differs from the revision that the service was on.
    pub changes: Vec<Change>,
    /// The tasks that were run before and after it.
    pub tasks: Vec<TaskReport>,
    /// What the terminal says of it, where it did not end well.
    pub failure: Option<String>,
    /// Why its rollout failed; absent where it did not, or nothing could be found out.
    pub post_mortem: Option<PostMortem>,
}

/// What became of one service: how its rollout ended, or why it has no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Became {
    /// Only a plan was asked for.
    Planned,
    /// Another service failed before it began.
    NotAttempted,
    /// Its rollout goes on in ECS.
    Interrupted,
    /// How its rollout ended.
    #[serde(untagged)]
    Ended(Outcome),
}

impl Became {
    /// `rolled back`.
    pub(super) fn words(self) -> String {
        match self {
            Self::Planned => "planned".to_owned(),
            Self::NotAttempted => "not attempted".to_owned(),
            Self::Interrupted => "interrupted".to_owned(),
            Self::Ended(outcome) => outcome.word().replace('-', " "),
        }
    }
}

/// Which bytes a container runs.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ImageReport {
    /// Its name in the task definition.
    pub container: String,
    /// The key under `images`.
    pub image: String,
    /// `REGISTRY/REPOSITORY@sha256:…`.
    pub pinned: String,
    /// That of `pinned`.
    pub digest: Digest,
}

impl ServiceReport {
    pub(super) fn of_plan(plan: &Plan) -> Self {
        Self {
            service: plan.service.name.clone(),
            cluster: plan.service.cluster.clone(),
            action: plan.service_action(),
            outcome: Became::Planned,
            revision: plan.revision(),
            images: plan
                .pins
                .iter()
                .map(|pin| ImageReport {
                    container: pin.container.clone(),
                    image: pin.image.clone(),
                    pinned: pin.pinned.to_string(),
                    digest: pin.pinned.digest.clone(),
                })
                .gather(),
            deployment: String::new(),
            seconds: 0.0,
            desired_count: plan.desired_count(),
            endpoints: Vec::new(),
            versions: plan.versions.clone(),
            sources: plan.sources.clone(),
            locks: plan.locks(),
            changes: plan.changes.clone(),
            tasks: Vec::new(),
            failure: None,
            post_mortem: None,
        }
    }
}
