//! Service revisions: what one deployment of a service was to look like, with the images' digests.

use serde_json::{Value, json};

use crate::ecs::json::{invalid, list, missing, seconds, set, text, texts};
use crate::ecs::state::Ecs;
use crate::ecs::state::revision::Revision;
use crate::ecs::state::service::Service;
use crate::protocol::ApiResult;

impl Ecs {
    pub(crate) fn describe_service_revisions(&self, input: &Value) -> ApiResult {
        let arns = texts(input, "serviceRevisionArns");
        if arns.is_empty() || arns.len() > 20 {
            return Err(invalid("serviceRevisionArns must have between 1 and 20 elements."));
        }
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        for arn in arns {
            let all = self.services.values().flat_map(|service| service.revisions.iter().map(move |it| (service, it)));
            match { all }.find(|(service, revision)| revision.arn == arn && !service.key.is_daemon()) {
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
        let balancers = list(&revision.given, "loadBalancers");
        if !balancers.is_empty() {
            let resolved = balancers.iter().map(|balancer| {
                let rule = text(&balancer["advancedConfiguration"], "productionListenerRule");
                set(json!({ "targetGroupArn": revision.group(balancer), "productionListenerRule": rule }))
            });
            answer["resolvedConfiguration"] = json!({ "loadBalancers": resolved.collect::<Vec<_>>() });
        }
        if revision.given["launchType"] == "FARGATE" {
            answer["platformFamily"] = json!("Linux");
        }
        if let (Some(answer), Some(given)) = (answer.as_object_mut(), revision.given.as_object()) {
            answer.extend(given.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        set(answer)
    }
}
