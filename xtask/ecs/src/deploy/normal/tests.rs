//! Documents that are alike and documents that are not: by hand here, by chance in `by_chance`.

mod by_chance;
pub(in crate::deploy) mod grown;
pub(in crate::deploy) mod model;

use serde_json::json;

use super::*;

#[test]
fn what_ecs_fills_in_and_reorders_makes_no_difference() {
    let written = json!({
        "family": "app", "networkMode": "awsvpc", "cpu": ".25 vCPU", "memory": "1GB",
        "requiresCompatibilities": ["FARGATE", "EC2"],
        "containerDefinitions": [{
            "name": "app", "image": "x",
            "portMappings": [{ "containerPort": 8080 }],
            "environment": [{ "name": "B", "value": "2" }, { "name": "A", "value": "1" }],
            "secrets": [{ "name": "Z", "valueFrom": "z" }, { "name": "Y", "valueFrom": "y" }],
            "healthCheck": { "command": ["CMD", "true"] },
            "mountPoints": [{ "sourceVolume": "v", "containerPath": "/v" }],
            "user": null,
        }],
        "volumes": [{ "name": "v", "efsVolumeConfiguration": { "fileSystemId": "fs" } }],
    });
    let described = json!({
        "taskDefinitionArn": "arn:aws:ecs:r:1:task-definition/app:3", "revision": 3, "status": "ACTIVE",
        "registeredAt": 1_700_000_000.5, "registeredBy": "arn:x", "compatibilities": ["EC2", "FARGATE"],
        "requiresAttributes": [{ "name": "y" }],
        "placementConstraints": [],
        "family": "app", "networkMode": "awsvpc", "cpu": "256", "memory": "1024",
        "requiresCompatibilities": ["EC2", "FARGATE"],
        "volumes": [{ "name": "v", "host": {},
                      "efsVolumeConfiguration": { "fileSystemId": "fs", "rootDirectory": "/" } }],
        "containerDefinitions": [{
            "cpu": 0, "essential": true, "name": "app", "image": "x", "volumesFrom": [], "systemControls": [],
            "portMappings": [{ "containerPort": 8080, "hostPort": 8080, "protocol": "tcp" }],
            "environment": [{ "name": "A", "value": "1" }, { "name": "B", "value": "2" }],
            "secrets": [{ "name": "Y", "valueFrom": "y" }, { "name": "Z", "valueFrom": "z" }],
            "healthCheck": { "command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 3 },
            "mountPoints": [{ "sourceVolume": "v", "containerPath": "/v", "readOnly": false }],
        }],
    });
    assert_eq!(Normal::of(&written), Normal::of(&described));
}

#[test]
fn what_means_something_is_kept() {
    let base = json!({ "family": "app", "containerDefinitions": [
        { "name": "app", "command": ["a", "b"], "portMappings": [{ "containerPort": 80, "hostPort": 8080 }] }] });
    for (pointer, other) in [
        ("/family", json!("other")),
        ("/containerDefinitions/0/command", json!(["b", "a"])),
        ("/containerDefinitions/0/portMappings/0/hostPort", json!(0)),
    ] {
        let mut changed = base.clone();
        *changed.pointer_mut(pointer).expect("it is there") = other;
        assert_ne!(Normal::of(&base), Normal::of(&changed), "{pointer}");
    }
}
