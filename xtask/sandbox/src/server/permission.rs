//! What a call needs to be allowed, as IAM asks for it.
//! Source: Service Authorization Reference, "Actions, resources, and condition keys" of each service.

use serde_json::{Value, json};

use super::protocol::Target;
use super::resource::resource;
use crate::home::Home;
use crate::kms;
use crate::policy::Need;
use crate::world::State;

/// What assumes a task's roles.
const TASKS: &str = "ecs-tasks.amazonaws.com";

/// Everything that this call needs; nothing for what AWS allows to everyone.
pub(super) fn needs(state: &mut State, home: &Home, target: &Target, input: &Value) -> Vec<Need> {
    let action = target.name();
    let on = |resources: Vec<String>| -> Vec<Need> {
        let need = |resource| Need { action: action.clone(), resource, context: None };
        resources.into_iter().map(need).collect()
    };
    let listed = |member: &str| texts(&input[member]);
    match target.service {
        // Who may assume a role, its trust says.
        "sts" => Vec::new(),
        "ecs" => of_ecs(state, home, target, input),
        // There is no action of this name. Source: Amazon ECR API Reference, ListImageReferrers.
        "ecr" if target.operation == "ListImageReferrers" => {
            vec![Need {
                action: "ecr:BatchGetImage".to_owned(),
                resource: resource(home, target, input),
                context: None,
            }]
        }
        "ecr" => {
            let create = state.create_on_push(home, &action, input["repositoryName"].as_str().unwrap_or_default());
            on(vec![resource(home, target, input)]).into_iter().chain(create).collect()
        }
        "ssm" if target.operation == "StartSession" => {
            let session = input["Target"].as_str().unwrap_or_default().trim_start_matches("ecs:");
            let mut parts = session.split('_');
            let (cluster, task) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            let document = input["DocumentName"].as_str().unwrap_or_default();
            on(vec![
                arn(home, &format!("task/{cluster}/{task}")),
                format!("arn:aws:ssm:{}::document/{document}", home.region),
            ])
        }
        "ssm" if !listed("Names").is_empty() => {
            let arn = |name: &String| match name.strip_prefix("arn:") {
                Some(_) => name.clone(),
                None => {
                    format!("arn:aws:ssm:{}:{}:parameter/{}", home.region, home.account, name.trim_start_matches('/'))
                }
            };
            on(listed("Names").iter().map(arn).collect())
        }
        // A key by its alias is allowed by that, and what is to be signed by what it is.
        "kms" => {
            let message = || input["MessageType"].as_str().map(|kind| ("kms:MessageType", kind.to_owned()));
            let alias = kms::asked(home, input).alias.map(|alias| ("kms:RequestAlias", alias));
            vec![Need { action, resource: resource(home, target, input), context: alias.or_else(message) }]
        }
        "application-autoscaling" if target.operation.starts_with("Register") => {
            on(vec![format!("arn:aws:application-autoscaling:{}:{}:scalable-target/0ec5", home.region, home.account)])
        }
        // Whoever says what a schedule does hands its role over.
        "scheduler" | "events" => {
            let roles: Vec<&Value> = match input["Targets"].as_array() {
                Some(targets) => targets.iter().map(|target| &target["RoleArn"]).collect(),
                None => vec![&input["Target"]["RoleArn"]],
            };
            let passed = roles.into_iter().filter_map(Value::as_str).map(|role| Need {
                action: "iam:PassRole".to_owned(),
                resource: role.to_owned(),
                context: Some(("iam:PassedToService", format!("{}.amazonaws.com", target.service))),
            });
            on(vec![resource(home, target, input)]).into_iter().chain(passed).collect()
        }
        _ => on(vec![resource(home, target, input)]),
    }
}

