//! Creating, updating and deleting services: what is refused, and what makes a new deployment.

use serde_json::{Map, Value, json};

use super::Caller;
use super::configuration::{check_balancers, fill_configuration, merge, unsupported};
use super::names::is_name;
use crate::clock::Instant;
use crate::ecs::json::{invalid, list, required, short, text};
use crate::ecs::state::Ecs;
use crate::ecs::state::cluster::INSTANCES;
use crate::ecs::state::definition::Definition;
use crate::ecs::state::key::Key;
use crate::ecs::state::revision::FROZEN;
use crate::ecs::state::rollout::Progress;
use crate::ecs::state::service::{Service, Status};
use crate::ecs::timing::{self, after};
use crate::protocol::{ApiError, ApiResult};

impl Ecs {
    pub(crate) fn create_service(&mut self, input: &Value, caller: &Caller, now: Instant) -> ApiResult {
        let cluster = self.active_cluster(input)?;
        let name = required(input, "serviceName")?.to_owned();
        if !is_name(&name) {
            return Err(invalid("Invalid identifier: The service name must match the pattern [a-zA-Z0-9\\-_]{1,255}."));
        }
        let key = Key { cluster: cluster.clone(), name: name.clone() };
        if let Some(old) = self.services.get(&key) {
            let same = text(input, "clientToken").is_some_and(|token| old.token.as_deref() == Some(token));
            match old.status {
                Status::Active if same => return Ok(json!({ "service": self.service_answer(old, false) })),
                Status::Active => return Err(invalid("Creation of service was not idempotent.")),
                Status::Draining => {
                    return Err(invalid("Unable to Start a service that is still Draining."));
                }
                Status::Inactive => {}
            }
        }
        let mut given = input.clone();
        let daemon = text(input, "schedulingStrategy") == Some("DAEMON");
        let desired = count(input, daemon)?.unwrap_or(if daemon { INSTANCES } else { 1 });
        self.fill(&mut given, input, None)?;
        let arn = self.arn(&format!("service/{cluster}/{name}"));
        let tags = given.as_object_mut().and_then(|members| {
            for member in ["cluster", "serviceName", "desiredCount"] {
                members.shift_remove(member);
            }
            members.shift_remove("tags")
        });
        self.tags.remove(&arn);
        if let Some(Value::Array(tags)) = tags {
            self.tags.insert(arn.clone(), tags);
        }
        let mut service = Service::new(key.clone(), arn, given, &caller.arn, now);
        service.desired = desired;
        self.deploy(&mut service, now);
        let answer = json!({ "service": self.service_answer(&service, false) });
        self.services.insert(key, service);
        Ok(answer)
    }

    pub(crate) fn update_service(&mut self, input: &Value, now: Instant) -> ApiResult {
        let old = self.service_of(input)?;
        if !old.is_active() {
            return Err(ApiError::new("ServiceNotActiveException", "Service was not ACTIVE."));
        }
        if let Some(member) = of_express(old, input) {
            let message =
                format!("{member} can not be updated for an Express service. Use UpdateExpressGatewayService.");
            return Err(invalid(message));
        }
        let (key, mut given) = (old.key.clone(), old.given.clone());
        self.fill(&mut given, input, Some(old))?;
        let desired = count(input, old.is_daemon())?;
        let Some(mut service) = self.services.remove(&key) else {
            return Err(ApiError::new("ServiceNotFoundException", "Service not found."));
        };
        let forced = input.get("forceNewDeployment") == Some(&json!(true));
        let worth_one = FROZEN.iter().any(|member| !same(given.get(*member), service.given.get(*member)));
        service.given = given;
        if let Some(desired) = desired {
            service.desired = desired;
        }
        if forced || worth_one {
            self.deploy(&mut service, now);
        }
        service.look_by(after(now, timing::SCHEDULER));
        let answer = json!({ "service": self.service_answer(&service, false) });
        self.services.insert(key, service);
        Ok(answer)
    }

