//! `[workspace.metadata.xtask.tasks.NAME]`, and the services that name tasks.

use super::{GOOD, brief, errors_of, loaded, workspace};
use crate::config::{Abandoned, Config, Network, load_every};

/// [`GOOD`] with this in the service's table, and this after it.
fn with(service: &str, tasks: &str) -> String {
    format!("{GOOD}{service}\n{tasks}\n")
}

fn task(lines: &str) -> String {
    with("", &format!("[workspace.metadata.xtask.tasks.migrate]\n{lines}"))
}

fn config(manifest: &str) -> Config {
    let folder = workspace(&[("Cargo.toml", manifest)]);
    loaded(folder.path()).config
}

fn fault(manifest: &str) -> String {
    brief(&errors_of(manifest))
}

#[test]
fn a_task_of_a_service_has_its_cluster_and_its_container() {
    let read = config(&task("service = \"app\"\ncommand = [\"app\", \"migrate\"]\nenv = { LOG = \"debug\" }"));
    let task = &read.tasks["migrate"];
    assert_eq!((task.cluster.as_str(), task.container.as_str(), task.count), ("sample", "app", 1));
    assert_eq!((task.command.len(), task.env["LOG"].as_str()), (2, "debug"));
    assert_eq!((task.timeout.as_secs(), task.once_per_digest, task.on_interrupt), (900, false, Abandoned::Leave));
    assert!(task.own.is_none() && task.network.is_none());
}

#[test]
fn a_task_of_its_own_says_where_it_runs_and_what() {
    let read = config(&task(
        "cluster = \"jobs\"\ntask-definition = { family = \"seed\" }\ncontainers = { seed = \"app\" }\ncount = 3\n\
         network = { subnets = [\"subnet-1\"], assign-public-ip = true }\non-interrupt = \"stop\"",
    ));
    let task = &read.tasks["migrate"];
    assert_eq!((task.cluster.as_str(), task.container.as_str(), task.count), ("jobs", "seed", 3));
    let network = Network { subnets: vec!["subnet-1".into()], security_groups: Vec::new(), assign_public_ip: true };
    assert_eq!((task.network.as_ref(), task.on_interrupt), (Some(&network), Abandoned::Stop));
}

#[test]
fn what_a_task_lacks_or_has_too_much_is_told_at_its_line() {
    let family = "cluster = \"jobs\"\ntask-definition = { family = \"seed\" }";
    for (lines, expected) in [
        (
            "command = [\"x\"]\ncontainer = \"app\"\ncluster = \"c\"",
            "`tasks.migrate` has neither `service` nor `task-definition`",
        ),
        ("service = \"ap\"", "there is no service `ap` | did you mean `app`?"),
        ("service = \"app\"\ncount = 11", "`count` should be from 1 to 10 | ECS starts no more tasks at once"),
        (
            "service = \"app\"\ncontainers = { app = \"app\" }",
            "`containers` is of a `task-definition` of its own, and there is none",
        ),
        ("service = \"app\"\nnetwork = {}", "has no `subnets` | add `subnets"),
        ("service = \"app\"\non-interrupt = \"stopp\"", "did you mean `stop`?"),
        ("service = \"app\"\ncomand = [\"x\"]", "unknown key `comand` | did you mean `command`?"),
        ("task-definition = { family = \"seed\" }\ncontainer = \"seed\"", "`tasks.migrate` has no `cluster`"),
        (family, "`tasks.migrate` has no `container` | add `container = \"app\"`"),
    ] {
        let fault = fault(&task(lines));
        assert!(fault.contains(expected), "{lines}\n{fault}");
    }
    let two = format!("{family}\ncontainers = {{ a = \"app\", b = \"app\" }}");
    assert!(fault(&task(&two)).contains("has no `container` | name one of `a`, `b`"));
}

#[test]
fn a_service_runs_tasks_that_are_there_and_are_not_of_another_service() {
    let tasks = "[workspace.metadata.xtask.tasks.migrate]\nservice = \"app\"";
    let read = config(&with("before-deploy = [\"migrate\"]\nafter-deploy = [\"migrate\"]", tasks));
    let app = &read.services["app"];
    assert_eq!(
        (app.before_deploy.as_slice(), app.after_deploy.as_slice()),
        (&["migrate".to_owned()][..], &["migrate".to_owned()][..])
    );
    let unknown = fault(&with("before-deploy = [\"migrat\"]", tasks));
    assert!(unknown.ends_with("there is no task `migrat` | did you mean `migrate`?"), "{unknown}");
    let other = "[workspace.metadata.xtask.services.api]\ncluster = \"sample\"\ntask-definition = { family = \"api\" }\n\
                 containers = { api = \"app\" }\n[workspace.metadata.xtask.tasks.migrate]\nservice = \"api\"";
    let of_another = fault(&with("after-deploy = [\"migrate\"]", other));
    assert!(
        of_another.contains("the task `migrate` is of the service `api` | let `services.api` run it"),
        "{of_another}"
    );
}

#[test]
fn an_environment_is_laid_over_tasks_and_adds_its_own() {
    let manifest = with(
        "before-deploy = [\"migrate\"]",
        "[workspace.metadata.xtask.tasks.migrate]\nservice = \"app\"\ncommand = [\"app\", \"migrate\"]\ntimeout = \"5m\"\n\
         [workspace.metadata.xtask.environments.staging.tasks.seed]\nservice = \"app\"\n\
         [workspace.metadata.xtask.environments.production]\nservices.app.cluster = \"live\"\n\
         tasks.migrate = { timeout = \"1h\", env = { SAFE = \"1\" }, command = [\"app\", \"migrate\", \"--slowly\"] }",
    );
    let folder = workspace(&[("Cargo.toml", &manifest)]);
    let all = load_every(folder.path(), &super::nothing).unwrap();
    let [staging, live] = [0, 1].map(|place| &all[place].config);
    assert_eq!(staging.tasks.keys().map(String::as_str).collect::<Vec<_>>(), ["migrate", "seed"]);
    assert_eq!((staging.tasks["migrate"].timeout.as_secs(), staging.tasks["migrate"].command.len()), (300, 2));
    let migrate = &live.tasks["migrate"];
    assert_eq!((migrate.timeout.as_secs(), migrate.command.len(), migrate.env["SAFE"].as_str()), (3600, 3, "1"));
    assert_eq!(migrate.cluster, "live", "it is where its service is");
    assert!(!live.tasks.contains_key("seed"));
}
