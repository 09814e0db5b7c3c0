//! What a deploy will do, found out for every service before anything is done. All problems come together.

pub(super) mod capacity;
pub(super) mod images;
mod settings;
pub(super) mod support;
mod versions;

use super::by_digest::{self, ByDigest};
use super::diff::{Change, changes};
use super::documents;
use super::lock;
use super::normal::Normal;
use super::service_definition::Settings;
use super::task_definition::doubts;
use crate::aws::ecs::{Document, Ecs, PinnedDocument, Service as Live, ServiceDocument, TaskDefinition};
use crate::aws::{AwsError, Session};
use crate::beside::both;
use crate::commit;
use crate::config::{Config, Image, Service, TaskDefinitionSource};
use crate::event::{DesiredCount, Events, ImageSource, Lock, ServiceAction, VersionChange};
use crate::failure::{Failure, Result};
use crate::gather::Gather as _;
use crate::reference::Pinned;
use crate::sorted::{Arrange, SortedMap};
use crate::sources::LookUps;
use crate::time;
pub(super) use versions::refuse_older;

/// What will be done about one service.
#[derive(Debug)]
pub(super) struct Plan {
    pub service: Service,
    /// The service as it is now.
    pub live: Live,
    /// What is to run.
    pub document: PinnedDocument,
    pub pins: Vec<Pin>,
    /// What differs from the revision that the service is on.
    pub changes: Vec<Change>,
    /// The images whose bytes change.
    pub versions: Vec<VersionChange>,
    /// What the images say of where they come from.
    pub sources: Vec<ImageSource>,
    pub action: Action,
    /// What changes of the service beside that.
    pub settings: Settings,
    /// What the service is created of, where it is not there yet.
    pub creates: Option<ServiceDocument>,
}

impl Plan {
    /// What ECS will be asked for, and so what that starts.
    pub(super) fn service_action(&self) -> ServiceAction {
        match &self.action {
            _ if self.creates.is_some() => ServiceAction::Create,
            Action::Register => ServiceAction::Deploy,
            Action::Update { revision } if *revision != self.live.task_definition => ServiceAction::Update,
            Action::Update { .. } if self.service.force_new_deployment || self.settings.rolls_out => {
                ServiceAction::Update
            }
            Action::Update { .. } if !self.settings.changes.is_empty() => ServiceAction::Settings,
            Action::Update { .. } => ServiceAction::Scale,
            Action::Follow { .. } => ServiceAction::Follow,
            Action::NothingToDo { .. } => ServiceAction::NothingToDo,
        }
    }

    /// The ARN of the revision that is to run, where it is registered already.
    pub(super) fn revision(&self) -> Option<String> {
        match &self.action {
            Action::Register => None,
            Action::Update { revision } | Action::Follow { revision } | Action::NothingToDo { revision } => {
                Some(revision.clone())
            }
        }
    }

    /// The tasks that are run before the update: a rollout that is followed has had them, and what starts none needs none,
    /// unless they are asked for.
    pub(super) fn tasks_before(&self, asked: bool) -> &[String] {
        let rolls_out =
            matches!(self.service_action(), ServiceAction::Create | ServiceAction::Deploy | ServiceAction::Update);
        if rolls_out || asked { &self.service.before_deploy } else { &[] }
    }

    /// Those that are run after the rollout.
    pub(super) fn tasks_after(&self, asked: bool) -> &[String] {
        let none = matches!(
            self.service_action(),
            ServiceAction::Settings | ServiceAction::Scale | ServiceAction::NothingToDo
        );
        if none && !asked { &[] } else { &self.service.after_deploy }
    }

    /// The locks on the service that have not ended.
    pub(super) fn locks(&self) -> Vec<Lock> {
        let now = time::now();
        lock::locks(&self.live).into_iter().filter(|kept| !kept.has_ended(now)).map(|kept| kept.lock).gather()
    }

    pub(super) fn desired_count(&self) -> DesiredCount {
        let before = self.live.desired;
        DesiredCount { before, after: self.service.desired_count.unwrap_or(before) }
    }
}

/// Which bytes a container is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pin {
    pub container: String,
    /// The key under `images`.
    pub image: String,
    /// The tag that the configuration names; of bytes that were named by their digest, one that they have, or the digest.
    pub tag: String,
    pub pinned: Pinned,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Register the document, then update the service to it.
    Register,
    /// A revision (its ARN) that is equal to the document exists; update the service to it.
    Update { revision: String },
    /// The service is on its way to an equal revision already; follow that.
    Follow { revision: String },
    /// The service runs an equal revision.
    NothingToDo { revision: String },
}

