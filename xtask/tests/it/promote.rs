//! Promotion in the whole binary: two accounts with the same names of everything.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};
use xtask_sandbox::{Account, Clock, Effect, Fault, Options, Sandbox, Site, Which};

use crate::sample::Workspace;
use crate::support::{Run, layout};

const STAGING: &str = "123456789012";
const PRODUCTION: &str = "222222222222";
const REGION: &str = "ap-northeast-1";

const TWO: &str = r#"
[workspace.metadata.xtask.environments.staging]

[workspace.metadata.xtask.environments.production]
account = "222222222222"
role = "arn:aws:iam::222222222222:role/deploy"
images.app.repository = "live/app"
"#;

pub const PROMOTE: [&str; 5] = ["promote", "--from", "staging", "--to", "production"];

/// Staging with an image, production without, in the sample's workspace.
pub fn two() -> (Workspace, Sandbox) {
    let Two { workspace, sandbox, .. } = Two::new();
    (workspace, sandbox)
}

/// The same where production has no repository, and a push makes it.
pub fn created_on_push() -> (Workspace, Sandbox) {
    let two = Two::new();
    two.has_pushes_create();
    (two.workspace, two.sandbox)
}

/// What an account has, asked without the network.
struct Registry<'a>(Site<'a>);

impl Registry<'_> {
    fn ask(&self, operation: &str, input: Value) -> Value {
        self.0.ecr(operation, input).unwrap_or_else(|error| panic!("{operation}: {} {}", error.code, error.message))
    }

    /// Uploads a blob; returns its descriptor.
    fn blob(&self, repository: &str, kind: &str, bytes: &[u8]) -> Value {
        let digest = format!("sha256:{}", layout::sha256(bytes));
        let kind = format!("application/vnd.oci.image.{kind}");
        let descriptor = json!({ "mediaType": kind, "digest": digest, "size": bytes.len() });
        let asked = json!({ "repositoryName": repository, "layerDigests": [digest] });
        if self.ask("BatchCheckLayerAvailability", asked)["layers"][0]["layerAvailability"] == "AVAILABLE" {
            return descriptor;
        }
        let upload = self.ask("InitiateLayerUpload", json!({ "repositoryName": repository }))["uploadId"].clone();
        let part = json!({ "repositoryName": repository, "uploadId": upload, "partFirstByte": 0,
            "partLastByte": bytes.len() - 1, "layerPartBlob": layout::base64(bytes) });
        self.ask("UploadLayerPart", part);
        let whole = json!({ "repositoryName": repository, "uploadId": upload, "layerDigests": [digest] });
        self.ask("CompleteLayerUpload", whole);
        descriptor
    }

    /// Puts a manifest or an index, under a tag or none; returns its descriptor.
    fn put(&self, repository: &str, tag: Option<&str>, manifest: &Value) -> Value {
        let text = manifest.to_string();
        let mut input = json!({ "repositoryName": repository, "imageManifest": text });
        if let Some(tag) = tag {
            input["imageTag"] = json!(tag);
        }
        self.ask("PutImage", input);
        let digest = format!("sha256:{}", layout::sha256(text.as_bytes()));
        json!({ "mediaType": manifest["mediaType"], "digest": digest, "size": text.len() })
    }

    fn image(&self, repository: &str, architecture: &str, layers: &[&[u8]]) -> Value {
        let config = json!({ "os": "linux", "architecture": architecture, "rootfs": { "type": "layers" } });
        let config = self.blob(repository, "config.v1+json", config.to_string().as_bytes());
        let layers: Vec<Value> = layers.iter().map(|bytes| self.blob(repository, "layer.v1.tar+gzip", bytes)).collect();
        json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config,
            "layers": layers })
    }

    /// An index of two platforms, each with a layer of its own and one in common; returns its digest.
    fn release(&self, repository: &str, tag: &str, common: &[u8]) -> String {
        let platform = |architecture: &str| {
            let image = self.image(repository, architecture, &[common, architecture.as_bytes()]);
            let mut entry = self.put(repository, None, &image);
            entry["platform"] = json!({ "os": "linux", "architecture": architecture });
            entry
        };
        let manifests = json!([platform("amd64"), platform("arm64")]);
        let index = json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": manifests });
        self.put(repository, Some(tag), &index)["digest"].as_str().unwrap().to_owned()
    }

    /// What is under a tag or a digest: its digest and its bytes.
    fn found(&self, repository: &str, id: &Value) -> Option<(String, String)> {
        let answer = self.ask("BatchGetImage", json!({ "repositoryName": repository, "imageIds": [id] }));
        let image = answer["images"].get(0)?;
        Some((image["imageId"]["imageDigest"].as_str()?.to_owned(), image["imageManifest"].as_str()?.to_owned()))
    }

    fn tagged(&self, repository: &str, tag: &str) -> Option<String> {
        Some(self.found(repository, &json!({ "imageTag": tag }))?.0)
    }
}

