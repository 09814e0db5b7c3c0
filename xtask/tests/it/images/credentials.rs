//! Who sees which credentials when an image is built: cargo, its wrappers and providers, registries of bases.

use std::fs;
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::{TWO, package, release_with};
use crate::support::{Answer, Asked, Workspace, layout, sandbox, serve};

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
    let host = serve(move |asked| {
        let (path, authorization) = (&asked.path, asked.header("authorization"));
        seen.lock().expect("nobody panicked").push(authorization.map(str::to_owned));
        if authorization != Some(&format!("Basic {LOGIN}")) {
            return (401, "application/json", Vec::new());
        }
        let kind = if path.contains("/manifests/") {
            "application/vnd.oci.image.manifest.v1+json"
        } else {
            "application/octet-stream"
        };
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
    workspace.write(
        "Cargo.toml",
        &fs::read_to_string(workspace.root().join("Cargo.toml")).expect("it is there").replace("1.4.0", "1.4.1"),
    );
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
    let checksum = layout::sha256(&crate_file);
    let sum = checksum.clone();
    let address = Arc::new(Mutex::new(String::new()));
    let own = address.clone();
    let host = serve(move |asked: &Asked| -> Answer {
        let (path, authorization) = (asked.path.as_str(), asked.header("authorization"));
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
    let workspace =
        package("package = \"hello\"", "[dependencies]\nleaf = { version = \"1\", registry = \"acme\" }\n", &TWO[..1]);
    let index = format!("sparse+http://{host}/");
    workspace.write(".cargo/config.toml", &format!("[registries.acme]\nindex = \"{index}\"\n{provider}\n")).write(
        "Cargo.lock",
        &format!(
            "version = 4\n\n[[package]]\nname = \"hello\"\nversion = \"0.3.0\"\ndependencies = [\n \"leaf\",\n]\n\n\
                 [[package]]\nname = \"leaf\"\nversion = \"1.0.0\"\nsource = \"{index}\"\nchecksum = \"{checksum}\"\n"
        ),
    );
    workspace
}

/// A cargo home of its own, so that every package is fetched.
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
    let sandbox = self::sandbox(vec![]);
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
