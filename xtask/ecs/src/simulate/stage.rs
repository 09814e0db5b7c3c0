//! A sandbox and a workspace as a world has them.

use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use xtask_sandbox::ecs::Tasks;
use xtask_sandbox::{Clock, Options, Sandbox};

use super::world::{Service, World};
use crate::config::{self, Loaded};
use crate::digest::Digest;
use crate::failure::{Failure, Result};

/// Somebody else's service beside those of the world.
pub(super) const OTHER: &str = "somebody-elses";
pub(super) const CLUSTER: &str = "sample";

pub(super) struct Stage {
    pub sandbox: Arc<Sandbox>,
    folder: TempDir,
    tag: String,
}

impl Stage {
    /// Services that run what they ran before this tool, and a first release.
    pub(super) fn furnished(world: &World) -> Result<Self> {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let options = Options { listen, clock: Clock::Manual, ..Options::default() };
        let sandbox =
            Sandbox::unserved(options).map_err(|error| Failure::world(format_args!("no sandbox: {error}")))?;
        let folder = tempfile::tempdir().map_err(anyhow::Error::new)?;
        let mut stage = Self { sandbox: Arc::new(sandbox), folder, tag: String::new() };
        let documents: Vec<(String, Value)> =
            world.services.iter().map(|service| (service.name.clone(), document(service))).collect();
        let mut furniture: Vec<(&str, &str, Value)> =
            documents.iter().map(|(name, document)| (CLUSTER, name.as_str(), document.clone())).collect();
        let other = json!({ "family": OTHER, "cpu": "256", "memory": "512", "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"], "containerDefinitions": [{ "name": "main" }] });
        furniture.push((CLUSTER, OTHER, other));
        must(stage.sandbox.furnish(&["sample/app"], &furniture))?;
        for service in &world.services {
            let strategy = &service.deployment["strategy"];
            let mut plain = json!({ "strategy": strategy });
            if strategy == "BLUE_GREEN" {
                plain["bakeTimeInMinutes"] = json!(0);
            }
            let mut update = json!({ "cluster": CLUSTER, "service": service.name, "desiredCount": service.desired,
                "deploymentConfiguration": plain });
            if service.balanced {
                update["loadBalancers"] = balancers(&service.name);
            }
            must(stage.sandbox.ecs("UpdateService", update))?;
        }
        stage.rest(world);
        for service in &world.services {
            let update = json!({ "cluster": CLUSTER, "service": service.name,
                "deploymentConfiguration": service.deployment });
            must(stage.sandbox.ecs("UpdateService", update))?;
        }
        stage.write(world)?;
        stage.release(world, "1.0")?;
        Ok(stage)
    }

    /// Lets everything that is under way come to its end, as far as it does within an hour.
    pub(super) fn rest(&self, world: &World) {
        for _ in 0..12 {
            self.sandbox.advance(Duration::from_secs(5 * 60));
            let over = |service: &Service| {
                let input = json!({ "cluster": CLUSTER, "service": service.name, "maxResults": 1 });
                let listed = self.sandbox.ecs("ListServiceDeployments", input).unwrap_or_default();
                let status = listed["serviceDeployments"][0]["status"].as_str().unwrap_or_default().to_owned();
                matches!(status.as_str(), "SUCCESSFUL" | "STOPPED" | "ROLLBACK_SUCCESSFUL" | "ROLLBACK_FAILED")
            };
            if world.services.iter().all(over) {
                return;
            }
        }
    }

    /// Puts an image under the tag, which the configuration deploys from now on.
    pub(super) fn release(&mut self, world: &World, tag: &str) -> Result<()> {
        let input = json!({ "repositoryName": "sample/app", "imageTag": tag, "imageManifest": manifest(tag) });
        must(self.sandbox.ecr("PutImage", input))?;
        tag.clone_into(&mut self.tag);
        self.write_configuration(world)
    }

    /// Has Auto Scaling set how many tasks `app` has.
    pub(super) fn scale(&self) -> Result<()> {
        let input = json!({ "ServiceNamespace": "ecs", "ResourceId": format!("service/{CLUSTER}/app"),
            "ScalableDimension": "ecs:service:DesiredCount", "MinCapacity": 1, "MaxCapacity": 6 });
        let site = self.sandbox.site("123456789012", "ap-northeast-1");
        must(site.call("application-autoscaling", "RegisterScalableTarget", input)).map(drop)
    }

    /// How many revisions of `app` there are, one-off tasks that were started, and locks.
    pub(super) fn counts(&self) -> (usize, usize, usize) {
        let ask = |operation: &str, input: Value| self.sandbox.ecs(operation, input).unwrap_or_default();
        let count = |found: &Value, member: &str| found[member].as_array().map_or(0, Vec::len);
        let revisions = ask("ListTaskDefinitions", json!({ "familyPrefix": "app", "maxResults": 100 }));
        let found = ask("DescribeServices", json!({ "cluster": CLUSTER, "services": ["app"], "include": ["TAGS"] }));
        (count(&revisions, "taskDefinitionArns"), self.started(), count(&found["services"][0], "tags"))
    }

    /// One-off tasks that were started.
    fn started(&self) -> usize {
        let ran = self.sandbox.calls().into_iter().filter(|call| call.operation == "ecs:RunTask");
        let tokens = ran.filter_map(|call| call.input["clientToken"].as_str().map(str::to_owned));
        tokens.collect::<std::collections::BTreeSet<_>>().len()
    }

    /// The bytes that are to run.
    pub(super) fn digest(&self) -> String {
        Digest::of(manifest(&self.tag).as_bytes()).to_string()
    }

    /// Has the tasks of every revision that is registered from now on behave like this.
    pub(super) fn behave(&self, tasks: &Tasks) {
        self.sandbox.behave_newer(tasks.clone());
    }

    pub(super) fn configuration(&self) -> Result<Loaded> {
        let registry = |name: &str| (name == "XTASK_REGISTRY").then(|| self.sandbox.registry());
        config::load(self.folder.path(), &registry)
    }

    fn write(&self, world: &World) -> Result<()> {
        for service in &world.services {
            self.put(&format!("{}.json", service.name), &document(service).to_string())?;
        }
        self.put("Dockerfile", "FROM scratch\n")
    }

    fn write_configuration(&self, world: &World) -> Result<()> {
        let mut toml = format!(
            "[workspace]\nmembers = []\n[workspace.metadata.xtask]\naccount = \"123456789012\"\n\
             region = \"ap-northeast-1\"\ncluster = \"{CLUSTER}\"\nlock = {}\n\
             [workspace.metadata.xtask.deploy]\non-failure = \"{}\"\n\
             [workspace.metadata.xtask.images.app]\nrepository = \"sample/app\"\ntag = \"{}\"\ndockerfile = \"Dockerfile\"\n",
            world.locks, world.on_failure, self.tag
        );
        for service in &world.services {
            let Service { name, poll, deadline, on_interrupt, .. } = service;
            let fail_fast = if service.fail_fast { "decisive" } else { "off" };
            let _ = write!(
                toml,
                "[workspace.metadata.xtask.services.{name}]\ntask-definition = \"{name}.json\"\n\
                 containers = {{ app = \"app\" }}\nafter = {:?}\nforce-new-deployment = {}\n\
                 rollout = {{ poll = \"{poll}s\", deadline = \"{deadline}s\", on-interrupt = \"{on_interrupt}\", \
                 fail-fast = \"{fail_fast}\" }}\n",
                service.after, service.force
            );
            if world.migrate.is_some() && *name == world.services[0].name {
                toml.push_str("before-deploy = [\"migrate\"]\n");
            }
            if let Some(count) = service.desired_count {
                let _ = writeln!(toml, "desired-count = {count}");
            }
        }
        if let Some(line) = world.migrate {
            let _ = write!(
                toml,
                "[workspace.metadata.xtask.tasks.migrate]\nservice = \"{}\"\ncommand = [\"sh\", \"-c\", \"{line}\"]\n",
                world.services[0].name
            );
        }
        self.put("Cargo.toml", &toml)
    }

    fn put(&self, name: &str, text: &str) -> Result<()> {
        std::fs::write(self.folder.path().join(name), text)
            .map_err(|error| Failure::world(format_args!("could not write {name}: {error}")))
    }
}

