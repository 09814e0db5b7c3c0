//! Whether what a deploy leans on is there: everything in one run, and each thing well, a problem, or not to be told.

mod finding;
mod given;
mod hooks;
mod key;
mod lifecycle;
mod references;
mod size;

use std::cell::OnceCell;

use serde_json::Value;

pub(crate) use finding::{Finding, Verdict};
pub(crate) use hooks::hooks;

use finding::Findings;

use super::foresight;
use super::history::{Running, ours, running};
use super::plan::{capacity, images, live_services, support};
use super::service_definition;
use super::task_definition::{self, doubts};
use crate::aws::ecr::{Found, NO_REPOSITORY, Templates};
use crate::aws::ecs::{Ecs, Service as Live, ServiceDocument, TaskDefinition, short};
use crate::aws::{AwsError, Identity, Session};
use crate::beside;
use crate::config::{Answers, Config, Image, Service, TaskDefinitionSource, called, services_named};
use crate::failure::Result;
use crate::gather::Gather as _;
use crate::sorted::{SortedMap, SortedSet};
use crate::sources::LookUps;

/// What assumes a task's roles.
const TASKS: &str = "ecs-tasks.amazonaws.com";

/// Looks at everything that these services lean on, all of them for no name.
pub(crate) fn verify(
    config: &Config,
    session: &Session,
    look_up: &dyn LookUps,
    names: &[String],
) -> Result<Vec<Finding>> {
    let services = services_named(config, names)?;
    let wanted = services.iter().flat_map(|service| task_definition::lookups_of(&service.task_definition));
    let defined = services.iter().filter_map(|service| service.definition.as_ref());
    let answers = look_up.look_up(&wanted.chain(defined.flat_map(service_definition::lookups)).gather())?;
    let images = images::of(config, &services);
    let ids: Vec<_> = images.iter().map(|image| (image.repository(), image.tag())).gather();
    let released: Vec<_> = images.iter().copied().zip(session.ecr().find(&ids)).gather();
    let who = session.who();
    let live = live_services(&session.ecs(), &services);
    let lives = live.iter().flat_map(|(_, answer, members)| members.iter().zip(answer.iter().flatten()));
    let lives = lives.filter_map(|(service, live)| Some((*service, live.as_ref()?)));
    let capacity = &capacity::find(&session.ecs(), lives);
    let around = Around { config, session, answers: &answers, released: &released, who: &who, capacity };
    let mut looks = Vec::new();
    for (cluster, answer, members) in live {
        let each = match answer {
            Ok(found) => found.into_iter().map(Ok).gather(),
            Err(error) => vec![Err(error); members.len()],
        };
        for (service, found) in members.into_iter().zip(each) {
            let around = &around;
            let look =
                || Look { around, service, found: Findings::of(Some(&service.name)), described: OnceCell::new() };
            looks.push(move || look().all(cluster, found));
        }
    }
    Ok(beside::all(looks).into_iter().chain([key::look(config, session).all]).flatten().gather())
}

/// What the looks at all services share.
struct Around<'a> {
    config: &'a Config,
    session: &'a Session,
    answers: &'a Answers,
    /// The images under the tags of the configuration.
    released: &'a [(&'a Image, Result<Option<Found>, AwsError>)],
    who: &'a Result<Identity, AwsError>,
    /// The architectures that services run on, where they are known.
    capacity: &'a SortedMap<String, Vec<&'static str>>,
}

/// The look at one service.
struct Look<'a> {
    around: &'a Around<'a>,
    service: &'a Service,
    found: Findings,
    /// The service in ECS's own members, once it was asked for.
    described: OnceCell<Result<Value, AwsError>>,
}

