//! A rollout as ECS tells it, scene by scene, without ECS.

use std::collections::BTreeMap;
use std::sync::mpsc::Receiver;

use super::super::*;
use crate::aws::ecs::{Container, ContainerImage};
use crate::event::{Breaker, Hook};

pub(super) const OURS: &str = "arn:aws:ecs:r:1:task-definition/app:4";
pub(super) const BEFORE: &str = "arn:aws:ecs:r:1:task-definition/app:3";
pub(super) const OTHER: &str = "arn:aws:ecs:r:1:task-definition/app:5";
pub(super) const POLL: Duration = Duration::from_secs(1);

/// What ECS shows at one moment.
#[derive(Clone, Default)]
pub(super) struct Scene {
    pub(super) service: Service,
    /// The service deployments, the newest first: ARN, service revision, time, status.
    pub(super) listed: Vec<(&'static str, &'static str, i64, Status)>,
    pub(super) stopped: Vec<Task>,
    pub(super) unreachable: bool,
    /// A hook of the rollout waits for a decision.
    pub(super) waits: bool,
    pub(super) breaker: Option<Breaker>,
}

/// A story told scene by scene: each pause turns the page; the last stays.
#[derive(Default)]
pub(super) struct Story {
    pub(super) scenes: Vec<Scene>,
    pub(super) at: usize,
    pub(super) time: Duration,
    /// The page at which the user interrupts.
    pub(super) interrupted_at: Option<usize>,
    /// That it is no user who interrupts, but this.
    pub(super) recalled: Option<String>,
    /// What this repository's own check decides, after ten minutes.
    pub(super) checked: Option<Answer>,
    /// What a rollback leads to.
    pub(super) after_rollback: Vec<Scene>,
    pub(super) denied: Vec<&'static str>,
    /// The page of the rollback at which the user interrupts.
    pub(super) interrupted_after_rollback: Option<usize>,
    /// StopServiceDeployment is answered with a conflict so many times.
    pub(super) conflicts: usize,
    /// Calls that are answered with something that is no answer.
    pub(super) broken: Vec<&'static str>,
    pub(super) calls: Vec<String>,
    /// What rollouts usually take.
    pub(super) usual: Option<f64>,
}

impl Story {
    pub(super) fn scene(&self) -> &Scene {
        &self.scenes[self.at.min(self.scenes.len() - 1)]
    }

    pub(super) fn ask(&mut self, call: &'static str) -> Result<(), AwsError> {
        self.calls.push(call.to_owned());
        let unreachable = self.scene().unreachable || self.broken.contains(&call);
        let kind = match (self.denied.contains(&call), unreachable) {
            (true, _) => Kind::Denied,
            (false, true) => Kind::Unreachable,
            (false, false) => return Ok(()),
        };
        let fix = if kind == Kind::Denied { format!("allow the action `{call}`") } else { String::new() };
        Err(AwsError { call, subject: "service app".into(), kind, code: String::new(), message: "no".into(), fix })
    }
}

impl Observe for Story {
    fn service(&mut self) -> Result<Service, AwsError> {
        self.ask("ecs:DescribeServices")?;
        Ok(self.scene().service.clone())
    }

    fn listed(&mut self, after: i64) -> Result<Vec<ListedDeployment>, AwsError> {
        self.ask("ecs:ListServiceDeployments")?;
        let listed = self.scene().listed.iter().filter(|(_, _, at, _)| *at >= after);
        Ok(listed
            .map(|(arn, target, created_at, status)| ListedDeployment {
                arn: (*arn).into(),
                target: (*target).into(),
                status: status.clone(),
                created_at: *created_at,
                ..ListedDeployment::default()
            })
            .collect())
    }

    fn service_deployment(&mut self, arn: &str) -> Result<Option<ServiceDeployment>, AwsError> {
        self.ask("ecs:DescribeServiceDeployments")?;
        let found = self.scene().listed.iter().find(|(listed, ..)| *listed == arn);
        Ok(found.map(|(arn, target, created_at, status)| ServiceDeployment {
            arn: (*arn).into(),
            target: (*target).into(),
            created_at: *created_at,
            status: status.clone(),
            reason: "tasks failed to start".into(),
            stage: if self.scene().waits { "POST_SCALE_UP".into() } else { String::new() },
            hooks: if self.scene().waits { vec![waiting()] } else { Vec::new() },
            breaker: self.scene().breaker.clone(),
            ..ServiceDeployment::default()
        }))
    }

    fn revisions(&mut self, arns: &[String]) -> Result<Vec<ServiceRevision>, AwsError> {
        self.ask("ecs:DescribeServiceRevisions")?;
        let known = BTreeMap::from([("revision/3", BEFORE), ("revision/4", OURS), ("revision/5", OTHER)]);
        let of = |arn: &String| {
            let task_definition = known.get(arn.as_str()).copied()?.into();
            Some(ServiceRevision { arn: arn.clone(), task_definition, ..ServiceRevision::default() })
        };
        Ok(arns.iter().filter_map(of).collect())
    }

    fn tasks(&mut self, _: bool, known: &SortedSet<String>) -> Result<Vec<Task>, AwsError> {
        self.ask("ecs:ListTasks")?;
        Ok(self.scene().stopped.iter().filter(|task| !known.contains(&task.arn)).cloned().collect())
    }

    fn children(&mut self, _: &Pinned) -> Result<Vec<Digest>, AwsError> {
        unreachable!("a rollout that is watched proves no digest")
    }

