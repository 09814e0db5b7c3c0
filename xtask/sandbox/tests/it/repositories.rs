//! Repositories and what is kept with them: tags, policies, mutability, the archive, and other registries.

use std::time::Duration;

use crate::client::{self, Registry, call, digest, release, sandbox, with_repository};
use serde_json::{Value, json};
use xtask_sandbox::{Clock, Options, Sandbox};

fn ecr(sandbox: &Sandbox, operation: &str, input: &Value) -> Value {
    call(sandbox, "ecr", operation, input).unwrap()
}

fn refused(sandbox: &Sandbox, operation: &str, input: &Value) -> (String, String) {
    call(sandbox, "ecr", operation, input).unwrap_err()
}

const ARN: &str = "arn:aws:ecr:ap-northeast-1:123456789012:repository/";

#[test]
fn a_repository_keeps_the_tags_of_its_creation() {
    let sandbox = Sandbox::start(Options::default()).unwrap();
    let tags = json!([{"Key": "team", "Value": "shop"}, {"Key": "stage", "Value": "test"}]);
    ecr(&sandbox, "CreateRepository", &json!({"repositoryName": "sample/app", "tags": tags}));
    let arn = format!("{ARN}sample/app");
    let list = || ecr(&sandbox, "ListTagsForResource", &json!({"resourceArn": arn}))["tags"].clone();
    assert_eq!(list(), json!([{"Key": "stage", "Value": "test"}, {"Key": "team", "Value": "shop"}]));
    let input = json!({"resourceArn": arn, "tags": [{"Key": "team", "Value": "billing"}, {"Key": "a", "Value": ""}]});
    ecr(&sandbox, "TagResource", &input);
    ecr(&sandbox, "UntagResource", &json!({"resourceArn": arn, "tagKeys": ["stage", "none"]}));
    assert_eq!(list(), json!([{"Key": "a", "Value": ""}, {"Key": "team", "Value": "billing"}]));
}

#[test]
fn tags_of_what_is_not_there_and_tags_that_are_none_are_refused() {
    let sandbox = sandbox();
    let lost = json!({"resourceArn": format!("{ARN}other")});
    assert_eq!(refused(&sandbox, "ListTagsForResource", &lost).0, "RepositoryNotFoundException");
    let foreign = json!({"resourceArn": "arn:aws:ecr:us-east-1:123456789012:repository/sample/app"});
    assert_eq!(refused(&sandbox, "ListTagsForResource", &foreign).0, "InvalidParameterException");
    let tag = |tags: Value| json!({"resourceArn": format!("{ARN}sample/app"), "tags": tags});
    let bad = tag(json!([{"Key": "aws:x", "Value": "y"}]));
    assert_eq!(refused(&sandbox, "TagResource", &bad).0, "InvalidTagParameterException");
    let many: Vec<Value> = (0..51).map(|n| json!({"Key": format!("k{n}"), "Value": "v"})).collect();
    assert_eq!(refused(&sandbox, "TagResource", &tag(json!(many))).0, "TooManyTagsException");
    let left = ecr(&sandbox, "ListTagsForResource", &json!({"resourceArn": format!("{ARN}sample/app")}));
    assert_eq!(left["tags"], json!([]));
}

#[test]
fn policies_are_kept_until_they_are_deleted() {
    let sandbox = sandbox();
    let text = json!({"rules": [{"rulePriority": 1, "selection": {"tagStatus": "untagged",
        "countType": "imageCountMoreThan", "countNumber": 5}, "action": {"type": "expire"}}]})
    .to_string();
    let name = json!({"repositoryName": "sample/app"});
    for (put, get, delete, member, missing) in [
        (
            "PutLifecyclePolicy",
            "GetLifecyclePolicy",
            "DeleteLifecyclePolicy",
            "lifecyclePolicyText",
            "LifecyclePolicyNotFoundException",
        ),
        (
            "SetRepositoryPolicy",
            "GetRepositoryPolicy",
            "DeleteRepositoryPolicy",
            "policyText",
            "RepositoryPolicyNotFoundException",
        ),
    ] {
        assert_eq!(refused(&sandbox, get, &name).0, missing);
        let mut input = name.clone();
        input[member] = json!(text);
        assert_eq!(ecr(&sandbox, put, &input)[member], text);
        assert_eq!(ecr(&sandbox, get, &name)[member], text);
        ecr(&sandbox, delete, &name);
        assert_eq!(refused(&sandbox, delete, &name).0, missing);
    }
}

#[test]
fn the_names_that_oci_allows_are_repositories() {
    let sandbox = Sandbox::start(Options::default()).unwrap();
    for name in ["a__b", "a--b", "team/a---b/c__d"] {
        ecr(&sandbox, "CreateRepository", &json!({"repositoryName": name}));
        assert_eq!(Registry::of(&sandbox).get(&format!("/v2/{name}/tags/list")).status, 200, "{name}");
    }
    for name in ["a___b", "a..b", "a_-b", "-a"] {
        let (code, message) = refused(&sandbox, "CreateRepository", &json!({"repositoryName": name}));
        assert_eq!(code, "InvalidParameterException");
        assert!(message.contains("(\\.|_|__|-+)"), "{message}");
    }
}

