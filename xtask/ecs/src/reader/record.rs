//! What a command has done so far, kept from its events: what GitHub's summary and Slack's message are made of.

use std::time::Duration;

use crate::digest::Digest;
use crate::event::{ContainerExit, Event, Finding, ImageAction, Outcome, PostMortem, Progress, ServiceAction, remarks};
use crate::failure::{Ending, Failure};
use crate::gather::Gather;
use crate::reader::shift;
use crate::reference::Named;

mod tasks;

pub(crate) use tasks::TaskRecord;

/// One command, from its start to where its events have got.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    /// `release`, `deploy`, …
    pub command: String,
    pub environment: Option<String>,
    /// In the order they were first heard of.
    pub images: Vec<ImageRecord>,
    /// In the order they were first heard of.
    pub services: Vec<ServiceRecord>,
    /// In the order they were started.
    pub tasks: Vec<TaskRecord>,
    pub warnings: Vec<String>,
    pub end: Option<End>,
}

/// What happened to one image.
#[derive(Clone, Debug, Default)]
pub(crate) struct ImageRecord {
    pub name: String,
    /// `REGISTRY/REPOSITORY:TAG`.
    pub reference: String,
    pub digest: Option<Digest>,
    /// Compressed bytes of all layers, and how many there are; absent where nothing was built.
    pub size: Option<(u64, usize)>,
    pub scan: Option<Scan>,
    /// Bytes that the registry has taken, of how many.
    pub upload: Option<(u64, u64)>,
    /// Whether the tag is in ECR; `Some(true)` where this command put it there.
    pub released: Option<bool>,
    /// Whether it is in its repository under no tag.
    pub left: bool,
    /// What is worth knowing of one that was there before.
    pub remark: Option<String>,
    /// Whether it came from another environment's registry.
    pub promoted: bool,
}

/// The verdict on an image.
#[derive(Clone, Debug)]
pub(crate) struct Scan {
    pub scanner: String,
    pub passed: bool,
    pub findings: Vec<Finding>,
    pub ignored: usize,
}

/// What happened to one service.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServiceRecord {
    pub name: String,
    pub cluster: String,
    pub action: Option<ServiceAction>,
    /// What goes back, what scales, and what comes from elsewhere.
    pub remarks: Vec<String>,
    /// The paths in the task definition that differ from the live revision.
    pub changes: Vec<String>,
    pub revision: String,
    pub timeline: Vec<Moment>,
    /// Each state of the rollout that was seen, also where no line tells it from the one before.
    pub course: Vec<(Duration, Progress)>,
    /// Absent while it is open.
    pub outcome: Option<Outcome>,
    pub digests: Vec<Digest>,
    pub seconds: f64,
    pub post_mortem: Option<PostMortem>,
}

/// A line of a rollout's timeline; `at` is counted from the command's start.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    pub at: Duration,
    pub what: Happened,
}

#[derive(Clone, Debug)]
pub(crate) enum Happened {
    Started { deployment: String, revision: String },
    Progress(Progress),
    Message(String),
    TaskStopped { task: String, stop_code: String, reason: String, exit_codes: Vec<ContainerExit> },
    Ended { outcome: Outcome, revision: String },
}

/// How the command ended.
#[derive(Clone, Debug)]
pub(crate) struct End {
    /// Absent where it ended well.
    pub failure: Option<Failure>,
    pub seconds: f64,
}

impl ImageRecord {
    /// The tag of the reference, where it has one.
    pub(crate) fn tag(&self) -> &str {
        Named::of(&self.reference).tag.unwrap_or_default()
    }

    /// `REGISTRY/REPOSITORY@sha256:…`, once the tag is in ECR.
    pub(crate) fn pinned(&self) -> Option<String> {
        let digest = self.digest.as_ref().filter(|_| self.released.is_some())?;
        let untagged = self.reference.strip_suffix(self.tag())?.trim_end_matches(':');
        Some(format!("{untagged}@{digest}"))
    }

