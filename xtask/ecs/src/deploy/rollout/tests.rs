mod current;
mod fail_fast;
mod late;

use std::collections::BTreeMap;
use std::sync::mpsc::Receiver;

use super::*;
use crate::aws::ecs::{Container, ContainerImage, ServiceMessage};
use crate::event::{Breaker, Hook};

const OURS: &str = "arn:aws:ecs:r:1:task-definition/app:4";
const BEFORE: &str = "arn:aws:ecs:r:1:task-definition/app:3";
const OTHER: &str = "arn:aws:ecs:r:1:task-definition/app:5";
const POLL: Duration = Duration::from_secs(1);

/// What ECS shows at one moment.
#[derive(Clone, Default)]
struct Scene {
    service: Service,
    /// The service deployments, the newest first: ARN, service revision, time, status.
    listed: Vec<(&'static str, &'static str, i64, Status)>,
    stopped: Vec<Task>,
    unreachable: bool,
    /// A hook of the rollout waits for a decision.
    waits: bool,
    breaker: Option<Breaker>,
}

/// A story told scene by scene: each pause turns the page; the last stays.
#[derive(Default)]
struct Story {
    scenes: Vec<Scene>,
    at: usize,
    time: Duration,
    /// The page at which the user interrupts.
    interrupted_at: Option<usize>,
    /// That it is no user who interrupts, but this.
    recalled: Option<String>,
    /// What this repository's own check decides, after ten minutes.
    checked: Option<Answer>,
    /// What a rollback leads to.
    after_rollback: Vec<Scene>,
    denied: Vec<&'static str>,
    /// The page of the rollback at which the user interrupts.
    interrupted_after_rollback: Option<usize>,
    /// StopServiceDeployment is answered with a conflict so many times.
    conflicts: usize,
    /// Calls that are answered with something that is no answer.
    broken: Vec<&'static str>,
    calls: Vec<String>,
}

impl Story {
    fn scene(&self) -> &Scene {
        &self.scenes[self.at.min(self.scenes.len() - 1)]
    }

