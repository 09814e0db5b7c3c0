//! What the plan says of an image and of a service.

use super::Line;
use crate::event::{DesiredCount, Direction, Event, ImageAction, ImageSource, Lock, ServiceAction, VersionChange};
use crate::gather::Gather;

/// What is going to be done about an image.
pub(super) fn image(image: &str, reference: &str, action: &ImageAction) -> Line {
    match action {
        ImageAction::Release => Line::status("Planned", &format!("{image}: build, scan, push {reference}")).prose(),
        ImageAction::AlreadyReleased { digest, source } => {
            let more = source.sentence().map_or(String::new(), |sentence| format!("; {sentence}"));
            let text = format!("{image}: {reference} is already released ({}){more}", digest.short());
            Line::status("Fresh", &text).prose()
        }
        ImageAction::AlreadyPromoted { digest, .. } => {
            let text = format!("{image}: {reference} is already there ({})", digest.short());
            Line::status("Fresh", &text).prose()
        }
        ImageAction::Promote { from, digest } => {
            Line::status("Planned", &format!("{image}: copy {from} ({}) to {reference}", digest.short()))
        }
    }
}

pub(super) fn show(event: &Event) -> Vec<Line> {
    let Event::ServicePlanned {
        service,
        cluster,
        action,
        desired_count,
        force_new_deployment: force,
        versions,
        sources,
        before,
        after,
        locks: held,
    } = event
    else {
        return Vec::new();
    };
    let details = details(*desired_count, *force, versions, sources);
    [headline(service, cluster, action)]
        .into_iter()
        .chain(details)
        .chain(tasks(before, after))
        .chain(locks(held))
        .gather()
}

fn headline(service: &str, cluster: &str, action: &ServiceAction) -> Line {
    let what = match action {
        ServiceAction::Create => "create the service, with nothing to go back to",
        ServiceAction::Deploy => "register a revision and roll it out",
        ServiceAction::Update => "roll out the revision that is registered",
        ServiceAction::Follow => "follow the rollout that is under way",
        ServiceAction::Settings => "change settings, which starts no rollout",
        ServiceAction::Scale => "change the number of tasks, which starts no rollout",
        ServiceAction::NothingToDo => {
            return Line::status("Fresh", &format!("{service} in {cluster}: nothing to do"));
        }
    };
    Line::status("Planned", &format!("{service} in {cluster}: {what}")).prose()
}

fn details(desired: DesiredCount, force: bool, versions: &[VersionChange], sources: &[ImageSource]) -> Vec<Line> {
    let version = |change: &VersionChange| {
        let line = Line::detail(&format!("~ {}", change.sentence())).prose();
        if change.direction == Direction::Back { line.bad() } else { line }
    };
    let DesiredCount { before, after } = desired;
    let scaled = (before != after).then(|| Line::detail(&format!("~ desired count {before} → {after}")));
    let forced = force.then(|| Line::detail("~ a rollout is forced"));
    let told = sources.iter().filter_map(ImageSource::sentence).map(|sentence| Line::detail(&sentence).prose());
    versions.iter().map(version).chain(scaled).chain(forced).chain(told).gather()
}

fn tasks(before: &[String], after: &[String]) -> impl Iterator<Item = Line> {
    let line = |names: &[String], when: &str| {
        (!names.is_empty()).then(|| Line::detail(&format!("run {} {when}", names.join(", "))))
    };
    line(before, "before the update").into_iter().chain(line(after, "after the rollout"))
}

fn locks(locks: &[Lock]) -> impl Iterator<Item = Line> {
    locks.iter().map(|lock| Line::detail(&lock.sentence()).prose().bad())
}
