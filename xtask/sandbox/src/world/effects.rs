//! What a fault does to the world around a call.

use serde_json::{Value, json};

use super::State;
use crate::clock::Instant;
use crate::ecr::manifest::OCI_MANIFEST;
use crate::ecr::{Put, digest_of};
use crate::ecs::{Caller, NextRun, READ_ONLY};
use crate::fault::Effect;
use crate::home::Home;
use crate::protocol::ApiError;

impl State {
    /// Before the call. Answers the images that will be gone after it.
    pub fn before(&mut self, home: &Home, effects: &[Effect], input: &Value) -> Vec<String> {
        let mut doomed = Vec::new();
        for effect in effects {
            match effect {
                Effect::Abort => self.abort(home, input),
                Effect::ExpireToken => self.expire_tokens(),
                Effect::ForeignTag => {
                    let (name, tag) = (&input["repositoryName"], &input["imageTag"]);
                    if let (Some(name), Some(tag)) = (name.as_str(), tag.as_str()) {
                        // Where the repository or its tag stands in the way, there is nothing to be first with.
                        drop(self.put_foreign(home, name, tag));
                    }
                }
                Effect::Configure { deployment } => self.configure(home, deployment, input),
                Effect::Trouble(trouble) => self.ecs_of(home).trouble(trouble.clone()),
                Effect::ReportPlatform => self.platforms = true,
                Effect::TaskExits { code } => self.ecs_of(home).next_run = Some(NextRun::Exits(*code)),
                Effect::Unplaced { reason } => self.ecs_of(home).next_run = Some(NextRun::Unplaced(reason.clone())),
                Effect::Say { lines } => self.ecs_of(home).say(lines),
                Effect::Behave(tasks) => self.ecs_of(home).behave_newer(tasks.clone()),
                Effect::ForgetPreviousImages => {
                    doomed.extend(self.images_running(home, input));
                }
                _ => {}
            }
        }
        doomed
    }

    /// After the call succeeded.
    pub fn after(&mut self, home: &Home, effects: &[Effect], doomed: Vec<String>, input: &Value) {
        let mut doomed = doomed;
        for effect in effects {
            match effect {
                Effect::ForgetImages => doomed.extend(self.images_meant(home, input)),
                Effect::Supersede { by } => self.supersede(home, by, input),
                _ => {}
            }
        }
        for image in doomed {
            self.lose(home, &image);
        }
        self.settle();
    }