    fn ask(&mut self, call: &'static str) -> Result<(), AwsError> {
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

fn deployment(id: &str, status: &str, revision: &str, state: &str, running: u32) -> Deployment {
    Deployment {
        id: id.into(),
        status: status.into(),
        task_definition: revision.into(),
        desired: 2,
        running,
        rollout_state: state.into(),
        ..Deployment::default()
    }
}

fn scene(deployments: Vec<Deployment>, listed: Vec<(&'static str, &'static str, i64, Status)>) -> Scene {
    let service = Service { name: "app".into(), desired: 2, deployments, rolls_back: true, ..Service::default() };
    Scene { service, listed, ..Scene::default() }
}

/// Our rollout, on its own, with so many tasks running.
fn ours(status: Status, running: u32) -> Scene {
    let state = if status == Status::Successful { "COMPLETED" } else { "IN_PROGRESS" };
    scene(
        vec![deployment("ecs-svc/4", "PRIMARY", OURS, state, running)],
        vec![
            ("deployment/4", "revision/4", 1_000_000, status),
            ("deployment/3", "revision/3", 990_000, Status::Successful),
        ],
    )
}

fn back(status: Status) -> Scene {
    scene(
        vec![deployment("ecs-svc/5", "PRIMARY", BEFORE, "COMPLETED", 2)],
        vec![("deployment/4", "revision/4", 1_000_000, status)],
    )
}

fn stopped(number: u8, started_by: &str) -> Task {
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

fn waiting() -> Hook {
    Hook { id: "ecs-pause-1".into(), status: "AWAITING_ACTION".into(), ..Hook::default() }
}

fn target(on_interrupt: OnInterrupt) -> Target {
    Target {
        service: "app".into(),
        revision: OURS.into(),
        previous: BEFORE.into(),
        start: ours(Status::Pending, 0).service,
        deployment: "ecs-svc/4".into(),
        since: 1_000_000,
        only_scaled: false,
        way_back: true,
        rollout: Rollout { deadline: Duration::from_secs(900), poll: POLL, on_interrupt, ..Rollout::default() },
        until: Until::Done,
        document: Value::Null,
        pinned: Vec::new(),
    }
}

fn watch(story: &mut Story) -> (End, Vec<Event>) {
    watch_as(story, OnInterrupt::Leave)
}

fn watch_as(story: &mut Story, on_interrupt: OnInterrupt) -> (End, Vec<Event>) {
    let (events, heard) = Events::collect();
    let end = follow(story, &target(on_interrupt), &events).expect("the story is told to its end");
    drop(events);
    (end, drain(&heard))
}

fn drain(heard: &Receiver<Event>) -> Vec<Event> {
    heard.try_iter().collect()
}

fn progress_lines(events: &[Event]) -> Vec<String> {
    let line = |event: &Event| match event {
        Event::RolloutProgress { progress: Progress { status, running, desired, failed, .. }, .. } => {
            Some(format!("{status} {running}/{desired} {failed}"))
        }
        _ => None,
    };
    events.iter().filter_map(line).collect()
}

#[test]
fn each_change_of_state_is_told_once() {
    let mut story = Story {
        scenes: vec![
            ours(Status::Pending, 0),
            ours(Status::InProgress, 0),
            ours(Status::InProgress, 0),
            ours(Status::InProgress, 2),
            ours(Status::Successful, 2),
        ],
        ..Story::default()
    };
    let (end, events) = watch(&mut story);
    assert_eq!(end.ended, Ended::With(Conclusion::Deployed));
    assert_eq!(
        progress_lines(&events),
        ["PENDING 0/2 0", "IN_PROGRESS 0/2 0", "IN_PROGRESS 2/2 0", "SUCCESSFUL 2/2 0"]
    );
    let lists = story.calls.iter().filter(|call| *call == "ecs:ListServiceDeployments").count();
    assert_eq!(lists, 1, "a found rollout is not looked up again");
}

#[test]
fn only_messages_of_this_rollout_are_told_and_each_once() {
    let message = |id: &str, at, text: &str| ServiceMessage { id: id.into(), at, text: text.into() };
    let mut first = ours(Status::InProgress, 0);
    first.service.messages = vec![message("b", 1_000_001, "has started 1 tasks"), message("a", 999_000, "old")];
    let mut second = ours(Status::Successful, 2);
    second.service.messages = [vec![message("c", 1_000_002, "steady state")], first.service.messages.clone()].concat();
    let (end, events) = watch(&mut Story { scenes: vec![first, second], ..Story::default() });
    let told: Vec<_> = events
        .iter()
        .filter_map(
            |event| if let Event::ServiceMessage { message, .. } = event { Some(message.as_str()) } else { None },
        )
        .collect();
    assert_eq!(told, ["has started 1 tasks", "steady state"]);
    assert_eq!(end.messages, ["steady state", "has started 1 tasks"]);
}

#[test]
fn a_rollback_is_followed_to_its_end_and_only_our_tasks_are_told() {
    let mut failing = ours(Status::InProgress, 0);
    failing.stopped = vec![stopped(1, "ecs-svc/4"), stopped(2, "ecs-svc/3")];
    let mut rolling = back(Status::RollbackInProgress);
    rolling.stopped = vec![stopped(1, "ecs-svc/4"), stopped(3, "ecs-svc/4")];
    let scenes = vec![failing, rolling, back(Status::RollbackSuccessful)];
    let (end, events) = watch(&mut Story { scenes, ..Story::default() });
    assert_eq!(end.ended, Ended::With(Conclusion::RolledBack { reason: "tasks failed to start".into() }));
    let ids: Vec<_> = end.stopped.iter().map(Task::id).collect();
    assert_eq!(ids, ["1", "3"]);
    assert_eq!(events.iter().filter(|event| matches!(event, Event::TaskStopped { .. })).count(), 2);
}

#[test]
fn another_deployment_supersedes_and_is_named_with_who_registered_it() {
    let theirs = scene(
        vec![
            deployment("ecs-svc/6", "PRIMARY", OTHER, "IN_PROGRESS", 0),
            deployment("ecs-svc/4", "ACTIVE", OURS, "IN_PROGRESS", 1),
        ],
        vec![
            ("deployment/5", "revision/5", 1_005_000, Status::InProgress),
            ("deployment/4", "revision/4", 1_000_000, Status::StopRequested),
        ],
    );
    let (end, _) = watch(&mut Story { scenes: vec![ours(Status::InProgress, 1), theirs], ..Story::default() });
    let by = Newer { revision: OTHER.into(), who: "who registered app:5".into() };
    assert_eq!(end.ended, Ended::With(Conclusion::Superseded { by }));
}

#[test]
fn an_older_service_deployment_of_the_same_revision_is_not_taken_for_ours() {
    let mut scenes = vec![ours(Status::InProgress, 1), ours(Status::Successful, 2)];
    for scene in &mut scenes {
        scene.listed.push(("deployment/2", "revision/4", 950_000, Status::RollbackFailed));
    }
    let (end, _) = watch(&mut Story { scenes, ..Story::default() });
    assert_eq!(end.ended, Ended::With(Conclusion::Deployed));
}

#[test]
fn without_the_permission_it_warns_once_and_reads_the_deployments() {
    let mut story = Story {
        scenes: vec![ours(Status::InProgress, 1), ours(Status::InProgress, 1), ours(Status::Successful, 2)],
        denied: vec!["ecs:ListServiceDeployments"],
        ..Story::default()
    };
    let (end, events) = watch(&mut story);
    assert_eq!(end.ended, Ended::With(Conclusion::Deployed));
    let warnings: Vec<_> = events
        .iter()
        .filter_map(|event| if let Event::Warning { message, .. } = event { Some(message.as_str()) } else { None })
        .collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("allow the action `ecs:ListServiceDeployments`"), "{warnings:?}");
}

#[test]
fn a_rollout_that_is_never_listed_is_read_from_the_deployments_after_a_while() {
    let unlisted = |status, running| Scene { listed: Vec::new(), ..ours(status, running) };
    let mut scenes = vec![unlisted(Status::InProgress, 1)];
    scenes.push(unlisted(Status::Successful, 2));
    let (end, events) = watch(&mut Story { scenes, ..Story::default() });
    assert_eq!(end.ended, Ended::With(Conclusion::Deployed));
    assert!((20..24).contains(&end.seen.elapsed.as_secs()), "{:?}", end.seen.elapsed);
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Warning { .. })).count(), 1);
}

