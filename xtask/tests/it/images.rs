//! What an image is built from, the whole binary against the sandbox: programs, secrets, contexts, credentials.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use xtask_sandbox::Sandbox;

use crate::support::{CONFIG, Run, Workspace, layout, sandbox, tagged};

/// The sample workspace with further keys of its image, whose Dockerfile is this.
fn dockerfile(keys: &str, text: &str) -> Workspace {
    let workspace = Workspace::with(&CONFIG.replace(
        "dockerfile = \"app/Dockerfile\"\n",
        &format!("dockerfile = \"app/Dockerfile\"\n{keys}\n"),
    ));
    workspace.that_releases().write("app/Dockerfile", text);
    // The bake file is kept, too.
    let script = include_str!("support/docker.py").replace("LAYOUT", &workspace.root().join("built").display().to_string());
    let keeping = script.replace("json.load(sys.stdin)", "json.loads(keep(sys.stdin.read()))").replace(
        "arguments = sys.argv",
        "def keep(text):\n    open('bake.json', 'w').write(text)\n    return text\n\n\narguments = sys.argv",
    );
    workspace.tool("docker", &keeping);
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
    release_with(&workspace, &sandbox, &[("SAMPLE_CARGO_TOKEN", "")]).ends(2).says("SAMPLE_CARGO_TOKEN, which is empty");
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
    workspace.write("Cargo.toml", &CONFIG.replace("1.4.0", "1.4.1")).write(".dockerignore", "*\n!src\n");
    release_with(&workspace, &sandbox, &[("CARGO_TARGET_DIR", "out")]).ends(0).does_not_say(".dockerignore");
    let beside = workspace.root().join("out/xtask/dockerfiles/app/Dockerfile.dockerignore");
    assert_eq!(fs::read_to_string(beside).expect("it is there"), "*\n!src\n/out/xtask\n");

    // An image that takes files by name takes no more than these.
    let narrow = dockerfile("", "FROM scratch\nCOPY app /app\n");
    narrow.xtask(&sandbox, &["release"]);
    let narrow = Workspace::with(&CONFIG.replace("1.4.0", "1.4.2"));
    narrow.that_releases().xtask(&sandbox, &["release"]).ends(0).does_not_say(".dockerignore");
}

/// A package of these sources, in a workspace whose image is configured by these lines.
fn package(image: &str, manifest: &str, sources: &[(&str, &str)]) -> Workspace {
    let config = CONFIG
        .replace("members = []", "members = [\"hello\"]")
        .replace("dockerfile = \"app/Dockerfile\"\n", &format!("{image}\nexpect = [\"debian\"]\n"));
    let workspace = Workspace::with(&config);
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
        .says("exists only with more features; add `features = [\"postgres\"]`");
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
    let git = Command::new("git").args(["init", "--quiet"]).current_dir(workspace.root()).status().expect("git runs");
    assert!(git.success());
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
    let workspace = package("package = \"hello\"\nassets = [{ source = \"../shared/note\", path = \"/note\" }]", "", &TWO[..1]);
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
    let released = workspace.command(&environment, &["release"]).current_dir(&inside).output().expect("the binary starts");
    assert_eq!(released.status.code(), Some(0), "{}", String::from_utf8_lossy(&released.stderr));
}

#[test]
fn a_compiler_wrapper_gets_the_credentials_that_its_cache_wants_and_without_one_they_are_named() {
    let sandbox = sandbox(vec![]);
    let wrapper = "#!/bin/sh\n[ -n \"$ACTIONS_RUNTIME_TOKEN\" ] || { echo 'sccache: token missing' >&2; exit 2; }\n\
                   [ -z \"$SLACK_WEBHOOK_URL\" ] || { echo 'sees too much' >&2; exit 2; }\nexec \"$@\"\n";
    let workspace = package("package = \"hello\"", "", &TWO[..1]);
    workspace.tool("stand-in-for-sccache", wrapper);
    let variables = [("RUSTC_WRAPPER", "stand-in-for-sccache"), ("ACTIONS_RUNTIME_TOKEN", "t")];
    release_with(&workspace, &sandbox, &variables).ends(0);
}

