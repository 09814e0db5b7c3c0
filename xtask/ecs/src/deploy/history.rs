//! What a service has been on: the service deployments that ECS remembers, for ninety days.

use serde::Serialize;

use crate::aws::Session;
use crate::aws::ecr::Kept;
use crate::aws::ecs::{ContainerImage, Ecs, ListedDeployment, Status, TaskDefinition, short};
use crate::beside::{all, both};
use crate::config::{Config, Evidence, Service};
use crate::digest::Digest;
use crate::evidence::{MadeBy, made_by};
use crate::failure::Result;
use crate::gather::Gather as _;
use crate::reference::{Named, Pinned, Repository};
use crate::sorted::{Arrange, SortedMap, SortedSet};
use crate::time;

/// One service deployment.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Entry {
    /// When it began, `YYYY-MM-DDThh:mm:ssZ`.
    pub at: String,
    /// `FAMILY:REVISION`; empty where ECS does not know it any more.
    pub revision: String,
    /// ECS's own word, such as `SUCCESSFUL`.
    pub status: String,
    /// How long it took; absent while it goes on.
    pub seconds: Option<f64>,
    /// What its containers run.
    pub images: Vec<Running>,
    /// Who registered the revision: the name of a session, a user or a role.
    pub who: String,
    pub reason: String,
    #[serde(skip)]
    pub task_definition: String,
}

/// The image of one container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Running {
    pub container: String,
    pub digest: String,
    /// As the revision has it.
    #[serde(skip)]
    pub image: String,
    /// The tags that ECR has for it by now; of images of this workspace alone.
    pub tags: Vec<String>,
    /// What the image says that it was built of; of images of this workspace alone.
    pub commit: Option<String>,
    /// As its provenance says; of images of this workspace alone, where it attaches one.
    #[serde(rename = "made-by", skip_serializing_if = "Option::is_none")]
    pub made_by: Option<MadeBy>,
}

impl Running {
    /// As git shortens it, with what stands behind it (`-dirty`); empty where it is not known.
    pub(crate) fn short_commit(&self) -> String {
        let commit = self.commit.as_deref().unwrap_or_default();
        let (hash, rest) = commit.split_at(commit.find('-').unwrap_or(commit.len()));
        format!("{}{rest}", hash.get(..9).unwrap_or(hash))
    }
}

impl Entry {
    pub(crate) fn is_good(&self) -> bool {
        self.status == Status::Successful.name()
    }
}

/// The service's deployments, the newest first. What ECS or ECR does not tell any more is left empty.
pub(crate) fn history(config: &Config, session: &Session, service: &Service) -> Result<Vec<Entry>> {
    let mut entries = remembered(&session.ecs(), service)?;
    let names: SortedSet<String> = entries.iter().map(|entry| entry.task_definition.clone()).gather();
    let names: Vec<String> = names.into_iter().filter(|name| !name.is_empty()).gather();
    let known = names.iter().zip(session.ecs().task_definitions(&names));
    let known: SortedMap<&str, TaskDefinition> =
        known.filter_map(|(name, found)| Some((name.as_str(), found.ok().flatten()?))).gather();
    for entry in &mut entries {
        let found = known.get(entry.task_definition.as_str());
        entry.who = found.map(|found| short(&found.registered_by).to_owned()).unwrap_or_default();
    }
    let mut images: Vec<&mut Running> = entries.iter_mut().flat_map(|entry| &mut entry.images).gather();
    name(config, session, &mut images);
    if config.evidence.contains(&Evidence::Provenance) {
        name_makers(config, session, &mut images);
    }
    Ok(entries)
}

/// The same without tags, commits and who: those take a call for each image and each revision.
pub(super) fn remembered(ecs: &Ecs, service: &Service) -> Result<Vec<Entry>> {
    let listed = ecs.service_deployments(&service.cluster, &service.service, 0)?;
    let targets: SortedSet<String> = listed.iter().map(|one| one.target.clone()).gather();
    let revisions = ecs.service_revisions(&targets.into_iter().gather::<Vec<_>>())?;
    let revisions: SortedMap<&str, _> = revisions.iter().map(|revision| (revision.arn.as_str(), revision)).gather();
    let entries = listed.iter().map(|one| {
        let revision = revisions.get(one.target.as_str());
        let task_definition = revision.map(|revision| revision.task_definition.clone()).unwrap_or_default();
        let images = revision.map(|revision| revision.images.iter()).into_iter().flatten();
        Entry {
            at: time::timestamp(u64::try_from(one.created_at / 1000).unwrap_or_default()),
            revision: short(&task_definition).to_owned(),
            status: one.status.name().to_owned(),
            seconds: seconds(one),
            images: images.map(running).gather(),
            who: String::new(),
            reason: one.reason.clone(),
            task_definition,
        }
    });
    Ok(entries.gather())
}

/// So many images are asked for at once.
const AT_ONCE: usize = 8;

/// So many rollouts must have gone well before there is something usual about them.
const SEVERAL: usize = 3;

/// What a rollout of this service usually takes, in seconds: the median of those that went well.
pub(crate) fn usual(entries: &[Entry]) -> Option<f64> {
    median(entries.iter().filter(|entry| entry.is_good()).filter_map(|entry| entry.seconds).gather())
}

/// The same of what ECS lists.
pub(super) fn usual_of(listed: &[ListedDeployment]) -> Option<f64> {
    median(listed.iter().filter(|one| one.status == Status::Successful).filter_map(seconds).gather())
}

fn median(mut took: Vec<f64>) -> Option<f64> {
    took.arrange_by(f64::total_cmp);
    took.get(took.len() / 2).filter(|_| took.len() >= SEVERAL).copied()
}