#[test]
fn an_emulator_that_fails_on_service_deployments_alone_is_followed_without_them() {
    let mut story = Story {
        scenes: vec![ours(Status::InProgress, 1), ours(Status::InProgress, 1), ours(Status::Successful, 2)],
        broken: vec!["ecs:ListServiceDeployments"],
        ..Story::default()
    };
    let (end, events) = watch(&mut story);
    assert_eq!(end.ended, Ended::With(Conclusion::Deployed));
    let warned = |event: &&Event| matches!(event, Event::Warning { message, .. } if message.contains("tells less"));
    assert_eq!(events.iter().filter(warned).count(), 1);
}

#[test]
fn without_the_permission_a_rollback_is_still_no_success() {
    let failed = scene(
        vec![
            deployment("ecs-svc/5", "PRIMARY", BEFORE, "IN_PROGRESS", 2),
            deployment("ecs-svc/4", "ACTIVE", OURS, "FAILED", 0),
        ],
        vec![],
    );
    let mut story = Story {
        scenes: vec![ours(Status::InProgress, 0), failed, back(Status::RollbackSuccessful)],
        denied: vec!["ecs:ListServiceDeployments"],
        ..Story::default()
    };
    let (end, _) = watch(&mut story);
    assert!(matches!(end.ended, Ended::With(Conclusion::RolledBack { .. })), "{:?}", end.ended);
}