/// Plans these services.
pub(super) fn plan(
    config: &Config,
    session: &Session,
    look_up: &dyn LookUps,
    (services, digests, creates): (&[&Service], &[ByDigest], bool),
    events: &Events,
) -> Result<Vec<Plan>> {
    let chosen = by_digest::named(config, services, digests)?;
    let mut problems = Vec::new();
    let answers = look_up.look_up(&documents::lookups(services))?;
    let documents = documents::read((config, &answers, look_up.stands_in()), services, events, &mut problems);
    let ecs = session.ecs();
    let images = images::of(config, services);
    let (found, live) = both(|| images::find(session, &images, &chosen), || live_services(&ecs, services));
    let live = sort_out(live, creates, &mut problems);
    let released = images::sort_out(config, &images, found, &chosen, &mut problems);
    let here = commit::here(&config.root);
    let source = |image: &&Image| Some(released.get(&image.name)?.source(image, here.as_deref()));
    let sources: Vec<ImageSource> = images.iter().filter_map(source).gather();
    let lives = services.iter().filter_map(|service| Some((*service, live.get(&service.name)?)));
    let capacity = || capacity::find(&ecs, lives);
    let (capacity, known) = both(capacity, || task_definitions(&ecs, services, &documents, &live, &mut problems));
    let mut plans = Vec::new();
    for service in services {
        let name = &service.name;
        let Some(live) = live.get(name) else { continue };
        let document = match (&service.task_definition, documents.get(name)) {
            (TaskDefinitionSource::File { .. }, document) => document.cloned(),
            (TaskDefinitionSource::Family(family), _) => known.get(family).map(Document::registered),
        };
        let (Some(document), Some(pins)) = (document, images::pins(config, service, &released)) else { continue };
        let by_container = pins.iter().map(|pin| (pin.container.clone(), pin.pinned.clone())).gather();
        let document = match document.pin(&by_container) {
            Ok(document) => document,
            Err(problem) => {
                problems.push(Failure::usage(format_args!("service {name}: {problem}")));
                continue;
            }
        };
        let wrong = pins.iter().filter_map(|pin| {
            let platforms = released.get(&pin.image)?.platforms(config.images.get(&pin.image)?);
            let instances = || doubts::wrong_capacity(&platforms, capacity.get(name)?);
            let why = doubts::wrong_platform(document.value(), &platforms).or_else(instances)?;
            let (image, container) = (&pin.image, &pin.container);
            Some(Failure::usage(format_args!("service {name}: image `{image}` of container `{container}` {why}")))
        });
        problems.extend(wrong);
        if let Some(why) = support::unfit(service, document.value()) {
            problems.push(
                Failure::usage(format_args!("service {name} is an Express service, and {why}")).help(support::MAIN),
            );
        }
        doubt(config, service, document.value(), events);
        let (running, newest) = (known.get(&live.task_definition), known.get(&document.asked_by()));
        let (mut service, mut live, versions) = ((*service).clone(), live.clone(), Vec::new());
        let written = settings::written(config, &mut service, &answers, look_up.stands_in(), events);
        let found = written.and_then(|document| settings::find(session, &mut service, &mut live, document));
        let found = found
            .and_then(|found| settings::leave_to_auto_scaling(session, &mut service, &live, events).map(|()| found));
        let (settings, creates) = match found {
            Ok(found) => found,
            Err(failure) => {
                problems.push(failure);
                continue;
            }
        };
        let (action, changes) = decide((&service, &settings), &live, &document, running, newest);
        let runs = |source: &&ImageSource| pins.iter().any(|pin| pin.image == source.image);
        let sources = sources.iter().filter(runs).cloned().gather();
        plans.push(Plan { service, live, document, pins, changes, versions, sources, action, settings, creates });
    }
    versions::find(&session.ecr(), &config.root, &mut plans, &known, events);
    if problems.is_empty() { Ok(plans) } else { Err(Failure::together(problems)) }
}

/// Warns of what ECS would take and nobody can have meant.
fn doubt(config: &Config, service: &Service, document: &serde_json::Value, events: &Events) {
    for warning in doubts::unpinned(document, &service.containers, &config.images) {
        events.warn(format!("service {}: {warning}", service.name));
    }
    for (path, placeholder) in doubts::placeholders(document) {
        events.warn(format!(
            "service {}: `{path}` holds `{placeholder}`, which nothing fills in: it is sent as it is written",
            service.name
        ));
    }
}

pub(super) type LiveServices<'a> = Vec<(&'a str, Result<Vec<Option<Live>>, AwsError>, Vec<&'a Service>)>;

