//! Runs as the stages tell them, for the tests of the readers.

use std::time::Duration;

use super::Record;
use crate::digest::Digest;
use crate::event::{
    Cause, ContainerExit, DesiredCount, Event, Finding, ImageAction, ImageSource, Layer, Lock, LockKind, LogTail,
    Outcome, PostMortem, Progress, ServiceAction, Step, TargetGroup, TaskOutcome,
};
use crate::failure::{Ending, Failure, Place};

const REFERENCE: &str = "127.0.0.1:5000/sample/app:1.4.0";

pub(crate) fn digest() -> Digest {
    Digest::of(b"a manifest")
}

/// What a reader that keeps a record would have after these; one second between events.
pub(crate) fn record(events: &[Event]) -> Record {
    let mut record = Record::default();
    for (second, event) in (0..).zip(events) {
        record.take(event, Duration::from_secs(second));
    }
    record
}

pub(crate) fn started(command: &str) -> Event {
    Event::CommandStarted { command: command.to_owned(), environment: None }
}

pub(crate) fn finished(command: &str, failure: Option<Failure>) -> Event {
    Event::CommandFinished { command: command.to_owned(), failure, seconds: 12.5 }
}

pub(crate) fn failed(command: &str, ending: Ending, message: &str) -> Event {
    finished(command, Some(Failure::new(ending, message).help("cargo xtask release")))
}

fn planned(action: ImageAction) -> Event {
    Event::ImagePlanned { image: "app".to_owned(), reference: REFERENCE.to_owned(), action }
}

pub(crate) fn finding(index: usize) -> Finding {
    Finding {
        package: format!("libdemo{index}"),
        installed: "1.0-1".to_owned(),
        fixed: if index.is_multiple_of(2) { "1.0-2".to_owned() } else { String::new() },
        aliases: Vec::new(),
        id: format!("CVE-2026-{:04}", 1000 + index),
        severity: if index.is_multiple_of(3) { "CRITICAL" } else { "HIGH" }.to_owned(),
        target: "app (debian 12.11)".to_owned(),
        title: "a | pipe, a `tick` and a <tag>".to_owned(),
    }
}

fn scanned(passed: bool, findings: usize) -> Event {
    Event::ImageScanned {
        image: "app".to_owned(),
        digest: digest(),
        scanner: "trivy 0.69.3".to_owned(),
        passed,
        findings: (0..findings).map(finding).collect(),
        ignored: 1,
    }
}

/// An image built, scanned and pushed.
pub(crate) fn released() -> Vec<Event> {
    let image = || "app".to_owned();
    let step = |step| Event::StepStarted { step, subject: "app".to_owned() };
    let done = |step| Event::StepFinished { step, subject: "app".to_owned(), seconds: 1.5 };
    let layer = Layer { digest: digest(), size: 24_150_000, media_type: "application/gzip".to_owned() };
    vec![
        started("release"),
        planned(ImageAction::Release),
        Event::Warning {
            message: "FROM debian:12 is not pinned by digest".to_owned(),
            place: Some(Place { file: "app/Dockerfile".to_owned(), line: 3, column: 6 }),
        },
        step(Step::Build),
        Event::BuildOutput { image: image(), line: "#5 [2/3] RUN true".to_owned() },
        Event::ImageBuilt { image: image(), digest: digest(), layers: vec![layer.clone(), layer] },
        done(Step::Build),
        step(Step::Scan),
        Event::UploadProgress { image: image(), sent: 24_150_000, total: 48_300_000 },
        scanned(true, 0),
        done(Step::Scan),
        Event::ImageReleased {
            image: image(),
            reference: REFERENCE.to_owned(),
            pinned: format!("127.0.0.1:5000/sample/app@{}", digest()),
            digest: digest(),
            new: true,
            from: None,
        },
        finished("release", None),
    ]
}

