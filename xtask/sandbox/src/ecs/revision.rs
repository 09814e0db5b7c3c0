//! Service revisions: what one deployment of a service was to look like, with the images' digests.

use serde_json::{Value, json};

use super::Ecs;
use super::json::{invalid, missing, seconds, set, texts};
use super::service::Service;
use super::task::Container;
use crate::clock::Instant;
use crate::protocol::ApiResult;

/// Members of a service that a revision freezes, and whose change makes a new one. `taskDefinition` is one of them.
pub(super) const FROZEN: [&str; 10] = [
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
pub(super) struct Revision {
    pub(super) arn: String,
    /// The frozen members.
    pub(super) given: Value,
    pub(super) created_at: Instant,
    /// Container name, image as the task definition says it, digest once it is known.
    pub(super) images: Vec<(String, String, Option<String>)>,
}

impl Revision {
    /// The digest that this container's image was resolved to.
    pub(super) fn digest(&self, container: &str) -> Option<&str> {
        self.images.iter().find(|it| it.0 == container)?.2.as_deref()
    }

    /// Keeps the digests of the first pull.
    pub(super) fn remember(&mut self, containers: &[Container]) {
        for (name, _, digest) in &mut self.images {
            if digest.is_none() {
                *digest = containers.iter().find(|it| it.name == *name).and_then(|it| it.digest.clone());
            }
        }
    }
}

impl Ecs {
    pub(super) fn describe_service_revisions(&self, input: &Value) -> ApiResult {
        let arns = texts(input, "serviceRevisionArns");
        if arns.is_empty() || arns.len() > 20 {
            return Err(invalid("serviceRevisionArns must have between 1 and 20 elements."));
        }
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        for arn in arns {
            let all = self.services.values().flat_map(|service| service.revisions.iter().map(move |it| (service, it)));
            match { all }.find(|(_, revision)| revision.arn == arn) {
                Some((service, revision)) => found.push(self.revision_answer(service, revision)),
                None => failures.push(missing(arn)),
            }
        }
        Ok(json!({ "serviceRevisions": found, "failures": failures }))
    }

    fn revision_answer(&self, service: &Service, revision: &Revision) -> Value {
        let images = revision.images.iter().filter_map(|(name, image, digest)| {
            let digest = digest.as_ref()?;
            Some(json!({ "containerName": name, "image": image, "imageDigest": digest }))
        });
        let mut answer = json!({
            "serviceRevisionArn": revision.arn,
            "serviceArn": service.arn,
            "clusterArn": self.arn(&format!("cluster/{}", service.key.cluster)),
            "containerImages": images.collect::<Vec<_>>(),
            "guardDutyEnabled": false,
            "createdAt": seconds(revision.created_at),
        });
        if revision.given["launchType"] == "FARGATE" {
            answer["platformFamily"] = json!("Linux");
        }
        if let (Some(answer), Some(given)) = (answer.as_object_mut(), revision.given.as_object()) {
            answer.extend(given.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        set(answer)
    }
}
