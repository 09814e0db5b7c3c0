//! What the scan gate makes of what trivy says, the whole binary against the sandbox.

use std::fs;

use serde_json::{Value, json};
use xtask_sandbox::Sandbox;

use crate::support::{Workspace, layout, manifest, sandbox, tagged};

/// A workspace whose trivy reports this, says this on stderr and ends with this code; its arguments are kept.
fn with_trivy(keys: &str, report: Value, said: &str, code: u8) -> (Workspace, Sandbox) {
    let workspace = Workspace::of(&format!("{}\n[workspace.metadata.xtask.scan]\n{keys}\n", manifest(&[])));
    workspace.that_releases();
    let root = workspace.root().display().to_string();
    let mut report = report;
    report["Metadata"]["ImageID"] = json!(config_digest(&workspace));
    workspace.write("report.json", &report.to_string()).write("said", said);
    let script = format!(
        "#!/bin/sh\n[ \"$1\" != --version ] || {{ echo 'Version: 0.76.0'; exit; }}\n\
         echo \"$@\" >'{root}/arguments'\nenv >'{root}/environment'\ncat '{root}/said' >&2\ncat '{root}/report.json'\nexit {code}\n"
    );
    workspace.tool("trivy", &script);
    (workspace, sandbox(vec![]))
}

fn config_digest(workspace: &Workspace) -> String {
    let built = workspace.root().join("built");
    let manifest = layout::write(&built, &[b"the only layer"]);
    let bytes = fs::read(built.join("blobs").join(manifest.replace(':', "/"))).expect("it was written");
    let manifest: Value = serde_json::from_slice(&bytes).expect("JSON");
    manifest["config"]["digest"].as_str().expect("it has one").to_owned()
}

/// A report of a Debian with a Rust program, and this finding in it.
fn report(finding: Option<Value>) -> Value {
    json!({
        "Metadata": { "OS": { "Family": "debian", "Name": "99" } },
        "Results": [
            { "Target": "app (debian 99)", "Class": "os-pkgs", "Type": "debian", "Packages": [{ "ID": "base-files" }] },
            { "Target": "app", "Class": "lang-pkgs", "Type": "rustbinary", "Packages": [{ "ID": "app" }],
              "Vulnerabilities": finding.into_iter().collect::<Vec<_>>() },
        ],
    })
}

fn finding(id: &str, severity: &str) -> Value {
    json!({ "VulnerabilityID": id, "VendorIDs": ["RUSTSEC-2024-0001"], "PkgName": "leaf", "InstalledVersion": "1.0.0",
        "FixedVersion": "1.0.1", "Severity": severity })
}

#[test]
fn a_scan_has_the_time_that_the_configuration_allows_and_one_that_takes_longer_is_told_as_that() {
    let (workspace, sandbox) = with_trivy("timeout = \"20m\"", report(None), "", 0);
    workspace.xtask(&sandbox, &["release"]).ends(0).does_not_say("warning");
    let arguments = fs::read_to_string(workspace.root().join("arguments")).expect("trivy ran");
    assert!(arguments.contains(" --timeout 1200s"), "{arguments}");

    let said = "2026-11-27T09:00:00Z\tFATAL\tFatal error\trun error: image scan error: scan error: scan failed: failed \
                analysis: analyze error: pipeline error: context deadline exceeded\n";
    let (workspace, sandbox) = with_trivy("timeout = \"20m\"", report(None), said, 1);
    workspace
        .xtask(&sandbox, &["release"])
        .ends(1)
        .says("trivy did not finish scanning image `app` within 20")
        .says("`timeout = ")
        .does_not_say("crashed");
    assert_eq!(tagged(&sandbox, "sample/app", "1.4.0"), None);
    // The deadline of a download is about the network.
    let said =
        "FATAL\tFatal error\tinit error: DB error: failed to download vulnerability DB: context deadline exceeded\n";
    let (workspace, sandbox) = with_trivy("timeout = \"20m\"", report(None), said, 1);
    workspace.xtask(&sandbox, &["release"]).ends(1).says("trivy has no vulnerability database");
}

#[test]
fn an_image_without_any_rust_list_is_told_with_the_two_ways_out() {
    let mut without = report(None);
    without["Results"].as_array_mut().expect("a list").pop();
    let (workspace, sandbox) = with_trivy("", without.clone(), "", 0);
    workspace
        .xtask(&sandbox, &["release"])
        .ends(0)
        .says("no Rust program was seen in it")
        .says("`binaries = [\"PACKAGE\"]`")
        .says("`expect = [");
    // Who says what is expected is asked no more.
    let (workspace, sandbox) = with_trivy("", without, "", 0);
    let config = fs::read_to_string(workspace.root().join("Cargo.toml")).expect("it is there");
    let line = "dockerfile = \"app/Dockerfile\"\n";
    workspace.write("Cargo.toml", &config.replace(line, &format!("{line}expect = [\"debian\"]\n")));
    workspace.xtask(&sandbox, &["release"]).ends(0).does_not_say("no Rust program");
}

#[test]
fn a_program_that_the_finished_image_does_not_have_is_no_sight_of_the_one_that_runs() {
    let mut of_another_layer = report(Some(finding("CVE-2024-11111", "HIGH")));
    of_another_layer["Results"][1]["Packages"][0]["Layer"] = json!({ "DiffID": "sha256:of-no-layer-of-this-image" });
    let (workspace, sandbox) = with_trivy("", of_another_layer, "", 0);
    workspace
        .xtask(&sandbox, &["release"])
        .ends(3)
        .says("the scanner lists the crates of app from a layer below")
        .says("no Rust program was seen in it")
        .says("app (of a layer below)");
}