    /// `released`, `promoted`, `already-released`, `left` under no tag, `refused`, or `unfinished`.
    pub(crate) fn outcome(&self) -> &'static str {
        match (self.released, &self.scan) {
            (Some(true), _) if self.promoted => "promoted",
            (Some(true), _) => "released",
            (Some(false), _) => "already-released",
            (None, _) if self.left => "left",
            (None, Some(scan)) if !scan.passed => "refused",
            _ => "unfinished",
        }
    }
}

impl ServiceRecord {
    /// The vocabulary's outcome, `planned` where the plan is all there is, or `unfinished`.
    pub(crate) fn outcome(&self) -> &'static str {
        match (self.outcome, &self.action) {
            (Some(outcome), _) => outcome.word(),
            (None, Some(ServiceAction::NothingToDo)) => Outcome::NothingToDo.word(),
            (None, _) => "unfinished",
        }
    }

    fn pass_through(&mut self, progress: &Progress, at: Duration) {
        // Time alone makes no state.
        let state = Progress { bake_minutes: None, ..progress.clone() };
        if self.course.last().is_none_or(|(_, last)| *last != state) {
            self.course.push((at, state));
        }
    }
}

impl Record {
    /// Takes in one event, read `at` after the first.
    pub(crate) fn take(&mut self, event: &Event, at: Duration) {
        match event {
            Event::CommandStarted { command, environment } => {
                self.command.clone_from(command);
                self.environment.clone_from(environment);
            }
            Event::Warning { message, .. } => self.warnings.push(message.clone()),
            Event::CommandFinished { command, failure, seconds } => {
                self.command.clone_from(command);
                self.end = Some(End { failure: failure.clone(), seconds: *seconds });
            }
            _ => {
                self.take_image(event);
                tasks::take(&mut self.tasks, event);
                self.take_service(event, at);
            }
        }
    }

    fn take_image(&mut self, event: &Event) {
        match event {
            Event::ImagePlanned { image, reference, action } => {
                let image = self.image(image);
                image.reference.clone_from(reference);
                match action {
                    ImageAction::AlreadyReleased { digest, source } => {
                        image.digest = Some(digest.clone());
                        image.released = Some(false);
                        image.remark = source.sentence();
                    }
                    ImageAction::AlreadyPromoted { digest, .. } => {
                        image.digest = Some(digest.clone());
                        image.released = Some(false);
                    }
                    ImageAction::Release | ImageAction::Promote { .. } => {}
                }
            }
            Event::ImageBuilt { image, digest, layers } => {
                let image = self.image(image);
                image.digest = Some(digest.clone());
                image.size = Some((layers.iter().map(|layer| layer.size).sum(), layers.len()));
            }
            Event::UploadProgress { image, sent, total } => self.image(image).upload = Some((*sent, *total)),
            Event::ImageScanned { image, digest, scanner, passed, findings, ignored } => {
                let image = self.image(image);
                image.digest = Some(digest.clone());
                image.scan = Some(Scan {
                    scanner: scanner.clone(),
                    passed: *passed,
                    findings: findings.clone(),
                    ignored: *ignored,
                });
            }
            Event::ImageReleased { image, reference, digest, new, from, .. } => {
                let image = self.image(image);
                image.promoted = from.is_some();
                image.reference.clone_from(reference);
                image.digest = Some(digest.clone());
                image.released = Some(*new);
            }
            Event::ImageLeft { image, digest, .. } => {
                let image = self.image(image);
                image.digest = Some(digest.clone());
                image.left = true;
            }
            _ => {}
        }
    }

