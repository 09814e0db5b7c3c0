use super::*;

/// GitHub's own library decides over payloads as GitHub sends them.
#[test]
#[ignore = "needs real parts: cargo xtask ci"]
fn deploy_stage_runs_after_a_successful_push_of_this_repository_or_by_hand_and_after_nothing_else() {
    let deploy = rendered("", "deploy.yml");
    let (_, condition) = deploy.split_once("    if: >-\n").expect("the job has a condition");
    let condition: Vec<&str> = condition.lines().map_while(|line| line.strip_prefix("      ")).collect();
    let condition = condition.join(" ");
    let (_, reference) = deploy.split_once("          ref: ${{ ").expect("a commit is checked out");
    let (reference, _) = reference.split_once(" }}").expect("by an expression");

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/workflows/payloads");
    let mut names = Vec::new();
    let mut questions = Vec::new();
    for path in std::fs::read_dir(folder).expect("there are payloads").map(|entry| entry.expect("a file").path()) {
        let payload = std::fs::read_to_string(&path).expect("a payload");
        let event: serde_json::Value = serde_json::from_str(&payload).expect("a payload is JSON");
        // Only what somebody starts by hand has inputs.
        let event_name = if event["inputs"].is_object() { "workflow_dispatch" } else { "workflow_run" };
        let inputs = event["inputs"].clone();
        let github = serde_json::json!({ "repository": "sample/app", "event_name": event_name, "event": event });
        for expression in [condition.as_str(), reference] {
            questions.push(serde_json::json!({ "expression": expression, "github": github, "inputs": inputs }));
        }
        names.push(path.file_stem().expect("a name").to_string_lossy().into_owned());
    }
    let answers = evaluate(&questions);
    let mut runs: Vec<(&str, &str)> = names
        .iter()
        .zip(answers.chunks(2))
        .filter(|(_, answer)| answer[0] == "true")
        .map(|(name, answer)| (name.as_str(), answer[1].as_str()))
        .collect();
    runs.sort_unstable();
    assert!(names.len() >= 14, "{names:?}");
    let released = "7075bf2ed1f7a9cbe1a3df3c9b9f4f3a6c0e5b11";
    let by_hand = [("by-hand", "refs/tags/v1.4.0"), ("by-hand-on-a-tag", "refs/tags/v1.3.0")];
    assert_eq!(runs, [by_hand[0], by_hand[1], ("re-run", released), ("success", released)]);
}

/// Whatever event the caller has, GitHub's own library decides as it does for a job of a called workflow.
#[test]
#[ignore = "needs real parts: cargo xtask ci"]
fn a_call_deploys_what_it_names_to_the_environment_that_it_names_and_nothing_of_its_callers_event() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/workflows/payloads");
    let payload = |name: &str| -> serde_json::Value {
        let text = std::fs::read_to_string(folder.join(name)).expect("a payload");
        serde_json::from_str(&text).expect("a payload is JSON")
    };
    let callers = [
        ("push", serde_json::json!({})),
        ("workflow_run", payload("success.json")),
        ("workflow_dispatch", payload("by-hand.json")),
    ];
    let expressions = |text: &str, before: &str, between: [&str; 2]| {
        let (_, job) = text.split_once(before).expect("there is such a job");
        let of = |key: &str| {
            let (_, rest) = job.split_once(key).expect("it is there");
            let rest = rest.strip_prefix(">-\n").map(|rest| {
                let lines: Vec<&str> = rest.lines().map_while(|line| line.strip_prefix("      ")).collect();
                lines.join(" ")
            });
            rest.unwrap_or_else(|| {
                job.split_once(key).expect("it is there").1.lines().next().expect("a line").to_owned()
            })
        };
        between.map(of).map(|it| it.trim_start_matches("${{ ").trim_end_matches(" }}").to_owned())
    };
    let production = |it: &str| {
        // What `needs` and `cancelled()` would say where staging was deployed in the same run.
        it.replace("!cancelled()", "true").replace("needs.deploy-staging.result == 'success'", "true")
    };
    for how in ["also", "only"] {
        let (build, deploy) = call::stages(how, environments::ENVIRONMENTS);
        let parts = ["    if: ", "          ref: "];
        let [staging, reference] = expressions(&deploy, "\n  deploy-staging:\n", parts);
        let [live, _] = expressions(&deploy, "\n  deploy-production:\n", parts);
        let [refused, _] = expressions(&deploy, "\n  called:\n", ["    if: ", "    name: "]);
        let [refused_build, _] = expressions(&build, "\n  called:\n", ["    if: ", "    name: "]);
        let [released, _] = expressions(&build, "\n  release:\n", ["          ref: ", "    name: "]);
        // What a caller says of itself changes nothing.
        for ((event_name, event), called) in callers.iter().flat_map(|caller| [(caller, true), (caller, false)]) {
            let github = serde_json::json!({ "repository": "sample/app", "event_name": event_name, "event": event });
            let asked = |tag: &str, environment: &str| {
                let inputs = serde_json::json!({ "tag": tag, "environment": environment, "called": called });
                let all = [&staging, &production(&live), &refused, &reference, &released, &refused_build];
                let questions =
                    all.map(|it| serde_json::json!({ "expression": it, "github": github, "inputs": inputs }));
                evaluate(&questions)
            };
            let tag = "refs/tags/v1.4.0";
            let case = format!("{how} {event_name} {called}");
            assert_eq!(asked("v1.4.0", "staging"), ["true", "false", "false", tag, tag, "false"], "{case}");
            assert_eq!(asked("v1.4.0", "production"), ["false", "true", "false", tag, tag, "false"], "{case}");
            assert_eq!(asked("v1.4.0", "prodution"), ["false", "false", "true", tag, tag, "false"], "{case}");
            // There is no such ref, and no release gets further than that.
            let nothing = "refs/tags/";
            assert_eq!(asked("", "staging"), ["false", "false", "true", nothing, nothing, "true"], "{case}");
        }
    }
}

