//! What docs/GITHUB.md says of other CI, run as it stands there.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use saphyr::{LoadableYamlNode, Yaml};
use xtask_sandbox::Sandbox;

use crate::pages::root;
use crate::support::{Workspace, calls, manifest, sandbox, tagged};

/// The blocks of this language in the page's part on other CI, and that part.
fn page(language: &str) -> (String, String) {
    let text = fs::read_to_string(root().join("docs/GITHUB.md")).unwrap();
    let (_, part) = text.split_once("\n## Other CI\n").expect("there is such a part");
    let block = part.split("```").find_map(|block| block.strip_prefix(&format!("{language}\n")));
    (block.expect("there is such a block").to_owned(), part.to_owned())
}

/// A clone of a repository with a tag `v1.4.0`, whose `cargo xtask` is the program that was built here.
fn clone() -> (Workspace, Workspace) {
    let origin = Workspace::of(&manifest(&[]));
    origin.commit("One", &["."]);
    origin.git(&["tag", "v1.4.0"]);
    let clone = Workspace::of("");
    fs::remove_file(clone.root().join("Cargo.toml")).unwrap();
    let folder = clone.root().join("clone");
    clone.git(&["clone", "--quiet", &origin.root().display().to_string(), "clone"]);
    let cargo =
        format!("#!/bin/sh\ntest \"$1\" = xtask || exit 99\nshift\nexec {} \"$@\"\n", env!("CARGO_BIN_EXE_xtask"));
    clone.that_releases().tool("cargo", &cargo);
    assert!(folder.join("Cargo.toml").exists());
    (origin, clone)
}

/// What the script prints and how it ends, in that clone, with these variables and no others but those that stand for AWS
/// being here.
fn ship(clone: &Workspace, sandbox: &Sandbox, script: &[&str], variables: &[(&str, String)]) -> Output {
    let here = ["AWS_ENDPOINT_URL", "XTASK_REGISTRY", "AWS_EC2_METADATA_DISABLED"];
    let here = sandbox.environment().into_iter().filter(|(name, _)| here.contains(&name.as_str()));
    let mut command = Command::new(script[0]);
    command.args(&script[1..]).current_dir(clone.root().join("clone")).env_clear().envs(here);
    // The stand-in for trivy has no database to fetch.
    command.env("TRIVY_SKIP_DB_UPDATE", "true").envs(variables.iter().map(|(name, value)| (name, value)));
    command.output().expect("the shell starts")
}

/// A variable's value in these tests.
fn value(clone: &Workspace, sandbox: &Sandbox, name: &str) -> String {
    let path = std::env::var("PATH").unwrap();
    let environment = sandbox.environment();
    match name {
        "PATH" => format!("{}:{path}", clone.root().join("tools").display()),
        "HOME" => clone.root().display().to_string(),
        name => environment.into_iter().find(|(known, _)| known == name).map(|(_, value)| value).unwrap_or_default(),
    }
}

#[track_caller]
fn deployed(output: &Output, sandbox: &Sandbox) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("Released") && said.contains("Deployed app"), "{said}");
    assert!(tagged(sandbox, "sample/app", "1.4.0").is_some(), "{said}");
    assert_eq!(calls(sandbox, "ecs:UpdateService"), 1, "{said}");
}

#[test]
fn the_plain_script_ships_with_the_variables_that_the_page_names_and_no_others() {
    let (script, page) = page("sh");
    let (_origin, clone) = clone();
    let sandbox = sandbox(vec![]);
    let file: PathBuf = clone.root().join("ship.sh");
    fs::write(&file, script).unwrap();
    let file = file.display().to_string();
    let (_, table) = page.split_once("| it needs | because |\n|---|---|\n").expect("the page has a table");
    let rows = table.lines().map_while(|line| line.strip_prefix("| ")).take(2);
    let names: Vec<String> = rows
        .flat_map(|row| row.split(" | ").next().unwrap().split(", "))
        .map(|name| name.trim_matches('`').to_owned())
        .collect();
    assert_eq!(names, ["PATH", "HOME", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]);
    let variables: Vec<(&str, String)> =
        names.iter().map(|name| (name.as_str(), value(&clone, &sandbox, name))).collect();
    for left_out in &names[2..] {
        let fewer: Vec<(&str, String)> = variables.iter().filter(|(name, _)| name != left_out).cloned().collect();
        let output = ship(&clone, &sandbox, &["sh", &file, "v1.4.0"], &fewer);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "without {left_out}: {said}");
        assert!(said.contains("credentials"), "without {left_out}: {said}");
    }
    let absent = ship(&clone, &sandbox, &["sh", &file, "v9.9.9"], &variables);
    assert_ne!(absent.status.code(), Some(0), "a tag that there is not ships nothing");
    assert_eq!(sandbox.calls().iter().filter(|call| call.operation.starts_with("ecr:")).count(), 0);
    deployed(&ship(&clone, &sandbox, &["sh", &file, "v1.4.0"], &variables), &sandbox);
    assert_eq!(clone.git(&["-C", "clone", "describe", "--tags"]), "v1.4.0");
    assert_eq!(ship(&clone, &sandbox, &["sh", &file, "v1.4.0"], &variables).status.code(), Some(0), "a second time");
}

