//! What a release attaches, what reads it, and the gate before a deploy.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use xtask_sandbox::{Effect, Fault, Sandbox, Which};

use crate::support::{Workspace, calls, layout, sandbox, tagged};

/// What refers to an image in the sandbox's ECR.
pub fn referrers(sandbox: &Sandbox, digest: &str) -> Vec<Value> {
    let asked = json!({ "repositoryName": "sample/app", "subjectId": { "imageDigest": digest } });
    let answer = sandbox.ecr("ListImageReferrers", asked).unwrap();
    answer["referrers"].as_array().unwrap().clone()
}

/// The sample with this in its `[workspace.metadata.xtask]`, and what builds and scans.
pub fn with(setting: &str) -> (Workspace, Sandbox) {
    let workspace = Workspace::sample();
    set(&workspace, setting);
    workspace.that_releases();
    (workspace, sandbox(vec![]))
}

/// Has this in the place of what was set before.
pub fn set(workspace: &Workspace, setting: &str) {
    workspace.change(&[("region = \"ap-northeast-1\"\n", &format!("region = \"ap-northeast-1\"\n{setting}\n"))]);
}

const GATE: &str = "deploy.gate = \"verdict\"";

/// The sample, released with all that there is to attach.
pub fn all() -> (Workspace, Sandbox) {
    let (workspace, sandbox) = with("evidence = [\"provenance\", \"sbom\", \"verdict\"]");
    convert(&workspace);
    workspace.xtask(&sandbox, &["release"]).ends(0).says("Attached verdict, sbom, provenance to app");
    (workspace, sandbox)
}

/// A trivy that makes a list of contents as well.
pub fn convert(workspace: &Workspace) {
    let convert = r#"case " $* " in
*" convert "*)
    [ -e report.json ] || exit 1
    echo '{"bomFormat": "CycloneDX", "metadata": {"component": {"bom-ref": "'$$'"}}, "components": [{"bom-ref": "x'$$'", "name": "app"}]}'
    exit
    ;;
*" --version "*)"#;
    let script = include_str!("support/trivy.sh").replacen("case \" $* \" in\n*\" --version \"*)", convert, 1);
    workspace.tool("trivy", &script);
}

/// A trivy that finds this in every image.
pub fn finding(workspace: &Workspace, id: &str) {
    let found = format!(
        r#""Vulnerabilities": [{{"VulnerabilityID": "{id}", "PkgName": "openssl", "InstalledVersion": "1.0", "FixedVersion": "1.1", "Severity": "HIGH"}}], "Packages""#
    );
    workspace.tool("trivy", &include_str!("support/trivy.sh").replacen("\"Packages\"", &found, 1));
}

#[test]
fn a_verdict_is_attached_before_the_tag_and_by_a_re_run_not_twice() {
    let (workspace, sandbox) = with("");
    let effect = Effect::Error { status: 400, code: "Odd".into(), message: "odd".into(), retry_after: None };
    sandbox.inject(Fault { call: "ecr:PutImage".into(), which: Which::Nth(1), effect });
    workspace.xtask(&sandbox, &["release"]).ends(1).says("Attached verdict to app");
    workspace.xtask(&sandbox, &["release"]).ends(0);
    let digest = tagged(&sandbox, "sample/app", "1.4.0").unwrap();
    let attached = referrers(&sandbox, &digest);
    assert_eq!(attached.len(), 1, "{attached:?}");
    assert_eq!(attached[0]["artifactType"], "application/vnd.in-toto+json");
    let operations: Vec<String> = sandbox.calls().into_iter().map(|call| call.operation).collect();
    let place = |operation: &str| operations.iter().rposition(|known| known == operation).unwrap();
    assert!(place("registry:PUT manifest") < place("ecr:PutImage"), "{operations:?}");

    let told = workspace.xtask(&sandbox, &["evidence", "app"]);
    told.ends(0);
    assert!(told.stdout.starts_with("verdict  sha256:"), "{}", told.stdout);
    assert!(told.stdout.contains("by trivy 0.76.0: passed"), "{}", told.stdout);
    workspace.xtask(&sandbox, &["sbom", "app"]).ends(1).says("has no list of contents attached");
}

