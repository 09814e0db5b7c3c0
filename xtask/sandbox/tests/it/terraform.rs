//! The calls of terraform's AWS provider, version 6, and what it reads of their answers: a repository, a cluster, a task
//! definition and a service are made, waited for, changed and destroyed.
//!
//! Recorded by hand from the provider's sources, `internal/service/ecr` and `internal/service/ecs`.

use std::time::Duration;

use crate::client::call;
use serde_json::{Value, json};
use xtask_sandbox::{Clock, Options, Sandbox};

/// The provider's side: a sandbox whose clock it turns while it waits.
struct Provider {
    sandbox: Sandbox,
}

impl Provider {
    fn new() -> Self {
        Self { sandbox: Sandbox::start(Options { clock: Clock::Manual, ..Options::default() }).unwrap() }
    }

    fn try_call(&self, service: &str, operation: &str, input: &Value) -> Result<Value, (String, String)> {
        call(&self.sandbox, service, operation, input)
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "json! makes values, and a recorded call reads better without a reference"
    )]
    fn ecr(&self, operation: &str, input: Value) -> Value {
        self.try_call("ecr", operation, &input).unwrap()
    }

    #[expect(clippy::needless_pass_by_value, reason = "as for `ecr`")]
    fn ecs(&self, operation: &str, input: Value) -> Value {
        self.try_call("ecs", operation, &input).unwrap()
    }

    fn cluster(&self) -> String {
        let input = json!({"clusterName": "sample", "settings": [{"name": "containerInsights", "value": "disabled"}],
            "tags": [{"key": "team", "value": "shop"}]});
        self.ecs("CreateCluster", input)["cluster"]["clusterArn"].as_str().unwrap().to_owned()
    }

    fn task_definition(&self, image: &str) -> String {
        let container = json!({"name": "app", "image": image, "essential": true,
            "portMappings": [{"containerPort": 8080, "hostPort": 8080, "protocol": "tcp"}],
            "environment": [], "mountPoints": [], "volumesFrom": [], "systemControls": []});
        let input = json!({"family": "app", "containerDefinitions": [container], "cpu": "256", "memory": "512",
            "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "enableFaultInjection": false,
            "tags": [{"key": "team", "value": "shop"}]});
        let registered = self.ecs("RegisterTaskDefinition", input);
        registered["taskDefinition"]["taskDefinitionArn"].as_str().unwrap().to_owned()
    }

    /// As the provider describes a service, which it names by its ARN.
    fn service(&self, cluster: &str, arn: &str) -> Value {
        let found = self.ecs("DescribeServices", json!({"cluster": cluster, "services": [arn], "include": ["TAGS"]}));
        assert_eq!(found["failures"], json!([]));
        found["services"][0].clone()
    }

    /// `wait_for_steady_state`: the PRIMARY's service deployment is looked for among those created since, by the
    /// number that the PRIMARY's id and the service revision's ARN share, and followed to its end.
    fn wait(&self, cluster: &str, arn: &str, since: f64) -> Result<(), String> {
        for _ in 0..500 {
            self.sandbox.advance(Duration::from_secs(5));
            let service = self.service(cluster, arn);
            assert_eq!(
                (&service["status"], &service["deploymentController"]["type"]),
                (&json!("ACTIVE"), &json!("ECS"))
            );
            let primary =
                service["deployments"].as_array().unwrap().iter().find(|it| it["status"] == "PRIMARY").unwrap();
            assert!(primary["createdAt"].as_f64().unwrap() > since, "{primary}");
            let number = primary["id"].as_str().unwrap().strip_prefix("ecs-svc/").unwrap().to_owned();
            let name = arn.rsplit('/').next().unwrap();
            let listed = self.ecs(
                "ListServiceDeployments",
                json!({"cluster": cluster, "service": name, "createdAt": {"after": since}}),
            );
            let ours = listed["serviceDeployments"]
                .as_array()
                .unwrap()
                .iter()
                .find(|brief| brief["targetServiceRevisionArn"].as_str().unwrap().contains(&number));
            // After a rollback the PRIMARY is another; the provider keeps the ARN that it found first.
            let ours = ours.unwrap_or(&listed["serviceDeployments"][0]);
            let arns = json!({"serviceDeploymentArns": [ours["serviceDeploymentArn"]]});
            let rollout = self.ecs("DescribeServiceDeployments", arns)["serviceDeployments"][0].clone();
            match rollout["status"].as_str().unwrap() {
                "SUCCESSFUL" => return Ok(()),
                "STOPPED" | "ROLLBACK_FAILED" | "ROLLBACK_SUCCESSFUL" => {
                    return Err(rollout["statusReason"].as_str().unwrap_or("Deployment failed").to_owned());
                }
                _ => {}
            }
        }
        Err("timed out".to_owned())
    }

    /// Just before now, on the sandbox's clock.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of this century fit into 53 bits")]
    fn since(&self) -> f64 {
        (self.sandbox.now().0 - 1) as f64 / 1000.0
    }
}

