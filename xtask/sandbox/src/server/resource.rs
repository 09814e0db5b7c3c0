//! What an action is about, as refusals name it.

use serde_json::Value;

use super::protocol::Target;
use crate::home::Home;
use crate::kms;

/// An ARN; `*` where the action has no resource.
pub(super) fn resource(home: &Home, target: &Target, input: &Value) -> String {
    let member = |name: &str| input[name].as_str();
    let arn = |kind: &str, name: &str| {
        if name.starts_with("arn:") {
            return name.to_owned();
        }
        format!("arn:aws:{}:{}:{}:{kind}{name}", target.service, home.region, home.account)
    };
    let named = |name: Option<&str>, kind: &str| name.map_or("*".to_owned(), |name| arn(kind, name));
    match target.service {
        "ecr" => named(member("repositoryName"), "repository/"),
        // Reads of the one and whatever is done with the other have no resource.
        "elasticloadbalancing" | "application-autoscaling" => "*".to_owned(),
        "iam" => member("PolicySourceArn").map_or_else(
            || named(member("RoleName"), "role/").replace(&format!(":{}:", home.region), "::"),
            str::to_owned,
        ),
        "scheduler" => {
            let group = member("GroupName").unwrap_or("default");
            arn("schedule/", &format!("{group}/{}", member("Name").unwrap_or_default()))
        }
        // A version or an alias is of its function.
        "lambda" => {
            let name = member("FunctionName").unwrap_or_default();
            arn("function:", name).split(':').take(7).collect::<Vec<_>>().join(":")
        }
        "events" => named(member("Name").or(member("Rule")), "rule/"),
        "sts" => member("RoleArn").unwrap_or("*").to_owned(),
        "ssm" => {
            named(member("Name").or(input["Names"][0].as_str()).map(|name| name.trim_start_matches('/')), "parameter/")
        }
        "cloudformation" => member("StackName").map_or("*".to_owned(), |name| arn("stack/", &format!("{name}/*"))),
        "logs" => match (member("logGroupName"), member("logStreamName")) {
            (Some(group), Some(stream)) => arn("log-group:", &format!("{group}:log-stream:{stream}")),
            (group, _) => named(group.or(member("logGroupIdentifier")), "log-group:"),
        },
        "secretsmanager" => named(member("SecretId"), "secret:"),
        "kms" => kms::asked(home, input).arn,
        "s3" => match (member("Bucket").unwrap_or_default(), member("Key")) {
            (bucket, Some(key)) => format!("arn:aws:s3:::{bucket}/{key}"),
            (bucket, None) => format!("arn:aws:s3:::{bucket}"),
        },
        _ => of_ecs(&target.operation, input, &arn),
    }
}

fn of_ecs(operation: &str, input: &Value, arn: &dyn Fn(&str, &str) -> String) -> String {
    let member = |name: &str| input[name].as_str();
    let cluster = member("cluster").or(member("clusterName")).unwrap_or("default");
    let service =
        member("serviceArn").or(member("service")).or(member("serviceName")).or(input["services"][0].as_str());
    if let Some(daemon) = member("daemonArn") {
        return daemon.to_owned();
    }
    if let Some(family) = member("family") {
        return arn("task-definition/", &format!("{family}:*"));
    }
    match (operation, service) {
        ("DescribeTaskDefinition" | "ListTaskDefinitions" | "DeregisterTaskDefinition", _) => "*".to_owned(),
        (_, Some(service)) if service.starts_with("arn:") => service.to_owned(),
        (_, Some(service)) => arn("service/", &format!("{cluster}/{service}")),
        (_, None) => input["serviceDeploymentArns"][0].as_str().map_or_else(|| arn("cluster/", cluster), str::to_owned),
    }
}
