//! `cargo xtask rehearse`, the whole binary: each fault ends with its exit code and the message a user would see.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::support::{Run, Workspace, send, task_definition};
use xtask_sandbox::FAULTS;

/// The sample workspace, whose task definition has a health check that `unhealthy` can fail.
fn workspace() -> Workspace {
    let workspace = Workspace::sample();
    let mut document = task_definition();
    document["containerDefinitions"][0]["healthCheck"] =
        serde_json::json!({ "command": ["CMD", "/app", "--health"], "interval": 5, "retries": 2, "startPeriod": 0 });
    workspace.write("app/ecs/task-definition.json", &document.to_string());
    workspace.change(&[("20s", "5m")]);
    workspace.that_releases();
    workspace
}

fn rehearse(fault: &str) -> Run {
    let run = workspace().xtask_with(&[], &["rehearse", "--fault", fault]);
    run.looks_like_without_pace(&format!("rehearse/{fault}"));
    run
}

#[test]
fn without_a_fault_it_ends_with_the_outcome_the_digest_and_the_time_of_each_step() {
    let run = workspace().xtask_with(&[], &["rehearse"]);
    run.ends(0).says("Deployed app: app:2").looks_like_without_pace("rehearse/without-a-fault");
    for step in ["build", "scan", "push", "plan", "register", "update", "watch"] {
        run.says(&format!(" s  {step}"));
    }
    assert!(run.stdout.starts_with("app deployed sha256:"), "{}", run.stdout);
}

#[test]
fn the_list_names_every_fault() {
    let run = Workspace::sample().xtask_with(&[], &["rehearse", "--fault", "list"]);
    run.ends(0).looks_like("rehearse/list-of-faults");
    for (name, _) in FAULTS {
        assert!(run.stdout.lines().any(|line| line.starts_with(name)), "{name} is missing:\n{}", run.stdout);
    }
}

#[test]
fn a_fault_that_is_unknown_comes_with_the_nearest_name() {
    rehearse("crash-lop").ends(2).says("did you mean `crash-loop`?");
}

#[test]
fn vulnerable_is_refused() {
    rehearse("vulnerable").ends(3).says("refused by the scan gate").says("CVE-2026-00000");
}

#[test]
fn a_crash_loop_is_rolled_back() {
    rehearse("crash-loop").ends(4).says("exit code 101").says("serving now: app:1");
}

#[test]
fn a_missing_image_is_rolled_back() {
    rehearse("missing-image").ends(4).says("CannotPullContainerError").says("deleted it");
}

#[test]
fn unhealthy_is_rolled_back() {
    rehearse("unhealthy").ends(4).says("failed container health checks");
}

#[test]
fn superseded_says_by_what() {
    rehearse("superseded").ends(6).says("superseded by a deployment of app:3");
}

#[test]
fn throttled_and_lost_connection_end_well_after_retries() {
    rehearse("throttled").ends(0);
    rehearse("lost-connection").ends(0).says("trying again");
}

#[test]
fn a_tag_conflict_names_both_digests() {
    let run = rehearse("tag-conflict");
    run.ends(8).says("in ECR: sha256:").says("built here: sha256:");
}

#[test]
fn a_rollback_that_fails_has_a_code_of_its_own() {
    rehearse("rollback-failed").ends(5).says("not on its last good revision");
}

#[test]
fn never_stable_times_out() {
    rehearse("never-stable").ends(7).says("did not end within 10 s");
}

#[test]
fn without_docker_and_without_a_way_around_it_says_what_is_missing() {
    let workspace = Workspace::sample();
    workspace.trivy_that_passes();
    workspace
        .xtask_with(&[], &["rehearse"])
        .ends(1)
        .says("docker was not found")
        .looks_like_without_pace("rehearse/without-docker");
}

#[test]
fn without_trivy_a_stand_in_is_used_and_that_is_said_loudly() {
    let workspace = workspace();
    std::fs::remove_file(workspace.root().join("tools/trivy")).expect("trivy is there");
    workspace
        .xtask_with(&[], &["rehearse"])
        .ends(0)
        .says("NOTHING IS SCANNED")
        .says("stand-in")
        .looks_like_without_pace("rehearse/without-trivy");
}

#[test]
fn the_sandbox_prints_its_variables_serves_and_stops_on_ctrl_c() {
    let workspace = Workspace::sample();
    let mut child = workspace
        .command(&[], &["sandbox", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let stdout = BufReader::new(child.stdout.take().expect("is piped"));
    let url = stdout
        .lines()
        .map(|line| line.expect("stdout can be read"))
        .find_map(|line| line.strip_prefix("export AWS_ENDPOINT_URL=").map(str::to_owned))
        .expect("the address is printed");
    let address = url.strip_prefix("http://").expect("plain HTTP");
    assert!(std::net::TcpStream::connect(address).is_ok(), "it serves {address}");
    send("-INT", &child);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn the_sandbox_listens_on_loopback_only() {
    let run = Workspace::sample().xtask_with(&[], &["sandbox", "--listen", "0.0.0.0:0"]);
    run.ends(2).says("loopback only").looks_like("sandbox/address-that-is-not-loopback");
}