    fn take_service(&mut self, event: &Event, at: Duration) {
        let (name, what) = match event {
            Event::ServicePlanned { service, cluster, action, desired_count, versions, sources, .. } => {
                let service = self.service(service);
                service.remarks = remarks(*desired_count, versions, sources);
                service.cluster.clone_from(cluster);
                service.action = Some(action.clone());
                return;
            }
            Event::TaskDefinitionChange { service, path, .. } => {
                self.service(service).changes.push(path.clone());
                return;
            }
            Event::RevisionRegistered { service, revision, .. } => {
                // A revision that only a task runs is of no service that is deployed.
                let planned = self.services.iter_mut().find(|known| known.name == *service);
                if let Some(planned) = planned {
                    planned.revision.clone_from(revision);
                }
                return;
            }
            Event::PostMortem { service, post_mortem } => {
                self.service(service).post_mortem = Some(post_mortem.clone());
                return;
            }
            Event::RolloutStarted { service, deployment, revision } => {
                (service, Happened::Started { deployment: deployment.clone(), revision: revision.clone() })
            }
            Event::RolloutProgress { service, progress } => {
                self.service(service).pass_through(progress, at);
                (service, Happened::Progress(progress.clone()))
            }
            Event::ServiceMessage { service, message } => (service, Happened::Message(message.clone())),
            Event::TaskStopped { service, task, stop_code, reason, exit_codes } => {
                let (task, stop_code, reason) = (task.clone(), stop_code.clone(), reason.clone());
                (service, Happened::TaskStopped { task, stop_code, reason, exit_codes: exit_codes.clone() })
            }
            Event::RolloutEnded { service, outcome, revision, digests, seconds } => {
                let record = self.service(service);
                record.outcome = Some(*outcome);
                record.revision.clone_from(revision);
                record.digests.clone_from(digests);
                record.seconds = *seconds;
                (service, Happened::Ended { outcome: *outcome, revision: revision.clone() })
            }
            _ => return,
        };
        let timeline = &mut self.service(name).timeline;
        if !says_the_same(timeline.last(), &what) {
            timeline.push(Moment { at, what });
        }
    }

    /// Whether the command ended well and changed nothing. A command that is about no image and no service has
    /// no such end.
    pub(crate) fn nothing_to_do(&self) -> bool {
        self.end.as_ref().is_some_and(|end| end.failure.is_none())
            && !(self.images.is_empty() && self.services.is_empty())
            && !self.acts()
    }

    /// Whether anything is changed, or planned to be.
    pub(crate) fn acts(&self) -> bool {
        self.images.iter().any(|image| image.released != Some(false))
            || self.services.iter().any(|service| service.outcome() != Outcome::NothingToDo.word())
    }

    /// One word for the command's end: [`Ending::word`], or after success `released`, `promoted`, `left` or `deployed` where that is
    /// what happened, else `nothing-to-do` or `done`.
    pub(crate) fn outcome(&self) -> &'static str {
        match &self.end {
            None => Ending::World.word(),
            Some(End { failure: Some(failure), .. }) => failure.ending.word(),
            Some(_) if self.nothing_to_do() => "nothing-to-do",
            Some(_) if self.services.iter().any(|service| service.outcome == Some(Outcome::Deployed)) => "deployed",
            Some(_) => {
                let changed = self.images.iter().find(|image| image.released == Some(true) || image.left);
                changed.map_or("done", ImageRecord::outcome)
            }
        }
    }

    fn image(&mut self, name: &str) -> &mut ImageRecord {
        let index = self.images.iter().position(|image| image.name == name).unwrap_or_else(|| {
            self.images.push(ImageRecord { name: name.to_owned(), ..ImageRecord::default() });
            self.images.len() - 1
        });
        &mut self.images[index]
    }

    fn service(&mut self, name: &str) -> &mut ServiceRecord {
        let index = self.services.iter().position(|service| service.name == name).unwrap_or_else(|| {
            self.services.push(ServiceRecord { name: name.to_owned(), ..ServiceRecord::default() });
            self.services.len() - 1
        });
        &mut self.services[index]
    }
}

/// Whether a line about it would be the one that stands there already.
fn says_the_same(last: Option<&Moment>, what: &Happened) -> bool {
    match (last.map(|last| &last.what), what) {
        (Some(Happened::Progress(before)), Happened::Progress(now)) => shift::news(before) == shift::news(now),
        _ => false,
    }
}

