use super::check;

#[test]
fn a_container_names_an_image() {
    check(
        r#"containers = { app = "app" }"#,
        &[
            (
                r#"containers = { app = "ap" }"#,
                r#"19:22 ["ap"] the container `app` names no image: `ap` | did you mean `app`?"#,
            ),
            (
                r#"containers = { app = "worker" }"#,
                r#"19:22 ["worker"] the container `app` names no image: `worker` | images are `app`"#,
            ),
            (
                "containers = { app = 1 }",
                "19:22 [1] `services.app.containers.app` is an integer, and should be a string | write it in quotes",
            ),
            (
                r#"containers = { "a b" = "app" }"#,
                r#"19:16 ["a b"] `a b` cannot be a container's name | an ECS name is 1 to 255 letters, digits, `-` and `_`"#,
            ),
            (
                "containers = {}",
                r#"19:14 [{}] no container is given an image | write `{ CONTAINER = "IMAGE" }`, such as `{ app = "app" }`"#,
            ),
            (
                r#"containers = ["app"]"#,
                r#"19:14 [["app"]] `services.app.containers` is an array, and should be a table"#,
            ),
            (
                "",
                r#"16:1 [[workspace.metadata.xtask.services.app]] `services.app` has no `containers` | add `containers = { app = "app" }`"#,
            ),
        ],
    );
}

#[test]
fn the_task_definition_is_a_file_or_a_family() {
    check(
        r#"task-definition = "app/ecs/task-definition.json""#,
        &[
            (
                r#"task-definition = "app/ecs/task-defintion.json""#,
                r#"18:19 ["app/ecs/task-defintion.json"] the task definition `app/ecs/task-defintion.json` does not exist | did you mean `app/ecs/task-definition.json`?"#,
            ),
            (
                r#"task-definition = "app/ecs""#,
                r#"18:19 ["app/ecs"] the task definition `app/ecs` is a folder, and should be a file"#,
            ),
            (
                r#"task-definition = { family = "a b" }"#,
                r#"18:30 ["a b"] `a b` is not a valid `family` | an ECS name is 1 to 255 letters, digits, `-` and `_`"#,
            ),
            (
                r#"task-definition = { familiy = "app" }"#,
                "18:21 [familiy] unknown key `familiy` | did you mean `family`?",
            ),
            (
                "task-definition = {}",
                r#"18:19 [{}] `services.app.task-definition` has no `family` | write `{ family = "app" }`"#,
            ),
            (
                "task-definition = 1",
                r#"18:19 [1] `services.app.task-definition` is an integer, and should be a task definition | name a JSON file, or write `{ family = "app" }`"#,
            ),
            (
                r#"task-definiton = "app/ecs/task-definition.json""#,
                "18:1 [task-definiton] unknown key `task-definiton` | did you mean `task-definition`?",
            ),
            (
                "",
                r#"16:1 [[workspace.metadata.xtask.services.app]] `services.app` has no `task-definition` | add `task-definition = "app/ecs/task-definition.json"` or `task-definition = { family = "app" }`"#,
            ),
        ],
    );
}

#[test]
fn names_are_those_that_ecs_takes() {
    check(
        r#"cluster = "sample""#,
        &[
            (
                r#"cluster = "my cluster""#,
                r#"17:11 ["my cluster"] `my cluster` is not a valid `cluster` | an ECS name is 1 to 255 letters, digits, `-` and `_`"#,
            ),
            (
                r#"cluster = """#,
                r#"17:11 [""] `services.app.cluster` is empty | an ECS name is 1 to 255 letters, digits, `-` and `_`"#,
            ),
            (
                "",
                r#"16:1 [[workspace.metadata.xtask.services.app]] `services.app` has no `cluster` | add `cluster = "sample"`"#,
            ),
            (
                r#"cluster = "sample"
service = "my/service""#,
                r#"18:11 ["my/service"] `my/service` is not a valid `service` | an ECS name is 1 to 255 letters, digits, `-` and `_`"#,
            ),
        ],
    );
}

#[test]
fn counts_and_flags_have_their_types() {
    check(
        r#"cluster = "sample""#,
        &[
            (
                r#"cluster = "sample"
desired-count = -1"#,
                "18:17 [-1] `services.app.desired-count` should be a whole number from 0 to 2147483647",
            ),
            (
                r#"cluster = "sample"
desired-count = "2""#,
                r#"18:17 ["2"] `services.app.desired-count` is a string, and should be a whole number | write it without quotes"#,
            ),
            (
                r#"cluster = "sample"
desired-count = 99999999999"#,
                "18:17 [99999999999] `services.app.desired-count` should be a whole number from 0 to 2147483647",
            ),
            (
                r#"cluster = "sample"
desired-count = 1.5"#,
                "18:17 [1.5] `services.app.desired-count` is a float, and should be a whole number",
            ),
            (
                r#"cluster = "sample"
force-new-deployment = "yes""#,
                r#"18:24 ["yes"] `services.app.force-new-deployment` is a string, and should be true or false"#,
            ),
        ],
    );
}

