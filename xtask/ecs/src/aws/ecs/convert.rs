//! From the SDK's types to plain values.

use std::time::Duration;

use aws_sdk_ecs::primitives::DateTime;
use aws_sdk_ecs::types;
use serde_json::{Map, Value, json};

use super::{
    Behind, Container, ContainerImage, Deployment, DeploymentSettings, ListedDeployment, Rollback, Service,
    ServiceDeployment, ServiceMessage, ServiceRevision, Status, Strategy, Task,
};
use crate::event::{Breaker, EarlySuccess, Hook, RevisionProgress};
use crate::gather::Gather;

pub(super) fn service(service: &types::Service) -> Service {
    let breaker =
        service.deployment_configuration().and_then(|configuration| configuration.deployment_circuit_breaker());
    let alarms = service.deployment_configuration().and_then(|configuration| configuration.alarms());
    Service {
        arn: text(service.service_arn()),
        name: text(service.service_name()),
        status: text(service.status()),
        // ECS leaves the controller out where it is its own.
        controller: service.deployment_controller().map_or("ECS", |controller| controller.r#type().as_str()).to_owned(),
        scheduling: service.scheduling_strategy().map_or("REPLICA", |strategy| strategy.as_str()).to_owned(),
        express: service.resource_management_type().is_some_and(|by| by.as_str() == "ECS"),
        // An Express service has none of its own.
        task_definition: text(service.task_definition().or_else(|| {
            let primary = service.deployments().iter().find(|deployment| deployment.status() == Some("PRIMARY"));
            primary.and_then(types::Deployment::task_definition)
        })),
        desired: count(service.desired_count()),
        running: count(service.running_count()),
        pending: count(service.pending_count()),
        deployments: service.deployments().iter().map(deployment).gather(),
        messages: service.events().iter().map(message).gather(),
        rolls_back: breaker.is_some_and(|breaker| breaker.enable() && breaker.rollback())
            || alarms.is_some_and(|alarms| alarms.enable() && alarms.rollback()),
        current_deployment: service.current_service_deployment().map(str::to_owned),
        current_revisions: service.current_service_revisions().iter().map(current_revision).gather(),
        settings: service.deployment_configuration().map(settings).unwrap_or_default(),
        behind: service.load_balancers().iter().filter_map(behind).gather(),
        launch: launch(service),
        tags: service.tags().iter().map(|tag| (text(tag.key()), text(tag.value()))).gather(),
        executes: service.enable_execute_command(),
    }
}

/// Classic load balancers have no target group.
fn behind(balancer: &types::LoadBalancer) -> Option<Behind> {
    Some(Behind {
        group: balancer.target_group_arn()?.to_owned(),
        container: text(balancer.container_name()),
        port: balancer.container_port().and_then(|port| u64::try_from(port).ok()).unwrap_or_default(),
    })
}

/// Source: Amazon ECS API Reference, RunTask: a capacity provider strategy excludes a launch type.
fn launch(service: &types::Service) -> Map<String, Value> {
    let mut launch = Map::new();
    let strategy: Vec<Value> = service
        .capacity_provider_strategy()
        .iter()
        .map(|item| json!({ "capacityProvider": item.capacity_provider(), "weight": item.weight(), "base": item.base() }))
        .gather();
    if !strategy.is_empty() {
        launch.insert("capacityProviderStrategy".to_owned(), strategy.into());
    } else if let Some(kind) = service.launch_type() {
        launch.insert("launchType".to_owned(), kind.as_str().into());
    }
    if let Some(version) = service.platform_version().filter(|version| !version.is_empty()) {
        launch.insert("platformVersion".to_owned(), version.into());
    }
    if let Some(vpc) = service.network_configuration().and_then(|network| network.awsvpc_configuration()) {
        let mut network = json!({ "subnets": vpc.subnets(), "securityGroups": vpc.security_groups() });
        if let Some(assign) = vpc.assign_public_ip() {
            network["assignPublicIp"] = assign.as_str().into();
        }
        launch.insert("networkConfiguration".to_owned(), json!({ "awsvpcConfiguration": network }));
    }
    launch
}

pub(super) fn settings(configuration: &types::DeploymentConfiguration) -> DeploymentSettings {
    let default = DeploymentSettings::default();
    DeploymentSettings {
        breaks: configuration.deployment_circuit_breaker().is_some_and(types::DeploymentCircuitBreaker::enable),
        alarms: configuration.alarms().is_some_and(|alarms| alarms.enable() && alarms.rollback()),
        minimum: configuration.minimum_healthy_percent().map_or(default.minimum, count),
        maximum: configuration.maximum_percent().map_or(default.maximum, count),
        strategy: match configuration.strategy() {
            None | Some(types::DeploymentStrategy::Rolling) => Strategy::Rolling,
            Some(_) => Strategy::Shifting { pauses: configuration.lifecycle_hooks().iter().any(is_pause) },
        },
        least: minutes(configuration.bake_time_in_minutes()) + between_steps(configuration),
    }
}

fn is_pause(hook: &types::DeploymentLifecycleHook) -> bool {
    hook.target_type() == Some(&types::DeploymentLifecycleHookTargetType::Pause)
}

/// How long a linear or canary rollout waits before all traffic has moved.
fn between_steps(configuration: &types::DeploymentConfiguration) -> Duration {
    let linear = configuration.linear_configuration().map(|linear| {
        let percent = linear.step_percent().filter(|percent| *percent > 0.0).unwrap_or(10.0);
        let pauses = (100.0 / percent).ceil() - 1.0;
        minutes(linear.step_bake_time_in_minutes().or(Some(6))).mul_f64(pauses.max(0.0))
    });
    let canary = configuration.canary_configuration();
    let canary = canary.map(|canary| minutes(canary.canary_bake_time_in_minutes().or(Some(10))));
    match configuration.strategy() {
        Some(types::DeploymentStrategy::Linear) => linear.unwrap_or_default(),
        Some(types::DeploymentStrategy::Canary) => canary.unwrap_or_default(),
        _ => Duration::ZERO,
    }
}

fn current_revision(revision: &types::ServiceCurrentRevisionSummary) -> RevisionProgress {
    RevisionProgress {
        arn: text(revision.arn()),
        desired: count(revision.requested_task_count()),
        pending: count(revision.pending_task_count()),
        running: count(revision.running_task_count()),
        ..RevisionProgress::default()
    }
}

fn revision(revision: &types::ServiceRevisionSummary) -> RevisionProgress {
    RevisionProgress {
        arn: text(revision.arn()),
        desired: count(revision.requested_task_count()),
        pending: count(revision.pending_task_count()),
        running: count(revision.running_task_count()),
        production_weight: revision.requested_production_traffic_weight(),
        test_weight: revision.requested_test_traffic_weight(),
        target_groups: Vec::new(),
    }
}

fn hook(hook: &types::DeploymentLifecycleHookDetail) -> Hook {
    Hook {
        id: text(hook.hook_id()),
        kind: hook.target_type().map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
        target: text(hook.target_arn()),
        status: hook.status().map(|status| status.as_str().to_owned()).unwrap_or_default(),
        expires: hook.expires_at().map(DateTime::as_secs_f64),
        on_timeout: hook.timeout_action().map(|action| action.as_str().to_owned()).unwrap_or_default(),
    }
}

fn early_success(configuration: &types::DeploymentConfiguration) -> Option<EarlySuccess> {
    let criteria = configuration.early_success_criteria().filter(|criteria| criteria.enable())?;
    Some(EarlySuccess {
        healthy_percent: criteria.healthy_percent().map(count),
        cleanup: criteria.source_service_revision_cleanup().map(|it| it.as_str().to_owned()).unwrap_or_default(),
    })
}

fn deployment(deployment: &types::Deployment) -> Deployment {
    Deployment {
        id: text(deployment.id()),
        status: text(deployment.status()),
        task_definition: text(deployment.task_definition()),
        desired: count(deployment.desired_count()),
        pending: count(deployment.pending_count()),
        running: count(deployment.running_count()),
        failed: count(deployment.failed_tasks()),
        rollout_state: deployment.rollout_state().map(|state| state.as_str().to_owned()).unwrap_or_default(),
        rollout_reason: text(deployment.rollout_state_reason()),
        created_at: millis(deployment.created_at()),
    }
}

fn message(event: &types::ServiceEvent) -> ServiceMessage {
    ServiceMessage { id: text(event.id()), at: millis(event.created_at()), text: text(event.message()) }
}

pub(super) fn listed(deployment: &types::ServiceDeploymentBrief) -> ListedDeployment {
    ListedDeployment {
        arn: text(deployment.service_deployment_arn()),
        target: text(deployment.target_service_revision_arn()),
        status: deployment.status().map(|status| Status::from_name(status.as_str())).unwrap_or_default(),
        reason: text(deployment.status_reason()),
        created_at: millis(deployment.created_at()),
        finished_at: deployment.finished_at().map(|at| millis(Some(at))),
    }
}

pub(super) fn service_deployment(deployment: &types::ServiceDeployment) -> ServiceDeployment {
    let configuration = deployment.deployment_configuration();
    // ECS resets the count where nothing is written (API reference, `DeploymentCircuitBreaker`).
    let resets = configuration
        .and_then(|configuration| configuration.deployment_circuit_breaker())
        .is_none_or(|breaker| breaker.reset_on_healthy_task() != Some(false));
    let alarms = deployment.alarms();
    ServiceDeployment {
        arn: text(deployment.service_deployment_arn()),
        status: deployment.status().map(|status| Status::from_name(status.as_str())).unwrap_or_default(),
        reason: text(deployment.status_reason()),
        target: text(deployment.target_service_revision().and_then(|revision| revision.arn())),
        rollback: deployment.rollback().map(|rollback| Rollback {
            reason: text(rollback.reason()),
            revision: text(rollback.service_revision_arn()),
        }),
        revisions: deployment
            .target_service_revision()
            .into_iter()
            .chain(deployment.source_service_revisions())
            .map(revision)
            .gather(),
        breaker: deployment.deployment_circuit_breaker().filter(|breaker| is_on(breaker)).map(|breaker| Breaker {
            count: count(breaker.failure_count()),
            threshold: count(breaker.threshold()),
            resets,
        }),
        watched: alarms.map(|alarms| alarms.alarm_names().to_vec()).unwrap_or_default(),
        alarms: alarms.map(|alarms| alarms.triggered_alarm_names().to_vec()).unwrap_or_default(),
        stage: deployment.lifecycle_stage().map(|stage| stage.as_str().to_owned()).unwrap_or_default(),
        hooks: deployment.lifecycle_hook_details().iter().map(hook).gather(),
        bake: minutes(configuration.and_then(types::DeploymentConfiguration::bake_time_in_minutes)),
        early_success: configuration.and_then(early_success),
        created_at: millis(deployment.created_at()),
    }
}

fn is_on(breaker: &types::ServiceDeploymentCircuitBreaker) -> bool {
    breaker.status() != Some(&types::ServiceDeploymentRollbackMonitorsStatus::Disabled)
}

pub(super) fn service_revision(revision: &types::ServiceRevision) -> ServiceRevision {
    ServiceRevision {
        arn: text(revision.service_revision_arn()),
        task_definition: text(revision.task_definition()),
        images: revision
            .container_images()
            .iter()
            .map(|image| ContainerImage {
                container: text(image.container_name()),
                image: text(image.image()),
                digest: image.image_digest().and_then(|digest| digest.parse().ok()),
            })
            .gather(),
        target_groups: revision
            .resolved_configuration()
            .map(types::ResolvedConfiguration::load_balancers)
            .unwrap_or_default()
            .iter()
            .filter_map(|balancer| balancer.target_group_arn().map(str::to_owned))
            .gather(),
    }
}

pub(super) fn task(task: &types::Task) -> Task {
    Task {
        arn: text(task.task_arn()),
        started_by: text(task.started_by()),
        revision: text(task.task_definition_arn()),
        status: text(task.last_status()),
        wanted: task.desired_status() == Some("RUNNING"),
        created_at: millis(task.created_at()),
        stop_code: task.stop_code().map(|code| code.as_str().to_owned()).unwrap_or_default(),
        stopped_reason: text(task.stopped_reason()),
        health: task.health_status().map(|status| status.as_str().to_owned()).unwrap_or_default(),
        ran: Duration::from_millis(
            u64::try_from(millis(task.stopped_at()) - millis(task.started_at()))
                .ok()
                .filter(|_| task.started_at().is_some())
                .unwrap_or_default(),
        ),
        containers: task.containers().iter().map(container).gather(),
        executes: task.enable_execute_command(),
    }
}

fn container(container: &types::Container) -> Container {
    Container {
        name: text(container.name()),
        exit_code: container.exit_code(),
        reason: text(container.reason()),
        image: ContainerImage {
            container: text(container.name()),
            image: text(container.image()),
            digest: container.image_digest().and_then(|digest| digest.parse().ok()),
        },
        runtime_id: text(container.runtime_id()),
    }
}

fn text(text: Option<&str>) -> String {
    text.unwrap_or_default().to_owned()
}

fn minutes(minutes: Option<i32>) -> Duration {
    Duration::from_secs(60 * u64::from(minutes.map_or(0, count)))
}

fn count(count: i32) -> u32 {
    u32::try_from(count).unwrap_or_default()
}

fn millis(time: Option<&DateTime>) -> i64 {
    time.and_then(|time| time.to_millis().ok()).unwrap_or_default()
}