#[test]
fn a_repository_is_made_read_changed_and_destroyed() {
    let provider = Provider::new();
    let input = json!({"repositoryName": "sample/app", "imageTagMutability": "MUTABLE",
        "imageScanningConfiguration": {"scanOnPush": true}, "encryptionConfiguration": {"encryptionType": "AES256"},
        "tags": [{"Key": "team", "Value": "shop"}]});
    let made = provider.ecr("CreateRepository", input)["repository"].clone();
    let read =
        || provider.ecr("DescribeRepositories", json!({"repositoryNames": ["sample/app"]}))["repositories"][0].clone();
    assert_eq!(read(), made);
    assert_eq!(made["encryptionConfiguration"]["encryptionType"], "AES256");
    let arn = made["repositoryArn"].clone();
    let tags = || provider.ecr("ListTagsForResource", json!({"resourceArn": arn}))["tags"].clone();
    assert_eq!(tags(), json!([{"Key": "team", "Value": "shop"}]));

    let (name, registry) = (json!("sample/app"), made["registryId"].clone());
    let filters = json!([{"filterType": "WILDCARD", "filter": "dev-*"}]);
    provider.ecr(
        "PutImageTagMutability",
        json!({"repositoryName": name, "registryId": registry, "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
            "imageTagMutabilityExclusionFilters": filters}),
    );
    provider.ecr(
        "PutImageScanningConfiguration",
        json!({"repositoryName": name, "registryId": registry, "imageScanningConfiguration": {"scanOnPush": false}}),
    );
    provider.ecr("UntagResource", json!({"resourceArn": arn, "tagKeys": ["team"]}));
    provider.ecr("TagResource", json!({"resourceArn": arn, "tags": [{"Key": "stage", "Value": "test"}]}));
    let changed = read();
    assert_eq!(changed["imageTagMutability"], "IMMUTABLE_WITH_EXCLUSION");
    assert_eq!(changed["imageTagMutabilityExclusionFilters"], filters);
    assert_eq!(changed["imageScanningConfiguration"], json!({"scanOnPush": false}));
    assert_eq!(tags(), json!([{"Key": "stage", "Value": "test"}]));

    provider.ecr("DeleteRepository", json!({"repositoryName": name, "registryId": registry, "force": false}));
    let gone = provider.try_call("ecr", "DescribeRepositories", &json!({"repositoryNames": [name]})).unwrap_err();
    assert_eq!(gone.0, "RepositoryNotFoundException");
}

#[test]
fn a_cluster_is_made_read_changed_and_destroyed() {
    let provider = Provider::new();
    let arn = provider.cluster();
    let read = || {
        let input = json!({"clusters": [arn], "include": ["TAGS", "CONFIGURATIONS", "SETTINGS"]});
        let found = provider.ecs("DescribeClusters", input)["clusters"].clone();
        assert_eq!(found.as_array().unwrap().len(), 1);
        found[0].clone()
    };
    let cluster = read();
    assert_eq!((&cluster["status"], &cluster["clusterName"]), (&json!("ACTIVE"), &json!("sample")));
    assert_eq!(cluster["settings"], json!([{"name": "containerInsights", "value": "disabled"}]));
    assert_eq!(cluster["tags"], json!([{"key": "team", "value": "shop"}]));
    let settings = json!([{"name": "containerInsights", "value": "enabled"}]);
    provider.ecs("UpdateCluster", json!({"cluster": arn, "settings": settings}));
    provider.ecs(
        "PutClusterCapacityProviders",
        json!({"cluster": "sample", "capacityProviders": ["FARGATE"], "defaultCapacityProviderStrategy": []}),
    );
    provider.ecs("UntagResource", json!({"resourceArn": arn, "tagKeys": ["team"]}));
    let cluster = read();
    assert_eq!((&cluster["settings"], &cluster["tags"]), (&settings, &json!([])));
    assert_eq!(cluster["capacityProviders"], json!(["FARGATE"]));
    provider.ecs("DeleteCluster", json!({"cluster": arn}));
    assert_eq!(read()["status"], "INACTIVE");
}

#[test]
fn a_task_definition_is_read_as_it_was_written_and_deregistered() {
    let provider = Provider::new();
    let arn = provider.task_definition("public.ecr.aws/x:1");
    let read = |arn: &str| provider.ecs("DescribeTaskDefinition", json!({"taskDefinition": arn, "include": ["TAGS"]}));
    let found = read(&arn);
    assert_eq!(found["tags"], json!([{"key": "team", "value": "shop"}]));
    let it = &found["taskDefinition"];
    assert_eq!((&it["taskDefinitionArn"], &it["status"]), (&json!(arn), &json!("ACTIVE")));
    assert_eq!((&it["cpu"], &it["memory"], &it["networkMode"]), (&json!("256"), &json!("512"), &json!("awsvpc")));
    provider.ecs("TagResource", json!({"resourceArn": arn, "tags": [{"key": "team", "value": "billing"}]}));
    assert_eq!(read(&arn)["tags"], json!([{"key": "team", "value": "billing"}]));
    provider.ecs("DeregisterTaskDefinition", json!({"taskDefinition": arn}));
    assert_eq!(read(&arn)["taskDefinition"]["status"], "INACTIVE");
}

