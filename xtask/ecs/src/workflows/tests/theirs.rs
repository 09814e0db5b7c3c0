//! In repositories that have something already: other workflows, another package.

use super::*;

#[test]
fn a_file_that_somebody_else_wrote_is_not_written_over() {
    let workspace = workspace("");
    std::fs::create_dir_all(workspace.folder.path().join(".github/workflows")).expect("a folder");
    std::fs::write(workspace.file("build.yml"), "name: Ours\n").expect("a file");
    let refused = write(from_ref(&workspace.config), true).expect_err("there is one already");
    assert_eq!(refused.exit_code(), 2);
    assert!(refused.to_string().contains(".github/workflows/build.yml was not written by"), "{refused}");
    assert_eq!(std::fs::read_to_string(workspace.file("build.yml")).expect("a file"), "name: Ours\n");
    assert!(!workspace.file("deploy.yml").exists(), "nothing was done");
}

#[test]
fn a_package_that_is_no_member_called_xtask_is_run_by_its_manifest() {
    let workspace = workspace("");
    std::fs::create_dir_all(workspace.folder.path().join("ship")).expect("a folder");
    std::fs::write(workspace.folder.path().join("ship/Cargo.toml"), "[package]\nname = \"ship\"\n").expect("a file");
    let config = configured(
        workspace.folder.path(),
        "[workspace.metadata.xtask.workflows]\nmanifest = \"ship/Cargo.toml\"\nrescan = \"17 5 * * *\"\n",
    );
    for file in render(from_ref(&config), true) {
        let text = file.text.expect("it is rendered");
        assert!(!text.contains("exec cargo xtask ") && !text.contains("--package xtask"), "{text}");
        assert!(text.contains("exec cargo run --quiet --locked --manifest-path ship/Cargo.toml -- "), "{text}");
    }
}
