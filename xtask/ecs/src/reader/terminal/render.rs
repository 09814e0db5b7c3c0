//! Events → lines. Pure: what is shown depends on the events so far and on whether there is a live line.

mod operated;
mod planned;
mod tasks;

use super::failure;
use super::style::Line;
use crate::event::{Cause, ContainerExit, Event, Outcome, PostMortem, Progress, ServiceAction, Step, remarks};
use crate::failure::Failure;
use crate::gather::Gather;
use crate::reader::shift;
use crate::sorted::{SortedMap, SortedSet};
use crate::text::printable;
use crate::text::quantity::{duration, size};
use std::collections::BTreeMap;

/// What one event shows.
#[derive(Default)]
pub(super) struct Shown {
    pub lines: Vec<Line>,
    pub live: Change,
}

/// What becomes of the lines at the bottom of a terminal.
#[derive(Default)]
pub(super) enum Change {
    #[default]
    None,
    To(Live),
    /// That of this thing is over.
    Away(String),
    AllAway,
}

/// What goes on at the moment.
pub(super) struct Live {
    /// The image or the service; it has one line.
    pub of: String,
    pub verb: String,
    pub text: String,
}

pub(super) struct Render {
    has_live_line: bool,
    /// The last tenth of an upload that was told where there is no live line.
    told_tenth: u64,
    /// What a service's plan says that its end says again.
    remarks: SortedMap<String, Vec<String>>,
    /// The last state of each rollout that was told as a line.
    told_progress: BTreeMap<String, String>,
    /// How many services are to change.
    changing: usize,
    told_warnings: SortedSet<String>,
}

impl Render {
    pub(super) fn new(has_live_line: bool) -> Self {
        Self {
            has_live_line,
            told_tenth: 0,
            told_progress: BTreeMap::new(),
            remarks: SortedMap::new(),
            changing: 0,
            told_warnings: SortedSet::new(),
        }
    }

    pub(super) fn show(&mut self, event: &Event) -> Shown {
        match event {
            Event::CommandStarted { .. } | Event::ImageReleased { new: false, .. } => Shown::default(),
            Event::StepFinished { subject, .. } => Shown { live: Change::Away(subject.clone()), ..Shown::default() },
            Event::StepStarted { step, subject } => self.step(*step, subject),
            Event::Note { verb, message } => lines([Line::status(verb, message)]),
            // What befalls all of many services is said once.
            Event::Warning { message, .. } if self.several() && !self.told_warnings.insert(message.clone()) => {
                Shown::default()
            }
            Event::Warning { message, place } => {
                let place = place.as_ref().map(|place| Line::plain(&format!("  --> {place}")));
                lines([Line::warning(message)].into_iter().chain(place))
            }
            Event::ImagePlanned { image, reference, action } => lines([planned::image(image, reference, action)]),
            Event::BuildOutput { image, line } => self.build_output(image, line),
            Event::ImageBuilt { image, digest, layers } => {
                let total: u64 = layers.iter().map(|layer| layer.size).sum();
                let layers_word = if layers.len() == 1 { "layer" } else { "layers" };
                let text = format!("{image} {} ({} {layers_word}, {})", digest.short(), layers.len(), size(total));
                lines([Line::status("Built", &text)])
            }
            Event::UploadProgress { image, sent, total } => self.upload(image, *sent, *total),
            Event::Retrying { what, error, seconds, .. } => {
                lines([Line::warning(&format!("{what}: {error}; trying again in {seconds:.1} s"))])
            }
            Event::ImageScanned { image, digest, scanner, passed, findings, ignored } => {
                scanned(&format!("{image} {} by {scanner}", digest.short()), *passed, findings.len(), *ignored)
            }
            Event::ImageReleased { reference, digest, from, .. } => {
                let verb = if from.is_some() { "Promoted" } else { "Released" };
                lines([Line::status(verb, &format!("{reference} ({})", digest.short()))])
            }
            Event::ImageLeft { image, digest, file, .. } => {
                let text = format!("{image} {} under no tag, see {file}", digest.short());
                lines([Line::status("Left", &text)])
            }
            Event::ServicePlanned { service, action, desired_count, versions, sources, .. } => {
                self.remarks.insert(service.clone(), remarks(*desired_count, versions, sources));
                self.changing += usize::from(*action != ServiceAction::NothingToDo);
                lines(planned::show(event))
            }
            Event::TaskDefinitionChange { path, before, after, .. } => {
                lines([Line::detail(&change(path, before.as_deref(), after.as_deref())).prose()])
            }
            Event::RevisionRegistered { service, revision, new } => {
                let revision = format!("{}{revision}", self.whose(service));
                lines([if *new {
                    Line::status("Registered", &revision)
                } else {
                    Line::status("Fresh", &format!("{revision} is registered already"))
                }])
            }
            Event::StatusShown { .. }
            | Event::Verified { .. }
            | Event::LogsRead { .. }
            | Event::SessionStarted { .. }
            | Event::ServiceScaled { .. } => lines(operated::line(event)),
            Event::RolloutStarted { service, revision, .. } => {
                lines([Line::status("Deploying", &format!("{service} → {revision}"))])
            }
            Event::RolloutProgress { service, progress } => self.rollout(service, progress),
            Event::ServiceMessage { .. } if self.several() && self.has_live_line => Shown::default(),
            Event::ServiceMessage { message, .. } => lines([Line::detail(message).prose()]),
            Event::TaskStopped { service, task, stop_code, reason, exit_codes } => {
                let text = format!("{}task {task} ({stop_code}): {reason}{}", self.whose(service), exits(exit_codes));
                lines([Line::status("Stopped", &text).bad().prose()])
            }
            Event::TaskPlanned { .. }
            | Event::TaskStarted { .. }
            | Event::TaskProgress { .. }
            | Event::TaskOutput { .. }
            | Event::TaskEnded { .. } => tasks::show(event, self.has_live_line),
            Event::RolloutEnded { service, outcome, revision, digests, seconds } => {
                let digests: Vec<&str> = digests.iter().map(crate::digest::Digest::short).gather();
                let digests = if digests.is_empty() { String::new() } else { format!(" ({})", digests.join(", ")) };
                let remarks = self.remarks.get(service).filter(|remarks| outcome.is_good() && !remarks.is_empty());
                let remarks = remarks.map_or(String::new(), |remarks| format!("; {}", remarks.join("; ")));
                let text = format!("{service}: {revision}{digests} in {}{remarks}", duration(*seconds));
                let line = Line::status(&outcome_verb(*outcome), &text).prose();
                lines([if outcome.is_bad() { line.bad() } else { line }])
            }
            Event::PostMortem { service, post_mortem } => post_mortem_lines(service, post_mortem),
            Event::CommandFinished { command, failure, seconds } => {
                Shown { live: Change::AllAway, lines: finished(command, failure.as_ref(), *seconds) }
            }
        }
    }