#[test]
#[ignore = "needs real parts: cargo xtask ci"]
fn build_stage_checks_out_what_was_pushed_or_the_tag_that_somebody_names() {
    let build = rendered("", "build.yml");
    let between = |before: &str| {
        let (_, rest) = build.split_once(before).expect("it is there");
        rest.split_once(" }}").expect("it is an expression").0.to_owned()
    };
    let (reference, group) = (between("          ref: ${{ "), between("  group: build-stage-${{ "));
    let push = serde_json::json!({ "event_name": "push", "ref": "refs/tags/v1.4.0", "event": {} });
    let hand = serde_json::json!({ "event_name": "workflow_dispatch", "ref": "refs/heads/main", "event": {} });
    let tag = serde_json::json!({ "tag": "v1.4.0" });
    let question = |expression: &str, github: &serde_json::Value, inputs: Option<&serde_json::Value>| serde_json::json!({ "expression": expression, "github": github, "inputs": inputs });
    let answers = evaluate(&[
        question(&reference, &push, None),
        question(&reference, &hand, Some(&tag)),
        question(&group, &push, None),
        question(&group, &hand, Some(&tag)),
    ]);
    // Nothing: the action then takes the very commit that was pushed, wherever the tag is by now.
    assert_eq!(answers, ["", "refs/tags/v1.4.0", "refs/tags/v1.4.0", "refs/tags/v1.4.0"]);
}

#[test]
#[ignore = "needs real parts: cargo xtask ci"]
fn an_older_version_is_allowed_by_a_ticked_box_and_by_nothing_else() {
    let deploy = rendered("", "deploy.yml");
    let (_, expression) = deploy.split_once("          ALLOW_OLDER: ${{ ").expect("it is there");
    let (expression, _) = expression.split_once(" }}").expect("it is an expression");
    let question = |inputs: serde_json::Value| {
        let github = serde_json::json!({ "event_name": "workflow_dispatch", "event": {} });
        serde_json::json!({ "expression": expression, "github": github, "inputs": inputs })
    };
    let answers = evaluate(&[
        question(serde_json::json!({ "tag": "v1", "allow-older": true })),
        question(serde_json::json!({ "tag": "v1", "allow-older": false })),
        question(serde_json::json!({ "tag": "v1" })),
        question(serde_json::Value::Null),
    ]);
    assert_eq!(answers, ["true", "", "", ""]);
}

