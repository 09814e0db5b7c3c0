//! Faults as a person reads them, whole.

use super::{Style, lines};
use crate::config::load;
use crate::config::tests::{errors_of, spoilt, workspace};
use crate::failure::{Ending, Failure, Fault, Place};

fn drawn(failure: &Failure) -> String {
    let painted = lines(failure).iter().map(|line| Style { colour: false }.paint(line)).collect::<Vec<_>>();
    painted.join("\n")
}

#[test]
fn a_short_hint_stands_beside_the_carets() {
    assert_eq!(
        drawn(&errors_of(&spoilt(&[("repository", "repositry")]))),
        r#"error: unknown key `repositry`
  --> Cargo.toml:12:1
   |
12 | repositry = "sample/app"
   | ^^^^^^^^^ did you mean `repository`?"#
    );
}

#[test]
fn a_long_hint_stands_below() {
    assert_eq!(
        drawn(&errors_of(&spoilt(&[("tag = \"1.4.0\"", "tag = \".x\"")]))),
        r#"error: `.x` is not a valid `tag`
  --> Cargo.toml:13:7
   |
13 | tag = ".x"
   |       ^^^^
   |
   = help: a tag is 1 to 128 letters, digits, `_`, `.` and `-`, and does not begin with `.` or `-`"#
    );
}

#[test]
fn a_workspace_without_the_table_is_told_what_to_add() {
    assert_eq!(
        drawn(&errors_of("[workspace]\nmembers = [\"app\"]\n")),
        r#"error: Cargo.toml has no `[workspace.metadata.xtask]` table
 --> Cargo.toml:1:2
  |
1 | [workspace]
  |  ^^^^^^^^^
  |
  = help: describe what to ship, for example:

          [workspace.metadata.xtask]
          account = "123456789012"
          region = "ap-northeast-1"

          [workspace.metadata.xtask.images.app]
          repository = "sample/app"
          tag = { package = "app" }
          dockerfile = "app/Dockerfile"

          [workspace.metadata.xtask.services.app]
          cluster = "sample"
          task-definition = "app/ecs/task-definition.json"
          containers = { app = "app" }"#
    );
}

#[test]
fn ten_faults_are_reported_in_one_run() {
    let manifest = spoilt(&[
        ("account = \"123456789012\"", "account = 123456789012"),
        ("region = \"ap-northeast-1\"", "region = \"tokyo\"\nregistri = \"x\""),
        ("repository = \"sample/app\"", "repository = \"Sample\""),
        ("tag = \"1.4.0\"", "tag = { package = \"ap\" }"),
        ("app/Dockerfile", "app/Dockerfil"),
        ("cluster = \"sample\"", "cluster = 1\nrollout.deadline = 900"),
        ("task-definition.json", "task-definition.jsn"),
        ("{ app = \"app\" }", "{ app = \"worker\" }"),
    ]);
    assert_eq!(
        drawn(&errors_of(&manifest)),
        r#"error: `account` is an integer, and should be a string
 --> Cargo.toml:8:11
  |
8 | account = 123456789012
  |           ^^^^^^^^^^^^ write it in quotes, leading zeros too: "123456789012"

error: `tokyo` is not a valid `region`
 --> Cargo.toml:9:10
  |
9 | region = "tokyo"
  |          ^^^^^^^ a region looks like `ap-northeast-1`

error: unknown key `registri`
  --> Cargo.toml:10:1
   |
10 | registri = "x"
   | ^^^^^^^^ did you mean `registry`?

error: `Sample` is not a valid `repository`
  --> Cargo.toml:13:14
   |
13 | repository = "Sample"
   |              ^^^^^^^^
   |
   = help: a repository name is 2 to 256 lowercase letters and digits, with `.`, `_`, `__`, dashes or `/` between them

error: `ap` is no package of this workspace
  --> Cargo.toml:14:19
   |
14 | tag = { package = "ap" }
   |                   ^^^^ did you mean `app`?

error: the Dockerfile `app/Dockerfil` does not exist
  --> Cargo.toml:15:14
   |
15 | dockerfile = "app/Dockerfil"
   |              ^^^^^^^^^^^^^^^ did you mean `app/Dockerfile`?

error: `services.app.cluster` is an integer, and should be a string
  --> Cargo.toml:18:11
   |
18 | cluster = 1
   |           ^ write it in quotes

error: `services.app.rollout.deadline` is an integer, and should be a duration
  --> Cargo.toml:19:20
   |
19 | rollout.deadline = 900
   |                    ^^^ write the unit: "900s" for seconds, "900m" for minutes

error: the task definition `app/ecs/task-definition.jsn` does not exist
  --> Cargo.toml:20:19
   |
20 | task-definition = "app/ecs/task-definition.jsn"
   |                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ did you mean `app/ecs/task-definition.json`?

error: the container `app` names no image: `worker`
  --> Cargo.toml:21:22
   |
21 | containers = { app = "worker" }
   |                      ^^^^^^^^ images are `app`"#
    );
}

