//! The configuration as the whole binary reads it: what it prints, and how it refuses what is wrong.

use std::path::Path;
use std::process::{Command, Output};

use crate::sample::{MANIFEST, Workspace, manifest};
use crate::support::snapshot;

/// Runs the binary in a folder, in an environment that holds these variables and nothing else.
fn xtask(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

/// What `cargo xtask config` prints is this snapshot.
#[track_caller]
fn looks_like(output: &Output, name: &str) {
    snapshot::compare(name, &(text(&output.stdout) + &text(&output.stderr)));
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn config_prints_each_value_with_its_origin_from_any_folder() {
    let workspace = Workspace::with(&[("region = \"ap-northeast-1\"\n", "")]);
    let variables = [("AWS_REGION", "eu-west-1"), ("XTASK_REGISTRY", "127.0.0.1:5000")];
    for start in ["", "app", "app/ecs"] {
        let output = xtask(&workspace.root().join(start), &["config"], &variables);
        looks_like(&output, "configuration/with-origins.toml");
        assert!(output.status.success(), "{}", text(&output.stderr));
        let stdout = text(&output.stdout);
        for line in [
            "account  = \"123456789012\"    # Cargo.toml:5",
            "region   = \"eu-west-1\"       # AWS_REGION",
            "registry = \"127.0.0.1:5000\"  # XTASK_REGISTRY",
            "tag        = \"1.4.0\"           # app/Cargo.toml:3, through Cargo.toml:9",
            "context    = \".\"               # default",
        ] {
            assert!(stdout.contains(line), "{line} is not in\n{stdout}");
        }
    }
}

#[test]
fn config_prints_json_for_programs() {
    let workspace = Workspace::sample();
    let output = xtask(workspace.root(), &["config", "--format", "json"], &[]);
    looks_like(&output, "configuration/with-origins.json");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let settings = json["settings"].as_array().unwrap();
    let tag = settings.iter().find(|setting| setting["table"] == "images.app" && setting["key"] == "tag").unwrap();
    assert_eq!(tag["value"], "1.4.0");
    assert_eq!(tag["origin"]["through"]["at"]["file"], "app/Cargo.toml");
}

#[test]
fn what_config_prints_is_a_configuration_again() {
    let workspace = Workspace::sample();
    let first = text(&xtask(workspace.root(), &["config"], &[]).stdout);
    workspace.write("Cargo.toml", &format!("[workspace]\nmembers = [\"app\"]\n{first}"));
    let second = text(&xtask(workspace.root(), &["config"], &[]).stdout);
    let values = |text: &str| -> Vec<String> {
        text.lines().filter_map(|line| Some(line.split_once("  #")?.0.trim_end().to_owned())).collect()
    };
    assert!(values(&first).len() > 20, "{first}");
    assert_eq!(values(&first), values(&second));
}

/// What replaces what in the sample, and the message and place that answer it.
const FAULTS: [(&str, &str, &str, &str); 22] = [
    ("[workspace.metadata.xtask]\n", "[workspace.metadata.xtask]\nreigon = 1\n", "unknown key `reigon`", "5:1"),
    ("metadata.xtask", "metadata.other", "Cargo.toml has no `[workspace.metadata.xtask]` table", "1:2"),
    ("\"123456789012\"", "\"1234\"", "`1234` is not a valid `account`", "5:11"),
    ("\"123456789012\"", "123456789012", "`account` is an integer, and should be a string", "5:11"),
    ("\"ap-northeast-1\"", "\"tokyo\"", "`tokyo` is not a valid `region`", "6:10"),
    ("\"sample/app\"", "\"Sample\"", "`Sample` is not a valid `repository`", "9:14"),
    ("{ package = \"app\" }", "\"1.0+x\"", "`1.0+x` is not a valid `tag`", "10:7"),
    ("{ package = \"app\" }", "{ package = \"ap\" }", "`ap` is no package of this workspace", "10:19"),
    ("app/Dockerfile", "app/Dockerfil", "the Dockerfile `app/Dockerfil` does not exist", "11:14"),
    ("app/Dockerfile", "../Dockerfile", "the Dockerfile `../Dockerfile` is outside the workspace", "11:14"),
    ("dockerfile = \"app/Dockerfile\"\n", "", "nothing says how to build `images.app`", "8:1"),
    ("dockerfile =", "package = \"app\"\ndockerfile =", "`images.app` has both `dockerfile` and `package`", "8:1"),
    ("dockerfile =", "context = \"no\"\ndockerfile =", "the build context `no` does not exist", "11:11"),
    ("dockerfile =", "platforms = [\"linux/arm64\", \"linux/arm64/v8\"]\ndockerfile =", "are one platform", "11:13"),
    ("definition.json", "definition.jsn", "the task definition `app/ecs/task-definition.jsn` does not exist", "15:19"),
    ("{ app = \"app\" }", "{ app = \"ap\" }", "the container `app` names no image: `ap`", "16:22"),
    ("\"20s\"", "900", "`services.app.rollout.deadline` is an integer", "17:24"),
    (
        "[workspace.metadata.xtask.services.app]",
        "[workspace.metadata.xtask.scan]\nseverity = [\"HIHG\"]\n[workspace.metadata.xtask.services.app]",
        "`HIHG` is not a valid `severity[0]`",
        "14:13",
    ),
    (
        "[workspace.metadata.xtask.services.app]",
        "[workspace.metadata.xtask.scan]\nignore = [{ id = \"CVE-2026-1\", until = \"2027-01-31\" }]\n[workspace.metadata.xtask.services.app]",
        "`scan.ignore[0]` has no `reason`",
        "14:11",
    ),
    (
        "[workspace.metadata.xtask.services.app]",
        "[workspace.metadata.xtask.images.two]\nrepository = \"sample/app\"\ntag = \"1.4.0\"\ndockerfile = \"app/Dockerfile\"\n[workspace.metadata.xtask.services.app]",
        "the images `app` and `two` are both `sample/app:1.4.0`",
        "14:14",
    ),
    (
        "dockerfile = \"app/Dockerfile\"",
        "package = \"app\"\nassets = [{ source = \"no\", path = \"/x\" }]",
        "the asset `no` does not exist",
        "12:22",
    ),
    ("members = [\"app\"]", "members = [\"app\"", "Cargo.toml is not TOML", "4:1"),
];

#[test]
fn every_fault_ends_each_command_with_2_and_is_shown_at_its_place() {
    let mut seen = Vec::new();
    for (old, new, message, place) in FAULTS {
        // A table's name is in every header; any other text is spoilt once.
        let whole = old == "metadata.xtask";
        let workspace = Workspace::of(&if whole { MANIFEST.replace(old, new) } else { manifest(&[(old, new)]) });
        for command in [&["config"][..], &["release", "--plan"], &["deploy", "--plan"]] {
            let output = xtask(workspace.root(), command, &[]);
            let stderr = text(&output.stderr);
            if command == ["config"] {
                seen.push(stderr.clone());
            }
            assert_eq!(output.status.code(), Some(2), "{command:?} {message}\n{stderr}");
            assert!(output.stdout.is_empty(), "{command:?} {message}");
            assert!(stderr.starts_with("error: ") && stderr.contains(message), "{message} is not in\n{stderr}");
            assert!(stderr.contains(&format!("--> Cargo.toml:{place}\n")), "{place} is not in\n{stderr}");
        }
    }
    snapshot::compare("configuration/each-mistake.txt", &seen.join("\n"));
}

#[test]
fn all_faults_are_shown_in_one_run() {
    let together = [2, 4, 5, 6, 8, 14, 15];
    let workspace = Workspace::with(&together.map(|fault| (FAULTS[fault].0, FAULTS[fault].1)));
    let output = xtask(workspace.root(), &["config"], &[]);
    looks_like(&output, "configuration/several-mistakes-in-one-run.txt");
    let stderr = text(&output.stderr);
    for (.., message, place) in together.map(|fault| FAULTS[fault]) {
        assert!(stderr.contains(&format!("error: {message}\n")), "{message} is not in\n{stderr}");
        assert!(stderr.contains(&format!("--> Cargo.toml:{place}\n")), "{place} is not in\n{stderr}");
    }
    assert_eq!(stderr.matches("error: ").count(), together.len(), "{stderr}");
}

#[test]
fn a_folder_outside_every_workspace_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let output = xtask(folder.path(), &["config"], &[]);
    looks_like(&output, "configuration/outside-a-workspace.txt");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).starts_with("error: no cargo workspace around "), "{}", text(&output.stderr));
}

