//! The way back: which revision a service was well on before, and whether it still can be.

use std::slice::from_ref;

use super::history::{Entry, Running, name_tags, pinned, remembered};
use super::lock;
use super::plan::{Action, Pin, Plan};
use super::service_definition::Settings;
use super::tasks::Ready;
use super::{DeployPlan, Deploys, schedules};
use crate::aws::ecr::Ecr;
use crate::aws::ecs::{Document, Ecs, Service as Live, TaskDefinition, short};
use crate::config::{Config, Service, services_named};
use crate::failure::{Failure, Result};
use crate::gather::Gather;
use crate::sorted::SortedMap;

impl Deploys<'_> {
    /// What a rollback of these services would do, all of them for no name; `to` names a revision (`app:41` or `41`), a
    /// digest or a tag of one that was deployed before, and without it the last good one that is not what serves now.
    ///
    /// Fails (exit 2) where there is nothing to go back to, and where what there is cannot run any more: every problem at
    /// once, and nothing is done.
    pub fn plan_back(&self, names: &[String], to: Option<&str>) -> Result<DeployPlan> {
        let (ecs, mut services, mut ways, mut problems) = (self.session.ecs(), Vec::new(), Vec::new(), Vec::new());
        let wanted = services_named(self.config, names)?;
        for (service, live) in wanted.iter().zip(lock::live(&ecs, &wanted)?) {
            match self.back(service, live, to) {
                Ok((plan, way)) => {
                    services.push(plan);
                    ways.push(way);
                }
                Err(problem) => problems.push(problem),
            }
        }
        if !problems.is_empty() {
            return Err(Failure::together(problems));
        }
        for (plan, way) in services.iter().zip(ways) {
            self.events.note("Back", way);
            super::announce(plan, false, self.events);
        }
        let schedules = schedules::of_services(self.config, &services);
        Ok(DeployPlan { services, tasks: Ready::default(), schedules, run_tasks: false, back: true })
    }

    /// Whether the rollout that is under way is such a way back already, as one that was begun and not followed to its end.
    pub(crate) fn goes_back(&self, service: &Service, live: &Live, to: Option<&str>) -> Result<bool> {
        let Some(from) = under_way_from(live) else { return Ok(false) };
        let entries = self.entries(service, to)?;
        Ok(chosen(&entries, from, to).is_some_and(|(entry, _)| entry.task_definition == live.task_definition))
    }

    fn entries(&self, service: &Service, to: Option<&str>) -> Result<Vec<Entry>> {
        let mut entries = remembered(&self.session.ecs(), service)?;
        if to.is_some_and(|to| !entries.iter().any(|entry| is(entry, to))) {
            let mut images: Vec<&mut Running> = entries.iter_mut().flat_map(|entry| &mut entry.images).gather();
            name_tags(self.config, self.session, &mut images);
        }
        Ok(entries)
    }

    /// The plan of one service, and from where to where that goes.
    fn back(&self, service: &Service, live: Live, to: Option<&str>) -> Result<(Plan, String)> {
        let entries = self.entries(service, to)?;
        let joined = under_way_from(&live).and_then(|from| chosen(&entries, from, to));
        let joined = joined.filter(|(entry, _)| entry.task_definition == live.task_definition);
        let found = joined.or_else(|| chosen(&entries, &live.task_definition, to));
        let Some((entry, older)) = found else { return Err(nothing(self.config, (service, &live), &entries, to)) };
        let mut entry = entry.clone();
        name_tags(self.config, self.session, &mut entry.images.iter_mut().gather::<Vec<_>>());
        let unusable = |why: String| {
            let failure =
                Failure::usage(format_args!("service {} cannot go back to {}: {why}", service.name, entry.revision));
            match older {
                Some(older) => failure.help(format!(
                    "the next older one is {}: `{}`",
                    older.revision,
                    self.config.command(&format!("rollback {} --to {}", service.name, older.revision))
                )),
                None => failure.help("no older one is known; deploy a version that is there"),
            }
        };
        let (revision, pins) =
            match found_whole(&self.session.ecs(), &self.session.ecr(), self.config, service, &entry)? {
                Ok(found) => found,
                Err(Lost { why, restore }) => {
                    let failure = unusable(why);
                    return Err(match restore {
                        Some(restore) => failure.help(restore),
                        None => failure,
                    });
                }
            };
        let images: Vec<String> = pins.iter().map(|pin| format!("{} {}", pin.image, pin.tag)).gather();
        let (name, now) = (&service.name, short(&live.task_definition));
        let way = format!("{name} from {now} to {} of {}: {}", entry.revision, entry.at, images.join(", "));
        let way = way.trim_end_matches(": ").to_owned();
        let document = Document::registered(&revision).pin(&SortedMap::new());
        let document = document.map_err(Failure::usage)?;
        let revision = entry.task_definition.clone();
        let action = if joined.is_some() { Action::Follow { revision } } else { Action::Update { revision } };
        // What scales stays as it is, only what is other than now is a reason for a rollout, and tasks are about going forward.
        let (before_deploy, after_deploy) = (Vec::new(), Vec::new());
        let still = Service { desired_count: None, force_new_deployment: false, definition: None, ..service.clone() };
        let service = Service { before_deploy, after_deploy, ..still };
        let (changes, versions, sources) = (Vec::new(), Vec::new(), Vec::new());
        let settings = Settings::default();
        let plan = Plan { service, live, document, pins, changes, versions, sources, action, settings, creates: None };
        Ok((plan, way))
    }
}

