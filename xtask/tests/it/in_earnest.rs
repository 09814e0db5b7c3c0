//! What is only found when a container runs in earnest, before AWS.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use xtask_sandbox::{Clock, Options, Runner, Sandbox};

use crate::support::{Run, Workspace, send, task_definition};

/// Wants a database, listens on a port, has a health command and a migration.
const APP: &str = r#"
fn main() {
    let Ok(url) = std::env::var("DATABASE_URL") else {
        eprintln!("DATABASE_URL is not set");
        std::process::exit(3)
    };
    match std::env::args().nth(1).as_deref() {
        Some("--health") => return,
        Some("migrate") => std::process::exit(if url.ends_with("/empty") { 0 } else { 5 }),
        _ => println!("connected to {url}"),
    }
    let port = std::env::var("PORT").map_or(8080, |port| port.parse().unwrap());
    for connection in std::net::TcpListener::bind(("0.0.0.0", port)).unwrap().incoming() {
        drop(connection);
    }
}
"#;

const URL: &str = "db://here/empty";
const SECRET: &str = "arn:aws:secretsmanager:ap-northeast-1:123456789012:secret:url";

/// The sample with that program, built without docker, with a migration that its service does not need yet.
fn workspace() -> Workspace {
    let workspace = Workspace::sample();
    configure(&workspace, "");
    workspace
        .trivy_that_passes()
        .write("Cargo.lock", "version = 4\n\n[[package]]\nname = \"app\"\nversion = \"1.4.0\"\n")
        .write("app/src/main.rs", APP);
    with_container(&workspace, |_| {});
    workspace
}

/// Its service with further keys.
fn configure(workspace: &Workspace, keys: &str) {
    let tasks = "[workspace.metadata.xtask.tasks.migrate]\nservice = \"app\"\ncommand = [\"migrate\"]\n";
    let table = format!("rollout = {{ deadline = \"3m\", poll = \"50ms\", log-lines = 5 }}\n{keys}\n\n{tasks}");
    workspace.change(&[
        ("[\"app\"]", "[\"app\"]\nresolver = \"3\""),
        ("dockerfile = \"app/Dockerfile\"", "package = \"app\"\nexpect = [\"debian\"]"),
        ("rollout = { deadline = \"20s\", poll = \"10ms\" }\n", &table),
    ]);
}

/// Its container changed like this.
fn with_container(workspace: &Workspace, change: impl Fn(&mut Value)) {
    let mut document = task_definition();
    let container = &mut document["containerDefinitions"][0];
    container["environment"] = json!([{ "name": "DATABASE_URL", "value": URL }]);
    container["portMappings"] = json!([{ "containerPort": 8080 }]);
    container["readonlyRootFilesystem"] = json!(true);
    container["user"] = json!("65532");
    container["stopTimeout"] = json!(1);
    container["healthCheck"] =
        json!({ "command": ["CMD", "/usr/local/bin/app", "--health"], "interval": 5, "retries": 2 });
    container["logConfiguration"] = json!({ "logDriver": "awslogs", "options": { "awslogs-group": "/ecs/app",
        "awslogs-region": "ap-northeast-1", "awslogs-stream-prefix": "app" } });
    change(container);
    workspace.write("app/ecs/task-definition.json", &document.to_string());
}

/// A way of running containers that this machine has.
struct Way {
    runner: Runner,
    flag: &'static str,
    /// A docker that finds the engine.
    docker: Option<String>,
}

impl Way {
    fn workspace(&self) -> Workspace {
        let workspace = workspace();
        if let Some(script) = &self.docker {
            workspace.tool("docker", script);
        }
        workspace
    }

    /// Three hundred times as fast as the real one.
    fn sandbox(&self) -> Sandbox {
        let options = Options { clock: Clock::Scaled(300), run: Some(self.runner.clone()), ..Options::default() };
        let sandbox = Sandbox::start(options).unwrap();
        let mut first = task_definition();
        first["containerDefinitions"][0]["image"] = json!("public.ecr.aws/docker/library/app:before");
        sandbox.furnish(&["sample/app"], &[("sample", "app", first)]).unwrap();
        sandbox
    }
}

