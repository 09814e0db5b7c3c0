//! Clusters: made, changed, described after they are gone.

use serde_json::{Value, json};

use super::world::World;

fn described(world: &mut World) -> Value {
    world.call("DescribeClusters", json!({ "clusters": ["sample"], "include": ["TAGS"] }))["clusters"][0].clone()
}

#[test]
fn a_cluster_is_deleted_once_nothing_runs_in_it() {
    let mut world = World::serving(1, json!({}));
    let named = json!({ "cluster": "arn:aws:ecs:ap-northeast-1:123456789012:cluster/sample" });
    let (code, message) = world.refused("DeleteCluster", named.clone());
    assert_eq!(
        (code, message.as_str()),
        ("ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active.")
    );
    world.call("DeleteService", json!({ "cluster": "sample", "service": "app", "force": true }));
    assert_eq!(world.refused("DeleteCluster", named.clone()).0, "ClusterContainsTasksException");
    world.settle();
    assert_eq!(world.call("DeleteCluster", named.clone())["cluster"]["status"], "INACTIVE");

    assert_eq!(described(&mut world)["status"], "INACTIVE");
    assert_eq!(world.call("ListClusters", json!({}))["clusterArns"], json!([]));
    assert_eq!(world.service()["status"], "INACTIVE");
    for (operation, input) in [
        ("DeleteCluster", named),
        ("RunTask", json!({ "cluster": "sample", "taskDefinition": "app" })),
        ("CreateService", json!({ "cluster": "sample", "serviceName": "app", "taskDefinition": "app" })),
    ] {
        let (code, message) = world.refused(operation, input);
        assert_eq!(
            (code, message.as_str()),
            ("ClusterNotFoundException", "The referenced cluster was inactive."),
            "{operation}"
        );
    }
    world.call("CreateCluster", json!({ "clusterName": "sample" }));
    assert_eq!(described(&mut world)["status"], "ACTIVE");
}

#[test]
fn what_a_cluster_is_told_it_answers() {
    let mut world = World::new();
    let settings = json!([{ "name": "containerInsights", "value": "enabled" }]);
    let changed = world.call("UpdateCluster", json!({ "cluster": "sample", "settings": settings }));
    assert_eq!(changed["cluster"]["settings"], settings);
    let strategy = json!([{ "capacityProvider": "FARGATE_SPOT", "weight": 1 }]);
    let providers = json!({ "cluster": "sample", "capacityProviders": ["FARGATE", "FARGATE_SPOT"],
        "defaultCapacityProviderStrategy": strategy });
    world.call("PutClusterCapacityProviders", providers);
    let described = described(&mut world);
    assert_eq!(described["settings"], settings);
    assert_eq!(described["capacityProviders"], json!(["FARGATE", "FARGATE_SPOT"]));
    assert_eq!(described["defaultCapacityProviderStrategy"], strategy);
}

#[test]
fn tags_are_taken_away_by_their_keys() {
    let mut world = World::new();
    let arn = described(&mut world)["clusterArn"].clone();
    let tags = json!([{ "key": "a", "value": "1" }, { "key": "b", "value": "2" }]);
    world.call("TagResource", json!({ "resourceArn": arn, "tags": tags }));
    world.call("UntagResource", json!({ "resourceArn": arn, "tagKeys": ["a", "none"] }));
    assert_eq!(described(&mut world)["tags"], json!([{ "key": "b", "value": "2" }]));
    let lost = json!({ "resourceArn": "arn:aws:ecs:ap-northeast-1:123456789012:cluster/other", "tagKeys": ["a"] });
    assert_eq!(world.refused("UntagResource", lost).0, "ClientException");
}

#[test]
fn a_tag_takes_no_other_letters_than_ecs_does_and_no_more_of_them() {
    let mut world = World::new();
    let arn = described(&mut world)["clusterArn"].clone();
    let mut tag = |value: &str| {
        let tags = json!([{ "key": "why", "value": value }]);
        world.try_call("TagResource", json!({ "resourceArn": arn, "tags": tags })).is_ok()
    };
    assert!(tag("Ä b_.:/=+-@1") && tag(&"x".repeat(256)));
    assert!(!tag("why?") && !tag("(x)") && !tag("a\nb") && !tag(&"x".repeat(257)));
}