/// Two accounts with a repository each, of which one has the image.
struct Two {
    workspace: Workspace,
    sandbox: Sandbox,
    /// What staging has under the tag.
    digest: String,
}

impl Two {
    fn new() -> Self {
        Self::by(Clock::Real)
    }

    fn by(clock: Clock) -> Self {
        let accounts =
            vec![Account { id: PRODUCTION.to_owned(), access_key: "AKIDPRODUCTION".to_owned(), roles: vec![] }];
        let sandbox = Sandbox::start(Options { clock, accounts, ..Options::default() }).unwrap();
        let two =
            Self { workspace: Workspace::of(&(crate::sample::manifest(&[]) + TWO)), sandbox, digest: String::new() };
        for (account, repository) in [(STAGING, "sample/app"), (PRODUCTION, "live/app")] {
            let services = [("sample", "app", crate::sample::task_definition())];
            two.sandbox.site(account, REGION).furnish(&[repository], &services).unwrap();
        }
        let digest = two.staging().release("sample/app", "1.4.0", &vec![7; 300_000]);
        Self { digest, ..two }
    }

    fn staging(&self) -> Registry<'_> {
        Registry(self.sandbox.site(STAGING, REGION))
    }

    fn production(&self) -> Registry<'_> {
        Registry(self.sandbox.site(PRODUCTION, REGION))
    }

    fn has_pushes_create(&self) {
        let production = self.production();
        production.ask("DeleteRepository", json!({ "repositoryName": "live/app" }));
        let template = json!({ "prefix": "live", "appliedFor": ["CREATE_ON_PUSH"], "imageTagMutability": "IMMUTABLE" });
        production.ask("CreateRepositoryCreationTemplate", template);
    }

    fn run(&self, arguments: &[&str]) -> Run {
        self.workspace.xtask(&self.sandbox, arguments)
    }

    /// How many of these the registries answered well.
    fn done(&self, operation: &str) -> usize {
        let calls = self.sandbox.calls();
        calls.iter().filter(|call| call.operation == operation && (200..300).contains(&call.status)).count()
    }

    fn inject(&self, call: &str, which: Which, effect: Effect) {
        self.sandbox.inject(Fault { call: call.to_owned(), which, effect });
    }
}

#[test]
fn every_platform_of_an_image_is_copied_byte_for_byte_and_a_second_run_sends_nothing() {
    let two = Two::new();
    let planned = two.run(&[&PROMOTE[..], &["--plan", "--format", "json"]].concat());
    let planned: Value = serde_json::from_str(&planned.ends(0).stdout).unwrap();
    let from = format!("{}/sample/app:1.4.0", two.sandbox.registry());
    let action = json!({ "promote": { "from": from, "digest": two.digest } });
    let reference = format!("{}/live/app:1.4.0", two.sandbox.registry());
    assert_eq!(planned["images"], json!([{ "image": "app", "reference": reference, "action": action }]));
    assert_eq!(two.production().tagged("live/app", "1.4.0"), None, "a plan does nothing");

    let run = two.run(&PROMOTE);
    run.ends(0).looks_like_without_pace("promote/copied");
    assert_eq!(run.stdout, format!("app {}/live/app@{}\n", two.sandbox.registry(), two.digest));
    assert_eq!(two.production().tagged("live/app", "1.4.0"), Some(two.digest.clone()));
    let by_digest = |digest: &str| json!({ "imageDigest": digest });
    let (_, index) = two.staging().found("sample/app", &by_digest(&two.digest)).unwrap();
    let index: Value = serde_json::from_str(&index).unwrap();
    let platforms = index["manifests"].as_array().unwrap().iter().map(|entry| entry["digest"].as_str().unwrap());
    for digest in platforms.chain([&*two.digest]) {
        let theirs = two.staging().found("sample/app", &by_digest(digest));
        assert_eq!(two.production().found("live/app", &by_digest(digest)), theirs);
    }

    let sent = |two: &Two| {
        ["registry:PUT blob", "registry:POST blob", "registry:PUT manifest", "ecr:PutImage"].map(|call| two.done(call))
    };
    let before = sent(&two);
    assert_eq!(before, [5, 5, 3, 1], "what both platforms have is sent once");
    two.run(&PROMOTE).ends(0).looks_like_without_pace("promote/again");
    assert_eq!(sent(&two), before, "a second run sends nothing");
}

