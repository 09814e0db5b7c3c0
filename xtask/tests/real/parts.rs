//! What the tests on real parts share. `cargo xtask ci` starts the parts and says in the environment where they are.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use xtask_sandbox::{Options, Sandbox};

pub use crate::sample::Workspace;

/// A variable that `cargo xtask ci` sets.
pub fn part(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run this test through `cargo xtask ci`"))
}

/// This repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace").to_owned()
}

/// An ECR with the repository `sample/app`.
pub fn ecr() -> Sandbox {
    let sandbox = Sandbox::start(Options::default()).expect("a sandbox starts");
    sandbox.furnish(&["sample/app"], &[]).expect("a repository is made");
    sandbox
}

/// The tags of `sample/app`.
pub fn tags(sandbox: &Sandbox) -> Vec<String> {
    let images = sandbox.ecr("ListImages", json!({ "repositoryName": "sample/app" })).expect("images are listed");
    let images = images["imageIds"].as_array().expect("a list");
    images.iter().filter_map(|image| Some(image["imageTag"].as_str()?.to_owned())).collect()
}

/// The manifest without its tables that pin a trivy: the one that is here is a real part.
fn without_pin(manifest: &str) -> String {
    let mut in_pin = false;
    let mut kept = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            in_pin = line.starts_with("[workspace.metadata.xtask.scan.trivy");
        }
        if !in_pin {
            kept.push(line);
        }
    }
    kept.join("\n") + "\n"
}

/// The sample with this Dockerfile and these files, relative paths and contents.
pub fn workspace(dockerfile: &str, files: &[(&str, &str)]) -> Workspace {
    let workspace = Workspace::with(&[("{ package = \"app\" }", "\"1.0.0\"")]);
    workspace.write("app/Dockerfile", dockerfile);
    for (path, text) in files {
        workspace.write(path, text);
    }
    workspace
}

