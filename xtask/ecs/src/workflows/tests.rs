mod call;
mod environments;
mod matrix;
#[cfg(target_os = "linux")]
mod program;
mod real;
mod theirs;

use std::path::PathBuf;
use std::slice::from_ref;

use super::*;
use crate::config;

const MANIFEST: &str = r#"[workspace]
members = []

[workspace.metadata.xtask]
account = "123456789012"
region = "ap-northeast-1"

[workspace.metadata.xtask.images.app]
repository = "sample/app"
tag = "1.4.0"
dockerfile = "Dockerfile"
secrets = { npm = "NPM_TOKEN" }

[workspace.metadata.xtask.services.app]
cluster = "sample"
task-definition = { family = "app" }
containers = { app = "app" }
"#;

/// Everything that can be said otherwise.
const OTHERWISE: &str = r#"
[workspace.metadata.xtask.workflows]
runner = "self hosted: big"
environment = "production"
role = "arn:aws:iam::123456789012:role/deploy"
toolchain = "1.95.0"
slack = "bot"
tags = ["release-*"]
setup = ["sudo apt-get update", "sudo apt-get install --yes protobuf-compiler"]
env = { RUST_BACKTRACE = "1" }
secrets = ["SENTRY_TOKEN"]
actions = { "actions/checkout" = { commit = "0123456789abcdef0123456789abcdef01234567", version = "v9.9.9" } }
build-timeout = "90m"
deploy-timeout = "20m"

[workspace.metadata.xtask.workflows.ci]
container = "rust:1.95-bookworm@sha256:6258907abe69656e41cd992e0b705cdcfabcbbe3db374f92ed2d47121282d4a1"
options = "--privileged"
setup = ["git config --global --add safe.directory \"$GITHUB_WORKSPACE\""]
timeout = "2h"
"#;

struct Workspace {
    folder: tempfile::TempDir,
    config: Config,
}

impl Workspace {
    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(".github/workflows").join(name)
    }
}

fn workspace(more: &str) -> Workspace {
    let folder = tempfile::tempdir().expect("a folder");
    // Wherever temporary folders are on this machine: this is a repository of its own.
    std::fs::create_dir(folder.path().join(".git")).expect("a folder");
    let config = configured(folder.path(), more);
    Workspace { folder, config }
}

fn configured(root: &Path, more: &str) -> Config {
    std::fs::create_dir_all(root).expect("a folder");
    std::fs::write(root.join("Cargo.toml"), format!("{MANIFEST}{more}")).expect("a file");
    std::fs::write(root.join("Dockerfile"), "FROM scratch\n").expect("a file");
    config::load(root, &|_| None).unwrap_or_else(|errors| panic!("{errors}")).config
}

/// Each environment of such a workspace.
fn everything(root: &Path, more: &str) -> Vec<Config> {
    std::fs::create_dir_all(root).expect("a folder");
    std::fs::write(root.join("Cargo.toml"), format!("{MANIFEST}{more}")).expect("a file");
    std::fs::write(root.join("Dockerfile"), "FROM scratch\n").expect("a file");
    let all = config::load_every(root, &|_| None).unwrap_or_else(|errors| panic!("{errors}"));
    all.into_iter().map(|loaded| loaded.config).collect()
}

fn rendered(more: &str, file: &str) -> String {
    rendered_with(more, file, true)
}

fn rendered_with(more: &str, file: &str, has_ci: bool) -> String {
    let files = render(from_ref(&workspace(more).config), has_ci);
    files.into_iter().find(|found| found.name.ends_with(file)).and_then(|found| found.text).expect("it is rendered")
}

/// The repository that this package is part of.
fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace").to_owned()
}

#[test]
fn the_stages_start_their_command_in_the_place_of_the_shell() {
    assert!(rendered("", "build.yml").contains("        run: exec cargo xtask release\n"));
    let deploy = rendered("", "deploy.yml");
    let either = r#"then exec target/xtask/stage/xtask deploy "$@"; fi
          exec cargo xtask deploy "$@"
"#;
    assert!(deploy.contains(either));
    assert!(rendered("", "ci.yml").contains("        run: exec cargo xtask ci\n"));
}

#[test]
fn without_a_role_the_keys_reach_the_stage_alone_and_no_token_can_be_asked_for() {
    for file in ["build.yml", "deploy.yml"] {
        let text = rendered("", file);
        assert_eq!(text.matches("${{ secrets.AWS_SECRET_ACCESS_KEY }}").count(), 1, "{text}");
        assert!(!text.contains("id-token"), "{text}");
        assert!(!text.contains("configure-aws-credentials"), "{text}");
    }
    assert!(!rendered("", "ci.yml").contains("secrets."));
}