#[test]
fn a_tag_that_has_other_content_in_the_target_is_left_alone() {
    let two = Two::new();
    let other = two.production().release("live/app", "1.4.0", b"another layer");
    let run = two.run(&PROMOTE);
    run.ends(8).says(&two.digest).says(&other).says("in production with other content than in staging");
    assert_eq!(two.production().tagged("live/app", "1.4.0"), Some(other));
    assert_eq!(two.done("registry:POST blob"), 0);
}

#[test]
fn an_image_that_the_source_does_not_have_names_the_command_that_releases_it() {
    let two = Two::new();
    two.staging()
        .ask("BatchDeleteImage", json!({ "repositoryName": "sample/app", "imageIds": [{ "imageTag": "1.4.0" }] }));
    two.run(&PROMOTE).ends(8).says("image app is not in staging").says("cargo xtask -e staging release app");
}

#[test]
fn a_repository_that_a_push_makes_in_the_target_is_no_error_and_one_that_none_makes_is() {
    let two = Two::new();
    two.has_pushes_create();
    let why = "live/app is not there, and made by the push: the template `live` says so";
    two.run(&[&PROMOTE[..], &["--plan"]].concat()).ends(0).says(why).says("Planned app: copy");
    let none = json!({ "repositoryNames": ["live/app"] });
    two.sandbox.site(PRODUCTION, REGION).ecr("DescribeRepositories", none.clone()).expect_err("a plan makes nothing");
    two.run(&PROMOTE).ends(0).says(why);
    assert_eq!(two.production().tagged("live/app", "1.4.0"), Some(two.digest.clone()));
    assert_eq!(
        two.production().ask("DescribeRepositories", none)["repositories"][0]["imageTagMutability"],
        "IMMUTABLE"
    );
    two.run(&PROMOTE).ends(0).does_not_say("made by the push");

    let two = Two::new();
    two.production().ask("DeleteRepository", json!({ "repositoryName": "live/app" }));
    two.run(&PROMOTE).ends(1).says("repository live/app").says("aws ecr create-repository --repository-name live/app");
    assert_eq!(two.done("registry:POST blob"), 0);
}

#[test]
fn a_tag_that_somebody_puts_meanwhile_is_not_taken_over() {
    let two = Two::new();
    two.inject("ecr:PutImage", Which::Nth(1), Effect::ForeignTag);
    two.run(&PROMOTE).ends(8).says(&format!("in staging: {}", two.digest));
    assert_ne!(two.production().tagged("live/app", "1.4.0"), Some(two.digest));
}

#[test]
fn what_breaks_in_the_middle_is_begun_again_and_what_arrived_is_not_sent_again() {
    let two = Two::new();
    two.inject("registry:GET blob", Which::Nth(1), Effect::Cut { after_bytes: 1000 });
    two.inject("registry:PUT blob", Which::Nth(2), Effect::Cut { after_bytes: 1 });
    two.inject("registry:POST blob", Which::Nth(3), Effect::ExpireToken);
    two.run(&PROMOTE).ends(0).says("trying again");
    assert_eq!(two.production().tagged("live/app", "1.4.0"), Some(two.digest.clone()));
    assert_eq!(two.done("registry:PUT blob"), 5, "each blob arrives once");
}

#[test]
fn a_run_that_ends_early_leaves_no_tag_and_the_next_one_sends_the_rest() {
    let two = Two::new();
    let denied = Effect::Error { status: 403, code: "DENIED".to_owned(), message: "no".to_owned(), retry_after: None };
    two.inject("registry:PUT manifest", Which::Nth(3), denied);
    two.run(&PROMOTE).ends(1).says("put manifest");
    assert_eq!(two.production().tagged("live/app", "1.4.0"), None);
    let arrived = two.done("registry:PUT blob");
    two.run(&PROMOTE).ends(0);
    assert_eq!(two.production().tagged("live/app", "1.4.0"), Some(two.digest.clone()));
    assert_eq!(two.done("registry:PUT blob"), arrived, "no blob is sent again");
}

