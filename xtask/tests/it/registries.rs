//! Which registry is asked: the one that the images are said to be in, or none.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use xtask_sandbox::{Effect, Fault, Options, Sandbox, Which};

use crate::support::{Asked, Workspace, sandbox, serve, tagged};

const ELSEWHERE: &str = "210987654321.dkr.ecr.us-east-1.amazonaws.com";

fn with_registry(registry: &str) -> Workspace {
    let line = "region = \"ap-northeast-1\"\n";
    Workspace::with(&[(line, &format!("{line}registry = \"{registry}\"\n"))])
}

/// Who was asked what: the body of BatchGetImage, and the region that the request is signed for.
type Questions = Arc<Mutex<Vec<(Value, String)>>>;

/// An ECR in which every tag is there.
fn ecr() -> (String, Questions) {
    let questions = Questions::default();
    let asked = questions.clone();
    let host = serve(move |request: &Asked| {
        let body: Value = serde_json::from_str(&request.body).expect("JSON is asked");
        let region = request.header("authorization").and_then(|header| header.split('/').nth(2)).expect("it is signed");
        let tag = body["imageIds"][0]["imageTag"].clone();
        asked.lock().expect("nobody panicked").push((body, region.to_owned()));
        let id = json!({ "imageTag": tag, "imageDigest": format!("sha256:{}", "a".repeat(64)) });
        (200, "application/x-amz-json-1.1", json!({ "images": [{ "imageId": id }] }).to_string().into_bytes())
    });
    (format!("http://{host}"), questions)
}

fn keys(endpoint: &str) -> [(&str, &str); 3] {
    [("AWS_ENDPOINT_URL_ECR", endpoint), ("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")]
}

#[test]
fn a_registry_of_another_account_or_region_is_asked_there() {
    for (registry, account, region) in [
        (ELSEWHERE, "210987654321", "us-east-1"),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "123456789012", "eu-west-1"),
        ("210987654321.dkr.ecr.ap-northeast-1.amazonaws.com", "210987654321", "ap-northeast-1"),
        ("210987654321.dkr-ecr-fips.us-east-1.on.aws", "210987654321", "us-east-1"),
    ] {
        let (url, questions) = ecr();
        let run = with_registry(registry).xtask_with(&keys(&url), &["release"]);
        run.ends(0).says(&format!("{registry}/sample/app:1.4.0 is already released"));
        let questions = questions.lock().expect("nobody panicked");
        let [(question, signed)] = questions.as_slice() else { panic!("one question: {questions:?}") };
        assert_eq!((&question["registryId"], signed.as_str()), (&json!(account), region), "{registry}");
    }
}

#[test]
fn a_missing_repository_is_named_with_the_registry_that_was_asked() {
    let sandbox = sandbox(vec![]);
    let workspace = with_registry(ELSEWHERE);
    let cargo = std::fs::read_to_string(workspace.root().join("Cargo.toml")).expect("it is there");
    workspace.write("Cargo.toml", &cargo.replace("sample/app", "sample/absent")).that_releases();
    let mut environment = sandbox.environment();
    environment.retain(|(name, _)| name != "XTASK_REGISTRY");
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
    workspace
        .xtask_with(&environment, &["release"])
        .ends(1)
        .says(&format!("repository {ELSEWHERE}/sample/absent"))
        .says("create it in account 210987654321: `aws ecr create-repository --repository-name sample/absent --region us-east-1`")
        .says("whether one of its creation templates has a push make it, only that account is told");
}

#[test]
fn a_registry_that_is_none_of_ecrs_is_refused_and_nothing_is_asked() {
    for registry in ["registry.example.com", "public.ecr.aws", "127.0.0.1:5000", "1234.dkr.ecr.us-east-1.amazonaws.com"]
    {
        let workspace = with_registry(registry);
        for command in [["release", "--plan"], ["deploy", "--plan"]] {
            let [_, key, secret] = keys("");
            workspace
                .xtask_with(&[key, secret], &command)
                .ends(2)
                .says(&format!("`registry` is {registry}, which is no registry of Amazon ECR"));
        }
    }
}

#[test]
fn a_repository_that_a_push_makes_is_no_error_and_one_that_no_template_is_for_is() {
    let sandbox = Sandbox::start(Options::default()).unwrap();
    let workspace = Workspace::sample();
    workspace.that_releases();
    let release = |words: &[&str]| workspace.xtask(&sandbox, &[&["release"], words].concat());
    release(&[]).ends(1).says("RepositoryNotFoundException").says("aws ecr create-repository");
    let template = |prefix: &str, scenario: &str| {
        let asked = json!({ "prefix": prefix, "appliedFor": [scenario], "imageTagMutability": "IMMUTABLE" });
        sandbox.ecr("CreateRepositoryCreationTemplate", asked).unwrap();
    };
    template("ROOT", "CREATE_ON_PUSH");
    template("sample", "REPLICATION");
    release(&["--plan"]).ends(1).says("RepositoryNotFoundException");
    sandbox.ecr("DeleteRepositoryCreationTemplate", json!({ "prefix": "sample" })).unwrap();
    template("sample", "CREATE_ON_PUSH");
    let refused =
        Effect::Error { status: 400, code: "AccessDeniedException".into(), message: "no".into(), retry_after: None };
    let call = "ecr:DescribeRepositoryCreationTemplates".to_owned();
    sandbox.inject(Fault { call, which: Which::Nth(1), effect: refused });
    release(&["--plan"]).ends(1).says("RepositoryNotFoundException").says("DescribeRepositoryCreationTemplates");

    let why = "sample/app is not there, and made by the push: the template `sample` says so";
    release(&["--plan"]).ends(0).says(why);
    release(&[]).ends(0).says(why).says("Released");
    assert!(tagged(&sandbox, "sample/app", "1.4.0").is_some());
    let made = sandbox.ecr("DescribeRepositories", json!({ "repositoryNames": ["sample/app"] })).unwrap();
    assert_eq!(made["repositories"][0]["imageTagMutability"], "IMMUTABLE");
    release(&[]).ends(0).does_not_say("made by the push").says("1.4.0 is already");
}
