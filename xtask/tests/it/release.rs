//! `cargo xtask release`, the whole binary against the sandbox.

use crate::support::{Workspace, calls, layout, manifest, sandbox, send, tagged};
use serde_json::Value;
use xtask_ecs::digest::Digest;
use xtask_sandbox::{Effect, Fault, Which};

fn fault(call: &str, which: Which, effect: Effect) -> Vec<Fault> {
    vec![Fault { call: call.to_owned(), which, effect }]
}

fn error(status: u16, code: &str) -> Effect {
    Effect::Error { status, code: code.to_owned(), message: "injected".to_owned(), retry_after: None }
}

#[test]
fn a_missing_tag_is_built_scanned_pushed_and_printed_by_digest() {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.that_releases();
    let run = workspace.xtask(&sandbox, &["release"]);
    run.ends(0).looks_like("release/released");
    let digest = tagged(&sandbox, "sample/app", "1.4.0").expect("the tag is in ECR");
    assert_eq!(run.stdout, format!("app {}/sample/app@{digest}\n", sandbox.registry()));

    let manifest = std::fs::read_to_string(workspace.root().join("target/xtask/release.json")).expect("is written");
    let manifest: Value = serde_json::from_str(&manifest).expect("is JSON");
    assert_eq!(manifest["images"][0]["digest"], digest.as_str());
    assert_eq!(manifest["images"][0]["platform"], "linux/amd64");
}

#[test]
fn a_tag_that_is_there_is_not_built_again_and_needs_neither_docker_nor_trivy() {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.that_releases();
    let first = workspace.xtask(&sandbox, &["release"]);
    first.ends(0);

    let bare = Workspace::sample();
    let second = bare.xtask(&sandbox, &["release"]);
    second.ends(0).says("already released").looks_like("release/already-released");
    assert_eq!(second.stdout, first.stdout);
    assert_eq!(calls(&sandbox, "ecr:PutImage"), 1);
}

#[test]
fn a_plan_says_what_would_happen_and_does_nothing() {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.that_releases();
    let run = workspace.xtask(&sandbox, &["release", "--plan", "--format", "json"]);
    run.ends(0).says("build, scan, push").looks_like("release/plan");
    let plan: Value = serde_json::from_str(&run.stdout).expect("stdout is JSON");
    assert_eq!(plan["images"][0]["image"], "app");
    assert_eq!(plan["images"][0]["action"], "release");
    assert!(!workspace.root().join("target").exists(), "a plan writes nothing");
    assert_eq!(sandbox.calls().iter().filter(|call| call.operation.starts_with("registry:")).count(), 0);
}

#[test]
fn every_problem_of_the_preflight_is_in_one_run() {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    sandbox
        .ecr("DeleteRepository", serde_json::json!({ "repositoryName": "sample/app", "force": true }))
        .expect("deleted");
    let run = workspace.xtask(&sandbox, &["release"]);
    run.ends(1)
        .says("3 problems")
        .says("RepositoryNotFoundException")
        .says("aws ecr create-repository --repository-name sample/app --region ap-northeast-1")
        .says("docker was not found")
        .says("trivy was not found")
        .looks_like("release/every-problem-before-the-build");
}

#[test]
fn an_old_buildx_is_named_with_the_version_that_is_needed() {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.trivy_that_passes().tool(
        "docker",
        "#!/bin/sh\ncase \"$1 $2\" in 'version --format') echo 20.10.5 ;; 'buildx version') echo 'github.com/docker/buildx v0.9.1 x' ;; esac\n",
    );
    workspace
        .xtask(&sandbox, &["release"])
        .ends(1)
        .says("buildx 0.9 is too old: 0.17 or newer")
        .looks_like("release/old-buildx");
}

#[test]
fn an_engine_that_does_not_answer_is_quoted() {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.trivy_that_passes().tool(
        "docker",
        "#!/bin/sh\necho 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock.' >&2\nexit 1\n",
    );
    let run = workspace.xtask(&sandbox, &["release"]);
    run.ends(1).says("the docker engine does not answer").says("| Cannot connect to the Docker daemon");
    run.looks_like("release/engine-that-does-not-answer");
}

#[test]
fn a_failing_build_ends_with_the_builders_last_lines() {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.that_releases();
    let step = "ERROR: process \"/bin/sh -c make\" did not complete: exit code: 2";
    let fails = format!("echo '{step}' >&2; exit 1; write");
    let docker =
        include_str!("support/docker.sh").replace("\"buildx bake\") write", &format!("\"buildx bake\") {fails}"));
    workspace.tool("docker", &docker);
    workspace
        .xtask(&sandbox, &["release"])
        .ends(1)
        .says("could not build image `app`")
        .says("| ERROR: process")
        .looks_like("release/build-that-fails");
    assert_eq!(tagged(&sandbox, "sample/app", "1.4.0"), None);
}

