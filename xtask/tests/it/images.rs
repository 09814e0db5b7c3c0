//! What an image is built from, the whole binary against the sandbox: programs, secrets, contexts, credentials.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use xtask_sandbox::Sandbox;

use crate::support::{Run, Workspace, sandbox, tagged};

mod credentials;

/// What the sample says of its image.
const DOCKERFILE: &str = "dockerfile = \"app/Dockerfile\"\n";
const TAG: &str = "tag = { package = \"app\" }";

/// The sample workspace with further keys of its image, whose Dockerfile is this.
fn dockerfile(keys: &str, text: &str) -> Workspace {
    let workspace = Workspace::with(&[(DOCKERFILE, &format!("{DOCKERFILE}{keys}\n"))]);
    workspace.that_releases().write("app/Dockerfile", text);
    // What buildx is asked to build is kept.
    fs::rename(workspace.root().join("tools/docker"), workspace.root().join("tools/engine")).expect("it is there");
    let script = "#!/bin/sh\n[ \"$2\" != bake ] || { cat >bake.json; exec <bake.json; }\nexec engine \"$@\"\n";
    workspace.tool("docker", script);
    workspace
}

fn bake(workspace: &Workspace) -> Value {
    let text = fs::read_to_string(workspace.root().join("bake.json")).expect("buildx was asked to build");
    serde_json::from_str::<Value>(&text).expect("it is JSON")["target"]["image"].clone()
}

fn release_with(workspace: &Workspace, sandbox: &Sandbox, variables: &[(&str, &str)]) -> Run {
    let environment = sandbox.environment();
    let mut environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
    environment.extend(variables);
    workspace.xtask_with(&environment, &["release"])
}

#[test]
fn a_build_secret_that_is_unset_or_empty_ends_with_2_before_the_build() {
    let workspace = dockerfile("secrets = { cargo-token = \"SAMPLE_CARGO_TOKEN\" }", "FROM scratch\n");
    let sandbox = sandbox(vec![]);
    workspace
        .xtask(&sandbox, &["release"])
        .ends(2)
        .says("image `app` has the build secret `cargo-token` from the variable SAMPLE_CARGO_TOKEN, which is not set");
    release_with(&workspace, &sandbox, &[("SAMPLE_CARGO_TOKEN", "")])
        .ends(2)
        .says("SAMPLE_CARGO_TOKEN, which is empty");
    workspace.xtask(&sandbox, &["release", "--plan"]).ends(2);
    assert!(!workspace.root().join("bake.json").exists(), "nothing was built");

    release_with(&workspace, &sandbox, &[("SAMPLE_CARGO_TOKEN", "t")]).ends(0).does_not_say("build secret");
    assert_eq!(bake(&workspace)["secret"], json!(["type=env,id=cargo-token,env=SAMPLE_CARGO_TOKEN"]));
    // What is released needs none.
    workspace.xtask(&sandbox, &["release"]).ends(0).says("already released");
}

#[test]
fn the_ssh_agent_and_caches_reach_buildx_and_an_agent_that_is_not_there_is_told() {
    let keys = "ssh = [\"default\"]\ncache-from = [\"type=gha\"]\ncache-to = [\"type=gha,mode=max\"]";
    let (workspace, sandbox) = (dockerfile(keys, "FROM scratch\n"), sandbox(vec![]));
    release_with(&workspace, &sandbox, &[("SSH_AUTH_SOCK", "")]).ends(2).says("SSH_AUTH_SOCK is empty");
    release_with(&workspace, &sandbox, &[("SSH_AUTH_SOCK", "/run/agent")]).ends(0);
    let bake = bake(&workspace);
    assert_eq!(bake["ssh"], json!(["default"]));
    assert_eq!((&bake["cache-from"], &bake["cache-to"]), (&json!(["type=gha"]), &json!(["type=gha,mode=max"])));
}