fn of_ecs(state: &mut State, home: &Home, target: &Target, input: &Value) -> Vec<Need> {
    let action = target.name();
    let need = |action: &str, resource: String| Need { action: action.to_owned(), resource, context: None };
    let on = |resources: Vec<String>| resources.into_iter().map(|it| need(&action, it)).collect::<Vec<_>>();
    let listed = |member: &str| texts(&input[member]);
    let cluster = input["cluster"].as_str().unwrap_or("default").rsplit('/').next().unwrap_or_default();
    let named = |kind: &str, name: &str| {
        let name = name.rsplit('/').next().unwrap_or_default();
        arn(home, &format!("{kind}/{cluster}/{name}"))
    };
    match target.operation.as_str() {
        "DescribeServices" => on(listed("services").iter().map(|name| named("service", name)).collect()),
        "DescribeDaemon" | "UpdateDaemon" | "DeleteDaemon" | "ListDaemonDeployments" => on(listed("daemonArn")),
        "DescribeDaemonDeployments" => on(with_services(&listed("daemonDeploymentArns"))),
        "DescribeDaemonRevisions" => on(with_services(&listed("daemonRevisionArns"))),
        "DescribeDaemonTaskDefinition" => {
            let named = input["daemonTaskDefinition"].as_str().unwrap_or_default();
            let family = named.rsplit('/').next().unwrap_or_default().split(':').next().unwrap_or_default();
            on(vec![arn(home, &format!("daemon-task-definition/{family}:*"))])
        }
        "CreateDaemon" => {
            let cluster = input["clusterArn"].as_str().unwrap_or("default").rsplit('/').next().unwrap_or_default();
            let daemon = arn(home, &format!("daemon/{cluster}/{}", input["daemonName"].as_str().unwrap_or_default()));
            let asked = json!({ "daemonTaskDefinition": input["daemonTaskDefinitionArn"] });
            let found = state.call(home, ("ecs", "DescribeDaemonTaskDefinition"), asked, None).unwrap_or_default();
            on(vec![daemon]).into_iter().chain(passed(&found["daemonTaskDefinition"])).collect()
        }
        "DescribeServiceDeployments" => on(with_services(&listed("serviceDeploymentArns"))),
        "ContinueServiceDeployment" | "StopServiceDeployment" => on(with_services(&listed("serviceDeploymentArn"))),
        "DescribeServiceRevisions" => on(with_services(&listed("serviceRevisionArns"))),
        "DescribeTasks" => on(listed("tasks").iter().map(|name| named("task", name)).collect()),
        "StopTask" => on(listed("task").iter().map(|name| named("task", name)).collect()),
        "ExecuteCommand" => {
            let task = named("task", input["task"].as_str().unwrap_or_default());
            on(vec![arn(home, &format!("cluster/{cluster}")), task])
        }
        "ListTasks" => {
            let context = Some(("ecs:cluster", arn(home, &format!("cluster/{cluster}"))));
            vec![Need { context, ..need(&action, "*".to_owned()) }]
        }
        "TagResource" | "UntagResource" => on(listed("resourceArn")),
        "RegisterTaskDefinition" | "RegisterDaemonTaskDefinition" => {
            let family = input["family"].as_str().unwrap_or_default();
            let kind = if target.operation.contains("Daemon") { "daemon-task-definition" } else { "task-definition" };
            let definition = arn(home, &format!("{kind}/{family}:*"));
            let tagged = input["tags"].as_array().is_some_and(|tags| !tags.is_empty());
            let tag = tagged.then(|| need("ecs:TagResource", definition.clone()));
            on(vec![definition]).into_iter().chain(tag).chain(passed(input)).collect()
        }
        "RunTask" => {
            let name = input["taskDefinition"].as_str().unwrap_or_default();
            let family = name.rsplit('/').next().unwrap_or_default().split(':').next().unwrap_or_default();
            let asked = json!({ "taskDefinition": name });
            let found = state.call(home, ("ecs", "DescribeTaskDefinition"), asked, None).unwrap_or_default();
            let definition = arn(home, &format!("task-definition/{family}:*"));
            on(vec![definition]).into_iter().chain(passed(&found["taskDefinition"])).collect()
        }
        "UpdateService" | "ListServiceDeployments" => {
            on(listed("service").iter().map(|name| named("service", name)).collect())
        }
        _ => on(vec![resource(home, target, input)]),
    }
}

/// The roles of a task definition, which are passed to its tasks.
fn passed(definition: &Value) -> Vec<Need> {
    let roles = ["taskRoleArn", "executionRoleArn"].iter().filter_map(|member| definition[*member].as_str());
    let need = |role: &str| Need {
        action: "iam:PassRole".to_owned(),
        resource: role.to_owned(),
        context: Some(("iam:PassedToService", TASKS.to_owned())),
    };
    roles.filter(|role| !role.is_empty()).map(need).collect()
}

/// Each of these, and the service or the daemon that it is of.
fn with_services(arns: &[String]) -> Vec<String> {
    let service = |arn: &String| {
        let (head, rest) = arn.split_once('/')?;
        let head = head.rsplit_once(':')?.0;
        let (service, _) = rest.rsplit_once('/')?;
        let kind = if arn.contains(":daemon-") { "daemon" } else { "service" };
        Some(format!("{head}:{kind}/{service}"))
    };
    arns.iter().filter_map(service).chain(arns.iter().cloned()).collect()
}

fn arn(home: &Home, what: &str) -> String {
    format!("arn:aws:ecs:{}:{}:{what}", home.region, home.account)
}

/// One text or a list of them.
fn texts(value: &Value) -> Vec<String> {
    let all: Vec<&Value> = value.as_array().map_or_else(|| vec![value], |all| all.iter().collect());
    all.into_iter().filter_map(Value::as_str).map(str::to_owned).collect()
}
