//! Statements that a key in KMS signs, and a gate before a deploy that believes no others.

use serde_json::{Value, json};
use xtask_sandbox::Sandbox;

use crate::evidence::{referrers, set, with};
use crate::support::{Run, Workspace, calls, layout, tagged};

const KEY: &str = "alias/evidence";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
pub const GATED: &str = "evidence-key = \"alias/evidence\"\ndeploy.gate = \"verdict\"";

/// The sample that signs and believes by a key, which is there.
pub fn keyed(spec: &str) -> (Workspace, Sandbox) {
    let (workspace, sandbox) = with(GATED);
    sandbox.seed(&json!({ "kms": { KEY: spec, "alias/other": "ECC_NIST_P256" } })).unwrap();
    (workspace, sandbox)
}

pub fn p256() -> (Workspace, Sandbox) {
    keyed("ECC_NIST_P256")
}

/// The same, named by the key's ARN.
pub fn by_arn() -> (Workspace, Sandbox) {
    let (workspace, sandbox) = with("");
    let id = "1234abcd-12ab-34cd-56ef-1234567890ab";
    sandbox.seed(&json!({ "kms": { id: "ECC_NIST_P256" } })).unwrap();
    let arn = format!("arn:aws:kms:ap-northeast-1:123456789012:key/{id}");
    set(&workspace, &format!("evidence-key = \"{arn}\"\ndeploy.gate = \"verdict\""));
    (workspace, sandbox)
}

/// Signed and released.
pub fn released() -> (Workspace, Sandbox) {
    let (workspace, sandbox) = p256();
    workspace.xtask(&sandbox, &["release"]).ends(0).says("signed by alias/evidence");
    (workspace, sandbox)
}

/// The public half of a key as a file has it.
pub fn pem(sandbox: &Sandbox, key: &str) -> String {
    let site = sandbox.site("123456789012", "ap-northeast-1");
    let public = site.call("kms", "GetPublicKey", json!({ "KeyId": key })).unwrap()["PublicKey"].clone();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", public.as_str().unwrap())
}

/// Has another tag, beside this setting.
fn next(workspace: &Workspace, setting: &str) {
    let region = "region = \"ap-northeast-1\"\n";
    workspace.change(&[("{ package = \"app\" }", "\"1.5.0\""), (region, &format!("{region}{setting}\n"))]);
    layout::write(&workspace.root().join("built"), &[b"another layer"]);
}

fn ecr(sandbox: &Sandbox, operation: &str, input: Value) -> Value {
    sandbox.ecr(operation, input).unwrap_or_else(|error| panic!("{operation}: {} {}", error.code, error.message))
}

fn digest(sandbox: &Sandbox) -> String {
    tagged(sandbox, "sample/app", "1.4.0").expect("it is released")
}

/// Takes what is attached away; returns its manifests.
fn taken(sandbox: &Sandbox) -> Vec<Value> {
    let ids: Vec<Value> =
        referrers(sandbox, &digest(sandbox)).iter().map(|it| json!({ "imageDigest": it["digest"] })).collect();
    let asked = json!({ "repositoryName": "sample/app", "imageIds": ids });
    let found = ecr(sandbox, "BatchGetImage", asked.clone())["images"].as_array().unwrap().clone();
    ecr(sandbox, "BatchDeleteImage", asked);
    found.iter().map(|it| serde_json::from_str(it["imageManifest"].as_str().unwrap()).unwrap()).collect()
}

/// The blob that a manifest has in itself.
fn content(manifest: &Value) -> Value {
    let text = manifest["layers"][0]["data"].as_str().expect("it is at hand");
    serde_json::from_slice(&layout::from_base64(text)).unwrap()
}

/// Attaches what somebody has made who may push.
fn attach(sandbox: &Sandbox, manifest: &Value, content: &Value) {
    let mut manifest = manifest.clone();
    let bytes = content.to_string().into_bytes();
    let blob = format!("sha256:{}", layout::sha256(&bytes));
    let repository = json!({ "repositoryName": "sample/app" });
    let asked = json!({ "repositoryName": "sample/app", "layerDigests": [blob] });
    let there = ecr(sandbox, "BatchCheckLayerAvailability", asked)["layers"][0]["layerAvailability"] == "AVAILABLE";
    if !there {
        upload_blob(sandbox, repository, &blob, &bytes);
    }
    let layer = &mut manifest["layers"][0];
    (layer["digest"], layer["size"]) = (json!(blob), json!(bytes.len()));
    layer["data"] = json!(layout::base64(&bytes));
    ecr(sandbox, "PutImage", json!({ "repositoryName": "sample/app", "imageManifest": manifest.to_string() }));
}

