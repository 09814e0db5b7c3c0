//! Environments in the whole binary: what differs, what is the same, and whose credentials are refused.

use crate::sample::Workspace;
use crate::support::Run;

const TWO: &str = r#"
[workspace.metadata.xtask.environments.staging]

[workspace.metadata.xtask.environments.production]
account = "222222222222"
images.app.repository = "live/app"

[workspace.metadata.xtask.environments.production.services.app]
cluster = "live"
overlay = "app/ecs/production.json"
"#;

const OVERLAY: &str = r#"{
  "cpu": "1024",
  "containerDefinitions": [
    { "name": "app", "environment": [{ "name": "RUST_LOG", "value": "warn" }, { "name": "POOL", "value": "20" }] }
  ]
}"#;

/// The sample with two environments, of which production has an overlay.
fn two() -> Workspace {
    let workspace = Workspace::of(&(crate::sample::manifest(&[]) + TWO));
    workspace.write("app/ecs/production.json", OVERLAY);
    workspace
}

/// Where nothing may be asked of AWS.
fn alone(workspace: &Workspace, arguments: &[&str]) -> Run {
    workspace.xtask_with(&[], arguments)
}

#[test]
fn an_environment_that_nobody_named_is_never_guessed() {
    let workspace = two();
    for command in [&["config"][..], &["deploy", "--plan"], &["release"]] {
        alone(&workspace, command)
            .ends(2)
            .says("several environments")
            .says("`staging`, `production`; name one with `-e");
    }
    let run = alone(&workspace, &["-e", "prod", "config"]);
    run.ends(2).says("there is no environment `prod`");
    alone(&workspace, &["config", "-e", "producton"]).ends(2).says("did you mean `production`?");
    let chosen = workspace.xtask_with(&[("XTASK_ENVIRONMENT", "production")], &["config"]);
    assert!(chosen.ends(0).stdout.contains("222222222222.dkr.ecr.ap-northeast-1.amazonaws.com"), "{chosen}");
    // What the command line says is meant.
    let chosen = workspace.xtask_with(&[("XTASK_ENVIRONMENT", "production")], &["config", "-e", "staging"]);
    assert!(chosen.ends(0).stdout.contains("123456789012.dkr.ecr"), "{chosen}");
}

#[test]
fn a_rendered_document_has_what_the_environment_lays_over_it_and_says_from_where() {
    let workspace = two();
    let staging = alone(&workspace, &["-e", "staging", "render"]);
    let document: serde_json::Value = serde_json::from_str(&staging.ends(0).stdout).unwrap();
    assert_eq!((&document["cpu"], &document["family"]), (&"256".into(), &"app".into()));
    let live = alone(&workspace, &["-e", "production", "render", "app"]);
    let document: serde_json::Value = serde_json::from_str(&live.ends(0).stdout).unwrap();
    assert_eq!(document["cpu"], "1024");
    let app = &document["containerDefinitions"][0];
    assert_eq!(app["image"], "222222222222.dkr.ecr.ap-northeast-1.amazonaws.com/live/app:1.4.0");
    let variables = serde_json::json!([{ "name": "RUST_LOG", "value": "warn" }, { "name": "POOL", "value": "20" }]);
    assert_eq!((&app["environment"], &app["portMappings"][0]["containerPort"]), (&variables, &8080.into()));
    let origins = alone(&workspace, &["-e", "production", "render", "--origins"]);
    origins.ends(0).looks_like("environments/render-origins");
}

#[test]
fn a_mistake_in_an_overlay_is_told_at_its_place() {
    let workspace = two();
    workspace.write(
        "app/ecs/production.json",
        "{\n  \"containerDefinitions\": [\n    { \"name\": \"ap\", \"cpu\": 1 }\n  ]\n}",
    );
    alone(&workspace, &["-e", "production", "render"])
        .ends(2)
        .says("app/ecs/production.json:3:5")
        .says("there is no container `ap` that this could change: did you mean `app`?");
    workspace.write("app/ecs/production.json", "{\n  \"cpus\": \"1024\"\n}");
    alone(&workspace, &["-e", "production", "render"]).ends(2).says("app/ecs/production.json:2:3").says("`cpu`");
}

#[test]
fn two_environments_are_shown_side_by_side() {
    let workspace = two();
    alone(&workspace, &["-e", "production", "diff", "--against", "staging"]).ends(0).looks_like("environments/diff");
    let json = alone(&workspace, &["-e", "production", "diff", "--against", "staging", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json.ends(0).stdout).unwrap();
    let cpu = json["differences"].as_array().unwrap().iter().find(|one| one["path"] == "cpu").unwrap();
    assert_eq!(
        *cpu,
        serde_json::json!({ "of": "task definition of app", "path": "cpu", "theirs": "256", "ours": "1024" })
    );
    alone(&workspace, &["-e", "staging", "diff", "--against", "staging"]).ends(0).says("differ in nothing");
    alone(&workspace, &["-e", "staging", "diff", "--against", "prod"]).ends(2).says("there is no environment `prod`");
}
