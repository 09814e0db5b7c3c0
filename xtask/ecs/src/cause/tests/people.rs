//! Who is blamed, where several containers of a task ended.

use serde_json::{Value, json};

use super::{exit, pinned};
use crate::cause::{Blamed, Case, blame};
use crate::event::ContainerExit;

const EXITED: &str = "Essential container in task exited";
const OOM: &str = "OutOfMemoryError: Container killed due to memory usage";

fn blamed(document: &Value, stop_code: &str, reason: &str, containers: &[ContainerExit]) -> Blamed {
    blame(&Case { stop_code, reason, containers, document: Some(document), pinned: &pinned() })
}

/// Containers by name; a name with `?` is of one that is not essential.
fn document(names: &[&str]) -> Value {
    let container = |name: &&str| json!({ "name": name.trim_end_matches('?'), "essential": !name.ends_with('?') });
    json!({ "containerDefinitions": names.iter().map(container).collect::<Vec<_>>() })
}

#[test]
fn the_essential_container_that_ended_first_and_by_itself_is_blamed() {
    for (names, containers, who, says) in [
        (
            vec!["agent?", "web"],
            vec![exit("agent", Some(143), ""), exit("web", Some(101), "")],
            "web",
            "a Rust program panicked",
        ),
        (vec!["envoy", "web"], vec![exit("envoy", Some(137), ""), exit("web", Some(1), "")], "web", "exited with 1"),
        (
            vec!["agent?", "init?", "web"],
            vec![exit("agent", Some(143), ""), exit("init", Some(0), ""), exit("web", None, OOM)],
            "web",
            "used more memory than its limit",
        ),
        (
            vec!["agent", "web"],
            vec![exit("agent", Some(143), ""), exit("web", Some(0), "")],
            "web",
            "ended by itself with 0",
        ),
        (
            vec!["agent", "web"],
            vec![exit("agent", Some(143), ""), exit("web", Some(137), OOM)],
            "web",
            "used more memory",
        ),
        (
            vec!["fluent-bit", "web"],
            vec![exit("fluent-bit", Some(1), ""), exit("web", Some(143), "")],
            "fluent-bit",
            "exited with 1",
        ),
        (vec!["web"], vec![exit("web", Some(143), "")], "web", "was asked to stop"),
        (
            vec!["agent?", "web"],
            vec![exit("agent", Some(1), ""), exit("web", Some(143), "")],
            "web",
            "was asked to stop",
        ),
        (vec!["agent?", "web"], vec![exit("agent", Some(137), OOM), exit("web", Some(3), "")], "web", "exits with 3"),
        (
            vec!["envoy", "web"],
            vec![exit("envoy", Some(0), ""), exit("web", Some(139), "")],
            "web",
            "segmentation fault",
        ),
        (
            vec!["envoy", "web"],
            vec![exit("envoy", Some(143), ""), exit("web", Some(137), "")],
            "web",
            "out of memory or too slow",
        ),
        (vec!["web"], vec![exit("web", None, "")], "web", "without an exit code"),
    ] {
        let found = blamed(&document(&names), "EssentialContainerExited", EXITED, &containers);
        assert_eq!(found.container.as_deref(), Some(who), "{containers:?}: {}", found.finding.sentence);
        assert!(found.finding.sentence.contains(says), "{containers:?}: {}", found.finding.sentence);
    }
}

#[test]
fn a_dependency_that_failed_comes_before_those_that_waited_for_it() {
    let waits = |condition: &str| {
        json!({ "containerDefinitions": [
            { "name": "web", "dependsOn": [{ "containerName": "migrate", "condition": condition }] },
            { "name": "migrate", "essential": false },
        ] })
    };
    let failed = [exit("web", None, ""), exit("migrate", Some(1), "")];
    for reason in [EXITED, "", "Task failed to start"] {
        let found = blamed(&waits("SUCCESS"), "EssentialContainerExited", reason, &failed);
        assert_eq!(found.container.as_deref(), Some("migrate"));
        assert!(found.finding.sentence.ends_with("container web waits for it"), "{}", found.finding.sentence);
    }
    let never_healthy =
        blamed(&waits("HEALTHY"), "TaskFailedToStart", "", &[exit("web", None, ""), exit("migrate", Some(0), "")]);
    assert_eq!(never_healthy.container.as_deref(), Some("migrate"));
    // Done what it was there for, or only had to be started.
    for (condition, code) in [("SUCCESS", 0), ("COMPLETE", 1), ("START", 1), ("HEALTHY", 143)] {
        let containers = [exit("web", Some(101), ""), exit("migrate", Some(code), "")];
        let found = blamed(&waits(condition), "EssentialContainerExited", EXITED, &containers);
        assert_eq!(found.container.as_deref(), Some("web"), "{condition} {code}");
    }
}

#[test]
fn a_container_that_never_started_is_blamed_whatever_the_others_ended_with() {
    let containers =
        [exit("agent", Some(143), ""), exit("web", None, "CannotStartContainerError: exec /app: exec format error")];
    let found = blamed(&document(&["agent", "web"]), "TaskFailedToStart", "Task failed to start", &containers);
    assert_eq!((found.container.as_deref(), found.finding.name), (Some("web"), "start-wrong-architecture"));
}

#[test]
fn health_is_blamed_on_the_container_whose_health_was_looked_at() {
    let document = json!({ "containerDefinitions": [
        { "name": "agent", "essential": false, "healthCheck": {}, "portMappings": [{ "containerPort": 9 }] },
        { "name": "envoy", "portMappings": [{ "containerPort": 80 }] },
        { "name": "web", "healthCheck": {} },
    ] });
    let told = ["agent", "envoy", "web"].map(|name| exit(name, Some(143), ""));
    let of = |reason| blamed(&document, "ServiceSchedulerInitiated", reason, &told).container;
    assert_eq!(of("Task failed container health checks").as_deref(), Some("web"));
    assert_eq!(of("Task failed ELB health checks in (target-group x)").as_deref(), Some("envoy"));
    let killed = [exit("envoy", Some(143), ""), exit("web", Some(137), OOM)];
    let found =
        blamed(&document, "ServiceSchedulerInitiated", "Task failed ELB health checks in (target-group x)", &killed);
    assert_eq!((found.container.as_deref(), found.finding.name), (Some("web"), "out-of-memory"));
}

#[test]
fn another_architecture_than_the_document_asks_for_explains_an_exit_with_255() {
    let document = |architecture: &str| json!({ "runtimePlatform": { "cpuArchitecture": architecture }, "containerDefinitions": [{ "name": "web" }] });
    let of = |architecture, code| {
        blamed(&document(architecture), "EssentialContainerExited", EXITED, &[exit("web", Some(code), "")]).finding
    };
    let found = of("ARM64", 255);
    assert!(
        found.sentence.contains("is built for linux/amd64, and the task definition asks for ARM64"),
        "{}",
        found.sentence
    );
    assert!(found.fix.contains("runtimePlatform.cpuArchitecture"), "{}", found.fix);
    assert!(!of("X86_64", 255).sentence.contains("X86_64"));
    assert!(!of("ARM64", 101).sentence.contains("ARM64"));
}

#[test]
fn a_stop_code_says_enough_where_the_reason_says_nothing() {
    for code in ["SpotInterruption", "TerminationNotice", "InfrastructureHealth"] {
        let found = blamed(&document(&["web"]), code, "", &[exit("web", None, "")]);
        assert!(found.finding.sentence.contains("took the capacity back"), "{code}: {}", found.finding.sentence);
    }
}