#[test]
fn what_evidence_names_is_attached_and_printed() {
    let (workspace, sandbox) = all();
    let run = workspace.xtask(&sandbox, &["evidence", "app", "--format", "json"]);
    let told: Value = serde_json::from_str(&run.ends(0).stdout).unwrap();
    let digest = tagged(&sandbox, "sample/app", "1.4.0").unwrap();
    assert_eq!(told["digest"], digest.as_str());
    let kinds: Vec<&Value> = told["evidence"].as_array().unwrap().iter().map(|piece| &piece["kind"]).collect();
    assert_eq!(kinds, ["verdict", "sbom", "provenance"]);
    let subject = &told["evidence"][2]["content"]["subject"][0]["digest"]["sha256"];
    assert_eq!(format!("sha256:{}", subject.as_str().unwrap()), digest);
    let made_by = &told["evidence"][2]["content"]["predicate"]["buildDefinition"]["externalParameters"];
    assert_eq!(made_by["image"], "app");

    let printed = workspace.xtask(&sandbox, &["sbom", "app"]);
    let document: Value = serde_json::from_str(&printed.ends(0).stdout).unwrap();
    assert_eq!(document["components"][0]["name"], "app");
    assert_eq!(document["metadata"]["component"]["bom-ref"], digest.as_str());
}

#[test]
fn of_several_platforms_each_has_its_evidence_and_its_list_of_contents() {
    let (workspace, sandbox) = crate::platforms::workspace(crate::platforms::BOTH);
    workspace.change(&[
        ("dockerfile =", &format!("{}\ndockerfile =", crate::platforms::BOTH)),
        ("region = \"ap-northeast-1\"\n", "region = \"ap-northeast-1\"\nevidence = [\"verdict\", \"sbom\"]\n"),
    ]);
    convert(&workspace);
    workspace.xtask(&sandbox, &["release"]).ends(0);
    let run = workspace.xtask(&sandbox, &["evidence", "app", "--format", "json"]);
    let told: Value = serde_json::from_str(&run.ends(0).stdout).unwrap();
    assert_eq!(told["digest"], tagged(&sandbox, "sample/app", "1.4.0").unwrap());
    assert_eq!(told["evidence"].as_array().unwrap().len(), 1, "of the index what is said of all: {told}");
    let lines = workspace.xtask(&sandbox, &["evidence", "app"]).ends(0).stdout.clone();
    assert_eq!(lines.lines().count(), 5, "{lines}");
    for (place, platform) in ["linux/amd64", "linux/arm64"].into_iter().enumerate() {
        let one = &told["platforms"][place];
        assert_eq!((&one["platform"], one["evidence"].as_array().unwrap().len()), (&json!(platform), 2), "{told}");
        assert_eq!(lines.matches(platform).count(), 2, "{lines}");
        let printed = workspace.xtask(&sandbox, &["sbom", "app", "--platform", platform]);
        let document: Value = serde_json::from_str(&printed.ends(0).stdout).unwrap();
        assert_eq!(document["metadata"]["component"]["bom-ref"], one["digest"]);
    }
    let run = workspace.xtask(&sandbox, &["sbom", "app"]);
    run.ends(2).says("image `app` is for several platforms: linux/amd64, linux/arm64").says("--platform");
    workspace.xtask(&sandbox, &["sbom", "app", "--platform", "linux/s390x"]).ends(2).says("is not for linux/s390x");
}

#[test]
fn without_a_verdict_nothing_is_deployed_and_a_second_look_makes_one() {
    let (workspace, sandbox) = with(&format!("evidence = []\n{GATE}"));
    workspace.xtask(&sandbox, &["release"]).ends(0).does_not_say("Attached");
    let refused = workspace.xtask(&sandbox, &["deploy"]);
    refused
        .ends(3)
        .says("it has no verdict attached")
        .says("`cargo xtask rescan app`")
        .looks_like("evidence/no-verdict");
    assert_eq!(calls(&sandbox, "ecs:RegisterTaskDefinition") + calls(&sandbox, "ecs:UpdateService"), 0);

    let run = workspace.xtask(&sandbox, &["rescan", "app"]);
    run.ends(0).looks_like("evidence/rescan");
    workspace.xtask(&sandbox, &["deploy"]).ends(0).says("passed on");
}

