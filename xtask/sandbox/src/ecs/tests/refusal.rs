//! What is refused, with AWS's names and sentences.

use serde_json::{Value, json};

use super::world::{World, document};

/// Registers `document` after `change`, and gives what it was refused with.
fn register(change: impl Fn(&mut Value)) -> (&'static str, String) {
    let mut input =
        document(json!([{ "name": "app", "image": "own/app:1", "portMappings": [{ "containerPort": 80 }] }]));
    change(&mut input);
    World::new().refused("RegisterTaskDefinition", input)
}

#[test]
fn a_bad_task_definition_is_refused_in_ecs_own_words() {
    type Case = (fn(&mut Value), &'static str, &'static str);
    let cases: [Case; 22] = [
        (|it| it["tags"] = json!([]), "ClientException", "Tags can not be empty."),
        (|it| it["family"] = json!("a b"), "ClientException", "Family contains invalid characters."),
        (|it| it["family"] = json!(null), "ClientException", "Family can not be blank."),
        (|it| it["containerDefinitions"] = json!([]), "ClientException", "Container list cannot be empty."),
        (
            |it| it["containerDefinitions"][0]["name"] = json!(""),
            "ClientException",
            "Container.name should not be null or empty.",
        ),
        (
            |it| it["containerDefinitions"][0]["image"] = json!(null),
            "ClientException",
            "Container.image should not be null or empty.",
        ),
        (
            |it| it["containerDefinitions"][0]["name"] = json!("a.b"),
            "ClientException",
            "Container.name contains invalid characters.",
        ),
        (
            |it| it["containerDefinitions"][0]["essential"] = json!(false),
            "ClientException",
            "At least one container must be essential.",
        ),
        (|it| it["cpu"] = json!(null), "ClientException", "Fargate requires that 'cpu' be defined at the task level."),
        (
            |it| it["memory"] = json!("1000"),
            "ClientException",
            "No Fargate configuration exists for given values: 256 CPU, 1000 memory.",
        ),
        (|it| it["networkMode"] = json!("bridge"), "ClientException", "Fargate only supports network mode"),
        (
            |it| it["containerDefinitions"][0]["cpu"] = json!(512),
            "ClientException",
            "The sum of all container 'cpu' values",
        ),
        (
            |it| it["containerDefinitions"][0]["portMappings"][0]["hostPort"] = json!(8080),
            "ClientException",
            "When networkMode=awsvpc, the host ports",
        ),
        (
            |it| it["containerDefinitions"][0]["secrets"] = json!([{ "name": "A", "valueFrom": "arn" }]),
            "ClientException",
            "'executionRoleArn'",
        ),
        (
            |it| it["containerDefinitions"][0]["logConfiguration"] = json!({ "logDriver": "awslogs" }),
            "ClientException",
            "Log driver awslogs requires options",
        ),
        (
            |it| it["networkMode"] = json!("awsvcp"),
            "InvalidParameterException",
            "Invalid value 'awsvcp' for networkMode",
        ),
        (
            |it| it["containerDefinitions"][0]["enviroment"] = json!([]),
            "SerializationException",
            "Unknown parameter in containerDefinitions[0]: \"enviroment\"",
        ),
        (
            |it| it["containerDefinitions"][0]["environment"] = json!([{ "name": " ", "value": "x" }]),
            "ClientException",
            "Environment variable name cannot be null or blank.",
        ),
        (
            |it| it["containerDefinitions"][0]["repositoryCredentials"] = json!({ "credentialsParameter": "" }),
            "ClientException",
            "RepositoryCredentials.credentialsParameter should not be null or empty.",
        ),
        (|it| it["pidMode"] = json!(""), "InvalidParameterException", "Invalid value '' for pidMode"),
        (|it| it["revision"] = json!(3), "SerializationException", "Unknown parameter in input: \"revision\""),
        (|it| it["cpu"] = json!(256), "SerializationException", "NUMBER_VALUE can not be converted to a String at cpu"),
    ];
    for (change, code, sentence) in cases {
        let (refused, message) = register(change);
        assert_eq!(refused, code, "{message}");
        assert!(message.contains(sentence), "{message} does not say: {sentence}");
    }
}

#[test]
fn a_null_member_counts_as_left_out() {
    let mut input = document(json!([{ "name": "app", "image": "own/app:1", "command": null }]));
    input["taskRoleArn"] = json!(null);
    let answer = World::new().call("RegisterTaskDefinition", input);
    assert_eq!(answer["taskDefinition"].get("taskRoleArn"), None);
    assert_eq!(answer["taskDefinition"]["containerDefinitions"][0].get("command"), None);
}