/// Answers requests on loopback one by one; `answer` is given the path and the header `Authorization`.
fn serve(answer: impl Fn(&str, Option<&str>) -> (u16, &'static str, Vec<u8>) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be listened on");
    let host = listener.local_addr().expect("it has an address").to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut lines = BufReader::new(stream.try_clone().expect("a second handle")).lines().map_while(Result::ok);
            let Some(first) = lines.next() else { continue };
            let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
            let headers: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            let authorization = headers.iter().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("authorization").then_some(value)
            });
            let (status, kind, body) = answer(&path, authorization);
            let head = format!(
                "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            drop(stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)));
        }
    });
    host
}

/// `user:secret` in base64.
const LOGIN: &str = "dXNlcjpzZWNyZXQ=";

#[test]
fn a_base_that_wants_a_login_gets_the_one_that_docker_has() {
    let sandbox = sandbox(vec![]);
    let built = tempfile::tempdir().expect("a folder");
    let digest = layout::write_base(built.path());
    let blobs = built.path().join("blobs/sha256");
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = asked.clone();
    let host = serve(move |path, authorization| {
        seen.lock().expect("nobody panicked").push(authorization.map(str::to_owned));
        if authorization != Some(&format!("Basic {LOGIN}")) {
            return (401, "application/json", Vec::new());
        }
        let kind = if path.contains("/manifests/") { "application/vnd.oci.image.manifest.v1+json" } else { "application/octet-stream" };
        let blob = path.rsplit(':').next().unwrap_or_default();
        (200, kind, fs::read(blobs.join(blob)).unwrap_or_default())
    });
    let workspace = package(&format!("package = \"hello\"\nbase = \"{host}/team/base@{digest}\""), "", &TWO[..1]);
    workspace
        .xtask(&sandbox, &["release"])
        .ends(1)
        .says(&format!("this needs credentials, and none were given; `docker login {host}`"));

    // A helper has it.
    let configuration = json!({ "credHelpers": { &host: "sample" } });
    workspace.write("docker/config.json", &configuration.to_string());
    let helper = "#!/bin/sh\nread server\n[ \"$1\" = get ] || exit 1\necho \"{\\\"ServerURL\\\": \\\"$server\\\", \\\"Username\\\": \\\"user\\\", \\\"Secret\\\": \\\"secret\\\"}\"\n";
    workspace.tool("docker-credential-sample", helper);
    let folder = workspace.root().join("docker");
    let folder = folder.to_str().expect("a path that is text");
    let run = release_with(&workspace, &sandbox, &[("DOCKER_CONFIG", folder)]);
    run.ends(0).says("Fetching base").does_not_say("secret");
    assert!(asked.lock().expect("nobody panicked").iter().any(Option::is_some));

    // Or the file itself, in the home folder.
    let workspace = package(&format!("package = \"hello\"\nbase = \"{host}/team/base@{digest}\""), "", &TWO[..1]);
    let workspace_file = json!({ "auths": { &host: { "auth": LOGIN } } });
    workspace.write(".docker/config.json", &workspace_file.to_string());
    workspace.write("Cargo.toml", &fs::read_to_string(workspace.root().join("Cargo.toml")).expect("it is there").replace("1.4.0", "1.4.1"));
    workspace.xtask(&sandbox, &["release"]).ends(0).says("Fetching base");
}

/// A registry of packages on loopback that answers nobody without the token `secret`, and has `leaf` 1.0.0.
fn packages() -> (String, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |path: &str, text: &str| {
        let path = folder.path().join("leaf-1.0.0").join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder can be made");
        fs::write(path, text).expect("a file can be written");
    };
    write("Cargo.toml", "[package]\nname = \"leaf\"\nversion = \"1.0.0\"\nedition = \"2021\"\n");
    write("src/lib.rs", "");
    let unseen = |name: &str| format!("    assert!(std::env::var_os(\"{name}\").is_none(), \"sees {name}\");\n");
    let script = [unseen("CARGO_REGISTRIES_ACME_TOKEN"), unseen("AWS_ACCESS_KEY_ID")].concat();
    write("build.rs", &format!("fn main() {{\n{script}}}\n"));
    let packed = Command::new("tar").args(["-cz", "leaf-1.0.0"]).current_dir(folder.path()).output().expect("tar runs");
    let crate_file = packed.stdout;
    let checksum = ring::digest::digest(&ring::digest::SHA256, &crate_file);
    let checksum: String = checksum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let sum = checksum.clone();
    let address = Arc::new(Mutex::new(String::new()));
    let own = address.clone();
    let host = serve(move |path, authorization| {
        let host = own.lock().expect("nobody panicked").clone();
        if authorization != Some("secret") {
            return (401, "text/plain", Vec::new());
        }
        match path {
            "/config.json" => {
                let config = json!({ "dl": format!("http://{host}/dl"), "api": format!("http://{host}"), "auth-required": true });
                (200, "application/json", config.to_string().into_bytes())
            }
            "/le/af/leaf" => {
                let entry = json!({ "name": "leaf", "vers": "1.0.0", "deps": [], "cksum": sum, "features": {}, "yanked": false });
                (200, "text/plain", format!("{entry}\n").into_bytes())
            }
            "/dl/leaf/1.0.0/download" => (200, "application/gzip", crate_file.clone()),
            _ => (404, "text/plain", Vec::new()),
        }
    });
    host.clone_into(&mut address.lock().expect("nobody panicked"));
    (host, checksum)
}

