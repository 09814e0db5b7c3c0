//! An image that several machines make between them: each leaves what it made, and one puts the tag.

use std::path::PathBuf;

use serde_json::{Value, json};
use xtask_sandbox::Sandbox;

use crate::many::trivy;
use crate::platforms::{BOTH, finding_on_arm64, in_ecr, verdicts, workspace};
use crate::support::{Workspace, calls, tagged};

const ONE: [&str; 3] = ["release", "--platform", "linux/amd64"];
const OTHER: [&str; 3] = ["release", "--platform", "linux/aarch64"];
const ASSEMBLE: [&str; 2] = ["release", "--assemble"];

/// A clone of the sample on a machine of its own: the same commit wherever the message is the same.
fn machine(message: &str) -> (Workspace, Sandbox) {
    let (workspace, sandbox) = workspace(BOTH);
    workspace.commit(message, &["Cargo.toml", "app"]);
    (workspace, sandbox)
}

fn part(workspace: &Workspace, architecture: &str) -> PathBuf {
    workspace.root().join(format!("target/xtask/parts/app-linux-{architecture}.json"))
}

/// Carries what a machine left for an architecture to another one.
fn carry(architecture: &str, from: &Workspace, to: &Workspace) {
    let into = part(to, architecture);
    std::fs::create_dir_all(into.parent().unwrap()).unwrap();
    std::fs::copy(part(from, architecture), into).unwrap();
}

fn tag(sandbox: &Sandbox) -> Option<String> {
    tagged(sandbox, "sample/app", "1.4.0")
}

#[test]
fn what_several_machines_made_becomes_the_index_that_one_makes_and_a_second_time_nothing_changes() {
    let (alone, whole) = machine("one");
    alone.xtask(&whole, &["release"]).ends(0);
    let expected = tag(&whole).unwrap();

    let ((amd64, sandbox), (arm64, _)) = (machine("one"), machine("one"));
    amd64.xtask(&sandbox, &ONE).ends(0).says("Passed app (linux/amd64)").does_not_say("linux/arm64");
    arm64.xtask(&sandbox, &OTHER).ends(0).says("Passed app (linux/arm64)").does_not_say("linux/amd64");
    assert_eq!((tag(&sandbox), calls(&sandbox, "ecr:PutImage")), (None, 0));
    carry("arm64", &arm64, &amd64);
    let run = amd64.xtask(&sandbox, &[&ASSEMBLE[..], &["--format", "json"]].concat());
    run.ends(0).does_not_say("Building").does_not_say("Passed app");
    assert_eq!(tag(&sandbox).as_deref(), Some(&*expected));
    let told: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(told["images"][0]["digest"], *expected);
    for (place, entry) in in_ecr(&sandbox, &expected)["manifests"].as_array().unwrap().iter().enumerate() {
        assert_eq!(told["images"][0]["platforms"][place]["digest"], entry["digest"]);
        assert_eq!(verdicts(&sandbox, &entry["digest"]), 1);
    }
    assert_eq!(verdicts(&sandbox, &json!(expected)), 1);

    let changes = |sandbox: &Sandbox| sandbox.calls().iter().filter(|call| call.operation.contains("PUT")).count();
    let before = changes(&sandbox);
    for again in [&ONE[..], &ASSEMBLE, &["release"]] {
        amd64.xtask(&sandbox, again).ends(0).says("1.4.0 is already");
    }
    assert_eq!((changes(&sandbox), calls(&sandbox, "ecr:PutImage")), (before, 1));

    // One machine in two steps, and no verdict in the registry: it is in what the first one left.
    let (steps, sandbox) = machine("one");
    steps.xtask(&sandbox, &["release", "--no-tag"]).ends(0).says("under no tag, see ").does_not_say("Released");
    assert_eq!(tag(&sandbox), None);
    steps.xtask(&sandbox, &ASSEMBLE).ends(0);
    assert_eq!(tag(&sandbox), Some(expected));
}

#[test]
fn what_is_missing_refused_or_of_another_commit_gets_no_tag_and_is_named() {
    let ((amd64, sandbox), (arm64, _)) = (machine("one"), machine("one"));
    let says = |code: i32, what: &str| {
        amd64.xtask(&sandbox, &ASSEMBLE).ends(code).says(what);
        assert_eq!((tag(&sandbox), calls(&sandbox, "ecr:PutImage")), (None, 0), "{what}");
    };
    amd64.xtask(&sandbox, &ASSEMBLE).ends(2).says("2 problems").says("app (linux/amd64)").says("app (linux/arm64)");
    amd64.xtask(&sandbox, &ONE).ends(0);
    says(2, "image `app (linux/arm64)` was not made: there is no ");
    says(2, "`cargo xtask release --platform linux/arm64 app` makes what");

    finding_on_arm64(&arm64);
    arm64.xtask(&sandbox, &OTHER).ends(3).says("is refused by the scan gate");
    carry("arm64", &arm64, &amd64);
    says(3, "image `app (linux/arm64)` (");
    says(3, "for CVE-2026-7");

    let (other, _) = machine("two");
    other.xtask(&sandbox, &OTHER).ends(0);
    carry("arm64", &other, &amd64);
    says(2, "image `app (linux/arm64)` was made of ");

    // A file is believed nothing: what it says is looked for in the registry.
    let good = std::fs::read_to_string(part(&amd64, "amd64")).unwrap();
    let lie = |from: &str, to: &str| std::fs::write(part(&amd64, "arm64"), good.replace(from, to)).unwrap();
    lie("", "");
    says(2, "what was left of image `app (linux/arm64)` is for linux/amd64");
    let digest = serde_json::from_str::<Value>(&good).unwrap()["digest"].as_str().unwrap().to_owned();
    lie(&digest, &format!("sha256:{}", "0".repeat(64)));
    says(1, &"0".repeat(64));
    lie(":1.4.0", ":1.3.0");
    says(2, "is of another one than ");

    // What a run is refused takes away what the one before it had left.
    let (arm64, _) = machine("one");
    arm64.xtask(&sandbox, &OTHER).ends(0);
    trivy(&arm64, "exit 9");
    arm64.xtask(&sandbox, &OTHER).ends(1);
    assert!(!part(&arm64, "arm64").exists());
}

#[test]
fn an_assembly_warns_of_verdicts_that_count_for_nothing_beside_the_one_that_does() {
    let (workspace, sandbox) = crate::signed::released();
    let region = "region = \"ap-northeast-1\"\n";
    // The same bytes under another tag.
    workspace
        .change(&[("{ package = \"app\" }", "\"1.5.0\""), (region, &format!("{region}{}\n", crate::signed::GATED))]);
    workspace.xtask(&sandbox, &["release", "--no-tag"]).ends(0);
    crate::signed::attach_unsigned(&sandbox);
    let run = workspace.xtask(&sandbox, &ASSEMBLE);
    run.ends(0).says("has verdicts that count for nothing: one is not signed");
    assert_eq!(run.stderr.matches("count for nothing").count(), 1, "{}", run.stderr);
    assert_eq!(tagged(&sandbox, "sample/app", "1.5.0"), tag(&sandbox));
}