#[test]
fn with_a_role_there_are_no_keys() {
    for file in ["build.yml", "deploy.yml"] {
        let text = rendered(OTHERWISE, file);
        assert!(text.contains("      id-token: write # to assume the role\n"), "{text}");
        assert!(text.contains("role-to-assume: \"arn:aws:iam::123456789012:role/deploy\"\n"), "{text}");
        assert!(text.contains("aws-region: ap-northeast-1\n"), "{text}");
        assert!(!text.contains("AWS_ACCESS_KEY_ID"), "{text}");
    }
}

#[test]
fn build_secrets_of_images_reach_build_stage_and_nothing_else() {
    assert!(rendered("", "build.yml").contains("          NPM_TOKEN: ${{ secrets.NPM_TOKEN }}\n"));
    assert!(!rendered("", "deploy.yml").contains("NPM_TOKEN"));
}

#[test]
fn what_the_configuration_says_otherwise_is_in_the_files() {
    let build = rendered(OTHERWISE, "build.yml");
    for part in [
        "    tags: [\"release-*\"]\n",
        "    runs-on: \"self hosted: big\"\n",
        "    timeout-minutes: 90\n",
        "uses: actions/checkout@0123456789abcdef0123456789abcdef01234567 # v9.9.9\n",
        "rustup toolchain install 1.95.0 --profile minimal --no-self-update\n",
        "          sudo apt-get install --yes protobuf-compiler\n",
        "          RUST_BACKTRACE: \"1\"\n",
        "          SLACK_CHANNEL: ${{ vars.SLACK_CHANNEL }}\n",
        "          SENTRY_TOKEN: ${{ secrets.SENTRY_TOKEN }}\n",
    ] {
        assert!(build.contains(part), "{part} is not in\n{build}");
    }
    let deploy = rendered(OTHERWISE, "deploy.yml");
    assert!(
        deploy.contains("    environment: production\n") && deploy.contains("    timeout-minutes: 20\n"),
        "{deploy}"
    );
    let ci = rendered(OTHERWISE, "ci.yml");
    assert!(ci.contains("      options: \"--privileged\"\n") && ci.contains("    timeout-minutes: 120\n"), "{ci}");
}

#[test]
fn a_deploy_has_time_for_every_rollout_and_a_little_more() {
    assert!(rendered("", "deploy.yml").contains("    timeout-minutes: 30\n"));
}

#[test]
fn every_action_is_pinned_by_commit_with_its_version() {
    let more = OTHERWISE.replacen("slack =", "rescan = \"17 5 * * *\"\nslack =", 1);
    for File { name: path, text, .. } in render(from_ref(&workspace(&more).config), true) {
        let text = text.expect("there are four");
        for line in text.lines().filter_map(|line| line.trim().strip_prefix("uses: ")) {
            let (action, version) = line.split_once(" # v").expect("the version");
            let (_, commit) = action.split_once('@').expect("the commit");
            assert!(commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit()), "{path}: {line}");
            assert!(version.split('.').count() == 3, "{path}: {line}");
        }
    }
}

#[test]
fn no_cache_is_restored_where_something_is_published() {
    for file in ["build.yml", "deploy.yml"] {
        let text = rendered(OTHERWISE, file);
        assert!(!text.lines().any(|line| line.contains("uses:") && line.contains("cache")), "{text}");
    }
}

#[test]
fn a_file_that_was_changed_by_hand_is_shown_with_its_difference() {
    let workspace = workspace("");
    let missing = check(from_ref(&workspace.config), true).expect_err("there are no files");
    assert!(missing.to_string().contains(".github/workflows/build.yml is missing"), "{missing}");
    assert_eq!(missing.exit_code(), 2);
    assert_eq!(write(from_ref(&workspace.config), true).expect("they can be written").len(), 3);
    check(from_ref(&workspace.config), true).expect("they are as they should be");
    assert_eq!(write(from_ref(&workspace.config), true).expect("nothing is to be written"), []);

    let file = workspace.folder.path().join(".github/workflows/deploy.yml");
    let text = std::fs::read_to_string(&file).expect("it was written");
    std::fs::write(&file, text.replace('\n', "\r\n")).expect("a file");
    check(from_ref(&workspace.config), true).expect("line endings are git's matter");
    std::fs::write(&file, text.replace("== 'push'", "!= 'pull_request'")).expect("a file");
    let changed = check(from_ref(&workspace.config), true).expect_err("a line differs").to_string();
    assert!(changed.contains("- ") && changed.contains("event != 'pull_request' &&\n"), "{changed}");
    assert!(changed.contains("+       github.event.workflow_run.event == 'push' &&\n"), "{changed}");
    assert!(!changed.contains("build.yml"), "{changed}");
}