/// A package that depends on `leaf` of that registry.
fn dependent(host: &str, checksum: &str, provider: &str) -> Workspace {
    let workspace = package("package = \"hello\"", "[dependencies]\nleaf = { version = \"1\", registry = \"acme\" }\n", &TWO[..1]);
    let index = format!("sparse+http://{host}/");
    workspace
        .write(".cargo/config.toml", &format!("[registries.acme]\nindex = \"{index}\"\n{provider}\n"))
        .write(
            "Cargo.lock",
            &format!(
                "version = 4\n\n[[package]]\nname = \"hello\"\nversion = \"0.3.0\"\ndependencies = [\n \"leaf\",\n]\n\n\
                 [[package]]\nname = \"leaf\"\nversion = \"1.0.0\"\nsource = \"{index}\"\nchecksum = \"{checksum}\"\n"
            ),
        );
    workspace
}

/// A cargo home of its own, so that every package is fetched, with the programs of the real one.
fn fresh_home(workspace: &Workspace) -> String {
    let home = workspace.root().join("cargo-home");
    fs::create_dir_all(&home).expect("a folder");
    home.to_str().expect("a path that is text").to_owned()
}

#[test]
fn a_private_registrys_token_reaches_cargo_and_no_build_script() {
    let (sandbox, (host, checksum)) = (sandbox(vec![]), packages());
    let workspace = dependent(&host, &checksum, "credential-provider = \"cargo:token\"");
    let home = fresh_home(&workspace);
    release_with(&workspace, &sandbox, &[("CARGO_HOME", &home)]).ends(1).says("no token found");
    release_with(&workspace, &sandbox, &[("CARGO_HOME", &home), ("CARGO_REGISTRIES_ACME_TOKEN", "secret")]).ends(0);
}

#[test]
fn a_credential_provider_sees_credentials_and_no_build_script_does() {
    let (sandbox, (host, checksum)) = (sandbox(vec![]), packages());
    let script = "#!/bin/sh\n[ -n \"$AWS_ACCESS_KEY_ID\" ] || { echo 'no AWS credentials in the environment' >&2; exit 1; }\necho secret\n";
    let provider = "credential-provider = [\"cargo:token-from-stdout\", \"stand-in-for-aws\"]";
    let workspace = dependent(&host, &checksum, provider);
    workspace.tool("stand-in-for-aws", script);
    let home = fresh_home(&workspace);
    release_with(&workspace, &sandbox, &[("CARGO_HOME", &home)]).ends(0);

    // A provider that fails is the world's failure, and no mistake in the workspace.
    let workspace = dependent(&host, &checksum, provider);
    workspace.tool("stand-in-for-aws", "#!/bin/sh\necho 'denied' >&2\nexit 1\n");
    let home = fresh_home(&workspace);
    release_with(&workspace, &sandbox, &[("CARGO_HOME", &home)]).ends(1).does_not_say("correct what cargo names");
}

#[test]
fn credentials_that_are_kept_from_cargo_are_named_where_it_fails() {
    let (sandbox, (host, checksum)) = (sandbox(vec![]), packages());
    let workspace = dependent(&host, &checksum, "");
    let home = fresh_home(&workspace);
    release_with(&workspace, &sandbox, &[("CARGO_HOME", &home)])
        .ends(1)
        .says("AWS_ACCESS_KEY_ID")
        .says("where cargo's configuration names a credential provider or a `rustc-wrapper`");
}