impl Look<'_> {
    fn described(&self) -> Result<Value, AwsError> {
        let (cluster, name) = (&self.service.cluster, &self.service.service);
        self.described.get_or_init(|| self.around.session.ecs().described_service(cluster, name)).clone()
    }

    fn all(mut self, cluster: &str, found: Result<Option<Live>, AwsError>) -> Vec<Finding> {
        let live = match found.map(|found| support::usable(self.service, cluster, found)) {
            Ok(Ok(live)) => {
                let called = called(&self.service.service);
                let called = called.trim_start_matches("service ");
                self.found.ok("service", format!("{called} in cluster {cluster} takes deployments"));
                Some(live)
            }
            Ok(Err(failure)) => {
                self.found.failed("service", &failure);
                None
            }
            Err(error) => {
                self.found.not_told("service", &error);
                None
            }
        };
        let written = self.definition(live.as_ref());
        self.hooks(written.as_ref(), live.as_ref());
        if let Some(document) = self.document() {
            self.images(&document);
            self.size(&document);
            self.roles(&document);
            self.secrets(&document);
            self.logs(&document);
            if let Some(live) = &live {
                self.targets(&document, live);
            }
        }
        if let Some(live) = &live {
            self.rollout(live);
            self.way_back(live);
        }
        self.found.all
    }

    fn document(&mut self) -> Option<Value> {
        match &self.service.task_definition {
            TaskDefinitionSource::File { file, overlay, kind } => {
                let (root, answers) = (&self.around.config.root, self.around.answers);
                match task_definition::load((file, overlay.as_deref()), *kind, root, Some(answers)) {
                    Ok(loaded) => {
                        let document = loaded.document.value().clone();
                        for (path, placeholder) in doubts::placeholders(&document) {
                            let text = format!("`{path}` holds `{placeholder}`, which nothing fills in");
                            self.found.problem("document", text, "write what is meant, or a lookup");
                        }
                        Some(document)
                    }
                    Err(failure) => {
                        self.found.failed("document", &failure);
                        None
                    }
                }
            }
            TaskDefinitionSource::Family(family) => {
                match self.around.session.ecs().task_definitions(std::slice::from_ref(family)).pop()? {
                    Ok(Some(found)) => Some(found.document),
                    Ok(None) => {
                        let text = format!("the task definition family {family} has no active revision");
                        self.found.problem("document", text, "register one, or correct `task-definition`");
                        None
                    }
                    Err(error) => {
                        self.found.not_told("document", &error);
                        None
                    }
                }
            }
        }
    }

    /// The service's own document, and whether the service can become what that says.
    fn definition(&mut self, live: Option<&Live>) -> Option<ServiceDocument> {
        let definition = self.service.definition.as_ref()?;
        let read = service_definition::read(self.around.config, definition, Some(self.around.answers), false);
        let document = match read {
            Ok(written) => {
                for doubt in written.warnings {
                    self.found.add("definition", Verdict::CannotTell, doubt.message, "");
                }
                written.document
            }
            Err(failure) => {
                self.found.failed("definition", &failure);
                return None;
            }
        };
        if live.is_none() {
            self.rollout(&Live { settings: document.settings(), ..Live::default() });
            return Some(document);
        }
        let described = match self.described() {
            Ok(described) => described,
            Err(error) => {
                self.found.not_told("definition", &error);
                return Some(document);
            }
        };
        match service_definition::settings(self.service, &document, &described) {
            Ok(settings) if settings.changes.is_empty() => {
                self.found.ok("definition", "the service is as its document says".to_owned());
            }
            Ok(settings) => {
                let count = settings.changes.len();
                let rolls_out = if settings.rolls_out { ", which starts a rollout" } else { "" };
                let them = if count == 1 { "1 member".to_owned() } else { format!("{count} members") };
                self.found.ok("definition", format!("a deploy changes {them} of the service{rolls_out}"));
            }
            Err(failure) => self.found.failed("definition", &failure),
        }
        Some(document)
    }

    fn images(&mut self, document: &Value) {
        let capacity = self.around.capacity.get(&self.service.name);
        let names: SortedSet<&String> = self.service.containers.values().gather();
        for (image, found) in self.around.released.iter().filter(|(image, _)| names.contains(&image.name)) {
            match found {
                Ok(Some(found)) => {
                    self.found.ok("image", format!("{} is in ECR, {}", image.reference, found.digest));
                    let platforms = images::platforms(image, found);
                    let instances = || doubts::wrong_capacity(&platforms, capacity?);
                    if let Some(why) = doubts::wrong_platform(document, &platforms).or_else(instances) {
                        let help = "make `platforms`, `runtimePlatform` and the service's capacity the same";
                        self.found.problem("image", format!("image `{}` {why}", image.name), help);
                    }
                }
                Ok(None) => self.found.failed("image", &images::missing(self.around.config, image, None)),
                Err(error) => {
                    self.not_found(image, error);
                    if error.code == NO_REPOSITORY {
                        continue;
                    }
                }
            }
            let rules = match self.around.session.ecr().lifecycle_policy(image.repository()) {
                Ok(rules) => rules,
                Err(error) => {
                    self.found.not_told("lifecycle", &error);
                    continue;
                }
            };
            match rules.and_then(|rules| lifecycle::takes_away(&rules, &[image.tag().to_string()])) {
                None => self.found.ok("lifecycle", format!("{} keeps the image while it runs", image.repository())),
                Some(why) => {
                    let help = "let the rule keep a number of images, or select other tags";
                    self.found.problem("lifecycle", format!("image {}: {why}", image.reference), help);
                }
            }
        }
    }

    /// A deploy needs an image; whether a release makes the repository with it is told where it can be.
    fn not_found(&mut self, image: &Image, error: &AwsError) {
        let ecr = self.around.session.ecr();
        match Templates::new(&ecr).made_by_push(image.repository(), error.clone()) {
            Ok(why) => self.found.failed("image", &images::missing(self.around.config, image, None).and(why)),
            Err(wrong) => wrong.iter().for_each(|error| self.found.not_told("image", error)),
        }
    }

    fn size(&mut self, document: &Value) {
        let problems = size::problems(document);
        if problems.is_empty() {
            self.found.ok("size", "CPU and memory fit each other".to_owned());
        }
        for problem in problems {
            self.found.problem("size", problem, "correct `cpu` and `memory` of the task definition");
        }
    }

    fn rollout(&mut self, live: &Live) {
        let warnings = foresight::warnings(self.service, live);
        if warnings.is_empty() {
            self.found.ok(
                "rollout",
                "its deployment configuration lets a rollout end well or badly, within the deadline".to_owned(),
            );
        }
        for warning in warnings {
            self.found.problem("rollout", warning, "");
        }
    }

    /// What serves now is what a failed rollout goes back to.
    fn way_back(&mut self, live: &Live) {
        let (ecs, now) = (self.around.session.ecs(), short(&live.task_definition));
        match serving(&ecs, live) {
            Err(error) => return self.found.not_told("way-back", &error),
            Ok(None) => {
                let text =
                    format!("{now}, which serves, is not active any more: a failed rollout could not go back to it");
                return self.found.problem(
                    "way-back",
                    text,
                    "deploy once more while it runs: a new revision is registered",
                );
            }
            Ok(Some(revision)) => {
                let images: Vec<Running> = super::status::images_of(&revision).iter().map(running).gather();
                let asked = ours(self.around.config, images.iter());
                for ((repository, digest), kept) in asked.iter().zip(self.around.session.ecr().kept(&asked)) {
                    let kept = match kept {
                        Ok(kept) => kept,
                        Err(error) => return self.found.not_told("way-back", &error),
                    };
                    if let Some(why) = kept.lacks() {
                        let text = format!("the image of {now}, which serves, {why}: {repository}@{digest}");
                        let help = kept.restore(repository, digest);
                        return self.found.problem(
                            "way-back",
                            text,
                            help.as_deref().unwrap_or("deploy an image that is there"),
                        );
                    }
                }
            }
        }
        self.found.ok("way-back", format!("a failed rollout can go back to {now}"));
    }
}

/// The revision that serves; `None` where it is not active any more.
fn serving(ecs: &Ecs, live: &Live) -> Result<Option<TaskDefinition>, AwsError> {
    let found = ecs.task_definitions(std::slice::from_ref(&live.task_definition)).pop().transpose()?.flatten();
    Ok(found.filter(|found| found.document["status"].as_str().is_none_or(|status| status == "ACTIVE")))
}