/// An image that another run is to put the tag on.
pub(crate) fn left() -> Vec<Event> {
    let (image, reference, file) = ("app".to_owned(), REFERENCE.to_owned(), "target/xtask/parts/app.json".to_owned());
    let left = Event::ImageLeft { image, reference, digest: digest(), file };
    vec![started("release"), planned(ImageAction::Release), scanned(true, 0), left, finished("release", None)]
}

pub(crate) fn already_released() -> Vec<Event> {
    let source = ImageSource { released: true, ..ImageSource::default() };
    let planned = planned(ImageAction::AlreadyReleased { digest: digest(), source });
    vec![started("release"), planned, finished("release", None)]
}

/// An image that the gate refused for this many findings.
pub(crate) fn refused(findings: usize) -> Vec<Event> {
    let error = format!("the scan refused app: {findings} findings");
    vec![
        started("release"),
        planned(ImageAction::Release),
        scanned(false, findings),
        failed("release", Ending::Refused, &error),
    ]
}

fn service_planned(action: ServiceAction) -> Event {
    Event::ServicePlanned {
        service: "app".to_owned(),
        cluster: "sample".to_owned(),
        action,
        desired_count: DesiredCount { before: 2, after: 2 },
        force_new_deployment: false,
        versions: Vec::new(),
        sources: Vec::new(),
        before: Vec::new(),
        after: Vec::new(),
        locks: Vec::new(),
    }
}

fn progress(status: &str, running: u32, failed: u32) -> Event {
    let service = "app".to_owned();
    let status = status.to_owned();
    let progress = Progress { status, desired: 2, pending: 2 - running, running, failed, ..Progress::default() };
    Event::RolloutProgress { service, progress }
}

fn ended(outcome: Outcome) -> Event {
    Event::RolloutEnded {
        service: "app".to_owned(),
        outcome,
        revision: "app:7".to_owned(),
        digests: vec![digest()],
        seconds: 95.0,
    }
}

pub(crate) fn deployed() -> Vec<Event> {
    vec![
        started("deploy"),
        service_planned(ServiceAction::Deploy),
        Event::TaskDefinitionChange {
            service: "app".to_owned(),
            path: "containerDefinitions[app].image".to_owned(),
            before: Some("127.0.0.1:5000/sample/app@sha256:00".to_owned()),
            after: Some("127.0.0.1:5000/sample/app@sha256:11".to_owned()),
        },
        Event::RevisionRegistered { service: "app".to_owned(), revision: "app:7".to_owned(), new: true },
        Event::RolloutStarted {
            service: "app".to_owned(),
            deployment: "abcdefg".to_owned(),
            revision: "app:7".to_owned(),
        },
        progress("IN_PROGRESS", 0, 0),
        progress("IN_PROGRESS", 2, 0),
        ended(Outcome::Deployed),
        finished("deploy", None),
    ]
}

/// A migration by itself, whose log holds what it likes.
pub(crate) fn ran(outcome: TaskOutcome, line: &str) -> Vec<Event> {
    let (task, arn) = ("migrate".to_owned(), "arn:aws:ecs:r:1:task/sample/0123456789abcdef".to_owned());
    let code = i32::from(outcome != TaskOutcome::Succeeded);
    let exit = ContainerExit { container: "app".to_owned(), exit_code: Some(code), reason: String::new() };
    vec![
        started("run"),
        Event::RevisionRegistered { service: "app".to_owned(), revision: "app:7".to_owned(), new: true },
        Event::TaskStarted {
            task: task.clone(),
            arn: arn.clone(),
            revision: "app:7".to_owned(),
            log: "/ecs/app ecs/app/0123456789abcdef".to_owned(),
            joined: false,
        },
        Event::TaskOutput { task: task.clone(), line: line.to_owned() },
        Event::TaskEnded {
            task,
            arn,
            outcome,
            exit_code: Some(code),
            stop_code: "EssentialContainerExited".to_owned(),
            reason: line.to_owned(),
            exit_codes: vec![exit],
            seconds: 12.0,
        },
        finished("run", None),
    ]
}