    /// Another client's image, with this tag, unless the tag is there.
    fn put_foreign(&mut self, home: &Home, name: &str, tag: &str) -> Result<(), ApiError> {
        if self.ecr_of(home).repository(name)?.tags.contains_key(tag) {
            return Ok(());
        }
        let config = json!({"architecture": "amd64", "os": "linux", "config": {"Labels": {"put-by": "another client"}},
            "rootfs": {"type": "layers", "diff_ids": []}})
        .to_string();
        self.ecr_of(home).store_layer(name, config.as_bytes())?;
        let manifest = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": digest_of(config.as_bytes()),
            "size": config.len(),
        }, "layers": []})
        .to_string();
        let now = self.timeline.now();
        let put = Put { repository: name, manifest: &manifest, media_type: None, tag: Some(tag), digest: None };
        self.ecr_of(home).put(put, now).map(drop)
    }

    /// The service that a call names, itself or through one of its service deployments; null where there is none.
    fn service(&mut self, home: &Home, input: &Value) -> Value {
        let Some((cluster, service)) = named_service(input) else { return Value::Null };
        let found = self.look(home, "DescribeServices", json!({"cluster": cluster, "services": [service]}));
        found["services"][0].clone()
    }

    /// The images that the service or the daemon of a call runs.
    fn images_running(&mut self, home: &Home, input: &Value) -> Vec<String> {
        let service = match input["daemonArn"].as_str() {
            Some(daemon) => {
                let found = self.look(home, "DescribeDaemon", json!({ "daemonArn": daemon }));
                let revision = found["daemon"]["currentRevisions"][0]["arn"].clone();
                let asked = json!({ "daemonRevisionArns": [revision] });
                self.look(home, "DescribeDaemonRevisions", asked)["daemonRevisions"][0].clone()
            }
            None => self.service(home, input),
        };
        let named = service["daemonTaskDefinitionArn"].as_str().or(service["taskDefinition"].as_str());
        // An Express service has its revision in its deployments alone.
        let named = named.or(service["deployments"][0]["taskDefinition"].as_str());
        named.map(|revision| self.images_of(home, revision)).unwrap_or_default()
    }

    fn images_of(&mut self, home: &Home, task_definition: &str) -> Vec<String> {
        if task_definition.contains(":daemon-task-definition/") {
            let asked = json!({ "daemonTaskDefinition": task_definition });
            let found = self.look(home, "DescribeDaemonTaskDefinition", asked);
            return images_in(&found["daemonTaskDefinition"]);
        }
        let found = self.look(home, "DescribeTaskDefinition", json!({"taskDefinition": task_definition}));
        images_in(&found["taskDefinition"])
    }

    /// The images that a call is about: those of a task definition, of a service's, or of a repository.
    fn images_meant(&mut self, home: &Home, input: &Value) -> Vec<String> {
        if input["containerDefinitions"].is_array() {
            return images_in(input);
        }
        if let Some(name) = input["repositoryName"].as_str() {
            let Ok(repository) = self.ecr_of(home).repository(name) else { return Vec::new() };
            let digests = match (input["imageDigest"].as_str(), input["imageTag"].as_str()) {
                (Some(digest), _) => vec![digest.to_owned()],
                (None, Some(tag)) => repository.tags.get(tag).cloned().into_iter().collect(),
                (None, None) => repository.images.keys().cloned().collect(),
            };
            return digests.iter().map(|digest| format!("{}/{name}@{digest}", self.host)).collect();
        }
        let updated = input["daemonTaskDefinitionArn"].as_str().or(input["taskDefinitionArn"].as_str());
        if let Some(revision) = updated {
            return self.images_of(home, revision);
        }
        let service = self.service(home, input);
        match service["taskDefinition"].as_str().or(input["taskDefinition"].as_str()) {
            Some(task_definition) => self.images_of(home, task_definition),
            None => Vec::new(),
        }
    }

    fn lose(&mut self, home: &Home, image: &str) {
        let Some((name, wanted)) = self.ecr_of(home).own(image) else {
            self.lost.insert(image.to_owned());
            return;
        };
        if let Ok(repository) = self.ecr_of(home).repository_mut(name)
            && let Some(digest) = repository.resolve(wanted).map(str::to_owned)
        {
            repository.forget(&digest);
        }
    }

    fn supersede(&mut self, home: &Home, by: &str, input: &Value) {
        let caller = Caller { arn: format!("arn:aws:iam::{}:user/{by}", home.account) };
        for member in ["daemonTaskDefinitionArn", "taskDefinitionArn"] {
            if input[member].is_string() {
                return self.supersede_alike(home, member, input, &caller);
            }
        }
        let Some((cluster, service)) = named_service(input) else { return };
        let mut update = json!({"cluster": cluster, "service": service, "forceNewDeployment": true});
        // A revision of their own tells whose deployment it is.
        if let Some(arn) = self.register_copy(home, input, &caller) {
            update["taskDefinition"] = json!(arn);
        }
        // A service that is gone by now cannot be deployed by anybody.
        drop(self.ecs(home, "UpdateService", update, &caller));
    }

    /// Somebody else stops the rollout that is under way, without a way back; where none is, there is nothing to stop.
    fn abort(&mut self, home: &Home, input: &Value) {
        let rollout = self.service(home, input)["currentServiceDeployment"].clone();
        self.look(home, "StopServiceDeployment", json!({"serviceDeploymentArn": rollout, "stopType": "ABORT"}));
    }

    /// The same of a daemon or an Express service, by the very call that updated it to the revision in this member.
    fn supersede_alike(&mut self, home: &Home, member: &str, input: &Value, caller: &Caller) {
        let daemon = member.starts_with("daemon");
        let (kind, name, update) = if daemon {
            ("DaemonTaskDefinition", "daemonTaskDefinition", "UpdateDaemon")
        } else {
            ("TaskDefinition", "taskDefinition", "UpdateExpressGatewayService")
        };
        let mut found = self.look(home, &format!("Describe{kind}"), json!({ name: input[member] }));
        let mut copy = found[name].take();
        if let Some(members) = copy.as_object_mut() {
            members.retain(|member, _| !READ_ONLY.contains(&member.as_str()) && member != "daemonTaskDefinitionArn");
        }
        let Ok(registered) = self.ecs(home, &format!("Register{kind}"), copy, caller) else { return };
        let mut again = input.clone();
        again[member] = if daemon { registered[member].clone() } else { registered[name][member].clone() };
        drop(self.ecs(home, update, again, caller));
    }

    /// Has the call's service deploy like this from now on.
    fn configure(&mut self, home: &Home, deployment: &Value, input: &Value) {
        let Some((cluster, service)) = named_service(input) else { return };
        let update = json!({"cluster": cluster, "service": service, "deploymentConfiguration": deployment});
        self.look(home, "UpdateService", update);
    }

    /// Registers the task definition of the call's service once more; answers the new revision's ARN.
    fn register_copy(&mut self, home: &Home, input: &Value, caller: &Caller) -> Option<String> {
        let current = self.service(home, input)["taskDefinition"].as_str()?.to_owned();
        let mut found = self.look(home, "DescribeTaskDefinition", json!({"taskDefinition": current}));
        let copy = found["taskDefinition"].as_object_mut()?;
        copy.retain(|member, _| !READ_ONLY.contains(&member.as_str()));
        let copy = Value::Object(std::mem::take(copy));
        let registered = self.ecs(home, "RegisterTaskDefinition", copy, caller).ok()?;
        registered["taskDefinition"]["taskDefinitionArn"].as_str().map(str::to_owned)
    }

    fn look(&mut self, home: &Home, operation: &str, input: Value) -> Value {
        let caller = Caller { arn: format!("arn:aws:iam::{}:root", home.account) };
        self.ecs(home, operation, input, &caller).unwrap_or_default()
    }

    /// The simulated time, for those that only ask.
    pub fn now(&self) -> Instant {
        self.timeline.now()
    }
}