/// Each way that there is here; docker's engine is that of `cargo xtask ci`, where it started one. What was not tested is said.
#[expect(clippy::print_stderr, reason = "what was not tested is said")]
fn each_way(test: impl Fn(&Way)) {
    let lacks = |name: &str, why: String| eprintln!("not tested here with {name}: {why}");
    match Runner::namespaces() {
        Ok(runner) => test(&Way { runner, flag: "--run=namespaces", docker: None }),
        Err(why) => lacks("namespaces", why),
    }
    let host = std::env::var("XTASK_DOCKER_CONTAINERD").or_else(|_| std::env::var("DOCKER_HOST")).ok();
    match Runner::docker(host.as_deref()) {
        Ok(runner) => test(&Way { runner, flag: "--run=docker", docker: Some(docker_at(host.as_deref())) }),
        Err(why) => lacks("docker", why),
    }
}

/// A script that is docker for this engine, and writes down beside it what it is told.
fn docker_at(host: Option<&str>) -> String {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let docker = std::env::split_paths(&folders).map(|folder| folder.join("docker")).find(|file| file.exists());
    let docker = docker.expect("it just answered").display().to_string();
    let host = host.map(|host| format!("DOCKER_HOST='{host}'")).unwrap_or_default();
    format!("#!/bin/sh\necho \"$*\" >> \"${{0%/*}}/words\"\n{host} exec '{docker}' \"$@\"\n")
}

#[test]
fn a_rehearsal_in_earnest_deploys_what_is_well_with_a_secret_that_a_seed_gives() {
    each_way(deploys_what_is_well);
}

fn deploys_what_is_well(way: &Way) {
    let workspace = way.workspace();
    with_container(&workspace, |container| {
        container["environment"] = json!([]);
        container["secrets"] = json!([{ "name": "DATABASE_URL", "valueFrom": SECRET }]);
    });
    workspace.write("seed.json", &json!({ "secretsmanager": { "url": URL } }).to_string());
    let run = workspace.xtask_with(&[], &["rehearse", way.flag, "--seed", "seed.json"]);
    let running = format!("Running the released containers in earnest {}, with no network", way.runner);
    run.ends(0).says(&running).says("Deployed app: app:2").does_not_say(URL);
    let told = std::fs::read_to_string(workspace.root().join("tools/words")).unwrap_or_default();
    assert_eq!(told.contains("create --name"), way.docker.is_some(), "{told}");
    assert!(!told.contains(URL), "the secret is on no command line: {told}");
}

#[test]
fn an_engine_that_cannot_reach_this_machine_is_handed_the_image() {
    each_way(|way| {
        let Some(script) = &way.docker else { return };
        let workspace = way.workspace();
        let refused = "pull) echo 'dial tcp 127.0.0.1: connection refused' >&2; exit 1 ;; load) : > handed ;;";
        workspace.tool("docker", &script.replacen('\n', &format!("\ncase $1 in {refused} esac\n"), 1));
        workspace.xtask_with(&[], &["rehearse", way.flag]).ends(0).says("Deployed app: app:2");
        assert!(workspace.root().join("handed").exists());
    });
}

#[test]
fn docker_alone_is_not_replaced_by_namespaces_where_no_engine_answers() {
    let workspace = workspace();
    let run = workspace.xtask_with(&[], &["rehearse", "--run=docker"]);
    run.ends(1).says("cannot run in earnest on this machine: there is no docker in PATH").says("start docker");
    run.does_not_say("AppArmor").says("without `--run` they are simulated");
}

#[test]
fn no_program_outlives_a_rehearsal_however_that_ends() {
    each_way(is_outlived_by_none);
}