/// The image that a reference pins.
pub(super) fn pinned(reference: &str) -> Option<Pinned> {
    let named = Named::of(reference);
    let (registry, repository) = (named.host?.to_owned(), named.path.parse().ok()?);
    Some(Pinned { registry, repository, digest: named.digest?.parse().ok()? })
}

fn seconds(one: &ListedDeployment) -> Option<f64> {
    let millis = u32::try_from(one.finished_at? - one.created_at).ok()?;
    Some(f64::from(millis) / 1000.0)
}

pub(super) fn running(image: &ContainerImage) -> Running {
    let written = image.image.split_once('@').map(|(_, digest)| digest.to_owned());
    let digest = written.or_else(|| Some(image.digest.as_ref()?.to_string())).unwrap_or_default();
    Running {
        container: image.container.clone(),
        digest,
        image: image.image.clone(),
        tags: Vec::new(),
        commit: None,
        made_by: None,
    }
}

/// Fills in the tags, asking for each image once. Where ECR does not tell, there are none to show.
pub(super) fn name_tags(config: &Config, session: &Session, images: &mut [&mut Running]) {
    let asked = ours(config, images.iter().map(|image| &**image));
    for ((_, digest), kept) in asked.iter().zip(session.ecr().kept(&asked)) {
        let tags = kept.map(Kept::tags).unwrap_or_default();
        of(digest, images).for_each(|image| image.tags.clone_from(&tags));
    }
}

/// Fills in tags and commits, both asked for at once.
pub(super) fn name(config: &Config, session: &Session, images: &mut [&mut Running]) {
    let asked = ours(config, images.iter().map(|image| &**image));
    let (kept, found) = both(|| session.ecr().kept(&asked), || session.ecr().images(&asked));
    for (((_, digest), kept), found) in asked.iter().zip(kept).zip(found) {
        let tags = kept.map(Kept::tags).unwrap_or_default();
        let commit = found.ok().flatten().and_then(|found| found.marks.commit);
        for image in of(digest, images) {
            image.tags.clone_from(&tags);
            image.commit.clone_from(&commit);
        }
    }
}

/// Fills in who made them, a few at once.
fn name_makers(config: &Config, session: &Session, images: &mut [&mut Running]) {
    let asked = ours(config, images.iter().map(|image| &**image));
    for some in asked.chunks(AT_ONCE) {
        let ask = |(repository, digest): &'_ (Repository, Digest)| {
            let (repository, digest) = (repository.clone(), digest.clone());
            move || made_by(session, &repository, &digest)
        };
        for ((_, digest), made_by) in some.iter().zip(all(some.iter().map(ask).gather())) {
            of(digest, images).for_each(|image| image.made_by.clone_from(&made_by));
        }
    }
}

fn of<'a>(digest: &'a Digest, images: &'a mut [&mut Running]) -> impl Iterator<Item = &'a mut Running> {
    let pins = move |image: &Running| pinned(&image.image).is_some_and(|is| is.digest == *digest);
    images.iter_mut().map(|image| &mut **image).filter(move |image| pins(image))
}

/// Where the images of this workspace that are among these are, each once.
pub(super) fn ours<'a>(config: &Config, images: impl Iterator<Item = &'a Running>) -> Vec<(Repository, Digest)> {
    let known: SortedSet<&Repository> = config.images.values().map(crate::config::Image::repository).gather();
    let pinned = images.filter_map(|image| pinned(&image.image));
    let is_ours = |image: &Pinned| image.registry == config.registry && known.contains(&image.repository);
    let unique: SortedSet<_> = pinned.filter(is_ours).map(|image| (image.repository, image.digest)).gather();
    unique.into_iter().gather()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(status: &str, seconds: Option<f64>) -> Entry {
        Entry {
            at: String::new(),
            revision: String::new(),
            status: status.to_owned(),
            seconds,
            images: Vec::new(),
            who: String::new(),
            reason: String::new(),
            task_definition: String::new(),
        }
    }

    #[test]
    fn what_a_rollout_usually_takes_is_told_by_those_that_went_well() {
        assert_eq!(usual(&[]), None);
        let entries = [
            entry("SUCCESSFUL", Some(100.0)),
            entry("ROLLBACK_SUCCESSFUL", Some(900.0)),
            entry("SUCCESSFUL", Some(140.0)),
            entry("IN_PROGRESS", None),
            entry("SUCCESSFUL", Some(120.0)),
        ];
        assert_eq!(usual(&entries), Some(120.0));
        assert_eq!(usual(&entries[1..]), None, "two are nothing usual");
    }

    #[test]
    fn the_list_alone_tells_the_same() {
        let listed = |status, created_at, finished_at| ListedDeployment {
            status,
            created_at,
            finished_at,
            ..ListedDeployment::default()
        };
        let all = [
            listed(Status::Successful, 400_000, Some(500_000)),
            listed(Status::RollbackSuccessful, 300_000, Some(400_000)),
            listed(Status::Successful, 200_000, Some(340_000)),
            listed(Status::InProgress, 600_000, None),
            listed(Status::Successful, 100_000, Some(220_000)),
        ];
        assert_eq!((usual_of(&all), usual_of(&all[1..])), (Some(120.0), None));
    }

    #[test]
    fn a_pinned_reference_is_taken_apart_with_a_tag_or_without() {
        let digest = crate::digest::Digest::of(b"x");
        for tag in ["", ":1.4"] {
            let found = pinned(&format!("127.0.0.1:5000/sample/app{tag}@{digest}")).expect("it is pinned");
            assert_eq!(found.to_string(), format!("127.0.0.1:5000/sample/app@{digest}"));
        }
        assert_eq!(pinned("nginx:latest").map(|it| it.to_string()), None);
    }
}