/// Attaches what a signed verdict says a second time, without its signature; returns the manifest of the signed one.
pub fn attach_unsigned(sandbox: &Sandbox) -> Value {
    let signed = taken(sandbox).pop().expect("a verdict was attached");
    let bundle = content(&signed);
    attach(sandbox, &signed, &bundle);
    let mut unsigned = signed.clone();
    unsigned["artifactType"] = json!("application/vnd.in-toto+json");
    unsigned["annotations"] = json!({ "in-toto.io/predicate-type": "urn:xtask-ecs:verdict:v1" });
    let payload = layout::from_base64(bundle["dsseEnvelope"]["payload"].as_str().unwrap());
    attach(sandbox, &unsigned, &serde_json::from_slice(&payload).unwrap());
    signed
}

fn upload_blob(sandbox: &Sandbox, repository: Value, blob: &str, bytes: &[u8]) {
    let upload = ecr(sandbox, "InitiateLayerUpload", repository)["uploadId"].clone();
    let part = json!({ "repositoryName": "sample/app", "uploadId": upload, "partFirstByte": 0,
        "partLastByte": bytes.len() - 1, "layerPartBlob": layout::base64(bytes) });
    ecr(sandbox, "UploadLayerPart", part);
    let whole = json!({ "repositoryName": "sample/app", "uploadId": upload, "layerDigests": [blob] });
    ecr(sandbox, "CompleteLayerUpload", whole);
}

/// What a deploy says where this is attached in the place of the signed verdict.
fn forged(change: impl Fn(&mut Value, &mut Value)) -> Run {
    let (workspace, sandbox) = released();
    let mut manifest = taken(&sandbox).pop().expect("a verdict was attached");
    let mut bundle = content(&manifest);
    change(&mut manifest, &mut bundle);
    attach(&sandbox, &manifest, &bundle);
    let run = workspace.xtask(&sandbox, &["deploy"]);
    assert_eq!(calls(&sandbox, "ecs:RegisterTaskDefinition") + calls(&sandbox, "ecs:UpdateService"), 0);
    workspace.xtask(&sandbox, &["rescan", "app"]).ends(0);
    workspace.xtask(&sandbox, &["deploy"]).ends(0).says("signed by alias/evidence");
    run
}

#[test]
fn a_verdict_that_the_key_signed_lets_the_image_be_deployed_and_is_signed_once() {
    for spec in ["ECC_NIST_P256", "ECC_NIST_P384", "RSA_2048", "RSA_4096"] {
        let (workspace, sandbox) = keyed(spec);
        workspace
            .xtask(&sandbox, &["release"])
            .ends(0)
            .says("Attached verdict to app")
            .says("signed by alias/evidence");
        let attached = referrers(&sandbox, &digest(&sandbox));
        assert_eq!((attached.len(), &attached[0]["artifactType"]), (1, &json!(BUNDLE)), "{attached:?}");
        // A second look of one day says the same, and needs no second signature.
        workspace.xtask(&sandbox, &["rescan", "app"]).ends(0);
        assert_eq!((referrers(&sandbox, &digest(&sandbox)), calls(&sandbox, "kms:Sign")), (attached, 1));
        workspace
            .xtask(&sandbox, &["deploy"])
            .ends(0)
            .says("passed on")
            .says("by trivy 0.76.0, signed by alias/evidence");
        let told = workspace.xtask(&sandbox, &["evidence", "app"]).ends(0).stdout.clone();
        assert!(told.contains("passed, signed by alias/evidence"), "{told}");
    }
}