#[test]
fn a_bad_service_is_refused() {
    let mut world = World::new();
    world.register("own/app:1", json!({}));
    let base = json!({
        "cluster": "sample", "serviceName": "app", "taskDefinition": "app", "launchType": "FARGATE",
        "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-1"] } },
    });
    let cases = [
        (json!({ "cluster": "other" }), "ClusterNotFoundException", "Cluster not found."),
        (json!({ "serviceName": "a b" }), "InvalidParameterException", "service name must match"),
        (json!({ "taskDefinition": "other" }), "ClientException", "TaskDefinition not found."),
        (
            json!({ "networkConfiguration": null }),
            "InvalidParameterException",
            "Network Configuration must be provided",
        ),
        (
            json!({ "deploymentConfiguration": { "maximumPercent": 100, "minimumHealthyPercent": 100 } }),
            "InvalidParameterException",
            "cannot be 100 as this will block deployments",
        ),
        (
            json!({ "deploymentConfiguration": { "deploymentCircuitBreaker": { "enable": true } } }),
            "ClientException",
            "deploymentConfiguration.deploymentCircuitBreaker.rollback should not be null or empty.",
        ),
        (
            json!({ "loadBalancers": [{ "targetGroupArn": "arn", "containerName": "web", "containerPort": 8080 }] }),
            "InvalidParameterException",
            "The container web does not exist in the task definition.",
        ),
        (
            json!({ "loadBalancers": [{ "targetGroupArn": "arn", "containerName": "app", "containerPort": 81 }] }),
            "InvalidParameterException",
            "did not have a container port 81 defined.",
        ),
        (
            json!({ "deploymentController": { "type": "CODE_DEPLOY" } }),
            "UnsupportedFeatureException",
            "only the deployment controller ECS",
        ),
        (
            json!({ "schedulingStrategy": "DAEMON" }),
            "InvalidParameterException",
            "The daemon scheduling strategy does not support the Fargate launch type",
        ),
        (json!({ "desiredCount": -1 }), "InvalidParameterException", "desiredCount"),
    ];
    for (change, code, sentence) in cases {
        let mut input = base.clone();
        input.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let (refused, message) = world.refused("CreateService", input);
        assert_eq!(refused, code, "{message}");
        assert!(message.contains(sentence), "{message} does not say: {sentence}");
    }
    world.call("CreateService", base.clone());
    let (code, message) = world.refused("CreateService", base);
    assert_eq!((code, message.as_str()), ("InvalidParameterException", "Creation of service was not idempotent."));
    // A refused update changes nothing.
    let before = world.service();
    let refused = json!({ "cluster": "sample", "service": "app", "taskDefinition": "app:9", "desiredCount": 7 });
    assert_eq!(world.refused("UpdateService", refused).0, "ClientException");
    assert_eq!(world.service(), before);
}

