//! What services run now, found out for all of them in one look.

use serde::Serialize;

use super::history::{Running, name, pinned, running};
use super::plan::{images, live_services};
use crate::aws::ecr::Found;
use crate::aws::ecs::{ContainerImage, Ecs, Service as Live, Strategy, TaskDefinition, short};
use crate::aws::{AwsError, Session};
use crate::beside::both;
use crate::config::{Config, Image, Service, services_named};
use crate::digest::Digest;
use crate::failure::{Ending, Failure, Result};
use crate::gather::Gather as _;
use crate::sorted::{SortedMap, SortedSet};
use crate::stage::Ended;
use crate::text::of_json as text;
use crate::time;

/// A service as ECS has it at this moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ServiceStatus {
    /// Its name in the configuration.
    pub service: String,
    pub cluster: String,
    /// When the deployment that it is on, or on its way to, began: `YYYY-MM-DDThh:mm:ssZ`.
    pub since: String,
    /// ECS's own word, `COMPLETED`, `IN_PROGRESS` or `FAILED`; empty where it says none.
    pub rollout: String,
    /// Why, in ECS's words.
    pub reason: String,
    /// Where a blue/green, linear or canary rollout stands; empty else.
    pub stage: String,
    /// The hook that waits for a decision.
    pub waits_for: Option<String>,
    pub desired: u32,
    /// Those that have tasks, the newest first.
    pub revisions: Vec<RevisionStatus>,
}

/// A revision that a service has tasks of.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct RevisionStatus {
    /// `FAMILY:REVISION`.
    pub revision: String,
    pub running: u32,
    pub pending: u32,
    pub images: Vec<ImageStatus>,
}

/// What a container runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ImageStatus {
    #[serde(flatten)]
    pub running: Running,
    /// Whether these are the bytes under the tag of the configuration; absent where the image is none of this workspace,
    /// or ECR does not tell.
    pub released: Option<bool>,
}

impl ServiceStatus {
    pub(crate) fn is_under_way(&self) -> bool {
        self.rollout == "IN_PROGRESS"
    }
}

