//! A secret in every place that may hold one: whatever command runs and however it ends, it is nowhere that people, logs or other
//! programs' command lines are.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::json;
use xtask_sandbox::{Effect, Fault, Sandbox, Which};

use crate::support::{Run, Workspace, sandbox, serve, task_definition};

/// In each place it is another one, so that a leak says where it comes from.
const CANARY: &str = "canary-8d1f";

const DOCKER: &str = "#!/bin/sh\necho \"docker $*\" >> \"ROOT/argv\"\n[ -z \"$FAIL\" ] || { echo 'ERROR: failed to build'; exit 1; }\nexec \"ROOT/behind/docker\" \"$@\"\n";
const TRIVY: &str = "#!/bin/sh\necho \"trivy $*\" >> \"ROOT/argv\"\nenv | grep -v -e ^HTTPS_PROXY= -e ^DATABASE_URL= >> \"ROOT/trivy-env\"\nexec \"ROOT/behind/trivy\" \"$@\"\n";

struct Stage {
    workspace: Workspace,
    sandbox: Sandbox,
    slack: String,
    told: Arc<Mutex<String>>,
}

fn stage() -> Stage {
    let workspace = Workspace::with(&[(
        "dockerfile = \"app/Dockerfile\"\n",
        "dockerfile = \"app/Dockerfile\"\nsecrets = { token = \"SAMPLE_TOKEN\" }\nargs = { CHANNEL = \"${env:CHANNEL}\" }\n",
    )]);
    workspace.that_releases();
    let root = workspace.root().to_owned();
    fs::create_dir(root.join("behind")).unwrap();
    for (name, script) in [("docker", DOCKER), ("trivy", TRIVY)] {
        fs::copy(root.join("tools").join(name), root.join("behind").join(name)).unwrap();
        workspace.tool(name, &script.replace("ROOT", root.to_str().unwrap()));
    }
    let mut document = task_definition();
    document["containerDefinitions"][0]["environment"] =
        json!([{ "name": "DATABASE_URL", "value": format!("postgres://u:{CANARY}-document@db/app") }]);
    workspace.write("app/ecs/task-definition.json", &document.to_string());
    let login = format!(r#"{{ "auths": {{ "registry.example": {{ "auth": "{CANARY}-docker" }} }} }}"#);
    workspace.write(".docker/config.json", &login);
    workspace.commit("one", &["Cargo.toml", "app"]);
    workspace.git(&["remote", "add", "origin", &format!("https://x:{CANARY}-remote@github.com/sample/app")]);
    let told = Arc::new(Mutex::new(String::new()));
    let heard = Arc::clone(&told);
    let host = serve(move |asked| {
        heard.lock().unwrap().push_str(&asked.body);
        (200, "text/plain", b"ok".to_vec())
    });
    Stage { workspace, sandbox: sandbox(vec![]), slack: format!("http://{host}/services/{CANARY}-slack"), told }
}

impl Stage {
    fn run(&self, more: &[(&str, &str)], words: &[&str]) -> Run {
        let root = self.workspace.root();
        let path = |name: &str| root.join(name).to_str().unwrap().to_owned();
        let (summary, output) = (path("summary"), path("output"));
        let environment = self.sandbox.environment();
        let mut all: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
        let canary = |place: &str| format!("{CANARY}-{place}");
        let own = [
            ("AWS_SESSION_TOKEN", canary("session")),
            ("SAMPLE_TOKEN", canary("build")),
            ("CHANNEL", canary("argument")),
            ("GITHUB_TOKEN", canary("github")),
            ("ACTIONS_RUNTIME_TOKEN", canary("runtime")),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", canary("oidc")),
            ("DATABASE_URL", format!("postgres://u:{}@db/app", canary("variable"))),
            ("HTTPS_PROXY", format!("http://u:{}@127.0.0.1:1", canary("proxy"))),
            ("NO_PROXY", "127.0.0.1,localhost".to_owned()),
            ("SLACK_WEBHOOK_URL", self.slack.clone()),
            ("GITHUB_STEP_SUMMARY", summary),
            ("GITHUB_OUTPUT", output),
            ("GITHUB_REPOSITORY", "sample/app".to_owned()),
            ("RUST_BACKTRACE", "1".to_owned()),
        ];
        all.extend(own.iter().map(|(name, value)| (*name, &**value)));
        all.extend_from_slice(more);
        let run = self.workspace.xtask_with(&all, words);
        self.holds_none(&run);
        run
    }

    fn holds_none(&self, run: &Run) {
        let words = run.args.join(" ");
        let log: String = run.stderr.lines().filter(|line| !line.starts_with("::add-mask::")).collect();
        let secret =
            self.sandbox.environment().into_iter().find(|(name, _)| name == "AWS_SECRET_ACCESS_KEY").unwrap().1;
        let none = |place: &str, text: &str| {
            let found = text.find(CANARY).or_else(|| text.find(&secret));
            let around = |at: usize| {
                String::from_utf8_lossy(&text.as_bytes()[at.saturating_sub(120)..text.len().min(at + 60)]).into_owned()
            };
            assert_eq!(found.map(around), None, "`{words}` (exit {}) has a secret in {place}", run.code);
        };
        none("its log", &log);
        none("its data", &run.stdout);
        none("Slack", &self.told.lock().unwrap());
        let root = self.workspace.root();
        for file in ["argv", "trivy-env", "summary", "output"] {
            none(file, &String::from_utf8_lossy(&fs::read(root.join(file)).unwrap_or_default()));
        }
        for (file, bytes) in files(&root.join("target")) {
            none(&file, &String::from_utf8_lossy(&bytes));
        }
        for call in self.sandbox.calls().iter().filter(|call| call.operation != "ecs:RegisterTaskDefinition") {
            none(&call.operation, &call.input.to_string());
        }
    }
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let each = |path: std::path::PathBuf| {
        if path.is_dir() {
            files(&path)
        } else {
            vec![(path.display().to_string(), fs::read(&path).unwrap_or_default())]
        }
    };
    entries.flat_map(each).collect()
}

/// What is asked without an effect, and with one. What a variable nobody knows holds, and the proxy, any program may see.
const COMMANDS: &[&str] = &[
    "release --plan",
    "release",
    "release",
    "release --log json --format json",
    "deploy --plan",
    "deploy --plan --format json",
    "diff",
    "deploy",
    "deploy --log json",
    "status --format json",
    "history --format json",
    "verify",
    "logs app --since 1h",
    "lock app --reason why",
    "deploy",
    "unlock app",
    "scale app 3",
    "rollback app",
    "evidence app",
    "rescan",
    "iam",
    "docs deploy",
    "workflows --check",
    "run nothing",
    "no-such-command",
];

#[test]
fn no_command_shows_a_secret_on_a_laptop_or_in_github() {
    for github in [&[][..], &[("GITHUB_ACTIONS", "true"), ("CI", "true")]] {
        let stage = stage();
        let mut ended = Vec::new();
        for words in COMMANDS {
            ended.push(stage.run(github, &words.split(' ').collect::<Vec<_>>()).code);
        }
        assert!(ended.iter().filter(|code| **code == 0).count() > 15, "{ended:?}");
        assert!(!stage.told.lock().unwrap().is_empty(), "Slack is told something");
        assert!(fs::read_to_string(stage.workspace.root().join("argv")).unwrap().contains("docker buildx bake"));
        assert!(fs::read_to_string(stage.workspace.root().join("trivy-env")).unwrap().contains("PATH="));
    }
}

#[test]
fn no_failure_shows_a_secret() {
    let github = [("GITHUB_ACTIONS", "true"), ("CI", "true")];
    let with = |more: &[(&'static str, &'static str)]| [&github[..], more].concat();
    let stage = stage();
    stage.run(&with(&[("FAIL", "1")]), &["release"]).ends(1);
    stage.run(&with(&[("AWS_ACCESS_KEY_ID", "DENIED")]), &["release"]).ends(1);
    stage.run(&with(&[("AWS_ACCESS_KEY_ID", "EXPIRED")]), &["deploy"]).ends(1);
    stage.run(&with(&[("AWS_ENDPOINT_URL", "http://u:canary-8d1f-endpoint@127.0.0.1:1")]), &["deploy"]);
    stage.run(&with(&[("NO_PROXY", ""), ("AWS_ENDPOINT_URL", "https://ecs.example")]), &["deploy"]);
    stage.run(&with(&[("AWS_SECRET_ACCESS_KEY", "canary-8d1f-key")]), &["deploy"]).ends(1);
    stage.run(&with(&[("SLACK_WEBHOOK_URL", "http://127.0.0.1:1/services/canary-8d1f-dead")]), &["release"]).ends(0);
    let error =
        |code: &str| Effect::Error { status: 400, code: code.to_owned(), message: "no".to_owned(), retry_after: None };
    for (call, effect) in [
        ("ecs:RegisterTaskDefinition", error("ClientException")),
        ("ecs:RegisterTaskDefinition", Effect::Cut { after_bytes: 0 }),
        ("ecs:DescribeTaskDefinition", Effect::Cut { after_bytes: 0 }),
    ] {
        stage.sandbox.inject(Fault { call: call.to_owned(), which: Which::Every, effect });
        stage.run(&github, &["deploy"]).ends(1);
        stage.sandbox.calm();
    }
    let tasks = xtask_sandbox::ecs::Tasks::Exits { code: 1, after_seconds: 1, container: None };
    stage.sandbox.behave_newer(tasks);
    stage.run(&github, &["deploy"]).ends(4);
    let refused = error("InvalidParameterException");
    stage.sandbox.inject(Fault { call: "ecs:UpdateService".to_owned(), which: Which::Every, effect: refused });
    stage.run(&github, &["deploy"]).ends(1);
}