#[test]
fn a_finding_that_became_known_later_keeps_the_image_from_being_deployed() {
    let (workspace, sandbox) = with(GATE);
    workspace.xtask(&sandbox, &["release"]).ends(0);
    workspace.xtask(&sandbox, &["deploy", "--plan"]).ends(0);
    finding(&workspace, "CVE-2026-7");
    let run = workspace.xtask(&sandbox, &["rescan"]);
    run.ends(3).says("CVE-2026-7").says("its verdict is attached, and its tag stays");
    assert!(run.stdout.starts_with("app refused "), "{}", run.stdout);
    let refused = workspace.xtask(&sandbox, &["deploy"]);
    refused.ends(3).says("is not deployed: it was refused on").says("for CVE-2026-7");
    // The image runs on where nothing is to be rolled out, and a policy that accepts the finding asks for a new look.
    let accepted = "{ id = \"CVE-2026-7\", reason = \"r\", until = \"2999-01-01\" }";
    set(&workspace, &format!("{GATE}\nscan.ignore = [{accepted}]"));
    workspace.xtask(&sandbox, &["deploy"]).ends(3);
}

#[test]
fn a_verdict_by_a_weaker_policy_is_none_and_one_that_cannot_be_looked_for_lets_nothing_pass() {
    let (workspace, sandbox) = with(GATE);
    workspace.xtask(&sandbox, &["release"]).ends(0);
    set(&workspace, &format!("{GATE}\nscan.severity = [\"MEDIUM\", \"HIGH\", \"CRITICAL\"]"));
    workspace.xtask(&sandbox, &["deploy"]).ends(3).says("by a policy that lets MEDIUM pass");
    workspace.xtask(&sandbox, &["rescan"]).ends(0);
    workspace.xtask(&sandbox, &["deploy", "--plan"]).ends(0);
    let effect =
        Effect::Error { status: 400, code: "AccessDeniedException".into(), message: "no".into(), retry_after: None };
    sandbox.inject(Fault { call: "ecr:ListImageReferrers".into(), which: Which::Every, effect });
    workspace.xtask(&sandbox, &["deploy"]).ends(1).says("ecr:BatchGetImage");
    assert_eq!(calls(&sandbox, "ecs:UpdateService"), 0);
}

/// Releases and deploys in a run of a workflow, and says what history has of the image then.
fn made_by(workspace: &Workspace, sandbox: &Sandbox) -> (String, Value) {
    let environment = sandbox.environment();
    let mut environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
    environment.extend([
        ("GITHUB_SERVER_URL", "https://github.example.com"),
        ("GITHUB_REPOSITORY", "shop/api"),
        ("GITHUB_WORKFLOW_REF", "shop/api/.github/workflows/build.yml@refs/tags/v1"),
        ("GITHUB_RUN_ID", "7"),
        ("GITHUB_RUN_ATTEMPT", "2"),
    ]);
    workspace.xtask_with(&environment, &["release"]).ends(0);
    workspace.xtask(sandbox, &["deploy"]).ends(0);
    let text = workspace.xtask(sandbox, &["history"]);
    let told = workspace.xtask(sandbox, &["history", "--format", "json"]);
    let told: Value = serde_json::from_str(&told.ends(0).stdout).unwrap();
    let newest = &told["services"]["app"]["deployments"][0]["images"][0]["made-by"];
    (text.ends(0).stdout.lines().next().unwrap_or_default().to_owned(), newest.clone())
}