    pub(crate) fn delete_service(&mut self, input: &Value, now: Instant) -> ApiResult {
        let key = self.service_of(input)?.key.clone();
        let Some(mut service) = self.services.remove(&key) else {
            return Err(ApiError::new("ServiceNotFoundException", "Service not found."));
        };
        let force = input.get("force") == Some(&json!(true));
        let refused = !force && service.desired > 0 && service.is_active() && !service.is_daemon();
        if service.is_active() && !refused {
            service.status = Status::Draining;
            service.desired = 0;
            if let Some(current) = service.current_rollout() {
                service.rollouts[current].finish(Progress::Stopped, Some("The service was deleted."), now);
            }
            service.look_by(after(now, timing::SCHEDULER));
        }
        let answer = json!({ "service": self.service_answer(&service, false) });
        self.services.insert(key, service);
        if refused {
            return Err(invalid("The service cannot be stopped while it is scaled above 0."));
        }
        Ok(answer)
    }

    /// Puts an input's members into what is known of the service, with ECS's defaults, and checks the whole.
    fn fill(&self, given: &mut Value, input: &Value, old: Option<&Service>) -> Result<(), ApiError> {
        let definition = match (text(input, "taskDefinition"), old) {
            (Some(name), _) => self.usable_definition(name)?,
            (None, Some(old)) => {
                // It may have been deregistered meanwhile; the service keeps it.
                let arn = text(&old.given, "taskDefinition").unwrap_or_default();
                self.definition(arn).ok_or_else(|| invalid("TaskDefinition not found."))?
            }
            (None, None) => return Err(invalid("TaskDefinition cannot be empty.")),
        };
        let (Some(members), Some(new)) = (given.as_object_mut(), input.as_object()) else { return Ok(()) };
        let mut configuration = members.get("deploymentConfiguration").cloned().unwrap_or_else(|| json!({}));
        for (name, value) in new {
            if name == "deploymentConfiguration" {
                merge(&mut configuration, value);
            } else if !["cluster", "service", "desiredCount", "forceNewDeployment"].contains(&name.as_str()) {
                members.insert(name.clone(), value.clone());
            }
        }
        // A capacity provider strategy takes the launch type's place.
        if old.is_some() && !list(input, "capacityProviderStrategy").is_empty() {
            members.shift_remove("launchType");
        }
        let daemon = members.get("schedulingStrategy").is_some_and(|it| it == "DAEMON");
        fill_configuration(&mut configuration, daemon)?;
        members.insert("deploymentConfiguration".to_owned(), configuration);
        members.insert("taskDefinition".to_owned(), json!(self.definition_arn(definition)));
        fill_members(members);
        check(given, definition)
    }

    /// The service that an input's `service` means, in its `cluster`.
    pub(crate) fn service_of(&self, input: &Value) -> Result<&Service, ApiError> {
        let cluster = self.cluster_of(input)?;
        let name = short(required(input, "service")?).to_owned();
        let lost = || ApiError::new("ServiceNotFoundException", "Service not found.");
        self.services.get(&Key { cluster, name }).ok_or_else(lost)
    }
}

/// What UpdateService changes of no service that ECS manages itself.
fn of_express<'a>(service: &Service, input: &'a Value) -> Option<&'a String> {
    service.express.as_ref()?;
    let own = ["cluster", "service", "desiredCount", "forceNewDeployment"];
    input.as_object()?.keys().find(|member| !own.contains(&member.as_str()))
}

/// Each task is held in memory, and AWS lets a service have half as many unless more are asked for.
const TASKS: u64 = 10_000;

fn count(input: &Value, daemon: bool) -> Result<Option<u64>, ApiError> {
    if daemon && input.get("desiredCount").is_some() {
        return Err(invalid(
            "The daemon scheduling strategy does not support a desired count for services. Remove the desired count value and try again.",
        ));
    }
    match input.get("desiredCount").map(Value::as_u64) {
        None => Ok(None),
        Some(Some(count)) if count > TASKS => {
            Err(invalid(format!("desiredCount: this stand-in holds {TASKS} tasks of a service, and not {count}.")))
        }
        Some(Some(count)) => Ok(Some(count)),
        Some(None) => Err(invalid("desiredCount must be greater than or equal to 0.")),
    }
}

