//! Images of the native builder, the whole binary against the sandbox, without docker.

use crate::support::{Run, Workspace, calls, sandbox, tagged};
use xtask_sandbox::Sandbox;

/// The sample built without docker, tagged `tag`, with further keys of its image.
fn workspace(tag: &str, keys: &str) -> Workspace {
    let workspace = Workspace::with(&[
        ("[\"app\"]", "[\"app\"]\nresolver = \"3\""),
        ("{ package = \"app\" }", &format!("\"{tag}\"")),
        ("dockerfile = \"app/Dockerfile\"", &format!("package = \"app\"\nexpect = [\"debian\"]\n{keys}")),
    ]);
    workspace
        .trivy_that_passes()
        .write("Cargo.lock", "version = 4\n\n[[package]]\nname = \"app\"\nversion = \"1.4.0\"\n")
        .write("app/src/main.rs", &format!("fn main() {{ println!(\"{tag}\") }}\n"));
    workspace
}

fn release(workspace: &Workspace, sandbox: &Sandbox) -> Run {
    workspace.xtask(sandbox, &["release"])
}

#[test]
fn a_base_in_ecr_is_fetched_with_its_token_and_not_sent_again() {
    let sandbox = sandbox(vec![]);
    release(&workspace("1", ""), &sandbox).ends(0);
    let base = tagged(&sandbox, "sample/app", "1").expect("the tag is in ECR");
    let sent = calls(&sandbox, "registry:PUT blob");
    assert_eq!(sent, 5, "files, binary, configuration; the verdict and its empty configuration");

    let keys = format!("base = \"{}/sample/app@{base}\"", sandbox.registry());
    let run = release(&workspace("2", &keys), &sandbox);
    run.ends(0).says("Fetching base");
    assert_eq!(calls(&sandbox, "registry:GET blob"), 3);
    assert_eq!(calls(&sandbox, "registry:PUT blob") - sent, 3, "binary, configuration and the verdict alone are new");
}

#[test]
fn a_base_that_ecr_does_not_have_is_named() {
    let sandbox = sandbox(vec![]);
    let digest = format!("sha256:{}", "0".repeat(64));
    let base = format!("{}/sample/app@{digest}", sandbox.registry());
    let run = release(&workspace("1", &format!("base = \"{base}\"")), &sandbox);
    run.ends(1).says(&format!("failed to use the base {base}"));
    assert_eq!(tagged(&sandbox, "sample/app", "1"), None);
}