pub(crate) fn deploy_with_nothing_to_do() -> Vec<Event> {
    vec![started("deploy"), service_planned(ServiceAction::NothingToDo), finished("deploy", None)]
}

pub(crate) fn rolled_back() -> Vec<Event> {
    let exits =
        vec![ContainerExit { container: "app".to_owned(), exit_code: Some(1), reason: "no such table".to_owned() }];
    let cause = Cause {
        tasks: 3,
        stop_code: "EssentialContainerExited".to_owned(),
        reason: "Essential container in task exited".to_owned(),
        containers: exits.clone(),
    };
    vec![
        started("deploy"),
        service_planned(ServiceAction::Deploy),
        Event::RolloutStarted {
            service: "app".to_owned(),
            deployment: "abcdefg".to_owned(),
            revision: "app:7".to_owned(),
        },
        progress("IN_PROGRESS", 0, 1),
        Event::TaskStopped {
            service: "app".to_owned(),
            task: "0123456789abcdef".to_owned(),
            stop_code: "EssentialContainerExited".to_owned(),
            reason: "Essential container in task exited".to_owned(),
            exit_codes: exits,
        },
        Event::ServiceMessage {
            service: "app".to_owned(),
            message: "(service app) rolled back to deployment b.".to_owned(),
        },
        ended(Outcome::RolledBack),
        Event::PostMortem {
            service: "app".to_owned(),
            post_mortem: PostMortem {
                causes: vec![cause],
                logs: vec![LogTail {
                    container: "app".to_owned(),
                    task: "0123456789abcdef".to_owned(),
                    source: "/ecs/app ecs/app/0123456789abcdef".to_owned(),
                    lines: vec!["no such table: <users>".to_owned(), "@here".to_owned()],
                    note: "may be incomplete: its log driver's mode is not `blocking`".to_owned(),
                }],
                targets: vec![TargetGroup { name: "green".to_owned(), ..TargetGroup::default() }],
                breaker: Some((3, 3)),
                serving: "app:6".to_owned(),
                likely_cause: "the container app exits with 1 at its start".to_owned(),
                fix: "check `environment` and `secrets`".to_owned(),
                next: "aws logs tail /ecs/app --since 15m".to_owned(),
            },
        },
        failed("deploy", Ending::RolledBack, "the rollout of app failed and was rolled back to app:6"),
    ]
}

/// Runs in which this text stands wherever others have a hand in what is said.
pub(crate) fn filled(text: &str) -> [Vec<Event>; 4] {
    let mut runs = [released(), refused(2), rolled_back(), ran(TaskOutcome::Failed, text)];
    let locks = vec![Lock {
        kind: LockKind::Hand,
        by: text.to_owned(),
        reason: text.to_owned(),
        since: text.to_owned(),
        until: text.to_owned(),
    }];
    runs[2].insert(1, service_planned(ServiceAction::Follow));
    runs[2].insert(2, deployed().swap_remove(2));
    let found = ImageAction::AlreadyReleased {
        digest: digest(),
        source: ImageSource { commit: Some(text.to_owned()), here: Some("abc".to_owned()), ..ImageSource::default() },
    };
    runs[1].insert(1, Event::ImagePlanned { image: text.to_owned(), reference: text.to_owned(), action: found });
    for event in runs.iter_mut().flatten() {
        if let Event::ServicePlanned { locks: none, .. } = event {
            none.clone_from(&locks);
        }
        for member in written_by_others(event) {
            text.clone_into(member);
        }
    }
    runs
}