#[test]
fn exclusion_filters_turn_a_repositorys_mutability_around() {
    let sandbox = Sandbox::start(Options::default()).unwrap();
    let filters = json!([{"filterType": "WILDCARD", "filter": "dev-*"}]);
    let input = json!({"repositoryName": "sample/app", "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
        "imageTagMutabilityExclusionFilters": filters});
    let made = ecr(&sandbox, "CreateRepository", &input)["repository"].clone();
    assert_eq!(made["imageTagMutabilityExclusionFilters"], filters);
    let registry = Registry::of(&sandbox);
    let again = |tag: &str| {
        release(&registry, tag, b"first");
        registry.upload("sample/app", b"second");
        registry.put_manifest("sample/app", tag, &client::manifest(b"{}", &[b"second"])).status
    };
    assert_eq!((again("1.0"), again("dev-1")), (400, 201));
    let mut input = json!({"repositoryName": "sample/app", "imageTagMutability": "MUTABLE_WITH_EXCLUSION"});
    assert_eq!(refused(&sandbox, "PutImageTagMutability", &input).0, "InvalidParameterException");
    input["imageTagMutabilityExclusionFilters"] = filters;
    assert_eq!(ecr(&sandbox, "PutImageTagMutability", &input)["imageTagMutability"], "MUTABLE_WITH_EXCLUSION");
    assert_eq!((again("2.0"), again("dev-2")), (201, 400));
}

/// A sandbox with an image `1.0` that is in the archive, and the image's digest.
fn archived() -> (Sandbox, String) {
    let sandbox = with_repository(Options { clock: Clock::Manual, ..Options::default() });
    let manifest = release(&Registry::of(&sandbox), "1.0", b"layer").to_string();
    let class =
        json!({"repositoryName": "sample/app", "imageId": {"imageTag": "1.0"}, "targetStorageClass": "ARCHIVE"});
    assert_eq!(ecr(&sandbox, "UpdateImageStorageClass", &class)["imageStatus"], "ARCHIVED");
    (sandbox, digest(manifest.as_bytes()))
}

#[test]
fn an_archived_image_is_neither_listed_nor_pulled() {
    let (sandbox, digest) = archived();
    let name = json!({"repositoryName": "sample/app"});
    assert_eq!(ecr(&sandbox, "ListImages", &name)["imageIds"], json!([]));
    assert_eq!(ecr(&sandbox, "DescribeImages", &name)["imageDetails"], json!([]));
    let any = json!({"repositoryName": "sample/app", "filter": {"imageStatus": "ANY"}});
    assert_eq!(ecr(&sandbox, "ListImages", &any)["imageIds"][0]["imageTag"], "1.0");
    let by_tag = json!({"repositoryName": "sample/app", "imageIds": [{"imageTag": "1.0"}]});
    let detail = ecr(&sandbox, "DescribeImages", &by_tag)["imageDetails"][0].clone();
    assert_eq!((&detail["imageStatus"], &detail["imageDigest"]), (&json!("ARCHIVED"), &json!(digest)));
    assert!(detail["lastArchivedAt"].is_number());
    let answer = ecr(&sandbox, "BatchGetImage", &by_tag);
    assert_eq!((&answer["images"], &answer["failures"][0]["failureCode"]), (&json!([]), &json!("ImageInaccessible")));
    let layer = client::digest(b"layer");
    let layers = json!({"repositoryName": "sample/app", "layerDigests": [layer]});
    assert_eq!(ecr(&sandbox, "BatchCheckLayerAvailability", &layers)["layers"][0]["layerAvailability"], "ARCHIVED");
    let download = json!({"repositoryName": "sample/app", "layerDigest": layer});
    assert_eq!(refused(&sandbox, "GetDownloadUrlForLayer", &download).0, "LayerInaccessibleException");
    let reply = Registry::of(&sandbox).get("/v2/sample/app/manifests/1.0");
    assert_eq!((reply.status, reply.code().as_str()), (404, "MANIFEST_UNKNOWN"));
}

#[test]
fn an_archived_image_is_restored_after_a_while() {
    let (sandbox, digest) = archived();
    let id = json!({"imageDigest": digest});
    let mut class = json!({"repositoryName": "sample/app", "imageId": id, "targetStorageClass": "STANDARD"});
    assert_eq!(ecr(&sandbox, "UpdateImageStorageClass", &class)["imageStatus"], "ACTIVATING");
    class["targetStorageClass"] = json!("ARCHIVE");
    let (code, _) = refused(&sandbox, "UpdateImageStorageClass", &class);
    assert_eq!(code, "ImageStorageClassUpdateNotSupportedException");
    assert_eq!(Registry::of(&sandbox).get("/v2/sample/app/manifests/1.0").status, 404);
    sandbox.advance(Duration::from_secs(20 * 60));
    assert_eq!(Registry::of(&sandbox).get("/v2/sample/app/manifests/1.0").status, 200);
    let by_tag = json!({"repositoryName": "sample/app", "imageIds": [{"imageTag": "1.0"}]});
    let detail = ecr(&sandbox, "DescribeImages", &by_tag)["imageDetails"][0].clone();
    assert_eq!(detail["imageStatus"], "ACTIVE");
    assert!(detail["lastActivatedAt"].as_f64() > detail["lastArchivedAt"].as_f64());
}