#[test]
fn a_cache_is_kept_where_the_configuration_says_and_one_that_fails_is_a_warning() {
    let sandbox = sandbox(vec![]);
    let workspace = dockerfile("cache = \"registry\"", "FROM scratch\n");
    let engine = fs::read_to_string(workspace.root().join("tools/engine")).unwrap();
    let fails = r#"case "$1 $2" in "buildx bake")
    echo "$DOCKER_AUTH_CONFIG" >login.json
    if ! grep -q '"cache-to":\[\]' bake.json; then
        echo '#3 importing cache manifest from r/sample/app-cache:app' >&2
        echo '#3 ERROR: r/sample/app-cache:app: not found' >&2
        echo '#9 exporting cache to registry' >&2
        echo '#9 ERROR: failed to push r/sample/app-cache:app: name unknown' >&2
        cp bake.json first.json
        exit 1
    fi ;;
esac
"#;
    let (head, rest) = engine.split_once("\n\ncase \"$1 $2\" in").expect("it is told what to do");
    workspace.tool("engine", &format!("{head}\n{fails}\ncase \"$1 $2\" in{rest}"));
    let run = workspace.xtask(&sandbox, &["release"]);
    run.ends(0).says("its cache was not written: failed to push r/sample/app-cache:app: name unknown");
    run.does_not_say("built without what its cache has");
    let first: Value = serde_json::from_str(&fs::read_to_string(workspace.root().join("first.json")).unwrap()).unwrap();
    let place = format!("ref={}/sample/app-cache:app", sandbox.registry());
    let target = &first["target"]["image"];
    assert_eq!(target["cache-from"], json!([format!("type=registry,{place}")]));
    let options = "mode=max,image-manifest=true,oci-mediatypes=true";
    assert_eq!(target["cache-to"], json!([format!("type=registry,{place},{options}")]));
    let login: Value = serde_json::from_str(&fs::read_to_string(workspace.root().join("login.json")).unwrap()).unwrap();
    assert!(login["auths"][sandbox.registry()]["auth"].is_string(), "buildx has ECR's login: {login}");

    for (cache, variables, from, to) in [
        ("gha", &[][..], json!([]), json!([])),
        (
            "gha",
            &[("ACTIONS_RUNTIME_TOKEN", "t")],
            json!(["type=gha,scope=app"]),
            json!(["type=gha,scope=app,mode=max"]),
        ),
        (
            "local",
            &[],
            json!([]),
            json!([format!("type=local,\"dest={}/target/xtask/layers/app\",mode=max", real(&workspace))]),
        ),
    ] {
        let other = dockerfile(&format!("cache = \"{cache}\""), "FROM scratch\n");
        let run = release_with(&other, &self::sandbox(vec![]), variables);
        run.ends(0);
        let bake = bake(&other);
        let here = real(&other);
        assert_eq!(
            (&bake["cache-from"], bake["cache-to"].to_string().replace(&here, &real(&workspace))),
            (&from, to.to_string())
        );
        assert_eq!(run.stderr.contains("ACTIONS_RUNTIME_TOKEN is not set"), cache == "gha" && variables.is_empty());
    }
}

fn real(workspace: &Workspace) -> String {
    workspace.root().canonicalize().expect("it is there").display().to_string()
}

#[test]
fn what_can_move_in_a_dockerfile_is_reported_at_its_line_and_nothing_else_is() {
    let digest = format!("sha256:{}", "0".repeat(64));
    let text = format!(
        "# syntax=docker/dockerfile:1\n\
         ARG BASE=debian@{digest}\n\
         FROM ${{BASE}} \\\n\
         \x20 AS build\n\
         RUN python3 - <<PY\n\
         from pathlib import Path\n\
         PY\n\
         RUN --mount=type=bind,from=alpine:3,target=/x true\n\
         FROM build\n\
         COPY --from=ghcr.io/acme/tool:latest /tool /tool\n\
         ADD https://github.com/acme/tool.git#main /src\n\
         COPY --from=handed /a /a\n"
    );
    let workspace = dockerfile("contexts = { handed = \"docker-image://alpine:3\" }", &text);
    let run = workspace.xtask(&sandbox(vec![]), &["release"]);
    run.ends(0)
        .says("`# syntax=docker/dockerfile:1` is not pinned by digest")
        .says("app/Dockerfile:1:1")
        .says("`RUN --mount=…,from=alpine:3` is not pinned by digest")
        .says("app/Dockerfile:8:1")
        .says("`COPY --from=ghcr.io/acme/tool:latest` is not pinned by digest")
        .says("app/Dockerfile:10:1")
        .says("`ADD https://github.com/acme/tool.git#main` names no commit")
        .says("app/Dockerfile:11:1")
        .says("what `images.app.contexts.handed` names is not pinned by digest");
    assert_eq!(run.stderr.matches("warning:").count(), 5, "{}", run.stderr);
}

