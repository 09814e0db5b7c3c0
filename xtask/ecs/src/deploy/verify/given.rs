//! What a task is given by others: roles, secrets, a log group, requests.

use serde_json::Value;

use super::references::{Reference, Stored, references};
use super::{Look, TASKS};
use crate::aws::ecs::Service as Live;
use crate::aws::{AwsError, Identity, SdkConfig, elb, iam, logs, s3, secrets, ssm};
use crate::config::{Config, Partition};
use crate::sorted::SortedSet;

impl Look<'_> {
    pub(super) fn roles(&mut self, document: &Value) {
        let sdk = self.around.session.sdk();
        let mut passed = Vec::new();
        for member in ["executionRoleArn", "taskRoleArn"] {
            let Some(arn) = document[member].as_str().filter(|arn| !arn.is_empty()) else { continue };
            passed.push(arn);
            if self.may_be_assumed("role", arn, (TASKS, "tasks"), &format!("`{member}`: ")) {
                self.found.ok("role", format!("{arn} exists, and tasks may assume it"));
            }
        }
        if passed.is_empty() {
            return;
        }
        let refused = self.around.who.clone().and_then(|who| {
            let Some(principal) = principal(sdk, &who)? else { return Ok(Vec::new()) };
            iam::denied(sdk, &principal, "iam:PassRole", &passed, Some(("iam:PassedToService", TASKS)))
        });
        match refused {
            Ok(refused) if refused.is_empty() => {
                self.found.ok("role", "this identity may pass them to tasks".to_owned());
            }
            Ok(refused) => {
                let help = format!("allow `iam:PassRole` on it, with `iam:PassedToService` {TASKS}");
                self.found.problem(
                    "role",
                    format!("this identity may not pass {} to tasks", refused.join(", ")),
                    &help,
                );
            }
            Err(error) => self.found.not_told("role", &error),
        }
    }

    /// Whether the role is there and trusts this service; what is wrong is told, behind the place that names the role.
    pub(super) fn may_be_assumed(&mut self, what: &'static str, arn: &str, by: (&str, &str), place: &str) -> bool {
        let (service, called) = by;
        match iam::role(self.around.session.sdk(), arn) {
            Ok(Some(role)) if role.services.iter().any(|one| one == service) => return true,
            Ok(Some(_)) => {
                let help = format!("allow {service} `sts:AssumeRole` in its trust policy");
                self.found.problem(what, format!("{arn} exists, and {called} may not assume it"), &help);
            }
            Ok(None) => {
                self.found.problem(what, format!("{place}there is no role {arn}"), "create it, or correct the ARN");
            }
            Err(error) => self.found.not_told(what, &error),
        }
        false
    }

    /// What ECS reads for a task before its containers start, with the execution role.
    pub(super) fn secrets(&mut self, document: &Value) {
        let references = references(document);
        let sdk = self.around.session.sdk();
        let Some(role) = document["executionRoleArn"].as_str().filter(|arn| !arn.is_empty()) else {
            if let Some(Reference { place, .. }) = references.first() {
                let help = "write an `executionRoleArn` whose role may read it";
                self.found.problem(
                    "secret",
                    format!("`{place}` is read with the execution role, and there is none"),
                    help,
                );
            }
            return;
        };
        for Reference { place, kind, name } in &references {
            let there = match kind {
                Stored::Secret => secrets::exists(sdk, name),
                Stored::Parameter => ssm::parameters(sdk, &[name]).map(|found| !found.is_empty()),
                Stored::File => self.file(name),
            };
            match there {
                Ok(true) => {}
                Ok(false) => {
                    self.found.problem(
                        "secret",
                        format!("`{place}`: there is no {name}"),
                        "create it, or correct the reference",
                    );
                    continue;
                }
                Err(error) => self.found.not_told("secret", &error),
            }
            let action = match kind {
                Stored::Secret => "secretsmanager:GetSecretValue",
                Stored::Parameter => "ssm:GetParameters",
                Stored::File => "s3:GetObject",
            };
            let resource = match kind {
                Stored::Parameter if !name.starts_with("arn:") => self.parameter_arn(name),
                _ => name.clone(),
            };
            match iam::denied(sdk, role, action, &[&resource], None) {
                Ok(refused) if refused.is_empty() => {
                    self.found.ok("secret", format!("`{place}` is there, and the execution role may read it"));
                }
                Ok(_) => {
                    let text = format!("`{place}`: the execution role may not `{action}` on {resource}");
                    self.found.problem("secret", text, "allow it in the role's policy");
                }
                Err(error) if error.code == "NoSuchEntity" => {}
                Err(error) => self.found.not_told("secret", &error),
            }
        }
    }

    fn file(&self, arn: &str) -> Result<bool, AwsError> {
        let Some((bucket, key)) = arn.split(":::").nth(1).and_then(|rest| rest.split_once('/')) else {
            return Ok(false);
        };
        match s3::object(self.around.session.sdk(), bucket, key) {
            Ok(_) => Ok(true),
            Err(error) if ["NoSuchKey", "NoSuchBucket"].contains(&error.code.as_str()) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn parameter_arn(&self, name: &str) -> String {
        let Config { account, region, .. } = self.around.config;
        let partition = Partition::of(region).name;
        format!("arn:{partition}:ssm:{region}:{account}:parameter/{}", name.trim_start_matches('/'))
    }

    pub(super) fn logs(&mut self, document: &Value) {
        let mut seen = SortedSet::new();
        for container in document["containerDefinitions"].as_array().into_iter().flatten() {
            let configuration = &container["logConfiguration"];
            let option = |name: &str| configuration["options"][name].as_str().unwrap_or_default();
            let group = option("awslogs-group");
            if configuration["logDriver"] != "awslogs" || group.is_empty() || !seen.insert(group.to_owned()) {
                continue;
            }
            if option("awslogs-create-group") == "true" {
                self.found.ok("log", format!("log group {group} is made by the first task"));
                continue;
            }
            let region = Some(option("awslogs-region")).filter(|it| !it.is_empty());
            match logs::has_group(self.around.session.sdk(), group, region) {
                Ok(true) => self.found.ok("log", format!("log group {group} exists")),
                Ok(false) => self.found.problem(
                    "log",
                    format!("there is no log group {group}, so no task can start"),
                    &format!("`aws logs create-log-group --log-group-name {group}`"),
                ),
                Err(error) => self.found.not_told("log", &error),
            }
        }
    }

    pub(super) fn targets(&mut self, document: &Value, live: &Live) {
        for behind in &live.behind {
            let (name, port) = (&behind.container, behind.port);
            let containers = document["containerDefinitions"].as_array().into_iter().flatten();
            let container = containers.into_iter().find(|container| container["name"] == name.as_str());
            let opens = container.is_some_and(|container| {
                let ports = container["portMappings"].as_array().into_iter().flatten();
                ports.into_iter().any(|mapping| mapping["containerPort"].as_u64() == Some(port))
            });
            if !opens {
                let text = format!(
                    "the load balancer sends to port {port} of container {name}, which the document does not open"
                );
                self.found.problem("target", text, "add it to the container's `portMappings`");
            }
            match elb::target_type(self.around.session.sdk(), &behind.group) {
                Ok(None) => {
                    self.found.problem(
                        "target",
                        format!("there is no target group {}", behind.group),
                        "correct the service's load balancers",
                    );
                }
                Ok(Some(kind)) if document["networkMode"] == "awsvpc" && kind != "ip" => self.found.problem(
                    "target",
                    format!(
                        "target group {} has targets of type {kind}; tasks in `awsvpc` mode are registered by ip",
                        behind.group
                    ),
                    "make a target group of type ip",
                ),
                Ok(Some(_)) if opens => {
                    self.found.ok("target", format!("{} sends to port {port} of container {name}", behind.group));
                }
                Ok(Some(_)) => {}
                Err(error) => self.found.not_told("target", &error),
            }
        }
    }
}

/// Whose policies decide what an identity may; `None` of an account's owner, who may everything.
fn principal(sdk: &SdkConfig, who: &Identity) -> Result<Option<String>, AwsError> {
    if who.arn.ends_with(":root") {
        return Ok(None);
    }
    // A session is named by its role without the path that the role's ARN has.
    let Some((_, session)) = who.arn.split_once(":assumed-role/") else { return Ok(Some(who.arn.clone())) };
    let name = session.split('/').next().unwrap_or_default();
    Ok(iam::role(sdk, name)?.map(|role| role.arn))
}
