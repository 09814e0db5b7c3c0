//! What people and other programs see of a run: GitHub's log, outputs and summary, Slack, the workflows, a fetched trivy.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};

use crate::shift;
use crate::support::{Run, Workspace, calls, layout, manifest, sandbox, snapshot, tagged};
use serde_json::Value;
use xtask_sandbox::Sandbox;

/// An HTTP server that gives each path its answer, for as long as the test runs.
struct Server {
    port: u16,
    bodies: Receiver<(String, Vec<u8>)>,
}

impl Server {
    fn start(answer: impl Fn(&str) -> Option<Vec<u8>> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let (sender, bodies) = channel();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
                let mut lines = Vec::new();
                loop {
                    let mut line = String::new();
                    match reader.read_line(&mut line) {
                        Ok(2..) => lines.push(line.trim_end().to_lowercase()),
                        _ => break,
                    }
                    if lines.last().is_some_and(String::is_empty) {
                        break;
                    }
                }
                let length = lines.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
                let mut body = vec![0; length.unwrap_or(0)];
                if reader.read_exact(&mut body).is_err() {
                    continue;
                }
                let path = lines.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default().to_owned();
                let (status, answer) = answer(&path).map_or((404, b"no".to_vec()), |answer| (200, answer));
                drop(sender.send((path, body)));
                let head =
                    format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", answer.len());
                drop(stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&answer)));
            }
        });
        Self { port, bodies }
    }
}

/// Runs with the sandbox's variables and these.
fn run(workspace: &Workspace, sandbox: &Sandbox, more: &[(&str, &str)], args: &[&str]) -> Run {
    let environment = sandbox.environment();
    let mut environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
    environment.extend_from_slice(more);
    workspace.xtask_with(&environment, args)
}

/// As in a job: the run, and what it wrote for GitHub.
fn run_in_github(workspace: &Workspace, sandbox: &Sandbox, args: &[&str]) -> (Run, String, String) {
    let file = |name: &str| workspace.root().join(name).display().to_string();
    let (output, summary) = (file("github-output"), file("github-summary"));
    let variables = [("GITHUB_ACTIONS", "true"), ("GITHUB_OUTPUT", &*output), ("GITHUB_STEP_SUMMARY", &*summary)];
    let run = run(workspace, sandbox, &variables, args);
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    (run, read(&output), read(&summary))
}

#[test]
fn a_release_in_a_job_groups_its_steps_masks_first_and_leaves_outputs_and_a_summary() {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.that_releases();
    let (run, output, summary) = run_in_github(&workspace, &sandbox, &["release"]);
    run.ends(0).says("::group::Build app\n").says("::group::Scan app\n").says("::endgroup::\n");
    run.looks_like("github/release");
    assert!(run.stderr.starts_with("::add-mask::"), "{}", run.stderr);
    let digest = tagged(&sandbox, "sample/app", "1.4.0").expect("the tag is in ECR");
    assert_eq!(run.stdout, format!("app {}/sample/app@{digest}\n", sandbox.registry()));
    let reference = "app-reference<<xtask-";
    assert!(output.contains("outcome<<xtask-") && output.contains(reference), "{output}");
    assert_eq!(output.matches(&format!("\n{digest}\n")).count(), 2, "{output}");
    snapshot::compare("github/release-outputs.txt", &output);
    snapshot::compare("github/release-summary.md", &summary);
    assert!(summary.starts_with("## ✅ release: released"), "{summary}");
    assert!(summary.contains(&format!("<code>{digest}</code>")), "{summary}");
}

#[test]
fn a_deploy_in_a_job_leaves_its_outcome_and_its_timeline() {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.that_releases();
    workspace.xtask(&sandbox, &["release"]).ends(0);
    let (run, output, summary) = run_in_github(&workspace, &sandbox, &["deploy"]);
    run.ends(0).looks_like("github/deploy");
    snapshot::compare("github/deploy-outputs.txt", &output);
    let (page, picture) = apart(&summary);
    snapshot::compare("github/deploy-summary.md", &page);
    assert!(picture.contains("    section app#58;2\n") && picture.contains("    2 of 2 :active, "), "{picture}");
    assert!(picture.contains("    SUCCESSFUL :done, ") && !picture.contains("crit"), "{picture}");
    assert!(output.contains("\ndeployed\n"), "{output}");
    assert!(summary.contains("### Rollout of app\n") && summary.contains("| 0:0"), "{summary}");
}

