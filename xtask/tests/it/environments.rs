//! Environments in the whole binary: what differs, what is the same, and whose credentials are refused.

use std::time::Duration;

use serde_json::json;
use xtask_sandbox::{Account, Clock, Options, Sandbox};

use crate::sample::{Workspace, task_definition};
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

const ACCOUNTS: &str = r#"
[workspace.metadata.xtask.environments.staging]

[workspace.metadata.xtask.environments.production]
account = "222222222222"
"#;

const STAGING: &str = "123456789012";
const PRODUCTION: &str = "222222222222";

/// Two accounts that have the same names of everything.
fn two_accounts() -> Sandbox {
    let production = Account { id: PRODUCTION.to_owned(), access_key: "AKIDPRODUCTION".to_owned(), roles: Vec::new() };
    let clock = Clock::PerLook(Duration::from_secs(2));
    furnished(Sandbox::start(Options { clock, accounts: vec![production], ..Options::default() }).unwrap())
}

fn furnished(sandbox: Sandbox) -> Sandbox {
    for account in [STAGING, PRODUCTION] {
        let mut first = task_definition();
        first["containerDefinitions"][0]["image"] = json!("public.ecr.aws/docker/library/app:before");
        let site = sandbox.site(account, "ap-northeast-1");
        site.furnish(&["sample/app"], &[("sample", "app", first)]).unwrap();
    }
    sandbox
}

/// Runs the binary with this access key.
fn with_key(workspace: &Workspace, sandbox: &Sandbox, key: &str, arguments: &[&str]) -> Run {
    let mut environment = sandbox.environment();
    environment.push(("AWS_ACCESS_KEY_ID".to_owned(), key.to_owned()));
    environment.push(("USER".to_owned(), "alice".to_owned()));
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
    workspace.xtask_with(&environment, arguments)
}