fn fill_members(members: &mut Map<String, Value>) {
    for member in ["loadBalancers", "serviceRegistries", "placementConstraints", "placementStrategy"] {
        members.entry(member).or_insert_with(|| json!([]));
    }
    if !members.contains_key("capacityProviderStrategy") {
        members.entry("launchType").or_insert_with(|| json!("EC2"));
    }
    let fargate = members.get("launchType").is_some_and(|it| it == "FARGATE")
        || members.get("capacityProviderStrategy").is_some();
    if fargate {
        members.entry("platformVersion").or_insert_with(|| json!("LATEST"));
    }
    if let Some(vpc) = members
        .get_mut("networkConfiguration")
        .and_then(|it| it.get_mut("awsvpcConfiguration"))
        .and_then(Value::as_object_mut)
    {
        vpc.entry("securityGroups").or_insert_with(|| json!([]));
        vpc.entry("assignPublicIp").or_insert_with(|| json!("DISABLED"));
    }
    let replica = members.get("schedulingStrategy").is_none_or(|it| it == "REPLICA");
    let roomy = members["deploymentConfiguration"]["maximumPercent"].as_u64().is_some_and(|it| it > 100);
    for (member, default) in [
        ("availabilityZoneRebalancing", json!(if replica && roomy { "ENABLED" } else { "DISABLED" })),
        ("schedulingStrategy", json!("REPLICA")),
        ("deploymentController", json!({ "type": "ECS" })),
        ("enableECSManagedTags", json!(false)),
        ("propagateTags", json!("NONE")),
        ("enableExecuteCommand", json!(false)),
    ] {
        members.entry(member).or_insert(default);
    }
}

/// What ECS refuses in a service as a whole.
fn check(given: &Value, definition: &Definition) -> Result<(), ApiError> {
    if given["deploymentController"]["type"] != "ECS" {
        return Err(unsupported("the deployment controller ECS"));
    }
    let strategy = !list(given, "capacityProviderStrategy").is_empty();
    if given["schedulingStrategy"] == "DAEMON" {
        if strategy || given["launchType"] == "FARGATE" {
            return Err(invalid(
                "The daemon scheduling strategy does not support the Fargate launch type or capacity providers on services.",
            ));
        }
        if !list(given, "placementStrategy").is_empty() {
            return Err(invalid("The daemon scheduling strategy does not support placement strategies on services."));
        }
    }
    if strategy && given.get("launchType").is_some() {
        return Err(invalid("Specifying both a launch type and capacity provider strategy is not supported."));
    }
    let fargate = text(given, "launchType") == Some("FARGATE");
    if fargate
        && !definition.document["requiresCompatibilities"].as_array().is_some_and(|it| it.contains(&json!("FARGATE")))
    {
        return Err(invalid("Task definition does not support launch_type FARGATE."));
    }
    let subnets = &given["networkConfiguration"]["awsvpcConfiguration"];
    if definition.is_awsvpc() && subnets.is_null() {
        return Err(invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified."));
    }
    if !definition.is_awsvpc() && !subnets.is_null() {
        return Err(invalid("Network Configuration is not valid for the given networkMode of this task definition."));
    }
    if !subnets.is_null() && list(subnets, "subnets").is_empty() {
        return Err(invalid("subnets can not be empty."));
    }
    check_balancers(given)?;
    for balancer in list(given, "loadBalancers") {
        let name = text(balancer, "containerName").unwrap_or_default();
        let Some(container) = definition.container(name) else {
            return Err(invalid(format!("The container {name} does not exist in the task definition.")));
        };
        let port = &balancer["containerPort"];
        if !list(container, "portMappings").iter().any(|it| it["containerPort"] == *port) {
            return Err(invalid(format!("The container {name} did not have a container port {port} defined.")));
        }
    }
    let grace = given.get("healthCheckGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(0);
    if grace > 0
        && list(given, "loadBalancers").is_empty()
        && definition.containers().iter().all(|it| it.get("healthCheck").is_none())
    {
        return Err(invalid("Health check grace period is only valid for services configured to use load balancers"));
    }
    Ok(())
}

/// Whether two members mean the same: none, null and an empty list do.
fn same(a: Option<&Value>, b: Option<&Value>) -> bool {
    let empty = |value: &&Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    a.filter(|it| !empty(it)) == b.filter(|it| !empty(it))
}
