//! Environments: what they change, what they inherit, and what is wrong in one of them.

use super::{GOOD, brief, errors_of, loaded, workspace};
use crate::config::{Config, load, load_every};

const TWO: &str = r#"
[workspace.metadata.xtask.environments.staging]

[workspace.metadata.xtask.environments.production]
account = "222222222222"
cluster = "production"
role = "arn:aws:iam::222222222222:role/deploy"
images.app.repository = "live/app"
scan.severity = ["CRITICAL"]
workflows.environment = "live"

[workspace.metadata.xtask.environments.production.services.app]
cluster = "live"
desired-count = 4
rollout.deadline = "30m"
"#;

/// What `-e NAME` gives.
fn chosen(manifest: &str, name: Option<&str>) -> Result<Config, String> {
    let folder = workspace(&[("Cargo.toml", manifest)]);
    let environment = |variable: &str| name.filter(|_| variable == "XTASK_ENVIRONMENT").map(str::to_owned);
    load(folder.path(), &environment).map(|loaded| loaded.config).map_err(|failure| brief(&failure))
}

#[test]
fn an_environment_is_laid_over_the_rest_table_by_table() {
    let manifest = format!("{GOOD}rollout.poll = \"2s\"\n{TWO}");
    let staging = chosen(&manifest, Some("staging")).unwrap();
    assert_eq!(staging.environment.as_deref(), Some("staging"));
    assert_eq!((staging.account.as_str(), staging.services["app"].cluster.as_str()), ("123456789012", "sample"));
    assert_eq!(staging.services["app"].desired_count, None);
    let live = chosen(&manifest, Some("production")).unwrap();
    assert_eq!(live.registry, "222222222222.dkr.ecr.ap-northeast-1.amazonaws.com");
    assert_eq!(live.role.as_deref(), Some("arn:aws:iam::222222222222:role/deploy"));
    assert_eq!(live.images["app"].reference.to_string(), format!("{}/live/app:1.4.0", live.registry));
    assert_eq!(live.scan.severity.len(), 1);
    assert_eq!(live.workflows.environment.as_deref(), Some("live"));
    let service = &live.services["app"];
    assert_eq!((service.cluster.as_str(), service.desired_count), ("live", Some(4)));
    assert_eq!((service.rollout.deadline.as_secs(), service.rollout.poll.as_secs()), (1800, 2));
}

#[test]
fn a_value_is_from_the_line_of_the_environment_that_wrote_it() {
    let folder = workspace(&[("Cargo.toml", &format!("{GOOD}{TWO}"))]);
    let environments = load_every(folder.path(), &super::nothing).unwrap();
    let of = |index: usize, name: &str| environments[index].origins.of(name).unwrap().to_string();
    assert_eq!((of(0, "account"), of(1, "account")), ("Cargo.toml:8".to_owned(), "Cargo.toml:24".to_owned()));
    assert_eq!(of(1, "services.app.rollout.deadline"), "Cargo.toml:34");
    assert_eq!(of(1, "services.app.task-definition"), of(0, "services.app.task-definition"));
}

#[test]
fn a_task_definition_of_another_form_replaces_the_one_before_as_a_whole() {
    let manifest = format!(
        "{}\n[workspace.metadata.xtask.environments.next.services.app.task-definition]\nfamily = \"theirs\"\n",
        GOOD.replace("task-definition = \"app/ecs/task-definition.json\"", "task-definition = { family = \"ours\" }")
    );
    let config = chosen(&manifest, Some("next")).unwrap();
    assert!(format!("{:?}", config.services["app"].task_definition).contains("theirs"));
}

#[test]
fn which_environment_is_meant_is_said_or_written_and_never_guessed() {
    let manifest = format!("{GOOD}{TWO}");
    assert_eq!(
        chosen(&manifest, None).unwrap_err(),
        "this workspace has several environments, and none was named | environments are `staging`, `production`; name \
         one with `-e NAME`, or write `default-environment = \"staging\"`"
    );
    assert_eq!(
        chosen(&manifest, Some("prodution")).unwrap_err(),
        "there is no environment `prodution` | did you mean `production`?"
    );
    assert_eq!(
        chosen(GOOD, Some("staging")).unwrap_err(),
        "there is no environment `staging` | there are no environments"
    );
    let default = manifest.replace("region =", "default-environment = \"production\"\nregion =");
    assert_eq!(chosen(&default, None).unwrap().environment.as_deref(), Some("production"));
    assert_eq!(chosen(&default, Some("staging")).unwrap().environment.as_deref(), Some("staging"));
    let folder = workspace(&[]);
    assert_eq!(loaded(folder.path()).config.environment, None);
}

#[test]
fn a_mistake_in_any_environment_is_found_whichever_is_chosen() {
    let spoil = |old: &str, new: &str| brief(&errors_of(&format!("{GOOD}{}", TWO.replace(old, new))));
    for (old, new, expected) in [
        (
            "desired-count = 4",
            "desired-cuont = 4",
            "33:1 [desired-cuont] unknown key `desired-cuont` | did you mean `desired-count`?\nthis is so in the environment `production`",
        ),
        (
            "account = \"222222222222\"",
            "acount = \"2\"",
            "24:1 [acount] unknown key `acount` | did you mean `account`?",
        ),
        (
            "images.app.repository",
            "images.ap.repository",
            "27:8 [ap] there is no image `ap` whose repository could be another one | did you mean `app`?",
        ),
        ("repository = \"live/app\"", "tag = \"2\"", "27:12 [tag] unknown key `tag` | known keys are `repository`"),
        (
            "role = \"arn:aws:iam::222222222222",
            "role = \"arn:aws:iam::333333333333",
            "26:8 [\"arn:aws:iam::333333333333:role/deploy\"] this role is of 333333333333, and the environment `production` is 222222222222 | ",
        ),
        (
            "workflows.environment = \"live\"",
            "workflows.runner = \"x\"",
            "29:11 [runner] unknown key `runner` | known keys are `environment`, `role`",
        ),
    ] {
        let found = spoil(old, new);
        assert!(found.contains(expected), "{new}:\n{found}\n--- expected\n{expected}");
    }
    // Once, for it is the same in both.
    let manifest = GOOD.replace("1.4.0\"\ndockerfile", "1 4\"\ndockerfile");
    let found = brief(&errors_of(&format!("{manifest}{TWO}")));
    assert_eq!(found.matches("is not a valid").count(), 1, "{found}");
    assert!(!found.contains("environment `"), "{found}");
}

#[test]
fn an_environment_may_have_what_the_rest_lacks() {
    let manifest = GOOD.replace("account = \"123456789012\"\n", "");
    let both = TWO.replace("staging]\n", "staging]\naccount = \"111111111111\"\n");
    assert_eq!(chosen(&format!("{manifest}{both}"), Some("staging")).unwrap().account, "111111111111");
    let found = brief(&errors_of(&format!("{manifest}{TWO}")));
    assert!(found.contains("has no `account`") && found.contains("the environment `staging`"), "{found}");
}