#[test]
fn what_this_tool_writes_is_left_out_of_the_context_and_a_missing_ignore_file_is_told_with_what_is_sent() {
    let (workspace, sandbox) = (dockerfile("", "FROM scratch\nCOPY . /src\n"), sandbox(vec![]));
    workspace.write("target/debug/xtask", "0123456789").write("src/lib.rs", "");
    let run = workspace.xtask(&sandbox, &["release"]);
    run.ends(0)
        .says("go into the build: there is no .dockerignore in the workspace's root, and only `target` and `.git` are left out")
        .says("app/Dockerfile:2:1");
    let file = PathBuf::from(bake(&workspace)["dockerfile"].as_str().expect("a path"));
    let beside = file.with_file_name("Dockerfile.dockerignore");
    assert_eq!(fs::read_to_string(&file).expect("it is there"), "FROM scratch\nCOPY . /src\n");
    assert_eq!(fs::read_to_string(&beside).expect("it is there"), "/target\n/.git\n");

    // With rules of their own, people are asked nothing; ours come last. Cargo's folder may have another name.
    workspace.change(&[(TAG, "tag = \"1.4.1\"")]).write(".dockerignore", "*\n!src\n");
    release_with(&workspace, &sandbox, &[("CARGO_TARGET_DIR", "out")]).ends(0).does_not_say(".dockerignore");
    let beside = workspace.root().join("out/xtask/dockerfiles/app/Dockerfile.dockerignore");
    assert_eq!(fs::read_to_string(beside).expect("it is there"), "*\n!src\n/out/xtask\n");

    // An image that takes files by name takes no more than these.
    let narrow = dockerfile("", "FROM scratch\nCOPY app /app\n");
    narrow.xtask(&sandbox, &["release"]);
    let narrow = Workspace::with(&[(TAG, "tag = \"1.4.2\"")]);
    narrow.that_releases().xtask(&sandbox, &["release"]).ends(0).does_not_say(".dockerignore");
}

/// A package of these sources, in a workspace whose image is configured by these lines.
fn package(image: &str, manifest: &str, sources: &[(&str, &str)]) -> Workspace {
    let workspace = Workspace::with(&[
        ("members = [\"app\"]", "members = [\"hello\"]"),
        (TAG, "tag = \"1.4.0\""),
        (DOCKERFILE, &format!("{image}\nexpect = [\"debian\"]\n")),
    ]);
    workspace
        .that_releases()
        .write("Cargo.lock", "version = 4\n\n[[package]]\nname = \"hello\"\nversion = \"0.3.0\"\n")
        .write(
            "hello/Cargo.toml",
            &format!("[package]\nname = \"hello\"\nversion = \"0.3.0\"\nedition = \"2024\"\n{manifest}"),
        );
    for (name, text) in sources {
        workspace.write(&format!("hello/{name}"), text);
    }
    workspace
}

fn with_dockerfile(binaries: &str) -> String {
    format!("dockerfile = \"app/Dockerfile\"\nbinaries = {binaries}")
}

const TWO: &[(&str, &str)] = &[("src/main.rs", "fn main() {}\n"), ("src/bin/migrate.rs", "fn main() {}\n")];

#[test]
fn a_package_of_several_binaries_gets_advice_that_works() {
    let sandbox = sandbox(vec![]);
    let workspace = package(&with_dockerfile("[\"hello\"]"), "", TWO);
    workspace
        .xtask(&sandbox, &["release"])
        .ends(2)
        .says("package `hello` has several binaries, `hello`, `migrate`")
        .says("in `binaries` with `{ package = \"hello\", bin = \"hello\" }`");
    let both = "[{ package = \"hello\", bin = \"hello\" }, { package = \"hello\", bin = \"migrate\" }]";
    let workspace = package(&with_dockerfile(both), "", TWO);
    workspace.xtask(&sandbox, &["release"]).ends(0);
    for name in ["hello", "migrate"] {
        assert!(workspace.root().join("target/xtask/binaries/app").join(name).is_file(), "{name}");
    }
}