fn images_in(task_definition: &Value) -> Vec<String> {
    let containers = task_definition["containerDefinitions"].as_array();
    containers.into_iter().flatten().filter_map(|container| container["image"].as_str()).map(str::to_owned).collect()
}

/// Cluster and service, from the call's own members or from the ARN of a service deployment.
fn named_service(input: &Value) -> Option<(String, String)> {
    let arn = input["serviceDeploymentArns"][0].as_str().or(input["serviceDeploymentArn"].as_str());
    if let Some(arn) = arn {
        let mut parts = arn.split_once(":service-deployment/")?.1.split('/');
        return Some((parts.next()?.to_owned(), parts.next()?.to_owned()));
    }
    if let Some(arn) = input["serviceArn"].as_str() {
        let mut parts = arn.split_once(":service/")?.1.split('/');
        return Some((parts.next()?.to_owned(), parts.next()?.to_owned()));
    }
    let service = input["service"].as_str().or(input["serviceName"].as_str()).or(input["services"][0].as_str())?;
    Some((input["cluster"].as_str().unwrap_or("default").to_owned(), service.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_found_by_name_and_by_service_deployment() {
        let expected = Some(("sample".to_owned(), "app".to_owned()));
        assert_eq!(named_service(&json!({"cluster": "sample", "service": "app"})), expected);
        assert_eq!(named_service(&json!({"cluster": "sample", "services": ["app"]})), expected);
        let arn = "arn:aws:ecs:ap-northeast-1:123456789012:service-deployment/sample/app/x1";
        assert_eq!(named_service(&json!({"serviceDeploymentArns": [arn]})), expected);
        assert_eq!(named_service(&json!({"family": "app"})), None);
    }
}