#[test]
fn this_repositorys_own_workflows_are_what_its_configuration_says() {
    let loaded = config::load(&here(), &|_| None).unwrap_or_else(|errors| panic!("{errors}"));
    check(from_ref(&loaded.config), true).unwrap_or_else(|difference| panic!("{difference}"));
}

#[test]
fn scalars_that_yaml_would_take_for_something_else_are_quoted() {
    for plain in ["ubuntu-24.04", "Release app", "production"] {
        assert_eq!(fill::scalar(plain), plain);
    }
    for (text, quoted) in [
        ("on", "\"on\""),
        ("1.10", "\"1.10\""),
        ("a: b", "\"a: b\""),
        ("v*", "\"v*\""),
        ("a\"b", "\"a\\\"b\""),
        ("", "\"\""),
    ] {
        assert_eq!(fill::scalar(text), quoted);
    }
}

#[test]
fn without_anything_to_run_there_is_no_ci_and_the_check_agrees() {
    let workspace = workspace("");
    assert_eq!(write(from_ref(&workspace.config), false).expect("they can be written").len(), 2);
    check(from_ref(&workspace.config), false).expect("two files are what there should be");
    assert!(!workspace.file("ci.yml").exists());

    // Of an earlier version, or of a time with such a command.
    write(from_ref(&workspace.config), true).expect("it can be written");
    let stale = check(from_ref(&workspace.config), false).expect_err("there is one too many").to_string();
    assert!(stale.contains("ci.yml is there, and nothing says what CI should run"), "{stale}");
    let removed = write(from_ref(&workspace.config), false).expect("it can be removed");
    assert_eq!(removed, [("Removed", ".github/workflows/ci.yml".to_owned())]);

    std::fs::write(workspace.file("ci.yml"), "name: Ours\n").expect("a file");
    check(from_ref(&workspace.config), false).expect("a file that somebody else wrote is theirs");
    assert_eq!(write(from_ref(&workspace.config), false).expect("nothing is to be done"), []);
    assert_eq!(std::fs::read_to_string(workspace.file("ci.yml")).expect("it is there"), "name: Ours\n");
}

#[test]
fn ci_runs_what_the_configuration_names() {
    let one = "[workspace.metadata.xtask.workflows.ci]\nrun = [\"cargo test --workspace\"]\n";
    for has_ci in [true, false] {
        let text = rendered_with(one, "ci.yml", has_ci);
        assert!(text.contains("        run: cargo test --workspace\n"), "{text}");
        assert!(!text.contains("cargo xtask ci"), "{text}");
    }
    // `exec` would end the step with the first of them.
    let two = "[workspace.metadata.xtask.workflows.ci]\nrun = [\"cargo clippy && cargo doc\", \"cargo test\"]\n";
    let text = rendered_with(two, "ci.yml", false);
    assert!(text.contains("        run: |\n          cargo clippy && cargo doc\n          cargo test\n"), "{text}");
}

#[test]
fn a_workspace_below_the_repositorys_root_has_its_workflows_where_github_looks() {
    let repository = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(repository.path().join(".git")).expect("a folder");
    let config = configured(&repository.path().join("services/backend"), "");
    let written = write(from_ref(&config), true).expect("they can be written");
    let names = ["build.yml", "deploy.yml", "ci.yml"].map(|file| format!("../../.github/workflows/{file}"));
    assert_eq!(written.into_iter().map(|(_, name)| name).collect::<Vec<_>>(), names);
    assert!(!config.root.join(".github").exists());
    for file in ["build.yml", "deploy.yml", "ci.yml"] {
        let text =
            std::fs::read_to_string(repository.path().join(".github/workflows").join(file)).expect("it is there");
        assert!(text.contains("    shell: bash\n    working-directory: services/backend\n"), "{text}");
        // Actions know nothing of that folder, commands are in it.
        let artifact = "          path: services/backend/target/xtask/stage\n";
        assert_eq!(text.matches(artifact).count(), usize::from(file != "ci.yml"), "{text}");
        assert!(!text.contains("cd services"), "{text}");
    }
    check(from_ref(&config), true).expect("they are as they should be");
    std::fs::remove_file(repository.path().join(".github/workflows/build.yml")).expect("it is there");
    let missing = check(from_ref(&config), true).expect_err("one is missing").to_string();
    assert!(missing.contains("../../.github/workflows/build.yml is missing"), "{missing}");
}