#[test]
fn findings_in_a_file_that_only_lists_crates_are_named_as_that_with_what_to_do() {
    let mut listed = report(Some(finding("CVE-2024-11111", "HIGH")));
    listed["Results"][1]["Type"] = json!("cargo");
    listed["Results"][1]["Target"] = json!("src/Cargo.lock");
    let (workspace, sandbox) = with_trivy("", listed, "", 0);
    workspace
        .xtask(&sandbox, &["release"])
        .ends(3)
        .says("HIGH      src/Cargo.lock (only a list of crates)")
        .says("nothing runs src/Cargo.lock, which only lists crates: leave such a file out of the image");
}

#[test]
fn a_finding_without_a_severity_yet_passes_and_is_told() {
    let (workspace, sandbox) = with_trivy("", report(Some(finding("RUSTSEC-2026-0009", "UNKNOWN"))), "", 0);
    workspace
        .xtask(&sandbox, &["release"])
        .ends(0)
        .says("RUSTSEC-2026-0009 (leaf 1.0.0)")
        .says("add \"UNKNOWN\" to `severity`");
    let keys = "severity = [\"UNKNOWN\", \"CRITICAL\"]";
    let (workspace, sandbox) = with_trivy(keys, report(Some(finding("RUSTSEC-2026-0009", "UNKNOWN"))), "", 0);
    workspace.xtask(&sandbox, &["release"]).ends(3);
}

#[test]
fn an_accepted_id_holds_by_each_name_of_the_finding_and_one_that_matches_nothing_is_told() {
    let accept = |id: &str| format!("ignore = [{{ id = \"{id}\", reason = \"no path\", until = \"2999-01-01\" }}]");
    let found = || report(Some(finding("CVE-2024-11111", "HIGH")));
    for id in ["CVE-2024-11111", "RUSTSEC-2024-0001"] {
        let (workspace, sandbox) = with_trivy(&accept(id), found(), "", 0);
        workspace.xtask(&sandbox, &["release"]).ends(0).does_not_say("take it out");
    }
    let (workspace, sandbox) = with_trivy(&accept("CVE-2024-22222"), report(None), "", 0);
    workspace
        .xtask(&sandbox, &["release"])
        .ends(0)
        .says("`ignore` accepts CVE-2024-22222, which no image has any more");
    for (id, rule) in [
        ("cve-2024-11111", "a CVE is written CVE-2026-1234"),
        ("CVE-2024-11111 ", "a CVE is written CVE-2026-1234"),
        ("rustsec-2024-0001", "RUSTSEC-2026-0001"),
        ("GHSA-ABCD-EFGH-2345", "the last parts in small letters"),
        ("TEMP-1 ", "an id has no blanks"),
    ] {
        let (workspace, sandbox) = with_trivy(&accept(id), found(), "", 0);
        workspace.xtask(&sandbox, &["release"]).ends(2).says(rule);
    }
    let twice = accept("CVE-2024-11111");
    let entry = twice.trim_start_matches("ignore = [").trim_end_matches(']');
    let (workspace, sandbox) = with_trivy(&format!("ignore = [{entry}, {entry}]"), found(), "", 0);
    workspace.xtask(&sandbox, &["release"]).ends(2).says("`ignore` has CVE-2024-11111 twice");
}

#[test]
fn a_system_that_the_scanner_does_not_know_is_no_pass_unless_somebody_says_why() {
    let said = "2026-11-27T09:00:00Z\tWARN\tThis OS version is not on the EOL list\tfamily=\"debian\" version=\"99\"\n";
    let (workspace, sandbox) = with_trivy("", report(None), said, 0);
    workspace
        .xtask(&sandbox, &["release"])
        .ends(1)
        .says("trivy warns: This OS version is not on the EOL list")
        .says("the scanner does not know the release debian 99 of image `app`'s base")
        .says("`accept-systems = [{ system = \"debian 99\", reason = \"…\" }]`");
    assert_eq!(tagged(&sandbox, "sample/app", "1.4.0"), None);
    let keys = "accept-systems = [{ system = \"debian 99\", reason = \"ours, with our own advisories\" }]";
    let (workspace, sandbox) = with_trivy(keys, report(None), said, 0);
    workspace.xtask(&sandbox, &["release"]).ends(0).says("trivy warns: This OS version");
    // One of another name accepts nothing.
    let (workspace, sandbox) = with_trivy(&keys.replace("debian 99", "debian 9"), report(None), said, 0);
    workspace.xtask(&sandbox, &["release"]).ends(1);
}

#[test]
fn the_login_of_a_private_databases_registry_reaches_trivy_and_credentials_of_aws_do_not() {
    let (workspace, sandbox) =
        with_trivy("args = [\"--db-repository\", \"registry.example/trivy-db\"]", report(None), "", 0);
    let mut environment = sandbox.environment();
    environment
        .extend([("TRIVY_USERNAME", "u"), ("TRIVY_PASSWORD", "hunter2")].map(|(n, v)| (n.to_owned(), v.to_owned())));
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
    workspace.xtask_with(&environment, &["release"]).ends(0).does_not_say("hunter2");
    let seen = fs::read_to_string(workspace.root().join("environment")).expect("trivy ran");
    assert!(seen.contains("TRIVY_PASSWORD=hunter2") && !seen.contains("AWS_"), "{seen}");
}