/// The images of the configuration as ECR has them, by their name.
type Released<'a> = SortedMap<&'a str, (&'a Image, Result<Option<Found>, AwsError>)>;

/// Looks at these services, all of them for no name. A service that is not there is a failure beside the others' status.
///
/// With `check`, so is one that runs other bytes than those under the tags of the configuration ([`Ending::RollbackFailed`], exit
/// code 5), or whose image is not in ECR.
pub(crate) fn status(
    config: &Config,
    session: &Session,
    names: &[String],
    check: bool,
) -> Result<Ended<Vec<ServiceStatus>>> {
    let services = services_named(config, names)?;
    let (ecs, wanted) = (session.ecs(), images::of(config, &services));
    let ids: Vec<_> = wanted.iter().map(|image| (image.repository(), image.tag())).gather();
    let (found, live) = both(|| session.ecr().find(&ids), || live_services(&ecs, &services));
    let released: Released<'_> =
        wanted.into_iter().zip(found).map(|(image, found)| (image.name.as_str(), (image, found))).gather();
    let (mut present, mut problems) = (Vec::new(), Vec::new());
    for (cluster, answer, members) in live {
        match answer {
            Err(error) => problems.push(error.into()),
            Ok(found) => {
                for (service, found) in members.into_iter().zip(found) {
                    match found.filter(|found| found.status != "INACTIVE") {
                        Some(found) => present.push((service, found)),
                        None => problems.push(Ecs::gone(cluster, &service.service).into()),
                    }
                }
            }
        }
    }
    let mut status = look(&ecs, &present)?;
    name_images(config, session, &released, &mut status);
    if check {
        let unlike =
            present.iter().zip(&status).filter_map(|((service, _), status)| unlike(config, service, status, &released));
        problems.extend(missing(config, &released).chain(unlike));
    }
    let result = if problems.is_empty() { Ok(()) } else { Err(Failure::together(problems)) };
    Ok(Ended { done: status, result })
}

fn look(ecs: &Ecs, services: &[(&Service, Live)]) -> Result<Vec<ServiceStatus>> {
    let arns: SortedSet<String> =
        services.iter().flat_map(|(_, live)| &live.current_revisions).map(|it| it.arn.clone()).gather();
    let revisions = ecs.service_revisions(&arns.into_iter().gather::<Vec<_>>())?;
    // Older services do not name theirs: what their deployments are of is asked for one by one.
    let unnamed = services.iter().filter(|(_, live)| live.current_revisions.is_empty());
    let names: SortedSet<String> =
        unnamed.flat_map(|(_, live)| &live.deployments).map(|it| it.task_definition.clone()).gather();
    let names: Vec<String> = names.into_iter().gather();
    let documents: Vec<TaskDefinition> =
        ecs.task_definitions(&names).into_iter().filter_map(|found| found.ok().flatten()).gather();
    let shifting = services.iter().filter(|(_, live)| {
        matches!(live.settings.strategy, Strategy::Shifting { .. })
            && live.primary().is_some_and(|primary| primary.rollout_state == "IN_PROGRESS")
    });
    let rollouts: Vec<String> = shifting.filter_map(|(_, live)| live.current_deployment.clone()).gather();
    let rollouts = ecs.service_deployments_of(&rollouts)?;

    let status = services.iter().map(|(service, live)| {
        let primary = live.primary().cloned().unwrap_or_default();
        let rollout = rollouts.iter().flatten().find(|one| Some(&one.arn) == live.current_deployment.as_ref());
        let told = live.current_revisions.iter().filter_map(|one| {
            let revision = revisions.iter().find(|revision| revision.arn == one.arn)?;
            Some(of_revision(&revision.task_definition, (one.running, one.pending), &revision.images))
        });
        let unnamed = live.deployments.iter().filter(|_| live.current_revisions.is_empty()).map(|one| {
            let document = documents.iter().find(|document| document.arn == one.task_definition);
            let images = document.map(images_of).unwrap_or_default();
            of_revision(&one.task_definition, (one.running, one.pending), &images)
        });
        ServiceStatus {
            service: service.name.clone(),
            cluster: service.cluster.clone(),
            since: time::timestamp(u64::try_from(primary.created_at / 1000).unwrap_or_default()),
            rollout: primary.rollout_state,
            reason: primary.rollout_reason,
            stage: rollout.map(|rollout| rollout.stage.clone()).unwrap_or_default(),
            waits_for: rollout.and_then(|rollout| Some(rollout.pause()?.id.clone())),
            desired: live.desired,
            revisions: told.chain(unnamed).gather(),
        }
    });
    Ok(status.gather())
}

fn of_revision(task_definition: &str, (running_now, pending): (u32, u32), images: &[ContainerImage]) -> RevisionStatus {
    let image = |image| ImageStatus { running: running(image), released: None };
    RevisionStatus {
        revision: short(task_definition).to_owned(),
        running: running_now,
        pending,
        images: images.iter().map(image).gather(),
    }
}

pub(super) fn images_of(document: &TaskDefinition) -> Vec<ContainerImage> {
    let containers = document.document["containerDefinitions"].as_array();
    let image = |it: &serde_json::Value| ContainerImage {
        container: text(&it["name"]),
        image: text(&it["image"]),
        digest: None,
    };
    containers.into_iter().flatten().map(image).gather()
}

/// Says of every image of this workspace which version and commit it is. Only what was not released just now is asked for.
fn name_images(config: &Config, session: &Session, released: &Released<'_>, status: &mut [ServiceStatus]) {
    let images: Vec<&mut ImageStatus> =
        status.iter_mut().flat_map(|service| &mut service.revisions).flat_map(|revision| &mut revision.images).gather();
    let is_released = |digest: &Digest| {
        released.values().find(|(_, found)| matches!(found, Ok(Some(found)) if found.digest == *digest))
    };
    let mut unknown = Vec::new();
    for image in images {
        let Some(is) = pinned(&image.running.image) else { continue };
        if let Some((of, Ok(Some(found)))) = is_released(&is.digest) {
            image.running.tags = vec![of.tag().to_string()];
            image.running.commit.clone_from(&found.marks.commit);
            image.released = Some(true);
            continue;
        }
        if is.registry != config.registry {
            continue;
        }
        let of = released.values().find(|(of, _)| *of.repository() == is.repository);
        image.released = of.and_then(|(_, found)| found.as_ref().ok()).map(|_| false);
        unknown.push(&mut image.running);
    }
    name(config, session, &mut unknown);
}

fn missing<'a>(config: &Config, released: &'a Released<'_>) -> impl Iterator<Item = Failure> + 'a {
    let failures: Vec<Failure> = released
        .values()
        .filter_map(|(image, found)| match found {
            Ok(Some(_)) => None,
            Ok(None) => Some(images::missing(config, image, None)),
            Err(error) => Some(error.clone().into()),
        })
        .gather();
    failures.into_iter()
}

/// What is wrong with a service that does not run what was released.
fn unlike(config: &Config, service: &Service, status: &ServiceStatus, released: &Released<'_>) -> Option<Failure> {
    let mut said = Vec::new();
    for (container, image) in &service.containers {
        let Some((image, Ok(Some(found)))) = released.get(image.as_str()) else { continue };
        for revision in &status.revisions {
            let runs = revision.images.iter().find(|one| one.running.container == *container);
            if runs.is_some_and(|one| one.running.digest == found.digest.as_str()) {
                continue;
            }
            let runs = runs.map_or("no such container".to_owned(), |one| {
                let tags = &one.running.tags;
                let known = tags.first().map_or(String::new(), |tag| format!("{tag}, "));
                format!("{known}{}", one.running.digest)
            });
            said.push(format!(
                "{}: container {container} runs {runs}, and not {}, {}",
                revision.revision,
                image.tag(),
                found.digest
            ));
        }
    }
    if said.is_empty() && !status.revisions.is_empty() {
        return None;
    }
    let name = &service.name;
    if status.revisions.is_empty() {
        return Some(Failure::new(Ending::RollbackFailed, format_args!("service {name} has no task of any revision")));
    }
    let help = if status.is_under_way() {
        "a rollout is under way; `--watch --check` waits for it".to_owned()
    } else {
        format!("`{}` brings it there", config.command(&format!("deploy {name}")))
    };
    let failure = Failure::new(Ending::RollbackFailed, format_args!("service {name} is not on what was released"));
    Some(failure.said(said).help(help))
}