/// With a second image, which comes after the first.
fn two_images() -> (Two, String) {
    let two = Two::new();
    let worker = "[workspace.metadata.xtask.images.worker]\nrepository = \"sample/worker\"\ntag = \"2\"\n\
        dockerfile = \"app/Dockerfile\"\n";
    two.workspace.write("Cargo.toml", &format!("{}{TWO}\n{worker}", crate::sample::manifest(&[])));
    for account in [STAGING, PRODUCTION] {
        two.sandbox.site(account, REGION).furnish(&["sample/worker"], &[]).unwrap();
    }
    let digest = two.staging().release("sample/worker", "2", &vec![9; 300_000]);
    (two, digest)
}

#[test]
fn where_one_image_does_not_arrive_nothing_of_the_next_is_sent_and_a_second_run_sends_both() {
    let (two, worker) = two_images();
    let denied = Effect::Error { status: 403, code: "DENIED".to_owned(), message: "no".to_owned(), retry_after: None };
    two.inject("registry:PUT manifest", Which::Nth(3), denied);
    two.run(&PROMOTE).ends(1).says("Promoting app").says("put manifest").does_not_say("Promoting worker");
    assert_eq!(two.done("registry:PUT blob"), 5, "the blobs of the first");
    let run = two.run(&PROMOTE);
    let at = |words: &str| run.stderr.find(words).unwrap_or_else(|| panic!("{words}: {}", run.stderr));
    assert!(at("Promoted") < at("Promoting worker"), "one after the other: {}", run.stderr);
    assert_eq!((run.code, two.done("registry:PUT blob")), (0, 10));
    let tagged = [("live/app", "1.4.0"), ("sample/worker", "2")].map(|(name, tag)| two.production().tagged(name, tag));
    assert_eq!(tagged, [Some(two.digest.clone()), Some(worker)]);
}

#[test]
fn a_blob_whose_bytes_are_not_its_digests_never_becomes_whole() {
    let two = Two::new();
    two.inject("registry:GET blob", Which::Every, Effect::Corrupt);
    two.run(&PROMOTE).ends(1).says("expected digest");
    assert_eq!(two.done("registry:PUT blob"), 0);
    assert_eq!(two.production().tagged("live/app", "1.4.0"), None);
}

#[test]
fn what_is_attached_to_the_image_or_to_a_platform_goes_with_it() {
    let two = Two::new();
    let staging = two.staging();
    let (_, index) = staging.found("sample/app", &json!({ "imageTag": "1.4.0" })).unwrap();
    let index: Value = serde_json::from_str(&index).unwrap();
    let attach = |subject: &Value, content: &[u8]| {
        let mut artifact = staging.image("sample/app", "unknown", &[content]);
        artifact["subject"] =
            json!({ "mediaType": subject["mediaType"], "digest": subject["digest"], "size": subject["size"] });
        artifact["artifactType"] = json!("application/vnd.example.list");
        staging.put("sample/app", None, &artifact)
    };
    let list = attach(&index["manifests"][0], b"what is in it");
    let signature = attach(&list, b"who says so");
    let run = two.run(&[&PROMOTE[..], &["--format", "json"]].concat());
    let promoted: Value = serde_json::from_str(&run.ends(0).stdout).unwrap();
    assert_eq!(promoted["images"][0]["sent"]["evidence"], 2);
    for artifact in [list, signature] {
        let id = json!({ "imageDigest": artifact["digest"] });
        assert_eq!(two.production().found("live/app", &id), staging.found("sample/app", &id));
    }
}

#[test]
fn a_deploy_of_what_is_not_promoted_names_the_command_that_does_it() {
    let two = Two::new();
    let deploy = |environment: &str| two.run(&["-e", environment, "deploy", "--plan"]);
    deploy("production")
        .ends(8)
        .says("image app is not in ECR")
        .says("`cargo xtask promote --from staging --to production app`");
    two.run(&PROMOTE).ends(0);
    deploy("production").ends(0);
    let gone = json!({ "repositoryName": "sample/app", "imageIds": [{ "imageTag": "1.4.0" }] });
    two.staging().ask("BatchDeleteImage", gone);
    deploy("staging").ends(8).says("`cargo xtask -e staging release app`");
}