#[test]
fn columns_count_characters_and_carets_count_terminal_columns() {
    let rendered = drawn(&errors_of(&spoilt(&[("dockerfile", "args = { \"ä日本\" = \"ok\", b = 1 }\ndockerfile")])));
    assert_eq!(
        rendered,
        "error: `images.app.args.b` is an integer, and should be a string
  --> Cargo.toml:14:28
   |
14 | args = { \"ä日本\" = \"ok\", b = 1 }
   |                              ^ write it in quotes"
    );
}

#[test]
fn tabs_and_line_ends_of_windows_do_not_shift_the_carets() {
    let manifest = spoilt(&[("cluster = \"sample\"", "\tcluster = 1")]).replace('\n', "\r\n");
    assert_eq!(
        drawn(&errors_of(&manifest)),
        "error: `services.app.cluster` is an integer, and should be a string
  --> Cargo.toml:17:12
   |
17 |     cluster = 1
   |               ^ write it in quotes"
    );
}

#[test]
fn a_byte_order_mark_is_no_column() {
    let errors = errors_of(&format!("\u{feff}workspaces = 1\n{}", spoilt(&[("account", "acount")])));
    assert!(drawn(&errors).contains("--> Cargo.toml:9:1"), "{}", drawn(&errors));
}

#[test]
fn a_fault_of_several_lines_is_shown_by_its_first() {
    let errors = errors_of(&spoilt(&[("cluster = \"sample\"", "cluster = [\n    1,\n    2,\n]")]));
    assert_eq!(
        drawn(&errors),
        "error: `services.app.cluster` is an array, and should be a string
  --> Cargo.toml:17:11
   |
17 | cluster = [
   |           ^"
    );
}

#[test]
fn an_environment_variable_is_blamed_by_name() {
    let folder = workspace(&[("Cargo.toml", &spoilt(&[("region = \"ap-northeast-1\"\n", "")]))]);
    let environment = |name: &str| (name == "AWS_REGION").then(|| "Tokyo".to_owned());
    assert_eq!(
        drawn(&load(folder.path(), &environment).unwrap_err()),
        "error: `Tokyo` in the environment variable AWS_REGION is not a valid `region`
  a region looks like `ap-northeast-1`"
    );
}

#[test]
fn text_that_is_not_toml_is_shown_where_it_stops_being_so() {
    assert_eq!(
        drawn(&errors_of(&spoilt(&[("region = \"ap-northeast-1\"", "region = \"ap-northeast-1")]))),
        "error: Cargo.toml is not TOML: invalid basic string, expected `\"`
 --> Cargo.toml:9:25
  |
9 | region = \"ap-northeast-1
  |                         ^"
    );
    assert_eq!(
        drawn(&errors_of("[workspace]\nmembers = []\nmembers = []\n")),
        "error: Cargo.toml is not TOML: duplicate key
 --> Cargo.toml:3:1
  |
3 | members = []
  | ^^^^^^^"
    );
}

#[test]
fn configuration_errors_end_a_command_with_2_and_name_their_place_in_a_text() {
    let failure = errors_of(&spoilt(&[("repository", "repositry")]));
    assert_eq!(failure.exit_code(), 2);
    assert_eq!(failure.to_string(), "Cargo.toml:12:1: unknown key `repositry`\ndid you mean `repository`?");
}

#[test]
fn what_was_said_stands_under_the_message_and_what_helps_comes_last() {
    let failure = Failure::new(Ending::World, "the engine does not answer").said(["no", "socket"]).help("start it");
    assert_eq!(drawn(&failure), "error: the engine does not answer\n    | no\n    | socket\n  start it");
}

#[test]
fn several_problems_are_a_list_and_each_keeps_its_own_parts() {
    let place = Some(Place { file: "app/task.json".to_owned(), line: 3, column: 7 });
    let typo = Fault { message: "unknown member".to_owned(), place, ..Fault::default() };
    let problems = vec![
        Failure::world("docker failed").said(["no"]).help("start it"),
        Failure::of_faults(Ending::Usage, vec![typo], |_| unreachable!("it is one")),
    ];
    assert_eq!(
        drawn(&Failure::together(problems)),
        "error: 2 problems, and nothing was done:\n  - app/task.json:3:7: unknown member\n  - docker failed\n      | \
         no\n    start it"
    );
}