    fn registered_by(&mut self, revision: &str) -> Result<String, AwsError> {
        self.ask("ecs:DescribeTaskDefinition")?;
        Ok(format!("who registered {}", short(revision)))
    }

    fn usual(&mut self) -> Option<f64> {
        self.usual
    }

    fn roll_back(&mut self, arn: &str) -> Result<(), AwsError> {
        self.ask("ecs:StopServiceDeployment")?;
        if self.conflicts > 0 {
            self.conflicts -= 1;
            return Err(AwsError {
                call: "ecs:StopServiceDeployment",
                subject: arn.to_owned(),
                kind: Kind::Answered,
                code: "ConflictException".into(),
                message: "it is in the SUCCESSFUL state".into(),
                fix: String::new(),
            });
        }
        self.calls.push(arn.to_owned());
        self.scenes = std::mem::take(&mut self.after_rollback);
        self.at = 0;
        self.interrupted_at = self.interrupted_after_rollback;
        Ok(())
    }

    fn check(&mut self, pause: &Pause) -> Option<Answer> {
        let answer = self.checked.clone()?;
        self.calls.push(format!("check {}", pause.stage));
        self.time += Duration::from_secs(600);
        Some(answer)
    }

    fn answer(&mut self, _: &str, hook: &str, go_on: bool) -> Result<(), AwsError> {
        self.calls.push(format!("{hook} {go_on}"));
        self.ask("ecs:ContinueServiceDeployment")
    }

    fn elapsed(&self) -> Duration {
        self.time
    }

    fn pause(&mut self, pause: Duration, deaf: bool) -> Woken {
        self.time += pause;
        if !deaf && self.interrupted_at == Some(self.at) {
            return self.recalled.clone().map_or(Woken::Interrupted, Woken::Recalled);
        }
        self.at += 1;
        Woken::No
    }
}

/// When the rollout began, milliseconds since the epoch.
pub(super) const SINCE: i64 = 1_000_000;

pub(super) fn deployment(id: &str, status: &str, revision: &str, state: &str, running: u32) -> Deployment {
    Deployment {
        id: id.into(),
        status: status.into(),
        task_definition: revision.into(),
        desired: 2,
        running,
        rollout_state: state.into(),
        created_at: SINCE,
        ..Deployment::default()
    }
}

pub(super) fn scene(deployments: Vec<Deployment>, listed: Vec<(&'static str, &'static str, i64, Status)>) -> Scene {
    let service = Service { name: "app".into(), desired: 2, deployments, rolls_back: true, ..Service::default() };
    Scene { service, listed, ..Scene::default() }
}

/// Our rollout, on its own, with so many tasks running.
pub(super) fn ours(status: Status, running: u32) -> Scene {
    let state = if status == Status::Successful { "COMPLETED" } else { "IN_PROGRESS" };
    scene(
        vec![deployment("ecs-svc/4", "PRIMARY", OURS, state, running)],
        vec![
            ("deployment/4", "revision/4", 1_000_000, status),
            ("deployment/3", "revision/3", 990_000, Status::Successful),
        ],
    )
}

pub(super) fn back(status: Status) -> Scene {
    scene(
        vec![deployment("ecs-svc/5", "PRIMARY", BEFORE, "COMPLETED", 2)],
        vec![("deployment/4", "revision/4", 1_000_000, status)],
    )
}

pub(super) fn stopped(number: u8, started_by: &str) -> Task {
    Task {
        arn: format!("arn:aws:ecs:r:1:task/sample/{number}"),
        started_by: started_by.into(),
        stop_code: "EssentialContainerExited".into(),
        containers: vec![Container {
            name: "app".into(),
            exit_code: Some(1),
            image: ContainerImage::default(),
            ..Container::default()
        }],
        ..Task::default()
    }
}

pub(super) fn waiting() -> Hook {
    Hook { id: "ecs-pause-1".into(), status: "AWAITING_ACTION".into(), ..Hook::default() }
}

pub(super) fn target(on_interrupt: OnInterrupt) -> Target {
    Target {
        service: "app".into(),
        revision: OURS.into(),
        previous: BEFORE.into(),
        start: ours(Status::Pending, 0).service,
        deployment: "ecs-svc/4".into(),
        since: SINCE,
        only_scaled: false,
        joined: false,
        way_back: true,
        rollout: Rollout { deadline: Duration::from_secs(900), poll: POLL, on_interrupt, ..Rollout::default() },
        until: Until::Done,
        document: Value::Null,
        pinned: Vec::new(),
    }
}

pub(super) fn watch(story: &mut Story) -> (End, Vec<Event>) {
    watch_as(story, OnInterrupt::Leave)
}

pub(super) fn watch_as(story: &mut Story, on_interrupt: OnInterrupt) -> (End, Vec<Event>) {
    let (events, heard) = Events::collect();
    let end = follow(story, &target(on_interrupt), &events).expect("the story is told to its end");
    drop(events);
    (end, drain(&heard))
}

pub(super) fn drain(heard: &Receiver<Event>) -> Vec<Event> {
    heard.try_iter().collect()
}

pub(super) fn progress_lines(events: &[Event]) -> Vec<String> {
    let line = |event: &Event| match event {
        Event::RolloutProgress { progress: Progress { status, running, desired, failed, .. }, .. } => {
            Some(format!("{status} {running}/{desired} {failed}"))
        }
        _ => None,
    };
    events.iter().filter_map(line).collect()
}