#[test]
fn a_verdict_that_nobody_signed_lets_nothing_pass_and_a_second_look_signs_one() {
    let (workspace, sandbox) = p256();
    set(&workspace, "");
    workspace.xtask(&sandbox, &["release"]).ends(0);
    set(&workspace, GATED);
    let refused = workspace.xtask(&sandbox, &["deploy"]);
    refused
        .ends(3)
        .says("it has no verdict that alias/evidence signed: one is not signed")
        .says("`cargo xtask rescan app` scans what is under its tag with today's database and attaches the verdict, signed")
        .looks_like("signed/unsigned");
    assert_eq!(calls(&sandbox, "ecs:RegisterTaskDefinition") + calls(&sandbox, "ecs:UpdateService"), 0);
    let told = workspace.xtask(&sandbox, &["evidence", "app"]).ends(0).stdout.clone();
    assert!(told.contains("passed, is not signed"), "{told}");
    workspace.xtask(&sandbox, &["rescan", "app"]).ends(0).says("signed by alias/evidence");
    workspace.xtask(&sandbox, &["deploy"]).ends(0);
}

#[test]
fn a_verdict_of_another_key_a_changed_one_and_one_with_two_signatures_let_nothing_pass() {
    let edit = |bundle: &mut Value, from: &str, to: &str| {
        let payload = layout::from_base64(bundle["dsseEnvelope"]["payload"].as_str().unwrap());
        let payload = String::from_utf8(payload).unwrap();
        assert!(payload.contains(from), "{payload}");
        bundle["dsseEnvelope"]["payload"] = json!(layout::base64(payload.replace(from, to).as_bytes()));
    };
    forged(|_, bundle| edit(bundle, "CRITICAL", "LOW"))
        .ends(3)
        .says("one has a signature that is not this key's of these bytes");
    forged(|_, bundle| {
        let one = bundle["dsseEnvelope"]["signatures"][0].clone();
        bundle["dsseEnvelope"]["signatures"] = json!([one, one]);
    })
    .ends(3)
    .says("one has 2 signatures, where a bundle has one");
    forged(|_, bundle| bundle["dsseEnvelope"]["signatures"] = json!([])).ends(3).says("one has no signature in its");
    forged(|_, bundle| *bundle = json!({ "no": "bundle" })).ends(3).says("one is no envelope that can be read");
    // What is said of another key is nobody's word, and may be anything.
    let hinted = forged(|_, bundle| {
        edit(bundle, "CRITICAL", "LOW");
        bundle["verificationMaterial"]["publicKey"]["hint"] = json!("k\nerror: all is well");
    });
    hinted.ends(3).says("one is signed by another key\n").does_not_say("all is well");
    // A statement without its envelope, as who has no key would attach it.
    forged(|manifest, bundle| {
        let payload = layout::from_base64(bundle["dsseEnvelope"]["payload"].as_str().unwrap());
        *bundle = serde_json::from_slice(&payload).unwrap();
        manifest["artifactType"] = json!("application/vnd.in-toto+json");
        manifest["annotations"] = json!({ "in-toto.io/predicate-type": "urn:xtask-ecs:verdict:v1" });
    })
    .ends(3)
    .says("one is not signed");

    let (workspace, sandbox) = p256();
    set(&workspace, &GATED.replace(KEY, "alias/other"));
    workspace.xtask(&sandbox, &["release"]).ends(0).says("signed by alias/other");
    set(&workspace, GATED);
    let refused = workspace.xtask(&sandbox, &["deploy"]);
    refused.ends(3).says("it has no verdict that alias/evidence signed: one is signed by another key, ");
    let told = workspace.xtask(&sandbox, &["evidence", "app"]).ends(0).stdout.clone();
    assert!(told.contains("passed, is signed by another key, "), "{told}");
    set(&workspace, "");
    let told = workspace.xtask(&sandbox, &["evidence", "app"]).ends(0).stdout.clone();
    assert!(told.contains("passed, signed by a key that was not looked at, "), "{told}");
    let told = workspace.xtask(&sandbox, &["evidence", "app", "--format", "json"]).ends(0).stdout.clone();
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["evidence"][0]["signature"]["verified"], false);
    assert_eq!(told["evidence"][0]["content"]["predicateType"], "urn:xtask-ecs:verdict:v1");
}

