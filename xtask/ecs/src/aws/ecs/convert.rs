//! From the SDK's types to plain values.

use aws_sdk_ecs::primitives::DateTime;
use aws_sdk_ecs::types;

use super::{
    Container, ContainerImage, Deployment, ListedDeployment, Rollback, Service, ServiceDeployment, ServiceMessage,
    ServiceRevision, Status, Task,
};

pub fn service(service: &types::Service) -> Service {
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
        task_definition: text(service.task_definition()),
        desired: count(service.desired_count()),
        running: count(service.running_count()),
        pending: count(service.pending_count()),
        deployments: service.deployments().iter().map(deployment).collect(),
        messages: service.events().iter().map(message).collect(),
        rolls_back: breaker.is_some_and(|breaker| breaker.enable() && breaker.rollback())
            || alarms.is_some_and(|alarms| alarms.enable() && alarms.rollback()),
    }
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

pub fn listed(deployment: &types::ServiceDeploymentBrief) -> ListedDeployment {
    ListedDeployment {
        arn: text(deployment.service_deployment_arn()),
        target: text(deployment.target_service_revision_arn()),
        status: deployment.status().map(|status| Status::from_name(status.as_str())).unwrap_or_default(),
        created_at: millis(deployment.created_at()),
    }
}

pub fn service_deployment(deployment: &types::ServiceDeployment) -> ServiceDeployment {
    ServiceDeployment {
        arn: text(deployment.service_deployment_arn()),
        status: deployment.status().map(|status| Status::from_name(status.as_str())).unwrap_or_default(),
        reason: text(deployment.status_reason()),
        target: text(deployment.target_service_revision().and_then(|revision| revision.arn())),
        rollback: deployment.rollback().map(|rollback| Rollback {
            reason: text(rollback.reason()),
            revision: text(rollback.service_revision_arn()),
        }),
        breaker: deployment
            .deployment_circuit_breaker()
            .map(|breaker| (count(breaker.failure_count()), count(breaker.threshold()))),
        alarms: deployment.alarms().map(|alarms| alarms.triggered_alarm_names().to_vec()).unwrap_or_default(),
        stage: deployment.lifecycle_stage().map(|stage| stage.as_str().to_owned()).unwrap_or_default(),
        created_at: millis(deployment.created_at()),
    }
}

pub fn service_revision(revision: &types::ServiceRevision) -> ServiceRevision {
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
            .collect(),
    }
}

pub fn task(task: &types::Task) -> Task {
    Task {
        arn: text(task.task_arn()),
        started_by: text(task.started_by()),
        stop_code: task.stop_code().map(|code| code.as_str().to_owned()).unwrap_or_default(),
        stopped_reason: text(task.stopped_reason()),
        containers: task.containers().iter().map(container).collect(),
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
    }
}

fn text(text: Option<&str>) -> String {
    text.unwrap_or_default().to_owned()
}

fn count(count: i32) -> u32 {
    u32::try_from(count).unwrap_or_default()
}

fn millis(time: Option<&DateTime>) -> i64 {
    time.and_then(|time| time.to_millis().ok()).unwrap_or_default()
}
