//! The workspace of the tests: one image, one service, as a team would write them.

#![allow(dead_code, reason = "each program of tests uses its part")]

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

pub const MANIFEST: &str = r#"[workspace]
members = ["app"]

[workspace.metadata.xtask]
account = "123456789012"
region = "ap-northeast-1"

[workspace.metadata.xtask.images.app]
repository = "sample/app"
tag = { package = "app" }
dockerfile = "app/Dockerfile"

[workspace.metadata.xtask.services.app]
cluster = "sample"
task-definition = "app/ecs/task-definition.json"
containers = { app = "app" }
rollout = { deadline = "20s", poll = "10ms" }
"#;

/// How a test's Cargo.toml differs from the sample's: what stands there, and what takes its place.
pub type Change<'a> = (&'a str, &'a str);

/// The sample's Cargo.toml with these changes, each made once.
pub fn manifest(changes: &[Change]) -> String {
    changes.iter().fold(MANIFEST.to_owned(), |text, (old, new)| {
        assert!(text.contains(old), "the sample has no `{old}`:\n{text}");
        text.replacen(old, new, 1)
    })
}

/// A workspace in a folder of its own, which goes with it.
pub struct Workspace {
    folder: TempDir,
}

impl Workspace {
    pub fn sample() -> Self {
        Self::with(&[])
    }

    /// The sample with these changes.
    pub fn with(changes: &[Change]) -> Self {
        Self::of(&manifest(changes))
    }

    /// The sample's files under another Cargo.toml.
    pub fn of(manifest: &str) -> Self {
        let workspace = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        workspace
            .write("Cargo.toml", manifest)
            .write("app/Cargo.toml", "[package]\nname = \"app\"\nversion = \"1.4.0\"\nedition = \"2024\"\n")
            .write("app/src/main.rs", "fn main() {}\n")
            .write("app/Dockerfile", "FROM scratch\nCOPY app /app\n")
            .write("app/ecs/task-definition.json", &task_definition().to_string());
        workspace
    }

    /// From now on the sample with these changes.
    pub fn change(&self, changes: &[Change]) -> &Self {
        self.write("Cargo.toml", &manifest(changes))
    }

    pub fn write(&self, path: &str, text: &str) -> &Self {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("the folder can be made");
        fs::write(path, text).expect("the file can be written");
        self
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }
}

/// A Fargate task definition with one container, `app`.
pub fn task_definition() -> Value {
    json!({
        "family": "app",
        "cpu": "256",
        "memory": "512",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "executionRoleArn": "arn:aws:iam::123456789012:role/ecs",
        "containerDefinitions": [{
            "name": "app",
            "image": "replaced",
            "essential": true,
            "portMappings": [{ "containerPort": 8080 }],
            "environment": [{ "name": "RUST_LOG", "value": "info" }],
        }],
    })
}
