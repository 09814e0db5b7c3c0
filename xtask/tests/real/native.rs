//! Images of the native builder, which needs no docker, on real parts: trivy reads them, an engine runs them.

use crate::parts::{Docker, Workspace, ecr, part, run, succeed, tags, xtask};

/// Nothing listens there.
const NO_ENGINE: &str = "unix:///nonexistent/docker.sock";

#[test]
#[ignore = "needs real parts: cargo xtask ci"]
fn an_image_built_without_docker_runs_on_a_real_engine_as_it_stands() {
    let sandbox = ecr();
    let workspace = Workspace::of_app("package = \"app\"");
    let stdout = succeed(&mut xtask(workspace.root(), &sandbox, NO_ENGINE, &["release"]));
    let pinned = stdout.strip_prefix("app ").expect("one line, NAME REFERENCE");

    for docker_host in [part("XTASK_DOCKER_CONTAINERD"), part("XTASK_DOCKER_PLAIN")] {
        let docker = Docker::new(&docker_host);
        docker.log_in(&sandbox);
        succeed(&mut docker.command(&["pull", "--quiet", pinned]));
        let user = succeed(&mut docker.command(&["image", "inspect", "--format", "{{.Config.User}}", pinned]));
        assert!(user.starts_with("65532"), "the user is `{user}`");
        let health = docker.start(pinned).get("/health");
        assert!(health.ends_with("{\"status\":\"ok\",\"version\":\"1.4.0\"}\n"), "{health}");
    }
}

#[test]
#[ignore = "needs real parts: cargo xtask ci"]
fn a_crate_with_a_high_finding_is_refused_and_leaves_no_tag() {
    let sandbox = ecr();
    let workspace = Workspace::of_app("package = \"app\"");
    workspace.depend_on("fixture-weak-rng", "0.3.1");
    let ended = run(&mut xtask(workspace.root(), &sandbox, NO_ENGINE, &["release"]));
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    for part_of_the_table in ["fixture-weak-rng", "0.3.1", "0.3.2", "CVE-2099-10004", "HIGH"] {
        assert!(ended.stderr.contains(part_of_the_table), "{part_of_the_table} is missing:\n{}", ended.stderr);
    }
    assert_eq!(tags(&sandbox), [""; 0]);
}