/// What a build, a scanner's database, a container, a load balancer, AWS or whoever tags and registers may write.
fn written_by_others(event: &mut Event) -> Vec<&mut String> {
    match event {
        Event::StepStarted { subject, .. } | Event::StepFinished { subject, .. } => vec![subject],
        Event::BuildOutput { image, line } => vec![image, line],
        Event::TaskOutput { line, .. } => vec![line],
        Event::Warning { message, .. } | Event::ServiceMessage { message, .. } => vec![message],
        Event::ImageScanned { image, scanner, findings, .. } => {
            let texts = findings.iter_mut().flat_map(|it| {
                let Finding { package, installed, fixed, id, severity, target, title, .. } = it;
                [package, installed, fixed, id, severity, target, title]
            });
            texts.chain([image, scanner]).collect()
        }
        Event::ImageReleased { image, reference, pinned, .. } => vec![image, reference, pinned],
        Event::ImageLeft { image, reference, file, .. } => vec![image, reference, file],
        Event::ServicePlanned { cluster, .. } => vec![cluster],
        Event::TaskDefinitionChange { path, before, after, .. } => {
            before.iter_mut().chain(after).chain([path]).collect()
        }
        Event::RevisionRegistered { revision, .. } | Event::RolloutEnded { revision, .. } => vec![revision],
        Event::RolloutStarted { deployment, revision, .. } => vec![deployment, revision],
        Event::RolloutProgress { progress, .. } => {
            progress.alarms = vec![String::new()];
            progress.triggered = vec![String::new()];
            let Progress { status, stage, alarms, triggered, .. } = progress;
            alarms.iter_mut().chain(triggered).chain([status, stage]).collect()
        }
        Event::TaskStopped { task, stop_code, reason, exit_codes, .. } => {
            let exits = exit_codes.iter_mut().flat_map(|exit| [&mut exit.container, &mut exit.reason]);
            exits.chain([task, stop_code, reason]).collect()
        }
        Event::TaskStarted { task, arn, revision, log, .. } => vec![task, arn, revision, log],
        Event::TaskEnded { arn, stop_code, reason, exit_codes, .. } => {
            let exits = exit_codes.iter_mut().flat_map(|exit| [&mut exit.container, &mut exit.reason]);
            exits.chain([arn, stop_code, reason]).collect()
        }
        Event::PostMortem { post_mortem, .. } => {
            let PostMortem { causes, logs, targets, serving, likely_cause, fix, next, .. } = post_mortem;
            let causes = causes.iter_mut().flat_map(|cause| {
                let exits = cause.containers.iter_mut().flat_map(|exit| [&mut exit.container, &mut exit.reason]);
                exits.chain([&mut cause.stop_code, &mut cause.reason])
            });
            let logs = logs.iter_mut().flat_map(|tail| {
                let LogTail { container, task, source, lines, note } = tail;
                lines.iter_mut().chain([container, task, source, note])
            });
            let targets = targets.iter_mut().map(|group| &mut group.name);
            causes.chain(logs).chain(targets).chain([serving, likely_cause, fix, next]).collect()
        }
        Event::CommandFinished { failure: Some(failure), .. } => failure.texts_mut(),
        _ => Vec::new(),
    }
}

/// A generator good enough to fuzz with, the same on every run of a test: SplitMix64.
pub(crate) struct Random(pub u64);

impl Random {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((word ^ (word >> 31)) % bound as u64).expect("it is below a usize")
    }

    /// Up to `length` pieces of what has broken escapers before.
    pub(crate) fn text(&mut self, length: usize) -> String {
        const PIECES: [&str; 34] = [
            "%",
            "\r",
            "\n",
            "\r\n",
            ":",
            "::",
            ",",
            "=",
            "<<",
            "%25",
            "%0A",
            "%3A",
            "##[",
            "]",
            "::add-mask::",
            "::set-output name=a::",
            "|",
            "`",
            "<",
            ">",
            "&",
            "@here",
            "<!channel>",
            "*",
            "_",
            "[",
            "](",
            "\\",
            "é",
            "日本",
            "\u{200b}",
            " ",
            "a",
            "0",
        ];
        (0..self.below(length + 1)).map(|_| PIECES[self.below(PIECES.len())]).collect()
    }
}