#[test]
fn what_is_looked_up_is_looked_up_for_each_environment_with_its_own_credentials() {
    let two = Two::new();
    two.workspace.change(&[("repository = \"sample/app\"", "repository = \"${ssm:/app/repository}\"")]);
    let text = std::fs::read_to_string(two.workspace.root().join("Cargo.toml")).unwrap();
    two.workspace.write("Cargo.toml", &(text + &TWO.replace("images.app.repository = \"live/app\"\n", "")));
    for (account, repository) in [(STAGING, "sample/app"), (PRODUCTION, "live/app")] {
        two.sandbox.seed(&json!({ "account": account, "ssm": { "/app/repository": repository } })).unwrap();
    }
    two.run(&PROMOTE).ends(0);
    assert_eq!(two.production().tagged("live/app", "1.4.0"), Some(two.digest));
}

#[test]
fn credentials_of_the_wrong_account_copy_nothing_and_the_way_out_is_named() {
    let two = Two::new();
    // Without a role one set of credentials would have to be of two accounts.
    let without = TWO.replace("role = \"arn:aws:iam::222222222222:role/deploy\"\n", "");
    two.workspace.write("Cargo.toml", &(crate::sample::manifest(&[]) + &without));
    let run = two.run(&PROMOTE);
    run.ends(2)
        .says("these credentials are of 123456789012, and production is 222222222222")
        .says("needs both environments' credentials at once")
        .says("[workspace.metadata.xtask.environments.production]");
    let environment = two.sandbox.environment();
    let mut swapped: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
    swapped.push(("AWS_ACCESS_KEY_ID", "AKIDPRODUCTION"));
    let run = two.workspace.xtask_with(&swapped, &PROMOTE);
    run.ends(2).says("these credentials are of 222222222222, and staging is 123456789012");
    assert!(two.sandbox.calls().iter().all(|call| call.operation.starts_with("sts:")), "nothing was asked of ECR");
}

#[test]
fn the_two_environments_are_two_that_there_are() {
    let two = Two::new();
    two.run(&["promote", "--from", "staging", "--to", "staging"]).ends(2).says("are both `staging`");
    two.run(&["promote", "--from", "stagin", "--to", "production"]).ends(2).says("did you mean `staging`?");
    two.run(&["promote", "--from", "staging", "--to", "producton"]).ends(2).says("did you mean `production`?");
    two.run(&[&PROMOTE[..], &["ap"]].concat()).ends(2).says("no image is named `ap`");
    assert_eq!(two.sandbox.calls().len(), 0);
}

/// Production whose repository has staging's name, and is filled by a rule of staging's registry.
fn replicated(promotion: &str) -> Two {
    let two = Two::new();
    let by = format!("promotion = {{ by = \"replication\"{promotion} }}\nimages.app.repository = \"sample/app\"");
    let over = TWO.replace("images.app.repository = \"live/app\"", &by);
    two.workspace.write("Cargo.toml", &(crate::sample::manifest(&[]) + &over));
    two.sandbox.site(PRODUCTION, REGION).furnish(&["sample/app"], &[]).unwrap();
    two
}

#[test]
fn what_a_rule_replicates_is_waited_for_and_verified_and_nothing_is_sent() {
    let two = replicated("");
    // A rule makes the repository, too.
    two.production().ask("DeleteRepository", json!({ "repositoryName": "sample/app" }));
    let environment = two.sandbox.environment();
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
    let mut promote = two.workspace.command(&environment, &PROMOTE);
    let mut promote = promote.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(promote.stderr.take().unwrap()).lines().map(Result::unwrap);
    let waits = lines.find(|line| line.contains("Waiting")).expect("it waits");
    assert!(waits.contains("app to be replicated to ") && waits.contains("/sample/app:1.4.0"), "{waits}");
    // What ECR does.
    two.production().ask("CreateRepository", json!({ "repositoryName": "sample/app" }));
    let digest = two.production().release("sample/app", "1.4.0", &vec![7; 300_000]);
    assert_eq!(digest, two.digest);
    let rest: Vec<String> = lines.collect();
    let output = promote.wait_with_output().unwrap();
    assert!(output.status.success(), "{rest:?}");
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(stdout, format!("app {}/sample/app@{}\n", two.sandbox.registry(), two.digest));
    assert_eq!(["registry:POST blob", "registry:PUT manifest", "ecr:PutImage"].map(|call| two.done(call)), [0; 3]);
    two.run(&PROMOTE).ends(0).does_not_say("Waiting");
}