/// Replaces trivy's answer to a scan, keeps its answer to `--version`.
fn trivy_that(workspace: &Workspace, scan: &str) {
    workspace.that_releases();
    workspace
        .tool("trivy", &format!("#!/bin/sh\n[ \"$1\" = --version ] && echo 'Version: 0.76.0' && exit 0\n{scan}\n"));
}

#[test]
fn a_scanner_that_crashes_says_nothing_or_lacks_its_database_is_no_pass() {
    for (scan, message) in [
        ("echo 'panic: nil map' >&2; exit 2", "trivy crashed on image `app`"),
        ("exit 0", "reported nothing for image `app`"),
        (
            "echo 'FATAL init error: DB error: failed to download vulnerability DB' >&2; exit 1",
            "no vulnerability database",
        ),
        (r#"echo '{"Metadata":{"ImageID":"sha256:other"},"Results":[]}'"#, "speaks of another image"),
    ] {
        let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
        trivy_that(&workspace, scan);
        workspace.xtask(&sandbox, &["release"]).ends(1).says(message);
        assert_eq!(tagged(&sandbox, "sample/app", "1.4.0"), None, "{scan}");
    }
}

#[test]
fn a_malicious_trivy_does_not_scan() {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.that_releases();
    workspace.tool("trivy", "#!/bin/sh\n[ \"$1\" = --version ] && echo 'Version: 0.69.5' && exit 0\ntouch scanned\n");
    workspace
        .xtask(&sandbox, &["release"])
        .ends(1)
        .says("replaced by malicious ones")
        .looks_like("release/malicious-trivy");
    assert!(!workspace.root().join("scanned").exists());
}

#[test]
fn the_scanner_sees_no_credentials_and_no_settings_that_hide_findings() {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.that_releases();
    let look = "env | grep -E '^(AWS_|SLACK_|GITHUB_|TRIVY_IGNORE)' >&2 && exit 1\ncase";
    let script = include_str!("support/trivy.sh").replacen("case", look, 1);
    workspace.tool("trivy", &script);
    let sandbox_environment = sandbox.environment();
    let mut environment: Vec<(&str, &str)> =
        sandbox_environment.iter().map(|(name, value)| (&**name, &**value)).collect();
    environment.extend([("GITHUB_TOKEN", "t"), ("SLACK_WEBHOOK_SECRET", "s"), ("TRIVY_IGNOREFILE", "all")]);
    environment.extend([("TRIVY_TIMEOUT", "15m"), ("TRIVY_QUIET", "true"), ("TRIVY_OFFLINE_SCAN", "true")]);
    workspace.xtask_with(&environment, &["release"]).ends(0).says(
        "not handed to trivy: TRIVY_IGNOREFILE (`ignore` stands for it), TRIVY_TIMEOUT (`timeout` stands for it); what",
    );
}

#[test]
fn findings_refuse_with_a_table_and_leave_no_tag() {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.that_releases();
    let finding = r#""Vulnerabilities": [{"VulnerabilityID": "CVE-2026-1", "PkgName": "openssl", "InstalledVersion": "1.0", "FixedVersion": "1.1", "Severity": "HIGH"}], "Packages""#;
    workspace.tool("trivy", &include_str!("support/trivy.sh").replacen("\"Packages\"", finding, 1));
    workspace
        .xtask(&sandbox, &["release"])
        .ends(3)
        .says("PACKAGE  INSTALLED  FIXED IN  ID          SEVERITY  TARGET")
        .says("openssl  1.0        1.1       CVE-2026-1  HIGH      app")
        .looks_like("release/refused");
    assert_eq!(tagged(&sandbox, "sample/app", "1.4.0"), None);

    let accepted = "{ id = \"CVE-2026-1\", reason = \"not reachable\", until = \"2999-01-01\" }";
    let scan = format!("\n[workspace.metadata.xtask.scan]\nignore = [{accepted}]\n");
    workspace.write("Cargo.toml", &(manifest(&[]) + &scan));
    workspace
        .xtask(&sandbox, &["release"])
        .ends(0)
        .says("1 accepted for now")
        .looks_like("release/findings-accepted-until-a-day");
}

#[test]
fn a_corrupt_blob_never_completes_and_is_named() {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.that_releases();
    layout::corrupt(&workspace.root().join("built"));
    let run = workspace.xtask(&sandbox, &["release"]);
    run.ends(1).says("sha256:");
    assert_eq!(tagged(&sandbox, "sample/app", "1.4.0"), None);
}

#[test]
fn a_build_is_lent_the_layers_of_the_one_before_and_a_corrupt_one_is_not_lent() {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.that_releases();
    workspace.xtask(&sandbox, &["release"]).ends(0).says("with 0 blobs that were there");
    let retag = |tag: &str| workspace.change(&[("{ package = \"app\" }", &format!("\"{tag}\""))]);
    retag("1.4.1");
    let layer = Digest::of(b"the only layer");
    workspace.xtask(&sandbox, &["release"]).ends(0).says(&format!("with 1 blobs that were there: {}", layer.hex()));

    let known = workspace.root().join("target/xtask/known/app").join(layer.hex());
    std::fs::write(known, "the only lawyer").expect("the file can be written");
    retag("1.4.2");
    workspace.xtask(&sandbox, &["release"]).ends(0).says("with 0 blobs that were there");
    assert!(tagged(&sandbox, "sample/app", "1.4.2").is_some());
}

#[test]
fn trouble_that_passes_is_retried_and_the_release_goes_on() {
    for faults in [
        fault("registry:POST blob", Which::First(2), error(500, "INTERNAL_ERROR")),
        fault(
            "registry:PUT blob",
            Which::Nth(1),
            Effect::Error {
                status: 429,
                code: "TOOMANYREQUESTS".to_owned(),
                message: "slow down".to_owned(),
                retry_after: Some(1),
            },
        ),
        fault("registry:PUT blob", Which::Nth(1), Effect::Cut { after_bytes: 3 }),
        fault("registry:PUT blob", Which::Nth(1), Effect::ExpireToken),
        fault("ecr:BatchGetImage", Which::First(2), error(400, "ThrottlingException")),
    ] {
        let (workspace, sandbox) = (Workspace::sample(), sandbox(faults.clone()));
        workspace.that_releases();
        let run = workspace.xtask(&sandbox, &["release"]);
        assert_eq!(run.code, 0, "{faults:?}\n{}", run.stderr);
        assert!(tagged(&sandbox, "sample/app", "1.4.0").is_some(), "{faults:?}");
    }
}

#[test]
fn a_registry_that_refuses_the_token_for_good_is_an_error_that_says_so() {
    let (workspace, sandbox) =
        (Workspace::sample(), sandbox(fault("registry:*", Which::Every, error(401, "UNAUTHORIZED"))));
    workspace.that_releases();
    workspace.xtask(&sandbox, &["release"]).ends(1).says("401");
    assert_eq!(tagged(&sandbox, "sample/app", "1.4.0"), None);
}

#[test]
fn a_rerun_after_a_failure_sends_no_blob_twice() {
    let (workspace, sandbox) =
        (Workspace::sample(), sandbox(fault("ecr:PutImage", Which::Nth(1), error(400, "SomethingThatIsNew"))));
    workspace.that_releases();
    workspace
        .xtask(&sandbox, &["release"])
        .ends(1)
        .says("SomethingThatIsNew")
        .looks_like("release/error-of-aws-that-nobody-knows");
    let sent = calls(&sandbox, "registry:PUT blob");
    assert!(sent > 0);
    workspace.xtask(&sandbox, &["release"]).ends(0);
    assert_eq!(calls(&sandbox, "registry:PUT blob"), sent);
}

#[test]
fn a_tag_that_somebody_else_put_meanwhile_is_a_conflict_with_both_digests() {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(fault("ecr:PutImage", Which::Nth(1), Effect::ForeignTag)));
    workspace.that_releases();
    let run = workspace.xtask(&sandbox, &["release"]);
    let foreign = tagged(&sandbox, "sample/app", "1.4.0").expect("the other client's tag");
    run.ends(8).says(&foreign).says("built here: sha256:").looks_like("release/tag-conflict");
}

