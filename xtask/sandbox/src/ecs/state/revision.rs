//! Service revisions: what one deployment of a service was to look like, with the images' digests.

use serde_json::Value;

use super::task::Container;
use crate::clock::Instant;
use crate::ecs::json::text;

/// Members of a service that a revision freezes, and whose change makes a new one. `taskDefinition` is one of them.
pub(crate) const FROZEN: [&str; 10] = [
    "taskDefinition",
    "launchType",
    "capacityProviderStrategy",
    "platformVersion",
    "loadBalancers",
    "serviceRegistries",
    "networkConfiguration",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
];

/// A service revision. It never changes, but for the digests that its first pull finds out.
#[derive(Clone, Debug)]
pub(crate) struct Revision {
    pub(crate) arn: String,
    /// The frozen members.
    pub(crate) given: Value,
    pub(crate) created_at: Instant,
    /// Whether its tasks are in the alternate target groups of its load balancers.
    pub(crate) swapped: bool,
    /// Container name, image as the task definition says it, digest once it is known.
    pub(crate) images: Vec<(String, String, Option<String>)>,
}

impl Revision {
    /// The target group of a load balancer that its tasks are in.
    pub(crate) fn group<'a>(&self, balancer: &'a Value) -> Option<&'a str> {
        let alternate = text(&balancer["advancedConfiguration"], "alternateTargetGroupArn").filter(|_| self.swapped);
        alternate.or_else(|| text(balancer, "targetGroupArn"))
    }

    /// The digest that this container's image was resolved to.
    pub(crate) fn digest(&self, container: &str) -> Option<&str> {
        self.images.iter().find(|it| it.0 == container)?.2.as_deref()
    }

    /// Keeps the digests of the first pull.
    pub(crate) fn remember(&mut self, containers: &[Container]) {
        for (name, _, digest) in &mut self.images {
            if digest.is_none() {
                *digest = containers.iter().find(|it| it.name == *name).and_then(|it| it.digest.clone());
            }
        }
    }
}
