//! `cargo xtask rehearse`, the whole binary: each fault ends with its exit code and the message a user would see.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use crate::support::{Run, Workspace, send, task_definition};
use xtask_sandbox::FAULTS;

/// The sample workspace, whose task definition has a health check that `unhealthy` can fail.
fn workspace() -> Workspace {
    let workspace = Workspace::sample();
    let mut document = task_definition();
    document["containerDefinitions"][0]["healthCheck"] =
        serde_json::json!({ "command": ["CMD", "/app", "--health"], "interval": 5, "retries": 2, "startPeriod": 0 });
    workspace.write("app/ecs/task-definition.json", &document.to_string());
    workspace.change(&[("20s", "5m")]);
    workspace.that_releases();
    workspace
}

fn rehearse(fault: &str) -> Run {
    let run = workspace().xtask_with(&[], &["rehearse", "--fault", fault]);
    run.looks_like_without_pace(&format!("rehearse/{fault}"));
    run
}

#[test]
fn without_a_fault_it_ends_with_the_outcome_the_digest_and_the_time_of_each_step() {
    let run = workspace().xtask_with(&[], &["rehearse"]);
    run.ends(0).says("Deployed app: app:2").looks_like_without_pace("rehearse/without-a-fault");
    for step in ["build", "scan", "push", "plan", "register", "update", "watch"] {
        run.says(&format!(" s  {step}"));
    }
    assert!(run.stdout.starts_with("app deployed sha256:"), "{}", run.stdout);
}

/// Who rehearses mostly has changed something; a release of that in earnest says so.
#[test]
fn what_is_rehearsed_is_what_is_here_and_that_it_is_not_committed_is_no_news() {
    let workspace = workspace();
    workspace.commit("All", &["."]);
    workspace.write("app/ecs/task-definition.json", &task_definition().to_string());
    let run = workspace.xtask_with(&[], &["rehearse"]);
    run.ends(0).says("Deployed app: app:2").does_not_say("not committed");
}

#[test]
fn the_list_names_every_fault() {
    let run = Workspace::sample().xtask_with(&[], &["rehearse", "--fault", "list"]);
    run.ends(0).looks_like("rehearse/list-of-faults");
    for (name, _) in FAULTS {
        assert!(run.stdout.lines().any(|line| line.starts_with(name)), "{name} is missing:\n{}", run.stdout);
    }
}

#[test]
fn a_fault_that_is_unknown_comes_with_the_nearest_name() {
    rehearse("crash-lop").ends(2).says("did you mean `crash-loop`?");
}

#[test]
fn vulnerable_is_refused() {
    rehearse("vulnerable").ends(3).says("refused by the scan gate").says("CVE-2026-00000");
}

#[test]
fn a_crash_loop_is_rolled_back() {
    rehearse("crash-loop").ends(4).says("exit code 101").says("serving now: app:1");
}

#[test]
fn a_missing_image_is_rolled_back() {
    rehearse("missing-image").ends(4).says("CannotPullContainerError").says("deleted it");
}

#[test]
fn unhealthy_is_rolled_back() {
    rehearse("unhealthy").ends(4).says("failed container health checks");
}

#[test]
fn superseded_says_by_what() {
    rehearse("superseded").ends(6).says("superseded by a deployment of app:3");
}

#[test]
fn throttled_and_lost_connection_end_well_after_retries() {
    rehearse("throttled").ends(0);
    rehearse("lost-connection").ends(0).says("trying again");
}

#[test]
fn a_tag_conflict_names_both_digests() {
    let run = rehearse("tag-conflict");
    run.ends(8).says("in ECR: sha256:").says("built here: sha256:");
}

#[test]
fn a_rollback_that_fails_has_a_code_of_its_own() {
    rehearse("rollback-failed").ends(5).says("not on its last good revision");
}

#[test]
fn never_stable_times_out() {
    rehearse("never-stable").ends(7).says("did not end within 10 s");
}

#[test]
fn a_hook_that_fails_or_is_never_answered_is_rolled_back_and_named() {
    rehearse("hook-failed").ends(4).says("the lifecycle hook smoke-test found the new revision bad");
    rehearse("hook-timed-out").ends(4).says("nobody decided at the pause");
}

#[test]
fn an_alarm_is_rolled_back_and_named_even_after_all_traffic_has_moved() {
    rehearse("alarm").ends(4).says("ECS rolled back on an alarm: app-5xx");
    rehearse("bake-regression").ends(4).says("ECS rolled back on an alarm: app-5xx").says("BAKE_TIME");
}

#[test]
fn a_pause_ends_with_its_own_code_and_both_commands() {
    rehearse("paused").ends(10).says("`cargo xtask continue app`").says("`cargo xtask continue app --roll-back`");
}

#[test]
fn without_docker_and_without_a_way_around_it_says_what_is_missing() {
    let workspace = Workspace::sample();
    workspace.trivy_that_passes();
    workspace
        .xtask_with(&[], &["rehearse"])
        .ends(1)
        .says("docker was not found")
        .looks_like_without_pace("rehearse/without-docker");
}