#[test]
fn a_second_workspace_of_a_repository_does_not_take_the_files_of_the_first() {
    let repository = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(repository.path().join(".git")).expect("a folder");
    let first = configured(&repository.path().join("backend"), "");
    let second = configured(&repository.path().join("frontend"), "");
    write(from_ref(&first), false).expect("they can be written");
    for refused in [write(from_ref(&second), false).map(drop), check(from_ref(&second), false)] {
        let refused = refused.expect_err("they are of the first");
        assert_eq!(refused.exit_code(), 2);
        assert!(refused.to_string().contains("was written for the workspace in its folder backend"), "{refused}");
    }
    check(from_ref(&first), false).expect("they are untouched");
}

#[test]
fn what_cargo_needs_is_given_to_every_step_that_runs_cargo() {
    let more = r#"
        [workspace.metadata.xtask.workflows]
        env = { CARGO_REGISTRIES_ACME_INDEX = "sparse+https://cargo.acme.example/", STAGE = "prod" }
        secrets = ["CARGO_REGISTRIES_ACME_TOKEN", "SENTRY_TOKEN"]
        toolchain = "1.95.0"
        setup = ["sudo apt-get update"]
    "#;
    for file in ["build.yml", "deploy.yml", "ci.yml"] {
        let text = rendered(more, file);
        let steps: Vec<&str> = text.split("      - name: ").skip(1).collect();
        let cargo: Vec<&&str> = steps.iter().filter(|step| step.contains("cargo ")).collect();
        assert!(cargo.len() >= if file == "ci.yml" { 1 } else { 2 }, "{text}");
        for step in cargo {
            let token = "          CARGO_REGISTRIES_ACME_TOKEN: ${{ secrets.CARGO_REGISTRIES_ACME_TOKEN }}\n";
            assert!(step.contains(token), "{file}: {step}");
            assert!(step.contains("          CARGO_REGISTRIES_ACME_INDEX: "), "{file}: {step}");
        }
        // Any other secret is for the stage's own step alone.
        assert_eq!(text.matches("secrets.SENTRY_TOKEN").count(), usize::from(file != "ci.yml"), "{text}");
    }
}

#[test]
fn a_registrys_token_that_only_an_images_build_names_is_cargos_as_well() {
    let more = "[workspace.metadata.xtask.images.worker]\nrepository = \"sample/worker\"\ntag = \"1\"\n\
                dockerfile = \"Dockerfile\"\nsecrets = { cargo = \"CARGO_REGISTRIES_ACME_TOKEN\" }\n";
    for (file, steps) in [("build.yml", 3), ("deploy.yml", 2), ("ci.yml", 1)] {
        let text = rendered(more, file);
        assert_eq!(text.matches("secrets.CARGO_REGISTRIES_ACME_TOKEN").count(), steps, "{text}");
    }
}

#[test]
fn both_stages_can_be_started_by_hand_with_a_tag_and_nothing_else() {
    for file in ["build.yml", "deploy.yml"] {
        let text = rendered("", file);
        assert!(text.contains("  workflow_dispatch:\n    inputs:\n      tag:\n"), "{text}");
        assert!(text.contains("        required: true\n        type: string\n"), "{text}");
        // A branch or a pull request of that name is not what is checked out.
        let uses = text.matches("inputs.tag").count();
        let as_tag = text.matches("format('refs/tags/{0}', inputs.tag)").count();
        let asked = text.matches("inputs.tag &&").count();
        let told = text.matches("XTASK_GIT_TAG: ${{ inputs.tag }}").count();
        assert_eq!(uses, as_tag + asked + told, "{text}");
    }
}

#[test]
fn an_older_version_is_deployed_by_hand_where_somebody_says_so() {
    let text = rendered("", "deploy.yml");
    let (_, inputs) = text.split_once("      allow-older:\n").expect("there is such an input");
    assert!(inputs.contains("        type: boolean\n        default: false\n"), "{text}");
    assert!(text.contains("          ALLOW_OLDER: ${{ inputs.allow-older && 'true' || '' }}\n"), "{text}");
    // No input is part of a command: it is the environment's.
    assert_eq!(text.matches("inputs.allow-older").count(), 1, "{text}");
}

