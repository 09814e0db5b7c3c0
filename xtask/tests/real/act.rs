//! Build Stage with a job for each platform, run by act as it is generated: the jobs and their runners, what they leave for each
//! other, the tag.
//!
//! Of GitHub's own actions no package registry has one: `actions/` holds what stands for checking out, for leaving files and for
//! fetching them. act runs every job on this machine, whatever runner it asks for.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use xtask_sandbox::Sandbox;

use crate::parts::{Ended, Workspace, debian_with, ecr, part, repository, run, succeed, tags, xtask};

const TAG: &str = "v1.0.0";
/// The package `xtask` of the workspace becomes the program that was built here.
const XTASK: &str = "use std::os::unix::process::CommandExt as _;

fn main() {
    let error = std::process::Command::new(PROGRAM).args(std::env::args_os().skip(1)).exec();
    panic!(\"{error}\");
}
";
const LOCK: &str = "version = 4

[[package]]
name = \"app\"
version = \"1.4.0\"

[[package]]
name = \"xtask\"
version = \"0.1.0\"
";
/// A trivy that can look at nothing that is for arm64 while there is such a file.
const TRIVY: &str = "#!/bin/sh
case \"$PWD\" in *linux-arm64) if [ -e FLAG ]; then echo 'no database' >&2; exit 9; fi ;; esac
exec TRIVY \"$@\"
";

/// A repository with a tag that was pushed, the AWS that it ships to, and what a run has left.
struct Stage {
    origin: Workspace,
    sandbox: Sandbox,
    /// act's home, the artifacts, and a folder of tools.
    around: tempfile::TempDir,
}

impl Stage {
    fn begin() -> Self {
        let origin = debian_with(&[("fixture-leaky-tls", "1.2.4-1")]);
        origin.change(&[
            ("{ package = \"app\" }", "\"1.0.0\""),
            ("members = [\"app\"]", "members = [\"app\", \"xtask\"]\nresolver = \"3\""),
            ("dockerfile =", "platforms = [\"linux/amd64\", \"linux/arm64\"]\ndockerfile ="),
            (
                "[workspace.metadata.xtask.services.app]",
                "[workspace.metadata.xtask.workflows]\nmatrix = \"platform\"\nslack = \"none\"\n\n\
                 [workspace.metadata.xtask.services.app]",
            ),
        ]);
        let program = format!("{:?}", env!("CARGO_BIN_EXE_xtask"));
        origin
            .write("Cargo.lock", LOCK)
            .write(".gitignore", "/target\n")
            .write(".cargo/config.toml", "[alias]\nxtask = \"run --quiet --package xtask --\"\n")
            .write("xtask/Cargo.toml", "[package]\nname = \"xtask\"\nversion = \"0.1.0\"\nedition = \"2024\"\n")
            .write("xtask/src/main.rs", &XTASK.replace("PROGRAM", &program));
        let stage = Self { origin, sandbox: ecr(), around: tempfile::tempdir().expect("a temporary folder") };
        succeed(&mut xtask(stage.origin.root(), &stage.sandbox, "", &["workflows"]));
        for words in ["init --quiet --initial-branch main", "add .", "commit --quiet --message One", "tag v1.0.0"] {
            let who = ["-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false"];
            succeed(Command::new("git").args(who).args(words.split(' ')).current_dir(stage.origin.root()));
        }
        for folder in ["home", "artifacts", "tools"] {
            std::fs::create_dir(stage.path(folder)).expect("a folder");
        }
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.around.path().join(name)
    }

    /// Pushes the tag: act runs Build Stage, or what of its matrix these arguments choose.
    fn push(&self, arguments: &[&str]) -> Ended {
        let event = self.path("event.json");
        std::fs::write(&event, json!({ "ref": format!("refs/tags/{TAG}") }).to_string()).expect("a file");
        let mut act = Command::new("act");
        act.args(["push", "--workflows", ".github/workflows/build.yml", "--eventpath"]).arg(event).args(arguments);
        for runner in ["ubuntu-24.04", "ubuntu-24.04-arm"] {
            act.arg("--platform").arg(format!("{runner}=-self-hosted"));
        }
        let build = std::fs::read_to_string(self.origin.root().join(".github/workflows/build.yml")).expect("a file");
        let mut actions: Vec<&str> = build.lines().filter_map(|line| line.trim().strip_prefix("uses: ")).collect();
        actions.sort_unstable();
        actions.dedup();
        for action in actions {
            let (action, _version) = action.split_once(" # ").expect("a version behind its commit");
            let (name, _commit) = action.split_once('@').expect("a commit");
            let stands = repository().join("xtask/tests/real").join(name);
            assert!(stands.exists(), "nothing stands for {name}");
            act.arg("--local-repository").arg(format!("{action}={}", stands.display()));
        }
        let path = format!("{}:{}", self.path("tools").display(), std::env::var("PATH").expect("there is a PATH"));
        let mut variables = vec![
            ("PATH".to_owned(), path),
            ("DOCKER_HOST".to_owned(), part("XTASK_DOCKER_CONTAINERD")),
            ("ORIGIN".to_owned(), self.origin.root().display().to_string()),
            ("ARTIFACTS".to_owned(), self.path("artifacts").display().to_string()),
        ];
        let kept = ["HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "DOCKER_CONFIG"];
        variables.extend(std::env::vars().filter(|(name, _)| kept.contains(&&**name) || name.starts_with("TRIVY_")));
        for (name, value) in self.sandbox.environment().into_iter().chain(variables) {
            let secret = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].contains(&&*name);
            act.arg(if secret { "--secret" } else { "--env" }).arg(format!("{name}={value}"));
        }
        act.current_dir(self.origin.root()).env("HOME", self.path("home")).env_remove("DOCKER_HOST");
        run(&mut act)
    }

    /// The names of what the jobs have left.
    fn artifacts(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path("artifacts")).expect("a folder");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// The architectures under the tag, and how many statements each of their images has attached.
    fn released(&self) -> Vec<(String, usize)> {
        let asked = json!({ "repositoryName": "sample/app", "imageIds": [{ "imageTag": "1.0.0" }],
            "acceptedMediaTypes": ["application/vnd.oci.image.index.v1+json"] });
        let answer = self.sandbox.ecr("BatchGetImage", asked).expect("it is answered");
        let index = answer["images"][0]["imageManifest"].as_str().expect("the tag is there");
        let index: Value = serde_json::from_str(index).expect("an index is JSON");
        let one = |entry: &Value| {
            let asked = json!({ "repositoryName": "sample/app", "subjectId": { "imageDigest": entry["digest"] } });
            let attached = self.sandbox.ecr("ListImageReferrers", asked).expect("it is answered");
            let architecture = entry["platform"]["architecture"].as_str().expect("an architecture").to_owned();
            (architecture, attached["referrers"].as_array().expect("a list").len())
        };
        index["manifests"].as_array().expect("a list").iter().map(one).collect()
    }

    fn changes(&self) -> usize {
        let calls = self.sandbox.calls();
        calls.iter().filter(|call| call.operation.contains("PUT") || call.operation.contains("Put")).count()
    }
}

/// What a job says, by its name, without its colours.
fn of_job(ended: &Ended, job: &str) -> String {
    let prefix = format!("[Build Stage/{job}");
    let lines: Vec<&str> = ended.stdout.lines().filter(|line| line.starts_with(&prefix)).collect();
    let text = lines.join("\n");
    assert!(!text.contains("\u{1b}[2K"), "a line of a job's log is written once: {text}");
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    first + &parts.map(|part| part.split_once('m').map_or(part, |(_, text)| text)).collect::<String>()
}

#[test]
#[ignore = "needs real parts: cargo xtask ci"]
fn act_builds_each_platform_in_a_job_of_its_own_and_the_last_job_puts_one_tag_which_a_second_run_finds() {
    let stage = Stage::begin();
    let ended = stage.push(&[]);
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    for (one, other) in [("linux/amd64", "linux/arm64"), ("linux/arm64", "linux/amd64")] {
        let said = of_job(&ended, &format!("Build {one}"));
        assert!(said.contains(&format!("Passed app ({one})")) && !said.contains(&format!("app ({other})")), "{said}");
        assert!(!said.contains(" Released "), "{said}");
    }
    let last = of_job(&ended, "Release app");
    assert!(last.contains("     Released ") && !last.contains("Building app"), "{last}");
    assert_eq!(stage.released(), [("amd64".to_owned(), 1), ("arm64".to_owned(), 1)]);
    let commit = succeed(Command::new("git").args(["rev-parse", "HEAD"]).current_dir(stage.origin.root()));
    assert_eq!(stage.artifacts(), ["part-linux-amd64", "part-linux-arm64", &format!("xtask-{commit}")]);

    std::fs::remove_dir_all(stage.path("artifacts")).expect("a run has its own");
    std::fs::create_dir(stage.path("artifacts")).expect("a folder");
    let before = stage.changes();
    let again = stage.push(&[]);
    assert_eq!((again.code, stage.changes()), (Some(0), before), "{}\n{}", again.stdout, again.stderr);
    assert_eq!(stage.artifacts(), [format!("xtask-{commit}")], "where the tag is there no job leaves a part");
}

#[test]
#[ignore = "needs real parts: cargo xtask ci"]
fn a_job_of_a_platform_that_fails_keeps_act_from_the_tag_and_that_job_alone_is_run_again() {
    let stage = Stage::begin();
    let trivy = succeed(Command::new("sh").args(["-c", "command -v trivy"]));
    let (tool, flag) = (stage.path("tools/trivy"), stage.path("broken"));
    let script = TRIVY.replace("FLAG", &flag.display().to_string()).replace("TRIVY", &trivy);
    std::fs::write(&tool, script).expect("a file");
    succeed(Command::new("chmod").arg("+x").arg(&tool));
    std::fs::write(&flag, "").expect("a file");

    let ended = stage.push(&[]);
    assert_ne!(ended.code, Some(0), "{}", ended.stdout);
    assert!(of_job(&ended, "Build linux/arm64").contains("no database"), "{}", ended.stdout);
    // act calls both jobs failed, and lets the other one go on as GitHub does.
    assert!(of_job(&ended, "Build linux/amd64").contains("Left app (linux/amd64)"), "{}", ended.stdout);
    assert_eq!((of_job(&ended, "Release app"), tags(&stage.sandbox)), (String::new(), vec![]));
    assert_eq!(stage.artifacts(), ["part-linux-amd64"]);

    // As *Re-run failed jobs* does: what the other job has left is still there.
    std::fs::remove_file(&flag).expect("it was there");
    let again = stage.push(&["--matrix", "platform:linux/arm64"]);
    assert_eq!(again.code, Some(0), "{}\n{}", again.stdout, again.stderr);
    assert_eq!(of_job(&again, "Build linux/amd64"), "");
    assert_eq!(stage.released(), [("amd64".to_owned(), 1), ("arm64".to_owned(), 1)]);
}