#[test]
fn without_trivy_a_stand_in_is_used_and_that_is_said_loudly() {
    let workspace = workspace();
    std::fs::remove_file(workspace.root().join("tools/trivy")).expect("trivy is there");
    workspace
        .xtask_with(&[], &["rehearse"])
        .ends(0)
        .says("NOTHING IS SCANNED")
        .says("stand-in")
        .looks_like_without_pace("rehearse/without-trivy");
}

/// `cargo xtask sandbox` of a workspace, and where it listens.
fn serving(workspace: &Workspace, arguments: &[&str]) -> (Child, String) {
    let mut child = workspace
        .command(&[], &[&["sandbox", "--listen", "127.0.0.1:0"], arguments].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let stdout = BufReader::new(child.stdout.take().expect("is piped"));
    let url = stdout
        .lines()
        .map(|line| line.expect("stdout can be read"))
        .find_map(|line| line.strip_prefix("export AWS_ENDPOINT_URL=").map(str::to_owned))
        .expect("the address is printed");
    let address = url.strip_prefix("http://").expect("plain HTTP");
    (child, address.to_owned())
}

fn interrupt(mut child: Child) {
    send("-INT", &child);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn the_sandbox_prints_its_variables_serves_and_stops_on_ctrl_c() {
    let (child, address) = serving(&Workspace::sample(), &[]);
    assert!(TcpStream::connect(&address).is_ok(), "it serves {address}");
    interrupt(child);
}

#[test]
fn the_sandbox_serves_further_accounts_and_what_its_seed_says() {
    let workspace = Workspace::sample();
    let seed = serde_json::json!([
        { "ssm": { "/port": "8080" } },
        { "account": "222222222222", "region": "eu-west-1", "ssm": { "/port": "9090" } },
    ]);
    workspace.write("seed.json", &seed.to_string());
    let (child, address) = serving(&workspace, &["--account", "222222222222=AKIDPRODUCTION", "--seed", "seed.json"]);
    let port = |key: &str, region: &str| {
        let body = r#"{"Name":"/port"}"#;
        let request = format!(
            "POST / HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\nx-amz-target: AmazonSSM.GetParameter\r\n\
             authorization: AWS4-HMAC-SHA256 Credential={key}/20260101/{region}/ssm/aws4_request\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(&address).expect("it listens");
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        serde_json::from_str::<serde_json::Value>(body).expect("JSON")["Parameter"]["Value"].clone()
    };
    assert_eq!(port("AKIATEST", "ap-northeast-1"), "8080");
    assert_eq!(port("AKIDPRODUCTION", "eu-west-1"), "9090");
    assert_eq!(port("AKIDPRODUCTION", "ap-northeast-1"), serde_json::Value::Null);
    interrupt(child);
}

#[test]
fn what_the_sandbox_cannot_make_of_its_options_is_said() {
    let workspace = Workspace::sample();
    workspace.write("text.json", "{\n  \"ssm\":\n");
    workspace.write("topic.json", "{\"sns\": {\"topic\": \"x\"}}");
    for (arguments, sentence) in [
        (["--account", "222=KEY"], "twelve digits, =, and an access key id"),
        (["--seed", "nothing.json"], "could not read the seed nothing.json"),
        (["--seed", "text.json"], "text.json:3:0: the seed is no JSON"),
        (["--seed", "topic.json"], "`sns` is none of ssm, cloudformation, s3"),
    ] {
        let arguments = [&["sandbox", "--listen", "127.0.0.1:0"][..], &arguments[..]].concat();
        workspace.xtask_with(&[], &arguments).ends(2).says(sentence);
    }
}

#[test]
fn the_sandbox_listens_on_loopback_only() {
    let run = Workspace::sample().xtask_with(&[], &["sandbox", "--listen", "0.0.0.0:0"]);
    run.ends(2).says("loopback only").looks_like("sandbox/address-that-is-not-loopback");
}

#[test]
fn where_a_number_is_looked_up_a_number_stands_in_and_nobody_is_asked() {
    let workspace = workspace();
    let containers = "containers = { app = \"app\" }\n";
    workspace.change(&[(containers, &format!("{containers}desired-count = \"${{ssm:/app/count}}\"\n"))]);
    let mut document = crate::support::task_definition();
    document["cpu"] = serde_json::json!("${ssm:/app/cpu}");
    document["memory"] = serde_json::json!("${ssm:/app/memory}");
    let container = &mut document["containerDefinitions"][0];
    container["cpu"] = serde_json::json!("${cfn:app.Cpu}");
    container["portMappings"][0]["containerPort"] = serde_json::json!("${ssm:/app/port}");
    container["readonlyRootFilesystem"] = serde_json::json!("${ssm:/app/read-only}");
    container["stopTimeout"] = serde_json::json!("${ssm:/app/grace}");
    workspace.write("app/ecs/task-definition.json", &document.to_string());
    workspace.xtask_with(&[], &["rehearse"]).ends(0).says("Deployed app: app:2");
}

#[test]
fn what_a_clock_starts_moves_in_a_rehearsal_too() {
    let workspace = workspace();
    crate::schedules::configure(&workspace, &crate::schedules::BOTH);
    workspace
        .xtask_with(&[], &["rehearse"])
        .ends(0)
        .says("Scheduled nightly: app:2 in the place of clean:1")
        .says("Scheduled hourly: app:2 in the place of clean:1");
}
