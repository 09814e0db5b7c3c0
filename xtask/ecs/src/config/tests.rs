//! Workspaces in temporary folders, and what [`load`] says of them.

mod diagnostics;
mod effective;
mod fuzz;
mod workspaces;

use std::path::Path;

use super::{Loaded, load};

/// A configuration without a fault; what tests spoil.
const GOOD: &str = r#"[workspace]
members = ["app"]

[workspace.package]
version = "1.4.0"

[workspace.metadata.xtask]
account = "123456789012"
region = "ap-northeast-1"

[workspace.metadata.xtask.images.app]
repository = "sample/app"
tag = "1.4.0"
dockerfile = "app/Dockerfile"

[workspace.metadata.xtask.services.app]
cluster = "sample"
task-definition = "app/ecs/task-definition.json"
containers = { app = "app" }
"#;

/// A folder with these files, beside the ones that [`GOOD`] names.
fn workspace(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let usual = [
        ("Cargo.toml", GOOD),
        ("app/Cargo.toml", "[package]\nname = \"app\"\nversion.workspace = true\n"),
        ("app/Dockerfile", "FROM scratch\n"),
        ("app/ecs/task-definition.json", "{}\n"),
    ];
    for (path, text) in usual.iter().chain(files) {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

/// An environment in which nothing is set.
fn nothing(_: &str) -> Option<String> {
    None
}

fn loaded(folder: &Path) -> Loaded {
    load(folder, &nothing).unwrap_or_else(|errors| panic!("{}", errors.render()))
}

/// What is wrong with [`GOOD`] after these replacements.
fn errors(replacements: &[(&str, &str)]) -> String {
    let mut manifest = GOOD.to_owned();
    for (old, new) in replacements {
        assert!(manifest.contains(old), "{old} is not in the manifest");
        manifest = manifest.replacen(old, new, 1);
    }
    errors_of(&manifest)
}

/// What is wrong with this Cargo.toml; the folder's path, which differs from run to run, is `ROOT`.
fn errors_of(manifest: &str) -> String {
    let folder = workspace(&[("Cargo.toml", manifest)]);
    let errors = load(folder.path(), &nothing).expect_err("the configuration is faulty");
    errors.render().replace(&folder.path().display().to_string(), "ROOT")
}