#[test]
fn what_counts_for_nothing_beside_a_verdict_that_counts_is_a_warning_an_image() {
    let (workspace, sandbox) = released();
    workspace.xtask(&sandbox, &["deploy", "--plan"]).ends(0).does_not_say("count for nothing");
    let mut manifest = attach_unsigned(&sandbox);
    manifest["layers"][0].as_object_mut().unwrap().remove("data");
    let put = json!({ "repositoryName": "sample/app", "imageManifest": manifest.to_string() });
    ecr(&sandbox, "PutImage", put);
    let run = workspace.xtask(&sandbox, &["deploy"]);
    run.ends(0).says("signed by alias/evidence").says(
        "has verdicts that count for nothing: one is not signed; one has a manifest without the bytes that it names",
    );
    assert_eq!(run.stderr.matches("count for nothing").count(), 1, "{}", run.stderr);
}

#[test]
fn a_verdict_whose_bytes_are_not_at_hand_or_say_nothing_known_is_no_silent_pass_without_a_key() {
    let (workspace, sandbox) = with("deploy.gate = \"verdict\"");
    workspace.xtask(&sandbox, &["release"]).ends(0);
    let mut manifest = taken(&sandbox).pop().expect("a verdict was attached");
    attach(&sandbox, &manifest, &json!({ "no": "verdict" }));
    workspace.xtask(&sandbox, &["deploy"]).ends(3).says("no verdict that counts: one is no statement that can be read");
    taken(&sandbox);
    manifest["layers"][0].as_object_mut().unwrap().remove("data");
    ecr(&sandbox, "PutImage", json!({ "repositoryName": "sample/app", "imageManifest": manifest.to_string() }));
    workspace.xtask(&sandbox, &["deploy"]).ends(3).says("one has a manifest without the bytes that it names");
}

#[test]
fn a_key_that_may_not_be_read_hides_no_other_problem_of_a_deploy() {
    let (workspace, sandbox) = released();
    set(&workspace, &format!("{GATED}\ndeploy.signed = true"));
    let services = ["ecr:*", "ecs:*", "elasticloadbalancing:*", "application-autoscaling:*", "cloudwatch:*", "sts:*"];
    let statement = json!({ "Effect": "Allow", "Action": services, "Resource": "*" });
    sandbox.restrict(&json!({ "Statement": [statement] })).unwrap();
    let run = workspace.xtask(&sandbox, &["deploy"]);
    run.ends(1).says("kms:GetPublicKey on key alias/evidence failed").says("ECR has not signed it");
}

#[test]
fn an_assembly_asks_for_the_key_only_where_it_signs() {
    let (workspace, sandbox) = p256();
    workspace.xtask(&sandbox, &["release", "--no-tag"]).ends(0);
    workspace.xtask(&sandbox, &["release", "--assemble"]).ends(0);
    let before = calls(&sandbox, "kms:GetPublicKey");
    workspace.xtask(&sandbox, &["release", "--assemble"]).ends(0).says("1.4.0 is already");
    assert_eq!(calls(&sandbox, "kms:GetPublicKey"), before, "all tags are there");

    workspace.write("evidence.pem", &pem(&sandbox, KEY));
    let lists_alone =
        "evidence = [\"sbom\"]\nevidence-key = { kms = \"alias/evidence\", public-key = \"evidence.pem\" }";
    next(&workspace, lists_alone);
    crate::evidence::convert(&workspace);
    let before = calls(&sandbox, "kms:GetPublicKey");
    workspace.xtask(&sandbox, &["release", "--no-tag"]).ends(0);
    workspace.xtask(&sandbox, &["release", "--assemble"]).ends(0);
    assert_eq!(calls(&sandbox, "kms:GetPublicKey"), before, "nothing is signed");
}

#[test]
fn a_piece_is_one_line_whatever_it_says_of_itself() {
    let (workspace, sandbox) = released();
    let mut manifest = taken(&sandbox).pop().expect("a verdict was attached");
    let mut bundle = content(&manifest);
    bundle["verificationMaterial"]["publicKey"]["hint"] = json!("k\nverdict  passed");
    attach(&sandbox, &manifest, &bundle);
    manifest["artifactType"] = json!("type\nverdict  passed");
    attach(&sandbox, &manifest, &json!({}));
    set(&workspace, "");
    let told = workspace.xtask(&sandbox, &["evidence", "app"]).ends(0).stdout.clone();
    assert_eq!(told.lines().count(), 2, "{told}");
    assert!(told.contains("signed by a key that was not looked at\n"), "{told}");
}