#[test]
fn credentials_that_are_missing_expired_or_not_enough_each_have_their_fix() {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.that_releases();
    let url = format!("http://{}", sandbox.address());
    let registry = sandbox.registry();
    let run = |key: Option<&str>| {
        let mut environment = vec![("AWS_ENDPOINT_URL", &*url), ("XTASK_REGISTRY", &*registry)];
        environment.extend(key.map(|key| ("AWS_ACCESS_KEY_ID", key)));
        environment.extend(key.map(|_| ("AWS_SECRET_ACCESS_KEY", "secret")));
        workspace.xtask_with(&environment, &["release"])
    };
    run(None).ends(1).says("could not load AWS credentials").says("AWS_PROFILE").looks_like("release/no-credentials");
    run(Some("EXPIRED"))
        .ends(1)
        .says("ExpiredTokenException")
        .says("sign in again")
        .looks_like("release/expired-credentials");
    run(Some("DENIED"))
        .ends(1)
        .says("allow the action `ecr:BatchGetImage` on arn:aws:ecr:ap-northeast-1:123456789012:repository/sample/app")
        .looks_like("release/permission-missing");
}

#[test]
fn an_image_that_is_not_in_the_configuration_is_a_usage_error_with_the_nearest_name() {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.xtask(&sandbox, &["release", "ap"]).ends(2).says("`app`");
}