fn document(service: &Service) -> Value {
    let mut app = json!({
        "name": "app",
        "image": "replaced",
        "portMappings": [{ "containerPort": 8080 }],
        "environment": [{ "name": "MODE", "value": "simulated" }],
        "logConfiguration": { "logDriver": "awslogs", "options": {
            "awslogs-group": format!("/ecs/{}", service.name), "awslogs-region": "ap-northeast-1",
            "awslogs-stream-prefix": "ecs" } },
    });
    if service.health_check {
        app["healthCheck"] = json!({ "command": ["CMD", "/app", "--check"] });
    }
    let mut containers = vec![app];
    if service.sidecar {
        containers.push(json!({ "name": "agent", "image": "public.ecr.aws/agent/agent:1", "essential": false }));
    }
    json!({ "family": service.name, "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256",
        "memory": "512", "executionRoleArn": "arn:aws:iam::123456789012:role/ecsTaskExecutionRole",
        "containerDefinitions": containers })
}

fn balancers(name: &str) -> Value {
    let balancing = "arn:aws:elasticloadbalancing:ap-northeast-1:123456789012";
    let rule = |rule: &str| format!("{balancing}:listener-rule/app/lb/1/2/{name}-{rule}");
    let group = |colour: &str| format!("{balancing}:targetgroup/{name}-{colour}/0123456789abcdef");
    json!([{ "targetGroupArn": group("blue"), "containerName": "app", "containerPort": 8080,
        "advancedConfiguration": { "alternateTargetGroupArn": group("green"), "productionListenerRule": rule("production"),
            "testListenerRule": rule("test"), "roleArn": "arn:aws:iam::123456789012:role/lb" } }])
}

/// An index without manifests is enough for ECS.
fn manifest(tag: &str) -> String {
    json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [],
        "annotations": { "tag": tag, "xtask-ecs.made-by": "cargo xtask release" } })
    .to_string()
}

/// What the sandbox cannot refuse.
pub(super) fn must(answer: std::result::Result<Value, xtask_sandbox::ApiError>) -> Result<Value> {
    answer.map_err(|error| Failure::world(format_args!("the sandbox refused: {}: {}", error.code, error.message)))
}
