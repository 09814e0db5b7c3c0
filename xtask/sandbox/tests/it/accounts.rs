//! Several accounts and regions on one port.

use serde_json::{Value, json};
use std::time::Duration;
use xtask_sandbox::{Account, Clock, Options, Sandbox};

use crate::client::{Registry, call_with, digest, path_of, release, send};
use crate::signer::{Credentials, element};

const STAGING: (&str, &str) = ("AKIATEST", "ap-northeast-1");
const PRODUCTION: (&str, &str) = ("AKIDPRODUCTION", "ap-northeast-1");

/// The usual account as staging, and one for production.
pub fn two_accounts(clock: Clock) -> Sandbox {
    let (id, access_key) = ("222222222222".to_owned(), PRODUCTION.0.to_owned());
    let accounts = vec![Account { id, access_key, roles: Vec::new() }];
    Sandbox::start(Options { clock, accounts, ..Options::default() }).unwrap()
}

#[test]
fn the_same_names_mean_different_things_in_two_accounts_and_two_regions() {
    let sandbox = two_accounts(Clock::Real);
    let places = [STAGING, PRODUCTION, (STAGING.0, "eu-west-1"), (PRODUCTION.0, "eu-west-1")];
    let owners = ["123456789012", "222222222222", "123456789012", "222222222222"];
    for (who, owner) in places.into_iter().zip(owners) {
        let name = json!({"repositoryName": "sample/app"});
        let made = call_with(&sandbox, who, "ecr", "CreateRepository", &name).unwrap();
        let arn = format!("arn:aws:ecr:{}:{owner}:repository/sample/app", who.1);
        assert_eq!(
            (&made["repository"]["repositoryArn"], &made["repository"]["registryId"]),
            (&json!(arn), &json!(owner))
        );
        let made = call_with(&sandbox, who, "ecs", "CreateCluster", &json!({"clusterName": "sample"})).unwrap();
        assert_eq!(made["cluster"]["clusterArn"], format!("arn:aws:ecs:{}:{owner}:cluster/sample", who.1));
    }
    call_with(&sandbox, PRODUCTION, "ecr", "DeleteRepository", &json!({"repositoryName": "sample/app"})).unwrap();
    for (who, left) in places.into_iter().zip([1, 0, 1, 1]) {
        let all = call_with(&sandbox, who, "ecr", "DescribeRepositories", &json!({})).unwrap();
        assert_eq!(all["repositories"].as_array().unwrap().len(), left, "{who:?}");
    }
}

#[test]
fn the_registry_is_that_of_the_account_whose_token_is_brought() {
    let sandbox = two_accounts(Clock::Real);
    for (account, region) in [("123456789012", "ap-northeast-1"), ("222222222222", "eu-west-1")] {
        sandbox.site(account, region).ecr("CreateRepository", json!({"repositoryName": "sample/app"})).unwrap();
    }
    let theirs = (PRODUCTION.0, "eu-west-1");
    let (staging, production) = (Registry::of(&sandbox), Registry::with(&sandbox, theirs));
    release(&staging, "1.0", b"of staging");
    assert_eq!(production.get("/v2/sample/app/manifests/1.0").status, 404);
    assert_eq!(production.head(&format!("/v2/sample/app/blobs/{}", digest(b"of staging"))).status, 404);
    release(&production, "1.0", b"of production");
    assert_ne!(staging.get("/v2/sample/app/manifests/1.0").body, production.get("/v2/sample/app/manifests/1.0").body);
    // An upload is continued only by whoever began it.
    let upload = staging.begin("sample/app");
    assert_eq!(production.finish(&upload, &digest(b"x"), b"x").unwrap().code(), "BLOB_UPLOAD_UNKNOWN");

    let layer = json!({"repositoryName": "sample/app", "layerDigest": digest(b"of production")});
    let url = call_with(&sandbox, theirs, "ecr", "GetDownloadUrlForLayer", &layer).unwrap()["downloadUrl"].clone();
    let reply = send(&sandbox, "GET", &path_of(url.as_str().unwrap()), &[], b"").unwrap();
    assert_eq!(reply.body, b"of production");
}

#[test]
fn an_image_of_another_account_is_pulled_only_where_its_repository_allows_it() {
    let sandbox = two_accounts(Clock::Manual);
    sandbox.ecr("CreateRepository", json!({"repositoryName": "sample/app"})).unwrap();
    release(&Registry::of(&sandbox), "1.0", b"layer");
    let image = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/sample/app:1.0";
    let production = sandbox.site("222222222222", "ap-northeast-1");
    production.ecs("CreateCluster", json!({"clusterName": "sample"})).unwrap();
    let definition = json!({"family": "app", "containerDefinitions": [{"name": "app", "image": image, "memory": 128}]});
    production.ecs("RegisterTaskDefinition", definition).unwrap();
    let run = || {
        let input = json!({"cluster": "sample", "taskDefinition": "app"});
        let arn = production.ecs("RunTask", input).unwrap()["tasks"][0]["taskArn"].clone();
        sandbox.advance(Duration::from_secs(300));
        production.ecs("DescribeTasks", json!({"cluster": "sample", "tasks": [arn]})).unwrap()["tasks"][0].clone()
    };
    let reason = run()["stoppedReason"].as_str().unwrap().to_owned();
    assert!(reason.ends_with("amazonaws.com/v2/sample/app/manifests/1.0: 403 Forbidden"), "{reason}");

    let policy = json!({"repositoryName": "sample/app", "policyText": "{\"Statement\": []}"});
    sandbox.ecr("SetRepositoryPolicy", policy).unwrap();
    let pulled = run();
    assert!(pulled["containers"][0]["imageDigest"].is_string(), "{pulled}");
}

#[test]
fn the_clock_is_everybodys() {
    let sandbox = two_accounts(Clock::Manual);
    let before = sandbox.now();
    let site = sandbox.site("222222222222", "eu-west-1");
    let definition: Value = json!({"family": "app", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
        "cpu": "256", "memory": "512", "containerDefinitions": [{"name": "app", "image": "app"}]});
    site.furnish(&["sample/app"], &[("sample", "app", definition)]).unwrap();
    assert!(sandbox.now() > before, "the first rollout took its time");
    assert_eq!(sandbox.ecs("ListClusters", json!({})).unwrap()["clusterArns"], json!([]));
}

#[test]
fn whose_credentials_they_are_is_told_for_every_key() {
    let sandbox = two_accounts(Clock::Real);
    for (key, account) in [("AKIATEST", "123456789012"), (PRODUCTION.0, "222222222222"), ("DENIED", "123456789012")] {
        let reply = Credentials::user(key).query(&sandbox, "sts", "GetCallerIdentity", &[]);
        assert_eq!((reply.status, element(&reply, "Account")), (200, account));
        assert_eq!(element(&reply, "Arn"), format!("arn:aws:iam::{account}:user/{}", key.to_lowercase()));
        assert!(element(&reply, "UserId").starts_with("AIDA"));
    }
}
