//! A small world to tell stories in: one cluster, one service, a clock turned by hand.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::clock::Instant;
use crate::ecs::{Behaviour, Call, Caller, Ecs, Images, Tasks};
use crate::protocol::ApiError;

/// A registry of its own: images under `own/` exist only while they are in the set.
#[derive(Default)]
pub(super) struct Own {
    pub(super) gone: RefCell<BTreeSet<String>>,
    pub(super) asked: RefCell<Vec<String>>,
}

impl Images for Own {
    fn resolve(&self, image: &str) -> Result<Option<String>, String> {
        self.asked.borrow_mut().push(image.to_owned());
        let Some(rest) = image.strip_prefix("own/") else { return Ok(None) };
        if self.gone.borrow().contains(rest) {
            return Err(format!(
                "CannotPullContainerError: pull image manifest has been retried 1 time(s): {image}: not found"
            ));
        }
        Ok(Some(match rest.split_once('@') {
            Some((_, digest)) => digest.to_owned(),
            None => format!("sha256:{:0>64}", rest.replace(|c: char| !c.is_ascii_hexdigit(), "")),
        }))
    }
}

pub(super) struct World {
    pub(super) ecs: Ecs,
    pub(super) now: Instant,
    pub(super) images: Own,
}

impl World {
    /// A cluster `sample` and nothing else, at some time in this century.
    pub(super) fn new() -> Self {
        let mut world = Self {
            ecs: Ecs::new("123456789012", "ap-northeast-1"),
            now: Instant(1_700_000_000_000),
            images: Own::default(),
        };
        world.call("CreateCluster", json!({ "clusterName": "sample" }));
        world
    }

    /// A cluster with a service `app` of so many tasks that has reached its steady state on `app:1`.
    pub(super) fn serving(desired: u64, configuration: Value) -> Self {
        let mut world = Self::new();
        world.register("own/app:1", json!({}));
        world.create(desired, configuration, json!({}));
        world.settle();
        world
    }

    pub(super) fn try_call(&mut self, operation: &str, input: Value) -> Result<Value, ApiError> {
        self.ecs.advance(self.now, &self.images);
        let caller = Caller { arn: "arn:aws:iam::123456789012:user/deployer".to_owned() };
        let answer = self.ecs.call(Call { operation, input, caller: &caller, now: self.now }, &self.images)?;
        assert_eq!(crate::oddity("ecs", operation, &answer), None, "{answer}");
        Ok(answer)
    }

    pub(super) fn call(&mut self, operation: &str, input: Value) -> Value {
        self.try_call(operation, input).unwrap()
    }

    /// The exception that a call answers with: its name and its sentence.
    pub(super) fn refused(&mut self, operation: &str, input: Value) -> (&'static str, String) {
        let error = self.try_call(operation, input).unwrap_err();
        assert_eq!(error.status, 400);
        (error.code, error.message)
    }

    /// Registers `app` with one container, whose definition is completed by `members`.
    pub(super) fn register(&mut self, image: &str, members: Value) -> String {
        let mut container = json!({ "name": "app", "image": image, "portMappings": [{ "containerPort": 8080 }] });
        container.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let input = document(json!([container]));
        let answer = self.call("RegisterTaskDefinition", input);
        answer["taskDefinition"]["taskDefinitionArn"].as_str().unwrap().to_owned()
    }