#[test]
fn history_says_in_which_run_an_image_was_made_where_its_provenance_is_attached() {
    let run = "https://github.example.com/shop/api/actions/runs/7/attempts/2";
    let all = json!({ "builder": "https://github.example.com/shop/api/.github/workflows/build.yml@refs/tags/v1", "run": run });
    let (workspace, sandbox) = with("evidence = [\"provenance\"]");
    let (text, told) = made_by(&workspace, &sandbox);
    assert!(text.contains(run), "{text}");
    assert_eq!(told, all);
    // Of an index the images have it.
    let (workspace, sandbox) = crate::platforms::workspace(crate::platforms::BOTH);
    set(&workspace, "evidence = [\"provenance\"]");
    assert_eq!(made_by(&workspace, &sandbox).1, all);
    let effect =
        Effect::Error { status: 400, code: "AccessDeniedException".into(), message: "no".into(), retry_after: None };
    sandbox.inject(Fault { call: "ecr:ListImageReferrers".into(), which: Which::Every, effect });
    assert!(!workspace.xtask(&sandbox, &["history"]).ends(0).stdout.contains(run));

    // By hand there is no run, and where nothing is attached nobody asks.
    let (workspace, sandbox) = with("evidence = [\"provenance\"]");
    workspace.xtask(&sandbox, &["release"]).ends(0);
    workspace.xtask(&sandbox, &["deploy"]).ends(0);
    assert!(workspace.xtask(&sandbox, &["history"]).ends(0).stdout.contains("by hand"));
    let (workspace, sandbox) = with("");
    assert_eq!(made_by(&workspace, &sandbox).1, Value::Null);
    assert_eq!(calls(&sandbox, "ecr:ListImageReferrers"), 0);
}

#[test]
fn an_image_that_is_not_released_has_nothing_to_look_at() {
    let (workspace, sandbox) = with("");
    for command in [["rescan", "app"], ["evidence", "app"], ["sbom", "app"]] {
        workspace.xtask(&sandbox, &command).ends(8).says("release it first: `cargo xtask release app`");
    }
    workspace.xtask(&sandbox, &["evidence", "ap"]).ends(2).says("`app`");
}

#[test]
fn what_is_attached_is_of_the_bytes_that_are_tagged() {
    let (workspace, sandbox) = with(GATE);
    workspace.xtask(&sandbox, &["release"]).ends(0);
    let first = tagged(&sandbox, "sample/app", "1.4.0").unwrap();
    workspace.change(&[("{ package = \"app\" }", "\"1.5.0\"")]);
    layout::write(&workspace.root().join("built"), &[b"another layer"]);
    workspace.xtask(&sandbox, &["release"]).ends(0);
    let second = tagged(&sandbox, "sample/app", "1.5.0").unwrap();
    assert_ne!(referrers(&sandbox, &first)[0]["digest"], referrers(&sandbox, &second)[0]["digest"]);
}

#[test]
fn an_index_that_does_not_say_what_its_images_run_on_gets_no_verdict() {
    let (workspace, sandbox) = with("");
    workspace.xtask(&sandbox, &["release"]).ends(0);
    let asked = json!({ "repositoryName": "sample/app", "imageIds": [{ "imageTag": "1.4.0" }] });
    let image = sandbox.ecr("BatchGetImage", asked).unwrap()["images"][0].clone();
    let size = image["imageManifest"].as_str().unwrap().len();
    let child = json!({ "mediaType": image["imageManifestMediaType"], "digest": image["imageId"]["imageDigest"], "size": size });
    let kind = "application/vnd.oci.image.index.v1+json";
    let index = json!({ "schemaVersion": 2, "mediaType": kind, "manifests": [child] }).to_string();
    let put = json!({ "repositoryName": "sample/app", "imageManifest": index, "imageTag": "2.0.0" });
    sandbox.ecr("PutImage", put).unwrap();
    workspace.change(&[("{ package = \"app\" }", "\"2.0.0\"")]);
    workspace.xtask(&sandbox, &["rescan"]).ends(1).says("and not what it runs on, so it cannot be scanned");
    assert!(referrers(&sandbox, &tagged(&sandbox, "sample/app", "2.0.0").unwrap()).is_empty());
}