#[test]
fn the_roles_session_is_as_long_as_the_job() {
    let with = |timeouts: &str| {
        format!("[workspace.metadata.xtask.workflows]\nrole = \"arn:aws:iam::123456789012:role/deploy\"\n{timeouts}")
    };
    let more = with("build-timeout = \"2h\"\ndeploy-timeout = \"61m\"\n");
    assert!(rendered(&more, "build.yml").contains("          role-duration-seconds: 7200 # "));
    assert!(rendered(&more, "deploy.yml").contains("          role-duration-seconds: 3660 # "));
    for file in ["build.yml", "deploy.yml"] {
        let usual = rendered(&with("build-timeout = \"1h\"\n"), file);
        assert!(!usual.contains("role-duration-seconds"), "an hour is what there is unasked\n{usual}");
        let keys = rendered("[workspace.metadata.xtask.workflows]\nbuild-timeout = \"2h\"\n", file);
        assert!(!keys.contains("role-duration-seconds"), "keys do not expire\n{keys}");
        let long = rendered(&with("build-timeout = \"13h\"\ndeploy-timeout = \"13h\"\n"), file);
        assert!(long.contains("role-duration-seconds: 43200 # the longest there is"), "{long}");
    }
}

#[test]
fn large_files_and_submodules_are_checked_out_where_the_configuration_says_so() {
    for file in ["build.yml", "deploy.yml", "ci.yml"] {
        let plain = rendered("", file);
        assert!(!plain.contains("lfs") && !plain.contains("submodules"), "{plain}");
        let with = rendered("[workspace.metadata.xtask.workflows]\nlfs = true\nsubmodules = true\n", file);
        assert!(with.contains("          lfs: true\n          submodules: true\n"), "{with}");
        let deep = rendered("[workspace.metadata.xtask.workflows]\nsubmodules = \"recursive\"\n", file);
        assert!(deep.contains("          submodules: recursive\n") && !deep.contains("lfs"), "{deep}");
    }
}

#[test]
fn a_runner_is_a_label_or_several_or_a_group() {
    for (runner, wanted) in [
        ("\"macos-15\"", "runs-on: macos-15"),
        ("\"${{ vars.RUNNER }}\"", "runs-on: \"${{ vars.RUNNER }}\""),
        ("[\"self-hosted\", \"arm64\"]", "runs-on: [self-hosted, arm64]"),
        ("{ group = \"big\" }", "runs-on: { group: big }"),
        ("{ group = \"big ones\", labels = [\"arm64\"] }", "runs-on: { group: big ones, labels: [arm64] }"),
    ] {
        for file in ["build.yml", "deploy.yml", "ci.yml"] {
            let text = rendered(&format!("[workspace.metadata.xtask.workflows]\nrunner = {runner}\n"), file);
            assert!(text.contains(&format!("    {wanted}\n")), "{text}");
        }
    }
}

#[test]
fn a_rescan_by_the_clock_is_written_where_it_is_asked_for_and_removed_where_it_is_not() {
    let asked = "[workspace.metadata.xtask.workflows]\nrescan = \"17 5 * * 1\"\n";
    let workspace = workspace(asked);
    write(from_ref(&workspace.config), false).expect("written");
    let text = std::fs::read_to_string(workspace.file("rescan.yml")).expect("it is there");
    assert!(text.contains("    - cron: \"17 5 * * 1\"\n"), "{text}");
    assert!(text.contains("        run: exec cargo xtask rescan\n        env:\n"), "{text}");
    assert!(!text.contains("NPM_TOKEN"), "nothing is built: {text}");
    check(from_ref(&workspace.config), false).expect("it is as it should be");

    let without = configured(workspace.folder.path(), "");
    let told = check(from_ref(&without), false).expect_err("nothing asks for it").to_string();
    assert!(told.contains("rescan.yml is there, and nothing says when: `workflows.rescan` would"), "{told}");
    write(from_ref(&without), false).expect("removed");
    assert!(!workspace.file("rescan.yml").exists());
}

#[test]
fn githubs_cache_is_shown_to_a_release_that_asks_it_and_to_no_other() {
    let text = rendered("", "build.yml");
    assert!(!text.contains("ACTIONS_RUNTIME_TOKEN"), "{text}");
    let more = "\n[workspace.metadata.xtask.images.web]\nrepository = \"sample/web\"\ntag = \"1\"\ndockerfile = \"Dockerfile\"\ncache = \"gha\"\n";
    let text = rendered(more, "build.yml");
    let shown = text.find("core.exportVariable").expect("it is shown");
    assert!(text.find("cargo build --locked").expect("xtask is compiled") < shown, "not to what compiles: {text}");
    assert!(shown < text.find("exec cargo xtask release").expect("a release"), "{text}");
}
