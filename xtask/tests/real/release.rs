//! Releases with real buildx and real trivy into the sandbox.

use std::path::Path;

use crate::parts::{
    Docker, Ended, Workspace, debian_with, ecr, manifest_of, part, run, succeed, tags, workspace, xtask,
};
use serde_json::json;

fn release(workspace: &Path, sandbox: &xtask_sandbox::Sandbox) -> Ended {
    run(&mut xtask(workspace, sandbox, &part("XTASK_DOCKER_CONTAINERD"), &["release"]))
}

/// Releases this repository's own app from its own Dockerfile, and runs it from the registry it was pushed to.
fn the_released_app_runs(docker_host: &str) {
    let sandbox = ecr();
    let workspace = Workspace::of_app("dockerfile = \"app/Dockerfile\"\nbinaries = [\"app\"]");
    let stdout = succeed(&mut xtask(workspace.root(), &sandbox, docker_host, &["release"]));

    let pinned = stdout.strip_prefix("app ").expect("one line, NAME REFERENCE");
    let (name, digest) = pinned.split_once('@').expect("a pinned reference");
    assert_eq!(name, format!("{}/sample/app", sandbox.registry()));
    assert_eq!(manifest_of(&workspace.layout())["digest"], digest, "what was built is what is named");
    let described = sandbox
        .ecr("DescribeImages", json!({ "repositoryName": "sample/app", "imageIds": [{ "imageTag": "1.4.0" }] }))
        .expect("the tag is in ECR");
    assert_eq!(described["imageDetails"][0]["imageDigest"], digest, "the tag names the digest that was printed");

    let docker = Docker::new(docker_host);
    docker.log_in(&sandbox);
    succeed(&mut docker.command(&["pull", "--quiet", pinned]));
    let container = docker.start(pinned);
    let health = container.get("/health");
    assert!(health.starts_with("HTTP/1.1 200 OK\r\n"), "{health}");
    assert!(health.ends_with("{\"status\":\"ok\",\"version\":\"1.4.0\"}\n"), "{health}");
    assert_eq!(container.exec(&["/app", "--health"]), Some(0), "the task definition's health check passes");

    let calls = sandbox.calls().len();
    let mut again = xtask(workspace.root(), &sandbox, docker_host, &["release"]);
    assert_eq!(succeed(&mut again), stdout, "a second release finds the first");
    let new_calls = sandbox.calls().split_off(calls);
    assert!(
        new_calls.iter().all(|call| !call.operation.contains("PUT") && !call.operation.contains("Put")),
        "{new_calls:?}"
    );
}

#[test]
#[ignore = "needs real parts: cargo xtask ci"]
fn the_app_released_with_the_engines_own_builder_runs_from_its_digest() {
    the_released_app_runs(&part("XTASK_DOCKER_CONTAINERD"));
}

/// Its module's name is what `ci` skips where BuildKit could not be built.
mod container_builder {
    use super::*;

    #[test]
    #[ignore = "needs real parts: cargo xtask ci"]
    fn the_app_released_with_a_builder_of_our_own_runs_from_its_digest() {
        let docker_host = part("XTASK_DOCKER_PLAIN");
        the_released_app_runs(&docker_host);
        let builders = succeed(std::process::Command::new("docker").args(["--host", &docker_host, "buildx", "ls"]));
        assert!(builders.contains("docker-container"), "the engine's own builder cannot write a layout:\n{builders}");
    }
}

#[test]
#[ignore = "needs real parts: cargo xtask ci"]
fn a_package_with_a_high_finding_is_refused_and_leaves_no_tag() {
    let sandbox = ecr();
    let workspace = debian_with(&[("fixture-leaky-tls", "1.2.3-1"), ("fixture-slow-zip", "2.0.0-1")]);
    let ended = release(workspace.root(), &sandbox);
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert_eq!(ended.stdout, "", "nothing was released");
    for part_of_the_table in ["CVE-2099-10001", "fixture-leaky-tls", "1.2.3-1", "1.2.4-1", "HIGH"] {
        assert!(ended.stderr.contains(part_of_the_table), "{part_of_the_table} is missing:\n{}", ended.stderr);
    }
    assert_eq!(tags(&sandbox), [""; 0]);
}

#[test]
#[ignore = "needs real parts: cargo xtask ci"]
fn medium_and_unfixed_findings_do_not_refuse() {
    let sandbox = ecr();
    let workspace = debian_with(&[("fixture-slow-zip", "2.0.0-1"), ("fixture-unfixed-shell", "3.0-1")]);
    let ended = release(workspace.root(), &sandbox);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(tags(&sandbox), ["1.0.0"]);
}

#[test]
#[ignore = "needs real parts: cargo xtask ci"]
fn the_fixed_version_is_not_refused() {
    let sandbox = ecr();
    let workspace = debian_with(&[("fixture-leaky-tls", "1.2.4-1")]);
    let ended = release(workspace.root(), &sandbox);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(tags(&sandbox), ["1.0.0"]);
}

#[test]
#[ignore = "needs real parts: cargo xtask ci"]
fn a_failing_build_says_what_the_step_said_and_leaves_nothing() {
    let sandbox = ecr();
    let workspace = workspace("FROM scratch\nCOPY nowhere /\n", &[]);
    let ended = release(workspace.root(), &sandbox);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("nowhere"), "{}", ended.stderr);
    assert!(!workspace.layout().exists(), "no layout that looks complete");
    assert_eq!(tags(&sandbox), [""; 0]);
}