#[test]
fn what_was_attached_and_not_signed_is_not_said_to_be() {
    let (workspace, sandbox) = p256();
    set(&workspace, &format!("{GATED}\nevidence = [\"verdict\", \"sbom\"]"));
    crate::evidence::convert(&workspace);
    workspace.xtask(&sandbox, &["release"]).ends(0).says("Attached verdict to app").says("; sbom, not signed");
}

#[test]
fn a_signed_verdict_about_another_image_says_nothing_of_this_one() {
    let (workspace, sandbox) = released();
    let verdict = taken(&sandbox).pop().expect("it was attached");
    let first = digest(&sandbox);
    next(&workspace, "evidence = []");
    workspace.xtask(&sandbox, &["release"]).ends(0);
    next(&workspace, GATED);
    let second = tagged(&sandbox, "sample/app", "1.5.0").unwrap();
    let asked = json!({ "repositoryName": "sample/app", "imageIds": [{ "imageDigest": second }] });
    let image = ecr(&sandbox, "BatchGetImage", asked)["images"][0]["imageManifest"].as_str().unwrap().to_owned();
    let mut moved = verdict.clone();
    (moved["subject"]["digest"], moved["subject"]["size"]) = (json!(second), json!(image.len()));
    attach(&sandbox, &moved, &content(&verdict));
    workspace.xtask(&sandbox, &["deploy"]).ends(3).says(&format!("one is about another image, {first}"));
}

#[test]
fn a_refusal_that_the_key_signed_beats_an_older_pass_and_one_that_it_did_not_sign_does_not() {
    let (workspace, sandbox) = released();
    crate::evidence::finding(&workspace, "CVE-2026-7");
    set(&workspace, "");
    workspace.xtask(&sandbox, &["rescan"]).ends(3);
    set(&workspace, GATED);
    workspace.xtask(&sandbox, &["deploy", "--plan"]).ends(0);
    workspace.xtask(&sandbox, &["rescan"]).ends(3);
    workspace.xtask(&sandbox, &["deploy"]).ends(3).says("it was refused on").says("for CVE-2026-7");
}

#[test]
fn a_key_that_cannot_sign_is_named_with_the_call_before_anything_is_built() {
    let (workspace, sandbox) = with(GATED);
    let says = |seed: Value, code: i32, parts: &[&str]| {
        sandbox.seed(&json!({ "kms": seed })).unwrap();
        let run = workspace.xtask(&sandbox, &["release"]);
        parts.iter().fold(run.ends(code), |run, part| run.says(part));
        assert_eq!(calls(&sandbox, "registry:POST blob"), 0, "nothing was sent");
        workspace.xtask(&sandbox, &["release", "--plan"]).ends(code);
    };
    says(json!({}), 1, &["kms:GetPublicKey on key alias/evidence failed: NotFoundException", "check `evidence-key`"]);
    let of = |spec: &str, state: &str| json!({ KEY: { "spec": spec, "state": state } });
    let p256 = "ECC_NIST_P256";
    says(of(p256, "Disabled"), 1, &["DisabledException", "`aws kms enable-key --key-id alias/evidence` enables it"]);
    says(of(p256, "PendingDeletion"), 1, &["KMSInvalidStateException", "cancel-key-deletion"]);
    says(of("SYMMETRIC_DEFAULT", "Enabled"), 1, &["UnsupportedOperationException", "--key-usage SIGN_VERIFY"]);
    let agrees = json!({ KEY: { "spec": p256, "usage": "KEY_AGREEMENT" } });
    says(agrees, 2, &["the key alias/evidence is for KEY_AGREEMENT and cannot sign", "--key-spec ECC_NIST_P256"]);

    // What KMS lets be read and not be used.
    sandbox.seed(&json!({ "kms": { KEY: p256 } })).unwrap();
    let statement = |action: &str| json!({ "Effect": "Allow", "Action": action, "Resource": "*" });
    let allowed = json!({ "Statement": [statement("ecr:*"), statement("kms:GetPublicKey")] });
    sandbox.restrict(&allowed).unwrap();
    let denied = workspace.xtask(&sandbox, &["release"]);
    denied.ends(1).says("kms:Sign on key alias/evidence failed: AccessDeniedException").says("kms:Sign");
    denied.says("the key's own policy has to allow it, too").looks_like("signed/denied");
    assert_eq!(tagged(&sandbox, "sample/app", "1.4.0"), None);
}

