//! Both stages, called by other workflows.

use super::*;

pub(super) const CALL: &str =
    "[workspace.metadata.xtask.workflows]\nenvironment = \"live\"\nsecrets = [\"SENTRY_TOKEN\"]\ncall = \"HOW\"\n";

/// build.yml and deploy.yml.
pub(super) fn stages(how: &str, more: &str) -> (String, String) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join(".git")).expect("a folder");
    let files = render(&everything(folder.path(), &(CALL.replace("HOW", how) + more)), false);
    let text = |name: &str| files.iter().find(|file| file.name.ends_with(name)).and_then(|file| file.text.clone());
    (text("build.yml").expect("it is rendered"), text("deploy.yml").expect("it is rendered"))
}

#[test]
fn a_stage_that_can_be_called_declares_its_tag_its_secrets_and_its_outputs() {
    let (build, deploy) = stages("also", "");
    for (text, secrets, outputs) in [
        (
            &build,
            "      AWS_ACCESS_KEY_ID: { required: false }\n      AWS_SECRET_ACCESS_KEY: { required: false }\n      \
             NPM_TOKEN: { required: false }\n      SENTRY_TOKEN: { required: false }\n      SLACK_WEBHOOK_URL: { required: false }\n",
            vec![("release", "outcome"), ("release", "digest"), ("release", "reference"), ("release", "app-reference")],
        ),
        (
            &deploy,
            "      AWS_ACCESS_KEY_ID: { required: false }\n      AWS_SECRET_ACCESS_KEY: { required: false }\n      \
             SENTRY_TOKEN: { required: false }\n      SLACK_WEBHOOK_URL: { required: false }\n",
            vec![("deploy", "outcome"), ("deploy", "digest"), ("deploy", "app-revision")],
        ),
    ] {
        let (_, call) = text.split_once("  workflow_call:\n    inputs:\n      tag:\n").expect("it can be called");
        let (call, jobs) = call.split_once("\njobs:\n").expect("it has jobs");
        assert!(call.contains("        required: true\n        type: string\n"), "{call}");
        assert!(call.contains(&format!("    secrets:\n{secrets}\npermissions: {{}}\n")), "{call}");
        for (job, name) in outputs {
            let declared = format!("      {name}: {{ value: \"${{{{ jobs.{job}.outputs.{name} }}}}\" }}\n");
            assert!(call.contains(&declared), "{declared}{call}");
            let given = format!("      {name}: ${{{{ steps.{job}.outputs.{name} }}}}\n");
            assert!(jobs.contains(&given), "{given}{jobs}");
        }
        assert!(jobs.starts_with("  # What an expression"), "the call is looked at first: {jobs}");
    }
    assert!(build.contains("  push:\n") && deploy.contains("  workflow_run: "), "{build}{deploy}");
}

#[test]
fn the_tag_that_a_caller_or_a_hand_names_is_told_to_each_step_that_releases() {
    let named = "          XTASK_GIT_TAG: ${{ inputs.tag }}\n";
    let matrix = rendered(&(matrix::IMAGES.to_owned() + &matrix::KEYS.replace("BY", "image")), "build.yml");
    for text in [stages("also", "").0, stages("only", "").0, rendered("", "build.yml"), matrix] {
        let steps = || text.split("- name: ").filter(|step| step.contains("run: exec cargo xtask release"));
        assert!(steps().count() > 0 && steps().all(|step| step.contains(named)), "{text}");
        assert_eq!(text.matches(named).count(), steps().count(), "{text}");
    }
}

#[test]
fn what_only_a_call_or_a_hand_starts_follows_nothing_and_is_handed_nothing() {
    let (build, deploy) = stages("only", environments::ENVIRONMENTS);
    assert!(!build.contains("push:") && !build.contains("Hand xtask"), "{build}");
    for part in ["workflow_run", "actions: read", "needs:", "steps.fetch", "download-artifact", "github.event"] {
        assert!(!deploy.contains(part), "{part} is in\n{deploy}");
    }
    for text in [&build, &deploy] {
        assert!(text.contains("  workflow_dispatch:\n") && text.contains("  workflow_call:\n"), "{text}");
    }
    for environment in ["staging", "production"] {
        assert!(
            deploy.contains(&format!("    if: inputs.tag != '' && inputs.environment == '{environment}'\n")),
            "{deploy}"
        );
    }
    let latest = "value: \"${{ jobs.deploy-production.outputs.outcome || jobs.deploy-staging.outputs.outcome }}\"";
    assert!(deploy.contains(latest), "{deploy}");
    assert!(deploy.contains("        run: |\n          rm -rf target/xtask/stage\n"), "{deploy}");
}

#[test]
fn no_stage_can_be_called_unless_the_configuration_says_so() {
    for file in ["build.yml", "deploy.yml"] {
        let text = rendered(OTHERWISE, file);
        for part in ["workflow_call", "inputs.called", "outputs:", "secrets:"] {
            assert!(!text.contains(part), "{part} is in\n{text}");
        }
    }
}