/// How many findings there are of each severity, the worst first: `2 CRITICAL, 1 HIGH`.
pub(crate) fn count_by_severity(findings: &[Finding]) -> String {
    let known = ["CRITICAL", "HIGH", "MEDIUM", "LOW"];
    let count = |severity: &str| findings.iter().filter(|finding| finding.severity == severity).count();
    let other = findings.iter().filter(|finding| !known.contains(&finding.severity.as_str())).count();
    let counts = known.iter().map(|severity| (*severity, count(severity))).chain([("UNKNOWN", other)]);
    counts.filter(|(_, n)| *n > 0).map(|(severity, n)| format!("{n} {severity}")).gather::<Vec<_>>().join(", ")
}

/// `app exited with 1 (no such table), proxy never ran`.
pub(crate) fn exits(containers: &[ContainerExit]) -> String {
    let exit = |exit: &ContainerExit| {
        let how = exit.exit_code.map_or("never ran".to_owned(), |code| format!("exited with {code}"));
        let reason = if exit.reason.is_empty() { String::new() } else { format!(" ({})", exit.reason) };
        format!("{} {how}{reason}", exit.container)
    };
    containers.iter().map(exit).gather::<Vec<_>>().join(", ")
}

/// Where an advisory can be read, for the kinds of id that have one public page each.
pub(crate) fn advisory_url(id: &str) -> Option<String> {
    if !id.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-') {
        return None;
    }
    match id.split('-').next() {
        Some("CVE") => Some(format!("https://nvd.nist.gov/vuln/detail/{id}")),
        Some("GHSA") => Some(format!("https://github.com/advisories/{id}")),
        Some("RUSTSEC") => Some(format!("https://rustsec.org/advisories/{id}.html")),
        _ => None,
    }
}

#[cfg(any(test, fuzzing))]
pub(crate) mod samples;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::TaskOutcome;

    #[test]
    fn a_rolled_back_deploy_keeps_its_timeline_its_digest_and_its_post_mortem() {
        let record = samples::record(&samples::rolled_back());
        assert_eq!(record.outcome(), "rolled-back");
        assert_eq!(record.services.len(), 1);
        assert_eq!(record.services[0].outcome(), "rolled-back");
        assert!(record.services[0].post_mortem.is_some());
        assert_eq!(record.services[0].timeline.len(), 5);
        assert!(!record.nothing_to_do());
    }

    #[test]
    fn an_image_that_was_there_is_nothing_to_do_and_pinned_by_its_digest() {
        let record = samples::record(&samples::already_released());
        assert!(record.nothing_to_do());
        assert_eq!(record.outcome(), "nothing-to-do");
        assert_eq!(record.images[0].tag(), "1.4.0");
        let pinned = record.images[0].pinned().expect("it is in ECR");
        assert_eq!(pinned, format!("127.0.0.1:5000/sample/app@{}", samples::digest()));
    }

    #[test]
    fn a_task_that_is_run_by_itself_is_no_service_that_is_deployed() {
        let record = samples::record(&samples::ran(TaskOutcome::Succeeded, "done"));
        assert_eq!((record.outcome(), record.services.len(), record.nothing_to_do()), ("done", 0, false));
        let [task] = record.tasks.as_slice() else { panic!("there is one") };
        assert_eq!(
            (task.outcome(), task.exits.as_str(), task.revision.as_str()),
            ("succeeded", "app exited with 0", "app:7")
        );
    }

    #[test]
    fn an_end_before_anything_was_planned_is_a_failure_and_not_nothing_to_do() {
        let mut record = Record::default();
        assert_eq!(record.outcome(), "failed");
        record.take(&samples::failed("release", Ending::Usage, "no metadata table"), Duration::ZERO);
        assert_eq!(record.outcome(), "invalid");
        assert!(!record.nothing_to_do());
    }
}