    pub(super) fn create(&mut self, desired: u64, configuration: Value, members: Value) -> Value {
        let mut input = json!({
            "cluster": "sample", "serviceName": "app", "taskDefinition": "app", "desiredCount": desired,
            "launchType": "FARGATE", "deploymentConfiguration": configuration,
            "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-1"] } },
        });
        input.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        self.call("CreateService", input)["service"].clone()
    }

    /// Registers a new revision and updates the service to it. Gives UpdateService's answer.
    pub(super) fn release(&mut self, image: &str, members: Value) -> Value {
        let arn = self.register(image, members);
        self.update(json!({ "taskDefinition": arn }))
    }

    pub(super) fn update(&mut self, members: Value) -> Value {
        let mut input = json!({ "cluster": "sample", "service": "app" });
        input.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        self.call("UpdateService", input)["service"].clone()
    }

    pub(super) fn behave(&mut self, after_revision: Option<u64>, tasks: Tasks) {
        self.ecs.behave(Behaviour { family: None, after_revision, tasks });
    }

    pub(super) fn pass(&mut self, seconds: u64) {
        self.now = Instant(self.now.0 + seconds * 1000);
        self.ecs.advance(self.now, &self.images);
    }

    /// Lets everything happen that is planned, for two hours at most. Gives the seconds that it took.
    pub(super) fn settle(&mut self) -> u64 {
        let start = self.now.0;
        while let Some(next) = self.ecs.next_event().filter(|next| next.0 < start + 7_200_000) {
            self.now = self.now.max(next);
            self.ecs.advance(self.now, &self.images);
        }
        (self.now.0 - start) / 1000
    }

    /// Lets events happen one by one until the newest service deployment has this status.
    pub(super) fn until(&mut self, status: &str) {
        for _ in 0..10_000 {
            if self.rollout()["status"] == status {
                return;
            }
            self.now = self.ecs.next_event().unwrap();
            self.ecs.advance(self.now, &self.images);
        }
        panic!("never {status}, but {}", self.rollout());
    }

    pub(super) fn service(&mut self) -> Value {
        self.call("DescribeServices", json!({ "cluster": "sample", "services": ["app"] }))["services"][0].clone()
    }

    /// All service deployments, newest first, described.
    pub(super) fn rollouts(&mut self) -> Vec<Value> {
        let listed = self.call("ListServiceDeployments", json!({ "cluster": "sample", "service": "app" }));
        let briefs = listed["serviceDeployments"].as_array().unwrap().clone();
        let arns: Vec<&Value> = briefs.iter().map(|it| &it["serviceDeploymentArn"]).collect();
        let described = self.call("DescribeServiceDeployments", json!({ "serviceDeploymentArns": arns }));
        described["serviceDeployments"].as_array().unwrap().clone()
    }

    /// The newest service deployment.
    pub(super) fn rollout(&mut self) -> Value {
        self.rollouts()[0].clone()
    }

    pub(super) fn revision(&mut self, arn: &Value) -> Value {
        self.call("DescribeServiceRevisions", json!({ "serviceRevisionArns": [arn] }))["serviceRevisions"][0].clone()
    }

    /// The tasks of the service with this desired status.
    pub(super) fn tasks(&mut self, status: &str) -> Vec<Value> {
        let input = json!({ "cluster": "sample", "serviceName": "app", "desiredStatus": status });
        let arns = self.call("ListTasks", input)["taskArns"].clone();
        if arns.as_array().unwrap().is_empty() {
            return Vec::new();
        }
        let described = self.call("DescribeTasks", json!({ "cluster": "sample", "tasks": arns }));
        described["tasks"].as_array().unwrap().clone()
    }

    /// Service events, oldest first.
    pub(super) fn events(&mut self) -> Vec<String> {
        let service = self.service();
        let events = service["events"].as_array().unwrap().iter().rev();
        events.map(|event| event["message"].as_str().unwrap().to_owned()).collect()
    }

    pub(super) fn said(&mut self, what: &str) -> bool {
        self.events().iter().any(|event| event.contains(what))
    }
}

/// A task definition of family `app` for Fargate with these containers.
pub(super) fn document(containers: Value) -> Value {
    json!({
        "family": "app", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
        "cpu": "256", "memory": "512", "containerDefinitions": containers,
    })
}

/// The default percentages, with the circuit breaker on and rolling back.
pub(super) fn breaker() -> Value {
    json!({ "deploymentCircuitBreaker": { "enable": true, "rollback": true } })
}

pub(super) fn crash() -> Tasks {
    Tasks::Exits { code: 1, after_seconds: 3, container: None }
}