/// Why an entry cannot run any more, and what would bring it back.
pub(super) struct Lost {
    pub why: String,
    restore: Option<String>,
}

/// The entry's revision and the bytes that it ran, where ECS and ECR have all of it still.
pub(super) fn found_whole(
    ecs: &Ecs,
    ecr: &Ecr,
    config: &Config,
    service: &Service,
    entry: &Entry,
) -> Result<std::result::Result<(TaskDefinition, Vec<Pin>), Lost>> {
    let lost = |why: &str| Ok(Err(Lost { why: why.to_owned(), restore: None }));
    let Some(revision) = ecs.task_definitions(from_ref(&entry.task_definition)).pop().transpose()?.flatten() else {
        return lost("ECS does not have it any more");
    };
    if revision.document["status"].as_str().is_some_and(|status| status != "ACTIVE") {
        return lost("it was deregistered");
    }
    let pins = pins(service, entry, &revision);
    let ours: Vec<&Pin> = pins.iter().filter(|pin| pin.pinned.registry == config.registry).gather();
    let asked: Vec<_> = ours.iter().map(|pin| (pin.pinned.repository.clone(), pin.pinned.digest.clone())).gather();
    for (Pin { container, pinned, .. }, kept) in ours.into_iter().zip(ecr.kept(&asked)) {
        let kept = kept?;
        if let Some(why) = kept.lacks() {
            let why = format!("the image of container {container} {why} ({pinned})");
            return Ok(Err(Lost { why, restore: kept.restore(&pinned.repository, &pinned.digest) }));
        }
    }
    Ok(Ok((revision, pins)))
}

/// The revision that a rollout under way takes the place of, where that is a later one of the same family: to one that was
/// there before goes a deploy, too, but not to an earlier one.
fn under_way_from(live: &Live) -> Option<&str> {
    live.primary().filter(|primary| primary.rollout_state == "IN_PROGRESS")?;
    let from = live.deployments.iter().find(|deployment| deployment.status != "PRIMARY")?;
    let parts = |arn: &'_ str| {
        arn.rsplit_once(':').and_then(|(family, number)| Some((family.to_owned(), number.parse::<u64>().ok()?)))
    };
    let ((family, now), (other, before)) = (parts(&live.task_definition)?, parts(&from.task_definition)?);
    (family == other && now < before).then_some(&from.task_definition)
}

/// Whether it came up, and was other than now.
fn was_good(entry: &Entry, now: &str) -> bool {
    entry.is_good() && ![now, ""].contains(&&*entry.task_definition)
}

/// What was well and is other than now, each revision once, the newest first.
pub(super) fn good_before<'a>(entries: &'a [Entry], now: &str) -> Vec<&'a Entry> {
    let mut good = Vec::<&Entry>::new();
    for entry in entries.iter().filter(|entry| was_good(entry, now)) {
        if good.iter().all(|other| other.task_definition != entry.task_definition) {
            good.push(entry);
        }
    }
    good
}

/// The entry to go back to, and the next older one that could take its place.
fn chosen<'a>(entries: &'a [Entry], now: &str, to: Option<&str>) -> Option<(&'a Entry, Option<&'a Entry>)> {
    let fits = |entry: &Entry| was_good(entry, now) && to.is_none_or(|to| is(entry, to));
    let place = entries.iter().position(fits)?;
    let entry = &entries[place];
    let other = |older: &&Entry| was_good(older, now) && older.task_definition != entry.task_definition;
    let older = entries[place..].iter().find(other);
    Some((entry, older))
}