    fn step(&mut self, step: Step, subject: &str) -> Shown {
        self.told_tenth = 0;
        let verb = match step {
            Step::Build => "Building",
            Step::Scan => "Scanning",
            Step::Push => "Uploading",
            Step::Promote => "Promoting",
            Step::Plan | Step::Register | Step::Update | Step::Watch | Step::Run => return Shown::default(),
        };
        let (of, text) = (subject.to_owned(), subject.to_owned());
        let live = Change::To(Live { of, verb: verb.to_owned(), text });
        Shown { lines: vec![Line::status(verb, subject)], live }
    }

    fn rollout(&mut self, service: &str, progress: &Progress) -> Shown {
        let Progress { status, desired, pending, running, failed, .. } = progress;
        let failed = if *failed > 0 { format!(", {failed} failed") } else { String::new() };
        let (stage, detail) = (shift::stage(progress), shift::detail(progress));
        let text = format!("{service} {status}{stage}: {running}/{desired} running, {pending} pending{failed}{detail}");
        let news = format!("{service} {}", shift::news(progress));
        let line = Line::status("Rollout", &text).prose();
        let line = if status.starts_with("ROLLBACK") { line.bad() } else { line };
        let is_new = self.told_progress.insert(service.to_owned(), news.clone()) != Some(news);
        // Of several services each has its live line.
        let told = is_new && !(self.several() && self.has_live_line);
        Shown {
            lines: told.then_some(line).into_iter().gather(),
            live: Change::To(Live {
                of: service.to_owned(),
                verb: "Watching".to_owned(),
                text: text + &shift::usual(progress),
            }),
        }
    }

    fn several(&self) -> bool {
        self.changing > 1
    }

    /// Before a line that does not say which of several services it is about.
    fn whose(&self, service: &str) -> String {
        if self.several() { format!("{service}: ") } else { String::new() }
    }