/// The revision that the service of an account is on.
fn revision(sandbox: &Sandbox, account: &str) -> String {
    let services = json!({ "cluster": "sample", "services": ["app"] });
    let answer = sandbox.site(account, "ap-northeast-1").ecs("DescribeServices", services).unwrap();
    answer["services"][0]["taskDefinition"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

#[test]
fn credentials_of_one_environment_do_nothing_to_another() {
    let sandbox = two_accounts();
    let workspace = Workspace::of(&(crate::sample::manifest(&[]) + ACCOUNTS));
    workspace.that_releases();
    for (key, environment, theirs, its) in
        [("AKIATEST", "production", STAGING, PRODUCTION), ("AKIDPRODUCTION", "staging", PRODUCTION, STAGING)]
    {
        for command in ["release", "deploy"] {
            let before = sandbox.calls().len();
            with_key(&workspace, &sandbox, key, &["-e", environment, command])
                .ends(2)
                .says(&format!("these credentials are of {theirs}, and {environment} is {its}: nothing was done"))
                .says(&format!("write a `role` of {its}"));
            let asked: Vec<String> = sandbox.calls().into_iter().skip(before).map(|call| call.operation).collect();
            assert_eq!(asked, ["sts:GetCallerIdentity"]);
        }
    }
    for command in ["release", "deploy"] {
        with_key(&workspace, &sandbox, "AKIATEST", &["-e", "staging", command])
            .ends(0)
            .says("Environment staging: 123456789012 in ap-northeast-1, as arn:aws:iam::123456789012:user/akiatest");
    }
    assert_eq!((&*revision(&sandbox, STAGING), &*revision(&sandbox, PRODUCTION)), ("app:2", "app:1"));
    let missing = with_key(&workspace, &sandbox, "AKIDPRODUCTION", &["-e", "production", "deploy"]);
    missing.ends(8).says("image app is not in ECR");
}

#[test]
fn the_role_of_an_environment_is_assumed_in_a_session_that_says_who_does_what() {
    let sandbox = two_accounts();
    let manifest = crate::sample::manifest(&[]) + ACCOUNTS;
    let role = |name: &str| format!("{manifest}role = \"arn:aws:iam::222222222222:role/{name}\"\n");
    let workspace = Workspace::of(&role("deploy"));
    workspace.that_releases();
    with_key(&workspace, &sandbox, "AKIATEST", &["-e", "production", "release"])
        .ends(0)
        .says("production: 222222222222 in ap-northeast-1, as arn:aws:sts::222222222222:assumed-role/deploy/xtask-release-alice");
    with_key(&workspace, &sandbox, "AKIATEST", &["-e", "production", "deploy"])
        .ends(0)
        .says("assumed-role/deploy/xtask-deploy-alice");
    assert_eq!((&*revision(&sandbox, STAGING), &*revision(&sandbox, PRODUCTION)), ("app:1", "app:2"));
    let described = json!({ "taskDefinition": "app:2" });
    let revision = sandbox.site(PRODUCTION, "ap-northeast-1").ecs("DescribeTaskDefinition", described).unwrap();
    assert_eq!(
        revision["taskDefinition"]["registeredBy"],
        "arn:aws:sts::222222222222:assumed-role/deploy/xtask-deploy-alice"
    );

    workspace.write("Cargo.toml", &role("denied"));
    with_key(&workspace, &sandbox, "AKIATEST", &["-e", "production", "deploy"])
        .ends(1)
        .says("could not assume the role arn:aws:iam::222222222222:role/denied as xtask-deploy-alice")
        .says("sts:AssumeRole");
    // Of another account than the environment: no need to ask anybody.
    workspace.write("Cargo.toml", &role("deploy").replace("222222222222:role", "333333333333:role"));
    with_key(&workspace, &sandbox, "AKIATEST", &["-e", "staging", "deploy", "--plan"])
        .ends(2)
        .says("this role is of 333333333333, and the environment `production` is 222222222222");
}

#[test]
fn a_session_that_ends_during_a_rollout_is_renewed() {
    let production = Account { id: PRODUCTION.to_owned(), access_key: "AKIDPRODUCTION".to_owned(), roles: Vec::new() };
    // In real time, and less than a deploy takes that looks as often as this.
    let sessions_last = Some(Duration::from_secs(1));
    let clock = Clock::PerLook(Duration::from_millis(400));
    let options = Options { clock, accounts: vec![production], sessions_last, ..Options::default() };
    let sandbox = furnished(Sandbox::start(options).unwrap());
    let role = "role = \"arn:aws:iam::222222222222:role/deploy\"\n";
    let workspace = Workspace::of(&(crate::sample::manifest(&[]) + ACCOUNTS + role));
    workspace.that_releases();
    let production = |command| with_key(&workspace, &sandbox, "AKIATEST", &["-e", "production", command]);
    production("release").ends(0);
    production("release").ends(0);
    let before = sandbox.calls().len();
    production("deploy").ends(0);
    let made: Vec<_> = sandbox.calls().into_iter().skip(before).map(|call| call.operation).collect();
    let renewed = made.iter().filter(|call| *call == "sts:AssumeRole").count();
    assert!(renewed > 2, "{made:?}");
    assert_eq!(revision(&sandbox, PRODUCTION), "app:2");
}

#[test]
fn a_command_to_run_next_is_one_of_the_same_environment() {
    let sandbox = two_accounts();
    let workspace = Workspace::of(&(crate::sample::manifest(&[]) + ACCOUNTS));
    workspace.that_releases();
    let staging =
        |arguments: &[&str]| with_key(&workspace, &sandbox, "AKIATEST", &[&["-e", "staging"], arguments].concat());
    staging(&["rollback"]).ends(2).says("`cargo xtask -e staging history app` shows more of each");
    staging(&["release"]).ends(0);
    staging(&["status", "--check"]).ends(5).says("`cargo xtask -e staging deploy app` brings it there");
    staging(&["scale", "app", "2..4"]).ends(2).says("`cargo xtask -e staging scale app N` sets the desired count");
}

/// What GitHub hands to a job, as far as STS reads it here: `{"alg":"none"}`, issuer, subject and audience, no signature.
const TOKEN: &str = "eyJhbGciOiAibm9uZSJ9.\
    eyJpc3MiOiAiaHR0cHM6Ly90b2tlbi5hY3Rpb25zLmdpdGh1YnVzZXJjb250ZW50LmNvbSIsICJzdWIiOiAicmVwbzpzYW1wbGUvYXBwOmVudmlyb25tZW50OnByb2R1Y3Rpb24iLCAiYXVkIjogInN0cy5hbWF6b25hd3MuY29tIn0.\
    c2ln";

#[test]
fn a_role_is_assumed_from_a_profile_that_assumes_one_and_from_a_jobs_own_token() {
    let sandbox = two_accounts();
    let manifest = crate::sample::manifest(&[]) + ACCOUNTS + "role = \"arn:aws:iam::222222222222:role/deploy\"\n";
    let workspace = Workspace::of(&manifest);
    workspace.write(
        ".aws/config",
        "[profile keys]\naws_access_key_id = AKIATEST\naws_secret_access_key = SECRET\n\n\
         [profile chained]\nrole_arn = arn:aws:iam::123456789012:role/first\nsource_profile = keys\n",
    );
    workspace.that_releases().write("token", TOKEN).write("no-token", "what an access token looks like");
    let url = format!("http://{}", sandbox.registry());
    let usual = [("AWS_ENDPOINT_URL", &*url), ("XTASK_REGISTRY", &*sandbox.registry()), ("USER", "alice")]
        .map(|(n, v)| (n.to_owned(), v.to_owned()));
    let token = workspace.root().join("token").display().to_string();
    for own in [
        vec![("AWS_PROFILE", "chained")],
        vec![("AWS_WEB_IDENTITY_TOKEN_FILE", &*token), ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/job")],
    ] {
        let variables: Vec<(&str, &str)> = usual.iter().map(|(name, value)| (&**name, &**value)).chain(own).collect();
        workspace
            .xtask_with(&variables, &["-e", "production", "release", "--plan"])
            .ends(0)
            .says("as arn:aws:sts::222222222222:assumed-role/deploy/xtask-release-alice");
        workspace
            .xtask_with(&variables, &["-e", "staging", "release", "--plan"])
            .ends(0)
            .says("as arn:aws:sts::123456789012:assumed-role/");
    }
    let token = workspace.root().join("no-token").display().to_string();
    let own = [("AWS_WEB_IDENTITY_TOKEN_FILE", &*token), ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/job")];
    let variables: Vec<(&str, &str)> = usual.iter().map(|(name, value)| (&**name, &**value)).chain(own).collect();
    workspace
        .xtask_with(&variables, &["-e", "staging", "release", "--plan"])
        .ends(1)
        .says("InvalidIdentityToken: The ID Token provided is not a valid JWT")
        .says("OIDC");
}