/// Has this registry sign what is pushed from now on, by a profile of this region.
pub fn signs(sandbox: &Sandbox, region: &str) {
    let profile = format!("arn:aws:signer:{region}:123456789012:/signing-profiles/release");
    let rule = json!({ "signingProfileArn": profile,
        "repositoryFilters": [{ "filter": "sample/*", "filterType": "WILDCARD_MATCH" }] });
    sandbox.ecr("PutSigningConfiguration", json!({ "signingConfiguration": { "rules": [rule] } })).unwrap();
}

/// The sample that wants signatures, released where they are made.
pub fn signed() -> (Workspace, Sandbox) {
    let (workspace, sandbox) = with("deploy.signed = true");
    signs(&sandbox, "ap-northeast-1");
    workspace.xtask(&sandbox, &["release"]).ends(0);
    sandbox.advance(Duration::from_secs(60));
    (workspace, sandbox)
}

#[test]
fn what_ecr_has_not_signed_is_not_deployed_and_what_it_is_signing_is_waited_for() {
    let (workspace, sandbox) = with("deploy.signed = true");
    workspace.xtask(&sandbox, &["release"]).ends(0);
    // A rule is for what is pushed after it.
    sandbox.advance(Duration::from_secs(1));
    signs(&sandbox, "ap-northeast-1");
    let refused = workspace.xtask(&sandbox, &["deploy"]);
    refused.ends(3).says("is not deployed: ECR has not signed it").says("aws ecr get-signing-configuration");
    let none = workspace.xtask(&sandbox, &["evidence", "app"]);
    assert!(!none.ends(0).stdout.contains("signature"), "{}", none.stdout);

    let (workspace, sandbox) = with("deploy.signed = true");
    signs(&sandbox, "eu-west-1");
    workspace.xtask(&sandbox, &["release"]).ends(0);
    workspace
        .xtask(&sandbox, &["deploy"])
        .ends(3)
        .says(
            "not signed by arn:aws:signer:eu-west-1:123456789012:/signing-profiles/release: ResourceNotFoundException",
        )
        .says("signer:SignPayload");
    let call = "ecr:DescribeImageSigningStatus".to_owned();
    let effect =
        Effect::Error { status: 400, code: "AccessDeniedException".into(), message: "no".into(), retry_after: None };
    sandbox.inject(Fault { call, which: Which::Every, effect });
    workspace.xtask(&sandbox, &["deploy"]).ends(1).says("allow the action `ecr:DescribeImageSigningStatus`");
    let told = workspace.xtask(&sandbox, &["evidence", "app"]);
    told.ends(0).says("is signed is not told").says("ecr:DescribeImageSigningStatus");
    assert_eq!(calls(&sandbox, "ecs:RegisterTaskDefinition") + calls(&sandbox, "ecs:UpdateService"), 0);

    let (workspace, sandbox) = with("deploy.signed = true");
    signs(&sandbox, "ap-northeast-1");
    workspace.xtask(&sandbox, &["release"]).ends(0);
    let environment = sandbox.environment();
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
    let mut deploy = workspace.command(&environment, &["deploy"]);
    let mut deploy = deploy.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(deploy.stderr.take().unwrap()).lines().map(Result::unwrap);
    let waits = lines.find(|line| line.contains("Waiting")).expect("it waits");
    assert!(waits.contains("app is being signed by arn:aws:signer:ap-northeast-1:"), "{waits}");
    sandbox.advance(Duration::from_secs(60));
    let rest: Vec<String> = lines.collect();
    assert!(deploy.wait().unwrap().success(), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("is signed by arn:aws:signer:")), "{rest:?}");

    let told = workspace.xtask(&sandbox, &["evidence", "app"]).ends(0).stdout.clone();
    let digest = tagged(&sandbox, "sample/app", "1.4.0").unwrap();
    let line = format!("signature  {digest}  signed by arn:aws:signer:ap-northeast-1:");
    assert!(told.lines().any(|told| told.starts_with(&line)), "{told}");
    let told = workspace.xtask(&sandbox, &["evidence", "app", "--format", "json"]);
    let told: Value = serde_json::from_str(&told.ends(0).stdout).unwrap();
    assert_eq!(told["signing"][0]["status"], "COMPLETE");
}
