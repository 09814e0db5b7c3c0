//! Why a rollout failed, from the tasks it left behind.

use serde_json::Value;

use super::task_definition;
use crate::aws::ecs::{Container, Task};
use crate::event::{Cause, ContainerExit, PostMortem};

/// What is known at the end of a rollout that did not go well.
#[derive(Clone, Debug, Default)]
pub struct Evidence<'a> {
    pub cluster: &'a str,
    pub service: &'a str,
    pub region: &'a str,
    /// The stopped tasks of this rollout.
    pub tasks: &'a [Task],
    /// The circuit breaker's count and threshold.
    pub breaker: Option<(u32, u32)>,
    /// What serves now, as `FAMILY:REVISION`.
    pub serving: String,
    /// ECS's words about the service since the rollout began, the newest first.
    pub messages: &'a [String],
    /// How many tasks of this rollout run at the end, of how many that are wanted.
    pub running: (u32, u32),
    /// The document that was rolled out.
    pub document: Option<&'a Value>,
    /// Containers of the document whose image is one of ours: container and image name.
    pub images: &'a [(String, String)],
}

/// The stopped tasks grouped by cause, a likely cause in one sentence and the command to run next.
pub fn post_mortem(evidence: &Evidence<'_>) -> PostMortem {
    let causes = causes(evidence.tasks);
    let finding = likely(evidence, &causes);
    PostMortem {
        breaker: evidence.breaker,
        serving: evidence.serving.clone(),
        likely_cause: finding.sentence,
        next: next(evidence, finding.look),
        causes,
    }
}

/// Tasks that stopped for the same reason, the largest group first; those that a failure only brought along, last.
fn causes(tasks: &[Task]) -> Vec<Cause> {
    let mut groups: Vec<Cause> = Vec::new();
    for task in tasks {
        let mut containers: Vec<ContainerExit> = task.containers.iter().map(exit).collect();
        containers.sort();
        let reason = without_names(&task.stopped_reason);
        let same = |group: &&mut Cause| {
            group.stop_code == task.stop_code && group.reason == reason && group.containers == containers
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.tasks += 1,
            None => groups.push(Cause { tasks: 1, stop_code: task.stop_code.clone(), reason, containers }),
        }
    }
    groups.sort_by_key(|group| (is_consequence(group), std::cmp::Reverse(group.tasks)));
    groups
}

/// ECS stopped these because the rollout had failed or was scaled in; they are no reason for it.
fn is_consequence(cause: &Cause) -> bool {
    cause.reason.starts_with("Scaling activity initiated by")
}

/// How a container of a stopped task ended, its reason without the names of this one task.
pub fn exit(container: &Container) -> ContainerExit {
    ContainerExit {
        container: container.name.clone(),
        exit_code: container.exit_code,
        reason: without_names(&container.reason),
    }
}

/// The text with everything that differs from task to task replaced by `…`: task ids, request ids, addresses,
/// instances and interfaces, and ARNs of tasks.
pub fn without_names(text: &str) -> String {
    let separates = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | '[' | ']' | ',' | ';' | '"' | '\'' | '`');
    let mut out = String::new();
    for piece in text.split_inclusive(separates) {
        let word = piece.trim_end_matches(separates);
        let bare = word.trim_end_matches(['.', ':']);
        let rest = &piece[bare.len()..];
        if is_volatile(bare) {
            out.push('…');
        } else {
            out.push_str(bare);
        }
        out.push_str(rest);
    }
    out
}

fn is_volatile(word: &str) -> bool {
    let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let task = |text: &str| text.len() == 32 && hex(text);
    let uuid =
        |text: &str| text.len() == 36 && text.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && text.split('-').all(hex);
    let named = |text: &str| {
        ["i-", "eni-", "subnet-"]
            .iter()
            .any(|prefix| text.strip_prefix(prefix).is_some_and(|id| id.len() >= 8 && hex(id)))
    };
    let address = |text: &str| {
        let host = text.split(':').next().unwrap_or_default();
        !text.contains('/') && host.split('.').count() == 4 && host.split('.').all(|part| part.parse::<u8>().is_ok())
    };
    let of_task = |text: &str| text.starts_with("arn:") && text.contains(":task/");
    task(word)
        || uuid(word)
        || named(word)
        || address(word)
        || of_task(word)
        || word.rsplit('/').next().is_some_and(task)
}