#[test]
fn what_is_not_there_is_missing_or_an_exception() {
    let mut world = World::serving(1, json!({}));
    for (operation, input, code, sentence) in [
        (
            "DescribeTaskDefinition",
            json!({ "taskDefinition": "other" }),
            "ClientException",
            "Unable to describe task definition.",
        ),
        (
            "UpdateService",
            json!({ "cluster": "sample", "service": "other" }),
            "ServiceNotFoundException",
            "Service not found.",
        ),
        (
            "UpdateService",
            json!({ "cluster": "other", "service": "app" }),
            "ClusterNotFoundException",
            "Cluster not found.",
        ),
        (
            "ListServiceDeployments",
            json!({ "cluster": "sample", "service": "other" }),
            "ServiceNotFoundException",
            "Service not found.",
        ),
        (
            "ListTasks",
            json!({ "cluster": "sample", "serviceName": "other" }),
            "ServiceNotFoundException",
            "Service not found.",
        ),
        ("DescribeServices", json!({ "services": ["app"] }), "ClusterNotFoundException", "Cluster not found."),
        (
            "DescribeServices",
            json!({ "cluster": "sample", "services": vec!["app"; 11] }),
            "InvalidParameterException",
            "10",
        ),
        ("DescribeTasks", json!({ "cluster": "sample", "tasks": vec!["a"; 101] }), "InvalidParameterException", "100"),
        (
            "DescribeServiceDeployments",
            json!({ "serviceDeploymentArns": vec!["a"; 21] }),
            "InvalidParameterException",
            "20",
        ),
        (
            "DescribeServiceRevisions",
            json!({ "serviceRevisionArns": vec!["a"; 21] }),
            "InvalidParameterException",
            "20",
        ),
        ("StopServiceDeployment", json!({ "serviceDeploymentArn": "nonsense" }), "InvalidParameterException", "ARN"),
        (
            "StopServiceDeployment",
            json!({ "serviceDeploymentArn": "arn:aws:ecs:ap-northeast-1:123456789012:service-deployment/sample/app/x" }),
            "ServiceDeploymentNotFoundException",
            "not found",
        ),
        ("StopTask", json!({ "cluster": "sample", "task": "x" }), "InvalidParameterException", "not found"),
        ("UpdateService", json!({ "cluster": "sample" }), "ClientException", "Service can not be blank."),
        ("DescribeEverything", json!({}), "UnknownOperationException", "DescribeEverything"),
    ] {
        let (refused, message) = world.refused(operation, input);
        assert_eq!(refused, code, "{operation}: {message}");
        assert!(message.contains(sentence), "{operation}: {message}");
    }
    for (operation, input, arn) in [
        (
            "DescribeServices",
            json!({ "cluster": "sample", "services": ["other"] }),
            "arn:aws:ecs:ap-northeast-1:123456789012:service/sample/other",
        ),
        ("DescribeClusters", json!({ "clusters": ["other"] }), "arn:aws:ecs:ap-northeast-1:123456789012:cluster/other"),
        (
            "DescribeTasks",
            json!({ "cluster": "sample", "tasks": ["x"] }),
            "arn:aws:ecs:ap-northeast-1:123456789012:task/sample/x",
        ),
        ("DescribeServiceRevisions", json!({ "serviceRevisionArns": ["a"] }), "a"),
        ("DescribeServiceDeployments", json!({ "serviceDeploymentArns": ["a"] }), "a"),
    ] {
        let answer = world.call(operation, input);
        assert_eq!(answer["failures"], json!([{ "arn": arn, "reason": "MISSING" }]), "{operation}");
    }
}

#[test]
fn tags_are_kept_by_arn() {
    let mut world = World::serving(1, json!({}));
    let arn = world.service()["serviceArn"].clone();
    world.call(
        "TagResource",
        json!({ "resourceArn": arn, "tags": [{ "key": "a", "value": "1" }, { "key": "b", "value": "2" }] }),
    );
    world.call("TagResource", json!({ "resourceArn": arn, "tags": [{ "key": "a", "value": "3" }] }));
    let tags = world.call("ListTagsForResource", json!({ "resourceArn": arn }))["tags"].clone();
    assert_eq!(tags, json!([{ "key": "b", "value": "2" }, { "key": "a", "value": "3" }]));
    let described =
        world.call("DescribeServices", json!({ "cluster": "sample", "services": ["app"], "include": ["TAGS"] }));
    assert_eq!(described["services"][0]["tags"], tags);
    assert_eq!(world.service().get("tags"), None);
    let lost = "arn:aws:ecs:ap-northeast-1:123456789012:service/sample/other";
    assert_eq!(world.refused("ListTagsForResource", json!({ "resourceArn": lost })).0, "ClientException");
}

#[test]
fn unset_members_are_left_out_of_answers() {
    fn nulls(value: &Value, path: &str, found: &mut Vec<String>) {
        match value {
            Value::Null => found.push(path.to_owned()),
            Value::Array(items) => items.iter().for_each(|it| nulls(it, path, found)),
            Value::Object(members) => members.iter().for_each(|(name, it)| nulls(it, &format!("{path}.{name}"), found)),
            _ => {}
        }
    }
    let mut world = World::serving(1, json!({}));
    world.release("own/app:2", json!({}));
    let mut found = Vec::new();
    for _ in 0..60 {
        world.pass(1);
        let (service, rollouts) = (world.service(), world.rollouts());
        nulls(&service, "service", &mut found);
        for rollout in rollouts {
            let revision = world.revision(&rollout["targetServiceRevision"]["arn"]);
            nulls(&rollout, "rollout", &mut found);
            nulls(&revision, "revision", &mut found);
        }
        for status in ["RUNNING", "STOPPED"] {
            world.tasks(status).iter().for_each(|task| nulls(task, "task", &mut found));
        }
    }
    assert!(found.is_empty(), "{found:?}");
}
