//! The whole path, release and deploy, with real buildx and real trivy, and the released container in earnest.

use std::process::Command;

use crate::parts::{part, repository, run};

#[test]
#[ignore = "needs real parts: cargo xtask ci"]
fn a_rehearsal_ends_with_the_released_digest_deployed() {
    let ended = run(Command::new(env!("CARGO_BIN_EXE_xtask"))
        .arg("rehearse")
        .arg("--run")
        .current_dir(repository())
        .env("CARGO_TARGET_DIR", std::path::Path::new(&part("XTASK_PARTS")).join("app/rehearsal"))
        .env("DOCKER_HOST", part("XTASK_DOCKER_CONTAINERD")));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("app deployed sha256:"), "{}", ended.stdout);
    assert!(ended.stderr.contains("in earnest with docker"), "{}", ended.stderr);
    assert!(ended.stderr.contains("by trivy"), "the scanner was real:\n{}", ended.stderr);
}
