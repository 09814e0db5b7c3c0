//! A throwaway workspace, a sandbox for it, and the built binary run in it with exactly the tools a test names.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;
use xtask_sandbox::{Clock, Fault, Options, Sandbox};

mod editing;
pub mod layout;
mod serving;
pub mod snapshot;

pub use editing::{changing, editing};
pub use serving::{Answer, Asked, serve};

pub use crate::sample::{Change, Workspace, manifest, task_definition};

/// What the binary was told, what it printed, and how it ended.
#[derive(Debug)]
pub struct Run {
    pub args: Vec<String>,
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    #[track_caller]
    pub fn ends(&self, code: i32) -> &Self {
        assert_eq!(self.code, code, "--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// The whole run is the snapshot of this name: the command, stderr, stdout and the exit code.
    #[track_caller]
    pub fn looks_like(&self, name: &str) -> &Self {
        snapshot::compare(&format!("{name}.txt"), &self.to_string());
        self
    }

    /// The same for a run on a clock that nobody turns.
    #[track_caller]
    pub fn looks_like_without_pace(&self, name: &str) -> &Self {
        snapshot::compare(&format!("{name}.txt"), &snapshot::without_pace(&self.to_string()));
        self
    }

    #[track_caller]
    pub fn says(&self, text: &str) -> &Self {
        assert!(self.stderr.contains(text), "stderr does not say `{text}`:\n{}", self.stderr);
        self
    }

    #[track_caller]
    pub fn does_not_say(&self, text: &str) -> &Self {
        assert!(!self.stderr.contains(text), "stderr says `{text}`:\n{}", self.stderr);
        self
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { args, code, stdout, stderr } = self;
        write!(f, "$ cargo xtask {}\n{stderr}", args.join(" "))?;
        if !stdout.is_empty() {
            write!(f, "--- stdout\n{stdout}")?;
        }
        writeln!(f, "--- exit code {code}")
    }
}

/// The sample with a folder of tools that comes first in PATH. The machine's own docker and trivy are out of sight.
impl Workspace {
    fn tools(&self) -> PathBuf {
        self.root().join("tools")
    }

    /// Adds a program of this name that is this script.
    pub fn tool(&self, name: &str, script: &str) -> &Self {
        fs::create_dir_all(self.tools()).expect("a folder for tools");
        let path = self.tools().join(name);
        fs::write(&path, script).expect("the script can be written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("the script can be made executable");
        self
    }

    /// A docker whose buildx writes this layout, whatever it is asked to build.
    pub fn docker_that_builds(&self, layout: &Path) -> &Self {
        self.tool("docker", &include_str!("docker.sh").replace("LAYOUT", &layout.display().to_string()))
    }

    /// A trivy that reads the layout and reports no findings.
    pub fn trivy_that_passes(&self) -> &Self {
        self.tool("trivy", include_str!("trivy.sh"))
    }

    /// An image of one small layer, a docker that builds it and a trivy that passes it.
    pub fn that_releases(&self) -> &Self {
        let layout = self.root().join("built");
        layout::write(&layout, &[b"the only layer"]);
        self.docker_that_builds(&layout).trivy_that_passes()
    }

    /// What git prints in the workspace's folder; a commit is the same wherever its files and its message are.
    pub fn git(&self, args: &[&str]) -> String {
        let day = "2026-11-27T00:00:00Z";
        let output = Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false"])
            .args(args)
            .current_dir(self.root())
            .envs([("GIT_AUTHOR_DATE", day), ("GIT_COMMITTER_DATE", day)])
            .output()
            .expect("git starts");
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("git prints text").trim().to_owned()
    }

    /// Commits these files and returns the commit's hash.
    pub fn commit(&self, message: &str, files: &[&str]) -> String {
        self.git(&["init", "--quiet"]);
        self.git(&[&["add", "--force"], files].concat());
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Runs the binary against a sandbox.
    pub fn xtask(&self, sandbox: &Sandbox, args: &[&str]) -> Run {
        let environment = sandbox.environment();
        let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
        self.xtask_with(&environment, args)
    }

    /// Runs the binary with no other AWS variables than these.
    pub fn xtask_with(&self, environment: &[(&str, &str)], args: &[&str]) -> Run {
        let output = self.command(environment, args).output().expect("the binary starts");
        Run {
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The binary, ready to start.
    pub fn command(&self, environment: &[(&str, &str)], args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        for (name, _) in std::env::vars() {
            let foreign = ["AWS_", "XTASK_", "TRIVY_", "DOCKER_", "BUILDX_", "GITHUB_", "SLACK_", "CARGO_TARGET_DIR"];
            if foreign.iter().any(|prefix| name.starts_with(prefix)) || ["CI", "COLUMNS"].contains(&&*name) {
                command.env_remove(name);
            }
        }
        command
            .args(args)
            .current_dir(self.root())
            .env("PATH", self.path())
            .env("HOME", self.root())
            .env("NO_COLOR", "1")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            // The stand-in for trivy has no database to fetch.
            .env("TRIVY_SKIP_DB_UPDATE", "true")
            .envs(environment.iter().copied())
            .stdin(Stdio::null());
        command
    }

    /// PATH with the workspace's tools first, and folders that hold a docker or a trivy seen without them.
    fn path(&self) -> std::ffi::OsString {
        let mut folders = vec![self.tools()];
        for (number, folder) in std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).enumerate() {
            if ["docker", "trivy"].iter().any(|name| folder.join(name).exists()) {
                folders.push(self.without_tools(&folder, number));
            } else {
                folders.push(folder);
            }
        }
        std::env::join_paths(folders).expect("no folder's name holds a colon")
    }

    fn without_tools(&self, folder: &Path, number: usize) -> PathBuf {
        let shadow = self.root().join(format!("shadow-{number}"));
        if shadow.exists() {
            return shadow;
        }
        fs::create_dir(&shadow).expect("a folder can be made");
        for entry in fs::read_dir(folder).expect("PATH's folder can be read").flatten() {
            if entry.file_name() != "docker" && entry.file_name() != "trivy" {
                symlink(entry.path(), shadow.join(entry.file_name())).expect("a link can be made");
            }
        }
        shadow
    }
}

/// A sandbox furnished for the sample; its clock moves two seconds at every look.
pub fn sandbox(faults: Vec<Fault>) -> Sandbox {
    sandbox_with_looks_of(2, faults)
}

/// Its clock moves so many seconds at every look.
pub fn sandbox_with_looks_of(seconds: u64, faults: Vec<Fault>) -> Sandbox {
    let clock = Clock::PerLook(std::time::Duration::from_secs(seconds));
    let sandbox = Sandbox::start(Options { clock, ..Options::default() }).expect("loopback can be listened on");
    let mut first = task_definition();
    first["containerDefinitions"][0]["image"] = json!("public.ecr.aws/docker/library/app:before");
    sandbox
        .furnish(&["sample/app"], &[("sample", "app", first)])
        .unwrap_or_else(|error| panic!("the sandbox is furnished: {} {}", error.code, error.message));
    for fault in faults {
        sandbox.inject(fault);
    }
    sandbox
}

/// The digest under a tag in the sandbox's ECR, if there is one.
pub fn tagged(sandbox: &Sandbox, repository: &str, tag: &str) -> Option<String> {
    let answer = sandbox
        .ecr("BatchGetImage", json!({ "repositoryName": repository, "imageIds": [{ "imageTag": tag }] }))
        .unwrap_or_else(|error| panic!("BatchGetImage: {} {}", error.code, error.message));
    Some(answer["images"].get(0)?["imageId"]["imageDigest"].as_str()?.to_owned())
}

/// How often a call was made, such as `ecs:UpdateService`.
pub fn calls(sandbox: &Sandbox, operation: &str) -> usize {
    sandbox.calls().iter().filter(|call| call.operation == operation).count()
}

/// Sends a signal, such as `-INT`, with the shell's own kill: Debian's base has no program of that name.
pub fn send(signal: &str, to: &std::process::Child) {
    kill(signal, to.id());
}

/// The same by the number of the process.
pub fn kill(signal: &str, process: u32) {
    let kill = format!("kill {signal} {process}");
    let status = Command::new("sh").args(["-c", &kill]).status().expect("sh runs");
    assert!(status.success(), "`{kill}` failed");
}