#[test]
fn a_deploy_verifies_by_the_file_that_has_the_public_half_and_asks_kms_nothing() {
    let (workspace, sandbox) = released();
    workspace.write("evidence.pem", &pem(&sandbox, KEY));
    let pinned =
        "evidence-key = { kms = \"alias/evidence\", public-key = \"evidence.pem\" }\ndeploy.gate = \"verdict\"";
    set(&workspace, pinned);
    let before = calls(&sandbox, "kms:GetPublicKey");
    let policy = workspace.xtask(&sandbox, &["iam", "--command", "deploy"]).ends(0).stdout.clone();
    assert!(!policy.contains("kms:"), "{policy}");
    workspace.xtask(&sandbox, &["deploy"]).ends(0).says("signed by alias/evidence");
    assert_eq!(calls(&sandbox, "kms:GetPublicKey"), before);

    workspace.write("evidence.pem", &pem(&sandbox, "alias/other"));
    workspace.xtask(&sandbox, &["deploy", "--plan"]).ends(0);
    next(&workspace, pinned);
    let refused = workspace.xtask(&sandbox, &["release"]);
    refused.ends(2).says("evidence.pem has another public key than alias/evidence").says("aws kms get-public-key");
    workspace.write("evidence.pem", "no key");
    workspace.xtask(&sandbox, &["release"]).ends(2).says("evidence.pem is no public key of ECC_NIST_P256");
}

#[test]
fn of_several_platforms_each_verdict_and_that_of_the_index_are_signed() {
    let (workspace, sandbox) = crate::platforms::workspace(crate::platforms::BOTH);
    let region = "region = \"ap-northeast-1\"\n";
    workspace.change(&[
        ("dockerfile =", &format!("{}\ndockerfile =", crate::platforms::BOTH)),
        (region, &format!("{region}{GATED}\nevidence = [\"verdict\", \"provenance\"]\n")),
    ]);
    sandbox.seed(&json!({ "kms": { KEY: "ECC_NIST_P256" } })).unwrap();
    workspace.xtask(&sandbox, &["release"]).ends(0);
    assert_eq!(calls(&sandbox, "kms:Sign"), 6);
    let told = workspace.xtask(&sandbox, &["evidence", "app"]).ends(0).stdout.clone();
    assert_eq!(told.matches("signed by alias/evidence").count(), 6, "{told}");
    workspace.xtask(&sandbox, &["deploy"]).ends(0).says("signed by alias/evidence");
}

/// As cosign 3.1 reads it, which was tried with a key of each kind: `cosign verify-attestation --key evidence.pem --insecure-ignore-tlog`.
#[test]
fn what_is_attached_is_a_bundle_that_sigstores_clients_read() {
    let (_workspace, sandbox) = released();
    let manifest = taken(&sandbox).pop().expect("a verdict was attached");
    assert_eq!((&manifest["artifactType"], &manifest["layers"][0]["mediaType"]), (&json!(BUNDLE), &json!(BUNDLE)));
    assert_eq!(
        manifest["annotations"],
        json!({ "dev.sigstore.bundle.content": "dsse-envelope",
            "dev.sigstore.bundle.predicateType": "urn:xtask-ecs:verdict:v1" })
    );
    let bundle = content(&manifest);
    let envelope = &bundle["dsseEnvelope"];
    assert_eq!(
        (&bundle["mediaType"], &envelope["payloadType"]),
        (&json!(BUNDLE), &json!("application/vnd.in-toto+json"))
    );
    assert!(bundle["verificationMaterial"]["publicKey"]["hint"].is_string(), "{bundle}");
    // A key id that is not an SSH fingerprint has them pass over the signature.
    let signatures = envelope["signatures"].as_array().unwrap();
    assert_eq!((signatures.len(), signatures[0].as_object().unwrap().len()), (1, 1), "{envelope}");
    assert!(signatures[0]["sig"].is_string(), "{envelope}");
}