fn is_outlived_by_none(way: &Way) {
    let workspace = way.workspace();
    let marker = format!("serve-{}", std::process::id());
    with_container(&workspace, |container| {
        container["command"] = json!([marker]);
        container["mountPoints"] = json!([{ "sourceVolume": "data", "containerPath": "/data" }]);
    });
    let path = "app/ecs/task-definition.json";
    let text = std::fs::read_to_string(workspace.root().join(path)).unwrap();
    let mut document: Value = serde_json::from_str(&text).unwrap();
    document["volumes"] = json!([{ "name": "data" }]);
    workspace.write(path, &document.to_string());
    let runs = || {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let lines = processes.filter_map(|it| std::fs::read_to_string(it.path().join("cmdline")).ok());
        { lines }.any(|line| line.contains(&marker))
    };
    let until = |what: &str, holds: &dyn Fn() -> bool| {
        let began = Instant::now();
        while !holds() {
            assert!(began.elapsed() < Duration::from_secs(60), "waiting until {what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    for signal in ["-INT", "-KILL"] {
        let mut command = workspace.command(&[], &["rehearse", way.flag]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // What a sandbox calls everything of its own.
        let word = format!("-{}-", child.id());
        let left = || in_engine(&workspace, &word);
        let (all, none) = (["ps", "volume", "images"], [""; 0]);
        until("the program runs", &|| runs() && (way.docker.is_none() || left() == all));
        send(signal, &child);
        child.wait().unwrap();
        until("nothing of it is left", &|| !runs() && left() == none);
    }
}

/// Which of containers, volumes and images the workspace's docker, if it has one, has of what names this word.
fn in_engine(workspace: &Workspace, word: &str) -> Vec<&'static str> {
    let docker = workspace.root().join("tools/docker");
    let names = |words: &[&str]| {
        let listed = Command::new(&docker).args(words).output();
        listed.is_ok_and(|listed| {
            let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
            listed.split_whitespace().any(|name| name.contains("xtask-run-") && name.contains(word))
        })
    };
    let asked: [&[&str]; 3] = [
        &["ps", "--all", "--no-trunc", "--format", "{{.Names}}"],
        &["volume", "ls", "--format", "{{.Name}}"],
        &["images", "--no-trunc", "--format", "{{.Repository}}"],
    ];
    asked.into_iter().filter(|words| names(words)).map(|words| words[0]).collect()
}

#[test]
fn what_only_a_program_that_runs_shows_is_found_with_its_cause_and_what_is_well_is_deployed() {
    each_way(finds_what_only_a_program_shows);
}

fn finds_what_only_a_program_shows(way: &Way) {
    let (workspace, sandbox) = (way.workspace(), way.sandbox());
    let xtask = |words: &[&str]| -> Run { workspace.xtask(&sandbox, words) };
    xtask(&["release"]).ends(0);
    // A variable is missing.
    with_container(&workspace, |container| container["environment"] = json!([]));
    xtask(&["deploy"]).ends(4).says("exit code 3").says("DATABASE_URL is not set").says("serving now: app:1");
    // It listens on another port than the document says.
    with_container(&workspace, |container| container["portMappings"] = json!([{ "containerPort": 9090 }]));
    xtask(&["deploy"]).ends(4).says("[port 9090] nobody listens on it, and on 8080 somebody does");
    // The health command is none of the image's.
    with_container(&workspace, |container| container["healthCheck"]["command"] = json!(["CMD", "/bin/curl"]));
    let run = xtask(&["deploy"]);
    run.ends(4).says("failed container health checks").says("/bin/curl: no such file or directory");
    // A secret does not exist.
    with_container(&workspace, |container| {
        container["secrets"] = json!([{ "name": "PASSWORD", "valueFrom": SECRET }]);
    });
    xtask(&["deploy"]).ends(4).says("ResourceInitializationError").says("secret:url");
    // A migration fails.
    configure(&workspace, "before-deploy = [\"migrate\"]");
    with_container(&workspace, |container| container["environment"][0]["value"] = json!("db://here/full"));
    xtask(&["deploy"]).ends(9).says("exit code 5").says("nothing of service app was changed");
    // And all is well.
    with_container(&workspace, |_| {});
    xtask(&["deploy"]).ends(0).says("Deployed app: app:");
    let log = xtask(&["logs", "app", "--since", "1h"]);
    log.ends(0);
    assert!(log.stdout.contains(&format!("connected to {URL}")), "{log}");
}