#[test]
fn a_service_is_made_waited_for_changed_and_destroyed() {
    let provider = Provider::new();
    let cluster = provider.cluster();
    let first = provider.task_definition("public.ecr.aws/x:1");
    let network = json!({"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"],
        "assignPublicIp": "DISABLED"}});
    let input = json!({
        "cluster": cluster, "serviceName": "app", "taskDefinition": first, "desiredCount": 2,
        "clientToken": "terraform-20261127", "launchType": "FARGATE", "schedulingStrategy": "REPLICA",
        "deploymentConfiguration": {"maximumPercent": 200, "minimumHealthyPercent": 100,
            "deploymentCircuitBreaker": {"enable": true, "rollback": true}},
        "deploymentController": {"type": "ECS"}, "enableECSManagedTags": false, "enableExecuteCommand": false,
        "networkConfiguration": network, "tags": [{"key": "team", "value": "shop"}],
    });
    let since = provider.since();
    let arn = provider.ecs("CreateService", input)["service"]["serviceArn"].as_str().unwrap().to_owned();
    provider.wait(&cluster, &arn, since).unwrap();
    let service = provider.service(&cluster, &arn);
    assert_eq!((&service["taskDefinition"], &service["desiredCount"]), (&json!(first), &json!(2)));
    assert_eq!((&service["clusterArn"], &service["launchType"]), (&json!(cluster), &json!("FARGATE")));
    assert_eq!(service["tags"], json!([{"key": "team", "value": "shop"}]));
    assert_eq!(service["networkConfiguration"], network);
    assert_eq!(service["availabilityZoneRebalancing"], "ENABLED");
    for empty in ["loadBalancers", "serviceRegistries", "placementConstraints", "placementStrategy"] {
        assert_eq!(service[empty], json!([]), "{empty}");
    }
    assert_eq!(service["deploymentConfiguration"]["deploymentCircuitBreaker"]["rollback"], true);

    let second = provider.task_definition("public.ecr.aws/x:2");
    let since = provider.since();
    let update = json!({"cluster": cluster, "service": arn, "taskDefinition": second, "forceNewDeployment": false});
    provider.ecs("UpdateService", update);
    provider.wait(&cluster, &arn, since).unwrap();
    assert_eq!(provider.service(&cluster, &arn)["taskDefinition"], json!(second));

    // To remove a circuit breaker the provider sends one that is off.
    let off = json!({"enable": false, "rollback": false});
    provider.ecs(
        "UpdateService",
        json!({"cluster": cluster, "service": arn, "deploymentConfiguration": {"deploymentCircuitBreaker": off}}),
    );
    let service = provider.service(&cluster, &arn);
    assert_eq!(service["deploymentConfiguration"]["deploymentCircuitBreaker"]["enable"], false);

    provider.ecs("UpdateService", json!({"cluster": cluster, "service": arn, "desiredCount": 0}));
    provider.ecs("DeleteService", json!({"cluster": cluster, "service": arn, "force": false}));
    assert_eq!(provider.service(&cluster, &arn)["status"], "DRAINING");
    provider.sandbox.advance(Duration::from_secs(600));
    assert_eq!(provider.service(&cluster, &arn)["status"], "INACTIVE");
    provider.ecs("DeleteCluster", json!({"cluster": cluster}));
}

#[test]
fn a_service_that_cannot_start_ends_the_wait_with_ecs_reason() {
    let provider = Provider::new();
    let cluster = provider.cluster();
    let good = provider.task_definition("public.ecr.aws/x:1");
    let input = json!({"cluster": cluster, "serviceName": "app", "taskDefinition": good, "desiredCount": 1,
        "launchType": "FARGATE", "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
        "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true, "rollback": true}}});
    let since = provider.since();
    let arn = provider.ecs("CreateService", input)["service"]["serviceArn"].as_str().unwrap().to_owned();
    provider.wait(&cluster, &arn, since).unwrap();
    let bad = provider.task_definition(&format!("{}/sample/none:1", provider.sandbox.registry()));
    let since = provider.since();
    provider.ecs("UpdateService", json!({"cluster": cluster, "service": arn, "taskDefinition": bad}));
    let reason = provider.wait(&cluster, &arn, since).unwrap_err();
    assert_eq!(reason, "Service deployment rolled back because the circuit breaker threshold was exceeded.");
}