#[test]
fn what_is_not_replicated_in_time_ends_with_7_and_other_content_with_8() {
    let two = replicated(", deadline = \"10ms\"");
    two.run(&PROMOTE)
        .ends(7)
        .says("image app was not replicated from staging to production within")
        .says("describe-image-replication-status --repository-name sample/app");
    let other = two.production().release("sample/app", "1.4.0", b"another layer");
    two.run(&PROMOTE).ends(8).says(&other).says("in production with other content than in staging");
    // A rule keeps the name of a repository.
    let text = std::fs::read_to_string(two.workspace.root().join("Cargo.toml")).unwrap();
    let renamed = text.replace("images.app.repository = \"sample/app\"", "images.app.repository = \"live/app\"");
    two.workspace.write("Cargo.toml", &renamed);
    two.run(&PROMOTE).ends(2).says("ECR replicates sample/app to a repository of the same name").says("live/app");
}

#[test]
fn a_verdict_is_promoted_with_its_digest_and_lets_it_be_deployed_behind_the_gate() {
    let gated = || {
        let two = Two::by(Clock::PerLook(std::time::Duration::from_secs(2)));
        let region = "region = \"ap-northeast-1\"\n";
        let gate = crate::sample::manifest(&[(region, &format!("{region}deploy.gate = \"verdict\"\n"))]);
        two.workspace.write("Cargo.toml", &(gate + TWO)).trivy_that_passes();
        two
    };
    let deploy = ["-e", "production", "deploy"];
    let without = gated();
    without.run(&PROMOTE).ends(0);
    without.run(&deploy).ends(3).says("has no verdict attached").says("cargo xtask -e production rescan app");
    assert_eq!(without.done("ecs:UpdateService"), 0);

    let with = gated();
    with.run(&["-e", "staging", "rescan"]).ends(0);
    with.run(&PROMOTE).ends(0);
    with.run(&deploy).ends(0).says("by trivy 0.76.0").says("Deployed");
}

#[test]
fn a_signed_verdict_keeps_its_signature_in_another_account_and_a_key_of_that_account_does_not_believe_it() {
    let key = "arn:aws:kms:ap-northeast-1:123456789012:alias/evidence";
    let signing = |shared: Value, of_production: &str| {
        let two = Two::by(Clock::PerLook(std::time::Duration::from_secs(2)));
        let region = "region = \"ap-northeast-1\"\n";
        let setting = format!("{region}deploy.gate = \"verdict\"\nevidence-key = \"{key}\"\n");
        let top = crate::sample::manifest(&[(region, &setting)]);
        two.workspace.write("Cargo.toml", &(top + TWO + of_production)).trivy_that_passes();
        let own = json!({ "account": PRODUCTION, "kms": { "alias/own": "ECC_NIST_P256" } });
        let keys = json!({ "alias/evidence": { "spec": "ECC_NIST_P256", "accounts": shared } });
        two.sandbox.seed(&json!([{ "kms": keys }, own])).unwrap();
        two.run(&["-e", "staging", "rescan"]).ends(0).says(&format!("signed by {key}"));
        two.run(&PROMOTE).ends(0);
        two
    };
    let deploy = ["-e", "production", "deploy"];
    signing(json!([PRODUCTION]), "").run(&deploy).ends(0).says(&format!("signed by {key}")).says("Deployed");

    let denied = signing(json!([]), "");
    let run = denied.run(&deploy);
    run.ends(1).says(&format!("kms:GetPublicKey on key {key} failed: AccessDeniedException"));
    run.says("the key's own policy has to allow it, too, where the key is another account's");
    assert_eq!(denied.done("ecs:UpdateService"), 0);

    let other = signing(json!([]), "evidence-key = \"alias/own\"\n");
    other.run(&deploy).ends(3).says("it has no verdict that alias/own signed: one is signed by another key, ");
    other.run(&["-e", "production", "rescan"]).ends(0).says("signed by alias/own");
    other.run(&deploy).ends(0).says("signed by alias/own");
}