#[test]
fn a_package_runs_by_default_what_cargo_would_run() {
    let sandbox = sandbox(vec![]);
    let by_default = package(&with_dockerfile("[\"hello\"]"), "default-run = \"migrate\"\n", TWO);
    by_default.xtask(&sandbox, &["release"]).ends(0);
    let folder = by_default.root().join("target/xtask/binaries/app");
    assert!(folder.join("migrate").is_file() && !folder.join("hello").exists());
}

#[test]
fn features_are_turned_on_for_one_image_and_a_binary_that_requires_one_says_so() {
    let sandbox = sandbox(vec![]);
    let manifest = "[features]\ndefault = [\"plain\"]\nplain = []\npostgres = []\n[[bin]]\nname = \"hello\"\n\
                    path = \"src/main.rs\"\nrequired-features = [\"postgres\"]\n";
    let main = "#[cfg(any(feature = \"plain\", not(feature = \"postgres\")))]\ncompile_error!(\"wrong features\");\nfn main() {}\n";
    let sources = [("src/main.rs", main)];
    package("package = \"hello\"", manifest, &sources)
        .xtask(&sandbox, &["release"])
        .ends(2)
        .says("exists only with more features")
        .says("add `features = [\"postgres\"]`");
    package("package = \"hello\"\nfeatures = [\"postgres\"]", manifest, &sources)
        .xtask(&sandbox, &["release"])
        .ends(1)
        .says("wrong features");
    package("package = \"hello\"\nfeatures = [\"postgres\"]\ndefault-features = false", manifest, &sources)
        .xtask(&sandbox, &["release"])
        .ends(0);
}

#[test]
fn the_target_that_cargo_is_configured_for_is_built_for_where_it_fits() {
    let sandbox = sandbox(vec![]);
    let glibc = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let workspace = package("package = \"hello\"", "", &TWO[..1]);
    workspace.write(".cargo/config.toml", &format!("[build]\ntarget = \"{glibc}\"\n"));
    workspace.xtask(&sandbox, &["release"]).ends(0);
    assert!(workspace.root().join("target/xtask/build").join(glibc).is_dir());
}

#[test]
fn a_repository_that_git_refuses_is_told_with_gits_advice() {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.that_releases();
    workspace.git(&["init", "--quiet"]);
    release_with(&workspace, &sandbox, &[("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")])
        .ends(1)
        .says("git does not tell which commit is in")
        .says("git config --global --add safe.directory");
    assert_eq!(tagged(&sandbox, "sample/app", "1.4.0"), None);
}

#[test]
fn files_of_the_whole_repository_are_used_by_a_workspace_in_a_folder_of_it() {
    let sandbox = sandbox(vec![]);
    let whole = tempfile::tempdir().expect("a folder");
    let workspace =
        package("package = \"hello\"\nassets = [{ source = \"../shared/note\", path = \"/note\" }]", "", &TWO[..1]);
    let inside = whole.path().join("backend");
    let copied = Command::new("cp").arg("-r").args([workspace.root(), &inside]).status().expect("cp runs");
    assert!(copied.success());
    fs::create_dir(whole.path().join("shared")).expect("a folder");
    fs::write(whole.path().join("shared/note"), "shared").expect("written");
    let release = || {
        let environment = sandbox.environment();
        let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
        workspace.command(&environment, &["release"]).current_dir(&inside).output().expect("the binary starts")
    };
    let refused = release();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("`../shared/note` is outside the workspace"));
    fs::create_dir(whole.path().join(".git")).expect("a folder");
    // Not a whole repository: the commit's time is given.
    let environment = sandbox.environment();
    let mut environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
    environment.push(("SOURCE_DATE_EPOCH", "1700000000"));
    let released =
        workspace.command(&environment, &["release"]).current_dir(&inside).output().expect("the binary starts");
    assert_eq!(released.status.code(), Some(0), "{}", String::from_utf8_lossy(&released.stderr));
}
