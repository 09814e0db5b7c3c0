//! Deploy Stage with a job for each environment.

use super::*;

pub(super) const ENVIRONMENTS: &str = r#"
[workspace.metadata.xtask.environments.staging]
workflows.role = "arn:aws:iam::123456789012:role/staging"

[workspace.metadata.xtask.environments.production]
account = "222222222222"
region = "eu-west-1"
workflows = { environment = "live", role = "arn:aws:iam::222222222222:role/deploy" }
"#;

#[test]
fn each_environment_has_a_job_of_its_own_after_the_one_before() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join(".git")).expect("a folder");
    let files = render(&everything(folder.path(), ENVIRONMENTS), false);
    let text = |name: &str| files.iter().find(|file| file.name.ends_with(name)).and_then(|file| file.text.clone());
    let build = text("build.yml").expect("it is rendered");
    for line in ["          XTASK_ENVIRONMENT: staging\n", "role-to-assume: \"arn:aws:iam::123456789012:role/staging\""]
    {
        assert!(build.contains(line), "{line}\n{build}");
    }
    let deploy = text("deploy.yml").expect("it is rendered");
    assert!(deploy.contains("        options: [staging, production]\n"), "{deploy}");
    let (staging, production) = deploy.split_once("\n  deploy-production:\n").expect("two jobs");
    let (_, staging) = staging.split_once("\n  deploy-staging:\n").expect("the first job");
    for line in [
        "    name: Deploy app to staging\n",
        "      github.event_name == 'workflow_dispatch' && inputs.environment == 'staging' || (\n",
        "      github.event.workflow_run.head_repository.full_name == github.repository )\n",
        "    environment: staging\n",
        "      group: deploy-stage-staging\n",
        "          aws-region: ap-northeast-1\n",
        "          XTASK_ENVIRONMENT: staging\n",
    ] {
        assert!(staging.contains(line), "{line}\n{staging}");
    }
    assert!(!staging.contains("needs:") && !staging.contains("promote"), "{staging}");
    for line in [
        "    name: Deploy app to production\n    needs: deploy-staging\n",
        "      !cancelled() && (\n      github.event_name == 'workflow_dispatch' && inputs.environment == 'production' ||\n",
        "      github.event_name == 'workflow_run' && needs.deploy-staging.result == 'success' )\n",
        "    environment: live\n",
        "      group: deploy-stage-production\n",
        "          aws-region: eu-west-1\n",
        "promote --from \"$FROM\" --to \"$TO\"; fi\n",
        "          FROM: staging\n          TO: production\n",
        "          XTASK_ENVIRONMENT: production\n",
    ] {
        assert!(production.contains(line), "{line}\n{production}");
    }
}

#[test]
fn environments_that_share_their_images_need_no_promotion() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join(".git")).expect("a folder");
    let more = ENVIRONMENTS.replace("account = \"222222222222\"\nregion = \"eu-west-1\"\n", "cluster = \"live\"\n");
    let files = render(&everything(folder.path(), &more), false);
    assert!(files.iter().filter_map(|file| file.text.as_ref()).all(|text| !text.contains("promote")));
}