#[test]
fn durations_have_units() {
    check(
        r#"cluster = "sample""#,
        &[
            (
                r#"cluster = "sample"
rollout.deadline = 900"#,
                r#"18:20 [900] `services.app.rollout.deadline` is an integer, and should be a duration | write the unit: "900s" for seconds, "900m" for minutes"#,
            ),
            (
                r#"cluster = "sample"
rollout.deadline = "15""#,
                r#"18:20 ["15"] `15` is not a valid `deadline` | a duration is whole numbers with a unit each, such as "15m", "90s" or "1h30m""#,
            ),
            (
                r#"cluster = "sample"
rollout.deadline = "15 minutes""#,
                r#"18:20 ["15 minutes"] `15 minutes` is not a valid `deadline` | a duration is whole numbers with a unit each, such as "15m", "90s" or "1h30m""#,
            ),
            (
                r#"cluster = "sample"
rollout.deadline = "0s""#,
                r#"18:20 ["0s"] `0s` is not a valid `deadline` | a duration is longer than zero"#,
            ),
            (
                r#"cluster = "sample"
rollout.deadline = 15.5"#,
                r#"18:20 [15.5] `services.app.rollout.deadline` is a float, and should be a duration | such as "15m", "90s" or "1h30m""#,
            ),
            (
                r#"cluster = "sample"
rollout.deadline = "1m1h""#,
                r#"18:20 ["1m1h"] `1m1h` is not a valid `deadline` | a duration is whole numbers with a unit each, such as "15m", "90s" or "1h30m""#,
            ),
        ],
    );
}

#[test]
fn what_an_interrupt_does_is_one_of_two() {
    check(
        r#"cluster = "sample""#,
        &[
            (
                r#"cluster = "sample"
rollout = { on-interrupt = "roll-back", pol = "1s" }"#,
                r#"18:28 ["roll-back"] `roll-back` is not a valid `on-interrupt` | did you mean `rollback`?
18:41 [pol] unknown key `pol` | did you mean `poll`?"#,
            ),
            (
                r#"cluster = "sample"
rollout = "15m""#,
                r#"18:11 ["15m"] `services.app.rollout` is a string, and should be a table"#,
            ),
            (
                r#"cluster = "sample"
rollout = { fail-fast = "on", exits = 0 }"#,
                r#"18:25 ["on"] `on` is not a valid `fail-fast` | the choices are `decisive`, `off`
18:39 [0] `exits` should be 1 or more | write "off" to stop no rollout for its tasks' exit codes"#,
            ),
            (
                r#"cluster = "sample"
rollout = { exits = "of" }"#,
                r#"18:21 ["of"] `of` is not a valid `exits` | did you mean `off`?"#,
            ),
            (
                r#"cluster = "sample"
rollout = { exits = true }"#,
                r#"18:21 [true] `services.app.rollout.exits` is a boolean, and should be a number of tasks or "off""#,
            ),
        ],
    );
}

#[test]
fn two_services_are_not_one_in_ecs() {
    check(
        r#"containers = { app = "app" }"#,
        &[(
            r#"containers = { app = "app" }

[workspace.metadata.xtask.services.other]
cluster = "sample"
service = "app"
task-definition = { family = "app" }
containers = { app = "app" }"#,
            "21:1 [[workspace.metadata.xtask.services.other]] `services.app` and `services.other` are the same ECS service | their rollouts would stop each other: keep one, or set `service` or `cluster`",
        )],
    );
}

/// [`super::GOOD`] with two more services, and this written in each of the three.
fn three(app: &str, web: &str, worker: &str) -> String {
    let more = |name: &str, line: &str| {
        format!(
            "\n[workspace.metadata.xtask.services.{name}]\n{line}\ncluster = \"sample\"\n\
             task-definition = \"app/ecs/task-definition.json\"\ncontainers = {{ app = \"app\" }}\n"
        )
    };
    let header = "[workspace.metadata.xtask.services.app]";
    super::spoilt(&[(header, &format!("{header}\n{app}"))]) + &more("web", web) + &more("worker", worker)
}

#[test]
fn services_come_after_others_and_never_in_a_circle() {
    let fault = |app: &str, web: &str, worker: &str| super::brief(&super::errors_of(&three(app, web, worker)));
    assert_eq!(
        fault(r#"after = ["webb", "app"]"#, "", ""),
        "17:10 [\"webb\"] `after` names no service: `webb` | did you mean `web`?\n\
         17:18 [\"app\"] the service `app` cannot come after itself | leave it out"
    );
    assert_eq!(
        fault(r#"after = ["worker"]"#, r#"after = ["app"]"#, r#"after = ["web"]"#),
        "17:9 [[\"worker\"]] these services wait for each other: `app` after `worker` after `web` after `app` | take one of \
         them out of an `after`"
    );
    assert_eq!(
        fault("", r#"after = ["worker", "app"]"#, r#"after = ["web"]"#),
        "23:9 [[\"worker\", \"app\"]] these services wait for each other: `web` after `worker` after `web` | take one of \
         them out of an `after`"
    );
    assert_eq!(
        fault(r#"after = "web""#, "", ""),
        "17:9 [\"web\"] `services.app.after` is a string, and should be an array | write `[\"web\"]`"
    );
    let folder = super::workspace(&[("Cargo.toml", &three("", r#"after = ["app"]"#, r#"after = ["app", "web"]"#))]);
    let services = super::loaded(folder.path()).config.services;
    assert_eq!((services["app"].after.len(), services["worker"].after.len()), (0, 2));
}

#[test]
fn what_becomes_of_the_others_after_a_failure_is_one_of_three() {
    let deploy = |line: &str| format!("{}\n[workspace.metadata.xtask.deploy]\n{line}\n", super::GOOD);
    let fault = super::brief(&super::errors_of(&deploy("on-failure = \"rollback-all\"")));
    assert!(fault.ends_with("`rollback-all` is not a valid `on-failure` | did you mean `roll-back-all`?"), "{fault}");
    for (word, on_failure) in [
        ("stop", crate::config::OnFailure::Stop),
        ("continue", crate::config::OnFailure::Continue),
        ("roll-back-all", crate::config::OnFailure::RollBackAll),
    ] {
        let folder = super::workspace(&[("Cargo.toml", &deploy(&format!("on-failure = \"{word}\"")))]);
        assert_eq!(super::loaded(folder.path()).config.deploy.on_failure, on_failure);
    }
}
