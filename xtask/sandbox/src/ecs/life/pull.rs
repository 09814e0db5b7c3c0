//! The pull: images become digests, or the task does not start.

use crate::clock::Instant;
use crate::ecs::state::behaviour::Tasks;
use crate::ecs::state::service::Service;
use crate::ecs::state::task::Task;
use crate::ecs::state::task::{Earnest, Health, Phase};
use crate::ecs::timing::{self, after};

/// What ECS asks ECR at pull time.
pub trait Images {
    /// `REGISTRY/REPOSITORY:TAG` or `…@sha256:…` to its digest. `Err` is the `CannotPullContainerError` text that ECS
    /// would show. Another registry's image is taken to exist: `Ok(None)`.
    fn resolve(&self, image: &str) -> Result<Option<String>, String>;

    /// Whether containers of the registry's own images run in earnest.
    fn run_in_earnest(&self) -> bool {
        false
    }
}

/// Pulls every image. The first pull of a service revision decides its digests; later tasks of it pull those.
pub(crate) fn pull(task: &mut Task, service: Option<&mut Service>, at: Instant, images: &dyn Images) {
    let revision = task.placement.as_ref().map(|it| it.revision);
    for container in &mut task.containers {
        let resolved = match (&service, revision) {
            (Some(service), Some(revision)) => service.revisions[revision].digest(&container.name),
            _ => None,
        };
        // Another registry's image has no digest of its own here, and is asked for by the name it was given.
        let known = resolved.filter(|digest| *digest != elsewhere(&container.image));
        let wanted = known.map_or_else(|| container.image.clone(), |digest| pinned(&container.image, digest));
        match images.resolve(&wanted) {
            Ok(digest) => {
                let runs = images.run_in_earnest() && digest.is_some() && task.behaviour == Tasks::Healthy;
                container.earnest = runs.then_some(Earnest { probed: false, health: Health::Unknown });
                let digest = digest.unwrap_or_else(|| resolved.map_or_else(|| elsewhere(&wanted), str::to_owned));
                container.digest = Some(digest);
            }
            Err(reason) => {
                let named = reason.starts_with("CannotPull");
                let reason = if named { reason } else { format!("CannotPullContainerError: {reason}") };
                container.reason = Some(reason.clone());
                task.pull_stopped_at = Some(at);
                return failed_to_start(task, service, &reason, at);
            }
        }
    }
    task.pull_stopped_at = Some(at);
    if let (Some(service), Some(revision)) = (service, revision) {
        service.revisions[revision].remember(&task.containers);
    }
    task.enter(Phase::Activating, Some(after(at, timing::ACTIVATING)));
}

fn failed_to_start(task: &mut Task, service: Option<&mut Service>, reason: &str, at: Instant) {
    task.stop("TaskFailedToStart", reason, at);
    if let (Some(service), Some(placement)) = (service, &task.placement) {
        service.tell_once(&format!("was unable to place a task. Reason: {reason}"), at);
        service.count_failure(&placement.deployment, true, at);
    }
}

/// The reference without tag or digest, and then this digest.
fn pinned(image: &str, digest: &str) -> String {
    let name = image.split('@').next().unwrap_or(image);
    let slash = name.rfind('/').map_or(0, |at| at + 1);
    let name = name[slash..].rfind(':').map_or(name, |colon| &name[..slash + colon]);
    format!("{name}@{digest}")
}

/// The digest of an image of another registry, which is taken to exist: its own, or one made of its name.
fn elsewhere(image: &str) -> String {
    if let Some((_, digest)) = image.split_once('@') {
        return digest.to_owned();
    }
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let words = (0..4u8).map(|round| {
        hash = image.bytes().chain([round]).fold(hash, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        format!("{hash:016x}")
    });
    format!("sha256:{}", words.collect::<String>())
}

#[cfg(test)]
mod pinning {
    use super::pinned;

    #[test]
    fn a_port_is_not_taken_for_a_tag() {
        assert_eq!(pinned("127.0.0.1:5000/app", "sha256:aa"), "127.0.0.1:5000/app@sha256:aa");
        assert_eq!(pinned("127.0.0.1:5000/app:1.0", "sha256:aa"), "127.0.0.1:5000/app@sha256:aa");
        assert_eq!(pinned("r/app:1.0@sha256:bb", "sha256:aa"), "r/app@sha256:aa");
        assert_eq!(pinned("nginx:1", "sha256:aa"), "nginx@sha256:aa");
    }
}
