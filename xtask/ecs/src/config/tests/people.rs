use super::check;

/// A case with `table` before the services' header, whose first line is line 16.
fn table<'a>(name: &str, cases: &[(&'a str, &'a str)]) {
    let header = "[workspace.metadata.xtask.services.app]";
    let written: Vec<String> =
        cases.iter().map(|(line, _)| format!("[workspace.metadata.xtask.{name}]\n{line}\n\n{header}")).collect();
    let cases: Vec<(&str, &str)> =
        written.iter().map(String::as_str).zip(cases.iter().map(|(_, expected)| *expected)).collect();
    check(header, &cases);
}

#[test]
fn slack_mentions_whom_slack_knows() {
    table(
        "slack",
        &[
            (
                "mention-on-failure = \"alice\"",
                "17:22 [\"alice\"] `alice` is not a valid `mention-on-failure` | give a member's id (`U…`), a user \
                 group's (`S…`), `here` or `channel`; a profile's menu in Slack copies the id",
            ),
            ("quiet = true", "17:1 [quiet] unknown key `quiet` | did you mean `quiet-when-nothing-to-do`?"),
        ],
    );
}

#[test]
fn what_would_break_a_workflow_is_found_before_it_is_written() {
    table(
        "workflows",
        &[
            (
                "role = \"deploy\"",
                "17:8 [\"deploy\"] `deploy` is not a valid `role` | a role's ARN looks like \
                 `arn:aws:iam::123456789012:role/NAME`",
            ),
            (
                "toolchain = \"1.95; rm\"",
                "17:13 [\"1.95; rm\"] `1.95; rm` is not a valid `toolchain` | a toolchain looks like `1.95.0` or `stable`",
            ),
            (
                "secrets = [\"GITHUB_TOKEN\"]",
                "17:12 [\"GITHUB_TOKEN\"] `GITHUB_TOKEN` is not a valid `secrets[0]` | GitHub keeps names that begin \
                 with GITHUB_ for itself",
            ),
            (
                "actions = { \"actions/chekout\" = { commit = \"0\", version = \"v1\" } }",
                "17:13 [\"actions/chekout\"] no workflow uses the action `actions/chekout` | did you mean \
                 `actions/checkout`?",
            ),
            (
                "actions = { \"actions/checkout\" = { commit = \"v7\", version = \"v7\" } }",
                "17:45 [\"v7\"] `v7` is not a valid `commit` | a commit is 40 lowercase hexadecimal digits",
            ),
        ],
    );
}

#[test]
fn a_runner_that_nobody_has_is_found_before_a_job_waits_for_it() {
    let forms = "such as `\"ubuntu-24.04\"`, `[\"self-hosted\", \"arm64\"]` or `{ group = \"large\" }`";
    table(
        "workflows",
        &[
            (
                "runner = \"[self-hosted, arm64]\"",
                "17:10 [\"[self-hosted, arm64]\"] `[self-hosted, arm64]` is not a valid `runner` | write several labels as \
                 an array: `runner = [\"self-hosted\", \"arm64\"]`",
            ),
            (
                "runner = \"self-hosted,linux\"",
                "17:10 [\"self-hosted,linux\"] `self-hosted,linux` is not a valid `runner` | write several labels as an \
                 array: `runner = [\"self-hosted\", \"linux\"]`",
            ),
            (
                "runner = \"{ group: large }\"",
                "17:10 [\"{ group: large }\"] `{ group: large }` is not a valid `runner` | write a group as a table: \
                 `runner = { group = \"…\", labels = [\"…\"] }`",
            ),
            ("runner = \" \"", "17:10 [\" \"] ` ` is not a valid `runner` | a label looks like `ubuntu-24.04`"),
            ("runner = []", &format!("17:10 [[]] `runner` names no label | {forms}")),
            (
                "runner = { labels = [\"arm64\"] }",
                "17:10 [{ labels = [\"arm64\"] }] `workflows.runner` has no `group` | name it: `group = \"large\"`",
            ),
            (
                "runner = { group = \"large\", label = \"arm64\" }",
                "17:29 [label] unknown key `label` | did you mean `labels`?",
            ),
            (
                "runner = 24",
                &format!(
                    "17:10 [24] `workflows.runner` is an integer, and should be a label, an array of labels or a group | {forms}"
                ),
            ),
            ("submodules = \"yes\"", "17:14 [\"yes\"] `yes` is not a valid `submodules` | the choices are `recursive`"),
        ],
    );
}

#[test]
fn a_pinned_trivy_has_a_version_that_may_run_and_hashes_that_can_match() {
    table(
        "scan",
        &[
            (
                "trivy = { version = \"v0.70.0\" }",
                "17:21 [\"v0.70.0\"] `v0.70.0` is not a valid `version` | a version looks like `0.69.3`, without a `v`",
            ),
            (
                "trivy = { version = \"0.69.5\" }",
                "17:21 [\"0.69.5\"] `0.69.5` is not a valid `version` | 0.69.4 to 0.69.6 were published by an attacker \
                 in March 2026; take another one",
            ),
            (
                "trivy = { version = \"0.70.0\", sha256 = { x86-linux = \"\" } }",
                "17:42 [x86-linux] unknown platform `x86-linux` | did you mean `x86_64-linux`?",
            ),
            (
                "trivy = { version = \"0.70.0\", url = \"http://mirror.example.com/{version}\" }",
                "17:37 [\"http://mirror.example.com/{version}\"] `http://mirror.example.com/{version}` is not a valid \
                 `url` | an address begins with `https://`",
            ),
        ],
    );
}

#[test]
fn a_stage_that_can_be_called_has_no_matrix_whose_parts_any_job_of_a_caller_could_leave() {
    let both =
        format!("{}\n[workspace.metadata.xtask.workflows]\nmatrix = \"platform\"\ncall = \"also\"\n", super::GOOD);
    let fault = super::brief(&super::errors_of(&both));
    assert!(fault.contains("`call` and `matrix` do not go together"), "{fault}");
    assert!(fault.ends_with("| take one of them out; a call builds every platform in one job"), "{fault}");
}