    fn build_output(&self, image: &str, line: &str) -> Shown {
        let line = printable(line);
        if line.is_empty() {
            Shown::default()
        } else if self.has_live_line {
            Shown {
                live: Change::To(Live {
                    of: image.to_owned(),
                    verb: "Building".to_owned(),
                    text: format!("{image}: {line}"),
                }),
                lines: vec![],
            }
        } else {
            lines([Line::plain(&format!("[{image}] {line}"))])
        }
    }

    fn upload(&mut self, image: &str, sent: u64, total: u64) -> Shown {
        let text = format!("{image}: {} of {}", size(sent), size(total));
        if self.has_live_line {
            return Shown {
                live: Change::To(Live { of: image.to_owned(), verb: "Uploading".to_owned(), text }),
                lines: vec![],
            };
        }
        let tenth = (sent * 10).checked_div(total).unwrap_or_default();
        // Small uploads are over before a line about them would be read.
        if total < 16 << 20 || tenth <= self.told_tenth {
            return Shown::default();
        }
        self.told_tenth = tenth;
        lines([Line::status("Uploading", &text)])
    }
}

fn lines(lines: impl IntoIterator<Item = Line>) -> Shown {
    Shown { lines: lines.into_iter().gather(), live: Change::None }
}

/// `what` was scanned by what, and so many of its findings count.
fn scanned(what: &str, passed: bool, count: usize, ignored: usize) -> Shown {
    let accepted = if ignored > 0 { format!(", {ignored} accepted for now") } else { String::new() };
    lines([if passed {
        Line::status("Passed", &format!("{what}{accepted}")).prose()
    } else {
        let word = if count == 1 { "finding" } else { "findings" };
        Line::status("Refused", &format!("{what}: {count} {word}{accepted}")).bad()
    }])
}

fn change(path: &str, before: Option<&str>, after: Option<&str>) -> String {
    match (before, after) {
        (Some(before), Some(after)) => format!("~ {path}: {before} → {after}"),
        (Some(before), None) => format!("- {path}: {before}"),
        (None, Some(after)) => format!("+ {path}: {after}"),
        (None, None) => format!("~ {path}: (not shown)"),
    }
}

fn post_mortem_lines(service: &str, found: &PostMortem) -> Shown {
    let mut shown = vec![Line::status("Post-mortem", service).bad()];
    for Cause { tasks, stop_code, reason, containers } in &found.causes {
        let word = if *tasks == 1 { "task" } else { "tasks" };
        shown.push(Line::detail(&format!("{tasks} {word} {stop_code}: {reason}{}", exits(containers))).prose());
    }
    for tail in &found.logs {
        shown.push(Line::detail(&tail.heading()).prose());
        shown.extend(tail.lines.iter().map(|line| Line::detail(&format!("| {line}"))));
    }
    for group in &found.targets {
        shown.push(Line::detail(&group.sentence()).prose());
        shown.extend(group.targets.iter().map(|target| Line::detail(&format!("| {}", target.sentence())).prose()));
    }
    if let Some((count, threshold)) = found.breaker {
        shown.push(Line::detail(&format!("circuit breaker: {count} failed tasks, threshold {threshold}")));
    }
    shown.push(Line::detail(&format!("serving now: {}", found.serving)));
    shown.push(Line::detail(&format!("likely cause: {}", found.likely_cause)).prose());
    if !found.fix.is_empty() {
        shown.push(Line::detail(&format!("fix: {}", found.fix)).prose());
    }
    shown.push(Line::detail(&format!("next: {}", found.next)));
    lines(shown)
}

fn exits(containers: &[ContainerExit]) -> String {
    containers
        .iter()
        .map(|one| {
            let code = one.exit_code.map_or("did not run".to_owned(), |code| format!("exit code {code}"));
            let reason = if one.reason.is_empty() { String::new() } else { format!(", {}", one.reason) };
            format!("; container {}: {code}{reason}", one.container)
        })
        .gather::<Vec<_>>()
        .concat()
}

fn finished(command: &str, failure: Option<&Failure>, seconds: f64) -> Vec<Line> {
    match (failure, command) {
        (Some(failure), _) => failure::lines(failure),
        (None, "release" | "promote" | "deploy") => {
            vec![Line::status("Finished", &format!("{command} in {}", duration(seconds)))]
        }
        (None, _) => Vec::new(),
    }
}

fn outcome_verb(outcome: Outcome) -> String {
    let mut verb = outcome.word().replace('-', " ");
    if let Some(first) = verb.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    verb
}