/// A likely cause, and where to look next.
struct Finding {
    sentence: String,
    look: Look,
}

enum Look {
    /// The log of this container.
    Log(String),
    /// The image may have to be released again.
    Release(String),
    /// The stopped tasks themselves.
    Tasks,
    /// The service's events.
    Service,
}

fn likely(evidence: &Evidence<'_>, causes: &[Cause]) -> Finding {
    let Some(cause) = causes.iter().find(|cause| !is_consequence(cause)) else { return without_tasks(evidence) };
    let failed = cause.containers.iter().find(|container| container.exit_code.is_some_and(|code| code != 0));
    let failed = failed.or_else(|| cause.containers.iter().find(|container| !container.reason.is_empty()));
    let failed = failed.or(cause.containers.first());
    let container = failed.map(|container| container.container.clone()).unwrap_or_default();
    let texts: Vec<&str> = std::iter::once(cause.reason.as_str())
        .chain(cause.containers.iter().map(|exit| exit.reason.as_str()))
        .collect();
    let text = texts.join(" ");
    let says = |words: &str| text.to_lowercase().contains(&words.to_lowercase());
    let finding = |sentence: String, look: Look| Finding { sentence, look };

    if says("CannotPullContainer") {
        return pull_failure(evidence, &container, &says);
    }
    if says("ResourceInitializationError") {
        return finding(initialisation_failure(&says), Look::Tasks);
    }
    if says("OutOfMemory") {
        let sentence = format!("container {container} used more memory than its limit and was killed: raise `memory`");
        return finding(sentence, Look::Log(container));
    }
    if says("CannotStartContainer") || says("CannotCreateContainer") {
        let sentence = if says("exec format error") {
            format!("the image of container {container} is built for another CPU architecture than the task runs on")
        } else if says("permission denied") {
            format!("container {container}'s command may not be executed: check its file mode and `user`")
        } else {
            format!("container {container} could not be started: its command is probably not in the image")
        };
        return finding(sentence, Look::Tasks);
    }
    if says("ELB health checks") {
        let sentence = "the tasks ran, but the load balancer's health check failed: check its path and port, the \
                        security group, and whether the grace period is long enough for the start";
        return finding(sentence.to_owned(), Look::Log(container));
    }
    if says("health check") {
        let sentence = "the tasks ran, but a container's health check failed: check that its command is in the image \
                        and passes within `startPeriod`";
        return finding(sentence.to_owned(), Look::Log(container));
    }
    match cause.stop_code.as_str() {
        "SpotInterruption" | "TerminationNotice" | "InfrastructureHealth" => {
            finding("AWS took the capacity back; the image is not at fault".to_owned(), Look::Service)
        }
        "EssentialContainerExited" => {
            let sentence = match failed.and_then(|container| container.exit_code) {
                Some(code) => exit_code_meaning(&container, code),
                None => format!("the essential container {container} ended without an exit code"),
            };
            finding(sentence, Look::Log(container))
        }
        _ if text.trim().is_empty() => finding("ECS gives no reason for the stopped tasks".to_owned(), Look::Tasks),
        _ => finding(format!("ECS says: {}", texts[0]), Look::Tasks),
    }
}