#[test]
fn pushing_an_archived_image_again_restores_it() {
    let (sandbox, digest) = archived();
    let manifest = client::manifest(b"{}", &[b"layer"]);
    let put = json!({"repositoryName": "sample/app", "imageManifest": manifest.to_string(), "imageTag": "1.0"});
    assert_eq!(ecr(&sandbox, "PutImage", &put)["image"]["imageId"]["imageDigest"], digest);
    assert_eq!(Registry::of(&sandbox).get("/v2/sample/app/manifests/1.0").status, 200);
    assert_eq!(refused(&sandbox, "PutImage", &put).0, "ImageAlreadyExistsException");
}

#[test]
fn a_manifest_is_deleted_by_digest_and_its_tags_go_with_it() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    let manifest = release(&registry, "1.0", b"layer").to_string();
    release(&registry, "latest", b"layer");
    let delete = |reference: &str| {
        registry.send("DELETE", &format!("/v2/sample/app/manifests/{reference}"), &[], b"").unwrap().status
    };
    assert_eq!(delete("latest"), 405);
    let digest = digest(manifest.as_bytes());
    assert_eq!(delete(&digest), 202);
    for tag in ["1.0", "latest"] {
        assert_eq!(registry.get(&format!("/v2/sample/app/manifests/{tag}")).status, 404);
    }
    assert_eq!(registry.get(&format!("/v2/sample/app/manifests/{digest}")).status, 404);
    assert_eq!(delete(&digest), 404);
}

#[test]
fn a_manifest_that_an_index_names_is_not_deleted() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    let child = release(&registry, "child", b"layer").to_string();
    let index = json!({"schemaVersion": 2, "mediaType": client::OCI_INDEX,
        "manifests": [client::descriptor(client::OCI_MANIFEST, child.as_bytes())]});
    assert_eq!(registry.put_manifest("sample/app", "1.0", &index).status, 201);
    let target = format!("/v2/sample/app/manifests/{}", digest(child.as_bytes()));
    let reply = registry.send("DELETE", &target, &[], b"").unwrap();
    assert_eq!((reply.status, reply.code().as_str()), (403, "DENIED"));
    assert_eq!(registry.get("/v2/sample/app/manifests/child").status, 200);
}

#[test]
fn another_accounts_registry_has_no_repository_of_ours() {
    let sandbox = sandbox();
    let (other, name) = ("210987654321", "sample/app");
    let ids = json!([{"imageTag": "1.0"}]);
    for (operation, input) in [
        ("BatchGetImage", json!({"registryId": other, "repositoryName": name, "imageIds": ids})),
        ("DescribeImages", json!({"registryId": other, "repositoryName": name})),
        ("DescribeRepositories", json!({"registryId": other, "repositoryNames": [name]})),
    ] {
        let (code, message) = refused(&sandbox, operation, &input);
        assert_eq!(code, "RepositoryNotFoundException");
        assert_eq!(
            message,
            format!("The repository with name '{name}' does not exist in the registry with id '{other}'")
        );
    }
    let all = ecr(&sandbox, "DescribeRepositories", &json!({"registryId": other}));
    assert_eq!(all["repositories"], json!([]));
    let made = json!({"registryId": other, "repositoryName": "new"});
    assert_eq!(refused(&sandbox, "CreateRepository", &made).0, "AccessDeniedException");
}

#[test]
fn another_region_has_nothing_of_ours() {
    let sandbox = sandbox();
    sandbox.ecs("CreateCluster", json!({"clusterName": "sample"})).unwrap();
    let there = |service: &str, operation: &str, input: &Value| {
        client::call_in(&sandbox, "us-east-1", service, operation, input)
    };
    let name = json!({"repositoryName": "sample/app"});
    let (code, message) = there("ecr", "ListImages", &name).unwrap_err();
    assert_eq!(code, "RepositoryNotFoundException");
    assert!(message.ends_with("in the registry with id '123456789012'"), "{message}");
    let services = json!({"cluster": "sample", "services": ["app"]});
    assert_eq!(there("ecs", "DescribeServices", &services).unwrap_err().0, "ClusterNotFoundException");
    assert_eq!(there("ecs", "ListClusters", &json!({})).unwrap()["clusterArns"], json!([]));
    let made = there("ecr", "CreateRepository", &json!({"repositoryName": "other"})).unwrap();
    assert_eq!(made["repository"]["repositoryArn"], "arn:aws:ecr:us-east-1:123456789012:repository/other");
    let refused = sandbox.ecr("ListImages", json!({"repositoryName": "other"})).unwrap_err();
    assert_eq!(refused.code, "RepositoryNotFoundException");
}