/// `{"alg":"none"}`, GitLab as the issuer, a project and a tag as the subject, and the audience that the page asks for.
const TOKEN: &str = "eyJhbGciOiAibm9uZSJ9.PAYLOAD.c2ln";

fn texts(yaml: &Yaml<'_>) -> Vec<String> {
    let items = yaml.as_sequence().expect("a list of commands");
    items.iter().map(|item| item.as_str().expect("a command is a text").to_owned()).collect()
}

#[test]
fn gitlabs_jobs_ship_with_the_token_that_gitlab_gives_them() {
    let (text, page) = page("yaml");
    let documents = Yaml::load_from_str(&text).expect("it is YAML");
    let file = &documents[0];
    let (_origin, clone) = clone();
    let sandbox = sandbox(vec![]);
    clone.git(&["-C", "clone", "checkout", "--quiet", "v1.4.0"]);
    let (name, asked) = file["default"]["id_tokens"].as_mapping().and_then(|all| all.front()).expect("a token");
    let audience = asked["aud"].as_str().expect("its audience");
    assert!(page.contains(&format!("the audience `{audience}`")), "the trust policy has the same");
    let subject = "project_path:sample/app:ref_type:tag:ref:v1.4.0";
    let claims = format!("{{\"iss\":\"https://gitlab.com\",\"sub\":\"{subject}\",\"aud\":\"{audience}\"}}");
    let token = TOKEN.replace("PAYLOAD", &base64(claims.as_bytes()));
    let mut variables: Vec<(&str, String)> =
        ["PATH", "HOME"].iter().map(|name| (*name, value(&clone, &sandbox, name))).collect();
    for (name, value) in [("CI", "true"), ("GITLAB_CI", "true"), ("CI_COMMIT_TAG", "v1.4.0")] {
        variables.push((name, value.to_owned()));
    }
    for (name, value) in file["variables"].as_mapping().expect("variables") {
        variables.push((name.as_str().expect("a name"), value.as_str().expect("a text").to_owned()));
    }
    variables.push((name.as_str().expect("a name"), token));
    let stages = texts(&file["stages"]);
    assert_eq!(stages, ["release", "deploy"]);
    let mut said = Vec::new();
    for stage in &stages {
        let job = &file[stage.as_str()];
        assert_eq!(job["stage"].as_str(), Some(stage.as_str()));
        // A runner puts both into one script, which ends with the first command that fails.
        let script = [texts(&file["default"]["before_script"]), texts(&job["script"])].concat().join("\n");
        let output = ship(&clone, &sandbox, &["sh", "-e", "-c", &script], &variables);
        assert!(output.status.success(), "{stage}: {}", String::from_utf8_lossy(&output.stderr));
        said.push(output);
    }
    let stderr = said.iter().flat_map(|output| output.stderr.clone()).collect();
    deployed(&Output { stderr, ..said.remove(1) }, &sandbox);
    let assumed = calls(&sandbox, "sts:AssumeRoleWithWebIdentity");
    assert!(assumed >= 2, "each job has credentials of its own: {assumed}");
    assert_eq!(file["deploy"]["resource_group"].as_str(), Some("production"), "deploys run one at a time");
}

fn base64(bytes: &[u8]) -> String {
    let letters: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['-', '_']).collect();
    let of = |chunk: &[u8]| {
        let bits = (0..3).fold(0, |bits, at| bits << 8 | usize::from(chunk.get(at).copied().unwrap_or(0)));
        (0..=chunk.len()).map(|at| letters[bits >> (18 - 6 * at) & 63]).collect::<String>()
    };
    bytes.chunks(3).map(of).collect()
}