/// The services as they are, one question a cluster.
pub(super) fn live_services<'a>(ecs: &Ecs, services: &[&'a Service]) -> LiveServices<'a> {
    let mut clusters: SortedMap<&str, Vec<&Service>> = SortedMap::new();
    for service in services {
        clusters.or_default(&service.cluster).push(service);
    }
    let ask = |(cluster, members): (&'a str, Vec<&'a Service>)| {
        // A task that is of no service has none that lives, and what is of one shares it.
        let mut names: Vec<&str> = members.iter().map(|service| service.service.as_str()).gather();
        names.retain(|name| !name.is_empty());
        names.arrange_by(Ord::cmp);
        names.dedup();
        let answer = ecs.tagged_services(cluster, &names).map(|found| {
            let found: SortedMap<&str, Option<Live>> = names.iter().copied().zip(found).gather();
            let none = || Some(Live { status: "ACTIVE".into(), controller: "ECS".into(), ..Live::default() });
            members.iter().map(|service| found.get(service.service.as_str()).cloned().unwrap_or_else(none)).gather()
        });
        (cluster, answer, members)
    };
    clusters.into_iter().map(ask).gather()
}

/// The services that can be deployed to, by their names in the configuration.
fn sort_out(answers: LiveServices<'_>, creates: bool, problems: &mut Vec<Failure>) -> SortedMap<String, Live> {
    let mut live = SortedMap::new();
    for (cluster, answer, members) in answers {
        match answer {
            Err(error) => problems.push(error.into()),
            Ok(found) => {
                for (service, found) in members.into_iter().zip(found) {
                    if creates && service.definition.is_some() && settings::is_absent(found.as_ref()) {
                        live.insert(service.name.clone(), settings::absent());
                        continue;
                    }
                    match support::usable(service, cluster, found) {
                        Ok(found) => drop(live.insert(service.name.clone(), found)),
                        Err(problem) => problems.push(problem),
                    }
                }
            }
        }
    }
    live
}

/// Revisions by what they were asked by: the ARN that a service runs, and the family's name for its newest.
fn task_definitions(
    ecs: &Ecs,
    services: &[&Service],
    documents: &SortedMap<String, Document>,
    live: &SortedMap<String, Live>,
    problems: &mut Vec<Failure>,
) -> SortedMap<String, TaskDefinition> {
    let mut names: Vec<String> = live.values().map(|live| live.task_definition.clone()).gather();
    names.extend(documents.values().map(Document::asked_by));
    let families: Vec<&String> = services
        .iter()
        .filter_map(|service| match &service.task_definition {
            TaskDefinitionSource::Family(family) => Some(family),
            TaskDefinitionSource::File { .. } => None,
        })
        .gather();
    names.extend(families.iter().copied().cloned());
    names.retain(|name| !name.is_empty());
    names.sort();
    names.dedup();
    let mut known = SortedMap::new();
    for (name, answer) in names.iter().zip(ecs.task_definitions(&names)) {
        match answer {
            Ok(Some(found)) => drop(known.insert(name.clone(), found)),
            Ok(None) if families.contains(&name) => problems.push(
                Failure::world(format_args!("the task definition family {name} has no active revision"))
                    .help("register one, or correct `task-definition`"),
            ),
            // A family that a file begins, or a revision that is gone: everything is new then.
            Ok(None) => {}
            Err(error) => problems.push(error.into()),
        }
    }
    known
}

/// What to do about a service: `running` is the revision it is set to, `newest` the family's newest active one.
fn decide(
    (service, settings): (&Service, &Settings),
    live: &Live,
    document: &PinnedDocument,
    running: Option<&TaskDefinition>,
    newest: Option<&TaskDefinition>,
) -> (Action, Vec<Change>) {
    let wanted = Normal::of(&document.told_again());
    let from = |revision: &TaskDefinition| changes(Some(&Normal::of(&revision.document)), &wanted);
    let changed = running.map_or_else(|| changes(None, &wanted), from);
    let scales = service.desired_count.is_some_and(|count| count != live.desired);
    // ECS updates no service to a revision that was deregistered, were it the one that it runs.
    let gone = running.is_none_or(|running| running.document["status"].as_str().is_some_and(|it| it != "ACTIVE"));
    let changes_settings = !settings.changes.is_empty();
    let updates = scales || changes_settings || service.force_new_deployment;
    if !changed.is_empty() || running.is_none() || gone && updates {
        // A revision registered by an earlier run that did not get further, or was rolled back, is used again.
        let equal = newest.filter(|newest| from(newest).is_empty());
        let action = equal.map_or(Action::Register, |equal| Action::Update { revision: equal.arn.clone() });
        return (action, changed);
    }
    let revision = live.task_definition.clone();
    let state = live.primary().map_or("", |primary| primary.rollout_state.as_str());
    let steady = live.primary().is_none_or(|primary| primary.running == primary.desired);
    let complete = state == "COMPLETED" || state.is_empty() && steady && live.deployments.len() <= 1;
    let ended = complete || state == "FAILED";
    let action = if scales || changes_settings || service.force_new_deployment && ended {
        Action::Update { revision }
    } else if complete {
        Action::NothingToDo { revision }
    } else {
        Action::Follow { revision }
    };
    (action, changed)
}

#[cfg(test)]
mod tests;