#[test]
fn ctrl_c_during_the_scan_leaves_no_tag_and_a_rerun_goes_on() {
    use std::io::{BufRead, BufReader};
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    trivy_that(&workspace, "echo scanning > started; exec sleep 600");
    let environment = sandbox.environment();
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
    let mut child = workspace
        .command(&environment, &["release"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("is piped"));
    let mut text = String::new();
    while !text.contains("Scanning app") {
        assert_ne!(stderr.read_line(&mut text).expect("stderr can be read"), 0, "ended early:\n{text}");
    }
    send("-INT", &child);
    stderr.lines().for_each(|line| text += &line.expect("stderr can be read"));
    assert_eq!(child.wait().expect("it ends").code(), Some(130), "{text}");
    assert!(text.contains("no tag was put"), "{text}");
    assert_eq!(tagged(&sandbox, "sample/app", "1.4.0"), None);

    workspace.trivy_that_passes();
    workspace.xtask(&sandbox, &["release"]).ends(0);
}

/// Needs root, for a disk that is small: `cargo xtask ci` is.
#[test]
#[ignore = "needs real parts: cargo xtask ci"]
fn a_full_disk_is_named_and_leaves_nothing_a_rerun_would_trip_over() {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.that_releases();
    let blob = vec![7_u8; 2 << 20];
    let layout = workspace.root().join("big");
    layout::write(&layout, &[&blob]);
    workspace.docker_that_builds(&layout);
    let target = workspace.root().join("target");
    std::fs::create_dir(&target).expect("a folder can be made");
    let mount = |size: &str, verb: &str| {
        let options = format!("{verb}size={size}");
        let done = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "none"])
            .arg(&target)
            .status()
            .expect("mount runs");
        assert!(done.success(), "a small disk needs root");
    };
    mount("1m", "");
    let full = workspace.xtask(&sandbox, &["release"]);
    mount("64m", "remount,");
    let again = workspace.xtask(&sandbox, &["release"]);
    let unmounted = std::process::Command::new("umount").arg(&target).status().expect("umount runs");
    assert!(unmounted.success());
    full.ends(1).says("disk is full");
    again.ends(0);
}

#[test]
fn an_image_that_is_released_wants_no_docker_beside_one_that_is_built_without() {
    let (first, sandbox) = (Workspace::sample(), sandbox(vec![]));
    first.that_releases();
    first.xtask(&sandbox, &["release"]).ends(0);

    let native =
        "\n[workspace.metadata.xtask.images.native]\nrepository = \"sample/app\"\ntag = \"2\"\npackage = \"app\"\n";
    let bare = Workspace::of(&(manifest(&[]) + native));
    bare.trivy_that_passes();
    bare.xtask(&sandbox, &["release", "--plan"]).ends(0).says("already released").says("native: build, scan, push");
}

#[test]
fn two_releases_of_one_image_in_one_workspace_do_not_write_over_each_other() {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.that_releases().write("target/xtask/images/app.lock", "");
    let held = std::fs::File::open(workspace.root().join("target/xtask/images/app.lock")).expect("it is there");
    held.lock().expect("nobody else holds it");
    workspace.xtask(&sandbox, &["release"]).ends(1).says("another release in this workspace is at work on image `app`");
    drop(held);
    workspace.xtask(&sandbox, &["release"]).ends(0);
}

#[test]
fn podman_in_the_place_of_docker_is_recognised_before_anything_is_built() {
    let (workspace, sandbox) = (Workspace::sample(), sandbox(vec![]));
    workspace.trivy_that_passes();
    workspace.tool("docker", "#!/bin/sh\n[ \"$1 $2\" != \"buildx version\" ] || echo 'buildah 1.39.3'\n");
    workspace
        .xtask(&sandbox, &["release"])
        .ends(1)
        .says("the docker in PATH is podman's, which builds with buildah 1.39.3")
        .says("`package = ")
        .does_not_say("bake\"");
}
