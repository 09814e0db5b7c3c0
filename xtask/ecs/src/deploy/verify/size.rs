//! Whether the sizes of a task fit each other.

use serde_json::Value;

use super::super::fargate::SIZES;
use crate::gather::Gather;

/// What of a document's sizes ECS or the kernel will not take, each as a sentence.
pub(super) fn problems(document: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    let (cpu, memory) = (units(&document["cpu"], 1024), units(&document["memory"], 1024));
    let fargate = document["requiresCompatibilities"].as_array().into_iter().flatten().any(|it| it == "FARGATE");
    if fargate {
        problems.extend(of_fargate(cpu, memory));
    }
    let containers: Vec<&Value> = document["containerDefinitions"].as_array().into_iter().flatten().gather();
    let sum = |member: &str| {
        containers.iter().filter_map(|container| container[member].as_u64()).fold(0, u64::saturating_add)
    };
    for (member, what, all) in [("cpu", "CPU units", cpu), ("memoryReservation", "MiB of memory", memory)] {
        if let Some(all) = all.filter(|all| sum(member) > *all) {
            problems.push(format!("its containers reserve {} {what}, and the task has {all}", sum(member)));
        }
    }
    for container in containers {
        if let (Some(own), Some(all)) = (container["memory"].as_u64(), memory)
            && own > all
        {
            let name = container["name"].as_str().unwrap_or_default();
            problems.push(format!("container {name} may take {own} MiB of memory, and the task has {all}"));
        }
    }
    problems
}

fn of_fargate(cpu: Option<u64>, memory: Option<u64>) -> Option<String> {
    let (Some(cpu), Some(memory)) = (cpu, memory) else {
        return Some("on Fargate a task has `cpu` and `memory` of its own".to_owned());
    };
    let Some((_, memories)) = SIZES.iter().find(|(units, _)| *units == cpu) else {
        let known: Vec<String> = SIZES.iter().map(|(units, _)| units.to_string()).gather();
        return Some(format!("Fargate has no task with {cpu} CPU units, but with {}", known.join(", ")));
    };
    (!memories.takes(memory)).then(|| {
        format!("Fargate has no task with {cpu} CPU units and {memory} MiB of memory, but with {memories} MiB")
    })
}

/// A size as ECS takes it: a number, or a text with a unit (`1 vCPU`, `.5 vCPU`, `2 GB`), of which `whole` are one.
fn units(value: &Value, whole: u32) -> Option<u64> {
    if let Some(number) = value.as_u64() {
        return Some(number);
    }
    let text = value.as_str()?.trim().to_ascii_lowercase();
    let (number, is_whole) = match text.strip_suffix("vcpu").or_else(|| text.strip_suffix("gb")) {
        Some(number) => (number.trim(), true),
        None => (text.as_str(), false),
    };
    let number: f64 = number.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0)?;
    let number = if is_whole { number * f64::from(whole) } else { number };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is finite and not below zero")]
    Some(number.round() as u64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fargate(cpu: &str, memory: &str) -> Vec<String> {
        problems(&json!({ "requiresCompatibilities": ["FARGATE"], "cpu": cpu, "memory": memory }))
    }

    #[test]
    fn the_pairs_that_fargate_has_are_taken_in_each_spelling() {
        for (cpu, memory) in [
            ("256", "512"),
            ("256", "2048"),
            (".25 vCPU", "1 GB"),
            ("1 vCPU", "8GB"),
            ("4096", "30720"),
            ("8192", "20480"),
            ("16384", "122880"),
            ("32 vCPU", "244 GB"),
            ("32768", "61440"),
        ] {
            assert_eq!(fargate(cpu, memory), [""; 0], "{cpu} {memory}");
        }
        for (cpu, memory) in [
            ("256", "4096"),
            ("256", "1536"),
            ("300", "512"),
            ("1024", "1024"),
            ("8192", "17408"),
            ("32768", "65536"),
            ("512", "1e30 GB"),
            ("", "512"),
        ] {
            assert_eq!(fargate(cpu, memory).len(), 1, "{cpu} {memory}");
        }
        assert_eq!(problems(&json!({ "cpu": "300" })), [""; 0], "on instances any number is good");
    }

    #[test]
    fn containers_that_want_more_than_can_be_counted_are_told_too() {
        let much = json!({ "cpu": u64::MAX });
        let told = problems(&json!({ "cpu": "512", "containerDefinitions": [much, much] }));
        assert_eq!(told, [format!("its containers reserve {} CPU units, and the task has 512", u64::MAX)]);
    }

    #[test]
    fn containers_that_want_more_than_the_task_has_are_told() {
        let document = json!({ "cpu": "512", "memory": "1024", "containerDefinitions": [
            { "name": "app", "cpu": 400, "memory": 2048 }, { "name": "proxy", "cpu": 200, "memoryReservation": 128 } ] });
        assert_eq!(
            problems(&document),
            [
                "its containers reserve 600 CPU units, and the task has 512",
                "container app may take 2048 MiB of memory, and the task has 1024",
            ]
        );
    }
}