impl Workspace {
    /// A copy of this repository's app, in a workspace of its own. Its image is configured by these lines.
    pub fn of_app(image: &str) -> Self {
        let repository = repository();
        let manifest = std::fs::read_to_string(repository.join("Cargo.toml")).expect("the workspace has a manifest");
        let replace = |text: String, old: &str, new: &str| {
            assert!(text.contains(old), "Cargo.toml has no `{old}` any more");
            text.replace(old, new)
        };
        let members = manifest.lines().find(|line| line.starts_with("members = ")).expect("it has members").to_owned();
        let manifest = replace(manifest, &members, r#"members = ["app"]"#);
        let manifest = replace(manifest, "dockerfile = \"app/Dockerfile\"\nbinaries = [\"app\"]", image);
        let workspace = Self::of(&without_pin(&manifest));
        let mut copy = Command::new("cp");
        succeed(
            copy.arg("--recursive").args([repository.join("app"), repository.join("Cargo.lock")]).arg(workspace.root()),
        );
        workspace.lock();
        workspace
    }

    /// Brings Cargo.lock up to date with the manifests; what it has locked stays. The app needs crates, so cargo may
    /// ask the registry: its cache on this machine need not know them.
    fn lock(&self) {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        succeed(cargo.args(["update", "--workspace"]).current_dir(self.root()));
    }

    /// Makes a crate of this name and version a dependency of the app.
    pub fn depend_on(&self, name: &str, version: &str) {
        let manifest = format!("[package]\nname = \"{name}\"\nversion = \"{version}\"\nedition = \"2024\"\n");
        self.write(&format!("{name}/src/lib.rs"), "").write(&format!("{name}/Cargo.toml"), &manifest);
        let app = std::fs::read_to_string(self.root().join("app/Cargo.toml")).expect("the app has a manifest");
        let dependency = format!("[dependencies]\n{name} = {{ path = \"../{name}\" }}\n");
        self.write("app/Cargo.toml", &app.replace("[dependencies]\n", &dependency));
        self.lock();
    }

    /// Where the layout of its image is after a build.
    pub fn layout(&self) -> PathBuf {
        self.root().join("target/xtask/images/app/layout")
    }
}

/// A workspace whose image is Debian 12 with these packages, in two layers. The tests' own database knows some.
pub fn debian_with(packages: &[(&str, &str)]) -> Workspace {
    let status: Vec<String> = packages
        .iter()
        .map(|(name, version)| {
            format!(
                "Package: {name}\nStatus: install ok installed\nPriority: optional\nSection: libs\n\
                 Maintainer: Nobody <nobody@example.invalid>\nArchitecture: amd64\nVersion: {version}\n\
                 Description: fixture\n\n"
            )
        })
        .collect();
    workspace(
        "FROM scratch\nCOPY base /\nCOPY packages /\n",
        &[
            ("base/etc/os-release", "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"),
            ("base/etc/debian_version", "12.11\n"),
            ("packages/var/lib/dpkg/status", &status.concat()),
        ],
    )
}

/// `xtask ARGUMENTS` in a folder, against this sandbox and this engine.
pub fn xtask(folder: &Path, sandbox: &Sandbox, docker_host: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command
        .args(arguments)
        .current_dir(folder)
        .envs(sandbox.environment())
        .env("DOCKER_HOST", docker_host)
        .env_remove("CARGO_TARGET_DIR");
    command
}

/// An ended program in words.
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

pub fn run(command: &mut Command) -> Ended {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ended { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

/// Runs a program that must end well, and returns its trimmed stdout.
#[track_caller]
pub fn succeed(command: &mut Command) -> String {
    let ended = run(command);
    assert_eq!(ended.code, Some(0), "{command:?}\n{}{}", ended.stdout, ended.stderr);
    ended.stdout.trim().to_owned()
}

/// docker for one engine, with a configuration folder of its own.
pub struct Docker {
    host: String,
    configuration: tempfile::TempDir,
}

impl Docker {
    pub fn new(host: &str) -> Self {
        Self { host: host.to_owned(), configuration: tempfile::tempdir().expect("a temporary folder") }
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command.arg("--config").arg(self.configuration.path()).args(["--host", &self.host]).args(arguments);
        command
    }

    /// Logs in to the sandbox as its users do: with the password that the AWS CLI gets.
    pub fn log_in(&self, sandbox: &Sandbox) {
        let password = succeed(Command::new("aws").args(["ecr", "get-login-password"]).envs(sandbox.environment()));
        let registry = sandbox.registry();
        let mut log_in = self.command(&["login", "--username", "AWS", "--password-stdin", &registry]);
        let log_in = log_in.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = log_in.spawn().expect("docker starts");
        child.stdin.take().expect("a pipe").write_all(password.as_bytes()).expect("docker reads the password");
        let ended = child.wait_with_output().expect("docker ends");
        assert!(ended.status.success(), "docker login: {}", String::from_utf8_lossy(&ended.stderr));
    }

    /// Starts a container as ECS would start the app: read-only, port 8080 published. Waits until it listens.
    pub fn start(&self, image: &str) -> Container<'_> {
        let name =
            succeed(&mut self.command(&["run", "--detach", "--read-only", "--publish", "127.0.0.1::8080", image]));
        let container = Container { docker: self, name };
        let mut logs = self.command(&["logs", "--follow", &container.name]);
        let mut logs = logs.stderr(Stdio::piped()).spawn().expect("docker starts");
        let lines = BufReader::new(logs.stderr.take().expect("a pipe")).lines();
        let listens = lines.map_while(Result::ok).any(|line| line.contains("listens on port"));
        logs.kill().expect("docker logs is stopped");
        logs.wait().expect("docker logs ends");
        assert!(listens, "the container ended before it listened");
        container
    }
}

/// A running container. Dropping it removes it.
pub struct Container<'a> {
    docker: &'a Docker,
    name: String,
}

impl Container<'_> {
    /// The response to a GET request from outside the container.
    pub fn get(&self, path: &str) -> String {
        let address = succeed(&mut self.docker.command(&["port", &self.name, "8080/tcp"]));
        let mut stream = TcpStream::connect(&address).expect("the published port answers");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").expect("the app reads");
        let mut response = String::new();
        stream.read_to_string(&mut response).expect("the app answers");
        response
    }

    /// The exit code of a program run inside the container.
    pub fn exec(&self, arguments: &[&str]) -> Option<i32> {
        run(self.docker.command(&["exec", &self.name]).args(arguments)).code
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        run(&mut self.docker.command(&["rm", "--force", &self.name]));
    }
}

/// The manifest's descriptor in a layout's index.json.
pub fn manifest_of(layout: &Path) -> Value {
    let index = std::fs::read(layout.join("index.json")).expect("a layout has an index");
    let index: Value = serde_json::from_slice(&index).expect("the index is JSON");
    index["manifests"][0].clone()
}