/// A summary without its picture, which is of as many looks as there was time for, and the picture.
fn apart(summary: &str) -> (String, String) {
    let (before, rest) = summary.split_once("```mermaid\n").expect("there is a picture");
    let (picture, after) = rest.split_once("```\n").expect("it ends");
    (format!("{before}[PICTURE]\n{after}"), picture.to_owned())
}

#[test]
fn a_rollout_that_fails_in_its_bake_is_drawn_with_its_stages_its_weights_and_where_it_failed() {
    let (workspace, sandbox) = shift::alarm();
    let (run, _, summary) = run_in_github(&workspace, &sandbox, &["deploy"]);
    run.ends(4);
    let (page, picture) = apart(&summary);
    assert!(picture.starts_with("gantt\n    title Rollout of app\n"), "{picture}");
    for row in [
        "    BAKE_TIME :crit, 2001-01-01 00:0",
        "    production 100 #37;, test 0 #37; :2001-01-01 00:0",
        "    section app#58;2\n",
        "    section before\n    2 :done, ",
        "    alarm app-5xx :crit, milestone, ",
        "    rolled-back, app#58;2 :crit, milestone, ",
    ] {
        assert!(picture.contains(row), "{row}\n{picture}");
    }
    assert!(!picture.contains("    task "), "a task that the rollback stopped did not fail: {picture}");
    assert!(page.contains("[PICTURE]\n\n| Time | What |"), "{page}");
}

#[test]
fn a_fault_in_the_configuration_is_annotated_where_it_is() {
    let workspace = Workspace::with(&[("tag =", "tagg =")]);
    let (run, output, summary) = run_in_github(&workspace, &sandbox(vec![]), &["release"]);
    run.ends(2)
        .says("::error file=Cargo.toml,line=10,col=1::unknown key `tagg`\n")
        .looks_like("github/mistake-in-the-configuration");
    assert!(output.contains("\ninvalid\n"), "{output}");
    assert!(summary.contains("Exit code 2."), "{summary}");
}

#[test]
fn slack_is_told_once_and_never_what_it_must_not_know() {
    let slack = Server::start(|_| Some(b"ok".to_vec()));
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.that_releases();
    let hook = format!("http://127.0.0.1:{}/services/hunter2", slack.port);
    run(&workspace, &sandbox, &[("SLACK_WEBHOOK_URL", &hook)], &["release"]).ends(0).does_not_say("hunter2");
    let (path, body) = slack.bodies.recv().expect("a message");
    assert_eq!(path, "/services/hunter2");
    let message: Value = serde_json::from_slice(&body).expect("a message is JSON");
    let pretty = serde_json::to_string_pretty(&message).expect("JSON is text");
    snapshot::compare("slack/released.json", &format!("{pretty}\n"));
    assert_eq!(message["text"], "✅ Released: app 1.4.0");
    let digest = tagged(&sandbox, "sample/app", "1.4.0").expect("the tag is in ECR");
    assert!(message["blocks"].to_string().contains(&digest), "{message}");
    assert!(slack.bodies.try_recv().is_err(), "there was a second message");
}

#[test]
fn a_dead_slack_is_a_warning_and_changes_no_exit_code() {
    let dead = [("SLACK_WEBHOOK_URL", "http://127.0.0.1:1/services/hunter2")];
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.that_releases();
    let warning = "warning: the slack reader stopped: Slack cannot be reached";
    run(&workspace, &sandbox, &dead, &["release"])
        .ends(0)
        .says(warning)
        .does_not_say("hunter2")
        .looks_like("slack/unreachable");
    assert_eq!(calls(&sandbox, "ecr:PutImage"), 1);
    let broken = Workspace::with(&[("tag =", "tagg =")]);
    run(&broken, &sandbox, &dead, &["release"]).ends(2).says(warning);
}

