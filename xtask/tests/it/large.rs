//! Verdicts on images with thousands of findings, and the gate that reads them before a deploy.

use serde_json::{Value, json};
use xtask_sandbox::Sandbox;

use crate::evidence::{referrers, set, with};
use crate::signed::GATED;
use crate::support::{Workspace, calls, tagged};

/// What a manifest had of a statement once.
const ONCE: u64 = 256 * 1024;

fn ids(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("CVE-2026-{}", 10_000 + number)).collect()
}

/// A trivy that finds these in every image.
fn finding(workspace: &Workspace, ids: &[String]) {
    let one = |id: &String| {
        json!({ "VulnerabilityID": id, "PkgName": "openssl", "InstalledVersion": "1.0", "FixedVersion": "1.1",
            "Severity": "HIGH" })
    };
    workspace.write("findings.json", &ids.iter().map(one).collect::<Value>().to_string());
    let file = workspace.root().join("findings.json");
    let found = format!("\"Vulnerabilities\": $(cat '{}'), \"Packages\"", file.display());
    workspace.tool("trivy", &include_str!("support/trivy.sh").replacen("\"Packages\"", &found, 1));
}

/// The setting that accepts these.
fn accepting(ids: &[String]) -> String {
    let one = |id: &String| format!("{{ id = \"{id}\", reason = \"r\", until = \"2999-01-01\" }}");
    format!("scan.ignore = [{}]", ids.iter().map(one).collect::<Vec<_>>().join(", "))
}

/// The sample with this setting, and the key that it names.
fn keyed(setting: &str) -> (Workspace, Sandbox) {
    let (workspace, sandbox) = with(setting);
    sandbox.seed(&json!({ "kms": { "alias/evidence": "ECC_NIST_P256" } })).unwrap();
    (workspace, sandbox)
}

/// What is attached to the released image, by size.
fn sizes(sandbox: &Sandbox) -> Vec<u64> {
    let digest = tagged(sandbox, "sample/app", "1.4.0").expect("it is released");
    referrers(sandbox, &digest).iter().map(|it| it["size"].as_u64().unwrap()).collect()
}

#[test]
fn a_verdict_that_accepts_thousands_of_findings_is_signed_once_and_lets_the_image_be_deployed() {
    let all = ids(6_000);
    let (workspace, sandbox) = keyed(&format!("{GATED}\n{}", accepting(&all)));
    finding(&workspace, &all);
    workspace.xtask(&sandbox, &["release"]).ends(0).says("signed by alias/evidence");
    assert!(matches!(sizes(&sandbox)[..], [size] if size > ONCE), "{:?}", sizes(&sandbox));
    workspace.xtask(&sandbox, &["rescan", "app"]).ends(0);
    assert_eq!((sizes(&sandbox).len(), calls(&sandbox, "kms:Sign")), (1, 1), "it is read back and not signed again");
    // One that is accepted no more is missed among thousands.
    set(&workspace, &format!("{GATED}\n{}", accepting(&all[..5_999])));
    workspace.xtask(&sandbox, &["deploy"]).ends(3).says("because CVE-2026-15999 was accepted, and it is no more");
    set(&workspace, &format!("{GATED}\n{}", accepting(&all)));
    workspace.xtask(&sandbox, &["deploy"]).ends(0).says("passed on").says("signed by alias/evidence");
}

#[test]
fn a_refusal_for_thousands_of_findings_beats_an_older_pass_and_names_the_first_of_them() {
    for (setting, signs) in [(GATED, true), ("deploy.gate = \"verdict\"", false)] {
        let (workspace, sandbox) = keyed(setting);
        workspace.xtask(&sandbox, &["release"]).ends(0);
        finding(&workspace, &ids(20_000));
        workspace.xtask(&sandbox, &["rescan", "app"]).ends(3).says("its verdict is attached, and its tag stays");
        assert!(sizes(&sandbox).iter().any(|size| *size > ONCE), "{:?}", sizes(&sandbox));
        let refused = workspace.xtask(&sandbox, &["deploy"]);
        refused.ends(3).does_not_say("without the bytes");
        refused
            .says("for CVE-2026-10000, CVE-2026-10001, CVE-2026-10002, CVE-2026-10003, CVE-2026-10004 and 19995 more");
        let told = workspace.xtask(&sandbox, &["evidence", "app"]).ends(0).stdout.clone();
        assert!(told.contains("CVE-2026-10004 and 19995 more"), "{told}");
        assert_eq!(told.contains("signed by alias/evidence"), signs, "{told}");
    }
}

#[test]
fn a_verdict_that_no_manifest_could_hold_is_not_attached_in_a_form_that_a_gate_cannot_read() {
    let (workspace, sandbox) = keyed(GATED);
    workspace.xtask(&sandbox, &["release"]).ends(0);
    let before = sizes(&sandbox);
    let long: Vec<String> = ids(2_500).iter().map(|id| id.clone() + &"0".repeat(1_000)).collect();
    finding(&workspace, &long);
    let run = workspace.xtask(&sandbox, &["rescan", "app"]);
    run.ends(1)
        .says("the verdict on image `app` has 3.2 MiB, more than a registry takes in a manifest: it was not attached");
    assert_eq!(sizes(&sandbox), before);
}