/// Whether this is what somebody calls an entry: revision, digest or tag.
fn is(entry: &Entry, name: &str) -> bool {
    let number = entry.revision.rsplit_once(':').is_some_and(|(_, number)| number == name);
    let image = |image: &super::history::Running| image.digest == name || image.tags.iter().any(|tag| tag == name);
    entry.revision == name || number || entry.images.iter().any(image)
}

fn nothing(config: &Config, (service, live): (&Service, &Live), entries: &[Entry], to: Option<&str>) -> Failure {
    let name = &service.name;
    let now = short(&live.task_definition);
    let failure = match to {
        Some(to) if entries.iter().any(|entry| is(entry, to) && entry.task_definition == live.task_definition) => {
            Failure::usage(format_args!("service {name} is on {now} already, which `{to}` is"))
        }
        Some(to) => Failure::usage(format_args!("service {name} was never well on `{to}`, as far as ECS remembers")),
        None => Failure::usage(format_args!("service {name} has nothing to go back to: it is on {now}")),
    };
    let known: Vec<String> =
        entries.iter().map(|entry| format!("{} {} {}", entry.at, entry.revision, entry.status)).take(10).gather();
    if known.is_empty() {
        return failure.help("ECS remembers no deployment of it, and keeps them for 90 days");
    }
    failure.said(known).help(format!("`{}` shows more of each", config.command(&format!("history {name}"))))
}

/// The bytes that the revision's containers ran, to be proved again.
fn pins(service: &Service, entry: &Entry, revision: &TaskDefinition) -> Vec<Pin> {
    let containers = revision.document["containerDefinitions"].as_array().into_iter().flatten();
    let pins = containers.filter_map(|container| {
        let name = container["name"].as_str()?;
        let image = service.containers.get(name)?.clone();
        let pinned = pinned(container["image"].as_str()?)?;
        let tags = entry.images.iter().find(|running| running.container == name).map(|running| running.tags.clone());
        let tag = tags.and_then(|tags| tags.first().cloned()).unwrap_or_else(|| pinned.digest.to_string());
        Some(Pin { container: name.to_owned(), image, tag, pinned })
    });
    pins.gather()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(revision: &str, status: &str, tag: &str) -> Entry {
        let images = vec![Running {
            container: "app".to_owned(),
            digest: format!("sha256:{tag}"),
            image: String::new(),
            tags: vec![tag.to_owned()],
            commit: None,
            made_by: None,
        }];
        Entry {
            at: "2026-11-27T12:00:00Z".to_owned(),
            revision: revision.to_owned(),
            status: status.to_owned(),
            seconds: None,
            images,
            who: String::new(),
            reason: String::new(),
            task_definition: format!("arn/{revision}"),
        }
    }

    fn entries() -> Vec<Entry> {
        vec![
            entry("app:9", "SUCCESSFUL", "1.9"),
            entry("app:8", "ROLLBACK_SUCCESSFUL", "1.8"),
            entry("app:7", "SUCCESSFUL", "1.7"),
            entry("app:9", "SUCCESSFUL", "1.9"),
            entry("app:6", "SUCCESSFUL", "1.6"),
        ]
    }

    fn found(now: &str, to: Option<&str>) -> Option<(String, Option<String>)> {
        let entries = entries();
        let (entry, older) = chosen(&entries, &format!("arn/{now}"), to)?;
        Some((entry.revision.clone(), older.map(|older| older.revision.clone())))
    }

    #[test]
    fn the_last_good_one_that_is_not_what_serves_is_gone_back_to_and_not_the_number_before() {
        let to = |revision: &str, older: Option<&str>| Some((revision.to_owned(), older.map(str::to_owned)));
        assert_eq!(found("app:9", None), to("app:7", Some("app:6")));
        assert_eq!(found("app:8", None), to("app:9", Some("app:7")), "the one that failed is not what was good");
        for name in ["app:6", "6", "1.6", "sha256:1.6"] {
            assert_eq!(found("app:9", Some(name)), to("app:6", None), "{name}");
        }
        assert_eq!(found("app:9", Some("app:8")), None, "it was rolled back");
        assert_eq!(found("app:9", Some("app:9")), None);
        assert_eq!(chosen(&[], "arn/app:1", None).map(|(entry, _)| entry.revision.clone()), None);
    }
}
