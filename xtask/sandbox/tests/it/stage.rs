//! The stage of a rehearsal.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use xtask_sandbox::{Clock, Options, Sandbox};

fn task_definition(family: &str, image: &str) -> Value {
    json!({"family": family, "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256",
        "memory": "512", "containerDefinitions": [{"name": "app", "image": image}]})
}

fn service(sandbox: &Sandbox, cluster: &str, service: &str) -> Value {
    let input = json!({"cluster": cluster, "services": [service]});
    sandbox.ecs("DescribeServices", input).unwrap()["services"][0].clone()
}

#[test]
fn services_run_their_first_revision_whatever_the_clock() {
    for clock in [Clock::Manual, Clock::Real, Clock::Scaled(30)] {
        let sandbox = Sandbox::start(Options { clock, ..Options::default() }).unwrap();
        let services = [
            ("one", "app", task_definition("app", "placeholder")),
            ("other", "worker", task_definition("worker", "placeholder")),
        ];
        sandbox.furnish(&["sample/app", "sample/worker"], &services).unwrap();
        for (cluster, name) in [("one", "app"), ("other", "worker")] {
            let service = service(&sandbox, cluster, name);
            assert_eq!((&service["runningCount"], &service["desiredCount"]), (&json!(2), &json!(2)), "{service}");
            assert_eq!(service["deployments"][0]["rolloutState"], "COMPLETED");
        }
    }
}

#[test]
fn a_stage_is_furnished_while_its_clock_runs_ahead() {
    let sandbox = Sandbox::start(Options { clock: Clock::Manual, ..Options::default() }).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                sandbox.advance(Duration::from_secs(600));
            }
        });
        let furnished = (0..50).try_for_each(|n| {
            let family = format!("app-{n}");
            let services = [("sample", family.as_str(), task_definition(&family, "placeholder"))];
            sandbox.furnish(&[], &services).map(drop)
        });
        done.store(true, Ordering::Relaxed);
        furnished.unwrap();
    });
}

#[test]
fn a_stage_is_furnished_twice_without_harm() {
    let sandbox = Sandbox::start(Options { clock: Clock::Manual, ..Options::default() }).unwrap();
    let services = [("sample", "app", task_definition("app", "placeholder"))];
    sandbox.furnish(&["sample/app"], &services).unwrap();
    let before = service(&sandbox, "sample", "app");
    sandbox.furnish(&["sample/app"], &services).unwrap();
    assert_eq!(service(&sandbox, "sample", "app")["taskDefinition"], before["taskDefinition"]);
}

#[test]
fn an_image_of_this_registry_gives_way_to_one_that_exists() {
    let sandbox = Sandbox::start(Options { clock: Clock::Manual, ..Options::default() }).unwrap();
    let own = format!("{}/sample/app:1.0", sandbox.registry());
    let aws = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/sample/app:1.0";
    let services =
        [("sample", "one", task_definition("one", &own)), ("sample", "other", task_definition("other", aws))];
    sandbox.furnish(&["sample/app"], &services).unwrap();
    for family in ["one", "other"] {
        let found = sandbox.ecs("DescribeTaskDefinition", json!({"taskDefinition": family})).unwrap();
        let image = found["taskDefinition"]["containerDefinitions"][0]["image"].as_str().unwrap().to_owned();
        assert!(image.starts_with("public.ecr.aws/"), "{image}");
    }
}

#[test]
fn a_task_definition_that_ecs_refuses_is_reported() {
    let sandbox = Sandbox::start(Options::default()).unwrap();
    let mut broken = task_definition("app", "placeholder");
    broken["memory"] = json!("511");
    assert!(sandbox.furnish(&[], &[("sample", "app", broken)]).is_err());
}

#[test]
fn a_sandbox_starts_and_ends_inside_a_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let sandbox = Sandbox::start(Options::default()).unwrap();
        assert_ne!(sandbox.address().port(), 0);
        drop(sandbox);
    });
}