fn evaluate(questions: &[serde_json::Value]) -> Vec<String> {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    let modules = std::env::var("XTASK_NODE_MODULES").expect("XTASK_NODE_MODULES names a folder of npm packages");
    let mut child = Command::new("node")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/workflows/evaluate.mjs"))
        .arg(modules)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    for question in questions {
        writeln!(stdin, "{question}").expect("node reads");
    }
    drop(stdin);
    let output = child.wait_with_output().expect("node ends");
    assert!(output.status.success(), "node failed");
    let answers: Vec<String> = String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect();
    assert_eq!(answers.len(), questions.len());
    answers
}

/// Not only this repository's files: whatever the configuration can make of them, and the templates themselves.
#[test]
#[ignore = "needs real parts: cargo xtask ci"]
fn actionlint_and_zizmor_find_nothing_in_any_of_them() {
    let role =
        "[workspace.metadata.xtask.workflows]\nrole = \"arn:aws:iam::123456789012:role/deploy\"\nslack = \"none\"\n";
    let more = r#"[workspace.metadata.xtask.workflows]
        runner = { group = "big", labels = ["arm64"] }
        environment = "production"
        toolchain = "1.95.0"
        lfs = true
        submodules = "recursive"
        setup = ["sudo apt-get update", "sudo apt-get install --yes protobuf-compiler"]
        env = { RUST_BACKTRACE = "1" }
        secrets = ["CARGO_REGISTRIES_ACME_TOKEN"]
        role = "arn:aws:iam::123456789012:role/deploy"
        build-timeout = "3h"
        rescan = "17 5 * * *"
        ci = { run = ["cargo clippy", "cargo test"], timeout = "2h" }
    "#;
    let matrix = |by: &str, more: &str| {
        let all = format!("{}{}", matrix::IMAGES, matrix::KEYS.replace("BY", by));
        all.replacen("matrix =", &format!("{more}\nmatrix ="), 1)
    };
    let (platforms, images) = (
        matrix("platform", "arm-runner = { group = \"big\", labels = [\"arm64\"] }"),
        matrix("image", "runner = [\"self-hosted\", \"x64\"]"),
    );
    let check = |program: &str, arguments: &[&str], folder: &Path| {
        let output = std::process::Command::new(program).args(arguments).current_dir(folder).output();
        let output = output.expect("`cargo xtask ci` puts it into PATH");
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{program}\n{}", String::from_utf8_lossy(&said));
    };
    for (below, more) in [
        ("", ""),
        ("", role),
        ("backend", more),
        ("", environments::ENVIRONMENTS),
        ("", &*platforms),
        ("backend", &*images),
        ("", &*call::CALL.replace("HOW", "also")),
        ("backend", &*(call::CALL.replace("HOW", "only") + environments::ENVIRONMENTS)),
    ] {
        let repository = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(repository.path().join(".git")).expect("a folder");
        write(&everything(&repository.path().join(below), more), true).expect("they can be written");
        // A workflow without its repository: actionlint is given the files.
        let mut files = ["build.yml", "deploy.yml", "ci.yml", "rescan.yml"]
            .map(|file| format!(".github/workflows/{file}"))
            .to_vec();
        files.retain(|file| repository.path().join(file).exists());
        check("actionlint", &files.iter().map(String::as_str).collect::<Vec<_>>(), repository.path());
        check("zizmor", &["--offline", "--quiet", "--persona", "pedantic", "."], repository.path());
    }
    let repository = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(repository.path().join(".git")).expect("a folder");
    let called =
        "[workspace.metadata.xtask.workflows]\nrole = \"arn:aws:iam::123456789012:role/deploy\"\ncall = \"also\"\n";
    write(&everything(repository.path(), called), false).expect("they can be written");
    let page = std::fs::read_to_string(here().join("docs/GITHUB.md")).expect("the page is there");
    let example =
        page.split("```").find_map(|block| block.strip_prefix("yaml\nname: Ship\n")).expect("it shows a caller");
    let ship = repository.path().join(".github/workflows/ship.yml");
    std::fs::write(ship, format!("name: Ship\n{example}")).expect("a file");
    check("actionlint", &[".github/workflows/ship.yml"], repository.path());
    let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/workflows");
    check("actionlint", &["build.yml", "deploy.yml", "ci.yml", "rescan.yml", "called.yml"], &templates);
}