#[test]
fn the_workflows_are_written_and_a_change_by_hand_is_shown() {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace
        .xtask(&sandbox, &["workflows", "--check"])
        .ends(2)
        .says(".github/workflows/build.yml is missing")
        .looks_like("workflows/check-finds-them-missing");
    workspace
        .xtask(&sandbox, &["workflows"])
        .ends(0)
        .says("Wrote .github/workflows/deploy.yml")
        .looks_like("workflows/written");
    for name in ["build.yml", "deploy.yml", "ci.yml"] {
        let written = std::fs::read_to_string(workspace.root().join(".github/workflows").join(name));
        snapshot::compare(&format!("workflows/{name}"), &written.expect("it was written"));
    }
    workspace.xtask(&sandbox, &["workflows", "--check"]).ends(0);
    let file = workspace.root().join(".github/workflows/ci.yml");
    let text = std::fs::read_to_string(&file).expect("it was written");
    workspace.write(".github/workflows/ci.yml", &text.replace("cancel-in-progress: true", "cancel-in-progress: false"));
    let check = workspace.xtask(&sandbox, &["workflows", "--check"]);
    check
        .ends(2)
        .says("-   cancel-in-progress: false\n")
        .says("+   cancel-in-progress: true\n")
        .does_not_say("build.yml")
        .looks_like("workflows/check-finds-a-difference");
}

/// A release archive with the tests' trivy in it, and its SHA-256.
fn trivy_archive() -> (Vec<u8>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let put = std::fs::write(folder.path().join("trivy"), include_str!("support/trivy.sh"));
    put.expect("the program can be written");
    let mut tar = Command::new("tar");
    let tar = tar.args(["-czf", "trivy.tar.gz", "trivy"]).current_dir(folder.path()).status().expect("tar starts");
    assert!(tar.success());
    let archive = std::fs::read(folder.path().join("trivy.tar.gz")).expect("it was written");
    let hash = layout::sha256(&archive);
    (archive, hash)
}

#[test]
fn where_there_is_no_trivy_the_pinned_one_is_fetched_checked_and_scans() {
    let (archive, hash) = trivy_archive();
    let releases = Server::start(move |path| path.ends_with(".tar.gz").then(|| archive.clone()));
    let platform = format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS);
    let pinned = |hash: &str| {
        let url = format!("http://127.0.0.1:{}/{{version}}/trivy_{{os}}-{{arch}}.tar.gz", releases.port);
        let hashes = if hash.is_empty() { String::new() } else { format!("{platform} = \"{hash}\"") };
        let table = format!("\n[workspace.metadata.xtask.scan.trivy]\nversion = \"0.76.0\"\nurl = \"{url}\"\n");
        let workspace = Workspace::of(&format!("{}{table}sha256 = {{ {hashes} }}\n", manifest(&[])));
        workspace.that_releases();
        std::fs::remove_file(workspace.root().join("tools/trivy")).expect("it was there");
        workspace
    };
    let sandbox = sandbox(vec![]);

    let without = pinned("");
    without.xtask(&sandbox, &["release"]).ends(2).says("`cargo xtask tools pin trivy 0.76.0` prints the hashes");
    let wrong = pinned(&"0".repeat(64));
    wrong.xtask(&sandbox, &["release"]).ends(1).says("is not the pinned one; nothing of it was run").says(&hash);
    assert_eq!(tagged(&sandbox, "sample/app", "1.4.0"), None);

    let right = pinned(&hash);
    right.xtask(&sandbox, &["release"]).ends(0).says("Fetching trivy 0.76.0 from http://127.0.0.1:");
    assert!(tagged(&sandbox, "sample/app", "1.4.0").is_some());
}

#[test]
fn pinning_prints_the_table_on_stdout_and_what_it_rests_on_on_stderr() {
    let (archive, hash) = trivy_archive();
    let releases = Server::start(move |path| path.ends_with(".tar.gz").then(|| archive.clone()));
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    let url = format!("http://127.0.0.1:{}/{{version}}/trivy_{{os}}-{{arch}}.tar.gz", releases.port);
    let run = workspace.xtask(&sandbox, &["tools", "pin", "trivy", "0.76.0", "--url", &url]);
    run.ends(0).says("Trusted the release has no list of checksums").looks_like("tools/pin-trivy");
    assert!(run.stdout.starts_with("[workspace.metadata.xtask.scan.trivy]\nversion = \"0.76.0\"\n"), "{}", run.stdout);
    assert!(run.stdout.contains(&format!("x86_64-linux = \"{hash}\"\n")), "{}", run.stdout);
    workspace.xtask(&sandbox, &["tools", "pin", "trivy", "0.69.5"]).ends(2).says("published by an attacker");
}