#[test]
fn a_network_that_comes_back_costs_a_warning_and_not_the_rollout() {
    let blind = Scene { unreachable: true, ..ours(Status::InProgress, 1) };
    let scenes = [vec![ours(Status::InProgress, 1)], vec![blind; 6], vec![ours(Status::Successful, 2)]].concat();
    let (end, events) = watch(&mut Story { scenes, ..Story::default() });
    assert_eq!(end.ended, Ended::With(Conclusion::Deployed));
    assert!(end.seen.rollout.is_some(), "the service deployment is not given up for it");
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Warning { .. })).count(), 6);
}

#[test]
fn a_network_that_stays_away_ends_the_watch() {
    let blind = Scene { unreachable: true, ..ours(Status::InProgress, 1) };
    let mut story = Story { scenes: vec![blind], ..Story::default() };
    let error = follow(&mut story, &target(OnInterrupt::Leave), &Events::discard()).expect_err("nothing was seen");
    assert_eq!(error.kind, Kind::Unreachable);
}

#[test]
fn an_interrupt_is_heard_while_nothing_can_be_seen() {
    let blind = Scene { unreachable: true, ..ours(Status::InProgress, 1) };
    let mut story = Story { scenes: vec![blind], interrupted_at: Some(2), ..Story::default() };
    let (end, _) = watch(&mut story);
    assert_eq!(end.ended, Ended::Interrupted { asked: None });
    assert_eq!(end.seen.service.deployments.len(), 1, "what UpdateService answered is known");
}

#[test]
fn the_deadline_ends_a_rollout_that_never_does() {
    let (end, _) = watch(&mut Story { scenes: vec![ours(Status::InProgress, 1)], ..Story::default() });
    assert!(matches!(end.ended, Ended::With(Conclusion::TimedOut { .. })), "{:?}", end.ended);
    assert!(end.seen.elapsed >= Duration::from_secs(900) && end.seen.elapsed < Duration::from_secs(906));
}

#[test]
fn a_minute_without_news_is_told_with_what_is_waited_for() {
    let mut story = Story { scenes: vec![ours(Status::InProgress, 1)], ..Story::default() };
    let (end, events) = watch(&mut story);
    assert!(matches!(end.ended, Ended::With(Conclusion::TimedOut { .. })), "{:?}", end.ended);
    let waits: Vec<&str> = events
        .iter()
        .filter_map(|event| match event {
            Event::Note { verb, message } if verb == "Waiting" => Some(message.as_str()),
            _ => None,
        })
        .collect();
    let minutes = usize::try_from(end.seen.elapsed.as_secs() / 60).unwrap_or_default();
    assert!(minutes > 0 && (1..=minutes).contains(&waits.len()), "{waits:?}");
    assert!(waits[0].starts_with("app: for tasks: 1 of 2 running, "), "{waits:?}");
}

#[test]
fn an_interrupt_leaves_the_rollout_to_ecs() {
    let mut story = Story { scenes: vec![ours(Status::InProgress, 1)], interrupted_at: Some(0), ..Story::default() };
    let (end, _) = watch(&mut story);
    assert_eq!(end.ended, Ended::Interrupted { asked: None });
    assert!(!story.calls.contains(&"ecs:StopServiceDeployment".to_owned()));
}

#[test]
fn an_interrupt_rolls_back_where_the_configuration_says_so() {
    let mut story = Story {
        scenes: vec![ours(Status::InProgress, 1)],
        interrupted_at: Some(0),
        after_rollback: vec![back(Status::RollbackInProgress), back(Status::RollbackSuccessful)],
        ..Story::default()
    };
    let (end, _) = watch_as(&mut story, OnInterrupt::Rollback);
    let asked = Some(Conclusion::RolledBack { reason: "tasks failed to start".into() });
    assert_eq!(end.ended, Ended::Interrupted { asked });
    assert!(story.calls.contains(&"deployment/4".to_owned()));
}