fn pull_failure(evidence: &Evidence<'_>, container: &str, says: &dyn Fn(&str) -> bool) -> Finding {
    let ours = evidence.images.iter().find(|(name, _)| name == container).or(evidence.images.first());
    if says("not found") || says("does not exist") || says("manifest unknown") {
        return match ours {
            Some((container, image)) => Finding {
                sentence: format!(
                    "the image of container {container} was in ECR when it was registered and is gone now: something \
                     deleted it, such as a lifecycle policy"
                ),
                look: Look::Release(image.clone()),
            },
            None => Finding { sentence: "an image is not in its registry".to_owned(), look: Look::Tasks },
        };
    }
    let sentence = if says("AccessDenied") || says("not authorized") || says("denied") || says("401") || says("403") {
        "the task's execution role may not pull the image: it needs ecr:GetAuthorizationToken, ecr:BatchGetImage and \
         ecr:GetDownloadUrlForLayer"
    } else if says("timeout") || says("timed out") || says("no such host") || says("connection refused") {
        "the task has no way to the registry: check the subnet's route to a NAT gateway or the VPC endpoints of ECR \
         and S3, and `assignPublicIp`"
    } else if says("platform") || says("no match for") {
        "the image is built for another platform than the task runs on"
    } else {
        "an image could not be pulled"
    };
    Finding { sentence: sentence.to_owned(), look: Look::Tasks }
}

fn initialisation_failure(says: &dyn Fn(&str) -> bool) -> String {
    let sentence = if says("secret") || says("ssm") || says("parameter") {
        "a secret could not be read before the start: check its name, that the task's execution role may read it, and \
         the way to Secrets Manager or SSM"
    } else if says("log") {
        "the log group could not be used: create it, or let the execution role create it"
    } else if says("efs") || says("mount") || says("volume") {
        "a volume could not be mounted: check the file system, its security group and the mount target"
    } else {
        "something that the task needs before its start could not be set up"
    };
    sentence.to_owned()
}

/// Source: what shells, kernels and Rust's runtime end with.
fn exit_code_meaning(container: &str, code: i32) -> String {
    match code {
        0 => format!("container {container} ended by itself with 0, but a service's container has to keep running"),
        101 => format!("container {container} exited with 101: a Rust program panicked"),
        126 => format!("container {container} exited with 126: its command may not be executed"),
        127 => format!("container {container} exited with 127: its command was not found in the image"),
        134 => format!("container {container} exited with 134: it aborted"),
        137 => format!("container {container} exited with 137: it was killed, out of memory or too slow to stop"),
        139 => format!("container {container} exited with 139: it crashed with a segmentation fault"),
        143 => format!("container {container} exited with 143: it was asked to stop (SIGTERM)"),
        code => format!("container {container} exits with {code}; its log says why"),
    }
}

fn without_tasks(evidence: &Evidence<'_>) -> Finding {
    let placing = evidence.messages.iter().find(|message| {
        ["unable to place", "unable to consistently start", "was unable to"].iter().any(|words| message.contains(words))
    });
    let (running, desired) = evidence.running;
    let sentence = match placing {
        Some(message) => format!("ECS says: {}", without_names(message)),
        None if running >= desired => "all tasks run, but ECS does not find them healthy, or the old ones do not end: \
                                       check the health checks and the deregistration delay"
            .to_owned(),
        None => "no task of this rollout has stopped, and not all have started: they wait for capacity, an address or \
                 the pull of an image"
            .to_owned(),
    };
    Finding { sentence, look: Look::Service }
}

fn next(evidence: &Evidence<'_>, look: Look) -> String {
    let Evidence { cluster, service, region, .. } = evidence;
    match look {
        Look::Log(container) => {
            if let Some((group, prefix)) =
                evidence.document.and_then(|document| task_definition::log_group(document, &container))
            {
                let streams = prefix.map(|prefix| format!(" --log-stream-name-prefix {prefix}/{container}/"));
                return format!("aws logs tail {group}{} --since 30m --region {region}", streams.unwrap_or_default());
            }
            next(evidence, Look::Tasks)
        }
        Look::Release(image) => format!("cargo xtask release {image} && cargo xtask deploy"),
        Look::Tasks => match evidence.tasks.last() {
            Some(task) => {
                format!("aws ecs describe-tasks --cluster {cluster} --tasks {} --region {region}", task.id())
            }
            None => next(evidence, Look::Service),
        },
        Look::Service => format!(
            "aws ecs describe-services --cluster {cluster} --services {service} --region {region} \
             --query 'services[0].events[:10]'"
        ),
    }
}

#[cfg(test)]
mod tests;