#[test]
fn an_unknown_name_on_the_command_line_is_answered_with_the_nearest() {
    let workspace = Workspace::sample();
    let output = xtask(workspace.root(), &["release", "ap"], &[]);
    assert_eq!(output.status.code(), Some(2));
    looks_like(&output, "configuration/name-that-is-unknown.txt");
    let stderr = text(&output.stderr);
    assert!(stderr.contains("error: no image is named `ap`\n  did you mean `app`?\n"), "{stderr}");
}

/// This xtask has a command `ci`.
#[test]
fn workflows_are_written_where_github_looks_and_checked_against_what_is_there() {
    let repository = tempfile::tempdir().unwrap();
    std::fs::create_dir(repository.path().join(".git")).unwrap();
    let workspace = Workspace::sample();
    let backend = repository.path().join("backend");
    std::fs::rename(workspace.root(), &backend).unwrap();
    let output = xtask(&backend.join("app"), &["workflows"], &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("Wrote ../.github/workflows/build.yml"), "{}", text(&output.stderr));
    let ci = std::fs::read_to_string(repository.path().join(".github/workflows/ci.yml")).unwrap();
    assert!(ci.contains("    working-directory: backend\n") && ci.contains("run: exec cargo xtask ci\n"), "{ci}");
    assert_eq!(xtask(&backend, &["workflows", "--check"], &[]).status.code(), Some(0));

    std::fs::remove_file(repository.path().join(".github/workflows/deploy.yml")).unwrap();
    let output = xtask(&backend, &["workflows", "--check"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("../.github/workflows/deploy.yml is missing"), "{}", text(&output.stderr));
}