#[test]
fn a_rollout_that_is_recalled_goes_back_for_the_reason_of_another_service() {
    let mut story = Story {
        scenes: vec![ours(Status::InProgress, 1)],
        interrupted_at: Some(0),
        recalled: Some("service migrator failed".into()),
        after_rollback: vec![back(Status::RollbackInProgress), back(Status::RollbackSuccessful)],
        ..Story::default()
    };
    let (end, _) = watch_as(&mut story, OnInterrupt::Leave);
    assert_eq!(end.ended, Ended::Recalled { why: "service migrator failed".into() });
    assert_eq!(story.calls.iter().filter(|call| *call == "deployment/4").count(), 1);
}

#[test]
fn a_rollout_that_ended_well_before_it_could_be_recalled_has_ended_well() {
    let mut story = Story {
        scenes: vec![ours(Status::InProgress, 1)],
        interrupted_at: Some(0),
        recalled: Some("service migrator failed".into()),
        after_rollback: vec![ours(Status::Successful, 2)],
        ..Story::default()
    };
    let (end, _) = watch_as(&mut story, OnInterrupt::Leave);
    assert_eq!(end.ended, Ended::With(Conclusion::Deployed));
}

#[test]
fn a_breaker_that_counts_from_0_again_because_a_task_got_healthy_is_warned_of_once() {
    let counts = |resets, counts: &[u32]| {
        let scene = |count: &u32| Scene {
            breaker: Some(Breaker { count: *count, threshold: 3, resets }),
            ..ours(Status::InProgress, 1)
        };
        let mut scenes: Vec<Scene> = counts.iter().map(scene).collect();
        scenes.push(ours(Status::Successful, 2));
        let (_, events) = watch(&mut Story { scenes, ..Story::default() });
        let warnings = events.into_iter().filter_map(|event| match event {
            Event::Warning { message, .. } => Some(message),
            _ => None,
        });
        warnings.collect::<Vec<_>>()
    };
    let warnings = counts(true, &[1, 2, 0, 1, 0]);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("counts from 0 again after 2 failed tasks"), "{warnings:?}");
    assert_eq!(counts(true, &[0, 1, 2]), [""; 0]);
    assert_eq!(counts(false, &[2, 0]), [""; 0]);
}

#[test]
fn a_check_at_a_pause_is_made_once_lets_the_rollout_go_on_and_takes_none_of_its_time() {
    let waits = || Scene { waits: true, ..ours(Status::InProgress, 2) };
    let mut story = Story {
        scenes: vec![ours(Status::InProgress, 0), waits(), waits(), ours(Status::Successful, 2)],
        checked: Some(Answer::Continue),
        ..Story::default()
    };
    let mut target = target(OnInterrupt::Leave);
    target.rollout.deadline = Duration::from_secs(60);
    let end = follow(&mut story, &target, &Events::discard()).expect("the story is told to its end");
    assert_eq!(end.ended, Ended::With(Conclusion::Deployed));
    let asked = |call: &str| story.calls.iter().filter(|made| made.as_str() == call).count();
    assert_eq!((asked("check POST_SCALE_UP"), asked("ecs-pause-1 true")), (1, 1), "{:?}", story.calls);
}

#[test]
fn a_check_that_says_no_has_ecs_roll_back_and_is_the_reason() {
    let waits = Scene { waits: true, ..ours(Status::InProgress, 2) };
    let mut story = Story {
        scenes: vec![waits, back(Status::RollbackInProgress), back(Status::RollbackSuccessful)],
        checked: Some(Answer::RollBack("the test endpoint answers 503".into())),
        ..Story::default()
    };
    let (end, _) = watch(&mut story);
    let reason = "its check at POST_SCALE_UP said no: the test endpoint answers 503".to_owned();
    assert_eq!(end.ended, Ended::With(Conclusion::RolledBack { reason }));
    assert!(story.calls.contains(&"ecs-pause-1 false".to_owned()), "{:?}", story.calls);
}
